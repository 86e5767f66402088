/** Batches: windows as arrays on the host, and the tensors that every batch is written into. */

import type { Engine } from '../gpu/engine.js';
import type { Recording } from '../recording/recording.js';
import { framesIn, type VariableSetting } from '../recording/sampling.js';
import { countScale, Scale } from '../recording/scales.js';
import { tokenFrequencies } from '../recording/token-frequencies.js';
import { Tokenizer } from '../recording/tokenizer.js';
import type {
  Window,
  WindowRef,
  WindowRules,
  WindowSettings,
  Windows,
} from '../recording/windows.js';
import { type TokenLists, Tokens, tokenLists } from '../tensor/embedding.js';
import { type Shape, Tensor } from '../tensor/tensor.js';
import { ConfigError } from '../text/schema.js';
import type { ModelConfig } from './config.js';
import { readsFrequencies } from './drives.js';
import { classWeightTensors, type ModelTargets } from './losses.js';
import { type BehaviorInput, type ModelInputs, type ModelSizes, readsVideo } from './model.js';
import type { Rules } from './rules.js';
import { tunedLags } from './tuning.js';
import {
  type ConfiguredVariable,
  configuredVariables,
  decodedPeriod,
  hasPerceptron,
  isClassified,
  targetWidth,
} from './variables.js';

/** The settings of the windows that a configuration reads. */
export function windowSettings(config: ModelConfig, tokenizer: Tokenizer): WindowSettings {
  const { window, block_size } = config;
  return {
    current: window.curr,
    past: window.prev,
    block: block_size.id,
    pastBlock: block_size.prev_id,
    ids: tokenizer.ids,
    times: tokenizer.times,
    video: window.frame ?? undefined,
    variables: configuredVariables(config).map(
      ({ name, window: seconds, setting }): VariableSetting => ({
        name,
        data: setting.data,
        window: seconds,
        dt: setting.dt,
        classes: tokenizer.classes[name],
        period: decodedPeriod(setting),
        isInput: !setting.predict,
      }),
    ),
    countBins: config.readout?.bins ?? 0,
    rules: windowRules(config.rules),
  };
}

/** The rules of windows that a configuration's rules imply. */
function windowRules(rules: Rules): WindowRules {
  return {
    keepsStart: rules.keeps_start,
    pastHasOwnClock: rules.past_own_clock,
    videoEndsWithWindow: rules.video_ends_with_window,
    exactSampleTimes: rules.exact_sample_times,
  };
}

/** The classified variables of a configuration, as `Tokenizer.of` takes them. */
function classifiedVariables(config: ModelConfig) {
  const classified = configuredVariables(config).filter(({ setting }) => isClassified(setting));
  return classified.map(({ name, setting: { data, resolution } }) => ({ name, data, resolution }));
}

/** The sizes of a model for batches of this layout. */
export function modelSizes({
  tokenizer: { ids, times, classes, frequencies },
  frames,
}: Pick<BatchLayout, 'tokenizer' | 'frames'>): ModelSizes {
  const counts = Object.entries(classes).map(([name, { values }]) => [name, values.length]);
  const sizes = { ids: ids.size, times: times.size, classes: Object.fromEntries(counts) };
  return { ...sizes, frequencies, frames };
}

/** The vocabularies of a configuration for a recording. */
export function tokenizerFor(config: ModelConfig, recording: Recording): Tokenizer {
  const { window, resolution } = config;
  const windows = { dt: resolution.dt, current: window.curr, past: window.prev };
  return Tokenizer.of(recording, windows, classifiedVariables(config));
}

/**
 * The tokenizer with what a model needs to know of training windows: a scale for every number that
 * it reads or predicts and for the spike counts that a readout reads, and how often each token
 * occurs where the model starts from that. What exists already is kept. Under the original's rules
 * there are no scales.
 */
