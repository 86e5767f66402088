/** Stacks of transformer blocks, and the state of one pass through the model. */

import { Block, type KeysValues } from '../nn/layers.js';
import type { Declare } from '../nn/parameters.js';
import type { Dropout, RandomState } from '../tensor/random.js';
import { writePositions } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Called with each activation's name, and a function that returns the activation. Call that at once
 * or not at all: it computes attention probabilities on demand.
 */
export type Observe = (name: string, value: () => Tensor) => void;

/** One forward pass of the model: the observer of its activations, and the ids of its dropouts. */
export class Pass {
  /** Called with each activation. */
  readonly observe: Observe;
  readonly #random: RandomState | undefined;
  #dropouts = 0;

  /** @param random the stream of dropout masks; undefined for no dropout. */
  constructor(observe: Observe, random: RandomState | undefined) {
    this.observe = observe;
    this.#random = random;
  }

  /**
   * The next dropout of the pass. Its id counts the dropouts before it, so that every pass uses the
   * same ids.
   */
  nextDropout(rate: number): Dropout | undefined {
    if (!this.#random || rate === 0) return undefined;
    this.#dropouts += 1;
    return { rate, site: this.#dropouts, random: this.#random };
  }
}

/** Settings of a stack of blocks. */
export interface StackSettings {
  /** The model's width. */
  readonly width: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** The number of scores that each row of sparse attention uses; undefined for all. */
  readonly topK: number | undefined;
  /** Dropout rates: on the attention probabilities, and on the outputs of attention and MLP. */
  readonly dropout: { readonly attn: number; readonly resid: number };
}

/** What a stack attends to. */
export interface StackInputs {
  /**
   * The source of keys and values, [B, S, width]. Default: the input of each block, for
   * self-attention.
   */
  readonly source?: Tensor;
  /** Query i sees only keys 0 .. i. Default: false. */
  readonly causal?: boolean;
  /** u32 [B, S], zero where a key is hidden. */
  readonly mask?: Tensor | undefined;
}

/** A sequence of blocks, all with cross-attention to one source or all with self-attention. */
export class Stack {
  /** The blocks in order. */
  readonly blocks: readonly Block[];
  readonly #settings: StackSettings;

  constructor(
    /** Its name in observed activations. */
    readonly name: string,
    declare: Declare,
    count: number,
    settings: StackSettings,
  ) {
    this.#settings = settings;
    const { width, heads } = settings;
    this.blocks = Array.from(
      { length: count },
      (_, n) => new Block(declare.scope(`${n}`), width, { heads }),
    );
  }

  /** Runs the blocks over x [B, T, width]; returns the same shape. */
  call(input: Tensor, inputs: StackInputs, pass: Pass): Tensor {
    const { topK, dropout } = this.#settings;
    const { causal = false, mask } = inputs;
    return this.blocks.reduce((x, block, n) => {
      const source = inputs.source ?? x;
      const blockName = `${this.name}.${n}`;
      pass.observe(`${blockName}.attention`, () =>
        block.probabilities(x, source, { causal, mask, topK }),
      );
      const attn = pass.nextDropout(dropout.attn);
      const branches = [pass.nextDropout(dropout.resid), pass.nextDropout(dropout.resid)] as const;
      const y = block.call(x, source, {
        causal,
        mask,
        topK,
        dropout: attn,
        branchDropout: branches,
      });
      pass.observe(blockName, () => y);
      return y;
    }, input);
  }

  /** The keys and values of a source for each block, to be used in several calls of `attendTo`. */
  keysValues(source: Tensor): KeysValues[] {
    return this.blocks.map((block) => block.attn.keysValues(source));
  }

  /** Runs the blocks over x with keys and values from `keysValues`, without dropout. */
  attendTo(x: Tensor, keysValues: readonly KeysValues[], mask?: Tensor): Tensor {
    const { topK } = this.#settings;
    return this.blocks.reduce((y, block, n) => block.attend(y, keysValues[n]!, { mask, topK }), x);
  }

  /**
   * Runs the blocks with self-attention over one position, without dropout. Writes its keys and
   * values into `cache`, which contains those of the positions before it.
   *
   * @param x [B, 1, width], the position's input
   * @param cache for each block, [B, T, width]
   * @param mask u32 [B, T], zero after the position
   */
  extend(x: Tensor, cache: readonly KeysValues[], position: number, mask: Tensor): Tensor {
    const { topK } = this.#settings;
    return this.blocks.reduce((y, block, index) => {
      const { key, value } = block.attn.keysValues(y);
      writePositions(cache[index]!.key, key, position);
      writePositions(cache[index]!.value, value, position);
      return block.attend(y, cache[index]!, { mask, topK });
    }, x);
  }
}
