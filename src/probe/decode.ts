/** Behaviour decoded from windows by a model: what it was and what the model makes of it. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import type { Engine } from '../gpu/engine.js';
import { modulo } from '../math/angles.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import { ForwardPass } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { decodedPeriod, isClassified } from '../neuroformer/variables.js';
import type { WindowRef, Windows } from '../recording/windows.js';

/** What a model is asked with. */
export interface DecodingInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly windows: Windows;
}

/** The variables a configuration decodes and a recording has. */
export function predictedVariables(layout: BatchLayout) {
  return layout.variables.filter(({ setting }) => setting.predict);
}

/** What each variable was when a window ended, angles from 0 up to a full turn: its truth, with nothing decoded yet. */
export function recordedValues(
  layout: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
): DecodedVariable[] {
  const found = refs.map((ref) => windows.variables(ref));
  return predictedVariables(layout).map(({ name, setting }): DecodedVariable => {
    const samples = found.map((variables) => variables[name]!.values.at(-1)!);
    const classes = layout.tokenizer.classes[name];
    if (isClassified(setting) && classes)
      return { name, kind: 'class', truth: samples.map((n) => classes.values[n]!), predicted: [] };
    const period = decodedPeriod(setting);
    const predicted = new Float64Array(0);
    if (period === undefined)
      return { name, kind: 'number', truth: Float64Array.from(samples), predicted };
    // Decoded angles lie within the first turn, so what was recorded from half a turn below 0 on is brought there.
    const truth = Float64Array.from(samples, (sample) => modulo(sample, period));
    return { name, kind: 'angle', truth, predicted, period };
  });
}

/**
 * Decodes the windows named, in their order.
 *
 * @param progress called after every batch with how many of the windows are done.
 */
export async function decodeWindows(
  { engine, model, layout, windows }: DecodingInputs,
  refs: readonly WindowRef[],
  progress: (done: number) => void = () => {},
): Promise<DecodedVariable[]> {
  if (refs.length === 0) return recordedValues(layout, windows, refs);
  const decoded = predictedVariables(layout);
  const size = Math.min(64, refs.length);
  using pass = new ForwardPass(
    engine,
    layout,
    size,
    ({ inputs }) => model.forward(inputs).predictions,
  );
  const outputs = decoded.map((): number[][] => []);
  for (let start = 0; start < refs.length; start += size) {
    const part = refs.slice(start, start + size);
    // The last batch is filled up with its own first window; what comes of that is not used.
    const filled = Array.from({ length: size }, (_, n) => part[n] ?? part[0]!);
    const predictions = await pass.run(layout.collate(filled.map((ref) => windows.at(ref))));
    for (const [n, { name }] of decoded.entries()) {
      const values = predictions[name]!;
      const width = values.length / size;
      for (let row = 0; row < part.length; row++)
        outputs[n]!.push([...values.subarray(row * width, (row + 1) * width)]);
    }
    progress(start + part.length);
  }
  return recordedValues(layout, windows, refs).map((variable, n): DecodedVariable => {
    const rows = outputs[n]!;
    if (variable.kind !== 'class') {
      const scale = layout.variableScale(decoded[n]!);
      return { ...variable, predicted: Float64Array.from(rows, (row) => scale.decode(row)) };
    }
    const { values } = layout.tokenizer.classes[variable.name]!;
    return { ...variable, predicted: rows.map((row) => values[largest(row, values.length)]!) };
  });
}

/** Which of the first `count` numbers is largest. */
function largest(numbers: readonly number[], count: number): number {
  let best = 0;
  for (let n = 1; n < count; n++) if (numbers[n]! > numbers[best]!) best = n;
  return best;
}
