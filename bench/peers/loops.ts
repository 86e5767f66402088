/** Plain loops of TypeScript in float64, which also say what the losses should be. */

import { STEP_RATE } from '../step-model.js';
import { StepReference } from '../step-reference.js';
import { type Peer, type StepSetup, timed } from './peer.js';

/** The loops of test/reference. */
export function openLoops(): Peer {
  return {
    name: 'plain loops, float64',
    on: '1 thread',
    async trainer(setup) {
      const reference = referenceOf(setup);
      let loss = Number.NaN;
      return {
        step: () =>
          timed(() => {
            loss = reference.train(STEP_RATE);
          }),
        loss: async () => loss,
        dispose() {},
      };
    },
    close() {},
  };
}

/** The first losses in float64. */
export function referenceLosses(setup: StepSetup, steps: number): number[] {
  const reference = referenceOf(setup);
  return Array.from({ length: steps }, () => reference.train(STEP_RATE));
}

function referenceOf({ sizes, batch, parameters }: StepSetup): StepReference {
  return new StepReference(sizes, batch, parameters);
}
