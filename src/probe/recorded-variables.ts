/** The variables of a recording at the ends of windows, whatever a model reads or predicts. */

import type { RecordedVariable } from '../analyze/readout.js';
import { type Recording, type Variable, variableNames } from '../recording/recording.js';
import { type WindowRef, Windows } from '../recording/windows.js';

/**
 * Every number and angle of the recording at the end of each window, by the latest complete sample.
 * Labels are left out, and variables that some of the windows' trials do not have.
 */
export function recordedVariables(
  { recording, settings }: Windows,
  refs: readonly WindowRef[],
): RecordedVariable[] {
  const trials = new Set(refs.map(({ trialIndex }) => trialIndex));
  return variableNames(recording).flatMap((name) => {
    const series = [...trials].map((index) => recording.trials[index]!.variables[name]);
    if (!series.every((variable) => variable !== undefined && isNumeric(variable))) return [];
    const { period } = series[0]!;
    const dt = sampleStep(recording, name) ?? settings.times.dt;
    const variable = { name, window: dt, dt, ...(period !== undefined && { period }) };
    const read = new Windows(recording, { ...settings, video: undefined, variables: [variable] });
    const values = Float64Array.from(refs, (ref) => read.samplesAt(ref)[name]!.values.at(-1)!);
    return [{ name, values, ...(period !== undefined && { period }) }];
  });
}

function isNumeric({ values }: Variable): boolean {
  return typeof values[0] !== 'string';
}

/** Seconds per sample of a variable that is sampled at a fixed step. */
function sampleStep({ trials }: Recording, name: string): number | undefined {
  for (const { variables } of trials) {
    const variable = variables[name];
    if (variable && 'dt' in variable) return variable.dt;
  }
  return undefined;
}
