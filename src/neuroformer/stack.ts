/** Stacks of blocks, and what one pass through the model carries along. */

import { Block, type KeysValues } from '../nn/layers.js';
import type { Declare } from '../nn/parameters.js';
import type { Dropout, RandomState } from '../tensor/random.js';
import { writePositions } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';

/** Called with the name of what lies between, and a function that gives it while the pass runs. */
export type Observe = (name: string, value: () => Tensor) => void;

/** One run of the model: who looks on, and where dropout draws its masks. */
export class Pass {
  readonly observe: Observe;
  readonly #random: RandomState | undefined;
  #sites = 0;

  /** @param random undefined for no dropout. */
  constructor(observe: Observe, random: RandomState | undefined) {
    this.observe = observe;
    this.#random = random;
  }

  /** Dropout at one more place; places are numbered in the order a pass comes by, so every pass draws alike. */
  drop(rate: number): Dropout | undefined {
    if (!this.#random || rate === 0) return undefined;
    this.#sites += 1;
    return { rate, site: this.#sites, random: this.#random };
  }
}

export interface StackSettings {
  readonly width: number;
  readonly heads: number;
  /** How many scores each row keeps, if attention is sparse. */
  readonly topK: number | undefined;
  /** On the probabilities, and at the end of both branches. */
  readonly dropout: { readonly attn: number; readonly resid: number };
}

/** What a stack attends to. */
export interface Attending {
  /** Keys and values; default: what the stack itself carries, block by block. */
  readonly source?: Tensor;
  readonly causal?: boolean;
  /** u32 [B, S], zero where a key is hidden. */
  readonly mask?: Tensor | undefined;
}

/** Blocks one after the other, by cross-attention to one source or by self-attention. */
export class Stack {
  readonly blocks: readonly Block[];
  readonly #settings: StackSettings;

  constructor(
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

  /** [B, T, width] to [B, T, width]. */
  call(start: Tensor, attending: Attending, pass: Pass): Tensor {
    const { topK, dropout } = this.#settings;
    const { causal = false, mask } = attending;
    return this.blocks.reduce((x, block, n) => {
      const source = attending.source ?? x;
      const place = `${this.name}.${n}`;
      pass.observe(`${place}.attention`, () =>
        block.probabilities(x, source, { causal, mask, topK }),
      );
      const attn = pass.drop(dropout.attn);
      const branches = [pass.drop(dropout.resid), pass.drop(dropout.resid)] as const;
      const y = block.call(x, source, {
        causal,
        mask,
        topK,
        dropout: attn,
        branchDropout: branches,
      });
      pass.observe(place, () => y);
      return y;
    }, start);
  }

  /** Keys and values of a source for each block, to be attended to many times. */
  keep(source: Tensor): KeysValues[] {
    return this.blocks.map((block) => block.attn.keysValues(source));
  }

  /** Attends to what was kept, without dropout. */
  attendTo(x: Tensor, kept: readonly KeysValues[], mask?: Tensor): Tensor {
    const { topK } = this.#settings;
    return this.blocks.reduce((y, block, n) => block.attend(y, kept[n]!, { mask, topK }), x);
  }

  /** Self-attention of position n, whose keys and values are added to those kept of the positions before it. */
  extend(x: Tensor, kept: readonly KeysValues[], n: number, mask: Tensor): Tensor {
    const { topK } = this.#settings;
    return this.blocks.reduce((y, block, which) => {
      const { key, value } = block.attn.keysValues(y);
      writePositions(kept[which]!.key, key, n);
      writePositions(kept[which]!.value, value, n);
      return block.attend(y, kept[which]!, { mask, topK });
    }, x);
  }
}
