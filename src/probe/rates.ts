/**
 * Scores of a model's rates against recorded trials: what single spikes they explain, and how well
 * their mean over repeats of a stimulus follows the recorded PSTH; beside baselines.
 */

import type { RidgeStrengths } from '../analyze/glm-ridge.js';
import {
  bitsPerSpike,
  mixWithMean,
  psthCorrelation,
  splitHalfCeiling,
  type TrialCounts,
} from '../analyze/rate-scores.js';
import type { WeightsId } from '../train/weights.js';

/** Agreement of rates with the recorded PSTH. */
export interface PsthScore {
  /** Width of the bins. */
  readonly seconds: number;
  /** Correlation over time, mean over neurons. */
  readonly r: number;
}

/** What the PSTH of true rates would reach, from halves of the repeats. */
export interface RateCeiling {
  /** Width of the bins. */
  readonly seconds: number;
  /** If as many trials were drawn from the rates as were recorded. */
  readonly drawn: number;
  /** Without the noise of drawing. */
  readonly expected: number;
}

/** How well rates agree with recorded trials. */
export interface RateScores {
  /** Bits a spike beyond each neuron's mean rate in training. */
  readonly bits: number;
  /** Agreement with the recorded PSTH by width of bins; empty without repeats. */
  readonly psth: readonly PsthScore[];
  /** Mean rate of a neuron, Hz. */
  readonly rate: number;
}

/** The rates of the model or of a baseline, with their scores. */
export interface RateMethod {
  /** Its name in tables. */
  readonly name: string;
  /** How it was fitted, in a few words; may be empty. */
  readonly detail: string;
  /** One window ahead of the recorded past. */
  readonly ahead: RateScores;
  /** Running freely; undefined for what was not run freely. */
  readonly free: RateScores | undefined;
  /** The penalties of a GLM; absent for others. */
  readonly penalties?: RidgeStrengths;
}

/** The results of scoring rates. */
export interface RateResults {
  /** The model's weights; absent in results of earlier versions. */
  readonly weights?: WeightsId;
  /** Which trials were scored, in a few words. */
  readonly trials: string;
  /** How many. */
  readonly count: number;
  /** Whether they are repeats of one stimulus. */
  readonly repeated: boolean;
  /** Seconds per window. */
  readonly window: number;
  /** Windows of each trial. */
  readonly windows: number;
  /** How often each window was drawn one ahead, and each trial freely. */
  readonly draws: number;
  /** Share of the mean rates that was mixed into the rates. */
  readonly share: number;
  /** Recorded mean rate of a neuron in these windows, Hz. */
  readonly rate: number;
  /** The ceiling by width of bins; empty without repeats. */
  readonly ceiling: readonly RateCeiling[];
  /** The model, then baselines from the simplest on. */
  readonly methods: readonly RateMethod[];
  /** Sentences about what could not be compared. */
  readonly notes: readonly string[];
}

/** Widths of PSTH bins, in windows. */
const GROUPS = [1, 4];

/** Scores rates by the trials that were recorded. */
export class RateScorer {
  readonly #recorded: readonly TrialCounts[];
  readonly #means: Float64Array;
  readonly #window: number;
  readonly #share: number;
  readonly #repeated: boolean;

  /**
   * @param recorded counts of each trial, [windows, neurons]
   * @param means counts of training windows, [neurons]
   * @param options.window seconds
   * @param options.share of the means that is mixed into rates before bits are computed
   * @param options.repeated whether the trials are repeats of one stimulus
   */
  constructor(
    recorded: readonly TrialCounts[],
    means: Float64Array,
    options: { readonly window: number; readonly share: number; readonly repeated: boolean },
  ) {
    this.#recorded = recorded;
    this.#means = means;
    this.#window = options.window;
    this.#share = options.share;
    this.#repeated = options.repeated && recorded.length > 1;
  }

  /** The scores of rates of each trial, [windows, neurons]. */
  score(rates: readonly TrialCounts[]): RateScores {
    const means = this.#means;
    const mixed = rates.map((trial) => mixWithMean(trial, means, this.#share));
    return {
      bits: bitsPerSpike(this.#recorded, mixed, means),
      psth: this.#groups().map((group) => ({
        seconds: group * this.#window,
        r: psthCorrelation(rates, this.#recorded, { neurons: means.length, group }).mean,
      })),
      rate: this.#meanRate(rates),
    };
  }

  /** What the recorded trials themselves say. */
  recorded(): Pick<RateResults, 'rate' | 'ceiling'> {
    return {
      rate: this.#meanRate(this.#recorded),
      ceiling: this.#groups().map((group) => {
        const bins = { neurons: this.#means.length, group };
        const { drawn, expected } = splitHalfCeiling(this.#recorded, bins);
        return { seconds: group * this.#window, drawn, expected };
      }),
    };
  }

  #groups(): number[] {
    const windows = this.#recorded[0]!.length / this.#means.length;
    return this.#repeated ? GROUPS.filter((group) => windows >= 2 * group) : [];
  }

  /** Hz, mean over neurons. */
  #meanRate(trials: readonly TrialCounts[]): number {
    let [sum, length] = [0, 0];
    for (const trial of trials) {
      for (let n = 0; n < trial.length; n++) sum += trial[n]!;
      length += trial.length;
    }
    return sum / length / this.#window;
  }
}
