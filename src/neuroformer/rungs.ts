/**
 * The rungs of a ladder of components: the same model with one more of its parts on each, from the
 * current window alone to everything that its configuration has.
 */

import { type ModelConfig, parseConfig } from './config.js';
import {
  type ConfiguredVariable,
  configuredVariables,
  isOnlyAligned,
  isRead,
} from './variables.js';

/** One rung: a configuration, and what it has that the rung below has not. */
export interface Rung {
  /** Its key in files and folders. */
  readonly name: string;
  /** Its name in tables. */
  readonly title: string;
  /** The configuration. */
  readonly config: ModelConfig;
}

/** A part of a model, and the configuration without it. */
interface Part {
  readonly name: string;
  readonly title: string;
  /** Whether a configuration has the part. */
  isIn(config: ModelConfig): boolean;
  /** The configuration without the part. */
  without(config: ModelConfig): Record<string, unknown>;
}

/** The parts of a model in the order in which they are added to the current window. */
const PARTS: readonly Part[] = [
  {
    name: 'past',
    title: '+ past',
    isIn: ({ layers, spike_history }) => layers.state_history > 0 || spike_history !== null,
    without: (config) => ({
      ...config,
      layers: { ...config.layers, state_history: 0 },
      spike_history: null,
    }),
  },
  {
    name: 'stimulus',
    title: '+ stimulus',
    isIn: ({ window }) => window.frame !== null,
    without: ({ neuron_queries, ...config }) => ({
      ...config,
      layers: { ...config.layers, stimulus: 0 },
      window: { ...config.window, frame: null },
      neuron_queries: neuron_queries?.source === 'frames' ? null : neuron_queries,
      stimulus_drive: null,
    }),
  },
  {
    name: 'behavior',
    title: '+ behavior',
    isIn: (config) =>
      configuredVariables(config).some(
        ({ group, setting }) => !setting.predict && isRead(config, group),
      ),
    without: ({ neuron_queries, ...config }) => ({
      ...config,
      neuron_queries: neuron_queries?.source === 'frames' ? neuron_queries : null,
      modalities: keepVariables(config, ({ setting }) => setting.predict),
    }),
  },
  {
    name: 'contrast',
    title: '+ contrast',
    isIn: ({ contrastive }) => contrastive.contrastive,
    without: (config) => ({
      ...config,
      contrastive: { ...config.contrastive, contrastive: false },
      loss: withoutGamma(config),
      modalities: keepVariables(
        config,
        ({ group, name, setting }) => setting.predict || !isOnlyAligned(config, group, name),
      ),
    }),
  },
];

/**
 * The weights of the losses such that the next neuron and its time keep their shares when gamma is
 * given to nothing: else a rung would differ from the one below by what it trains most.
 */
function withoutGamma({ loss, rules }: ModelConfig): ModelConfig['loss'] {
  const { mu, gamma } = loss;
  return mu === undefined || gamma === 1 || !rules.loss_factors
    ? loss
    : { ...loss, mu: mu / (1 - gamma) };
}

/** The groups of a configuration with some of their variables; groups without any are left out. */
function keepVariables(
  config: Pick<ModelConfig, 'modalities'>,
  isKept: (variable: ConfiguredVariable) => boolean,
): ModelConfig['modalities'] {
  const kept = configuredVariables(config).filter(isKept);
  return Object.fromEntries(
    Object.entries(config.modalities).flatMap(([group, settings]) => {
      const variables = kept.filter((variable) => variable.group === group);
      if (variables.length === 0) return [];
      const entries = variables.map(({ name, setting }) => [name, setting]);
      return [[group, { ...settings, variables: Object.fromEntries(entries) }]];
    }),
  );
}

/** The configuration without its contrastive loss, and without what only that loss reads. */
export function withoutContrast(config: ModelConfig): ModelConfig {
  const { without } = PARTS.find(({ name }) => name === 'contrast')!;
  return parseConfig(without(config)).config;
}

/** The parts that bring in something besides spikes; contrast may align what they bring. */
const BESIDES_SPIKES = ['stimulus', 'behavior', 'contrast'];

/** The configuration of the same model that reads spikes alone. */
export function spikesOnly(config: ModelConfig): ModelConfig {
  return withoutParts(
    config,
    PARTS.filter((part) => BESIDES_SPIKES.includes(part.name) && part.isIn(config)),
  );
}

/**
 * A configuration without some of its parts, in the order of `PARTS`. They are taken away from the
 * last to the first, since contrast may align what an earlier one adds.
 */
function withoutParts(config: ModelConfig, parts: readonly Part[]): ModelConfig {
  return [...parts]
    .reverse()
    .reduce<ModelConfig>((rest, part) => parseConfig(part.without(rest)).config, config);
}

/**
 * The rungs of a configuration, from the current window alone to all of its parts. Parts that the
 * configuration does not have are left out.
 */
export function componentRungs(config: ModelConfig): Rung[] {
  const parts = PARTS.filter((part) => part.isIn(config));
  return [{ name: 'state', title: 'state alone' }, ...parts].map(({ name, title }, index) => {
    return { name, title, config: withoutParts(config, parts.slice(index)) };
  });
}
