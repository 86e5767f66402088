/**
 * MATLAB's files of version 7.3, which are HDF5 by conventions that MathWorks has not written down: an attribute names
 * each value's class, axes are in reverse, and what a cell or an array of structs holds is in a group of its own,
 * '#refs#', to which the cell refers by addresses.
 */

import { RecordingError } from '../../recording/errors.js';
import {
  type ArrayNode,
  type DataNode,
  elementCount,
  type ListNode,
  type Numbers,
  unreadableNode,
} from '../nodes.js';
import type { Hdf5File, NamedObject } from './file.js';
import type { StoredValues } from './library.js';
import {
  attributesFrom,
  CLASS,
  type DatasetInfo,
  elementType,
  lazyGroup,
  readRows,
  type Type,
  type Values,
} from './values.js';

/** What cells hold, and what MATLAB keeps for its own objects. */
const INTERNAL_GROUPS = ['#refs#', '#subsystem#'];
/** No sparse array is made dense past this many values at once. */
const MAX_DENSE_VALUES = 2 ** 27;

/** Addresses as texts, as the descriptions of what they lead to have them. */
const ADDRESS_TYPE: Type = {
  kind: 'text',
  make: (length) => new Array<string>(length),
  decode: (stored: StoredValues) =>
    Array.from({ length: stored.length / 8 }, (_, n) =>
      (stored as Uint8Array).subarray(8 * n, 8 * n + 8).join(' '),
    ),
};

function attributeValue({ info }: NamedObject, name: string): number | string | undefined {
  if (info.kind === 'refused') return undefined;
  const value = attributesFrom(info.attributes)[name];
  return Array.isArray(value) ? value[0] : (value as number | string | undefined);
}

/** Whether what a file holds has MATLAB's classes. */
export function isMatlab73(members: ReadonlyMap<string, NamedObject>): boolean {
  return [...members.values()].some(
    (object) => attributeValue(object, 'MATLAB_class') !== undefined,
  );
}

/** The variables of a file, by name, in the form of those of older files: see parseMatlab. */
export function matlabMembers(
  file: Hdf5File,
  members: ReadonlyMap<string, NamedObject>,
): Map<string, DataNode> {
  const reader = new Reader(file, members.get('#refs#'));
  const variables = [...members].filter(([name]) => !INTERNAL_GROUPS.includes(name));
  return new Map(
    variables.map(([name, object]) => [
      name,
      reader.part({ ...object, label: `Variable ${name}` }, []),
    ]),
  );
}

class Reader {
  readonly #file: Hdf5File;
  readonly #store: NamedObject | undefined;
  #stored: Map<string, NamedObject> | undefined;

  constructor(file: Hdf5File, store: NamedObject | undefined) {
    this.#file = file;
    this.#store = store;
  }

  /** @param around addresses of what it is in. */
  part(object: NamedObject, around: readonly string[]): DataNode {
    try {
      return this.#part(object, around);
    } catch (error) {
      // What is damaged should not keep its neighbours from being read.
      if (error instanceof RecordingError) return unreadableNode(error);
      throw error;
    }
  }

