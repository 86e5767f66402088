/**
 * The data files of a dataset: every file that the description refers to is opened once and read by
 * reference.
 */

import type { ArrayNode, DataNode, Numbers } from '../formats/nodes.js';
import { type OpenedFile, openFile } from '../formats/open.js';
import type { ByteSource } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { formatList } from '../text/format.js';
import {
  type ArrayValues,
  findGrid,
  findLiteral,
  findNodes,
  formatShape,
  type GridMatch,
  isPattern,
  parseReference,
  type Reference,
  readValues,
} from './reference.js';

/** An array that a pattern matches, and where. */
export interface PlacedArray extends Pick<GridMatch, 'stars'> {
  /** Undefined where a list item lacks the array. */
  readonly values: ArrayValues | undefined;
}

/** What a reference leads to in an opened file. */
interface ResolvedReference extends Pick<Reference, 'index'> {
  readonly matches: readonly GridMatch[];
  readonly isPattern: boolean;
}

/** A one-dimensional numeric array that is read in pieces. */
export interface VectorReader {
  readonly length: number;
  /** Reads the values from index `from` up to, but not including, `to`. */
  read(from: number, to: number): Numbers;
}

/**
 * The opened data files of one folder, by name. The reading methods take a reference (`text`) and
 * the key of dataset.yaml that it was written under, with which their messages begin. They throw a
 * RecordingError where the reference matches nothing, or an array of another kind than the one that
 * is needed.
 */
export class DataFiles {
  readonly #label: string;
  readonly #opened: Map<string, OpenedFile>;
  /** What references lead to, by their text: one is asked for several times as it is read. */
  readonly #resolved = new Map<string, ResolvedReference>();

  private constructor(label: string, opened: Iterable<readonly [string, OpenedFile]>) {
    this.#label = label;
    this.#opened = new Map(opened);
  }

  /**
   * Opens every file that the references name.
   *
   * @param label the file that contains the references, for messages.
   * @param references see `listReferences`.
   * @param opened files that are open already, by name; `close` closes them too.
   * @throws RecordingError where a file cannot be opened; all others are closed before.
   */
  static async open(
    folder: Folder,
    label: string,
    references: readonly { key: string; text: string }[],
    opened: Iterable<readonly [string, OpenedFile]> = [],
  ): Promise<DataFiles> {
    const files = new DataFiles(label, opened);
    try {
      for (const { key, text } of references) {
        const { file } = parseReference(text);
        if (files.#opened.has(file)) continue;
        const name = `${label}: ${key}: ${file}`;
        files.#opened.set(file, await openFile(openSource(folder, file, name), name));
      }
      return files;
    } catch (error) {
      files.close();
      throw error;
    }
  }

  /** Closes all files; nothing can be read from them after that. */
  close(): void {
    for (const file of this.#opened.values()) file.close();
  }

  /** Finds the one array that a reference names, ignoring its index. Nothing is read yet. */
  array(key: string, text: string): ArrayNode {
    const [match, ...others] = this.#find(key, text);
    if (others.length > 0 || this.isPattern(text))
      throw this.#error(key, text, 'matches several arrays, but exactly one is needed here');
    return this.#checkArray(key, text, match?.node, false);
  }

  /** Whether a reference contains a `*` that is not part of a name, and so may match several. */
  isPattern(text: string): boolean {
    return this.#resolve(text).isPattern;
  }

  /** What a reference leads to. What looks like a pattern or an index may be a name in the file. */
  #resolve(text: string): ResolvedReference {
    const known = this.#resolved.get(text);
    if (known) return known;
    const resolved = this.#search(text);
    this.#resolved.set(text, resolved);
    return resolved;
  }

  #search(text: string): ResolvedReference {
    const reference = parseReference(text);
    const { file, path, index, literalPath } = reference;
    const { root } = this.#opened.get(file)!;
    const complete = literalPath && findLiteral(root, literalPath);
    const literal = complete ?? findLiteral(root, path);
    if (literal)
      return {
        matches: [{ node: literal, stars: [] }],
        index: complete ? undefined : index,
        isPattern: false,
      };
    return { matches: findGrid(root, path), index, isPattern: isPattern(reference) };
  }

