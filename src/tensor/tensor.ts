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
  requiresGrad: boolean;
  /** Where gradients of a leaf are accumulated; set for parameters, made on demand for other leaves. */
  gradient: Tensor | undefined;
  /** Whether a gradient has ever been written for it. */
  reached = false;

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
    this.requiresGrad = options.requiresGrad ?? false;
  }

  /** A tensor of undefined contents. */
  static empty(
    engine: Engine,
    shape: Shape,
    dtype: DType = 'f32',
    options?: TensorOptions,
  ): Tensor {
    const allocation = engine.allocate(4 * elementsOf(shape));
    return new Tensor(engine, shape, dtype, allocation, { ...options, allocation });
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
    const allocation = engine.allocate(4 * elementsOf(shape), true);
    const tensor = new Tensor(engine, shape, dtype, allocation, { ...options, allocation });
    tensor.write(array);
    return tensor;
  }

  /** How many elements. */
  get length(): number {
    return elementsOf(this.shape);
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
    this.engine.upload(this, data);
  }

  /** The contents as f32. */
  async floats(): Promise<Float32Array> {
    return new Float32Array(await this.engine.read(this));
  }

  /** The contents as u32. */
  async words(): Promise<Uint32Array> {
    return new Uint32Array(await this.engine.read(this));
  }

  /** The same memory under another shape of as many elements. */
  reshape(shape: Shape): Tensor {
    if (elementsOf(shape) !== this.length) {
      throw new ShapeError('reshape', 'shape', `${this.length} elements`, showShape(shape));
    }
    return new Tensor(this.engine, shape, this.dtype, this, {
      requiresGrad: this.requiresGrad,
      root: this.root,
    });
  }

  /** Gives the memory back, its gradient's too; for parameters, whose memory is their store's, does nothing. */
  dispose(): void {
    this.root.allocation?.release();
    this.root.gradient?.allocation?.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export function elementsOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Checks an argument's shape; a letter binds on first sight and must agree after, a number must be met.
 *
 * @param pattern such as ['B', 'T', 64].
 * @throws ShapeError naming op, argument, expected and given.
 */
export function expectShape(
  op: string,
  argument: string,
  tensor: Tensor,
  pattern: readonly (string | number)[],
  bound: Record<string, number> = {},
): Record<string, number> {
  const before = { ...bound };
  const fits = pattern.every((wanted, n) => {
    if (typeof wanted === 'number') return tensor.shape[n] === wanted;
    bound[wanted] ??= tensor.shape[n]!;
    return bound[wanted] === tensor.shape[n];
  });
  if (tensor.shape.length === pattern.length && fits) return bound;
  const shown = pattern.map((p) =>
    typeof p === 'string' && p in before ? `${p} = ${before[p]}` : p,
  );
  throw new ShapeError(op, argument, `[${shown.join(', ')}]`, showShape(tensor.shape));
}

/** @throws ShapeError where a tensor is not of the type an op needs. */
export function expectType(op: string, argument: string, tensor: Tensor, dtype: DType): void {
  if (tensor.dtype !== dtype) throw new ShapeError(op, argument, `of type ${dtype}`, tensor.dtype);
}
