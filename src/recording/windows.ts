/** Windows: what the model reads and predicts at one moment of a trial, as tokens. */

import { roundToStep } from '../math/rounding.js';
import { formatCount, formatDuration } from '../text/format.js';
import { RecordingError } from './errors.js';
import type { Interval, Recording, Series, Trial, Video } from './recording.js';
import {
  findDrawnEnds,
  findSamplingGaps,
  framesBefore,
  framesUpTo,
  resample,
  type Samples,
  sampleSeries,
  type VariableSetting,
  windowSampleRange,
} from './sampling.js';
import {
  type BinnedSpikes,
  binSpikes,
  forEachLag,
  type LagBins,
  spikeIndexRange,
} from './spikes.js';
import type { NeuronVocabulary, TimeVocabulary } from './vocabularies.js';

/** Where the original code contradicts its paper. `true` is what the paper describes. */
export interface WindowRules {
  /**
   * A window with more spikes than fit keeps its start token and the times of the spikes it keeps
   * (quirk 10).
   */
  readonly keepsStart: boolean;
  /**
   * Times in the past window count from its own start, also where that is before the trial (quirk
   * 11).
   */
  readonly pastHasOwnClock: boolean;
  /** The video ends with the current window, not one window later (quirk 14). */
  readonly videoEndsWithWindow: boolean;
  /**
   * Sample n of a variable has the time n dt, and samples are of the variable's own window. In the
   * original, rounding sometimes makes the time a step more (quirk 3), and samples are of the
   * current window.
   */
  readonly exactSampleTimes: boolean;
}

/** The rules of the paper, which are the default. */
export const PAPER_RULES: WindowRules = {
  keepsStart: true,
  pastHasOwnClock: true,
  videoEndsWithWindow: true,
  exactSampleTimes: true,
};

/** The rules that reproduce the original code. */
export const ORIGINAL_RULES: WindowRules = {
  keepsStart: false,
  pastHasOwnClock: false,
  videoEndsWithWindow: false,
  exactSampleTimes: false,
};

/** What windows hold. */
export interface WindowSettings {
  /** Seconds of the current window, whose spikes are predicted. */
  readonly current: number;
  /** Seconds of the past window, just before the current one. */
  readonly past: number;
  /** Tokens of the current window, SOS and EOS included. */
  readonly block: number;
  /** Tokens of the past window, SOS and EOS included. */
  readonly pastBlock: number;
  /** Neuron tokens. */
  readonly ids: NeuronVocabulary;
  /** Time tokens. Windows end at multiples of their time step. */
  readonly times: TimeVocabulary;
  /** Seconds of video; undefined without video. */
  readonly video?: number | undefined;
  /** The variables that windows have samples of. */
  readonly variables: readonly VariableSetting[];
  /** Bins of spike counts, over the past and the current window; 0 for none. Default 0. */
  readonly countBins?: number;
  /** Where windows follow the paper rather than the original code. */
  readonly rules: WindowRules;
}

/**
 * The tokens of a current or past window: as the model reads them and, shifted by one, as it should
 * predict them.
 */
export interface TokenWindow {
  /** SOS, the neuron of each spike, EOS, then PAD: [block]. */
  readonly ids: Int32Array;
  /** The time token of each entry of `ids`: [block]. */
  readonly times: Int32Array;
  /** The id after each entry of `ids`: [block]. */
  readonly nextIds: Int32Array;
  /** The time after each entry of `times`: [block]. */
  readonly nextTimes: Int32Array;
  /** How many PAD tokens `nextIds` ends with; `ids` ends with one fewer. */
  readonly pad: number;
  /** Spikes in the window, also those that the block does not hold. */
  readonly spikeCount: number;
  /** Where the window starts, in seconds on the trial's clock. */
  readonly start: number;
  /** Where the window ends, in seconds on the trial's clock; a spike at this time is not in it. */
  readonly stop: number;
}

