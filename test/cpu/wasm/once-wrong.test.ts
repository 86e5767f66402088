/** Regression tests: programs that a pass of the compiler once got wrong, with their results. */

import { describe, expect, it } from 'vitest';
import { compileEntry, readShader } from '../../../src/cpu/wasm/compile.js';
import { emitModule } from '../../../src/cpu/wasm/emit.js';
import { i32, type Statement } from '../../../src/cpu/wasm/ir/ir.js';
import { runCompiled } from '../helpers/dispatch.js';

const OUT = '@group(0) @binding(0) var<storage, read_write> out: array<u32>;';
const UNIFORM = (type: string) => `@group(0) @binding(1) var<uniform> input: ${type};`;

interface Case {
  readonly name: string;
  readonly code: string;
  readonly out: readonly number[];
  readonly input?: readonly number[];
  readonly immediates?: readonly number[];
  readonly expected: readonly number[];
  readonly groups?: number;
}

const main = (body: string, size = 1) =>
  `@compute @workgroup_size(${size}) fn main(@builtin(global_invocation_id) id: vec3u) { let l = id.x; ${body} }`;

const CASES: readonly Case[] = [
  {
    name: 'stores are not merged if the first of them changes the address of the others',
    code: `${OUT} ${main('out[out[0]] = 8u; out[out[0] + 1u] = 2u; out[out[0] + 2u] = 3u; out[out[0] + 3u] = 4u;')}`,
    out: Array(12).fill(0),
    expected: [8, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 4],
  },
  {
    name: 'stores of vector components are not merged if the first changes the address of the others',
    code: `${OUT} ${main(`let v = vec4u(5u, 6u, 7u, 8u) + l;
      out[out[0]] = v.x; out[out[0] + 1u] = v.y; out[out[0] + 2u] = v.z; out[out[0] + 3u] = v.w;`)}`,
    out: Array(9).fill(0),
    expected: [5, 0, 0, 0, 0, 0, 6, 7, 8],
  },
  {
    name: 'a pointer into a uniform with a runtime index points to the right element',
    code: `${OUT} ${UNIFORM('array<vec4u, 4>')} ${main('let p = &input[3u - l]; out[l] = (*p).x;', 4)}`,
    out: [0, 0, 0, 0],
    input: [10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 0, 0, 0],
    expected: [40, 30, 20, 10],
  },
  {
    name: 'a uniform with the name of a compiler-generated local is not mistaken for it',
    code: `struct S { a: vec4u, b: u32 } struct I { a: vec4u, b: u32 }
      ${OUT} @group(0) @binding(1) var<uniform> context: S; var<immediate> more: I;
      ${main('out[0] = context.b; out[1] = more.b; out[2] = context.a.x; out[3] = more.a.x;')}`,
    out: [0, 0, 0, 0],
    input: [11, 0, 0, 0, 55, 0, 0, 0],
    immediates: [22, 0, 0, 0, 77, 0, 0, 0],
    expected: [55, 77, 11, 22],
  },
  {
    name: 'a side effect of the initializer of an unrolled loop takes place',
    code: `${OUT} fn start() -> u32 { out[0] += 1u; return 0u; }
      ${main(`var a: array<u32, 4>; for (var i = start(); i < 4u; i++) { a[i] = 2u * i; }
        out[1] = a[3] + a[1];`)}`,
    out: [0, 0],
    expected: [1, 8],
  },
  {
    name: 'a true bool in memory becomes four true vector components',
    code: `${OUT} var<workgroup> flag: bool;
      ${main('flag = out[1] == 0u; out[0] = select(vec4u(), vec4u(16711935u), vec4<bool>(flag)).z;')}`,
    out: [0, 0],
    expected: [16711935, 0],
  },
  {
    name: 'a failed attempt to unroll a long loop leaves nothing behind',
    code: `${OUT}
      fn f(x: u32) -> u32 {
        var a: array<u32, 4>;
        var s = x;
        for (var i = 0u; i < 4u; i++) {
          a[i] = s;
          for (var k = 0u; k < out[1]; k++) {
            s = s * 3u + (k ^ i) + (s >> 3u) + (k << 2u) + (s & 7u) + (k * i) + (s | 1u) + (k + 5u)
              + (s * 7u + (k ^ 9u) + (s >> 4u) + (k << 3u) + (s & 15u) + (k * 11u) + (s | 2u) + (k + 6u));
          }
          let t = s + 1000u;
          return t;
        }
        return 1u;
      }
      ${main('out[0] = f(7u); out[2] = 4u;')}`,
    out: [0, 0, 0],
    expected: [1007, 0, 4],
  },
  {
    name: 'a runtime-sized array at a large offset in its struct has the right length',
    code: `struct S { head: array<u32, 300000>, tail: array<u32> }
      @group(0) @binding(0) var<storage, read_write> out: S;
      ${main('out.head[0] = arrayLength(&out.tail); out.tail[4] = 9u;')}`,
    out: Array(300_005).fill(0),
    expected: [5, ...Array(300_003).fill(0), 9],
  },
  {
    name: 'successive shifts by more than 31 in total are each taken modulo 32',
    code: `${OUT} ${main(`let b = 4294967295u; let x = out[0]; let y = (x << 1u) << b; let z = (x << 16u) << 16u;
      out[1] = y; out[2] = z; out[3] = (x << 3u) << 2u;`)}`,
    out: [7, 1, 1, 1],
    expected: [7, 0, 0, 224],
  },
  {
    name: 'all invocations return before a loop with a barrier',
    code: `${OUT} ${UNIFORM('u32')} ${main(
      `if (input == 0u) { return; }
      for (var i = 0u; i < 8u; i++) { workgroupBarrier(); out[l] += 1u; }`,
      4,
    )}`,
    out: [0, 0, 0, 0],
    input: [0],
    expected: [0, 0, 0, 0],
  },
  {
    name: 'all invocations continue before an inner loop with a barrier',
    code: `${OUT} ${UNIFORM('u32')} ${main(
      `for (var t = 0u; t < 2u; t++) { if (t == input) { continue; }
      for (var i = 0u; i < 3u; i++) { workgroupBarrier(); out[l] += 1u; } }`,
      4,
    )}`,
    out: [0, 0, 0, 0],
    input: [0],
    expected: [3, 3, 3, 3],
  },
  {
    name: 'all invocations break out of a switch before a loop with a barrier',
    code: `${OUT} ${UNIFORM('u32')} ${main(
      `switch (1u + input) {
        case 1u: { if (input == 0u) { break; } for (var i = 0u; i < 3u; i++) { workgroupBarrier(); out[l] += 1u; } }
        default: { out[l] = 9u; } }`,
      4,
    )}`,
    out: [0, 0, 0, 0],
    input: [0],
    expected: [0, 0, 0, 0],
  },
  {
    name: 'some invocations return from a function after its last barrier',
    code: `${OUT} fn f(l: u32) { workgroupBarrier(); if (l == 0u) { out[l] = 1u; return; } out[l] = 2u; }
      ${main('f(l); workgroupBarrier(); out[l] += 100u;', 4)}`,
    out: [0, 0, 0, 0],
    expected: [101, 102, 102, 102],
  },
  {
    name: 'some workgroups return at once, and others reach a loop with a barrier',
    code: `${OUT} @compute @workgroup_size(2)
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) id: vec3u) {
        if (group.x == 1u) { return; }
        for (var i = 0u; i < 3u; i++) { workgroupBarrier(); out[id.x] += 1u; } }`,
    out: [0, 0, 0, 0, 0, 0],
    groups: 3,
    expected: [3, 3, 0, 0, 3, 3],
  },
];

