/**
 * Calls of the public ops on random shapes, which together reach every kernel.
 *
 * Shapes have single elements, sizes next to multiples of 4 and of a tile, sizes larger than a
 * tile, empty batches and sequences, masks that hide everything, and rows shared by a batch.
 */

import type { Engine } from '../../src/gpu/engine.js';
import type { Tuning } from '../../src/gpu/tuning.js';
import { HostRandom } from '../../src/math/random.js';
import { Linear } from '../../src/nn/layers.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { attention, attentionProbabilities } from '../../src/tensor/attention.js';
import { conv3d, type Triple, unfold3d } from '../../src/tensor/conv3d.js';
import { addExpected, addExpectedEndless, appendTokens } from '../../src/tensor/drawn-tokens.js';
import { type Activation, activate, dropout, sumLosses } from '../../src/tensor/elementwise.js';
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
import { contrastiveLoss, crossEntropy, meanSquaredError } from '../../src/tensor/losses.js';
import { mixWeights } from '../../src/tensor/mixture.js';
import { normalize } from '../../src/tensor/normalize.js';
import { addInto, scaleInto } from '../../src/tensor/primitives.js';
import { type Dropout, RandomState } from '../../src/tensor/random.js';
import { rowDots } from '../../src/tensor/row-dots.js';
import { sample } from '../../src/tensor/sample.js';
import { addRow, concatenate, meanPool, slice, writePositions } from '../../src/tensor/sequence.js';
import { softmax } from '../../src/tensor/softmax.js';
import { spikeHistory } from '../../src/tensor/spike-history.js';
import { differentiate } from '../../src/tensor/tape.js';
import { elementCount, Tensor } from '../../src/tensor/tensor.js';

const TILES: Tuning['matmulTiles'] = [{ m: 8, n: 16, k: 4, rows: 4 }];

/**
 * A tuning as on a GPU, with workgroups and tiles so small that small shapes exceed all of them.
 */
const STAGED: Partial<Tuning> = {
  staged: true,
  matmulTiles: TILES,
  minWorkgroups: 8,
  rowGroup: 8,
  rowLanes: 4,
  columnSlices: 4,
  items: 2,
  attentionGroup: 4,
  attentionRows: 1,
  reduceGroup: 8,
  sampleGroup: 4,
};

/**
 * Tunings that select the families of kernels: as on a GPU with one or two attention rows per
 * invocation, and as on the CPU device.
 */
export const FAMILIES: Readonly<Record<string, Partial<Tuning>>> = {
  staged: STAGED,
  'staged in pairs': {
    ...STAGED,
    attentionRows: 2,
    matmulTiles: [...TILES, { m: 16, n: 32, k: 8, rows: 8 }],
  },
  direct: {
    staged: false,
    minWorkgroups: 8,
    rowGroup: 16,
    rowLanes: 1,
    columnSlices: 1,
    items: 2,
    reduceGroup: 16,
    sampleGroup: 1,
  },
};

/** One call of an op, to be run on an engine with the tuning of its family. */
export interface RandomOp {
  readonly name: string;
  /** A key of FAMILIES. */
  readonly family: string;
  run(engine: Engine): void;
}

/**
 * Families in the order in which the calls of an op use them; every other one is that of the CPU
 * device.
 */
const FAMILY_ORDER = ['staged', 'direct', 'staged in pairs', 'direct'] as const;

/**
 * Draws calls of every op in turn, over rounds of all ops: in each family, with and without rows
 * that are a multiple of vec4 long.
 *
 * @param seed draws the shapes and the numbers.
 * @param count calls in total.
 */
export function randomOps(seed: number, count: number): RandomOp[] {
  const names = Object.keys(OPS);
  return Array.from({ length: count }, (_, n) => {
    const op = names[n % names.length]!;
    const round = Math.floor(n / names.length);
    const family = FAMILY_ORDER[round % FAMILY_ORDER.length]!;
    // Half of the ops start with multiples of vec4, so that a short run contains both.
    const isWide = (Math.floor(round / FAMILY_ORDER.length) + (n % names.length)) % 2 === 0;
    return {
      name: `case ${n}, ${op}, ${family}`,
      family,
      run(engine) {
        // By name, so that an op more does not change what the others draw.
        const kit = new Kit(engine, seed + round * 2 ** 20 + hash(op), isWide);
        OPS[op]!(kit);
        kit.random.dispose();
      },
    };
  });
}

