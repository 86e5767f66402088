/**
 * Operators, conversions and componentwise functions, as tables of operands and results.
 *
 * A table is one program. It computes each row with operands from a buffer and with constant
 * operands, for scalars and for vectors of every size.
 */

import { floatBits } from '../helpers/words.js';
import type { MicroProgram } from './micro-programs.js';

type ScalarName = 'f32' | 'i32' | 'u32' | 'bool';
type Cell = number | boolean;
/** The sizes of vectors. */
export const SIZES = [2, 3, 4] as const;
/** The names of a vector's components. */
export const LANES = 'xyzw';

interface Table {
  readonly title: string;
  /** The types of the operands. */
  readonly types: readonly ScalarName[];
  /** The type of the result. */
  readonly result: ScalarName;
  /** The WGSL expression of operands with the given names. */
  readonly form: (...operands: string[]) => string;
  /** Each row: the operands, then the result. */
  readonly rows: readonly (readonly Cell[])[];
  /** The expression for vectors. Default: that for scalars. */
  readonly vectorForm?: (size: number, ...operands: string[]) => string;
  /** The largest allowed error of an f32 result. Default: 0. */
  readonly tolerance?: number;
  /** As in MicroProgram. */
  readonly isDeviceSpecific?: boolean;
  readonly isScalarOnly?: boolean;
  /** Whether one operand may be a vector and the other a scalar. */
  readonly isMixed?: boolean;
}

/** The word of a value in a buffer. */
const word = (type: ScalarName, value: Cell): number =>
  type === 'f32' ? floatBits(Number(value)) : Number(value) >>> 0;

/** A value as WGSL text. NaN and infinity cannot be constants, so they come from a `let`. */
function literal(type: ScalarName, value: Cell): string {
  if (type === 'bool') return `${value}`;
  if (type === 'u32') return `${value}u`;
  if (type === 'i32') return `i32(${value})`;
  if (Number.isNaN(value)) return 'bitcast<f32>(nan_bits)';
  if (!Number.isFinite(value)) return `${Number(value) < 0 ? '-' : ''}bitcast<f32>(infinity_bits)`;
  return Object.is(value, -0) ? 'bitcast<f32>(0x80000000u)' : `f32(${value})`;
}

/**
 * The program of a table: each row for every size, and for every combination of constant operands
 * and operands from a buffer.
 *
 * @param isSubset computes only scalars and vec3, without constant operands.
 */
function tableProgram(table: Table, isSubset = false): MicroProgram {
  const writer = new TableWriter(table);
  const combinations = isSubset ? 1 : 2 ** table.types.length;
  for (let constants = 0; constants < combinations; constants++)
    writer.addRows(constants, isSubset ? [3] : SIZES);
  if (table.isMixed && !isSubset) writer.addMixed();
  return writer.program();
}

class TableWriter {
  readonly #table: Table;
  readonly #lines: string[] = [];
  readonly #expected: number[] = [];
  readonly #tolerances: (number | undefined)[] = [];

  constructor(table: Table) {
    this.#table = table;
  }

  /**
   * Adds all rows, as scalars and as vectors of the given sizes.
   *
   * @param constants bit n says whether operand n is constant.
   */
  addRows(constants: number, sizes: readonly number[]): void {
    const { types, rows, form, isScalarOnly } = this.#table;
    const operand = (row: number, n: number) => this.#operand(row, n, ((constants >> n) & 1) === 1);
    for (const row of rows.keys()) {
      const scalars = types.map((_, n) => operand(row, n));
      this.#addBlock(scalars, form, row);
      for (const size of isScalarOnly ? [] : sizes) {
        const lanes = Array.from({ length: size }, (_, lane) => (row + lane) % rows.length);
        const vectors = types.map((type, n) => {
          const values = lanes.map((lane) => operand(lane, n));
          return `vec${size}<${type}>(${values.join(', ')})`;
        });
        const vectorForm = this.#table.vectorForm ?? ((_, ...names) => form(...names));
        this.#addBlock(vectors, (...names) => vectorForm(size, ...names), lanes);
      }
    }
  }

