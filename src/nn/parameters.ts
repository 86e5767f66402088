/**
 * Parameters in flat stores: values, gradients and both Adam moments are one buffer each, in which every parameter
 * starts at a multiple of 256 bytes. Clearing gradients is one clear, a checkpoint one copy.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { HostRandom } from '../math/random.js';
import { elementCount, formatShape, type Shape, Tensor } from '../tensor/tensor.js';
import type { Initializer } from './init.js';
import { decodeSafetensors, encodeSafetensors, type HostTensor } from './safetensors.js';

/** Elements per block: 256 bytes, what a binding's offset must be a multiple of. */
export const BLOCK_ELEMENTS = 64;

export interface ParameterOptions {
  init: Initializer;
  /** Whether AdamW decays it. Default false. */
  decay?: boolean;
}

/** One named parameter; its tensor exists once its store is allocated. */
export class Parameter {
  #tensor: Tensor | undefined;

  constructor(
    readonly name: string,
    readonly shape: Shape,
    readonly init: Initializer,
    readonly decay: boolean,
    /** Elements from the start of the store. */
    readonly start: number,
  ) {}

  get length(): number {
    return elementCount(this.shape);
  }

  get tensor(): Tensor {
    if (!this.#tensor)
      throw new Error(`Parameter ${this.name} has no memory yet: call allocate() on its store.`);
    return this.#tensor;
  }

  /** Called by the store. */
  bind(tensor: Tensor): void {
    this.#tensor = tensor;
  }
}

/** Where a layer declares its parameters: names below a dotted prefix. */
export interface Declare {
  parameter(name: string, shape: Shape, options: ParameterOptions): Parameter;
  at(prefix: string): Declare;
}

/** What loading found: what fitted, what the file lacks, what it has too much, and what has another shape. */
export interface LoadReport {
  loaded: string[];
  missing: string[];
  unknown: string[];
  misshapen: { name: string; expected: Shape; found: Shape }[];
}

/** Declares parameters, then holds them in four flat buffers. */
export class ParameterStore implements Declare {
  readonly #byName = new Map<string, Parameter>();
  #length = 0;
  #memory: { engine: Engine; values: Tensor; gradients: Tensor; m: Tensor; v: Tensor } | undefined;

