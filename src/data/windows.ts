/** Windows: what the model reads and predicts at one moment of a trial, as tokens. */

import { RecordingError } from './errors.js';
import type { Film, Interval, Recording, Series, Trial, Variable } from './recording.js';
import { arange, roundHalfEven, roundToStep } from './rounding.js';
import { type BinnedSpikes, binSpikes, firstAt } from './spikes.js';
import type { ClassVocabulary, NeuronVocabulary, TimeVocabulary } from './tokens.js';

/** Where the original contradicts its paper; `true` is what the paper means, and the default. */
export interface WindowRules {
  /** A window with more spikes than fit keeps its start and the times of the spikes it keeps (quirk 10). */
  readonly keepsStart: boolean;
  /** The past's times count from its own start, also where that lies before the trial (quirk 11). */
  readonly pastHasOwnClock: boolean;
  /** The video ends with the current window, not one window later (quirk 14). */
  readonly videoEndsWithWindow: boolean;
  /** A sample's time is its place in the window; in the original rounding decides whether it is one step more (quirk 3). */
  readonly exactSampleTimes: boolean;
}

export const PAPER_RULES: WindowRules = {
  keepsStart: true,
  pastHasOwnClock: true,
  videoEndsWithWindow: true,
  exactSampleTimes: true,
};

export const ORIGINAL_RULES: WindowRules = {
  keepsStart: false,
  pastHasOwnClock: false,
  videoEndsWithWindow: false,
  exactSampleTimes: false,
};

/** A variable a window samples. */
export interface VariableSetting {
  /** What the window calls it. */
  readonly name: string;
  /** What the recording calls it; default: the same. */
  readonly data?: string | undefined;
  /** Seconds of it that a window holds, and seconds per sample. */
  readonly window: number;
  readonly dt: number;
  readonly classes?: ClassVocabulary | undefined;
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

/** A trial whose spikes are binned and whose variables have the steps that windows want. */
interface Prepared {
  readonly id: number;
  readonly duration: number;
  readonly spikes: BinnedSpikes;
  readonly film: Film | undefined;
  readonly variables: readonly { setting: VariableSetting; series: Series }[];
}

/** Where a window is: its trial's place in the recording, and its end in seconds on the trial's clock. */
export interface WindowRef {
  readonly trial: number;
  readonly end: number;
}

/** The windows of a recording, made when they are asked for. */
export class Windows {
  readonly recording: Recording;
  readonly settings: WindowSettings;
  readonly #trials: readonly Prepared[];
  /** How many variables, and whether a film, the fullest trial has. */
  readonly #variables: number;
  readonly #film: boolean;

  /** @throws RecordingError naming a variable the recording lacks or holds in another form. */
  constructor(recording: Recording, settings: WindowSettings) {
    this.recording = recording;
    this.settings = settings;
    if (recording.neurons > settings.ids.neurons) {
      throw new RecordingError(
        `The recording has ${recording.neurons} neurons, but the vocabulary only ${settings.ids.neurons}: use the tokenizer made for it.`,
      );
    }
    this.#trials = recording.trials.map((trial) => prepare(trial, settings));
    this.#variables = Math.max(...this.#trials.map(({ variables }) => variables.length));
    this.#film = settings.video !== undefined && this.#trials.some(({ film }) => film);
  }

  /** The window that ends at `end`, with the past just before it. */
  at({ trial: index, end }: WindowRef): Window {
    const trial = this.#trial(index);
    const { settings } = this;
    const { video, pastBlock, block, rules, current: length } = settings;
    const { current, past } = this.span({ trial: index, end });
    const variables = trial.variables.map(({ setting, series }) => {
      const from = roundToStep(current.stop - setting.window, settings.times.dt);
      const { stop } = current;
      return [setting.name, sampleSeries(series, from, stop, setting, rules)] as const;
    });
    const lastFrame = end + (rules.videoEndsWithWindow ? 0 : length);
    return {
      trial: trial.id,
      end,
      current: tokenWindow(trial, current, block, settings, false),
      past: tokenWindow(trial, past, pastBlock, settings, rules.pastHasOwnClock),
      frames:
        trial.film && video !== undefined ? framesUpTo(trial, lastFrame, video, rules) : undefined,
      variables: Object.fromEntries(variables),
    };
  }