  /** Adds all rows with one operand as a vector and the other as a scalar. */
  addMixed(): void {
    const { rows, form } = this.#table;
    for (const row of rows.keys())
      for (const size of SIZES) {
        const [a, b] = [this.#operand(row, 0, false), this.#operand(row, 1, false)];
        const lanes = Array(size).fill(row);
        this.#addBlock([`vec${size}(${a})`, b], form, lanes);
        this.#addBlock([a, `vec${size}(${b})`], form, lanes);
      }
  }

  program(): MicroProgram {
    const { title, types, rows, isDeviceSpecific = false } = this.#table;
    const inputs = types.map((type, n) => {
      const storedType = type === 'bool' ? 'u32' : type;
      return `@group(0) @binding(${n + 1}) var<storage, read> input_${n}: array<${storedType}>;`;
    });
    const buffers = types.map((type, n) => [
      `0.${n + 1}`,
      Uint32Array.from(rows, (values) => word(type, values[n]!)),
    ]);
    return {
      title,
      code: [
        '@group(0) @binding(0) var<storage, read_write> out: array<u32>;',
        ...inputs,
        '@compute @workgroup_size(1) fn main() {',
        '  let nan_bits = 0x7fc00000u; let infinity_bits = 0x7f800000u;',
        ...this.#lines,
        '}',
      ].join('\n'),
      buffers: { '0.0': new Uint32Array(this.#expected.length), ...Object.fromEntries(buffers) },
      expected: { '0.0': this.#expected },
      tolerances: this.#tolerances,
      isDeviceSpecific,
    };
  }

  #operand(row: number, n: number, isConstant: boolean): string {
    const { types, rows } = this.#table;
    if (isConstant) return literal(types[n]!, rows[row]![n]!);
    return types[n] === 'bool' ? `(input_${n}[${row}] != 0u)` : `input_${n}[${row}]`;
  }

  /** Adds one expression: a scalar with the result of a row, or a vector with those of several. */
  #addBlock(
    operands: readonly string[],
    form: (...names: string[]) => string,
    rows: number | readonly number[],
  ): void {
    const names = [...'abc'].slice(0, operands.length);
    const { result, tolerance = 0 } = this.#table;
    this.#lines.push(
      '  {',
      ...operands.map((operand, n) => `    let ${names[n]} = ${operand};`),
      `    let result = ${form(...names)};`,
    );
    for (const [lane, row] of [rows].flat().entries()) {
      const value = typeof rows === 'number' ? 'result' : `result.${LANES[lane]}`;
      const bits = result === 'bool' ? `u32(${value})` : `bitcast<u32>(${value})`;
      this.#lines.push(`    out[${this.#expected.length}] = ${bits};`);
      this.#expected.push(word(result, this.#table.rows[row]!.at(-1)!));
      this.#tolerances.push(result === 'f32' ? tolerance : undefined);
    }
    this.#lines.push('  }');
  }
}

// Operators

type RowsByType = Readonly<Partial<Record<ScalarName, string>>>;

/**
 * Names for cells: the limits of the integer types, the largest f32 within them (TOP, UTOP), and
 * values that have no literal.
 */
const CELLS: Readonly<Record<string, Cell>> = {
  MIN: -(2 ** 31),
  MAX: 2 ** 31 - 1,
  UMAX: 2 ** 32 - 1,
  TOP: 2147483520,
  UTOP: 4294967040,
  NAN: Number.NaN,
  INF: Infinity,
  '-INF': -Infinity,
  true: true,
  false: false,
};

/** Parses rows of operands and results, such as "7 2 3, MIN -1 MIN" or "2^31 2^31 0". */
function parseRows(text: string): Cell[][] {
  return text.split(', ').map((row) => row.split(' ').map(cell));
}

function cell(text: string): Cell {
  const named = CELLS[text];
  if (named !== undefined) return named;
  const [, sign, exponent] = /^(-?)2\^(.+)$/.exec(text) ?? [];
  if (exponent !== undefined) return (sign ? -1 : 1) * 2 ** Number(exponent);
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`"${text}" is not a number.`);
  return value;
}

