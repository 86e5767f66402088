/** The trainer: updates, looks at validation windows, checkpoints; and going on after a stop as if there had been none. */

import type { Engine } from '../gpu/engine.js';
import { DeviceLostError } from '../gpu/errors.js';
import { HostRandom } from '../math/random.js';
import { type HostBatch, modelSizes } from '../neuroformer/batch.js';
import { Neuroformer } from '../neuroformer/model.js';
import { loadNotes, type SavedModel } from '../neuroformer/saved.js';
import { type StepLosses, TrainingStep } from '../neuroformer/step.js';
import { ParameterStore } from '../nn/parameters.js';
import { RateSchedule } from '../nn/schedule.js';
import type { Watcher } from '../ports/watcher.js';
import { hideTokens, shuffleTies } from '../recording/augment.js';
import { BatchOrder } from '../recording/batch-order.js';
import { recencyWeights } from '../recording/splits.js';
import { RandomState } from '../tensor/random.js';
import { grouped } from '../text/format.js';
import { ConfigError } from '../text/schema.js';
import {
  readCheckpoint,
  restoreCheckpoint,
  type TrainingProgress,
  writeCheckpoint,
} from './checkpoint.js';
import { type EngineSource, withEngine } from './engine-source.js';
import { Evaluator, spreadWindows, windowBatches } from './evaluate.js';
import { bestWeightsPath, LAST_CHECKPOINT, type RunRecords } from './run-records.js';
import type { TrainSettings } from './settings.js';
import type { TrainingData } from './training-data.js';

export interface TrainerOptions {
  readonly data: TrainingData;
  readonly settings: TrainSettings;
  readonly records: RunRecords;
  readonly engine: EngineSource;
  /** Called with each engine before anything runs on it. */
  readonly onEngine?: (engine: Engine) => Promise<void>;
  /** Goes on from the last checkpoint. */
  readonly resume?: boolean;
  /** Weights to begin from. */
  readonly initialModel?: SavedModel;
  readonly watcher: Watcher;
  /** Called when a new run begins: everything was checked, and what an earlier run left is gone. */
  readonly onStart?: () => Promise<void> | void;
}

export interface TrainResult {
  readonly stopped: 'done' | 'patience' | 'interrupted';
  readonly progress: TrainingProgress;
}

/** Training that cannot go on; one sentence. */
export class TrainingError extends Error {
  override name = 'TrainingError';
}

/** Losses that may be on their way while the next updates are sent. */
const MAX_IN_FLIGHT = 2;
/** Devices that may be lost before a run gives up. */
const MAX_LOST_DEVICES = 3;

/**
 * Trains a model until its updates are done, its patience is out, or somebody asks it to stop.
 *
 * @throws FileError, ConfigError, or what the device says; the last checkpoint stays usable.
 */
export async function trainModel(options: TrainerOptions): Promise<TrainResult> {
  const { records, engine: source, watcher } = options;
  let resume = options.resume ?? false;
  const attempt = async (engine: Engine) => {
    await options.onEngine?.(engine);
    using session = new Trainer(engine, options);
    return await session.run(resume);
  };
  for (let lost = 1; ; lost++) {
    try {
      return await withEngine(source, attempt);
    } catch (error) {
      const isLoss = error instanceof DeviceLostError && typeof source === 'function';
      if (!isLoss || lost >= MAX_LOST_DEVICES || !(await records.hasCheckpoint())) throw error;
      watcher.note(
        `The device was lost (${error.message}); going on from the last checkpoint on a new one.`,
      );
      resume = true;
    }
  }
}

/** Updates a run makes in all. */
export function totalUpdates(settings: TrainSettings, windows: number): number {
  const { steps, epochs, batch, accumulate } = settings;
  return steps ?? Math.max(1, Math.round((epochs * windows) / (batch * accumulate)));
}

/** Losses of updates that were sent and not yet read, and the sums of those that were since the last means. */
class LossesInFlight {
  readonly #waiting: { step: number; losses: () => Promise<StepLosses> }[] = [];
  #sums: Record<string, number> = {};
  #count = 0;

