/**
 * Decoding token by token: what does not change within a window is computed once, the keys and values of every token
 * are kept, and a new token costs one token.
 */

import type { Engine } from '../gpu/engine.js';
import type { KeysValues } from '../nn/layers.js';
import { Tokens } from '../tensor/embedding.js';
import { Tensor } from '../tensor/tensor.js';
import type { ModelInputs, ModelSizes, Neuroformer } from './model.js';
import { Pass, type Stack } from './stack.js';

/** What a window attends to, as keys and values of each block: the past, the stimulus, each modality in order. */
interface Sources {
  readonly past: KeysValues[];
  readonly stimulus: KeysValues[];
  readonly groups: KeysValues[][];
}

/** Logits of what follows one position, [B, 1, ids] and [B, 1, times]. */
export interface NextLogits {
  readonly idLogits: Tensor;
  readonly timeLogits: Tensor;
}

export class Decoding {
  /** The newest token of every row, [B, 1]. */
  readonly ids: Tokens;
  readonly times: Tokens;
  readonly #model: Neuroformer;
  readonly #block: number;
  readonly #timeTable: Tensor | undefined;
  readonly #current: readonly KeysValues[];
  readonly #state: readonly KeysValues[];
  /** Of step n: u32 [B, T], ones up to n. */
  readonly #masks: Tensor[] = [];
  #pastMask: Tensor | undefined;
  #stacks: readonly Stack[] = [];

  /** @throws Error for a model without a causal trunk: a baseline cannot be decoded this way. */
  constructor(engine: Engine, model: Neuroformer, sizes: ModelSizes, batch: number) {
    if (model.baseline)
      throw new Error('A baseline keeps no keys and values: draw from it without the cache.');
    const { n_embd, block_size } = model.config;
    this.#model = model;
    this.#block = block_size.id;
    this.ids = new Tokens(engine, [batch, 1], sizes.ids);
    this.times = new Tokens(engine, [batch, 1], sizes.times);
    this.#timeTable = engine.scope(() => model.currentState.timeTable(sizes.times))?.keep();
    const cache = (stack: Stack) =>
      stack.blocks.map(() => ({
        key: Tensor.zeros(engine, [batch, block_size.id, n_embd]).keep(),
        value: Tensor.zeros(engine, [batch, block_size.id, n_embd]).keep(),
      }));
    this.#current = cache(model.encodeState);
    this.#state = cache(model.decoder);
    for (let n = 0; n < block_size.id; n++) {
      const shown = Uint32Array.from({ length: batch * block_size.id }, (_, at) =>
        Number(at % block_size.id <= n),
      );
      this.#masks.push(Tensor.from(engine, shown, [batch, block_size.id]).keep());
    }
  }

  /** Computes what a window attends to besides itself. Its tokens must be in `ids` and `times`: SOS at time 0. */
  begin(inputs: ModelInputs): Sources {
    const model = this.#model;
    const pass = new Pass(() => {}, undefined);
    const past = model.pastState.call(inputs.pastIds, inputs.pastTimes, pass);
    const first = this.#embed(0);
    const stimulus = inputs.frames && model.encodeStimulus(inputs.frames, first, pass);
    const { groups } = model.embedBehavior(inputs.behavior ?? {}, pass);
    this.#pastMask = model.config.rules.mask_padding ? inputs.pastMask : undefined;
    this.#stacks = groups.map(({ attend }) => attend);
    return {
      past: model.attendToPast.keep(past),
      stimulus: stimulus ? model.attendToStimulus.keep(stimulus) : [],
      groups: groups.map(({ attend, tokens }) => attend.keep(tokens)),
    };
  }

  /** What follows position n, whose token is in `ids` and `times`; positions come in order. */
  next(n: number, { past, stimulus, groups }: Sources): NextLogits {
    const model = this.#model;
    if (n >= this.#block) throw new Error(`A window has ${this.#block} tokens: there is no ${n}.`);
    const mask = this.#masks[n]!;
    let x = model.encodeState.extend(this.#embed(n), this.#current, n, mask);
    x = model.attendToPast.attendTo(x, past, this.#pastMask);
    if (stimulus.length > 0) x = model.attendToStimulus.attendTo(x, stimulus);
    for (const [which, kept] of groups.entries()) x = this.#stacks[which]!.attendTo(x, kept);
    x = model.decoder.extend(x, this.#state, n, mask);
    return { idLogits: model.heads.id.call(x), timeLogits: model.heads.time.call(x) };
  }

  dispose(): void {
    this.ids.dispose();
    this.times.dispose();
    this.#timeTable?.dispose();
    for (const { key, value } of [...this.#current, ...this.#state]) {
      key.dispose();
      value.dispose();
    }
    for (const mask of this.#masks) mask.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #embed(n: number): Tensor {
    return this.#model.currentState.at(n, this.ids, this.times, this.#timeTable);
  }
}
