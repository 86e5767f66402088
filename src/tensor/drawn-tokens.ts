/** Windows while they are drawn token by token: their tokens, and the counts expected of them. */

import { ShapeError } from '../gpu/errors.js';
import { rowGrid } from './primitives.js';
import { expectShape, type Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/** The tokens that were drawn so far for a batch of windows. */
export interface DrawnWindows {
  /** Neuron tokens, u32 [B, T]. */
  readonly ids: Tensor;
  /** Time tokens as numbers, [B, T]. */
  readonly times: Tensor;
}

/**
 * Puts the tokens of one position into windows.
 *
 * @param ids u32, B neuron tokens
 * @param times u32, B time tokens
 * @throws ShapeError where shapes disagree or the position is outside the windows.
 */
export function appendTokens(
  windows: DrawnWindows,
  position: number,
  { ids, times }: { ids: Tensor; times: Tensor },
): void {
  const op = 'appendTokens';
  const { engine } = windows.ids;
  const { B, T } = checkWindows(op, windows, position);
  expectShape(op, 'new ids', ids.reshape([ids.length]), [B], {}, 'u32');
  expectShape(op, 'new times', times.reshape([times.length]), [B], {}, 'u32');
  engine.dispatch(
    'drawn_tokens.append',
    { newIds: ids, newTimes: times, drawnIds: windows.ids, drawnTimes: windows.times },
    { B, T, V: 0, position, ends: 0 },
    Math.ceil(B / WORKGROUP_SIZE),
    { constants: { WG: WORKGROUP_SIZE } },
  );
}

/**
 * Adds the probabilities of the token after a position to those of the positions before it, for
 * windows that no token has ended.
 *
 * @param logits [B, classes], of the token after the position
 * @param expected [B, classes]: the expected number of tokens of each class so far
 * @param position whose token, and those before it, are in `windows`
 * @param end the first token that ends a window; all tokens from it on do
 * @throws ShapeError where shapes disagree or the position is outside the windows.
 */
export function addExpected(
  logits: Tensor,
  expected: Tensor,
  windows: DrawnWindows,
  { position, end }: { position: number; end: number },
): void {
  const op = 'addExpected';
  const { engine } = logits;
  const { B, T } = checkWindows(op, windows, position);
  const { V } = expectShape(op, 'logits', logits, [B, 'V']) as { V: number };
  expectShape(op, 'expected', expected, [B, V]);
  const [groups, options] = rowGrid(engine, B);
  engine.dispatch(
    'drawn_tokens.expect',
    { logits, ids: windows.ids, expected },
    { B, T, V, position, ends: end },
    groups,
    options,
  );
}

/**
 * Adds the probabilities of the token after a position to those of the positions before it, for
 * windows of which no draw ends: weighted by the probability that the window reaches the position,
 * which the call also computes for the next one.
 *
 * @param logits [B, classes], of the token after the position, ends included
 * @param expected [B, classes]: the expected number of tokens of each class so far
 * @param reach [B, T]: the probability that no token up to a position ended the window
 * @param end the first token that ends a window; all tokens from it on do
 * @throws ShapeError where shapes disagree or the position is outside the windows.
 */
export function addExpectedEndless(
  logits: Tensor,
  expected: Tensor,
  reach: Tensor,
  { position, end }: { position: number; end: number },
): void {
  const op = 'addExpectedEndless';
  const { engine } = logits;
  const { B, T } = expectShape(op, 'reach', reach, ['B', 'T']) as { B: number; T: number };
  checkPosition(op, position, T);
  const { V } = expectShape(op, 'logits', logits, [B, 'V']) as { V: number };
  expectShape(op, 'expected', expected, [B, V]);
  const [groups, options] = rowGrid(engine, B);
  engine.dispatch(
    'drawn_tokens.expect_endless',
    { logits, expected, reach },
    { B, T, V, position, ends: end },
    groups,
    options,
  );
}

function checkWindows(op: string, { ids, times }: DrawnWindows, position: number) {
  const { B, T } = expectShape(op, 'ids', ids, ['B', 'T'], {}, 'u32') as { B: number; T: number };
  expectShape(op, 'times', times, [B, T]);
  checkPosition(op, position, T);
  return { B, T };
}

function checkPosition(op: string, position: number, T: number): void {
  if (!Number.isInteger(position) || position < 0 || position >= T)
    throw new ShapeError(op, 'position', `within 0 to ${T - 1}`, `${position}`);
}
