/** What each neuron fired before every position of a window, weighted by how long ago. */

import { ShapeError } from '../gpu/errors.js';
import { addFoldedRows } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/** The tokens of a batch of windows: T of the current window, P of the past one. */
export interface SpikeTokens {
  /** Neuron tokens of the current window, u32 [B, T]. */
  readonly ids: Tensor;
  /** Their time tokens as numbers, [B, T]. */
  readonly times: Tensor;
  /** Neuron tokens of the past window, u32 [B, P]. */
  readonly pastIds: Tensor;
  /** Their time tokens as numbers, [B, P]. */
  readonly pastTimes: Tensor;
  /** Hides tokens. Default: none is hidden. */
  readonly masks?: SpikeMasks | undefined;
}

/** Masks of the tokens of windows, zero where a token is hidden. */
export interface SpikeMasks {
  /** u32 [B, T] */
  readonly current: Tensor;
  /** u32 [B, P] */
  readonly past: Tensor;
}

/** Consecutive positions of the current window. */
export interface PositionRange {
  /** The first of them. */
  readonly start: number;
  /** How many. */
  readonly count: number;
}

/** How `spikeHistory` reads the tokens. */
export interface SpikeHistoryOptions {
  /** Number of neurons: tokens below it are spikes. */
  readonly neurons: number;
  /**
   * Columns of the result: at least as many as neurons, of which those without a neuron are 0; or
   * 1, which adds up the spikes of all neurons.
   */
  readonly columns: number;
  /** Length of the past window, in steps of the time tokens. */
  readonly pastSteps: number;
  /** The positions to compute it for. Default: all of the current window. */
  readonly positions?: PositionRange;
}

/**
 * out[b, t, r, v] = the sum of kernel[r, lag] over the spikes of neuron v in the past window and at
 * positions up to t of the current one, where the lag is measured in steps from the time of
 * position t. With one column it is the sum over the spikes of all neurons.
 *
 * @param kernel [R, L]: R functions of the lag, in steps from 0. Spikes with a lag of L or more do
 *   not count.
 * @returns [B, positions, R, columns]
 * @throws ShapeError where shapes disagree, there are fewer columns than neurons, or positions are
 *   outside the window.
 */
export function spikeHistory(
  tokens: SpikeTokens,
  kernel: Tensor,
  options: SpikeHistoryOptions,
): Tensor {
  const op = 'spikeHistory';
  const { engine } = kernel;
  const { neurons, columns, pastSteps } = options;
  const { ids, times, pastIds, pastTimes, masks } = tokens;
  const { B, T, P, R, L } = checkShapes(op, tokens, kernel);
  const { start, count } = options.positions ?? { start: 0, count: T };
  if (columns !== 1 && columns < neurons)
    throw new ShapeError(op, 'columns', `1, or ${neurons} or more`, `${columns}`);
  if (!(start >= 0 && count >= 1 && start + count <= T))
    throw new ShapeError(op, 'positions', `within 0 to ${T}`, `${start} to ${start + count}`);
  const out = newOutput(engine, [B, count, R, columns], [kernel]);
  const { read } = engine.placeholders;
  const shared = {
    ids,
    times,
    pastIds,
    pastTimes,
    mask: masks?.current ?? read,
    pastMask: masks?.past ?? read,
  };
  const params = {
    B,
    T,
    P,
    Q: count,
    R,
    V: columns,
    L,
    start,
    neurons,
    pastSteps,
    hasMask: Number(masks !== undefined),
  };
  const rows = B * count * R;
  const groups = Math.ceil(rows / WORKGROUP_SIZE);
  engine.dispatch('spike_history.features', { ...shared, kernel, out }, params, groups);
  pushNode(engine, {
    op,
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout || !gradients.wants(kernel)) return;
      const partials = Tensor.empty(engine, [rows, L]);
      engine.dispatch('spike_history.features_grad', { ...shared, dout, partials }, params, groups);
      addFoldedRows(partials, gradients.accumulator(kernel), 1, R * L);
      partials.release();
    },
  });
  return out;
}

function checkShapes(op: string, tokens: SpikeTokens, kernel: Tensor) {
  const { ids, times, pastIds, pastTimes, masks } = tokens;
  const bound: Record<string, number> = {};
  expectShape(op, 'ids', ids, ['B', 'T'], bound, 'u32');
  expectShape(op, 'times', times, ['B', 'T'], bound);
  expectShape(op, 'pastIds', pastIds, ['B', 'P'], bound, 'u32');
  expectShape(op, 'pastTimes', pastTimes, ['B', 'P'], bound);
  if (masks) {
    expectShape(op, 'masks.current', masks.current, ['B', 'T'], bound, 'u32');
    expectShape(op, 'masks.past', masks.past, ['B', 'P'], bound, 'u32');
  }
  expectShape(op, 'kernel', kernel, ['R', 'L'], bound);
  return bound as Record<'B' | 'T' | 'P' | 'R' | 'L', number>;
}
