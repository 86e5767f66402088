import { describe, expect, it } from 'vitest';
import { describeConditions, summarizeRecording, textRaster } from '../../src/analyze/overview.js';
import { assembleRecording, createRecording } from '../../src/recording/recording.js';
import { behaviorRecording, TUNED } from '../helpers/behavior.js';

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
      percentile999: 2,
      maximum: 2,
    });
    expect(overview.warnings).toEqual([
      '1 of 2 neurons never fire: each costs the model a token and teaches it nothing. In a dataset.yaml, spikes.min_spikes: 1 leaves them out.',
    ]);
  });

  it('counts conditions by how often they were repeated', () => {
    const times = [[0.1], [0.2]];
    const describe = (...shown: (string | undefined)[]) =>
      describeConditions(
        summarizeRecording(
          assembleRecording(
            'shown',
            shown.map((condition, n) => ({
              ...trial(n, 2 * n, times),
              ...(condition !== undefined && { condition }),
            })),
          ),
        ),
      );
    expect(describe('a', 'b', 'a', 'c', 'a')).toBe('3: 1 in 3 trials, 2 in one trial');
    expect(describe('a', 'b', 'b', 'a')).toBe('2, each in 2 trials');
    expect(describe('a', 'a', 'a')).toBe('1, in 3 trials');
    expect(describe('a', undefined, 'a', undefined)).toBe(
      '1, in 2 trials; 2 of 4 trials have none',
    );
    expect(describe(undefined, undefined)).toBeUndefined();
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
