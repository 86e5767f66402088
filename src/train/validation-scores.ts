/** How well variables are decoded in validation windows, so that one sees training get better. */

import { scoreCircular, scoreClasses, scoreRegression } from '../analyze/scores.js';
import { angleFromCosineSine } from '../math/angles.js';
import type { BatchLayout } from '../neuroformer/batch.js';
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
  readonly #truth: Record<string, number[]> = {};
  readonly #predicted: Record<string, number[]> = {};

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
    this.#truth[name] = [...(this.#truth[name] ?? []), ...rows.truth];
    this.#predicted[name] = [...(this.#predicted[name] ?? []), ...rows.predicted];
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
    if (!this.#isAngle(name)) return { truth: targets, predicted: outputs };
    const angles = (parts: Float32Array) =>
      Array.from({ length: parts.length / 2 }, (_, row) =>
        angleFromCosineSine(parts[2 * row]!, parts[2 * row + 1]!, 360),
      );
    return { truth: angles(targets), predicted: angles(outputs) };
  }

  #isAngle(name: string): boolean {
    return this.#layout.variables.some(
      (variable) => variable.name === name && variable.setting.objective === 'circular',
    );
  }

  #isClass(name: string): boolean {
    return this.#layout.variables.some(
      (variable) => variable.name === name && variable.setting.objective === 'classification',
    );
  }

  /** The scores of all that was added; one that does not exist is absent. */
  scores(): ValidationScores {
    const score = (name: string): ValidationScore => {
      const [truth, predicted] = [this.#truth[name]!, this.#predicted[name]!];
      if (this.#isClass(name))
        return { kind: 'accuracy', value: scoreClasses(truth, predicted).accuracy };
      return this.#isAngle(name)
        ? { kind: 'median error', value: scoreCircular(truth, predicted, 360).median }
        : { kind: 'R2', value: scoreRegression(truth, predicted).r2 };
    };
    const scores = Object.keys(this.#truth).map((name) => [name, score(name)] as const);
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
