import { describe, expect, it } from 'vitest';
import { makeBatch, STEP_RATE, StepModel, type StepSizes } from '../../bench/step-model.js';
import { StepReference } from '../../bench/step-reference.js';
import { HostRandom } from '../../src/math/random.js';
import { normal } from '../../src/nn/init.js';
import { Block } from '../../src/nn/layers.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { type Ref, ref } from '../../src/reference/array.js';
import { block, blockBackward, type NamedRefs } from '../../src/reference/transformer.js';
import { differentiate } from '../../src/tensor/tape.js';
import {
  expectClose,
  printWorstErrors,
  randomRef,
  toTensor,
  withCotangent,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

const SMALL: StepSizes = {
  batch: 2,
  queries: 7,
  past: 5,
  video: 11,
  width: 16,
  heads: 2,
  blocks: 1,
  tokens: 13,
  times: 3,
};

/** Replaces the initial values by larger ones, so that every parameter has a visible effect. */
function enlargeValues(store: ParameterStore): NamedRefs {
  const random = new HostRandom(21);
  const refs: NamedRefs = new Map();
  for (const p of store) {
    const values = new Float32Array(p.length);
    normal(0.4)(values, random);
    p.tensor.write(values);
    refs.set(p.name, ref(p.shape, values));
  }
  return refs;
}

for (const [variant, options] of [
  ['direct kernels', {}],
  ['staged kernels', { tuning: STAGED }],
] as const) {
  describe(`a transformer block, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const { name, kvWidth, causal } of [
      { name: 'attending to itself causally', kvWidth: 12, causal: true },
      { name: 'attending to a source of its width', kvWidth: 12, causal: false },
      { name: 'attending to a wider source', kvWidth: 20, causal: false },
    ]) {
      it(`${name} equals the reference in its output and every named gradient`, async () => {
        const store = new ParameterStore();
        const layer = new Block(store.scope('b'), 12, { heads: 3, kvWidth });
        store.allocate(engine(), 1);
        const parameters = enlargeValues(store);
        const random = new HostRandom(3);
        const x = randomRef(random, [2, 5, 12]);
        const source = causal ? x : randomRef(random, [2, 9, kvWidth]);
        const dy = randomRef(random, [2, 5, 12]);
        const setup = { heads: 3, causal };
        const trace = block(parameters, 'b', x, source, setup);
        const gradients: NamedRefs = new Map();
        const expected = blockBackward(parameters, 'b', trace, setup, dy, gradients);

        const xt = toTensor(engine(), x, true);
        const st = causal ? xt : toTensor(engine(), source, true);
        const { y } = differentiate(engine(), () => {
          const y = layer.call(xt, st, { causal });
          return { loss: withCotangent(y, dy), y };
        });
        expectClose('block forward', 'product', await y.floats(), trace.y.data);
        const sum = (a: Ref, b: Ref) => a.data.map((v, n) => v + b.data[n]!);
        const dx = causal ? sum(expected.x, expected.source) : expected.x.data;
        expectClose('block dx', 'product', await xt.gradient!.floats(), dx);
        if (!causal)
          expectClose(
            'block dsource',
            'product',
            await st.gradient!.floats(),
            expected.source.data,
          );
        const actual = await store.gradients();
        expect([...gradients.keys()].sort()).toEqual([...store].map((p) => p.name).sort());
        for (const [parameter, { data }] of gradients) {
          // The key's bias shifts all scores of a row equally, so that its gradient is zero except
          // for rounding.
          if (parameter.endsWith('key.bias'))
            expect(Math.max(...actual.get(parameter)!.data.map(Math.abs))).toBeLessThan(1e-5);
          else
            expectClose(
              `block d${parameter.slice(2)}`,
              'product',
              actual.get(parameter)!.data,
              data,
            );
        }
        store.dispose();
      });
    }
  });

  describe(`a training step, ${variant}`, () => {
    const engine = useEngine(options);

    it('has the losses of the float64 reference over three AdamW steps, eager and replayed', async () => {
      const batch = makeBatch(SMALL, 5);
      const eager = new StepModel(engine(), SMALL, batch);
      const replayed = new StepModel(engine(), SMALL, batch);
      const reference = new StepReference(SMALL, batch, await eager.store.values());
      const step = replayed.record();
      for (let n = 0; n < 3; n++) {
        const expected = reference.train(STEP_RATE);
        eager.optimizer.prepare(STEP_RATE);
        const loss = eager.train();
        const [value] = await loss.floats();
        loss.dispose();
        replayed.optimizer.prepare(STEP_RATE);
        const [bytes] = await step.runAndFetch([step.value]).read();
        expect(Math.abs(value! - expected) / expected).toBeLessThan(1e-5);
        expect(new Float32Array(bytes!)[0]).toBe(value);
      }
      expect(await replayed.store.memory.values.floats()).toEqual(
        await eager.store.memory.values.floats(),
      );
      step.dispose();
      eager.dispose();
      replayed.dispose();
    });
  });
}
