/** AdamW over a flat parameter store. */

import { Tensor } from '../tensor/tensor.js';
import { BLOCK_ELEMENTS, type ParameterStore } from './parameters.js';

export interface AdamWOptions {
  /** Default [0.9, 0.95]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  eps?: number;
  /** Decoupled decay of the parameters that asked for it. Default 0.1. */
  decay?: number;
  /** Gradients longer than this are scaled down to it; 0 leaves them. Default 1. */
  maxNorm?: number;
}

const TRAINABLE_FLAG = 1;
const DECAYED_FLAG = 2;
/** Workgroups that square the gradient, each leaving one partial sum. */
const NORM_WORKGROUPS = 64;
/** The update: invocations a workgroup. */
const UPDATE_WORKGROUP_SIZE = 64;

/**
 * AdamW (Loshchilov and Hutter 2019) with clipping by the global norm.
 *
 * A parameter moves only if it is not frozen and a gradient has reached it at least once: the ones a configuration
 * never uses are not even decayed, as in PyTorch.
 */
export class AdamW {
  readonly store: ParameterStore;
  /** f32 [2]: the gradient's norm before clipping, and the factor it was clipped by. */
  readonly totals: Tensor;
  readonly #options: Required<AdamWOptions>;
  readonly #settings: Tensor;
  readonly #partials: Tensor;
  readonly #blocks: Tensor;
  #updated: boolean[] = [];
  #steps = 0;

  constructor(store: ParameterStore, options: AdamWOptions = {}) {
    this.store = store;
    this.#options = { betas: [0.9, 0.95], eps: 1e-8, decay: 0.1, maxNorm: 1, ...options };
    const { engine } = store;
    this.totals = Tensor.zeros(engine, [2]).keep();
    this.#settings = Tensor.empty(engine, [16]).keep();
    this.#partials = Tensor.empty(engine, [NORM_WORKGROUPS]).keep();
    this.#blocks = Tensor.zeros(engine, [store.length / BLOCK_ELEMENTS], 'u32').keep();
  }

  /** Updates made so far; set it when resuming. */
  get steps(): number {
    return this.#steps;
  }

  set steps(steps: number) {
    this.#steps = steps;
  }

  /**
   * Sets the next update's learning rate; call before each run of a recorded step.
   *
   * @param gradScale what gradients are multiplied by: 1 / n after accumulating over n batches.
   */
  prepare(rate: number, gradScale = 1): void {
    this.#steps += 1;
    this.#markBlocks();
    const { betas, eps, decay, maxNorm } = this.#options;
    const corrections = betas.map((beta) => 1 / (1 - beta ** this.#steps));
    const settings = new Float32Array(16);
    settings.set([rate, ...betas, eps, decay, ...corrections, maxNorm, gradScale]);
    this.#settings.write(settings);
  }

  /** Appends the update: norm, clip, moments, values; of what is trainable when it runs. */
  apply(): void {
    this.#markBlocks();
    const {
      engine,
      values: parameters,
      gradients,
      m: firstMoment,
      v: secondMoment,
    } = this.store.memory;
    const { reduceGroup: WG, staged } = engine.tuning;
    // Neighbouring invocations should read neighbouring words on a GPU; on a CPU, one should read on by itself.
    const VECTORS = staged ? 1 : BLOCK_ELEMENTS / 4;
    const params = { n: this.store.length, groups: NORM_WORKGROUPS };
    const settings = this.#settings;
    const blocks = this.#blocks;
    const partials = this.#partials;
    const { totals } = this;
    const reduce = { constants: { WG } };
    engine.dispatch(
      'adamw.squares',
      { gradients, blocks, partials, settings },
      params,
      NORM_WORKGROUPS,
      reduce,
    );
    engine.dispatch('adamw.norm', { partials, totals, settings }, params, 1, reduce);
    engine.dispatch(
      'adamw.update',
      { gradients, blocks, totals, parameters, firstMoment, secondMoment, settings },
      params,
      Math.ceil(this.store.length / (4 * UPDATE_WORKGROUP_SIZE * VECTORS)),
      { constants: { WG: UPDATE_WORKGROUP_SIZE, VECTORS } },
    );
  }

  /** `prepare` and `apply` in one, for eager use. */
  step(rate: number, gradScale = 1): void {
    this.prepare(rate, gradScale);
    this.apply();
  }

  dispose(): void {
    for (const tensor of [this.totals, this.#settings, this.#partials, this.#blocks])
      tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Tells the kernel what moves, where that has changed since it was told. */
  #markBlocks(): void {
    const moving = [...this.store].map(({ tensor }) => tensor.requiresGrad && tensor.reached);
    if (moving.every((moves, n) => moves === this.#updated[n])) return;
    this.#updated = moving;
    const marks = new Uint32Array(this.#blocks.length);
    for (const [n, p] of [...this.store].entries()) {
      if (!moving[n]) continue;
      const first = p.start / BLOCK_ELEMENTS;
      marks.fill(
        TRAINABLE_FLAG | (p.decay ? DECAYED_FLAG : 0),
        first,
        first + Math.ceil(p.length / BLOCK_ELEMENTS),
      );
    }
    this.#blocks.write(marks);
  }
}
