/** Tokens to vectors: table look-ups with a gradient that needs no atomics, and positional codes. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { canVectorize } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { elementCount, expectShape, expectType, type Shape, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;
const ABSENT_INPUTS = { V: 0, T: 1, hasTable: 0, hasAddend: 0, hasPositions: 0 };

/** Token ids with their rows in the order of the tokens: the lists that make an embedding's gradient deterministic. */
export interface TokenLists {
  readonly ids: Uint32Array<ArrayBuffer>;
  /** The rows sorted by token, ties in order. */
  readonly order: Uint32Array<ArrayBuffer>;
  /** [vocabulary + 1]: where each token's rows begin in `order`. */
  readonly starts: Uint32Array<ArrayBuffer>;
}

/**
 * The lists of these ids, made on the host.
 *
 * @throws ShapeError where an id is no token of the vocabulary.
 */
export function tokenLists(given: ArrayLike<number>, vocabulary: number): TokenLists {
  const ids = Uint32Array.from(given);
  const starts = new Uint32Array(vocabulary + 1);
  for (const [n, id] of ids.entries()) {
    if (given[n] !== id || id >= vocabulary) {
      throw new ShapeError(
        'Tokens',
        `id ${n}`,
        `an integer from 0 to ${vocabulary - 1}`,
        String(given[n]),
      );
    }
    starts[id + 1]! += 1;
  }
  for (let v = 0; v < vocabulary; v++) starts[v + 1]! += starts[v]!;
  const next = starts.slice();
  const order = new Uint32Array(ids.length);
  for (const [n, id] of ids.entries()) order[next[id]!++] = n;
  return { ids, order, starts };
}

/** Token ids on the GPU, with their lists. */
export class Tokens {
  /** u32, of the shape given. */
  readonly ids: Tensor;
  /** u32 [rows] */
  readonly order: Tensor;
  /** u32 [vocabulary + 1] */
  readonly starts: Tensor;
  readonly vocabulary: number;

  constructor(
    engine: Engine,
    shape: Shape,
    vocabulary: number,
    ids?: ArrayLike<number> | TokenLists,
  ) {
    this.vocabulary = vocabulary;
    this.ids = Tensor.empty(engine, shape, 'u32').keep();
    this.order = Tensor.empty(engine, [elementCount(shape)], 'u32').keep();
    this.starts = Tensor.empty(engine, [vocabulary + 1], 'u32').keep();
    if (ids) this.write(ids);
  }

  get shape(): Shape {
    return this.ids.shape;
  }

  /**
   * Replaces the ids, whose lists may have been made already.
   *
   * @throws ShapeError where there are too many or few, or one is no token of the vocabulary.
   */
  write(given: ArrayLike<number> | TokenLists): void {
    const length = 'order' in given ? given.ids.length : given.length;
    if (length !== this.ids.length)
      throw new ShapeError('Tokens', 'ids', `${this.ids.length} tokens`, `${length}`);
    const lists = 'order' in given ? given : tokenLists(given, this.vocabulary);
    this.ids.write(lists.ids);
    this.order.write(lists.order);
    this.starts.write(lists.starts);
  }

