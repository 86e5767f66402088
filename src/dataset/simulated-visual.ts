/**
 * Writes a simulated visual recording as a dataset folder, with a configuration of a model for it.
 */

import { stringify } from 'yaml';
import { encodeNpz } from '../formats/npz.js';
import type { FileContents } from '../ports/run-store.js';
import { FRAME_SECONDS } from '../simulate/visual/clock.js';
import { FIELD_FRAMES, FIELD_PHASES } from '../simulate/visual/fields.js';
import { FILM_LEVEL, FILM_LIMIT } from '../simulate/visual/film.js';
import { RECONSTRUCTION, type VisualRecording } from '../simulate/visual/visual.js';
import { toCsv } from '../text/table.js';
import { BLOCK_CUT, sharedDescription, smallestBlock, spikeArrays } from './simulated.js';

/**
 * The dataset folder of a simulated visual recording. Pixels are the levels of brightness that the
 * screen showed, so the film is exact. Beside `dataset.yaml` there are `config.yaml`, with a model
 * that predicts spikes, and `decode.yaml`, with one that decodes behavior as well. Both split the
 * trials alike.
 */
export function visualDataset(recording: VisualRecording): FileContents {
  const { neurons, size, seed, modulation, spikes, trials, speed, gaze, truth } = recording;
  const strength = modulation === 1 ? '' : `, modulation ${modulation}`;
  const name = `visual recording of ${neurons} neurons, seed ${seed}${strength}`;
  const seconds = trials.at(-1)!.stop;
  const frames = Math.round(seconds / FRAME_SECONDS);
  const film = new Uint8Array(frames * size * size);
  for (const [n, trial] of trials.entries())
    film.set(
      trial.film.map((brightness) => Math.round((brightness + FILM_LIMIT) / FILM_LEVEL)),
      n * trial.film.length,
    );
  return {
    'spikes.npz': encodeNpz(spikeArrays(spikes)),
    'film.npz': encodeNpz({ frames: { data: film, shape: [frames, size, size] } }),
    'behavior.npz': encodeNpz({
      speed: { data: speed },
      phi: { data: gaze.phi },
      theta: { data: gaze.theta },
    }),
    'trials.csv': toCsv(trials.map(({ start, stop, condition }) => ({ start, stop, condition }))),
    'truth.npz': encodeTruth(recording),
    'dataset.yaml': stringify({
      ...sharedDescription(name, { neurons, seconds }),
      frames: {
        data: 'film.npz#frames',
        dt: FRAME_SECONDS,
        scale: FILM_LEVEL,
        offset: -FILM_LIMIT,
      },
      variables: {
        speed: { data: 'behavior.npz#speed', dt: FRAME_SECONDS, unit: 'cm/s' },
        phi: { data: 'behavior.npz#phi', dt: FRAME_SECONDS, unit: 'degrees' },
        theta: { data: 'behavior.npz#theta', dt: FRAME_SECONDS, unit: 'degrees' },
      },
      trials: {
        starts: 'trials.csv#start',
        stops: 'trials.csv#stop',
        conditions: 'trials.csv#condition',
      },
      truth: {
        weights: 'truth.npz#weights',
        fields: {
          energy: 'truth.npz#energy',
          seen: 'truth.npz#seen',
          centers: 'truth.npz#centers',
          complex: 'truth.npz#complex',
        },
        rates: { expected: 'truth.npz#rates', dt: truth.rates.dt },
        ceiling: {
          rate_bits: truth.ceiling.rateBits,
          film_bits: truth.ceiling.filmBits,
          conditional_bits: truth.ceiling.conditionalBits,
          // Trials of a second or two may have no correlation, which is not a number.
          repeats: truth.ceiling.repeats.filter(({ halves, single }) =>
            Number.isFinite(halves + single),
          ),
        },
      },
      notes: [
        RECONSTRUCTION,
        'weights are [target, source]: row i, column j is from j to i',
        'truth.npz#energy is where the fields are in what the eye sees, truth.npz#seen on the screen',
        'truth.npz#fields are the receptive fields, [neurons, phases, frames back, height, width]; simple cells have one phase',
        'truth.npz#rates are in Hz, without connections and refractoriness',
      ],
    }),
    'decode.yaml': `# Speed and gaze decoded every 50 ms from 1 s of spikes and the film, beside the spikes themselves.\n${stringify(decodingConfig(recording))}`,
    'config.yaml': `# A model for this recording: trials with films of their own are split, the repeats are left out.\n${stringify(visualConfig(recording))}`,
  };
}

function encodeTruth({ neurons, size, fields, truth }: VisualRecording): Uint8Array {
  const { wiring, rates } = truth;
  const { energy, seen } = truth.fields;
  const shape = [neurons, size, size];
  return encodeNpz({
    weights: { data: wiring.weights, shape: [neurons, neurons] },
    fields: {
      data: fields.kernels,
      shape: [neurons, FIELD_PHASES, FIELD_FRAMES, size, size],
    },
    energy: { data: energy, shape },
    seen: { data: seen, shape },
    centers: { data: fields.centers, shape: [neurons, 2] },
    complex: { data: fields.complex },
    rates: { data: rates.expected, shape: [neurons, rates.bins] },
  });
}

