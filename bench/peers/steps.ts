/** Times the same training step in every library, in turn. */

import { alignedTable } from '../../src/text/table.js';
import { formatNumber, formatTiming, summarizeTimes, type Timing } from '../measure.js';
import { makeBatch, StepModel, type StepSizes, stepFlops } from '../step-model.js';
import { LOOPS, runLoops } from './loops.js';
import type { Ours } from './ours.js';
import type { Peer, StepSetup, Trainer } from './peer.js';

const CHECKED_STEPS = 3;
/**
 * The maximum difference of a library's losses from those in float64, as a share of the largest
 * loss.
 */
const TOLERANCE = 1e-5;
const ROUNDS = 5;
/**
 * The minimum length of a library's turn in a round, so that the clock's resolution does not
 * matter.
 */
const ROUND_MILLISECONDS = 150;
const MAX_STEPS = 200;
/**
 * Libraries with longer steps take part in only SLOW_ROUNDS rounds, the first of which is not
 * counted.
 */
const SLOW_MILLISECONDS = 3000;
const SLOW_ROUNDS = 2;
const BATCH_SEED = 3;

interface Entrant {
  readonly peer: Peer;
  readonly trainer: Trainer;
  /**
   * The maximum difference of the first losses from those in float64, as a share of the largest
   * loss.
   */
  readonly error: number;
  /** Steps per round. */
  readonly steps: number;
  /** Rounds that it takes part in. */
  readonly rounds: number;
  readonly milliseconds: number[];
}

/**
 * Trains with each library, and prints the time of a step.
 *
 * @param ours the engine that computes the initial values.
 * @param baseline the library that the column of ratios refers to.
 * @throws Error where a library computes different losses.
 */
export async function raceSteps(
  sizes: StepSizes,
  ours: Ours,
  peers: readonly Peer[],
  baseline: Peer | undefined,
): Promise<void> {
  const setup = await createSetup(sizes, ours);
  const expected = runLoops(setup, CHECKED_STEPS);
  const lines: Entrant[] = [];
  for (const peer of peers) {
    console.error(`  ${peer.name}, ${peer.on} ...`);
    const trainer = await peer.trainer(setup);
    const error = await lossError(trainer, expected.losses);
    if (!(error <= TOLERANCE))
      throw new Error(`${peer.name} on ${peer.on} computes losses that differ by ${error}.`);
    const singleStep = await trainer.step();
    const steps = Math.ceil(Math.min(MAX_STEPS, ROUND_MILLISECONDS / singleStep));
    const rounds = singleStep > SLOW_MILLISECONDS ? SLOW_ROUNDS : ROUNDS + 1;
    lines.push({ peer, trainer, error, steps, rounds, milliseconds: [] });
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { trainer, steps, rounds, milliseconds } of lines) {
      const mean = round < rounds ? await meanStep(trainer, steps) : undefined;
      if (round > 0 && mean !== undefined) milliseconds.push(mean);
    }
  }
  const timings = lines.map(({ milliseconds }) => summarizeTimes(milliseconds));
  const reference = timings[lines.findIndex(({ peer }) => peer === baseline)]?.median;
  const gflop = stepFlops(sizes) / 1e9;
  const row = (peer: Pick<Peer, 'name' | 'on'>, timing: Timing, error: number) => [
    peer.name,
    peer.on,
    formatTiming(timing),
    ...(reference ? [formatNumber(timing.median / reference)] : []),
    formatNumber((1000 * gflop) / timing.median),
    error.toExponential(1),
  ];
  const rows = lines.map(({ peer, error }, n) => row(peer, timings[n]!, error));
  rows.push(row(LOOPS, summarizeTimes(expected.milliseconds), 0));
  const ratio = baseline ? [`of ${baseline.name}`] : [];
  const head = ['library', 'on', 'ms per step (range)', ...ratio, 'GFLOP/s', 'loss differs by'];
  console.log(JSON.stringify(sizes));
  console.log(
    `${ROUNDS} rounds in turn; losses of the first ${CHECKED_STEPS} steps compared with float64`,
  );
  console.log(alignedTable([head, ...rows]));
  for (const { trainer } of lines) await trainer.dispose();
}

async function createSetup(sizes: StepSizes, { engine }: Ours): Promise<StepSetup> {
  const batch = makeBatch(sizes, BATCH_SEED);
  const model = new StepModel(engine, sizes, batch);
  const values = await model.store.values();
  model.dispose();
  const parameters = new Map(
    [...values].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data) }]),
  );
  return { sizes, batch, parameters };
}

async function lossError(trainer: Trainer, expected: readonly number[]): Promise<number> {
  let worst = 0;
  for (const loss of expected) {
    await trainer.step();
    worst = Math.max(worst, Math.abs((await trainer.loss()) - loss));
  }
  return worst / Math.max(...expected);
}

async function meanStep(trainer: Trainer, steps: number): Promise<number> {
  let sum = 0;
  for (let n = 0; n < steps; n++) sum += await trainer.step();
  return sum / steps;
}
