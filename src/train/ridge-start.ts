/**
 * Starts the linear path of a readout as ridge regression on the training windows: what a
 * laboratory already has is where training begins.
 */

import { commonStep } from '../analyze/decoded-variable.js';
import { laggedCounts } from '../analyze/lagged.js';
import { choosePenalty, type PenaltyFit } from '../analyze/penalties.js';
import { CannotFitError } from '../analyze/regression.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { isClassified } from '../neuroformer/variables.js';
import type { TrainingData } from './training-data.js';

/** Penalties that are tried, in rows. */
const PENALTIES = [0, 1, 2, 3, 4, 5, 6].map((power) => 10 ** power);

/**
 * Writes the weights of ridge regression into the linear path of a model's readout. The penalty of
 * each output is the one with the least error on the last fifth of the training windows. Classified
 * variables start without a linear path.
 *
 * @returns sentences for the user
 */
export function startAtRidge(model: Neuroformer, data: TrainingData): string[] {
  const { windows, layout, split } = data;
  const { current, past, countBins: count = 0 } = windows.settings;
  const paths = model.readout?.counts ?? {};
  const variables = layout.variables.filter(
    ({ name, setting }) => paths[name] && !isClassified(setting),
  );
  if (variables.length === 0) return [];
  const bin = (current + past) / count;
  const design = laggedCounts(windows, split.train, { bin, count });
  const gap = Math.ceil((current + past) / (commonStep(split.train) ?? bin) - 1e-9);
  const samples = split.train.map((ref) => windows.samplesAt(ref));
  const targets = variables.map(({ name, setting }) => {
    const scale = layout.variableScale({ name, setting });
    const encoded = samples.map((sample) => scale.encode(sample[name]!.values.at(-1)!));
    return encoded[0]!.map((_, n) => Float64Array.from(encoded, (parts) => parts[n]!));
  });
  const notes: string[] = [];
  // Fitted together, all variables share the passes over the design, which take all of the time.
  let fit: PenaltyFit;
  try {
    fit = choosePenalty('ridge', design, targets.flat(), { grid: PENALTIES, gap });
  } catch (error) {
    if (!(error instanceof CannotFitError)) throw error;
    return variables.map(
      ({ name }) => `${name} starts without ridge regression: ${error.message}.`,
    );
  }
  let next = 0;
  for (const [n, { name }] of variables.entries()) {
    const indices = targets[n]!.map(() => next++);
    const outputs = indices.map((index) => fit.model.raw(index));
    const { weight, bias } = paths[name]!;
    // The model reads scaled counts, so the weights are scaled the other way.
    const weights = outputs.flatMap(({ slopes }) => [
      ...slopes.map((slope) => slope / layout.countScale),
    ]);
    weight.tensor.write(Float32Array.from(weights));
    bias.tensor.write(Float32Array.from(outputs, ({ constant }) => constant));
    const penalties = indices.map((index) => fit.penalties[index]!);
    notes.push(
      `${name} starts as ridge regression on ${count} bins of ${Number(bin.toPrecision(3))} s, penalty ${penalties.join(', ')}.`,
    );
  }
  return notes;
}
