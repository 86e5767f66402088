/**
 * The training step of the benchmarks: a small transformer in the shape of Neuroformer, on the
 * engine.
 *
 * Current tokens attend to a past window, then to video features, then causally to themselves. Two
 * heads predict the next token and its time. The float64 reference in step-reference.ts computes
 * the same step.
 */

import {
  AdamW,
  Block,
  crossEntropy,
  differentiate,
  Embedding,
  type Engine,
  HostRandom,
  Linear,
  normal,
  type Parameter,
  ParameterStore,
  type Step,
  sumLosses,
  Tensor,
  Tokens,
} from '../src/engine.js';
import { timed } from './measure.js';

/** The sizes of the model and its batch. */
export interface StepSizes {
  batch: number;
  /** Current tokens. */
  queries: number;
  /** Past tokens. */
  past: number;
  /** Video tokens. */
  video: number;
  width: number;
  heads: number;
  /** Blocks of each of the three kinds. */
  blocks: number;
  /** Size of the tokens' vocabulary. */
  tokens: number;
  /** Size of the times' vocabulary. */
  times: number;
}

/** The sizes of the acceptance figures. */
export const STEP_SIZES: StepSizes = {
  batch: 4,
  queries: 100,
  past: 100,
  video: 446,
  width: 128,
  heads: 8,
  blocks: 2,
  tokens: 400,
  times: 8,
};

/** The learning rate. */
export const STEP_RATE = 1e-3;
/** The settings of AdamW: the engine's defaults, for the reference and other libraries. */
export const STEP_OPTIMIZER = {
  betas: [0.9, 0.95],
  eps: 1e-8,
  decay: 0.1,
  maxNorm: 1,
} as const;
/** Whether AdamW decays the parameter with this name. */
export const decays = (name: string) => /(attn|mlp|head).*weight$/.test(name);
/** The weights of the two losses, which are those of Neuroformer. */
export const LOSS_FACTORS = { token: 0.45, time: 0.3 } as const;

/** A very small step, whose time is mostly overhead. */
export const TINY_STEP_SIZES: StepSizes = {
  batch: 1,
  queries: 4,
  past: 4,
  video: 4,
  width: 16,
  heads: 2,
  blocks: 2,
  tokens: 16,
  times: 4,
};

/** One batch on the host. */
export interface StepBatch {
  ids: Uint32Array;
  pastIds: Uint32Array;
  /** [batch, video, width] */
  video: Float32Array;
  nextIds: Uint32Array;
  nextTimes: Uint32Array;
}

/** A random batch. */
export function makeBatch(s: StepSizes, seed: number): StepBatch {
  const random = new HostRandom(seed);
  const ids = (count: number, vocabulary: number) =>
    Uint32Array.from({ length: count }, () => random.integer(vocabulary));
  const rows = s.batch * s.queries;
  return {
    ids: ids(rows, s.tokens),
    pastIds: ids(s.batch * s.past, s.tokens),
    video: Float32Array.from({ length: s.batch * s.video * s.width }, () => random.normal()),
    nextIds: ids(rows, s.tokens),
    nextTimes: ids(rows, s.times),
  };
}

/** The model with one batch and an optimizer, on one engine. */
export class StepModel {
  readonly store = new ParameterStore();
  readonly optimizer: AdamW;
  readonly #engine: Engine;
  readonly #embedding: Embedding;
  readonly #positions: Parameter;
  readonly #pastPositions: Parameter;
  readonly #history: Block[];
  readonly #stimulus: Block[];
  readonly #state: Block[];
  readonly #headToken: Linear;
  readonly #headTime: Linear;
  readonly #ids: Tokens;
  readonly #pastIds: Tokens;
  readonly #video: Tensor;
  readonly #nextIds: Tensor;
  readonly #nextTimes: Tensor;

