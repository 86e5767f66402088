/** Decodes variables with a network over rows, trained with early stopping. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { decodeColumns, type RegressionTargets } from '../analyze/regression-targets.js';
import { CannotFitError } from '../analyze/solver.js';
import { type SparseRows, selectRows } from '../analyze/sparse-rows.js';
import { Standardized } from '../analyze/standardized.js';
import type { Engine } from '../gpu/engine.js';
import { logSumExp, mean } from '../math/statistics.js';
import { FAN_IN_WEIGHTS, GPT_WEIGHTS } from '../nn/init.js';
import { Linear } from '../nn/layers.js';
import { AdamW } from '../nn/optimizer.js';
import { ParameterStore } from '../nn/parameters.js';
import { BatchOrder } from '../recording/batch-order.js';
import { sumLosses } from '../tensor/elementwise.js';
import { crossEntropy, meanSquaredError } from '../tensor/losses.js';
import { RandomState } from '../tensor/random.js';
import { differentiate } from '../tensor/tape.js';
import { Tensor } from '../tensor/tensor.js';
import type { NetworkBuilder } from './row-networks.js';

/** What a network is fitted on and decodes. */
export interface NetworkInputs {
  /** Rows of the training windows, in order of time. */
  readonly train: SparseRows;
  /** The variables of these windows. */
  readonly targets: readonly RegressionTargets[];
  /** Rows of the windows to decode. */
  readonly test: SparseRows;
  /** Their variables, whose predictions are filled in. */
  readonly variables: readonly DecodedVariable[];
  /** The least spread that a column is divided by; see `countScale`. Default 0. */
  readonly minSpread?: number;
  /** Seed of initial weights, order of windows and dropout. */
  readonly seed: number;
  /** Training ends after so many checks on held-out windows, two a pass. Default 40. */
  readonly maxChecks?: number;
}

/** What a network decoded. */
export interface NetworkResult {
  /** How long it was trained, in words. */
  readonly detail: string;
  readonly variables: readonly DecodedVariable[];
}

const BATCH = 64;
const RATE = 1e-3;
const DROPOUT = 0.3;
const MAX_CHECKS = 40;
/** Training also ends when so many checks in a row found no lower loss. */
const PATIENCE = 3;
/** The fewest updates between two checks. */
const MIN_UPDATES = 25;
/**
 * Training windows are cut into so many stretches, and every sixth is held out. A single stretch at
 * the end would keep the network from the latest windows, which matter most where a recording
 * drifts.
 */
const STRETCHES = 48;
const HELD_OUT = 6;

/**
 * Trains a network on five sixths of the training windows, keeps the weights with the least loss on
 * the others, and decodes with them.
 *
 * @throws CannotFitError where there are too few windows to hold some out
 * @param onCheck called with the number of checks so far and the most that there can be; an error
 *   that it throws ends training
 */
export async function decodeWithNetwork(
  engine: Engine,
  build: NetworkBuilder,
  inputs: NetworkInputs,
  onCheck: (done: number, total: number) => void = () => {},
): Promise<NetworkResult> {
  const { maxChecks = MAX_CHECKS, train } = inputs;
  const { rows } = train;
  if (rows < HELD_OUT)
    throw new CannotFitError(`of ${rows} windows, none are left to choose its training on`);
  using trainer = engine.allOrNothing(() => new NetworkTrainer(engine, build, inputs));
  const { updatesPerCheck } = trainer;
  let best = { loss: Number.POSITIVE_INFINITY, check: 0, values: await trainer.values() };
  for (let check = 1; check <= maxChecks && check - best.check <= PATIENCE; check++) {
    onCheck(check - 1, maxChecks);
    await trainer.train((check - 1) * updatesPerCheck, check * updatesPerCheck);
    const loss = await trainer.heldOutLoss();
    if (loss < best.loss) best = { loss, check, values: await trainer.values() };
  }
  trainer.assign(best.values);
  const columns = await trainer.predict(inputs.test);
  return {
    detail: `best after ${best.check * updatesPerCheck} updates of ${trainer.batch}`,
    variables: decodeColumns(inputs.targets, inputs.variables, columns.flat()),
  };
}

