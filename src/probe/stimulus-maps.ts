/**
 * What part of the film each neuron depends on, according to a model: its attention, what happens
 * when a place is hidden, and gradients.
 *
 *   queries         mean over windows and heads of the attention of neuron i's query to a place
 *   trunk           mean attention to a place at positions whose target is i
 *   gradient x      mean over positions of the positive part of the sum over queries and heads of
 *   attention       attention x the gradient of log p(i) by it: of the trunk, or of the neuron
 *                   queries; at positions whose target is i, or at positions drawn for i
 *   occlusion       root mean square over windows of log p(i) - log p(i | the place is hidden)
 *   gradient        root mean square over windows and frames of d log p(i) / d pixel
 *
 * The attention of the trunk comes before the target and does not depend on it. By target, it also
 * shows what the film has whenever neuron i fires, in an untrained model as well. At positions that
 * are drawn for neuron i whatever fires there, a map shows only what the model depends on.
 *
 * In the last two, log p(i) is that of the first token of a window. Places are those of the video's
 * tokens; tokens of one place at several times are added up.
 *
 * The sum over queries q and heads of attention times its gradient needs no matrix of scores. With
 * the values v_p of place p and the gradient do_q of the output of query q, it is the sum over q of
 * a_qp do_q . v_p, which is dv_p . v_p.
 */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import { HostRandom } from '../math/random.js';
import { logSumExp } from '../math/statistics.js';
import { Batch, type BatchLayout, type HostBatch } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { add } from '../tensor/elementwise.js';
import { crossEntropy, NO_CLASS } from '../tensor/losses.js';
import { slice } from '../tensor/sequence.js';
import { differentiate } from '../tensor/tape.js';
import { Tensor } from '../tensor/tensor.js';
import { hidePlace, pixelCount, placeCount, type StimulusGrid } from './stimulus-grid.js';

/** A frozen model with its layout, and windows in batches of `size`. */
export interface StimulusInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly grid: StimulusGrid;
  /** Windows per batch. */
  readonly size: number;
  readonly batches: Iterable<HostBatch>;
}

/** Maps by the neuron that is predicted, and what they have in common. */
export interface TargetMaps {
  /** The mean map over the positions with each target, [neurons, places]; 0 where there is none. */
  readonly means: Float64Array;
  /** The mean map over all positions, [places]. */
  readonly overall: Float64Array;
  /** Positions with each target, [neurons]. */
  readonly targets: Float64Array;
}

/** Maps less what they have in common; 0 for neurons that were not predicted. */
export function differencesFromOverall({ means, overall, targets }: TargetMaps): Float64Array {
  const places = overall.length;
  return means.map((value, n) =>
    targets[Math.floor(n / places)] === 0 ? 0 : value - overall[n % places]!,
  );
}

/** Maps divided by what they have in common. */
export function ratiosToOverall({ means, overall }: Pick<TargetMaps, 'means' | 'overall'>) {
  return means.map((value, n) => (value === 0 ? 0 : value / overall[n % overall.length]!));
}

/**
 * The attention of every neuron's own query: [neurons, places].
 *
 * @throws Error for a model without neuron queries on its video
 */
export async function queryAttention(inputs: StimulusInputs): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const names = neuronQueries(model).map((name) => `${name}.attention`);
  const { neurons, size: ids } = layout.tokenizer.ids;
  const { start, count } = videoTokens(layout, grid);
  const sums = new PlaceSums(neurons, placeCount(grid));
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) =>
    activations(model, batch, names),
  );
  for (const host of batches) {
    // [B, heads, ids, tokens]
    const [attention] = Object.values(await pass.run(host));
    for (let row = 0; row * (start + count) < attention!.length; row++) {
      const first = row * (start + count) + start;
      if (row % ids < neurons) sums.add(row % ids, attention!.subarray(first, first + count));
    }
  }
  return sums.maps().means;
}

/**
 * The attention of the trunk to the video, by the neuron that is predicted: means over blocks and
 * heads.
 *
 * @throws Error for a model whose trunk does not attend to the video
 */
