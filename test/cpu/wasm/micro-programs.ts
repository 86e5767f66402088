/**
 * Micro-programs: small programs with the values they compute, for every WGSL construct that our
 * device supports.
 *
 * Operators and componentwise functions are tables (micro-tables.ts). Every other program is a few
 * statements that write to `out`.
 */

import type { Buffers } from '../helpers/dispatch.js';
import { floatBits } from '../helpers/words.js';
import { LANES, SIZES, TABLE_PROGRAMS } from './micro-tables.js';

/** A program with its inputs and the buffers it should produce. */
export interface MicroProgram {
  /** The construct that it tests. */
  readonly title: string;
  readonly code: string;
  readonly buffers: Buffers;
  readonly immediates?: Uint32Array;
  readonly workgroups?: readonly [number, number, number];
  /** The words of buffers after the run, by "group.binding". */
  readonly expected: Readonly<Record<string, readonly number[]>>;
  /** The largest allowed error of each f32 word of `out`; `undefined` for other words. */
  readonly tolerances?: readonly (number | undefined)[];
  /**
   * Whether the result is that of our device only: WGSL does not specify it and ours follows IEEE
   * 754, or Dawn with SwiftShader gets it wrong.
   */
  readonly isDeviceSpecific?: boolean;
  /** A part of a long program, for devices on which all of it would take long. */
  readonly subset?: MicroProgram;
}

const MIN = -(2 ** 31);
const MAX = 2 ** 31 - 1;
const UMAX = 2 ** 32 - 1;

interface MicroOptions {
  /** Declarations before the entry point. */
  readonly outside?: string;
  /** Parameters of the entry point. */
  readonly parameters?: string;
  /** Workgroup size. */
  readonly size?: string;
  readonly workgroups?: readonly [number, number, number];
  readonly buffers?: Buffers;
  readonly immediates?: Uint32Array;
  readonly isDeviceSpecific?: boolean;
  /** The words of buffers other than `out` after the run. */
  readonly expected?: MicroProgram['expected'];
}

/** Two arrays of integers: `out`, filled with -1, and `input`, which holds 0, 1, 2, ... 15. */
const PROLOGUE = `@group(0) @binding(0) var<storage, read_write> out: array<i32>;
@group(0) @binding(1) var<storage, read> input: array<i32>;
`;

/** A micro-program of some statements, and the values of `out` after them. */
function micro(
  title: string,
  statements: string,
  out: readonly number[],
  options: MicroOptions = {},
): MicroProgram {
  const { outside = '', parameters = '', size = '1', buffers, expected, ...more } = options;
  return {
    title,
    code: `${PROLOGUE}${outside}\n@compute @workgroup_size(${size}) fn main(${parameters}) { ${statements} }`,
    buffers: {
      '0.0': new Uint32Array(out.length).fill(UMAX),
      '0.1': Uint32Array.from({ length: 16 }, (_, n) => n),
      ...buffers,
    },
    expected: { '0.0': out.map((value) => value >>> 0), ...expected },
    ...more,
  };
}

const COUNTER = 'var<private> count = 0; fn next() -> i32 { count++; return count; }';
const LANE = '@builtin(local_invocation_index) lane: u32';

