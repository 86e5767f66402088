/**
 * The CPU device beside Dawn: every kernel on random shapes, dispatch by dispatch, both from the
 * same bytes and both against an f64 reference with a rounding bound. Two numbers within the bound
 * of one reference differ by no more than twice the bound; words and copies must be the same bits.
 *
 * NEUROFORMER_SEED draws other shapes and numbers, NEUROFORMER_CASES another number of them.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import type { KernelName } from '../../src/gpu/kernels.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { HostRandom } from '../../src/math/random.js';
import { createEngine } from '../../src/node.js';
import { FAMILIES, randomOps } from '../helpers/random-ops.js';
import { type Made, replay, type Taken, take } from '../helpers/replay.js';
import { THOROUGH } from '../helpers/thorough.js';
import { compare, type Expected, expectedBuffers, KERNEL_BOUNDS } from '../races/kernel-bounds.js';

const SEED = Number(process.env.NEUROFORMER_SEED ?? 1);
const CASES = Number(process.env.NEUROFORMER_CASES ?? 300);
/** SwiftShader compiles the kernels for most of a minute: it has its say where all is tried. */
const DEVICES = THOROUGH ? (['cpu', 'swiftshader'] as const) : (['cpu'] as const);
const NAMES = Object.keys(KERNELS) as KernelName[];

let taken: Taken[] = [];
let expected: Record<string, Expected>[] = [];
let cpu: Engine;
const made = new Map<string, Made[]>();
/** How much of its bounds each device used, by kernel. */
const shares = new Map<string, ReadonlyMap<KernelName, number>>();

beforeAll(async () => {
  cpu = await createEngine({ adapter: 'cpu' });
  const ops = randomOps(SEED, CASES);
  for (const [family, tuning] of Object.entries(FAMILIES)) {
    const engine = await createEngine({ device: cpu.device, tuning });
    const own = ops.filter((op) => op.family === family);
    const cases = own.map(({ name, run }) => ({ name, run: () => run(engine) }));
    taken.push(...(await take(engine, cases)));
    engine.dispose();
  }
  expected = taken.map(expectedBuffers);
}, 300_000);

afterAll(() => {
  cpu.dispose();
  taken = [];
  expected = [];
  made.clear();
});

/** Every fault of a device, and how much of the bounds it used, by kernel. */
function judge(results: readonly Made[]) {
  const faults: string[] = [];
  const used = new Map<KernelName, number>();
  let undecided = 0;
  for (const [n, { kernel, name, params }] of taken.entries()) {
    const comparison = compare(expected[n]!, results[n]!);
    used.set(kernel, Math.max(used.get(kernel) ?? 0, comparison.share));
    undecided += comparison.undecided;
    for (const fault of comparison.faults)
      faults.push(`${name}: ${kernel} ${JSON.stringify(params)}: ${fault}`);
  }
  return { faults, used, undecided };
}

describe(`${CASES} calls of ops on random shapes, seed ${SEED}`, () => {
  it.each(DEVICES)(
    'make within rounding what they should: %s',
    async (adapter) => {
      const engine = adapter === 'cpu' ? cpu : await createEngine({ adapter });
      const results = await replay(engine, taken);
      if (engine !== cpu) engine.dispose();
      made.set(adapter, results);
      const { faults, undecided, used } = judge(results);
      shares.set(adapter, used);
      expect(faults).toEqual([]);
      // A draw that rounding decides is compared with nothing: there may be hardly any.
      expect(undecided).toBeLessThan(CASES / 50);
    },
    300_000,
  );

  it('run every kernel on every device', () => {
    const run = new Set(taken.map(({ kernel }) => kernel));
    expect([...run].sort()).toEqual([...NAMES].sort());
    for (const adapter of DEVICES) expect(made.get(adapter)?.length).toBe(taken.length);
  });

  afterAll(() => {
    const rows = NAMES.map((name) => {
      const runs = taken.filter(({ kernel }) => kernel === name).length;
      const used = DEVICES.map((adapter) => {
        const share = shares.get(adapter)?.get(name);
        return (share === undefined ? '-' : `${(100 * share).toFixed(0)}%`).padStart(5);
      });
      return `  ${name.padEnd(32)} ${String(runs).padStart(5)} ${used.join(' ')}  ${KERNEL_BOUNDS[name].bound}`;
    });
    const title = `kernel, runs, share of the bound used on ${DEVICES.join(' and ')}:`;
    console.log([title, ...rows].join('\n'));
  });
});

/** What a check of one changed operand showed: how many of the changes that matter were noticed. */
interface Sensitivity {
  changes: number;
  noticed: number;
}

/**
 * Puts another word of the same buffer, or else another number, in the place of one: a wrong index.
 */
function exchange(words: Uint32Array, at: number, random: HostRandom): Uint32Array {
  const changed = words.slice();
  const other = words[random.integer(words.length)]!;
  changed[at] = other === words[at] ? 0 : other;
  return changed;
}

/**
 * What a change of an operand has to move to count: this share of the largest number of its buffer,
 * or of 0.1.
 */
const RESOLUTION = 2 ** -12;

/** Whether a change of an operand moves a word, or a number by more than the resolution. */
function isMoved(from: Record<string, Expected>, to: Record<string, Expected>): boolean {
  return Object.entries(from).some(([name, { words, numbers }]) => {
    const other = to[name]!;
    if (words.some((word, i) => !numbers.has(i) && word !== other.words[i])) return true;
    let scale = 0.1;
    for (const { value } of numbers.values()) scale = Math.max(scale, Math.abs(value));
    return [...numbers].some(([i, { value }]) => {
      const moved = other.numbers.get(i);
      return !moved || Math.abs(value - moved.value) > RESOLUTION * scale;
    });
  });
}

