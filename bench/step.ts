/**
 * `npm run bench -- step`: a replayed training step of a transformer against the float64 reference.
 */

import { type Engine, profileTable } from '../src/engine.js';
import { adapterPeak, formatNumber, formatTiming, onCpu, race, summarizeTimes } from './measure.js';
import { makeBatch, STEP_RATE, STEP_SIZES, StepModel, stepFlops } from './step-model.js';
import { StepReference } from './step-reference.js';

const CHECKED_STEPS = 3;
const ROUNDS = 5;
const MiB = 2 ** 20;

/** Prints the losses beside the reference's, what a replayed step creates, times, and a profile. */
export async function benchStep(engine: Engine): Promise<void> {
  const batch = makeBatch(STEP_SIZES, 3);
  const model = new StepModel(engine, STEP_SIZES, batch);
  const reference = new StepReference(STEP_SIZES, batch, await model.store.values());
  const step = model.record();
  const gflop = stepFlops(STEP_SIZES) / 1e9;
  console.log(
    `sizes: ${JSON.stringify(STEP_SIZES)}; ${model.store.elementCount} parameters, ${formatNumber(gflop)} GFLOP per step`,
  );

  for (let n = 0; n < CHECKED_STEPS; n++) {
    model.optimizer.prepare(STEP_RATE);
    const [bytes] = await step.runAndFetch([step.value]).read();
    const loss = new Float32Array(bytes!)[0]!;
    const expected = reference.train(STEP_RATE);
    const error = Math.abs(loss - expected) / expected;
    console.log(
      `step ${n + 1}: loss ${loss.toFixed(6)}, float64 reference ${expected.toFixed(6)}, relative difference ${error.toExponential(1)}`,
    );
    if (!(error <= 1e-5))
      throw new Error('The loss differs from the float64 reference by more than 1e-5.');
  }

  await steadyState(engine, model, step);
  const repeats = engine.facts.software ? 1 : 20;
  const [gpu, cpu] = await race(
    [trainer(engine, model, step, repeats), onCpu(() => void reference.train(STEP_RATE))],
    1,
  );
  const timings = await race([trainer(engine, model, step, repeats)], ROUNDS);
  console.log(
    `step: ${formatTiming(timings[0]!)} ms, ${formatNumber((gflop / timings[0]!.median) * 1000)} GFLOP/s`,
  );
  console.log(
    `float64 reference: ${formatNumber(cpu!.median)} ms, ${formatNumber(cpu!.median / gpu!.median)} times as long in the same round`,
  );
  const peak = adapterPeak(engine);
  if (peak)
    console.log(
      `share of the adapter's peak: ${((100 * gflop * 1000) / timings[0]!.median / peak.gflops).toFixed(2)}%`,
    );
  if (engine.facts.timestamps) {
    model.optimizer.prepare(STEP_RATE);
    console.log(profileTable(await engine.profile(() => step.run())));
  }
  step.dispose();
  model.dispose();
}

type RecordedStep = ReturnType<StepModel['record']>;

function trainer(engine: Engine, model: StepModel, step: RecordedStep, repeats: number) {
  return async () => {
    const start = performance.now();
    for (let n = 0; n < repeats; n++) {
      model.optimizer.prepare(STEP_RATE);
      step.run();
    }
    await engine.finish();
    return (performance.now() - start) / repeats;
  };
}

/** Prints what a replayed step creates, and how long the host takes to encode it. */
async function steadyState(engine: Engine, model: StepModel, step: RecordedStep): Promise<void> {
  const encode: number[] = [];
  const countsBefore = engine.counts();
  const memoryBefore = engine.memory();
  for (let n = 0; n < ROUNDS; n++) {
    const start = performance.now();
    model.optimizer.prepare(STEP_RATE);
    step.run();
    encode.push(performance.now() - start);
    await engine.finish();
  }
  const countsAfter = engine.counts();
  const memory = engine.memory();
  const perStep = (name: keyof typeof countsAfter) =>
    (countsAfter[name] - countsBefore[name]) / ROUNDS;
  console.log(
    `a replayed step: ${perStep('dispatches')} dispatches, ${perStep('submits')} submits, ` +
      `${(memory.created - memoryBefore.created) / ROUNDS} buffers and ${perStep('bindGroups')} bind groups created, ` +
      `host encode ${formatTiming(summarizeTimes(encode))} ms`,
  );
  console.log(
    `peak GPU memory: ${formatNumber(memory.peakBytes / MiB)} MiB in ${memory.buffers} buffers`,
  );
}
