/**
 * Random programs, compiled, against an interpreter of the same typed program, word by word.
 *
 * `NEUROFORMER_PROGRAMS=20000` runs that many instead of 2,000, and `NEUROFORMER_FIRST_PROGRAM=7` begins with seed 7. A
 * failure names the seed and prints the program: to run it again, give its seed as the first, of 1 program.
 *
 * What WGSL leaves open is settled. The f32 arithmetic of both is that of IEEE 754; functions as exp, whose last bits
 * are open, are the compiler's own in both, and have a test of their own (prelude.test.ts). NaN equals NaN.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCpuDevice } from '../../../src/engine.js';
import { findAdapter } from '../../../src/node.js';
import {
  type Buffers,
  type Dispatch,
  findEntry,
  IndexReport,
  runCompiled,
  runInterpreted,
  runOnDevice,
} from '../helpers/dispatch.js';
import { generateProgram } from '../helpers/generate.js';
import { preludeFunctions } from '../helpers/prelude-kernel.js';
import { Random } from '../helpers/random.js';
import { difference } from '../helpers/words.js';

const PROGRAMS = Number(process.env.NEUROFORMER_PROGRAMS ?? 2000);
const FIRST = Number(process.env.NEUROFORMER_FIRST_PROGRAM ?? 1);
/** Programs of one test. */
const BATCH = 250;
/** Every so many programs one is compiled with checked indices, too, and one interpreted in reversed order. */
const CHECKED_EVERY = 8;
const REVERSED_EVERY = 8;
/** Programs that devices run, for each that is run in this thread. */
const PORTABLE_SHARE = 0.03;
const PORTABLE_BATCH = 60;

const functions = preludeFunctions();

/** Where the buffers of a dispatch differ first; `undefined` where they do not. */
function bufferDifference(
  dispatch: Dispatch,
  expected: Buffers,
  actual: Buffers,
  anyZero = false,
): string | undefined {
  for (const { name, type, binding } of findEntry(dispatch).entry.globals) {
    if (!binding) continue;
    const key = `${binding.group}.${binding.binding}`;
    const found = difference(type, expected[key]!, actual[key]!, anyZero);
    if (found) return `${name}: ${found}`;
  }
  return undefined;
}

/** The same of what `run` gives; where it fails, why. */
async function runDifference(
  dispatch: Dispatch,
  expected: Buffers,
  run: () => Buffers | Promise<Buffers>,
  anyZero = false,
): Promise<string | undefined> {
  try {
    return bufferDifference(dispatch, expected, await run(), anyZero);
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws Error with the seed and the program, where a run fails or its buffers differ from those expected. */
async function expectSame(
  seed: number,
  dispatch: Dispatch,
  expected: Buffers,
  runs: Readonly<Record<string, () => Buffers | Promise<Buffers>>>,
  anyZero = false,
): Promise<void> {
  for (const [way, run] of Object.entries(runs)) {
    const found = await runDifference(dispatch, expected, run, anyZero);
    if (found) throw new Error(`Program ${seed}, ${way}: ${found}\n${dispatch.code}`);
  }
}

/** A test for every so many seeds. */
function eachBatch(
  claim: string,
  programs: number,
  batch: number,
  check: (seed: number) => Promise<void>,
): void {
  for (let from = FIRST; from < FIRST + programs; from += batch) {
    const last = Math.min(from + batch, FIRST + programs) - 1;
    it(`${claim}: seeds ${from} to ${last}`, async () => {
      for (let seed = from; seed <= last; seed++) await check(seed);
    });
  }
}

describe('a random program, compiled in this thread', () => {
  eachBatch('computes what the interpreter does', PROGRAMS, BATCH, async (seed) => {
    const program = generateProgram(seed);
    await expectSame(seed, program, runInterpreted(program, { functions }), {
      compiled: () => runCompiled(program),
      ...(seed % CHECKED_EVERY === 0 && {
        'compiled with checked indices': () => runCompiled(program, true),
      }),
      ...(seed % REVERSED_EVERY === 1 && {
        'interpreted in reversed order': () =>
          runInterpreted(program, { functions, reversed: true }),
      }),
    });
  });
});

describe('a portable random program', () => {
  const devices: Record<string, GPUDevice> = {};

  beforeAll(async () => {
    const { adapter } = await findAdapter('swiftshader');
    devices['on our device'] = await requestCpuDevice({ threads: 2 });
    devices['on Dawn with SwiftShader'] = await adapter.requestDevice();
  });
  afterAll(() => {
    for (const device of Object.values(devices)) device.destroy();
  });

  const programs = Math.ceil(PORTABLE_SHARE * PROGRAMS);
  eachBatch('computes the same on every device', programs, PORTABLE_BATCH, async (seed) => {
    const program = generateProgram(seed, { isPortable: true });
    const runs = Object.entries(devices).map(
      ([name, device]) => [name, () => runOnDevice(device, program)] as const,
    );
    await expectSame(seed, program, runInterpreted(program), Object.fromEntries(runs), true);
  });
});

describe('the comparison', () => {
  it('finds that one sum in a random program has become a difference', async () => {
    let changed = 0;
    let found = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const program = generateProgram(seed);
      // Sums within the values that the program records: what counts a loop's turns stays as it is.
      const values = [...program.code.matchAll(/^ *(?:floats|words)\[.*?\] = (.*);$/gm)];
      const sums = values.flatMap(({ index, 0: line, 1: value }) => {
        const start = index + line.length - value!.length - 1;
        return [...value!.matchAll(/ \+ /g)].map((sum) => start + sum.index);
      });
      if (sums.length === 0) continue;
      const at = new Random(seed).pick(sums);
      const code = `${program.code.slice(0, at)} - ${program.code.slice(at + 3)}`;
      const expected = runInterpreted(program, { functions });
      const run = () => runCompiled({ ...program, code });
      changed += 1;
      if (await runDifference(program, expected, run)) found += 1;
    }
    // The others are never run, are sums of zeros, or go through a comparison or a bound that hides them.
    expect(changed).toBeGreaterThan(30);
    expect(found).toBeGreaterThan(changed / 4);
  });

  const OUT = '@group(0) @binding(0) var<storage, read_write> out: array<u32>;';
  const LANE = '@builtin(local_invocation_index) i: u32';
  const dispatch = (body: string, size = 4): Dispatch => ({
    code: `${OUT} @compute @workgroup_size(${size}) fn main(${LANE}) { ${body} }`,
    buffers: { '0.0': new Uint32Array(4) },
  });

  it('finds a single bit', () => {
    const program = dispatch('out[i] = i;');
    const expected = runInterpreted(program);
    expect(bufferDifference(program, expected, runCompiled(program))).toBeUndefined();
    const actual = { '0.0': Uint32Array.of(0, 1, 2, 3 + 2 ** 31) };
    expect(bufferDifference(program, expected, actual)).toBe('out: word 3 is 2147483651, not 3');
  });

  it('finds invocations that race each other', () => {
    const program = dispatch('out[0] = i;');
    const reversed = runInterpreted(program, { reversed: true });
    expect(bufferDifference(program, runInterpreted(program), reversed)).toBe(
      'out: word 0 is 0, not 3',
    );
  });

  it('finds a write outside the buffers', () => {
    expect(() => runCompiled(dispatch('out[i + 1u] = i;'))).toThrow('outside its buffers');
    expect(() => runCompiled(dispatch('out[i + 1u] = i;'), true)).toThrow(IndexReport);
  });
});