const STATEMENTS: readonly MicroProgram[] = [
  micro('if', 'if input[1] == 1 { out[0] = 1; } if input[1] == 2 { out[1] = 2; }', [1, -1]),
  micro(
    'if, else if and else',
    'for (var n = 0; n < 3; n++) { if input[n] == 0 { out[n] = 10; } else if input[n] == 1 { out[n] = 11; } else { out[n] = 12; } }',
    [10, 11, 12],
  ),
  micro(
    'if with a constant condition',
    'const no = 1 > 2; if true { out[0] = 1; } else { out[0] = 2; } if no { out[1] = 3; } else { out[1] = 4; }',
    [1, 4],
  ),
  micro(
    'switch',
    'for (var n = 0; n < 5; n++) { switch input[n] { case 0: { out[n] = 10; } case 1, 3: { out[n] = 11; } default: { out[n] = 12; } } }',
    [10, 11, 12, 11, 12],
  ),
  micro(
    'switch with default among selectors, of u32',
    'for (var n = 0; n < 4; n++) { switch u32(input[n]) { case 2u, default { out[n] = 5; } case 0u, 3u { out[n] = 6; } } }',
    [6, 5, 5, 6],
  ),
  micro(
    'switch with distant and negative cases, the default first',
    'for (var n = 0; n < 4; n++) { switch (input[n] - 2) * 1000000 { default { out[n] = 1; } case -2000000 { out[n] = 2; } case 1000000 { } } }',
    [2, 1, 1, -1],
  ),
  micro(
    'switch of a constant',
    'switch 3 { case 1 { out[0] = 1; } case 3 { out[0] = 2; } default { } }',
    [2],
  ),
  micro(
    'break and continue in a switch in a loop',
    'for (var n = 0; n < 4; n++) { switch input[n] { case 1 { if input[1] == 1 { break; } out[n] = 7; } case 2 { continue; } default { out[n] = 3; } } out[n] += 10; }',
    [13, 9, -1, 13],
  ),
  micro('for', 'var sum = 0; for (var n = 0; n < input[5]; n++) { sum += n; } out[0] = sum;', [10]),
  micro('for that never runs', 'for (var n = input[3]; n < 3; n++) { out[0] = n; }', [-1]),
  micro(
    'for without initializer, condition and update',
    'var n = 0; for (;;) { if n == input[3] { break; } n++; } out[0] = n;',
    [3],
  ),
  micro(
    'for with other initializers and updates',
    `var n: i32; for (n = 1; n < 100; n *= 3) { } out[0] = n; for (next(); count < 5; next()) { } out[1] = count;`,
    [243, 5],
    { outside: COUNTER },
  ),
  micro(
    'continue in a for',
    'var sum = 0; for (var n = 0; n < 10; n++) { if (n & 1) == 1 { continue; } sum += n; } out[0] = sum;',
    [20],
  ),
  micro(
    'for of u32 that counts down',
    'var sum = 0; for (var n = 3u; n != 0u; n--) { sum = sum * 10 + i32(n); } out[0] = sum;',
    [321],
  ),
  micro('while', 'var n = input[1]; while n < 100 { n *= 3; } out[0] = n;', [243]),
  micro(
    'while with break and continue',
    'var n = 0; var sum = 0; while (true) { n++; if n > input[6] { break; } if n == 3 { continue; } sum += n; } out[0] = sum;',
    [18],
  ),
  micro('loop', 'var n = 0; loop { if n * n > input[15] { break; } n++; } out[0] = n;', [4]),
  micro(
    'loop with continuing and break if',
    'var n = 0; var sum = 0; loop { if n == 2 { continue; } sum += n; continuing { let next = n + 1; n = next; break if n >= input[5]; } } out[0] = sum; out[1] = n;',
    [8, 5],
  ),
  micro(
    'continuing that uses a declaration of the body',
    'var n = 0; loop { let twice = 2 * n; if twice > input[9] { break; } continuing { n = twice + 1; } } out[0] = n;',
    [7],
  ),
  micro(
    'loops in loops',
    'var sum = 0; for (var a = 0; a < 3; a++) { for (var b = 0; b < 3; b++) { if b > input[a] { break; } if b == 1 { continue; } sum += 10 * a + b + 1; } } out[0] = sum;',
    [1 + 11 + 21 + 23],
  ),
  micro('return', 'out[0] = 1; if input[1] == 1 { return; } out[0] = 2;', [1]),
  micro(
    'return from loops and switches',
    'out[0] = find(3); out[1] = find(99); out[2] = name(0); out[3] = name(1);',
    [30, -5, 7, 8],
    {
      outside: `fn find(x: i32) -> i32 { for (var n = 0; n < 16; n++) { loop { if input[n] == x { return 10 * n; } break; } } return -5; }
fn name(x: i32) -> i32 { switch input[x] { case 0 { return 7; } default { return 8; } } }`,
    },
  ),
  micro(
    'compound assignments',
    'var a = input[7]; a += 5; out[0] = a; a -= 2; out[1] = a; a *= 3; out[2] = a; a /= 4; out[3] = a; a %= 4; out[4] = a; a |= 12; out[5] = a; a &= 6; out[6] = a; a ^= 3; out[7] = a; a <<= 3u; out[8] = a; a >>= 2u; out[9] = a;',
    [12, 10, 30, 7, 3, 15, 6, 5, 40, 10],
  ),
  micro(
    'compound assignments of vectors, matrices and components',
    'var v = vec3i(input[1], input[2], input[3]); v *= 2; v.y -= 1; v += vec3i(10, 20, 30); out[0] = v.x; out[1] = v.y; out[2] = v.z; var m = mat2x2f(1, 2, 3, 4); m *= f32(input[2]); m[1].x += 1; m += mat2x2f(1, 1, 1, 1); out[3] = i32(m[0].y); out[4] = i32(m[1].x);',
    [12, 23, 36, 5, 8],
  ),
  micro(
    'compound assignment evaluates its target once',
    'out[next()] += 5; out[2] = count;',
    [-1, 4, 1],
    {
      outside: COUNTER,
    },
  ),
  micro(
    'increment and decrement',
    'var a = input[3]; a++; out[0] = a; a--; a--; out[1] = a; var b = 0u; b--; out[2] = i32(b >> 1u); b++; out[3] = i32(b); out[4]++; out[5]--;',
    [4, 2, MAX, 0, 0, -2],
  ),
  micro('phony assignment', '_ = next(); _ = input[0]; out[0] = count;', [1], { outside: COUNTER }),
  micro('a call as a statement', 'next(); next(); out[0] = count;', [2], { outside: COUNTER }),
  micro('const_assert', 'const two = 2; const_assert two + two == 4; out[0] = four;', [4], {
    outside: 'const four = 4; const_assert four > 3;',
  }),
  micro(
    'const, let and var',
    'const a = 3; let b = input[a]; var c = b; c += size; var d: i32; out[0] = a; out[1] = b; out[2] = c; out[3] = d; out[4] = i32(half * 8);',
    [3, 3, 7, 0, 4],
    { outside: 'const size: i32 = 4; const half = 1.0 / 2;' },
  ),
  micro(
    'a var in a loop is zero in each iteration',
    'for (var n = 0; n < 3; n++) { var x: vec2i; var y: array<i32, 2>; x.x += input[n]; y[input[1]] += 2; out[n] = x.x + x.y + y[1]; }',
    [2, 3, 4],
    // Dawn with SwiftShader keeps the values of the previous iteration.
    { isDeviceSpecific: true },
  ),
  micro(
    'blocks and shadowed names',
    'let a = input[1]; { let a = a + 10; out[0] = a; { var a = a; a++; out[1] = a; } } out[2] = a; ;',
    [11, 12, 1],
  ),
  micro(
    '&& and || evaluate their right operand only where it matters',
    'let a = input[0] == 1 && next() > 0; let b = input[0] == 0 || next() > 0; out[0] = count; let c = input[0] == 0 && next() > 0; let d = input[0] == 1 || next() > 0; out[1] = count; out[2] = i32(a) + 2 * i32(b) + 4 * i32(c) + 8 * i32(d);',
    [0, 2, 14],
    { outside: COUNTER },
  ),
  micro(
    'operands are evaluated from left to right',
    'out[0] = next() * 100 + next() * 10 + next();',
    [123],
    {
      outside: COUNTER,
    },
  ),
];

