/**
 * A decoded variable beside its true values at the ends of windows, and how those windows follow
 * one another.
 */

import { roundDecimals } from '../math/rounding.js';
import { upperMedian } from '../math/statistics.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { WindowRef } from '../recording/windows.js';

/** True and decoded values of one variable, one per window, in the variable's own unit. */
export type DecodedVariable = DecodedNumbers | DecodedClasses;

/** A decoded variable of numbers: speed, an angle. */
export interface DecodedNumbers {
  /** Name of the variable. */
  readonly name: string;
  /** Whether 359 degrees is next to 0. */
  readonly kind: 'number' | 'angle';
  /** [windows]. */
  readonly truth: Float64Array;
  /** [windows]. */
  readonly predicted: Float64Array;
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
}

/** A decoded variable of a few distinct values: a stimulus, a choice. */
export interface DecodedClasses {
  /** Name of the variable. */
  readonly name: string;
  /** Classes have no order. */
  readonly kind: 'class';
  /** [windows]. */
  readonly truth: readonly ClassValue[];
  /** [windows]. */
  readonly predicted: readonly ClassValue[];
}

/** Some rows of a variable, given by index; rows may repeat. */
export function atRows(variable: DecodedVariable, rows: ArrayLike<number>): DecodedVariable {
  if (variable.kind === 'class') {
    const { truth, predicted } = variable;
    return {
      ...variable,
      truth: Array.from(rows, (row) => truth[row]!),
      predicted: Array.from(rows, (row) => predicted[row]!),
    };
  }
  const { truth, predicted } = variable;
  return {
    ...variable,
    truth: Float64Array.from(rows, (row) => truth[row]!),
    predicted: Float64Array.from(rows, (row) => predicted[row]!),
  };
}

/**
 * The usual time from the end of one window to the end of the next in the same trial, in seconds;
 * undefined if no trial has two windows.
 */
export function commonStep(refs: readonly WindowRef[]): number | undefined {
  const steps = refs.slice(1).flatMap(({ trialIndex, end }, n) => {
    const previous = refs[n]!;
    return previous.trialIndex === trialIndex && end > previous.end ? [end - previous.end] : [];
  });
  const step = upperMedian(steps);
  return step === undefined ? undefined : roundDecimals(step, 6);
}

/**
 * Lengths of the runs of windows that follow one another without a gap, in the order of the
 * windows.
 */
export function runLengths(refs: readonly WindowRef[]): number[] {
  const usualStep = commonStep(refs) ?? 0;
  const lengths: number[] = [];
  for (const [n, { trialIndex, end }] of refs.entries()) {
    const previous = refs[n - 1];
    const step = previous?.trialIndex === trialIndex ? end - previous.end : 0;
    const continuesRun = step > 0 && step < 1.5 * usualStep;
    if (continuesRun) lengths[lengths.length - 1]! += 1;
    else lengths.push(1);
  }
  return lengths;
}
