/** Compares greedy generation and decoding with a `generate-*` folder, token by token. */

import { basename } from 'node:path';
import { type Engine, type HostTensor, ParameterStore } from '../../src/engine.js';
import { type GeneratedWindow, Sampler } from '../../src/generate/sampler.js';
import { Batch, BatchLayout, windowSettings } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { assembleRecording, type Trial } from '../../src/recording/recording.js';
import { Tokenizer } from '../../src/recording/tokenizer.js';
import { type Window, Windows } from '../../src/recording/windows.js';
import { readJson, readTensors } from './golden-case.js';
import type { Tally } from './tally.js';

interface GenerateConfig {
  model: Record<string, unknown> & {
    resolution: { dt: number; frames: number };
    modalities?: Record<string, { variables: Record<string, { dt: number }> }>;
  };
  vocab: { id: { neurons: number } };
  intervals: number[];
}

interface Mode {
  windows: {
    interval: number;
    past_was_replaced: boolean;
    id_prev: number[];
    dt_prev: number[];
    generated_id: number[];
    generated_dt: number[];
    stopped_by: string;
  }[];
  returned: { ID: number[]; dt: (number | string)[] };
}

interface Generated {
  true_past: Mode;
  own_past: Mode;
  decode?: { variable: string; true: number[] } & Record<string, unknown>;
}

const SPECIAL_TOKENS = ['SOS', 'EOS', 'PAD'];

/** The contents of a folder: a recording, a trained model, and what the original drew from it. */
export class GoldenGeneration {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #config: GenerateConfig;
  readonly #store = new ParameterStore();
  readonly #model: Neuroformer;
  readonly #layout: BatchLayout;
  readonly #windows: Windows;

