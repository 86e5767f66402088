/**
 * MATLAB's files of version 7.3, which are HDF5 by conventions that MathWorks has not written down: an attribute names
 * each value's class, axes are in reverse, and what a cell or an array of structs holds is in a group of its own,
 * '#refs#', to which the cell refers by addresses.
 */

import { RecordingError } from '../../recording/errors.js';
import {
  type ArrayPart,
  type ListPart,
  type Numbers,
  type Part,
  refusedPart,
  sizeOf,
} from '../parts.js';
import type { Found, Hdf5File } from './file.js';
import {
  attributesFrom,
  CLASS,
  type DescribedDataset,
  lazyGroup,
  readRows,
  type Type,
  typeOf,
  type Values,
} from './values.js';
import type { Stored } from './worker.js';

/** What cells hold, and what MATLAB keeps for its own objects. */
const STORES = ['#refs#', '#subsystem#'];
/** No sparse array is made dense past this many values at once. */
const MOST_DENSE = 2 ** 27;

/** Addresses as texts, as the descriptions of what they lead to have them. */
const ADDRESSES: Type = {
  kind: 'text',
  make: (length) => new Array<string>(length),
  decode: (stored: Stored) =>
    Array.from({ length: stored.length / 8 }, (_, n) =>
      (stored as Uint8Array).subarray(8 * n, 8 * n + 8).join(' '),
    ),
};

function attributeOf({ described }: Found, name: string): number | string | undefined {
  if (described.kind === 'refused') return undefined;
  const value = attributesFrom(described.attributes)[name];
  return Array.isArray(value) ? value[0] : (value as number | string | undefined);
}

/** Whether what a file holds has MATLAB's classes. */
export function isMatlab73(members: ReadonlyMap<string, Found>): boolean {
  return [...members.values()].some((found) => attributeOf(found, 'MATLAB_class') !== undefined);
}

/** The variables of a file, by name, in the form of those of older files: see parseMatlab. */
export function matlabMembers(
  file: Hdf5File,
  members: ReadonlyMap<string, Found>,
): Map<string, Part> {
  const reader = new Reader(file, members.get('#refs#'));
  const variables = [...members].filter(([name]) => !STORES.includes(name));
  return new Map(
    variables.map(([name, found]) => [
      name,
      reader.part({ ...found, label: `Variable ${name}` }, []),
    ]),
  );
}

class Reader {
  readonly #file: Hdf5File;
  readonly #store: Found | undefined;
  #stored: Map<string, Found> | undefined;

  constructor(file: Hdf5File, store: Found | undefined) {
    this.#file = file;
    this.#store = store;
  }

  /** @param around addresses of what it is in. */
  part(found: Found, around: readonly string[]): Part {
    try {
      return this.#part(found, around);
    } catch (error) {
      // What is damaged should not keep its neighbours from being read.
      if (error instanceof RecordingError) return refusedPart(error);
      throw error;
    }
  }

