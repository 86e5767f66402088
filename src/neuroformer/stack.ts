/** Stacks of transformer blocks, and the context of one forward pass through the model. */

import { Block, type KeysValues } from '../nn/layers.js';
import type { ParameterScope } from '../nn/parameters.js';
import type { Dropout, RandomState } from '../tensor/random.js';
import { writePositions } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Called with each activation's name, and a function that returns the activation. Call that at once
 * or not at all: it computes attention probabilities on demand.
 */
export type Observer = (name: string, value: () => Tensor) => void;

/**
 * By name, functions that get an intermediate result of the pass and return what the pass goes on
 * with. Adding zeros that require a gradient gives the gradient of the result. Of every block,
 * 'stimulus.0.value' and so on are its values, [B, S, width]; 'neuron_queries.value' are those of
 * the neuron queries.
 */
export type Taps = Readonly<Record<string, (value: Tensor) => Tensor>>;

/**
 * One forward pass of the model: the observer of its activations, its taps, and the ids of its
 * dropouts.
 */
export class PassContext {
  /** Called with each activation. */
  readonly observe: Observer;
  readonly #random: RandomState | undefined;
  readonly #taps: Taps;
  #dropouts = 0;

  /** @param random the stream of dropout masks; undefined for no dropout. */
  constructor(observe: Observer, random: RandomState | undefined, taps: Taps = {}) {
    this.observe = observe;
    this.#random = random;
    this.#taps = taps;
  }

  /** What the pass goes on with instead of `value`: `value` itself where there is no such tap. */
  tap(name: string, value: Tensor): Tensor {
    return this.#taps[name]?.(value) ?? value;
  }

  /**
   * The next dropout of the pass. Ids count from 1, so that every pass uses the same ones. A
   * dropout of rate 0 takes none.
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
    scope: ParameterScope,
    count: number,
    settings: StackSettings,
  ) {
    this.#settings = settings;
    const { width, heads } = settings;
    this.blocks = Array.from(
      { length: count },
      (_, n) => new Block(scope.scope(`${n}`), width, { heads }),
    );
  }

  /** Runs the blocks over x [B, T, width]; returns the same shape. */
  call(input: Tensor, inputs: StackInputs, pass: PassContext): Tensor {
    const { topK, dropout } = this.#settings;
    const { causal = false, mask } = inputs;
    let x = input;
    for (const [n, block] of this.blocks.entries()) {
      const blockInput = x;
      const source = inputs.source ?? blockInput;
      const blockName = `${this.name}.${n}`;
      pass.observe(`${blockName}.attention`, () =>
        block.probabilities(blockInput, source, { causal, mask, topK }),
      );
      const attn = pass.nextDropout(dropout.attn);
      const branches = [pass.nextDropout(dropout.resid), pass.nextDropout(dropout.resid)] as const;
      const { key, value } = block.attn.keysValues(source);
      const keysValues = { key, value: pass.tap(`${blockName}.value`, value) };
      const output = block.attend(blockInput, keysValues, {
        causal,
        mask,
        topK,
        dropout: attn,
        branchDropout: branches,
      });
      pass.observe(blockName, () => output);
      x = output;
    }
    return x;
  }

  /**
   * The keys and values of a source for each block, to be used in several calls of `attendTo`.
   *
   * @param source [B, S, width]
   * @returns for each block, keys and values [B, S, width]
   */
  keysValues(source: Tensor): KeysValues[] {
    return this.blocks.map((block) => block.attn.keysValues(source));
  }

  /**
   * Runs the blocks over x with keys and values from `keysValues`, without dropout.
   *
   * @param x [B, T, width]
   * @param keysValues for each block, [B, S, width]
   * @param mask u32 [B, S], zero where a key is hidden
   * @returns [B, T, width]
   */
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
   * @returns [B, 1, width]
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