const infix = (operator: string) => (a: string, b: string) => `${a} ${operator} ${b}`;

const ARITHMETIC: Readonly<Record<string, RowsByType>> = {
  '+': {
    i32: '1 2 3, MAX 1 MIN, MIN -1 MAX, -5 5 0',
    u32: '1 2 3, UMAX 1 0, UMAX UMAX 4294967294, 2^31 2^31 0',
    f32: '1.5 2.25 3.75, 2^24 1 2^24, -0.5 0.5 0, 1e+30 -1e+30 0',
  },
  '-': {
    i32: '1 2 -1, MIN 1 MAX, 0 MIN MIN, 7 7 0',
    u32: '3 2 1, 0 1 UMAX, 2^31 UMAX 2147483649, 7 0 7',
    f32: '1.5 2.25 -0.75, 2^24 -3 16777220, 0.5 0.5 0, 0 8 -8',
  },
  '*': {
    i32: '3 -4 -12, 65536 65536 0, MAX 2 -2, MIN -1 MIN, 46341 46341 -2147479015',
    u32: '3 4 12, 65536 65537 65536, UMAX UMAX 1, UMAX 2 4294967294, 9 0 0',
    f32: '1.5 -2 -3, 4097 4097 16785408, 0.25 0.25 0.0625, 2^100 2^-100 1',
  },
  '/': {
    i32: '7 2 3, -7 2 -3, 7 -2 -3, 5 0 5, MIN -1 MIN, MIN 0 MIN, -9 4 -2',
    u32: '7 2 3, UMAX 2 MAX, 5 0 5, UMAX UMAX 1, 100 8 12, 6 7 0',
    f32: '7.5 2.5 3, -1 4 -0.25, 0 5 0, 2^120 2^100 2^20',
  },
  '%': {
    i32: '7 3 1, -7 3 -1, 7 -3 1, 5 0 0, MIN -1 0, MIN 3 -2, -9 4 -1',
    u32: '7 3 1, UMAX 10 5, 5 0 0, UMAX UMAX 0, 100 8 4, 6 7 6',
    f32: '7.5 2 1.5, -7.5 2 -1.5, 7.5 -2 1.5, 4 8 4, 9 0.5 0',
  },
};

const BITWISE: Readonly<Record<string, RowsByType>> = {
  '&': {
    i32: '12 10 8, -1 MIN MIN, -2 7 6, 5 0 0',
    u32: '12 10 8, UMAX 2^31 2^31, 16711935 4080 240, 5 0 0',
    bool: 'true true true, true false false, false true false, false false false',
  },
  '|': {
    i32: '12 10 14, -1 MIN -1, MIN 1 -2147483647, 5 0 5',
    u32: '12 10 14, UMAX 2^31 UMAX, 16711680 4080 16715760, 5 0 5',
    bool: 'true true true, true false true, false true true, false false false',
  },
  '^': {
    i32: '12 10 6, -1 MIN MAX, -1 -1 0, 5 0 5',
    u32: '12 10 6, UMAX 2^31 MAX, UMAX UMAX 0, 5 0 5',
  },
};

/** The amount of a shift is taken modulo 32, if it is not constant. */
const SHIFTS: Readonly<Record<string, RowsByType>> = {
  '<<': {
    i32: '1 4 16, 1 31 MIN, -1 1 -2, 3 32 3, 3 33 6, 5 UMAX MIN, 7 0 7',
    u32: '1 4 16, 1 31 2^31, UMAX 1 4294967294, 3 32 3, 3 65 6, 7 0 7',
  },
  '>>': {
    i32: '-8 1 -4, -1 31 -1, MIN 31 -1, 8 33 4, 8 32 8, MAX 30 1, 7 0 7',
    u32: 'UMAX 1 MAX, UMAX 31 1, 2^31 31 1, 8 33 4, 8 32 8, 7 0 7',
  },
};

