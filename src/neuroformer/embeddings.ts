/** From times, behaviour samples and video to vectors of the model's width. */

import { ones, uniform, zeros } from '../nn/init.js';
import { type Embedding, LayerNorm, Linear } from '../nn/layers.js';
import type { Declare, Parameter } from '../nn/parameters.js';
import { activate, add, dropout } from '../tensor/elementwise.js';
import { embedding, sinusoid, type Tokens } from '../tensor/embedding.js';
import { layerNorm } from '../tensor/layernorm.js';
import { linear } from '../tensor/linear.js';
import type { Dropout } from '../tensor/random.js';
import { conv3d, slice, type Triple, unfold3d } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';
import { Pass } from './stack.js';

/** How the tokens of one window become vectors. */
export interface TokenSettings {
  /** Of the window in what is observed: 'id' or 'id_prev'. */
  readonly name: string;
  readonly width: number;
  /** Tokens in the window. */
  readonly block: number;
  readonly positions: boolean;
  /** How the time token's number enters: through a small network, through sines and cosines, or not at all. */
  readonly time: 'learnt' | 'sinusoidal' | 'none';
  readonly dropout: { readonly id: number; readonly time: number };
}

/** Tokens of the current or the past window: neuron + time + position. The table of neurons is shared. */
export class TokenEmbedding {
  readonly #settings: TokenSettings;
  readonly #table: Embedding;
  readonly #positions: Parameter | undefined;
  readonly #network: { first: Linear; second: Linear } | undefined;

  /** @param suffix of the parameters' names: '' or '_prev'. */
  constructor(declare: Declare, suffix: string, table: Embedding, settings: TokenSettings) {
    const { width, block, positions, time } = settings;
    this.#settings = settings;
    this.#table = table;
    if (positions)
      this.#positions = declare.parameter(`pos_emb${suffix}`, [1, block, width], { init: zeros });
    if (time !== 'learnt') return;
    const half = Math.floor(width / 2);
    const place = declare.scope(`temp_emb${suffix}.temp_emb`);
    this.#network = {
      first: new Linear(place.scope('0'), 1, half),
      second: new Linear(place.scope('2'), half, width),
    };
  }

  /** @param times f32 [B, T], time tokens as numbers. @returns [B, T, width] */
  call(tokens: Tokens, times: Tensor, pass: Pass): Tensor {
    const { name, width, block, dropout: rates } = this.#settings;
    const add = this.#time(times, pass);
    if (add) pass.observe(`temporal.${name}`, () => add);
    const positions = this.#positions?.tensor.reshape([block, width]);
    const sum = this.#table.call(tokens, { add, positions });
    const embedded = dropout(sum, pass.drop(rates.id));
    pass.observe(`embed.${name}`, () => embedded);
    return embedded;
  }

  /** The vectors of every time token, [times, width]: what `at` takes them from. */
  timeTable(times: number): Tensor | undefined {
    const all = Float32Array.from({ length: times }, (_, token) => token);
    const tensor = Tensor.from(this.#table.weight.tensor.engine, all, [1, times]);
    return this.#time(tensor, new Pass(() => {}, undefined))?.reshape([
      times,
      this.#settings.width,
    ]);
  }

  /**
   * The token at position n alone, without dropout.
   *
   * @param tokens of shape [B, 1]
   * @param when time tokens of shape [B, 1], looked up in `table`
   * @returns [B, 1, width]
   */
  at(n: number, tokens: Tokens, when: Tokens, table: Tensor | undefined): Tensor {
    const { width, block } = this.#settings;
    const add = table && embedding(table, when);
    const all = this.#positions?.tensor.reshape([1, block, width]);
    const positions = all && slice(all, n, 1).reshape([1, width]);
    return this.#table.call(tokens, { add, positions });
  }

  #time(times: Tensor, pass: Pass): Tensor | undefined {
    const { width, time, dropout: rates } = this.#settings;
    const [B, T] = times.shape as [number, number];
    if (this.#network) {
      const hidden = this.#network.first.call(times.reshape([B, T, 1]), { gelu: true });
      return this.#network.second.call(hidden, { dropout: pass.drop(rates.time) });
    }
    if (time === 'none') return undefined;
    const code = sinusoid(times.reshape([B * T, 1]), width).reshape([B, T, width]);
    return dropout(code, pass.drop(rates.id));
  }
}

/** One behaviour variable as tokens: each sample's value through a small network, plus a code of its time. */
export class BehaviorEmbedding {
  readonly #width: number;
  readonly #valuesEnter: boolean;
  readonly #norm: { weight: Parameter; bias: Parameter };
  readonly #first: Linear;
  readonly #second: Linear;