  /** Adds an update's, and reads the oldest where too many are on their way. */
  async add(step: number, losses: () => Promise<StepLosses>): Promise<void> {
    this.#waiting.push({ step, losses });
    if (this.#waiting.length > MAX_IN_FLIGHT) await this.#receive();
  }

  /** Reads all that are on their way. */
  async settle(): Promise<void> {
    while (this.#waiting.length > 0) await this.#receive();
  }

  /** The mean of each loss since this was last asked. */
  async means(): Promise<Record<string, number>> {
    await this.settle();
    const means = Object.entries(this.#sums).map(([name, sum]) => [name, sum / this.#count]);
    this.#sums = {};
    this.#count = 0;
    return Object.fromEntries(means);
  }

  /** @throws Error where a loss is no number. */
  async #receive(): Promise<void> {
    const { step, losses } = this.#waiting.shift()!;
    const found = await losses();
    if (!Number.isFinite(found.loss)) {
      throw new TrainingError(
        `The loss of update ${step} is ${found.loss}: the weights have run away. Lower the rate, or clip more; the last checkpoint is whole.`,
      );
    }
    for (const [name, value] of Object.entries(found))
      this.#sums[name] = (this.#sums[name] ?? 0) + value;
    this.#count += 1;
  }
}

/** Training on one device. */
class Trainer {
  readonly #engine: Engine;
  readonly #options: TrainerOptions;
  readonly #store = new ParameterStore();
  readonly #model: Neuroformer;
  readonly #step: TrainingStep;
  readonly #evaluator: Evaluator | undefined;
  readonly #order: BatchOrder;
  readonly #schedule: RateSchedule;
  readonly #steps: number;
  readonly #dropout: RandomState;
  readonly #losses = new LossesInFlight();
  #progress: TrainingProgress;
  /** Where this session began, and when the clock was last looked at. */
  #startProgress: TrainingProgress;
  #clockStart = performance.now();

  constructor(engine: Engine, options: TrainerOptions) {
    const { data, settings } = options;
    const { layout, config, tokenizer, split } = data;
    if (settings.token_dropout > 0 && !config.rules.mask_padding)
      throw new ConfigError(
        'token_dropout hides tokens by the padding mask: it needs rules.mask_padding.',
      );
    this.#engine = engine;
    this.#options = options;
    this.#steps = totalUpdates(settings, split.train.length);
    this.#model = new Neuroformer(this.#store, config, modelSizes(tokenizer));
    this.#store.allocate(engine, settings.seed);
    this.#freeze(settings.freeze);
    this.#dropout = new RandomState(engine, settings.seed);
    this.#step = new TrainingStep(engine, this.#store, this.#model, layout, settings.batch, {
      decay: settings.decay,
      maxNorm: settings.clip,
      losses: settings.losses,
      accumulate: settings.accumulate,
      dropout: this.#dropout,
    });
    this.#evaluator = this.#makeEvaluator();
    const weights =
      settings.half_life === undefined
        ? undefined
        : recencyWeights(data.windows, split.train, settings.half_life);
    this.#order = new BatchOrder(split.train.length, settings.batch, settings.seed, weights);
    const { rate, warmup, floor } = settings;
    this.#schedule = new RateSchedule({
      rate,
      warmup: warmup * this.#steps,
      total: this.#steps,
      floor,
      original: !config.rules.warmup_first,
    });
    const { fingerprint } = data;
    this.#progress = { step: 0, tokens: 0, best: {}, stale: 0, seconds: 0, fingerprint };
    this.#startProgress = this.#progress;
  }

  async run(resume: boolean): Promise<TrainResult> {
    await this.#start(resume);
    this.#clockStart = performance.now();
    this.#startProgress = this.#progress;
    while (this.#progress.step < this.#steps) {
      const rate = await this.#update();
      const stopped = await this.#afterUpdate(rate);
      if (stopped) return { stopped, progress: this.#progress };
    }
    const { step, seconds } = this.#progress;
    this.#options.watcher.note(`${step} updates in ${seconds.toFixed(1)} s.`);
    return { stopped: 'done', progress: this.#progress };
  }

  /** Sends one update; returns its learning rate. */
  async #update(): Promise<number> {
    const { batch, accumulate } = this.#options.settings;
    const { step, tokens } = this.#progress;
    const rate = this.#schedule.rate(step, 1);
    const { losses } = this.#step.run(this.#hosts(step), rate, step);
    await this.#losses.add(step + 1, losses);
    const seen = batch * accumulate * this.#options.data.config.block_size.id;
    this.#progress = { ...this.#progress, step: step + 1, tokens: tokens + seen };
    return rate;
  }

  /** Logs, validates and saves where it is time to; says whether, and why, training ends here. */
  async #afterUpdate(rate: number): Promise<'patience' | 'interrupted' | undefined> {
    const { settings, watcher } = this.#options;
    const { step } = this.#progress;
    const done = step === this.#steps;
    const due = (every: number) => every > 0 && (step % every === 0 || done);
    if (due(settings.log_every)) await this.#log(rate);
    if (this.#evaluator && due(settings.validate_every)) await this.#validate();
    const impatient = settings.patience > 0 && this.#progress.stale >= settings.patience;
    const asked = watcher.shouldStop();
    if (impatient || asked || due(settings.checkpoint_every)) await this.#save();
    if (done) return undefined;
    if (impatient) return 'patience';
    return asked ? 'interrupted' : undefined;
  }

  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#evaluator?.[Symbol.dispose]();
    this.#dropout.dispose();
    this.#store.dispose();
  }

  async #start(resume: boolean): Promise<void> {
    const { records, initialModel: from, watcher, data } = this.#options;
    if (resume) {
      const checkpoint = await readCheckpoint(records.store, LAST_CHECKPOINT);
      if (checkpoint.progress.fingerprint !== data.fingerprint) {
        throw new ConfigError(
          'The data are not those this run was started with: resume with the same, or start a run of its own.',
        );
      }
      const name = `${records.store.name}/${LAST_CHECKPOINT}`;
      await restoreCheckpoint(checkpoint, this.#store, this.#step.optimizer, name);
      this.#progress = checkpoint.progress;
      await records.dropMetricsAfter(this.#progress.step);
      watcher.note(`Going on from update ${this.#progress.step} of ${this.#steps}.`);
      return;
    }
    await records.clear();
    await this.#options.onStart?.();
    if (from)
      for (const note of loadNotes(await this.#store.assign(from.tensors))) watcher.note(note);
    await this.#save();
  }

  #freeze(prefixes: readonly string[]): void {
    const names = [...this.#store].map(({ name }) => name);
    const idle = prefixes.find((prefix) => !names.some((name) => name.startsWith(prefix)));
    if (idle !== undefined)
      throw new ConfigError(`freeze names ${idle}, but no parameter's name begins so.`);
    if (prefixes.length > 0)
      this.#store.freeze((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  }

  #makeEvaluator(): Evaluator | undefined {
    const { data, settings } = this.#options;
    const { validation } = data.split;
    if (settings.validate_every === 0 || validation.length === 0) return undefined;
    const size = Math.min(settings.batch, validation.length, settings.validation_windows);
    return new Evaluator(this.#engine, this.#model, data.layout, size, settings.losses);
  }

  /** The batches of one update: a function of seed and step alone. */
  #hosts(step: number): HostBatch[] {
    const { data, settings } = this.#options;
    const { windows, split, layout } = data;
    const { accumulate, seed, shuffle_ties, token_dropout } = settings;
    return Array.from({ length: accumulate }, (_, n) => {
      const place = step * accumulate + n;
      const random = new HostRandom(seed + (place + 1) * 2 ** 32);
      const made = this.#order.batch(place).map((at) => {
        const window = windows.at(split.train[at]!);
        return shuffle_ties ? shuffleTies(window, random) : window;
      });
      const host = layout.collate(made);
      if (token_dropout === 0) return host;
      const isNeuron = (token: number) => layout.tokenizer.ids.isNeuron(token);
      const hide = (mask: HostBatch['mask'], { ids }: HostBatch['ids']) =>
        hideTokens(mask, ids, isNeuron, token_dropout, random);
      return {
        ...host,
        mask: hide(host.mask, host.ids),
        pastMask: hide(host.pastMask, host.pastIds),
      };
    });
  }

  async #log(rate: number): Promise<void> {
    const { records, watcher } = this.#options;
    const losses = await this.#losses.means();
    this.#countSeconds();
    const { step, tokens, seconds } = this.#progress;
    await records.addMetrics({ step, kind: 'train', losses, tokens, seconds, rate });
    const made = step - this.#startProgress.step;
    const perStep = (seconds - this.#startProgress.seconds) / made;
    const pace = (tokens - this.#startProgress.tokens) / (seconds - this.#startProgress.seconds);
    watcher.progress({
      activity: 'training',
      done: step,
      total: this.#steps,
      unit: 'updates',
      detail: `loss ${losses.loss!.toFixed(4)}  ${grouped(Math.round(pace))} tokens/s`,
      secondsLeft: (this.#steps - step) * perStep,
    });
  }

  /** Adds the time since it was last asked to that of the run. */
  #countSeconds(): void {
    const now = performance.now();
    const seconds = this.#progress.seconds + (now - this.#clockStart) / 1000;
    this.#clockStart = now;
    this.#progress = { ...this.#progress, seconds };
  }

  async #validate(): Promise<void> {
    const { data, settings, records } = this.#options;
    await this.#losses.settle();
    const evaluator = this.#evaluator!;
    const refs = spreadWindows(data.split.validation, settings.validation_windows, evaluator.size);
    const losses = await evaluator.losses(
      windowBatches(data.windows, data.layout, refs, evaluator.size),
    );
    const { step } = this.#progress;
    await records.addMetrics({ step, kind: 'validation', losses });
    const best = { ...this.#progress.best };
    const improved = Object.entries(losses).filter(
      ([name, loss]) => loss < (best[name]?.loss ?? Number.POSITIVE_INFINITY),
    );
    for (const [name, loss] of improved) best[name] = { loss, step };
    const stale = improved.some(([name]) => name === 'loss') ? 0 : this.#progress.stale + 1;
    this.#progress = { ...this.#progress, best, stale };
    // With a single loss the total is that loss.
    const objectives =
      Object.keys(losses).length > 2 ? improved : improved.filter(([name]) => name === 'loss');
    for (const [name] of objectives) await this.#write(bestWeightsPath(name), false);
  }

  async #save(): Promise<void> {
    // A loss that is no number must not reach a checkpoint.
    await this.#losses.settle();
    this.#countSeconds();
    await this.#write(LAST_CHECKPOINT, true);
  }

  #write(path: string, withOptimizer: boolean): Promise<void> {
    const { data, records } = this.#options;
    const { config, tokenizer } = data;
    return writeCheckpoint(
      records.store,
      path,
      this.#store,
      config,
      tokenizer,
      this.#progress,
      withOptimizer,
    );
  }
}
