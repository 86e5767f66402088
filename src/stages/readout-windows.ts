/** The windows of a run that variables are read out from: to fit on, and to score on. */

import { commonStep } from '../analyze/decoded-variable.js';
import type { RecordedVariable } from '../analyze/readout.js';
import { CannotFitError } from '../analyze/solver.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import { recordedVariables } from '../probe/recorded-variables.js';
import type { WindowRef } from '../recording/windows.js';
import type { OpenedRun } from '../train/open-run.js';
import { pickEvenly } from '../train/window-batches.js';
import { UsageError } from './errors.js';

/** Windows of one part of the split, with what was recorded when they end. */
interface PartWindows {
  readonly refs: readonly WindowRef[];
  readonly variables: readonly RecordedVariable[];
}

/** Windows to fit a readout on and to score it on. */
export interface ReadoutWindows {
  readonly train: PartWindows;
  readonly test: PartWindows;
  /** Training windows that may overlap with one window: a gap before windows held out of them. */
  readonly gap: number;
}

/** Maximum numbers of windows, picked at even distances. */
const MAX_TRAIN = 4000;
const MAX_TEST = 1500;

/**
 * Windows of the training and the test part of a run.
 *
 * @throws UsageError where the test part has no windows, or the recording no variable.
 */
export function readoutWindows({ windows, split, dataset }: OpenedRun): ReadoutWindows {
  if (split.test.length === 0)
    throw new UsageError('The test part has no windows to score readouts on.');
  const part = (refs: readonly WindowRef[], maximum: number): PartWindows => {
    const picked = pickEvenly(refs, Math.min(maximum, refs.length));
    const variables = recordedVariables(windows, picked).map((variable) => {
      const unit = dataset.units[variable.name];
      return unit === undefined ? variable : { ...variable, unit };
    });
    return { refs: picked, variables };
  };
  const train = part(split.train, MAX_TRAIN);
  const test = part(split.test, MAX_TEST);
  const names = new Set(test.variables.map(({ name }) => name));
  const shared = train.variables.filter(({ name }) => names.has(name));
  if (shared.length === 0)
    throw new UsageError(
      'The recording has no variable of numbers or angles in both the training and the test part, so there is nothing to read out.',
    );
  const inBoth = new Set(shared.map(({ name }) => name));
  const { start, stop } = windows.span(train.refs[0]!).all;
  const step = commonStep(train.refs);
  return {
    train: { ...train, variables: shared },
    test: { ...test, variables: test.variables.filter(({ name }) => inBoth.has(name)) },
    gap: step === undefined ? 0 : Math.ceil((stop - start) / step - 1e-9),
  };
}

/**
 * Reads something from the training and then from the test windows, with one line of progress.
 *
 * @param read reads some windows; it calls `progress` with how many of them are done
 */
export async function readParts<T>(
  { train, test }: ReadoutWindows,
  activity: string,
  watcher: Watcher,
  read: (refs: readonly WindowRef[], progress: (done: number) => void) => Promise<T>,
): Promise<{ readonly train: T; readonly test: T }> {
  const total = train.refs.length + test.refs.length;
  const report = timedProgress(watcher, activity, 'windows');
  const part = (refs: readonly WindowRef[], before: number) =>
    read(refs, (done) => report(before + done, total));
  return { train: await part(train.refs, 0), test: await part(test.refs, train.refs.length) };
}

/**
 * Fits readouts; if there are too few windows for them, says so.
 *
 * @throws UsageError where they cannot be fitted.
 */
export async function fitReadouts<T>(compute: () => Promise<T>): Promise<T> {
  try {
    return await compute();
  } catch (error) {
    if (error instanceof CannotFitError)
      throw new UsageError(`A readout cannot be fitted: ${error.message}.`);
    throw error;
  }
}
