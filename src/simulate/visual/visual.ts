/**
 * Simulates a recording of primary visual cortex: neurons with known receptive fields, known tuning
 * to running and gaze, and known connections, while an animal runs and a film is shown.
 *
 * Some trials have films of their own, in which the scene streams past as the animal runs (closed
 * loop). The repeats all show one film, which streams as in another session (open loop); running
 * and gaze are those of the day. This is a reconstruction with constants of our own, not the
 * paper's data.
 *
 *   lambda_i = V_i exp(M_i): V_i from the film (fields.ts), M_i from behavior (tuning.ts).
 *   V_i = 0.1 + 1.2 U(0.6, 1.4) E / mean E Hz, E = min(exp(1.4 d), 25), d: the field's response,
 *   standardized over the session. Connections and refractoriness: spikes.ts.
 */

import { HostRandom } from '../../math/random.js';
import { mean } from '../../math/statistics.js';
import { RecordingError } from '../../recording/errors.js';
import { type FieldTruth, type Truth, unmarkedWiring } from '../truth.js';
import { type Gaze, simulateGaze, simulateRunning } from './behavior.js';
import { RateInformation, repeatReliability } from './ceiling.js';
import { FRAME_SECONDS, STEP_SECONDS } from './clock.js';
import { drawFields, fieldEnergy, fieldResponses, type ReceptiveFields } from './fields.js';
import { makeFilm, mapsOnScreen, retinalImage, screenOf } from './film.js';
import { drawSpikes, drawWeights, INPUTS } from './spikes.js';
import { drawTuning, modulate } from './tuning.js';

/** What a user has to know about the recording, as a sentence. */
export const RECONSTRUCTION =
  "This is a reconstruction of an experiment in primary visual cortex, simulated with known truth; it is not the paper's data.";

/** What to simulate. */
export interface VisualSettings {
  /** How many neurons there are. Default 60. */
  readonly neurons?: number;
  /** Trials with films of their own. Default 36. */
  readonly films?: number;
  /** Repeats of one more film, that no other trial shows. Default 20. */
  readonly repeats?: number;
  /** Seconds per trial. Default 32. */
  readonly seconds?: number;
  /** Factor of what running and gaze add to the logarithm of rates. Default 1. */
  readonly modulation?: number;
  /**
   * Pixels along each side of the films, which span 96 degrees whatever their size: fields,
   * texture, blobs and gaze keep their size in degrees. Default 16.
   */
  readonly size?: number;
  /** Seed of neurons, films, behavior and spikes. Default 1. */
  readonly seed?: number;
}

/** One trial of a simulated visual recording. */
export interface VisualTrial {
  /** When it starts, in seconds of the session. */
  readonly start: number;
  /** When it stops, in seconds of the session. */
  readonly stop: number;
  /** What it shows; the repeats have the same. */
  readonly condition: string;
  /** Brightness of the film, [frames, size, size], one frame every 0.05 s from the start. */
  readonly film: Float32Array;
}

/** What is true of a simulated visual recording. */
export interface VisualTruth extends Required<Omit<Truth, 'inputs' | 'fields'>> {
  /** Where in the film each neuron's receptive field is. */
  readonly fields: Required<FieldTruth>;
}

/** A simulated visual recording: what was recorded, and what is true. */
export interface VisualRecording extends Required<VisualSettings> {
  /** Spike times of each neuron, in seconds of the session, ascending. */
  readonly spikes: readonly Float64Array[];
  /** The trials, one after the other without a pause: films of their own, then the repeats. */
  readonly trials: readonly VisualTrial[];
  /** Running speed, cm/s, one sample every 0.05 s of the session. */
  readonly speed: Float32Array;
  /** Where the animal looks, one sample every 0.05 s of the session. */
  readonly gaze: Gaze;
  /** The receptive fields. */
  readonly fields: ReceptiveFields;
  /** Everything that results are scored by. */
  readonly truth: VisualTruth;
}

/** Hz without drive, and the mean with drive. */
const BASE_RATE = 0.1;
const MEAN_RATE = 1.3;
/** Range of the factors by which neurons differ in their drive. */
const DRIVE_FACTOR = [0.6, 1.4] as const;
/** Steepness and bound of the exponential that turns a field's response into drive. */
const DRIVE_SLOPE = 1.4;
const DRIVE_BOUND = 25;