export function withStatistics(
  tokenizer: Tokenizer,
  config: ModelConfig,
  windows: Windows,
  training: readonly WindowRef[],
): Tokenizer {
  const scales = config.rules.standardized ? scalesOf(tokenizer, config, windows, training) : {};
  return tokenizer.withStatistics({
    scales,
    ...(config.rules.standardized &&
      hasPerceptron(config) &&
      !tokenizer.counts && { counts: countScale(countsOf(windows, training)) }),
    ...(readsFrequencies(config) &&
      !tokenizer.frequencies && { frequencies: [...tokenFrequencies(windows, training)] }),
  });
}

/** The scales that the tokenizer lacks, by the name of the variable. */
function scalesOf(
  tokenizer: Tokenizer,
  config: ModelConfig,
  windows: Windows,
  training: readonly WindowRef[],
): Record<string, Scale> {
  const numeric = configuredVariables(config).filter(({ setting }) => !isClassified(setting));
  const unscaled = numeric.filter(({ name }) => !tokenizer.scales[name]);
  const samples = new Map(unscaled.map(({ name }) => [name, [] as number[]]));
  for (const ref of unscaled.length > 0 ? training : []) {
    const variables = windows.samplesAt(ref);
    for (const { name, setting } of unscaled) {
      const values = variables[name]?.values;
      if (values) samples.get(name)!.push(...(setting.predict ? values.slice(-1) : values));
    }
  }
  const sampled = unscaled.filter(({ name }) => samples.get(name)!.length > 0);
  return Object.fromEntries(
    sampled.map(({ name, setting }) => [
      name,
      Scale.of(samples.get(name)!, decodedPeriod(setting)),
    ]),
  );
}

/** The square roots of each window's spike counts. */
function* countsOf(windows: Windows, refs: readonly WindowRef[]): Generator<Float32Array> {
  for (const ref of refs) yield windows.countsAt(ref)!.map(Math.sqrt);
}

/** Samples of an input variable. */
interface HostSamples {
  /** Scaled values, [B, n]. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Seconds from the window's start, [B, n]. */
  readonly times: Float32Array<ArrayBuffer>;
}

/** One batch as arrays on the host, row-major, with T current and P past tokens per window. */
export interface HostBatch {
  /** Neuron tokens, [B, T]. */
  readonly ids: TokenLists;
  /** Time tokens as numbers, [B, T]. */
  readonly times: Float32Array<ArrayBuffer>;
  /** 0 at padding, [B, T]. */
  readonly mask: Uint32Array<ArrayBuffer>;
  /** 1 at EOS, [B, T]. */
  readonly eos: Uint32Array<ArrayBuffer>;
  /** The neuron token after each token, [B, T]. */
  readonly nextIds: Uint32Array<ArrayBuffer>;
  /** The time token after each token, [B, T]. */
  readonly nextTimes: Uint32Array<ArrayBuffer>;
  /** Neuron tokens of the past, [B, P]. */
  readonly pastIds: TokenLists;
  /** Time tokens of the past as numbers, [B, P]. */
  readonly pastTimes: Float32Array<ArrayBuffer>;
  /** 0 at padding of the past, [B, P]. */
  readonly pastMask: Uint32Array<ArrayBuffer>;
  /** [B, frames, height, width]; undefined without video. */
  readonly frames: Float32Array<ArrayBuffer> | undefined;
  /** Standardized square roots of spike counts, [B, bins * neurons]; undefined unless read. */
  readonly counts: Float32Array<ArrayBuffer> | undefined;
  /**
   * Spike counts by lag and neuron, then seconds by lag, [B, lags * (neurons + 1)]; undefined
   * unless read.
   */
  readonly evidence: Float32Array<ArrayBuffer> | undefined;
  /** Inputs by group and variable. */
  readonly behavior: Readonly<Record<string, Readonly<Record<string, HostSamples>>>>;
  /** Targets by variable: scaled numbers [B, 1], cosine and sine [B, 2], or class tokens [B]. */
  readonly targets: Readonly<Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>>;
}