  /**
   * Reads one array, or the part of it that the reference's index selects. A pattern has to match
   * single values, which are joined into one array; a list item without a value gives NaN, or an
   * empty text.
   */
  values(key: string, text: string): ArrayValues {
    const { index, isPattern: matchesSeveral } = this.#resolve(text);
    if (matchesSeveral) return this.#joinSingleValues(key, text);
    return readValues(this.array(key, text), index, this.#location(key, text));
  }

  /**
   * Joins the single values that a pattern matches, such as one field of every struct in a list.
   */
  #joinSingleValues(key: string, text: string): ArrayValues {
    const matches = this.arrays(key, text);
    const values = matches.map((array) => (array?.data.length === 1 ? array.data[0]! : Number.NaN));
    if (matches.some((array) => array && array.data.length > 1))
      throw this.#error(key, text, 'matches several arrays, but exactly one is needed here');
    const hasText = values.some((value) => typeof value === 'string');
    // Among texts, an empty one stands for a missing value.
    const toText = (value: number | string) => (Number.isNaN(value) ? '' : String(value));
    const data = hasText ? values.map(toText) : Float64Array.from(values as number[]);
    return { shape: [data.length], data };
  }

  /** Reads a one-dimensional numeric array. */
  numbers(key: string, text: string): Numbers {
    const values = this.values(key, text);
    const { shape, data } = values;
    // A CSV table keeps integers above 2^53 as text; rounded to a double they are precise enough
    // for a time.
    if (Array.isArray(data) && data.every((value) => /^[+-]?\d+$/.test(value)))
      return Float64Array.from(data, Number);
    if (Array.isArray(data) || !isOneDimensional(shape)) {
      throw this.#error(
        key,
        text,
        `should be a one-dimensional array of numbers, but ${formatShape(values)}`,
      );
    }
    return data;
  }

  /**
   * Opens a one-dimensional numeric array to be read in pieces: by range where the file allows it,
   * else from memory.
   */
  vectorReader(key: string, text: string): VectorReader {
    const array = this.array(key, text);
    if (this.#resolve(text).index || array.shape.length !== 1 || array.type !== 'number') {
      const values = this.numbers(key, text);
      return { length: values.length, read: (from, to) => values.slice(from, to) };
    }
    return { length: array.shape[0]!, read: (from, to) => array.read(from, to) as Numbers };
  }

  /**
   * Reads every array that a reference matches; undefined for a list item that has no such array.
   */
  arrays(key: string, text: string): (ArrayValues | undefined)[] {
    return this.placedArrays(key, text).map(({ values }) => values);
  }

  /**
   * Reads every array that a reference matches, with its index in each list of the path; `values`
   * is undefined for a list item that has no such array.
   */
  placedArrays(key: string, text: string): PlacedArray[] {
    const { index } = this.#resolve(text);
    const matches = this.#find(key, text);
    if (matches.every(({ node }) => node === undefined))
      throw this.#error(key, text, 'matches no array of the file');
    return matches.map(({ node, stars }) => ({
      stars,
      values: node
        ? readValues(
            this.#checkArray(key, text, node, true),
            isEmpty(node) ? undefined : index,
            this.#location(key, text),
          )
        : undefined,
    }));
  }

  /**
   * Reads the array of each neuron that a reference matches, as `arrays` does. With one `*`, every
   * match is a neuron, so that neurons are numbered as in the file: one that lacks the array is
   * undefined. With several `*`, as for the cells of tetrodes, what lacks the array is no neuron.
   *
   * @param note takes a sentence about how many lack the array.
   */
  neuronArrays(
    key: string,
    text: string,
    note: (sentence: string) => void,
  ): (ArrayValues | undefined)[] {
    const arrays = this.arrays(key, text);
    const missing = arrays.filter((values) => values === undefined).length;
    if (missing === 0) return arrays;
    const isNested = parseReference(text).path.filter((name) => name.includes('*')).length > 1;
    const share = `${missing} of ${arrays.length}`;
    note(
      isNested
        ? `Items that lack the array ${text} are not neurons (${share}).`
        : `Neurons that lack the array ${text} have no spikes (${share}).`,
    );
    return isNested ? arrays.filter((values) => values !== undefined) : arrays;
  }

  #find(key: string, text: string): readonly GridMatch[] {
    const { matches, isPattern: matchesSeveral } = this.#resolve(text);
    if (matches.length > 0 && (matchesSeveral || matches[0]!.node)) return matches;
    const { file, path } = parseReference(text);
    const { root } = this.#opened.get(file)!;
    const { depth, contents } = followPath(root, path);
    const parent = path.slice(0, depth).join('/');
    throw new RecordingError(
      `${this.#label}: ${key}: ${file} has no ${path.slice(0, depth + 1).join('/')}; ${parent || 'it'} contains ${contents}.`,
    );
  }

  /** @param mayBeSeveral whether the reference may match several arrays. */
  #checkArray(
    key: string,
    text: string,
    node: DataNode | undefined,
    mayBeSeveral: boolean,
  ): ArrayNode {
    if (node?.kind === 'array') return node;
    const below = (name: string) => `${text}${text.includes('#') ? '/' : '#'}${name}`;
    if (node?.kind === 'list') {
      const items = `is not an array but a list of ${node.items.length} items`;
      throw this.#error(
        key,
        text,
        mayBeSeveral
          ? `${items}: write ${below('*')} for all of them`
          : `${items}: name one by its index from 0, such as ${below('0')}`,
      );
    }
    const names = node ? [...node.members.keys()] : [];
    const contents = formatList(names, MAX_NAMES_SHOWN) || 'nothing';
    const [first] = names;
    throw this.#error(
      key,
      text,
      `is not an array but a group of ${contents}${first === undefined ? '' : `: name one of them, such as ${below(first)}`}`,
    );
  }

  #error(key: string, text: string, problem: string): RecordingError {
    return new RecordingError(`${this.#location(key, text)} ${problem}.`);
  }

  #location(key: string, text: string): string {
    return `${this.#label}: ${key}: ${text}`;
  }
}