/** Everything the model reads and predicts at one moment of a trial. */
export interface Window {
  /** The id of its trial. */
  readonly trialId: number;
  /** Where the current window ends, in seconds on the trial's clock. */
  readonly end: number;
  /** The spikes to predict. */
  readonly current: TokenWindow;
  /** The spikes before them. */
  readonly past: TokenWindow;
  /** Row-major [frames, height, width]; undefined without video. */
  readonly frames: Float32Array | undefined;
  /** Samples of each variable, by its name in the window. */
  readonly variables: Readonly<Record<string, Samples>>;
  /**
   * Spike counts in bins before the end of the window, the latest first, [bins, neurons]; undefined
   * without bins. They count spikes that blocks do not hold, too.
   */
  readonly counts: Float32Array | undefined;
  /** How much of each bin is in the trial, in seconds: [bins]; undefined without bins. */
  readonly countSeconds: Float32Array | undefined;
}

/** A trial with its spikes binned and its variables resampled at the time steps of windows. */
interface PreparedTrial {
  readonly id: number;
  readonly duration: number;
  readonly spikes: BinnedSpikes;
  readonly video: Video | undefined;
  readonly variables: readonly {
    setting: VariableSetting;
    series: Series;
    /** Intervals in which it was not sampled: no window ends there. */
    gaps: readonly Interval[];
    /** Intervals in which its target would be drawn across missing samples: nor there. */
    drawnEnds: readonly Interval[];
  }[];
}

/** More windows are a typing error, or times in the wrong unit. */
const MAX_WINDOWS = 4_000_000;

/** Identifies a window. */
export interface WindowRef {
  /** Index of its trial in the recording. */
  readonly trialIndex: number;
  /** Where the current window ends, in seconds on the trial's clock. */
  readonly end: number;
}

/** All windows of a recording, and those it lacks. */
export interface WindowList {
  /** Trial by trial, in order of time. */
  readonly refs: readonly WindowRef[];
  /**
   * How many windows do not exist because something was not recorded when they end, by its name.
   */
  readonly missing: Readonly<Record<string, number>>;
}

/** The windows of a recording, computed on demand. */
export class Windows {
  /** The recording that the windows are of. */
  readonly recording: Recording;
  /** What the windows hold. */
  readonly settings: WindowSettings;
  readonly #trials: readonly PreparedTrial[];
  /**
   * Names of the variables that occur in any trial. Only trials that have all of them have windows.
   */
  readonly #variableNames: readonly string[];
  /** Whether any trial has a video. If so, only trials with a video have windows. */
  readonly #hasVideo: boolean;

  /**
   * @throws RecordingError where the recording has more neurons than the vocabulary, no trial has
   *   all variables, or an angle has another period than in the settings
   */
  constructor(recording: Recording, settings: WindowSettings) {
    this.recording = recording;
    this.settings = settings;
    if (recording.neurons > settings.ids.neurons) {
      throw new RecordingError(
        `The recording has ${recording.neurons} neurons, but the vocabulary only ${settings.ids.neurons}: use the tokenizer that was made for this recording.`,
      );
    }
    this.#trials = recording.trials.map((trial) => prepareTrial(trial, settings));
    const names = this.#trials.map(({ variables }) => variables.map(({ setting }) => setting.name));
    this.#variableNames = [...new Set(names.flat())];
    const someTrialHasAll = names.some((list) => list.length === this.#variableNames.length);
    if (names.length > 0 && !someTrialHasAll) {
      const counts = this.#variableNames.map(
        (name) => `${name} in ${names.filter((list) => list.includes(name)).length}`,
      );
      throw new RecordingError(
        `None of the ${names.length} trials has all variables of the configuration (${counts.join(', ')}): configure only variables that occur together in a trial.`,
      );
    }
    this.#hasVideo = settings.video !== undefined && this.#trials.some(({ video }) => video);
  }

  /** The data of one window. @param past instead of the recorded one, from `pastWindow` */
  at(ref: WindowRef, past?: TokenWindow): Window {
    const { end } = ref;
    const trial = this.#trial(ref.trialIndex);
    const { settings } = this;
    const { video: seconds, pastBlock, block, rules } = settings;
    const span = this.span(ref);
    return {
      trialId: trial.id,
      end,
      current: tokenWindow(trial, span.current, block, settings, false),
      past: past ?? tokenWindow(trial, span.past, pastBlock, settings, rules.pastHasOwnClock),
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
      variables: this.samplesAt(ref),
      counts: this.countsAt(ref),
      countSeconds: this.countSecondsAt(ref),
    };
  }

