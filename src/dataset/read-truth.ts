/** Reads what is known of a simulated recording, by the `truth` of its description. */

import { RecordingError } from '../recording/errors.js';
import { type Truth, unmarkedWiring, type Wiring } from '../simulate/truth.js';
import type { TruthSpec } from './description.js';
import type { DataFiles } from './files.js';
import { formatShape } from './reference.js';

/** A length of an axis, or what it is called where any length is right. */
type AxisLength = number | string;

/**
 * Reads the truth of a recording.
 *
 * @param neurons how many are read.
 * @param all how many the files have.
 * @throws RecordingError where an array is not numeric, or not of the size of the recording.
 */
export function readTruth(spec: TruthSpec, files: DataFiles, neurons: number, all: number): Truth {
  /** A numeric array of a shape. */
  const read = (key: string, reference: string, expected: readonly AxisLength[]) => {
    const values = files.values(`truth.${key}`, reference);
    const { data, shape } = values;
    const fits = expected.every((length, axis) =>
      typeof length === 'number' ? shape[axis] === length : shape[axis]! > 0,
    );
    if (neurons !== all && shape[0] === all)
      throw new RecordingError(
        `truth.${key} is of all ${all} neurons, but ${neurons} of them are read: leave out truth.`,
      );
    if (Array.isArray(data) || shape.length !== expected.length || !fits) {
      throw new RecordingError(
        `truth.${key} should be a numeric array of [${expected.join(', ')}], but ${formatShape(values)}.`,
      );
    }
    return { data, shape };
  };
  const { fields, inputs, rates, ceiling } = spec;
  const wiring = readWiring(spec, files, neurons, read);
  return {
    ...(wiring && { wiring }),
    ...(fields && { fields: readFields(fields, neurons, read) }),
    ...(inputs !== undefined && { inputs: readInputs(inputs, neurons, read) }),
    ...(rates && { rates: readRates(rates, neurons, read) }),
    ...(ceiling && {
      ceiling: {
        rateBits: ceiling.rate_bits,
        filmBits: ceiling.film_bits,
        conditionalBits: ceiling.conditional_bits,
        repeats: ceiling.repeats,
      },
    }),
  };
}

type ReadArray = (
  key: string,
  reference: string,
  expected: readonly AxisLength[],
) => { data: ArrayLike<number>; shape: readonly number[] };

function readWiring(
  { weights: reference, strong, hubs, groups }: TruthSpec,
  files: DataFiles,
  neurons: number,
  read: ReadArray,
): Wiring | undefined {
  if (reference === undefined) return undefined;
  const shape = [neurons, neurons];
  const weights = Float64Array.from(read('weights', reference, shape).data);
  return {
    ...unmarkedWiring(neurons, weights),
    ...(strong !== undefined && { strong: Uint8Array.from(read('strong', strong, shape).data) }),
    ...(hubs !== undefined && { hubs: Array.from(files.numbers('truth.hubs', hubs)) }),
    groups,
  };
}

function readFields(
  { energy, seen, centers, complex }: NonNullable<TruthSpec['fields']>,
  neurons: number,
  read: ReadArray,
): NonNullable<Truth['fields']> {
  const { data, shape } = read('fields.energy', energy, [neurons, 'height', 'width']);
  return {
    height: shape[1]!,
    width: shape[2]!,
    energy: Float32Array.from(data),
    ...(seen !== undefined && {
      seen: Float32Array.from(read('fields.seen', seen, shape).data),
    }),
    centers: Float32Array.from(read('fields.centers', centers, [neurons, 2]).data),
    complex: Uint8Array.from(read('fields.complex', complex, [neurons]).data),
  };
}

function readInputs(reference: string, neurons: number, read: ReadArray): Int32Array {
  const indices = Array.from(read('inputs', reference, [neurons]).data);
  const wrong = indices.find((index) => !Number.isInteger(index) || index < 0);
  if (wrong !== undefined)
    throw new RecordingError(
      `truth.inputs should contain indices of inputs, from 0, but contains ${wrong}.`,
    );
  return Int32Array.from(indices);
}

function readRates(
  { expected, dt }: NonNullable<TruthSpec['rates']>,
  neurons: number,
  read: ReadArray,
): NonNullable<Truth['rates']> {
  const { data, shape } = read('rates.expected', expected, [neurons, 'bins']);
  return { dt, bins: shape[1]!, expected: Float32Array.from(data) };
}
