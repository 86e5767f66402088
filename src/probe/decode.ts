/** Decodes variables from windows with a model, beside their recorded values. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import type { Engine } from '../gpu/engine.js';
import { wrapToTurn } from '../math/angles.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { decodedPeriod, isClassified } from '../neuroformer/variables.js';
import type { WindowRef, Windows } from '../recording/windows.js';

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
  const size = Math.min(64, refs.length);
  using pass = new RecordedForward(
    engine,
    layout,
    size,
    ({ inputs }) => model.forward(inputs).predictions,
  );
  const outputs = decoded.map((): number[][] => []);
  for (let start = 0; start < refs.length; start += size) {
    const batch = refs.slice(start, start + size);
    // The last batch is padded with copies of its first window, whose predictions are ignored.
    const filled = Array.from({ length: size }, (_, n) => batch[n] ?? batch[0]!);
    const predictions = await pass.run(layout.collate(filled.map((ref) => windows.at(ref))));
    for (const [n, { name }] of decoded.entries()) {
      const values = predictions[name]!;
      const width = values.length / size;
      for (let row = 0; row < batch.length; row++)
        outputs[n]!.push([...values.subarray(row * width, (row + 1) * width)]);
    }
    progress(start + batch.length);
  }
  return recordedValues(layout, windows, refs).map((variable, n): DecodedVariable => {
    const rows = outputs[n]!;
    if (variable.kind !== 'class') {
      const scale = layout.variableScale(decoded[n]!);
      return { ...variable, predicted: Float64Array.from(rows, (row) => scale.decode(row)) };
    }
    const { values } = layout.tokenizer.classes[variable.name]!;
    return { ...variable, predicted: rows.map((row) => values[argmax(row, values.length)]!) };
  });
}

/** Index of the largest among the first `count` numbers, which leaves out the special tokens. */
function argmax(numbers: readonly number[], count: number): number {
  let best = 0;
  for (let n = 1; n < count; n++) if (numbers[n]! > numbers[best]!) best = n;
  return best;
}