  /** Spike counts before the end of a window; see `Window.counts`. */
  countsAt(ref: WindowRef): Float32Array | undefined {
    const bins = this.#countBins();
    if (!bins) return undefined;
    const { neurons } = this.recording;
    const counts = new Float32Array(bins.count * neurons);
    const { stop } = this.span(ref).current;
    forEachLag(this.#trial(ref.trialIndex).spikes, stop, bins, (lag, neuron) => {
      counts[lag * neurons + neuron]! += 1;
    });
    return counts;
  }

  /** The seconds in which the spikes of a window are counted; see `Window.countSeconds`. */
  countSecondsAt(ref: WindowRef): Float32Array | undefined {
    const bins = this.#countBins();
    if (!bins) return undefined;
    const { stop } = this.span(ref).current;
    return Float32Array.from({ length: bins.count }, (_, lag) =>
      Math.max(0, Math.min(bins.bin, stop - lag * bins.bin)),
    );
  }

  #countBins(): LagBins | undefined {
    const { countBins: count = 0, current, past } = this.settings;
    return count === 0 ? undefined : { bin: (current + past) / count, count };
  }

  /** The samples of every variable in a window. */
  samplesAt(ref: WindowRef): Readonly<Record<string, Samples>> {
    const exact = this.settings.rules.exactSampleTimes;
    const { current } = this.span(ref);
    return Object.fromEntries(
      this.#trial(ref.trialIndex).variables.map(({ setting, series }) => {
        const { start, stop } = this.#variableSpan(setting, current);
        return [setting.name, sampleSeries(series, start, stop, setting, exact)];
      }),
    );
  }

  /** The time that a window reads of a variable: in the original, its current part. */
  #variableSpan({ window }: VariableSetting, current: Interval): Interval {
    const { times, rules } = this.settings;
    if (!rules.exactSampleTimes) return current;
    return { start: roundToStep(current.stop - window, times.dt), stop: current.stop };
  }

  /**
   * The time that a window reads, in seconds on the trial's clock: its current part, its past, and
   * `all`, which also spans the video and the variables. Starts may be before the trial.
   */
  span({ trialIndex, end }: WindowRef): { current: Interval; past: Interval; all: Interval } {
    const { current, past, video: videoSeconds, times } = this.settings;
    const start = roundToStep(end - current, times.dt);
    const stop = roundToStep(start + current, times.dt);
    const pastStart = roundToStep(start - past, times.dt);
    const starts = [pastStart];
    const stops = [stop];
    const { video, variables } = this.#trial(trialIndex);
    if (video && videoSeconds !== undefined) {
      starts.push(this.#videoEnd(end) - videoSeconds);
      stops.push(this.#videoEnd(end));
    }
    const exact = this.settings.rules.exactSampleTimes;
    for (const { setting, series } of variables) {
      const { first } = windowSampleRange(series, stop - setting.window, stop, exact);
      starts.push(exact ? (series.start ?? 0) + first * series.dt : start);
    }
    return {
      current: { start, stop },
      past: { start: pastStart, stop: start },
      all: { start: Math.min(...starts), stop: Math.max(...stops) },
    };
  }

  /** All spikes of a trial, in bins of the tokenizer's time step or, for counts, in their own. */
  binnedSpikes(trialIndex: number): BinnedSpikes {
    return this.#trial(trialIndex).spikes;
  }

  /** The past window of `ref`, filled with these spikes of its trial. */
  pastWindow(ref: WindowRef, spikes: BinnedSpikes): TokenWindow {
    const { past } = this.span(ref);
    const { pastBlock, rules } = this.settings;
    return tokenWindow({ spikes }, past, pastBlock, this.settings, rules.pastHasOwnClock);
  }

  /**
   * Adds the spikes of each neuron in the current window, also those that the block does not hold,
   * to `counts`, [neurons].
   */
  addCounts(ref: WindowRef, counts: Float64Array): void {
    const { spikes } = this.#trial(ref.trialIndex);
    const { start, stop } = this.span(ref).current;
    const [first, end] = spikeIndexRange(spikes, start, stop);
    for (let n = first; n < end; n++) counts[spikes.neurons[n]!]! += 1;
  }

  /**
   * How many spikes are in the current and in the past window, also those that the block does not
   * hold.
   */
  spikeCounts(ref: WindowRef): { current: number; past: number } {
    const { spikes } = this.#trial(ref.trialIndex);
    const { current, past } = this.span(ref);
    const count = ({ start, stop }: Interval) => {
      const [first, end] = spikeIndexRange(spikes, start, stop);
      return end - first;
    };
    return { current: count(current), past: count(past) };
  }

  /**
   * The windows at whose end everything was recorded. The first window that is considered in a
   * trial starts with it, and each next one ends `every` seconds later.
   *
   * @param every seconds; default: the length of the current window, so that windows are side by
   *   side
   */
  list(every = this.settings.current): WindowList {
    return this.#listTrials([...this.#trials.keys()], every);
  }

  /** The windows of one trial, as in `list`. */
  windowsInTrial(trialIndex: number, every = this.settings.current): readonly WindowRef[] {
    return this.#listTrials([trialIndex], every).refs;
  }

  #listTrials(trialIndices: readonly number[], every: number): WindowList {
    const refs: WindowRef[] = [];
    const missing: Record<string, number> = {};
    const seconds = trialIndices.reduce((sum, index) => sum + this.#trial(index).duration, 0);
    if (seconds / every > MAX_WINDOWS)
      throw new RecordingError(
        `A window every ${every} s would be ${Math.round(seconds / every)} windows of ${formatDuration(seconds)}, more than ${formatCount(MAX_WINDOWS)}: set training.every, the seconds from one to the next, or check the duration of the recording.`,
      );
    for (const trialIndex of trialIndices) {
      for (const end of this.#windowEnds(trialIndex, every)) {
        const name = this.#missingAt(trialIndex, end);
        if (name === undefined) refs.push({ trialIndex, end });
        else missing[name] = (missing[name] ?? 0) + 1;
      }
    }
    return { refs, missing };
  }

  /** The ends of all windows that fit into a trial, whatever was recorded. */
  #windowEnds(trialIndex: number, every: number): number[] {
    const { current, times } = this.settings;
    const count = Math.floor((this.#trial(trialIndex).duration - current) / every + 1e-6) + 1;
    return Array.from({ length: Math.max(0, count) }, (_, n) =>
      roundToStep(current + n * every, times.dt),
    );
  }

  /**
   * What was not recorded at the end of a window: a variable's name or 'video'; undefined if
   * nothing is missing.
   */
  #missingAt(trialIndex: number, end: number): string | undefined {
    const { variables, video } = this.#trial(trialIndex);
    const { rules } = this.settings;
    if (variables.length < this.#variableNames.length)
      return this.#variableNames.find((name) =>
        variables.every(({ setting }) => setting.name !== name),
      );
    if (this.#hasVideo && !video) return 'video';
    // Under the original's rules windows read beyond the end of a video, as the original does. A
    // video that selects its frames itself knows which ones exist.
    if (video && this.#hasVideo && rules.videoEndsWithWindow && !video.choose) {
      const videoEnd = this.#videoEnd(end);
      if (videoEnd <= (video.start ?? 0) || framesBefore(video, videoEnd) > video.count)
        return 'video';
    }
    const missing = variables.find(({ setting, series, gaps, drawnEnds }) => {
      const { values, dt } = series;
      const { end: sampleEnd } = windowSampleRange(series, end - dt, end, rules.exactSampleTimes);
      // A held value is outdated until a whole step after the gap. An interpolated one is near the
      // next sample already.
      const delay = setting.isInput ? dt : 0;
      const isInGap = gaps.some(
        (gap) => end - 2 * dt > gap.start - 1e-9 && end < gap.stop + delay + 1e-9,
      );
      const isDrawn = drawnEnds.some(({ start, stop }) => end > start + 1e-9 && end < stop + 1e-9);
      return sampleEnd < 1 || sampleEnd > values.length || isInGap || isDrawn;
    });
    return missing?.setting.name;
  }

  /** Where the video of a window ends, in seconds on the trial's clock. */
  #videoEnd(end: number): number {
    return end + (this.settings.rules.videoEndsWithWindow ? 0 : this.settings.current);
  }

  #trial(index: number): PreparedTrial {
    const trial = this.#trials[index];
    if (!trial)
      throw new RecordingError(
        `There is no trial with index ${index}: the recording has ${this.#trials.length} trials.`,
      );
    return trial;
  }
}

