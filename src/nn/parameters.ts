/**
 * Parameter stores. Values, gradients and both Adam moments are one flat buffer each, in which
 * every parameter starts at a multiple of 256 bytes. Clearing the gradients is one clear, and
 * reading a checkpoint one copy.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { HostRandom } from '../math/random.js';
import { elementCount, formatShape, type Shape, Tensor } from '../tensor/tensor.js';
import { GPT_WEIGHTS, type Initializer, type InitialWeights } from './init.js';
import { decodeSafetensors, encodeSafetensors, type HostTensor } from './safetensors.js';

/** Elements per block of a store: 256 bytes, the alignment of a binding's offset. */
export const BLOCK_ELEMENTS = 64;

/** Options of a parameter's declaration. */
export interface ParameterOptions {
  /** Computes the initial values. */
  init: Initializer;
  /** Whether AdamW decays it. Default: false. */
  decay?: boolean;
}

/** One named parameter. Its tensor exists once its store is allocated. */
export class Parameter {
  #tensor: Tensor | undefined;

  /** @internal */
  constructor(
    /** The full name, with dots, such as 'block.attn.query.weight'. */
    readonly name: string,
    /** The length of each axis. */
    readonly shape: Shape,
    /** Computes the initial values. */
    readonly init: Initializer,
    /** Whether AdamW decays it. */
    readonly decay: boolean,
    /** Elements from the start of the store. */
    readonly start: number,
  ) {}

  /** Number of elements. */
  get length(): number {
    return elementCount(this.shape);
  }

  /** The values. @throws Error where the store is not allocated yet. */
  get tensor(): Tensor {
    if (!this.#tensor)
      throw new Error(`Parameter ${this.name} has no memory yet: call allocate() on its store.`);
    return this.#tensor;
  }

  /**
   * Sets the tensor; called by the store.
   *
   * @internal
   */
  bind(tensor: Tensor): void {
    this.#tensor = tensor;
  }
}

/**
 * Declares parameters in a store, with a prefix before their names. Layers get one in their
 * constructor.
 */
export interface ParameterScope {
  /** The initial weights of layers that are not given their own. */
  readonly initialWeights: InitialWeights;
  /** Declares a parameter. */
  parameter(name: string, shape: Shape, options: ParameterOptions): Parameter;
  /** Declares with a longer prefix: `prefix` and a dot are appended to the current one. */
  scope(prefix: string): ParameterScope;
  /** The same scope, in which layers have other initial weights. */
  withInitialWeights(initialWeights: InitialWeights): ParameterScope;
}

class Scope implements ParameterScope {
  readonly initialWeights: InitialWeights;
  readonly #store: ParameterScope;
  readonly #prefix: string;

  /** @param prefix with its dot; empty for the names of the store. */
  constructor(store: ParameterScope, prefix: string, initialWeights: InitialWeights) {
    this.#store = store;
    this.#prefix = prefix;
    this.initialWeights = initialWeights;
  }

  parameter(name: string, shape: Shape, options: ParameterOptions): Parameter {
    return this.#store.parameter(`${this.#prefix}${name}`, shape, options);
  }

