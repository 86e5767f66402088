import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { normal } from '../../src/nn/init.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { adamw, newAdamWState } from '../../src/reference/adamw.js';
import { type Ref, ref } from '../../src/reference/array.js';
import { expectClose, printWorstErrors } from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

const SHAPES = {
  'a.weight': [9, 7],
  'b.bias': [130],
  'c.weight': [64],
  'd.frozen': [10],
  'e.unused': [5],
} as const;
const DECAYED = ['a.weight', 'c.weight', 'd.frozen', 'e.unused'];
const UPDATED = ['a.weight', 'b.bias', 'c.weight'];

function makeStore(engine: Parameters<ParameterStore['allocate']>[0]): ParameterStore {
  const store = new ParameterStore();
  for (const [name, shape] of Object.entries(SHAPES)) {
    store.parameter(name, shape, { init: normal(1), decay: DECAYED.includes(name) });
  }
  store.allocate(engine, 4);
  for (const name of [...UPDATED, 'd.frozen']) store.get(name).tensor.hasGradient = true;
  store.freeze((name) => name === 'd.frozen');
  return store;
}

/** Writes random gradients into the store and returns them for the reference. */
function writeGradients(store: ParameterStore, random: HostRandom, size: number): Map<string, Ref> {
  const gradients = new Map<string, Ref>();
  for (const name of UPDATED) {
    const { tensor, shape } = store.get(name);
    const values = Float32Array.from({ length: tensor.length }, () => size * random.normal());
    tensor.gradient!.write(values);
    gradients.set(name, ref(shape, values));
  }
  return gradients;
}

for (const [variant, options] of [
  ['software tuning', {}],
  ['GPU tuning', { tuning: STAGED }],
] as const) {
  describe(`AdamW, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const { maxNorm, size } of [
      { maxNorm: 0, size: 1 },
      { maxNorm: 1, size: 1 },
      { maxNorm: 100, size: 0.01 },
    ]) {
      it(`equals the reference over five steps at gradients of ${size}, clipped at ${maxNorm || 'nothing'}`, async () => {
        const store = makeStore(engine());
        const optimizer = new AdamW(store, { maxNorm });
        const parameters = new Map(
          [...(await store.values())].map(([name, v]) => [name, ref(v.shape, v.data)]),
        );
        const state = newAdamWState();
        const random = new HostRandom(8);
        const settings = { betas: [0.9, 0.95], eps: 1e-8, decay: 0.1, maxNorm } as const;
        for (let step = 0; step < 5; step++) {
          const gradients = writeGradients(store, random, size);
          optimizer.step(0.01);
          const norm = adamw(
            parameters,
            gradients,
            (name) => DECAYED.includes(name),
            state,
            0.01,
            settings,
          );
          expectClose(
            'AdamW gradient norm',
            'product',
            (await optimizer.normAndClip.floats()).subarray(0, 1),
            [norm],
          );
        }
        const values = await store.values();
        for (const name of UPDATED)
          expectClose(
            'AdamW values',
            'elementwise',
            values.get(name)!.data,
            parameters.get(name)!.data,
          );
        optimizer.dispose();
        store.dispose();
      });
    }

    it('changes neither frozen parameters nor those without a gradient, not even by decay', async () => {
      const store = makeStore(engine());
      const before = await store.values();
      const optimizer = new AdamW(store);
      writeGradients(store, new HostRandom(1), 1);
      optimizer.step(0.1);
      const after = await store.values();
      for (const name of ['d.frozen', 'e.unused'])
        expect(after.get(name)).toEqual(before.get(name));
      for (const name of UPDATED) expect(after.get(name)).not.toEqual(before.get(name));
      optimizer.dispose();
      store.dispose();
    });

    it('makes the same update for a gradient and for twice the gradient with a scale of a half', async () => {
      const flat = async (copies: number) => {
        const store = makeStore(engine());
        const optimizer = new AdamW(store);
        const gradients = writeGradients(store, new HostRandom(2), 1);
        for (const [name, { data }] of gradients) {
          store.get(name).tensor.gradient!.write(Float32Array.from(data, (g) => copies * g));
        }
        optimizer.step(0.01, 1 / copies);
        const values = await store.memory.values.floats();
        optimizer.dispose();
        store.dispose();
        return values;
      };
      expect(await flat(2)).toEqual(await flat(1));
    });

    it('continues from its moments and step count', async () => {
      const store = makeStore(engine());
      const optimizer = new AdamW(store);
      const random = new HostRandom(3);
      writeGradients(store, random, 1);
      optimizer.step(0.01);
      const saved = await Promise.all(
        [store.memory.values, store.memory.m, store.memory.v].map((t) => t.floats()),
      );
      writeGradients(store, new HostRandom(9), 1);
      optimizer.step(0.01);
      const expected = await store.memory.values.floats();

      const other = makeStore(engine());
      const resumed = new AdamW(other);
      for (const [n, tensor] of [other.memory.values, other.memory.m, other.memory.v].entries())
        tensor.write(saved[n]!);
      resumed.steps = 1;
      writeGradients(other, new HostRandom(9), 1);
      resumed.step(0.01);
      expect(await other.memory.values.floats()).toEqual(expected);
      for (const object of [optimizer, store, resumed, other]) object.dispose();
    });
  });
}
