/** The behaviour variables of a configuration, whatever group they are in. */

import type { ModelConfig, VariableConfig } from './config.js';

export interface ConfiguredVariable {
  readonly group: string;
  readonly name: string;
  /** Seconds of it that a window holds, and samples. */
  readonly window: number;
  readonly samples: number;
  readonly setting: VariableConfig;
}

/** Every variable with its group. */
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

/** Whether a variable is decoded as one of its classes. */
export function isClassified({ predict, objective }: VariableConfig): boolean {
  return predict && objective === 'classification';
}

/** A full turn of a variable that is decoded as an angle; undefined of any other. */
export function decodedPeriod({ predict, objective, period }: VariableConfig): number | undefined {
  return predict && objective === 'circular' ? (period ?? 2 * Math.PI) : undefined;
}

/** Numbers a regressed variable is decoded as: one, or the cosine and sine of an angle. */
export function targetWidth(setting: VariableConfig): number {
  return decodedPeriod(setting) === undefined ? 1 : 2;
}
