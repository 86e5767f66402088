/** Runs inside another run's store: baselines, and models of a share of the labels. */

import { readCheckpoint } from '../train/checkpoint.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import type { StageOptions } from './context.js';
import { StoppedError } from './errors.js';
import { type TrainRequest, trainStage } from './train.js';

/**
 * Trains a run unless it is trained already, and goes on with one that was stopped.
 *
 * @param updates it makes in all.
 * @param onTraining called where there is something to train.
 * @throws StoppedError where somebody stops it; the same command goes on.
 */
export async function trainOnce(
  stage: Omit<TrainRequest, 'resume'>,
  updates: number,
  options: StageOptions,
  onTraining: () => void = () => {},
): Promise<void> {
  const resume = await new RunRecords(stage.store).hasCheckpoint();
  if (resume) {
    const { step, stale } = (await readCheckpoint(stage.store, LAST_CHECKPOINT)).progress;
    const { patience } = stage.settings;
    if (step >= updates || (patience > 0 && stale >= patience)) return;
  }
  onTraining();
  const { initialModel: before, initialModelPath: from, ...rest } = stage;
  const begun = !resume && { ...(before && { before }), ...(from !== undefined && { from }) };
  const { stopped } = await trainStage({ ...rest, ...begun, resume }, options);
  if (stopped === 'interrupted')
    throw new StoppedError('Stopped; give the same command again to go on where it was.');
}
