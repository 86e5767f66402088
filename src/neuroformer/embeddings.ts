/** The embeddings of spike tokens, behavior samples and video: vectors of the model's width. */

import type { Engine } from '../gpu/engine.js';
import { normal, ones, uniform, zeros } from '../nn/init.js';
import { type Embedding, LayerNorm, Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { conv3d, type Triple, unfold3d } from '../tensor/conv3d.js';
import { activate, add, dropout } from '../tensor/elementwise.js';
import { embedding, sinusoid, type Tokens } from '../tensor/embedding.js';
import { layerNorm } from '../tensor/layernorm.js';
import { linear } from '../tensor/linear.js';
import type { Dropout } from '../tensor/random.js';
import { slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';
import { PassContext } from './stack.js';

/** Settings of a TokenEmbedding. */
export interface TokenSettings {
  /** The window's name in observed activations: 'id' or 'id_prev'. */
  readonly name: string;
  /** The model's width. */
  readonly width: number;
  /** Tokens in the window. */
  readonly block: number;
  /** Whether to add learned positions. */
  readonly positions: boolean;
  /** How times are embedded: by a small network, by sines and cosines, or not at all. */
  readonly time: 'learned' | 'sinusoidal' | 'none';
  /** Dropout rates of the embedded tokens and of the time embedding. */
  readonly dropout: { readonly id: number; readonly time: number };
}

/**
 * Embeds the tokens of the current or the past window: neuron + time + position. Both share the
 * table of neurons.
 */
export class TokenEmbedding {
  readonly #settings: TokenSettings;
  readonly #table: Embedding;
  readonly #positions: Parameter | undefined;
  readonly #network: { hidden: Linear; output: Linear } | undefined;

  /**
   * @param suffix appended to the parameters' names: '' or '_prev'.
   *
   * @param table the vectors of the neurons.
   */
  constructor(scope: ParameterScope, suffix: string, table: Embedding, settings: TokenSettings) {
    const { width, block, positions, time } = settings;
    this.#settings = settings;
    this.#table = table;
    if (positions)
      this.#positions = scope.parameter(`pos_emb${suffix}`, [1, block, width], { init: zeros });
    if (time !== 'learned') return;
    const half = Math.floor(width / 2);
    const network = scope.scope(`temp_emb${suffix}.temp_emb`);
    this.#network = {
      hidden: new Linear(network.scope('0'), 1, half),
      output: new Linear(network.scope('2'), half, width),
    };
  }

  /**
   * Embeds a complete window.
   *
   * @param tokens neuron tokens [B, T]
   * @param times time tokens as numbers, f32 [B, T]
   * @returns [B, T, width]
   */
  call(tokens: Tokens, times: Tensor, pass: PassContext): Tensor {
    const { name, width, block, dropout: rates } = this.#settings;
    const timeEmbedding = this.#time(times, pass);
    if (timeEmbedding) pass.observe(`temporal.${name}`, () => timeEmbedding);
    const positions = this.#positions?.tensor.reshape([block, width]);
    const sum = this.#table.call(tokens, { add: timeEmbedding, positions });
    const embedded = dropout(sum, pass.nextDropout(rates.id));
    pass.observe(`embed.${name}`, () => embedded);
    return embedded;
  }

  /**
   * The embeddings of all time tokens, for `embedPosition`; undefined if times are not embedded.
   *
   * @param timeTokens the number of time tokens
   * @returns [timeTokens, width]
   */
  timeTable(timeTokens: number): Tensor | undefined {
    const tokens = Float32Array.from({ length: timeTokens }, (_, token) => token);
    const tensor = Tensor.from(this.#table.weight.tensor.engine, tokens, [1, timeTokens]);
    return this.#time(tensor, new PassContext(() => {}, undefined))?.reshape([
      timeTokens,
      this.#settings.width,
    ]);
  }

  /**
   * Embeds the tokens at one position, without dropout.
   *
   * @param tokens neuron tokens [B, 1]
   * @param times time tokens [B, 1]
   * @param timeTable from `timeTable`
   * @returns [B, 1, width]
   */
  embedPosition(
    position: number,
    tokens: Tokens,
    times: Tokens,
    timeTable: Tensor | undefined,
  ): Tensor {
    const { width, block } = this.#settings;
    const timeEmbedding = timeTable && embedding(timeTable, times);
    const positions = this.#positions?.tensor.reshape([1, block, width]);
    const row = positions && slice(positions, position, 1).reshape([1, width]);
    return this.#table.call(tokens, { add: timeEmbedding, positions: row });
  }

  #time(times: Tensor, pass: PassContext): Tensor | undefined {
    const { width, time, dropout: rates } = this.#settings;
    const [B, T] = times.shape as [number, number];
    if (this.#network) {
      const hidden = this.#network.hidden.call(times.reshape([B, T, 1]), { gelu: true });
      return this.#network.output.call(hidden, { dropout: pass.nextDropout(rates.time) });
    }
    if (time === 'none') return undefined;
    const encoding = sinusoid(times.reshape([B * T, 1]), width).reshape([B, T, width]);
    return dropout(encoding, pass.nextDropout(rates.id));
  }
}