  /**
   * @param valuesEnter scales and shifts a value by itself; otherwise the single number is normalised first, as in the
   *   original, which leaves nothing of it but the shift.
   */
  constructor(declare: Declare, width: number, valuesEnter: boolean) {
    this.#width = width;
    this.#valuesEnter = valuesEnter;
    const mlp = declare.scope('mlp');
    this.#norm = {
      weight: mlp.parameter('ln.weight', [1], { init: ones }),
      bias: mlp.parameter('ln.bias', [1], { init: zeros }),
    };
    this.#first = new Linear(mlp.scope('mlp.0'), 1, 2, { bias: false });
    this.#second = new Linear(mlp.scope('mlp.2'), 2, width, { bias: false });
  }

  /**
   * @param values [B, n]
   * @param times seconds [B, n]
   * @returns [B, n, width]
   */
  call(values: Tensor, times: Tensor, drop?: Dropout): Tensor {
    const [B, n] = values.shape as [number, number];
    const column = values.reshape([B, n, 1]);
    const { weight, bias } = this.#norm;
    const scaled = this.#valuesEnter
      ? linear(column, weight.tensor.reshape([1, 1]), { bias: bias.tensor })
      : layerNorm(column, weight.tensor, bias.tensor);
    const value = this.#second.call(this.#first.call(scaled, { gelu: true }));
    const code = sinusoid(times.reshape([B * n, 1]), this.#width).reshape([B, n, this.#width]);
    return dropout(add(value, code), drop);
  }
}

export interface VideoSettings {
  /** A convolution with layer norm, square patches of single frames, or every frame as a vector of features. */
  readonly kind: 'convolution' | 'patches' | 'features';
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Pixels of a patch, or features of a frame. */
  readonly inner: number;
}

/** Video as tokens, one per place of the convolution or per patch, in the order time, height, width. */
export class VideoEncoder {
  readonly #settings: VideoSettings;
  readonly #convolution: { weight: Parameter; bias: Parameter; norm: LayerNorm } | undefined;
  readonly #patches: Linear | undefined;

  constructor(declare: Declare, width: number, settings: VideoSettings) {
    this.#settings = settings;
    if (settings.kind !== 'convolution') {
      this.#patches = new Linear(declare.scope('to_patch_embedding.1'), settings.inner, width);
      return;
    }
    const block = declare.scope('conv_block');
    const init = uniform(1 / Math.sqrt(settings.kernel.reduce((product, n) => product * n, 1)));
    this.#convolution = {
      weight: block.parameter('0.weight', [width, 1, ...settings.kernel], { init }),
      bias: block.parameter('0.bias', [width], { init }),
      norm: new LayerNorm(block.scope('2'), width),
    };
  }

  /** @param frames [B, 1, frames, height, width]. @returns [B, tokens, width], and how many there are along [t, h, w] */
  call(frames: Tensor): { tokens: Tensor; grid: Triple } {
    const { kind, stride, inner } = this.#settings;
    if (this.#convolution) {
      const { weight, bias, norm } = this.#convolution;
      const { out, grid } = conv3d(frames, weight.tensor, bias.tensor, stride);
      return { tokens: activate(norm.call(out), 'relu'), grid };
    }
    const side = Math.floor(Math.sqrt(inner));
    const patch: Triple =
      kind === 'patches' ? [1, side, side] : [1, frames.axis(3), frames.axis(4)];
    const { patches, grid } = unfold3d(frames, patch, patch);
    return { tokens: activate(this.#patches!.call(patches), 'relu'), grid };
  }
}

/** Positions along a sequence of modality tokens: the 2-D code of (n, 0), as the original has it. [length, width] */
export function sequenceCode(like: Tensor, length: number, width: number): Tensor {
  const positions = Float32Array.from({ length: 2 * length }, (_, n) => (n % 2 === 0 ? n / 2 : 0));
  return sinusoid(Tensor.from(like.engine, positions, [length, 2]), width);
}

/** Positions of video tokens in time, height and width. [t * h * w, width] */
export function videoCode(like: Tensor, [t, h, w]: Triple, width: number): Tensor {
  const positions = Float32Array.from({ length: 3 * t * h * w }, (_, n) => {
    const place = Math.floor(n / 3);
    return [Math.floor(place / (h * w)), Math.floor(place / w) % h, place % w][n % 3]!;
  });
  return sinusoid(Tensor.from(like.engine, positions, [t * h * w, 3]), width);
}