export async function trunkAttention(inputs: StimulusInputs): Promise<TargetMaps> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const names = trunkBlocks(model).map((block) => `${block}.attention`);
  const { neurons } = layout.tokenizer.ids;
  const { n_head: heads, block_size } = layout.config;
  const T = block_size.id;
  const { start, count } = videoTokens(layout, grid);
  const sums = new PlaceSums(neurons, placeCount(grid));
  const row = new Float64Array(count);
  const weight = 1 / (heads * names.length);
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) =>
    activations(model, batch, names),
  );
  for (const host of batches) {
    // Each [B, heads, T, tokens].
    const blocks = Object.values(await pass.run(host));
    for (const [n, target] of host.nextIds.entries()) {
      if (target >= neurons) continue;
      row.fill(0);
      for (const attention of blocks) {
        for (let h = 0; h < heads; h++) {
          const query = (Math.floor(n / T) * heads + h) * T + (n % T);
          const first = query * (start + count) + start;
          for (let p = 0; p < count; p++) row[p]! += weight * attention[first + p]!;
        }
      }
      sums.add(target, row);
    }
  }
  return sums.maps();
}

/** What `gradientAttention` reads. */
export interface GradientAttentionSettings {
  /** Whose attention: that of the trunk's queries, or of the neuron queries. */
  readonly by: 'trunk' | 'queries';
  /** How many positions of each window are read, one after the other. */
  readonly positions: number;
  /**
   * Whose log-probability is differentiated: that of the neuron that fires, of another one, or of
   * any neuron, drawn for each position.
   */
  readonly of: 'target' | 'another' | 'any';
  /** Seed of the choice of positions and of neurons. */
  readonly seed: number;
}

/**
 * The positive part of gradient x attention, at positions at which a spike comes next. Maps are by
 * the neuron that fires or, of any neuron, by that neuron.
 *
 * By the neuron that fires, the gradient of another neuron is a control: it shows only what the
 * film has when a neuron fires, which is no dependence of that neuron.
 *
 * @throws Error for a model without such attention to the video
 */
export async function gradientAttention(
  inputs: StimulusInputs,
  { by, positions: count, of, seed }: GradientAttentionSettings,
): Promise<TargetMaps> {
  const { model, layout, grid, batches } = inputs;
  const { neurons } = layout.tokenizer.ids;
  const block = layout.config.block_size.id;
  const tokens = videoTokens(layout, grid);
  const sums = new PlaceSums(neurons, placeCount(grid));
  const random = new HostRandom(seed);
  const choose = {
    target: (target: number) => target,
    another: (target: number) => (target + 1 + random.integer(neurons - 1)) % neurons,
    any: () => random.integer(neurons),
  }[of];
  const names = by === 'trunk' ? trunkBlocks(model) : neuronQueries(model);
  using values = new AttendedValues(inputs, names);
  for (const host of batches) {
    for (const positions of drawPositions(host.nextIds, block, neurons, count, random)) {
      const nextIds = new Uint32Array(host.nextIds.length).fill(NO_CLASS);
      for (const n of positions) nextIds[n] = choose(host.nextIds[n]!);
      const products = await values.products({ ...host, nextIds });
      for (const n of positions) {
        const first = Math.floor(n / block) * (tokens.start + tokens.count) + tokens.start;
        // The loss is the mean of -log p over all positions.
        const row = products
          .subarray(first, first + tokens.count)
          .map((product) => -positions.length * product);
        const neuron = of === 'any' ? nextIds[n]! : host.nextIds[n]!;
        sums.add(neuron, row, (value) => Math.max(0, value));
      }
    }
  }
  return sums.maps();
}

/**
 * Positions of the batch at which a spike comes next, one of each window at a time, in random
 * order: up to `count` lists of them. Windows with fewer spikes are missing in the last ones.
 */
function drawPositions(
  nextIds: Uint32Array,
  block: number,
  neurons: number,
  count: number,
  random: HostRandom,
): number[][] {
  const drawn = Array.from({ length: count }, (): number[] => []);
  for (let start = 0; start < nextIds.length; start += block) {
    // The spikes of a window come before its EOS.
    const spikes = nextIds.subarray(start, start + block).findIndex((id) => id >= neurons);
    for (const [n, spike] of random.permutation(spikes).entries()) drawn[n]?.push(start + spike);
  }
  return drawn.filter((positions) => positions.length > 0);
}

