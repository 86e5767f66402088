/** Tensors: a range of a GPU buffer with a shape and an element type. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { Allocation, BufferView, Owner } from '../gpu/memory.js';

/** The element type of a tensor. */
export type DType = 'f32' | 'u32';
/** The length of each axis, the slowest first. */
export type Shape = readonly number[];
/** Host data of a tensor. */
export type TypedArray = Float32Array | Uint32Array;

/** Options of the functions that create tensors. */
export interface TensorOptions {
  /** Whether `differentiate` computes a gradient for it. Default: false. */
  requiresGrad?: boolean;
}

/** STORAGE | COPY_SRC | COPY_DST, the usage that the engine needs of a buffer. */
const BUFFER_USAGE = 0x80 | 0x04 | 0x08;

/**
 * A dense row-major tensor in GPU memory.
 *
 * A view made by `reshape` shares its memory and its gradient with the tensor it was made from, its
 * `root`.
 */
export class Tensor implements BufferView, Owner {
  /** The engine that it was created on; operations run there. */
  readonly engine: Engine;
  /** The length of each axis. */
  readonly shape: Shape;
  /** The element type. */
  readonly dtype: DType;
  /** The buffer that contains it. */
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /**
   * The pooled memory that it owns; undefined where it is a range of a parameter store's or the
   * caller's buffer.
   */
  readonly allocation: Allocation | undefined;
  /** The tensor that this one is a view of, or itself. */
  readonly root: Tensor;
  /**
   * The accumulated gradient of a leaf. A store sets it for its parameters; other leaves get one on
   * demand.
   */
  gradient: Tensor | undefined;
  /** Whether a gradient was ever written for it. */
  hasGradient = false;
  #requiresGrad: boolean;

  /**
   * A tensor over existing memory. `Tensor.empty`, `zeros`, `from` and `fromBuffer` create one for
   * most purposes.
   *
   * @param view the memory.
   * @param options `allocation` is the pooled memory to own, `root` the tensor to be a view of.
   */
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

