/**
 * The form of the loop over workgroups and of the loop over the invocations of one.
 *
 *   in    counter i, end n, body
 *   out   loop { body; set i, i + 1; br_if loop (i < n) }
 *
 * Why: with the condition at its end, an iteration has one branch.
 */

import * as fold from './fold.js';
import { get, i32, type Label, type Local, type Node, type Statement } from './ir.js';

/**
 * Runs `body` once for each value of `counter` from its current value up to, but not including,
 * `end`. The counter must be below `end` before: the first iteration always runs.
 */
export function countingLoop(counter: Local, end: Node, body: readonly Statement[]): Statement {
  const label: Label = { name: counter.name };
  const next = fold.integer('add', get(counter), i32(1));
  const iteration: Statement[] = [
    ...body,
    { kind: 'set', local: counter, value: next },
    { kind: 'branch', label, condition: fold.integer('lt_u', get(counter), end) },
  ];
  return { kind: 'loop', label, body: iteration };
}
