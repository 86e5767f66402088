/**
 * `npm run bench -- threads`: the CPU device's step by itself, beside busy processes, with a thread that is held up, and in
 * processes started one after the other. A step must not take much longer because somebody else computes.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Engine, requestCpuDevice } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { digits, showTiming, summarizeTimes, type Timing } from './measure.js';
import { makeBatch, STEP_SIZES, StepTrainer } from './step-model.js';

const STEPS = 30;
const BATCH_SEED = 3;
const HELD_MILLISECONDS = 4;
/** Of the barriers at which a thread is held up: one in so many. */
const HELD_EVERY = 8;
/** Seconds in which the device may find out how many threads are worth it. */
const SETTLING_SECONDS = 10;
const PROCESSES = 40;
const STEPS_OF_A_PROCESS = 20;

/** Runs and prints all of them. */
export async function benchThreads(): Promise<void> {
  const threads = availableParallelism();
  const quiet = await stepsOn(await createEngine({ adapter: 'cpu', threads }));
  const single = await stepsOn(await createEngine({ adapter: 'cpu', threads: 1 }));
  console.log(
    `a step on ${threads} threads: ${showTiming(quiet)} ms; on one: ${showTiming(single)}`,
  );
  await besideBusyProcesses(threads, quiet);
  if (threads > 1) await withThreadHeldUp(threads, single, quiet);
  inProcesses();
}

/** One of the processes that `inProcesses` starts: prints its median step. */
export async function benchOneProcess(): Promise<void> {
  const engine = await createEngine({ adapter: 'cpu' });
  const { median } = await stepsOn(engine, STEPS_OF_A_PROCESS);
  console.log(median);
}

/** Times steps, after some that are not counted, and disposes of the engine. */
async function stepsOn(engine: Engine, count = STEPS): Promise<Timing> {
  const trainer = trainerOn(engine);
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

function trainerOn(engine: Engine): StepTrainer {
  return new StepTrainer(engine, STEP_SIZES, makeBatch(STEP_SIZES, BATCH_SEED));
}

async function besideBusyProcesses(threads: number, quiet: Timing): Promise<void> {
  const busy: ChildProcess[] = Array.from({ length: threads }, () =>
    spawn(process.execPath, ['-e', 'for (;;);']),
  );
  try {
    const engine = await createEngine({ adapter: 'cpu', threads });
    const trainer = trainerOn(engine);
    await forSeconds(SETTLING_SECONDS, () => trainer.step());
    const timing = await timeSteps(trainer, STEPS);
    trainer.dispose();
    engine.dispose();
    console.log(
      `beside ${threads} busy processes: ${showTiming(timing)} ms, ${digits(timing.median / quiet.median)} times as long`,
    );
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
}

async function withThreadHeldUp(threads: number, single: Timing, quiet: Timing): Promise<void> {
  const until = Date.now() + 1000 * (SETTLING_SECONDS + 10);
  const delay = { thread: 1, every: HELD_EVERY, milliseconds: HELD_MILLISECONDS, seed: 1, until };
  const device = await requestCpuDevice({ threads, hooks: { delay } });
  const engine = await createEngine({ device });
  const trainer = trainerOn(engine);
  await forSeconds(SETTLING_SECONDS, () => trainer.step());
  const held: number[] = [];
  while (Date.now() < until) held.push(await trainer.step());
  const timing = summarizeTimes(held);
  console.log(
    `one thread held up for ${HELD_MILLISECONDS} ms at one barrier in ${HELD_EVERY}: ${showTiming(timing)} ms, ` +
      `${digits(timing.median / single.median)} times as long as on one thread`,
  );
  const start = performance.now();
  let recovered: number | undefined;
  await forSeconds(2 * SETTLING_SECONDS, async () => {
    const milliseconds = await trainer.step();
    if (milliseconds < 1.2 * quiet.median) recovered ??= (performance.now() - start) / 1000;
  });
  console.log(`when that is over, as fast as before after ${digits(recovered ?? Number.NaN)} s`);
  trainer.dispose();
  engine.dispose();
  device.destroy();
}

async function forSeconds(seconds: number, work: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) await work();
}

function inProcesses(): void {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const medians = Array.from({ length: PROCESSES }, () =>
    Number(execFileSync(process.execPath, [main, 'one-process'], { encoding: 'utf8' })),
  );
  const timing = summarizeTimes(medians);
  console.log(
    `${PROCESSES} processes, one after the other: ${showTiming(timing)} ms a step, ` +
      `the slowest ${digits(timing.highest / timing.median)} times the median`,
  );
}
