/** A model in one safetensors file: weights under the original's names, configuration and vocabularies in its header. */

import type { LoadReport, ParameterStore } from '../nn/parameters.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  SafetensorsError,
} from '../nn/safetensors.js';
import { Tokenizer, type TokenizerJson } from '../recording/tokenizer.js';
import { type ModelConfig, parseConfig } from './config.js';

/** Keys of the header's metadata; 'format' is what PyTorch's readers look for. */
const CONFIG_KEY = 'neuroformer.config';
const TOKENIZER_KEY = 'neuroformer.tokenizer';

/** What a file holds. A file of the original's has neither configuration nor tokenizer. */
export interface SavedModel {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly config: ModelConfig | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The file of a model, as read from the GPU now; with tensors of the caller's own behind the weights. */
export async function saveModel(
  store: ParameterStore,
  config: ModelConfig,
  tokenizer: Tokenizer,
  metadata: Readonly<Record<string, string>> = {},
  extra: ReadonlyMap<string, HostTensor> = new Map(),
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeSafetensors(new Map([...(await store.values()), ...extra]), {
    ...metadata,
    format: 'pt',
    [CONFIG_KEY]: JSON.stringify(config),
    [TOKENIZER_KEY]: JSON.stringify(tokenizer),
  });
}

/**
 * Reads the file of a model, ours or the original's.
 *
 * @throws SafetensorsError where the file is cut short or lies; ConfigError where its configuration is none.
 */
export function openModel(file: Uint8Array): SavedModel {
  const { tensors, metadata } = decodeSafetensors(file);
  for (const [name, { data }] of tensors)
    if (data instanceof Float32Array && !data.every(Number.isFinite))
      throw new SafetensorsError(`${name} holds values that are no numbers: it is damaged.`);
  const json = (key: string): unknown => {
    try {
      return metadata[key] === undefined ? undefined : JSON.parse(metadata[key]);
    } catch {
      throw new SafetensorsError(`The file's ${key} is no valid JSON: the file is damaged.`);
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

/** Constants that the original keeps among its weights; here they are code. */
const ORIGINAL_BUFFERS = /(^|\.)(mask|inv_freq|div_term|pe)$/;

/** What loading found, in sentences; none where everything fitted. */
export function loadNotes({ loaded, missing, unknown, misshapen }: LoadReport): string[] {
  const list = (names: readonly string[]) => {
    const shown = names.slice(0, 5).join(', ');
    return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
  };
  const extra = unknown.filter((name) => !ORIGINAL_BUFFERS.test(name));
  const notes: string[] = [];
  if (missing.length > 0)
    notes.push(
      `${missing.length} parameters are new and keep their initial values: ${list(missing)}.`,
    );
  if (extra.length > 0)
    notes.push(
      `${extra.length} of the file's tensors have no place in this model: ${list(extra)}.`,
    );
  for (const { name, expected, actual } of misshapen.slice(0, 5)) {
    notes.push(
      `${name} is [${actual.join(', ')}] in the file, but [${expected.join(', ')}] here: it keeps its initial values.`,
    );
  }
  if (misshapen.length > 5) notes.push(`${misshapen.length - 5} more have another shape.`);
  if (notes.length > 0) notes.unshift(`${loaded.length} parameters were loaded.`);
  return notes;
}