/** Shares of the trials with films of their own: the rest is for training. */
const VALIDATION_SHARE = 3 / 36;
const TEST_SHARE = 5 / 36;
/** Share of the windows whose past may have more spikes than its block holds. */
const PAST_CUT = 0.05;
/** Frames that last as long as the past window. */
const PAST_FRAMES = 3;
/** The same for decoding, with a block that holds most of them: what it cuts are the oldest. */
const DECODING_PAST_FRAMES = 19;
const DECODING_PAST_CUT = 0.25;

/** The configuration of a model for the recording, and of its training. */
function visualConfig(recording: VisualRecording): object {
  const { size } = recording;
  // The size of patches and their distance grow with the film, as its fields do.
  const [kernel, stride] = [Math.round(size / 2), Math.max(1, Math.round(size / 8))];
  return {
    n_embd: 32,
    n_head: 4,
    initial_weights: 'fan_in',
    // The past and the film act on each neuron by heads of their own; attention over them in the
    // trunk learns little from half an hour of spikes.
    layers: { encoder: 0, state: 1, state_history: 0, stimulus: 0 },
    neuron_queries: 'frames',
    spike_history: { kind: 'pairs', bounded: true },
    window: { curr: 0.05, prev: 0.15, frame: 0.2 },
    resolution: { dt: 0.01 },
    block_size: blockSizes(recording, PAST_FRAMES, PAST_CUT),
    wave_emb: true,
    vit_encoder: false,
    frame_encoder: {
      conv_layer: true,
      kernel_size: [4, kernel, kernel],
      stride_size: [4, stride, stride],
    },
    dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
    loss: { mu: 0.6 },
    training: {
      steps: 3000,
      batch: 32,
      rate: 0.005,
      warmup: 0.05,
      floor: 0.05,
      decay: 0.1,
      clip: 1,
      split: trialSplit(recording),
    },
  };
}

/** The configuration of a model that decodes behavior, and of its training. */
function decodingConfig(recording: VisualRecording): object {
  const kernel = Math.max(1, Math.round(recording.size / 4));
  const stride = Math.max(1, kernel - 1);
  const variable = { dt: FRAME_SECONDS, predict: true, objective: 'regression' };
  return {
    n_embd: 32,
    n_head: 4,
    initial_weights: 'fan_in',
    layers: { encoder: 0, state: 1, state_history: 1, stimulus: 1 },
    window: { curr: 0.05, prev: 0.95, frame: 0.2 },
    resolution: { dt: 0.01 },
    block_size: blockSizes(recording, DECODING_PAST_FRAMES, DECODING_PAST_CUT),
    wave_emb: true,
    vit_encoder: false,
    frame_encoder: {
      conv_layer: true,
      kernel_size: [4, kernel, kernel],
      stride_size: [4, stride, stride],
    },
    dropout: { attn: 0.1, resid: 0.1, id: 0.1, im: 0.1 },
    pool: 'eos',
    // Queries read the film through the last layer; counts alone would not.
    readout: { blocks: 1, bins: 20 },
    modalities: {
      behavior: {
        window: FRAME_SECONDS,
        variables: { speed: variable, phi: variable, theta: variable },
      },
    },
    loss: { mu: 0.6, variables: { speed: 2, phi: 2, theta: 2 } },
    training: {
      steps: 800,
      batch: 32,
      rate: 0.005,
      warmup: 0.05,
      floor: 0.05,
      decay: 0.1,
      token_dropout: 0.1,
      split: trialSplit(recording),
    },
  };
}

/** Trials with films of their own in order: training, validation, test. */
function trialSplit({ films }: VisualRecording) {
  const [test, validation] = [TEST_SHARE, VALIDATION_SHARE].map((share) =>
    Math.max(1, Math.round(share * films)),
  ) as [number, number];
  const train = films - validation - test;
  return {
    kind: 'trials',
    train: formatTrials(0, train),
    validation: formatTrials(train, validation),
    test: formatTrials(train + validation, test),
  };
}

/** `count` trials from `first` on, as a split lists them. */
function formatTrials(first: number, count: number): string {
  return count === 1 ? `${first}` : `${first}-${first + count - 1}`;
}

/**
 * The smallest blocks that hold nearly all windows, with SOS and EOS.
 *
 * @param pastFrames frames that last as long as the past window
 * @param pastCut the share of windows whose past may have more spikes
 */
function blockSizes(
  { spikes, trials, seconds }: VisualRecording,
  pastFrames: number,
  pastCut: number,
): { id: number; prev_id: number } {
  const frames = Math.round(seconds / FRAME_SECONDS);
  const current = new Int32Array(trials.length * frames);
  for (const times of spikes)
    for (const time of times) current[Math.floor(time / FRAME_SECONDS + 1e-9)]! += 1;
  const past = current.map((_, n) => {
    const trialStart = n - (n % frames);
    return current
      .subarray(Math.max(trialStart, n - pastFrames), n)
      .reduce((sum, count) => sum + count, 0);
  });
  return { id: smallestBlock(current, BLOCK_CUT), prev_id: smallestBlock(past, pastCut) };
}