const FUNCTION_CALLS: readonly MicroProgram[] = [
  micro(
    'functions that call functions, declared in any order',
    'out[0] = outer(input[2], vec2i(3, 4)); out[1] = inner(inner(1));',
    [35, 3],
    {
      outside:
        'fn outer(a: i32, v: vec2i) -> i32 { return inner(a) * 10 + inner(v.y); } fn inner(a: i32) -> i32 { return a + 1; }',
    },
  ),
  micro(
    'parameters are copies',
    'var v = array<i32, 2>(1, 2); out[0] = f(v); out[1] = v[0];',
    [9, 1],
    {
      outside:
        'fn f(list: array<i32, 2>) -> i32 { var copy = list; copy[0] = 7; return copy[0] + copy[1]; }',
    },
  ),
  micro(
    'attributes of functions, and all kinds of results',
    'let s = make(input[3]); out[0] = s.a + s.b.y; out[1] = i32(flip(input[0] == 0)); out[2] = pair()[1]; out[3] = i32(twist()[1].x);',
    [7, 0, 6, 3],
    {
      outside: `struct S { a: i32, b: vec2i }
@must_use fn make(a: i32) -> S { return S(a, vec2i(0, a + 1)); }
@diagnostic(off, derivative_uniformity) fn flip(a: bool) -> bool { return !a; }
fn pair() -> array<i32, 2> { return array(5, 6); }
fn twist() -> mat2x2f { return mat2x2f(1, 2, 3, 4); }`,
    },
  ),
  micro(
    'nested early returns',
    'for (var n = 0; n < 4; n++) { out[n] = f(input[n]); }',
    [100, 11, 102, 13],
    {
      outside:
        'fn f(x: i32) -> i32 { var y = x; if (x & 1) == 0 { if x < 5 { return x + 100; } y = 50; } else { y += 10; } return y; }',
    },
  ),
  micro('an alias', 'let v: Pair = Pair(input[1], input[2]); out[0] = v.x + v.y;', [3], {
    outside: 'alias Pair = vec2<Whole>; alias Whole = i32;',
  }),
];

