/**
 * What another implementation of WebGPU makes of the kernels: every op in every family of kernels,
 * against the bounds of its float64 reference, and the losses of training steps. Tests bundle it
 * and run it elsewhere.
 */

import { createEngine } from '../../src/create-engine.js';
import type { Tuning } from '../../src/gpu/tuning.js';
import { compareBuffers, expectedBuffers } from '../gpu/kernel-bounds.js';
import { FAMILIES, randomOps } from '../helpers/random-ops.js';
import { captureCases, replay } from '../helpers/replay.js';
import { STEP_TUNINGS, trainingLosses } from './losses.js';

/** What the check found. */
export interface Findings {
  /** The adapter as WebGPU describes it. */
  readonly adapter: string;
  /** Kernels that ran. */
  readonly kernels: readonly string[];
  /** Dispatches that were compared. */
  readonly dispatches: number;
  /** Results outside their bounds, and errors of the device. */
  readonly faults: readonly string[];
  /** Losses of training steps, by tuning. */
  readonly losses: Readonly<Record<string, readonly Record<string, number>[]>>;
}

const SEED = 1;
/** Every op in each of the three families. */
const CASES = 300;

/** Runs all of it on the WebGPU of `navigator`. */
export async function check(): Promise<Findings> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('there is no adapter.');
  const device = await adapter.requestDevice();
  const faults: string[] = [];
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    faults.push((event as GPUUncapturedErrorEvent).error.message);
  });
  const engineWith = (tuning: Partial<Tuning>) => createEngine({ device, tuning });
  const kernels = new Set<string>();
  let dispatches = 0;
  const ops = randomOps(SEED, CASES);
  for (const [family, tuning] of Object.entries(FAMILIES)) {
    const engine = await engineWith(tuning);
    const cases = ops
      .filter((op) => op.family === family)
      .map(({ name, run }) => ({ name, run: () => run(engine) }));
    const captures = await captureCases(engine, cases);
    const results = await replay(engine, captures);
    for (const [n, dispatch] of captures.entries()) {
      kernels.add(dispatch.kernel);
      dispatches += 1;
      const comparison = compareBuffers(expectedBuffers(dispatch), results[n]!);
      for (const fault of comparison.faults)
        faults.push(`${dispatch.name}: ${dispatch.kernel}: ${fault}`);
    }
    engine.dispose();
  }
  const losses: Record<string, readonly Record<string, number>[]> = {};
  for (const [name, tuning] of Object.entries(STEP_TUNINGS)) {
    const engine = await engineWith(tuning);
    losses[name] = await trainingLosses(engine);
    engine.dispose();
  }
  const { vendor, device: id, description } = adapter.info;
  return {
    adapter: [vendor, id, description].filter(Boolean).join(' '),
    kernels: [...kernels].sort(),
    dispatches,
    faults,
    losses,
  };
}
