/**
 * Where the original code contradicts its paper, or itself: each difference is a switch. `true`, the default, is what
 * the paper means; `compat: original` turns all of them off and reproduces the original number for number.
 */
export const RULES = {
  behavior_values:
    'Behaviour values enter: the original normalises a single number, which leaves nothing of it but a constant.',
  video_positions:
    'Video tokens carry their 3-D position: the original computes the code and does not add it.',
  mask_padding:
    'Padding is no key of any attention and no part of any mean: the original attends to it everywhere.',
  standardised:
    'Numbers enter, and are predicted, in standard deviations from their mean in training: the original takes them as they are.',
  several_samples:
    'A variable may have several samples in a window: the original does not run then.',
  layers_per_group:
    'Each modality group has its own number of blocks: in the original all have that of the last.',
  clip_width:
    'The contrastive projection has the configured width clip_embd: in the original that setting has no effect.',
  clip_symmetric:
    'The contrastive loss normalises over both members of a pair: the original over the first only.',
  loss_factors:
    'Where there is no contrastive loss, gamma is 0 and the other losses share its weight: the original weighs id and time by 3/4 even then.',
  keeps_start:
    'A window with more spikes than fit keeps its start token and the times of the spikes it keeps.',
  past_own_clock:
    'Times in the past window count from its own start, also where that lies before the recording.',
  video_ends_with_window:
    'The video ends with the current window: in the original it ends one window later, in the future.',
  exact_sample_times:
    'The time of a behaviour sample is its place in the window: in the original rounding decides whether it is one step more.',
  causal_gru:
    'Both GRUs of a layer run forward in time: the second of the original runs backward and so sees what it is to predict.',
  gru_reads_past:
    'The GRU baselines read the past window before the current one: the original takes single tokens of it as initial states.',
  mlp_used: 'The MLP baseline uses its MLPs: the original makes them and never calls them.',
  dropout_settable:
    'Every dropout is a setting: the original has 0.2 after the time embedding and 0.1 between GRU layers, whatever is configured.',
  own_classes:
    'A classified variable has as many classes as its vocabulary: the original takes a number from the configuration.',
  warmup_first:
    'Warm-up holds from the first update on, and the rate stays at its floor in the end: in the original the first update runs at the full rate, and past the end the rate rises again.',
} as const;

export type RuleName = keyof typeof RULES;
export type Rules = Readonly<Record<RuleName, boolean>>;

export const RULE_NAMES = Object.keys(RULES) as RuleName[];

/** All on, or all off. */
export function rulesFor(compat: 'paper' | 'original'): Rules {
  return Object.fromEntries(RULE_NAMES.map((name) => [name, compat === 'paper'])) as Rules;
}
