/** How many neurons a model affords, where all of them together fire too often. */

import type { Recording } from '../recording/recording.js';
import { busiestNeurons, selectNeurons, spikesPerNeuron } from '../recording/spikes.js';

/**
 * Says how to read fewer neurons: as many as are affordable of those with the most spikes.
 *
 * @param isAffordable whether a model affords these neurons of the recording: if it does, then also
 *   fewer
 * @returns what to do, without a full stop; undefined where not even one neuron is affordable
 */
export function readFewer(
  recording: Recording,
  isAffordable: (part: Recording) => boolean,
): string | undefined {
  const counts = spikesPerNeuron(recording.trials.map(({ spikes }) => spikes));
  let [affordable, tooMany] = [0, recording.neurons];
  while (tooMany - affordable > 1) {
    const middle = Math.floor((affordable + tooMany) / 2);
    if (isAffordable(partOf(recording, busiestNeurons(counts, middle)))) affordable = middle;
    else tooMany = middle;
  }
  return affordable === 0
    ? undefined
    : `read only the ${affordable} of ${recording.neurons} neurons with the most spikes (init --max-neurons ${affordable}, which is spikes.max_neurons: ${affordable} in the dataset.yaml)`;
}

function partOf(recording: Recording, neurons: readonly number[]): Recording {
  const trials = recording.trials.map((trial) => ({
    ...trial,
    spikes: selectNeurons(trial.spikes, neurons),
  }));
  return { ...recording, neurons: neurons.length, trials };
}
