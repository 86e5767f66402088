import { describe, expect, it } from 'vitest';
import { makeKernel, readShader } from '../../../src/cpu/wasm/compile.js';
import { get, i32, type Local, type Statement } from '../../../src/cpu/wasm/ir/ir.js';
import { verify } from '../../../src/cpu/wasm/ir/verify.js';
import { specialize } from '../../../src/gpu/kernels.js';
import { SHADERS } from '../../../src/gpu/shaders.gen.js';

const t: Local = { type: 'i32', name: 't', isReassigned: true };
const flag: Local = { type: 'i32', name: 'flag', isReassigned: false };
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

describe('a local that is not marked as reassigned', () => {
  const once: Local = { type: 'i32', name: 'once', isReassigned: false };
  const setOnce: Statement = { kind: 'set', local: once, value: i32(1) };

  it('may be set by one statement, in every turn of a loop', () => {
    expect(() => check(loop(setOnce, branch(true)))).not.toThrow();
  });

  it.each([
    ['by two statements', [setOnce, setOnce]],
    ['in two branches', [either([setOnce], [setOnce])]],
  ] as [string, Statement[]][])('may not be set %s', (_, body) => {
    expect(() => check(...body)).toThrow('k: once is set by 2 statements.');
  });

  it('may not be set where it is a parameter', () => {
    const setFlag: Statement = { kind: 'set', local: flag, value: i32(1) };
    expect(() => check(setFlag)).toThrow('k: flag is a parameter and set.');
  });
});

describe('the shaders of the project', () => {
  it.each(Object.entries(SHADERS))('keep the rules: %s', (name, shader) => {
    const program = readShader(specialize(name, shader.source, shader.constants, {}));
    for (const isChecked of [false, true])
      for (const entry of program.entries) verify(makeKernel(program, entry, isChecked));
  });
});