/** The layout of a configuration's batches for a recording. */
export class BatchLayout {
  /** The configuration. */
  readonly config: ModelConfig;
  /** The vocabularies and scales. */
  readonly tokenizer: Tokenizer;
  /** The shape of a window's video, [frames, height, width]; undefined without video. */
  readonly frames: readonly [number, number, number] | undefined;
  /** The configured variables that the recording contains. */
  readonly variables: readonly ConfiguredVariable[];

  /**
   * @param recording batches contain video and variables only where one of its trials does.
   * @throws ConfigError where the video encoder does not fit the recording's video, or needs one
   *   that the recording does not have.
   */
  constructor(config: ModelConfig, tokenizer: Tokenizer, recording: Recording) {
    this.config = config;
    this.tokenizer = tokenizer;
    const video = recording.trials.find((trial) => trial.video)?.video;
    this.variables = configuredVariables(config).filter(({ name, setting }) =>
      recording.trials.some(({ variables }) => (setting.data ?? name) in variables),
    );
    const seconds = config.window.frame;
    if (video && seconds !== null)
      this.frames = [framesIn(seconds, video), video.height, video.width];
    if (this.frames) checkFrames(this.frames, config);
    else if (readsVideo(config) && config.frame_encoder.positions === 'learned') {
      throw new ConfigError(
        'frame_encoder.positions is learned, but the recording has no video: leave it out, or use a recording with video.',
      );
    }
  }

  /** The arrays of a batch of windows. */
  collate(windows: readonly Window[]): HostBatch {
    const { ids: neurons } = this.tokenizer;
    const gather = <A extends Float32Array | Uint32Array>(
      target: A,
      rows: (window: Window) => ArrayLike<number>,
    ): A => {
      for (const [n, window] of windows.entries())
        target.set(rows(window), (n * target.length) / windows.length);
      return target;
    };
    const B = windows.length;
    const { id: T, prev_id: P } = this.config.block_size;
    const ids = gather(new Uint32Array(B * T), (w) => w.current.ids);
    const pastIds = gather(new Uint32Array(B * P), (w) => w.past.ids);
    return {
      ids: tokenLists(ids, neurons.size),
      times: gather(new Float32Array(B * T), (w) => w.current.times),
      mask: flagTokens(ids, neurons.PAD, false),
      eos: flagTokens(ids, neurons.EOS, true),
      nextIds: gather(new Uint32Array(B * T), (w) => w.current.nextIds),
      nextTimes: gather(new Uint32Array(B * T), (w) => w.current.nextTimes),
      pastIds: tokenLists(pastIds, neurons.size),
      pastTimes: gather(new Float32Array(B * P), (w) => w.past.times),
      pastMask: flagTokens(pastIds, neurons.PAD, false),
      frames: this.frames && gather(new Float32Array(B * product(this.frames)), (w) => w.frames!),
      counts: this.countsPerWindow > 0 ? this.#scaledCounts(windows) : undefined,
      evidence: this.evidencePerWindow > 0 ? this.#evidence(windows) : undefined,
      behavior: this.#behavior(windows),
      targets: this.#targets(windows),
    };
  }

  /** How many spike counts the perceptron of a readout reads of each window. */
  get countsPerWindow(): number {
    return hasPerceptron(this.config) ? this.config.readout.bins * this.tokenizer.ids.neurons : 0;
  }

  /** How many counts and seconds the tuning curves of a readout read of each window. */
  get evidencePerWindow(): number {
    return tunedLags(this.config) * (this.tokenizer.ids.neurons + 1);
  }

