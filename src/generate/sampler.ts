/** Drawing windows of spikes from a model, token by token, many windows at once. */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import { Batch, type BatchLayout, type HostBatch, modelSizes } from '../neuroformer/batch.js';
import { Decoding, type NextLogits } from '../neuroformer/decoding.js';
import type { Neuroformer } from '../neuroformer/model.js';
import type { Window } from '../recording/windows.js';
import { addPositions, tokenLists } from '../tensor/embedding.js';
import { RandomState } from '../tensor/random.js';
import { type SampleOptions, sample } from '../tensor/sample.js';
import { slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';

/** How one head draws. Default: temperature 1, every class. Temperature 0 takes the likeliest. */
export type DrawSettings = Pick<SampleOptions, 'temperature' | 'topK' | 'topP'>;

export interface SamplerSettings {
  readonly id?: DrawSettings;
  readonly time?: DrawSettings;
  readonly seed?: number;
  /**
   * A spike drawn before the one it follows is put at the same time, and only neurons, times within the window and the
   * end can be drawn: the probabilities of the rest are shared out. (Sharing out those of earlier times, too, makes
   * windows run out of time: too few spikes.) Default: true, unless the model is `compat: original`.
   */
  readonly ordered?: boolean;
  /** Neurons that are never drawn. */
  readonly silent?: readonly number[];
  /** Keeps keys and values, so that a new token costs one token. Default: true where the model has a trunk. */
  readonly cached?: boolean;
}

/** Spikes of one window as tokens, the token it stopped at included. */
export interface GeneratedWindow {
  readonly ids: readonly number[];
  readonly times: readonly number[];
  readonly stoppedBy: 'EOS' | 'PAD' | 'length';
}

/** What was drawn after one position, u32 [rows]. */
interface Drawn {
  readonly ids: Tensor;
  readonly times: Tensor;
}

/** Positions drawn before the host looks whether every window has ended. */
const CHUNK = 8;
/** Added to the logits of what may not be drawn: less than any logit, and finite. */
const FORBIDDEN_LOGIT = -1e30;

/** Draws the current windows of a batch from their pasts and everything else the model reads. */
export class Sampler {
  readonly #engine: Engine;
  readonly #model: Neuroformer;
  readonly #layout: BatchLayout;
  readonly #settings: SamplerSettings;
  readonly #random: RandomState;
  readonly #batch: Batch;
  readonly #ordered: boolean;
  /** 0 for what may be drawn, NEVER for what may not: [1, ids] and [1, times]. */
  readonly #allowed: { ids: Tensor; times: Tensor } | undefined;
  readonly #cache: Cache | undefined;
  #drawn = 0;

  /** @param size windows drawn at once. */
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
    this.#ordered = settings.ordered ?? layout.config.compat !== 'original';
    if (this.#ordered || settings.silent?.length) this.#allowed = this.#restrictions();
    if (settings.cached ?? !model.baseline)
      this.#cache = new Cache(engine, model, layout, this.#batch, (logits, n, last) =>
        this.#sample(logits, n, last),
      );
  }

  /**
   * One window for each given, whose own spikes are not looked at: from SOS until EOS, PAD or a full block.
   *
   * @throws Error for more windows than are drawn at once.
   */
  async generate(windows: readonly Window[]): Promise<GeneratedWindow[]> {
    const { size } = this.#batch;
    if (windows.length === 0 || windows.length > size)
      throw new Error(`This sampler draws 1 to ${size} windows at once, not ${windows.length}.`);
    const filled = Array.from(
      { length: size },
      (_, n) => windows[Math.min(n, windows.length - 1)]!,
    );
    const host = this.#layout.collate(filled);
    this.#random.step = this.#drawn;
    this.#drawn += 1;
    const rows = new Rows(this.#layout, windows.length);
    if (this.#cache) await this.#cache.draw(host, rows);
    else await this.#drawWhole(host, rows);
    return rows.windows;
  }

  dispose(): void {
    this.#cache?.dispose();
    this.#random.dispose();
    this.#batch.dispose();
    this.#allowed?.ids.dispose();
    this.#allowed?.times.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs the whole model for every token. */
  async #drawWhole(host: HostBatch, rows: Rows): Promise<void> {
    const { ids: neurons, times: steps } = this.#layout.tokenizer;
    const T = this.#layout.config.block_size.id;
    const { size } = this.#batch;
    const ids = new Uint32Array(size * T).fill(neurons.PAD);
    const times = new Float32Array(size * T).fill(steps.PAD);
    for (let row = 0; row < size; row++) {
      ids[row * T] = neurons.SOS;
      times[row * T] = 0;
    }
    let last = new Uint32Array(size);
    for (let n = 0; n + 1 < T && !rows.ended; n++) {
      const mask = Uint32Array.from(ids, (token) => Number(token !== neurons.PAD));
      this.#batch.write({ ...host, ids: tokenLists(ids, neurons.size), times, mask });
      const before = Tensor.from(this.#engine, last, [size]);
      const drawn = this.#engine.scope(() => {
        const { idLogits, timeLogits } = this.#model.forward(this.#batch.inputs);
        const logits = { idLogits: slice(idLogits, n, 1), timeLogits: slice(timeLogits, n, 1) };
        return { ...this.#sample(logits, n, before) };
      });
      const [id, time] = [await drawn.ids.words(), await drawn.times.words()];
      for (const tensor of [before, drawn.ids, drawn.times]) tensor.dispose();
      rows.add(id, time);
      last = time.slice();
      for (let row = 0; row < size; row++) {
        ids[row * T + n + 1] = id[row]!;
        times[row * T + n + 1] = time[row]!;
      }
    }
  }

  /** Draws what follows position n; `last` holds the times drawn before, u32 [rows]. */
  #sample({ idLogits, timeLogits }: NextLogits, n: number, last: Tensor): Drawn {
    const { id, time } = this.#settings;
    const random = this.#random;
    const allow = (logits: Tensor, allowed: Tensor | undefined) =>
      allowed ? addPositions(logits, allowed) : logits;
    const ids = sample(allow(idLogits, this.#allowed?.ids), { ...id, random, site: 2 * n });
    const times = sample(allow(timeLogits, this.#allowed?.times), {
      ...time,
      ...(this.#ordered && { lowest: last }),
      random,
      site: 2 * n + 1,
    });
    return { ids: ids.drawn, times: times.drawn };
  }

  #restrictions(): { ids: Tensor; times: Tensor } {
    const { tokenizer, config } = this.#layout;
    const { ids: neurons, times: steps } = tokenizer;
    const silent = new Set(this.#settings.silent);
    const inWindow = Math.round(config.window.curr / steps.dt);
    const table = (size: number, may: (token: number) => boolean) =>
      Tensor.from(
        this.#engine,
        Float32Array.from({ length: size }, (_, token) => (may(token) ? 0 : FORBIDDEN_LOGIT)),
        [1, size],
      ).keep();
    const ids = (token: number) =>
      !silent.has(token) && (!this.#ordered || token === neurons.EOS || neurons.isNeuron(token));
    return {
      ids: table(neurons.size, ids),
      times: table(steps.size, (token) => !this.#ordered || token < inWindow),
    };
  }
}

/** The windows of a batch as they grow. */
class Rows {
  readonly windows: { ids: number[]; times: number[]; stoppedBy: GeneratedWindow['stoppedBy'] }[];
  readonly #layout: BatchLayout;

  constructor(layout: BatchLayout, count: number) {
    this.#layout = layout;
    this.windows = Array.from({ length: count }, () => ({
      ids: [],
      times: [],
      stoppedBy: 'length',
    }));
  }

  get ended(): boolean {
    return this.windows.every(({ stoppedBy }) => stoppedBy !== 'length');
  }

  add(ids: Uint32Array, times: Uint32Array): void {
    const { EOS, PAD } = this.#layout.tokenizer.ids;
    for (const [row, window] of this.windows.entries()) {
      if (window.stoppedBy !== 'length') continue;
      window.ids.push(ids[row]!);
      window.times.push(times[row]!);
      if (ids[row] === EOS) window.stoppedBy = 'EOS';
      if (ids[row] === PAD) window.stoppedBy = 'PAD';
    }
  }
}

/** Recorded steps that draw a window position by position from kept keys and values. */
class Cache {
  readonly #layout: BatchLayout;
  readonly #batch: Batch;
  readonly #decoding: Decoding;
  readonly #begin: Step<ReturnType<Decoding['begin']>>;
  readonly #chunks: Step<Drawn[]>[] = [];

  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    batch: Batch,
    draw: (logits: NextLogits, n: number, last: Tensor) => Drawn,
  ) {
    this.#layout = layout;
    this.#batch = batch;
    const decoding = new Decoding(engine, model, modelSizes(layout.tokenizer), batch.size);
    this.#decoding = decoding;
    this.#begin = engine.record(() => decoding.begin(batch.inputs));
    const sources = this.#begin.value;
    const last = decoding.times.ids.reshape([batch.size]);
    for (let start = 0; start + 1 < layout.config.block_size.id; start += CHUNK) {
      const end = Math.min(start + CHUNK, layout.config.block_size.id - 1);
      const positions = Array.from({ length: end - start }, (_, n) => start + n);
      const drawOne = (n: number) => {
        const drawn = engine.scope(() => ({ ...draw(decoding.next(n, sources), n, last) }));
        engine.copy(drawn.ids, decoding.ids.ids);
        engine.copy(drawn.times, decoding.times.ids);
        return drawn;
      };
      this.#chunks.push(engine.record(() => positions.map(drawOne)));
    }
  }

  async draw(host: HostBatch, rows: Rows): Promise<void> {
    const { size } = this.#batch;
    this.#batch.write(host);
    this.#decoding.ids.write(new Uint32Array(size).fill(this.#layout.tokenizer.ids.SOS));
    this.#decoding.times.write(new Uint32Array(size));
    this.#begin.run();
    for (const chunk of this.#chunks) {
      const tensors = chunk.value.flatMap(({ ids, times }) => [ids, times]);
      const read = await chunk.runAndFetch(tensors).read();
      for (let n = 0; n < chunk.value.length; n++) {
        const [ids, times] = [read[2 * n]!, read[2 * n + 1]!];
        rows.add(new Uint32Array(ids), new Uint32Array(times));
      }
      if (rows.ended) return;
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
