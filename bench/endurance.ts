/** `npm run bench -- endurance`: whether the CPU device gives back what it takes, over many devices and many updates. */

import { requestCpuDevice, Tensor } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { digits } from './measure.js';
import { makeBatch, STEP_RATE, StepModel, TINY_STEP_SIZES } from './step-model.js';

const DEVICES = 1000;
const UPDATES = 20_000;
const LOOKS = 10;
const MB = 1e6;

/** Runs and prints both. */
export async function benchEndurance(): Promise<void> {
  await openAndClose();
  await update();
}

async function openAndClose(): Promise<void> {
  // The stream that is written to is a handle, too.
  console.log(`${DEVICES} devices, then ${UPDATES} updates`);
  const before = process.getActiveResourcesInfo().length;
  for (let look = 0; look < LOOKS; look++) {
    for (let n = 0; n < DEVICES / LOOKS; n++) {
      const device = await requestCpuDevice();
      const engine = await createEngine({ device });
      await Tensor.zeros(engine, [1000]).floats();
      engine.dispose();
      device.destroy();
    }
    console.log(`${((look + 1) * DEVICES) / LOOKS} devices opened and closed: ${describeMemory()}`);
  }
  // Workers end when they have heard of it.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const more = process.getActiveResourcesInfo().length - before;
  console.log(`handles that are left: ${more}`);
}

async function update(): Promise<void> {
  const engine = await createEngine({ adapter: 'cpu' });
  const model = new StepModel(engine, TINY_STEP_SIZES, makeBatch(TINY_STEP_SIZES, 3));
  const step = model.record();
  for (let look = 0; look < LOOKS; look++) {
    for (let n = 0; n < UPDATES / LOOKS; n++) {
      model.optimizer.prepare(STEP_RATE);
      // Each reads its loss, as a training that reports does.
      await step.runAndFetch([step.value]).read();
    }
    const { bytes, buffers } = engine.memory();
    console.log(
      `${((look + 1) * UPDATES) / LOOKS} updates: ${describeMemory()}; ${digits(bytes / MB)} MB in ${buffers} buffers`,
    );
  }
  engine.dispose();
}

function describeMemory(): string {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return `${digits(rss / MB)} MB of the process, ${digits(heapUsed / MB)} of the heap, ${digits(arrayBuffers / MB)} of buffers`;
}
