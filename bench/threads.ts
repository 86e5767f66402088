/**
 * `npm run bench -- threads`: a training step on the CPU device alone, beside busy processes, with
 * a delayed thread, and in new processes. A step should not take much longer because other
 * processes compute.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Engine, requestCpuDevice } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { formatNumber, formatTiming, summarizeTimes, type Timing } from './measure.js';
import { makeBatch, STEP_SIZES, StepTrainer } from './step-model.js';

const STEPS = 30;
const BATCH_SEED = 3;
const DELAY_MILLISECONDS = 4;
/** The thread is delayed at one barrier in this many. */
const DELAY_INTERVAL = 8;
/** The time in which the device can adapt its number of threads. */
const SETTLING_SECONDS = 10;
const PROCESSES = 40;
const STEPS_PER_PROCESS = 20;

/** Runs all measurements and prints them. */
export async function benchThreads(): Promise<void> {
  const threads = availableParallelism();
  const undisturbed = await timeStepsOn(await createEngine({ adapter: 'cpu', threads }));
  const single = await timeStepsOn(await createEngine({ adapter: 'cpu', threads: 1 }));
  console.log(
    `one step on ${threads} threads: ${formatTiming(undisturbed)} ms; on one: ${formatTiming(single)}`,
  );
  await benchBusyCores(threads, undisturbed);
  if (threads > 1) await benchDelayedThread(threads, single, undisturbed);
  benchNewProcesses();
}

/** The program of a process that `benchNewProcesses` starts: prints its median step. */
export async function benchOneProcess(): Promise<void> {
  const engine = await createEngine({ adapter: 'cpu' });
  const { median } = await timeStepsOn(engine, STEPS_PER_PROCESS);
  console.log(median);
}

/** Times steps, after three that are not counted, and disposes the engine. */
async function timeStepsOn(engine: Engine, count = STEPS): Promise<Timing> {
  const trainer = createTrainer(engine);
  for (let n = 0; n < 3; n++) await trainer.step();
  const timing = await timeSteps(trainer, count);
  trainer.dispose();
  engine.dispose();
  return timing;
}

async function timeSteps(trainer: StepTrainer, count: number): Promise<Timing> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) times.push(await trainer.step());
  return summarizeTimes(times);
}

function createTrainer(engine: Engine): StepTrainer {
  return new StepTrainer(engine, STEP_SIZES, makeBatch(STEP_SIZES, BATCH_SEED));
}

async function benchBusyCores(threads: number, undisturbed: Timing): Promise<void> {
  const busy: ChildProcess[] = Array.from({ length: threads }, () =>
    spawn(process.execPath, ['-e', 'for (;;);']),
  );
  try {
    const engine = await createEngine({ adapter: 'cpu', threads });
    const trainer = createTrainer(engine);
    await repeatForSeconds(SETTLING_SECONDS, () => trainer.step());
    const timing = await timeSteps(trainer, STEPS);
    trainer.dispose();
    engine.dispose();
    console.log(
      `beside ${threads} busy processes: ${formatTiming(timing)} ms, ${formatNumber(timing.median / undisturbed.median)} times as long`,
    );
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
}

async function benchDelayedThread(
  threads: number,
  single: Timing,
  undisturbed: Timing,
): Promise<void> {
  const until = Date.now() + 1000 * (SETTLING_SECONDS + 10);
  const delay = {
    thread: 1,
    every: DELAY_INTERVAL,
    milliseconds: DELAY_MILLISECONDS,
    seed: 1,
    until,
  };
  const device = await requestCpuDevice({ threads, hooks: { delay } });
  const engine = await createEngine({ device });
  const trainer = createTrainer(engine);
  await repeatForSeconds(SETTLING_SECONDS, () => trainer.step());
  const delayed: number[] = [];
  while (Date.now() < until) delayed.push(await trainer.step());
  const timing = summarizeTimes(delayed);
  console.log(
    `one thread delayed by ${DELAY_MILLISECONDS} ms at one barrier in ${DELAY_INTERVAL}: ${formatTiming(timing)} ms, ` +
      `${formatNumber(timing.median / single.median)} times as long as on one thread`,
  );
  const start = performance.now();
  let recovered: number | undefined;
  await repeatForSeconds(2 * SETTLING_SECONDS, async () => {
    const milliseconds = await trainer.step();
    if (milliseconds < 1.2 * undisturbed.median) recovered ??= (performance.now() - start) / 1000;
  });
  console.log(
    `after the delays end, as fast as before within ${formatNumber(recovered ?? Number.NaN)} s`,
  );
  trainer.dispose();
  engine.dispose();
  device.destroy();
}

async function repeatForSeconds(seconds: number, work: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) await work();
}

function benchNewProcesses(): void {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const medians = Array.from({ length: PROCESSES }, () =>
    Number(execFileSync(process.execPath, [main, 'one-process'], { encoding: 'utf8' })),
  );
  const timing = summarizeTimes(medians);
  console.log(
    `${PROCESSES} processes in sequence: ${formatTiming(timing)} ms per step, ` +
      `the slowest ${formatNumber(timing.highest / timing.median)} times the median`,
  );
}