const DEFAULTS = {
  neurons: 60,
  films: 36,
  repeats: 20,
  seconds: 32,
  modulation: 1,
  size: 16,
  seed: 1,
} as const satisfies Required<VisualSettings>;

/**
 * Simulates a visual recording. The same settings give the same recording.
 *
 * @param progress called after every trial, first for its film and then for its spikes, each of
 *   which counts half of it: with the seconds so far, the seconds in all, and the unit
 * @throws RecordingError where a setting is out of range
 */
export function simulateVisual(
  settings: VisualSettings = {},
  progress: (done: number, total: number, unit: string) => void = () => {},
): VisualRecording {
  const complete = { ...DEFAULTS, ...settings };
  checkSettings(complete);
  const { neurons, films, repeats, seconds, modulation, size, seed } = complete;
  const random = new HostRandom(seed);
  const fields = drawFields(neurons, size, random);
  const tuning = drawTuning(neurons, random);
  const weights = drawWeights(neurons, random);

  const total = (films + repeats) * seconds;
  const bins = (films + repeats) * trialFrames(complete);
  const speed = simulateRunning(bins, random);
  const gaze = simulateGaze(bins, random);
  const modulated = modulate(tuning, speed, gaze, modulation, random);
  const { trials, responses } = showFilms(complete, fields, { speed, gaze }, random, (stop) =>
    progress(stop / 2, total, 's'),
  );
  const drive = stimulusDrive(responses, neurons, random);
  const expected = drive.map((rate, n) => rate * Math.exp(modulated[n]!));
  const rates = { drive, expected, weights };
  const { spikes, information } = drawSession(rates, trials, random, (stop) =>
    progress((total + stop) / 2, total, 's'),
  );
  const energy = fieldEnergy(fields);
  return {
    ...complete,
    spikes,
    trials,
    speed,
    gaze,
    fields,
    truth: {
      wiring: unmarkedWiring(neurons, weights),
      fields: {
        height: size,
        width: size,
        energy,
        seen: mapsOnScreen(energy, size, gaze),
        centers: fields.centers,
        complex: fields.complex,
      },
      rates: { dt: FRAME_SECONDS, bins, expected },
      ceiling: { ...information, repeats: repeatReliability(spikes, trials.slice(films)) },
    },
  };
}

/** @throws RecordingError naming the setting, what it should be and what it is */
function checkSettings(settings: Required<VisualSettings>): void {
  const { seconds, modulation } = settings;
  const minima = { neurons: INPUTS + 1, films: 3, repeats: 2, size: 4 } as const;
  for (const [name, minimum] of Object.entries(minima)) {
    const value = settings[name as keyof typeof minima];
    if (!Number.isInteger(value) || value < minimum)
      throw new RecordingError(
        `The ${name} of a visual recording should be a whole number of ${minimum} or more, but is ${value}.`,
      );
  }
  const frames = seconds / FRAME_SECONDS;
  if (!(seconds >= 1) || Math.abs(frames - Math.round(frames)) > 1e-6)
    throw new RecordingError(
      `The seconds of a trial should be 1 or more and a multiple of ${FRAME_SECONDS}, the length of a frame, but are ${seconds}.`,
    );
  if (!(modulation >= 0) || !Number.isFinite(modulation))
    throw new RecordingError(
      `The modulation of a visual recording should be 0 or more, but is ${modulation}.`,
    );
}

/** Frames in a trial. */
function trialFrames({ seconds }: Required<VisualSettings>): number {
  return Math.round(seconds / FRAME_SECONDS);
}

/**
 * Makes the films of all trials and shows them to the fields.
 *
 * @param behavior of the session
 * @param progress called after each trial, with the time at which it stops
 * @returns the trials, and the responses of the fields: [neurons, frames of the session]
 */