/** Two operands, and whether the first is less (-1), equal (0), greater (1) or neither (NAN). */
const ORDER: RowsByType = {
  i32: '1 2 -1, -1 1 -1, MIN MAX -1, MAX MIN 1, 7 7 0, 0 -1 1',
  u32: '1 2 -1, UMAX 1 1, 2^31 MAX 1, 7 7 0, 0 UMAX -1',
  f32: '1 2 -1, -1 1 -1, 0.1 0.1 0, 0 -0 0, 3e+38 -3e+38 1, 1 0.5 1',
};
const ORDER_OF_SPECIALS =
  'NAN NAN NAN, NAN 1 NAN, 1 NAN NAN, INF INF 0, -INF INF -1, INF 3e+38 1, -INF NAN NAN, -0 0 0, 1e-45 0 1, -1e-40 1e-40 -1';
/** Whether a comparison is true for an order. */
const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
};

/** The results of IEEE 754 where WGSL lets a device differ. */
const SPECIAL_ARITHMETIC: Readonly<Record<string, string>> = {
  '+': 'INF 1 INF, INF -INF NAN, NAN 1 NAN, 3e+38 3e+38 INF, -0 -0 -0, 2^-140 2^-140 2^-139',
  '-': 'INF INF NAN, -INF 1 -INF, 1 NAN NAN, -3e+38 3e+38 -INF, 0 0 0, -0 0 -0',
  '*': 'INF 0 NAN, INF -2 -INF, NAN 0 NAN, 1e+30 1e+30 INF, -0 5 -0, 1e-30 1e-30 0',
  '/': '1 3 0.3333333432674408, 1 0 INF, -1 0 -INF, 0 0 NAN, 1 -0 -INF, INF INF NAN, 5 INF 0',
  '%': '5 0 NAN, INF 2 NAN, NAN 2 NAN, 0 5 0',
};

const LOGIC: Readonly<Record<string, string>> = {
  '==': 'true true true, true false false, false true false, false false true',
  '!=': 'true true false, true false true, false true true, false false false',
  '&&': 'true true true, true false false, false true false, false false false',
  '||': 'true true true, true false true, false true true, false false false',
};

const UNARY: readonly (readonly [
  operator: string,
  type: ScalarName,
  rows: string,
  isDeviceSpecific?: boolean,
])[] = [
  ['-', 'i32', '5 -5, -5 5, MIN MIN, 0 0, MAX -2147483647'],
  ['-', 'f32', '5.5 -5.5, -0.25 0.25, 3e+38 -3e+38'],
  ['-', 'f32', '0 -0, -0 0, INF -INF, NAN NAN, 1e-40 -1e-40', true],
  ['~', 'i32', '0 -1, 5 -6, MIN MAX'],
  ['~', 'u32', '0 UMAX, 5 4294967290, UMAX 0'],
  ['!', 'bool', 'true false, false true'],
];

function operatorTables(): Table[] {
  const tables: Table[] = [];
  const add = (
    operator: string,
    type: ScalarName,
    rows: readonly Cell[][],
    overrides: Partial<Table> = {},
  ) =>
    tables.push({
      title: `${type} ${operator}${overrides.isDeviceSpecific ? ' of special numbers' : ''}`,
      types: [type, type],
      result: type,
      form: infix(operator),
      rows,
      ...overrides,
    });
  const addAll = (
    from: Readonly<Record<string, RowsByType>>,
    overrides: (type: ScalarName) => Partial<Table> = () => ({}),
  ) => {
    for (const [operator, types] of Object.entries(from))
      for (const [type, rows] of Object.entries(types))
        add(operator, type as ScalarName, parseRows(rows), overrides(type as ScalarName));
  };
  addAll(ARITHMETIC, () => ({ isMixed: true }));
  addAll(BITWISE);
  addAll(SHIFTS, (type) => ({ types: [type, 'u32'] }));
  for (const [operator, rows] of Object.entries(SPECIAL_ARITHMETIC))
    add(operator, 'f32', parseRows(rows), { isDeviceSpecific: true, isMixed: true });
  for (const [operator, isTrue] of Object.entries(COMPARISONS)) {
    const comparisonRows = (rows: string) =>
      parseRows(rows).map(([a, b, order]) => [a!, b!, isTrue(Number(order))]);
    for (const [type, rows] of Object.entries(ORDER))
      add(operator, type as ScalarName, comparisonRows(rows), { result: 'bool' });
    add(operator, 'f32', comparisonRows(ORDER_OF_SPECIALS), {
      result: 'bool',
      isDeviceSpecific: true,
    });
  }
  for (const [operator, rows] of Object.entries(LOGIC))
    add(operator, 'bool', parseRows(rows), {
      isScalarOnly: operator === '&&' || operator === '||',
    });
  for (const [operator, type, rows, isDeviceSpecific = false] of UNARY)
    tables.push({
      title: `${operator} ${type}${isDeviceSpecific ? ' of special numbers' : ''}`,
      types: [type],
      result: type,
      form: (a) => `${operator}${a}`,
      rows: parseRows(rows),
      isDeviceSpecific,
    });
  return tables;
}

