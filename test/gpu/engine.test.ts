import { beforeAll, describe, expect, it } from 'vitest';
import { defineKernel, type Engine, Tensor } from '../../src/engine.js';
import { createEngine, selectAdapter } from '../../src/node.js';
import { addInto } from '../../src/tensor/primitives.js';
import { borrowDefaultDevice, STAGED, useEngine } from '../helpers/engine.js';
import { FILL, fill } from '../helpers/fill.js';
import { TinyModel } from '../helpers/tiny-model.js';
import { watchBuffers } from '../helpers/watch-buffers.js';

describe.each([
  ['the default tuning of the adapter', {}],
  ['a GPU-shaped tuning', STAGED],
] as const)('training with %s', (_, tuning) => {
  const STEPS = 6;
  const engine = useEngine({ tuning });
  const ringEngine = useEngine({ tuning, immediates: false });
  let eager: { losses: number[]; bytes: Uint8Array };

  async function train(trainer: Engine, recorded: boolean, seed = 1): Promise<typeof eager> {
    const model = new TinyModel(trainer, seed);
    const trained = await model.train(STEPS, recorded);
    model.dispose();
    return trained;
  }

  beforeAll(async () => {
    eager = await train(engine(), false);
  });

  it('has another loss at every step, and a lower one at the end', () => {
    const { losses } = eager;
    expect(new Set(losses).size).toBe(STEPS);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  it('gives the same bytes for the same seed, and other bytes for another seed', async () => {
    expect(await train(engine(), false)).toEqual(eager);
    expect((await train(engine(), false, 2)).bytes).not.toEqual(eager.bytes);
  });

  it('gives the same bytes from the replay of one recorded step', async () => {
    expect(await train(engine(), true)).toEqual(eager);
  });

  it('gives the same bytes with parameters passed through a uniform ring, eager and replayed', async () => {
    const { gpu } = await selectAdapter();
    const hasImmediates = gpu.wgslLanguageFeatures.has('immediate_address_space');
    expect(engine().facts.immediates).toBe(hasImmediates);
    expect(ringEngine().facts.immediates).toBe(false);
    expect(await train(ringEngine(), false)).toEqual(eager);
    expect(await train(ringEngine(), true)).toEqual(eager);
  });
});

describe('host writes between replays', () => {
  it('select the dropout mask: another one for each step, the same one for the same step', async () => {
    const engine = await createEngine();
    const model = new TinyModel(engine);
    const step = engine.record(() => model.step());
    const initial = await model.store.memory.values.floats();
    const losses: number[] = [];
    for (const n of [1, 2, 3, 1]) {
      // The same weights every time, so that the losses differ only by the mask.
      model.store.memory.values.write(initial);
      model.prepare(n);
      step.run();
      losses.push((await step.value.floats())[0]!);
    }
    expect(new Set(losses).size).toBe(3);
    expect(losses[3]).toBe(losses[0]);
    engine.dispose();
  });
});

describe('the order of commands', () => {
  const engine = useEngine();

  it('is the order of the calls, for kernels, copies, clears and host writes', async () => {
    const x = Tensor.zeros(engine(), [300]);
    const y = Tensor.zeros(engine(), [300]);
    fill(x, 2);
    addInto(engine(), x, y);
    x.write(new Float32Array(300).fill(10));
    addInto(engine(), x, y);
    engine().copy(y, x);
    engine().clear(y);
    addInto(engine(), x, y);
    addInto(engine(), x, y);
    expect(await y.floats()).toEqual(new Float32Array(300).fill(24));
    x.dispose();
    y.dispose();
  });

  it('is kept across flushes, with immediates and with the uniform ring', async () => {
    for (const immediates of [true, false]) {
      const separate = await createEngine({ immediates });
      const one = Tensor.from(separate, [1], [1]);
      const sum = Tensor.zeros(separate, [1]);
      for (let n = 0; n < 2100; n++) addInto(separate, one, sum);
      expect((await sum.floats())[0]).toBe(2100);
      expect(separate.counts().submits).toBeLessThan(5);
      separate.dispose();
    }
  });

  it('skips a kernel without workgroups, and rejects a missing buffer and data that do not fit', async () => {
    const x = Tensor.from(engine(), [1, 2], [2]);
    const { dispatches } = engine().counts();
    const { read } = engine().placeholders;
    const params = {
      n: 2,
      kind: 0,
      accumulate: 0,
      alpha: 1,
      beta: 0,
      keepThreshold: 0,
      keepScale: 1,
      site: 0,
    };
    engine().dispatch(FILL, { out: x }, { n: 2, value: 9 }, 0);
    expect([...(await x.floats())]).toEqual([1, 2]);
    expect(engine().counts().dispatches).toBe(dispatches);
    expect(() =>
      engine().dispatch('elementwise.activate', { x: read } as never, params, 1),
    ).toThrow('elementwise.activate: buffer out is missing.');
    expect(() => engine().upload(x, new Float32Array(3))).toThrow(
      'upload: 12 bytes do not fit into 8.',
    );
    x.dispose();
  });

  it('folds a grid of more than 65,535 workgroups into two dimensions', async () => {
    const separate = await createEngine({ tuning: { items: 1 } });
    const length = 64 * 65535 + 64 * 3 + 5;
    const ramp = Float32Array.from({ length }, (_, n) => n);
    const x = Tensor.from(separate, ramp, [length]);
    const y = Tensor.zeros(separate, [length]);
    addInto(separate, x, y);
    addInto(separate, x, y);
    const sums = await y.floats();
    expect(sums.findIndex((sum, n) => sum !== 2 * n)).toBe(-1);
    expect(separate.memory().bytes).toBeLessThan(200e6);
    separate.dispose();
  });
});

describe('a recorded step', () => {
  const engine = useEngine();

  it('cannot run while another one is recorded, which would not contain it', () => {
    const x = Tensor.zeros(engine(), [4]);
    const inner = engine().record(() => addInto(engine(), x, x));
    expect(() => engine().record(() => inner.run())).toThrow(
      'A step cannot run while another one is recorded',
    );
    expect(() => engine().record(() => inner.runAndFetch([]))).toThrow('another one is recorded');
    inner.run();
    inner.dispose();
    x.dispose();
  });
});

describe('a kernel of a user', () => {
  it('needs the line of its parameters word for word, which depends on the device otherwise', () => {
    const kernel = (line: string) => ({
      name: 'scale',
      source: `struct Params { n: u32 }\n${line}\n@compute @workgroup_size(1) fn main() {}`,
      buffers: {},
      params: { n: 'u32' },
    });
    const line = '@group(1) @binding(0) var<uniform> params: Params;';
    expect(defineKernel(kernel(line) as never).name).toBe('scale');
    for (const other of [
      line.replace(' @b', '  @b'),
      line.replace('@group(1) @binding(0)', '@binding(0) @group(1)'),
    ])
      expect(() => defineKernel(kernel(other) as never)).toThrow(
        `scale has parameters, so its source needs the line: ${line}`,
      );
  });
});

describe('a profile', () => {
  const engine = useEngine();

  it('counts every dispatch, even more than one query set holds', async () => {
    const x = Tensor.zeros(engine(), [4]);
    const rows = await engine().profile(() => {
      const step = engine().record(() => {
        for (let n = 0; n < 2100; n++) fill(x, n);
      });
      step.run();
      step.dispose();
    });
    expect(rows.map(({ kernel, calls }) => [kernel, calls])).toEqual([[FILL.name, 2100]]);
    x.dispose();
  });

  it('has a row per kernel, slowest first, with calls, time and rates', async () => {
    const model = new TinyModel(engine());
    model.prepare(1);
    const rows = await engine().profile(() => {
      model.step().dispose();
      model.step().dispose();
    });
    const { staged } = engine().tuning;
    const calls = Object.fromEntries(rows.map((row) => [row.kernel, row.calls]));
    expect(calls).toMatchObject({
      [`attention_${staged ? 'forward' : 'direct'}.forward`]: 2,
      [`layernorm.forward${staged ? '' : '_wide'}`]: 6,
      'cross_entropy.rows': 2,
      'adamw.update': 2,
    });
    const times = rows.map((row) => row.milliseconds);
    expect(times).toEqual([...times].sort((p, q) => q - p));
    expect(times[0]).toBeGreaterThan(0);
    const product = rows.find((row) => row.kernel.startsWith('matmul_'))!;
    expect(product.gflops).toBeGreaterThan(0);
    expect(product.gbytes).toBeGreaterThan(0);
    expect(rows.find((row) => row.kernel === 'adamw.update')?.gflops).toBe(0);
    model.dispose();
  });

  it('waits for the work inside it, and counts nothing from before or after', async () => {
    const x = Tensor.zeros(engine(), [10]);
    fill(x, 1);
    const rows = await engine().profile(async () => {
      fill(x, 2);
      await x.floats();
      fill(x, 3);
    });
    fill(x, 4);
    expect(rows.map(({ kernel, calls }) => [kernel, calls])).toEqual([[FILL.name, 2]]);
    x.dispose();
  });
});

describe('the debug log', () => {
  const shared = useEngine();

  /** The lines logged at a debug level while two kernels and a copy run. */
  async function logAt(debug: number): Promise<string[]> {
    const lines: string[] = [];
    const engine = await createEngine({ debug, log: (line) => lines.push(line) });
    const [x, y] = [Tensor.zeros(engine, [10]), Tensor.zeros(engine, [10])];
    fill(x, 1);
    addInto(engine, x, y);
    engine.copy(x, y);
    await engine.finish();
    engine.dispose();
    return lines;
  }
  const adapter = expect.stringMatching(/^.+: (no GPU was found|.+ was asked for|a GPU was found)/);
  const table = expect.stringMatching(
    /^kernel +calls +ms +share +GFLOP\/s +GB\/s\n(elementwise|test)\./,
  );

  /** The line that the CPU device adds to a profile: how long its threads waited for each other. */
  function waitingLine(): unknown[] {
    if (shared().facts.vendor !== 'cpu') return [];
    return [expect.stringMatching(/^\d+ threads? computed for \d+ ms and spent .+% of it waiting/)];
  }

  it('is empty by default', async () => {
    expect(await logAt(0)).toEqual([]);
  });

  it('names at level 1 the adapter and why it was chosen', async () => {
    expect(await logAt(1)).toEqual([adapter]);
  });

  it('adds at level 2 the time per kernel', async () => {
    expect(await logAt(2)).toEqual([adapter, table, ...waitingLine()]);
  });

  it('adds at level 3 each command', async () => {
    const lines = await logAt(3);
    expect(lines).toEqual([
      adapter,
      'clear 40 bytes',
      'clear 40 bytes',
      expect.stringMatching(/^test\.fill \[1 x 1\] n=10 value=1$/),
      expect.stringMatching(/^elementwise\.combine \[1 x 1\] n=10 kind=0 accumulate=1 alpha=1 /),
      'copy 40 bytes',
      table,
      ...waitingLine(),
    ]);
  });

  it('adds at level 4 the specialized source of each kernel', async () => {
    const sources = (await logAt(4)).filter((line) => line.startsWith('// elementwise'));
    expect(sources).toHaveLength(1);
    expect(sources[0]).toMatch(/^\/\/ elementwise WG=64 ITEMS=(\d+)\n.*\nconst ITEMS = \1u;\n/s);
  });
});

describe('a disposed engine', () => {
  const DISPOSED = 'This engine was disposed.';

  it('rejects all further work, and can be disposed again', async () => {
    const engine = await createEngine();
    const x = Tensor.zeros(engine, [4]);
    const step = engine.record(() => fill(x, 1));
    await engine.finish();
    engine.dispose();
    engine.dispose();
    expect(() => Tensor.zeros(engine, [4])).toThrow(DISPOSED);
    expect(() => fill(x, 1)).toThrow(DISPOSED);
    expect(() => x.write(new Float32Array(4))).toThrow(DISPOSED);
    expect(() => step.run()).toThrow(DISPOSED);
    expect(() => engine.record(() => 1)).toThrow(DISPOSED);
    await expect(x.floats()).rejects.toThrow(DISPOSED);
    await expect(engine.finish()).rejects.toThrow(DISPOSED);
  });

  it('has released everything, including what was never disposed', async () => {
    const engine = await createEngine();
    const model = new TinyModel(engine);
    const step = engine.record(() => model.step());
    engine.dispose();
    const { buffers, bytes, liveBuffers, liveBytes } = engine.memory();
    expect({ buffers, bytes, liveBuffers, liveBytes }).toEqual({
      buffers: 0,
      bytes: 0,
      liveBuffers: 0,
      liveBytes: 0,
    });
    step.dispose();
    model.dispose();
    expect(engine.memory().liveBuffers).toBe(0);
  });

  it('leaves no buffer on a device that it has borrowed', async () => {
    const device = await borrowDefaultDevice();
    const buffers = watchBuffers(device);
    for (const immediates of [true, false]) {
      const engine = await createEngine({ device, immediates });
      const x = Tensor.zeros(engine, [1000]);
      const step = engine.record(() => fill(x, 1));
      step.run();
      step.runAndFetch([x]);
      await step.runAndFetch([x]).read();
      engine.dispose();
      expect(buffers.alive.size).toBe(0);
    }
    buffers.stop();
    device.destroy();
  });

  it('rejects a read that was pending', async () => {
    const engine = await createEngine();
    const reading = Tensor.zeros(engine, [4]).floats();
    engine.dispose();
    await expect(reading).rejects.toThrow(DISPOSED);
  });
});