  constructor(
    engine: Engine,
    readonly sizes: StepSizes,
    batch: StepBatch,
    seed = 1,
  ) {
    const s = sizes;
    const { store } = this;
    this.#engine = engine;
    const init = normal(0.02);
    this.#embedding = new Embedding(store.scope('tok_emb'), s.tokens, s.width);
    this.#positions = store.parameter('pos_emb', [s.queries, s.width], { init });
    this.#pastPositions = store.parameter('pos_emb_prev', [s.past, s.width], { init });
    const stack = (name: string) =>
      Array.from(
        { length: s.blocks },
        (_, n) => new Block(store.scope(`${name}.${n}`), s.width, { heads: s.heads }),
      );
    this.#history = stack('history');
    this.#stimulus = stack('stimulus');
    this.#state = stack('state');
    this.#headToken = new Linear(store.scope('head_id'), s.width, s.tokens, { bias: false });
    this.#headTime = new Linear(store.scope('head_dt'), s.width, s.times, { bias: false });
    store.allocate(engine, seed);
    this.optimizer = new AdamW(store);
    this.#ids = new Tokens(engine, [s.batch, s.queries], s.tokens, batch.ids);
    this.#pastIds = new Tokens(engine, [s.batch, s.past], s.tokens, batch.pastIds);
    this.#video = Tensor.from(engine, batch.video, [s.batch, s.video, s.width]);
    this.#nextIds = Tensor.from(engine, batch.nextIds, [s.batch, s.queries]);
    this.#nextTimes = Tensor.from(engine, batch.nextTimes, [s.batch, s.queries]);
  }

  /** The loss of the batch, [1]. */
  forward(): Tensor {
    const past = this.#embedding.call(this.#pastIds, { positions: this.#pastPositions.tensor });
    let x = this.#embedding.call(this.#ids, { positions: this.#positions.tensor });
    for (const block of this.#history) x = block.call(x, past);
    for (const block of this.#stimulus) x = block.call(x, this.#video);
    for (const block of this.#state) x = block.call(x, x, { causal: true });
    return sumLosses([
      crossEntropy(this.#headToken.call(x), this.#nextIds, { factor: LOSS_FACTORS.token }),
      crossEntropy(this.#headTime.call(x), this.#nextTimes, { factor: LOSS_FACTORS.time }),
    ]);
  }

  /** One training step; returns its loss. */
  train(): Tensor {
    this.store.zeroGradients();
    const loss = differentiate(this.#engine, () => this.forward());
    this.optimizer.apply();
    return loss;
  }

  /** Records the step. Its value is the loss. Call `optimizer.prepare` before each run. */
  record(): Step<Tensor> {
    return this.#engine.record(() => this.train());
  }

  dispose(): void {
    for (const tensor of [this.#ids, this.#pastIds, this.#video, this.#nextIds, this.#nextTimes])
      tensor.dispose();
    this.optimizer.dispose();
    this.store.dispose();
  }
}

/** Trains the model step by step, waiting for each. */
export class StepTrainer {
  readonly #engine: Engine;
  readonly #model: StepModel;
  readonly #step: Step<Tensor>;

  constructor(engine: Engine, sizes: StepSizes, batch: StepBatch) {
    this.#engine = engine;
    this.#model = new StepModel(engine, sizes, batch);
    this.#step = this.#model.record();
  }

  /** Runs one step and waits for it; returns milliseconds. */
  step(): Promise<number> {
    return timed(async () => {
      this.#model.optimizer.prepare(STEP_RATE);
      this.#step.run();
      await this.#engine.finish();
    });
  }

  /** The loss of the last step, before its update. */
  async loss(): Promise<number> {
    return (await this.#step.value.floats())[0]!;
  }

  dispose(): void {
    this.#step.dispose();
    this.#model.dispose();
  }
}

/**
 * The floating-point operations of one step's matrix products and attention, forward and backward.
 */
export function stepFlops(s: StepSizes): number {
  const rows = s.batch * s.queries;
  const linear = (m: number, k: number, n: number) => 6 * m * k * n;
  // The forward pass has two products. Both backward kernels recompute the scores: 2 + 3 + 4
  // products.
  const attention = (keys: number) => 18 * s.batch * s.queries * keys * s.width;
  const block = (keys: number, causal: boolean) =>
    linear(rows, s.width, 2 * s.width + 8 * s.width) +
    linear(s.batch * keys, s.width, 2 * s.width) +
    attention(keys) / (causal ? 2 : 1);
  // The video is an input, so that its gradient, a third of the work of its keys and values, is not
  // computed.
  const skipped = linear(s.batch * s.video, s.width, 2 * s.width) / 3;
  const blocks =
    s.blocks * (block(s.past, false) + block(s.video, false) - skipped + block(s.queries, true));
  return blocks + linear(rows, s.width, s.tokens + s.times);
}
