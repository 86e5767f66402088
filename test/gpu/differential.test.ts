/**
 * Compares the CPU device and Dawn with an f64 reference that has a rounding bound: every kernel on
 * random shapes, dispatch by dispatch, with the same input bytes on both devices. Two numbers
 * within the bound of one reference differ by at most twice the bound. Integers and copies must be
 * the same bits.
 *
 * NEUROFORMER_SEED sets the seed of the shapes and numbers, NEUROFORMER_CASES the number of cases.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import type { KernelName } from '../../src/gpu/kernels.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { HostRandom } from '../../src/math/random.js';
import { createEngine } from '../../src/node.js';
import { alignedTable } from '../../src/text/table.js';
import { FAMILIES, randomOps } from '../helpers/random-ops.js';
import {
  type CapturedCase,
  captureCases,
  type DispatchOutputs,
  replay,
} from '../helpers/replay.js';
import { THOROUGH } from '../helpers/thorough.js';
import {
  compareBuffers,
  type ExpectedBuffer,
  expectedBuffers,
  KERNEL_BOUNDS,
} from './kernel-bounds.js';

const SEED = Number(process.env.NEUROFORMER_SEED ?? 1);
const CASES = Number(process.env.NEUROFORMER_CASES ?? 350);
/** SwiftShader takes most of a minute to compile the kernels, so it runs only in thorough tests. */
const DEVICES = THOROUGH ? (['cpu', 'swiftshader'] as const) : (['cpu'] as const);
const NAMES = Object.keys(KERNELS) as KernelName[];

let captures: CapturedCase[] = [];
let expected: Record<string, ExpectedBuffer>[] = [];
let cpu: Engine;
const outputs = new Map<string, DispatchOutputs[]>();
/** The largest share of its bound that each kernel used, by device. */
const shares = new Map<string, ReadonlyMap<KernelName, number>>();

beforeAll(async () => {
  cpu = await createEngine({ adapter: 'cpu' });
  const ops = randomOps(SEED, CASES);
  for (const [family, tuning] of Object.entries(FAMILIES)) {
    const engine = await createEngine({ device: cpu.device, tuning });
    const familyOps = ops.filter((op) => op.family === family);
    const cases = familyOps.map(({ name, run }) => ({ name, run: () => run(engine) }));
    captures.push(...(await captureCases(engine, cases)));
    engine.dispose();
  }
  expected = captures.map(expectedBuffers);
}, 300_000);

afterAll(() => {
  cpu.dispose();
  captures = [];
  expected = [];
  outputs.clear();
});

/** The faults of a device, the share of the bounds it used by kernel, and its undecided words. */
function compareResults(results: readonly DispatchOutputs[]) {
  const faults: string[] = [];
  const used = new Map<KernelName, number>();
  let undecided = 0;
  for (const [n, { kernel, name, params }] of captures.entries()) {
    const comparison = compareBuffers(expected[n]!, results[n]!);
    used.set(kernel, Math.max(used.get(kernel) ?? 0, comparison.share));
    undecided += comparison.undecided;
    for (const fault of comparison.faults)
      faults.push(`${name}: ${kernel} ${JSON.stringify(params)}: ${fault}`);
  }
  return { faults, used, undecided };
}

describe(`${CASES} calls of ops on random shapes, seed ${SEED}`, () => {
  it.each(DEVICES)(
    'agree with the reference within rounding: %s',
    async (adapter) => {
      const engine = adapter === 'cpu' ? cpu : await createEngine({ adapter });
      const results = await replay(engine, captures);
      if (engine !== cpu) engine.dispose();
      outputs.set(adapter, results);
      const { faults, undecided, used } = compareResults(results);
      shares.set(adapter, used);
      expect(faults).toEqual([]);
      // Draws that rounding decides are not compared: there must be few of them.
      expect(undecided).toBeLessThan(CASES / 50);
    },
    300_000,
  );

  it('run every kernel on every device', () => {
    const kernels = new Set(captures.map(({ kernel }) => kernel));
    const missing = NAMES.filter((name) => !kernels.has(name));
    expect(missing, 'kernels that no op of test/helpers/random-ops.ts dispatches').toEqual([]);
    for (const adapter of DEVICES) expect(outputs.get(adapter)?.length).toBe(captures.length);
  });

  afterAll(() => {
    const rows = NAMES.map((name) => {
      const runs = captures.filter(({ kernel }) => kernel === name).length;
      const used = DEVICES.map((adapter) => {
        const share = shares.get(adapter)?.get(name);
        return share === undefined ? '-' : `${(100 * share).toFixed(0)}%`;
      });
      return [name, String(runs), ...used, KERNEL_BOUNDS[name].bound];
    });
    const shareColumns = DEVICES.map((adapter) => `share used on ${adapter}`);
    console.log(alignedTable([['kernel', 'runs', ...shareColumns, 'bound'], ...rows]));
  });
});

