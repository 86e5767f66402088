/** AdamW over the flat buffers of a parameter store. */

import { Tensor } from '../tensor/tensor.js';
import { BLOCK_ELEMENTS, type ParameterStore } from './parameters.js';

/** Options of AdamW, with the names of Loshchilov and Hutter 2019 where they have one. */
export interface AdamWOptions {
  /** The decay rates of the two moments. Default: [0.9, 0.95]. */
  betas?: readonly [number, number];
  /** Added to the root of the second moment. Default: 1e-8. */
  eps?: number;
  /** The decoupled weight decay of the parameters declared with `decay`. Default: 0.1. */
  decay?: number;
  /** Larger gradients are scaled down to this norm; 0 turns clipping off. Default: 1. */
  maxNorm?: number;
}

const TRAINABLE_FLAG = 1;
const DECAYED_FLAG = 2;
/** Workgroups that sum the squared gradient, with one partial sum each. */
const NORM_WORKGROUPS = 64;
/** Invocations per workgroup of the update. */
const UPDATE_WORKGROUP_SIZE = 64;

/**
 * AdamW (Loshchilov and Hutter 2019) with clipping by the global norm of the gradient.
 *
 * It updates the parameters that are not frozen and have had a gradient at least once. Parameters
 * that the loss does not depend on are not decayed either, as in PyTorch.
 */
export class AdamW {
  /** The parameters that it updates. */
  readonly store: ParameterStore;
  /** f32 [2]: the norm of the last gradient before clipping, and the factor that clipped it. */
  readonly normAndClip: Tensor;
  readonly #options: Required<AdamWOptions>;
  readonly #settings: Tensor;
  readonly #partials: Tensor;
  readonly #blocks: Tensor;
  #updated: boolean[] = [];
  #steps = 0;

  /** @param store its memory must be allocated. */
  constructor(store: ParameterStore, options: AdamWOptions = {}) {
    this.store = store;
    this.#options = { betas: [0.9, 0.95], eps: 1e-8, decay: 0.1, maxNorm: 1, ...options };
    const { engine } = store;
    this.normAndClip = Tensor.zeros(engine, [2]).keep();
    this.#settings = Tensor.empty(engine, [16]).keep();
    this.#partials = Tensor.empty(engine, [NORM_WORKGROUPS]).keep();
    this.#blocks = Tensor.zeros(engine, [store.length / BLOCK_ELEMENTS], 'u32').keep();
  }

  /** The number of updates so far, which corrects the bias of the moments. Set it when resuming. */
  get steps(): number {
    return this.#steps;
  }

  /** Continues after this number of updates. */
  set steps(steps: number) {
    this.#steps = steps;
  }

  /**
   * Counts an update and writes its settings. Call it before each run of a recorded step that
   * contains `apply`.
   *
   * @param rate the learning rate.
   * @param gradScale multiplies the gradients: 1 / batches after accumulating over several.
   */
  prepare(rate: number, gradScale = 1): void {
    this.#steps += 1;
    this.#writeBlockFlags();
    const { betas, eps, decay, maxNorm } = this.#options;
    const corrections = betas.map((beta) => 1 / (1 - beta ** this.#steps));
    const settings = new Float32Array(16);
    settings.set([rate, ...betas, eps, decay, ...corrections, maxNorm, gradScale]);
    this.#settings.write(settings);
  }

  /**
   * Runs the kernels of the update: norm, clipping, moments, values. In a recorded step they run on
   * every replay.
   */
  apply(): void {
    this.#writeBlockFlags();
    const {
      engine,
      values: parameters,
      gradients,
      m: firstMoment,
      v: secondMoment,
    } = this.store.memory;
    const { reduceGroup: WG, staged } = engine.tuning;
    // On a GPU, neighboring invocations should read neighboring words. On a CPU, each invocation
    // should read a block.
    const VECTORS = staged ? 1 : BLOCK_ELEMENTS / 4;
    const params = { n: this.store.length, partialCount: NORM_WORKGROUPS };
    const settings = this.#settings;
    const blocks = this.#blocks;
    const partials = this.#partials;
    const { normAndClip } = this;
    const reduceOptions = { constants: { WG } };
    engine.dispatch(
      'adamw.squares',
      { gradients, blocks, partials, settings },
      params,
      NORM_WORKGROUPS,
      reduceOptions,
    );
    engine.dispatch('adamw.norm', { partials, normAndClip, settings }, params, 1, reduceOptions);
    engine.dispatch(
      'adamw.update',
      { gradients, blocks, normAndClip, parameters, firstMoment, secondMoment, settings },
      params,
      Math.ceil(this.store.length / (4 * UPDATE_WORKGROUP_SIZE * VECTORS)),
      { constants: { WG: UPDATE_WORKGROUP_SIZE, VECTORS } },
    );
  }

  /** `prepare`, then `apply`: one update outside of a recorded step. */
  step(rate: number, gradScale = 1): void {
    this.prepare(rate, gradScale);
    this.apply();
  }

  /** Releases the optimizer's memory; the moments belong to the store. */
  dispose(): void {
    for (const tensor of [this.normAndClip, this.#settings, this.#partials, this.#blocks])
      tensor.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Writes which blocks of the store to update and to decay, if that has changed since the last
   * time.
   */
  #writeBlockFlags(): void {
    const isUpdated = [...this.store].map(
      ({ tensor }) => tensor.requiresGrad && tensor.hasGradient,
    );
    if (isUpdated.every((updates, n) => updates === this.#updated[n])) return;
    this.#updated = isUpdated;
    const flags = new Uint32Array(this.#blocks.length);
    for (const [n, parameter] of [...this.store].entries()) {
      if (!isUpdated[n]) continue;
      const firstBlock = parameter.start / BLOCK_ELEMENTS;
      flags.fill(
        TRAINABLE_FLAG | (parameter.decay ? DECAYED_FLAG : 0),
        firstBlock,
        firstBlock + Math.ceil(parameter.length / BLOCK_ELEMENTS),
      );
    }
    this.#blocks.write(flags);
  }
}