/**
 * Whether some bound of the reference holds no information, as where rounding decides a threshold.
 */
function isOpen(reference: Record<string, Expected>): boolean {
  return Object.values(reference).some(
    ({ numbers, undecided }) =>
      undecided.size > 0 ||
      [...numbers.values()].some(({ error }) => error === Number.POSITIVE_INFINITY),
  );
}

/**
 * Changes single words of everything a dispatch reads, and asks whether what the device made still
 * passes.
 */
function changeOperands(n: number, random: HostRandom): Sensitivity {
  const [dispatch, results] = [taken[n]!, made.get('cpu')![n]!];
  const sensitivity = { changes: 0, noticed: 0 };
  for (const { name, kind } of KERNELS[dispatch.kernel].bindings) {
    if (kind === 'uniform') continue;
    const words = dispatch.before[name]!;
    for (let times = 0; times < 2; times++) {
      const at = random.integer(words.length);
      const before = { ...dispatch.before, [name]: exchange(words, at, random) };
      const changed = expectedBuffers({ ...dispatch, before });
      // A word that the kernel leaves alone would differ by itself.
      if (changed[name]?.numbers.has(at) === false) changed[name].words[at] = words[at]!;
      if (!isMoved(expected[n]!, changed) || isOpen(changed)) continue;
      sensitivity.changes += 1;
      if (compare(changed, results).faults.length > 0) sensitivity.noticed += 1;
    }
  }
  return sensitivity;
}

/** Some dispatches of a kernel, small and large ones, but for those that take a reference long. */
function chooseDispatches(kernel: KernelName): number[] {
  const size = (n: number) =>
    Object.values(taken[n]!.before).reduce((sum, { length }) => sum + length, 0);
  const all = taken.flatMap((one, n) => (one.kernel === kernel && size(n) < 8000 ? [n] : []));
  all.sort((a, b) => size(a) - size(b));
  const step = Math.max(1, Math.ceil(all.length / 8));
  return all.filter((_, i) => (all.length - 1 - i) % step === 0);
}

/** Mistakes a kernel might hold: its shader, a line of it, and the line with the mistake. */
const MISTAKES: readonly (readonly [
  mistake: string,
  shader: string,
  line: string,
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
  ['an edge read twice', 'matmul_tiled', 'k + 4u * kk4 < tile.endK;', 'k + 4u * kk4 <= tile.endK;'],
  ['a split forgotten', 'matmul_reduce', 'split < params.splits; split++', 'split + 1u < params.splits; split++'],
  [
    'a key past the last',
    'attention_forward',
    'isMasked || j + 4u > params.S',
    'isMasked || j > params.S',
  ],
  [
    'its own key hidden',
    'attention_forward',
    'isVisible &= positions <= vec4u(i);',
    'isVisible &= positions < vec4u(i);',
  ],
  [
    'a mask read beside',
    'attention_direct',
    'min(j0 + n, params.S - 1u)]',
    'min(n, params.S - 1u)]',
  ],
  [
    'no rescaling',
    'attention_direct',
    't = scale_rows(load_tile_o(starts, c), rescale);',
    't = load_tile_o(starts, c);',
  ],
  [
    'nothing written where there is no key',
    'attention_direct',
    'if (area.startKey >= area.endKey) {',
    'if (false) {',
  ],
  [
    'a last query ignored',
    'attention_backward',
    'let end = select(min(tile + TILE, params.T), 0u, isMasked);',
    'let end = select(min(tile + TILE, params.T - 1u), 0u, isMasked);',
  ],
  [
    'a neighbor of the mean',
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
    'a last place left out',
    'unfold3d',
    'min(position / stride + 1u, count)',
    'min(position / stride, count)',
  ],
  [
    'a batch shared',
    'sequence',
    'x[(b * params.inLength + t) * params.C + c]',
    'x[t * params.C + c]',
  ],
  [
    'a gate of the wrong sign',
    'gru',
    '(1.0 - z) * candidate + z * h',
    'z * candidate + (1.0 - z) * h',
  ],
  [
    'a word past the end',
    'elementwise',
    'i < min(start + WG * ITEMS, params.n)',
    'i < start + WG * ITEMS',
  ],
  ['half of the draws', 'sample', 'f32(word >> 8u)', 'f32(word >> 9u)'],
];

/** Where mistakes run: a device that looks at every index is lost by some, and then another takes its place. */
let mistaken: Engine | undefined;
afterAll(() => mistaken?.dispose());

/** What the CPU device's dispatches of a shader show when its source is changed. */
async function faultsWhenChanged(shader: string, line: string, wrong: string): Promise<string[]> {
  const info = SHADERS[shader]!;
  const source = info.source.replaceAll(line, wrong);
  expect(source).not.toBe(info.source);
  SHADERS[shader] = { ...info, source };
  mistaken ??= await createEngine({ adapter: 'cpu' });
  const engine = await createEngine({ device: mistaken.device });
  try {
    const own = taken.flatMap(({ kernel }, n) => (KERNELS[kernel].shader === shader ? [n] : []));
    const results = await replay(
      engine,
      own.map((n) => taken[n]!),
    );
    return results.flatMap((result, i) => compare(expected[own[i]!]!, result).faults);
  } catch (error) {
    const { message } = error as Error;
    const isLost = /index \d+ of \w+ is outside/.test(message);
    if (isLost) mistaken = undefined;
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
    expect(total.changes).toBeGreaterThan(0);
    expect(total.noticed).toBe(total.changes);
  });

  it.each(MISTAKES)('notice %s in %s', async (_, shader, line, wrong) => {
    expect(await faultsWhenChanged(shader, line, wrong)).not.toEqual([]);
  });
});
