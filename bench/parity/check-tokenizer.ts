/** Compares vocabularies, time tokens and windows with the examples of tokenizer.json. */

import {
  assembleRecording,
  type Series,
  type Trial,
  type Video,
} from '../../src/recording/recording.js';
import {
  type ClassValue,
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from '../../src/recording/vocabularies.js';
import {
  ORIGINAL_RULES,
  type Window,
  type WindowSettings,
  Windows,
} from '../../src/recording/windows.js';
import type { Tally } from './tally.js';

type Token = number | string;

interface WindowVocabulary {
  window_curr: number;
  window_prev: number;
  dt: number;
}

/** The parts of tokenizer.json that are compared. */
export interface TokenizerExamples {
  vocabularies: (WindowVocabulary & { neurons: number; ID: Token[]; dt_tokens: Token[] })[];
  encode_dt: { dt: number; values: number[]; tokens: number[] }[];
  variables: Record<
    string,
    { given: ClassValue[]; resolution: number | null; tokens: ClassValue[] }
  >;
  windowing: WindowingExample[];
  fractional: WindowVocabulary & {
    spikes: number[][];
    interval: number;
    id_block: number;
    prev_block: number;
    x: Record<string, unknown>;
    y: Record<string, unknown>;
  };
}

interface Variable {
  dt: number;
  predict: boolean;
  objective: string | null;
  resolution?: number;
}

/**
 * Windows of a small recording, with the inputs x and targets y that the original makes of them.
 */
export interface WindowingExample {
  what: string;
  settings: WindowVocabulary & {
    id_block: number;
    prev_block: number;
    frame_window: number;
    frame_dt: number;
    modalities: Record<string, { window: number; variables: Record<string, Variable> }> | null;
    id_tokens: Token[];
  } & Record<string, unknown>;
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

const SPECIAL_TOKENS = ['SOS', 'EOS', 'PAD'] as const;

/** Runs all comparisons with tokenizer.json. */
export function checkTokenizer(examples: TokenizerExamples, tally: Tally): void {
  for (const [n, example] of examples.vocabularies.entries()) {
    const ids = new NeuronVocabulary(example.neurons);
    const times = new TimeVocabulary(example.dt, example.window_curr, example.window_prev);
    const neurons = Array.from({ length: ids.neurons }, (_, neuron) => neuron);
    tally.same('vocabularies', `neurons ${n}`, [...neurons, ...SPECIAL_TOKENS], example.ID);
    tally.same(
      'vocabularies',
      `times ${n}`,
      [...times.values, ...SPECIAL_TOKENS],
      example.dt_tokens,
    );
    for (const special of SPECIAL_TOKENS) {
      tally.same('vocabularies', special, ids[special], example.ID.indexOf(special));
      tally.same('vocabularies', special, times[special], example.dt_tokens.indexOf(special));
    }
  }
  for (const [n, { dt, values, tokens }] of examples.encode_dt.entries()) {
    const { window_curr, window_prev } = examples.vocabularies[n] ?? examples.vocabularies[0]!;
    const times = new TimeVocabulary(dt, window_curr, window_prev);
    tally.same(
      'times as tokens',
      `dt ${dt}`,
      values.map((v) => times.encode(v)),
      tokens,
    );
  }
  for (const [name, { given, resolution, tokens }] of Object.entries(examples.variables)) {
    const classes = new ClassVocabulary(given, resolution ?? undefined);
    tally.same('vocabularies', name, [...classes.values, ...SPECIAL_TOKENS], tokens);
    const encoded = given.map((value) => classes.encode(value));
    tally.same(
      'classes as tokens',
      name,
      encoded,
      given.map((value) => tokens.indexOf(value)),
    );
  }
  for (const example of examples.windowing) checkWindows(example, tally);
  checkFractional(examples.fractional, tally);
}

/** The settings of an example's windows. */
export function exampleSettings({ settings: s }: WindowingExample): WindowSettings {
  const groups = Object.values(s.modalities ?? {});
  const classVocabulary = (name: string, resolution: number | undefined) => {
    const tokens = s[`${name}_tokens`] as Token[];
    const values = tokens.filter((token) => !SPECIAL_TOKENS.includes(token as never));
    return new ClassVocabulary(values, resolution);
  };
  return {
    current: s.window_curr,
    past: s.window_prev,
    block: s.id_block,
    pastBlock: s.prev_block,
    ids: new NeuronVocabulary(s.id_tokens.length - 3),
    times: new TimeVocabulary(s.dt, s.window_curr, s.window_prev),
    video: s.frame_window,
    variables: groups.flatMap(({ window, variables }) =>
      Object.entries(variables).map(([name, { objective, dt, resolution }]) => ({
        name,
        window,
        dt,
        classes: objective === 'classification' ? classVocabulary(name, resolution) : undefined,
      })),
    ),
    rules: ORIGINAL_RULES,
  };
}

/**
 * A trial of an example. Recordings with spikes per trial have one video for every twenty trials.
 */
function exampleTrial({ settings, data }: WindowingExample, id: number): Trial {
  const perTrial = !Array.isArray(data.spikes);
  const counts = perTrial
    ? (data.spikes as Record<string, number[][]>)[id]!
    : (data.spikes as number[][]);
  const videos = data.frame_numbers;
  // Quirk 14: with videos per trial the original uses the number of videos as the number of frames.
  const frameNumbers = perTrial
    ? (videos as number[][])[Math.floor(id / 20.5)]!.slice(0, 4)
    : (videos as number[]);
  const video: Video = {
    data: Float32Array.from(frameNumbers),
    count: frameNumbers.length,
    height: 1,
    width: 1,
    dt: settings.frame_dt,
  };
  const steps = Object.values(settings.modalities ?? {}).flatMap(({ variables }) =>
    Object.entries(variables).map(([name, { dt }]): [string, Series] => [
      name,
      { values: data[name]!, dt },
    ]),
  );
  return {
    id,
    start: 0,
    duration: counts[0]!.length * settings.dt,
    spikes: { counts, dt: settings.dt },
    video,
    variables: Object.fromEntries(steps),
  };
}

/** The window of a trial that ends at `end`. */
export function exampleWindow(trial: Trial, end: number, settings: WindowSettings): Window {
  return new Windows(assembleRecording('example', [trial]), settings).at({ trialIndex: 0, end });
}

const f32 = (values: ArrayLike<number>) => Array.from(values, Math.fround);

function checkWindows(example: WindowingExample, tally: Tally): void {
  const settings = exampleSettings(example);
  for (const { interval, x, y } of example.items) {
    const [end, id] = Array.isArray(interval) ? interval : [interval, 0];
    const window = exampleWindow(exampleTrial(example, id), end, settings);
    const same = (name: string, actual: unknown, expected: unknown) =>
      tally.same('windows', `${name} of ${interval}: ${example.what}`, actual, expected);
    compareTokens(window, x, y, same);
    same('frames', [...window.frames!], (x.frames as number[]).flat(3));
    for (const [group, { variables }] of Object.entries(example.settings.modalities ?? {})) {
      for (const [name, { predict }] of Object.entries(variables)) {
        const key = `modalities.${group}.${name}`;
        const { values, times } = window.variables[name]!;
        const source = predict ? y : x;
        same(key, f32(values), [source[`${key}.value`]].flat(3));
        same(`${key}.dt`, f32(times), [source[`${key}.dt`]].flat(3));
      }
    }
  }
}

function compareTokens(
  { current, past }: Window,
  x: Record<string, unknown>,
  y: Record<string, unknown>,
  same: (name: string, actual: unknown, expected: unknown) => void,
): void {
  same('id', [...current.ids], x.id);
  same('dt', [...current.times], x.dt);
  same('next id', [...current.nextIds], y.id);
  same('next dt', [...current.nextTimes], y.dt);
  same('id_prev', [...past.ids], x.id_prev);
  same('dt_prev', [...past.times], x.dt_prev);
  if ('pad' in x) same('pad', current.pad, x.pad);
  if ('pad_prev' in x) same('pad_prev', past.pad, x.pad_prev);
  if ('cid' in x) same('cid', f32([current.start, current.stop]), x.cid);
  if ('pid' in x) same('pid', f32([past.start, past.stop]), x.pid);
}

function checkFractional(f: TokenizerExamples['fractional'], tally: Tally): void {
  const settings: WindowSettings = {
    current: f.window_curr,
    past: f.window_prev,
    block: f.id_block,
    pastBlock: f.prev_block,
    ids: new NeuronVocabulary(f.spikes.length),
    times: new TimeVocabulary(f.dt, f.window_curr, f.window_prev),
    variables: [],
    rules: ORIGINAL_RULES,
  };
  const trial: Trial = {
    id: 0,
    start: 0,
    duration: f.dt * f.spikes[0]!.length,
    spikes: { counts: f.spikes, dt: f.dt },
    variables: {},
  };
  compareTokens(exampleWindow(trial, f.interval, settings), f.x, f.y, (name, actual, expected) =>
    tally.same('fractional counts', name, actual, expected),
  );
}
