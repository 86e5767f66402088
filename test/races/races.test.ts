import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import type { Tuning } from '../../src/gpu/tuning.js';
import { HostRandom } from '../../src/math/random.js';
import { Linear } from '../../src/nn/layers.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { createEngine } from '../../src/node.js';
import { attention, attentionProbabilities } from '../../src/tensor/attention.js';
import { conv3d, unfold3d } from '../../src/tensor/conv3d.js';
import { addExpected, addExpectedEndless, appendTokens } from '../../src/tensor/drawn-tokens.js';
import { activate, dropout } from '../../src/tensor/elementwise.js';
import {
  addPositions,
  embedding,
  repeatRows,
  sinusoid,
  Tokens,
} from '../../src/tensor/embedding.js';
import { gru } from '../../src/tensor/gru.js';
import { layerNorm } from '../../src/tensor/layernorm.js';
import { linear, matmulTransposed, mlp } from '../../src/tensor/linear.js';
import { crossEntropy, meanSquaredError } from '../../src/tensor/losses.js';
import { mixWeights } from '../../src/tensor/mixture.js';
import { normalize } from '../../src/tensor/normalize.js';
import { addInto } from '../../src/tensor/primitives.js';
import { type Dropout, RandomState } from '../../src/tensor/random.js';
import { rowDots } from '../../src/tensor/row-dots.js';
import { sample } from '../../src/tensor/sample.js';
import { addRow, concatenate, meanPool, slice } from '../../src/tensor/sequence.js';
import { softmax } from '../../src/tensor/softmax.js';
import { spikeHistory } from '../../src/tensor/spike-history.js';
import { differentiate } from '../../src/tensor/tape.js';
import { elementCount, Tensor } from '../../src/tensor/tensor.js';
import { caseCount, THOROUGH } from '../helpers/thorough.js';
import {
  type CapturedDispatch,
  captureDispatches,
  checkDispatch,
  dispatchedSource,
} from './races.js';

/**
 * The kernels for GPUs, with workgroups and tiles so small that even tiny shapes reach every
 * barrier more than once.
 */
const TINY: Partial<Tuning> = {
  staged: true,
  matmulTiles: [{ m: 8, n: 16, k: 4, rows: 4 }],
  minWorkgroups: 8,
  rowGroup: 8,
  rowLanes: 4,
  columnSlices: 4,
  items: 2,
  attentionGroup: 4,
  reduceGroup: 8,
  sampleGroup: 4,
};

/** The kernels for the CPU, whatever device runs the tests. */
const WITHOUT_BARRIERS: Partial<Tuning> = {
  staged: false,
  rowGroup: 16,
  rowLanes: 1,
  columnSlices: 1,
  items: 16,
  reduceGroup: 16,
  sampleGroup: 1,
};

const TUNINGS = {
  'staged, one attention row': { ...TINY, attentionRows: 1 },
  'staged, two attention rows': { ...TINY, attentionRows: 2 },
  'without barriers, as on the CPU': WITHOUT_BARRIERS,
} as const satisfies Record<string, Partial<Tuning>>;

/** Creates the inputs of the ops below, and runs their backward passes. */
class Kit {
  readonly #hostRandom = new HostRandom(3);
  readonly random: RandomState;

  constructor(readonly engine: Engine) {
    this.random = new RandomState(engine, 7);
  }

  get dropout(): Dropout {
    return { rate: 0.3, site: 1, random: this.random };
  }

