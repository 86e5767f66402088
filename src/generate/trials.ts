/** Generates trials: window after window, each with the windows drawn before it as its past. */

import { HostRandom } from '../math/random.js';
import { roundHalfEven } from '../math/rounding.js';
import { shuffleTies } from '../recording/augment.js';
import { RecordingError } from '../recording/errors.js';
import { type BinnedSpikes, spikeIndexRange } from '../recording/spikes.js';
import type { TokenWindow, WindowRef, Windows } from '../recording/windows.js';
import type { GeneratedWindow, Sampler } from './sampler.js';

/** Which trials to generate, and how. */
export interface TrialSettings {
  /** The first window of each generated trial. The past of that window is the recorded one. */
  readonly starts: readonly WindowRef[];
  /** Length of each generated trial. */
  readonly seconds: number;
  /**
   * Which spikes the past windows hold: those generated before ('own', free running) or recorded
   * ones. Default 'own'.
   */
  readonly past?: 'own' | 'recorded';
  /** Whether simultaneous spikes in the past are shuffled, as in training. Default true. */
  readonly shuffle?: boolean;
  /** Neurons to drive: Hz that are added to their generated spikes, by neuron id. */
  readonly drive?: Readonly<Record<number, number>>;
  /** Seed of the shuffling and of the driven spikes. Default 0. */
  readonly seed?: number;
  /** Asked after each window whether to end the trials there. Default: never. */
  readonly shouldStop?: () => boolean;
}

/** The spikes generated for one trial. */
export interface GeneratedTrial {
  /** The first window that was generated. */
  readonly start: WindowRef;
  /** When generation began, in seconds on the clock of the recorded trial. */
  readonly from: number;
  /** When generation ended, in seconds on the clock of the recorded trial. */
  readonly to: number;
  /** Spike times of each neuron, in seconds on the clock of the recorded trial. */
  readonly times: readonly Float64Array[];
  /**
   * The expected counts of each neuron's spikes in each window, given the windows drawn before it:
   * [windows, neurons]. They leave out what neurons are driven with. Absent from results that
   * earlier versions wrote.
   */
  readonly expected?: Float32Array;
  /** How many windows ended because their block was full. */
  readonly full: number;
}

/**
 * Generates several trials at once, each continuing one moment of the recording. The silent neurons
 * of the sampler are also missing from the past.
 *
 * @param progress called after each window with the windows so far and in all
 * @returns the trials, all of the same length, which is shorter where they were to stop
 * @throws RecordingError where a trial would end after the recorded trial that it starts in
 */
export async function generateTrials(
  sampler: Sampler,
  windows: Windows,
  settings: TrialSettings,
  progress: (done: number, total: number) => void = () => {},
): Promise<GeneratedTrial[]> {
  const { starts, seconds, past = 'own', shuffle = true, seed = 0, shouldStop } = settings;
  const { silent } = sampler;
  const { current } = windows.settings;
  const count = Math.round(seconds / current);
  checkSpans(windows, starts, count);
  const random = new HostRandom(seed);
  const recorded = recordedSpikes(windows, starts, silent);
  const trials = starts.map(
    (start) =>
      new GrowingTrial(windows, start, recorded.get(start.trialIndex)!, settings.drive, random),
  );
  let done = 0;
  while (done < count && !(done > 0 && shouldStop?.())) {
    const n = done;
    const refs = starts.map(({ trialIndex, end }) => ({ trialIndex, end: end + n * current }));
    const inputs = refs.map((ref, row) => {
      const pastWindow =
        past === 'own'
          ? trials[row]!.past(ref)
          : windows.pastWindow(ref, recorded.get(ref.trialIndex)!);
      const window = windows.at(ref, pastWindow);
      return shuffle ? shuffleTies(window, random) : window;
    });
    const generated = await sampler.generate(inputs);
    for (const [row, window] of generated.entries()) trials[row]!.add(refs[row]!, window);
    done += 1;
    progress(done, count);
  }
  return trials.map((trial) => trial.finish(done));
}

function checkSpans(windows: Windows, starts: readonly WindowRef[], count: number): void {
  for (const start of starts) {
    const { id, duration } = windows.recording.trials[start.trialIndex]!;
    const end = start.end + (count - 1) * windows.settings.current;
    if (end <= duration + 1e-6) continue;
    throw new RecordingError(
      `Trial ${id} lasts ${duration} s, but a generated trial that starts at ${windows.span(start).current.start} s would end at ${end.toFixed(3)} s: generate fewer seconds or start earlier.`,
    );
  }
}

/** The recorded spikes of the trials that are continued, without silent neurons, by trial index. */
function recordedSpikes(
  windows: Windows,
  starts: readonly WindowRef[],
  silent: readonly number[],
): ReadonlyMap<number, BinnedSpikes> {
  const indices = new Set(starts.map(({ trialIndex }) => trialIndex));
  return new Map(
    Array.from(indices, (trialIndex) => [
      trialIndex,
      withoutNeurons(windows.binnedSpikes(trialIndex), silent),
    ]),
  );
}

