/** Proposes configurations that predict spikes: to draw them, or to read who drives whom. */

import { roundDecimals } from '../math/rounding.js';
import { RecordingError } from '../recording/errors.js';
import type { Recording } from '../recording/recording.js';
import { formatSeconds } from '../text/format.js';
import { blockFor, COMMON_TRAINING, proposeSplit, SMALL_NETWORK } from './common.js';
import { readFewer } from './fewer-neurons.js';
import type { Proposal } from './proposal.js';
import { spikeStep, spikesIn } from './spike-resolution.js';

/** Current windows that are tried, seconds, and the tokens that one may have. */
const [WINDOWS, MAX_TOKENS] = [[0.5, 0.25, 0.1, 0.05, 0.02, 0.01], 100];
/** More neurons than this have too many pairs. */
const MAX_PAIRED = 200;
/** Seconds: delays between neurons are shorter than bins wider than this. */
const MAX_WIRING_STEP = 0.005;

/** What the proposals are for, in words. */
export const [DRAWING, WIRING] = ['predict and generate spikes', 'read who drives whom'];

/**
 * A model whose attention says who drives whom. Windows are short, so that delays of a few
 * milliseconds reach from the past window into the current one. The only block attends to the past
 * and to nothing else, so that its attention is all there is to read.
 */
export const WIRING_MODEL = {
  wave_emb: true,
  layers: { state: 0, state_history: 1, stimulus: 0 },
  window: { curr: 0.005, prev: 0.03 },
  resolution: { dt: 0.001 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
};

/** A configuration that predicts spikes from earlier ones, and from the film where there is one. */
export function proposeDrawing(recording: Recording): Proposal {
  const dt = spikeStep(recording);
  const isShort = (seconds: number) => seconds >= dt && spikesIn(recording, seconds) <= MAX_TOKENS;
  const current = WINDOWS.find(isShort) ?? dt;
  const past = roundDecimals(3 * current, 6);
  const [spikes, earlier] = [current, past].map((seconds) => spikesIn(recording, seconds));
  const { split, why } = proposeSplit(recording);
  return {
    task: 'generate',
    purpose: DRAWING,
    model: {
      ...SMALL_NETWORK,
      window: { curr: current, prev: past },
      resolution: { dt },
      block_size: { id: blockFor(spikes!), prev_id: blockFor(earlier!) },
      layers: { state: 1, state_history: 1, stimulus: 0 },
      spike_history: recording.neurons <= MAX_PAIRED ? { kind: 'pairs', bounded: true } : 'own',
      population_coupling: 4,
      frequency_bias: true,
      dropout: { attn: 0.1, resid: 0.1, id: 0 },
      loss: { mu: 0.6 },
    },
    training: { epochs: 8, batch: 32, rate: 3e-3, ...COMMON_TRAINING, split },
    comments: {
      window: `the longest of a few whose spikes are at most ${MAX_TOKENS}, and three times as much past`,
      block_size: 'tokens: the spikes of 999 of 1,000 windows, with start and end',
      spike_history: 'what each spike does to the rate of its own neuron, or of every other one',
      population_coupling: 'how much each neuron follows the others, which keeps drawn rates right',
      'training.split': why,
    },
    notes: spikes! > MAX_TOKENS ? [denseNote(recording, spikes!, current)] : [],
  };
}

function denseNote(recording: Recording, spikes: number, seconds: number): string {
  const fewer = readFewer(recording, (part) => spikesIn(part, seconds) <= MAX_TOKENS);
  const cost = `Even ${formatSeconds(seconds)} hold ${spikes} spikes, so training is slow`;
  return fewer === undefined ? `${cost}.` : `${cost}: to train faster, ${fewer}.`;
}

/**
 * A configuration whose attention says who drives whom.
 *
 * @throws RecordingError where the times of spikes are too coarse for it.
 */
export function proposeWiring(recording: Recording): Proposal {
  const step = spikeStep(recording);
  if (step > 2 * MAX_WIRING_STEP)
    throw new RecordingError(
      `Spikes are known to ${formatSeconds(step)}, but one neuron drives another within a few milliseconds: who drives whom can only be read from spike times, not from bins or frames.`,
    );
  const { curr, prev } = WIRING_MODEL.window;
  const { split, why } = proposeSplit(recording);
  return {
    task: 'wiring',
    purpose: WIRING,
    model: {
      ...SMALL_NETWORK,
      ...WIRING_MODEL,
      block_size: {
        id: blockFor(spikesIn(recording, curr)),
        prev_id: blockFor(spikesIn(recording, prev)),
      },
    },
    training: { epochs: 2, batch: 64, rate: 3e-3, ...COMMON_TRAINING, split },
    comments: {
      window:
        'short, so that delays of a few milliseconds reach from the past window into the current one',
      layers:
        'one block attends to the past and to nothing else, so its attention is all there is to read',
      'training.split': why,
    },
    notes: [],
  };
}
