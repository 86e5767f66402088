/** Layers: each declares its parameters by name, and is called with tensors. */

import { ShapeError } from '../gpu/errors.js';
import { attention, attentionProbabilities } from '../tensor/attention.js';
import { type EmbeddingOptions, embedding, type Tokens } from '../tensor/embedding.js';
import { type GruOptions, gru } from '../tensor/gru.js';
import { layerNorm } from '../tensor/layernorm.js';
import { type LinearOptions, linear, mlp } from '../tensor/linear.js';
import type { Dropout } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Initializer, normal, ones, uniform, zeros } from './init.js';
import type { Declare, Parameter } from './parameters.js';

/** The spread of initial weights in GPT-like models (Radford et al. 2018), which Neuroformer keeps. */
const INITIAL_STD = 0.02;

export interface LinearLayerOptions {
  /** Default true. */
  bias?: boolean;
  /** Of weight and bias. Default: normal weights, zero biases. */
  init?: Initializer;
}

/** y = x W^T + b. */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(
    declare: Declare,
    inner: number,
    outer: number,
    { bias = true, init }: LinearLayerOptions = {},
  ) {
    this.weight = declare.parameter('weight', [outer, inner], {
      init: init ?? normal(INITIAL_STD),
      decay: true,
    });
    this.bias = bias ? declare.parameter('bias', [outer], { init: init ?? zeros }) : undefined;
  }

  /** [..., in] to [..., out]. */
  call(x: Tensor, options: Omit<LinearOptions, 'bias'> = {}): Tensor {
    return linear(x, this.weight.tensor, { ...options, bias: this.bias?.tensor });
  }
}

/** Normalises the last axis, then scales and shifts it. */
export class LayerNorm {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    declare: Declare,
    width: number,
    readonly eps = 1e-5,
  ) {
    this.weight = declare.parameter('weight', [width], { init: ones });
    this.bias = declare.parameter('bias', [width], { init: zeros });
  }

  call(x: Tensor): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor, { eps: this.eps });
  }
}

/** A table of vectors, one per token. */
export class Embedding {
  readonly weight: Parameter;

  constructor(
    declare: Declare,
    readonly vocabulary: number,
    width: number,
  ) {
    this.weight = declare.parameter('weight', [vocabulary, width], { init: normal(INITIAL_STD) });
  }

  /** Tokens of shape [..., T] to [..., T, width]. */
  call(tokens: Tokens, options: EmbeddingOptions = {}): Tensor {
    return embedding(this.weight.tensor, tokens, options);
  }
}

export interface AttentionLayerOptions {
  heads: number;
  /** Width of the keys' and values' source. Default: that of the queries. */
  kvWidth?: number;
}

export interface AttentionCall {
  causal?: boolean;
  /** u32 [B, S]; a zero hides the key. */
  mask?: Tensor | undefined;
  topK?: number | undefined;
  /** On the probabilities. */
  dropout?: Dropout | undefined;
  /** On the output, before the residual. */
  outputDropout?: Dropout | undefined;
  /** Added to the output. */
  residual?: Tensor | undefined;
}

/** Keys and values of a source, [B, S, width] each. */
export interface KeysValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** Attention of one sequence to another, or to itself, with projections in and out. */
export class MultiHeadAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly proj: Linear;
  readonly heads: number;

  /** @throws ShapeError where the heads do not divide the width. */
  constructor(declare: Declare, width: number, { heads, kvWidth = width }: AttentionLayerOptions) {
    if (width % heads !== 0) {
      throw new ShapeError(
        'MultiHeadAttention',
        'heads',
        `a divisor of the width ${width}`,
        `${heads}`,
      );
    }
    this.heads = heads;
    this.query = new Linear(declare.at('query'), width, width);
    this.key = new Linear(declare.at('key'), kvWidth, width);
    this.value = new Linear(declare.at('value'), kvWidth, width);
    this.proj = new Linear(declare.at('proj'), width, width);
  }

  /**
   * @param x [B, T, width], where the queries come from
   * @param source [B, S, kvWidth], where keys and values come from
   * @returns [B, T, width]
   */
  call(x: Tensor, source: Tensor, options: AttentionCall = {}): Tensor {
    return this.attend(x, this.keysValues(source), options);
  }

  /** What a source offers to queries: computed once where many ask, one after the other. */
  keysValues(source: Tensor): KeysValues {
    return { key: this.key.call(source), value: this.value.call(source) };
  }

  /** Like `call`, of keys and values made before. */
  attend(
    x: Tensor,
    { key, value }: KeysValues,
    { outputDropout, residual, ...options }: AttentionCall = {},
  ): Tensor {
    const out = attention(this.query.call(x), key, value, { heads: this.heads, ...options });
    return this.proj.call(out, { dropout: outputDropout, residual });
  }

  /** The probabilities [B, heads, T, S] of the same call. */
  probabilities(x: Tensor, source: Tensor, options: AttentionCall = {}): Tensor {
    const { causal = false, mask, topK } = options;
    return x.engine.scope(() =>
      attentionProbabilities(this.query.call(x), this.key.call(source), {
        heads: this.heads,
        causal,
        mask,
        topK,
      }),
    );
  }
}

