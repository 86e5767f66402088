/**
 * Checkpoints: one safetensors file with everything a run needs to continue as if it had never
 * stopped.
 */

import type { ModelConfig } from '../neuroformer/config.js';
import { openModel, type SavedModel, saveModel } from '../neuroformer/saved.js';
import type { AdamW } from '../nn/optimizer.js';
import type { ParameterStore } from '../nn/parameters.js';
import { type HostTensor, SafetensorsError } from '../nn/safetensors.js';
import { FileError } from '../ports/errors.js';
import type { RunStore } from '../ports/run-store.js';
import { sha256 } from '../ports/sha256.js';
import type { Tokenizer } from '../recording/tokenizer.js';
import { checkSeal, SEAL_METADATA, sealFile } from './seal.js';
import type { ValidationScores } from './validation-scores.js';
import type { WeightsId } from './weights.js';

/** The lowest validation loss of one objective so far. */
export interface BestLoss {
  /** The loss, in nats. */
  readonly loss: number;
  /** The update at which it was measured. */
  readonly step: number;
  /** How well variables were decoded then; of the total loss only. */
  readonly scores?: ValidationScores;
}

/** The state of a training run besides its weights and its optimizer. */
export interface TrainingProgress {
  /** Updates so far. */
  readonly step: number;
  /** Token positions of current windows so far, padding included. */
  readonly tokens: number;
  /** The lowest validation loss of each objective so far. */
  readonly best: Readonly<Record<string, BestLoss>>;
  /** Validations since the total loss was last at its lowest. */
  readonly stale: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** Fingerprint of the training data, so that a run is never continued with other data. */
  readonly fingerprint: string;
}

/** Key of the progress in the file's metadata. */
const PROGRESS_KEY = 'neuroformer.progress';

/** A model read back from its file. */
export interface ReadModel extends SavedModel {
  /** Which weights they are. */
  readonly weights: WeightsId;
  /** Sentences about the file. */
  readonly notes: readonly string[];
}

/** A checkpoint read back from its file. */
export interface Checkpoint extends ReadModel {
  /** The configuration of the model, always present in a checkpoint. */
  readonly config: ModelConfig;
  /** The vocabularies and scales of the model, always present in a checkpoint. */
  readonly tokenizer: Tokenizer;
  /** How far training was. */
  readonly progress: TrainingProgress;
  /** Adam's first (m) and second (v) moments, by parameter name. */
  readonly moments: { m: ReadonlyMap<string, HostTensor>; v: ReadonlyMap<string, HostTensor> };
}

/**
 * Writes a model to a file of a run.
 *
 * @param withOptimizer also writes Adam's moments, which a run needs to resume.
 * @throws FileError where the file cannot be written.
 */
export async function writeCheckpoint(
  store: RunStore,
  path: string,
  parameters: ParameterStore,
  config: ModelConfig,
  tokenizer: Tokenizer,
  progress: TrainingProgress,
  withOptimizer: boolean,
): Promise<void> {
  const extra = new Map<string, HostTensor>();
  if (withOptimizer) {
    for (const kind of ['m', 'v'] as const)
      for (const [name, tensor] of await parameters.moments(kind))
        extra.set(`optimizer.${kind}.${name}`, tensor);
  }
  const metadata = { [PROGRESS_KEY]: JSON.stringify(progress), ...SEAL_METADATA };
  const file = await saveModel(parameters, config, tokenizer, metadata, extra);
  sealFile(file);
  await store.write(path, file);
}

/**
 * Reads the model in a file of a run. Optimizer state in the file is ignored.
 *
 * @throws FileError where the file cannot be read or is damaged.
 */
export function readModelFile(store: RunStore, path: string): Promise<ReadModel> {
  return readFileAs('model', store, path, ({ saved }) => saved);
}

/**
 * Reads a checkpoint to resume from.
 *
 * @throws FileError where the file cannot be read, is damaged, or lacks what a run needs to resume.
 */
