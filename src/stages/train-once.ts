/**
 * Training of runs inside another run's store: baselines, and models trained on a share of the
 * labels.
 */

import { readCheckpoint } from '../train/checkpoint.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import type { StageOptions } from './context.js';
import { StoppedError } from './errors.js';
import { type TrainRequest, trainRun } from './train.js';

/**
 * Trains a run to its end: starts it, resumes it if it was stopped, or does nothing if it is
 * complete.
 *
 * @param updates of the complete run.
 * @param onTraining called before training, and not at all if the run is complete.
 * @throws StoppedError where the watcher stops it; the same call resumes it.
 */
export async function trainOnce(
  request: Omit<TrainRequest, 'resume'>,
  updates: number,
  options: StageOptions,
  onTraining: () => void = () => {},
): Promise<void> {
  const resume = await new RunRecords(request.store).hasCheckpoint();
  if (resume) {
    const { step, stale } = (await readCheckpoint(request.store, LAST_CHECKPOINT)).progress;
    const { patience } = request.settings;
    if (step >= updates || (patience > 0 && stale >= patience)) return;
  }
  onTraining();
  const { stopped } = await trainRun({ ...request, resume }, options);
  if (stopped === 'interrupted') throw new StoppedError();
}
