/** Runs inside another run's folder: baselines, and models of some of the labels. */

import { UsageError } from '../cli/terminal.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { RunFolder } from '../train/run-records.js';
import { type TrainStage, trainStage } from './train.js';

/**
 * Trains a run unless it is trained already, and goes on with one that was stopped.
 *
 * @param steps updates it makes in all.
 * @param begin called where there is something to train.
 * @throws UsageError where somebody stops it; the same command goes on.
 */
export async function trainOnce(
  stage: Omit<TrainStage, 'resume'>,
  steps: number,
  begin: () => void = () => {},
): Promise<void> {
  const folder = new RunFolder(stage.out);
  const resume = folder.exists;
  if (resume) {
    const { step, stale } = readCheckpoint(folder.last).progress;
    const { patience } = stage.settings;
    if (step >= steps || (patience > 0 && stale >= patience)) return;
  }
  begin();
  const { before, from, ...rest } = stage;
  const { stopped } = await trainStage({
    ...rest,
    resume,
    ...(!resume && before && { before }),
    ...(!resume && from !== undefined && { from }),
  });
  if (stopped === 'interrupted')
    throw new UsageError('Stopped; give the same command again to go on where it was.');
}
