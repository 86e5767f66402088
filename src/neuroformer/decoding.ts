/**
 * Token-by-token decoding with a cache of keys and values. What does not depend on the window's
 * tokens is computed once per window, and each new token is processed alone.
 */

import type { Engine } from '../gpu/engine.js';
import type { KeysValues } from '../nn/layers.js';
import { appendTokens, type DrawnWindows } from '../tensor/drawn-tokens.js';
import { Tokens } from '../tensor/embedding.js';
import { Tensor } from '../tensor/tensor.js';
import type { ModelInputs, ModelSizes, Neuroformer } from './model.js';
import { PassContext, type Stack } from './stack.js';

/**
 * The keys and values of each block for what a window attends to: the past, the stimulus, each
 * modality in order.
 */
interface Sources {
  readonly past: KeysValues[];
  readonly stimulus: KeysValues[];
  readonly groups: KeysValues[][];
  /** What optional heads add to the logits at every position, [B, ids]. */
  readonly drive: Tensor | undefined;
}

/** The logits of the token after a position. */
export interface NextLogits {
  /** [B, 1, ids] */
  readonly idLogits: Tensor;
  /** [B, 1, times] */
  readonly timeLogits: Tensor;
}

/**
 * Decodes windows token by token. Call `begin` for a batch of windows, then `next` for each
 * position in order, with the position's tokens in `ids` and `times`.
 */
export class CachedDecoder {
  /** The neuron token at the current position of every row, [B, 1]. */
  readonly ids: Tokens;
  /** The time token at the current position of every row, [B, 1]. */
  readonly times: Tokens;
  /** The tokens up to the current position of every row. */
  readonly drawn: DrawnWindows;
  readonly #model: Neuroformer;
  readonly #block: number;
  readonly #timeTable: Tensor | undefined;
  /** The cache of the current state's encoder. */
  readonly #current: readonly KeysValues[];
  /** The cache of the decoder. */
  readonly #state: readonly KeysValues[];
  /** For each position, u32 [B, T]: ones up to the position. */
  readonly #masks: Tensor[] = [];
  #past: ReturnType<Neuroformer['pastTokens']> | undefined;
  #pastMask: Tensor | undefined;
  #stacks: readonly Stack[] = [];

  /**
   * Allocates the caches.
   *
   * @param batch windows decoded together.
   * @throws Error where the model is a baseline, which has no decoder with attention.
   */
  constructor(engine: Engine, model: Neuroformer, sizes: ModelSizes, batch: number) {
    if (model.baseline)
      throw new Error(
        'A baseline has no keys and values to cache: draw from it without the cache.',
      );
    const { n_embd, block_size } = model.config;
    this.#model = model;
    this.#block = block_size.id;
    this.ids = new Tokens(engine, [batch, 1], sizes.ids);
    this.times = new Tokens(engine, [batch, 1], sizes.times);
    this.drawn = {
      ids: Tensor.zeros(engine, [batch, block_size.id], 'u32').keep(),
      times: Tensor.zeros(engine, [batch, block_size.id]).keep(),
    };
    this.#timeTable = engine.scope(() => model.currentState.timeTable(sizes.times))?.keep();
    const cache = (stack: Stack) =>
      stack.blocks.map(() => ({
        key: Tensor.zeros(engine, [batch, block_size.id, n_embd]).keep(),
        value: Tensor.zeros(engine, [batch, block_size.id, n_embd]).keep(),
      }));
    this.#current = cache(model.stateEncoder);
    this.#state = cache(model.decoder);
    for (let position = 0; position < block_size.id; position++) {
      const visible = Uint32Array.from({ length: batch * block_size.id }, (_, index) =>
        Number(index % block_size.id <= position),
      );
      this.#masks.push(Tensor.from(engine, visible, [batch, block_size.id]).keep());
    }
  }

  /**
   * Starts a batch of windows: computes what they attend to. `ids` and `times` must contain the
   * first token, SOS.
   */
  begin(inputs: ModelInputs): Sources {
    const model = this.#model;
    const pass = new PassContext(() => {}, undefined);
    const past = model.pastState.call(inputs.pastIds, inputs.pastTimes, pass);
    const startToken = this.#embed(0);
    const stimulus = inputs.frames && model.encodeStimulus(inputs.frames, startToken, pass);
    const { groups } = model.embedBehavior(inputs.behavior ?? {}, pass);
    this.#past = model.pastTokens(inputs);
    this.#pastMask = model.config.rules.mask_padding ? inputs.pastMask : undefined;
    this.#stacks = groups.map(({ attention }) => attention);
    return {
      past: model.pastAttention.keysValues(past),
      stimulus: stimulus ? model.stimulusAttention.keysValues(stimulus) : [],
      groups: groups.map(({ attention, tokens }) => attention.keysValues(tokens)),
      drive: model.windowDrive(inputs, stimulus, groups, pass),
    };
  }

  /**
   * The logits of the token after a position, whose token is in `ids` and `times`.
   *
   * @param sources from `begin`
   * @throws Error where the position is outside the window.
   */
  next(position: number, sources: Sources): NextLogits {
    const model = this.#model;
    if (position >= this.#block)
      throw new Error(`Position ${position} is outside a window of ${this.#block} tokens.`);
    const { past, stimulus, groups, drive } = sources;
    appendTokens(this.drawn, position, { ids: this.ids.ids, times: this.times.ids });
    const mask = this.#masks[position]!;
    let x = model.stateEncoder.extend(this.#embed(position), this.#current, position, mask);
    x = model.pastAttention.attendTo(x, past, this.#pastMask);
    if (stimulus.length > 0) x = model.stimulusAttention.attendTo(x, stimulus);
    for (const [index, keysValues] of groups.entries())
      x = this.#stacks[index]!.attendTo(x, keysValues);
    x = model.decoder.extend(x, this.#state, position, mask);
    const tokens = {
      ...this.drawn,
      ...this.#past!,
      ...(this.#pastMask && { masks: { current: mask, past: this.#pastMask } }),
    };
    const positions = { start: position, count: 1 };
    return {
      idLogits: model.drives.apply(model.heads.id.call(x), drive, tokens, positions),
      timeLogits: model.heads.time.call(x),
    };
  }

  /** Releases the caches. */
  dispose(): void {
    this.ids.dispose();
    this.times.dispose();
    this.drawn.ids.dispose();
    this.drawn.times.dispose();
    this.#timeTable?.dispose();
    for (const { key, value } of [...this.#current, ...this.#state]) {
      key.dispose();
      value.dispose();
    }
    for (const mask of this.#masks) mask.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #embed(position: number): Tensor {
    return this.#model.currentState.embedPosition(position, this.ids, this.times, this.#timeTable);
  }
}
