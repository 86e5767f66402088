import { describe, expect, it } from 'vitest';
import { runLengths } from '../../src/analyze/decoded-variable.js';
import { blockCount, scoreWithIntervals } from '../../src/analyze/decoding-scores.js';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { linearBaselines } from '../../src/analyze/linear-baselines.js';
import { summarizeRecording, textRaster } from '../../src/analyze/overview.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { decodeWindows, recordedValues } from '../../src/probe/decode.js';
import { assembleRecording, createRecording } from '../../src/recording/recording.js';
import type { WindowRef } from '../../src/recording/windows.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { behaviorRecording, DECODING, TUNED } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';
import { TinyNeuroformer, WITH_BEHAVIOR } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();

const SPLIT = { fractions: { train: 0.7, validation: 0.1, test: 0.2 } };

/** Windows that end every 0.1 s, of tuned neurons. */
function prepareWindows(seconds = 60) {
  const { config } = parseConfig(DECODING);
  const settings = parseTrainSettings({ every: 0.1, split: SPLIT });
  return prepareTrainingData(behaviorRecording(seconds), config, settings);
}

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

  it('has runs of windows that end at gaps and at the ends of trials', () => {
    const refs = [0.1, 0.2, 0.3, 0.7, 0.8].map((end) => ({ trialIndex: 0, end }));
    expect(runLengths([...refs, { trialIndex: 1, end: 0.1 }, { trialIndex: 1, end: 0.2 }])).toEqual(
      [3, 2, 2],
    );
    expect(runLengths([])).toEqual([]);
  });
});

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

describe('baselines', () => {
  it('decode place and heading from tuned neurons, all better than the mean', () => {
    const { windows, layout, split } = prepareWindows();
    const truth = (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs);
    const inputs = { windows, truth, train: split.train, test: split.test, bin: 0.1 };
    const results = [...linearBaselines({ ...inputs, histories: [1, 2] })];
    expect(results.map(({ name }) => name)).toEqual([
      'mean',
      'ridge, 0.1 s',
      'ridge, 0.2 s',
      'lasso, 0.2 s',
      'Poisson Bayes, rates of 0.1 s',
      'Poisson Bayes, rates of its window',
    ]);
    const blocks = { segments: runLengths(split.test), block: 20, seed: 1 };
    const [mean, ...others] = results.map(({ variables }) =>
      variables!.map((variable) => scoreWithIntervals(variable, blocks)),
    );
    expect(mean![0]!.r2!.value).toBeLessThan(0.1);
    for (const [n, [place, heading]] of others.entries()) {
      expect(place!.r2!.value, results[n + 1]!.name).toBeGreaterThan(0.7);
      expect(heading!.median!.value, results[n + 1]!.name).toBeLessThan(25);
      expect(place!.r2!.low).toBeLessThanOrEqual(place!.r2!.value);
    }
  });

  it('without enough windows to fit on have no variables, but a reason', () => {
    const { windows, layout, split } = prepareWindows(10);
    const truth = (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs);
    const inputs = { windows, truth, train: split.train, test: split.test, bin: 0.1 };
    const results = [...linearBaselines({ ...inputs, histories: [2, 60] })];
    const fitted = results.map(({ name, variables }) => [name, variables !== undefined]);
    expect(fitted).toEqual([
      ['mean', true],
      ['ridge, 0.2 s', true],
      ['ridge, 6 s', true],
      ['lasso, 6 s', false],
      ['Poisson Bayes, rates of 0.1 s', false],
      ['Poisson Bayes, rates of its window', false],
    ]);
    expect(results[3]!.detail).toMatch(/^of 70 windows, none are left to fit on/);
  });

  it('have scores without intervals if all windows form one block', () => {
    const truth = Float64Array.from({ length: 30 }, (_, n) => n);
    const perfect = { name: 'x', kind: 'number' as const, truth, predicted: truth };
    const { r } = scoreWithIntervals(perfect, { segments: [30], block: 40, seed: 1 });
    expect(r).toEqual({ value: 1, low: Number.NaN, high: Number.NaN });
    expect(blockCount({ segments: [30, 5, 5], block: 10 })).toBe(5);
    const twoBlocks = scoreWithIntervals(perfect, { segments: [15, 15], block: 40, seed: 1 });
    expect(twoBlocks.r!.low).toBeCloseTo(1, 9);
  });

  it('have no correlation with a constant truth', () => {
    const constant = {
      name: 'x',
      kind: 'number' as const,
      truth: new Float64Array(30),
      predicted: Float64Array.from({ length: 30 }, (_, n) => n),
    };
    const scores = scoreWithIntervals(constant, { segments: [30], block: 5, seed: 1 });
    expect(scores.r!.value).toBeNaN();
    expect(scores.rmse!.value).toBeGreaterThan(0);
  });
});

