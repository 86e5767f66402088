/** The worst error of each kind of comparison with the golden reference, and its tolerance. */

import { alignedTable } from '../../src/text/table.js';

/** The worst of one kind of comparison, such as the gradients of a case. */
export interface Finding {
  /** The kind of comparison. */
  readonly what: string;
  /** The number of arrays compared. */
  readonly compared: number;
  /** The array with the largest error relative to its tolerance. */
  readonly item: string;
  /** Its largest error; infinite where it is NaN or the lengths differ. */
  readonly error: number;
  /** Its largest error as a share of the tolerance: above 1 it is outside. */
  readonly share: number;
}

/** The tolerance of an element, given its expected value. */
export type Allowed = (expected: number) => number;

/** Collects the worst of each kind of comparison. */
export class Tally {
  readonly #findings = new Map<string, Finding>();

  /** Compares an array element by element. NaN is outside every tolerance. */
  near(
    what: string,
    item: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    allowed: Allowed,
  ): void {
    let error = actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
    let share = error;
    for (let n = 0; n < expected.length && share < Number.POSITIVE_INFINITY; n++) {
      const difference = Math.abs(actual[n]! - expected[n]!);
      const ratio = difference / allowed(expected[n]!);
      error = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : Math.max(error, difference);
      share = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : Math.max(share, ratio);
    }
    this.#record(what, item, error, share);
  }

  /** Compares values that should be equal, such as tokens and names. */
  same(what: string, item: string, actual: unknown, expected: unknown): void {
    const differs = JSON.stringify(actual) !== JSON.stringify(expected);
    const difference = differs ? Number.POSITIVE_INFINITY : 0;
    this.#record(what, item, difference, difference);
  }

  /** The worst of each kind so far. */
  get findings(): Finding[] {
    return [...this.#findings.values()];
  }

  #record(what: string, item: string, error: number, share: number): void {
    const previous = this.#findings.get(what);
    const compared = (previous?.compared ?? 0) + 1;
    const worst = !previous || share > previous.share ? { item, error, share } : previous;
    this.#findings.set(what, { ...worst, what, compared });
  }
}

const formatError = (error: number) =>
  Number.isFinite(error) ? error.toExponential(1) : 'differs';
const formatShare = (share: number) => `${(100 * share).toFixed(share < 0.01 ? 2 : 0)} %`;

/**
 * A table with a row for each finding: case and kind, number compared, worst error, share of the
 * tolerance, where.
 */
export function findingTable(rows: readonly (Finding & { case: string })[]): string {
  if (rows.length === 0) return '';
  const cells = rows.map(({ case: name, what, compared, error, share }) => [
    `${name}: ${what}`,
    String(compared),
    error === 0 ? 'equal' : formatError(error),
    Number.isFinite(share) && share > 0 ? formatShare(share) : '',
  ]);
  const items = rows.map(({ item, share }) => (share <= 1 ? item : `${item}  OUTSIDE`));
  // Items are long and of very different lengths, so that they are not aligned.
  const lines = alignedTable([['case: what', 'compared', 'worst', 'share'], ...cells]).split('\n');
  return lines.map((line, row) => `${line}  ${['where', ...items][row]}`).join('\n');
}