/** Hiding each place in turn: [neurons, places]. The film is set to `hidden` there. */
export async function occlusionMap(inputs: StimulusInputs, hidden: number): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const { neurons, size: ids } = layout.tokenizer.ids;
  const places = placeCount(grid);
  const squares = new Float64Array(neurons * places);
  let windows = 0;
  using pass = new RecordedForward(engine, layout, size, ({ inputs: batch }) => ({
    logits: slice(model.forward(batch).idLogits, 0, 1),
  }));
  /** [B, ids] */
  const logProbabilities = async (host: HostBatch) => {
    const { logits } = await pass.run(host);
    for (let row = 0; row < logits.length; row += ids) {
      const logSum = logSumExp(logits.subarray(row, row + ids));
      for (let n = row; n < row + ids; n++) logits[n]! -= logSum;
    }
    return logits;
  };
  for (const host of batches) {
    const intact = await logProbabilities(host);
    windows += size;
    for (let place = 0; place < places; place++) {
      const frames = hidePlace(host.frames!, grid, place, hidden);
      const occluded = await logProbabilities({ ...host, frames });
      for (let n = 0; n < neurons; n++)
        for (let row = 0; row < intact.length; row += ids)
          squares[n * places + place]! += (occluded[row + n]! - intact[row + n]!) ** 2;
    }
  }
  return squares.map((sum) => Math.sqrt(sum / windows));
}

/** The derivative of every neuron's log-probability by each pixel: [neurons, height, width]. */
export async function gradientMap(inputs: StimulusInputs): Promise<Float64Array> {
  const { engine, model, layout, grid, size, batches } = inputs;
  const { neurons, size: ids } = layout.tokenizer.ids;
  const pixels = pixelCount(grid);
  const squares = new Float64Array(neurons * pixels);
  let samples = 0;
  using batch = new Batch(engine, layout, size);
  using targets = Tensor.zeros(engine, [size], 'u32').keep();
  using gradients = new RecordedGradients(engine, [batch.inputs.frames!], () => {
    const first = slice(model.forward(batch.inputs).idLogits, 0, 1).reshape([size, ids]);
    // The mean over the batch times its size, so that every window has a gradient of its own.
    return { loss: crossEntropy(first, targets, { factor: size }) };
  });
  for (const host of batches) {
    batch.write(host);
    samples += size * grid.film[0];
    for (let neuron = 0; neuron < neurons; neuron++) {
      targets.write(new Uint32Array(size).fill(neuron));
      const [derivatives] = (await gradients.run()).gradients;
      for (const [n, derivative] of derivatives!.entries())
        squares[neuron * pixels + (n % pixels)]! += derivative ** 2;
    }
  }
  return squares.map((sum) => Math.sqrt(sum / samples));
}

/** The blocks of the trunk that attend to the video. @throws Error where there are none. */
function trunkBlocks(model: Neuroformer): string[] {
  const { blocks, name } = model.stimulusAttention;
  if (blocks.length === 0) throw new Error('The trunk of this model does not attend to the video.');
  return blocks.map((_, n) => `${name}.${n}`);
}

/** The neuron queries that attend to the video. @throws Error where there are none. */
function neuronQueries({ drives }: Neuroformer): string[] {
  if (drives.queries?.source !== 'frames')
    throw new Error('This model has no neuron queries on its video.');
  return ['neuron_queries'];
}

/** Where the tokens of the video stand among those that are attended to, and how many there are. */
function videoTokens({ config }: BatchLayout, { places }: StimulusGrid) {
  const start = config.frame_encoder.first_token ? 1 : 0;
  return { start, count: places[0] * places[1] * places[2] };
}

/** Activations of a forward pass, by name. */
function activations(
  model: Neuroformer,
  inputs: Batch['inputs'],
  names: readonly string[],
): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  model.forward(inputs, (name, value) => {
    if (names.includes(name)) found[name] = value();
  });
  return found;
}

/** Sums of maps by neuron, whose tokens of one place are added up. */
class PlaceSums {
  readonly #places: number;
  readonly #sums: Float64Array;
  readonly #targets: Float64Array;

  constructor(neurons: number, places: number) {
    this.#places = places;
    this.#sums = new Float64Array(neurons * places);
    this.#targets = new Float64Array(neurons);
  }

