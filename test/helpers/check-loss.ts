/**
 * The counterpart of `checkOp` for losses: ops with one output element whose forward pass also
 * computes gradients.
 */

import { expect } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { map, type Ref, ref } from '../../src/reference/array.js';
import { differentiate } from '../../src/tensor/tape.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { type Case, caseInputs, expectClose, type OpCase, type Refs, toTensor } from './check.js';

/** A loss under test: how the engine computes it, and how the reference does. */
export interface LossCase<K extends string> extends Case<K> {
  /** The loss by the reference. */
  value(inputs: Refs<K>): number;
  /** The gradient of each input that is not constant, by the reference. */
  gradients(inputs: Refs<K>): Partial<Refs<K>>;
}

/**
 * Runs a loss with and without gradients, and compares its value and every gradient with the
 * reference.
 */
export async function checkLoss<K extends string>(
  engine: Engine,
  loss: LossCase<K>,
  seed = 1,
): Promise<void> {
  const names = Object.keys(loss.inputs) as K[];
  const refs = caseInputs(loss, new HostRandom(seed));
  const expected = [loss.value(refs)];
  const gradients = loss.gradients(refs);
  const isConstant = (name: K) => loss.constant?.includes(name) ?? false;
  const tensors = {} as Record<K, Tensor>;
  for (const name of names) tensors[name] = toTensor(engine, refs[name], !isConstant(name));

  const withoutGradients = loss.run(tensors);
  const value = differentiate(engine, () => loss.run(tensors));
  expect(value.shape).toEqual([1]);
  expectClose(`${loss.name} value`, loss.kind, await value.floats(), expected);
  expect(await withoutGradients.floats(), 'the same without gradients').toEqual(
    await value.floats(),
  );
  for (const name of names) {
    const { gradient } = tensors[name];
    if (isConstant(name)) {
      expect(gradient, `${loss.name}: a gradient of the constant ${name}`).toBeUndefined();
      continue;
    }
    const expectedGradient = gradients[name]!.data;
    expectClose(`${loss.name} d${name}`, loss.kind, await gradient!.floats(), expectedGradient);
  }
  for (const tensor of [withoutGradients, value]) tensor.dispose();
  for (const name of names) {
    tensors[name].gradient?.dispose();
    tensors[name].dispose();
  }
}

/** Turns a loss into an op with one output element, for `checkReference`. */
export function lossAsOp<K extends string>(loss: LossCase<K>): OpCase<K> {
  return {
    ...loss,
    forward: (inputs) => ref([1], [loss.value(inputs)]),
    backward: (inputs, cotangent) => {
      const scaled: Partial<Refs<K>> = {};
      for (const [name, gradient] of Object.entries<Ref>(loss.gradients(inputs) as Refs<K>))
        scaled[name as K] = map(gradient, (value) => value * cotangent.data[0]!);
      return scaled;
    },
  };
}
