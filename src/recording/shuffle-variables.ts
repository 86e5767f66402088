/** Recordings whose variables say nothing about their spikes: a control. */

import { HostRandom } from '../math/random.js';
import { type Recording, replaceVariables, type Variable } from './recording.js';

/**
 * The recording with the samples of some variables in random order, over all trials: each window
 * then has the value of another moment.
 *
 * @param names variables to shuffle; trials without them stay as they are
 * @param seed of the order
 */
export function shuffleVariables(
  recording: Recording,
  names: readonly string[],
  seed: number,
): Recording {
  const shuffled = recording.trials.map(({ variables }) => ({ ...variables }));
  for (const [n, name] of names.entries()) {
    const trials = shuffled.filter((variables) => name in variables);
    const samples = trials.flatMap((variables) => listSamples(variables[name]!));
    const order = new HostRandom(seed + n).permutation(samples.length);
    let next = 0;
    for (const variables of trials) {
      const values = listSamples(variables[name]!).map(() => samples[order[next++]!]!);
      variables[name] = { ...variables[name]!, values } as Variable;
    }
  }
  return replaceVariables(recording, shuffled);
}

function listSamples({ values }: Variable): (number | string)[] {
  return Array.from<number | string>(values as ArrayLike<number | string>);
}
