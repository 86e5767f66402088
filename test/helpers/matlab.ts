/** Writer of MATLAB 5 files for the tests of their reader. */

import { deflateSync } from 'node:zlib';

type Setter = (view: DataView, offset: number, value: number, little: boolean) => void;

/**
 * Data types of elements by their number in 'MAT-File Format': bytes of a value, and how it is
 * written.
 */
const TYPES: Readonly<Record<number, readonly [bytes: number, set: Setter]>> = {
  1: [1, (view, offset, value) => view.setInt8(offset, value)],
  2: [1, (view, offset, value) => view.setUint8(offset, value)],
  3: [2, (view, offset, value, little) => view.setInt16(offset, value, little)],
  4: [2, (view, offset, value, little) => view.setUint16(offset, value, little)],
  5: [4, (view, offset, value, little) => view.setInt32(offset, value, little)],
  6: [4, (view, offset, value, little) => view.setUint32(offset, value, little)],
  7: [4, (view, offset, value, little) => view.setFloat32(offset, value, little)],
  9: [8, (view, offset, value, little) => view.setFloat64(offset, value, little)],
  12: [8, (view, offset, value, little) => view.setBigInt64(offset, BigInt(value), little)],
  13: [8, (view, offset, value, little) => view.setBigUint64(offset, BigInt(value), little)],
  16: [1, (view, offset, value) => view.setUint8(offset, value)],
  17: [2, (view, offset, value, little) => view.setUint16(offset, value, little)],
  18: [4, (view, offset, value, little) => view.setUint32(offset, value, little)],
};

/** Concatenates byte arrays. */
export const joinBytes = (pieces: readonly Uint8Array[]) =>
  Uint8Array.from(pieces.flatMap((p) => [...p]));
/** Character codes of a text. */
export const characterCodes = (text: string) =>
  [...text].map((character) => character.codePointAt(0)!);

/**
 * Writes small files as MATLAB does, in one byte order. Classes and data types are numbered as in
 * 'MAT-File Format'.
 */
export class MatlabWriter {
  constructor(readonly little = true) {}

  /** Values of a data type, without a tag. */
  numbers(type: number, values: readonly number[]): Uint8Array {
    const [size, set] = TYPES[type]!;
    const bytes = new Uint8Array(values.length * size);
    const view = new DataView(bytes.buffer);
    for (const [n, value] of values.entries()) set(view, n * size, value, this.little);
    return bytes;
  }

  /** A tag of eight bytes before a body. @param length that the tag states, in bytes. */
  tagged(type: number, body: Uint8Array, length = body.length): Uint8Array {
    return joinBytes([this.numbers(6, [type, length]), body]);
  }

  /** A tagged element, padded to eight bytes. A body of up to four bytes is part of the tag. */
  element(type: number, values: readonly number[]): Uint8Array {
    const body = this.numbers(type, values);
    const padded = new Uint8Array(body.length > 4 ? Math.ceil(body.length / 8) * 8 : 4);
    padded.set(body);
    if (body.length > 4) return this.tagged(type, padded, body.length);
    return joinBytes([this.numbers(6, [body.length * 65536 + type]), padded]);
  }

  /** An array of a class, with its dimensions, its name and the elements of its contents. */
  matrix(kind: number, shape: number[], name: string, ...rest: Uint8Array[]): Uint8Array {
    const head = [this.element(6, [kind, 0]), this.element(5, shape)];
    return this.tagged(14, joinBytes([...head, this.element(1, characterCodes(name)), ...rest]));
  }

  /** An array of doubles. @param type that the values are stored in. */
  real(values: readonly number[], name = '', shape = [1, values.length], type = 9): Uint8Array {
    return this.matrix(6, shape, name, this.element(type, values));
  }

  /** A character array. */
  text(text: string, name = ''): Uint8Array {
    return this.matrix(4, [1, text.length], name, this.element(4, characterCodes(text)));
  }

  /** The elements of a struct that hold the names of its fields, each padded to `width` bytes. */
  fields(width: number, ...names: string[]): Uint8Array {
    const padded = names.map((name) => name.padEnd(width, '\0')).join('');
    return joinBytes([this.element(5, [width]), this.element(1, characterCodes(padded))]);
  }

  /** An object of a class of MATLAB, which only MATLAB can read. */
  opaque(name: string, className: string): Uint8Array {
    const words = [name, 'MCOS', className].map((word) => this.element(1, characterCodes(word)));
    return this.tagged(14, joinBytes([this.element(6, [17, 0]), ...words, this.real([1])]));
  }

  /** An element compressed with zlib. */
  packed(element: Uint8Array): Uint8Array {
    return this.tagged(15, deflateSync(element));
  }

  /** A complete file. */
  file(...elements: Uint8Array[]): Uint8Array {
    const text = new TextEncoder().encode('MATLAB 5.0 MAT-file, made by a test'.padEnd(124));
    return joinBytes([text, this.numbers(4, [0x100, 0x4d49]), ...elements]);
  }
}

/**
 * A MATLAB value: numbers are a row, `rows` a matrix, other lists a cell array of one row, `cells`
 * one of several, other objects a struct.
 */
export type MatlabValue =
  | readonly number[]
  | { readonly rows: readonly (readonly number[])[] }
  | { readonly cells: readonly (readonly MatlabValue[])[] }
  | readonly MatlabValue[]
  | { readonly [name: string]: MatlabValue };

/** A MATLAB 5 file with these variables. */
export function matlabFile(variables: Readonly<Record<string, MatlabValue>>): Uint8Array {
  const writer = new MatlabWriter();
  const write = (value: MatlabValue, name: string): Uint8Array => {
    if (Array.isArray(value)) {
      const list = value as readonly (number | MatlabValue)[];
      if (list.length === 0) return writer.real([], name, [0, 0]);
      if (list.every((item) => typeof item === 'number')) return writer.real(list, name);
      const cells = (list as readonly MatlabValue[]).map((item) => write(item, ''));
      return writer.matrix(1, [1, list.length], name, ...cells);
    }
    if ('rows' in value) {
      const rows = value.rows as readonly (readonly number[])[];
      return writer.real(columnMajor(rows), name, [rows.length, rows[0]?.length ?? 0]);
    }
    if ('cells' in value) {
      const rows = value.cells as readonly (readonly MatlabValue[])[];
      const cells = columnMajor(rows).map((item) => write(item, ''));
      return writer.matrix(1, [rows.length, rows[0]!.length], name, ...cells);
    }
    const fields = Object.entries(value as Readonly<Record<string, MatlabValue>>);
    const names = writer.fields(32, ...fields.map(([key]) => key));
    return writer.matrix(2, [1, 1], name, names, ...fields.map(([, item]) => write(item, '')));
  };
  return writer.file(...Object.entries(variables).map(([name, value]) => write(value, name)));
}

/** The values of rows, column by column. */
function columnMajor<T>(rows: readonly (readonly T[])[]): T[] {
  return Array.from({ length: rows[0]?.length ?? 0 }, (_, n) => rows.map((row) => row[n]!)).flat();
}