/** How many changes of operands changed the result, and how many of those were noticed. */
interface Sensitivity {
  changes: number;
  noticed: number;
}

/** Replaces a word by another one of the same buffer, as a wrong index would, or else by 0. */
function replaceWord(words: Uint32Array, index: number, random: HostRandom): Uint32Array {
  const changed = words.slice();
  const replacement = words[random.integer(words.length)]!;
  changed[index] = replacement === words[index] ? 0 : replacement;
  return changed;
}

/**
 * A change of an operand counts if it moves a result by more than this share of the largest number
 * in the result's buffer, which is taken to be at least 0.1.
 */
const RESOLUTION = 2 ** -12;

/** Whether a change of an operand changes a word, or moves a number by more than the resolution. */
function isMoved(
  before: Record<string, ExpectedBuffer>,
  after: Record<string, ExpectedBuffer>,
): boolean {
  return Object.entries(before).some(([name, { words, numbers }]) => {
    const changed = after[name]!;
    if (words.some((word, i) => !numbers.has(i) && word !== changed.words[i])) return true;
    let scale = 0.1;
    for (const { value } of numbers.values()) scale = Math.max(scale, Math.abs(value));
    return [...numbers].some(([i, { value }]) => {
      const moved = changed.numbers.get(i);
      return !moved || Math.abs(value - moved.value) > RESOLUTION * scale;
    });
  });
}

/** Whether rounding decides a result, so that its bound is infinite: a threshold or a draw. */
function isUndecided(reference: Record<string, ExpectedBuffer>): boolean {
  return Object.values(reference).some(
    ({ numbers, undecided }) =>
      undecided.size > 0 ||
      [...numbers.values()].some(({ error }) => error === Number.POSITIVE_INFINITY),
  );
}

/**
 * Changes single words of every buffer that a dispatch reads, and counts how often the device's
 * results no longer pass.
 */
function changeOperands(n: number, random: HostRandom): Sensitivity {
  const [dispatch, results] = [captures[n]!, outputs.get('cpu')![n]!];
  const sensitivity = { changes: 0, noticed: 0 };
  for (const { name, kind } of KERNELS[dispatch.kernel].bindings) {
    if (kind === 'uniform') continue;
    const words = dispatch.before[name]!;
    for (let times = 0; times < 2; times++) {
      const index = random.integer(words.length);
      const before = { ...dispatch.before, [name]: replaceWord(words, index, random) };
      const changed = expectedBuffers({ ...dispatch, before });
      // A word that the kernel does not write differs because it was replaced.
      if (changed[name]?.numbers.has(index) === false) changed[name].words[index] = words[index]!;
      if (!isMoved(expected[n]!, changed) || isUndecided(changed)) continue;
      sensitivity.changes += 1;
      if (compareBuffers(changed, results).faults.length > 0) sensitivity.noticed += 1;
    }
  }
  return sensitivity;
}

/** Some dispatches of a kernel, from small to large, without those whose reference is slow. */
function chooseDispatches(kernel: KernelName): number[] {
  const size = (n: number) =>
    Object.values(captures[n]!.before).reduce((sum, { length }) => sum + length, 0);
  const indices = captures.flatMap((dispatch, n) =>
    dispatch.kernel === kernel && size(n) < 8000 ? [n] : [],
  );
  indices.sort((a, b) => size(a) - size(b));
  const step = Math.max(1, Math.ceil(indices.length / 8));
  return indices.filter((_, i) => (indices.length - 1 - i) % step === 0);
}

/**
 * Mistakes that kernels might have: the shader, some of its text, and the text with the mistake.
 */
