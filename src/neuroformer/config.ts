/**
 * The model's configuration. It has the keys of the original's YAML files, so that these load
 * unchanged.
 *
 * Every default is in `FIELDS`, beside its check. Where no other source is given, a default is
 * that of the original's configurations for V1AL and Visnav (a-antoniades/Neuroformer, folder
 * configs).
 */

import {
  boolean,
  type Check,
  type Checked,
  ConfigError,
  formatValue,
  isOneOf,
  isRecord,
  list,
  nullable,
  number,
  object,
  optional,
  record,
  shorthand,
  text,
  withDefault,
} from '../text/schema.js';
import { checkConsistency } from './config-checks.js';
import { RULE_NAMES, type RuleName, type Rules, rulesFor } from './rules.js';
import { configuredVariables } from './variables.js';

/** Larger numbers are typing errors, which would fill the memory before anything is trained. */
const [MAX_SIZE, MAX_LAYERS] = [2 ** 20, 256];

const count = (fallback: number, min = 0, max = MAX_SIZE) =>
  withDefault(number({ min, max, integer: true }), fallback);
/** A dropout rate; the original's configurations have 0.2 everywhere. */
const rate = (fallback: number) => withDefault(number({ min: 0, max: 0.999 }), fallback);
const flag = (fallback: boolean) => withDefault(boolean, fallback);
const seconds = number({ above: 0 });
const topK = withDefault(nullable(number({ min: 1, integer: true })), null);
const triple = list(number({ min: 1, integer: true }), 3);
const tripleFrom0 = list(number({ min: 0, integer: true }), 3);
const anything: Check<unknown> = (value) => value;

const variable = object({
  /** Its name in the recording. Default: the same name. */
  data: optional(text),
  /** Seconds per sample. */
  dt: seconds,
  /** Whether it is predicted rather than read. */
  predict: flag(false),
  /** How it is predicted; null for a variable that is read. */
  objective: withDefault(isOneOf(['regression', 'circular', 'classification', null]), null),
  /** The full turn of a circular variable, in its unit. Default: 2 pi, for radians. */
  period: optional(number({ above: 0 })),
  /** The distance between the classes of a number that is predicted by classification. */
  resolution: optional(number({ above: 0 })),
  /** The number of classes, under the original's rules. Otherwise it is that of the vocabulary. */
  n_classes: optional(number({ min: 1, max: MAX_SIZE, integer: true })),
  /** The original's flag for predicting complete images. */
  '3D': optional(boolean),
});

const group = object({
  /** Number of cross-attention blocks. */
  n_layers: count(0, 0, MAX_LAYERS),
  /** Seconds of its variables in a window. */
  window: seconds,
  /** Its variables by name. */
  variables: record(variable),
});

/** Dropout rates that are constants in the original. */
const FIXED_DROPOUT = { time: 0.2, gru: 0.1 } as const;

/** A feature to align: the name of a stream, or { group: variable }. */
const clipVariable: Check<string | Record<string, string>> = (value, path) =>
  typeof value === 'string' ? text(value, path) : record(text)(value, path);

