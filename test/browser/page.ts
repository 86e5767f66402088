/** The functions of the test's page, which the test calls from outside. */

import { createEngine, type DeviceFacts, Tensor } from '../../src/engine.js';
import { generateFrom } from './generate.js';
import { type Losses, train } from './train.js';

/** Trains on a device that the engine requests. */
export async function trainOnOwnDevice(): Promise<{ facts: DeviceFacts; losses: Losses }> {
  const engine = await createEngine({ adapter: 'gpu' });
  const losses = await train(engine);
  engine.dispose();
  return { facts: engine.facts, losses };
}

/**
 * Trains on a device that the page has requested without features or limits. The device has to stay
 * usable.
 */
export async function trainOnBorrowedDevice(): Promise<{ losses: Losses; alive: boolean }> {
  const device = await requestDevice();
  const engine = await createEngine({ device });
  const losses = await train(engine);
  engine.dispose();
  const next = await createEngine({ device });
  const alive = (await Tensor.from(next, [3], [1]).floats())[0] === 3;
  next.dispose();
  device.destroy();
  return { losses, alive };
}

/** The errors of pending and of later reads when the page's device is destroyed. */
export async function loseDevice(): Promise<string[]> {
  const device = await requestDevice();
  const engine = await createEngine({ device });
  const x = Tensor.from(engine, [1, 2], [2]);
  const pending = [x.floats(), engine.finish(), engine.lost];
  device.destroy();
  const settled = await Promise.allSettled(pending);
  settled.push(...(await Promise.allSettled([x.floats()])));
  return settled.map((result) =>
    result.status === 'rejected' ? String(result.reason) : 'no error',
  );
}

/** Loads a model from the test's server and generates spikes with it. */
export async function generateFromServedModel(): Promise<number[][][]> {
  const file = new Uint8Array(await (await fetch('/model.safetensors')).arrayBuffer());
  const engine = await createEngine({ adapter: 'gpu' });
  const trials = await generateFrom(engine, file);
  engine.dispose();
  return trials;
}

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return adapter!.requestDevice();
}