const VALUES: readonly MicroProgram[] = [
  micro(
    'zero values',
    'out[0] = i32() + vec3i().z + array<i32, 2>()[1] + i32(mat2x3f()[1].z) + S().b.y + i32(bool()) + i32(u32()) + i32(f32());',
    [0],
    { outside: 'struct S { a: f32, b: vec2i }' },
  ),
  micro(
    'vectors of scalars and vectors',
    'let a = input[1]; let b = vec2i(input[2], input[3]); let v = array(vec4i(a, b, 4), vec4i(b, a, 5), vec4i(b, b), vec4i(a), vec4i(vec3i(a, b), 9), vec4i(8, vec3i(b, a))); for (var n = 0; n < 6; n++) { out[n] = ((v[n].x * 10 + v[n].y) * 10 + v[n].z) * 10 + v[n].w; }',
    [1234, 2315, 2323, 1111, 1239, 8231],
  ),
  micro(
    'swizzles',
    'let v = vec4i(input[1], input[2], input[3], input[4]); let p = v.wzyx; let q = v.rgb; let r = v.xxyy.zw; let s = v.ga; out[0] = p.x * 1000 + p.y * 100 + p.z * 10 + p.w; out[1] = q.r + q.g * q.b; out[2] = r.x + r.y; out[3] = s.x * 10 + s.y; out[4] = v.b + v.a; out[5] = v.zw.y; out[6] = vec2i(v.x, 7).yx.x;',
    [4321, 7, 4, 24, 7, 4, 7],
  ),
  micro(
    'components by name and by index',
    'var v = vec4i(1, 2, 3, 4); v.y = 20; v[2] = 30; v[input[3]] = 40; for (var n = 0; n < 4; n++) { out[n] = v[n]; } let w = v; out[4] = w[input[1]]; out[5] = vec3i(5, 6, 7)[input[2]]; var b = vec2<bool>(); b[input[1]] = true; out[6] = i32(b.y) * 10 + i32(b.x);',
    [1, 20, 30, 40, 20, 7, 10],
  ),
  micro(
    'matrices by column and component',
    'var m = mat3x2f(1, 2, 3, 4, 5, 6); m[1] = vec2f(30, 40); m[2].y = 60; m[input[0]][input[1]] = 20; for (var n = 0; n < 3; n++) { out[n] = i32(m[n].x); out[n + 3] = i32(m[n][1]); } out[6] = i32(mat2x2f(vec2f(1, 2), vec2f(3, 4))[1].x); let w = m; out[7] = i32(w[input[2]].y); out[8] = i32(mat2x2f(mat2x2f(5, 6, 7, 8))[0].y);',
    [1, 30, 5, 20, 40, 60, 3, 60, 6],
  ),
  micro(
    'arrays',
    'var a = array<i32, 4>(1, 2, 3, 4); a[input[2]] = 30; var b = a; b[0] = 10; let c = array(5, 6, 7); for (var n = 0; n < 4; n++) { out[n] = a[n] * 100 + b[n]; } out[4] = c[input[1]]; a = array<i32, 4>(9, 8, 7, 6); out[5] = a[input[3]] + array(1, 2)[input[1]];',
    [110, 202, 3030, 404, 6, 8],
  ),
  micro(
    'arrays of arrays, vectors and structs',
    'var a: array<array<vec3i, 2>, 2>; a[input[1]][input[0]].z = 5; a[1][1] = vec3i(input[7]); out[0] = a[1][0].z + a[1][1].y * 10 + a[0][0].x; var s: array<S, 2>; s[input[1]].b[input[0]] = 3; s[0].a = true; let t = s; out[1] = t[1].b[0] + i32(t[input[0]].a) * 10; s[1] = s[0]; out[2] = s[1].b[0] + i32(s[1].a);',
    [75, 13, 1],
    { outside: 'struct S { a: bool, b: array<i32, 2> }' },
  ),
  micro(
    'structs',
    'var s = S(input[1], vec2f(2, 3), T(array(4, 5))); s.v.y = 30; s.t.a[input[1]] = 50; let t = s; s.n = 100; out[0] = t.n; out[1] = i32(t.v.y); out[2] = t.t.a[1] + t.t.a[0]; out[3] = s.n; out[4] = S(7, vec2f(), T()).n;',
    [1, 30, 54, 100, 7],
    { outside: 'struct T { a: array<i32, 2> } struct S { n: i32, v: vec2f, t: T, }' },
  ),
  micro(
    'all forms of number literals',
    'out[0] = 0x1F; out[1] = i32(0XaBp0); out[2] = i32(0x.8p3); out[3] = i32(1.5e+1); out[4] = i32(.25 * 8); out[5] = i32(3.f); out[6] = 7i; out[7] = i32(0xFFu); out[8] = i32(1e1f); out[9] = -2147483648; out[10] = i32(1u << 2);',
    [31, 171, 4, 15, 2, 3, 7, 255, 10, MIN, 4],
  ),
];

// Vectors and matrices of all sizes, with consecutive integers as components

const consecutive = (length: number, from = 1) => Array.from({ length }, (_, n) => n + from);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
/** Vectors whose length is an integer: 5, 7 and 11. */
const WITH_INTEGER_LENGTH: Readonly<Record<number, readonly number[]>> = {
  2: [3, 4],
  3: [2, 3, 6],
  4: [1, 2, 4, 10],
};

/** Arguments that read values from `input`, converted to a type. */
const inputs = (values: readonly number[], type = 'i32') =>
  values
    .map((value) => (type === 'i32' ? `input[${value}]` : `${type}(input[${value}])`))
    .join(', ');

function vectorPrograms(): MicroProgram[] {
  return SIZES.flatMap((size) => {
    const lanes = [...LANES].slice(0, size);
    const [v, w] = [consecutive(size), consecutive(size, 3)];
    const dots = ['f32', 'i32', 'u32'].map((type) =>
      micro(
        `dot(vec${size}<${type}>)`,
        `let v = vec${size}<${type}>(${inputs(v, type)}); let w = vec${size}<${type}>(${inputs(w, type)}); out[0] = i32(dot(v, w)); out[1] = i32(dot(v, vec${size}<${type}>(2)));`,
        [sum(v.map((x, n) => x * w[n]!)), 2 * sum(v)],
      ),
    );
    const vector = WITH_INTEGER_LENGTH[size]!;
    const length = Math.sqrt(sum(vector.map((x) => x * x)));
    const measures = micro(
      `length, distance and normalize of vec${size}`,
      `let v = vec${size}f(${inputs(vector, 'f32')}); out[0] = i32(length(v)); out[1] = i32(distance(v + 1, vec${size}f(1))); let u = normalize(v) * ${length}; ${lanes.map((lane, n) => `out[${n + 2}] = i32(round(u.${lane}));`).join(' ')}`,
      [length, length, ...vector],
    );
    const allAndAny = micro(
      `all and any of vec${size}`,
      `let v = vec${size}i(${inputs(consecutive(size, 0))}); out[0] = i32(all(v < vec${size}i(${size}))); out[1] = i32(all(v > vec${size}i(0))); out[2] = i32(any(v == vec${size}i(${size - 1}))); out[3] = i32(any(v == vec${size}i(9)));`,
      [1, 0, 1, 0],
    );
    const selectAndMix = micro(
      `select and mix of vec${size} with a scalar condition and share`,
      `let v = vec${size}i(${inputs(v)}); let w = vec${size}i(${inputs(w)}); let p = select(v, w, input[1] == 1); let q = select(v, w, input[1] == 2); let m = mix(vec${size}f(v), vec${size}f(w), f32(input[1]) / 2); out[0] = dot(p, vec${size}i(1)); out[1] = dot(q, vec${size}i(1)); out[2] = i32(dot(m, vec${size}f(1)));`,
      [sum(w), sum(v), (sum(v) + sum(w)) / 2],
    );
    return [...dots, measures, allAndAny, selectAndMix];
  });
}

