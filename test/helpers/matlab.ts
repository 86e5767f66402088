/** MATLAB files of level 5 written by hand, for the tests of what reads them. */

import { deflateSync } from 'node:zlib';

type Setter = (view: DataView, at: number, value: number, little: boolean) => void;

/** Types of elements by number, with their size and how they are written. */
const TYPES: Readonly<Record<number, readonly [bytes: number, set: Setter]>> = {
  1: [1, (v, at, x) => v.setInt8(at, x)],
  2: [1, (v, at, x) => v.setUint8(at, x)],
  3: [2, (v, at, x, le) => v.setInt16(at, x, le)],
  4: [2, (v, at, x, le) => v.setUint16(at, x, le)],
  5: [4, (v, at, x, le) => v.setInt32(at, x, le)],
  6: [4, (v, at, x, le) => v.setUint32(at, x, le)],
  7: [4, (v, at, x, le) => v.setFloat32(at, x, le)],
  9: [8, (v, at, x, le) => v.setFloat64(at, x, le)],
  12: [8, (v, at, x, le) => v.setBigInt64(at, BigInt(x), le)],
  13: [8, (v, at, x, le) => v.setBigUint64(at, BigInt(x), le)],
  16: [1, (v, at, x) => v.setUint8(at, x)],
  17: [2, (v, at, x, le) => v.setUint16(at, x, le)],
  18: [4, (v, at, x, le) => v.setUint32(at, x, le)],
};

export const joined = (pieces: readonly Uint8Array[]) =>
  Uint8Array.from(pieces.flatMap((p) => [...p]));
/** The numbers of letters. */
export const codes = (text: string) => [...text].map((letter) => letter.codePointAt(0)!);

/** Writes tiny files as MATLAB does, in one byte order. Kinds and types are the numbers of 'MAT-File Format'. */
export class Writer {
  constructor(readonly little = true) {}

  numbers(type: number, values: readonly number[]): Uint8Array {
    const [size, set] = TYPES[type]!;
    const bytes = new Uint8Array(values.length * size);
    const view = new DataView(bytes.buffer);
    for (const [n, value] of values.entries()) set(view, n * size, value, this.little);
    return bytes;
  }

  tagged(type: number, body: Uint8Array, claims = body.length): Uint8Array {
    return joined([this.numbers(6, [type, claims]), body]);
  }

  /** Up to four bytes go into the tag. */
  element(type: number, values: readonly number[]): Uint8Array {
    const body = this.numbers(type, values);
    const room = new Uint8Array(body.length > 4 ? Math.ceil(body.length / 8) * 8 : 4);
    room.set(body);
    if (body.length > 4) return this.tagged(type, room, body.length);
    return joined([this.numbers(6, [body.length * 65536 + type]), room]);
  }

  matrix(kind: number, shape: number[], name: string, ...rest: Uint8Array[]): Uint8Array {
    const head = [this.element(6, [kind, 0]), this.element(5, shape)];
    return this.tagged(14, joined([...head, this.element(1, codes(name)), ...rest]));
  }

  /** Doubles. */
  real(values: readonly number[], name = '', shape = [1, values.length], type = 9): Uint8Array {
    return this.matrix(6, shape, name, this.element(type, values));
  }

  text(text: string, name = ''): Uint8Array {
    return this.matrix(4, [1, text.length], name, this.element(4, codes(text)));
  }

  fields(width: number, ...names: string[]): Uint8Array {
    const letters = names.map((name) => name.padEnd(width, '\0')).join('');
    return joined([this.element(5, [width]), this.element(1, codes(letters))]);
  }

  /** What MATLAB alone can read. */
  opaque(name: string, of: string): Uint8Array {
    const words = [name, 'MCOS', of].map((word) => this.element(1, codes(word)));
    return this.tagged(14, joined([this.element(6, [17, 0]), ...words, this.real([1])]));
  }

  packed(element: Uint8Array): Uint8Array {
    return this.tagged(15, deflateSync(element));
  }

  file(...elements: Uint8Array[]): Uint8Array {
    const text = new TextEncoder().encode('MATLAB 5.0 MAT-file, made by a test'.padEnd(124));
    return joined([text, this.numbers(4, [0x100, 0x4d49]), ...elements]);
  }
}

/** Numbers are a row, `rows` a matrix, other lists a cell, names a struct. */
export type MatlabValue =
  | readonly number[]
  | { readonly rows: readonly (readonly number[])[] }
  | readonly MatlabValue[]
  | { readonly [name: string]: MatlabValue };

/** A MATLAB file of these variables. */
export function matlabFile(variables: Readonly<Record<string, MatlabValue>>): Uint8Array {
  const writer = new Writer();
  const written = (value: MatlabValue, name: string): Uint8Array => {
    if (Array.isArray(value)) {
      const list = value as readonly (number | MatlabValue)[];
      if (list.length === 0) return writer.real([], name, [0, 0]);
      if (list.every((item) => typeof item === 'number')) return writer.real(list, name);
      const cells = (list as readonly MatlabValue[]).map((item) => written(item, ''));
      return writer.matrix(1, [1, list.length], name, ...cells);
    }
    if ('rows' in value) {
      const rows = value.rows as readonly (readonly number[])[];
      const width = rows[0]?.length ?? 0;
      const down = Array.from({ length: width }, (_, n) => rows.map((row) => row[n]!)).flat();
      return writer.real(down, name, [rows.length, width]);
    }
    const fields = Object.entries(value as Readonly<Record<string, MatlabValue>>);
    const names = writer.fields(32, ...fields.map(([key]) => key));
    return writer.matrix(2, [1, 1], name, names, ...fields.map(([, item]) => written(item, '')));
  };
  return writer.file(...Object.entries(variables).map(([name, value]) => written(value, name)));
}
