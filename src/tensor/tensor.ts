/** Tensors: a shape and a type over a range of a GPU buffer. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { Allocation, BufferView, Owner } from '../gpu/memory.js';

export type DType = 'f32' | 'u32';
export type Shape = readonly number[];
export type TypedArray = Float32Array | Uint32Array;

export interface TensorOptions {
  /** Whether gradients are wanted for it. Default false. */
  requiresGrad?: boolean;
}

/** STORAGE | COPY_SRC | COPY_DST: what the engine does with a buffer. */
const BUFFER_USAGE = 0x80 | 0x04 | 0x08;

/**
 * A dense row-major tensor in GPU memory.
 *
 * Views made by `reshape` share their memory and their gradient with the tensor they come from, their `root`.
 */
export class Tensor implements BufferView, Owner {
  readonly engine: Engine;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  readonly allocation: Allocation | undefined;
  /** The tensor whose memory this is: itself, unless it is a reshaped view. */
  readonly root: Tensor;
  /** Where gradients of a leaf are accumulated; set for parameters, made on demand for other leaves. */
  gradient: Tensor | undefined;
  /** Whether a gradient has ever been written for it. */
  reached = false;
  #requiresGrad: boolean;

  constructor(
    engine: Engine,
    shape: Shape,
    dtype: DType,
    view: BufferView,
    options: TensorOptions & { allocation?: Allocation; root?: Tensor } = {},
  ) {
    this.engine = engine;
    this.shape = shape;
    this.dtype = dtype;
    this.buffer = view.buffer;
    this.offset = view.offset;
    this.size = view.size;
    this.allocation = options.allocation ?? options.root?.allocation;
    this.root = options.root ?? this;
    this.#requiresGrad = options.requiresGrad ?? false;
  }

  /** A tensor of undefined contents. */
  static empty(
    engine: Engine,
    shape: Shape,
    dtype: DType = 'f32',
    options?: TensorOptions,
  ): Tensor {
    return Tensor.#over(engine, shape, dtype, engine.allocate(4 * elementCount(shape)), options);
  }

  /** A tensor of zeros that outlives scopes and recordings, until it is disposed. */
  static lasting(engine: Engine, shape: Shape): Tensor {
    return Tensor.#over(engine, shape, 'f32', engine.allocateLasting(4 * elementCount(shape)));
  }

  /**
   * A tensor over a buffer of the caller's, which stays the caller's: `dispose` leaves it alone.
   *
   * @param offset bytes from its start, a multiple of 256.
   * @throws ShapeError where the buffer is too short, the offset not a multiple of 256, or the usage lacks one of
   *   STORAGE, COPY_SRC and COPY_DST.
   */
  static fromBuffer(
    engine: Engine,
    buffer: GPUBuffer,
    shape: Shape,
    options: TensorOptions & { dtype?: DType; offset?: number } = {},
  ): Tensor {
    const { dtype = 'f32', offset = 0 } = options;
    const size = 4 * elementCount(shape);
    if (offset % 256 !== 0)
      throw new ShapeError('fromBuffer', 'offset', 'a multiple of 256', `${offset}`);
    if (offset + size > buffer.size) {
      throw new ShapeError(
        'fromBuffer',
        'buffer',
        `at least ${offset + size} bytes`,
        `${buffer.size}`,
      );
    }
    if ((buffer.usage & BUFFER_USAGE) !== BUFFER_USAGE) {
      throw new ShapeError(
        'fromBuffer',
        'usage',
        'STORAGE | COPY_SRC | COPY_DST',
        `${buffer.usage}`,
      );
    }
    return new Tensor(engine, shape, dtype, { buffer, offset, size }, options);
  }

