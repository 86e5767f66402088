/** What decoders reach that read no spikes: every score is to be seen beside them. */

import { HostRandom } from '../math/random.js';
import { mean } from '../math/statistics.js';
import { atRows, type DecodedVariable } from './decoded-variable.js';
import { regressionTargets } from './regression-targets.js';

/** Variables as one of these decoders says them. */
export interface ChanceDecoder {
  /** Name of the decoder in tables. */
  readonly name: string;
  /** What it says. */
  readonly detail: string;
  readonly variables: readonly DecodedVariable[];
}

/** Beginning of the names of these decoders. */
export const CHANCE = 'chance';

/** Of the random order. */
const SEED = 1;

/**
 * Decoders at chance: one that always says the mean of training, for an angle the mean direction,
 * for a class the most frequent one; and one that says what the model decoded at other times, in
 * random order, which has all of the model's spread and none of its knowledge.
 *
 * @param training the variables at training windows; predictions are ignored
 * @param own the variables as the model decoded them
 */
export function chanceDecoders(
  training: readonly DecodedVariable[],
  own: readonly DecodedVariable[],
): ChanceDecoder[] {
  const constant = own.map((variable, n) => {
    const { columns, decode } = regressionTargets(training[n]!);
    const rows = variable.truth.length;
    return decode(
      variable,
      columns.map((column) => new Float64Array(rows).fill(mean(column))),
    );
  });
  const kinds = new Set(own.map(({ kind }) => (kind === 'class' ? 'commonest class' : 'mean')));
  return [
    { name: CHANCE, detail: `${[...kinds].join(', ')} of training`, variables: constant },
    { name: `${CHANCE}, shuffled`, detail: 'decoded at other times', variables: own.map(shuffled) },
  ];
}

/** A variable whose decoded values are those of other rows, in random order. */
function shuffled(variable: DecodedVariable): DecodedVariable {
  const order = new HostRandom(SEED).permutation(variable.truth.length);
  return { ...variable, predicted: atRows(variable, order).predicted } as DecodedVariable;
}