/**
 * Embeds the samples of one behavior variable: the value by a small network, plus an encoding of
 * its time.
 */
export class BehaviorEmbedding {
  readonly #width: number;
  readonly #usesValues: boolean;
  readonly #norm: { weight: Parameter; bias: Parameter };
  readonly #hidden: Linear;
  readonly #output: Linear;

  /**
   * @param usesValues scales and shifts each value. Otherwise a layer norm is applied to the single
   *   number, as in the original, which leaves only the shift.
   */
  constructor(scope: ParameterScope, width: number, usesValues: boolean) {
    this.#width = width;
    this.#usesValues = usesValues;
    const mlp = scope.scope('mlp');
    this.#norm = {
      weight: mlp.parameter('ln.weight', [1], { init: ones }),
      bias: mlp.parameter('ln.bias', [1], { init: zeros }),
    };
    this.#hidden = new Linear(mlp.scope('mlp.0'), 1, 2, { bias: false });
    this.#output = new Linear(mlp.scope('mlp.2'), 2, width, { bias: false });
  }

  /**
   * Embeds samples.
   *
   * @param values [B, n]
   * @param times in seconds, [B, n]
   * @param embeddingDropout on the result
   * @returns [B, n, width]
   */
  call(values: Tensor, times: Tensor, embeddingDropout?: Dropout): Tensor {
    const [B, n] = values.shape as [number, number];
    const column = values.reshape([B, n, 1]);
    const { weight, bias } = this.#norm;
    const scaled = this.#usesValues
      ? linear(column, weight.tensor.reshape([1, 1]), { bias: bias.tensor })
      : layerNorm(column, weight.tensor, bias.tensor);
    const value = this.#output.call(this.#hidden.call(scaled, { gelu: true }));
    const encoding = sinusoid(times.reshape([B * n, 1]), this.#width);
    return dropout(add(value, encoding.reshape([B, n, this.#width])), embeddingDropout);
  }
}

/** Settings of a VideoEncoder. */
export interface VideoSettings {
  /**
   * A convolution with layer norm, square patches of single frames, or each frame as a vector of
   * features.
   */
  readonly kind: 'convolution' | 'patches' | 'features';
  /** The convolution's kernel: frames, height, width. */
  readonly kernel: Triple;
  /** The convolution's stride. */
  readonly stride: Triple;
  /** Zeros around the video for the convolution. Default: none. */
  readonly padding?: Triple;
  /** Pixels per patch, or features per frame. */
  readonly inner: number;
}

/** How the places of video tokens lie in a video; all lengths along time, height and width. */
export interface VideoPlaces {
  /** Pixels of a token. */
  readonly kernel: Triple;
  /** Pixels from a token to the next one. */
  readonly stride: Triple;
  /** Pixels of the first token that lie before the video. */
  readonly padding: Triple;
  /** Numbers of tokens. */
  readonly grid: Triple;
}

/** The places of the tokens of a video. @param video frames, height and width */
export function videoPlaces(
  { kind, kernel, stride, padding = [0, 0, 0], inner }: VideoSettings,
  video: Triple,
): VideoPlaces {
  const side = Math.floor(Math.sqrt(inner));
  const patch: Triple = kind === 'features' ? [1, video[1], video[2]] : [1, side, side];
  const places: Omit<VideoPlaces, 'grid'> =
    kind === 'convolution'
      ? { kernel, stride, padding }
      : { kernel: patch, stride: patch, padding: [0, 0, 0] };
  const count = (axis: 0 | 1 | 2) =>
    Math.floor(
      (video[axis] + 2 * places.padding[axis] - places.kernel[axis]) / places.stride[axis],
    ) + 1;
  return { ...places, grid: [count(0), count(1), count(2)] };
}

/** The deviation of initial positions, as large as that of the tokens. */
const POSITIONS_DEVIATION = 0.3;

/**
 * Embeds video as tokens, one per output of the convolution or per patch, in the order time,
 * height, width.
 */
export class VideoEncoder {
  readonly #settings: VideoSettings;
  readonly #convolution: { weight: Parameter; bias: Parameter; norm: LayerNorm } | undefined;
  readonly #patches: Linear | undefined;
  /** One row per token; undefined where positions are encoded by sines and cosines. */
  readonly #positions: Parameter | undefined;

  /** @param tokens of a video, where each has a learned position */
  constructor(scope: ParameterScope, width: number, settings: VideoSettings, tokens?: number) {
    this.#settings = settings;
    if (tokens !== undefined) {
      const init = normal(POSITIONS_DEVIATION);
      this.#positions = scope.parameter('positions', [tokens, width], { init });
    }
    if (settings.kind !== 'convolution') {
      this.#patches = new Linear(scope.scope('to_patch_embedding.1'), settings.inner, width);
      return;
    }
    const block = scope.scope('conv_block');
    const init = uniform(1 / Math.sqrt(settings.kernel.reduce((product, n) => product * n, 1)));
    this.#convolution = {
      weight: block.parameter('0.weight', [width, 1, ...settings.kernel], { init }),
      bias: block.parameter('0.bias', [width], { init }),
      norm: new LayerNorm(block.scope('2'), width),
    };
  }

  /**
   * Embeds a video.
   *
   * @param frames [B, 1, frames, height, width]
   * @returns tokens [B, t * h * w, width], and grid [t, h, w], the number of tokens along each axis
   */
  call(frames: Tensor): { tokens: Tensor; grid: Triple } {
    const video: Triple = [frames.axis(2), frames.axis(3), frames.axis(4)];
    const { kernel, stride, padding, grid } = videoPlaces(this.#settings, video);
    if (this.#convolution) {
      const { weight, bias, norm } = this.#convolution;
      const { out } = conv3d(frames, weight.tensor, bias.tensor, stride, padding);
      return { tokens: activate(norm.call(out), 'relu'), grid };
    }
    const { patches } = unfold3d(frames, kernel, stride);
    return { tokens: activate(this.#patches!.call(patches), 'relu'), grid };
  }

  /**
   * The positions of video tokens: learned, or encodings of their places.
   *
   * @param grid from `call`
   * @returns [t * h * w, width]
   */
  positions(engine: Engine, grid: Triple, width: number): Tensor {
    return this.#positions?.tensor ?? encodeGrid(engine, grid, width);
  }
}

/**
 * The positional encodings of a sequence of modality tokens: 2-D encodings of (position, 0), as in
 * the original.
 *
 * @returns [length, width]
 */
export function encodeSequence(engine: Engine, length: number, width: number): Tensor {
  const positions = Float32Array.from({ length: 2 * length }, (_, n) => (n % 2 === 0 ? n / 2 : 0));
  return sinusoid(Tensor.from(engine, positions, [length, 2]), width);
}

/**
 * The 3-D positional encodings of video tokens.
 *
 * @returns [t * h * w, width]
 */
function encodeGrid(engine: Engine, [t, h, w]: Triple, width: number): Tensor {
  const positions = Float32Array.from({ length: 3 * t * h * w }, (_, n) => {
    const patch = Math.floor(n / 3);
    return [Math.floor(patch / (h * w)), Math.floor(patch / w) % h, patch % w][n % 3]!;
  });
  return sinusoid(Tensor.from(engine, positions, [t * h * w, 3]), width);
}
