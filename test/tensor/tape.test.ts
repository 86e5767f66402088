import { describe, expect, it } from 'vitest';
import { normal } from '../../src/nn/init.js';
import { Linear } from '../../src/nn/layers.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { attention } from '../../src/tensor/attention.js';
import { conv3d } from '../../src/tensor/conv3d.js';
import { add, sumLosses } from '../../src/tensor/elementwise.js';
import { Tokens } from '../../src/tensor/embedding.js';
import { layerNorm } from '../../src/tensor/layernorm.js';
import { contrastiveLoss, crossEntropy, meanSquaredError } from '../../src/tensor/losses.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { useEngine } from '../helpers/engine.js';

const TRACKED = { requiresGrad: true } as const;

describe('differentiate', () => {
  const engine = useEngine();
  const leaf = () => Tensor.from(engine(), [1, 2, 3], [3], TRACKED);
  const zeros = () => Tensor.zeros(engine(), [3]);
  /** The gradient of mean (x - 0)^2 over three elements. */
  const GRADIENT = [2 / 3, 4 / 3, 2].map(Math.fround);

  it('adds to the existing gradient of a leaf, both eagerly and in a replayed step', async () => {
    const x = leaf();
    const truth = zeros();
    const loss = () => differentiate(engine(), () => meanSquaredError(x, truth));
    loss().dispose();
    loss().dispose();
    expect([...(await x.gradient!.floats())]).toEqual(GRADIENT.map((g) => 2 * g));

    const y = leaf();
    const step = engine().record(() => differentiate(engine(), () => meanSquaredError(y, truth)));
    step.run();
    step.run();
    expect([...(await y.gradient!.floats())]).toEqual(GRADIENT.map((g) => 2 * g));
    step.dispose();
    const others = Array.from({ length: 8 }, zeros);
    differentiate(engine(), () => meanSquaredError(y, truth)).dispose();
    for (const other of others) expect([...(await other.floats())]).toEqual([0, 0, 0]);
    for (const tensor of [x, y, truth, ...others]) tensor.dispose();
  });

  it('keeps what the gradients need, despite scopes and disposals inside', async () => {
    const x = leaf();
    differentiate(engine(), () =>
      engine().scope(() => {
        const doubled = engine().scope(() => add(x, x));
        const copied = add(doubled, zeros());
        doubled.dispose();
        return meanSquaredError(copied, zeros());
      }),
    ).dispose();
    expect([...(await x.gradient!.floats())]).toEqual(GRADIENT.map((g) => 4 * g));
    x.dispose();
  });

  it('releases everything except its result and the gradients of leaves', () => {
    const x = leaf();
    const truth = zeros();
    differentiate(engine(), () => meanSquaredError(x, truth)).dispose();
    const { liveBuffers } = engine().memory();
    for (let n = 0; n < 3; n++) {
      differentiate(engine(), () => meanSquaredError(add(x, x), truth)).dispose();
    }
    expect(engine().memory().liveBuffers).toBe(liveBuffers);
    x.dispose();
    truth.dispose();
    expect(engine().memory().liveBuffers).toBe(liveBuffers - 3);
  });

  it('rejects a result that is not a loss, a truth that requires a gradient, an async function, and nesting', () => {
    const x = leaf();
    const one = () => meanSquaredError(x, zeros());
    expect(() => differentiate(engine(), () => add(one(), one()))).toThrow(
      'the loss should be computed by crossEntropy, meanSquaredError, contrastiveLoss or sumLosses, or be marked by markLoss.',
    );
    expect(() => differentiate(engine(), () => meanSquaredError(zeros(), x))).toThrow(
      'meanSquaredError: truth should be a constant',
    );
    expect(() => differentiate(engine(), (async () => one()) as never)).toThrow('cannot be async');
    expect(() => differentiate(engine(), () => differentiate(engine(), one))).toThrow(
      'differentiate cannot be nested: the engine has no second derivatives.',
    );
    expect(() => differentiate(engine(), () => sumLosses([one(), one()]))).not.toThrow();
  });

  it('gives a frozen layer-norm scale no gradient while its shift is trainable', async () => {
    const gamma = Tensor.from(engine(), [1, 1, 1], [3]);
    const beta = Tensor.from(engine(), [0, 0, 0], [3], TRACKED);
    const x = Tensor.from(engine(), [1, 2, 4], [1, 3]);
    const truth = Tensor.zeros(engine(), [1, 3]);
    differentiate(engine(), () => meanSquaredError(layerNorm(x, gamma, beta), truth));
    expect(gamma.gradient).toBeUndefined();
    expect(gamma.hasGradient).toBe(false);
    expect((await beta.gradient!.floats()).some((g) => g !== 0)).toBe(true);
  });
});