  static #over(
    engine: Engine,
    shape: Shape,
    dtype: DType,
    allocation: Allocation,
    options?: TensorOptions,
  ): Tensor {
    // A tensor of no elements still binds something.
    const size = 4 * elementCount(shape) || allocation.size;
    const view = { buffer: allocation.buffer, offset: 0, size };
    return new Tensor(engine, shape, dtype, view, { ...options, allocation });
  }

  static zeros(
    engine: Engine,
    shape: Shape,
    dtype: DType = 'f32',
    options?: TensorOptions,
  ): Tensor {
    const tensor = Tensor.empty(engine, shape, dtype, options);
    engine.clear(tensor);
    return tensor;
  }

  /**
   * A tensor holding a copy of host data.
   *
   * @throws ShapeError where the data are not as many as the shape says.
   */
  static from(
    engine: Engine,
    data: TypedArray | readonly number[],
    shape: Shape,
    options?: TensorOptions,
  ): Tensor {
    const array =
      data instanceof Float32Array || data instanceof Uint32Array ? data : new Float32Array(data);
    const dtype = array instanceof Uint32Array ? 'u32' : 'f32';
    const allocation = engine.allocate(4 * elementCount(shape), 'constant');
    const tensor = Tensor.#over(engine, shape, dtype, allocation, options);
    tensor.write(array);
    return tensor;
  }

  /** Whether gradients are wanted for it; a view's and its root's are one. */
  get requiresGrad(): boolean {
    return this.root.#requiresGrad;
  }

  set requiresGrad(wanted: boolean) {
    this.root.#requiresGrad = wanted;
  }

  get released(): boolean {
    return this.root.allocation?.released ?? false;
  }

  /** How many elements. */
  get length(): number {
    return elementCount(this.shape);
  }

  /** The length of axis `n`, counted from the end where negative. */
  axis(n: number): number {
    return this.shape[n < 0 ? this.shape.length + n : n]!;
  }

  /** Replaces the contents, before anything that runs after this call. */
  write(data: TypedArray): void {
    if (data.length !== this.length) {
      throw new ShapeError('write', 'data', `${this.length} elements`, `${data.length}`);
    }
    const given = data instanceof Uint32Array ? 'u32' : 'f32';
    if (given !== this.dtype) throw new ShapeError('write', 'data', `of type ${this.dtype}`, given);
    this.engine.upload(this, data);
  }

  /** The contents as f32. */
  async floats(): Promise<Float32Array> {
    return new Float32Array(await this.engine.read(this), 0, this.length);
  }

  /** The contents as u32. */
  async words(): Promise<Uint32Array> {
    return new Uint32Array(await this.engine.read(this), 0, this.length);
  }

  /** The same memory under another shape of as many elements. */
  reshape(shape: Shape): Tensor {
    if (elementCount(shape) !== this.length) {
      throw new ShapeError('reshape', 'shape', `${this.length} elements`, showShape(shape));
    }
    return new Tensor(this.engine, shape, this.dtype, this, { root: this.root });
  }

  /** Takes the memory out of every open scope: it lives until it is disposed. */
  keep(): this {
    this.root.allocation?.detach();
    return this;
  }

  /**
   * Gives the memory back, its gradient's too; inside `differentiate`, once the gradients are made. Parameters, whose
   * memory is their store's, and tensors over a caller's buffer are left alone.
   */
  dispose(): void {
    this.root.allocation?.dispose();
    this.root.gradient?.allocation?.dispose();
  }

  /** Gives the memory back at once: for ops that know that nobody needs it. */
  release(): void {
    this.root.allocation?.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export function elementCount(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Checks an argument's shape; a letter binds on first sight and must agree after, a number must be met.
 *
 * @param pattern such as ['B', 'T', 64].
 * @param dtype checked too.
 * @throws ShapeError naming op, argument, expected and given.
 */
export function expectShape(
  op: string,
  argument: string,
  tensor: Tensor,
  pattern: readonly (string | number)[],
  bound: Record<string, number> = {},
  dtype: DType = 'f32',
): Record<string, number> {
  const before = { ...bound };
  const fits = pattern.every((wanted, n) => {
    if (typeof wanted === 'number') return tensor.shape[n] === wanted;
    bound[wanted] ??= tensor.shape[n]!;
    return bound[wanted] === tensor.shape[n];
  });
  if (tensor.shape.length === pattern.length && fits) {
    expectType(op, argument, tensor, dtype);
    return bound;
  }
  const shown = pattern.map((p) =>
    typeof p === 'string' && p in before ? `${p} = ${before[p]}` : p,
  );
  throw new ShapeError(op, argument, `[${shown.join(', ')}]`, showShape(tensor.shape));
}

/** @throws ShapeError where a tensor is not of the type an op needs. */
export function expectType(op: string, argument: string, tensor: Tensor, dtype: DType): void {
  if (tensor.dtype !== dtype) throw new ShapeError(op, argument, `of type ${dtype}`, tensor.dtype);
}
