/**
 * What part of the film each neuron depends on, according to a trained model: its attention, what
 * happens when a patch is hidden, and the gradient of its probability.
 *
 *   attention   mean over windows and heads of the attention of neuron i's query to a place
 *   trunk       mean attention to a place at positions whose target is i, less that of all targets
 *   occlusion   root mean square over windows of log p(i) - log p(i | the patch set to the mean)
 *   gradient    root mean square over windows of the derivative of log p(i) by each pixel
 *
 * log p(i) is that of the first token of a window. Places are the patches of the video encoder;
 * their frames are added up.
 */

import type { Engine } from '../gpu/engine.js';
import { Batch, type BatchLayout, type HostBatch } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import { type Neuroformer, videoSettings } from '../neuroformer/model.js';
import type { Triple } from '../tensor/conv3d.js';
import { crossEntropy } from '../tensor/losses.js';
import { slice } from '../tensor/sequence.js';
import { differentiate } from '../tensor/tape.js';
import { Tensor } from '../tensor/tensor.js';

/** How the places of a video encoder lie in its film. */
export interface StimulusGrid {
  /** Frames, rows and columns of pixels that a window sees. */
  readonly film: Triple;
  /** Places along time, rows and columns. */
  readonly places: Triple;
  /** Frames, rows and columns of pixels of a place. */
  readonly kernel: Triple;
  /** Distances between places. */
  readonly stride: Triple;
}

/** A model with its layout, and windows in batches of `size`. */
export interface StimulusInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly grid: StimulusGrid;
  /** Windows per batch. */
  readonly size: number;
  readonly batches: Iterable<HostBatch>;
}

/** The grid of a model's video encoder. @throws Error for a model without video. */
export function stimulusGrid({ config, frames }: BatchLayout): StimulusGrid {
  if (!frames) throw new Error('This model reads no video.');
  const [, height, width] = frames;
  const { kind, kernel, stride, inner } = videoSettings(config);
  const side = Math.sqrt(inner);
  const patches = {
    convolution: { kernel, stride },
    patches: { kernel: [1, side, side], stride: [1, side, side] },
    features: { kernel: [1, height, width], stride: [1, height, width] },
  } as const;
  const patch = patches[kind] as { kernel: Triple; stride: Triple };
  const places = frames.map(
    (length, axis) => Math.floor((length - patch.kernel[axis]!) / patch.stride[axis]!) + 1,
  ) as [number, number, number];
  return { film: frames, places, ...patch };
}

/**
 * The means of a map of pixels over the pixels of each place: [rows, places] from [rows, pixels].
 */
export function averageOverPlaces(
  pixels: ArrayLike<number>,
  { film, places, kernel, stride }: StimulusGrid,
): Float64Array {
  const [, height, width] = film;
  const [, h, w] = places;
  const maps = pixels.length / (height * width);
  const means = new Float64Array(maps * h * w);
  for (let n = 0; n < means.length; n++) {
    const [map, y, x] = [Math.floor(n / (h * w)), Math.floor(n / w) % h, n % w];
    let sum = 0;
    for (let i = 0; i < kernel[1]; i++)
      for (let j = 0; j < kernel[2]; j++)
        sum += pixels[(map * height + y * stride[1] + i) * width + x * stride[2] + j]!;
    means[n] = sum / (kernel[1] * kernel[2]);
  }
  return means;
}

/**
 * The attention of every neuron's own query: [neurons, places].
 *
 * @throws Error for a model without neuron queries on its video
 */
export async function queryAttention(inputs: StimulusInputs): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  if (model.drives.queries?.source !== 'frames')
    throw new Error('This model has no neuron queries on its video.');
  const { neurons, size: ids } = layout.tokenizer.ids;
  const sums = new PlaceSums(neurons, grid);
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) => ({
    attention: observed(model, batch, 'neuron_queries.attention'),
  }));
  for (const host of batches) {
    const { attention } = await pass.run(host);
    const tokens = 1 + sums.tokens;
    for (let row = 0; row * tokens < attention.length; row++) {
      const id = row % ids;
      if (id < neurons) sums.add(id, attention, row * tokens + 1);
    }
  }
  return sums.means();
}

/**
 * The attention of the trunk to the video at positions whose target is a neuron, less that of all
 * targets: [neurons, places].
 *
 * @throws Error for a model whose trunk does not attend to the video
 */
export async function trunkAttention(inputs: StimulusInputs): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const blocks = model.stimulusAttention.blocks.length;
  if (blocks === 0) throw new Error('The trunk of this model does not attend to the video.');
  const { neurons } = layout.tokenizer.ids;
  const { id: T } = layout.config.block_size;
  const { n_head: heads } = layout.config;
  const sums = new PlaceSums(neurons, grid);
  const names = Array.from({ length: blocks }, (_, n) => `stimulus.${n}.attention`);
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) =>
    Object.fromEntries(names.map((name) => [name, observed(model, batch, name)])),
  );
  for (const host of batches) {
    const maps = Object.values(await pass.run(host));
    const tokens = 1 + sums.tokens;
    for (const [n, target] of host.nextIds.entries()) {
      if (target >= neurons) continue;
      const [b, t] = [Math.floor(n / T), n % T];
      for (const attention of maps)
        for (let h = 0; h < heads; h++)
          sums.add(target, attention, ((b * heads + h) * T + t) * tokens + 1);
    }
  }
  return sums.differences();
}