  #evidence(windows: readonly Window[]): Float32Array<ArrayBuffer> {
    const lags = tunedLags(this.config);
    const { evidencePerWindow: width } = this;
    const evidence = new Float32Array(windows.length * width);
    for (const [row, { counts, countSeconds }] of windows.entries()) {
      evidence.set(counts!.subarray(0, width - lags), row * width);
      evidence.set(countSeconds!.subarray(0, lags), (row + 1) * width - lags);
    }
    return evidence;
  }

  #scaledCounts(windows: readonly Window[]): Float32Array<ArrayBuffer> {
    const { countsPerWindow } = this;
    const scale = this.tokenizer.counts;
    const scaled = new Float32Array(windows.length * countsPerWindow);
    for (const [row, { counts }] of windows.entries()) {
      scaled.set(counts!.map(Math.sqrt), row * countsPerWindow);
      if (!scale) continue;
      const { means, deviations } = scale;
      for (let n = 0, at = row * countsPerWindow; n < countsPerWindow; n++, at++)
        scaled[at] = (scaled[at]! - means[n]!) / deviations[n]!;
    }
    return scaled;
  }

  #behavior(windows: readonly Window[]): HostBatch['behavior'] {
    const behavior: Record<string, Record<string, HostSamples>> = {};
    for (const { group, name, setting, samples } of this.variables) {
      if (setting.predict) continue;
      const gather = (part: 'values' | 'times') =>
        Float32Array.from(windows.flatMap((w) => lastPadded(w.variables[name]![part], samples)));
      const scale = this.variableScale({ name, setting });
      const values = gather('values').map((value) => scale.encode(value)[0]!);
      behavior[group] ??= {};
      behavior[group][name] = { values, times: gather('times') };
    }
    return behavior;
  }

  /** The target of a variable is its last sample in the window. */
  #targets(windows: readonly Window[]): HostBatch['targets'] {
    const predicted = this.variables.filter(({ setting }) => setting.predict);
    const entries = predicted.map(({ name, setting }) => {
      const values = windows.map((w) => w.variables[name]!.values.at(-1)!);
      if (isClassified(setting)) return [name, Uint32Array.from(values)];
      const scale = this.variableScale({ name, setting });
      return [name, Float32Array.from(values.flatMap((value) => scale.encode(value)))];
    });
    return Object.fromEntries(entries);
  }

  /** The scale of a variable's numbers in the model; the identity where the tokenizer has none. */
  variableScale({ name, setting }: Pick<ConfiguredVariable, 'name' | 'setting'>): Scale {
    return this.tokenizer.scales[name] ?? Scale.identity(decodedPeriod(setting));
  }
}

/**
 * @throws ConfigError where the video encoder's kernel or patch does not fit into a window's video.
 */
function checkFrames(frames: readonly number[], config: ModelConfig): void {
  const { conv_layer, features, kernel_size, padding_size, n_embd_frames } = config.frame_encoder;
  if (!readsVideo(config) && !config.stimulus_drive) return;
  const [count, height, width] = frames as [number, number, number];
  const side = Math.sqrt(n_embd_frames);
  if (features && height * width !== n_embd_frames) {
    throw new ConfigError(
      `frame_encoder.n_embd_frames should be ${height * width}, the number of features per frame of this recording, but is ${n_embd_frames}.`,
    );
  }
  const kernel = features ? [1, height, width] : conv_layer ? kernel_size : [1, side, side];
  const padding = conv_layer && !features ? padding_size : [0, 0, 0];
  if (kernel.every((length, axis) => length <= frames[axis]! + 2 * padding[axis]!)) return;
  const key = conv_layer ? `kernel_size ${kernel.join(' x ')}` : `patches of ${side} x ${side}`;
  throw new ConfigError(
    `frame_encoder: ${key} should fit into the video of a window, ${count} frames of ${height} x ${width}.`,
  );
}

/** 1 where a token is `wanted`, or where it is not, and 0 elsewhere. */
function flagTokens(
  tokens: Uint32Array,
  wanted: number,
  isWanted: boolean,
): Uint32Array<ArrayBuffer> {
  const flags = new Uint32Array(tokens.length);
  for (let n = 0; n < tokens.length; n++) flags[n] = Number((tokens[n] === wanted) === isWanted);
  return flags;
}