describe('the overview of a recording', () => {
  const trial = (id: number, start: number, times: number[][], variables = {}) => ({
    id,
    start,
    duration: 2,
    spikes: { times: times.map((train) => Float64Array.from(train)) },
    variables,
  });

  it('counts neurons, spikes, seconds, gaps and spikes in windows', () => {
    const times = [[0.1, 0.2, 1.5], []];
    const overview = summarizeRecording(
      assembleRecording('two', [trial(0, 0, times), trial(1, 5, times)]),
    );
    expect(overview).toMatchObject({ neurons: 2, spikes: 6, seconds: 4, span: 7, gaps: [3] });
    expect([...overview.rates]).toEqual([1.5, 0]);
    expect(overview.windows.find(({ seconds }) => seconds === 1)).toEqual({
      seconds: 1,
      median: 2,
      nearlyAll: 2,
      most: 2,
    });
    expect(overview.warnings).toEqual([
      '1 of 2 neurons never fire: each costs the model a token and teaches it nothing.',
    ]);
  });

  it('warns of what looks wrong, and says what to do', () => {
    const doubled = [[0.5, 0.5, 0.7], Array.from({ length: 500 }, (_, n) => n / 250)];
    const variables = {
      still: { values: [3, 3, 3, 3], dt: 0.5 },
      heading: { values: [0, 2, 4, 6.28], dt: 0.5 },
      interrupted: { values: [1, 2, 3, 4], times: [0, 0.1, 0.2, 1.9] },
      short: { values: [1, 2], dt: 0.1 },
    };
    const { warnings } = summarizeRecording(
      assembleRecording('odd', [trial(0, 0, doubled, variables)]),
    );
    const text = warnings.join('\n');
    expect(text).toContain('1 neurons fire faster than 200 Hz');
    expect(text).toContain('1 spikes have exactly the time of another spike of the same neuron');
    expect(text).toContain('still is always 3');
    expect(text).toContain('heading ranges from 0.00 to 6.28, as an angle does');
    expect(text).toContain('interrupted has a gap of 1.70 s');
    expect(text).toContain('The samples of short cover only');
  });

  it('recognizes times that are not in seconds by the firing rate', () => {
    const times = Array.from({ length: 20 }, (_, n) => 1000 * n + 500);
    const slow = createRecording({ spikes: { times: [Float64Array.from(times)] } });
    expect(summarizeRecording(slow).warnings.join()).toContain('give the unit with spikes.unit');
  });

  it('draws spikes as text, with denser characters for more spikes', () => {
    const times = [[...Array(50).keys()].map((n) => n / 100), [0.75]].map((t) =>
      Float64Array.from(t),
    );
    const recording = createRecording({ spikes: { times }, duration: 1 });
    expect(textRaster(recording, 4, 2)).toEqual(['@@  ', '   .']);
  });

  it('draws one line per neuron, up to twenty', () => {
    expect(textRaster(behaviorRecording(5))).toHaveLength(TUNED);
  });
});
