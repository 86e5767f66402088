/** Variables as the columns of a regression, and predicted columns as variables. */

import { Scale } from '../recording/scales.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { DecodedVariable } from './decoded-variable.js';

/** A variable of the training windows as columns of a regression, and the way back. */
export interface RegressionTargets {
  /** The variable at the training windows. */
  readonly truth: DecodedVariable;
  /** [train windows] each: a scaled number, scaled cosine and sine, or one 0/1 column per class. */
  readonly columns: readonly Float64Array[];
  /** Fills in the predictions of a variable, from predicted columns. */
  decode(variable: DecodedVariable, columns: readonly ArrayLike<number>[]): DecodedVariable;
}

/** The columns of a variable. */
export function regressionTargets(truth: DecodedVariable): RegressionTargets {
  if (truth.kind === 'class') {
    const classes = [...new Set(truth.truth)];
    return {
      truth,
      columns: classes.map((value) => Float64Array.from(truth.truth, (v) => Number(v === value))),
      decode(variable, columns) {
        const predicted: ClassValue[] = variable.truth.length
          ? Array.from(columns[0]!, (_, row) => {
              const scores = columns.map((column) => column[row]!);
              return classes[scores.indexOf(Math.max(...scores))]!;
            })
          : [];
        return { ...(variable as typeof truth), predicted };
      },
    };
  }
  const scale = Scale.of([...truth.truth], truth.period);
  const encoded = Array.from(truth.truth, (value) => scale.encode(value));
  return {
    truth,
    columns: encoded[0]!.map((_, n) => Float64Array.from(encoded, (parts) => parts[n]!)),
    decode(variable, columns) {
      const predicted = Float64Array.from(columns[0]!, (_, row) =>
        scale.decode(columns.map((column) => column[row]!)),
      );
      return { ...(variable as typeof truth), predicted };
    },
  };
}

/**
 * Fills in the predictions of all variables, from the predicted columns of all of them.
 *
 * @param columns those of the first variable, then those of the next, and so on
 */
export function decodeColumns(
  targets: readonly RegressionTargets[],
  variables: readonly DecodedVariable[],
  columns: readonly ArrayLike<number>[],
): DecodedVariable[] {
  let next = 0;
  return variables.map((variable, n) => {
    const { columns: own, decode } = targets[n]!;
    next += own.length;
    return decode(variable, columns.slice(next - own.length, next));
  });
}
