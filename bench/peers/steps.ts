/** The same training step in every library, in turn. */

import { digits, showTiming, summarizeTimes, type Timing, table } from '../measure.js';
import { makeBatch, StepModel, type StepSizes, stepFlops } from '../step-model.js';
import { LOOPS, runLoops } from './loops.js';
import type { Ours } from './ours.js';
import type { Peer, StepSetup, Trainer } from './peer.js';

const CHECKED_STEPS = 3;
/** How far a loss may be from that of float64, as a share, for the library to count as computing the same. */
const TOLERANCE = 1e-5;
const ROUNDS = 5;
/** A round of a library is so long at least, so that a clock's ticks and a core's moods do not count. */
const ROUND_MILLISECONDS = 150;
const MOST_STEPS = 200;
/** A library whose step takes longer takes part in so many rounds only, the first of them not counted. */
const SLOW_MILLISECONDS = 3000;
const SLOW_ROUNDS = 2;
const BATCH_SEED = 3;

interface Line {
  readonly peer: Peer;
  readonly trainer: Trainer;
  /** The largest distance of the first losses from those of float64, as a share of the largest loss. */
  readonly error: number;
  /** How many it takes in a round, and how many rounds it takes part in. */
  readonly steps: number;
  readonly rounds: number;
  readonly milliseconds: number[];
}

/**
 * Trains with each, and prints what a step takes.
 *
 * @param baseline whose time is 1 in the column of ratios.
 */
export async function raceSteps(
  sizes: StepSizes,
  ours: Ours,
  peers: readonly Peer[],
  baseline: Peer | undefined,
): Promise<void> {
  const setup = await setUp(sizes, ours);
  const expected = runLoops(setup, CHECKED_STEPS);
  const lines: Line[] = [];
  for (const peer of peers) {
    console.error(`  ${peer.name}, ${peer.on} ...`);
    const trainer = await peer.trainer(setup);
    const error = await check(trainer, expected.losses);
    if (!(error <= TOLERANCE))
      throw new Error(`${peer.name} on ${peer.on} computes other losses: ${error} away.`);
    const once = await trainer.step();
    const steps = Math.ceil(Math.min(MOST_STEPS, ROUND_MILLISECONDS / once));
    const rounds = once > SLOW_MILLISECONDS ? SLOW_ROUNDS : ROUNDS + 1;
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
    showTiming(timing),
    ...(reference ? [digits(timing.median / reference)] : []),
    digits((1000 * gflop) / timing.median),
    error.toExponential(1),
  ];
  const rows = lines.map(({ peer, error }, n) => row(peer, timings[n]!, error));
  rows.push(row(LOOPS, summarizeTimes(expected.milliseconds), 0));
  const ratio = baseline ? [`of ${baseline.name}`] : [];
  const head = ['library', 'on', 'ms a step (range)', ...ratio, 'GFLOP/s', 'loss differs by'];
  console.log(JSON.stringify(sizes));
  console.log(`${ROUNDS} rounds in turn; losses of ${CHECKED_STEPS} steps beside float64`);
  console.log(table([head, ...rows]));
  for (const { trainer } of lines) await trainer.dispose();
}

async function setUp(sizes: StepSizes, { engine }: Ours): Promise<StepSetup> {
  const batch = makeBatch(sizes, BATCH_SEED);
  const model = new StepModel(engine, sizes, batch);
  const values = await model.store.values();
  model.dispose();
  const parameters = new Map(
    [...values].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data) }]),
  );
  return { sizes, batch, parameters };
}

async function check(trainer: Trainer, expected: readonly number[]): Promise<number> {
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
