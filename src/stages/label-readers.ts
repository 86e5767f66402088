/**
 * What the labels stage reads without training on labels: spike counts, the stages of networks, and
 * slow features of both.
 */

import { commonStep } from '../analyze/decoded-variable.js';
import {
  denseDesign,
  denseFeatures,
  type FeatureMatrix,
  selectFeatures,
} from '../analyze/feature-matrix.js';
import { laggedCounts } from '../analyze/lagged.js';
import { SlowFeatures } from '../analyze/slow-features.js';
import { type SparseRows, selectRows } from '../analyze/sparse-rows.js';
import { LABEL_DECODERS, type LabelRun } from '../probe/results.js';
import { joinStages, type StageFeatures, stageFeatures } from '../probe/stage-features.js';
import { untrainedModel } from '../probe/untrained.js';
import type { WindowRef } from '../recording/windows.js';
import { countApart, pairsApart } from '../recording/windows-apart.js';
import { formatSeconds } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { pickEvenly } from '../train/window-batches.js';
import { stoppable } from './context.js';
import { type Labels, type LabelsContext, testWindows, trainOnSpikes } from './label-draws.js';

/** Most pairs of windows that slow features are fitted to. */
const MAX_PAIRS = 10_000;
/** How many principal components of features are searched for slow ones. */
const SLOW_FEATURES = 16;
/** Windows with labels, of which no two share spikes, that allow for one more slow feature. */
const WINDOWS_PER_FEATURE = 10;
/** With more neurons, their principal components would take too long. */
const MAX_SLOW_COUNTS = 512;

/** What ridge reads: a row of features for each window of a draw of labels and of the test part. */
export interface Reader {
  readonly from: LabelRun['from'];
  readonly network?: number;
  readonly features: (labels: Labels) => { readonly train: SparseRows; readonly test: SparseRows };
}

/** All windows whose features are read, so that each is read once. */
class FeatureWindows {
  readonly refs: readonly WindowRef[];
  /** The row of each window among all. */
  readonly rowOf: ReadonlyMap<WindowRef, number>;
  readonly testRows: readonly number[];
  /** Rows of windows of which two share no spikes. They are the first of all. */
  readonly pairs: readonly (readonly [number, number])[];
  readonly pairedRows: readonly number[];
  /** Seconds that a window spans. */
  readonly span: number;

  /** @param train all training windows, among them those of the draws */
  constructor(context: LabelsContext, labels: readonly Labels[], train: readonly WindowRef[]) {
    const test = testWindows(context);
    const { current, past } = context.run.windows.settings;
    this.span = current + past;
    const apart = pairsApart(train, this.span).map((pair) => pair.map((n) => train[n]!));
    const pairs = pickEvenly(apart, Math.min(MAX_PAIRS, apart.length));
    const paired = new Set(pairs.flat());
    const labeled = labels.flatMap(({ windows }) => windows);
    this.refs = [...new Set([...paired, ...labeled, ...test])];
    this.rowOf = new Map(this.refs.map((ref, row) => [ref, row]));
    this.testRows = this.rows(test);
    this.pairs = pairs.map((pair) => this.rows(pair) as [number, number]);
    this.pairedRows = [...Array(paired.size).keys()];
  }

  /** The rows of some windows. */
  rows(refs: readonly WindowRef[]): number[] {
    return refs.map((ref) => this.rowOf.get(ref)!);
  }
}

/**
 * Everything that ridge reads: spike counts, and stages of networks with and without training.
 *
 * @param train all training windows, with labels or without
 */
export async function allReaders(
  context: LabelsContext,
  labels: readonly Labels[],
  train: readonly WindowRef[],
): Promise<Reader[]> {
  const { run, settings, watcher } = context;
  const windows = new FeatureWindows(context, labels, train);
  if (windows.pairs.length === 0)
    watcher.note(
      `Slow features are left out: no trial has two training windows that end ${formatSeconds(windows.span)} apart.`,
    );
  const { refs, span } = windows;
  const counts = laggedCounts(run.windows, refs, countBins(run));
  const readers: Reader[] = [];
  const add = (
    from: Reader['from'],
    features: Reader['features'] | undefined,
    network?: number,
  ) => {
    if (features) readers.push({ from, features, ...(network !== undefined && { network }) });
  };
  add('counts', rowReader(windows, counts));
  if (run.dataset.recording.neurons > MAX_SLOW_COUNTS)
    watcher.note(
      `${LABEL_DECODERS.slowCounts} are left out: there are more than ${MAX_SLOW_COUNTS} neurons.`,
    );
  else {
    const sums = denseFeatures(laggedCounts(run.windows, refs, { bin: span, count: 1 }));
    add('slowCounts', slowReader(windows, sums));
  }
  for (let network = 1; network <= settings.pretrainings; network++) {
    const spikes = await trainOnSpikes(context, network);
    for (const [from, slow] of [
      ['frozen', 'slow'],
      ['untrained', 'slowUntrained'],
    ] as const) {
      const stages = await readStages(context, spikes, from, network, refs);
      const { values, width } = stages.at(-1)!;
      add(from, rowReader(windows, joinStages(stages)), network);
      add(slow, slowReader(windows, { rows: refs.length, columns: width, values }), network);
    }
  }
  return readers;
}

/** Reads all columns. @param all a row of each window */
function rowReader(windows: FeatureWindows, all: SparseRows): Reader['features'] {
  const test = selectRows(all, windows.testRows);
  return (labels) => ({ train: selectRows(all, windows.rows(labels.windows)), test });
}

/**
 * Reads the slowest features, which windows without labels tell: one for every so many windows with
 * labels, since more weights than that cannot be fitted to them. Undefined where no windows are
 * apart.
 *
 * @param all features of each window
 */
function slowReader(windows: FeatureWindows, all: FeatureMatrix): Reader['features'] | undefined {
  const { pairs, pairedRows, span, testRows } = windows;
  if (pairs.length === 0) return undefined;
  const slow = new SlowFeatures(selectFeatures(all, pairedRows), pairs, SLOW_FEATURES);
  const projected = slow.project(all);
  const read = (rows: readonly number[], count: number) =>
    denseDesign(selectFeatures(projected, rows, count));
  return (labels) => {
    const apart = countApart(labels.windows, span);
    const count = Math.max(1, Math.floor(apart / WINDOWS_PER_FEATURE));
    return { train: read(windows.rows(labels.windows), count), test: read(testRows, count) };
  };
}

/** Bins of the counts that ridge reads: those of the time step, as far back as windows reach. */
function countBins({ windows, split }: OpenedRun) {
  const { current, past } = windows.settings;
  const span = current + past;
  const bin = Math.min(commonStep(split.train) ?? current, span);
  return { bin, count: Math.max(1, Math.round(span / bin)) };
}

/** The stages of a pretrained network, or of one with the initial weights that it started from. */
function readStages(
  { engine: source, watcher }: LabelsContext,
  spikes: OpenedRun,
  from: 'frozen' | 'untrained',
  seed: number,
  refs: readonly WindowRef[],
): Promise<StageFeatures[]> {
  const { layout, windows } = spikes;
  const activity = `reading the stages of network ${seed}, ${from}`;
  return stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded =
        from === 'frozen' ? await loadModel(engine, spikes) : untrainedModel(engine, layout, seed);
      const inputs = { engine, model: loaded.model, layout, windows };
      return await stageFeatures(inputs, refs, (done) =>
        stopping.progress({ activity, done, total: refs.length, unit: 'windows' }),
      );
    }),
  );
}
