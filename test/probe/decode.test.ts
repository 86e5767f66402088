import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import {
  decodedValues,
  decodeWindows,
  meanPredictions,
  type Prediction,
  recordedValues,
} from '../../src/probe/decode.js';
import { createRecording } from '../../src/recording/recording.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';
import { TinyNeuroformer, WITH_BEHAVIOR } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();

const SPLIT = { fractions: { train: 0.7, validation: 0.1, test: 0.2 } };

describe('decoding', () => {
  it('has true values in their own units and classes', () => {
    const tiny = new TinyNeuroformer(engine(), WITH_BEHAVIOR);
    const refs = [1, 2.35, 3.6].map((end) => ({ trialIndex: 0, end }));
    const [turn, gait] = recordedValues(tiny.layout, tiny.windows, refs);
    // The last sample of a window covers its last 0.05 s.
    const samples = refs.map(({ end }) => Math.round((end - 0.05) / 0.05));
    expect([...(turn!.truth as Float64Array)]).toEqual(
      samples.map((n) => expect.closeTo(Math.cos(n / 11), 12)),
    );
    expect(gait!.truth).toEqual(samples.map((n) => ['rest', 'walk', 'run'][(n >> 3) % 3]));
    tiny.dispose();
  });

  it('has true angles within the first turn, like decoded ones', () => {
    const values = Float64Array.from({ length: 40 }, (_, n) => n * 9 - 180);
    const recording = createRecording({
      spikes: { times: [Float64Array.of(0.5, 1, 1.5)] },
      variables: { heading: { values, dt: 0.1 } },
      duration: 4,
    });
    const heading = { dt: 0.1, predict: true, objective: 'circular', period: 360 };
    const modalities = { behavior: { n_layers: 0, window: 0.1, variables: { heading } } };
    const { config } = parseConfig({ ...DECODING, modalities, loss: {} });
    const settings = parseTrainSettings({ every: 0.1, split: SPLIT });
    const { windows, layout, split } = prepareTrainingData(recording, config, settings);
    const [variable] = recordedValues(layout, windows, split.train.slice(0, 3));
    expect([...(variable!.truth as Float64Array)]).toEqual([180, 189, 198]);
  });

  it('decodes all windows in their order, whatever the batch they are in', async () => {
    const tiny = new TinyNeuroformer(engine(), WITH_BEHAVIOR);
    const { model, layout, windows } = tiny;
    const refs = windows.windowsInTrial(0).slice(0, 70);
    const inputs = { engine: engine(), model, layout, windows };
    const [together] = await decodeWindows(inputs, refs);
    expect(together!.predicted).toHaveLength(70);
    for (const n of [0, 63, 64, 69]) {
      const [alone] = await decodeWindows(inputs, [refs[n]!]);
      expect(alone!.predicted[0], `window ${n}`).toBeCloseTo(together!.predicted[n] as number, 5);
    }
    const [, gait] = await decodeWindows(inputs, refs.slice(0, 3));
    for (const value of gait!.predicted) expect(['rest', 'walk', 'run']).toContain(value);
    tiny.dispose();
  });

  it('averages models: numbers, angles as unit vectors, classes by their probabilities', () => {
    const predictions = (value: number, degrees: number, left: number): Prediction[] => {
      const empty = { truth: new Float64Array(1), predicted: new Float64Array(0) };
      const radians = (degrees * Math.PI) / 180;
      return [
        { variable: { name: 'x', kind: 'number', ...empty }, rows: [[value]], classes: [] },
        {
          variable: { name: 'angle', kind: 'angle', period: 360, ...empty },
          rows: [[Math.cos(radians), Math.sin(radians)]],
          classes: [],
        },
        {
          variable: { name: 'side', kind: 'class', truth: ['left'], predicted: [] },
          rows: [[left, 1 - left]],
          classes: ['left', 'right'],
        },
      ];
    };
    const models = [predictions(1, 350, 0.45), predictions(2, 20, 0.4), predictions(6, 5, 0.9)];
    const [x, angle, side] = decodedValues(meanPredictions(models));
    expect(x!.predicted[0]).toBe(3);
    expect(angle!.predicted[0]).toBeCloseTo(5, 9);
    // Two models of three say right, but the third is surer.
    expect(side!.predicted).toEqual(['left']);
    expect(decodedValues(models[0]!)[1]!.predicted[0]).toBeCloseTo(350, 9);
  });
});
