/** A variable as it was and as it was decoded, at the ends of windows. */

import { usual } from '../math/statistics.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { WindowRef } from '../recording/windows.js';

/** One variable at every decoded moment, in its own unit. */
export type DecodedVariable = { readonly name: string } & (
  | {
      readonly kind: 'number' | 'angle';
      readonly truth: Float64Array;
      readonly predicted: Float64Array;
      /** Of an angle: a full turn. */
      readonly period?: number;
    }
  | {
      readonly kind: 'class';
      readonly truth: readonly ClassValue[];
      readonly predicted: readonly ClassValue[];
    }
);

/** Seconds from a window's end to that of the next of its trial, most often; undefined where trials have one each. */
export function commonStep(refs: readonly WindowRef[]): number | undefined {
  const steps = refs.slice(1).flatMap(({ trialIndex, end }, n) => {
    const before = refs[n]!;
    return before.trialIndex === trialIndex && end > before.end ? [end - before.end] : [];
  });
  const step = usual(steps);
  return step === undefined ? undefined : Number(step.toFixed(6));
}

/** How many windows follow one another without a break, again and again, in their order. */
export function runLengths(refs: readonly WindowRef[]): number[] {
  const most = commonStep(refs) ?? 0;
  const lengths: number[] = [];
  for (const [n, { trialIndex, end }] of refs.entries()) {
    const before = refs[n - 1];
    const step = before?.trialIndex === trialIndex ? end - before.end : 0;
    const follows = step > 0 && step < 1.5 * most;
    if (follows) lengths[lengths.length - 1]! += 1;
    else lengths.push(1);
  }
  return lengths;
}
