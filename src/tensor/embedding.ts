/** Token embeddings, whose gradient needs no atomics, and positional encodings. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { addFoldedRows, canVectorize } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { elementCount, expectShape, expectType, type Shape, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;
const NO_INPUTS = { V: 0, T: 1, hasTable: 0, hasAddend: 0, hasPositions: 0 };

/**
 * Token ids with their rows sorted by token. With these lists one invocation sums the gradients of
 * all rows of a token, in a fixed order.
 */
export interface TokenLists {
  /** The token of each row. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** The row indices sorted by token; rows of the same token are in ascending order. */
  readonly order: Uint32Array<ArrayBuffer>;
  /** The index in `order` at which the rows of each token start; `vocabulary + 1` entries. */
  readonly starts: Uint32Array<ArrayBuffer>;
}

/**
 * The lists of these token ids, computed on the host.
 *
 * @throws ShapeError where an id is not an integer below `vocabulary`.
 */
export function tokenLists(tokenIds: ArrayLike<number>, vocabulary: number): TokenLists {
  const ids = new Uint32Array(tokenIds);
  const starts = new Uint32Array(vocabulary + 1);
  for (let n = 0; n < ids.length; n++) {
    const id = ids[n]!;
    if (tokenIds[n] !== id || id >= vocabulary) {
      throw new ShapeError(
        'Tokens',
        `id ${n}`,
        `an integer from 0 to ${vocabulary - 1}`,
        String(tokenIds[n]),
      );
    }
    starts[id + 1]! += 1;
  }
  for (let v = 0; v < vocabulary; v++) starts[v + 1]! += starts[v]!;
  const next = starts.slice();
  const order = new Uint32Array(ids.length);
  for (let n = 0; n < ids.length; n++) order[next[ids[n]!]!++] = n;
  return { ids, order, starts };
}

/** Token ids on the GPU, with the lists that an embedding's gradient needs. */
export class Tokens {
  /** u32, the ids, in the shape passed to the constructor */
  readonly ids: Tensor;
  /** u32 [rows], see TokenLists */
  readonly order: Tensor;
  /** u32 [vocabulary + 1], see TokenLists */
  readonly starts: Tensor;
  /** The number of different tokens; ids are below it. */
  readonly vocabulary: number;

  /** @throws ShapeError as `write` does. */
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

  /** The shape of the ids. */
  get shape(): Shape {
    return this.ids.shape;
  }

  /**
   * Replaces the ids.
   *
   * @param tokenIds the ids, or their lists where they are computed already.
   * @throws ShapeError where their number is wrong, or an id is not an integer below the
   *   vocabulary's size.
   */
  write(tokenIds: ArrayLike<number> | TokenLists): void {
    const length = 'order' in tokenIds ? tokenIds.ids.length : tokenIds.length;
    if (length !== this.ids.length)
      throw new ShapeError('Tokens', 'ids', `${this.ids.length} tokens`, `${length}`);
    const lists = 'order' in tokenIds ? tokenIds : tokenLists(tokenIds, this.vocabulary);
    this.ids.write(lists.ids);
    this.order.write(lists.order);
    this.starts.write(lists.starts);
  }