/** A matrix of consecutive integers modulo 16, beginning at `from`, and its WGSL. */
function matrix(columns: number, rows: number, from: number) {
  const numbers = Array.from({ length: columns }, (_, c) => consecutive(rows, from + c * rows));
  const parts = numbers.flat().map((x) => `input[${x % 16}]`);
  const values = numbers.map((column) => column.map((x) => x % 16));
  const text = `mat${columns}x${rows}f(${parts.map((part) => `f32(${part})`).join(', ')})`;
  return { values, text };
}

function matrixPrograms(): MicroProgram[] {
  return SIZES.flatMap((columns) => SIZES.map((rows) => matrixProgram(columns, rows)));
}

function matrixProgram(columns: number, rows: number): MicroProgram {
  const [m, n] = [matrix(columns, rows, 1), matrix(columns, rows, 5)];
  const v = consecutive(columns, 2);
  const w = consecutive(rows, 3);
  const lines: string[] = [];
  const out: number[] = [];
  const store = (name: string, values: readonly (readonly number[])[]) => {
    for (const [c, column] of values.entries())
      for (const [r, value] of column.entries()) {
        lines.push(`out[${out.length}] = i32(${name}[${c}][${r}]);`);
        out.push(value);
      }
  };
  const compute = (name: string, text: string, values: readonly (readonly number[])[]) => {
    lines.push(`let ${name} = ${text};`);
    store(name, values);
  };
  const elementwise = (f: (a: number, b: number) => number) =>
    m.values.map((column, c) => column.map((x, r) => f(x, n.values[c]![r]!)));
  const timesVector = (vector: readonly number[]) =>
    consecutive(rows, 0).map((r) => sum(vector.map((x, c) => x * m.values[c]![r]!)));
  lines.push(`let m = ${m.text}; let n = ${n.text};`);
  lines.push(
    `let v = vec${columns}f(${inputs(v, 'f32')}); let w = vec${rows}f(${inputs(w, 'f32')});`,
  );
  compute(
    'sums',
    'm + n',
    elementwise((a, b) => a + b),
  );
  compute(
    'differences',
    'm - n',
    elementwise((a, b) => a - b),
  );
  compute(
    'doubled',
    'm * f32(input[2])',
    elementwise((a) => 2 * a),
  );
  compute(
    'tripled',
    '3.0 * m',
    elementwise((a) => 3 * a),
  );
  compute('mv', `array(m * v)`, [timesVector(v)]);
  compute('wm', 'array(w * m)', [m.values.map((column) => sum(column.map((x, r) => x * w[r]!)))]);
  compute(
    'transposed',
    'transpose(m)',
    consecutive(rows, 0).map((r) => m.values.map((column) => column[r]!)),
  );
  for (const size of SIZES) {
    const other = matrix(size, columns, 2);
    compute(`product_${size}`, `m * ${other.text}`, other.values.map(timesVector));
  }
  return micro(`mat${columns}x${rows}`, lines.join('\n'), out);
}

const OTHER_FUNCTIONS: readonly MicroProgram[] = [
  micro(
    'cross',
    'let v = cross(vec3f(vec3i(input[1], input[2], input[3])), vec3f(vec3i(input[4], input[5], input[7]))); out[0] = i32(v.x); out[1] = i32(v.y); out[2] = i32(v.z);',
    [2 * 7 - 3 * 5, 3 * 4 - 1 * 7, 1 * 5 - 2 * 4],
  ),
  micro(
    'length, distance, all and any of scalars',
    'out[0] = i32(length(-f32(input[3]))); out[1] = i32(distance(f32(input[2]), f32(input[7]))); out[2] = i32(all(input[1] == 1)); out[3] = i32(any(input[1] == 2));',
    [3, 5, 1, 0],
  ),
  micro(
    'functions with constant arguments',
    'out[0] = max(3, 5) + min(2, 7); out[1] = i32(sqrt(16.0)); out[2] = i32(dot(vec2(1, 2), vec2(3, 4))); out[3] = clamp(9, 1, 4); out[4] = countOneBits(255); out[5] = i32(select(1.0, 2.0, true)); out[6] = i32(exp2(5.0)); out[7] = i32(floor(-1.5)); out[8] = i32(length(vec2(3, 4)));',
    [7, 4, 11, 4, 8, 2, 32, -2, 5],
  ),
];

// Memory

const f32s = (...values: number[]) => new Uint32Array(Float32Array.from(values).buffer);
const f = floatBits;
/** A word that no statement writes. */
const X = UMAX;

