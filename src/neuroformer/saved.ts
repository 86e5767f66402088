/**
 * Models as safetensors files: weights with the original's names, configuration and vocabularies in
 * the metadata.
 */

import type { LoadReport, ParameterStore, TypeAndShape } from '../nn/parameters.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  SafetensorsError,
} from '../nn/safetensors.js';
import { Tokenizer, type TokenizerJson } from '../recording/tokenizer.js';
import { formatShape } from '../tensor/tensor.js';
import { formatList } from '../text/format.js';
import { type ModelConfig, parseConfig } from './config.js';

/** Keys of the metadata. */
const CONFIG_KEY = 'neuroformer.config';
const TOKENIZER_KEY = 'neuroformer.tokenizer';

/** The contents of a model's file. */
export interface SavedModel {
  /** The weights by parameter name, and other tensors that the file contains. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** The configuration; undefined in a file from the original. */
  readonly config: ModelConfig | undefined;
  /** The vocabularies; undefined in a file from the original. */
  readonly tokenizer: Tokenizer | undefined;
  /** All metadata as text, those above included. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The file of a model, with the current weights.
 *
 * @param metadata added to the file's metadata.
 * @param extra tensors that the file contains after the weights.
 */
export async function saveModel(
  store: ParameterStore,
  config: ModelConfig,
  tokenizer: Tokenizer,
  metadata: Readonly<Record<string, string>> = {},
  unexpected: ReadonlyMap<string, HostTensor> = new Map(),
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeSafetensors(new Map([...(await store.values()), ...unexpected]), {
    ...metadata,
    // PyTorch's readers look for it.
    format: 'pt',
    [CONFIG_KEY]: JSON.stringify(config),
    [TOKENIZER_KEY]: JSON.stringify(tokenizer),
  });
}

/**
 * Reads the file of a model, one of ours or of the original.
 *
 * @throws SafetensorsError where the file is damaged.
 * @throws ConfigError where its configuration is invalid.
 */
export function openModel(file: Uint8Array): SavedModel {
  const { tensors, metadata } = decodeSafetensors(file);
  for (const [name, { data }] of tensors)
    if (data instanceof Float32Array && !data.every(Number.isFinite))
      throw new SafetensorsError(`${name} contains non-finite values: the file is damaged.`);
  const json = (key: string): unknown => {
    try {
      return metadata[key] === undefined ? undefined : JSON.parse(metadata[key]);
    } catch {
      throw new SafetensorsError(`The file's ${key} is not valid JSON: the file is damaged.`);
    }
  };
  const config = json(CONFIG_KEY);
  return {
    tensors,
    config: config === undefined ? undefined : parseConfig(config).config,
    tokenizer: parseTokenizer(json(TOKENIZER_KEY)),
    metadata,
  };
}

function parseTokenizer(json: unknown): Tokenizer | undefined {
  if (json === undefined) return undefined;
  try {
    return new Tokenizer(json as TokenizerJson);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SafetensorsError(`The file's tokenizer cannot be used: ${reason}`);
  }
}

/** Constants that the original saves with its weights. Here they are not parameters. */
const ORIGINAL_BUFFERS = /(^|\.)(mask|inv_freq|div_term|pe)$/;

/** Notes for the user about loading a model; empty if everything fits. */
export function loadNotes({ loaded, missing, unknown, mismatched }: LoadReport): string[] {
  const list = (names: readonly string[]) => formatList(names, 5);
  const describe = ({ dtype, shape }: TypeAndShape) => `${dtype} ${formatShape(shape)}`;
  const unexpected = unknown.filter((name) => !ORIGINAL_BUFFERS.test(name));
  const notes: string[] = [];
  if (missing.length > 0)
    notes.push(
      `${missing.length} parameters are new and keep their initial values: ${list(missing)}.`,
    );
  if (unexpected.length > 0)
    notes.push(
      `${unexpected.length} of the file's tensors are not parameters of this model: ${list(unexpected)}.`,
    );
  for (const { name, expected, actual } of mismatched.slice(0, 5)) {
    notes.push(
      `${name} is ${describe(actual)} in the file, but ${describe(expected)} here: it keeps its initial values.`,
    );
  }
  if (mismatched.length > 5)
    notes.push(`${mismatched.length - 5} more parameters have another shape or type in the file.`);
  if (notes.length > 0) notes.unshift(`${loaded.length} parameters were loaded.`);
  return notes;
}
