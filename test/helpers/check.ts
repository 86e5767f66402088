/** One helper tests an op: forward and every gradient against the float64 reference, over a table of shapes. */

import { afterAll, expect } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { map, type Ref, ref } from '../../src/reference/array.js';
import { add } from '../../src/tensor/elementwise.js';
import { differentiate, markLoss, newOutput, pushNode } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { TOLERANCE, type ToleranceKind } from './tolerances.js';

export type Refs<K extends string> = Record<K, Ref>;

/** What the checks of ops and of losses have in common: the inputs, and how the engine runs them. */
export interface Case<K extends string> {
  name: string;
  kind: ToleranceKind;
  /** The inputs' shapes; each gets normal random numbers and a gradient. */
  inputs: Record<K, readonly number[]>;
  /** Replaces an input's random numbers. */
  values?: Partial<Record<K, ArrayLike<number>>>;
  /** Inputs that take no gradient. */
  constant?: readonly K[];
  run(tensors: Record<K, Tensor>): Tensor;
}

/** An op under test: how the engine runs it, and how the reference does. */
export interface OpCase<K extends string> extends Case<K> {
  forward(inputs: Refs<K>): Ref;
  /** d / d input of sum(cotangent * forward(inputs)). */
  backward(inputs: Refs<K>, cotangent: Ref): Partial<Refs<K>>;
}

const worst = new Map<string, { error: number; tolerance: number; cases: number }>();

/** Prints the worst error of every op tested in this file, after its tests. */
export function printWorstErrors(): void {
  afterAll(() => {
    const rows = [...worst].map(([name, { error, tolerance, cases }]) => {
      const share = `${((100 * error) / tolerance).toFixed(0)}% of ${tolerance.toExponential(0)}`;
      return `  ${name.padEnd(44)} ${error.toExponential(2).padStart(9)}  ${share.padStart(14)}  ${cases} checks`;
    });
    console.log(['worst error, relative to the largest element:', ...rows].join('\n'));
    worst.clear();
  });
}

/** Largest difference relative to the largest element of the reference; NaN counts as infinite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let scale = 1e-3;
  let difference = 0;
  for (let n = 0; n < expected.length; n++) {
    scale = Math.max(scale, Math.abs(expected[n]!));
    const d = Math.abs(actual[n]! - expected[n]!);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
  }
  return difference / scale;
}

/** Notes an error for the table and fails where it is past the tolerance. */
export function expectClose(
  name: string,
  kind: ToleranceKind,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): void {
  const error = relativeError(actual, expected);
  const tolerance = TOLERANCE[kind];
  const before = worst.get(name) ?? { error: 0, tolerance, cases: 0 };
  worst.set(name, { error: Math.max(before.error, error), tolerance, cases: before.cases + 1 });
  expect(error, `${name}: relative error`).toBeLessThanOrEqual(tolerance);
}

/** Normal random numbers, rounded to f32 so that both sides see the same. */
export function randomRef(random: HostRandom, shape: readonly number[]): Ref {
  const made = ref(shape);
  return { shape, data: made.data.map(() => Math.fround(random.normal())) };
}

/** The inputs of a case: the values it gives, random numbers elsewhere. */
export function caseInputs<K extends string>(
  { inputs, values }: Pick<Case<K>, 'inputs' | 'values'>,
  random: HostRandom,
): Refs<K> {
  const refs = {} as Refs<K>;
  for (const name of Object.keys(inputs) as K[]) {
    const given = values?.[name];
    refs[name] = given ? ref(inputs[name], given) : randomRef(random, inputs[name]);
  }
  return refs;
}

export function toTensor(engine: Engine, values: Ref, requiresGrad = false): Tensor {
  return Tensor.from(engine, Float32Array.from(values.data), values.shape, { requiresGrad });
}

/** A loss whose gradient with respect to `out` is the cotangent: sum(cotangent * out), its value left at 0. */
export function withCotangent(out: Tensor, cotangent: Ref): Tensor {
  const { engine } = out;
  const loss = markLoss(newOutput(engine, [1], [out]));
  const given = toTensor(engine, cotangent);
  engine.clear(loss);
  pushNode(engine, {
    op: 'cotangent',
    outputs: [loss],
    backward: (gradients) => gradients.accumulate(out, given),
  });
  return loss;
}

/** Runs an op on the engine and on the reference, and compares the output and every gradient. */
export async function checkOp<K extends string>(
  engine: Engine,
  op: OpCase<K>,
  seed = 1,
): Promise<void> {
  const random = new HostRandom(seed);
  const names = Object.keys(op.inputs) as K[];
  const refs = caseInputs(op, random);
  const expected = op.forward(refs);
  const cotangent = randomRef(random, expected.shape);
  const gradients = op.backward(refs, cotangent);
  const tensors = {} as Record<K, Tensor>;
  for (const name of names)
    tensors[name] = toTensor(engine, refs[name], !op.constant?.includes(name));
  const { out } = differentiate(engine, () => {
    const out = op.run(tensors);
    return { loss: withCotangent(out, cotangent), out };
  });
  expect(out.shape).toEqual(expected.shape);
  expectClose(`${op.name} forward`, op.kind, await out.floats(), expected.data);
  for (const name of names) {
    if (op.constant?.includes(name)) {
      expect(
        tensors[name].gradient,
        `${op.name}: a gradient of the constant ${name}`,
      ).toBeUndefined();
      continue;
    }
    expectClose(
      `${op.name} d${name}`,
      op.kind,
      await tensors[name].gradient!.floats(),
      gradients[name]!.data,
    );
  }
  out.dispose();
  for (const name of names) {
    tensors[name].gradient?.dispose();
    tensors[name].dispose();
  }
}

/** The sum of a case with itself: every input is used twice, so its gradients must add up. */
export function usedTwice<K extends string>(op: OpCase<K>): OpCase<K> {
  const doubled = (a: Ref) => map(a, (value) => 2 * value);
  return {
    ...op,
    name: `${op.name}, twice`,
    run: (tensors) => add(op.run(tensors), op.run(tensors)),
    forward: (inputs) => doubled(op.forward(inputs)),
    backward: (inputs, cotangent) => op.backward(inputs, doubled(cotangent)),
  };
}

/** Compares the reference's gradients with central differences of its own forward. */
export function checkReference<K extends string>(op: OpCase<K>, seed = 2): void {
  const random = new HostRandom(seed);
  const names = Object.keys(op.inputs) as K[];
  const refs = caseInputs(op, random);
  const cotangent = randomRef(random, op.forward(refs).shape);
  const gradients = op.backward(refs, cotangent);
  const value = () => {
    const out = op.forward(refs);
    return out.data.reduce((sum, y, n) => sum + y * cotangent.data[n]!, 0);
  };
  const step = 1e-5;
  for (const name of names) {
    if (op.constant?.includes(name)) continue;
    const { data } = refs[name];
    const numeric = data.map((_, n) => {
      const middle = data[n]!;
      data[n] = middle + step;
      const above = value();
      data[n] = middle - step;
      const below = value();
      data[n] = middle;
      return (above - below) / (2 * step);
    });
    expect(
      relativeError(gradients[name]!.data, numeric),
      `reference ${op.name} d${name}`,
    ).toBeLessThan(1e-7);
  }
}

/** Each call throws a ShapeError that says exactly this. */
export function expectShapeErrors(calls: readonly (readonly [() => unknown, string])[]): void {
  for (const [call, message] of calls) {
    expect(call).toThrow(expect.objectContaining({ name: 'ShapeError', message }));
  }
}
