/**
 * The init stage: fits a configuration to a recording and to the time that training may take, and
 * writes it with a description of the data.
 */

import { Document, isMap, isScalar, isSeq, type Pair, stringify } from 'yaml';
import type { Dataset } from '../dataset/dataset.js';
import { mapReferences } from '../dataset/description.js';
import type { Engine } from '../gpu/engine.js';
import { parseConfig } from '../neuroformer/config.js';
import { expectEmpty, memoryStore, type RunStore } from '../ports/run-store.js';
import { type Proposal, type ProposalSettings, proposeConfig } from '../setup/proposal.js';
import { formatCount, formatDecimals, formatDuration } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { RunRecords } from '../train/run-records.js';
import { parseTrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext } from './context.js';
import { trainRun } from './train.js';

/** What to fit a configuration to. */
export interface InitSettings extends ProposalSettings {
  /** How long training may take on this device, minutes. Default: 10. */
  readonly minutes?: number;
  /** Allows writing into a store that is not empty. Default: false. */
  readonly force?: boolean;
}

/** What was written. */
export interface InitResult {
  readonly proposal: Proposal;
  /** The complete configuration, as in the file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Updates of training. */
  readonly updates: number;
  /** How long they take on this device, in seconds, as far as a few of them tell. */
  readonly seconds: number;
}

/** Minutes that training may take unless the user says otherwise. */
export const DEFAULT_MINUTES = 10;
/** Updates that are timed, the first of them apart: it prepares the device. */
const TIMED_UPDATES = 6;
/** Of the time, so much is left for validation, saving and a busy machine. */
const RESERVE = 0.2;
/** Validations in a training. */
const VALIDATIONS = 20;
/** Validations without improvement after which training stops. */
const PATIENCE = 8;

/**
 * Writes `config.yaml`, and the `dataset.yaml` that the recording was read by, into a store.
 *
 * @param referenceFrom rewrites a reference relative to the dataset into one relative to the store.
 * @throws FileError where the store holds anything and `force` is not set; RecordingError where the
 *   recording does not have what the task needs; GpuError from the device.
 */
export async function init(
  dataset: Dataset,
  store: RunStore,
  { minutes = DEFAULT_MINUTES, force = false, ...settings }: InitSettings,
  referenceFrom: (reference: string) => string,
  options: StageOptions,
): Promise<InitResult> {
  const { engine: source, watcher } = stageContext(options);
  await expectEmpty(store, force);
  watcher.progress({ activity: 'fitting a configuration to the recording' });
  const proposal = await proposeConfig(dataset.recording, settings);
  watcher.progress({ activity: 'timing a few updates' });
  const { perUpdate, windows, adapter } = await withEngine(source, async (engine) => ({
    ...(await timeUpdates(dataset, proposal, engine)),
    adapter: engine.facts.description,
  }));
  const wanted = totalUpdates(parseTrainSettings(proposal.training), windows);
  const affordable = Math.floor((minutes * 60 * (1 - RESERVE)) / perUpdate);
  const steps = Math.max(1, Math.min(wanted, affordable));
  const { epochs: _, ...training } = proposal.training;
  const config = {
    ...proposal.model,
    training: {
      steps,
      ...training,
      validate_every: Math.max(5, Math.round(steps / VALIDATIONS)),
      patience: PATIENCE,
    },
  };
  const seconds = steps * perUpdate;
  const passes = formatDecimals((steps * Number(training.batch)) / windows, 1);
  const length = `${passes} passes over ${formatCount(windows)} windows, about ${formatDuration(seconds)} on ${adapter}`;
  const comments = {
    ...proposal.comments,
    'training.steps':
      steps < wanted
        ? `${length}; ${formatCount(wanted)} would help more, and take ${formatDuration(wanted * perUpdate)}`
        : length,
    'training.patience': 'validations without improvement after which training stops',
  };
  const description = mapReferences(dataset.rawDescription, referenceFrom);
  await store.writeTogether({
    'dataset.yaml': stringify(description),
    'config.yaml': toYaml(config, comments, [
      `To ${proposal.purpose}: ${dataset.recording.name}.`,
      'Proposed by neuroformer init from the recording and the time that training may take. Every key:',
      'src/neuroformer/README.md.',
    ]),
  });
  return { proposal, config, updates: steps, seconds };
}

/** Seconds that an update of a proposed training takes on a device, and how many windows it has. */
async function timeUpdates(
  dataset: Dataset,
  { model, training }: Proposal,
  engine: Engine,
): Promise<{ perUpdate: number; windows: number }> {
  const { epochs: _, ...rest } = training;
  const times: number[] = [];
  const store = memoryStore();
  await trainRun(
    {
      dataset,
      store,
      config: parseConfig(model).config,
      settings: parseTrainSettings({
        ...rest,
        steps: TIMED_UPDATES,
        log_every: 1,
        validate_every: 0,
        checkpoint_every: TIMED_UPDATES + 1,
      }),
      quiet: true,
    },
    {
      engine,
      watcher: {
        note() {},
        progress: () => times.push(performance.now()),
        shouldStop: () => false,
      },
    },
  );
  const { windows } = await new RunRecords(store).readFacts();
  return {
    perUpdate: (times.at(-1)! - times[0]!) / (times.length - 1) / 1000,
    windows: windows.train,
  };
}

/**
 * A configuration as YAML with comments.
 *
 * @param comments by the path of a key; each stands above its key.
 * @param head lines at the top.
 */
function toYaml(
  config: object,
  comments: Readonly<Record<string, string>>,
  head: readonly string[],
): string {
  const document = new Document(config);
  document.commentBefore = head.map((line) => ` ${line}`).join('\n');
  const visit = (pairs: readonly Pair[], prefix: string) => {
    for (const { key, value } of pairs) {
      const path = `${prefix}${key}`;
      if (isScalar(key) && comments[path] !== undefined) key.commentBefore = ` ${comments[path]}`;
      if (isSeq(value)) value.flow = true;
      if (!isMap(value)) continue;
      // What has no sections stands in one line.
      value.flow = path !== 'training' && !value.items.some((item) => isMap((item as Pair).value));
      visit(value.items as Pair[], `${path}.`);
    }
  };
  if (isMap(document.contents)) visit(document.contents.items as Pair[], '');
  return document.toString({ lineWidth: 110, flowCollectionPadding: true });
}
