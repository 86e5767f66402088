import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createRecording } from '../../src/recording/recording.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { dataNotes, prepareTrainingData } from '../../src/train/training-data.js';

describe('notes on training data', () => {
  it('say how many spikes do not fit their blocks, unless spikes are only counted', () => {
    const times = [Array.from({ length: 400 }, (_, n) => n / 20)];
    const variables = { x: { values: Array.from({ length: 200 }, (_, n) => n % 7), dt: 0.1 } };
    const recording = createRecording({ spikes: { times }, variables });
    const notesWith = (model: object) => {
      const { config } = parseConfig({
        block_size: { id: 3, prev_id: 3 },
        modalities: {
          behavior: {
            window: 0.1,
            variables: { x: { dt: 0.1, predict: true, objective: 'regression' } },
          },
        },
        ...model,
      });
      const settings = parseTrainSettings({ every: 0.1 });
      return dataNotes(prepareTrainingData(recording, config, settings)).join();
    };
    const noLayers = { layers: { encoder: 0, state: 0, state_history: 0, stimulus: 0 } };
    const counts = { readout: { blocks: 0, bins: 2 } };
    expect(notesWith({})).toContain('have more spikes than block_size.prev_id = 3 holds');
    expect(notesWith({ ...noLayers, readout: { blocks: 1, bins: 2 } })).toContain('block_size');
    expect(notesWith(counts)).toContain('block_size');
    expect(notesWith({ ...noLayers, ...counts })).not.toContain('block_size');
  });

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
