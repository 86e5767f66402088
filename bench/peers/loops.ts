/** Plain TypeScript loops in float64, which compute the expected losses. */

import { STEP_RATE } from '../step-model.js';
import { StepReference } from '../step-reference.js';
import type { Peer, StepSetup } from './peer.js';

/** The loops of src/reference as a row of the table. */
export const LOOPS: Pick<Peer, 'name' | 'on'> = { name: 'plain loops, float64', on: '1 thread' };

/** The losses of the first steps, and the milliseconds of each. */
export function runLoops({ sizes, batch, parameters }: StepSetup, steps: number) {
  const reference = new StepReference(sizes, batch, parameters);
  const losses: number[] = [];
  const milliseconds: number[] = [];
  for (let n = 0; n < steps; n++) {
    const start = performance.now();
    losses.push(reference.train(STEP_RATE));
    milliseconds.push(performance.now() - start);
  }
  return { losses, milliseconds };
}