/** Binned spikes without those of some neurons. */
function withoutNeurons(spikes: BinnedSpikes, removed: readonly number[]): BinnedSpikes {
  if (removed.length === 0) return spikes;
  const { dt, bins, neurons } = spikes;
  const isKept = (_: number, n: number) => !removed.includes(neurons[n]!);
  return { dt, bins: bins.filter(isKept), neurons: neurons.filter(isKept) };
}

/**
 * The spikes of a trial while it is generated: the recorded past of its first window, then the
 * generated spikes.
 */
class GrowingTrial {
  readonly #windows: Windows;
  readonly #start: WindowRef;
  readonly #from: number;
  readonly #drive: readonly (readonly [neuron: number, rate: number])[];
  readonly #random: HostRandom;
  readonly #bins: number[];
  readonly #neurons: number[];
  /** How many of the spikes were recorded. */
  readonly #recorded: number;
  readonly #expected: Float32Array[] = [];
  #full = 0;

  /** @param spikes recorded in the trial, of which the past of the first window is read */
  constructor(
    windows: Windows,
    start: WindowRef,
    spikes: BinnedSpikes,
    drive: TrialSettings['drive'] = {},
    random: HostRandom,
  ) {
    this.#windows = windows;
    this.#start = start;
    this.#random = random;
    this.#drive = Object.entries(drive).map(([neuron, rate]) => [Number(neuron), rate]);
    const { current, past } = windows.span(start);
    this.#from = current.start;
    const [first, end] = spikeIndexRange(spikes, past.start, past.stop);
    this.#bins = [...spikes.bins.subarray(first, end)];
    this.#neurons = [...spikes.neurons.subarray(first, end)];
    this.#recorded = this.#bins.length;
  }

  /** The past window of `ref`, from the spikes so far. */
  past(ref: WindowRef): TokenWindow {
    return this.#windows.pastWindow(ref, this.#recentSpikes(ref));
  }

  /** Adds the spikes generated for a window, and the driven ones, in order of time. */
  add(ref: WindowRef, { ids, times, stoppedBy, expected }: GeneratedWindow): void {
    this.#expected.push(expected);
    const { ids: neurons, times: steps, current } = this.#windows.settings;
    const { dt } = this.#windows.binnedSpikes(this.#start.trialIndex);
    const start = this.#windows.span(ref).current.start;
    const spikes: [bin: number, neuron: number][] = [];
    for (const [n, id] of ids.entries()) {
      const seconds = steps.decode(times[n]!);
      if (neurons.isNeuron(id) && seconds !== undefined)
        spikes.push([roundHalfEven((start + seconds) / dt), id]);
    }
    for (const [neuron, rate] of this.#drive)
      for (let time = this.#drawInterval(rate); time < current; time += this.#drawInterval(rate))
        spikes.push([Math.floor((start + time) / dt + 1e-9), neuron]);
    spikes.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    for (const [bin, neuron] of spikes) {
      this.#bins.push(bin);
      this.#neurons.push(neuron);
    }
    if (stoppedBy === 'length') this.#full += 1;
  }

  /** The generated trial. @param count how many windows were generated */
  finish(count: number): GeneratedTrial {
    const { ids, current } = this.#windows.settings;
    const { dt } = this.#windows.binnedSpikes(this.#start.trialIndex);
    const times: number[][] = Array.from({ length: ids.neurons }, () => []);
    for (let n = this.#recorded; n < this.#bins.length; n++)
      times[this.#neurons[n]!]!.push(this.#bins[n]! * dt);
    return {
      start: this.#start,
      from: this.#from,
      to: this.#from + count * current,
      times: times.map((list) => Float64Array.from(list)),
      expected: joined(this.#expected),
      full: this.#full,
    };
  }

  /** The spikes so far that are recent enough to be in the past window of `ref`. */
  #recentSpikes(ref: WindowRef): BinnedSpikes {
    const { dt } = this.#windows.binnedSpikes(this.#start.trialIndex);
    const earliest = Math.floor(this.#windows.span(ref).past.start / dt) - 1;
    let first = this.#bins.length;
    while (first > 0 && this.#bins[first - 1]! >= earliest) first -= 1;
    return {
      dt,
      bins: Int32Array.from(this.#bins.slice(first)),
      neurons: Int32Array.from(this.#neurons.slice(first)),
    };
  }

  /** Seconds to the next spike of a Poisson process. */
  #drawInterval(rate: number): number {
    return rate > 0 ? -Math.log(1 - this.#random.uniform()) / rate : Number.POSITIVE_INFINITY;
  }
}

/** Arrays of the same length, one after the other. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const length = parts[0]?.length ?? 0;
  const all = new Float32Array(parts.length * length);
  for (const [n, part] of parts.entries()) all.set(part, n * length);
  return all;
}
