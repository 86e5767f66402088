/**
 * The training step that is benchmarked: a small Neuroformer-shaped transformer, on the engine.
 *
 * Current tokens attend to a past window, then to video features, then causally to themselves, and two heads read out
 * the next token and its time. Sizes and seeds are shared with the float64 reference in step-reference.ts.
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

export interface StepSizes {
  batch: number;
  /** Current tokens, past tokens, video tokens. */
  queries: number;
  past: number;
  video: number;
  width: number;
  heads: number;
  /** Blocks of each of the three kinds. */
  blocks: number;
  /** Vocabularies of token and time. */
  tokens: number;
  times: number;
}

/** The sizes the acceptance figures are given for. */
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

export const STEP_RATE = 1e-3;
/** AdamW's settings, the engine's defaults, for those who do not know them. */
export const STEP_OPTIMIZER = {
  betas: [0.9, 0.95],
  eps: 1e-8,
  decay: 0.1,
  maxNorm: 1,
} as const;
/** Whether AdamW decays the parameter of this name. */
export const decays = (name: string) => /(attn|mlp|head).*weight$/.test(name);
/** Weights of the two losses, those of Neuroformer. */
export const LOSS_FACTORS = { token: 0.45, time: 0.3 } as const;

/** A step to be about as small as steps get: what it takes is the cost of running anything. */
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

/** A batch drawn from a seed. */
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

/** The model with its inputs and its optimizer on one engine. */
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

  /** One step: gradients cleared, loss and gradients, update. */
  train(): Tensor {
    this.store.zeroGradients();
    const loss = differentiate(this.#engine, () => this.forward());
    this.optimizer.apply();
    return loss;
  }

  /** The step recorded for replay; its value is the loss. Call `optimizer.prepare` before each run. */
  record(): Step<Tensor> {
    return this.#engine.record(() => this.train());
  }

  dispose(): void {
    for (const held of [this.#ids, this.#pastIds, this.#video, this.#nextIds, this.#nextTimes])
      held.dispose();
    this.optimizer.dispose();
    this.store.dispose();
  }
}

/** A model on an engine that is trained step by step, each of them waited for. */
export class StepTrainer {
  readonly #engine: Engine;
  readonly #model: StepModel;
  readonly #step: Step<Tensor>;

  constructor(engine: Engine, sizes: StepSizes, batch: StepBatch) {
    this.#engine = engine;
    this.#model = new StepModel(engine, sizes, batch);
    this.#step = this.#model.record();
  }

  /** Takes one step to its end; returns milliseconds. */
  step(): Promise<number> {
    return timed(async () => {
      this.#model.optimizer.prepare(STEP_RATE);
      this.#step.run();
      await this.#engine.finish();
    });
  }

  /** The last step's loss, before its update. */
  async loss(): Promise<number> {
    return (await this.#step.value.floats())[0]!;
  }

  dispose(): void {
    this.#step.dispose();
    this.#model.dispose();
  }
}

/** Floating-point operations of one step's matrix products and attention, forward and backward. */
export function stepFlops(s: StepSizes): number {
  const rows = s.batch * s.queries;
  const linear = (m: number, k: number, n: number) => 6 * m * k * n;
  // Forward is two products; backward recomputes the scores in both of its kernels: 2 + 3 + 4.
  const attention = (keys: number) => 18 * s.batch * s.queries * keys * s.width;
  const block = (keys: number, causal: boolean) =>
    linear(rows, s.width, 2 * s.width + 8 * s.width) +
    linear(s.batch * keys, s.width, 2 * s.width) +
    attention(keys) / (causal ? 2 : 1);
  // The video is an input: its keys and values are made without a gradient to hand on, a third less work.
  const spared = linear(s.batch * s.video, s.width, 2 * s.width) / 3;
  const blocks =
    s.blocks * (block(s.past, false) + block(s.video, false) - spared + block(s.queries, true));
  return blocks + linear(rows, s.width, s.tokens + s.times);
}
