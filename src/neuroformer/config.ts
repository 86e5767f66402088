/**
 * The model's configuration, with the keys of the original's YAML files, so that these load as they are.
 *
 * Every default stands in `FIELDS`, beside its check. V1AL and Visnav are the original's configurations
 * (a-antoniades/Neuroformer, folder configs); where a default has no other source it is theirs.
 */

import {
  boolean,
  type Check,
  type Checked,
  ConfigError,
  defaulted,
  isOneOf,
  isRecord,
  list,
  nullable,
  number,
  object,
  optional,
  record,
  show,
  text,
} from '../text/schema.js';
import { checkTogether } from './config-checks.js';
import { RULE_NAMES, type RuleName, type Rules, rulesFor } from './rules.js';
import { configuredVariables } from './variables.js';

const count = (otherwise: number, min = 0) => defaulted(number({ min, integer: true }), otherwise);
/** A probability of dropping; the original's configurations have 0.2 everywhere. */
const rate = (otherwise: number) => defaulted(number({ min: 0, max: 0.999 }), otherwise);
const flag = (otherwise: boolean) => defaulted(boolean, otherwise);
const seconds = number({ above: 0 });
const topK = defaulted(nullable(number({ min: 1, integer: true })), null);
const triple = list(number({ min: 1, integer: true }), 3);
const anything: Check<unknown> = (value) => value;

const variable = object({
  /** The recording's name for it; default: its own. */
  data: optional(text),
  /** Seconds per sample. */
  dt: seconds,
  /** Whether it is predicted; otherwise it is an input. */
  predict: flag(false),
  objective: defaulted(isOneOf(['regression', 'circular', 'classification', null]), null),
  /** Of a circular variable: what a full turn is in its unit; default: 2 pi, of radians. */
  period: optional(number({ above: 0 })),
  /** Step between the classes of a classified number. */
  resolution: optional(number({ above: 0 })),
  /** Classes, under the original's rules; otherwise the vocabulary says. */
  n_classes: optional(number({ min: 1, integer: true })),
  /** The original's mark for images that are decoded whole. */
  '3D': optional(boolean),
});

const group = object({
  /** Cross-attention blocks. */
  n_layers: defaulted(number({ min: 0, integer: true }), 0),
  /** Seconds of its variables that a window holds. */
  window: seconds,
  variables: record(variable),
});

/** Rates that no setting reaches in the original. */
const FIXED_DROPOUT = { time: 0.2, gru: 0.1 } as const;

/** A contrastive feature: a stream by name, or one variable of a group. */
const clipVariable: Check<string | Record<string, string>> = (value, path) =>
  typeof value === 'string' ? text(value, path) : record(text)(value, path);

const FIELDS = {
  compat: defaulted(isOneOf(['paper', 'original']), 'paper'),
  /** Single switches other than `compat` says; see rules.ts. */
  rules: object(
    Object.fromEntries(RULE_NAMES.map((name) => [name, optional(boolean)])) as Record<
      RuleName,
      Check<boolean | undefined>
    >,
  ),

  n_embd: count(256, 1),
  n_head: count(8, 1),
  /** Learnt positions of the current and past tokens. */
  pos_emb: flag(true),
  /** Whether times enter: through a small network, or with wave_emb through sines and cosines. */
  temp_emb: flag(true),
  wave_emb: flag(false),
  /** Self-attention over the frames before they are attended to. */
  vit_encoder: flag(true),
  mlp_only: flag(false),
  gru_only: flag(false),
  gru2_only: flag(false),
  /** What variables are decoded from: the mean of the last layer, or its EOS token, better for what changes fast. */
  pool: defaulted(isOneOf(['mean', 'eos']), 'mean'),

  dropout: object({
    attn: rate(0.2),
    resid: rate(0.2),
    id: rate(0.2),
    im: rate(0.2),
    /** At the end of the learnt time embedding, and between GRU layers. */
    time: rate(FIXED_DROPOUT.time),
    gru: rate(FIXED_DROPOUT.gru),
    embd: rate(0.2),
    pos: rate(0.2),
    temp: rate(0.2),
    b: rate(0.2),
  }),
  block_size: object({
    id: count(100, 3),
    prev_id: count(100, 3),
    frame: count(446),
    behavior: count(15),
  }),
  layers: object({
    state: count(6),
    state_history: count(6),
    stimulus: count(6),
    behavior: count(6),
    self_att: count(6),
    modalities: optional(anything),
  }),
  sparse: object({
    topk: topK,
    topk_id: topK,
    topk_frame: topK,
    topk_prev_id: topK,
    p: defaulted(nullable(number({ min: 0, max: 1 })), null),
    mask: flag(false),
  }),
  window: object({
    curr: defaulted(seconds, 0.05),
    prev: defaulted(seconds, 0.15),
    /** Seconds of video; null without video. */
    frame: defaulted(nullable(seconds), null),
    speed: optional(seconds),
  }),
  resolution: object({
    dt: defaulted(seconds, 0.01),
    frames: defaulted(seconds, 0.05),
    speed: optional(seconds),
  }),
  frame_encoder: object({
    conv_layer: flag(true),
    kernel_size: defaulted(triple, [3, 8, 8]),
    /** Default: the kernel's size, patches side by side. */
    stride_size: optional(triple),
    /** Every frame is a vector of n_embd_frames features made elsewhere. */
    features: flag(false),
    /** Width of what enters where there is no convolution: the pixels of a patch, or the features of a frame. */
    n_embd_frames: count(64, 1),
    n_embd: optional(number({ min: 1, integer: true })),
    resnet_backbone: flag(false),
  }),
  contrastive: object({
    contrastive: flag(false),
    vars: defaulted(list(clipVariable), ['id', 'frames']),
    clip_embd: count(1024, 1),
    clip_temp: defaulted(number({ above: 0 }), 0.5),
  }),
  modalities: optional(nullable(record(group))),
  /** L = gamma L_contrastive + mu L_id + (1 - gamma - mu) L_dt, as in the paper, plus what is decoded. */
  loss: object({
    /** The original's code has 1/4. */
    gamma: defaulted(number({ min: 0, max: 1 }), 1 / 4),
    /** Default: 3/5 of what gamma leaves, as in the original's code. */
    mu: optional(number({ min: 0, max: 1 })),
    /** Weights of decoded variables, by name; 1 where nothing is said. */
    variables: defaulted(record(number({ min: 0 })), {}),
  }),
  class_weights: optional(
    nullable(
      object({
        id: optional(nullable(list(number({ min: 0 })))),
        dt: optional(nullable(list(number({ min: 0 })))),
      }),
    ),
  ),
  /** Targets that are PAD do not count. */
  ignore_index_pad: flag(true),
  ignore_index_id: optional(anything),
  ignore_index_dt: optional(anything),

  predict: optional(anything),
  freeze_weights: optional(anything),
  epoch: optional(anything),
  pretrain: optional(anything),
  selection: optional(anything),
} as const;

