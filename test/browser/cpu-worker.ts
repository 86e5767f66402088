/** A page's worker that trains on the CPU device and posts the result to the page. */

import { createEngine, type DeviceFacts } from '../../src/engine.js';
import { trainDemo } from './train-demo.js';

/** The result of the training. */
export interface Trained {
  readonly facts: DeviceFacts;
  /** The loss of every update. */
  readonly losses: number[];
  /** Hash of the weights, gradients and moments, as `trainDemo` returns it. */
  readonly hash: string;
  /** What the engine logged: that it runs on the CPU, and why. */
  readonly logged: string[];
}

const scope = globalThis as unknown as {
  onmessage: (event: { data: { updates: number } }) => void;
  postMessage(message: Trained | { error: string }): void;
};

scope.onmessage = async ({ data }) => {
  try {
    const logged: string[] = [];
    const engine = await createEngine({ log: (line) => logged.push(line) });
    const trained = await trainDemo(engine, data.updates);
    engine.dispose();
    scope.postMessage({ facts: engine.facts, ...trained, logged });
  } catch (error) {
    scope.postMessage({ error: String(error) });
  }
};