  dispose(): void {
    this.ids.dispose();
    this.order.dispose();
    this.starts.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export interface EmbeddingOptions {
  /** [..., width], added to the rows: a second embedding, such as that of time. */
  add?: Tensor | undefined;
  /** [T', width] with T' >= T: row t is added at position t of the last token axis. */
  positions?: Tensor | undefined;
}

/**
 * table[tokens] + add + positions, in one pass.
 *
 * @param table [vocabulary, width]
 * @param tokens of shape [..., T]
 * @returns [..., T, width]
 */
export function embedding(table: Tensor, tokens: Tokens, options: EmbeddingOptions = {}): Tensor {
  const { width } = expectShape('embedding', 'table', table, [tokens.vocabulary, 'width']) as {
    width: number;
  };
  return gather('embedding', table, tokens, [...tokens.shape, width], options);
}

/**
 * x + positions[t] at position t.
 *
 * @param x [..., T, width]
 * @param positions [T', width] with T' >= T
 */
export function addPositions(x: Tensor, positions: Tensor): Tensor {
  expectType('addPositions', 'x', x, 'f32');
  return gather('addPositions', undefined, undefined, x.shape, { add: x, positions });
}

function gather(
  op: string,
  table: Tensor | undefined,
  tokens: Tokens | undefined,
  shape: Shape,
  { add, positions }: EmbeddingOptions,
): Tensor {
  const { engine } = (table ?? add)!;
  const width = shape.at(-1)!;
  const length = shape.at(-2) ?? 1;
  const rows = elementCount(shape) / width;
  if (add) {
    expectShape(op, 'add', add, shape);
  }
  if (positions) {
    const { P } = expectShape(op, 'positions', positions, ['P', width]) as { P: number };
    if (P < length) throw new ShapeError(op, 'positions', `at least ${length} rows`, `${P}`);
  }
  const out = newOutput(engine, shape, [table, add, positions]);
  const placeholder = engine.placeholders.read;
  const sizes = { ...ABSENT_INPUTS, rows, C: width, T: length, V: tokens?.vocabulary ?? 0 };
  const isWide = canVectorize(engine, width);
  const perInvocation = isWide ? 4 : 1;
  const has = {
    hasTable: Number(table !== undefined),
    hasAddend: Number(add !== undefined),
    hasPositions: Number(positions !== undefined),
  };
  const { items } = engine.tuning;
  const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
  const groups = Math.ceil(out.length / perInvocation / (WORKGROUP_SIZE * items));
  const ids = tokens?.ids ?? placeholder;
  if (isWide) {
    const buffers = {
      tableVec: table ?? placeholder,
      ids,
      addendVec: add ?? placeholder,
      positionsVec: positions ?? placeholder,
      outVec: out,
    };
    engine.dispatch('embedding.gather_wide', buffers, { ...sizes, ...has }, groups, options);
  } else {
    const buffers = {
      table: table ?? placeholder,
      ids,
      addend: add ?? placeholder,
      positions: positions ?? placeholder,
      out,
    };
    engine.dispatch('embedding.gather', buffers, { ...sizes, ...has }, groups, options);
  }
  pushNode(engine, {
    op,
    outputs: [out],
    backward(gradients) {
      const dout = gradients.of(out);
      if (!dout) return;
      if (tokens && gradients.wants(table)) {
        const { order, starts, vocabulary } = tokens;
        const gradient = gradients.accumulator(table);
        const groups = Math.ceil((vocabulary * width) / perInvocation / WORKGROUP_SIZE);
        if (isWide) {
          const buffers = { doutVec: dout, order, starts, dtableVec: gradient };
          engine.dispatch('embedding.scatter_wide', buffers, sizes, groups);
        } else {
          const buffers = { dout, order, starts, dtable: gradient };
          engine.dispatch('embedding.scatter', buffers, sizes, groups);
        }
      }
      if (gradients.wants(positions)) {
        const gradient = gradients.accumulator(positions);
        const groups = Math.ceil((length * width) / perInvocation / WORKGROUP_SIZE);
        if (isWide) {
          const buffers = { doutVec: dout, dpositionsVec: gradient };
          engine.dispatch('embedding.fold_rows_wide', buffers, sizes, groups);
        } else {
          const buffers = { dout, dpositions: gradient };
          engine.dispatch('embedding.fold_rows', buffers, sizes, groups);
        }
      }
      if (add) gradients.pass(out, add);
    },
  });
  return out;
}

/** Frequencies 10000^(-2k / channels), k = 0 .. channels / 2 - 1, computed in double precision. */
export function sinusoidFrequencies(channels: number): Float32Array {
  return Float32Array.from(
    { length: Math.ceil(channels / 2) },
    (_, k) => 10000 ** ((-2 * k) / channels),
  );
}

/**
 * Sinusoidal codes: sine and cosine interleaved, each axis with channels of its own, cut to `width`.
 *
 * With one axis the code of Vaswani et al. 2017; with two or three the channels are shared out evenly, rounded up
 * to an even number each. No gradient flows into the positions.
 *
 * @param positions [rows, axes] positions or times, axes from 1 to 3
 * @returns [rows, width]
 */
export function sinusoid(positions: Tensor, width: number): Tensor {
  const { engine } = positions;
  const { rows, axes } = expectShape('sinusoid', 'positions', positions, [
    'rows',
    'axes',
  ]) as Record<string, number>;
  if (axes! > 3) throw new ShapeError('sinusoid', 'positions', 'of 1 to 3 axes', `${axes}`);
  if (!Number.isInteger(width) || width < 1)
    throw new ShapeError('sinusoid', 'width', 'a positive integer', String(width));
  const perAxis = 2 * Math.ceil(width / (2 * axes!));
  return engine.scope(() => {
    const frequencies = Tensor.from(engine, sinusoidFrequencies(perAxis), [perAxis / 2]);
    const out = Tensor.empty(engine, [rows!, width]);
    const { items } = engine.tuning;
    const buffers = { x: positions, frequencies };
    const params = { rows: rows!, C: width, axes: axes!, perAxis };
    const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
    if (canVectorize(engine, width) && perAxis % 4 === 0) {
      const groups = Math.ceil(out.length / 4 / (WORKGROUP_SIZE * items));
      engine.dispatch('sinusoid.main_wide', { ...buffers, outVec: out }, params, groups, options);
    } else {
      const groups = Math.ceil(out.length / (WORKGROUP_SIZE * items));
      engine.dispatch('sinusoid.main', { ...buffers, out }, params, groups, options);
    }
    return out;
  });
}
