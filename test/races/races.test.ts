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
import { activate, dropout } from '../../src/tensor/elementwise.js';
import { addPositions, embedding, sinusoid, Tokens } from '../../src/tensor/embedding.js';
import { gru } from '../../src/tensor/gru.js';
import { layerNorm } from '../../src/tensor/layernorm.js';
import { linear, matmulTransposed, mlp } from '../../src/tensor/linear.js';
import { crossEntropy, meanSquaredError, normalize } from '../../src/tensor/losses.js';
import { addInto } from '../../src/tensor/primitives.js';
import { type Dropout, RandomState } from '../../src/tensor/random.js';
import { sample } from '../../src/tensor/sample.js';
import { concatenate, conv3d, meanPool, slice, unfold3d } from '../../src/tensor/sequence.js';
import { differentiate } from '../../src/tensor/tape.js';
import { elementCount, Tensor } from '../../src/tensor/tensor.js';
import { THOROUGH, tries } from '../helpers/thorough.js';
import { type Captured, capture, dispatchedSource, examine } from './races.js';

/** As on a GPU, but with workgroups and tiles so small that tiny shapes cross every barrier more than once. */
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

/** As on the CPU, whatever device runs the tests. */
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

/** What the ops below are made with: random tensors that want gradients, words, dropout, and a walk back. */
class Kit {
  readonly #host = new HostRandom(3);
  readonly random: RandomState;

  constructor(readonly engine: Engine) {
    this.random = new RandomState(engine, 7);
  }

  get dropout(): Dropout {
    return { rate: 0.3, site: 1, random: this.random };
  }

