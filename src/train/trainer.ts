/**
 * The training loop: updates, validation and checkpoints. A resumed run ends exactly as one that
 * was never stopped.
 */

import type { Engine } from '../gpu/engine.js';
import { DeviceLostError } from '../gpu/errors.js';
import { HostRandom } from '../math/random.js';
import { type HostBatch, modelSizes } from '../neuroformer/batch.js';
import { Neuroformer } from '../neuroformer/model.js';
import { loadNotes, type SavedModel } from '../neuroformer/saved.js';
import { TrainingStep } from '../neuroformer/step.js';
import { tuningWeights } from '../neuroformer/tuning.js';
import { ParameterStore } from '../nn/parameters.js';
import { RateSchedule } from '../nn/schedule.js';
import type { Watcher } from '../ports/watcher.js';
import { hideTokens, shuffleTies } from '../recording/augment.js';
import { BatchOrder } from '../recording/batch-order.js';
import { recencyWeights } from '../recording/splits.js';
import { RandomState } from '../tensor/random.js';
import { fileNames } from '../text/file-names.js';
import { formatCount, formatDuration } from '../text/format.js';
import { ConfigError } from '../text/schema.js';
import {
  readCheckpoint,
  restoreCheckpoint,
  type TrainingProgress,
  writeCheckpoint,
} from './checkpoint.js';
import { type EngineSource, withEngine } from './engine-source.js';
import { Evaluator } from './evaluate.js';
import { bestWeightsPath, LAST_CHECKPOINT, type RunRecords } from './run-records.js';
import type { TrainSettings } from './settings.js';
import type { TrainingData } from './training-data.js';
import { describeScores, type ValidationScores } from './validation-scores.js';
import { spreadWindows, windowBatches } from './window-batches.js';

/** What `trainModel` is given. */
export interface TrainerOptions {
  /** The windows, their split and the model's configuration. */
  readonly data: TrainingData;
  readonly settings: TrainSettings;
  /** Where checkpoints and metrics go. */
  readonly records: RunRecords;
  /** The engine to train on; if it is a function, a lost device is replaced. */
  readonly engine: EngineSource;
  /** Called with every engine before anything runs on it. */
  readonly onEngine?: (engine: Engine) => Promise<void>;
  /** Resumes from the last checkpoint. Default: starts a new run. */
  readonly resume?: boolean;
  /**
   * The model whose weights a new run starts from; not used to resume. Default: random weights.
   */
  readonly initialModel?: SavedModel;
  /** Receives notes and progress, and may stop training between updates. */
  readonly watcher: Watcher;
  /**
   * Called when a new run starts, after all checks and after the files of an earlier run were
   * removed.
   */
  readonly onStart?: () => Promise<void> | void;
}

/** How training ended. */
export interface TrainResult {
  /**
   * `done` after all updates, `patience` if validation stopped improving, `interrupted` if the
   * watcher asked to stop.
   */
  readonly stopped: 'done' | 'patience' | 'interrupted';
  /** Progress at the last update. */
  readonly progress: TrainingProgress;
}

/** Training cannot continue. The message is one sentence for the user. */
export class TrainingError extends Error {
  override name = 'TrainingError';
}

/** Maximum number of submitted updates whose losses are unread. */
const MAX_IN_FLIGHT = 2;
/** Number of device losses after which a run gives up. */
const MAX_LOST_DEVICES = 3;

/**
 * Trains a model until all updates are done, validation stops improving, or the watcher asks to
 * stop.
 *
 * A lost device is replaced, and training resumes from the last checkpoint.
 *
 * @throws ConfigError where settings do not fit the model or the run; TrainingError where the loss
 *   is not finite;
 * FileError where the store fails; GpuError from the device. The last checkpoint stays usable.
 */
export async function trainModel(options: TrainerOptions): Promise<TrainResult> {
  const { records, engine: source, watcher } = options;
  let resume = options.resume ?? false;
  const attempt = async (engine: Engine) => {
    await options.onEngine?.(engine);
    using trainer = engine.allOrNothing(() => new Trainer(engine, options));
    return await trainer.run(resume);
  };
  for (let attempts = 1; ; attempts++) {
    try {
      return await withEngine(source, attempt);
    } catch (error) {
      const isReplaceable = error instanceof DeviceLostError && typeof source === 'function';
      if (!isReplaceable || attempts >= MAX_LOST_DEVICES || !(await records.hasCheckpoint()))
        throw error;
      watcher.note(
        `The device was lost (${error.message}). Resuming from the last checkpoint on a new one.`,
      );
      resume = true;
    }
  }
}

