/**
 * Random programs: the compiled program must compute the same words as the interpreter.
 *
 * `NEUROFORMER_PROGRAMS=20000` runs 20,000 programs instead of 2,000, and
 * `NEUROFORMER_FIRST_PROGRAM=7` begins with seed 7. A failure names the seed and prints the
 * program. To run it again, set NEUROFORMER_FIRST_PROGRAM to the seed and NEUROFORMER_PROGRAMS to
 * 1.
 *
 * Both follow IEEE 754 in f32 arithmetic, where WGSL leaves results open. WGSL does not specify the
 * last bits of functions such as exp: the interpreter uses those of the compiler, which
 * prelude.test.ts tests. NaN equals NaN.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCpuDevice } from '../../../src/engine.js';
import { selectAdapter } from '../../../src/node.js';
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
const FIRST_SEED = Number(process.env.NEUROFORMER_FIRST_PROGRAM ?? 1);
/** The number of programs in one test. */
const BATCH = 250;
/** Every CHECKED_EVERY-th program is also compiled with checked indices. */
const CHECKED_EVERY = 8;
/** Every REVERSED_EVERY-th program is also interpreted in reversed order. */
const REVERSED_EVERY = 8;
/** The number of portable programs that devices run, as a share of PROGRAMS. */
const PORTABLE_SHARE = 0.03;
const PORTABLE_BATCH = 60;

const functions = preludeFunctions();

/** Describes the first word in which the buffers of a dispatch differ; `undefined` if none does. */
function bufferDifference(
  dispatch: Dispatch,
  expected: Buffers,
  actual: Buffers,
  anyZero = false,
): string | undefined {
  for (const { name, type, binding } of findEntry(dispatch).entry.globals) {
    if (!binding) continue;
    const key = `${binding.group}.${binding.binding}`;
    const text = difference(type, expected[key]!, actual[key]!, anyZero);
    if (text) return `${name}: ${text}`;
  }
  return undefined;
}

/** The difference between the expected buffers and those of a run, or its error message. */
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

/**
 * Compares the buffers of several runs of a program with the expected ones.
 *
 * @throws Error with the seed and the program where a run fails or its buffers differ.
 */
async function expectBuffers(
  seed: number,
  dispatch: Dispatch,
  expected: Buffers,
  runs: Readonly<Record<string, () => Buffers | Promise<Buffers>>>,
  anyZero = false,
): Promise<void> {
  for (const [method, run] of Object.entries(runs)) {
    const text = await runDifference(dispatch, expected, run, anyZero);
    if (text) throw new Error(`Program ${seed}, ${method}: ${text}\n${dispatch.code}`);
  }
}

/** Declares a test for each batch of seeds. */
function testInBatches(
  claim: string,
  programs: number,
  batch: number,
  check: (seed: number) => Promise<void>,
): void {
  for (let first = FIRST_SEED; first < FIRST_SEED + programs; first += batch) {
    const last = Math.min(first + batch, FIRST_SEED + programs) - 1;
    it(`${claim}: seeds ${first} to ${last}`, async () => {
      for (let seed = first; seed <= last; seed++) await check(seed);
    });
  }
}

describe('a random program, compiled in this thread', () => {
  testInBatches('computes the same as the interpreter', PROGRAMS, BATCH, async (seed) => {
    const program = generateProgram(seed);
    await expectBuffers(seed, program, runInterpreted(program, { functions }), {
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
    const { adapter } = await selectAdapter('swiftshader');
    devices['on our device'] = await requestCpuDevice({ threads: 2 });
    devices['on Dawn with SwiftShader'] = await adapter.requestDevice();
  });
  afterAll(() => {
    for (const device of Object.values(devices)) device.destroy();
  });

  const programs = Math.ceil(PORTABLE_SHARE * PROGRAMS);
  testInBatches('computes the same on every device', programs, PORTABLE_BATCH, async (seed) => {
    const program = generateProgram(seed, { isPortable: true });
    const runs = Object.entries(devices).map(
      ([name, device]) => [name, () => runOnDevice(device, program)] as const,
    );
    await expectBuffers(seed, program, runInterpreted(program), Object.fromEntries(runs), true);
  });
});

describe('the comparison', () => {
  it('notices a sum in a random program that was changed to a difference', async () => {
    let changed = 0;
    let noticed = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const program = generateProgram(seed);
      // Only sums within recorded values, so that the counters of loops are unchanged.
      const values = [...program.code.matchAll(/^ *(?:floats|words)\[.*?\] = (.*);$/gm)];
      const sums = values.flatMap(({ index, 0: line, 1: value }) => {
        const start = index + line.length - value!.length - 1;
        return [...value!.matchAll(/ \+ /g)].map((sum) => start + sum.index);
      });
      if (sums.length === 0) continue;
      const offset = new Random(seed).pick(sums);
      const code = `${program.code.slice(0, offset)} - ${program.code.slice(offset + 3)}`;
      const expected = runInterpreted(program, { functions });
      const run = () => runCompiled({ ...program, code });
      changed += 1;
      if (await runDifference(program, expected, run)) noticed += 1;
    }
    // The others are never executed, add zeros, or are hidden by a comparison or a clamp.
    expect(changed).toBeGreaterThan(30);
    expect(noticed).toBeGreaterThan(changed / 4);
  });

  const OUT = '@group(0) @binding(0) var<storage, read_write> out: array<u32>;';
  const LANE = '@builtin(local_invocation_index) i: u32';
  const dispatch = (body: string, size = 4): Dispatch => ({
    code: `${OUT} @compute @workgroup_size(${size}) fn main(${LANE}) { ${body} }`,
    buffers: { '0.0': new Uint32Array(4) },
  });

  it('notices a single bit', () => {
    const program = dispatch('out[i] = i;');
    const expected = runInterpreted(program);
    expect(bufferDifference(program, expected, runCompiled(program))).toBeUndefined();
    const actual = { '0.0': Uint32Array.of(0, 1, 2, 3 + 2 ** 31) };
    expect(bufferDifference(program, expected, actual)).toBe('out: word 3 is 2147483651, not 3');
  });

  it('notices a race between invocations', () => {
    const program = dispatch('out[0] = i;');
    const reversed = runInterpreted(program, { reversed: true });
    expect(bufferDifference(program, runInterpreted(program), reversed)).toBe(
      'out: word 0 is 0, not 3',
    );
  });

  it('notices a write outside the buffers', () => {
    expect(() => runCompiled(dispatch('out[i + 1u] = i;'))).toThrow('outside its buffers');
    expect(() => runCompiled(dispatch('out[i + 1u] = i;'), true)).toThrow(IndexReport);
  });
});
