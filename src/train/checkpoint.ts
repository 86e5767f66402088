/** Checkpoints: one safetensors file that holds everything a run needs to go on as if it had never stopped. */

import type { ModelConfig } from '../neuroformer/config.js';
import { openModel, type SavedModel, saveModel } from '../neuroformer/saved.js';
import type { AdamW } from '../nn/optimizer.js';
import type { ParameterStore } from '../nn/parameters.js';
import { type HostTensor, SafetensorsError } from '../nn/safetensors.js';
import { FileError } from '../ports/errors.js';
import type { RunStore } from '../ports/run-store.js';
import type { Tokenizer } from '../recording/tokenizer.js';

/** Where a run stands, beside its weights. */
export interface TrainingProgress {
  /** Updates made. */
  readonly step: number;
  /** Tokens seen, padding included. */
  readonly tokens: number;
  /** The best validation loss of each objective so far, and the update it was seen at. */
  readonly best: Readonly<Record<string, { loss: number; step: number }>>;
  /** Looks at the validation windows since the total was best. */
  readonly stale: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** Of the data trained on, so that a run does not go on with others. */
  readonly fingerprint: string;
}

const PROGRESS_KEY = 'neuroformer.progress';

/** A checkpoint as it was read. */
export interface Checkpoint extends SavedModel {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly progress: TrainingProgress;
  /** Adam's moments by parameter, as flat stores. */
  readonly moments: { m: ReadonlyMap<string, HostTensor>; v: ReadonlyMap<string, HostTensor> };
}

/** Writes the weights, and with an optimizer everything to go on from. */
export async function writeCheckpoint(
  files: RunStore,
  path: string,
  store: ParameterStore,
  config: ModelConfig,
  tokenizer: Tokenizer,
  progress: TrainingProgress,
  withOptimizer: boolean,
): Promise<void> {
  const extra = new Map<string, HostTensor>();
  if (withOptimizer) {
    for (const kind of ['m', 'v'] as const)
      for (const [name, tensor] of await store.moments(kind))
        extra.set(`optimizer.${kind}.${name}`, tensor);
  }
  const metadata = { [PROGRESS_KEY]: JSON.stringify(progress) };
  await files.write(path, await saveModel(store, config, tokenizer, metadata, extra));
}

/**
 * Reads a model's file.
 *
 * @throws FileError where it cannot be read or is damaged.
 */
export function readModelFile(files: RunStore, path: string): Promise<SavedModel> {
  return readSaved(files, path, 'model', ({ saved }) => saved);
}

/**
 * Reads a checkpoint to go on from.
 *
 * @throws FileError where it cannot be read, is damaged, or lacks what a run needs.
 */
export function readCheckpoint(files: RunStore, path: string): Promise<Checkpoint> {
  return readSaved(files, path, 'checkpoint', ({ saved, moments }) => {
    const { config, tokenizer, metadata } = saved;
    const text = metadata[PROGRESS_KEY];
    if (!config || !tokenizer || text === undefined)
      throw new SafetensorsError('it holds weights, but not where training stood.');
    return { ...saved, config, tokenizer, progress: JSON.parse(text) as TrainingProgress, moments };
  });
}

/** A file's weights, with the moments beside them apart. */
interface Parts {
  readonly saved: SavedModel;
  readonly moments: Checkpoint['moments'];
}

/** Reads a file as a `kind` of thing; what is wrong with it is one sentence. */
async function readSaved<T>(
  files: RunStore,
  path: string,
  kind: string,
  make: (parts: Parts) => T,
): Promise<T> {
  const name = `${files.name}/${path}`;
  const bytes = await files.read(path);
  if (!bytes) throw new FileError(`${name} cannot be read: there is no such file or folder.`);
  try {
    const saved = openModel(bytes);
    const moments = { m: new Map<string, HostTensor>(), v: new Map<string, HostTensor>() };
    const weights = new Map<string, HostTensor>();
    for (const [tensorName, tensor] of saved.tensors) {
      const [, which, parameter] = /^optimizer\.([mv])\.(.+)$/.exec(tensorName) ?? [];
      if (which && parameter) moments[which as 'm' | 'v'].set(parameter, tensor);
      else weights.set(tensorName, tensor);
    }
    return make({ saved: { ...saved, tensors: weights }, moments });
  } catch (error) {
    throw new FileError(`${name} is not a usable ${kind}: ${(error as Error).message}`);
  }
}

/** Puts a checkpoint's weights and moments back; every one must be there. */
export async function restoreCheckpoint(
  { tensors, moments, progress }: Checkpoint,
  store: ParameterStore,
  optimizer: AdamW,
  name: string,
): Promise<void> {
  const { missing, misshapen } = await store.assign(tensors);
  const lost = missing[0] ?? misshapen[0]?.name;
  if (lost !== undefined)
    throw new FileError(
      `${name} is not a checkpoint of this model: parameter ${lost} does not fit.`,
    );
  store.assignMoments('m', moments.m);
  store.assignMoments('v', moments.v);
  optimizer.steps = progress.step;
}
