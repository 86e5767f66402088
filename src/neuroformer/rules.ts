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
  layers_per_group:
    'Each modality group has its own number of blocks: in the original all have that of the last.',
  clip_width:
    'The contrastive projection has the configured width clip_embd: in the original that setting has no effect.',
  clip_symmetric:
    'The contrastive loss normalises over both members of a pair: the original over the first only.',
  loss_factors:
    'Loss factors do not depend on the contrastive loss: the original weighs id and time by 3/4 even without it.',
  keeps_start:
    'A window with more spikes than fit keeps its start token and the times of the spikes it keeps.',
  past_own_clock:
    'Times in the past window count from its own start, also where that lies before the recording.',
  video_ends_with_window:
    'The video ends with the current window: in the original it ends one window later, in the future.',
  causal_gru:
    'The GRU baseline is causal: the original reads the window in both directions and so sees its targets.',
  mlp_used: 'The MLP baseline uses its MLPs: the original makes them and never calls them.',
  dropout_settable:
    'Every dropout is a setting: the original has 0.2 after the time embedding and 0.1 between GRU layers, whatever is configured.',
  own_classes:
    'A classified variable has as many classes as its vocabulary: the original takes a number from the configuration.',
  warmup_first:
    'Warm-up holds from the first update on: in the original the first runs at the full rate.',
} as const;

export type RuleName = keyof typeof RULES;
export type Rules = Readonly<Record<RuleName, boolean>>;

export const RULE_NAMES = Object.keys(RULES) as RuleName[];

/** All on, or all off. */
export function rulesOf(compat: 'paper' | 'original'): Rules {
  return Object.fromEntries(RULE_NAMES.map((name) => [name, compat === 'paper'])) as Rules;
}
