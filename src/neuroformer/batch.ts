/** Batches: windows as arrays on the host, and the tensors they are written into, the same ones at every step. */

import type { Engine } from '../gpu/engine.js';
import type { Recording } from '../recording/recording.js';
import { framesIn, type VariableSetting } from '../recording/sampling.js';
import { Scale } from '../recording/scales.js';
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
import type { ModelTargets } from './losses.js';
import type { BehaviorInput, ModelInputs, ModelSizes } from './model.js';
import type { Rules } from './rules.js';
import {
  type ConfiguredVariable,
  configuredVariables,
  decodedPeriod,
  isClassified,
  targetWidth,
} from './variables.js';

/** What windows a configuration reads. */
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
      ({ name, window: held, setting }): VariableSetting => ({
        name,
        data: setting.data,
        window: held,
        dt: setting.dt,
        classes: tokenizer.classes[name],
        period: decodedPeriod(setting),
        read: !setting.predict,
      }),
    ),
    rules: windowRules(config.rules),
  };
}

export function windowRules(rules: Rules): WindowRules {
  return {
    keepsStart: rules.keeps_start,
    pastHasOwnClock: rules.past_own_clock,
    videoEndsWithWindow: rules.video_ends_with_window,
    exactSampleTimes: rules.exact_sample_times,
  };
}

/** The classes of a classified variable among what a tokenizer is made for. */
function classifiedVariables(config: ModelConfig) {
  const classified = configuredVariables(config).filter((v) => isClassified(v.setting));
  return classified.map(({ name, setting: { data, resolution } }) => ({ name, data, resolution }));
}

/** The sizes of a model for these vocabularies. */
export function modelSizes({ ids, times, classes }: Tokenizer): ModelSizes {
  const counts = Object.entries(classes).map(([name, { values }]) => [name, values.length]);
  return { ids: ids.size, times: times.size, classes: Object.fromEntries(counts) };
}

/** The vocabularies a configuration needs for a recording. */
export function tokenizerFor(config: ModelConfig, recording: Recording): Tokenizer {
  const { window, resolution } = config;
  const windows = { dt: resolution.dt, current: window.curr, past: window.prev };
  return Tokenizer.of(recording, windows, classifiedVariables(config));
}

/**
 * The tokenizer with the scales of every number a configuration reads or predicts, from training windows; scales that
 * it has already stay. Under the original's rules numbers have none.
 */
export function standardized(
  tokenizer: Tokenizer,
  config: ModelConfig,
  windows: Windows,
  training: readonly WindowRef[],
): Tokenizer {
  if (!config.rules.standardised) return tokenizer;
  const numeric = configuredVariables(config).filter(({ setting }) => !isClassified(setting));
  const unknown = numeric.filter(({ name }) => !tokenizer.scales[name]);
  const samples = new Map(unknown.map(({ name }) => [name, [] as number[]]));
  for (const ref of unknown.length > 0 ? training : []) {
    const found = windows.variables(ref);
    for (const { name, setting } of unknown) {
      const values = found[name]?.values;
      if (values) samples.get(name)!.push(...(setting.predict ? values.slice(-1) : values));
    }
  }
  const known = unknown.filter(({ name }) => samples.get(name)!.length > 0);
  return tokenizer.scaled(
    Object.fromEntries(
      known.map(({ name, setting }) => [
        name,
        Scale.of(samples.get(name)!, decodedPeriod(setting)),
      ]),
    ),
  );
}

/** Samples of an input variable, [B, n] each. */
interface HostSamples {
  readonly values: Float32Array<ArrayBuffer>;
  readonly times: Float32Array<ArrayBuffer>;
}

/** One batch as arrays, ready to be written. */
export interface HostBatch {
  readonly ids: TokenLists;
  readonly times: Float32Array<ArrayBuffer>;
  readonly mask: Uint32Array<ArrayBuffer>;
  readonly eos: Uint32Array<ArrayBuffer>;
  readonly nextIds: Uint32Array<ArrayBuffer>;
  readonly nextTimes: Uint32Array<ArrayBuffer>;
  readonly pastIds: TokenLists;
  readonly pastTimes: Float32Array<ArrayBuffer>;
  readonly pastMask: Uint32Array<ArrayBuffer>;
  readonly frames: Float32Array<ArrayBuffer> | undefined;
  /** By group and variable. */
  readonly behavior: Readonly<Record<string, Readonly<Record<string, HostSamples>>>>;
  /** By variable: scaled numbers, [B, 1] or [B, 2] of an angle, or class tokens. */
  readonly targets: Readonly<Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>>;
}

/** What batches of a configuration look like. */
export class BatchLayout {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Frames of a window: [count, height, width]; undefined without video. */
  readonly frames: readonly [number, number, number] | undefined;
  /** Variables the recording has, as far as the configuration knows them. */
  readonly variables: readonly ConfiguredVariable[];