/** Sums over time of the attention to places, by neuron. */
class PlaceSums {
  /** Tokens of the video. */
  readonly tokens: number;
  readonly #places: number;
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;

  constructor(neurons: number, { places: [t, h, w] }: StimulusGrid) {
    this.tokens = t * h * w;
    this.#places = h * w;
    this.#sums = new Float64Array(neurons * h * w);
    this.#counts = new Float64Array(neurons);
  }

  /** Adds a row of attention, whose video tokens begin at `start`. */
  add(neuron: number, attention: Float32Array, start: number): void {
    this.#counts[neuron]! += 1;
    for (let n = 0; n < this.tokens; n++)
      this.#sums[neuron * this.#places + (n % this.#places)]! += attention[start + n]!;
  }

  /** The mean row of each neuron; 0 without rows. */
  means(): Float64Array {
    return this.#sums.map(
      (sum, n) => sum / Math.max(1, this.#counts[Math.floor(n / this.#places)]!),
    );
  }

  /** The mean row of each neuron, less that of all rows. */
  differences(): Float64Array {
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    const mean = new Float64Array(this.#places);
    for (const [n, sum] of this.#sums.entries()) mean[n % this.#places]! += sum / total;
    return this.means().map((value, n) => value - mean[n % this.#places]!);
  }
}

/** An activation of a forward pass, by name. */
function observed(model: Neuroformer, inputs: Batch['inputs'], name: string): Tensor {
  let found: Tensor | undefined;
  model.forward(inputs, (other, value) => {
    if (other === name) found = value();
  });
  if (!found) throw new Error(`This model has no activation ${name}.`);
  return found;
}

/** Hiding each place in turn: [neurons, places]. The film is set to `hidden` there. */
export async function occlusionMap(inputs: StimulusInputs, hidden: number): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const { neurons, size: ids } = layout.tokenizer.ids;
  const [, h, w] = grid.places;
  const squares = new Float64Array(neurons * h * w);
  let windows = 0;
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) => ({
    logits: slice(model.forward(batch).idLogits, 0, 1),
  }));
  const logProbabilities = async (host: HostBatch) => {
    const { logits } = await pass.run(host);
    return Array.from({ length: size }, (_, b) =>
      logSoftmax(logits.subarray(b * ids, (b + 1) * ids)),
    );
  };
  for (const host of batches) {
    const intact = await logProbabilities(host);
    windows += size;
    for (let place = 0; place < h * w; place++) {
      const frames = hidePlace(host.frames!, grid, place, hidden);
      const occluded = await logProbabilities({ ...host, frames });
      for (let b = 0; b < size; b++)
        for (let n = 0; n < neurons; n++)
          squares[n * h * w + place]! += (occluded[b]![n]! - intact[b]![n]!) ** 2;
    }
  }
  return squares.map((sum) => Math.sqrt(sum / windows));
}

/** Frames [.., F, H, W] with the pixels of a place set to a value in all of them. */
function hidePlace(
  frames: Float32Array,
  { film, places, kernel, stride }: StimulusGrid,
  place: number,
  value: number,
): Float32Array<ArrayBuffer> {
  const [, height, width] = film;
  const [top, left] = [Math.floor(place / places[2]) * stride[1], (place % places[2]) * stride[2]];
  return Float32Array.from(frames, (pixel, n) => {
    const [y, x] = [Math.floor(n / width) % height, n % width];
    const isHidden = y >= top && y < top + kernel[1] && x >= left && x < left + kernel[2];
    return isHidden ? value : pixel;
  });
}

/** The logarithms of the softmax of a row. */
function logSoftmax(logits: Float32Array): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) max = Math.max(max, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  const logSum = max + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - logSum);
}

/** The derivative of every neuron's log-probability by each pixel: [neurons, height * width]. */
export async function gradientMap(inputs: StimulusInputs): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const { neurons, size: ids } = layout.tokenizer.ids;
  const [count, height, width] = grid.film;
  const pixels = height * width;
  const squares = new Float64Array(neurons * pixels);
  let windows = 0;
  using batch = new Batch(engine, layout, size);
  const frames = batch.inputs.frames!;
  frames.requiresGrad = true;
  const targets = Tensor.zeros(engine, [size], 'u32').keep();
  const gradient = Tensor.zeros(engine, frames.shape).keep();
  frames.gradient = gradient;
  const step = engine.record(() => {
    engine.clear(gradient);
    differentiate(engine, () => {
      const first = slice(model.forward(batch.inputs).idLogits, 0, 1).reshape([size, ids]);
      // The mean over the batch times its size: every window keeps a gradient of its own.
      return crossEntropy(first, targets, { factor: size });
    });
  });
  try {
    for (const host of batches) {
      batch.write(host);
      windows += size;
      for (let neuron = 0; neuron < neurons; neuron++) {
        targets.write(new Uint32Array(size).fill(neuron));
        const [bytes] = await step.runAndFetch([gradient]).read();
        const derivatives = new Float32Array(bytes!);
        for (let n = 0; n < size * count * pixels; n++)
          squares[neuron * pixels + (n % pixels)]! += derivatives[n]! ** 2;
      }
    }
  } finally {
    step.dispose();
    targets.dispose();
    gradient.dispose();
  }
  return squares.map((sum) => Math.sqrt(sum / windows));
}
