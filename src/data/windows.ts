/** Windows: what the model reads and predicts at one moment of a trial, as tokens. */

import type { Film, Series, Trial } from './recording.js';
import { firstAt } from './recording.js';
import { arange, roundHalfEven, roundToStep } from './rounding.js';
import type { ClassVocabulary, NeuronVocabulary, TimeVocabulary } from './tokens.js';

/** Where the original contradicts its paper; `true` is what the paper means, and the default. */
export interface WindowRules {
  /** A window with more spikes than fit keeps its start and the times of the spikes it keeps (quirk 10). */
  readonly keepsStart: boolean;
  /** The past's times count from its own start, also where that lies before the trial (quirk 11). */
  readonly pastHasOwnClock: boolean;
  /** The video ends with the current window, not one window later (quirk 14). */
  readonly videoEndsWithWindow: boolean;
}

export const PAPER_RULES: WindowRules = {
  keepsStart: true,
  pastHasOwnClock: true,
  videoEndsWithWindow: true,
};

export const ORIGINAL_RULES: WindowRules = {
  keepsStart: false,
  pastHasOwnClock: false,
  videoEndsWithWindow: false,
};

/** A variable a window samples. */
export interface VariableSetting {
  readonly name: string;
  /** Seconds of it that a window holds. */
  readonly window: number;
  readonly classes?: ClassVocabulary;
}

export interface WindowSettings {
  /** Seconds of the current and the past window. */
  readonly current: number;
  readonly past: number;
  /** Tokens of the current and the past window, SOS and EOS included. */
  readonly block: number;
  readonly pastBlock: number;
  readonly ids: NeuronVocabulary;
  readonly times: TimeVocabulary;
  /** Seconds of video; undefined without. */
  readonly video?: number | undefined;
  readonly variables: readonly VariableSetting[];
  readonly rules: WindowRules;
}

/** A sequence of tokens with its times: as it is read, and moved by one as it is to be predicted. */
export interface TokenWindow {
  readonly ids: Int32Array;
  readonly times: Int32Array;
  readonly nextIds: Int32Array;
  readonly nextTimes: Int32Array;
  /** The block is this much longer than the window with SOS and EOS, plus one. */
  readonly pad: number;
  /** Spikes in the window, before any were cut. */
  readonly spikes: number;
  /** Seconds from the trial's start: from `from` up to but not including `to`. */
  readonly from: number;
  readonly to: number;
}

/** Samples of a variable within a window, and their times from the window's start. */
export interface Samples {
  /** Numbers, or class tokens. */
  readonly values: Float64Array;
  /** Seconds. */
  readonly times: Float64Array;
}

/** Everything of one moment. */
export interface Window {
  readonly trial: number;
  /** Seconds from the trial's start: where the current window ends. */
  readonly end: number;
  readonly current: TokenWindow;
  readonly past: TokenWindow;
  /** Frames, row-major [frames, height, width]. */
  readonly frames: Float32Array | undefined;
  readonly variables: Readonly<Record<string, Samples>>;
}

/** The window that ends at `end`, with the past just before it. */
export function makeWindow(trial: Trial, end: number, settings: WindowSettings): Window {
  const { current, past, block, pastBlock, rules } = settings;
  const { dt } = settings.times;
  const from = roundToStep(end - current, dt);
  const to = roundToStep(from + current, dt);
  const pastFrom = roundToStep(from - past, dt);
  const variables: Record<string, Samples> = {};
  for (const variable of settings.variables) {
    const series = trial.variables[variable.name];
    if (series)
      variables[variable.name] = sampleSeries(
        series,
        roundToStep(to - variable.window, dt),
        to,
        variable,
      );
  }
  return {
    trial: trial.id,
    end,
    current: tokenWindow(trial, from, to, block, settings, false),
    past: tokenWindow(trial, pastFrom, from, pastBlock, settings, rules.pastHasOwnClock),
    frames:
      trial.film && settings.video !== undefined
        ? framesUpTo(
            trial.film,
            end + (rules.videoEndsWithWindow ? 0 : current),
            settings.video,
            rules,
          )
        : undefined,
    variables,
  };
}

/** SOS, the last spikes that fit, EOS, and PAD to the end of the block. */
function tokenWindow(
  trial: Trial,
  from: number,
  to: number,
  block: number,
  { ids, times, rules }: WindowSettings,
  ownClock: boolean,
): TokenWindow {
  const { spikes } = trial;
  const bin = (time: number) => Math.max(0, roundHalfEven(time / spikes.dt));
  const first = firstAt(spikes, bin(from));
  const end = firstAt(spikes, bin(to));
  const origin = from > 0 || ownClock ? from : 0;
  const time = (n: number) => times.encode(spikes.bins[n]! * spikes.dt - origin);
  const kept = Math.max(first, end - (block - 2));
  const pad = block - (end - kept + 2) + 1;
  const allIds = new Int32Array(block + 1).fill(ids.PAD);
  const allTimes = new Int32Array(block + 1).fill(times.PAD);
  allIds[0] = ids.SOS;
  allTimes[0] = 0;
  let at = 1;
  for (let n = kept; n < end; n++, at++) {
    allIds[at] = spikes.neurons[n]!;
    allTimes[at] = time(n);
  }
  allIds[at] = ids.EOS;
  allTimes[at] = times.EOS;
  // The original cuts the times by themselves, to the last `block` of them, and so loses the start's 0.
  if (!rules.keepsStart && kept > first) allTimes[0] = time(kept - 1);
  return {
    ids: allIds.slice(0, block),
    times: allTimes.slice(0, block),
    nextIds: allIds.slice(1),
    nextTimes: allTimes.slice(1),
    pad,
    spikes: end - first,
    from,
    to,
  };
}

/** The frames of `seconds` that end at `end`. */
function framesUpTo(film: Film, end: number, seconds: number, rules: WindowRules): Float32Array {
  const count = Math.ceil(seconds / film.dt - 1e-9);
  const size = film.height * film.width;
  const frames = new Float32Array(count * size);
  let last = Math.min(roundHalfEven(end / film.dt), film.count);
  // Before the film has run so long, the original reads on into the future; here its first frame stands still.
  if (!rules.videoEndsWithWindow) last = Math.max(last, count);
  for (let n = 0; n < count; n++) {
    const frame = Math.max(0, last - count + n);
    frames.set(film.data.subarray(frame * size, (frame + 1) * size), n * size);
  }
  return frames;
}

/** Samples from `from` up to `to`, cut or filled with zeros to as many as the window holds, the last ones kept. */
function sampleSeries(
  series: Series,
  from: number,
  to: number,
  { name, classes }: VariableSetting,
): Samples {
  const { dt, values } = series;
  const first = Math.max(0, roundHalfEven(from / dt));
  const end = Math.max(first, Math.min(roundHalfEven(to / dt), values.length));
  const found = Array.from({ length: end - first }, (_, n) => {
    const value = values[first + n]!;
    if (classes) return classes.encode(value);
    if (typeof value === 'string')
      throw new Error(`Variable ${name} holds labels such as "${value}": classify it.`);
    return value;
  });
  const times = [...arange(from, to, dt)].map((time) => time - from);
  const length = Math.trunc((to - from) / dt);
  return { values: fitTo(found, length), times: fitTo(times, length) };
}

/** The last `length` numbers, zeros after them where there are fewer; all of them where the length came out as 0. */
function fitTo(numbers: readonly number[], length: number): Float64Array {
  if (length === 0) return Float64Array.from(numbers.length > 0 ? numbers : [0]);
  const fitted = new Float64Array(length);
  fitted.set(numbers.slice(-length));
  return fitted;
}