  #part(object: NamedObject, around: readonly string[]): DataNode {
    const { info } = object;
    if (info.kind === 'refused') return this.#refused(object, info.reason);
    if (around.includes(info.address))
      return this.#refused(object, 'it holds what it is in, without an end');
    const inside = [...around, info.address];
    const of = attributeValue(object, 'MATLAB_class');
    if (of === 'function_handle')
      return this.#refused(object, 'it holds a function: save the values that it gives');
    if (attributeValue(object, 'MATLAB_object_decode') !== undefined) {
      const reason = `it holds an object of class ${of}, which only MATLAB can read: save its values as arrays, cells or structs`;
      return this.#refused(object, reason);
    }
    if (info.kind === 'group') return this.#struct(object, inside);
    return this.#array(object, info, of, inside);
  }

  #refused(
    { label }: Pick<NamedObject, 'label'>,
    reason: string,
    shape: readonly number[] = [],
  ): ArrayNode {
    return unreadableNode(this.#file.refusal(label, reason), shape);
  }

  #array(
    object: NamedObject,
    info: DatasetInfo,
    of: number | string | undefined,
    around: readonly string[],
  ): DataNode {
    const type = elementType(info.metadata);
    const empty = Boolean(attributeValue(object, 'MATLAB_empty')) && typeof type !== 'string';
    const stored = [...(info.metadata.shape ?? [0])].reverse();
    // Of an empty array the axes are stored as its values.
    const shape = empty ? Array.from(this.#rows(object, info, type), Number) : stored;
    if (empty && !shape.includes(0))
      return this.#refused(
        object,
        `it is damaged: it should be empty, but is [${shape.join(', ')}]`,
      );
    if (of === 'cell' || (empty && of === 'struct')) {
      const items = () =>
        this.#addresses(object).map((address, n) =>
          this.#referred(address, `${object.label}{${n + 1}}`, around),
        );
      return lazyList(shape, empty ? () => [] : items);
    }
    if (typeof type === 'string') return this.#refused(object, `it holds ${type}`, shape);
    if (of === 'char') return this.#text(object, info, type, empty ? [0] : shape);
    const read = (from = 0, to = shape[0] ?? 1) =>
      empty ? type.make(0) : this.#rows(object, info, type, from, to);
    return arrayNode(type.kind, shape, read);
  }

  /** Places along MATLAB's first axis. */
  #rows(
    object: NamedObject,
    info: DatasetInfo,
    type: Type,
    from = 0,
    to = Number.POSITIVE_INFINITY,
  ): Values {
    return readRows({ file: this.#file, object, info, type, reversed: true }, from, to);
  }

  /** A row of letters is one text, a matrix of letters a text per row, without the blanks that fill it up. */
  #text(object: NamedObject, info: DatasetInfo, type: Type, shape: readonly number[]): ArrayNode {
    const [rows = 1, columns = 1] = shape;
    if (elementCount(shape) === 0) return arrayNode('text', [], (from, to) => [''].slice(from, to));
    if (shape.length > 2)
      return this.#refused(object, 'it holds letters in three axes or more: save a cell of texts');
    const texts = (from = 0, to = rows) => {
      const letters = this.#rows(object, info, type, from, to) as ArrayLike<number>;
      return Array.from({ length: letters.length / columns }, (_, row) => {
        let text = '';
        for (let n = row * columns; n < (row + 1) * columns; n++)
          text += String.fromCharCode(letters[n]!);
        return rows === 1 ? text : text.replace(/[ \0]+$/, '');
      });
    };
    return arrayNode('text', rows === 1 ? [] : [rows], texts);
  }

  /** A struct, an array of structs or a sparse array. */
  #struct(object: NamedObject, around: readonly string[]): DataNode {
    const { label } = object;
    const fields = this.#file.members(object, (name) => `${label}.${name}`);
    const height = attributeValue(object, 'MATLAB_sparse');
    if (typeof height === 'number') return this.#sparse(object, fields, height);
    const shape = shapeOfStructs([...fields.values()]);
    if (!shape) return lazyGroup({}, () => mapped(fields, (_, field) => this.part(field, around)));
    return lazyList(shape, () => {
      const columns = mapped(fields, (_, field) => this.#addresses(field));
      return Array.from({ length: elementCount(shape) }, (_, n) =>
        lazyGroup({}, () =>
          mapped(columns, (name, addresses) =>
            this.#referred(addresses[n]!, `${label}(${n + 1}).${name}`, around),
          ),
        ),
      );
    });
  }

  /** Columns of values that are not 0, with the rows they are in and where each column begins. */
  #sparse(
    object: NamedObject,
    fields: ReadonlyMap<string, NamedObject>,
    height: number,
  ): ArrayNode {
    const load = (name: string) => {
      const field = fields.get(name);
      const part = field && this.part(field, []);
      return part?.kind === 'array' ? (part.read() as Numbers) : new Float64Array();
    };
    const starts = load('jc');
    const width = starts.length - 1;
    if (!(width >= 0)) return this.#refused(object, 'it is a sparse array without its columns');
    return arrayNode('number', [height, width], (from = 0, to = height) => {
      const size = Math.max(0, to - from) * width;
      if (size > MAX_DENSE_VALUES) {
        const reason = `it holds a sparse array of ${size} values with its zeros, too many at once: save [row, column, value] = find(...)`;
        throw this.#file.refusal(object.label, reason);
      }
      const [values, rows] = [load('data'), load('ir')];
      const dense = values.slice(0, 0).constructor as new (length: number) => Numbers;
      const numbers = new dense(size);
      for (let column = 0; column < width; column++) {
        for (let n = starts[column]!; n < starts[column + 1]!; n++) {
          if (!(rows[n]! < height))
            throw this.#file.refusal(object.label, 'it is damaged: its rows do not fit its shape');
          if (rows[n]! >= from && rows[n]! < to)
            numbers[(rows[n]! - from) * width + column] = values[n]!;
        }
      }
      return numbers;
    });
  }

  #addresses(object: NamedObject): string[] {
    const info = object.info as DatasetInfo;
    if (info.metadata.type !== CLASS.reference)
      throw this.#file.refusal(object.label, 'it is damaged: it refers to nothing');
    const dataset = { file: this.#file, object, info, type: ADDRESS_TYPE, reversed: false };
    return readRows(dataset, 0, Number.POSITIVE_INFINITY) as string[];
  }

  #referred(address: string, label: string, around: readonly string[]): DataNode {
    const object = this.#storedAt(address);
    if (!object) return this.#refused({ label }, 'it refers to something that is not there');
    return this.part({ ...object, label }, around);
  }

  #storedAt(address: string): NamedObject | undefined {
    // The library finds a name for an address by a search through the whole file.
    this.#stored ??= new Map(
      [...(this.#store ? this.#file.members(this.#store).values() : [])].flatMap((object) =>
        object.info.kind === 'refused' ? [] : [[object.info.address, object] as const],
      ),
    );
    return this.#stored.get(address);
  }
}

function arrayNode(
  type: ArrayNode['type'],
  shape: readonly number[],
  read: ArrayNode['read'],
): ArrayNode {
  return { kind: 'array', type, shape, attributes: {}, read };
}

function lazyList(shape: readonly number[], load: () => DataNode[]): ListNode {
  let items: DataNode[] | undefined;
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
function shapeOfStructs(fields: readonly NamedObject[]): number[] | undefined {
  const shapes = fields.map((object) => {
    const { info } = object;
    const classless = attributeValue(object, 'MATLAB_class') === undefined;
    if (info.kind !== 'dataset' || !classless) return undefined;
    return info.metadata.type === CLASS.reference ? info.metadata.shape : undefined;
  });
  const [shape] = shapes;
  const same = shapes.every((other) => other && other.join() === shape?.join());
  return shape && same ? [...shape].reverse() : undefined;
}
