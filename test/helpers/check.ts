/**
 * Tests of ops: the output and every gradient against the float64 reference, over tables of shapes.
 */

import { afterAll, expect } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { map, type Ref, ref } from '../../src/reference/array.js';
import { add } from '../../src/tensor/elementwise.js';
import { differentiate, markLoss, newOutput, pushNode } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { alignedTable } from '../../src/text/table.js';
import { TOLERANCE, type ToleranceKind } from './tolerances.js';

/** Reference arrays by input name. */
export type Refs<K extends string> = Record<K, Ref>;

/** What tests of ops and of losses have in common: the inputs, and how the engine runs them. */
export interface Case<K extends string> {
  name: string;
  /** Which tolerance applies. */
  kind: ToleranceKind;
  /** Shapes of the inputs. Each is filled with normal random numbers and requires a gradient. */
  inputs: Record<K, readonly number[]>;
  /** Values of inputs that are not random. */
  values?: Partial<Record<K, ArrayLike<number>>>;
  /** Inputs that require no gradient. */
  constant?: readonly K[];
  /** Runs the op on the engine. */
  run(tensors: Record<K, Tensor>): Tensor;
}

/** An op under test: how the engine computes it, and how the reference does. */
export interface OpCase<K extends string> extends Case<K> {
  /** The output by the reference. */
  forward(inputs: Refs<K>): Ref;
  /**
   * The gradient of sum(cotangent * forward(inputs)) with respect to each input, by the reference.
   */
  backward(inputs: Refs<K>, cotangent: Ref): Partial<Refs<K>>;
}

/** Largest error so far, by name of the check. */
const worst = new Map<string, { error: number; tolerance: number; cases: number }>();

/** Prints the largest error of every check of a test file, after its tests. */
export function printWorstErrors(): void {
  afterAll(() => {
    const rows = [...worst].map(([name, { error, tolerance, cases }]) => {
      const share = `${((100 * error) / tolerance).toFixed(0)}% of ${tolerance.toExponential(0)}`;
      return [name, error.toExponential(2), share, String(cases)];
    });
    console.log(
      alignedTable([
        ['worst error, relative to the largest element', 'error', 'tolerance', 'checks'],
        ...rows,
      ]),
    );
    worst.clear();
  });
}

/**
 * Largest difference, relative to the largest element of the reference (at least 1e-3). NaN counts
 * as infinite.
 */
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

/**
 * Fails if the relative error exceeds the tolerance, and records the error for `printWorstErrors`.
 */
export function expectClose(
  name: string,
  kind: ToleranceKind,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): void {
  const error = relativeError(actual, expected);
  const tolerance = TOLERANCE[kind];
  const previous = worst.get(name) ?? { error: 0, tolerance, cases: 0 };
  worst.set(name, { error: Math.max(previous.error, error), tolerance, cases: previous.cases + 1 });
  expect(error, `${name}: relative error`).toBeLessThanOrEqual(tolerance);
}

/** Normal random numbers, rounded to f32 so that the engine and the reference read the same. */
export function randomRef(random: HostRandom, shape: readonly number[]): Ref {
  return { shape, data: ref(shape).data.map(() => Math.fround(random.normal())) };
}

/** The inputs of a case: its own values if it has them, else random numbers. */
export function caseInputs<K extends string>(
  { inputs, values }: Pick<Case<K>, 'inputs' | 'values'>,
  random: HostRandom,
): Refs<K> {
  const refs = {} as Refs<K>;
  for (const name of Object.keys(inputs) as K[]) {
    const fixed = values?.[name];
    refs[name] = fixed ? ref(inputs[name], fixed) : randomRef(random, inputs[name]);
  }
  return refs;
}

/** Uploads a reference array as an f32 tensor. */
export function toTensor(engine: Engine, values: Ref, requiresGrad = false): Tensor {
  return Tensor.from(engine, Float32Array.from(values.data), values.shape, { requiresGrad });
}

/**
 * A loss whose gradient with respect to `out` is the cotangent, as of sum(cotangent * out). Its own
 * value is 0.
 */
export function withCotangent(out: Tensor, cotangent: Ref): Tensor {
  const { engine } = out;
  const loss = markLoss(newOutput(engine, [1], [out]));
  const gradient = toTensor(engine, cotangent);
  engine.clear(loss);
  pushNode(engine, {
    op: 'cotangent',
    outputs: [loss],
    backward: (gradients) => gradients.accumulate(out, gradient),
  });
  return loss;
}

/**
 * Computes an op with the engine and with the reference, and compares the output and every
 * gradient.
 */
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

/** An op added to itself: every input is used twice, so the gradients of both uses must add up. */
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

/** Compares the gradients of the reference with central differences of its output. */
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
      const original = data[n]!;
      data[n] = original + step;
      const above = value();
      data[n] = original - step;
      const below = value();
      data[n] = original;
      return (above - below) / (2 * step);
    });
    expect(
      relativeError(gradients[name]!.data, numeric),
      `reference ${op.name} d${name}`,
    ).toBeLessThan(1e-7);
  }
}

/** Expects each call to throw a ShapeError with exactly this message. */
export function expectShapeErrors(calls: readonly (readonly [() => unknown, string])[]): void {
  for (const [call, message] of calls) {
    expect(call).toThrow(expect.objectContaining({ name: 'ShapeError', message }));
  }
}