  scope(prefix: string): ParameterScope {
    return new Scope(this.#store, `${this.#prefix}${prefix}.`, this.initialWeights);
  }

  withInitialWeights(initialWeights: InitialWeights): ParameterScope {
    return new Scope(this.#store, this.#prefix, initialWeights);
  }
}

/** The element type and the shape of a tensor on the host. */
export type TypeAndShape = Pick<HostTensor, 'dtype' | 'shape'>;

/** What loading a file into a store did, by parameter names. */
export interface LoadReport {
  /** Parameters that now have the file's values. */
  loaded: string[];
  /** Parameters that the file does not contain. */
  missing: string[];
  /** Tensors in the file that are not parameters of the store. */
  unknown: string[];
  /** Parameters whose tensor in the file has another shape or is not f32. */
  mismatched: {
    /** The parameter's name. */
    name: string;
    /** The parameter's type, which is F32, and its shape. */
    expected: TypeAndShape;
    /** The type and shape in the file. */
    actual: TypeAndShape;
  }[];
}

/** The parameters of a model: declared first, then allocated in four flat buffers. */
export class ParameterStore implements ParameterScope {
  /** Those of GPT. */
  readonly initialWeights = GPT_WEIGHTS;
  readonly #byName = new Map<string, Parameter>();
  #length = 0;
  #memory: { engine: Engine; values: Tensor; gradients: Tensor; m: Tensor; v: Tensor } | undefined;

  /**
   * Declares a parameter.
   *
   * @throws Error where the name is declared already, or the store is allocated.
   */
  parameter(name: string, shape: Shape, { init, decay = false }: ParameterOptions): Parameter {
    if (this.#memory)
      throw new Error(`Parameter ${name} was declared after its store was allocated.`);
    if (this.#byName.has(name)) throw new Error(`Parameter ${name} was declared twice.`);
    const parameter = new Parameter(name, shape, init, decay, this.#length);
    this.#byName.set(name, parameter);
    this.#length += Math.ceil(parameter.length / BLOCK_ELEMENTS) * BLOCK_ELEMENTS;
    return parameter;
  }

  /** Declares with a prefix: the names in it are `prefix`, a dot and the layer's name. */
  scope(prefix: string): ParameterScope {
    return new Scope(this, `${prefix}.`, this.initialWeights);
  }

  /** The store as a scope in which layers have other initial weights. */
  withInitialWeights(initialWeights: InitialWeights): ParameterScope {
    return new Scope(this, '', initialWeights);
  }

  /**
   * Allocates the four buffers and computes the initial values, in the order of declaration.
   *
   * @param seed seeds the initial values. Without a seed they are zero, for values that will be
   *   loaded.
   * @throws Error where the store is allocated already or has no parameters.
   */
  allocate(engine: Engine, seed?: number): void {
    if (this.#memory) throw new Error('These parameters are already allocated.');
    if (this.#length === 0) throw new Error('There are no parameters to allocate.');
    const buffer = () => Tensor.zeros(engine, [this.#length]).keep();
    const memory = { engine, values: buffer(), gradients: buffer(), m: buffer(), v: buffer() };
    this.#memory = memory;
    for (const parameter of this) {
      const range = { offset: 4 * parameter.start, size: 4 * parameter.length };
      const tensor = new Tensor(
        engine,
        parameter.shape,
        'f32',
        { buffer: memory.values.buffer, ...range },
        { requiresGrad: true },
      );
      tensor.gradient = new Tensor(engine, parameter.shape, 'f32', {
        buffer: memory.gradients.buffer,
        ...range,
      });
      parameter.bind(tensor);
    }
    if (seed === undefined) return;
    const random = new HostRandom(seed);
    const initial = new Float32Array(this.#length);
    for (const parameter of this)
      parameter.init(initial.subarray(parameter.start, parameter.start + parameter.length), random);
    memory.values.write(initial);
  }

  /** The engine that the store is allocated on. @throws Error where it is not allocated yet. */
  get engine(): Engine {
    return this.memory.engine;
  }

  /**
   * The flat buffers, of `length` elements each.
   *
   * @throws Error where the store is not allocated yet.
   */
  get memory(): {
    /** The engine. */
    engine: Engine;
    /** The values. */
    values: Tensor;
    /** The gradients. */
    gradients: Tensor;
    /** Adam's first moments. */
    m: Tensor;
    /** Adam's second moments. */
    v: Tensor;
  } {
    if (!this.#memory) throw new Error('These parameters have no memory yet: call allocate().');
    return this.#memory;
  }

  /** Elements of each flat buffer, including the padding between parameters. */
  get length(): number {
    return this.#length;
  }

  /** Elements of all parameters, frozen ones included, without the padding between them. */
  get elementCount(): number {
    return [...this].reduce((sum, parameter) => sum + parameter.length, 0);
  }

  /** The parameters in the order of declaration. */
  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#byName.values();
  }

  /** The parameter with this name. @throws Error where there is none. */
  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new Error(`There is no parameter ${name}.`);
    return parameter;
  }

  /**
   * Freezes the parameters whose name matches and unfreezes the others. Frozen ones get no gradient
   * and no update.
   */
  freeze(matches: (name: string) => boolean): void {
    for (const parameter of this) parameter.tensor.requiresGrad = !matches(parameter.name);
  }

  /** Sets every gradient to zero. */
  zeroGradients(): void {
    this.engine.clear(this.memory.gradients);
  }

  /** The values of every parameter, by name, read from the GPU. */
  async values(): Promise<Map<string, HostTensor>> {
    return this.#split(await this.memory.values.floats());
  }

  /** The gradients of every parameter, by name, read from the GPU. */
  async gradients(): Promise<Map<string, HostTensor>> {
    return this.#split(await this.memory.gradients.floats());
  }

  /** Adam's first or second moment of every parameter, by name, read from the GPU. */
  async moments(moment: 'm' | 'v'): Promise<Map<string, HostTensor>> {
    return this.#split(await this.memory[moment].floats());
  }

  /**
   * Replaces moments by those that `moments` returned. Moments of parameters that are not in
   * `tensors` become zero.
   *
   * @throws ShapeError where a tensor's length is not that of its parameter.
   */
  assignMoments(moment: 'm' | 'v', tensors: ReadonlyMap<string, HostTensor>): void {
    const flat = new Float32Array(this.#length);
    for (const parameter of this) {
      const tensor = tensors.get(parameter.name);
      if (!tensor) continue;
      if (tensor.data.length !== parameter.length) {
        throw new ShapeError(
          'ParameterStore',
          `moment ${moment} of ${parameter.name}`,
          `${parameter.length} numbers`,
          `${tensor.data.length}`,
        );
      }
      flat.set(tensor.data, parameter.start);
    }
    this.memory[moment].write(flat);
  }

  /** The values of every parameter as a safetensors file. */
  async save(metadata: Record<string, string> = {}): Promise<Uint8Array<ArrayBuffer>> {
    return encodeSafetensors(await this.values(), metadata);
  }

  /**
   * Loads the values that fit from a safetensors file and keeps the others unchanged.
   *
   * @throws SafetensorsError where the file is damaged; then no value is changed.
   */
  load(file: Uint8Array): LoadReport {
    return this.assign(decodeSafetensors(file).tensors);
  }

  /**
   * Loads the tensors whose name, type and shape fit a parameter and keeps the other parameters
   * unchanged.
   */
  assign(tensors: ReadonlyMap<string, HostTensor>): LoadReport {
    const report: LoadReport = { loaded: [], missing: [], unknown: [], mismatched: [] };
    for (const parameter of this) {
      const { name, shape } = parameter;
      const tensor = tensors.get(name);
      if (!tensor) report.missing.push(name);
      else if (tensor.dtype !== 'F32' || formatShape(tensor.shape) !== formatShape(shape)) {
        const actual = { dtype: tensor.dtype, shape: tensor.shape };
        report.mismatched.push({ name, expected: { dtype: 'F32', shape }, actual });
      } else {
        parameter.tensor.write(tensor.data as Float32Array);
        report.loaded.push(name);
      }
    }
    report.unknown = [...tensors.keys()].filter((name) => !this.#byName.has(name));
    return report;
  }

  /** Releases the four buffers. */
  dispose(): void {
    if (!this.#memory) return;
    const { values, gradients, m, v } = this.#memory;
    for (const tensor of [values, gradients, m, v]) tensor.dispose();
    this.#memory = undefined;
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Splits a flat buffer's contents into parameters. */
  #split(flat: Float32Array): Map<string, HostTensor> {
    if (flat.length !== this.#length)
      throw new ShapeError('ParameterStore', 'data', `${this.#length} floats`, `${flat.length}`);
    const entries = [...this].map((parameter) => {
      const data = flat.slice(parameter.start, parameter.start + parameter.length);
      return [parameter.name, { dtype: 'F32', shape: parameter.shape, data }] as const;
    });
    return new Map(entries);
  }
}