/** A number from 0 to 2^20 that depends on each character of a name and its place. */
function hash(name: string): number {
  return [...name].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % 2 ** 20, 7);
}

/** Random sizes, tensors and dropout for one call; `isWide` makes rows a multiple of vec4 long. */
class Kit {
  readonly host: HostRandom;
  readonly random: RandomState;
  readonly engine: Engine;
  readonly isWide: boolean;

  constructor(engine: Engine, seed: number, isWide: boolean) {
    this.engine = engine;
    this.isWide = isWide;
    this.host = new HostRandom(seed);
    this.random = new RandomState(engine, seed);
    this.random.step = this.host.integer(1000);
  }

  chance(probability: number): boolean {
    return this.host.uniform() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.host.integer(choices.length)]!;
  }

  /** A size from 1 to `max`; at most 5 half of the time. */
  size(max: number): number {
    return 1 + this.host.integer(this.chance(0.5) ? Math.min(max, 5) : max);
  }

  /** The width of a row: a multiple of 4 if `isWide`, else any. */
  width(max: number): number {
    return this.isWide ? 4 * this.size(Math.ceil(max / 4)) : this.size(max);
  }

  /** The size of a batch or sequence, which may be 0. */
  count(max: number): number {
    return this.chance(0.1) ? 0 : this.size(max);
  }

  /** A tensor of normal random numbers that requires a gradient. */
  tensor(...shape: number[]): Tensor {
    return this.scaled(1, ...shape);
  }

  /** The same with another standard deviation. */
  scaled(deviation: number, ...shape: number[]): Tensor {
    const normal = () => deviation * this.host.normal();
    const values = Float32Array.from({ length: elementCount(shape) }, normal);
    return Tensor.from(this.engine, values, shape, { requiresGrad: true });
  }

  /** A tensor of normal random numbers that requires no gradient. */
  constant(...shape: number[]): Tensor {
    const tensor = this.tensor(...shape);
    tensor.requiresGrad = false;
    return tensor;
  }

  /** A u32 tensor. */
  words(shape: readonly number[], word: (n: number) => number): Tensor {
    const values = Uint32Array.from({ length: elementCount(shape) }, (_, n) => word(n));
    return Tensor.from(this.engine, values, shape);
  }

  /**
   * A mask [rows, length] of zeros and ones, with some larger values and sometimes with a row of
   * zeros.
   */
  mask(rows: number, length: number): Tensor {
    const hiddenRow = this.chance(0.3) ? this.host.integer(Math.max(rows, 1)) : -1;
    const shownShare = this.pick([0.3, 0.6, 0.9]);
    return this.words([rows, length], (n) => {
      if (Math.floor(n / length) === hiddenRow || !this.chance(shownShare)) return 0;
      return this.pick([1, 1, 2 ** 31]);
    });
  }

  maybe<T>(make: () => T): T | undefined {
    return this.chance(0.5) ? make() : undefined;
  }

  dropout(): Dropout {
    const rate = this.pick([0.1, 0.5, 0.9]);
    return { rate, site: 1 + this.host.integer(9), random: this.random };
  }

  /** Computes an output, a loss of it and all gradients. Sometimes the output is used twice. */
  train(forward: () => Tensor): void {
    const isUsedTwice = this.chance(0.25);
    differentiate(this.engine, () => {
      const y = forward();
      const loss = meanSquaredError(y, this.constant(...y.shape));
      if (!isUsedTwice) return loss;
      return sumLosses([loss, meanSquaredError(y, this.constant(...y.shape))], [1, 0.5]);
    });
  }
}

/** Widths of an attention head. */
const HEAD_WIDTHS = [4, 6] as const;

/** The leading axes of a shape: one or two, sometimes empty. */
function leadingAxes(k: Kit, max: number): number[] {
  return k.chance(0.5) ? [k.count(max)] : [k.size(3), k.count(Math.ceil(max / 3))];
}