// Conversions

const CONVERSIONS: readonly (readonly [
  from: ScalarName,
  to: ScalarName,
  rows: string,
  isDeviceSpecific?: boolean,
])[] = [
  [
    'f32',
    'i32',
    '2.9 2, -2.9 -2, 3000000000 TOP, -3000000000 MIN, TOP TOP, 2^31 TOP, MIN MIN, 0 0',
  ],
  [
    'f32',
    'u32',
    '2.9 2, -1 0, 3000000000 3000000000, 5000000000 UTOP, UTOP UTOP, 2^32 UTOP, -0.5 0',
  ],
  ['f32', 'i32', 'NAN 0, INF TOP, -INF MIN, -0 0, 1e-40 0', true],
  ['f32', 'u32', 'NAN 0, INF UTOP, -INF 0, -0 0', true],
  ['f32', 'f32', '1.5 1.5, -3e+38 -3e+38'],
  ['f32', 'bool', '0 false, 0.5 true, -1 true, -0 false'],
  ['i32', 'f32', '5 5, -7 -7, 16777217 2^24, 16777219 16777220, MAX 2^31, MIN MIN'],
  ['i32', 'u32', '5 5, -1 UMAX, MIN 2^31'],
  ['i32', 'i32', '5 5, MIN MIN'],
  ['i32', 'bool', '0 false, 1 true, -1 true, MIN true'],
  ['u32', 'f32', '5 5, 16777217 2^24, UMAX 2^32, 2^31 2^31'],
  ['u32', 'i32', '5 5, UMAX -1, 2^31 MIN'],
  ['u32', 'u32', '5 5, UMAX UMAX'],
  ['u32', 'bool', '0 false, 1 true, 2^31 true'],
  ['bool', 'f32', 'true 1, false 0'],
  ['bool', 'i32', 'true 1, false 0'],
  ['bool', 'u32', 'true 1, false 0'],
  ['bool', 'bool', 'true true, false false'],
];

const BITCASTS: typeof CONVERSIONS = [
  ['f32', 'i32', '1 1065353216, -2 -2^30, 0 0'],
  ['f32', 'u32', '1 1065353216, -2 3221225472, -0 2^31'],
  ['f32', 'f32', '1 1, -2 -2'],
  ['i32', 'f32', '1065353216 1, -2^30 -2'],
  ['i32', 'u32', '5 5, -1 UMAX'],
  ['i32', 'i32', '5 5, -1 -1'],
  ['u32', 'f32', '1065353216 1, 3221225472 -2'],
  ['u32', 'i32', '5 5, UMAX -1'],
  ['u32', 'u32', '5 5, UMAX UMAX'],
];

function conversionTables(): Table[] {
  const conversions = CONVERSIONS.map(
    ([from, to, rows, isDeviceSpecific = false]): Table => ({
      title: `${to}(${from})${isDeviceSpecific ? ' of special numbers' : ''}`,
      types: [from],
      result: to,
      form: (a) => `${to}(${a})`,
      vectorForm: (size, a) => `vec${size}<${to}>(${a})`,
      rows: parseRows(rows),
      isDeviceSpecific,
    }),
  );
  const bitcasts = BITCASTS.map(
    ([from, to, rows]): Table => ({
      title: `bitcast<${to}>(${from})`,
      types: [from],
      result: to,
      form: (a) => `bitcast<${to}>(${a})`,
      vectorForm: (size, a) => `bitcast<vec${size}<${to}>>(${a})`,
      rows: parseRows(rows),
    }),
  );
  return [...conversions, ...bitcasts];
}