describe('the memory of operations', () => {
  const engine = useEngine();
  const zeros = (...shape: number[]) => Tensor.zeros(engine(), shape);

  it('without a tape is that of the result alone', () => {
    const results = [
      () => attention(zeros(1, 2, 8), zeros(1, 3, 8), zeros(1, 3, 8), { heads: 2 }),
      () => conv3d(zeros(1, 1, 2, 4, 4), zeros(3, 1, 2, 2, 2), undefined, [1, 2, 2]).out,
      () => crossEntropy(zeros(2, 4), Tensor.zeros(engine(), [2], 'u32')),
      () => contrastiveLoss(zeros(2, 4), zeros(2, 4), { temperature: 1 }),
    ];
    for (const [index, run] of results.entries()) {
      const before = engine().memory().liveBuffers;
      engine().scope(run);
      const after = engine().memory().liveBuffers;
      expect(after - before, `result ${index}`).toBe(1);
    }
  });

  it('cannot be used after it was disposed', async () => {
    const [x, y] = [zeros(3), zeros(3)];
    x.dispose();
    expect(() => add(x, y)).toThrow('elementwise.combine: x: this memory was disposed');
    expect(() => add(y, x.reshape([3]))).toThrow('this memory was disposed');
    expect(() => x.write(new Float32Array(3))).toThrow('this memory was disposed');
    await expect(x.floats()).rejects.toThrow('this memory was disposed');
  });

  it('of stores, optimizers and tokens outlives the scope that they are created in', async () => {
    const created = engine().scope(() => {
      const store = new ParameterStore();
      store.parameter('w', [100], { init: normal(1) });
      store.allocate(engine(), 1);
      const objects = {
        store,
        optimizer: new AdamW(store),
        tokens: new Tokens(engine(), [100], 7, new Uint32Array(100).fill(5)),
      };
      return () => objects;
    })();
    const before = await created.store.memory.values.floats();
    const others = Array.from({ length: 20 }, () =>
      Tensor.from(engine(), new Float32Array(100).fill(9), [100]),
    );
    expect(await created.store.memory.values.floats()).toEqual(before);
    expect([...new Set(await created.tokens.ids.words())]).toEqual([5]);
    for (const object of [...others, ...Object.values(created)]) object.dispose();
  });

  it('can be the caller’s buffer, which is checked and never destroyed', async () => {
    const { device } = engine();
    const buffer = device.createBuffer({ size: 1024, usage: 0x80 | 0x04 | 0x08 });
    device.queue.writeBuffer(buffer, 256, new Float32Array([1, 2, 3, 4]));
    const x = Tensor.fromBuffer(engine(), buffer, [2, 2], { offset: 256 });
    const y = add(x, x);
    expect([...(await y.floats())]).toEqual([2, 4, 6, 8]);
    x.dispose();
    expect([...(await x.floats())]).toEqual([1, 2, 3, 4]);
    const from = (shape: number[], offset: number) => () =>
      Tensor.fromBuffer(engine(), buffer, shape, { offset });
    expect(from([2], 4)).toThrow('fromBuffer: offset should be a multiple of 256, but is 4.');
    expect(from([200], 256)).toThrow(
      'fromBuffer: buffer should be at least 1056 bytes, but is 1024.',
    );
    const mappable = device.createBuffer({ size: 256, usage: 0x09 });
    expect(() => Tensor.fromBuffer(engine(), mappable, [1])).toThrow(
      'fromBuffer: usage should be STORAGE',
    );
    buffer.destroy();
    mappable.destroy();
  });

  it('accepts only data of its own type', () => {
    const ids = Tensor.zeros(engine(), [2], 'u32');
    expect(() => ids.write(new Float32Array(2))).toThrow(
      'write: data should be of type u32, but is f32.',
    );
    expect(() => layerNorm(ids, zeros(2), zeros(2))).toThrow(
      /should be of type f32, but is u32|should be/,
    );
  });
});

describe('a recorded step', () => {
  const engine = useEngine();

  it('respects parameters frozen and unfrozen after it was recorded', async () => {
    const store = new ParameterStore();
    const line = new Linear(store, 2, 1);
    store.allocate(engine(), 1);
    const optimizer = new AdamW(store);
    const x = Tensor.from(engine(), [1, 2, 3, 4], [2, 2]);
    const y = Tensor.from(engine(), [1, -1], [2, 1]);
    const step = engine().record(() => {
      store.zeroGradients();
      differentiate(engine(), () => meanSquaredError(line.call(x), y));
      optimizer.apply();
    });
    const run = async () => {
      optimizer.prepare(0.1);
      step.run();
      const values = await store.values();
      return ['weight', 'bias'].map((name) => [...values.get(name)!.data]);
    };
    const [first, firstBias] = await run();
    store.freeze((name) => name === 'weight');
    const [frozen, movedBias] = await run();
    expect(frozen).toEqual(first);
    expect(movedBias).not.toEqual(firstBias);
    store.freeze(() => false);
    const [thawed] = await run();
    expect(thawed).not.toEqual(frozen);
    step.dispose();
    optimizer.dispose();
    store.dispose();
  });

  it('keeps the tensors that it reads, even if they are disposed later', async () => {
    const x = Tensor.from(engine(), new Float32Array(50).fill(3), [50]);
    const step = engine().record(() => add(x, x));
    x.dispose();
    const others = Array.from({ length: 6 }, () =>
      Tensor.from(engine(), new Float32Array(50).fill(7), [50]),
    );
    const fetched = step.runAndFetch([step.value]);
    const [bytes] = await fetched.read();
    expect([...new Set(new Float32Array(bytes!))]).toEqual([6]);
    expect(await fetched.read(), 'read twice').toEqual([bytes]);
    expect(await step.runAndFetch([]).read()).toEqual([]);
    step.dispose();
    for (const other of others) other.dispose();
  });
});