describe('a program that was once miscompiled', () => {
  for (const { name, code, out, input, immediates, expected, groups } of CASES) {
    it(name, () => {
      for (const isChecked of [false, true]) {
        const dispatch = {
          code,
          workgroups: [groups ?? 1, 1, 1] as const,
          buffers: {
            '0.0': Uint32Array.from(out),
            ...(input && { '0.1': Uint32Array.from(input) }),
          },
          ...(immediates && { immediates: Uint32Array.from(immediates) }),
        };
        expect([...runCompiled(dispatch, isChecked)['0.0']!]).toEqual(expected);
      }
    });
  }
});

const OPTIONS = { isShared: false, isChecked: false, maxPages: 16 };

describe('a large program', () => {
  const compileBytes = (code: string) => {
    const program = readShader(code);
    return compileEntry(program, program.entries[0]!, OPTIONS).bytes.length;
  };
  const nested = (depth: number, innermost: string, wrap: (inner: string) => string) =>
    Array.from({ length: depth }).reduce<string>((text) => wrap(text), innermost);

  it('stays small where calls of countOneBits on vectors are nested', () => {
    const code = nested(12, 'vec4u(out[0])', (v) => `(countOneBits(${v}) + 1u)`);
    expect(compileBytes(`${OUT} ${main(`out[1] = (${code}).y;`)}`)).toBeLessThan(1000);
  });

  it('stays small where loops that could be unrolled are nested', () => {
    const loops = nested(
      12,
      'for (var k = 0u; k < out[1]; k++) { a[k & 3u] += k; s += a[k & 3u]; }',
      (body) => `for (var i = 0u; i < 4u; i++) { a[i] += i; s = s * 3u + a[i]; ${body} }`,
    );
    expect(
      compileBytes(`${OUT} ${main(`var a: array<u32, 4>; var s = 0u; ${loops} out[0] = s;`)}`),
    ).toBeLessThan(50_000);
  });

  it('is rejected with a message where calls double at every level', () => {
    const functions = Array.from(
      { length: 14 },
      (_, n) => `fn f${n + 1}(x: u32) -> u32 { return f${n}(x) + f${n}(x + 1u); }`,
    );
    const code = `${OUT} fn f0(x: u32) -> u32 { return x * out[0]; } ${functions.join('\n')} ${main('out[1] = f14(l);')}`;
    expect(() => compileBytes(code)).toThrow(/main makes more than 5000 calls/);
  });

  it('is rejected with a message where it needs more locals than WebAssembly has', () => {
    const body = Array.from({ length: 50_001 }, (): Statement => {
      const local = { type: 'i32', name: 'local', isReassigned: false } as const;
      return { kind: 'set', local, value: i32(1) };
    });
    const kernel = { name: 'main', parameters: [], body, scratch: 0 };
    expect(() => emitModule(kernel, OPTIONS)).toThrow(
      'main needs 50001 locals, more than the 50000 of WebAssembly',
    );
  });

  it('keeps a large variable in memory', () => {
    const body = 'var a: array<u32, 5000>; a[4999] = 7u; out[0] = a[4999] + big[3];';
    const code = `${OUT} var<private> big: array<u32, 8192>; ${main(body)}`;
    expect([...runCompiled({ code, buffers: { '0.0': Uint32Array.of(1) } })['0.0']!]).toEqual([7]);
  });

  it('can have 400 "else if" in a row and a switch of 3000 cases', () => {
    const branches = Array.from(
      { length: 400 },
      (_, n) => `if (out[0] == ${n}u) { out[1] = ${n + 1}u; }`,
    );
    const cases = Array.from({ length: 3000 }, (_, n) => `case ${n}u: { out[2] = ${n + 5}u; }`);
    const code = `${OUT} ${main(`${branches.join(' else ')} switch (out[0]) { ${cases.join(' ')} default: {} }`)}`;
    const buffers = { '0.0': Uint32Array.of(399, 0, 0) };
    expect([...runCompiled({ code, buffers })['0.0']!]).toEqual([399, 400, 404]);
  });
});
