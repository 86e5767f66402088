/** What asking a trained model gives, as it is kept in a run's store and shown in its report. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import type { Scores } from '../analyze/decoding-scores.js';
import type { DrawSettings } from '../generate/sampler.js';
import type { GeneratedTrial } from '../generate/trials.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import type { Explained } from './connectivity.js';
import type { AheadScores, GeneratedScores, WindowScores } from './generated.js';
import type { TokenScores } from './token-scores.js';

/** One decoder: the model first, then the baselines. */
export interface MethodScores {
  readonly name: string;
  readonly detail: string;
  /** By variable. */
  readonly scores: Readonly<Record<string, Scores>>;
}

/** What `decode` gives. */
export interface DecodedResults {
  readonly part: Part | 'all';
  readonly weights: string;
  /** Windows decoded, and where each ended: its trial's place and seconds on the trial's clock. */
  readonly refs: readonly WindowRef[];
  /** By the model. */
  readonly variables: readonly DecodedVariable[];
  readonly units: Readonly<Record<string, string>>;
  readonly methods: readonly MethodScores[];
  /** Seconds of a block of the bootstrap, and how many blocks there are. */
  readonly block: number;
  readonly blocks: number;
  /** Windows that each method was trained on. */
  readonly trained: number;
  /** What the scores mean where it is not what one would think: sentences. */
  readonly notes: readonly string[];
}

/** What `generate` gives. */
export interface GeneratedResults {
  readonly trials: readonly GeneratedTrial[];
  readonly scores: GeneratedScores;
  /** How they were drawn: by which weights, from which part of the split, each head's own draw. */
  readonly settings: {
    readonly past: 'own' | 'recorded';
    readonly part: Part | 'all';
    readonly seed: number;
    readonly seconds: number;
    readonly id: DrawSettings | undefined;
    readonly time: DrawSettings | undefined;
    readonly weights: string;
  };
  /** Which neurons were clamped, in a sentence; empty where none was. */
  readonly clamped: string;
  /** One window ahead of the recorded past. */
  readonly windows?: WindowScores;
  readonly tokens?: TokenScores;
  readonly ahead?: AheadScores;
  readonly bin: number;
}

/** What `connectivity` gives, in so many seconds. */
export interface ExplainedResults extends Explained {
  readonly seconds: number;
  /** What neurons are called, where that is not their index. */
  readonly names?: readonly string[];
}

/** One training run: how it began, on what share of the labelled windows, and what it decodes of the test part. */
export interface LabelRun {
  readonly seed: number;
  readonly share: number;
  /** Windows with labels it was trained on. */
  readonly windows: number;
  readonly from: 'pretrained' | 'scratch';
  readonly scores: ScoreValues;
}

/** By variable and name. */
export type ScoreValues = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A variable that is decoded. */
export interface LabelVariable {
  readonly name: string;
  readonly kind: DecodedVariable['kind'];
}

/** What `labels` gives. */
export interface LabelResults {
  readonly updates: number;
  readonly pretraining: number;
  readonly variables: readonly LabelVariable[];
  readonly runs: readonly LabelRun[];
  /** The run itself, which had all labels for as long as it was trained. */
  readonly whole: {
    readonly updates: number;
    readonly scores: ScoreValues;
    /** Whether it began from another run, and not from scratch. */
    readonly finetuned: boolean;
  };
}