  #part(found: Found, around: readonly string[]): Part {
    const { described } = found;
    if (described.kind === 'refused') return this.#refused(found, described.reason);
    if (around.includes(described.address))
      return this.#refused(found, 'it holds what it is in, without an end');
    const inside = [...around, described.address];
    const of = attributeOf(found, 'MATLAB_class');
    if (of === 'function_handle')
      return this.#refused(found, 'it holds a function: save the values that it gives');
    if (attributeOf(found, 'MATLAB_object_decode') !== undefined) {
      const reason = `it holds an object of class ${of}, which only MATLAB can read: save its values as arrays, cells or structs`;
      return this.#refused(found, reason);
    }
    if (described.kind === 'group') return this.#struct(found, inside);
    return this.#array(found, described, of, inside);
  }

  #refused(
    { label }: Pick<Found, 'label'>,
    reason: string,
    shape: readonly number[] = [],
  ): ArrayPart {
    return refusedPart(this.#file.refusal(label, reason), shape);
  }

  #array(
    found: Found,
    described: DescribedDataset,
    of: number | string | undefined,
    around: readonly string[],
  ): Part {
    const type = typeOf(described.metadata);
    const empty = Boolean(attributeOf(found, 'MATLAB_empty')) && typeof type !== 'string';
    const stored = [...(described.metadata.shape ?? [0])].reverse();
    // Of an empty array the axes are stored as its values.
    const shape = empty ? Array.from(this.#rows(found, described, type), Number) : stored;
    if (empty && !shape.includes(0))
      return this.#refused(
        found,
        `it is damaged: it should be empty, but is [${shape.join(', ')}]`,
      );
    if (of === 'cell' || (empty && of === 'struct')) {
      const items = () =>
        this.#addresses(found).map((address, n) =>
          this.#referred(address, `${found.label}{${n + 1}}`, around),
        );
      return lazyList(shape, empty ? () => [] : items);
    }
    if (typeof type === 'string') return this.#refused(found, `it holds ${type}`, shape);
    if (of === 'char') return this.#text(found, described, type, empty ? [0] : shape);
    const read = (from = 0, to = shape[0] ?? 1) =>
      empty ? type.make(0) : this.#rows(found, described, type, from, to);
    return arrayPart(type.kind, shape, read);
  }

  /** Places along MATLAB's first axis. */
  #rows(
    found: Found,
    described: DescribedDataset,
    type: Type,
    from = 0,
    to = Number.POSITIVE_INFINITY,
  ): Values {
    return readRows({ file: this.#file, found, described, type, reversed: true }, from, to);
  }

  /** A row of letters is one text, a matrix of letters a text per row, without the blanks that fill it up. */
  #text(
    found: Found,
    described: DescribedDataset,
    type: Type,
    shape: readonly number[],
  ): ArrayPart {
    const [rows = 1, columns = 1] = shape;
    if (sizeOf(shape) === 0) return arrayPart('text', [], (from, to) => [''].slice(from, to));
    if (shape.length > 2)
      return this.#refused(found, 'it holds letters in three axes or more: save a cell of texts');
    const texts = (from = 0, to = rows) => {
      const letters = this.#rows(found, described, type, from, to) as ArrayLike<number>;
      return Array.from({ length: letters.length / columns }, (_, row) => {
        let text = '';
        for (let n = row * columns; n < (row + 1) * columns; n++)
          text += String.fromCharCode(letters[n]!);
        return rows === 1 ? text : text.replace(/[ \0]+$/, '');
      });
    };
    return arrayPart('text', rows === 1 ? [] : [rows], texts);
  }

  /** A struct, an array of structs or a sparse array. */
  #struct(found: Found, around: readonly string[]): Part {
    const { label } = found;
    const fields = this.#file.members(found, (name) => `${label}.${name}`);
    const height = attributeOf(found, 'MATLAB_sparse');
    if (typeof height === 'number') return this.#sparse(found, fields, height);
    const shape = shapeOfStructs([...fields.values()]);
    if (!shape) return lazyGroup({}, () => mapped(fields, (_, field) => this.part(field, around)));
    return lazyList(shape, () => {
      const columns = mapped(fields, (_, field) => this.#addresses(field));
      return Array.from({ length: sizeOf(shape) }, (_, n) =>
        lazyGroup({}, () =>
          mapped(columns, (name, addresses) =>
            this.#referred(addresses[n]!, `${label}(${n + 1}).${name}`, around),
          ),
        ),
      );
    });
  }

  /** Columns of values that are not 0, with the rows they are in and where each column begins. */
  #sparse(found: Found, fields: ReadonlyMap<string, Found>, height: number): ArrayPart {
    const load = (name: string) => {
      const field = fields.get(name);
      const part = field && this.part(field, []);
      return part?.kind === 'array' ? (part.read() as Numbers) : new Float64Array();
    };
    const starts = load('jc');
    const width = starts.length - 1;
    if (!(width >= 0)) return this.#refused(found, 'it is a sparse array without its columns');
    return arrayPart('number', [height, width], (from = 0, to = height) => {
      const size = Math.max(0, to - from) * width;
      if (size > MOST_DENSE) {
        const reason = `it holds a sparse array of ${size} values with its zeros, too many at once: save [row, column, value] = find(...)`;
        throw this.#file.refusal(found.label, reason);
      }
      const [values, rows] = [load('data'), load('ir')];
      const dense = values.slice(0, 0).constructor as new (length: number) => Numbers;
      const numbers = new dense(size);
      for (let column = 0; column < width; column++) {
        for (let n = starts[column]!; n < starts[column + 1]!; n++) {
          if (!(rows[n]! < height))
            throw this.#file.refusal(found.label, 'it is damaged: its rows do not fit its shape');
          if (rows[n]! >= from && rows[n]! < to)
            numbers[(rows[n]! - from) * width + column] = values[n]!;
        }
      }
      return numbers;
    });
  }

  #addresses(found: Found): string[] {
    const described = found.described as DescribedDataset;
    if (described.metadata.type !== CLASS.reference)
      throw this.#file.refusal(found.label, 'it is damaged: it refers to nothing');
    const dataset = { file: this.#file, found, described, type: ADDRESSES, reversed: false };
    return readRows(dataset, 0, Number.POSITIVE_INFINITY) as string[];
  }

  #referred(address: string, label: string, around: readonly string[]): Part {
    const found = this.#storedAt(address);
    if (!found) return this.#refused({ label }, 'it refers to something that is not there');
    return this.part({ ...found, label }, around);
  }

  #storedAt(address: string): Found | undefined {
    // The library finds a name for an address by a search through the whole file.
    this.#stored ??= new Map(
      [...(this.#store ? this.#file.members(this.#store).values() : [])].flatMap((found) =>
        found.described.kind === 'refused' ? [] : [[found.described.address, found] as const],
      ),
    );
    return this.#stored.get(address);
  }
}

function arrayPart(
  type: ArrayPart['type'],
  shape: readonly number[],
  read: ArrayPart['read'],
): ArrayPart {
  return { kind: 'array', type, shape, attributes: {}, read };
}

function lazyList(shape: readonly number[], load: () => Part[]): ListPart {
  let items: Part[] | undefined;
  return {
    kind: 'list',
    shape,
    get items() {
      items ??= load();
      return items;
    },
  };
}

function mapped<T, U>(map: ReadonlyMap<string, T>, to: (name: string, value: T) => U) {
  return new Map([...map].map(([name, value]) => [name, to(name, value)] as const));
}

/** An array of structs is a group of arrays of addresses, which have no class as cells have. */
function shapeOfStructs(fields: readonly Found[]): number[] | undefined {
  const shapes = fields.map((found) => {
    const { described } = found;
    const classless = attributeOf(found, 'MATLAB_class') === undefined;
    if (described.kind !== 'dataset' || !classless) return undefined;
    return described.metadata.type === CLASS.reference ? described.metadata.shape : undefined;
  });
  const [shape] = shapes;
  const same = shapes.every((other) => other && other.join() === shape?.join());
  return shape && same ? [...shape].reverse() : undefined;
}
