import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createRecording } from '../../src/recording/recording.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { dataNotes, prepareTrainingData } from '../../src/train/training-data.js';

describe('notes on training data', () => {
  it('say where spikes are read more finely than they were counted', () => {
    const counts = Array.from({ length: 3 }, (_, neuron) =>
      Uint8Array.from({ length: 400 }, (_, bin) => (bin * (neuron + 2)) % 3),
    );
    const recording = createRecording({ spikes: { counts, dt: 0.05 } });
    const notesAt = (dt: number) => {
      const { config } = parseConfig({ resolution: { dt }, window: { curr: 0.1, prev: 0.1 } });
      return dataNotes(prepareTrainingData(recording, config, parseTrainSettings({})));
    };
    expect(notesAt(0.01)).toContain(
      'Spikes are counted in bins of 0.05 s, so times within a bin, which resolution.dt of 0.01 s tells apart, say nothing: set resolution.dt to 0.05.',
    );
    expect(notesAt(0.05).join()).not.toContain('counted in bins');
  });
});
