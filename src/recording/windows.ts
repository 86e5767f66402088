/** Windows: what the model reads and predicts at one moment of a trial, as tokens. */

import { roundToStep } from '../math/rounding.js';
import { RecordingError } from './errors.js';
import type { Interval, Recording, Series, Trial, Video } from './recording.js';
import {
  findSamplingGaps,
  framesBefore,
  framesUpTo,
  regular,
  type Samples,
  sampleSeries,
  samplesBetween,
  type VariableSetting,
} from './sampling.js';
import { type BinnedSpikes, binSpikes, spikesWithin } from './spikes.js';
import type { NeuronVocabulary, TimeVocabulary } from './vocabularies.js';

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

/** Everything of one moment. */
export interface Window {
  readonly trialId: number;
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
  readonly video: Video | undefined;
  readonly variables: readonly {
    setting: VariableSetting;
    series: Series;
    /** Where nothing of it was sampled: windows do not end there. */
    gaps: readonly Interval[];
  }[];
}

/** Where a window is: its trial's place in the recording, and its end in seconds on the trial's clock. */
export interface WindowRef {
  readonly trialIndex: number;
  readonly end: number;
}

/** The windows of a recording, made when they are asked for. */
export class Windows {
  readonly recording: Recording;
  readonly settings: WindowSettings;
  readonly #trials: readonly Prepared[];
  /** Variables that some trial has, and whether any has a video: windows are of trials that have all. */
  readonly #variables: readonly string[];
  readonly #video: boolean;

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
    const names = this.#trials.map(({ variables }) => variables.map(({ setting }) => setting.name));
    this.#variables = [...new Set(names.flat())];
    const whole = names.some((own) => own.length === this.#variables.length);
    if (names.length > 0 && !whole) {
      const counts = this.#variables.map(
        (name) => `${name} in ${names.filter((own) => own.includes(name)).length}`,
      );
      throw new RecordingError(
        `None of the ${names.length} trials has all variables that the configuration names: ${counts.join(', ')}. Name those that trials have together.`,
      );
    }
    this.#video = settings.video !== undefined && this.#trials.some(({ video }) => video);
  }

  /** The window that ends at `end`, with the past just before it. */
  at(ref: WindowRef): Window {
    const { end } = ref;
    const trial = this.#trial(ref.trialIndex);
    const { settings } = this;
    const { video: seconds, pastBlock, block, rules } = settings;
    const { current, past } = this.span(ref);
    return {
      trialId: trial.id,
      end,
      current: tokenWindow(trial, current, block, settings, false),
      past: tokenWindow(trial, past, pastBlock, settings, rules.pastHasOwnClock),
      frames:
        trial.video && seconds !== undefined
          ? framesUpTo(
              trial.video,
              this.#videoEnd(end),
              seconds,
              trial.id,
              rules.videoEndsWithWindow,
            )
          : undefined,
      variables: this.variables(ref),
    };
  }

  /** The samples of every variable in a window. */
  variables(ref: WindowRef): Readonly<Record<string, Samples>> {
    const { times, rules } = this.settings;
    const { stop } = this.span(ref).current;
    return Object.fromEntries(
      this.#trial(ref.trialIndex).variables.map(({ setting, series }) => {
        const from = roundToStep(stop - setting.window, times.dt);
        return [setting.name, sampleSeries(series, from, stop, setting, rules.exactSampleTimes)];
      }),
    );
  }

  /** What a window reads: its current part, its past, and everything together. Seconds on the trial's clock. */
  span({ trialIndex, end }: WindowRef): { current: Interval; past: Interval; all: Interval } {
    const { current, past, video: videoSeconds, times } = this.settings;
    const from = roundToStep(end - current, times.dt);
    const stop = roundToStep(from + current, times.dt);
    const pastFrom = roundToStep(from - past, times.dt);
    const starts = [pastFrom];
    const stops = [stop];
    const { video, variables } = this.#trial(trialIndex);
    if (video && videoSeconds !== undefined) {
      starts.push(this.#videoEnd(end) - videoSeconds);
      stops.push(this.#videoEnd(end));
    }
    const exact = this.settings.rules.exactSampleTimes;
    for (const { setting, series } of variables) {
      const { first } = samplesBetween(series, stop - setting.window, stop, exact);
      starts.push(exact ? (series.start ?? 0) + first * series.dt : stop - setting.window);
    }
    return {
      current: { start: from, stop },
      past: { start: pastFrom, stop: from },
      all: { start: Math.min(...starts), stop: Math.max(...stops) },
    };
  }

  /** A trial's spikes in the tokenizer's bins. */
  binned(trialIndex: number): BinnedSpikes {
    return this.#trial(trialIndex).spikes;
  }

  /** The past window before `ref`'s current one, of these spikes instead of the recorded ones. */
  pastWindow(ref: WindowRef, spikes: BinnedSpikes): TokenWindow {
    const { past } = this.span(ref);
    const { pastBlock, rules } = this.settings;
    return tokenWindow({ spikes }, past, pastBlock, this.settings, rules.pastHasOwnClock);
  }

  /** How many spikes fall into the current and the past window, before any are cut. */
  spikes(ref: WindowRef): { current: number; past: number } {
    const { spikes } = this.#trial(ref.trialIndex);
    const { current, past } = this.span(ref);
    const within = (interval: Interval) => {
      const [first, end] = spikesWithin(spikes, interval.start, interval.stop);
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
  windowsInTrial(trialIndex: number, every = this.settings.current): WindowRef[] {
    return this.#windowEnds(trialIndex, every)
      .filter((end) => this.#isMissingAt(trialIndex, end) === undefined)
      .map((end) => ({ trialIndex, end }));
  }

  /** How many windows there are not because something was not recorded when they end, by its name. */
  lacking(every = this.settings.current): Readonly<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const trial of this.#trials.keys()) {
      for (const end of this.#windowEnds(trial, every)) {
        const name = this.#isMissingAt(trial, end);
        if (name !== undefined) found[name] = (found[name] ?? 0) + 1;
      }
    }
    return found;
  }

  /** Where windows of a trial would end. */
  #windowEnds(trialIndex: number, every: number): number[] {
    const { current, times } = this.settings;
    const count = Math.floor((this.#trial(trialIndex).duration - current) / every + 1e-6) + 1;
    return Array.from({ length: Math.max(0, count) }, (_, n) =>
      roundToStep(current + n * every, times.dt),
    );
  }

  /** What was not recorded when a window ends, if there is such. */
  #isMissingAt(trialIndex: number, end: number): string | undefined {
    const { variables, video } = this.#trial(trialIndex);
    const { rules } = this.settings;
    if (variables.length < this.#variables.length)
      return this.#variables.find((name) =>
        variables.every(({ setting }) => setting.name !== name),
      );
    // Where the original reads beyond a video, it is followed; who chooses frames knows which there are.
    if (this.#video && !video) return 'video';
    if (video && this.#video && rules.videoEndsWithWindow && !video.choose) {
      const seen = this.#videoEnd(end);
      if (seen <= (video.start ?? 0) || framesBefore(video, seen) > video.count) return 'video';
    }
    const missing = variables.find(({ setting, series, gaps }) => {
      const { values, dt } = series;
      const { end: last } = samplesBetween(series, end - dt, end, rules.exactSampleTimes);
      // What is held is old until a whole step after the gap; what is drawn to the next sample is near it before.
      const late = setting.read ? dt : 0;
      const inGap = gaps.some(
        (gap) => end - 2 * dt > gap.start - 1e-9 && end < gap.stop + late + 1e-9,
      );
      return last < 1 || last > values.length || inGap;
    });
    return missing?.setting.name;
  }

  /** Where the video of a window ends. */
  #videoEnd(end: number): number {
    return end + (this.settings.rules.videoEndsWithWindow ? 0 : this.settings.current);
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
    if (!series) return [];
    const { name, dt, period, classes, read = false } = setting;
    checkPeriod(name, period, series.period);
    // A class holds until another is noted: between its samples nothing is missing.
    const held = classes !== undefined;
    const gaps = held ? [] : findSamplingGaps(series, dt);
    return [{ setting, series: regular(series, dt, trial.duration, { period, held, read }), gaps }];
  });
  const spikes = binSpikes(trial.spikes, settings.times.dt);
  return { id: trial.id, duration: trial.duration, spikes, video: trial.video, variables };
}

function checkPeriod(name: string, asked: number | undefined, recorded: number | undefined): void {
  if (asked === undefined || recorded === undefined || Math.abs(asked / recorded - 1) < 1e-3)
    return;
  throw new RecordingError(
    `A full turn of ${name} is ${recorded} in the recording, but ${Number(asked.toPrecision(6))} in the configuration: give it period: ${recorded}.`,
  );
}

/** SOS, the last spikes that fit, EOS, and PAD to the end of the block. */
function tokenWindow(
  { spikes }: Pick<Prepared, 'spikes'>,
  { start: from, stop: to }: Interval,
  block: number,
  { ids, times, rules }: WindowSettings,
  ownClock: boolean,
): TokenWindow {
  const [first, end] = spikesWithin(spikes, from, to);
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