/** Linear, GELU, linear, with a hidden layer `expansion` times as wide. */
export class Mlp {
  readonly first: Linear;
  readonly second: Linear;

  constructor(declare: Declare, width: number, expansion = 4) {
    // The numbers are those of a PyTorch Sequential whose element 1 is the GELU.
    this.first = new Linear(declare.at('0'), width, expansion * width);
    this.second = new Linear(declare.at('2'), expansion * width, width);
  }

  call(
    x: Tensor,
    options: { residual?: Tensor | undefined; dropout?: Dropout | undefined } = {},
  ): Tensor {
    const weights = {
      weight1: this.first.weight.tensor,
      bias1: this.first.bias!.tensor,
      weight2: this.second.weight.tensor,
      bias2: this.second.bias!.tensor,
    };
    return mlp(x, weights, options);
  }
}

export interface BlockCall extends Omit<AttentionCall, 'residual' | 'outputDropout'> {
  /** After attention's projection and after the MLP. */
  branchDropout?: readonly [Dropout | undefined, Dropout | undefined];
}

/**
 * A transformer block of Neuroformer: x1 = x + attend(LN1(x), source); x2 = x1 + MLP(LN2(x1)); LN_f(x2).
 *
 * Only the queries are normalised on the way in: keys and values are made from the source as it is.
 */
export class Block {
  readonly ln1: LayerNorm;
  readonly ln2: LayerNorm;
  readonly attn: MultiHeadAttention;
  readonly mlp: Mlp;
  readonly lnF: LayerNorm;

  constructor(declare: Declare, width: number, options: AttentionLayerOptions) {
    this.ln1 = new LayerNorm(declare.at('ln1'), width);
    this.ln2 = new LayerNorm(declare.at('ln2'), width);
    this.attn = new MultiHeadAttention(declare.at('attn'), width, options);
    this.mlp = new Mlp(declare.at('mlp'), width);
    this.lnF = new LayerNorm(declare.at('ln_f'), width);
  }

  /**
   * @param x [B, T, width]
   * @param source [B, S, kvWidth]; x itself for self-attention
   */
  call(x: Tensor, source: Tensor, options: BlockCall = {}): Tensor {
    return this.attend(x, this.attn.keysValues(source), options);
  }

  /** Like `call`, of keys and values made before by `attn.keysValues`. */
  attend(x: Tensor, kept: KeysValues, { branchDropout, ...options }: BlockCall = {}): Tensor {
    const attended = this.attn.attend(this.ln1.call(x), kept, {
      ...options,
      outputDropout: branchDropout?.[0],
      residual: x,
    });
    const mlpOut = this.mlp.call(this.ln2.call(attended), {
      residual: attended,
      dropout: branchDropout?.[1],
    });
    return this.lnF.call(mlpOut);
  }

  /** What its attention gives to each key in the same call: [B, heads, T, S]. */
  probabilities(x: Tensor, source: Tensor, options: BlockCall = {}): Tensor {
    return x.engine.scope(() => this.attn.probabilities(this.ln1.call(x), source, options));
  }
}

/** A gated recurrent unit under PyTorch's parameter names. */
export class Gru {
  readonly #input: { weight: Parameter; bias: Parameter };
  readonly #state: { weight: Parameter; bias: Parameter };

  /** @param suffix of the names, such as PyTorch's '_reverse'. */
  constructor(declare: Declare, inner: number, hidden: number, suffix = '') {
    const init = uniform(1 / Math.sqrt(hidden));
    const part = (kind: string, width: number) => ({
      weight: declare.parameter(`weight_${kind}_l0${suffix}`, [3 * hidden, width], { init }),
      bias: declare.parameter(`bias_${kind}_l0${suffix}`, [3 * hidden], { init }),
    });
    this.#input = part('ih', inner);
    this.#state = part('hh', hidden);
  }

  /**
   * @param x [B, T, in]
   * @param first [B, hidden], the state before the first step
   * @returns [B, T, hidden]
   */
  call(x: Tensor, first: Tensor, options: GruOptions = {}): Tensor {
    const weights = {
      weightInput: this.#input.weight.tensor,
      biasInput: this.#input.bias.tensor,
      weightState: this.#state.weight.tensor,
      biasState: this.#state.bias.tensor,
    };
    return gru(x, first, weights, options);
  }
}