// Componentwise functions

interface FunctionRows {
  readonly f32?: string;
  readonly i32?: string;
  readonly u32?: string;
  /** f32 rows for which WGSL does not specify the result. */
  readonly special?: string;
}

const FUNCTIONS: Readonly<Record<string, FunctionRows>> = {
  abs: {
    f32: '1.5 1.5, -1.5 1.5, -3e+38 3e+38',
    i32: '5 5, -5 5, MIN MIN, 0 0',
    u32: '5 5, UMAX UMAX',
    special: '-0 0, -INF INF, NAN NAN',
  },
  ceil: {
    f32: '1.2 2, -1.8 -1, 3 3, 10000000000 10000000000',
    special: '-0.5 -0, INF INF, NAN NAN',
  },
  floor: {
    f32: '1.8 1, -1.2 -2, 3 3, -10000000000 -10000000000',
    special: '-0 -0, -INF -INF, NAN NAN',
  },
  round: {
    f32: '2.5 2, 3.5 4, -2.5 -2, 0.4 0, -1.6 -2, 8388609 8388609',
    special: '-0.4 -0, 0.49999997 0, INF INF, NAN NAN',
  },
  trunc: {
    f32: '1.8 1, -1.8 -1, 10000000000 10000000000',
    special: '-0.8 -0, INF INF, NAN NAN',
  },
  fract: {
    f32: '1.75 0.75, -0.25 0.75, 3 0',
  },
  sqrt: {
    f32: '4 2, 0.25 0.5, 0 0, 2^100 2^50',
    special: '2 1.4142135381698608, -1 NAN, -0 -0, INF INF',
  },
  inverseSqrt: {
    f32: '4 0.5, 0.25 2, 1 1',
    special: '0 INF, INF 0, -1 NAN',
  },
  saturate: {
    f32: '0.5 0.5, -3 0, 7 1',
    special: 'INF 1, -INF 0',
  },
  sign: {
    f32: '2.5 1, -0.1 -1, 0 0',
    i32: '5 1, -7 -1, 0 0, MIN -1',
    special: '-0 0, INF 1',
  },
  exp: { f32: '0 1' },
  exp2: {
    f32: '0 1, 3 8, -2 0.25, 10 1024',
  },
  log: { f32: '1 0' },
  log2: {
    f32: '1 0, 8 3, 0.25 -2, 1024 10',
  },
  sin: { f32: '0 0' },
  cos: { f32: '0 1' },
  tanh: {
    f32: '0 0',
    special: '20 1, -20 -1',
  },
  countOneBits: {
    i32: '0 0, -1 32, 5 2, MIN 1',
    u32: '0 0, UMAX 32, 5 2',
  },
  countLeadingZeros: {
    i32: '0 32, -1 0, 1 31, 255 24',
    u32: '0 32, 2^31 0, 1 31',
  },
  countTrailingZeros: {
    i32: '0 32, -1 0, 8 3, MIN 31',
    u32: '0 32, 2^31 31, 12 2',
  },
  min: {
    f32: '1 2 1, 2 1 1, -3 0.5 -3, 7 7 7',
    i32: '1 -2 -2, MIN MAX MIN, 4 4 4',
    u32: '1 UMAX 1, 2^31 7 7, 4 4 4',
    special: 'INF 1 1, -INF 1 -INF',
  },
  max: {
    f32: '1 2 2, 2 1 2, -3 0.5 0.5, 7 7 7',
    i32: '1 -2 1, MIN MAX MAX, 4 4 4',
    u32: '1 UMAX UMAX, 2^31 7 2^31, 4 4 4',
    special: 'INF 1 INF, -INF 1 1',
  },
  step: {
    f32: '1 2 1, 2 1 0, 3 3 1, -1 0 1',
  },
  pow: {
    f32: '2 3 8, 4 0.5 2, 1 9 1, 2 -2 0.25',
  },
  clamp: {
    f32: '0.5 0 1 0.5, -3 -1 1 -1, 9 2 4 4',
    i32: '5 0 3 3, -5 -2 7 -2, MIN -1 1 -1, 2 0 3 2',
    u32: '5 0 3 3, 0 2 7 2, UMAX 1 2^31 2^31',
  },
  fma: {
    f32: '2 3 4 10, -1 0.5 0.25 -0.25, 0 9 1 1',
  },
  mix: {
    f32: '1 3 0.5 2, 0 8 0.25 2, -4 4 1 4, 6 9 0 6',
  },
};