  /** A tensor of normal random numbers that requires a gradient. */
  tensor(...shape: number[]): Tensor {
    const length = elementCount(shape);
    const values = Float32Array.from({ length }, () => this.#hostRandom.normal());
    return Tensor.from(this.engine, values, shape, { requiresGrad: true });
  }

  /** Like `tensor`, without a gradient. */
  constant(...shape: number[]): Tensor {
    const tensor = this.tensor(...shape);
    tensor.requiresGrad = false;
    return tensor;
  }

  /** A u32 tensor whose element n is `word(n)`. */
  words(shape: number[], word: (n: number) => number): Tensor {
    const values = Uint32Array.from({ length: elementCount(shape) }, (_, n) => word(n));
    return Tensor.from(this.engine, values, shape);
  }

  /** An f32 tensor whose element n is `value(n)`, without a gradient. */
  numbers(shape: number[], value: (n: number) => number): Tensor {
    const values = Float32Array.from({ length: elementCount(shape) }, (_, n) => value(n));
    return Tensor.from(this.engine, values, shape);
  }

  /** Runs a forward pass, a loss of its result, and the backward pass. */
  train(forward: () => Tensor): void {
    differentiate(this.engine, () => {
      const y = forward();
      return meanSquaredError(y, this.constant(...y.shape));
    });
  }
}

/** Runs every op, forward and backward, on shapes that leave tiles and workgroups partly empty. */
function runEveryOp(engine: Engine): void {
  const kit = new Kit(engine);
  runProducts(kit);
  runRowOps(kit);
  runSequenceOps(kit);
  runAttention(kit);
  runElementwiseOps(kit);
  runNeuronHeads(kit);
  const lowest = kit.words([5], (n) => n);
  sample(kit.tensor(5, 13), { random: kit.random, site: 2, topK: 6, topP: 0.8, lowest });
  runAdamStep(kit);
}

function runProducts(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  const { dropout } = kit;
  kit.train(() => linear(t(9, 7), t(11, 7), { bias: t(11), gelu: true, dropout }));
  kit.train(() => linear(t(10, 8), t(12, 8), { bias: t(12), residual: t(10, 12) }));
  // K is long enough to be split over workgroups.
  kit.train(() => linear(t(40, 36), t(4, 36)));
  kit.train(() => linear(t(37, 35), t(3, 35), { bias: t(3) }));
  kit.train(() => matmulTransposed(t(2, 9, 8), t(2, 12, 8), 0.5));
  const weights = { weight1: t(12, 8), bias1: t(12), weight2: t(8, 12), bias2: t(8) };
  kit.train(() => mlp(t(5, 8), weights, { residual: t(5, 8), dropout }));
}

function runRowOps(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  kit.train(() => layerNorm(t(5, 7), t(7), t(7)));
  kit.train(() => layerNorm(t(5, 12), t(12), t(12)));
  kit.train(() => normalize(t(5, 7)));
  const targets = kit.words([7], (n) => (n === 3 ? 2 : n % 9));
  differentiate(kit.engine, () => crossEntropy(t(7, 9), targets, { ignore: 2, weights: t(9) }));
  differentiate(kit.engine, () =>
    meanSquaredError(t(21), kit.constant(21), { weights: kit.constant(21) }),
  );
}

function runSequenceOps(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  const tokens = new Tokens(kit.engine, [2, 5], 4, [0, 3, 3, 1, 0, 3, 3, 3, 1, 0]);
  const mask = kit.words([3, 5], (n) => Number(n < 9));
  kit.train(() => embedding(t(4, 6), tokens, { add: t(2, 5, 6), positions: t(7, 6) }));
  kit.train(() => embedding(t(4, 8), tokens, { add: t(2, 5, 8), positions: t(7, 8) }));
  kit.train(() => addPositions(t(2, 5, 6), t(5, 6)));
  kit.train(() => slice(concatenate([t(2, 3, 5), t(2, 4, 5)]), 2, 4));
  kit.train(() => meanPool(t(3, 5, 30), mask));
  kit.train(() => conv3d(t(1, 2, 3, 5, 5), t(3, 2, 2, 3, 3), t(3), [1, 2, 1]).out);
  kit.train(() => unfold3d(t(1, 2, 3, 4, 4), [2, 2, 2], [1, 1, 2]).patches);
  sinusoid(t(7, 3), 20);
  sinusoid(t(7, 1), 6);
  const weights = {
    weightInput: t(30, 5),
    biasInput: t(30),
    weightState: t(30, 10),
    biasState: t(30),
  };
  kit.train(() => gru(t(2, 3, 5), t(2, 10), weights));
  const stepMask = kit.words([1, 3], (n) => n % 2);
  kit.train(() => gru(t(1, 3, 5), t(1, 10), weights, { reverse: true, mask: stepMask }));
}

function runAttention(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  const { dropout } = kit;
  const mask = kit.words([2, 41], (n) => Number(n % 3 !== 0));
  const topKeys = { heads: 1, topK: 3 };
  kit.train(() => attention(t(2, 41, 6), t(2, 41, 6), t(2, 41, 6), { heads: 2, causal: true }));
  kit.train(() => attention(t(2, 9, 8), t(2, 41, 8), t(2, 41, 8), { heads: 2, mask, dropout }));
  kit.train(() => attention(t(1, 6, 4), t(1, 9, 4), t(1, 9, 4), topKeys));
  attentionProbabilities(t(1, 6, 4), t(1, 9, 4), topKeys);
  // Enough keys to be split over workgroups.
  kit.train(() => attention(t(1, 3, 2), t(1, 260, 2), t(1, 260, 2), { heads: 1 }));
}

function runElementwiseOps(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  for (const kind of ['gelu', 'relu', 'tanh', 'sigmoid', 'softplus', 'log1p'] as const)
    for (const columns of [50, 52]) kit.train(() => activate(t(3, columns), kind));
  for (const columns of [50, 52]) kit.train(() => dropout(t(3, columns), kit.dropout));
  for (const length of [200, 201]) addInto(kit.engine, t(length), t(length));
}

function runNeuronHeads(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  kit.train(() => rowDots(repeatRows(t(7, 5), 3), t(7, 5), t(7)));
  kit.train(() => addRow(t(3, 5, 30), t(3, 30)));
  kit.train(() => mixWeights(t(3, 50), kit.tensor(3, 50)));
  kit.train(() => softmax(t(3, 50)));
  const tokens = {
    ids: kit.words([5, 4], (n) => n % 9),
    times: kit.numbers([5, 4], (n) => n % 4),
    pastIds: kit.words([5, 6], (n) => n % 8),
    pastTimes: kit.numbers([5, 6], (n) => n % 6),
    masks: {
      current: kit.words([5, 4], (n) => n % 5),
      past: kit.words([5, 6], (n) => n % 4),
    },
  };
  for (const columns of [9, 1])
    kit.train(() => spikeHistory(tokens, t(2, 9), { neurons: 7, columns, pastSteps: 6 }));
  appendTokens(tokens, 2, {
    ids: kit.words([5], (n) => n),
    times: kit.words([5], (n) => n),
  });
  addExpected(t(5, 13), kit.constant(5, 13), tokens, { position: 3, end: 8 });
  const reach = kit.constant(5, 4);
  addExpectedEndless(t(5, 13), kit.constant(5, 13), reach, { position: 2, end: 8 });
}

function runAdamStep(kit: Kit): void {
  const store = new ParameterStore();
  const layer = new Linear(store, 6, 13);
  store.allocate(kit.engine, 1);
  kit.train(() => layer.call(kit.tensor(4, 6)));
  new AdamW(store, { maxNorm: 0.01 }).step(0.1);
}

/** The dispatches of all ops, by tuning. */
const captured = new Map<string, CapturedDispatch[]>();

/** The dispatches of a shader's kernels under every tuning. */
function shaderDispatches(shader: string): CapturedDispatch[] {
  return [...captured.values()].flat().filter((d) => KERNELS[d.kernel].shader === shader);
}

/** The problems of a changed shader, in the first of its dispatches that has any. */
function problemsWhenChanged(shader: string, change: (source: string) => string): string[] {
  for (const dispatch of shaderDispatches(shader)) {
    const { problems } = checkDispatch(dispatch, change(dispatchedSource(dispatch)));
    if (problems.length > 0) return problems;
  }
  return [];
}

beforeAll(async () => {
  for (const [name, tuning] of Object.entries(TUNINGS)) {
    const engine = await createEngine({ tuning });
    captured.set(name, await captureDispatches(engine, () => runEveryOp(engine)));
    engine.dispose();
  }
});
afterAll(() => captured.clear());

describe('every kernel', () => {
  it('is dispatched at least once', () => {
    const kernels = new Set<string>([...captured.values()].flat().map(({ kernel }) => kernel));
    const missing = Object.keys(KERNELS).filter((name) => !kernels.has(name));
    expect(missing, 'kernels whose op the functions above do not call').toEqual([]);
  });

  // Two attention rows change only the attention kernels: a thorough run checks them too.
  it.each(Object.keys(TUNINGS).filter((name) => THOROUGH || !name.includes('two')))(
    'has no race and gives the same result in the checker and on the device: %s',
    (name) => {
      const findings = captured.get(name)!.flatMap((dispatch) => {
        const { problems, differences } = checkDispatch(dispatch);
        return [...problems, ...differences].map((text) => `${dispatch.kernel}: ${text}`);
      });
      expect(findings).toEqual([]);
    },
  );
});

const BARRIER = /workgroupBarrier\(\);|workgroupUniformLoad\(&([^;]+)\)/g;

/**
 * The barriers whose removal causes no race, by their index in the shader: that which ends the
 * shared function row_sum, to separate one call from the next, where an entry point calls it once.
 */
const UNNEEDED: Record<string, number[]> = { normalize: [2], row_dots: [2], softmax: [4] };

/** Removes the n-th barrier from a source; a workgroupUniformLoad becomes a plain load. */
function withoutBarrier(n: number): (source: string) => string {
  return (source) => {
    let count = 0;
    return source.replaceAll(BARRIER, (barrier, variable) =>
      count++ === n ? (variable ?? '') : barrier,
    );
  };
}

// It interprets shaders itself, on whichever device the other tests run.
describe.skipIf(process.env.NEUROFORMER_ADAPTER)('the race checker', () => {
  const shaders = Object.keys(SHADERS).filter((name) => SHADERS[name]!.source.match(BARRIER));

  it.each(shaders.slice(0, caseCount(shaders.length)))(
    'notices every barrier removed from %s',
    (shader) => {
      const barriers = [...SHADERS[shader]!.source.matchAll(BARRIER)];
      const unneeded = barriers.flatMap((_, n) =>
        problemsWhenChanged(shader, withoutBarrier(n)).length > 0 ? [] : [n],
      );
      expect(unneeded).toEqual(UNNEEDED[shader] ?? []);
    },
  );

  it('notices that two workgroups write one word', () => {
    const sameIndexInAllGroups = (source: string) =>
      source.replaceAll('group.x + group.y', '0u * group.y');
    const problems = problemsWhenChanged('elementwise', sameIndexInAllGroups);
    expect(problems).toContainEqual(
      expect.stringMatching(/^out: two workgroups race, lines \d+ and \d+$/),
    );
  });

  it('notices that two invocations write components of one vector', () => {
    const byComponents = (source: string) =>
      source.replace('scratch[local] = sums;', 'scratch[local / 2u][local % 2u] = sums.x;');
    const problems = problemsWhenChanged('layernorm', byComponents);
    expect(problems).toContainEqual(
      expect.stringMatching(/^scratch: two invocations race, lines (\d+) and \1$/),
    );
  });

  it('notices a barrier that only some invocations reach', () => {
    const withEarlyReturn = (source: string) =>
      source.replace(
        'scratch[local] = sums;',
        'if (local == 1u) { return; }\n    scratch[local] = sums;',
      );
    const problems = problemsWhenChanged('layernorm', withEarlyReturn);
    expect(problems).toContainEqual(
      expect.stringMatching(/^barrier not reached by all invocations: they stop at line \d+, /),
    );
  });

  it('notices reads and writes outside a buffer', () => {
    const unbounded = (source: string) =>
      source.replaceAll('min(start + WG * ITEMS, params.n)', 'start + WG * ITEMS');
    const problems = problemsWhenChanged('elementwise', unbounded);
    expect(problems).toContainEqual(expect.stringMatching(/^line \d+: x is read out of bounds$/));
    expect(problems).toContainEqual(
      expect.stringMatching(/^line \d+: out is written out of bounds$/),
    );
  });

  it('notices a result that differs from the device', () => {
    const dispatch = captured
      .get('without barriers, as on the CPU')!
      .find((d) => d.kernel === 'elementwise.combine')!;
    const changed = dispatchedSource(dispatch).replace('params.alpha * x[i]', '2.5 * x[i]');
    const { differences } = checkDispatch(dispatch, changed);
    expect(differences.length).toBeGreaterThan(0);
    expect(differences[0]).toMatch(/^out\[\d+\] is \S+ in the checker, \S+ on the device$/);
  });

  it('finds in the example of the README what the README says', async () => {
    const engine = await createEngine({ tuning: TINY });
    const kit = new Kit(engine);
    const [dispatch] = await captureDispatches(engine, () => {
      layerNorm(kit.tensor(5, 7), kit.tensor(7), kit.tensor(7));
    });
    engine.dispose();
    expect(checkDispatch(dispatch!)).toEqual({ problems: [], differences: [] });
    const changed = dispatchedSource(dispatch!).replace('workgroupBarrier();', '');
    const { problems } = checkDispatch(dispatch!, changed);
    const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
    const [, printed] = /^```text\n([\s\S]*?)^```/m.exec(readme)!;
    // The line numbers move with every edit of the shader.
    const withoutNumbers = (text: string) => text.replaceAll(/\d+/g, 'N');
    expect(withoutNumbers(printed!)).toBe(withoutNumbers(`${problems.join('\n')}\n`));
  });
});