const FIELDS = {
  /** Whether the model follows the paper or the original code; sets all of `rules`. */
  compat: withDefault(isOneOf(['paper', 'original']), 'paper'),
  /** Overrides single switches that `compat` sets; see rules.ts. */
  rules: object(
    Object.fromEntries(RULE_NAMES.map((name) => [name, optional(boolean)])) as Record<
      RuleName,
      Check<boolean | undefined>
    >,
  ),

  /** The model's width, a multiple of n_head. */
  n_embd: count(256, 1),
  /** Number of attention heads. */
  n_head: count(8, 1),
  /** Adds learned positions to the current and past tokens. */
  pos_emb: flag(true),
  /** Adds an embedding of the tokens' times, computed by a small network. */
  temp_emb: flag(true),
  /** Adds sines and cosines of the tokens' times instead. */
  wave_emb: flag(false),
  /** Applies self-attention to the video tokens before the fusion. */
  vit_encoder: flag(true),
  /** The MLP baseline instead of the transformer's trunk. */
  mlp_only: flag(false),
  /** The GRU baseline. */
  gru_only: flag(false),
  /** The baseline with two GRUs per layer. */
  gru2_only: flag(false),
  /**
   * What predictions of variables read: the last layer's mean, or its EOS token, better for fast
   * variables.
   */
  pool: withDefault(isOneOf(['mean', 'eos']), 'mean'),
  /**
   * Optional: how predicted variables are read: by queries that attend to the spikes, by a
   * perceptron over spike counts, by tuning curves, or by the sum of these. A variable that none of
   * them reads is read from `pool`.
   */
  readout: withDefault(
    nullable(
      object({
        /**
         * Number of blocks in which a query of each variable attends to the past window, and then
         * to the current one; 0 for no queries.
         */
        blocks: count(1, 0, MAX_LAYERS),
        /** Bins of spike counts, before the end of the window; 0 for none. */
        bins: count(0, 0, 10_000),
        /** Units of the perceptron's hidden layers; with tuning curves it may have none. */
        hidden: withDefault(list(number({ min: 1, max: MAX_SIZE, integer: true })), [256, 128]),
        /** Dropout rate after each hidden layer. */
        dropout: rate(0.3),
        /** Optional: decoding by tuning curves. */
        tuning: withDefault(
          nullable(
            object({
              /** The variables that are decoded by them. Default: all that are predicted. */
              variables: withDefault(nullable(list(text)), null),
              /** How many of the bins have tuning curves, the latest first. Default: all. */
              lags: withDefault(nullable(count(1, 1, 10_000)), null),
              /** Bins of a number or an angle; classes are their own. */
              values: count(32, 2, 10_000),
              /** Standard deviation in bins of the Gaussian that smooths tuning curves. */
              smoothing: withDefault(number({ min: 0, max: 1000 }), 0),
            }),
          ),
          null,
        ),
      }),
    ),
    null,
  ),

  /**
   * The standard deviation of initial weights: 0.02, as in the original, or 1 / sqrt(inputs), with
   * which networks narrower than 128 learn much faster.
   */
  initial_weights: withDefault(isOneOf(['gpt', 'fan_in']), 'gpt'),

  /** Optional: every neuron attends to the video, or to a group of variables, by its own query. */
  neuron_queries: withDefault(
    nullable(
      shorthand(
        'source',
        object({
          /** What they attend to: `frames`, or the name of a group. */
          source: withDefault(text, 'frames'),
          /** Number of attention heads. */
          n_head: count(2, 1),
        }),
      ),
    ),
    null,
  ),
  /** Optional: a sum over earlier spikes, weighted by their lag. */
  spike_history: withDefault(
    nullable(
      shorthand(
        'kind',
        object({
          /** `pairs`: from every neuron to every other one; `own`: from each to itself. */
          kind: isOneOf(['pairs', 'own']),
          /** Number of kernels over the lag, of `pairs`. */
          kernels: count(4, 1, 256),
          /** Keeps what `pairs` adds to a logit within -1 and 1. */
          bounded: flag(false),
        }),
      ),
    ),
    null,
  ),
  /** Optional: the effect of stimulus features on every neuron, through few channels. */
  stimulus_drive: withDefault(
    nullable(
      shorthand(
        'rank',
        object({
          /** Number of channels. */
          rank: count(8, 1),
        }),
      ),
    ),
    null,
  ),

  /** Optional: how much each neuron follows the recent activity of the whole population. */
  population_coupling: withDefault(
    nullable(
      shorthand(
        'kernels',
        object({
          /** Number of time constants, up to the length of the windows. */
          kernels: count(4, 1, 256),
        }),
      ),
    ),
    null,
  ),
  /** Optional: the logits of tokens start at the log of their share in training windows. */
  frequency_bias: flag(false),

  /** Dropout rates. */
  dropout: object({
    /** On the attention probabilities. */
    attn: rate(0.2),
    /** On the outputs of attention and MLP. */
    resid: rate(0.2),
    /** On the embedded tokens and behavior samples. */
    id: rate(0.2),
    /** On the embedded video. */
    im: rate(0.2),
    /** At the end of the learned time embedding. */
    time: rate(FIXED_DROPOUT.time),
    /** Between GRU layers. */
    gru: rate(FIXED_DROPOUT.gru),
    embd: rate(0.2),
    pos: rate(0.2),
    temp: rate(0.2),
    b: rate(0.2),
  }),
  /** Tokens per window. */
  block_size: object({
    /** Of the current window, with SOS and EOS. */
    id: count(100, 3),
    /** Of the past window, with SOS and EOS. */
    prev_id: count(100, 3),
    frame: count(446),
    behavior: count(15),
  }),
  /** Numbers of blocks. */
  layers: object({
    /** Of the decoder, and of the current state's encoder. */
    state: count(6, 0, MAX_LAYERS),
    /** Of the current state's encoder alone. Default: as many as `state`. */
    encoder: optional(number({ min: 0, max: MAX_LAYERS, integer: true })),
    /** Of attention to the past. */
    state_history: count(6, 0, MAX_LAYERS),
    /** Of attention to the video, and of the video's encoder. */
    stimulus: count(6, 0, MAX_LAYERS),
    behavior: count(6),
    self_att: count(6),
    modalities: optional(anything),
  }),
  /** Attention over only the k largest scores of each row. Null attends to all keys. */
  sparse: object({
    /** In all blocks without a setting of their own. */
    topk: topK,
    /** In the encoder of the current state, in attention to the past, and in the decoder. */
    topk_id: topK,
    /** In the encoder of the video, and in attention to it. */
    topk_frame: topK,
    topk_prev_id: topK,
    p: withDefault(nullable(number({ min: 0, max: 1 })), null),
    mask: flag(false),
  }),
  /** Lengths of windows in seconds. */
  window: object({
    /** The current window. */
    curr: withDefault(seconds, 0.05),
    /** The past window. */
    prev: withDefault(seconds, 0.15),
    /** The video; null without video. */
    frame: withDefault(nullable(seconds), null),
    speed: optional(seconds),
  }),
  /** Time steps in seconds. */
  resolution: object({
    /** Of spike times. */
    dt: withDefault(seconds, 0.01),
    frames: withDefault(seconds, 0.05),
    speed: optional(seconds),
  }),
  /** How video becomes tokens. */
  frame_encoder: object({
    /** A 3-D convolution. Otherwise square patches of single frames, or `features`. */
    conv_layer: flag(true),
    /** The convolution's kernel: frames, height, width. */
    kernel_size: withDefault(triple, [3, 8, 8]),
    /** The convolution's stride. Default: the kernel's size. */
    stride_size: optional(triple),
    /** Zeros around the video for the convolution: frames, height, width. */
    padding_size: withDefault(tripleFrom0, [0, 0, 0]),
    /** Every frame is a vector of n_embd_frames features that another program computed. */
    features: flag(false),
    /** How the places of video tokens are encoded: by sines and cosines, or by a learned table. */
    positions: withDefault(isOneOf(['sinusoidal', 'learned']), 'sinusoidal'),
    /** Whether the first token of the current window stands before the video tokens. */
    first_token: flag(true),
    /** The input width without a convolution: the pixels of a patch, or the features of a frame. */
    n_embd_frames: count(64, 1),
    n_embd: optional(number({ min: 1, integer: true })),
    resnet_backbone: flag(false),
  }),
  /** The alignment of modalities by a contrastive loss. */
  contrastive: object({
    /** Turns it on. */
    contrastive: flag(false),
    /** The features to align. */
    vars: withDefault(list(clipVariable), ['id', 'frames']),
    /** The width of the aligned features. */
    clip_embd: count(1024, 1),
    /** The temperature of the loss. */
    clip_temp: withDefault(number({ above: 0 }), 0.5),
  }),
  /** Groups of behavior variables, by name. */
  modalities: optional(nullable(record(group))),
  /**
   * L = gamma L_contrastive + mu L_id + (1 - gamma - mu) L_dt, as in the paper, plus losses of
   * predicted variables.
   */
  loss: object({
    /** The original's code has 1/4. */
    gamma: withDefault(number({ min: 0, max: 1 }), 1 / 4),
    /** Default: 3/5 of 1 - gamma, as in the original's code. */
    mu: optional(number({ min: 0, max: 1 })),
    /** Weights of predicted variables, by name. Default: 1. */
    variables: withDefault(record(number({ min: 0 })), {}),
  }),
  /** Weights of the classes in the losses of ids and times. */
  class_weights: optional(
    nullable(
      object({
        id: optional(nullable(list(number({ min: 0 })))),
        dt: optional(nullable(list(number({ min: 0 })))),
      }),
    ),
  ),
  /** Leaves targets that are PAD out of the losses. */
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

/** A checked configuration with all defaults filled in. Its keys are those of the files. */
export type ModelConfig = Omit<Checked<typeof checkFields>, 'rules' | 'modalities'> & {
  /** Every switch: those that `compat` sets, with the configuration's own. */
  readonly rules: Rules;
  /** Groups of behavior variables, by name. */
  readonly modalities: Readonly<Record<string, ModalityGroup>>;
};
/** One entry of `modalities`: a group of behavior variables with their blocks. */
export type ModalityGroup = Checked<typeof group>;
/** One entry of a group's `variables`. */
export type VariableConfig = Checked<typeof variable>;

/** A configuration that was read. */
export interface ParsedConfig {
  /** The configuration, checked and complete. */
  readonly config: ModelConfig;
  /** Sentences for the user, about corrected misspellings and settings without an effect. */
  readonly notes: readonly string[];
}

/** Other spellings of keys: a misspelling in the original's files, and what earlier runs have. */
const OTHER_SPELLINGS: Readonly<Record<string, string>> = {
  ingore_index_pad: 'ignore_index_pad',
  'rules.standardised': 'rules.standardized',
};

/** Settings in the original's files that have no effect, in the original or here. */
export const WITHOUT_EFFECT = [
  'layers.behavior',
  'layers.self_att',
  'layers.modalities',
  'block_size.frame',
  'block_size.behavior',
  'sparse.topk_prev_id',
  'sparse.p',
  'sparse.mask',
  'window.speed',
  'resolution.frames',
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
 * Reads a configuration from a plain object, as a YAML or JSON parser returns it.
 *
 * @throws ConfigError where a key is unknown or a value is not allowed, naming the key's path and
 *   what is allowed.
 */
export function parseConfig(raw: unknown): ParsedConfig {
  if (!isRecord(raw))
    throw new ConfigError(
      `A configuration should be keys with values, but is ${formatValue(raw)}.`,
    );
  const notes: string[] = [];
  let settings = raw;
  for (const [spelling, key] of Object.entries(OTHER_SPELLINGS)) {
    if (valueAt(settings, spelling) === undefined) continue;
    settings = renameKey(settings, spelling.split('.'), key.split('.').at(-1)!);
    notes.push(`${spelling} is read as ${key}.`);
  }
  const ineffective = WITHOUT_EFFECT.filter((path) => valueAt(settings, path) !== undefined);
  if (ineffective.length > 0)
    notes.push(`These settings have no effect: ${ineffective.join(', ')}.`);
  const fields = checkFields(settings, '');
  const modalities = fields.modalities ?? {};
  notes.push(...unsupportedNotes(modalities));
  const vars = fields.contrastive.vars.map((entry) =>
    parseContrastiveVariable(entry, modalities, notes),
  );
  const rules = { ...rulesFor(fields.compat), ...fields.rules } as Rules;
  const config: ModelConfig = {
    ...fields,
    rules,
    modalities,
    contrastive: { ...fields.contrastive, vars },
    dropout: rules.dropout_settable ? fields.dropout : { ...fields.dropout, ...FIXED_DROPOUT },
  };
  checkConsistency(config);
  return { config, notes };
}

/** Notes about requests in a configuration that are not supported. */
function unsupportedNotes(modalities: ModelConfig['modalities']): string[] {
  const images = configuredVariables({ modalities }).filter(({ setting }) => setting['3D']);
  return images.map(
    ({ group, name }) =>
      `modalities.${group}.variables.${name}.3D asks for complete images, but one number per sample is predicted.`,
  );
}

/**
 * An entry of contrastive.vars. The original's files also write { variable: name } for
 * { group: variable }.
 */
function parseContrastiveVariable(
  entry: string | Record<string, string>,
  modalities: ModelConfig['modalities'],
  notes: string[],
): string | Record<string, string> {
  if (typeof entry === 'string') return entry;
  const [name = '', value] = Object.entries(entry)[0] ?? [];
  if (value !== 'name' || modalities[name]) return entry;
  const group = Object.keys(modalities).find((key) => modalities[key]!.variables[name]);
  if (!group) return entry;
  notes.push(`contrastive.vars: { ${name}: name } is read as { ${group}: ${name} }.`);
  return { [group]: name };
}

/** Renames the key at the end of a path, unless the new key has a value. */
function renameKey(
  settings: Record<string, unknown>,
  [key, ...rest]: readonly string[],
  name: string,
): Record<string, unknown> {
  const { [key!]: value, ...others } = settings;
  if (rest.length > 0)
    return { ...settings, [key!]: renameKey(value as typeof settings, rest, name) };
  return { ...others, [name]: others[name] ?? value };
}

/** The value under a path of keys separated by dots, or undefined. */
function valueAt(settings: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), settings);
}
