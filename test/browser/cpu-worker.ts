/** A page's worker that trains on the CPU device and tells its page the losses. */

import { createEngine, type DeviceFacts } from '../../src/engine.js';
import { trainDemo } from './train-demo.js';

/** What the worker answers. */
export interface Trained {
  readonly facts: DeviceFacts;
  readonly losses: number[];
  readonly hash: string;
  /** What was logged: that it runs on the CPU, and why. */
  readonly said: string[];
}

const scope = globalThis as unknown as {
  onmessage: (event: { data: { updates: number } }) => void;
  postMessage(message: Trained | { error: string }): void;
};

scope.onmessage = async ({ data }) => {
  try {
    const said: string[] = [];
    const engine = await createEngine({ log: (line) => said.push(line) });
    const trained = await trainDemo(engine, data.updates);
    engine.dispose();
    scope.postMessage({ facts: engine.facts, ...trained, said });
  } catch (error) {
    scope.postMessage({ error: String(error) });
  }
};