  /**
   * Adds a map.
   *
   * @param tokens one value per token of the video, [times, places]
   * @param transform of the value of each place
   */
  add(
    neuron: number,
    tokens: ArrayLike<number>,
    transform: (value: number) => number = (value) => value,
  ): void {
    this.#targets[neuron]! += 1;
    for (let place = 0; place < this.#places; place++) {
      let sum = 0;
      for (let n = place; n < tokens.length; n += this.#places) sum += tokens[n]!;
      this.#sums[neuron * this.#places + place]! += transform(sum);
    }
  }

  /** The means of what was added. */
  maps(): TargetMaps {
    const total = this.#targets.reduce((sum, count) => sum + count, 0);
    const overall = new Float64Array(this.#places);
    for (const [n, sum] of this.#sums.entries())
      overall[n % this.#places]! += sum / Math.max(1, total);
    const means = this.#sums.map(
      (sum, n) => sum / Math.max(1, this.#targets[Math.floor(n / this.#places)]!),
    );
    return { means, overall, targets: this.#targets };
  }
}

/**
 * The values of video tokens in what attends to them, and the gradients by them of the loss of the
 * next neuron.
 */
class AttendedValues implements Disposable {
  readonly #names: readonly string[];
  readonly #width: number;
  readonly #batch: Batch;
  /** What is added to the values, only to have its gradient. */
  readonly #zeros: readonly Tensor[];
  readonly #gradients: RecordedGradients;

  /** @param names of blocks, or of the neuron queries */
  constructor({ engine, model, layout, grid, size }: StimulusInputs, names: readonly string[]) {
    const { start, count } = videoTokens(layout, grid);
    this.#names = names.map((name) => `${name}.value`);
    this.#width = layout.config.n_embd;
    this.#batch = new Batch(engine, layout, size);
    this.#zeros = this.#names.map(() =>
      Tensor.zeros(engine, [size, start + count, this.#width]).keep(),
    );
    this.#gradients = new RecordedGradients(engine, this.#zeros, () => {
      const values: Record<string, Tensor> = {};
      const tap = (name: string, n: number) => (value: Tensor) => {
        values[name] = value;
        return add(value, this.#zeros[n]!);
      };
      const taps = Object.fromEntries(this.#names.map((name, n) => [name, tap(name, n)]));
      const { inputs, targets } = this.#batch;
      const { idLogits } = model.forward(inputs, undefined, taps);
      return { loss: crossEntropy(idLogits, targets.nextIds), ...values };
    });
  }

  /** The products dv . v of every token that is attended to, summed over the names: [B, tokens]. */
  async products(host: HostBatch): Promise<Float64Array> {
    this.#batch.write(host);
    const { gradients, values } = await this.#gradients.run(this.#names);
    const products = new Float64Array(values[0]!.length / this.#width);
    for (const [block, value] of values.entries())
      for (const [n, element] of value.entries())
        products[Math.floor(n / this.#width)]! += element * gradients[block]![n]!;
    return products;
  }

  [Symbol.dispose](): void {
    this.#gradients[Symbol.dispose]();
    for (const tensor of this.#zeros) tensor.dispose();
    this.#batch.dispose();
  }
}

/** A loss, and tensors that are read beside its gradients. */
interface LossAndTensors {
  readonly loss: Tensor;
  readonly [name: string]: Tensor;
}

/** Gradients of a loss by tensors that are not parameters, recorded once and run for each batch. */
class RecordedGradients implements Disposable {
  readonly #gradients: readonly Tensor[];
  readonly #step: Step<LossAndTensors>;

  /** @param leaves the tensors, which stay the caller's */
  constructor(engine: Engine, leaves: readonly Tensor[], compute: () => LossAndTensors) {
    const made = engine.allOrNothing(() => {
      const gradients = leaves.map((leaf) => {
        const gradient = Tensor.zeros(engine, leaf.shape).keep();
        leaf.requiresGrad = true;
        leaf.gradient = gradient;
        return gradient;
      });
      const step = engine.record(() => {
        for (const gradient of gradients) engine.clear(gradient);
        return differentiate(engine, compute);
      });
      return { gradients, step };
    });
    this.#gradients = made.gradients;
    this.#step = made.step;
  }

  /**
   * The gradients of all leaves, and the values of tensors that `compute` returned.
   *
   * @param names of those tensors
   */
  async run(names: readonly string[] = []) {
    const tensors = names.map((name) => this.#step.value[name]!);
    const fetched = this.#step.runAndFetch([...this.#gradients, ...tensors]);
    const arrays = (await fetched.read()).map((bytes) => new Float32Array(bytes));
    const count = this.#gradients.length;
    return { gradients: arrays.slice(0, count), values: arrays.slice(count) };
  }

  [Symbol.dispose](): void {
    this.#step.dispose();
    for (const gradient of this.#gradients) gradient.dispose();
  }
}