function showFilms(
  settings: Required<VisualSettings>,
  fields: ReceptiveFields,
  { speed, gaze }: { speed: Float32Array; gaze: Gaze },
  random: HostRandom,
  progress: (stop: number) => void,
): { trials: VisualTrial[]; responses: Float64Array } {
  const { films, repeats, seconds, size, neurons } = settings;
  const frames = trialFrames(settings);
  const responses = new Float64Array(neurons * speed.length);
  const repeated = makeFilm(simulateRunning(frames, random), size, random);
  const repeatedScreen = screenOf(repeated);
  const trials = Array.from({ length: films + repeats }, (_, index) => {
    const [first, end] = [index * frames, (index + 1) * frames];
    const isRepeat = index >= films;
    const film = isRepeat ? repeated : makeFilm(speed.subarray(first, end), size, random);
    const seen = retinalImage(film, {
      phi: gaze.phi.subarray(first, end),
      theta: gaze.theta.subarray(first, end),
    });
    const ofTrial = fieldResponses(fields, seen);
    for (let n = 0; n < neurons; n++)
      responses.set(ofTrial.subarray(n * frames, (n + 1) * frames), n * speed.length + first);
    const stop = (index + 1) * seconds;
    progress(stop);
    return {
      start: index * seconds,
      stop,
      condition: isRepeat ? 'repeated film' : `film ${index}`,
      film: isRepeat ? repeatedScreen : screenOf(film),
    };
  });
  return { trials, responses };
}

/**
 * The rates that the responses of the fields drive.
 *
 * @param responses [neurons, frames]
 * @returns Hz, [neurons, frames]
 */
function stimulusDrive(responses: Float64Array, neurons: number, random: HostRandom): Float32Array {
  const frames = responses.length / neurons;
  const drive = new Float32Array(responses.length);
  for (let start = 0; start < responses.length; start += frames) {
    const row = responses.subarray(start, start + frames);
    const center = mean(row);
    const deviation = Math.sqrt(mean(row.map((value) => (value - center) ** 2)));
    const driven = row.map((value) =>
      Math.min(DRIVE_BOUND, Math.exp((DRIVE_SLOPE * (value - center)) / deviation)),
    );
    const factor = ((MEAN_RATE - BASE_RATE) * random.between(...DRIVE_FACTOR)) / mean(driven);
    drive.set(
      driven.map((value) => BASE_RATE + factor * value),
      start,
    );
  }
  return drive;
}

/** What spikes are drawn by, and what their information is measured of. */
interface SessionRates {
  /** Hz from the film alone, [neurons, frames of the session]. */
  readonly drive: Float32Array;
  /** Hz without connections and refractoriness, [neurons, frames of the session]. */
  readonly expected: Float32Array;
  /** [target, source]. */
  readonly weights: Float64Array;
}

/**
 * Draws the spikes of all trials, and measures the information of the rates.
 *
 * @param progress called after each trial, with the time at which it stops
 */
function drawSession(
  { drive, expected, weights }: SessionRates,
  trials: readonly VisualTrial[],
  random: HostRandom,
  progress: (stop: number) => void,
) {
  const neurons = Math.sqrt(weights.length);
  const frames = expected.length / neurons / trials.length;
  const spikes: number[][] = Array.from({ length: neurons }, () => []);
  const film = new RateInformation(neurons);
  const rate = new RateInformation(neurons);
  const conditional = new RateInformation(neurons);
  for (const [index, { start, stop }] of trials.entries()) {
    const ofTrial = (rates: Float32Array) => columns(rates, neurons, index * frames, frames);
    const { times, intensity } = drawSpikes(ofTrial(expected), weights, random);
    film.add(ofTrial(drive), FRAME_SECONDS, times);
    rate.add(ofTrial(expected), FRAME_SECONDS, times);
    conditional.add(intensity, STEP_SECONDS, times);
    for (const [n, list] of times.entries()) for (const time of list) spikes[n]!.push(start + time);
    progress(stop);
  }
  return {
    spikes: spikes.map((times) => Float64Array.from(times)),
    information: {
      filmBits: film.bits,
      rateBits: rate.bits,
      conditionalBits: conditional.bits,
    },
  };
}

/** `count` columns of a matrix of `rows` rows, from column `first` on: [rows, count]. */
function columns(matrix: Float32Array, rows: number, first: number, count: number): Float32Array {
  const length = matrix.length / rows;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    const start = row * length + first;
    part.set(matrix.subarray(start, start + count), row * count);
  }
  return part;
}
