/** Training settings: each with its default and the values it may have. */

import { type Part, SPLIT_PARTS } from '../recording/splits.js';
import {
  boolean,
  type Check,
  type Checked,
  ConfigError,
  formatValue,
  isOneOf,
  isRecord,
  list,
  number,
  object,
  optional,
  text,
  withDefault,
} from '../text/schema.js';

const share = number({ min: 0, max: 1 });
const integer = (min: number, max = 1e9) => number({ min, max, integer: true });

/** What a list of trials may be, in the words of a message. */
const TRIAL_LIST = 'a list of trial ids, or a text such as 0-27, 30';
/** The most trials of a range, so that a mistyped one does not fill the memory. */
const MAX_RANGE = 1e6;

/** Trial ids: a number, a text such as '0-27, 30', or a list of both; ascending, each once. */
const trialIds: Check<number[]> = (value, path) => {
  const items = (Array.isArray(value) ? value : [value]).flatMap((item: unknown) =>
    typeof item === 'string' ? item.split(',').map(parseRange) : [parseNumber(item)],
  );
  if (items.some((ids) => ids === undefined))
    throw new ConfigError(`${path} should be ${TRIAL_LIST}, but is ${formatValue(value)}.`);
  return [...new Set(items.flatMap((ids) => ids!))].sort((p, q) => p - q);
};

function parseNumber(item: unknown): number[] | undefined {
  return typeof item === 'number' && Number.isFinite(item) ? [item] : undefined;
}

/** The whole numbers of a text such as '3' or '3-7'; undefined where it is neither. */
function parseRange(text: string): number[] | undefined {
  const [, first, last = first] = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(text) ?? [];
  const length = Number(last) - Number(first) + 1;
  if (!(length >= 1 && length <= MAX_RANGE)) return undefined;
  return Array.from({ length }, (_, n) => Number(first) + n);
}

const fractions = object({
  /** Share of the training part. */
  train: withDefault(share, 0.7),
  /** Share of the validation part. */
  validation: withDefault(share, 0.1),
  /** Share of the test part. */
  test: withDefault(share, 0.2),
});

const FIELDS = {
  /** Windows in a batch. */
  batch: withDefault(integer(1, 65_536), 64),
  /**
   * Batches that make one update, as one batch of all their windows would: every token counts
   * alike. Only the contrastive loss compares windows within each of them.
   */
  accumulate: withDefault(integer(1, 4096), 1),
  /** Number of updates. Default: as many as `epochs` takes. */
  steps: optional(integer(1)),
  /** Passes over the training windows; used if `steps` is absent. */
  epochs: withDefault(number({ above: 0, max: 1e6 }), 10),
  /** Peak learning rate. */
  rate: withDefault(number({ above: 0 }), 1e-3),
  /** Share of the updates over which the learning rate rises to its peak. */
  warmup: withDefault(share, 0.05),
  /** Final learning rate, as a share of the peak; the rate falls to it along half a cosine. */
  floor: withDefault(share, 0.1),
  /** AdamW's decoupled weight decay, applied to linear weights. */
  decay: withDefault(number({ min: 0 }), 0.1),
  /** Global norm that gradients are clipped to; 0 turns clipping off. */
  clip: withDefault(number({ min: 0 }), 1),
  /**
   * Seed of the initial weights, the order of windows, dropout and everything else drawn at random.
   */
  seed: withDefault(number({ min: 0, max: 2 ** 32 - 1, integer: true }), 1),
  /**
   * Share of neuron tokens masked from attention keys and from means, drawn anew for every batch.
   */
  token_dropout: withDefault(number({ min: 0, max: 0.999 }), 0),
  /** Whether spikes of one time bin are put into random order. */
  shuffle_ties: withDefault(boolean, true),
  /** Names of the losses to train with. Default: all losses of the model. */
  losses: optional(list(text)),
  /** Prefixes of the names of parameters that are not trained. */
  freeze: withDefault(list(text), []),
  /** Seconds from one window's end to the next one's. Default: windows side by side. */
  every: optional(number({ above: 0 })),
  /**
   * Share of the training part, its latest windows, to train on; less than 1 helps with recordings
   * that drift.
   */
  recent: withDefault(number({ above: 0, max: 1 }), 1),
  /**
   * Seconds over which the weight of a training window halves: later windows are drawn more often.
   * Default: equal weights.
   */
  half_life: optional(number({ above: 0 })),
  /**
   * Share of the training windows (after `recent`) to train on, drawn by the seed: the amount of
   * labeled data.
   */
  share: withDefault(number({ above: 0, max: 1 }), 1),
  /** Seconds of the stretches of time that `share` draws. Default: it draws single windows. */
  stretch: optional(number({ above: 0 })),
  /** How windows are split into training, validation and test parts. */
  split: object({
    /**
     * `blocks` of time with gaps between them, whole `trials`, or, as in the original, single
     * windows.
     */
    kind: withDefault(isOneOf(['blocks', 'trials', 'interleaved-legacy']), 'blocks'),
    /** Share of each part; they add up to 1. Default, unless trials are listed: 0.7, 0.1, 0.2. */
    fractions: optional(fractions),
    /**
     * Trials only: the ids of the training part, such as 0-27, 30, instead of fractions. Default,
     * where other parts are listed: all trials that are in no other list. With it, trials that are
     * in no list are in no part.
     */
    train: optional(trialIds),
    /** Trials only: the ids of the validation part, instead of fractions. */
    validation: optional(trialIds),
    /** Trials only: the ids of the test part, instead of fractions. */
    test: optional(trialIds),
    /**
     * Seed that draws trials or windows; not used by blocks and lists. Default: the run's seed.
     */
    seed: optional(number({ min: 0, max: 2 ** 32 - 1, integer: true })),
    /** Blocks only: how many times the sequence of the three parts is repeated. */
    repeats: withDefault(integer(1, 1000), 1),
    /** Blocks only: the order of the three parts in time. */
    order: withDefault<Part[]>(list(isOneOf(SPLIT_PARTS), 3), [...SPLIT_PARTS]),
    /** Blocks only: seconds left out between blocks. Default: as far as windows reach back. */
    gap: optional(number({ min: 0 })),
  }),
  /** Updates between validations; 0 turns validation off. */
  validate_every: withDefault(integer(0), 100),
  /** Maximum number of windows in a validation. */
  validation_windows: withDefault(integer(1), 2000),
  /**
   * Validations without a lower total loss after which training stops early; 0 never stops early.
   */
  patience: withDefault(integer(0), 0),
  /** Updates between checkpoints. */
  checkpoint_every: withDefault(integer(1), 200),
  /** Updates between lines of metrics. */
  log_every: withDefault(integer(1), 10),
} as const;

