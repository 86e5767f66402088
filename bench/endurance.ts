/**
 * `npm run bench -- endurance`: whether the CPU device leaks memory, over many devices and many
 * updates.
 */

import { requestCpuDevice, Tensor } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { formatNumber } from './measure.js';
import { makeBatch, STEP_RATE, StepModel, TINY_STEP_SIZES } from './step-model.js';

const DEVICES = 1000;
const UPDATES = 20_000;
const REPORTS = 10;
const MB = 1e6;

/** Runs both and prints the memory of the process as they run. */
export async function benchEndurance(): Promise<void> {
  await openAndClose();
  await runUpdates();
}

async function openAndClose(): Promise<void> {
  // Write first: standard output becomes a handle, too, when it is first used.
  console.log(`${DEVICES} devices, then ${UPDATES} updates`);
  const before = process.getActiveResourcesInfo().length;
  for (let report = 0; report < REPORTS; report++) {
    for (let n = 0; n < DEVICES / REPORTS; n++) {
      const device = await requestCpuDevice();
      const engine = await createEngine({ device });
      await Tensor.zeros(engine, [1000]).floats();
      engine.dispose();
      device.destroy();
    }
    console.log(
      `${((report + 1) * DEVICES) / REPORTS} devices opened and closed: ${describeMemory()}`,
    );
  }
  // Workers end some time after their device is destroyed.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const leaked = process.getActiveResourcesInfo().length - before;
  console.log(`handles left: ${leaked}`);
}

async function runUpdates(): Promise<void> {
  const engine = await createEngine({ adapter: 'cpu' });
  const model = new StepModel(engine, TINY_STEP_SIZES, makeBatch(TINY_STEP_SIZES, 3));
  const step = model.record();
  for (let report = 0; report < REPORTS; report++) {
    for (let n = 0; n < UPDATES / REPORTS; n++) {
      model.optimizer.prepare(STEP_RATE);
      // Every update reads its loss, as a training run does that reports it.
      await step.runAndFetch([step.value]).read();
    }
    const { bytes, buffers } = engine.memory();
    console.log(
      `${((report + 1) * UPDATES) / REPORTS} updates: ${describeMemory()}; ${formatNumber(bytes / MB)} MB in ${buffers} buffers`,
    );
  }
  engine.dispose();
}

function describeMemory(): string {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return `${formatNumber(rss / MB)} MB of the process, ${formatNumber(heapUsed / MB)} of the heap, ${formatNumber(arrayBuffers / MB)} of buffers`;
}
