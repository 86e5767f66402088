import { describe, expect, it } from 'vitest';
import { compileEntry, readShader } from '../../../src/cpu/wasm/compile.js';
import { get, i32, type Local, type Statement } from '../../../src/cpu/wasm/ir/ir.js';
import { verify } from '../../../src/cpu/wasm/ir/verify.js';
import { specialise } from '../../../src/gpu/kernels.js';
import { SHADERS } from '../../../src/gpu/shaders.gen.js';

const t: Local = { type: 'i32', name: 't', mutable: true };
const flag: Local = { type: 'i32', name: 'flag', mutable: false };
const label = { name: 'end' };
const set: Statement = { kind: 'set', local: t, value: i32(1) };
const read: Statement = {
  kind: 'store',
  instruction: 'i32.store',
  address: i32(0),
  offset: 0,
  value: get(t),
};
const branch = (condition = false): Statement => ({
  kind: 'branch',
  label,
  condition: condition ? get(flag) : undefined,
});
const either = (whenTrue: Statement[], whenFalse: Statement[]): Statement => ({
  kind: 'if',
  condition: get(flag),
  whenTrue,
  whenFalse,
});
const block = (...body: Statement[]): Statement => ({ kind: 'block', label, body });
const loop = (...body: Statement[]): Statement => ({ kind: 'loop', label, body });
const check = (...body: Statement[]) => verify({ name: 'k', parameters: [flag], body, scratch: 0 });

describe('a local', () => {
  it.each([
    ['after it is set', [set, read]],
    ['after both branches set it', [either([set], [set]), read]],
    ['after the branch that stays sets it', [block(either([branch()], [set]), read)]],
    ['after a loop sets it', [loop(set, branch(true)), read]],
    ['where nobody comes', [block(branch(), read)]],
  ] as [string, Statement[]][])('may be read %s', (_, body) => {
    expect(() => check(...body)).not.toThrow();
  });

  it.each([
    ['before it is set', [read, set]],
    ['after one branch sets it', [either([set], []), read]],
    ['after a block that is left before', [block(branch(true), set), read]],
    ['in the first turn of a loop that sets it later', [loop(read, set, branch(true))]],
  ] as [string, Statement[]][])('may not be read %s', (_, body) => {
    expect(() => check(...body)).toThrow('k: t is read where it may not be set.');
  });
});

describe('the shaders of the project', () => {
  it.each(Object.entries(SHADERS))('read nothing that is not set: %s', (name, shader) => {
    const program = readShader(specialise(name, shader.source, shader.constants, {}));
    for (const isChecked of [false, true])
      for (const entry of program.entries)
        verify(compileEntry(program, entry, { isShared: true, isChecked, maxPages: 16 }));
  });
});
