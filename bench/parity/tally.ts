/** What a comparison with the golden reference found: for each kind of thing the worst error and its tolerance. */

/** The worst of one kind of comparison, such as the gradients of a case. */
export interface Finding {
  readonly what: string;
  /** How many arrays or numbers were compared. */
  readonly compared: number;
  /** The one nearest to, or furthest past, its tolerance; its largest error, and that as a share of what is allowed. */
  readonly item: string;
  readonly error: number;
  readonly share: number;
}

/** What is allowed for one element of an array, from its expected value. */
export type Allowed = (expected: number) => number;

export class Tally {
  readonly #found = new Map<string, Finding>();

  /** Compares an array element by element; NaN is past every tolerance. */
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
      const off = Math.abs(actual[n]! - expected[n]!);
      const part = off / allowed(expected[n]!);
      error = Number.isNaN(part) ? Number.POSITIVE_INFINITY : Math.max(error, off);
      share = Number.isNaN(part) ? Number.POSITIVE_INFINITY : Math.max(share, part);
    }
    this.#note(what, item, error, share);
  }

  /** Compares things that must be the same: tokens, names, kept sets. */
  same(what: string, item: string, actual: unknown, expected: unknown): void {
    const differs = JSON.stringify(actual) !== JSON.stringify(expected);
    const off = differs ? Number.POSITIVE_INFINITY : 0;
    this.#note(what, item, off, off);
  }

  get findings(): Finding[] {
    return [...this.#found.values()];
  }

  #note(what: string, item: string, error: number, share: number): void {
    const before = this.#found.get(what);
    const compared = (before?.compared ?? 0) + 1;
    const worst = !before || share > before.share ? { item, error, share } : before;
    this.#found.set(what, { ...worst, what, compared });
  }
}

const worded = (error: number) => (Number.isFinite(error) ? error.toExponential(1) : 'differs');
const percent = (share: number) => `${(100 * share).toFixed(share < 0.01 ? 2 : 0)} %`;

/** A row each: case, what, worst error, share of the tolerance, where. */
export function findingTable(rows: readonly (Finding & { case: string })[]): string {
  return rows
    .map((row) => {
      const error = row.error === 0 ? 'equal' : worded(row.error);
      const share = Number.isFinite(row.share) && row.share > 0 ? percent(row.share) : '';
      const verdict = row.share <= 1 ? '' : '  OUTSIDE';
      return `${row.case.padEnd(28)}${row.what.padEnd(24)}${String(row.compared).padStart(6)}${error.padStart(10)}${share.padStart(9)}  ${row.item}${verdict}`;
    })
    .join('\n');
}
