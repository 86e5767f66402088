/** Learning rates as functions of how much has been trained on. */

export interface RateSettings {
  /** The highest rate. */
  readonly rate: number;
  /** The rate rises in proportion until this much has been seen, in steps or in tokens, whichever is counted. */
  readonly warmup: number;
  /** After the rise half a cosine down to `floor` * rate, reached at this much; undefined stays at the full rate. */
  readonly total?: number | undefined;
  /** Default 0.1. */
  readonly floor?: number;
  /**
   * As the original has it: the first update runs at the full rate, the others at that of what was seen before them,
   * and past the end the cosine rises again.
   */
  readonly original?: boolean;
}

/** The rate of every update, by what has been seen when it is done. */
export class RateSchedule {
  readonly #settings: RateSettings;

  constructor(settings: RateSettings) {
    this.#settings = settings;
  }

  /**
   * @param before what had been seen before this update: 0 for the first
   * @param size what this update sees
   */
  rate(before: number, size: number): number {
    const { original = false, rate } = this.#settings;
    if (!original) return this.#at(before + size);
    return before === 0 ? rate : this.#at(before);
  }

  #at(seen: number): number {
    const { rate, warmup, total, floor = 0.1, original = false } = this.#settings;
    if (seen < warmup) return (rate * seen) / Math.max(1, warmup);
    if (total === undefined) return rate;
    const share = (seen - warmup) / Math.max(1, total - warmup);
    const reached = original ? share : Math.min(1, share);
    return rate * Math.max(floor, 0.5 * (1 + Math.cos(Math.PI * reached)));
  }
}
