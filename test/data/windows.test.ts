import { describe, expect, it } from 'vitest';
import { type Film, recordingOf, type Series, type Trial } from '../../src/data/recording.js';
import { spikesFromCounts, spikesFromTimes } from '../../src/data/spikes.js';
import { ClassVocabulary, NeuronVocabulary, TimeVocabulary } from '../../src/data/tokens.js';
import {
  ORIGINAL_RULES,
  PAPER_RULES,
  type Window,
  type WindowRules,
  type WindowSettings,
  Windows,
} from '../../src/data/windows.js';
import { goldenJson } from '../helpers/golden.js';

interface Variable {
  dt: number;
  predict: boolean;
  objective: string | null;
}

interface Windowing {
  what: string;
  settings: {
    dt: number;
    window_curr: number;
    window_prev: number;
    id_block: number;
    prev_block: number;
    frame_window: number;
    frame_dt: number;
    modalities: Record<string, { window: number; variables: Record<string, Variable> }> | null;
    id_tokens: unknown[];
    gait_tokens?: (number | string)[];
  };
  data: {
    spikes: number[][] | Record<string, number[][]>;
    frame_numbers: number[] | number[][];
  } & Record<string, number[]>;
  items: {
    interval: number | [number, number];
    x: Record<string, unknown>;
    y: Record<string, unknown>;
  }[];
}

const golden = goldenJson<{ windowing: Windowing[]; fractional: Record<string, unknown> }>(
  'tokenizer.json',
);

function settingsOf(
  { settings: s }: Windowing,
  rules: WindowRules = ORIGINAL_RULES,
): WindowSettings {
  const groups = Object.values(s.modalities ?? {});
  const classes = s.gait_tokens?.filter((token): token is number => typeof token === 'number');
  return {
    current: s.window_curr,
    past: s.window_prev,
    block: s.id_block,
    pastBlock: s.prev_block,
    ids: new NeuronVocabulary(s.id_tokens.length - 3),
    times: new TimeVocabulary(s.dt, s.window_curr, s.window_prev),
    video: s.frame_window,
    variables: groups.flatMap(({ window, variables }) =>
      Object.entries(variables).map(([name, { objective, dt }]) => ({
        name,
        window,
        dt,
        ...(objective === 'classification' && { classes: new ClassVocabulary(classes!, 0.5) }),
      })),
    ),
    rules,
  };
}

function filmOf(numbers: readonly number[], dt: number): Film {
  return { data: Float32Array.from(numbers), count: numbers.length, height: 1, width: 1, dt };
}

/** The trial an item belongs to; recordings per trial show one film for each twenty trials. */
function trialOf({ settings, data }: Windowing, id: number): Trial {
  const perTrial = !Array.isArray(data.spikes);
  const counts = perTrial
    ? (data.spikes as Record<string, number[][]>)[id]!
    : (data.spikes as number[][]);
  const numbers = perTrial
    ? (data.frame_numbers as number[][])[Math.floor(id / 20.5)]!
    : (data.frame_numbers as number[]);
  const variables: Record<string, Series> = {};
  for (const name of ['speed', 'phi', 'gait'])
    variables[name] = { values: Float64Array.from(data[name]!), dt: 0.05 };
  // Quirk 14: with films per trial the original takes the number of films for that of frames.
  const film = filmOf(perTrial ? numbers.slice(0, 4) : numbers, settings.frame_dt);
  return {
    id,
    start: 0,
    duration: counts[0]!.length * settings.dt,
    spikes: { counts, dt: settings.dt },
    film,
    variables,
  };
}

function windowOf(trial: Trial, end: number, settings: WindowSettings): Window {
  return new Windows(recordingOf('example', [trial]), settings).at({ trial: 0, end });
}

const f32 = (values: ArrayLike<number>) => Array.from(values, Math.fround);

