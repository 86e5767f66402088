/** Whole trials: window after window, each with what was drawn before as its past. */

import { HostRandom } from '../math/random.js';
import { roundHalfEven } from '../math/rounding.js';
import { shuffleTies } from '../recording/augment.js';
import { RecordingError } from '../recording/errors.js';
import { type BinnedSpikes, spikesWithin } from '../recording/spikes.js';
import type { TokenWindow, WindowRef, Windows } from '../recording/windows.js';
import type { GeneratedWindow, Sampler } from './sampler.js';

export interface TrialSettings {
  /** The first window of each trial to be drawn; its past is the recorded one. */
  readonly starts: readonly WindowRef[];
  /** Seconds to draw. */
  readonly seconds: number;
  /** Whose spikes the past holds: those drawn (free running), or those recorded. Default: own. */
  readonly past?: 'own' | 'recorded';
  /** Spikes of one bin in the past are put into random order, as in training. Default true. */
  readonly shuffle?: boolean;
  /** Neurons clamped to silence: hidden in the past too. The sampler should not draw them either. */
  readonly silent?: readonly number[];
  /** Neurons made to fire, by number, at so many Hz on top of what is drawn. */
  readonly drive?: Readonly<Record<number, number>>;
  readonly seed?: number;
}

/** Spikes drawn for one trial. */
export interface GeneratedTrial {
  readonly start: WindowRef;
  /** Seconds on the trial's clock at which drawing began and ended. */
  readonly from: number;
  readonly to: number;
  /** Event times per neuron, seconds on the trial's clock. */
  readonly times: readonly Float64Array[];
  /** Windows that ended because their block was full. */
  readonly full: number;
}

/**
 * Draws trials side by side.
 *
 * @param progress called after every window with how many of how many are done.
 * @throws RecordingError where a trial would run past the end of what was recorded with it.
 */
export async function generateTrials(
  sampler: Sampler,
  windows: Windows,
  settings: TrialSettings,
  progress: (done: number, of: number) => void = () => {},
): Promise<GeneratedTrial[]> {
  const { starts, seconds, past = 'own', shuffle = true, seed = 0 } = settings;
  const { current } = windows.settings;
  const count = Math.round(seconds / current);
  checkSpans(windows, starts, count);
  const random = new HostRandom(seed);
  const trials = starts.map((start) => new GrowingTrial(windows, start, settings, random));
  for (let n = 0; n < count; n++) {
    const refs = starts.map(({ trialIndex, end }) => ({ trialIndex, end: end + n * current }));
    const given = refs.map((ref, row) => {
      const recorded = windows.at(ref);
      const own = past === 'own' ? trials[row]!.past(ref) : recorded.past;
      const window = { ...recorded, past: hide(own, windows, settings.silent) };
      return shuffle ? shuffleTies(window, random) : window;
    });
    const drawn = await sampler.generate(given);
    for (const [row, window] of drawn.entries()) trials[row]!.add(refs[row]!, window);
    progress(n + 1, count);
  }
  return trials.map((trial) => trial.finish(count));
}

function checkSpans(windows: Windows, starts: readonly WindowRef[], count: number): void {
  for (const start of starts) {
    const { id, duration } = windows.recording.trials[start.trialIndex]!;
    const last = start.end + (count - 1) * windows.settings.current;
    if (last <= duration + 1e-6) continue;
    throw new RecordingError(
      `Trial ${id} lasts ${duration} s, but drawing from ${windows.span(start).current.start} s would end at ${last.toFixed(3)} s: draw fewer seconds or start earlier.`,
    );
  }
}

/** Hides neurons in a past window by taking their tokens out. */
function hide(past: TokenWindow, windows: Windows, silent: readonly number[] = []): TokenWindow {
  if (silent.length === 0) return past;
  const { ids, times } = windows.settings;
  const kept = [...past.ids.keys()].filter((n) => !silent.includes(past.ids[n]!));
  const take = (tokens: Int32Array, fill: number) => {
    const out = new Int32Array(tokens.length).fill(fill);
    out.set(kept.map((n) => tokens[n]!));
    return out;
  };
  return { ...past, ids: take(past.ids, ids.PAD), times: take(past.times, times.PAD) };
}

/** The spikes of a trial so far, recorded ones before its start included. */
class GrowingTrial {
  readonly #windows: Windows;
  readonly #start: WindowRef;
  readonly #from: number;
  readonly #drive: readonly (readonly [neuron: number, rate: number])[];
  readonly #random: HostRandom;
  readonly #bins: number[];
  readonly #neurons: number[];
  /** How many of them were recorded. */
  readonly #recorded: number;
  #full = 0;

  constructor(
    windows: Windows,
    start: WindowRef,
    { drive = {} }: TrialSettings,
    random: HostRandom,
  ) {
    this.#windows = windows;
    this.#start = start;
    this.#random = random;
    this.#drive = Object.entries(drive).map(([neuron, rate]) => [Number(neuron), rate]);
    const { current, past } = windows.span(start);
    this.#from = current.start;
    const spikes = windows.binnedSpikes(start.trialIndex);
    const [first, end] = spikesWithin(spikes, past.start, past.stop);
    this.#bins = [...spikes.bins.subarray(first, end)];
    this.#neurons = [...spikes.neurons.subarray(first, end)];
    this.#recorded = this.#bins.length;
  }

  past(ref: WindowRef): TokenWindow {
    return this.#windows.pastWindow(ref, this.#recent(ref));
  }

  /** Adds what was drawn for a window, in the order of time. */
  add(ref: WindowRef, { ids, times, stoppedBy }: GeneratedWindow): void {
    const { ids: neurons, times: steps, current } = this.#windows.settings;
    const { dt } = this.#windows.binnedSpikes(this.#start.trialIndex);
    const start = this.#windows.span(ref).current.start;
    const found: [bin: number, neuron: number][] = [];
    const binAt = (seconds: number) => roundHalfEven((start + seconds) / dt);
    for (const [n, id] of ids.entries()) {
      const seconds = steps.decode(times[n]!);
      if (neurons.isNeuron(id) && seconds !== undefined) found.push([binAt(seconds), id]);
    }
    for (const [neuron, rate] of this.#drive)
      for (let at = this.#wait(rate); at < current; at += this.#wait(rate))
        found.push([Math.floor((start + at) / dt + 1e-9), neuron]);
    found.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    for (const [bin, neuron] of found) {
      this.#bins.push(bin);
      this.#neurons.push(neuron);
    }
    if (stoppedBy === 'length') this.#full += 1;
  }

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
      full: this.#full,
    };
  }

  /** The spikes that a past window can reach. */
  #recent(ref: WindowRef): BinnedSpikes {
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

  /** Seconds to the next driven spike. */
  #wait(rate: number): number {
    return rate > 0 ? -Math.log(1 - this.#random.uniform()) / rate : Number.POSITIVE_INFINITY;
  }
}
