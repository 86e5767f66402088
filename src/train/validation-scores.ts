/** How well variables are decoded in validation windows, so that one sees training get better. */

import { scoreCircular, scoreClasses, scoreRegression } from '../analyze/scores.js';
import { angleFromCosineSine } from '../math/angles.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { VariableConfig } from '../neuroformer/config.js';
import { decodedPeriod, isClassified } from '../neuroformer/variables.js';
import { formatDecimals, formatList } from '../text/format.js';

/** The score of one variable in the validation windows. */
export interface ValidationScore {
  /** What it is: R2 of a number, median error of an angle in degrees, accuracy of a class. */
  readonly kind: 'R2' | 'median error' | 'accuracy';
  /** How much it is. */
  readonly value: number;
}

/** Scores by variable. */
export type ValidationScores = Readonly<Record<string, ValidationScore>>;

/** Collects outputs of the model and their targets, batch by batch, and scores them. */
export class OutputScores {
  readonly #layout: BatchLayout;
  /** Numbers, angles in degrees or classes, by variable. */
  readonly #values: Record<string, { truth: number[]; predicted: number[] }> = {};

  /** @param layout of the batches */
  constructor(layout: BatchLayout) {
    this.#layout = layout;
  }

  /**
   * Adds a batch of one variable.
   *
   * @param outputs row-major: [B, 1] of a number, [B, 2] for cosine and sine, or [B, classes]
   * @param targets as the layout has them: of the same shape, or the class of each window, [B]
   */
  add(name: string, outputs: Float32Array, targets: Float32Array | Uint32Array): void {
    const rows = this.#valuesOf(name, outputs, targets);
    this.#values[name] ??= { truth: [], predicted: [] };
    const { truth, predicted } = this.#values[name];
    truth.push(...rows.truth);
    predicted.push(...rows.predicted);
  }

  /** Numbers, angles in degrees or classes of a batch. */
  #valuesOf(name: string, outputs: Float32Array, targets: Float32Array | Uint32Array) {
    if (targets instanceof Uint32Array) {
      const width = outputs.length / targets.length;
      // What follows the classes are special tokens.
      const classes = this.#layout.tokenizer.classes[name]?.values.length ?? width;
      const likeliest = (row: number) => {
        const logits = outputs.subarray(row * width, row * width + classes);
        return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
      };
      return { truth: targets, predicted: Array.from(targets, (_, row) => likeliest(row)) };
    }
    if (decodedPeriod(this.#setting(name)) === undefined)
      return { truth: targets, predicted: outputs };
    const angles = (parts: Float32Array) =>
      Array.from({ length: parts.length / 2 }, (_, row) =>
        angleFromCosineSine(parts[2 * row]!, parts[2 * row + 1]!, 360),
      );
    return { truth: angles(targets), predicted: angles(outputs) };
  }

  #setting(name: string): VariableConfig {
    return this.#layout.variables.find((variable) => variable.name === name)!.setting;
  }

  /** The scores of all that was added; one that does not exist is absent. */
  scores(): ValidationScores {
    const scores = Object.entries(this.#values).map(([name, { truth, predicted }]) => {
      const setting = this.#setting(name);
      const score: ValidationScore = isClassified(setting)
        ? { kind: 'accuracy', value: scoreClasses(truth, predicted).accuracy }
        : decodedPeriod(setting) === undefined
          ? { kind: 'R2', value: scoreRegression(truth, predicted).r2 }
          : { kind: 'median error', value: scoreCircular(truth, predicted, 360).median };
      return [name, score] as const;
    });
    return Object.fromEntries(scores.filter(([, { value }]) => Number.isFinite(value)));
  }
}

/** Variables that a line has room for. */
const MAX_SHOWN = 3;

/** Scores in words: "position R2 0.97, heading median error 12.1 deg". */
export function describeScores(scores: ValidationScores): string {
  const words = Object.entries(scores).map(([name, { kind, value }]) =>
    kind === 'median error'
      ? `${name} ${kind} ${formatDecimals(value, 1)} deg`
      : `${name} ${kind} ${formatDecimals(value, 3)}`,
  );
  return formatList(words, MAX_SHOWN);
}