function prepareTrial(trial: Trial, settings: WindowSettings): PreparedTrial {
  const variables = settings.variables.flatMap((setting) => {
    const series = trial.variables[setting.data ?? setting.name];
    if (!series) return [];
    const { name, dt, period, classes, isInput = false } = setting;
    checkPeriod(name, period, series.period);
    // A class stays valid until the next sample, so nothing is missing between samples.
    const held = classes !== undefined;
    const gaps = held ? [] : findSamplingGaps(series, dt);
    const drawnEnds = isInput ? [] : findDrawnEnds(series, dt);
    const resampled = resample(series, dt, trial.duration, { period, held, isInput });
    return [{ setting, series: resampled, gaps, drawnEnds }];
  });
  const spikes = binSpikes(trial.spikes, settings.times.dt);
  return { id: trial.id, duration: trial.duration, spikes, video: trial.video, variables };
}

function checkPeriod(
  name: string,
  configured: number | undefined,
  recorded: number | undefined,
): void {
  if (
    configured === undefined ||
    recorded === undefined ||
    Math.abs(configured / recorded - 1) < 1e-3
  )
    return;
  throw new RecordingError(
    `A full turn of ${name} is ${recorded} in the recording, but ${Number(configured.toPrecision(6))} in the configuration: set its period to ${recorded}.`,
  );
}

