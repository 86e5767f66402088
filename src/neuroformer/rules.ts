/** Switches for the differences between the paper and the original code. */

/**
 * What each switch does when it is on, and what the original does. The original code contradicts
 * its paper, or itself, at each of them. On, the default, is what the paper means.
 * `compat: original` turns all of them off, which reproduces the original number for number.
 */
export const RULES = {
  /** @see BehaviorEmbedding */
  behavior_values:
    'Behavior values have an effect. The original normalizes each single number, which leaves a constant.',
  /** @see Neuroformer.encodeStimulus */
  video_positions:
    'Video tokens get an encoding of their 3-D position. The original computes it and does not add it.',
  /** @see Neuroformer.forward */
  mask_padding:
    'Padding is masked in every attention and every mean. The original attends to it everywhere.',
  /** @see withStatistics */
  standardized:
    'Numbers are read and predicted in standard deviations from their mean in training. The original uses them unscaled.',
  /** @see parseConfig */
  several_samples:
    'A variable can have several samples in a window. The original does not run with them.',
  /** @see Neuroformer */
  layers_per_group:
    'Each modality group has its own number of blocks. In the original all have that of the last group.',
  /** @see Neuroformer.project */
  clip_width:
    'The contrastive projection has the width clip_embd. In the original that setting has no effect.',
  /** @see modelLosses */
  clip_symmetric:
    'The contrastive loss is the mean over both directions of a pair. The original uses one direction.',
  /** @see lossWeights */
  loss_factors:
    'Without a contrastive loss, gamma is 0 and the other losses share its weight. The original multiplies id and time by 3/4 even then.',
  /** @see WindowRules.keepsStart */
  keeps_start:
    'A window with more spikes than fit keeps its start token and the times of the spikes that it keeps.',
  /** @see WindowRules.pastHasOwnClock */
  past_own_clock:
    'Times in the past window count from its own start, even where that is before the recording.',
  /** @see WindowRules.videoEndsWithWindow */
  video_ends_with_window:
    'The video ends with the current window. In the original it ends one window later, in the future.',
  /** @see WindowRules.exactSampleTimes */
  exact_sample_times:
    'The samples of a variable are those of its own window, at their exact times. The original reads the current window, and rounding can add a step.',
  /** @see GruBaseline */
  causal_gru:
    'Both GRUs of a layer run forward in time. The second GRU of the original runs backward, and so sees what it should predict.',
  /** @see GruBaseline */
  gru_reads_past:
    'The GRU baselines read the past window before the current one. The original uses single past tokens as initial states.',
  /** @see MlpBaseline */
  mlp_used: 'The MLP baseline uses its MLPs. The original creates them and never calls them.',
  /** @see parseConfig */
  dropout_settable:
    'Every dropout rate is a setting. The original always has 0.2 after the time embedding and 0.1 between GRU layers.',
  /** @see ModelSizes.classes */
  own_classes:
    'A classified variable has as many classes as its vocabulary. The original reads their number from the configuration.',
  /** @see RateSettings.original */
  warmup_first:
    'Warm-up starts with the first update, and the rate ends at its floor. In the original the first update has the full rate, and after the end the rate rises again.',
} as const;

/** The name of a switch, as in the configuration's `rules`. */
export type RuleName = keyof typeof RULES;
/** Every switch, on or off. */
export type Rules = Readonly<Record<RuleName, boolean>>;

/** The names of all switches. */
export const RULE_NAMES = Object.keys(RULES) as RuleName[];

/** The switches that `compat` stands for: all on, or all off. */
export function rulesFor(compat: 'paper' | 'original'): Rules {
  return Object.fromEntries(RULE_NAMES.map((name) => [name, compat === 'paper'])) as Rules;
}