const MEMORY: readonly MicroProgram[] = [
  micro(
    'a struct with padding in storage',
    's.a = 1; s.b = vec3f(2, 3, 4); s.c = 5; s.d = vec2i(6, 7); s.e[input[1]] = vec3u(8, 9, 10); s.m[1] = vec3f(11, 12, 13); s.m[input[2]].y = 14; s.t.y = 15; s.z = 16; out[0] = i32(s.b.y) + s.d.x + i32(s.e[1].z);',
    [19],
    {
      outside:
        'struct T { x: f32, y: u32 } struct S { a: f32, b: vec3f, c: f32, d: vec2i, e: array<vec3u, 2>, m: mat3x3f, t: T, z: f32 } @group(0) @binding(2) var<storage, read_write> s: S;',
      buffers: { '0.2': new Uint32Array(36).fill(X) },
      expected: {
        '0.2': [
          ...[f(1), X, X, X, f(2), f(3), f(4), f(5), 6, 7, X, X],
          ...[X, X, X, X, 8, 9, 10, X],
          ...[X, X, X, X, f(11), f(12), f(13), X, X, f(14), X, X],
          ...[X, 15, f(16), X],
        ],
      },
    },
  ),
  micro(
    'structs and arrays, read and written without their padding',
    's[1] = S(vec3i(1, 2, 3), array(vec2i(4, 5), vec2i(6, 7)), 8); let t = s[input[1]]; s[0] = t; s[0].b = array(vec2i(9, 10), t.b[0]); out[0] = t.b[1].y * 10 + t.c;',
    [78],
    {
      outside:
        'struct S { @align(16) a: vec3i, b: array<vec2i, 2>, c: i32 } @group(0) @binding(2) var<storage, read_write> s: array<S, 2>;',
      buffers: { '0.2': new Uint32Array(24).fill(X) },
      expected: {
        '0.2': [1, 2, 3, X, 9, 10, 4, 5, 8, X, X, X, 1, 2, 3, X, 4, 5, 6, 7, 8, X, X, X],
      },
    },
  ),
  micro(
    '@align and @size',
    's[input[1]].a = 1; s[1].b = 2; s[1].c = 3; out[0] = i32(arrayLength(&s));',
    [2],
    {
      outside:
        'struct S { @size(12) a: i32, @align(16) b: i32, @size(4 + 4) @align(8) c: i32 } @group(0) @binding(2) var<storage, read_write> s: array<S>;',
      buffers: { '0.2': new Uint32Array(16).fill(X) },
      expected: { '0.2': [...Array(8).fill(X), 1, X, X, X, 2, X, 3, X] },
    },
  ),
  micro(
    'runtime arrays and arrayLength',
    'out[0] = i32(arrayLength(&input)); out[1] = i32(arrayLength(&v)); out[2] = i32(arrayLength(&s.tail)); v[input[1]] = vec3f(1, 2, 3); s.tail[arrayLength(&s.tail) - 1u] = vec2f(4, 5); let p = &s.tail; out[3] = i32(arrayLength(p)); out[4] = i32((*p)[2].y);',
    [16, 2, 3, 3, 5],
    {
      outside:
        'struct S { head: f32, tail: array<vec2f> } @group(0) @binding(2) var<storage, read_write> v: array<vec3f>; @group(1) @binding(0) var<storage, read_write> s: S;',
      buffers: { '0.2': new Uint32Array(11).fill(X), '1.0': new Uint32Array(9).fill(X) },
      expected: {
        '0.2': [X, X, X, X, f(1), f(2), f(3), X, X, X, X],
        '1.0': [X, X, X, X, X, X, f(4), f(5), X],
      },
    },
  ),
  micro(
    'uniforms',
    'let n = input[1]; out[0] = u.a + i32(u.b.z) + u.d[n].y + i32(u.m[n].x) + i32(u.m[1][n]); out[1] = i32(factor); for (var k = 0; k < 2; k++) { out[2 + k] = u.d[k].x; }',
    [1 + 4 + 8 + 15 + 16, 9, 5, 7],
    {
      outside:
        'struct U { a: i32, b: vec3f, d: array<vec4i, 2>, m: mat2x2f } @group(0) @binding(2) var<uniform> u: U; @group(0) @binding(3) var<uniform> factor: f32;',
      buffers: {
        '0.2': Uint32Array.of(
          ...[1, X, X, X, f(2), f(3), f(4), X, 5, 6, X, X, 7, 8, X, X],
          ...[f(13), f(14), f(15), f(16)],
        ),
        '0.3': f32s(9),
      },
    },
  ),
  micro(
    'uniforms with the layout of storage',
    'out[0] = factors[input[2]]; out[1] = i32(arrays.pairs[input[1]].y); out[2] = arrays.one.a; out[3] = arrays.last;',
    [7, 4, 8, 9],
    {
      outside:
        'struct One { a: i32 } struct Arrays { pairs: array<vec2f, 3>, one: One, last: i32 } @group(0) @binding(2) var<uniform> factors: array<i32, 4>; @group(0) @binding(3) var<uniform> arrays: Arrays;',
      buffers: {
        '0.2': Uint32Array.of(5, 6, 7, 8),
        '0.3': Uint32Array.of(f(1), f(2), f(3), f(4), f(5), f(6), 8, 9),
      },
    },
  ),
  micro(
    'immediates',
    'out[0] = i32(i.a) + i.b.y; out[1] = i32(i.c); out[2] = i.b.x * input[2];',
    [1 + 4, 5, 6],
    {
      outside: 'struct I { a: f32, b: vec2i, c: u32 } var<immediate> i: I;',
      immediates: Uint32Array.of(f(1), X, 3, 4, 5, X),
    },
  ),
  micro(
    'private variables are separate for each invocation',
    'a += input[lane]; b[lane] = a; c.y++; out[lane] = a * 100 + b[0] * 10 + b[1] + c.y;',
    [551, 607, 701, 801],
    {
      outside: 'var<private> a: i32 = 5; var<private> b: array<i32, 4>; var<private> c: vec2i;',
      parameters: LANE,
      size: '4',
    },
  ),
];

