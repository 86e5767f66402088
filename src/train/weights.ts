/** Which weights a result was computed with. */

import { formatCount } from '../text/format.js';

/** A file of weights, at one moment of training. */
export interface WeightsId {
  /** The file, in the run's store. */
  readonly file: string;
  /** Updates of its training; absent if the file does not say. */
  readonly step?: number;
  /** SHA-256 of names and values, in hexadecimal; absent in results of earlier versions. */
  readonly sha256?: string;
}

/** Weights as a result has them; those of earlier versions name only the file. */
export function readWeights(value: WeightsId | string): WeightsId {
  return typeof value === 'string' ? { file: value } : value;
}

/** Names weights in a sentence: "best.safetensors (update 1,200)". */
export function describeWeights({ file, step }: WeightsId): string {
  return step === undefined ? file : `${file} (update ${formatCount(step)})`;
}

/** Whether two results are of the same weights, as far as they say. */
export function areSameWeights(p: WeightsId, q: WeightsId): boolean {
  return p.sha256 === undefined || q.sha256 === undefined || p.sha256 === q.sha256;
}