  /** What a window reads: its current part, its past, and everything together. Seconds on the trial's clock. */
  span({ trial: index, end }: WindowRef): { current: Interval; past: Interval; all: Interval } {
    const { current, past, video, times, rules } = this.settings;
    const from = roundToStep(end - current, times.dt);
    const stop = roundToStep(from + current, times.dt);
    const pastFrom = roundToStep(from - past, times.dt);
    const starts = [pastFrom];
    const stops = [stop];
    const { film, variables } = this.#trial(index);
    if (film && video !== undefined) {
      const lastFrame = end + (rules.videoEndsWithWindow ? 0 : current);
      starts.push(lastFrame - video);
      stops.push(lastFrame);
    }
    for (const { setting } of variables) starts.push(stop - setting.window);
    return {
      current: { start: from, stop },
      past: { start: pastFrom, stop: from },
      all: { start: Math.min(...starts), stop: Math.max(...stops) },
    };
  }

  /** A trial's spikes in the tokenizer's bins. */
  binned(trial: number): BinnedSpikes {
    return this.#trial(trial).spikes;
  }

  /** The past window before `ref`'s current one, of these spikes instead of the recorded ones. */
  pastOf(ref: WindowRef, spikes: BinnedSpikes): TokenWindow {
    const { past } = this.span(ref);
    const { pastBlock, rules } = this.settings;
    return tokenWindow({ spikes }, past, pastBlock, this.settings, rules.pastHasOwnClock);
  }

  /** How many spikes fall into the current and the past window, before any are cut. */
  spikes(ref: WindowRef): { current: number; past: number } {
    const { spikes } = this.#trial(ref.trial);
    const { current, past } = this.span(ref);
    const within = (interval: Interval) => {
      const [first, end] = rangeOf(spikes, interval);
      return end - first;
    };
    return { current: within(current), past: within(past) };
  }

