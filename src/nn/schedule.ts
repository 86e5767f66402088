/** Learning-rate schedules: linear warm-up and cosine decay over the amount of training. */

/**
 * Settings of a schedule. Amounts of training are in steps or in tokens, whichever the caller
 * counts.
 */
export interface RateSettings {
  /** The maximum rate. */
  readonly rate: number;
  /** The amount of training over which the rate rises linearly from 0 to `rate`. */
  readonly warmup: number;
  /**
   * The amount of training at which a half cosine has fallen to `floor` * `rate`. Default: the rate
   * does not fall.
   */
  readonly total?: number | undefined;
  /** The minimum rate as a share of `rate`. Default: 0.1. */
  readonly floor?: number;
  /**
   * Reproduces the original. Its first update has the full rate, each other update the rate for the
   * amount of training before it, and after `total` the cosine rises again. Default: false.
   */
  readonly original?: boolean;
}

/** The learning rate of every update, for the amount of training at its end. */
export class RateSchedule {
  readonly #settings: RateSettings;

  constructor(settings: RateSettings) {
    this.#settings = settings;
  }

  /**
   * The learning rate of an update.
   *
   * @param seenBefore the amount of training before this update, 0 for the first
   * @param size the amount of training in this update
   */
  rate(seenBefore: number, size: number): number {
    const { original = false, rate } = this.#settings;
    if (!original) return this.#rateAfter(seenBefore + size);
    return seenBefore === 0 ? rate : this.#rateAfter(seenBefore);
  }

  #rateAfter(seen: number): number {
    const { rate, warmup, total, floor = 0.1, original = false } = this.#settings;
    if (seen < warmup) return (rate * seen) / Math.max(1, warmup);
    if (total === undefined) return rate;
    const progress = (seen - warmup) / Math.max(1, total - warmup);
    const clipped = original ? progress : Math.min(1, progress);
    return rate * Math.max(floor, 0.5 * (1 + Math.cos(Math.PI * clipped)));
  }
}