/** The last `n` numbers; if there are fewer, the first of them is repeated before. */
function lastPadded(numbers: Float64Array, n: number): number[] {
  return Array.from({ length: n }, (_, i) => numbers[Math.max(0, numbers.length - n + i)]!);
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total * n, 1);
}

/** The tensors of a batch on the GPU. Every batch is written into the same ones. */
export class Batch {
  /** What the model reads. */
  readonly inputs: ModelInputs;
  /** What it should predict. */
  readonly targets: ModelTargets;
  /** Windows per batch. */
  readonly size: number;
  readonly #writers: ((host: HostBatch) => void)[] = [];
  readonly #tensors: (Tensor | Tokens)[] = [];

  /** @param size windows per batch. */
  constructor(engine: Engine, layout: BatchLayout, size: number) {
    this.size = size;
    const addTensor = (
      shape: Shape,
      dtype: 'f32' | 'u32',
      select: (host: HostBatch) => Float32Array | Uint32Array,
    ) => {
      const tensor = Tensor.zeros(engine, shape, dtype).keep();
      this.#tensors.push(tensor);
      this.#writers.push((host) => tensor.write(select(host)));
      return tensor;
    };
    const { ids, times } = layout.tokenizer;
    const addTokens = (length: number, select: (host: HostBatch) => TokenLists) => {
      const tokens = new Tokens(engine, [size, length], ids.size);
      this.#tensors.push(tokens);
      this.#writers.push((host) => tokens.write(select(host)));
      return tokens;
    };
    const { id: T, prev_id: P } = layout.config.block_size;
    const behavior: Record<string, Record<string, BehaviorInput>> = {};
    const variables: Record<string, Tensor> = {};
    for (const { group, name, setting, samples } of layout.variables) {
      if (setting.predict) {
        variables[name] = isClassified(setting)
          ? addTensor([size], 'u32', (host) => host.targets[name]!)
          : addTensor([size, targetWidth(setting)], 'f32', (host) => host.targets[name]!);
        continue;
      }
      behavior[group] ??= {};
      behavior[group][name] = {
        values: addTensor([size, samples], 'f32', (host) => host.behavior[group]![name]!.values),
        times: addTensor([size, samples], 'f32', (host) => host.behavior[group]![name]!.times),
      };
    }
    this.inputs = {
      ids: addTokens(T, (host) => host.ids),
      times: addTensor([size, T], 'f32', (host) => host.times),
      mask: addTensor([size, T], 'u32', (host) => host.mask),
      eos: addTensor([size, T], 'u32', (host) => host.eos),
      pastIds: addTokens(P, (host) => host.pastIds),
      pastTimes: addTensor([size, P], 'f32', (host) => host.pastTimes),
      pastMask: addTensor([size, P], 'u32', (host) => host.pastMask),
      frames:
        layout.frames && addTensor([size, 1, ...layout.frames], 'f32', (host) => host.frames!),
      counts:
        layout.countsPerWindow > 0
          ? addTensor([size, layout.countsPerWindow], 'f32', (host) => host.counts!)
          : undefined,
      evidence:
        layout.evidencePerWindow > 0
          ? addTensor([size, layout.evidencePerWindow], 'f32', (host) => host.evidence!)
          : undefined,
      behavior,
    };
    const classWeights = classWeightTensors(engine, layout.config, {
      ids: ids.size,
      times: times.size,
    });
    for (const weights of Object.values(classWeights)) if (weights) this.#tensors.push(weights);
    this.targets = {
      nextIds: addTensor([size, T], 'u32', (host) => host.nextIds),
      nextTimes: addTensor([size, T], 'u32', (host) => host.nextTimes),
      variables,
      classWeights,
      padId: ids.PAD,
      padTime: times.PAD,
    };
  }

  /**
   * Replaces the contents. Operations called before read the old batch.
   *
   * @throws ShapeError where the batch has another size.
   */
  write(host: HostBatch): void {
    for (const write of this.#writers) write(host);
  }

  /** Releases the tensors. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
