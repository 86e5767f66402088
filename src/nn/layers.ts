/** Layers. Each declares its parameters in its constructor and computes its output in `call`. */

import { ShapeError } from '../gpu/errors.js';
import { attention, attentionProbabilities } from '../tensor/attention.js';
import { type EmbeddingOptions, embedding, type Tokens } from '../tensor/embedding.js';
import { type GruOptions, gru } from '../tensor/gru.js';
import { layerNorm } from '../tensor/layernorm.js';
import { type LinearOptions, linear, mlp } from '../tensor/linear.js';
import type { Dropout } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Initializer, ones, uniform, zeros } from './init.js';
import type { Parameter, ParameterScope } from './parameters.js';

/** Options of a linear layer. */
export interface LinearLayerOptions {
  /** Whether it has a bias. Default: true. */
  bias?: boolean;
  /** Initializer of weight and bias. Default: the scope's weights, zero biases. */
  init?: Initializer;
}

/** y = x W^T + b. */
export class Linear {
  /** W [out, in] */
  readonly weight: Parameter;
  /** b [out] */
  readonly bias: Parameter | undefined;

  /** @param inner the width of x. @param outer the width of y. */
  constructor(
    scope: ParameterScope,
    inner: number,
    outer: number,
    { bias = true, init }: LinearLayerOptions = {},
  ) {
    this.weight = scope.parameter('weight', [outer, inner], {
      init: init ?? scope.initialWeights.linear(inner),
      decay: true,
    });
    this.bias = bias ? scope.parameter('bias', [outer], { init: init ?? zeros }) : undefined;
  }

  /** Maps x [..., in] to [..., out]. */
  call(x: Tensor, options: Omit<LinearOptions, 'bias'> = {}): Tensor {
    return linear(x, this.weight.tensor, { ...options, bias: this.bias?.tensor });
  }
}

/** Layer normalization over the last axis, with a scale and a shift. */
export class LayerNorm {
  /** The scale, [width] */
  readonly weight: Parameter;
  /** The shift, [width] */
  readonly bias: Parameter;

  constructor(
    scope: ParameterScope,
    width: number,
    /** Added to the variance. */
    readonly eps = 1e-5,
  ) {
    this.weight = scope.parameter('weight', [width], { init: ones });
    this.bias = scope.parameter('bias', [width], { init: zeros });
  }

  /** Maps x [..., width] to the same shape. */
  call(x: Tensor): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor, { eps: this.eps });
  }
}

/** A table of vectors, one per token. */
export class Embedding {
  /** The table, [vocabulary, width] */
  readonly weight: Parameter;

  constructor(
    scope: ParameterScope,
    /** The number of different tokens. */
    readonly vocabulary: number,
    width: number,
  ) {
    const init = scope.initialWeights.table;
    this.weight = scope.parameter('weight', [vocabulary, width], { init });
  }

  /** Maps tokens [..., T] to [..., T, width]. */
  call(tokens: Tokens, options: EmbeddingOptions = {}): Tensor {
    return embedding(this.weight.tensor, tokens, options);
  }
}

/** Options of an attention layer. */
export interface AttentionLayerOptions {
  /** Number of heads; divides the width. */
  heads: number;
  /** Width of the sequence that keys and values are computed from. Default: that of the queries. */
  kvWidth?: number;
}

/** Options of one call of an attention layer. */
export interface AttentionCallOptions {
  /** Query i sees only keys 0 .. i. Default: false. */
  causal?: boolean;
  /** u32 [B, S]; 0 hides the key. */
  mask?: Tensor | undefined;
  /** Uses only the k largest scores of each row. Default: all. */
  topK?: number | undefined;
  /** Dropout on the probabilities. */
  dropout?: Dropout | undefined;
  /** Dropout on the output, before the residual. */
  outputDropout?: Dropout | undefined;
  /** Added to the output, [B, T, width]. */
  residual?: Tensor | undefined;
}

/** The projected keys and values of a sequence. */
export interface KeysValues {
  /** [B, S, width] */
  readonly key: Tensor;
  /** [B, S, width] */
  readonly value: Tensor;
}

/** Multi-head attention from one sequence to another or to itself, with linear projections. */
export class MultiHeadAttention {
  /** Projects x to the queries. */
  readonly query: Linear;
  /** Projects the source to the keys. */
  readonly key: Linear;
  /** Projects the source to the values. */
  readonly value: Linear;
  /** Projects the heads' outputs. */
  readonly proj: Linear;
  /** Number of heads. */
  readonly heads: number;

  /** @throws ShapeError where the heads do not divide the width. */
  constructor(
    scope: ParameterScope,
    width: number,
    { heads, kvWidth = width }: AttentionLayerOptions,
  ) {
    if (width % heads !== 0) {
      throw new ShapeError(
        'MultiHeadAttention',
        'heads',
        `a divisor of the width ${width}`,
        `${heads}`,
      );
    }
    this.heads = heads;
    this.query = new Linear(scope.scope('query'), width, width);
    this.key = new Linear(scope.scope('key'), kvWidth, width);
    this.value = new Linear(scope.scope('value'), kvWidth, width);
    this.proj = new Linear(scope.scope('proj'), width, width);
  }

  /**
   * Attends from x to the source.
   *
   * @param x [B, T, width], the sequence of the queries
   * @param source [B, S, kvWidth], the sequence of the keys and values
   * @returns [B, T, width]
   */
  call(x: Tensor, source: Tensor, options: AttentionCallOptions = {}): Tensor {
    return this.attend(x, this.keysValues(source), options);
  }

