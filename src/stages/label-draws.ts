/** The draws of labels that the labels stage compares, and the networks that know spikes alone. */

import { type Split, thinTraining } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { type OpenedRun, windowsInPart } from '../train/open-run.js';
import { prepareTrainingData } from '../train/training-data.js';
import type { StageOptions } from './context.js';
import { trainBeside } from './train-beside.js';

/** Which models to train and compare. */
export interface LabelsSettings {
  /** Shares of the labeled windows to train on, ascending. */
  readonly shares: readonly number[];
  /** Number of draws of labels. */
  readonly draws: number;
  /** Number of networks that are pretrained, with seeds 1, 2 and so on. */
  readonly pretrainings: number;
  /** Updates of each model on labeled windows. */
  readonly updates: number;
  /** Seconds of the stretches of time that have labels. */
  readonly stretch: number;
  /** Updates of each pretrained network on spikes alone. Default: as many as the run had. */
  readonly pretraining?: number;
}

/** What all decoders of the stage have in common. */
export interface LabelsContext extends Required<StageOptions> {
  readonly run: OpenedRun;
  readonly settings: Required<LabelsSettings>;
}

/** One draw of labels. */
export interface Labels {
  readonly draw: number;
  readonly share: number;
  /** The windows that have labels. */
  readonly windows: readonly WindowRef[];
}

/** The split of the run, with all training windows. */
export function wholeSplit({ run: { dataset, config, tokenizer, facts } }: LabelsContext): Split {
  const whole = { ...facts.training, share: 1 };
  return prepareTrainingData(dataset.recording, config, whole, tokenizer).split;
}

/**
 * Every draw of every share of all training windows, as training with that seed draws it.
 *
 * @param split of all training windows
 */
export function drawLabels(
  { settings: { shares, draws, stretch } }: LabelsContext,
  split: Split,
): Labels[] {
  return Array.from({ length: draws }, (_, n) => n + 1).flatMap((draw) =>
    shares.map((share) => ({
      draw,
      share,
      windows: thinTraining(split, { recent: 1, share, stretch, seed: draw }).train,
    })),
  );
}

export function testWindows({ run }: LabelsContext): readonly WindowRef[] {
  return windowsInPart(run.split, 'test');
}

/** The folder, in the run's store, of a network that is trained on spikes alone. */
export function pretrainedFolder(
  { settings: { pretraining } }: LabelsContext,
  network: number,
): string {
  return `labels/spikes-${pretraining}-seed${network}`;
}

/** Trains a network on spikes alone. */
export function trainOnSpikes(context: LabelsContext, network: number): Promise<OpenedRun> {
  const { run, settings } = context;
  const training = { seed: network, steps: settings.pretraining, losses: ['id', 'time'] };
  const folder = pretrainedFolder(context, network);
  return trainBeside(run, folder, { settings: training, weights: 'last' }, context);
}