export function readCheckpoint(store: RunStore, path: string): Promise<Checkpoint> {
  return readFileAs('checkpoint', store, path, ({ saved, moments }) => {
    const { config, tokenizer, metadata } = saved;
    const progress = metadata[PROGRESS_KEY];
    if (!config || !tokenizer || progress === undefined)
      throw new SafetensorsError('it contains weights but no training progress.');
    return {
      ...saved,
      config,
      tokenizer,
      progress: JSON.parse(progress) as TrainingProgress,
      moments,
    };
  });
}

/** The tensors of a file, sorted into weights and Adam's moments. */
interface FileContents {
  readonly saved: ReadModel;
  readonly moments: Checkpoint['moments'];
}

/** Reads a file; any error names the file and what it should have been. */
async function readFileAs<T>(
  kind: 'model' | 'checkpoint',
  store: RunStore,
  path: string,
  interpret: (contents: FileContents) => T,
): Promise<T> {
  const name = `${store.name}/${path}`;
  const bytes = await store.read(path);
  if (!bytes) throw new FileError(`${name} cannot be read: there is no such file or folder.`);
  try {
    const isSealed = checkSeal(bytes);
    const saved = openModel(bytes);
    const moments = { m: new Map<string, HostTensor>(), v: new Map<string, HostTensor>() };
    const weights = new Map<string, HostTensor>();
    for (const [tensorName, tensor] of saved.tensors) {
      const [, moment, parameter] = /^optimizer\.([mv])\.(.+)$/.exec(tensorName) ?? [];
      if (moment && parameter) moments[moment as 'm' | 'v'].set(parameter, tensor);
      else weights.set(tensorName, tensor);
    }
    // Files of the original, without progress, never had a seal.
    const progress = saved.metadata[PROGRESS_KEY];
    const isOld = !isSealed && progress !== undefined;
    const notes = isOld
      ? [`${name} has no hash of its contents, as in earlier versions: damage would go unnoticed.`]
      : [];
    const id: WeightsId = {
      file: path,
      ...(progress !== undefined && { step: (JSON.parse(progress) as TrainingProgress).step }),
      sha256: hashOf(weights),
    };
    return interpret({ saved: { ...saved, tensors: weights, weights: id, notes }, moments });
  } catch (error) {
    throw new FileError(`${name} is not a usable ${kind}: ${(error as Error).message}`);
  }
}

/**
 * A hash of the names and values of tensors, which are the same wherever and however long they were
 * trained.
 */
function hashOf(tensors: ReadonlyMap<string, HostTensor>): string {
  const hash = sha256();
  for (const name of [...tensors.keys()].sort()) {
    const { data } = tensors.get(name)!;
    hash.update(new TextEncoder().encode(name));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.hex();
}

/**
 * Loads the weights and the optimizer's state from a checkpoint.
 *
 * @param name the checkpoint's name in error messages.
 * @throws FileError where a parameter of the model is missing or has another shape or type in the
 *   checkpoint, or its moments are missing.
 */
export function restoreCheckpoint(
  { tensors, moments, progress }: Checkpoint,
  parameters: ParameterStore,
  optimizer: AdamW,
  name: string,
): void {
  const { missing, mismatched } = parameters.assign(tensors);
  const wrong = missing[0] ?? mismatched[0]?.name;
  if (wrong !== undefined)
    throw new FileError(
      `${name} is not a checkpoint of this model: parameter ${wrong} is missing or has another shape or type.`,
    );
  for (const { name: parameter } of parameters)
    if (!moments.m.has(parameter) || !moments.v.has(parameter))
      throw new FileError(
        `${name} lacks the optimizer's moments of ${parameter}, so the run cannot go on as it was: resume from a complete checkpoint.`,
      );
  parameters.assignMoments('m', moments.m);
  parameters.assignMoments('v', moments.v);
  optimizer.steps = progress.step;
}