  /** @param recording what none of its trials has, no batch has. */
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
  }

  /** Puts windows into the arrays of one batch. */
  collate(windows: readonly Window[]): HostBatch {
    const { ids: neurons } = this.tokenizer;
    const gather = <A extends Float32Array | Uint32Array>(
      into: A,
      rows: (window: Window) => ArrayLike<number>,
    ): A => {
      for (const [n, window] of windows.entries())
        into.set(rows(window), (n * into.length) / windows.length);
      return into;
    };
    const B = windows.length;
    const { id: T, prev_id: P } = this.config.block_size;
    const ids = gather(new Uint32Array(B * T), (w) => w.current.ids);
    const pastIds = gather(new Uint32Array(B * P), (w) => w.past.ids);
    const flags = (tokens: Uint32Array<ArrayBuffer>, holds: (token: number) => boolean) =>
      tokens.map((token) => Number(holds(token)));
    return {
      ids: tokenLists(ids, neurons.size),
      times: gather(new Float32Array(B * T), (w) => w.current.times),
      mask: flags(ids, (token) => token !== neurons.PAD),
      eos: flags(ids, (token) => token === neurons.EOS),
      nextIds: gather(new Uint32Array(B * T), (w) => w.current.nextIds),
      nextTimes: gather(new Uint32Array(B * T), (w) => w.current.nextTimes),
      pastIds: tokenLists(pastIds, neurons.size),
      pastTimes: gather(new Float32Array(B * P), (w) => w.past.times),
      pastMask: flags(pastIds, (token) => token !== neurons.PAD),
      frames: this.frames && gather(new Float32Array(B * product(this.frames)), (w) => w.frames!),
      behavior: this.#behavior(windows),
      targets: this.#targets(windows),
    };
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

  /** What is decoded is the variable's last sample in the window. */
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

  /** How a variable's numbers enter the model. */
  variableScale({ name, setting }: Pick<ConfiguredVariable, 'name' | 'setting'>): Scale {
    return this.tokenizer.scales[name] ?? Scale.identity(decodedPeriod(setting));
  }
}

/** @throws ConfigError where the video encoder's kernel or patch is larger than what it is laid over. */
function checkFrames(frames: readonly number[], { frame_encoder, layers }: ModelConfig): void {
  const { conv_layer, features, kernel_size, n_embd_frames } = frame_encoder;
  if (layers.stimulus === 0) return;
  const [count, height, width] = frames as [number, number, number];
  const side = Math.sqrt(n_embd_frames);
  if (features && height * width !== n_embd_frames) {
    throw new ConfigError(
      `frame_encoder.n_embd_frames should be ${height * width}, the features of a frame of this recording, but is ${n_embd_frames}.`,
    );
  }
  const kernel = features ? [1, height, width] : conv_layer ? kernel_size : [1, side, side];
  if (kernel.every((n, axis) => n <= frames[axis]!)) return;
  const key = conv_layer ? `kernel_size ${kernel.join(' x ')}` : `patches of ${side} x ${side}`;
  throw new ConfigError(
    `frame_encoder: ${key} should fit into the video of a window, ${count} frames of ${height} x ${width}.`,
  );
}

/** The last n numbers, the first of them repeated in front where there are fewer. */
function lastPadded(numbers: Float64Array, n: number): number[] {
  return Array.from({ length: n }, (_, i) => numbers[Math.max(0, numbers.length - n + i)]!);
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total * n, 1);
}

/** The tensors of a batch on the GPU: what the model reads, and what it should have predicted. */
export class Batch {
  readonly inputs: ModelInputs;
  readonly targets: ModelTargets;
  readonly size: number;
  readonly #writers: ((host: HostBatch) => void)[] = [];
  readonly #tensors: (Tensor | Tokens)[] = [];

  constructor(engine: Engine, layout: BatchLayout, size: number) {
    this.size = size;
    const tensor = (
      shape: Shape,
      dtype: 'f32' | 'u32',
      from: (host: HostBatch) => Float32Array | Uint32Array,
    ) => {
      const made = Tensor.zeros(engine, shape, dtype).keep();
      this.#tensors.push(made);
      this.#writers.push((host) => made.write(from(host)));
      return made;
    };
    const { ids, times } = layout.tokenizer;
    const tokens = (length: number, from: (host: HostBatch) => TokenLists) => {
      const made = new Tokens(engine, [size, length], ids.size);
      this.#tensors.push(made);
      this.#writers.push((host) => made.write(from(host)));
      return made;
    };
    const { id: T, prev_id: P } = layout.config.block_size;
    const behavior: Record<string, Record<string, BehaviorInput>> = {};
    const variables: Record<string, Tensor> = {};
    for (const { group, name, setting, samples } of layout.variables) {
      if (setting.predict) {
        variables[name] = isClassified(setting)
          ? tensor([size], 'u32', (host) => host.targets[name]!)
          : tensor([size, targetWidth(setting)], 'f32', (host) => host.targets[name]!);
        continue;
      }
      behavior[group] ??= {};
      behavior[group][name] = {
        values: tensor([size, samples], 'f32', (host) => host.behavior[group]![name]!.values),
        times: tensor([size, samples], 'f32', (host) => host.behavior[group]![name]!.times),
      };
    }
    this.inputs = {
      ids: tokens(T, (host) => host.ids),
      times: tensor([size, T], 'f32', (host) => host.times),
      mask: tensor([size, T], 'u32', (host) => host.mask),
      eos: tensor([size, T], 'u32', (host) => host.eos),
      pastIds: tokens(P, (host) => host.pastIds),
      pastTimes: tensor([size, P], 'f32', (host) => host.pastTimes),
      pastMask: tensor([size, P], 'u32', (host) => host.pastMask),
      frames: layout.frames && tensor([size, 1, ...layout.frames], 'f32', (host) => host.frames!),
      behavior,
    };
    this.targets = {
      nextIds: tensor([size, T], 'u32', (host) => host.nextIds),
      nextTimes: tensor([size, T], 'u32', (host) => host.nextTimes),
      variables,
      padId: ids.PAD,
      padTime: times.PAD,
    };
  }

  /**
   * Replaces the batch; what was appended before still sees the old one.
   *
   * @throws ShapeError where the batch has another size.
   */
  write(host: HostBatch): void {
    for (const write of this.#writers) write(host);
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