/** What queries can see: causal or not, with a key mask or without. */
function visibility(k: Kit, B: number, S: number) {
  const [causal, hasMask] = [k.chance(0.4), k.chance(0.6)];
  return { causal, ...(hasMask && { mask: k.mask(B, S) }) };
}

/** Computes attention and its gradients. */
function attend(k: Kit, B: number, T: number, S: number, heads: number, options: object): void {
  const width = heads * k.pick(HEAD_WIDTHS);
  const [query, key, value] = [k.tensor(B, T, width), k.tensor(B, S, width), k.tensor(B, S, width)];
  k.train(() => attention(query, key, value, { heads, ...options }));
}

/** Zeros around a video, along each axis fewer than the kernel is long. */
function randomPadding(k: Kit, kernel: Triple): Triple {
  const [t, h, w] = kernel.map((length) => k.host.integer(length)) as [number, number, number];
  return [t, h, w];
}

/** Values at which functions overflow, vanish or take another branch. */
const EXTREMES = [
  0, -0, 1e-30, 0.1, -0.1, 0.09999, 1, -1, 6, -6, 13, -13, 60, -60, 87, -87, 1e4, -1e4,
];

const OPS: Readonly<Record<string, (k: Kit) => void>> = {
  linear(k) {
    const [rows, inner, outer] = [leadingAxes(k, 33), k.width(33), k.width(36)];
    const options = {
      bias: k.maybe(() => k.tensor(outer)),
      gelu: k.chance(0.5),
      dropout: k.maybe(() => k.dropout()),
      residual: k.maybe(() => k.tensor(...rows, outer)),
    };
    const [x, weight] = [k.tensor(...rows, inner), k.tensor(outer, inner)];
    k.train(() => linear(x, weight, options));
  },

  'linear of long rows'(k) {
    // Long enough for K to be split over workgroups, or to span several panels.
    const inner = 4 * k.pick([64, 65, 128, 131]) + (k.isWide ? 0 : k.pick([1, 3]));
    const [x, weight] = [k.tensor(k.size(6), inner), k.tensor(k.width(6), inner)];
    k.train(() => linear(x, weight));
  },

  'linear of many rows'(k) {
    const [rows, inner, outer] = [512 + k.width(60), k.width(5), k.width(5)];
    const [x, weight, bias] = [k.tensor(rows, inner), k.tensor(outer, inner), k.tensor(outer)];
    k.train(() => linear(x, weight, { bias }));
  },

  'linear past a block'(k) {
    const [rows, inner, outer] = [64 + k.size(9), k.width(9), 32 + k.width(9)];
    const [x, weight] = [k.tensor(rows, inner), k.tensor(outer, inner)];
    k.train(() => linear(x, weight, { bias: k.tensor(outer) }));
  },

  matmulTransposed(k) {
    const [B, M, N, K] = [k.count(4), k.width(18), k.width(18), k.width(18)];
    const [a, b] = [k.tensor(B, M, K), k.tensor(B, N, K)];
    k.train(() => matmulTransposed(a, b, k.pick([1, 0.5, 3])));
  },

  mlp(k) {
    const [rows, inner, hidden, outer] = [
      leadingAxes(k, 12),
      k.width(12),
      k.width(24),
      k.width(12),
    ];
    const weights = {
      weight1: k.tensor(hidden, inner),
      bias1: k.tensor(hidden),
      weight2: k.tensor(outer, hidden),
      bias2: k.tensor(outer),
    };
    const options = {
      residual: k.maybe(() => k.tensor(...rows, outer)),
      dropout: k.maybe(() => k.dropout()),
    };
    const x = k.tensor(...rows, inner);
    k.train(() => mlp(x, weights, options));
  },

  layerNorm(k) {
    const [rows, width] = [leadingAxes(k, 20), k.width(40)];
    const [x, gamma, beta] = [k.tensor(...rows, width), k.tensor(width), k.tensor(width)];
    k.train(() => layerNorm(x, gamma, beta));
  },

  'layerNorm far from zero'(k) {
    const [rows, width] = [k.size(9), k.width(20)];
    const values = Float32Array.from({ length: rows * width }, () => 100 + k.host.normal());
    const x = Tensor.from(k.engine, values, [rows, width], { requiresGrad: true });
    k.train(() => layerNorm(x, k.tensor(width), k.tensor(width)));
  },

  normalize(k) {
    const [rows, width] = [k.count(20), k.width(40)];
    const x = k.tensor(rows, width);
    k.train(() => normalize(x, k.pick([1e-12, 2])));
  },

  crossEntropy(k) {
    const [rows, classes] = [k.count(20), k.width(40)];
    const ignore = k.host.integer(classes);
    const targets = k.words([rows], () => k.host.integer(classes + 2));
    const weight = () => k.pick([0, 0.5, 2]);
    const weights = k.maybe(() =>
      Tensor.from(k.engine, Float32Array.from({ length: classes }, weight), [classes]),
    );
    const logits = k.scaled(k.pick([1, 10]), rows, classes);
    const options = {
      ...(k.chance(0.5) && { ignore }),
      weights,
      factor: k.pick([1, 0.3]),
    };
    differentiate(k.engine, () =>
      sumLosses([crossEntropy(logits, targets, options)], [k.pick([1, 2])]),
    );
  },

  meanSquaredError(k) {
    const shape = leadingAxes(k, 60);
    const prediction = k.tensor(...shape);
    const weights = k.maybe(() => k.constant(...shape));
    const factor = k.pick([1, 0.3]);
    differentiate(k.engine, () =>
      meanSquaredError(prediction, k.constant(...shape), { weights, factor }),
    );
  },

  contrastiveLoss(k) {
    const [B, width] = [k.size(9), k.width(12)];
    const [u, v] = [k.tensor(B, width), k.tensor(B, width)];
    const temperature = k.pick([0.1, 1]);
    differentiate(k.engine, () => contrastiveLoss(normalize(u), normalize(v), { temperature }));
  },

  embedding(k) {
    const [B, T, width, vocabulary] = [k.count(4), k.size(9), k.width(12), k.size(9)];
    const ids = Array.from({ length: B * T }, () => k.host.integer(vocabulary));
    const tokens = new Tokens(k.engine, [B, T], vocabulary, ids);
    const table = k.tensor(vocabulary, width);
    const options = {
      add: k.maybe(() => k.tensor(B, T, width)),
      positions: k.maybe(() => k.tensor(T + k.host.integer(3), width)),
    };
    k.train(() => embedding(table, tokens, options));
    tokens.dispose();
  },

  addPositions(k) {
    const [B, T, width] = [k.count(4), k.size(12), k.width(20)];
    const [x, positions] = [k.tensor(B, T, width), k.tensor(T + k.host.integer(3), width)];
    k.train(() => addPositions(x, positions));
  },

  'concatenate and slice'(k) {
    const [B, width] = [k.size(4), k.width(12)];
    const parts = Array.from({ length: k.size(3) }, () => k.tensor(B, k.count(9), width));
    const length = parts.reduce((sum, part) => sum + part.axis(1), 0);
    k.train(() => {
      const sequence = concatenate(parts);
      if (length === 0) return sequence;
      const start = k.host.integer(length);
      return slice(sequence, start, k.size(length - start));
    });
    const target = k.constant(B, length + 3, width);
    if (length > 0) writePositions(target, parts.find((part) => part.axis(1) > 0)!, 2);
  },

  meanPool(k) {
    const [B, T, width] = [k.count(5), k.count(20), k.width(20)];
    const mask = k.maybe(() => k.mask(B, T));
    const x = k.tensor(B, T, width);
    k.train(() => meanPool(x, mask));
  },

  addRow(k) {
    const [B, T, width] = [k.count(5), k.count(20), k.width(20)];
    const [x, row] = [k.tensor(B, T, width), k.tensor(B, width)];
    k.train(() => addRow(x, row));
  },

  'repeatRows and rowDots'(k) {
    const [B, N, width] = [k.count(5), k.size(20), k.width(20)];
    const [rows, weight] = [k.tensor(N, width), k.tensor(N, width)];
    const bias = k.maybe(() => k.tensor(N));
    k.train(() => rowDots(repeatRows(rows, B), weight, bias));
  },

  spikeHistory(k) {
    const [B, T, P, neurons] = [k.count(4), k.size(9), k.count(12), k.size(9)];
    const [R, L, pastSteps] = [k.size(3), k.size(20), k.size(12)];
    const tokens = (length: number) => k.words([B, length], () => k.host.integer(neurons + 3));
    const clock = (length: number, steps: number) => {
      const time = () => k.host.integer(steps);
      const values = Float32Array.from({ length: B * length }, time);
      return Tensor.from(k.engine, values, [B, length]);
    };
    const inputs = {
      ids: tokens(T),
      times: clock(T, 9),
      pastIds: tokens(P),
      pastTimes: clock(P, pastSteps),
      masks: k.maybe(() => ({ current: k.mask(B, T), past: k.mask(B, P) })),
    };
    const start = k.host.integer(T);
    const positions = k.maybe(() => ({ start, count: k.size(T - start) }));
    const columns = k.chance(0.3) ? 1 : neurons + k.host.integer(4);
    const options = { neurons, columns, pastSteps, ...(positions && { positions }) };
    const kernel = k.tensor(R, L);
    k.train(() => spikeHistory(inputs, kernel, options));
  },

  mixWeights(k) {
    const shape = leadingAxes(k, 60);
    const logits = k.scaled(k.pick([1, 10, 60]), ...shape);
    const weight = () => k.pick([0, 1e-3, 1, 5]);
    const weights = Tensor.from(
      k.engine,
      Float32Array.from({ length: elementCount(shape) }, weight),
      shape,
      { requiresGrad: k.chance(0.7) },
    );
    logits.requiresGrad = k.chance(0.7);
    if (!logits.requiresGrad && !weights.requiresGrad) mixWeights(logits, weights);
    else k.train(() => mixWeights(logits, weights));
  },

  'drawn tokens'(k) {
    const [B, T, classes] = [k.size(9), k.size(6), k.width(20)];
    const ids = k.words([B, T], () => k.host.integer(classes));
    const windows = { ids, times: k.constant(B, T) };
    const position = k.host.integer(T);
    appendTokens(windows, position, {
      ids: k.words([B], () => k.host.integer(classes)),
      times: k.words([B], () => k.host.integer(30)),
    });
    const logits = k.scaled(k.pick([1, 10]), B, classes);
    const place = { position, end: Math.ceil(0.9 * classes) };
    addExpected(logits, k.constant(B, classes), windows, place);
    addExpectedEndless(logits, k.constant(B, classes), k.constant(B, T), place);
  },

  conv3d(k) {
    const kernel = [k.size(2), k.size(3), k.size(3)] as const;
    const [frames, height, width] = kernel.map((n) => n + k.host.integer(4)) as [
      number,
      number,
      number,
    ];
    const [B, channels, outer] = [k.count(2), k.size(2), k.width(6)];
    const video = k.tensor(B, channels, frames, height, width);
    const weight = k.tensor(outer, channels, ...kernel);
    const bias = k.maybe(() => k.tensor(outer));
    const stride = [k.size(2), k.size(3), k.size(3)] as const;
    k.train(() => conv3d(video, weight, bias, stride, randomPadding(k, kernel)).out);
  },

  unfold3d(k) {
    const [T, H, W] = [k.size(5), k.size(7), k.size(7)];
    const kernel = [k.size(T), k.size(H), k.size(W)] as const;
    const video = k.tensor(k.size(2), k.size(3), T, H, W);
    const stride = [k.size(3), k.size(3), k.size(3)] as const;
    k.train(() => unfold3d(video, kernel, stride, randomPadding(k, kernel)).patches);
  },

  sinusoid(k) {
    const [rows, axes] = [k.count(12), k.size(3)];
    sinusoid(k.scaled(k.pick([1, 300]), rows, axes), k.isWide ? 4 * axes * k.size(5) : k.size(40));
  },

  gru(k) {
    const [B, T, inner, hidden] = [k.size(3), k.count(5), k.width(6), k.width(20)];
    const deviation = 0.5 / Math.sqrt(hidden);
    const weights = {
      weightInput: k.tensor(3 * hidden, inner),
      biasInput: k.tensor(3 * hidden),
      weightState: k.scaled(deviation, 3 * hidden, hidden),
      biasState: k.tensor(3 * hidden),
    };
    const options = { reverse: k.chance(0.5), mask: k.maybe(() => k.mask(B, T)) };
    const [x, state] = [k.tensor(B, T, inner), k.tensor(B, hidden)];
    k.train(() => gru(x, state, weights, options));
    if (k.chance(0.3)) gru(x, state, weights, options);
  },

  attention(k) {
    const [B, T, S] = [k.size(2), k.count(20), k.count(20)];
    const options = { ...visibility(k, B, S), dropout: k.maybe(() => k.dropout()) };
    attend(k, B, T, S, k.size(3), options);
  },

  'attention past a tile'(k) {
    const [T, S] = [k.pick([3, 33, 41]), k.pick([31, 65, 70, 130])];
    attend(k, 1, T, S, 1, { ...visibility(k, 1, S), dropout: k.maybe(() => k.dropout()) });
  },

  'attention, sparse'(k) {
    const [B, T, S, heads] = [k.size(2), k.size(9), k.size(20), k.size(2)];
    const options = { ...visibility(k, B, S), topK: k.size(S), heads };
    attend(k, B, T, S, heads, options);
    const width = heads * k.pick(HEAD_WIDTHS);
    attentionProbabilities(k.tensor(B, T, width), k.tensor(B, S, width), options);
  },

  'attention, split keys'(k) {
    // The longer one leaves one of eight splits without keys.
    const S = k.pick([520, 2100]);
    const mask = k.maybe(() => k.mask(1, S));
    attend(k, 1, k.size(3), S, 1, { mask });
  },

  activate(k) {
    const length = k.isWide ? 4 * k.size(60) : k.size(230);
    const values = Float32Array.from({ length }, (_, n) =>
      n < EXTREMES.length ? EXTREMES[n]! : 3 * k.host.normal(),
    );
    const x = Tensor.from(k.engine, values, [length], { requiresGrad: true });
    const kinds: readonly Activation[] = ['gelu', 'relu', 'tanh', 'sigmoid', 'softplus', 'log1p'];
    k.train(() => activate(x, k.pick(kinds)));
  },

  dropout(k) {
    const x = k.tensor(...leadingAxes(k, 200), k.width(4));
    k.train(() => dropout(x, k.dropout()));
  },

  sums(k) {
    const length = k.isWide ? 4 * k.size(60) : k.size(230);
    const [a, b] = [k.tensor(length), k.tensor(length)];
    addInto(k.engine, a, b);
    scaleInto(k.engine, a, 0.3, b, k.chance(0.5));
  },

  AdamW(k) {
    const store = new ParameterStore();
    const trained = new Linear(store.scope('a'), k.width(20), k.width(20));
    // Without gradients half of the time.
    const sometimesTrained = new Linear(store.scope('b'), 3, 5);
    store.allocate(k.engine, 1);
    k.train(() => trained.call(k.tensor(4, trained.weight.tensor.axis(1))));
    if (k.chance(0.5)) k.train(() => sometimesTrained.call(k.tensor(4, 3)));
    const adam = new AdamW(store, { maxNorm: k.pick([0, 0.01, 100]) });
    for (const rate of [0.1, 0.01]) adam.step(rate, k.pick([1, 0.25]));
    adam.dispose();
    store.dispose();
  },

  sample(k) {
    const [rows, classes] = [k.count(20), k.width(40)];
    const lowest = k.maybe(() => k.words([rows], () => k.host.integer(classes + 2)));
    sample(k.scaled(k.pick([1, 5]), rows, classes), {
      random: k.random,
      site: 2,
      temperature: k.pick([0, 0.5, 1, 2]),
      topK: k.pick([0, 1, k.size(classes)]),
      topP: k.pick([1, 0.3, 0.8]),
      ...(lowest && { lowest }),
    });
  },

  softmax(k) {
    const shape = [...leadingAxes(k, 20), k.width(40)];
    const logits = k.scaled(k.pick([1, 10]), ...shape);
    k.train(() => softmax(logits));
  },
};