  /** A tensor with undefined contents. */
  static empty(
    engine: Engine,
    shape: Shape,
    dtype: DType = 'f32',
    options?: TensorOptions,
  ): Tensor {
    return Tensor.#onAllocation(
      engine,
      shape,
      dtype,
      engine.allocate(4 * elementCount(shape)),
      options,
    );
  }

  /** A tensor of zeros that outlives scopes and recordings, until it is disposed. */
  static lasting(engine: Engine, shape: Shape): Tensor {
    return Tensor.#onAllocation(
      engine,
      shape,
      'f32',
      engine.allocateLasting(4 * elementCount(shape)),
    );
  }

  /**
   * A tensor in the caller's buffer, which `dispose` does not destroy.
   *
   * @param options `offset` is in bytes from the buffer's start, a multiple of 256.
   * @throws ShapeError where the buffer is too short, the offset is not a multiple of 256, or the
   *   usage lacks STORAGE, COPY_SRC or COPY_DST.
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

  static #onAllocation(
    engine: Engine,
    shape: Shape,
    dtype: DType,
    allocation: Allocation,
    options?: TensorOptions,
  ): Tensor {
    // A binding cannot be empty, so a tensor without elements binds its whole allocation.
    const size = 4 * elementCount(shape) || allocation.size;
    const view = { buffer: allocation.buffer, offset: 0, size };
    return new Tensor(engine, shape, dtype, view, { ...options, allocation });
  }

  /** A tensor of zeros. */
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
   * A tensor with a copy of host data: u32 for a Uint32Array, otherwise f32.
   *
   * @throws ShapeError where the number of elements is not that of the shape.
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
    const tensor = Tensor.#onAllocation(engine, shape, dtype, allocation, options);
    tensor.write(array);
    return tensor;
  }

  /** Whether `differentiate` computes a gradient for it. A view shares this with its root. */
  get requiresGrad(): boolean {
    return this.root.#requiresGrad;
  }

  /** Sets it for the tensor and all views of the same memory. */
  set requiresGrad(value: boolean) {
    this.root.#requiresGrad = value;
  }

  /** Whether its memory was released, so that it must not be used. */
  get released(): boolean {
    return this.root.allocation?.released ?? false;
  }

  /** Number of elements. */
  get length(): number {
    return elementCount(this.shape);
  }

  /** The length of an axis; a negative index counts from the end. */
  axis(index: number): number {
    return this.shape[index < 0 ? this.shape.length + index : index]!;
  }

  /**
   * Replaces the contents. Operations called before see the old contents, those called after it the
   * new ones.
   *
   * @throws ShapeError where the data have another length or type.
   * @throws Error where the tensor was disposed, or is computed by the step being recorded.
   */
  write(data: TypedArray): void {
    if (data.length !== this.length) {
      throw new ShapeError('write', 'data', `${this.length} elements`, `${data.length}`);
    }
    const dataType = data instanceof Uint32Array ? 'u32' : 'f32';
    if (dataType !== this.dtype)
      throw new ShapeError('write', 'data', `of type ${this.dtype}`, dataType);
    this.engine.upload(this, data);
  }

  /** The contents of an f32 tensor, after all operations called so far. */
  async floats(): Promise<Float32Array> {
    return new Float32Array(await this.engine.read(this), 0, this.length);
  }

  /** The contents of a u32 tensor, after all operations called so far. */
  async words(): Promise<Uint32Array> {
    return new Uint32Array(await this.engine.read(this), 0, this.length);
  }

  /**
   * A view of the same memory with another shape.
   *
   * @throws ShapeError where the shape has another number of elements.
   */
  reshape(shape: Shape): Tensor {
    if (elementCount(shape) !== this.length) {
      throw new ShapeError('reshape', 'shape', `${this.length} elements`, formatShape(shape));
    }
    return new Tensor(this.engine, shape, this.dtype, this, { root: this.root });
  }

  /** Removes the memory from every open scope, so that it lives until it is disposed. */
  keep(): this {
    this.root.allocation?.detach();
    return this;
  }

  /**
   * Returns the tensor's memory and its gradient's to the pool; inside `differentiate`, after the
   * gradients are computed. Does nothing for parameters, whose memory belongs to their store, and
   * for tensors in the caller's buffer.
   */
  dispose(): void {
    this.root.allocation?.dispose();
    this.root.gradient?.allocation?.dispose();
  }

  /** Returns the memory to the pool at once, for operations that know that no gradient needs it. */
  release(): void {
    this.root.allocation?.release();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The number of elements of a shape: 1 for no axes. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A shape as error messages show it, such as `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Checks the shape and the type of an operation's argument.
 *
 * @param pattern such as ['B', 'T', 64]: a number must be matched, a name stands for any length,
 *   but the same length each time.
 * @param bound the lengths of names from earlier arguments; those of new names are added to it.
 * @returns `bound`
 * @throws ShapeError naming the operation and the argument, with the expected and the actual shape.
 */
export function expectShape(
  op: string,
  argument: string,
  tensor: Tensor,
  pattern: readonly (string | number)[],
  bound: Record<string, number> = {},
  dtype: DType = 'f32',
): Record<string, number> {
  const alreadyBound = { ...bound };
  const fits = pattern.every((expected, axis) => {
    if (typeof expected === 'number') return tensor.shape[axis] === expected;
    bound[expected] ??= tensor.shape[axis]!;
    return bound[expected] === tensor.shape[axis];
  });
  if (tensor.shape.length === pattern.length && fits) {
    expectType(op, argument, tensor, dtype);
    return bound;
  }
  const expectedShape = pattern.map((length) =>
    typeof length === 'string' && length in alreadyBound
      ? `${length} = ${alreadyBound[length]}`
      : length,
  );
  throw new ShapeError(op, argument, `[${expectedShape.join(', ')}]`, formatShape(tensor.shape));
}

/**
 * Checks the type of an operation's argument.
 *
 * @throws ShapeError where it is another one.
 */
export function expectType(op: string, argument: string, tensor: Tensor, dtype: DType): void {
  if (tensor.dtype !== dtype) throw new ShapeError(op, argument, `of type ${dtype}`, tensor.dtype);
}