/** A network in training on a device, which owns its memory. */
class NetworkTrainer {
  /** Windows per update. */
  readonly batch: number;
  /** Updates between two checks. */
  readonly updatesPerCheck: number;
  readonly #store = new ParameterStore();
  readonly #optimizer: AdamW;
  readonly #random: RandomState;
  readonly #order: BatchOrder;
  readonly #rows: BatchRows;
  readonly #targets: readonly RegressionTargets[];
  readonly #fitted: readonly number[];
  readonly #heldOut: readonly number[];
  readonly #train: SparseRows;
  readonly #x: Tensor;
  readonly #y: readonly Tensor[];
  readonly #update: { run(): void; dispose(): void };
  readonly #forward: ReturnType<typeof recordForward>;

  constructor(engine: Engine, build: NetworkBuilder, inputs: NetworkInputs) {
    const { train, targets, minSpread = 0, seed } = inputs;
    const stretches = Math.min(STRETCHES, train.rows);
    const isHeldOut = (row: number) =>
      Math.floor((row * stretches) / train.rows) % HELD_OUT === HELD_OUT - 1;
    const rows = Array.from({ length: train.rows }, (_, row) => row);
    this.#train = train;
    this.#targets = targets;
    this.#heldOut = rows.filter(isHeldOut);
    this.#fitted = rows.filter((row) => !isHeldOut(row));
    this.#rows = new BatchRows(selectRows(train, this.#fitted), minSpread);
    const batch = Math.min(BATCH, this.#fitted.length);
    this.batch = batch;
    this.updatesPerCheck = Math.max(MIN_UPDATES, Math.ceil(this.#fitted.length / batch / 2));
    this.#order = new BatchOrder(this.#fitted.length, batch, seed);

    const scope = this.#store.withInitialWeights(FAN_IN_WEIGHTS);
    const network = build(scope, train.columns);
    // Small weights: predictions start near the mean.
    const headScope = this.#store.withInitialWeights(GPT_WEIGHTS).scope('heads');
    const heads = targets.map(
      ({ columns }, n) => new Linear(headScope.scope(`${n}`), network.width, columns.length),
    );
    this.#store.allocate(engine, seed);
    this.#optimizer = new AdamW(this.#store);
    this.#random = new RandomState(engine, seed);
    this.#x = Tensor.zeros(engine, [batch, train.columns]).keep();
    this.#y = targets.map(({ truth, columns }) =>
      (truth.kind === 'class'
        ? Tensor.zeros(engine, [batch], 'u32')
        : Tensor.zeros(engine, [batch, columns.length])
      ).keep(),
    );
    const forward = (drops: boolean) => {
      let site = 0;
      const nextDropout = () =>
        drops ? { rate: DROPOUT, site: ++site, random: this.#random } : undefined;
      const hidden = network.call(this.#x, nextDropout);
      return heads.map((head) => head.call(hidden));
    };
    this.#store.zeroGradients();
    this.#update = engine.record(() => {
      const loss = differentiate(engine, () => {
        const losses = forward(true).map((output, n) =>
          targets[n]!.truth.kind === 'class'
            ? crossEntropy(output, this.#y[n]!)
            : meanSquaredError(output, this.#y[n]!),
        );
        return sumLosses(losses);
      });
      this.#optimizer.apply();
      this.#store.zeroGradients();
      return loss;
    });
    this.#forward = recordForward(engine, () => forward(false));
  }

  /** Makes the updates `from` up to `to`. */
  async train(from: number, to: number): Promise<void> {
    for (let update = from; update < to; update++) {
      const rows = this.#order.batch(update).map((n) => this.#fitted[n]!);
      this.#x.write(this.#rows.standardized(this.#train, rows));
      for (const [n, target] of this.#targets.entries())
        this.#y[n]!.write(targetValues(target, rows));
      this.#random.step = update;
      this.#optimizer.prepare(RATE);
      this.#update.run();
    }
  }

  /** The loss on the held-out windows. */
  async heldOutLoss(): Promise<number> {
    const rows = this.#heldOut;
    const outputs = await this.predict(selectRows(this.#train, rows));
    return this.#targets.reduce((sum, { truth, columns }, n) => {
      const own = outputs[n]!;
      if (truth.kind !== 'class')
        return (
          sum +
          mean(
            columns.flatMap((column, c) => rows.map((row, m) => (own[c]![m]! - column[row]!) ** 2)),
          )
        );
      const logits = (m: number) => own.map((column) => column[m]!);
      return (
        sum + mean(rows.map((row, m) => logSumExp(logits(m)) - own[classIndex(columns, row)]![m]!))
      );
    }, 0);
  }

  /** The outputs for each variable: [columns][rows]. */
  async predict(design: SparseRows): Promise<Float64Array[][]> {
    const outputs = this.#targets.map(({ columns }) =>
      columns.map(() => new Float64Array(design.rows)),
    );
    for (let start = 0; start < design.rows; start += this.batch) {
      const count = Math.min(this.batch, design.rows - start);
      const rows = Array.from({ length: this.batch }, (_, n) => start + Math.min(n, count - 1));
      this.#x.write(this.#rows.standardized(design, rows));
      const values = await this.#forward.read();
      for (const [n, own] of outputs.entries())
        for (const [c, column] of own.entries())
          for (let row = 0; row < count; row++)
            column[start + row] = values[n]![row * own.length + c]!;
    }
    return outputs;
  }

  /** The values of all parameters. */
  values() {
    return this.#store.values();
  }

  /** Sets the values of all parameters. */
  assign(values: Awaited<ReturnType<ParameterStore['values']>>): void {
    this.#store.assign(values);
  }

  [Symbol.dispose](): void {
    this.#update.dispose();
    this.#forward.dispose();
    this.#optimizer.dispose();
    this.#random.dispose();
    this.#x.dispose();
    for (const tensor of this.#y) tensor.dispose();
    this.#store.dispose();
  }
}

/** A forward pass that is recorded once, and the values of its outputs. */
function recordForward(engine: Engine, forward: () => Tensor[]) {
  const step = engine.record(forward);
  return {
    read: async () =>
      (await step.runAndFetch(step.value).read()).map((bytes) => new Float32Array(bytes)),
    dispose: () => step.dispose(),
  };
}

/** Sparse rows as dense batches, standardized by the rows of training. */
class BatchRows {
  readonly #means: Float64Array;
  readonly #scales: Float64Array;
  readonly #zeros: Float32Array;

  /** @param minSpread the least spread that a column is divided by */
  constructor(fitted: SparseRows, minSpread: number) {
    const { means, scales } = new Standardized(fitted);
    const largest = minSpread > 0 ? 1 / minSpread : Number.POSITIVE_INFINITY;
    this.#means = means;
    this.#scales = scales.map((scale) => Math.min(scale, largest));
    this.#zeros = Float32Array.from(means, (center, c) => -center * this.#scales[c]!);
  }

  /** Some rows of a matrix, [rows, columns]. */
  standardized(matrix: SparseRows, rows: readonly number[]): Float32Array {
    const { columns, starts, indices, values } = matrix;
    const dense = new Float32Array(rows.length * columns);
    for (const [n, row] of rows.entries()) {
      dense.set(this.#zeros, n * columns);
      for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
        const column = indices[entry]!;
        dense[n * columns + column] =
          (values[entry]! - this.#means[column]!) * this.#scales[column]!;
      }
    }
    return dense;
  }
}

/** The targets of some rows: class indices [rows], or [rows, columns]. */
function targetValues(
  { truth, columns }: RegressionTargets,
  rows: readonly number[],
): Float32Array | Uint32Array {
  if (truth.kind === 'class') return Uint32Array.from(rows, (row) => classIndex(columns, row));
  return Float32Array.from(rows.flatMap((row) => columns.map((column) => column[row]!)));
}

/** Which of the 0/1 columns of classes is 1. */
function classIndex(columns: readonly Float64Array[], row: number): number {
  return columns.findIndex((column) => column[row] === 1);
}