const MISTAKES: readonly (readonly [
  mistake: string,
  shader: string,
  correct: string,
  wrong: string,
])[] = [
  [
    'a dropped term',
    'matmul_direct',
    'k < count; k++) {\n    let b0 = panel[',
    'k + 1u < count; k++) {\n    let b0 = panel[',
  ],
  [
    'a panel one short',
    'matmul_direct',
    'let count = min(TN_DEPTH, params.K - startK);',
    'let count = min(TN_DEPTH - 1u, params.K - startK);',
  ],
  ['an edge left out', 'matmul_tiled', 'k + kk < tile.endK;', 'k + kk + 1u < tile.endK;'],
  ['an edge read past the end', 'matmul_tiled', '&& k < endK;', '&& k <= endK;'],
  [
    'a skipped split',
    'matmul_reduce',
    'split < params.splits; split++',
    'split + 1u < params.splits; split++',
  ],
  [
    'a key past the last',
    'attention_forward',
    'needsMasking || j + 4u > params.S',
    'needsMasking || j > params.S',
  ],
  [
    'a causal query without its own key',
    'attention_forward',
    'isVisible &= positions <= vec4u(i);',
    'isVisible &= positions < vec4u(i);',
  ],
  [
    'a mask read at the wrong offset',
    'attention_direct',
    'min(j0 + n, params.S - 1u)]',
    'min(n, params.S - 1u)]',
  ],
  [
    'sums that are not rescaled',
    'attention_direct',
    't = scale_rows(load_tile_o(starts, c), rescale);',
    't = load_tile_o(starts, c);',
  ],
  [
    'no output where there are no keys',
    'attention_direct',
    'if (scoreBlock.startKey >= scoreBlock.endKey) {',
    'if (false) {',
  ],
  [
    'a last query left out',
    'attention_backward',
    'let end = select(min(tile + TILE, params.T), 0u, allMasked);',
    'let end = select(min(tile + TILE, params.T - 1u), 0u, allMasked);',
  ],
  [
    'the gamma of another column',
    'layernorm',
    'let dxhat = dyVec[start + c] * gammaVec[c];',
    'let dxhat = dyVec[start + c] * gammaVec[0];',
  ],
  [
    'a first row left out',
    'layernorm',
    'var row = local / columns; row < end;',
    'var row = 1u + local / columns; row < end;',
  ],
  [
    'a tail left out',
    'cross_entropy',
    'for (var v = 4u * quads + lane; v < end; v += LANES) {\n    let newMax',
    'for (var v = 4u * quads + lane; v + 1u < end; v += LANES) {\n    let newMax',
  ],
  [
    'a last patch left out',
    'unfold3d',
    'min(position / stride + 1u, count)',
    'min(position / stride, count)',
  ],
  [
    'one batch row for all',
    'sequence',
    'x[(b * params.inLength + t) * params.C + c]',
    'x[t * params.C + c]',
  ],
  ['an inverted gate', 'gru', '(1.0 - z) * candidate + z * h', 'z * candidate + (1.0 - z) * h'],
  [
    'a word past the end',
    'elementwise',
    'i < min(start + WG * ITEMS, params.n)',
    'i < start + WG * ITEMS',
  ],
  ['draws from half the range', 'sample', 'f32(word >> 8u)', 'f32(word >> 9u)'],
];

/** The device that runs mistakes. One that fails a bounds check loses it, and it is replaced. */
let mistakeEngine: Engine | undefined;
afterAll(() => mistakeEngine?.dispose());

/** The faults of the CPU device's dispatches of a shader when its source is changed. */
async function faultsWhenChanged(
  shader: string,
  correct: string,
  wrong: string,
): Promise<string[]> {
  const info = SHADERS[shader]!;
  const source = info.source.replaceAll(correct, wrong);
  expect(source).not.toBe(info.source);
  SHADERS[shader] = { ...info, source };
  mistakeEngine ??= await createEngine({ adapter: 'cpu' });
  const engine = await createEngine({ device: mistakeEngine.device });
  try {
    const indices = captures.flatMap(({ kernel }, n) =>
      KERNELS[kernel].shader === shader ? [n] : [],
    );
    const results = await replay(
      engine,
      indices.map((n) => captures[n]!),
    );
    return results.flatMap((result, i) => compareBuffers(expected[indices[i]!]!, result).faults);
  } catch (error) {
    const { message } = error as Error;
    const isLost = /index \d+ of \w+ is outside/.test(message);
    if (isLost) mistakeEngine = undefined;
    else if (!message.endsWith('wrote outside its buffers.')) throw error;
    return [message];
  } finally {
    SHADERS[shader] = info;
    engine.dispose();
  }
}

describe('the bounds', () => {
  it.each(NAMES)('notice a wrong operand of %s', (kernel) => {
    const random = new HostRandom(SEED);
    const total: Sensitivity = { changes: 0, noticed: 0 };
    for (const n of chooseDispatches(kernel)) {
      const { changes, noticed } = changeOperands(n, random);
      total.changes += changes;
      total.noticed += noticed;
    }
    expect(total.changes, `dispatches of ${kernel} by test/helpers/random-ops.ts`).toBeGreaterThan(
      0,
    );
    expect(total.noticed).toBe(total.changes);
  });

  it.each(MISTAKES)('notice %s in %s', async (_, shader, correct, wrong) => {
    expect(await faultsWhenChanged(shader, correct, wrong)).not.toEqual([]);
  });
});