  /**
   * Every window of a trial for which all variables were recorded: the first ends one current window after the trial's
   * start, the next `every` seconds later.
   *
   * @param every default: side by side.
   */
  refsOf(trial: number, every = this.settings.current): WindowRef[] {
    const { duration, variables, film } = this.#trial(trial);
    const { current, times } = this.settings;
    if (variables.length < this.#variables || (this.#film && !film)) return [];
    const recorded = (end: number) =>
      variables.every(({ series: { values, dt, start = 0 } }) => {
        const last = roundHalfEven((end - start) / dt);
        return last >= 1 && last <= values.length;
      });
    const count = Math.floor((duration - current) / every + 1e-6) + 1;
    const ends = Array.from({ length: Math.max(0, count) }, (_, n) =>
      roundToStep(current + n * every, times.dt),
    );
    return ends.filter(recorded).map((end) => ({ trial, end }));
  }

  #trial(index: number): Prepared {
    const trial = this.#trials[index];
    if (!trial)
      throw new RecordingError(
        `There is no trial ${index}: the recording has ${this.#trials.length}.`,
      );
    return trial;
  }
}

function prepare(trial: Trial, settings: WindowSettings): Prepared {
  const variables = settings.variables.flatMap((setting) => {
    const series = trial.variables[setting.data ?? setting.name];
    return series ? [{ setting, series: regular(series, setting.dt, trial.duration) }] : [];
  });
  const spikes = binSpikes(trial.spikes, settings.times.dt);
  return { id: trial.id, duration: trial.duration, spikes, film: trial.film, variables };
}

/** A series of the step wanted: numbers interpolated between samples, labels held until the next or the trial's end. */
function regular(series: Variable, dt: number, duration: number): Series {
  if (!('times' in series)) {
    if (Math.abs(series.dt / dt - 1) < 1e-9) return series;
    const { start = 0, values } = series;
    return regular({ values, times: arangeOf(start, values.length, series.dt) }, dt, duration);
  }
  const { times, values } = series;
  const first = times[0]!;
  const last = times[times.length - 1]!;
  const until = typeof values[0] === 'string' ? Math.max(last, duration - dt) : last;
  const length = Math.floor((until - first) / dt + 1e-9) + 1;
  let at = 0;
  const found = Array.from({ length }, (_, n) => {
    const time = first + n * dt;
    while (at + 1 < times.length && times[at + 1]! <= time + 1e-9) at += 1;
    const [here, next] = [values[at]!, values[at + 1]];
    if (typeof here === 'string' || typeof next !== 'number') return here;
    const share = (time - times[at]!) / (times[at + 1]! - times[at]!);
    return here + Math.max(0, share) * (next - here);
  });
  return { values: found as number[] | string[], dt, start: first };
}

function arangeOf(start: number, length: number, step: number): Float64Array {
  return Float64Array.from({ length }, (_, n) => start + n * step);
}

/** SOS, the last spikes that fit, EOS, and PAD to the end of the block. */
function tokenWindow(
  { spikes }: Pick<Prepared, 'spikes'>,
  { start: from, stop: to }: Interval,
  block: number,
  { ids, times, rules }: WindowSettings,
  ownClock: boolean,
): TokenWindow {
  const [first, end] = rangeOf(spikes, { start: from, stop: to });
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

/** Which entries of binned spikes lie in an interval: the first, and the one past the last. */
function rangeOf(spikes: BinnedSpikes, { start, stop }: Interval): [number, number] {
  const bin = (time: number) => Math.max(0, roundHalfEven(time / spikes.dt));
  return [firstAt(spikes, bin(start)), firstAt(spikes, bin(stop))];
}

/** How many frames so many seconds of a film are. */
export function framesIn(seconds: number, { dt }: Pick<Film, 'dt'>): number {
  return Math.ceil(seconds / dt - 1e-9);
}

/** The frames of `seconds` that end at `end`. */
function framesUpTo(
  { id, film }: Prepared,
  end: number,
  seconds: number,
  rules: WindowRules,
): Float32Array {
  const { data, dt, count: frameCount, height, width, start = 0, choose } = film!;
  const count = framesIn(seconds, film!);
  const size = height * width;
  let last = roundHalfEven((end - start) / dt);
  if (choose) return choose(film!, last, count, id);
  last = Math.min(last, frameCount);
  // Before the film has run so long, the original reads on into the future; here its first frame stands still.
  if (!rules.videoEndsWithWindow) last = Math.max(last, count);
  const frames = new Float32Array(count * size);
  for (let n = 0; n < count; n++) {
    const frame = Math.max(0, last - count + n);
    frames.set(data.subarray(frame * size, (frame + 1) * size), n * size);
  }
  return frames;
}

/** Samples from `from` up to `to`; where the series has not begun or has ended, its nearest sample. */
function sampleSeries(
  { dt, values, start = 0 }: Series,
  from: number,
  to: number,
  { name, classes }: VariableSetting,
  rules: WindowRules,
): Samples {
  const sample = (n: number) => {
    const value = values[n]!;
    if (classes) {
      const token = classes.find(value);
      if (token !== undefined) return token;
      throw new RecordingError(
        `Variable ${name} is ${JSON.stringify(value)}, which is none of its classes: ${classes.values.join(', ')}.`,
      );
    }
    if (typeof value === 'number') return value;
    throw new RecordingError(
      `Variable ${name} holds labels such as "${value}": set its objective to classification.`,
    );
  };
  const first = roundHalfEven((from - start) / dt);
  const end = roundHalfEven((to - start) / dt);
  if (!rules.exactSampleTimes)
    return originalSamples(sample, values.length, first, end, from, to, dt);
  const last = values.length - 1;
  const length = Math.max(1, end - first);
  const found = Float64Array.from({ length }, (_, n) =>
    sample(Math.min(Math.max(end - length + n, 0), last)),
  );
  return { values: found, times: found.map((_, n) => n * dt) };
}

/** As the original has it: cut or filled with zeros to int((to - from) / dt), which rounding may make one too few. */
function originalSamples(
  sample: (n: number) => number,
  available: number,
  from: number,
  to: number,
  start: number,
  stop: number,
  dt: number,
): Samples {
  const first = Math.max(0, from);
  const end = Math.max(first, Math.min(to, available));
  const found = Array.from({ length: end - first }, (_, n) => sample(first + n));
  const times = [...arange(start, stop, dt)].map((time) => time - start);
  const length = Math.trunc((stop - start) / dt);
  return { values: fitTo(found, length), times: fitTo(times, length) };
}

/** The last `length` numbers, zeros after them where there are fewer; all of them where the length came out as 0. */
function fitTo(numbers: readonly number[], length: number): Float64Array {
  if (length === 0) return Float64Array.from(numbers.length > 0 ? numbers : [0]);
  const fitted = new Float64Array(length);
  fitted.set(numbers.slice(-length));
  return fitted;
}