/**
 * The tokens of an interval: SOS, the last spikes that fit, EOS, and PAD up to the end of the
 * block.
 *
 * @param ownClock whether times count from the interval's start even if that is before the trial;
 *   otherwise they count from the trial's start there
 */
function tokenWindow(
  { spikes }: Pick<PreparedTrial, 'spikes'>,
  { start, stop }: Interval,
  block: number,
  { ids, times, rules }: WindowSettings,
  ownClock: boolean,
): TokenWindow {
  const [first, end] = spikeIndexRange(spikes, start, stop);
  const origin = start > 0 || ownClock ? start : 0;
  const timeToken = (n: number) => times.encode(spikes.bins[n]! * spikes.dt - origin);
  const firstKept = Math.max(first, end - (block - 2));
  const pad = block - (end - firstKept + 2) + 1;
  const allIds = new Int32Array(block + 1).fill(ids.PAD);
  const allTimes = new Int32Array(block + 1).fill(times.PAD);
  allIds[0] = ids.SOS;
  allTimes[0] = 0;
  let position = 1;
  let time = 0;
  for (let n = firstKept; n < end; n++, position++) {
    // Spikes are sorted by bin, and one bin has one token.
    if (n === firstKept || spikes.bins[n] !== spikes.bins[n - 1]) time = timeToken(n);
    allIds[position] = spikes.neurons[n]!;
    allTimes[position] = time;
  }
  allIds[position] = ids.EOS;
  allTimes[position] = times.EOS;
  // The original truncates the times separately, to the last `block` of them, and so loses the 0 of
  // SOS.
  if (!rules.keepsStart && firstKept > first) allTimes[0] = timeToken(firstKept - 1);
  return {
    ids: allIds.slice(0, block),
    times: allTimes.slice(0, block),
    nextIds: allIds.slice(1),
    nextTimes: allTimes.slice(1),
    pad,
    spikeCount: end - first,
    start,
    stop,
  };
}
