/** The files of a dataset: opened by what they begin with, and read by reference. */

import type { ArrayNode, DataNode, Numbers } from '../formats/nodes.js';
import { type OpenedFile, openFile } from '../formats/open.js';
import type { ByteSource } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { find, isPattern, parseReference, readValues, type Values } from './reference.js';

/** Files of one folder by name; each is opened once. */
export class Files {
  readonly #label: string;
  readonly #opened: Map<string, OpenedFile>;

  private constructor(label: string, opened: Iterable<readonly [string, OpenedFile]>) {
    this.#label = label;
    this.#opened = new Map(opened);
  }

  /**
   * Opens every file that references name.
   *
   * @param label the file the references stand in, for messages.
   * @param opened files that are open already, by name; they are closed with the others.
   */
  static async open(
    folder: Folder,
    label: string,
    references: readonly { key: string; text: string }[],
    opened: Iterable<readonly [string, OpenedFile]> = [],
  ): Promise<Files> {
    const files = new Files(label, opened);
    try {
      for (const { key, text } of references) {
        const { file } = parseReference(text);
        if (files.#opened.has(file)) continue;
        const name = `${label}: ${key}: ${file}`;
        files.#opened.set(file, await openFile(sourceIn(folder, file, name), name));
      }
      return files;
    } catch (error) {
      files.close();
      throw error;
    }
  }

  close(): void {
    for (const file of this.#opened.values()) file.close();
  }

  /** One array; nothing of it is read yet. */
  part(key: string, text: string): ArrayNode {
    const reference = parseReference(text);
    const [part, ...more] = this.#find(key, text);
    if (more.length > 0 || isPattern(reference))
      throw this.#complaint(key, text, 'names several arrays, but one is needed here');
    return this.#array(key, text, part);
  }

  isPattern(text: string): boolean {
    return isPattern(parseReference(text));
  }

  /** One array, or what the reference's index picks of it; of a pattern, the single value of each. */
  values(key: string, text: string): Values {
    const { index } = parseReference(text);
    if (this.isPattern(text)) return this.#joined(key, text);
    return readValues(this.part(key, text), index, this.#where(key, text));
  }

  /** Single values, such as a field of every struct, as one array. */
  #joined(key: string, text: string): Values {
    const found = this.list(key, text);
    const single = found.map((values) =>
      values?.data.length === 1 ? values.data[0]! : Number.NaN,
    );
    if (found.some((values) => values && values.data.length > 1))
      throw this.#complaint(key, text, 'names several arrays, but one is needed here');
    const texts = single.some((value) => typeof value === 'string');
    // What is missing among texts is one without letters.
    const worded = (value: number | string) => (Number.isNaN(value) ? '' : String(value));
    const data = texts ? single.map(worded) : Float64Array.from(single as number[]);
    return { shape: [data.length], data };
  }

  /** An array of numbers along one axis. */
  numbers(key: string, text: string): Numbers {
    const { shape, data } = this.values(key, text);
    // Tables keep integers past those that numbers keep as texts; as a time, one that is near does.
    if (Array.isArray(data) && data.every((value) => /^[+-]?\d+$/.test(value)))
      return Float64Array.from(data, Number);
    if (Array.isArray(data) || !isLine(shape)) {
      throw new RecordingError(
        `${this.#where(key, text)} should be numbers along one axis, but is [${shape.join(', ')}]${Array.isArray(data) ? ' of texts' : ''}.`,
      );
    }
    return data;
  }

  /** Numbers along one axis that are read piece by piece, by range where the file allows it. */
  line(key: string, text: string): { length: number; read(from: number, to: number): Numbers } {
    const part = this.part(key, text);
    if (parseReference(text).index || part.shape.length !== 1 || part.type !== 'number') {
      const whole = this.numbers(key, text);
      return { length: whole.length, read: (from, to) => whole.slice(from, to) };
    }
    return { length: part.shape[0]!, read: (from, to) => part.read(from, to) as Numbers };
  }

  /** Every array a pattern stands for, or the one a plain reference names; undefined for what a list has none of. */
  list(key: string, text: string): (Values | undefined)[] {
    const { index } = parseReference(text);
    const parts = this.#find(key, text);
    if (parts.every((part) => part === undefined))
      throw this.#complaint(key, text, 'names nothing that is there');
    return parts.map((part) =>
      part
        ? readValues(this.#array(key, text, part), emptied(part) ? undefined : index, text)
        : undefined,
    );
  }

  #find(key: string, text: string): (DataNode | undefined)[] {
    const reference = parseReference(text);
    const { file, path } = reference;
    const { root } = this.#opened.get(file)!;
    const parts = find(root, path);
    if (parts.length > 0 && (isPattern(reference) || parts[0])) return parts;
    const { depth, known } = knownAt(root, path);
    const where = path.slice(0, depth).join('/');
    throw new RecordingError(
      `${this.#label}: ${key}: ${file} has no ${path.slice(0, depth + 1).join('/')}; ${where ? `${where} holds` : 'it holds'} ${listed(known)}.`,
    );
  }

  #array(key: string, text: string, part: DataNode | undefined): ArrayNode {
    if (part?.kind === 'array') return part;
    const inside = part?.kind === 'group' ? listed([...part.members.keys()]) : 'a list';
    throw this.#complaint(key, text, `is no array but holds ${inside}: name one after the #`);
  }

  #complaint(key: string, text: string, what: string): RecordingError {
    return new RecordingError(`${this.#where(key, text)} ${what}.`);
  }

  #where(key: string, text: string): string {
    return `${this.#label}: ${key}: ${text}`;
  }
}

/** @throws RecordingError where there is no such file, under the name that messages have. */
export function sourceIn(folder: Folder, file: string, name: string): ByteSource {
  try {
    return folder.open(file);
  } catch (error) {
    if (error instanceof SourceError)
      throw new RecordingError(`${name} cannot be read: ${error.message}.`);
    throw error;
  }
}

/** An index picks nothing of an array without values, whatever its axes. */
function emptied(part: DataNode): boolean {
  return part.kind === 'array' && part.shape.includes(0);
}

export function isLine(shape: readonly number[]): boolean {
  return shape.filter((n) => n !== 1).length <= 1;
}

/** How far a path can be followed, and what is there. */
function knownAt(root: DataNode, path: readonly string[]): { depth: number; known: string[] } {
  let depth = 0;
  while (depth < path.length && find(root, path.slice(0, depth + 1)).some((part) => part))
    depth += 1;
  const [part] = find(root, path.slice(0, depth));
  if (part?.kind === 'group') return { depth, known: [...part.members.keys()] };
  if (part?.kind === 'list') return { depth, known: [`a list of ${part.items.length}`] };
  return { depth, known: [`an array of [${part?.shape.join(', ') ?? ''}]`] };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12);
  const more = names.length - shown.length;
  return `${shown.join(', ') || 'nothing'}${more > 0 ? ` and ${more} more` : ''}`;
}
