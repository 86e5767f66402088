import { describe, expect, it } from 'vitest';
import {
  checkTokenizer,
  exampleSettings,
  exampleWindow,
  type TokenizerExamples,
} from '../../bench/parity/check-tokenizer.js';
import { findingTable, Tally } from '../../bench/parity/tally.js';
import { HostRandom } from '../../src/math/random.js';
import { assembleRecording, type Trial, type Video } from '../../src/recording/recording.js';
import { spikesFromCounts, spikesFromTimes } from '../../src/recording/spikes.js';
import { TimeVocabulary } from '../../src/recording/vocabularies.js';
import {
  ORIGINAL_RULES,
  PAPER_RULES,
  type WindowRules,
  type WindowSettings,
  Windows,
} from '../../src/recording/windows.js';
import { goldenJson } from '../helpers/golden.js';

const golden = goldenJson<TokenizerExamples>('tokenizer.json');

it('vocabularies, time tokens and windows equal those of the original in every example', () => {
  const tally = new Tally();
  checkTokenizer(golden, tally);
  const differing = tally.findings.filter(({ share }) => !(share <= 1));
  expect(findingTable(differing.map((finding) => ({ ...finding, case: '' })))).toBe('');
  const compared = Object.fromEntries(tally.findings.map(({ what, compared }) => [what, compared]));
  expect(compared).toEqual({
    vocabularies: 74,
    'times as tokens': 9,
    'classes as tokens': 2,
    windows: 688,
    'fractional counts': 10,
  });
});

const settingsWith = (rules: WindowRules): WindowSettings => ({
  ...exampleSettings(golden.windowing[0]!),
  variables: [],
  rules,
});

/** A video of frames of one pixel. */
function makeVideo(pixels: readonly number[]): Video {
  return { data: Float32Array.from(pixels), count: pixels.length, height: 1, width: 1, dt: 0.05 };
}

describe('windows under the paper’s rules', () => {
  const counts = Array.from({ length: 6 }, (_, n) =>
    Array.from({ length: 30 }, (_, bin) => Number((bin + n) % 3 === 0)),
  );
  const trial: Trial = {
    id: 0,
    start: 0,
    duration: 0.3,
    spikes: { counts, dt: 0.01 },
    video: makeVideo([...Array(15).keys()]),
    variables: {},
  };
  const at = (end: number, rules: WindowRules) => exampleWindow(trial, end, settingsWith(rules));

  it('keep the start token of a full window, and the times of the spikes that fit', () => {
    const [paper, original] = [PAPER_RULES, ORIGINAL_RULES].map((rules) => at(0.2, rules).current);
    expect(paper!.spikeCount).toBeGreaterThan(6);
    expect(paper!.ids).toEqual(original!.ids);
    expect(paper!.times[0]).toBe(0);
    expect(original!.times[0]).not.toBe(0);
    expect(paper!.times.slice(1)).toEqual(original!.times.slice(1));
  });

  it('count times in the past window from its own start, also before the trial', () => {
    const [paper, original] = [PAPER_RULES, ORIGINAL_RULES].map((rules) => at(0.1, rules).past);
    const last = paper!.ids.indexOf(7) - 1;
    expect(paper!.times[last]! - original!.times[last]!).toBe(10);
  });

  it('end the video with the window, and repeat its first frame before it began', () => {
    expect([...at(0.5, PAPER_RULES).frames!]).toEqual([6, 7, 8, 9]);
    expect([...at(0.5, ORIGINAL_RULES).frames!]).toEqual([7, 8, 9, 10]);
    expect([...at(0.1, PAPER_RULES).frames!]).toEqual([0, 0, 0, 1]);
  });

  it('are the same from event times as from counts in bins', () => {
    const times = counts.map((row) =>
      row.flatMap((count, bin) => (count ? [bin * 0.01 + 0.004] : [])),
    );
    expect(spikesFromTimes(times, 0.01)).toEqual(spikesFromCounts(counts, 0.01));
  });
});

describe('spikes', () => {
  it('with a count or time that is not a number, or before the start, are rejected by neuron', () => {
    expect(() =>
      spikesFromCounts(
        [
          [0, 1],
          [0, Number.NaN],
        ],
        0.01,
      ),
    ).toThrow('neuron 1 in bin 1 is NaN');
    expect(() => spikesFromTimes([[0.1], [0.2, -0.5]], 0.01)).toThrow(
      'Spike 1 of neuron 1 is at -0.5 s',
    );
  });

  it('on the edge of a bin belong to the bin that starts there, despite rounding', () => {
    expect([...spikesFromTimes([[0.1 + 0.2, 0.7 - 0.1]], 0.1).bins]).toEqual([3, 6]);
  });
});