describe('windows', () => {
  it.each(golden.windowing)('under the original’s rules are its own: $what', (example) => {
    const settings = settingsOf(example);
    expect(example.items.length).toBeGreaterThan(5);
    for (const { interval, x, y } of example.items) {
      const [end, id] = Array.isArray(interval) ? interval : [interval, 0];
      const { current, past, frames, variables } = windowOf(trialOf(example, id), end, settings);
      const label = `interval ${interval}`;
      expect([...current.ids], `${label} id`).toEqual(x.id);
      expect([...current.times], `${label} dt`).toEqual(x.dt);
      expect(current.pad, `${label} pad`).toBe(x.pad);
      expect([...current.nextIds], `${label} next id`).toEqual(y.id);
      expect([...current.nextTimes], `${label} next dt`).toEqual(y.dt);
      expect([...past.ids], `${label} id_prev`).toEqual(x.id_prev);
      expect([...past.times], `${label} dt_prev`).toEqual(x.dt_prev);
      expect(past.pad, `${label} pad_prev`).toBe(x.pad_prev);
      expect(f32([current.from, current.to]), `${label} cid`).toEqual(x.cid);
      expect(f32([past.from, past.to]), `${label} pid`).toEqual(x.pid);
      expect([...frames!], `${label} frames`).toEqual((x.frames as number[]).flat(3));
      for (const [group, { variables: named }] of Object.entries(
        example.settings.modalities ?? {},
      )) {
        for (const [name, { predict }] of Object.entries(named)) {
          const key = `modalities.${group}.${name}`;
          const { values, times } = variables[name]!;
          if (predict) {
            expect(f32(values), `${label} ${key}`).toEqual([y[`${key}.value`]].flat());
            expect(f32(times), `${label} ${key} dt`).toEqual([y[`${key}.dt`]].flat());
          } else {
            expect(f32(values), `${label} ${key}`).toEqual(
              (x[`${key}.value`] as number[][]).flat(),
            );
            expect(f32(times), `${label} ${key} dt`).toEqual(x[`${key}.dt`]);
          }
        }
      }
    }
  });

  it('round fractional counts to even and ignore negative ones', () => {
    const g = golden.fractional as unknown as Windowing['settings'] & {
      spikes: number[][];
      interval: number;
      x: Record<string, unknown>;
    };
    const settings: WindowSettings = {
      current: g.window_curr,
      past: g.window_prev,
      block: g.id_block,
      pastBlock: g.prev_block,
      ids: new NeuronVocabulary(g.spikes.length),
      times: new TimeVocabulary(g.dt, g.window_curr, g.window_prev),
      variables: [],
      rules: ORIGINAL_RULES,
    };
    const trial = {
      id: 0,
      start: 0,
      duration: 0.15,
      spikes: { counts: g.spikes, dt: g.dt },
      variables: {},
    };
    const { current, past, frames } = windowOf(trial, g.interval, settings);
    expect([...current.ids]).toEqual(g.x.id);
    expect([...current.times]).toEqual(g.x.dt);
    expect([...past.ids]).toEqual(g.x.id_prev);
    expect(frames).toBeUndefined();
  });
});

describe('windows under the paper’s rules', () => {
  const steady = golden.windowing[0]!;
  const counts = Array.from({ length: 6 }, (_, n) =>
    Array.from({ length: 30 }, (_, bin) => Number((bin + n) % 3 === 0)),
  );
  const trial: Trial = {
    id: 0,
    start: 0,
    duration: 0.3,
    spikes: { counts, dt: 0.01 },
    film: filmOf([...Array(15).keys()], 0.05),
    variables: {},
  };
  const at = (end: number, rules: WindowRules) => windowOf(trial, end, settingsOf(steady, rules));

  it('keep the start token of a full window, with the times of the spikes that stay', () => {
    const [paper, original] = [PAPER_RULES, ORIGINAL_RULES].map((rules) => at(0.2, rules).current);
    expect(paper!.spikes).toBeGreaterThan(6);
    expect(paper!.ids).toEqual(original!.ids);
    expect(paper!.times[0]).toBe(0);
    expect(original!.times[0]).not.toBe(0);
    expect(paper!.times.slice(1)).toEqual(original!.times.slice(1));
  });

  it('count the past’s times from its own start, also before the trial', () => {
    const [paper, original] = [PAPER_RULES, ORIGINAL_RULES].map((rules) => at(0.1, rules).past);
    const last = paper!.ids.indexOf(7) - 1;
    expect(paper!.times[last]! - original!.times[last]!).toBe(10);
  });

  it('end the video with the window, its first frame standing still before it began', () => {
    expect([...at(0.5, PAPER_RULES).frames!]).toEqual([6, 7, 8, 9]);
    expect([...at(0.5, ORIGINAL_RULES).frames!]).toEqual([7, 8, 9, 10]);
    expect([...at(0.1, PAPER_RULES).frames!]).toEqual([0, 0, 0, 1]);
  });

  it('are the same from event times as from the counts of their bins', () => {
    const times = counts.map((row) =>
      row.flatMap((count, bin) => (count ? [bin * 0.01 + 0.004] : [])),
    );
    expect(spikesFromTimes(times, 0.01)).toEqual(spikesFromCounts(counts, 0.01));
  });
});

describe('spikes', () => {
  it('that are no numbers or lie before the start are refused, naming the neuron', () => {
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

  it('at a whole number of bins belong to the bin they start', () => {
    expect([...spikesFromTimes([[0.1 + 0.2, 0.7 - 0.1]], 0.1).bins]).toEqual([3, 6]);
  });
});