const POINTERS: readonly MicroProgram[] = [
  micro(
    'pointers to local variables and their parts',
    'var a = 1; let p = &a; *p += 4; (*p)++; out[0] = a; var v = vec3i(1, 2, 3); let q = &v; (*q).y = 20; q.z = 30; q[0] = 10; out[1] = v.x + v.y + v.z; var m = array<vec2i, 3>(); let r = &m[input[2]]; r.y = 7; *r += 1; out[2] = m[2].x * 10 + m[2].y;',
    [6, 60, 18],
  ),
  micro(
    'pointers to private, workgroup and storage memory',
    'let a = &hidden[input[1]]; *a = 3; out[0] = hidden[1]; let b = &tile[input[0]]; b.y = 4; out[1] = tile[0].y; let c = &out[2]; *c = 5; let d = &s.inner; d.b = 6; (*d).a = *c + d.b; out[3] = s.inner.a; let e = &input; out[4] = (*e)[9];',
    [3, 4, 5, 11, 9],
    {
      outside:
        'var<private> hidden: array<i32, 2>; var<workgroup> tile: array<vec2i, 2>; struct T { a: i32, b: i32 } struct S { pad: i32, inner: T } @group(0) @binding(2) var<storage, read_write> s: S;',
      buffers: { '0.2': new Uint32Array(3) },
      expected: { '0.2': [0, 11, 6] },
    },
  ),
  micro(
    'pointers as parameters',
    'var a = input[3]; double(&a); out[0] = a; var s = S(1, array(2, 3)); change(&s, input[1]); out[1] = s.a * 100 + s.b[0] * 10 + s.b[1]; bump(&counter); bump(&counter); out[2] = counter; out[3] = deep(&s);',
    [6, 529, 2, 7],
    {
      outside: `struct S { a: i32, b: array<i32, 2> } var<private> counter: i32;
fn double(x: ptr<function, i32>) { *x *= 2; }
fn change(s: ptr<function, S>, n: i32) { s.a = 5; (*s).b[n] += 6; }
fn bump(x: ptr<private, i32>) { (*x)++; }
fn deep(s: ptr<function, S>) -> i32 { return first(s) + 2; }
fn first(s: ptr<function, S>) -> i32 { return (*s).a; }`,
    },
  ),
  micro(
    'pointers as parameters to parts of variables in all spaces',
    'add(&out[input[1]], 10); fill(&tile, 4); out[2] = tile[1]; var v = array<vec2i, 2>(); put(&v[input[1]], 6); out[3] = v[1].y; out[4] = total(&input); out[5] = unit(&u.v);',
    [-1, 9, 4, 6, 120, 5],
    {
      outside: `var<workgroup> tile: array<i32, 2>; struct U { a: f32, v: vec2i } @group(0) @binding(2) var<uniform> u: U;
fn add(x: ptr<storage, i32, read_write>, n: i32) { *x += n; }
fn fill(t: ptr<workgroup, array<i32, 2>>, n: i32) { for (var k = 0; k < 2; k++) { t[k] = n; } }
fn put(v: ptr<function, vec2i>, n: i32) { v.y = n; }
fn total(list: ptr<storage, array<i32>>) -> i32 { var sum = 0; for (var n = 0u; n < arrayLength(list); n++) { sum += list[n]; } return sum; }
fn unit(v: ptr<uniform, vec2i>) -> i32 { return (*v).y; }`,
      buffers: { '0.2': Uint32Array.of(0, X, 4, 5) },
    },
  ),
];

// Workgroups

/** An invocation's slot: 12 per workgroup of 2 x 3 x 2, in a grid of 2 x 1 x 3 workgroups. */
const SLOT = 'let slot = lane + 12u * (group.x + 2u * (group.y + group.z));';

