/** Decodes variables from windows with a model, beside their recorded values. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import type { Engine } from '../gpu/engine.js';
import { wrapToTurn } from '../math/angles.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { ModelInputs, Neuroformer } from '../neuroformer/model.js';
import { decodedPeriod, isClassified } from '../neuroformer/variables.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { readWindows } from './read-windows.js';

/** A model, and the windows it decodes from. */
export interface DecodingInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly windows: Windows;
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

/**
 * Decodes these windows, in their order.
 *
 * @param progress called after each batch with how many windows are decoded
 */
export async function decodeWindows(
  { engine, model, layout, windows }: DecodingInputs,
  refs: readonly WindowRef[],
  progress: (done: number) => void = () => {},
): Promise<DecodedVariable[]> {
  if (refs.length === 0) return recordedValues(layout, windows, refs);
  const decoded = predictedVariables(layout);
  const compute = (inputs: ModelInputs) => model.forward(inputs).predictions;
  const outputs = await readWindows({ engine, layout, windows, compute }, refs, progress);
  return recordedValues(layout, windows, refs).map((variable, n): DecodedVariable => {
    const values = outputs[variable.name]!;
    const width = values.length / refs.length;
    const rows = refs.map((_, row) => values.subarray(row * width, (row + 1) * width));
    if (variable.kind !== 'class') {
      const scale = layout.variableScale(decoded[n]!);
      return { ...variable, predicted: Float64Array.from(rows, (row) => scale.decode(row)) };
    }
    const { values: classes } = layout.tokenizer.classes[variable.name]!;
    return { ...variable, predicted: rows.map((row) => classes[argmax(row, classes.length)]!) };
  });
}

/** Index of the largest among the first `count` numbers, which leaves out the special tokens. */
function argmax(numbers: ArrayLike<number>, count: number): number {
  let best = 0;
  for (let n = 1; n < count; n++) if (numbers[n]! > numbers[best]!) best = n;
  return best;
}