  /** @throws Error where a name is declared twice, or after allocation. */
  parameter(name: string, shape: Shape, { init, decay = false }: ParameterOptions): Parameter {
    if (this.#memory)
      throw new Error(`Parameter ${name} was declared after its store was allocated.`);
    if (this.#byName.has(name)) throw new Error(`Parameter ${name} was declared twice.`);
    const parameter = new Parameter(name, shape, init, decay, this.#length);
    this.#byName.set(name, parameter);
    this.#length += Math.ceil(parameter.length / BLOCK_ELEMENTS) * BLOCK_ELEMENTS;
    return parameter;
  }

  at(prefix: string): Declare {
    return {
      parameter: (name, shape, options) => this.parameter(`${prefix}.${name}`, shape, options),
      at: (inner) => this.at(`${prefix}.${inner}`),
    };
  }

  /**
   * Makes the four buffers and draws the initial values from the seed, in the order of declaration; without a seed the
   * values are zero, to be loaded.
   */
  allocate(engine: Engine, seed?: number): void {
    if (this.#memory) throw new Error('These parameters are allocated already.');
    if (this.#length === 0) throw new Error('There are no parameters to allocate.');
    const flat = () => Tensor.zeros(engine, [this.#length]).keep();
    const memory = { engine, values: flat(), gradients: flat(), m: flat(), v: flat() };
    this.#memory = memory;
    for (const p of this) {
      const range = { offset: 4 * p.start, size: 4 * p.length };
      const tensor = new Tensor(
        engine,
        p.shape,
        'f32',
        { buffer: memory.values.buffer, ...range },
        { requiresGrad: true },
      );
      tensor.gradient = new Tensor(engine, p.shape, 'f32', {
        buffer: memory.gradients.buffer,
        ...range,
      });
      p.bind(tensor);
    }
    if (seed === undefined) return;
    const random = new HostRandom(seed);
    const initial = new Float32Array(this.#length);
    for (const p of this) p.init(initial.subarray(p.start, p.start + p.length), random);
    memory.values.write(initial);
  }

  get engine(): Engine {
    return this.memory.engine;
  }

  /** The flat buffers: values, gradients, first and second moments. */
  get memory(): { engine: Engine; values: Tensor; gradients: Tensor; m: Tensor; v: Tensor } {
    if (!this.#memory) throw new Error('These parameters have no memory yet: call allocate().');
    return this.#memory;
  }

  /** Elements of each flat buffer, gaps included. */
  get length(): number {
    return this.#length;
  }

  /** How many numbers the parameters are, gaps not counted. */
  get count(): number {
    return [...this].reduce((sum, p) => sum + p.length, 0);
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#byName.values();
  }

  /** @throws Error where there is none of that name. */
  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new Error(`There is no parameter ${name}.`);
    return parameter;
  }

  /** Freezes the parameters whose name matches and thaws the others; frozen ones get no gradient and never move. */
  freeze(matches: (name: string) => boolean): void {
    for (const p of this) p.tensor.requiresGrad = !matches(p.name);
  }

  /** Appends a clear of every gradient. */
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
  async moments(which: 'm' | 'v'): Promise<Map<string, HostTensor>> {
    return this.#split(await this.memory[which].floats());
  }

  /** Puts moments back, as `moments` gave them; those of parameters not named become zero. */
  assignMoments(which: 'm' | 'v', tensors: ReadonlyMap<string, HostTensor>): void {
    const flat = new Float32Array(this.#length);
    for (const p of this) {
      const found = tensors.get(p.name);
      if (!found) continue;
      if (found.data.length !== p.length) {
        throw new ShapeError(
          'ParameterStore',
          `moment ${which} of ${p.name}`,
          `${p.length} numbers`,
          `${found.data.length}`,
        );
      }
      flat.set(found.data, p.start);
    }
    this.memory[which].write(flat);
  }

  /** Every parameter as a safetensors file. */
  async save(metadata: Record<string, string> = {}): Promise<Uint8Array<ArrayBuffer>> {
    return encodeSafetensors(await this.values(), metadata);
  }

  /**
   * Takes what fits from a safetensors file and leaves the rest as it is.
   *
   * @throws Error where the file is truncated or lies about itself; then nothing has changed.
   */
  async load(file: Uint8Array): Promise<LoadReport> {
    return this.assign(decodeSafetensors(file).tensors);
  }

  /** Takes the tensors that fit by name and shape. */
  async assign(tensors: ReadonlyMap<string, HostTensor>): Promise<LoadReport> {
    const report: LoadReport = { loaded: [], missing: [], unknown: [], misshapen: [] };
    for (const p of this) {
      const found = tensors.get(p.name);
      if (!found) report.missing.push(p.name);
      else if (found.dtype !== 'F32' || formatShape(found.shape) !== formatShape(p.shape)) {
        report.misshapen.push({ name: p.name, expected: p.shape, found: found.shape });
      } else {
        p.tensor.write(found.data as Float32Array);
        report.loaded.push(p.name);
      }
    }
    report.unknown = [...tensors.keys()].filter((name) => !this.#byName.has(name));
    return report;
  }

  dispose(): void {
    if (!this.#memory) return;
    const { values, gradients, m, v } = this.#memory;
    for (const tensor of [values, gradients, m, v]) tensor.dispose();
    this.#memory = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #split(flat: Float32Array): Map<string, HostTensor> {
    if (flat.length !== this.#length)
      throw new ShapeError('ParameterStore', 'data', `${this.#length} floats`, `${flat.length}`);
    const entries = [...this].map((p) => {
      const data = flat.slice(p.start, p.start + p.length);
      return [p.name, { dtype: 'F32', shape: p.shape, data }] as const;
    });
    return new Map(entries);
  }
}
