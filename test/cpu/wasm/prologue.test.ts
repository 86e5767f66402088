import { describe, expect, it } from 'vitest';
import { makeKernel, readShader } from '../../../src/cpu/wasm/compile.js';
import { eachStatement, type Statement } from '../../../src/cpu/wasm/ir/ir.js';
import { runCompiled } from '../helpers/dispatch.js';

const OUT = '@group(0) @binding(0) var<storage, read_write> out: array<u32>;';

/** The number of stores before the loop over workgroups and within it. */
function countStores(code: string): { before: number; within: number } {
  const program = readShader(code);
  const { body } = makeKernel(program, program.entries[0]!, false);
  const count = (statements: readonly Statement[]) => {
    let stores = 0;
    eachStatement(statements, (s) => {
      if (s.kind === 'store') stores += 1;
    });
    return stores;
  };
  const loop = body.findIndex((statement) => statement.kind === 'if');
  return { before: count(body.slice(0, loop)), within: count(body.slice(loop)) };
}

/** A program that reads constants with a runtime index in a loop. */
const programReading = (constants: string, read: string) => `${OUT}
  ${constants}
  @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
    var sum = 0u;
    for (var k = 0u; k < arrayLength(&out); k++) { sum = sum * 3u + ${read}; }
    out[id.x] = sum;
  }`;

const run = (code: string, count = 8) =>
  [false, true].map((isChecked) => {
    const buffers = { '0.0': new Uint32Array(count) };
    return [...runCompiled({ code, buffers, workgroups: [2, 1, 1] }, isChecked)['0.0']!];
  });

/** The result of such a program. */
const sums = (values: (id: number, k: number) => number) =>
  Array.from({ length: 8 }, (_, id) =>
    Array.from({ length: 8 }, (_, k) => values(id, k)).reduce((sum, v) => (sum * 3 + v) >>> 0, 0),
  );

describe('a constant table', () => {
  const primes = [2, 3, 5, 7, 11, 13, 17, 19];
  const declaration = `const PRIMES = array<u32, 8>(${primes.map((p) => `${p}u`)});`;

  it('is stored before the loop over workgroups, not where it is read', () => {
    const code = programReading(declaration, 'PRIMES[(id.x + k) % 8u]');
    // Four adjacent words are one store.
    expect(countStores(code)).toEqual({ before: 2, within: 1 });
    const expected = sums((id, k) => primes[(id + k) % 8]!);
    expect(run(code)).toEqual([expected, expected]);
  });

  it('is stored once for each type that it is used as', () => {
    const constants = `const T = array(1, 2, 3, 4);
      const INTEGERS: array<u32, 4> = T;
      const FLOATS: array<f32, 4> = T;
      fn f(k: u32) -> f32 { return 1.0 + FLOATS[k % 4u]; }`;
    const code = programReading(constants, 'INTEGERS[k % 4u] + INTEGERS[id.x % 4u] + u32(f(k))');
    expect(countStores(code)).toEqual({ before: 2, within: 1 });
    const expected = sums((id, k) => 1 + (k % 4) + 1 + (id % 4) + 2 + (k % 4));
    expect(run(code)).toEqual([expected, expected]);
  });

  it('does not overlap workgroup variables or local variables', () => {
    const code = `${OUT} ${declaration}
      var<workgroup> shared_: array<u32, 5>;
      @compute @workgroup_size(4) fn main(
        @builtin(global_invocation_id) id: vec3u,
        @builtin(local_invocation_index) l: u32,
      ) {
        var local: array<u32, 3>;
        local[(l + 1u) % 3u] = PRIMES[l + 1u];
        shared_[l] = PRIMES[l];
        workgroupBarrier();
        out[id.x] = shared_[(l + 1u) % 4u] * 100u + local[(l + 1u) % 3u] + PRIMES[7u - l] * 10000u + shared_[4];
      }`;
    const expected = Array.from({ length: 8 }, (_, id) => {
      const l = id % 4;
      return primes[(l + 1) % 4]! * 100 + primes[l + 1]! + primes[7 - l]! * 10000;
    });
    expect(run(code)).toEqual([expected, expected]);
  });

  it('can contain structs, vectors, matrices and bools', () => {
    const code = programReading(
      `struct S { a: u32, v: vec3u }
       const STRUCTS = array<S, 2>(S(7u, vec3u(1u, 2u, 3u)), S(9u, vec3u(4u, 5u, 6u)));
       const FLAGS = vec4<bool>(true, false, true, true);
       const M = mat2x2f(1, 2, 3, 4);`,
      'STRUCTS[k % 2u].a + STRUCTS[id.x % 2u].v[k % 3u] + u32(FLAGS[k % 4u]) + u32(M[k % 2u].y)',
    );
    const structs = [
      { a: 7, v: [1, 2, 3] },
      { a: 9, v: [4, 5, 6] },
    ];
    const flags = [1, 0, 1, 1];
    const expected = sums(
      (id, k) => structs[k % 2]!.a + structs[id % 2]!.v[k % 3]! + flags[k % 4]! + [2, 4][k % 2]!,
    );
    expect(run(code)).toEqual([expected, expected]);
  });
});
