/** The behavior variables of a configuration, over all groups. */

import type { ModelConfig, VariableConfig } from './config.js';

/** A variable of a configuration. */
export interface ConfiguredVariable {
  /** The name of its modality group. */
  readonly group: string;
  /** Its name in losses and predictions. */
  readonly name: string;
  /** Seconds of it in a window. */
  readonly window: number;
  /** Samples of it in a window. */
  readonly samples: number;
  /** Its entry in the configuration. */
  readonly setting: VariableConfig;
}

/** Every variable of a configuration, with its group. */
export function configuredVariables({
  modalities,
}: Pick<ModelConfig, 'modalities'>): ConfiguredVariable[] {
  return Object.entries(modalities).flatMap(([group, { window, variables }]) =>
    Object.entries(variables).map(([name, setting]) => ({
      group,
      name,
      window,
      samples: Math.max(1, Math.round(window / setting.dt)),
      setting,
    })),
  );
}

/** Whether a model attends to the variables of a group that it does not predict. */
export function isRead(
  { modalities, neuron_queries }: Pick<ModelConfig, 'modalities' | 'neuron_queries'>,
  group: string,
): boolean {
  return (modalities[group]?.n_layers ?? 0) > 0 || neuron_queries?.source === group;
}

/** Whether the contrastive loss, where it is on, aligns a variable with others. */
export function isAligned(
  { contrastive: { vars } }: Pick<ModelConfig, 'contrastive'>,
  group: string,
  name: string,
): boolean {
  return vars.some((entry) => typeof entry !== 'string' && entry[group] === name);
}

/**
 * Whether a variable is an input of the contrastive loss alone: nothing attends to it. The original
 * has no such variables.
 */
export function isOnlyAligned(
  config: Pick<ModelConfig, 'compat' | 'contrastive' | 'modalities' | 'neuron_queries'>,
  group: string,
  name: string,
): boolean {
  const { contrastive } = config.contrastive;
  const isInput = contrastive && isAligned(config, group, name);
  return config.compat !== 'original' && isInput && !isRead(config, group);
}

/** Whether a variable is predicted as one of its classes. */
export function isClassified({ predict, objective }: VariableConfig): boolean {
  return predict && objective === 'classification';
}

/**
 * The full turn, in its own unit, of a variable that is predicted as an angle; undefined for other
 * variables.
 */
export function decodedPeriod({ predict, objective, period }: VariableConfig): number | undefined {
  return predict && objective === 'circular' ? (period ?? 2 * Math.PI) : undefined;
}

/**
 * How many numbers a regressed variable is predicted as: one, or two for the cosine and sine of an
 * angle.
 */
export function targetWidth(setting: VariableConfig): number {
  return decodedPeriod(setting) === undefined ? 1 : 2;
}

/** Whether variables are read by a perceptron over spike counts. */
export function hasPerceptron<C extends Pick<ModelConfig, 'readout'>>(
  config: C,
): config is C & { readout: NonNullable<ModelConfig['readout']> } {
  const { bins = 0, hidden = [] } = config.readout ?? {};
  return bins > 0 && hidden.length > 0;
}