const checkFields = object(FIELDS);

/**
 * Checked training settings with every default filled in. The split has either fractions or lists
 * of trials.
 */
export type TrainSettings = Checked<typeof checkFields>;

/**
 * A run's split with its seed written out, so that another run with another seed can use the same
 * split.
 */
export function splitWithSeed({ split, seed }: TrainSettings): TrainSettings['split'] {
  return { ...split, seed: split.seed ?? seed };
}

/**
 * Reads training settings from a plain object.
 *
 * @throws ConfigError naming the key, its allowed values and the given one.
 */
export function parseTrainSettings(raw: unknown = {}): TrainSettings {
  if (!isRecord(raw))
    throw new ConfigError(`training should be keys with values, but is ${formatValue(raw)}.`);
  const settings = checkFields(raw, 'training');
  const { split } = settings;
  if (new Set(split.order).size < 3)
    throw new ConfigError('training.split.order should name train, validation and test once each.');
  if (SPLIT_PARTS.some((part) => split[part] !== undefined)) {
    checkTrialLists(split);
    return settings;
  }
  const complete = split.fractions ?? fractions({}, 'training.split.fractions');
  checkFractions(complete);
  return { ...settings, split: { ...split, fractions: complete } };
}

function checkFractions({ train, validation, test }: Checked<typeof fractions>): void {
  const sum = train + validation + test;
  if (Math.abs(sum - 1) > 1e-9)
    throw new ConfigError(
      `training.split.fractions should add up to 1, but train ${train}, validation ${validation} and test ${test} add up to ${Number(sum.toPrecision(6))}; fractions that are not given keep their defaults.`,
    );
  if (train === 0)
    throw new ConfigError('training.split.fractions.train should be above 0, but is 0.');
}

function checkTrialLists(split: TrainSettings['split']): void {
  const listed = SPLIT_PARTS.filter((part) => split[part] !== undefined);
  if (split.kind !== 'trials')
    throw new ConfigError(
      `training.split.${listed[0]} lists trials, so training.split.kind should be trials, but is ${split.kind}.`,
    );
  if (split.fractions !== undefined)
    throw new ConfigError(
      `training.split has both fractions and a list of trials (${listed.join(', ')}): give one of them.`,
    );
  if (split.train?.length === 0)
    throw new ConfigError(
      'training.split.train should list at least one trial; left out, it is all trials that validation and test do not list.',
    );
  const partOf = new Map<number, Part>();
  for (const part of listed) {
    for (const id of split[part]!) {
      const other = partOf.get(id);
      if (other !== undefined)
        throw new ConfigError(`training.split lists trial ${id} for both ${other} and ${part}.`);
      partOf.set(id, part);
    }
  }
}

/**
 * A run's split as the start of a changed one. Fractions and lists of trials replace each other, so
 * it lacks what the changes replace.
 *
 * @param changes the keys of `split` that are set anew, unchecked.
 */
export function splitToChange(
  earlier: TrainSettings,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const listsTrials = SPLIT_PARTS.some((part) => part in changes);
  const hasFractions = 'fractions' in changes || (changes.kind ?? 'trials') !== 'trials';
  const replaced: readonly string[] = listsTrials ? ['fractions'] : hasFractions ? SPLIT_PARTS : [];
  const kept = Object.entries(splitWithSeed(earlier)).filter(([key]) => !replaced.includes(key));
  return Object.fromEntries(kept);
}
