import { describe, expect, it } from 'vitest';
import {
  checkTokenizer,
  exampleSettings,
  exampleWindow,
  type TokenizerExamples,
} from '../../bench/parity/check-tokenizer.js';
import { findingTable, Tally } from '../../bench/parity/tally.js';
import type { Trial, Video } from '../../src/recording/recording.js';
import { spikesFromCounts, spikesFromTimes } from '../../src/recording/spikes.js';
import {
  ORIGINAL_RULES,
  PAPER_RULES,
  type WindowRules,
  type WindowSettings,
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
