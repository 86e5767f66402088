/** The results of the stages, as they are stored with a run and shown in its report. */

import type { Score } from '../analyze/bootstrap.js';
import type { DecodedVariable } from '../analyze/decoded-variable.js';
import type { Scores } from '../analyze/decoding-scores.js';
import type { FeatureMatrix } from '../analyze/feature-matrix.js';
import type { RecordedVariable } from '../analyze/readout.js';
import type { DrawSettings } from '../generate/sampler.js';
import type { GeneratedTrial } from '../generate/trials.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import type { WeightsId } from '../train/weights.js';
import type { Connectivity } from './connectivity.js';
import type { GeneratedScores, OneWindowAheadScores, WindowScores } from './generated.js';
import type { ActivityFeature } from './latents.js';
import type { StimulusKind, StimulusMap } from './stimulus.js';
import type { StimulusGrid } from './stimulus-grid.js';
import type { TokenScores } from './token-scores.js';

/** The scores of one decoder: the model or a baseline. */
export interface MethodScores {
  /** Name of the decoder in tables. */
  readonly name: string;
  /** Its settings, such as a penalty. */
  readonly detail: string;
  /** By variable. */
  readonly scores: Readonly<Record<string, Scores>>;
  /** The same where the condition of the results holds; absent without one. */
  readonly conditional?: Readonly<Record<string, Scores>>;
  /**
   * By variable, the first score of the run's model minus that of this decoder, in the same
   * resamplings; absent of the model itself, and in results of earlier versions.
   */
  readonly modelMinusThis?: Readonly<Record<string, Score>>;
}

/** Moments that are scored by themselves. */
export interface ScoredMoments {
  /** Such as 'speed > 2'. */
  readonly condition: string;
  /** At how many windows it holds. */
  readonly windows: number;
}

/** The results of `decode`. */
export interface DecodedResults {
  /** Which windows were decoded. */
  readonly part: Part | 'all';
  /** The weights that decoded them. */
  readonly weights: WeightsId;
  /** The decoded windows. */
  readonly refs: readonly WindowRef[];
  /** True values, and those decoded by the model, at the end of each window. */
  readonly variables: readonly DecodedVariable[];
  /** The unit of each variable, as far as it is known. */
  readonly units: Readonly<Record<string, string>>;
  /** The scores of the model, then of the baselines. */
  readonly methods: readonly MethodScores[];
  /** Moments that are scored by themselves as well. */
  readonly when?: ScoredMoments;
  /** Seconds per block of the bootstrap. */
  readonly block: number;
  /** How many blocks there are. */
  readonly blocks: number;
  /** How many windows each method was trained on. */
  readonly trained: number;
  /** Sentences on what may mislead a reader of the scores. */
  readonly notes: readonly string[];
}

/** The results of `generate`. */
export interface GeneratedResults {
  /** The generated spikes. */
  readonly trials: readonly GeneratedTrial[];
  /** Their agreement with the recording. */
  readonly scores: GeneratedScores;
  /** How the trials were generated. */
  readonly settings: {
    /** Which spikes the past windows held. */
    readonly past: 'own' | 'recorded';
    /** The part of the split that the trials start in. */
    readonly part: Part | 'all';
    /** Seed of all random draws. */
    readonly seed: number;
    /** Length of each trial. */
    readonly seconds: number;
    /** How neurons were drawn. */
    readonly id: DrawSettings | undefined;
    /** How times were drawn. */
    readonly time: DrawSettings | undefined;
    /** The weights they were drawn with. */
    readonly weights: WeightsId;
  };
  /** A sentence on the neurons that were silenced or driven; empty if none was. */
  readonly clamped: string;
  /**
   * Sets of neurons, one window ahead of the recorded past. Absent if neurons were clamped or the
   * test part is empty.
   */
  readonly windows?: WindowScores;
  /** Predictions of the next token, in the same windows. */
  readonly tokens?: TokenScores;
  /** Rates, one window ahead of the recorded past. */
  readonly ahead?: OneWindowAheadScores;
  /** Seconds per bin of the PSTH. */
  readonly bin: number;
}

/** The results of `connectivity`. */
export interface ConnectivityResults extends Connectivity {
  /** The model's weights; absent in results of earlier versions. */
  readonly weights?: WeightsId;
  /** How long the computation took. */
  readonly seconds: number;
  /** Names of the neurons, if they have others than their indices. */
  readonly names?: readonly string[];
}

/** The results of `explain stimulus`. */
export interface StimulusResults {
  /** Whether the film is a picture, or has one input in each pixel. */
  readonly kind: StimulusKind;
  /** The places that maps are about. */
  readonly grid: StimulusGrid;
  /** The part of the split that the model read. */
  readonly part: Part | 'all';
  /** The model's weights. */
  readonly weights: WeightsId;
  /** Seed of all random choices. */
  readonly seed: number;
  /** How many windows of that part attention was read from. */
  readonly windows: number;
  /** How many training windows spikes alone were read from. */
  readonly trained: number;
  /** Spikes of each neuron in these training windows. */
  readonly spikes: readonly number[];
  /** The maps of the model, each with its control, then those of spikes alone. */
  readonly maps: readonly StimulusMap[];
  /** How long the computation took. */
  readonly seconds: number;
  /** Names of the neurons, if they have others than their indices. */
  readonly names?: readonly string[];
}

/** The decoders of `labels`, by their keys in files, with their names in tables. */
export const LABEL_DECODERS = {
  pretrained: 'pretrained, fine-tuned',
  scratch: 'from scratch',
  frozen: 'pretrained, frozen, ridge',
  slow: 'pretrained, frozen, slow features',
  untrained: 'untrained, frozen, ridge',
  slowUntrained: 'untrained, frozen, slow features',
  counts: 'ridge on counts',
  slowCounts: 'slow features of counts',
} as const;