/**
 * Opens a file of a folder.
 *
 * @param name what the message calls the file.
 * @throws RecordingError where there is no such file or it cannot be opened.
 */
export function openSource(folder: Folder, file: string, name: string): ByteSource {
  try {
    return folder.open(file);
  } catch (error) {
    if (error instanceof SourceError)
      throw new RecordingError(`${name} cannot be read: ${error.message}.`);
    throw error;
  }
}

/**
 * Whether a node is an array without values, of which an index selects nothing, whatever its shape.
 */
function isEmpty(node: DataNode): boolean {
  return node.kind === 'array' && node.shape.includes(0);
}

/** Whether at most one axis is longer than 1: a vector, a row, a column or a single value. */
export function isOneDimensional(shape: readonly number[]): boolean {
  return shape.filter((length) => length !== 1).length <= 1;
}

/**
 * Follows a path as far as it exists: how many of its names that is, and what the node there
 * contains.
 */
function followPath(root: DataNode, path: readonly string[]): { depth: number; contents: string } {
  let depth = 0;
  while (depth < path.length && findNodes(root, path.slice(0, depth + 1)).some((node) => node))
    depth += 1;
  const node = findNodes(root, path.slice(0, depth)).find((match) => match) ?? root;
  return { depth, contents: formatContents(node) };
}

const MAX_NAMES_SHOWN = 12;

/** What a node contains, in the words of a message. */
function formatContents(node: DataNode): string {
  if (node.kind === 'array') return `an array of shape [${node.shape.join(', ')}]`;
  if (node.kind === 'list') return `a list of ${node.items.length} items`;
  return formatList([...node.members.keys()], MAX_NAMES_SHOWN) || 'nothing';
}