const INPUTS: readonly MicroProgram[] = [
  micro(
    'all inputs of an entry point',
    `${SLOT} out[slot * 2u] = i32(local.x + 10u * local.y + 100u * local.z + 1000u * lane + 100000u * grid.x + 1000000u * grid.y + 10000000u * grid.z); out[slot * 2u + 1u] = i32(global.x + 100u * global.y + 10000u * global.z + 1000000u * group.x + 10000000u * group.z);`,
    consecutive(72, 0).flatMap((slot) => {
      const index = slot % 12;
      const [x, y, z] = [index % 2, Math.floor(index / 2) % 3, Math.floor(index / 6)];
      const [gx, gz] = [Math.floor(slot / 12) % 2, Math.floor(slot / 24)];
      return [
        x + 10 * y + 100 * z + 1000 * index + 31_200_000,
        2 * gx + x + 100 * y + 10000 * (2 * gz + z) + 1000000 * gx + 10000000 * gz,
      ];
    }),
    {
      parameters: `@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_id) local: vec3u, ${LANE}, @builtin(global_invocation_id) global: vec3u`,
      size: '2, 3, 2',
      workgroups: [2, 1, 3],
    },
  ),
  micro(
    'inputs in a struct, and a workgroup size from a constant',
    'out[i.lane + N * i.group.x] = i32(i.lane * 10u + i.group.x);',
    [0, 10, 20, 30, 1, 11, 21, 31],
    {
      outside: `const N = 4u; struct Inputs { @builtin(workgroup_id) group: vec3u, ${LANE} }`,
      parameters: 'i: Inputs',
      size: 'N / 2, 2u',
      workgroups: [2, 1, 1],
    },
  ),
  micro(
    'workgroup memory is zero for every workgroup',
    'let before = tile[lane] + turns[lane].y; tile[lane] = 7; turns[lane].y += 1; out[lane + 2u * group.x] = before;',
    [0, 0, 0, 0, 0, 0],
    {
      outside: 'var<workgroup> tile: array<i32, 2>; var<workgroup> turns: array<vec2i, 2>;',
      parameters: `${LANE}, @builtin(workgroup_id) group: vec3u`,
      size: '2',
      workgroups: [3, 1, 1],
    },
  ),
  micro(
    'workgroupBarrier',
    'tile[lane] = input[lane] + 1; workgroupBarrier(); out[lane] = tile[3u - lane];',
    [4, 3, 2, 1],
    { outside: 'var<workgroup> tile: array<i32, 4>;', parameters: LANE, size: '4' },
  ),
  micro(
    'barriers in a loop and in a function',
    'tile[lane] = input[lane] + 1; for (var step = 4u; step > 0u; step >>= 1u) { workgroupBarrier(); if lane < step { tile[lane] += tile[lane + step]; } } out[lane] = first();',
    Array(8).fill(36),
    {
      outside:
        'var<workgroup> tile: array<i32, 8>; fn first() -> i32 { workgroupBarrier(); return tile[0]; }',
      parameters: LANE,
      size: '8',
    },
  ),
  micro(
    'local variables keep their values across barriers',
    'let a = input[lane]; var b = array<i32, 2>(a, 0); var v = vec3i(a, 2 * a, 3 * a); if input[1] == 1 { tile[lane] = a; workgroupBarrier(); b[tile[lane ^ 1u] & 1] += 10; v.y += tile[lane ^ 1u]; } workgroupBarrier(); out[lane] = a * 1000 + b[0] * 100 + b[1] * 10 + v.y;',
    [0 * 1000 + 0 + 100 + 1, 1000 + 1100 + 0 + 2, 2000 + 200 + 100 + 4 + 3, 3000 + 1300 + 6 + 2],
    { outside: 'var<workgroup> tile: array<i32, 4>;', parameters: LANE, size: '4' },
  ),
  micro(
    'a return of all invocations before barriers',
    'out[lane] = 7; if input[1] == 1 { return; } for (var n = 0; n < 3; n++) { workgroupBarrier(); out[lane] = n; } loop { if input[2] == 9 { break; } workgroupBarrier(); } workgroupBarrier(); out[lane] = 9;',
    [7, 7, 7, 7],
    { parameters: LANE, size: '4' },
  ),
  micro(
    'a return in a loop around a barrier',
    'for (var n = 0; n < 5; n++) { workgroupBarrier(); out[lane] = n; if n == input[2] { return; } } out[lane] = 9;',
    [2, 2, 2, 2],
    { parameters: LANE, size: '4' },
  ),
  micro(
    'storageBarrier',
    's[lane] = input[lane] * 2; storageBarrier(); out[lane] = s[(lane + 1u) % 4u];',
    [2, 4, 6, 0],
    {
      outside: '@group(0) @binding(2) var<storage, read_write> s: array<i32>;',
      parameters: LANE,
      size: '4',
      buffers: { '0.2': new Uint32Array(4) },
    },
  ),
  micro(
    'workgroupUniformLoad',
    'if lane == 2u { limit = input[3]; } let n = workgroupUniformLoad(&limit); var sum = 0; for (var k = 0; k < n; k++) { workgroupBarrier(); sum += input[lane]; } out[lane] = sum;',
    [0, 3, 6, 9],
    { outside: 'var<workgroup> limit: i32;', parameters: LANE, size: '4' },
  ),
];

/** The title of a program that uses a language extension, by the name of the extension. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  immediate_address_space: 'immediates',
  pointer_composite_access: 'pointers to local variables and their parts',
  uniform_buffer_standard_layout: 'uniforms with the layout of storage',
  unrestricted_pointer_parameters: 'pointers as parameters to parts of variables in all spaces',
};

const DIRECTIVES = Object.entries(EXTENSIONS).map(([name, title]): MicroProgram => {
  const program = [...MEMORY, ...POINTERS].find((candidate) => candidate.title === title)!;
  const lines = `requires ${name}; diagnostic(off, derivative_uniformity);\n`;
  return { ...program, title: `requires ${name}`, code: lines + program.code };
});

/** All micro-programs, by the kind of construct. */
export const MICRO_PROGRAMS: Readonly<Record<string, readonly MicroProgram[]>> = {
  'an operator, a conversion or a componentwise function': TABLE_PROGRAMS,
  'a function of vectors or matrices': [
    ...vectorPrograms(),
    ...matrixPrograms(),
    ...OTHER_FUNCTIONS,
  ],
  'a statement': STATEMENTS,
  'a function call': FUNCTION_CALLS,
  'a value': VALUES,
  memory: MEMORY,
  'a pointer': POINTERS,
  'a workgroup': INPUTS,
  'a directive': DIRECTIVES,
};
