/**
 * Reads MATLAB files of version 7.3. They are HDF5 files with conventions that MathWorks has not
 * documented: an attribute names the class of each value, the axes are in reverse order, and the
 * items of a cell array or an array of structs are in the group '#refs#', which the array refers to
 * by addresses.
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
  type DatasetInfo,
  type ElementType,
  elementType,
  H5T_CLASS,
  lazyGroup,
  readRows,
  type Values,
} from './values.js';

/** Groups with the items of cells and with MATLAB's own objects; they are not variables. */
const INTERNAL_GROUPS = ['#refs#', '#subsystem#'];
/** Values of a sparse array that are read at once, zeros included. */
const MAX_DENSE_VALUES = 2 ** 27;

/** Reads addresses as strings in the form of `ObjectInfo.address`. */
const ADDRESS_TYPE: ElementType = {
  kind: 'text',
  make: (length) => new Array<string>(length),
  decode: (stored: StoredValues) =>
    Array.from({ length: stored.length / 8 }, (_, n) =>
      (stored as Uint8Array).subarray(8 * n, 8 * n + 8).join(' '),
    ),
};

function attributeValue({ info }: NamedObject, name: string): number | string | undefined {
  if (info.kind === 'unreadable') return undefined;
  const value = attributesFrom(info.attributes)[name];
  return Array.isArray(value) ? value[0] : (value as number | string | undefined);
}

/**
 * Whether a file was written by MATLAB: some of its objects have the attribute of a MATLAB class.
 */
export function isMatlab73(members: ReadonlyMap<string, NamedObject>): boolean {
  return [...members.values()].some(
    (object) => attributeValue(object, 'MATLAB_class') !== undefined,
  );
}

/**
 * The variables of a file, by name. They have the same form as those of older files, see
 * `parseMatlab`.
 *
 * @param members the objects at the top of the file.
 */
export function matlabMembers(
  file: Hdf5File,
  members: ReadonlyMap<string, NamedObject>,
): Map<string, DataNode> {
  const reader = new MatlabReader(file, members.get('#refs#'));
  const variables = [...members].filter(([name]) => !INTERNAL_GROUPS.includes(name));
  return new Map(
    variables.map(([name, object]) => [
      name,
      reader.node({ ...object, label: `Variable ${name}` }, []),
    ]),
  );
}

class MatlabReader {
  readonly #file: Hdf5File;
  readonly #refs: NamedObject | undefined;
  /** The objects of '#refs#' by address; undefined until they are needed. */
  #objectsByAddress: Map<string, NamedObject> | undefined;

  /** @param refs the group '#refs#'. */
  constructor(file: Hdf5File, refs: NamedObject | undefined) {
    this.#file = file;
    this.#refs = refs;
  }

  /**
   * The node of an object.
   *
   * @param ancestors addresses of the enclosing objects.
   */
  node(object: NamedObject, ancestors: readonly string[]): DataNode {
    try {
      return this.#node(object, ancestors);
    } catch (error) {
      // A damaged object should not keep the others from being read.
      if (error instanceof RecordingError) return unreadableNode(error);
      throw error;
    }
  }