/** Number of updates in a complete run. @param windows in the training part. */
export function totalUpdates(settings: TrainSettings, windows: number): number {
  const { steps, epochs, batch, accumulate } = settings;
  return steps ?? Math.max(1, Math.round((epochs * windows) / (batch * accumulate)));
}

/** An update that was submitted. */
type SubmittedUpdate = ReturnType<TrainingStep['run']>;

/**
 * Losses of submitted updates that were not read back yet, and sums of those read since the
 * previous means.
 */
class LossesInFlight {
  readonly #unread: { step: number; update: SubmittedUpdate }[] = [];
  #sums: Record<string, number> = {};
  #count = 0;

  /** Adds the losses of an update, and reads the oldest back if too many are unread. */
  async add(step: number, update: SubmittedUpdate): Promise<void> {
    this.#unread.push({ step, update });
    if (this.#unread.length > MAX_IN_FLIGHT) await this.#receive();
  }

  /** Reads back all losses. @throws TrainingError where one, or a gradient, is not finite. */
  async settle(): Promise<void> {
    while (this.#unread.length > 0) await this.#receive();
  }

  /** The mean of each loss over the updates since the previous call. */
  async means(): Promise<Record<string, number>> {
    await this.settle();
    const means = Object.entries(this.#sums).map(([name, sum]) => [name, sum / this.#count]);
    this.#sums = {};
    this.#count = 0;
    return Object.fromEntries(means);
  }

  /**
   * Reads the oldest losses back.
   *
   * @throws TrainingError where the total or the gradient is not finite. A gradient may be where a
   *   loss is not: kernels of some GPUs take NaN for 0.
   */
  async #receive(): Promise<void> {
    const { step, update } = this.#unread.shift()!;
    const [losses, norm] = await Promise.all([update.losses(), update.gradientNorm()]);
    const [what, value] = Number.isFinite(losses.loss)
      ? (['norm of the gradient', norm] as const)
      : (['loss', losses.loss] as const);
    if (!Number.isFinite(value))
      throw new TrainingError(
        `The ${what} at update ${step} is ${value}: training has diverged. Lower training.rate or clip gradients to a smaller norm (training.clip); the last checkpoint is intact.`,
      );
    for (const [name, value] of Object.entries(losses))
      this.#sums[name] = (this.#sums[name] ?? 0) + value;
    this.#count += 1;
  }
}

/** What validation found, in words: "validation loss 3.2145, position R2 0.970". */
function describeValidation(loss: number, scores: ValidationScores = {}): string {
  return [`validation loss ${loss.toFixed(4)}`, describeScores(scores)]
    .filter((words) => words !== '')
    .join(', ');
}

/** The training loop on one device. */
class Trainer {
  readonly #engine: Engine;
  readonly #options: TrainerOptions;
  readonly #store = new ParameterStore();
  readonly #model: Neuroformer;
  readonly #step: TrainingStep;
  readonly #evaluator: Evaluator | undefined;
  readonly #order: BatchOrder;
  readonly #schedule: RateSchedule;
  readonly #totalSteps: number;
  readonly #dropout: RandomState;
  readonly #losses = new LossesInFlight();
  #progress: TrainingProgress;
  /** Progress when this loop started, from which the pace is computed. */
  #startProgress: TrainingProgress;
  /** What the latest validation found, in words. */
  #validated = '';
  /** Time up to which the seconds of training are counted. */
  #countedUntil = performance.now();

  constructor(engine: Engine, options: TrainerOptions) {
    const { data, settings } = options;
    const { layout, config, split, windows } = data;
    if (settings.token_dropout > 0 && !config.rules.mask_padding)
      throw new ConfigError(
        'token_dropout hides tokens through the padding mask, so it needs rules.mask_padding.',
      );
    this.#engine = engine;
    this.#options = options;
    this.#totalSteps = totalUpdates(settings, split.train.length);
    this.#model = new Neuroformer(this.#store, config, {
      ...modelSizes(layout),
      ...(config.readout?.tuning &&
        !options.resume && { tuning: tuningWeights(layout, windows, split.train) }),
    });
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
    this.#evaluator = this.#createEvaluator();
    const weights =
      settings.half_life === undefined
        ? undefined
        : recencyWeights(data.windows, split.train, settings.half_life);
    this.#order = new BatchOrder(split.train.length, settings.batch, settings.seed, weights);
    const { rate, warmup, floor } = settings;
    this.#schedule = new RateSchedule({
      rate,
      warmup: warmup * this.#totalSteps,
      total: this.#totalSteps,
      floor,
      original: !config.rules.warmup_first,
    });
    const { fingerprint } = data;
    this.#progress = { step: 0, tokens: 0, best: {}, stale: 0, seconds: 0, fingerprint };
    this.#startProgress = this.#progress;
  }

  /** Trains until all updates are done or something stops it. */
  async run(resume: boolean): Promise<TrainResult> {
    await this.#start(resume);
    this.#countedUntil = performance.now();
    this.#startProgress = this.#progress;
    while (this.#progress.step < this.#totalSteps) {
      const rate = await this.#update();
      const stopped = await this.#afterUpdate(rate);
      if (stopped === 'patience') this.#noteEnd();
      if (stopped) return { stopped, progress: this.#progress };
    }
    this.#noteEnd();
    return { stopped: 'done', progress: this.#progress };
  }

  /** Notes how long training took, and the best validation. */
  #noteEnd(): void {
    const { step, seconds, best } = this.#progress;
    const lowest = best.loss
      ? ` Best at update ${formatCount(best.loss.step)}: ${describeValidation(best.loss.loss, best.loss.scores)}.`
      : '';
    this.#options.watcher.note(
      `${formatCount(step)} updates in ${formatDuration(seconds)}.${lowest}`,
    );
  }

  /** Submits one update. Returns its learning rate. */
  async #update(): Promise<number> {
    const { batch, accumulate } = this.#options.settings;
    const { step, tokens } = this.#progress;
    const rate = this.#schedule.rate(step, 1);
    await this.#losses.add(step + 1, this.#step.run(this.#batches(step), rate, step));
    const trained = batch * accumulate * this.#options.data.config.block_size.id;
    this.#progress = { ...this.#progress, step: step + 1, tokens: tokens + trained };
    return rate;
  }

  /** Logs, validates and saves when due. Returns why training stops early here, if it does. */
  async #afterUpdate(rate: number): Promise<'patience' | 'interrupted' | undefined> {
    const { settings, watcher } = this.#options;
    const { step } = this.#progress;
    const isLast = step === this.#totalSteps;
    const due = (every: number) => every > 0 && (step % every === 0 || isLast);
    if (due(settings.log_every)) await this.#log(rate);
    if (this.#evaluator && due(settings.validate_every)) await this.#validate();
    const isStale = settings.patience > 0 && this.#progress.stale >= settings.patience;
    const isInterrupted = watcher.shouldStop();
    if (isStale || isInterrupted || due(settings.checkpoint_every)) await this.#save();
    if (isLast) return undefined;
    if (isStale) return 'patience';
    return isInterrupted ? 'interrupted' : undefined;
  }

  /** Frees the GPU memory of the model, the optimizer and the batches. */
  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#evaluator?.[Symbol.dispose]();
    this.#dropout.dispose();
    this.#store.dispose();
  }

  /** Restores the last checkpoint, or starts a new run with a checkpoint of its initial weights. */
  async #start(resume: boolean): Promise<void> {
    const { records, initialModel, watcher, data } = this.#options;
    if (resume) {
      const checkpoint = await readCheckpoint(records.store, LAST_CHECKPOINT);
      if (checkpoint.progress.fingerprint !== data.fingerprint) {
        throw new ConfigError(
          'These are not the data this run was started with: resume with the same data, or start a new run.',
        );
      }
      const name = `${records.store.name}/${LAST_CHECKPOINT}`;
      restoreCheckpoint(checkpoint, this.#store, this.#step.optimizer, name);
      this.#progress = checkpoint.progress;
      await records.dropMetricsAfter(this.#progress.step);
      for (const sentence of checkpoint.notes) watcher.note(sentence);
      watcher.note(`Resuming at update ${this.#progress.step} of ${this.#totalSteps}.`);
      return;
    }
    const removed = await records.clear();
    if (removed.length > 0)
      watcher.note(`The earlier run in ${records.store.name} is removed: ${removed.join(', ')}.`);
    await this.#options.onStart?.();
    if (initialModel)
      for (const note of loadNotes(this.#store.assign(initialModel.tensors))) watcher.note(note);
    await this.#save();
  }

  #freeze(prefixes: readonly string[]): void {
    const names = [...this.#store].map(({ name }) => name);
    const unmatched = prefixes.find((prefix) => !names.some((name) => name.startsWith(prefix)));
    if (unmatched !== undefined)
      throw new ConfigError(
        `training.freeze lists ${unmatched}, but no parameter's name begins with it.`,
      );
    if (prefixes.length > 0)
      this.#store.freeze((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  }

  /** The evaluator of the validation windows; undefined if there is nothing to validate. */
  #createEvaluator(): Evaluator | undefined {
    const { data, settings } = this.#options;
    const { validation } = data.split;
    if (settings.validate_every === 0 || validation.length === 0) return undefined;
    const size = Math.min(settings.batch, validation.length, settings.validation_windows);
    return new Evaluator(this.#engine, this.#model, data.layout, size, settings.losses);
  }

  /** The batches of one update. They depend on the seed and the step alone. */
  #batches(step: number): HostBatch[] {
    const { data, settings } = this.#options;
    const { windows, split, layout } = data;
    const { accumulate, seed, shuffle_ties, token_dropout } = settings;
    return Array.from({ length: accumulate }, (_, n) => {
      const index = step * accumulate + n;
      const random = new HostRandom(seed + (index + 1) * 2 ** 32);
      const drawn = this.#order.batch(index).map((ref) => {
        const window = windows.at(split.train[ref]!);
        return shuffle_ties ? shuffleTies(window, random) : window;
      });
      const host = layout.collate(drawn);
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

  /** Writes a line of metrics, and reports the loss and the pace. */
  async #log(rate: number): Promise<void> {
    const { records, watcher } = this.#options;
    const losses = await this.#losses.means();
    this.#countSeconds();
    const { step, tokens, seconds } = this.#progress;
    await records.addMetrics({ step, kind: 'train', losses, tokens, seconds, rate });
    const elapsed = seconds - this.#startProgress.seconds;
    const secondsPerStep = elapsed / (step - this.#startProgress.step);
    const tokensPerSecond = (tokens - this.#startProgress.tokens) / elapsed;
    watcher.progress({
      activity: 'training',
      done: step,
      total: this.#totalSteps,
      unit: 'updates',
      detail: [
        `loss ${losses.loss!.toFixed(4)}`,
        ...(this.#validated ? [this.#validated] : []),
        `${formatCount(Math.round(tokensPerSecond))} tokens/s`,
      ].join('  '),
      secondsLeft: (this.#totalSteps - step) * secondsPerStep,
    });
  }

  /** Adds the time since the previous call to the run's seconds of training. */
  #countSeconds(): void {
    const now = performance.now();
    const seconds = this.#progress.seconds + (now - this.#countedUntil) / 1000;
    this.#countedUntil = now;
    this.#progress = { ...this.#progress, seconds };
  }

  /** Computes the validation losses, and saves the weights of every objective that improved. */
  async #validate(): Promise<void> {
    const { data, settings, records } = this.#options;
    await this.#losses.settle();
    const evaluator = this.#evaluator!;
    const refs = spreadWindows(data.split.validation, settings.validation_windows, evaluator.size);
    const { losses, scores } = await evaluator.evaluate(
      windowBatches(data.windows, data.layout, refs, evaluator.size),
    );
    const { step } = this.#progress;
    await records.addMetrics({ step, kind: 'validation', losses, scores });
    this.#validated = describeValidation(losses.loss, scores);
    const best = { ...this.#progress.best };
    const improved = Object.entries(losses).filter(
      ([name, loss]) => loss < (best[name]?.loss ?? Number.POSITIVE_INFINITY),
    );
    for (const [name, loss] of improved)
      best[name] = { loss, step, ...(name === 'loss' && { scores }) };
    const stale = improved.some(([name]) => name === 'loss') ? 0 : this.#progress.stale + 1;
    this.#progress = { ...this.#progress, best, stale };
    // With a single loss, the total is that loss.
    const objectives =
      Object.keys(losses).length > 2 ? improved : improved.filter(([name]) => name === 'loss');
    const names = Object.keys(losses);
    const files = fileNames(names);
    for (const [name] of objectives)
      await this.#write(bestWeightsPath(files[names.indexOf(name)]), false);
  }

  /** Writes the checkpoint that a run resumes from. */
  async #save(): Promise<void> {
    // Throws if a loss is not finite: diverged weights must not overwrite the checkpoint.
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