  /** Releases the memory. */
  dispose(): void {
    this.ids.dispose();
    this.order.dispose();
    this.starts.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** What `embedding` adds to the rows of the table. */
export interface EmbeddingOptions {
  /** [..., T, width], such as an embedding of time. */
  add?: Tensor | undefined;
  /** [T', width] with T' >= T. Row t is added at position t of the last token axis. */
  positions?: Tensor | undefined;
}

/**
 * table[tokens] + add + positions, in one kernel.
 *
 * @param table [vocabulary, width]
 * @param tokens of shape [..., T]
 * @returns [..., T, width]
 * @throws ShapeError where shapes disagree, or there are fewer positions than T.
 */
export function embedding(table: Tensor, tokens: Tokens, options: EmbeddingOptions = {}): Tensor {
  const { width } = expectShape('embedding', 'table', table, [tokens.vocabulary, 'width']) as {
    width: number;
  };
  return gather('embedding', table, tokens, [...tokens.shape, width], options);
}

/**
 * x + positions, where row t of `positions` is added at position t.
 *
 * @param x [..., T, width]
 * @param positions [T', width] with T' >= T
 * @returns [..., T, width]
 * @throws ShapeError where shapes disagree, or there are fewer positions than T.
 */
export function addPositions(x: Tensor, positions: Tensor): Tensor {
  expectType('addPositions', 'x', x, 'f32');
  return gather('addPositions', undefined, undefined, x.shape, { add: x, positions });
}

/**
 * The same rows for every element of a batch.
 *
 * @param rows [N, width]
 * @returns [batch, N, width]
 */
export function repeatRows(rows: Tensor, batch: number): Tensor {
  const { N, width } = expectShape('repeatRows', 'rows', rows, ['N', 'width']) as Record<
    'N' | 'width',
    number
  >;
  return gather('repeatRows', undefined, undefined, [batch, N, width], { positions: rows });
}

function gather(
  op: string,
  table: Tensor | undefined,
  tokens: Tokens | undefined,
  shape: Shape,
  { add, positions }: EmbeddingOptions,
): Tensor {
  const { engine } = (table ?? add ?? positions)!;
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
  const sizes = { ...NO_INPUTS, rows, C: width, T: length, V: tokens?.vocabulary ?? 0 };
  const isWide = canVectorize(engine, width);
  const vectorSize = isWide ? 4 : 1;
  const inputFlags = {
    hasTable: Number(table !== undefined),
    hasAddend: Number(add !== undefined),
    hasPositions: Number(positions !== undefined),
  };
  const { items } = engine.tuning;
  const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
  const groups = Math.ceil(out.length / vectorSize / (WORKGROUP_SIZE * items));
  const ids = tokens?.ids ?? placeholder;
  if (isWide) {
    const buffers = {
      tableVec: table ?? placeholder,
      ids,
      addendVec: add ?? placeholder,
      positionsVec: positions ?? placeholder,
      outVec: out,
    };
    engine.dispatch('embedding.gather_wide', buffers, { ...sizes, ...inputFlags }, groups, options);
  } else {
    const buffers = {
      table: table ?? placeholder,
      ids,
      addend: add ?? placeholder,
      positions: positions ?? placeholder,
      out,
    };
    engine.dispatch('embedding.gather', buffers, { ...sizes, ...inputFlags }, groups, options);
  }
  pushNode(engine, {
    op,
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout) return;
      if (tokens && gradients.wants(table)) {
        const { order, starts, vocabulary } = tokens;
        const gradient = gradients.accumulator(table);
        const groups = Math.ceil((vocabulary * width) / vectorSize / WORKGROUP_SIZE);
        if (isWide) {
          const buffers = { doutVec: dout, order, starts, dtableVec: gradient };
          engine.dispatch('embedding.scatter_wide', buffers, sizes, groups);
        } else {
          engine.dispatch(
            'embedding.scatter',
            { dout, order, starts, dtable: gradient },
            sizes,
            groups,
          );
        }
      }
      if (gradients.wants(positions))
        addFoldedRows(dout, gradients.accumulator(positions), length, width);
      if (add) gradients.transfer(out, add);
    },
  });
  return out;
}

/**
 * The frequencies 10000^(-2k / channels) for k = 0 .. channels / 2 - 1, computed in double
 * precision.
 */
function sinusoidFrequencies(channels: number): Float32Array {
  return Float32Array.from(
    { length: Math.ceil(channels / 2) },
    (_, k) => 10000 ** ((-2 * k) / channels),
  );
}

/**
 * Sinusoidal positional encodings, sines and cosines interleaved.
 *
 * With one axis this is the encoding of Vaswani et al. 2017. With two or three, each axis gets the
 * same number of channels, rounded up to an even one, and the result is cut to `width`. The
 * positions get no gradient.
 *
 * @param positions [rows, axes], positions or times, with 1 to 3 axes
 * @returns [rows, width]
 * @throws ShapeError where there are more than three axes, or the width is not a positive integer.
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
