/**
 * What cannot be read of a file without a dataset.yaml. One bad part does not keep the rest from
 * being read: it is left out of the description that was guessed, and named.
 */

import { RecordingError } from '../recording/errors.js';
import { formatCount } from '../text/format.js';
import { isRecord } from '../text/schema.js';

/** At most this many parts are named one by one. */
const MAX_NAMED = 5;

/** Collects the parts that cannot be read, and what is left of the description. */
export class LeftOut {
  readonly #variables = new Set<string>();
  #trials: readonly number[] | undefined;
  #neurons: readonly number[] | undefined;

  /** @param note takes a sentence about each part. */
  constructor(readonly note: (sentence: string) => void) {}

  /** Reads a variable; undefined where it cannot be read, which is noted. */
  readVariable<T>(name: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      this.#variables.add(name);
      this.note(`The variable ${name} is left out, because it cannot be used: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Leaves out trials.
   *
   * @param reasons a clause for each that is left out, such as "trial 7 stops before it starts".
   * @param kept indices of the others.
   * @param count how many there are.
   */
  trials(reasons: readonly string[], kept: readonly number[], count: number): void {
    if (reasons.length === 0) return;
    this.#trials = kept;
    this.note(`Trials that cannot be used are left out (${share(reasons, count)}).`);
  }

  /** Leaves out neurons; as `trials`. */
  neurons(reasons: readonly string[], kept: readonly number[], count: number): void {
    if (reasons.length === 0) return;
    this.#neurons = kept;
    this.note(`Neurons that cannot be used are left out (${share(reasons, count)}).`);
  }

  /** A description, as parsed from YAML, without what was left out. */
  describe(raw: object): object {
    const { variables, spikes, trials, ...rest } = raw as Record<string, unknown>;
    const kept = isRecord(variables)
      ? Object.entries(variables).filter(([name]) => !this.#variables.has(name))
      : [];
    const withKept = (part: unknown, keep: readonly number[] | undefined) =>
      isRecord(part) && keep ? { ...part, keep } : part;
    return {
      ...rest,
      spikes: withKept(spikes, this.#neurons),
      ...(kept.length > 0 && { variables: Object.fromEntries(kept) }),
      ...(trials !== undefined && { trials: withKept(trials, this.#trials) }),
    };
  }
}

function share(reasons: readonly string[], count: number): string {
  const named = reasons.slice(0, MAX_NAMED).join('; ');
  const others = reasons.length > MAX_NAMED ? ' and others' : '';
  return `${formatCount(reasons.length)} of ${formatCount(count)}: ${named}${others}`;
}
