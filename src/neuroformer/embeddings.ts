/** From times, behaviour samples and video to vectors of the model's width. */

import { ones, uniform, zeros } from '../nn/init.js';
import { LayerNorm, Linear } from '../nn/layers.js';
import type { Declare, Parameter } from '../nn/parameters.js';
import { activate, add, dropout } from '../tensor/elementwise.js';
import { sinusoid } from '../tensor/embedding.js';
import { layerNorm } from '../tensor/layernorm.js';
import type { Dropout } from '../tensor/random.js';
import { conv3d, type Triple, unfold3d } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';

/** When a token is: its time token's number through a small network, or through sines and cosines. */
export class TimeEmbedding {
  readonly #width: number;
  readonly #network: { first: Linear; second: Linear } | undefined;

  /** @param learnt otherwise sinusoidal, without parameters. */
  constructor(declare: Declare, width: number, learnt: boolean) {
    this.#width = width;
    if (!learnt) return;
    this.#network = {
      first: new Linear(declare.at('temp_emb.0'), 1, Math.floor(width / 2)),
      second: new Linear(declare.at('temp_emb.2'), Math.floor(width / 2), width),
    };
  }

  /** @param times f32 [B, T], time tokens as numbers. @returns [B, T, width] */
  call(times: Tensor, drop?: Dropout): Tensor {
    const [B, T] = times.shape as [number, number];
    if (!this.#network)
      return sinusoid(times.reshape([B * T, 1]), this.#width).reshape([B, T, this.#width]);
    const hidden = this.#network.first.call(times.reshape([B, T, 1]), { gelu: true });
    return this.#network.second.call(hidden, { dropout: drop });
  }
}

/** One behaviour variable as tokens: each sample's value through a small network, plus a code of its time. */
export class BehaviorEmbedding {
  readonly #width: number;
  readonly #valuesEnter: boolean;
  readonly #norm: { weight: Parameter; bias: Parameter };
  readonly #first: Linear;
  readonly #second: Linear;

  /** @param valuesEnter false normalises the single number first, as the original does, which leaves only a constant. */
  constructor(declare: Declare, width: number, valuesEnter: boolean) {
    this.#width = width;
    this.#valuesEnter = valuesEnter;
    const mlp = declare.at('mlp');
    this.#norm = {
      weight: mlp.parameter('ln.weight', [1], { init: ones }),
      bias: mlp.parameter('ln.bias', [1], { init: zeros }),
    };
    this.#first = new Linear(mlp.at('mlp.0'), 1, 2, { bias: false });
    this.#second = new Linear(mlp.at('mlp.2'), 2, width, { bias: false });
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
    const scaled = this.#valuesEnter ? column : layerNorm(column, weight.tensor, bias.tensor).y;
    const value = this.#second.call(this.#first.call(scaled, { gelu: true }));
    const code = sinusoid(times.reshape([B * n, 1]), this.#width).reshape([B, n, this.#width]);
    return dropout(add(value, code), drop);
  }
}

export interface VideoSettings {
  /** A convolution with layer norm; otherwise square patches of single frames. */
  convolution: boolean;
  kernel: Triple;
  stride: Triple;
  /** Pixels of a patch where there is no convolution. */
  patchPixels: number;
}

/** Video as tokens, one per place of the convolution or per patch, in the order time, height, width. */
export class VideoEncoder {
  readonly #settings: VideoSettings;
  readonly #convolution: { weight: Parameter; bias: Parameter; norm: LayerNorm } | undefined;
  readonly #patches: Linear | undefined;

  constructor(declare: Declare, width: number, settings: VideoSettings) {
    this.#settings = settings;
    if (!settings.convolution) {
      this.#patches = new Linear(declare.at('to_patch_embedding.1'), settings.patchPixels, width);
      return;
    }
    const block = declare.at('conv_block');
    const init = uniform(1 / Math.sqrt(settings.kernel.reduce((product, n) => product * n, 1)));
    this.#convolution = {
      weight: block.parameter('0.weight', [width, 1, ...settings.kernel], { init }),
      bias: block.parameter('0.bias', [width], { init }),
      norm: new LayerNorm(block.at('2'), width),
    };
  }

  /** @param frames [B, 1, frames, height, width]. @returns [B, tokens, width], and how many there are along [t, h, w] */
  call(frames: Tensor): { tokens: Tensor; places: Triple } {
    const { stride, patchPixels } = this.#settings;
    if (this.#convolution) {
      const { weight, bias, norm } = this.#convolution;
      const { out, places } = conv3d(frames, weight.tensor, bias.tensor, stride);
      return { tokens: activate(norm.call(out), 'relu'), places };
    }
    const side = Math.floor(Math.sqrt(patchPixels));
    const patch = [1, side, side] as const;
    const { patches, places } = unfold3d(frames, patch, patch);
    return { tokens: activate(this.#patches!.call(patches), 'relu'), places };
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

/** Positions that are learnt, initially zero; of the original's shape [1, length, width]. */
export function learntPositions(
  declare: Declare,
  name: string,
  length: number,
  width: number,
): Parameter {
  return declare.parameter(name, [1, length, width], { init: zeros });
}