  constructor(engine: Engine, folder: string) {
    this.#engine = engine;
    this.#folder = folder;
    this.#config = readJson<GenerateConfig>(folder, 'config');
    const { model, vocab } = this.#config;
    const data = readTensors(folder, 'data')!;
    const { config } = parseConfig({ ...model, compat: 'original' });
    const { window, resolution } = config;
    const tokenizer = new Tokenizer({
      neurons: vocab.id.neurons,
      dt: resolution.dt,
      current: window.curr,
      past: window.prev,
      classes: {},
    });
    const recording = assembleRecording(basename(folder), [goldenTrial(data, this.#config)]);
    this.#windows = new Windows(recording, windowSettings(config, tokenizer));
    this.#layout = new BatchLayout(config, tokenizer, recording);
    const { ids, times } = tokenizer;
    this.#model = new Neuroformer(this.#store, config, { ids: ids.size, times: times.size });
    this.#store.allocate(engine, 1);
  }

  /** Runs all comparisons. */
  async check(tally: Tally): Promise<void> {
    const weights = readTensors(this.#folder, 'weights')!;
    tally.same('parameters', 'names in weights', this.#store.assign(weights).missing, []);
    const generated = readJson<Generated>(this.#folder, 'generate');
    for (const mode of ['true_past', 'own_past'] as const)
      await this.#checkMode(mode, generated[mode], tally);
    if (generated.decode) await this.#checkDecoding(generated.decode, tally);
  }

  dispose(): void {
    this.#store.dispose();
  }

  async #checkMode(name: 'true_past' | 'own_past', mode: Mode, tally: Tally): Promise<void> {
    const windows = mode.windows.map(({ interval }, n) => {
      const window = this.#windows.at({ trialIndex: 0, end: interval });
      return name === 'own_past' && this.#replacesPast(n) ? withReorderedPast(window) : window;
    });
    for (const [n, { past }] of windows.entries()) {
      const expected = mode.windows[n]!;
      tally.same(`${name}: past`, `window ${n}`, [...past.ids], expected.id_prev);
      tally.same(`${name}: past`, `window ${n}`, [...past.times], expected.dt_prev);
    }
    const greedy = { temperature: 0 };
    const sampler = new Sampler(this.#engine, this.#model, this.#layout, windows.length, {
      id: greedy,
      time: greedy,
    });
    const generated = await sampler.generate(windows);
    sampler.dispose();
    for (const [n, { ids, times, stoppedBy }] of generated.entries()) {
      const expected = mode.windows[n]!;
      tally.same(`${name}: tokens`, `neurons of window ${n}`, ids, expected.generated_id);
      tally.same(`${name}: tokens`, `times of window ${n}`, times, expected.generated_dt);
      tally.same(`${name}: tokens`, `end of window ${n}`, stoppedBy, expected.stopped_by);
    }
    this.#checkReturned(name, generated, mode, tally);
  }

  /**
   * Whether the original uses its generated past for window n: after enough windows are drawn
   * (quirk 12).
   */
  #replacesPast(n: number): boolean {
    const { current, past } = this.#windows.settings;
    return n > past / current;
  }

  /** Compares the neurons and seconds that the original's function returns. */
  #checkReturned(
    name: string,
    generated: readonly GeneratedWindow[],
    mode: Mode,
    tally: Tally,
  ): void {
    const { ids: neurons, times: steps } = this.#layout.tokenizer;
    const spikes = generated.flatMap(({ ids, times }) =>
      ids.map((id, n) => ({ id, time: times[n]! })),
    );
    // Quirk 13: a drawn SOS is returned as the neuron before it.
    if (spikes.some(({ id }) => id === neurons.SOS)) return;
    const neuronSpikes = spikes.filter(({ id }) => neurons.isNeuron(id));
    const seconds = neuronSpikes.map(
      ({ time }) => steps.decode(time) ?? SPECIAL_TOKENS[time - steps.SOS],
    );
    tally.same(
      `${name}: returned`,
      'neurons',
      neuronSpikes.map(({ id }) => id),
      mode.returned.ID,
    );
    tally.same(`${name}: returned`, 'seconds', seconds, mode.returned.dt);
  }

  async #checkDecoding(decode: NonNullable<Generated['decode']>, tally: Tally): Promise<void> {
    const windows = this.#config.intervals.map((end) => this.#windows.at({ trialIndex: 0, end }));
    const host = this.#layout.collate(windows);
    const batch = new Batch(this.#engine, this.#layout, windows.length);
    batch.write(host);
    const { predictions } = this.#engine.scope(() => this.#model.forward(batch.inputs));
    const { variable } = decode;
    const key = Object.keys(decode).find((name) => name.endsWith(`_${variable}_value`))!;
    const generated = await predictions[variable]!.floats();
    const allowed = (value: number) => 5e-5 + 1e-4 * Math.abs(value);
    tally.near('decoding', variable, generated, decode[key] as number[], allowed);
    tally.near('decoding', `true ${variable}`, host.targets[variable]!, decode.true, () => 1e-7);
    batch.dispose();
  }
}

/**
 * The past sorted by descending time token, so that padding comes first; equal times keep their
 * order.
 */
function withReorderedPast(window: Window): Window {
  const { past } = window;
  const order = Array.from(past.times.keys()).sort((p, q) => past.times[q]! - past.times[p]!);
  const reorder = (tokens: Int32Array) => Int32Array.from(order, (n) => tokens[n]!);
  return { ...window, past: { ...past, ids: reorder(past.ids), times: reorder(past.times) } };
}

function goldenTrial(data: ReadonlyMap<string, HostTensor>, { model }: GenerateConfig): Trial {
  const { data: spikes, shape } = data.get('spikes')!;
  const [neurons, bins] = shape as [number, number];
  const { dt, frames } = model.resolution;
  const counts = Array.from({ length: neurons }, (_, n) =>
    spikes.subarray(n * bins, (n + 1) * bins),
  );
  const groups = Object.values(model.modalities ?? {});
  const steps = groups.flatMap(({ variables }) => Object.entries(variables));
  const video = data.get('frames');
  return {
    id: 0,
    start: 0,
    duration: bins * dt,
    spikes: { counts, dt },
    ...(video && {
      video: {
        data: video.data as Float32Array,
        count: video.shape[0]!,
        height: video.shape[1]!,
        width: video.shape[2]!,
        dt: frames,
      },
    }),
    variables: Object.fromEntries(
      steps.map(([name, { dt: step }]) => [name, { values: data.get(name)!.data, dt: step }]),
    ),
  };
}