  #node(object: NamedObject, ancestors: readonly string[]): DataNode {
    const { info } = object;
    if (info.kind === 'unreadable') return this.#unreadable(object, info.reason);
    if (ancestors.includes(info.address)) return this.#unreadable(object, 'it contains itself');
    const path = [...ancestors, info.address];
    const className = attributeValue(object, 'MATLAB_class');
    if (className === 'function_handle')
      return this.#unreadable(object, 'it contains a function: save the values it returns');
    if (attributeValue(object, 'MATLAB_object_decode') !== undefined) {
      const reason = `it contains an object of class ${className}, which only MATLAB can read: save its values as arrays, cells or structs`;
      return this.#unreadable(object, reason);
    }
    if (info.kind === 'group') return this.#struct(object, path);
    return this.#array(object, info, className, path);
  }

  #unreadable(
    { label }: Pick<NamedObject, 'label'>,
    reason: string,
    shape: readonly number[] = [],
  ): ArrayNode {
    return unreadableNode(this.#file.readError(label, reason), shape);
  }

  #array(
    object: NamedObject,
    info: DatasetInfo,
    className: number | string | undefined,
    ancestors: readonly string[],
  ): DataNode {
    const type = elementType(info.metadata);
    const isEmpty = Boolean(attributeValue(object, 'MATLAB_empty')) && !('unsupported' in type);
    const storedShape = [...(info.metadata.shape ?? [0])].reverse();
    // The values of an empty array are its shape.
    const shape = isEmpty ? Array.from(this.#rows(object, info, type), Number) : storedShape;
    if (isEmpty && !shape.includes(0))
      return this.#unreadable(
        object,
        `it is damaged: it should be empty, but has the shape [${shape.join(', ')}]`,
      );
    if (className === 'cell' || (isEmpty && className === 'struct')) {
      const items = () =>
        this.#addresses(object).map((address, n) =>
          this.#referredNode(address, `${object.label}{${n + 1}}`, ancestors),
        );
      return lazyList(shape, isEmpty ? () => [] : items);
    }
    if ('unsupported' in type)
      return this.#unreadable(object, `it contains ${type.unsupported}`, shape);
    if (className === 'char') return this.#text(object, info, type, isEmpty ? [0] : shape);
    const read = (from = 0, to = shape[0] ?? 1) =>
      isEmpty ? type.make(0) : this.#rows(object, info, type, from, to);
    return arrayNode(type.kind, shape, read);
  }

  /** Rows of MATLAB's first axis, which is the last one of the file. */
  #rows(
    object: NamedObject,
    info: DatasetInfo,
    type: ElementType,
    from = 0,
    to = Number.POSITIVE_INFINITY,
  ): Values {
    return readRows({ file: this.#file, object, info, type, reversed: true }, from, to);
  }

  /**
   * Characters: a single row is one string, and a matrix is a string per row, without its trailing
   * blanks.
   */
  #text(
    object: NamedObject,
    info: DatasetInfo,
    type: ElementType,
    shape: readonly number[],
  ): ArrayNode {
    const [rows = 1, columns = 1] = shape;
    if (elementCount(shape) === 0) return arrayNode('text', [], (from, to) => [''].slice(from, to));
    if (shape.length > 2)
      return this.#unreadable(
        object,
        'it contains characters along three axes or more: save a cell array of character vectors',
      );
    const readTexts = (from = 0, to = rows) => {
      const codes = this.#rows(object, info, type, from, to) as ArrayLike<number>;
      return Array.from({ length: codes.length / columns }, (_, row) => {
        let text = '';
        for (let n = row * columns; n < (row + 1) * columns; n++)
          text += String.fromCharCode(codes[n]!);
        return rows === 1 ? text : text.replace(/[ \0]+$/, '');
      });
    };
    return arrayNode('text', rows === 1 ? [] : [rows], readTexts);
  }

  /** A struct, an array of structs or a sparse array. */
  #struct(object: NamedObject, ancestors: readonly string[]): DataNode {
    const { label } = object;
    const fields = this.#file.members(object, (name) => `${label}.${name}`, true);
    const height = attributeValue(object, 'MATLAB_sparse');
    if (typeof height === 'number') return this.#sparse(object, fields, height);
    const shape = structArrayShape([...fields.values()]);
    if (!shape)
      return lazyGroup({}, () => mapValues(fields, (_, field) => this.node(field, ancestors)));
    return lazyList(shape, () => {
      const columns = mapValues(fields, (_, field) => this.#addresses(field));
      return Array.from({ length: elementCount(shape) }, (_, n) =>
        lazyGroup({}, () =>
          mapValues(columns, (name, addresses) =>
            this.#referredNode(addresses[n]!, `${label}(${n + 1}).${name}`, ancestors),
          ),
        ),
      );
    });
  }

  /**
   * A sparse array: `data` has its nonzero values column by column, `ir` their rows, and `jc` where
   * each column begins.
   */
  #sparse(
    object: NamedObject,
    fields: ReadonlyMap<string, NamedObject>,
    height: number,
  ): ArrayNode {
    const load = (name: string) => {
      const field = fields.get(name);
      const node = field && this.node(field, []);
      return node?.kind === 'array' ? (node.read() as Numbers) : new Float64Array();
    };
    const starts = load('jc');
    const width = starts.length - 1;
    if (!(width >= 0))
      return this.#unreadable(object, 'it is a sparse array whose columns are missing');
    return arrayNode('number', [height, width], (from = 0, to = height) => {
      const count = Math.max(0, to - from) * width;
      if (count > MAX_DENSE_VALUES) {
        const reason = `it contains a sparse array of ${count} values with its zeros, which is too many at once: save [row, column, value] = find(...)`;
        throw this.#file.readError(object.label, reason);
      }
      const [values, rows] = [load('data'), load('ir')];
      const NumberArray = values.constructor as new (length: number) => Numbers;
      const numbers = new NumberArray(count);
      for (let column = 0; column < width; column++) {
        for (let n = starts[column]!; n < starts[column + 1]!; n++) {
          if (!(rows[n]! < height))
            throw this.#file.readError(
              object.label,
              'it is damaged: its rows do not match its shape',
            );
          if (rows[n]! >= from && rows[n]! < to)
            numbers[(rows[n]! - from) * width + column] = values[n]!;
        }
      }
      return numbers;
    });
  }

  /** The addresses that a dataset of references contains. */
  #addresses(object: NamedObject): string[] {
    const info = object.info as DatasetInfo;
    if (info.metadata.type !== H5T_CLASS.reference)
      throw this.#file.readError(object.label, 'it is damaged: it should contain references');
    const dataset = { file: this.#file, object, info, type: ADDRESS_TYPE, reversed: false };
    return readRows(dataset, 0, Number.POSITIVE_INFINITY) as string[];
  }

  /** The node of an item that an array refers to. */
  #referredNode(address: string, label: string, ancestors: readonly string[]): DataNode {
    const object = this.#objectAt(address);
    if (!object) return this.#unreadable({ label }, 'it refers to an object that does not exist');
    return this.node({ ...object, label }, ancestors);
  }

  #objectAt(address: string): NamedObject | undefined {
    // The library could find the object, but it searches the entire file for every address.
    this.#objectsByAddress ??= new Map(
      [...(this.#refs ? this.#file.members(this.#refs, undefined, true).values() : [])].flatMap(
        (object) =>
          object.info.kind === 'unreadable' ? [] : [[object.info.address, object] as const],
      ),
    );
    return this.#objectsByAddress.get(address);
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

function mapValues<T, U>(map: ReadonlyMap<string, T>, change: (name: string, value: T) => U) {
  return new Map([...map].map(([name, value]) => [name, change(name, value)] as const));
}

/**
 * The shape of an array of structs; undefined where the fields are those of a single struct. The
 * fields of an array are datasets of references without a MATLAB class, all of the same shape.
 */
function structArrayShape(fields: readonly NamedObject[]): number[] | undefined {
  const shapes = fields.map((object) => {
    const { info } = object;
    const hasClass = attributeValue(object, 'MATLAB_class') !== undefined;
    if (info.kind !== 'dataset' || hasClass) return undefined;
    return info.metadata.type === H5T_CLASS.reference ? info.metadata.shape : undefined;
  });
  const [shape] = shapes;
  const areEqual = shapes.every((other) => other && other.join() === shape?.join());
  return shape && areEqual ? [...shape].reverse() : undefined;
}