const checkFields = object(FIELDS);

/** A checked configuration with every default filled in, under the keys of the files. */
export type ModelConfig = Omit<Checked<typeof checkFields>, 'rules' | 'modalities'> & {
  readonly rules: Rules;
  readonly modalities: Readonly<Record<string, ModalityGroup>>;
};
export type ModalityGroup = Checked<typeof group>;
export type VariableConfig = Checked<typeof variable>;

/** A configuration, and what the user should know about how it was read. */
export interface ParsedConfig {
  readonly config: ModelConfig;
  /** Sentences: misspellings that were understood, settings that have no effect. */
  readonly notes: readonly string[];
}

/** Spellings of the original's files that its code never reads. */
const MISSPELLED_KEYS: Readonly<Record<string, string>> = { ingore_index_pad: 'ignore_index_pad' };

/** Settings of the original's files that do nothing, there or here. */
const WITHOUT_EFFECT = [
  'layers.behavior',
  'layers.self_att',
  'layers.modalities',
  'block_size.frame',
  'block_size.behavior',
  'sparse.topk_prev_id',
  'window.speed',
  'resolution.speed',
  'dropout.embd',
  'dropout.pos',
  'dropout.temp',
  'dropout.b',
  'frame_encoder.n_embd',
  'predict',
  'freeze_weights',
  'epoch',
  'pretrain',
  'selection',
  'ignore_index_id',
  'ignore_index_dt',
] as const;

/**
 * Reads a configuration from a plain object, as a YAML or JSON parser gives it.
 *
 * @throws ConfigError naming the key's path, what is allowed and what it is.
 */
export function parseConfig(raw: unknown): ParsedConfig {
  if (!isRecord(raw))
    throw new ConfigError(`A configuration should be keys with values, but is ${show(raw)}.`);
  const notes: string[] = [];
  const given = { ...raw };
  for (const [wrong, right] of Object.entries(MISSPELLED_KEYS)) {
    if (!(wrong in given)) continue;
    given[right] ??= given[wrong];
    delete given[wrong];
    notes.push(`${wrong} is read as ${right}.`);
  }
  const ineffective = WITHOUT_EFFECT.filter((path) => at(given, path) !== undefined);
  if (ineffective.length > 0)
    notes.push(`These settings have no effect: ${ineffective.join(', ')}.`);
  const fields = checkFields(given, '');
  const modalities = fields.modalities ?? {};
  notes.push(...unsupported(modalities));
  const vars = fields.contrastive.vars.map((entry) => readVariable(entry, modalities, notes));
  const rules = { ...rulesFor(fields.compat), ...fields.rules } as Rules;
  const config: ModelConfig = {
    ...fields,
    rules,
    modalities,
    contrastive: { ...fields.contrastive, vars },
    dropout: rules.dropout_settable ? fields.dropout : { ...fields.dropout, ...FIXED_DROPOUT },
  };
  checkTogether(config);
  return { config, notes };
}

/** What a configuration asks for that is read and left undone. */
function unsupported(modalities: ModelConfig['modalities']): string[] {
  const images = configuredVariables({ modalities }).filter(({ setting }) => setting['3D']);
  return images.map(
    ({ group, name }) =>
      `modalities.${group}.variables.${name}.3D asks for whole images, but one number of each sample is decoded.`,
  );
}

/** A contrastive variable; the original's files also name one as { variable: name }. */
function readVariable(
  entry: string | Record<string, string>,
  modalities: ModelConfig['modalities'],
  notes: string[],
): string | Record<string, string> {
  if (typeof entry === 'string') return entry;
  const [name = '', second] = Object.entries(entry)[0] ?? [];
  if (second !== 'name' || modalities[name]) return entry;
  const group = Object.keys(modalities).find((key) => modalities[key]!.variables[name]);
  if (!group) return entry;
  notes.push(`contrastive.vars: { ${name}: name } is read as { ${group}: ${name} }.`);
  return { [group]: name };
}

function at(given: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), given);
}
