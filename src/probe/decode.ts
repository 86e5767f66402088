/** Decodes variables from windows with a model, beside their recorded values. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { angleFromCosineSine, cosineAndSine, wrapToTurn } from '../math/angles.js';
import { logSumExp, mean } from '../math/statistics.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { decodedPeriod, isClassified } from '../neuroformer/variables.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { type ForwardInputs, forwardWindows } from './forward-windows.js';

/** A model, and the windows it decodes from. */
export interface DecodingInputs extends ForwardInputs {
  readonly model: Neuroformer;
}

/**
 * The variables that the model decodes: those that the configuration predicts and the recording
 * has.
 */
export function predictedVariables(layout: BatchLayout) {
  return layout.variables.filter(({ setting }) => setting.predict);
}

/**
 * The true value of each decoded variable at the end of each window. Angles are from 0 up to a full
 * turn. The predictions are empty.
 */
export function recordedValues(
  layout: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
): DecodedVariable[] {
  const samplesInWindows = refs.map((ref) => windows.samplesAt(ref));
  return predictedVariables(layout).map(({ name, setting }): DecodedVariable => {
    const samples = samplesInWindows.map((variables) => variables[name]!.values.at(-1)!);
    const classes = layout.tokenizer.classes[name];
    if (isClassified(setting) && classes)
      return { name, kind: 'class', truth: samples.map((n) => classes.values[n]!), predicted: [] };
    const period = decodedPeriod(setting);
    const predicted = new Float64Array(0);
    if (period === undefined)
      return { name, kind: 'number', truth: Float64Array.from(samples), predicted };
    // Decoded angles are from 0 to a full turn. Recorded ones may be from minus to plus half a
    // turn.
    const truth = Float64Array.from(samples, (sample) => wrapToTurn(sample, period));
    return { name, kind: 'angle', truth, predicted, period };
  });
}

/** What a model predicts of one variable, in components that can be averaged over models. */
export interface Prediction {
  /** The true values; the predictions are empty. */
  readonly variable: DecodedVariable;
  /** One row per window: a number, cosine and sine of an angle, or a probability per class. */
  readonly rows: readonly (readonly number[])[];
  /** The values that the probabilities are of, for a class. */
  readonly classes: readonly ClassValue[];
}

/**
 * Decodes these windows, in their order.
 *
 * @param progress called after each batch with how many windows are decoded
 */
export async function decodeWindows(
  inputs: DecodingInputs,
  refs: readonly WindowRef[],
  progress?: (done: number) => void,
): Promise<DecodedVariable[]> {
  return decodedValues(await predictWindows(inputs, refs, progress));
}

/**
 * Predicts every decoded variable of these windows, in their order.
 *
 * @param progress called after each batch with how many windows are decoded
 */
export async function predictWindows(
  inputs: DecodingInputs,
  refs: readonly WindowRef[],
  progress?: (done: number) => void,
): Promise<Prediction[]> {
  const { model, layout, windows } = inputs;
  const decoded = predictedVariables(layout);
  const outputs =
    refs.length > 0 &&
    (await forwardWindows(
      inputs,
      refs,
      (batch) => model.forward(batch.inputs).predictions,
      progress,
    ));
  return recordedValues(layout, windows, refs).map((variable, n): Prediction => {
    const rows = outputs ? outputs[variable.name]! : [];
    if (variable.kind === 'class') {
      const classes = layout.tokenizer.classes[variable.name]!.values;
      return { variable, classes, rows: rows.map((row) => softmax(row, classes.length)) };
    }
    const scale = layout.variableScale(decoded[n]!);
    const components = (value: number) =>
      variable.period === undefined ? [value] : cosineAndSine(value, variable.period);
    return { variable, classes: [], rows: rows.map((row) => components(scale.decode(row))) };
  });
}

/**
 * The mean of several models' predictions of the same windows: of numbers, of the unit vectors of
 * angles, of the probabilities of classes.
 */
export function meanPredictions(models: readonly (readonly Prediction[])[]): Prediction[] {
  return models[0]!.map(({ variable, classes, rows }, n) => ({
    variable,
    classes,
    rows: rows.map((row, index) =>
      row.map((_, component) =>
        mean(models.map((predictions) => predictions[n]!.rows[index]![component]!)),
      ),
    ),
  }));
}

/** The variables with what is predicted of them: of classes, the most probable one. */
export function decodedValues(predictions: readonly Prediction[]): DecodedVariable[] {
  return predictions.map(({ variable, classes, rows }): DecodedVariable => {
    if (variable.kind === 'class')
      return {
        ...variable,
        predicted: rows.map((row) => classes[row.indexOf(Math.max(...row))]!),
      };
    const value = ([a, b]: readonly number[]) =>
      variable.period === undefined ? a! : angleFromCosineSine(a!, b!, variable.period);
    return { ...variable, predicted: Float64Array.from(rows, value) };
  });
}

/** Probabilities from the first `count` logits, which leaves out the special tokens. */
function softmax(logits: readonly number[], count: number): number[] {
  const used = logits.slice(0, count);
  const total = logSumExp(used);
  return used.map((logit) => Math.exp(logit - total));
}
