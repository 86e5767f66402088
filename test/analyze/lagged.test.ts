import { describe, expect, it } from 'vitest';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createRecording } from '../../src/recording/recording.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';

describe('lagged counts', () => {
  const spikes = { times: [[0.01, 0.11, 0.12, 0.29], [0.05]].map((t) => Float64Array.from(t)) };
  const recording = createRecording({ spikes, duration: 1 });
  const { config } = parseConfig({ window: { curr: 0.1, prev: 0.1 }, layers: { stimulus: 0 } });
  const { windows } = prepareTrainingData(
    recording,
    config,
    parseTrainSettings({ split: { fractions: { train: 1, validation: 0, test: 0 } } }),
  );
  const rows = (ends: number[], count: number) => {
    const refs = ends.map((end) => ({ trialIndex: 0, end }));
    const design = laggedCounts(windows, refs, { bin: 0.1, count }, (n) => n);
    const { starts, indices, values } = design;
    return ends.map((_, row) => {
      const dense = new Array<number>(2 * count).fill(0);
      for (let n = starts[row]!; n < starts[row + 1]!; n++) dense[indices[n]!] = values[n]!;
      return dense;
    });
  };

  it('are in bins that end with the window, latest bin first, and 0 before the trial', () => {
    expect(rows([0.3, 0.2, 0.1], 2)).toEqual([
      [1, 0, 2, 0],
      [2, 0, 1, 1],
      [1, 1, 0, 0],
    ]);
  });

  it('are square roots by default', () => {
    const { values } = laggedCounts(windows, [{ trialIndex: 0, end: 0.2 }], { bin: 0.1, count: 1 });
    expect([...values]).toEqual([Math.SQRT2]);
  });
});
