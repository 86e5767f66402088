/** How a model is trained: every setting with its default, and what it is checked against. */

import { type Part, SPLIT_PARTS } from '../recording/splits.js';
import {
  boolean,
  type Checked,
  ConfigError,
  defaulted,
  isOneOf,
  isRecord,
  list,
  number,
  object,
  optional,
  show,
  text,
} from '../text/schema.js';

const share = number({ min: 0, max: 1 });
const whole = (min: number) => number({ min, integer: true });

const fractions = object({
  train: defaulted(share, 0.7),
  validation: defaulted(share, 0.1),
  test: defaulted(share, 0.2),
});

const FIELDS = {
  /** Windows an update sees at once, and how many such batches before it. */
  batch: defaulted(whole(1), 64),
  accumulate: defaulted(whole(1), 1),
  /** Updates; `epochs` says the same in passes over the training windows, and is used where steps is absent. */
  steps: optional(whole(1)),
  epochs: defaulted(number({ above: 0 }), 10),
  /** Highest learning rate; it rises over `warmup` of the updates and falls by half a cosine to `floor` of itself. */
  rate: defaulted(number({ above: 0 }), 1e-3),
  warmup: defaulted(share, 0.05),
  floor: defaulted(share, 0.1),
  /** Of AdamW: decoupled decay of linear weights, and the length gradients are clipped to; 0 leaves them. */
  decay: defaulted(number({ min: 0 }), 0.1),
  clip: defaulted(number({ min: 0 }), 1),
  /** Of initial weights, order, dropout and everything else drawn at random. */
  seed: defaulted(number({ min: 0, max: 2 ** 32 - 1, integer: true }), 1),
  /** Share of neuron tokens that are hidden as keys and from means, drawn anew for every batch. */
  token_dropout: defaulted(number({ min: 0, max: 0.999 }), 0),
  /** Spikes of one time bin come in random order. */
  shuffle_ties: defaulted(boolean, true),
  /** Trains by these losses alone; default: all there are. */
  losses: optional(list(text)),
  /** Parameters that do not move: those whose names begin with one of these. */
  freeze: defaulted(list(text), []),
  /** Seconds from one training window's end to the next; default: side by side. */
  every: optional(number({ above: 0 })),
  /** The latest share of the training part that is trained on: what a recording that drifts is best known by. */
  recent: defaulted(number({ above: 0, max: 1 }), 1),
  /** Seconds after which a training window counts half: later ones come more often. Default: all as often. */
  half_life: optional(number({ above: 0 })),
  /** The share of the training windows, or of the latest of them, that is trained on, drawn by the seed: how much labelled data there is. */
  share: defaulted(number({ above: 0, max: 1 }), 1),
  split: object({
    kind: defaulted(isOneOf(['blocks', 'trials', 'interleaved-legacy']), 'blocks'),
    fractions,
    /** Of trials and windows drawn at random: by which seed; default: the run's. */
    seed: optional(number({ min: 0, max: 2 ** 32 - 1, integer: true })),
    /** Of blocks: how often train, validation and test follow each other. */
    repeats: defaulted(whole(1), 1),
    /** Of blocks: which of them comes first. */
    order: defaulted<Part[]>(list(isOneOf(SPLIT_PARTS), 3), [...SPLIT_PARTS]),
    /** Of blocks: seconds left out; default: as far as windows reach back. */
    gap: optional(number({ min: 0 })),
  }),
  /** Updates between two looks at the validation windows, at most `validation_windows` of them; 0 never looks. */
  validate_every: defaulted(whole(0), 100),
  validation_windows: defaulted(whole(1), 2000),
  /** Looks without a better total before training stops; 0 never stops early. */
  patience: defaulted(whole(0), 0),
  /** Updates between two checkpoints, and between two lines of metrics. */
  checkpoint_every: defaulted(whole(1), 200),
  log_every: defaulted(whole(1), 10),
} as const;

const checkFields = object(FIELDS);

/** Checked settings with every default filled in. */
export type TrainSettings = Checked<typeof checkFields>;

/** The split of a run as another run can have it, whatever that one's seed. */
export function splitWithSeed({ split, seed }: TrainSettings): TrainSettings['split'] {
  return { ...split, seed: split.seed ?? seed };
}

/**
 * Reads training settings from a plain object.
 *
 * @throws ConfigError naming the key's path, what is allowed and what it is.
 */
export function parseTrainSettings(raw: unknown = {}): TrainSettings {
  if (!isRecord(raw))
    throw new ConfigError(`training should be keys with values, but is ${show(raw)}.`);
  const settings = checkFields(raw, 'training');
  const { fractions } = settings.split;
  const sum = fractions.train + fractions.validation + fractions.test;
  if (Math.abs(sum - 1) > 1e-9)
    throw new ConfigError(
      `training.split.fractions should add up to 1, but train ${fractions.train}, validation ${fractions.validation} and test ${fractions.test} add up to ${Number(sum.toPrecision(6))}; what is not given has its default.`,
    );
  if (fractions.train === 0)
    throw new ConfigError('training.split.fractions.train should be above 0, but is 0.');
  if (new Set(settings.split.order).size < 3)
    throw new ConfigError('training.split.order should name train, validation and test once each.');
  return settings;
}