/** Results that f32 must round, with the largest error that WGSL allows (section 15.7.4). */
const ROUNDED: Readonly<Record<string, readonly (readonly [rows: string, tolerance: number])[]>> = {
  exp: [
    ['1 2.718281828459045, -1 0.36787944117144233', 1e-6],
    ['10 22026.465794806718', 0.05],
  ],
  exp2: [['0.5 1.4142135623730951, -0.5 0.7071067811865476', 1e-6]],
  log: [['2 0.6931471805599453, 10 2.302585092994046, 0.5 -0.6931471805599453', 1e-6]],
  log2: [['3 1.584962500721156, 10 3.3219280948873626', 1e-6]],
  sin: [['1 0.8414709848078965, -2 -0.9092974268256817, 3 0.1411200080598672', 2 ** -11]],
  cos: [['1 0.5403023058681398, -2 -0.4161468365471424, 3 -0.9899924966004454', 2 ** -11]],
  tanh: [['0.5 0.46211715726000974, -1 -0.7615941559557649', 1e-5]],
  pow: [['3 2.5 15.588457268119896, 10 -1 0.1', 1e-4]],
  inverseSqrt: [['2 0.7071067811865476, 3 0.5773502691896258', 1e-6]],
};

function functionTables(): Table[] {
  const table = (
    name: string,
    type: ScalarName,
    text: string,
    overrides: Partial<Table> = {},
  ): Table => {
    const rows = parseRows(text);
    return {
      title: `${name}(${type})${overrides.isDeviceSpecific ? ' of special numbers' : ''}`,
      types: rows[0]!.slice(1).map(() => type),
      result: type,
      form: (...operands) => `${name}(${operands.join(', ')})`,
      rows,
      ...overrides,
    };
  };
  const exact = Object.entries(FUNCTIONS).flatMap(([name, { special, ...types }]) => [
    ...Object.entries(types).map(([type, rows]) => table(name, type as ScalarName, rows)),
    ...(special ? [table(name, 'f32', special, { isDeviceSpecific: true })] : []),
  ]);
  const rounded = Object.entries(ROUNDED).flatMap(([name, ranges]) =>
    ranges.map(([rows, tolerance]) => ({
      ...table(name, 'f32', rows, { tolerance }),
      title: `${name}(f32), rounded`,
    })),
  );
  const selections = Object.entries(SELECTIONS).map(([type, rows]) => {
    const select = table('select', type as ScalarName, rows);
    return { ...select, types: [...select.types.slice(0, 2), 'bool' as const] };
  });
  return [...exact, ...rounded, ...selections];
}

const SELECT_NUMBERS = '3 5 true 5, 3 5 false 3, 5 3 true 3, 7 7 false 7';
const SELECTIONS: RowsByType = {
  f32: SELECT_NUMBERS,
  i32: SELECT_NUMBERS,
  u32: SELECT_NUMBERS,
  bool: 'true false true false, true false false true, false true true true',
};

/** The programs of all operators, conversions and componentwise functions. */
export const TABLE_PROGRAMS: readonly MicroProgram[] = [
  ...operatorTables(),
  ...conversionTables(),
  ...functionTables(),
].map((table) => ({ ...tableProgram(table), subset: tableProgram(table, true) }));