  /** The keys and values of a source [B, S, kvWidth], to be used in several calls of `attend`. */
  keysValues(source: Tensor): KeysValues {
    return { key: this.key.call(source), value: this.value.call(source) };
  }

  /** Like `call`, with keys and values from `keysValues`. */
  attend(
    x: Tensor,
    { key, value }: KeysValues,
    { outputDropout, residual, ...options }: AttentionCallOptions = {},
  ): Tensor {
    const out = attention(this.query.call(x), key, value, { heads: this.heads, ...options });
    return this.proj.call(out, { dropout: outputDropout, residual });
  }

  /**
   * The attention probabilities [B, heads, T, S] of `call` with these arguments, without dropout.
   */
  probabilities(x: Tensor, source: Tensor, options: AttentionCallOptions = {}): Tensor {
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

/** A two-layer perceptron with GELU, whose hidden layer is `expansion` times as wide. */
export class Mlp {
  /** Maps the width to the hidden width. */
  readonly expand: Linear;
  /** Maps the hidden width back to the width. */
  readonly project: Linear;

  constructor(scope: ParameterScope, width: number, expansion = 4) {
    // The names are those of a PyTorch Sequential, whose element 1 is the GELU.
    this.expand = new Linear(scope.scope('0'), width, expansion * width);
    this.project = new Linear(scope.scope('2'), expansion * width, width);
  }

  /** Maps x [..., width] to the same shape. */
  call(
    x: Tensor,
    options: { residual?: Tensor | undefined; dropout?: Dropout | undefined } = {},
  ): Tensor {
    const weights = {
      weight1: this.expand.weight.tensor,
      bias1: this.expand.bias!.tensor,
      weight2: this.project.weight.tensor,
      bias2: this.project.bias!.tensor,
    };
    return mlp(x, weights, options);
  }
}

/** Options of one call of a transformer block. */
export interface BlockCallOptions extends Omit<AttentionCallOptions, 'residual' | 'outputDropout'> {
  /** Dropout on the output of the attention and on that of the MLP, before each residual. */
  branchDropout?: readonly [Dropout | undefined, Dropout | undefined];
}

/**
 * A transformer block of Neuroformer: x1 = x + attend(LN1(x), source); x2 = x1 + MLP(LN2(x1));
 * LN_f(x2).
 *
 * Only the queries are normalized first. Keys and values are computed from the source without
 * normalization.
 */
export class Block {
  /** LN1, before the queries. */
  readonly ln1: LayerNorm;
  /** LN2, before the MLP. */
  readonly ln2: LayerNorm;
  /** The attention. */
  readonly attn: MultiHeadAttention;
  /** The MLP. */
  readonly mlp: Mlp;
  /** LN_f, at the end. */
  readonly lnF: LayerNorm;

  constructor(scope: ParameterScope, width: number, options: AttentionLayerOptions) {
    this.ln1 = new LayerNorm(scope.scope('ln1'), width);
    this.ln2 = new LayerNorm(scope.scope('ln2'), width);
    this.attn = new MultiHeadAttention(scope.scope('attn'), width, options);
    this.mlp = new Mlp(scope.scope('mlp'), width);
    this.lnF = new LayerNorm(scope.scope('ln_f'), width);
  }

  /**
   * Runs the block.
   *
   * @param x [B, T, width]
   * @param source [B, S, kvWidth]; x itself for self-attention
   * @returns [B, T, width]
   */
  call(x: Tensor, source: Tensor, options: BlockCallOptions = {}): Tensor {
    return this.attend(x, this.attn.keysValues(source), options);
  }

  /** Like `call`, with keys and values from `attn.keysValues`. */
  attend(
    x: Tensor,
    keysValues: KeysValues,
    { branchDropout, ...options }: BlockCallOptions = {},
  ): Tensor {
    const attended = this.attn.attend(this.ln1.call(x), keysValues, {
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

  /**
   * The attention probabilities [B, heads, T, S] of `call` with these arguments, without dropout.
   */
  probabilities(x: Tensor, source: Tensor, options: BlockCallOptions = {}): Tensor {
    return x.engine.scope(() => this.attn.probabilities(this.ln1.call(x), source, options));
  }
}

/** A gated recurrent unit of one layer, with PyTorch's parameter names. */
export class Gru {
  readonly #input: { weight: Parameter; bias: Parameter };
  readonly #state: { weight: Parameter; bias: Parameter };

  /** @param suffix appended to the parameter names, such as PyTorch's '_reverse'. */
  constructor(scope: ParameterScope, inner: number, hidden: number, suffix = '') {
    const init = uniform(1 / Math.sqrt(hidden));
    const declareWeights = (kind: string, width: number) => ({
      weight: scope.parameter(`weight_${kind}_l0${suffix}`, [3 * hidden, width], { init }),
      bias: scope.parameter(`bias_${kind}_l0${suffix}`, [3 * hidden], { init }),
    });
    this.#input = declareWeights('ih', inner);
    this.#state = declareWeights('hh', hidden);
  }

  /**
   * The state after each position.
   *
   * @param x [B, T, in]
   * @param initial [B, hidden], the state before the first step
   * @returns [B, T, hidden]
   */
  call(x: Tensor, initial: Tensor, options: GruOptions = {}): Tensor {
    const weights = {
      weightInput: this.#input.weight.tensor,
      biasInput: this.#input.bias.tensor,
      weightState: this.#state.weight.tensor,
      biasState: this.#state.bias.tensor,
    };
    return gru(x, initial, weights, options);
  }
}
