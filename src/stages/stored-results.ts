/**
 * Results on a run's store: facts as JSON, beside files of arrays and tables. The files of a result
 * are replaced together, and the facts have the hashes of those that are read back, so that halves
 * of two results are never taken for one.
 */

import { bytesOf } from '../ports/byte-source.js';
import { FileError } from '../ports/errors.js';
import { type FileContents, type RunStore, readText } from '../ports/run-store.js';
import { sha256 } from '../ports/sha256.js';

/** Key of the hashes among the facts. */
const HASHES_KEY = 'sha256';

/** Parses JSON with null as NaN: a score that does not exist is NaN, which JSON writes as null. */
export function parseFacts(text: string): unknown {
  return JSON.parse(text, (_, value) => value ?? Number.NaN);
}

/** JSON as results are kept. */
export function formatFacts(facts: unknown): string {
  return `${JSON.stringify(facts, null, 2)}\n`;
}

/**
 * Writes a result as one change.
 *
 * @param name of the file of its facts, `name`.json.
 * @param data files that are read back with the facts.
 * @param copies files that say the same in other formats.
 * @throws FileError where a file cannot be written; the earlier result is then unchanged.
 */
export async function writeResult(
  store: RunStore,
  name: string,
  facts: object,
  data: FileContents,
  copies: FileContents = {},
): Promise<void> {
  const hashes = Object.fromEntries(
    Object.entries(data).map(([file, contents]) => [file, hashOf(contents)]),
  );
  const json = formatFacts({ ...facts, [HASHES_KEY]: hashes });
  await store.writeTogether({ ...data, ...copies, [`${name}.json`]: json });
}

/**
 * Reads a result; undefined where a file of it is missing.
 *
 * @param files that are read with the facts.
 * @param command that writes the result, for messages.
 * @param interpret turns the facts and the bytes of the files, in their order, into the result.
 * @throws FileError where a file belongs to another result, or `interpret` throws.
 */
export async function readResult<T>(
  store: RunStore,
  name: string,
  files: readonly string[],
  command: string,
  interpret: (facts: unknown, data: readonly Uint8Array<ArrayBuffer>[]) => T,
): Promise<T | undefined> {
  const text = await readText(store, `${name}.json`);
  const data: Uint8Array<ArrayBuffer>[] = [];
  for (const file of files) {
    const bytes = await store.read(file);
    if (bytes) data.push(bytes);
  }
  if (text === undefined || data.length < files.length) return undefined;
  const list = [`${name}.json`, ...files].join(' or ');
  try {
    const { [HASHES_KEY]: hashes, ...facts } = parseFacts(text) as Record<string, unknown>;
    for (const [n, file] of files.entries()) {
      // Earlier versions wrote no hashes.
      const hash = (hashes as Record<string, string> | undefined)?.[file];
      if (hash !== undefined && hash !== hashOf(data[n]!))
        throw new FileError(
          `${store.name}/${file} is not the file that ${name}.json was written with: it was changed, or is of another result. Run ${command} again.`,
        );
    }
    return interpret(facts, data);
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`${store.name}/${list} is damaged: run ${command} again.`);
  }
}

function hashOf(contents: Uint8Array | string): string {
  const hash = sha256();
  hash.update(bytesOf(contents));
  return hash.hex();
}

/**
 * Reads a result that is one file of JSON; undefined if it is not there.
 *
 * @param isComplete whether it has what it must have; it may also throw.
 * @param fault what is wrong where it has not, and what to do, after the name of the file.
 * @throws FileError where the file is no JSON, or the result is not complete.
 */
export async function readJsonResults<T>(
  store: RunStore,
  path: string,
  isComplete: (results: T) => boolean,
  fault: string,
): Promise<T | undefined> {
  const text = await readText(store, path);
  if (text === undefined) return undefined;
  try {
    const results = parseFacts(text) as T;
    if (isComplete(results)) return results;
  } catch {
    // Damaged as well.
  }
  throw new FileError(`${store.name}/${path} ${fault}.`);
}