describe('behavior under the rules of the original', () => {
  /** NumPy's arange: its first two values, then multiples of their difference. */
  function numpyArange(start: number, stop: number, step: number): number[] {
    const count = Math.ceil((stop - start) / step);
    const values = [start, start + step].slice(0, Math.max(0, count));
    const difference = start + step - start;
    for (let n = 2; n < count; n++) values.push(start + n * difference);
    return values;
  }

  /** Python's round(x, 6) and round(x) of the original's times. */
  const toStep = (time: number, dt: number) => Number((dt * halfEven(time / dt)).toFixed(6));
  const halfEven = (value: number) => {
    const nearest = Math.round(value);
    return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
  };

  it('has the original’s samples and times in 10,000 made windows', () => {
    const random = new HostRandom(5);
    const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)]!;
    let compared = 0;
    const offsets = new Set<number>();
    while (compared < 10_000) {
      const dt = pick([0.001, 0.005, 0.01, 0.02, 0.025, 0.05]);
      const current = Number((dt * (1 + random.integer(12))).toFixed(6));
      const step = pick([0.01, 0.02, 0.03, 0.05, 0.1]);
      const values = Float64Array.from({ length: 4000 }, (_, n) => n + 1);
      const duration = 40;
      const settings: WindowSettings = {
        ...settingsWith(ORIGINAL_RULES),
        current,
        past: 0,
        times: new TimeVocabulary(dt, current, 0),
        variables: [{ name: 'speed', window: step, dt: step }],
      };
      const spikes = { times: [Float64Array.of(0.001)] };
      const trial: Trial = {
        id: 0,
        start: 0,
        duration,
        spikes,
        variables: { speed: { values, dt: step } },
      };
      const windows = new Windows(assembleRecording('made', [trial]), settings);
      for (let n = 0; n < 100; n++, compared++) {
        const end = Number(
          (current * (1 + random.integer(Math.floor(duration / current)))).toFixed(6),
        );
        const start = toStep(end - current, dt);
        const stop = toStep(start + current, dt);
        const count = Math.trunc((stop - start) / step);
        const [first, last] = [start, stop].map((time) => Math.max(0, halfEven(time / step)));
        const cut = (numbers: number[]) =>
          count === 0
            ? numbers
            : [...numbers.slice(-count), ...Array(Math.max(0, count - numbers.length)).fill(0)];
        const times = cut(numpyArange(start, stop, step).map((time) => time - start));
        const { speed } = windows.samplesAt({ trialIndex: 0, end });
        const where = `dt ${dt}, current ${current}, step ${step}, end ${end}`;
        expect([...speed!.times], where).toEqual(times);
        const expected = cut([...values.slice(first, last)]);
        expect([...speed!.values], where).toEqual(expected.length > 0 ? expected : [0]);
        offsets.add(times.at(-1)! / step);
      }
    }
    // Rounding makes times that are not quite multiples of the step: they are compared exactly.
    expect(offsets.size).toBeGreaterThan(100);
  });

  it('always has the sample after 50 ms in windows of 60 ms with bins of 20 ms', () => {
    const settings: WindowSettings = {
      ...settingsWith(ORIGINAL_RULES),
      current: 0.06,
      past: 0.06,
      times: new TimeVocabulary(0.02, 0.06, 0.06),
      variables: [{ name: 'speed', window: 0.05, dt: 0.05 }],
    };
    const values = Float64Array.from({ length: 100 }, (_, n) => n);
    const trial: Trial = {
      id: 0,
      start: 0,
      duration: 5,
      spikes: { times: [Float64Array.of(0.001)] },
      variables: { speed: { values, dt: 0.05 } },
    };
    const windows = new Windows(assembleRecording('made', [trial]), settings);
    for (let n = 3; n < 60; n++) {
      const { times } = windows.samplesAt({ trialIndex: 0, end: 0.06 * n }).speed!;
      expect([...times].map((time) => Math.fround(time))).toEqual([Math.fround(0.05)]);
    }
  });
});
