/** `npm run bench -- step`: one whole transformer training step, replayed, against the float64 reference. */

import { type Engine, profileTable } from '../src/engine.js';
import { adapterPeak, digits, onCpu, race, showTiming, summarizeTimes } from './measure.js';
import { makeBatch, STEP_RATE, STEP_SIZES, StepModel, stepFlops } from './step-model.js';
import { StepReference } from './step-reference.js';

const CHECKED_STEPS = 3;
const ROUNDS = 5;
const MiB = 2 ** 20;

/** Runs and prints: agreement with the reference, what a steady-state step creates, times, and a profile. */
export async function benchStep(engine: Engine): Promise<void> {
  const batch = makeBatch(STEP_SIZES, 3);
  const model = new StepModel(engine, STEP_SIZES, batch);
  const reference = new StepReference(STEP_SIZES, batch, await model.store.values());
  const step = model.record();
  const gflop = stepFlops(STEP_SIZES) / 1e9;
  console.log(
    `sizes: ${JSON.stringify(STEP_SIZES)}; ${model.store.count} parameters, ${digits(gflop)} GFLOP a step`,
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
      throw new Error('The loss is further than 1e-5 from the float64 reference.');
  }

  await steadyState(engine, model, step);
  const repeats = engine.facts.software ? 1 : 20;
  const [gpu, cpu] = await race(
    [trainer(engine, model, step, repeats), onCpu(() => void reference.train(STEP_RATE))],
    1,
  );
  const more = await race([trainer(engine, model, step, repeats)], ROUNDS);
  console.log(
    `step: ${showTiming(more[0]!)} ms, ${digits((gflop / more[0]!.median) * 1000)} GFLOP/s`,
  );
  console.log(
    `float64 reference: ${digits(cpu!.median)} ms, ${digits(cpu!.median / gpu!.median)} times as long in the same round`,
  );
  const peak = adapterPeak(engine);
  if (peak)
    console.log(
      `share of the adapter's peak: ${((100 * gflop * 1000) / more[0]!.median / peak.gflops).toFixed(2)}%`,
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

/** What one replayed step creates, and how long the host takes to encode it. */
async function steadyState(engine: Engine, model: StepModel, step: RecordedStep): Promise<void> {
  const encode: number[] = [];
  const before = engine.counts();
  const memoryBefore = engine.memory();
  for (let n = 0; n < ROUNDS; n++) {
    const start = performance.now();
    model.optimizer.prepare(STEP_RATE);
    step.run();
    encode.push(performance.now() - start);
    await engine.finish();
  }
  const after = engine.counts();
  const memory = engine.memory();
  const per = (name: keyof typeof after) => (after[name] - before[name]) / ROUNDS;
  console.log(
    `a replayed step: ${per('dispatches')} dispatches, ${per('submits')} submits, ` +
      `${(memory.created - memoryBefore.created) / ROUNDS} buffers and ${per('bindGroups')} bind groups created, ` +
      `host encode ${showTiming(summarizeTimes(encode))} ms`,
  );
  console.log(
    `peak GPU memory: ${digits(memory.peakBytes / MiB)} MiB in ${memory.buffers} buffers`,
  );
}