  tensor(...shape: number[]): Tensor {
    const values = Float32Array.from({ length: elementCount(shape) }, () => this.#host.normal());
    return Tensor.from(this.engine, values, shape, { requiresGrad: true });
  }

  /** Like `tensor`, without a gradient. */
  constant(...shape: number[]): Tensor {
    const made = this.tensor(...shape);
    made.requiresGrad = false;
    return made;
  }

  words(shape: number[], word: (n: number) => number): Tensor {
    const values = Uint32Array.from({ length: elementCount(shape) }, (_, n) => word(n));
    return Tensor.from(this.engine, values, shape);
  }

  /** Ends what was computed in a loss, and walks back. */
  train(forward: () => Tensor): void {
    differentiate(this.engine, () => {
      const y = forward();
      return meanSquaredError(y, this.constant(...y.shape));
    });
  }
}

/** Every op, forward and backward, on shapes that leave tiles and workgroups part empty. */
function everyOp(engine: Engine): void {
  const kit = new Kit(engine);
  products(kit);
  rows(kit);
  sequences(kit);
  attentions(kit);
  elements(kit);
  const lowest = kit.words([5], (n) => n);
  sample(kit.tensor(5, 13), { random: kit.random, site: 2, topK: 6, topP: 0.8, lowest });
  adamStep(kit);
}

function products(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  const { dropout } = kit;
  kit.train(() => linear(t(9, 7), t(11, 7), { bias: t(11), gelu: true, dropout }));
  kit.train(() => linear(t(10, 8), t(12, 8), { bias: t(12), residual: t(10, 12) }));
  // K long enough to be split over workgroups.
  kit.train(() => linear(t(40, 36), t(4, 36)));
  kit.train(() => linear(t(37, 35), t(3, 35), { bias: t(3) }));
  kit.train(() => matmulTransposed(t(2, 9, 8), t(2, 12, 8), 0.5));
  const weights = { weight1: t(12, 8), bias1: t(12), weight2: t(8, 12), bias2: t(8) };
  kit.train(() => mlp(t(5, 8), weights, { residual: t(5, 8), dropout }));
}

function rows(kit: Kit): void {
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

function sequences(kit: Kit): void {
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
  const steps = kit.words([1, 3], (n) => n % 2);
  kit.train(() => gru(t(1, 3, 5), t(1, 10), weights, { reverse: true, mask: steps }));
}

function attentions(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  const { dropout } = kit;
  const mask = kit.words([2, 41], (n) => Number(n % 3 !== 0));
  const few = { heads: 1, topK: 3 };
  kit.train(() => attention(t(2, 41, 6), t(2, 41, 6), t(2, 41, 6), { heads: 2, causal: true }));
  kit.train(() => attention(t(2, 9, 8), t(2, 41, 8), t(2, 41, 8), { heads: 2, mask, dropout }));
  kit.train(() => attention(t(1, 6, 4), t(1, 9, 4), t(1, 9, 4), few));
  attentionProbabilities(t(1, 6, 4), t(1, 9, 4), few);
  // Keys enough to be split over workgroups.
  kit.train(() => attention(t(1, 3, 2), t(1, 260, 2), t(1, 260, 2), { heads: 1 }));
}

function elements(kit: Kit): void {
  const t = kit.tensor.bind(kit);
  for (const kind of ['gelu', 'relu', 'tanh', 'sigmoid'] as const)
    for (const columns of [50, 52]) kit.train(() => activate(t(3, columns), kind));
  for (const columns of [50, 52]) kit.train(() => dropout(t(3, columns), kit.dropout));
  for (const length of [200, 201]) addInto(kit.engine, t(length), t(length));
}

function adamStep(kit: Kit): void {
  const store = new ParameterStore();
  const layer = new Linear(store, 6, 13);
  store.allocate(kit.engine, 1);
  kit.train(() => layer.call(kit.tensor(4, 6)));
  new AdamW(store, { maxNorm: 0.01 }).step(0.1);
}

const captured = new Map<string, Captured[]>();

/** The dispatches of a shader's kernels, under every tuning. */
function shaderDispatches(shader: string): Captured[] {
  return [...captured.values()].flat().filter((d) => KERNELS[d.kernel].shader === shader);
}

/** What a change of a shader's source shows in the first of its dispatches that shows anything. */
function problemsWhenChanged(shader: string, change: (source: string) => string): string[] {
  for (const dispatch of shaderDispatches(shader)) {
    const { problems } = examine(dispatch, change(dispatchedSource(dispatch)));
    if (problems.length > 0) return problems;
  }
  return [];
}

beforeAll(async () => {
  for (const [name, tuning] of Object.entries(TUNINGS)) {
    const engine = await createEngine({ tuning });
    captured.set(name, await capture(engine, () => everyOp(engine)));
    engine.dispose();
  }
});
afterAll(() => captured.clear());

describe('every kernel', () => {
  it('is run', () => {
    const run = [...captured.values()].flat().map(({ kernel }) => kernel);
    expect([...new Set(run)].sort()).toEqual(Object.keys(KERNELS).sort());
  });

  // With two attention rows it is attention alone that differs.
  it.each(Object.keys(TUNINGS).filter((name) => THOROUGH || !name.includes('two')))(
    'races nowhere, and makes on the CPU what it makes on the GPU: %s',
    (name) => {
      const found = captured.get(name)!.flatMap((dispatch) => {
        const { problems, differences } = examine(dispatch);
        return [...problems, ...differences].map((text) => `${dispatch.kernel}: ${text}`);
      });
      expect(found).toEqual([]);
    },
  );
});

const BARRIER = /workgroupBarrier\(\);|workgroupUniformLoad\(&([^;]+)\)/g;

/** Barriers that close a helper against its next call, in shaders that call it once: the helper is the same in all. */
const SPARE: Record<string, number[]> = { cross_entropy: [4], normalize: [2] };

/** Takes the n-th barrier out of a source; of a uniform load, leaves the load. */
function withoutBarrier(n: number): (source: string) => string {
  return (source) => {
    let seen = 0;
    return source.replaceAll(BARRIER, (whole, variable) =>
      seen++ === n ? (variable ?? '') : whole,
    );
  };
}

describe('the check', () => {
  const shaders = Object.keys(SHADERS).filter((name) => SHADERS[name]!.source.match(BARRIER));

  it.each(shaders.slice(0, tries(shaders.length)))(
    'notices every barrier taken out of %s',
    (shader) => {
      const barriers = [...SHADERS[shader]!.source.matchAll(BARRIER)];
      const spare = barriers.flatMap((_, n) =>
        problemsWhenChanged(shader, withoutBarrier(n)).length > 0 ? [] : [n],
      );
      expect(spare).toEqual(SPARE[shader] ?? []);
    },
  );

  it('sees two workgroups write one word', () => {
    const everyGroupAlike = (source: string) =>
      source.replaceAll('group.x + group.y', '0u * group.y');
    const found = problemsWhenChanged('elementwise', everyGroupAlike);
    expect(found).toContainEqual(expect.stringMatching(/^out: two workgroups race, lines \d+ and/));
  });

  it('sees a barrier that only some invocations reach', () => {
    const early = (source: string) =>
      source.replace(
        'scratch[local] = sums;',
        'if (local == 1u) { return; }\n    scratch[local] = sums;',
      );
    const found = problemsWhenChanged('layernorm', early);
    expect(found).toContainEqual(expect.stringMatching(/^barrier not reached by all/));
  });

  it('sees words read and written outside a buffer', () => {
    const unbounded = (source: string) =>
      source.replaceAll('min(start + WG * ITEMS, params.n)', 'start + WG * ITEMS');
    const found = problemsWhenChanged('elementwise', unbounded);
    expect(found).toContainEqual(expect.stringMatching(/x is read outside$/));
    expect(found).toContainEqual(expect.stringMatching(/out is written outside$/));
  });

  it('sees the CPU make something else than the GPU did', () => {
    const dispatch = captured
      .get('without barriers, as on the CPU')!
      .find((d) => d.kernel === 'elementwise.combine')!;
    const changed = dispatchedSource(dispatch).replace('params.alpha * x[i]', '2.5 * x[i]');
    const { differences } = examine(dispatch, changed);
    expect(differences.length).toBeGreaterThan(0);
    expect(differences[0]).toMatch(/^out\[\d+\] is \S+, on the GPU \S+$/);
  });
});
