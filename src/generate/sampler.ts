/** Drawing windows of spikes from a model, token by token. */

import type { Window } from '../data/windows.js';
import type { Engine } from '../gpu/engine.js';
import { Batch, type BatchLayout, type HostBatch } from '../neuroformer/batch.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { tokenLists } from '../tensor/embedding.js';
import { RandomState } from '../tensor/random.js';
import { type SampleOptions, sample } from '../tensor/sample.js';
import { slice } from '../tensor/sequence.js';

/** How one head draws: the settings of `sample`. */
export type DrawSettings = Pick<SampleOptions, 'temperature' | 'topK' | 'topP'>;

export interface SamplerSettings {
  readonly id?: DrawSettings;
  readonly time?: DrawSettings;
  readonly seed?: number;
}

/** Spikes of one window as tokens, the token it stopped at included. */
export interface GeneratedWindow {
  readonly ids: readonly number[];
  readonly times: readonly number[];
  readonly stoppedBy: 'EOS' | 'PAD' | 'length';
}

/** Streams of the two heads. */
const ID_SITE = 1;
const TIME_SITE = 2;

/** Draws the current windows of a batch from their pasts and everything else the model reads. */
export class Sampler {
  readonly #engine: Engine;
  readonly #model: Neuroformer;
  readonly #layout: BatchLayout;
  readonly #settings: SamplerSettings;
  readonly #random: RandomState;

  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    settings: SamplerSettings = {},
  ) {
    this.#engine = engine;
    this.#model = model;
    this.#layout = layout;
    this.#settings = settings;
    this.#random = new RandomState(engine, settings.seed ?? 0);
  }

  /** One window for each given, whose own spikes are not looked at: from SOS until EOS, PAD or a full block. */
  async generate(windows: readonly Window[]): Promise<GeneratedWindow[]> {
    const host = this.#layout.collate(windows);
    const batch = new Batch(this.#engine, this.#layout, windows.length);
    try {
      return await this.#draw(host, batch);
    } finally {
      batch.dispose();
    }
  }

  async #draw(host: HostBatch, batch: Batch): Promise<GeneratedWindow[]> {
    const { ids: neurons, times: steps } = this.#layout.tokenizer;
    const T = this.#layout.config.block_size.id;
    const ids = new Uint32Array(batch.size * T).fill(neurons.PAD);
    const times = new Float32Array(batch.size * T).fill(steps.PAD);
    const drawn = Array.from({ length: batch.size }, (_, row) => {
      ids[row * T] = neurons.SOS;
      times[row * T] = 0;
      return {
        ids: [] as number[],
        times: [] as number[],
        stoppedBy: 'length' as GeneratedWindow['stoppedBy'],
      };
    });
    let open = drawn.map((_, row) => row);
    for (let n = 0; n + 1 < T && open.length > 0; n++) {
      const mask = Uint32Array.from(ids, (token) => Number(token !== neurons.PAD));
      batch.write({ ...host, ids: tokenLists(ids, neurons.size), times, mask });
      const next = await this.#next(batch, n);
      for (const row of open) {
        const [id, time] = [next.ids[row]!, next.times[row]!];
        drawn[row]!.ids.push(id);
        drawn[row]!.times.push(time);
        ids[row * T + n + 1] = id;
        times[row * T + n + 1] = time;
        if (id === neurons.EOS) drawn[row]!.stoppedBy = 'EOS';
        if (id === neurons.PAD) drawn[row]!.stoppedBy = 'PAD';
      }
      open = open.filter((row) => drawn[row]!.stoppedBy === 'length');
    }
    return drawn;
  }

  /** What follows position n of every row. */
  async #next(batch: Batch, n: number): Promise<{ ids: Uint32Array; times: Uint32Array }> {
    this.#random.step = n;
    const { id, time } = this.#settings;
    const random = this.#random;
    const drawn = this.#engine.scope(() => {
      const { idLogits, timeLogits } = this.#model.forward(batch.inputs);
      const ids = sample(slice(idLogits, n, 1), { ...id, random, site: ID_SITE });
      const times = sample(slice(timeLogits, n, 1), { ...time, random, site: TIME_SITE });
      return { ids: ids.drawn, times: times.drawn };
    });
    const found = { ids: await drawn.ids.words(), times: await drawn.times.words() };
    drawn.ids.dispose();
    drawn.times.dispose();
    return found;
  }

  dispose(): void {
    this.#random.dispose();
  }
}
