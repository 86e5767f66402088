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
const ifElse = (whenTrue: Statement[], whenFalse: Statement[]): Statement => ({
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
    ['after both branches set it', [ifElse([set], [set]), read]],
    ['after the branch that does not exit sets it', [block(ifElse([branch()], [set]), read)]],
    ['after a loop sets it', [loop(set, branch(true)), read]],
    ['in unreachable code', [block(branch(), read)]],
  ] as [string, Statement[]][])('can be read %s', (_, body) => {
    expect(() => check(...body)).not.toThrow();
  });

  it.each([
    ['before it is set', [read, set]],
    ['after one branch sets it', [ifElse([set], []), read]],
    ['after a block that may exit before it sets it', [block(branch(true), set), read]],
    ['in the first iteration of a loop that sets it later', [loop(read, set, branch(true))]],
  ] as [string, Statement[]][])('cannot be read %s', (_, body) => {
    expect(() => check(...body)).toThrow('k: t is read where it may not be set.');
  });
});

describe('a local that is not marked as reassigned', () => {
  const once: Local = { type: 'i32', name: 'once', isReassigned: false };
  const setOnce: Statement = { kind: 'set', local: once, value: i32(1) };

  it('can be set by one statement in every iteration of a loop', () => {
    expect(() => check(loop(setOnce, branch(true)))).not.toThrow();
  });

  it.each([
    ['by two statements', [setOnce, setOnce]],
    ['in two branches', [ifElse([setOnce], [setOnce])]],
  ] as [string, Statement[]][])('cannot be set %s', (_, body) => {
    expect(() => check(...body)).toThrow('k: once is set by 2 statements.');
  });

  it('cannot be set if it is a parameter', () => {
    const setFlag: Statement = { kind: 'set', local: flag, value: i32(1) };
    expect(() => check(setFlag)).toThrow('k: flag is a parameter and set.');
  });
});

describe('the kernels of the project', () => {
  it.each(Object.entries(SHADERS))('pass verification: %s', (name, shader) => {
    const program = readShader(specialize(name, shader.source, shader.constants, {}));
    for (const isChecked of [false, true])
      for (const entry of program.entries) verify(makeKernel(program, entry, isChecked));
  });
});
