import { describe, expect, it } from 'vitest';
import { normal, ones, zeros } from '../../src/nn/init.js';
import { Linear } from '../../src/nn/layers.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { encodeSafetensors, type HostTensor } from '../../src/nn/safetensors.js';
import { crossEntropy } from '../../src/tensor/losses.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { useEngine } from '../helpers/engine.js';

function makeStore(): ParameterStore {
  const store = new ParameterStore();
  store.parameter('a.weight', [3, 5], { init: normal(0.02), decay: true });
  store.scope('b').parameter('weight', [70], { init: normal(1) });
  store.scope('b').scope('c').parameter('bias', [4], { init: ones });
  return store;
}

describe('a parameter store', () => {
  const engine = useEngine();

  it('starts every parameter at a multiple of 256 bytes and joins names with dots', () => {
    const store = makeStore();
    expect([...store].map((p) => p.name)).toEqual(['a.weight', 'b.weight', 'b.c.bias']);
    expect([...store].map((p) => (4 * p.start) % 256)).toEqual([0, 0, 0]);
    expect(store.elementCount).toBe(15 + 70 + 4);
  });

  it('draws values that depend on the seed alone, and leaves the padding zero', async () => {
    const flat = async (seed: number) => {
      const store = makeStore();
      store.allocate(engine(), seed);
      const values = await store.memory.values.floats();
      store.dispose();
      return values;
    };
    const first = await flat(5);
    expect(await flat(5)).toEqual(first);
    expect(await flat(6)).not.toEqual(first);
    expect([...first.subarray(15, 64)].every((v) => v === 0)).toBe(true);
  });

  it('draws normal values with the specified standard deviation', async () => {
    const store = new ParameterStore();
    store.parameter('w', [20_000], { init: normal(0.5) });
    store.allocate(engine(), 3);
    const data = (await store.values()).get('w')!.data as Float32Array;
    const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
    const spread = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
    expect(Math.abs(mean)).toBeLessThan(4 * (0.5 / Math.sqrt(20_000)));
    expect(Math.abs(spread / 0.5 - 1)).toBeLessThan(4 / Math.sqrt(2 * 20_000));
    store.dispose();
  });

  it('rejects duplicate names, declarations after allocation, and use before allocation', () => {
    const store = makeStore();
    expect(() => store.parameter('a.weight', [1], { init: zeros })).toThrow(
      'a.weight was declared twice',
    );
    expect(() => store.get('a.weight').tensor).toThrow('a.weight has no memory yet');
    expect(() => store.get('a.bias')).toThrow('There is no parameter a.bias.');
    store.allocate(engine(), 1);
    expect(() => store.parameter('late', [1], { init: zeros })).toThrow(
      'declared after its store was allocated',
    );
    store.dispose();
  });

  it('loads the file that it saved', async () => {
    const store = makeStore();
    store.allocate(engine(), 1);
    const file = await store.save({ step: '7' });
    const other = makeStore();
    other.allocate(engine(), 2);
    const report = other.load(file);
    expect(report).toEqual({
      loaded: ['a.weight', 'b.weight', 'b.c.bias'],
      missing: [],
      unknown: [],
      mismatched: [],
    });
    expect(await other.memory.values.floats()).toEqual(await store.memory.values.floats());
    store.dispose();
    other.dispose();
  });

  it('loads what fits and reports what is missing, unknown or mismatched', async () => {
    const store = makeStore();
    store.allocate(engine(), 1);
    const before = await store.values();
    const tensors = new Map<string, HostTensor>([
      ['b.c.bias', { dtype: 'F32', shape: [4], data: new Float32Array([1, 2, 3, 4]) }],
      ['b.weight', { dtype: 'F32', shape: [7, 10], data: new Float32Array(70) }],
      ['stranger', { dtype: 'F32', shape: [1], data: new Float32Array(1) }],
    ]);
    const report = store.load(encodeSafetensors(tensors));
    expect(report.loaded).toEqual(['b.c.bias']);
    expect(report.missing).toEqual(['a.weight']);
    expect(report.unknown).toEqual(['stranger']);
    expect(report.mismatched).toEqual([
      {
        name: 'b.weight',
        expected: { dtype: 'F32', shape: [70] },
        actual: { dtype: 'F32', shape: [7, 10] },
      },
    ]);
    const after = await store.values();
    expect([...after.get('b.c.bias')!.data]).toEqual([1, 2, 3, 4]);
    expect(after.get('b.weight')).toEqual(before.get('b.weight'));
    store.dispose();
  });

  it('reports a tensor of another type with both types', () => {
    const store = makeStore();
    store.allocate(engine(), 1);
    const words: HostTensor = { dtype: 'U32', shape: [3, 5], data: new Uint32Array(15) };
    const { loaded, mismatched } = store.assign(new Map([['a.weight', words]]));
    expect(loaded).toEqual([]);
    expect(mismatched).toEqual([
      {
        name: 'a.weight',
        expected: { dtype: 'F32', shape: [3, 5] },
        actual: { dtype: 'U32', shape: [3, 5] },
      },
    ]);
    store.dispose();
  });

  it('changes nothing when a file is damaged', async () => {
    const store = makeStore();
    store.allocate(engine(), 1);
    const before = await store.memory.values.floats();
    const file = await store.save();
    expect(() => store.load(file.subarray(0, file.length - 3))).toThrow(/cut short or damaged/);
    expect(await store.memory.values.floats()).toEqual(before);
    store.dispose();
  });

  it('gives frozen parameters no gradient', async () => {
    const store = new ParameterStore();
    const lower = new Linear(store.scope('lower'), 4, 4);
    const upper = new Linear(store.scope('upper'), 4, 3);
    store.allocate(engine(), 1);
    store.freeze((name) => name.startsWith('lower') || name === 'upper.weight');
    const x = Tensor.from(
      engine(),
      Float32Array.from({ length: 8 }, (_, n) => n - 3),
      [2, 4],
    );
    const targets = Tensor.from(engine(), new Uint32Array([0, 2]), [2]);
    differentiate(engine(), () => crossEntropy(upper.call(lower.call(x)), targets));
    const gradients = await store.gradients();
    const nonzero = [...gradients]
      .filter(([, { data }]) => data.some((g) => g !== 0))
      .map(([name]) => name);
    expect(nonzero).toEqual(['upper.bias']);
    store.dispose();
  });
});
