/** Draws windows of spikes from a model: token by token, and many windows at once. */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import { Batch, type BatchLayout, type HostBatch, modelSizes } from '../neuroformer/batch.js';
import { CachedDecoder, type NextLogits } from '../neuroformer/decoding.js';
import type { Neuroformer } from '../neuroformer/model.js';
import type { Window } from '../recording/windows.js';
import { addExpected, addExpectedEndless, type DrawnWindows } from '../tensor/drawn-tokens.js';
import { addPositions, tokenLists } from '../tensor/embedding.js';
import { RandomState } from '../tensor/random.js';
import { type SampleOptions, sample } from '../tensor/sample.js';
import { slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';

/**
 * How one head draws its tokens. Default: temperature 1, all classes. Temperature 0 takes the most
 * likely class.
 */
export type DrawSettings = Pick<SampleOptions, 'temperature' | 'topK' | 'topP'>;

/** How a sampler draws windows. */
export interface SamplerSettings {
  /** How neurons are drawn. */
  readonly id?: DrawSettings;
  /** How times are drawn. */
  readonly time?: DrawSettings;
  /** Seed of the random draws. Default 0. */
  readonly seed?: number;
  /**
   * Keeps the spikes of a window in order: a spike drawn at an earlier time than the previous spike
   * gets its time. Only neurons, EOS and times within the window can be drawn; the probability of
   * all other tokens is redistributed. (If the probability of earlier times were redistributed too,
   * windows would run out of time and have too few spikes.) Default: true, unless the model has
   * `compat: original`.
   */
  readonly ordered?: boolean;
  /** Neurons that are never drawn. `generateTrials` also removes them from the past. */
  readonly silent?: readonly number[];
  /**
   * For expected counts alone: no token that ends a window is drawn, and the probabilities of each
   * position are weighted by that of the window reaching it. One draw then says as much as several
   * that end, whose expected counts vary with where they do. The tokens drawn are no window.
   * Default: false.
   */
  readonly endless?: boolean;
  /**
   * Keeps the keys and values of all tokens, so that each step computes one token instead of the
   * whole window. Default: true, unless the model is a baseline, which has no keys and values.
   */
  readonly cached?: boolean;
}

/** The tokens drawn for one window, without SOS, up to and including the token that ended it. */
export interface GeneratedWindow {
  /** Neuron tokens. */
  readonly ids: readonly number[];
  /** The time token of each entry of `ids`. */
  readonly times: readonly number[];
  /** What ended the window: a token, or the length of the block. */
  readonly stoppedBy: 'EOS' | 'PAD' | 'length';
  /**
   * The expected count of each neuron's spikes along this draw: the probabilities of the neuron at
   * all positions of the window, added up. Its mean over draws is the model's rate, with less noise
   * than counts of drawn spikes, and least where the sampler is `endless`. [neurons]
   */
  readonly expected: Float32Array;
}

/** The tokens drawn for one position of all rows, u32 [rows]. */
interface DrawnTokens {
  readonly ids: Tensor;
  readonly times: Tensor;
}

/** Positions per recorded step. After each step, the host checks whether all windows have ended. */
const CHUNK_POSITIONS = 8;
/** Added to the logits of tokens that must not be drawn. It is below any logit, and finite. */
const FORBIDDEN_LOGIT = -1e30;
/** Endless draws stop where no window reaches further with more than this probability. */
const UNREACHED = 1e-4;

/**
 * Draws the current windows of a batch, given their pasts and everything else that the model reads.
 */
export class Sampler {
  readonly #engine: Engine;
  readonly #model: Neuroformer;
  readonly #layout: BatchLayout;
  readonly #settings: SamplerSettings;
  readonly #random: RandomState;
  readonly #batch: Batch;
  readonly #ordered: boolean;
  /**
   * Added to the logits: 0 for tokens that may be drawn, FORBIDDEN_LOGIT for others. [1, ids] and
   * [1, times].
   */
  readonly #restrictions: { ids: Tensor; times: Tensor } | undefined;
  readonly #endless: Endless | undefined;
  readonly #cached: CachedDrawing | undefined;
  /** The expected counts of the tokens of each row of a batch, [rows, ids]. */
  readonly #expected: Tensor;
  /** How many batches were drawn. Each uses random numbers of its own. */
  #batches = 0;

  /** @param size how many windows are drawn at once */
  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    size: number,
    settings: SamplerSettings = {},
  ) {
    this.#engine = engine;
    this.#model = model;
    this.#layout = layout;
    this.#settings = settings;
    this.#random = new RandomState(engine, settings.seed ?? 0);
    this.#batch = new Batch(engine, layout, size);
    this.#expected = Tensor.zeros(engine, [size, layout.tokenizer.ids.size]).keep();
    this.#ordered = settings.ordered ?? layout.config.compat !== 'original';
    if (this.#ordered || settings.silent?.length) this.#restrictions = this.#restrictTokens();
    if (settings.endless) this.#endless = this.#prepareEndless();
    if (!(settings.cached ?? !model.baseline)) return;
    try {
      this.#cached = engine.allOrNothing(
        () =>
          new CachedDrawing(
            engine,
            model,
            layout,
            this.#batch,
            this.#endless?.reach,
            (logits, n, lastTimes, windows) => this.#sample(logits, n, lastTimes, windows),
          ),
      );
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Neurons that are never drawn. */
  get silent(): readonly number[] {
    return this.#settings.silent ?? [];
  }

  /**
   * Draws one window for each of these, from SOS until EOS, PAD or a full block. The windows supply
   * the past and the other inputs; their own spikes are not used.
   *
   * @throws Error where there are no windows, or more than are drawn at once
   */
  async generate(windows: readonly Window[]): Promise<GeneratedWindow[]> {
    const { size } = this.#batch;
    if (windows.length === 0 || windows.length > size)
      throw new Error(`This sampler draws 1 to ${size} windows at once, not ${windows.length}.`);
    // Rows that are not needed repeat the last window.
    const filled = Array.from(
      { length: size },
      (_, n) => windows[Math.min(n, windows.length - 1)]!,
    );
    const host = this.#layout.collate(filled);
    this.#random.step = this.#batches;
    this.#batches += 1;
    const growing = new GrowingWindows(this.#layout, windows.length);
    this.#engine.clear(this.#expected);
    if (this.#cached) await this.#cached.draw(host, growing);
    else await this.#drawUncached(host, growing);
    return growing.finish(await this.#expected.floats());
  }

  /** Frees the GPU memory of the sampler. The model is not affected. */
  dispose(): void {
    this.#cached?.dispose();
    this.#random.dispose();
    this.#batch.dispose();
    this.#expected.dispose();
    this.#restrictions?.ids.dispose();
    this.#restrictions?.times.dispose();
    this.#endless?.ends.dispose();
    this.#endless?.reach.dispose();
  }

  /** Same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Draws a batch by running the whole model for every token. */
  async #drawUncached(host: HostBatch, growing: GrowingWindows): Promise<void> {
    const { ids: neurons, times: steps } = this.#layout.tokenizer;
    const T = this.#layout.config.block_size.id;
    const { size } = this.#batch;
    const ids = new Uint32Array(size * T).fill(neurons.PAD);
    const times = new Float32Array(size * T).fill(steps.PAD);
    for (let row = 0; row < size; row++) {
      ids[row * T] = neurons.SOS;
      times[row * T] = 0;
    }
    let lastTimes = new Uint32Array(size);
    for (let n = 0; n + 1 < T && !growing.allEnded; n++) {
      const mask = Uint32Array.from(ids, (token) => Number(token !== neurons.PAD));
      this.#batch.write({ ...host, ids: tokenLists(ids, neurons.size), times, mask });
      const lowest = Tensor.from(this.#engine, lastTimes, [size]);
      const drawn = this.#engine.scope(() => {
        const { idLogits, timeLogits } = this.#model.forward(this.#batch.inputs);
        const logits = { idLogits: slice(idLogits, n, 1), timeLogits: slice(timeLogits, n, 1) };
        const { ids: tokens, times: clock } = this.#batch.inputs;
        return { ...this.#sample(logits, n, lowest, { ids: tokens.ids, times: clock }) };
      });
      const [nextIds, nextTimes] = [await drawn.ids.words(), await drawn.times.words()];
      for (const tensor of [lowest, drawn.ids, drawn.times]) tensor.dispose();
      growing.add(nextIds, nextTimes);
      lastTimes = nextTimes.slice();
      for (let row = 0; row < size; row++) {
        ids[row * T + n + 1] = nextIds[row]!;
        times[row * T + n + 1] = nextTimes[row]!;
      }
      const reach = await this.#endless?.reach.floats();
      if (reach && isUnreached(reach, T, n + 1)) return;
    }
  }

  /**
   * Draws the tokens after position n, and adds what is expected of them.
   *
   * @param lastTimes the time tokens at position n, u32 [rows]
   * @param windows the tokens up to position n
   */
  #sample(
    { idLogits, timeLogits }: NextLogits,
    n: number,
    lastTimes: Tensor,
    windows: DrawnWindows,
  ): DrawnTokens {
    const { id, time } = this.#settings;
    const random = this.#random;
    const restrict = (logits: Tensor, restriction: Tensor | undefined) =>
      restriction ? addPositions(logits, restriction) : logits;
    const allowedIds = restrict(idLogits, this.#restrictions?.ids);
    const ids = sample(restrict(allowedIds, this.#endless?.ends), { ...id, random, site: 2 * n });
    const rows = allowedIds.reshape(this.#expected.shape);
    const place = { position: n, end: this.#layout.tokenizer.ids.EOS };
    if (this.#endless) addExpectedEndless(rows, this.#expected, this.#endless.reach, place);
    else addExpected(rows, this.#expected, windows, place);
    const times = sample(restrict(timeLogits, this.#restrictions?.times), {
      ...time,
      ...(this.#ordered && { lowest: lastTimes }),
      random,
      site: 2 * n + 1,
    });
    return { ids: ids.drawn, times: times.drawn };
  }

  #restrictTokens(): { ids: Tensor; times: Tensor } {
    const { tokenizer, config } = this.#layout;
    const { ids: neurons, times: steps } = tokenizer;
    const silent = new Set(this.#settings.silent);
    const stepsInWindow = Math.round(config.window.curr / steps.dt);
    const isAllowedId = (token: number) =>
      !silent.has(token) && (!this.#ordered || token === neurons.EOS || neurons.isNeuron(token));
    return {
      ids: this.#table(neurons.size, isAllowedId),
      times: this.#table(steps.size, (token) => !this.#ordered || token < stepsInWindow),
    };
  }

  #prepareEndless(): Endless {
    const { tokenizer, config } = this.#layout;
    const { size, EOS } = tokenizer.ids;
    const shape = [this.#batch.size, config.block_size.id];
    const ones = new Float32Array(shape[0]! * shape[1]!).fill(1);
    return {
      ends: this.#table(size, (token) => token < EOS),
      reach: Tensor.from(this.#engine, ones, shape).keep(),
    };
  }

  /** What is added to logits so that only some tokens can be drawn: [1, size]. */
  #table(size: number, isAllowed: (token: number) => boolean): Tensor {
    const values = Float32Array.from({ length: size }, (_, token) =>
      isAllowed(token) ? 0 : FORBIDDEN_LOGIT,
    );
    return Tensor.from(this.#engine, values, [1, size]).keep();
  }
}

/** What a sampler keeps where no draw ends a window. */
interface Endless {
  /** Added to the logits: 0, and FORBIDDEN_LOGIT for tokens that end a window. [1, ids] */
  readonly ends: Tensor;
  /** The probability that a window reaches each position: [rows, T], 1 at the first. */
  readonly reach: Tensor;
}

/** Whether hardly any window goes on to a position. @param reach [rows, T] */
function isUnreached(reach: Float32Array, T: number, position: number): boolean {
  for (let i = position; i < reach.length; i += T) if (reach[i]! > UNREACHED) return false;
  return true;
}

/** The windows of a batch while they are drawn. */
class GrowingWindows {
  readonly #windows: { ids: number[]; times: number[]; stoppedBy: GeneratedWindow['stoppedBy'] }[];
  readonly #layout: BatchLayout;

  constructor(layout: BatchLayout, count: number) {
    this.#layout = layout;
    this.#windows = Array.from({ length: count }, () => ({
      ids: [],
      times: [],
      stoppedBy: 'length',
    }));
  }

  get allEnded(): boolean {
    return this.#windows.every(({ stoppedBy }) => stoppedBy !== 'length');
  }

  /** Appends one token to each window that has not ended. */
  add(ids: Uint32Array, times: Uint32Array): void {
    const { EOS, PAD } = this.#layout.tokenizer.ids;
    for (const [row, window] of this.#windows.entries()) {
      if (window.stoppedBy !== 'length') continue;
      window.ids.push(ids[row]!);
      window.times.push(times[row]!);
      if (ids[row] === EOS) window.stoppedBy = 'EOS';
      if (ids[row] === PAD) window.stoppedBy = 'PAD';
    }
  }

  /** The windows with their expected counts. @param expected of every token, [rows, ids] */
  finish(expected: Float32Array): GeneratedWindow[] {
    const { neurons, size } = this.#layout.tokenizer.ids;
    return this.#windows.map((window, row) => ({
      ...window,
      expected: expected.slice(row * size, row * size + neurons),
    }));
  }
}

/** Draws windows position by position with cached keys and values, in recorded steps. */
class CachedDrawing {
  readonly #layout: BatchLayout;
  readonly #batch: Batch;
  readonly #reach: Tensor | undefined;
  readonly #decoding: CachedDecoder;
  readonly #begin: Step<ReturnType<CachedDecoder['begin']>>;
  readonly #chunks: Step<DrawnTokens[]>[] = [];

  /** @param reach of windows that no draw ends, [rows, T] */
  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    batch: Batch,
    reach: Tensor | undefined,
    draw: (logits: NextLogits, n: number, lastTimes: Tensor, windows: DrawnWindows) => DrawnTokens,
  ) {
    this.#layout = layout;
    this.#batch = batch;
    this.#reach = reach;
    const decoding = new CachedDecoder(engine, model, modelSizes(layout), batch.size);
    this.#decoding = decoding;
    this.#begin = engine.record(() => decoding.begin(batch.inputs));
    const sources = this.#begin.value;
    const lastTimes = decoding.times.ids.reshape([batch.size]);
    for (let start = 0; start + 1 < layout.config.block_size.id; start += CHUNK_POSITIONS) {
      const end = Math.min(start + CHUNK_POSITIONS, layout.config.block_size.id - 1);
      const positions = Array.from({ length: end - start }, (_, n) => start + n);
      const drawPosition = (n: number) => {
        const drawn = engine.scope(() => ({
          ...draw(decoding.next(n, sources), n, lastTimes, decoding.drawn),
        }));
        engine.copy(drawn.ids, decoding.ids.ids);
        engine.copy(drawn.times, decoding.times.ids);
        return drawn;
      };
      this.#chunks.push(engine.record(() => positions.map(drawPosition)));
    }
  }

  async draw(host: HostBatch, growing: GrowingWindows): Promise<void> {
    const { size } = this.#batch;
    this.#batch.write(host);
    this.#decoding.ids.write(new Uint32Array(size).fill(this.#layout.tokenizer.ids.SOS));
    this.#decoding.times.write(new Uint32Array(size));
    this.#begin.run();
    let position = 0;
    for (const chunk of this.#chunks) {
      const tensors = chunk.value.flatMap(({ ids, times }) => [ids, times]);
      if (this.#reach) tensors.push(this.#reach);
      const buffers = await chunk.runAndFetch(tensors).read();
      for (let n = 0; n < chunk.value.length; n++) {
        const [ids, times] = [buffers[2 * n]!, buffers[2 * n + 1]!];
        growing.add(new Uint32Array(ids), new Uint32Array(times));
      }
      if (growing.allEnded) return;
      position += chunk.value.length;
      const T = this.#layout.config.block_size.id;
      if (this.#reach && isUnreached(new Float32Array(buffers.at(-1)!), T, position)) return;
    }
  }

  dispose(): void {
    for (const chunk of this.#chunks) chunk.dispose();
    this.#begin.dispose();
    this.#decoding.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