/** One decoder of `labels`: how it was trained, and how well it decodes the test part. */
export interface LabelRun {
  /** The draw of labels, which is also the seed of what is trained on them. */
  readonly draw: number;
  /** Seed of the network before labels; absent where there is none. */
  readonly network?: number;
  /** Share of the labeled windows that it was trained on. */
  readonly share: number;
  /** How many labeled windows that is. */
  readonly windows: number;
  /** What decodes. */
  readonly from: keyof typeof LABEL_DECODERS;
  readonly scores: ScoreValues;
}

/** Scores by variable and by key of `SCORE_COLUMNS`. */
export type ScoreValues = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A variable that is decoded. */
export interface LabelVariable {
  readonly name: string;
  readonly kind: DecodedVariable['kind'];
}

/** The results of `labels`. */
export interface LabelResults {
  /** The run's weights; absent in results of earlier versions. */
  readonly weights?: WeightsId;
  /** Updates with labels, of each model that is trained on them. */
  readonly updates: number;
  /** Seconds of the stretches of time that have labels. */
  readonly stretch: number;
  /** Updates on spikes alone, of each pretrained model. */
  readonly pretraining: number;
  readonly variables: readonly LabelVariable[];
  /** Every decoder with every draw of labels that is done. */
  readonly runs: readonly LabelRun[];
  /** The run itself, which had all labels throughout its training. */
  readonly whole: {
    readonly updates: number;
    readonly scores: ScoreValues;
    /** Whether it started from another run instead of from scratch. */
    readonly finetuned: boolean;
  };
}

/** How well variables are read from the latents of held-out windows. */
export interface LatentScores {
  /** R2 of a ridge regression; of an angle, of its cosine and sine together. */
  readonly ridge: number;
  /** R2 of the mean over the nearest training windows. */
  readonly neighbors: number;
}

/** One kind of latents: those of the run's model, a control, or what needs no model. */
export interface LatentMethod {
  /** Its key in files: letters. */
  readonly name: string;
  /** Its name in reports. */
  readonly title: string;
  /** What it is of: the run's model, another model as a control, or spikes alone. */
  readonly kind: 'model' | 'control' | 'baseline';
  /** By variable. */
  readonly scores: Readonly<Record<string, LatentScores>>;
  /** Latents of training windows, on which readouts are fitted. */
  readonly train: FeatureMatrix;
  /** Latents of test windows. */
  readonly test: FeatureMatrix;
}

/** The results of `latents`. */
export interface LatentResults {
  /** The aligned feature of the neural activity. */
  readonly feature: ActivityFeature;
  /** What it was aligned with: variables of the recording, and 'frames'. */
  readonly aligned: readonly string[];
  /** How many of the nearest training windows a value is read from. */
  readonly neighbors: number;
  /** The model's weights. */
  readonly weights: WeightsId;
  /** Updates of each model. */
  readonly updates: number;
  /** The variables at the ends of training windows. */
  readonly train: readonly RecordedVariable[];
  /** The variables at the ends of test windows. */
  readonly test: readonly RecordedVariable[];
  /** The run's latents first, then those beside it. */
  readonly methods: readonly LatentMethod[];
}

/** Variables read from one stage of one model. */
export interface ProbeRow {
  /** Seed of the model. */
  readonly seed: number;
  /** The key of the stage; 'counts' for spike counts, which need no model. */
  readonly stage: string;
  /** R2 on test windows by variable, of the trained model. */
  readonly trained: Readonly<Record<string, number>>;
  /** The same of an untrained model; absent for spike counts. */
  readonly untrained?: Readonly<Record<string, number>>;
}

/** The results of `ladder probes`. */
export interface ProbeResults {
  /** The run's weights; absent in results of earlier versions. */
  readonly weights?: WeightsId;
  /** The stages from the bottom up, then the spike counts. */
  readonly stages: readonly LadderRung[];
  /** Names of the variables. */
  readonly variables: readonly string[];
  /** Windows that readouts are fitted on. */
  readonly trained: number;
  /** Windows that they are scored on. */
  readonly tested: number;
  /** Every stage of every model that is done. */
  readonly rows: readonly ProbeRow[];
}

/** The scores of one model of a ladder of components. */
export interface RungScores {
  /** Updates of its training. */
  readonly updates: number;
  /** Floating-point operations of one update. */
  readonly flops: number;
  /** Mean of -log p of the true next token, in nats; spikes and ends of windows. */
  readonly nats: number;
  /** Bits a spike of expected counts one window ahead, beyond the mean rates of training. */
  readonly bits: number;
  /** Mean F1 of the sets of neurons that fire in a window. */
  readonly setF1: number;
  /** The same for windows drawn at another moment. */
  readonly shuffledSetF1: number;
}

/** One model of a ladder of components: a rung, trained with one seed. */
export interface LadderRun extends RungScores {
  /** The name of its rung. */
  readonly name: string;
  /** Seed of its training. */
  readonly seed: number;
}

/** One rung of a ladder. */
export interface LadderRung {
  /** Its key in files. */
  readonly name: string;
  /** Its name in tables. */
  readonly title: string;
}

/** The results of `ladder components`. */
export interface LadderResults {
  /** The rungs from the bottom up. */
  readonly rungs: readonly LadderRung[];
  /** Every rung with every seed that is done. */
  readonly runs: readonly LadderRun[];
}
