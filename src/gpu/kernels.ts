/**
 * Compiling kernels from shader sources, specialized by constants, and packing their parameters.
 */

import type { CustomKernel } from './custom-kernel.js';
import { KERNELS, type Kernels, SHADERS } from './shaders.gen.js';

/** For each built-in kernel, the types of its constants, buffers and parameters. */
export type { Kernels };
/** The name of a built-in kernel: `shader.entryPoint`. */
export type KernelName = keyof Kernels;
/** The value of a shader's top-level constant: a u32 or a bool. */
export type ConstantValue = number | boolean;

/** A shader file, as the embedding script reflects it. */
export interface ShaderInfo {
  /** The top-level constants and the values they have in the file. */
  readonly constants: Readonly<Record<string, ConstantValue>>;
  readonly source: string;
}

/** A buffer of an entry point. */
export interface BindingInfo {
  /** The name of the WGSL variable. */
  readonly name: string;
  /** The index in group 0. */
  readonly binding: number;
  readonly kind: 'uniform' | 'storage' | 'read-only-storage';
}

/** A scalar parameter of an entry point: a field of its `struct Params`. */
export interface ParamInfo {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

/** An entry point, as the embedding script reflects it. */
export interface KernelInfo {
  /** The shader's file name without `.wgsl`; for a user's kernel, its name. */
  readonly shader: string;
  readonly entry: string;
  readonly bindings: readonly BindingInfo[];
  readonly params: readonly ParamInfo[];
  /** Bytes of `struct Params`; 0 where the kernel has none. */
  readonly paramBytes: number;
}

/** A compiled entry point. */
export interface Kernel {
  readonly name: string;
  readonly info: KernelInfo;
  readonly pipeline: GPUComputePipeline;
  /** The layout of the buffers' bind group, group 0. */
  readonly layout: GPUBindGroupLayout;
  /** Equal for kernels with equal layouts, which can share bind groups. */
  readonly layoutKey: string;
}

/**
 * How every shader declares its parameters, word for word: on some devices they become immediates.
 */
export const UNIFORM_PARAMS = '@group(1) @binding(0) var<uniform> params: Params;';
const IMMEDIATE_PARAMS = 'var<immediate> params: Params;';

/**
 * The shader's source with new values for some of its top-level constants.
 *
 * @param declared the constants in the file, with their values there.
 * @param overrides the new values; undefined keeps the file's.
 * @throws Error where a constant is not declared in the file, or the new value has another type.
 */
export function specialize(
  shader: string,
  source: string,
  declared: Readonly<Record<string, ConstantValue>>,
  overrides: Readonly<Record<string, ConstantValue | undefined>>,
): string {
  let result = source;
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const declaredValue = declared[name];
    if (declaredValue === undefined) {
      const names = Object.keys(declared).join(', ');
      throw new Error(
        `shaders/${shader}.wgsl does not declare a constant ${name}; it declares ${names}.`,
      );
    }
    const isUnsigned = typeof value === 'number' && Number.isInteger(value) && value >= 0;
    if (typeof value !== typeof declaredValue || (typeof value === 'number' && !isUnsigned)) {
      throw new Error(
        `shaders/${shader}.wgsl: constant ${name} is ${declaredValue}, so ${value} cannot replace it.`,
      );
    }
    const text = typeof value === 'number' ? `${value}u` : String(value);
    result = result.replace(
      new RegExp(`^const ${name}((?:: \\w+)?) = [^;]+;$`, 'm'),
      `const ${name}$1 = ${text};`,
    );
  }
  return result;
}

/** Compiles each kernel on its first use, once for each combination of constants. */
export class KernelCache {
  readonly #device: GPUDevice;
  readonly #immediates: boolean;
  readonly #watch: <T>(label: string, create: () => T) => T;
  readonly #logSource: ((text: string) => void) | undefined;
  readonly #kernels = new Map<string, Kernel>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #customKernels = new WeakMap<CustomKernel, Kernel>();
  /**
   * The layout of the parameters' bind group, group 1; undefined where parameters are passed as
   * immediates.
   */
  readonly paramsLayout: GPUBindGroupLayout | undefined;

  /**
   * @param immediates whether parameters are passed as immediates.
   * @param watch creates a pipeline inside an error scope and reports a validation error with its
   *   label.
   * @param logSource receives each specialized source, for DEBUG=4.
   */
  constructor(
    device: GPUDevice,
    immediates: boolean,
    watch: <T>(label: string, create: () => T) => T,
    logSource?: (text: string) => void,
  ) {
    this.#device = device;
    this.#immediates = immediates;
    this.#watch = watch;
    this.#logSource = logSource;
    if (!immediates) {
      this.paramsLayout = device.createBindGroupLayout({
        entries: [
          {
            binding: 0,
            visibility: GPU_SHADER_STAGE_COMPUTE,
            buffer: { type: 'uniform', hasDynamicOffset: true },
          },
        ],
      });
    }
  }

  /** A built-in kernel with these constants. */
  get<K extends KernelName>(name: K, constants: Kernels[K]['constants']): Kernel {
    const key = kernelKey(name, constants);
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      const info = KERNELS[name];
      kernel = this.#compile(name, info, key, () => this.#cachedModule(info.shader, constants));
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  /** A kernel that the user defined. */
  getCustom(definition: CustomKernel): Kernel {
    let kernel = this.#customKernels.get(definition);
    if (!kernel) {
      const { name, info, source } = definition;
      kernel = this.#compile(name, info, name, () => this.#module(name, source));
      this.#customKernels.set(definition, kernel);
    }
    return kernel;
  }

  /** How many built-in kernels were compiled, each combination of constants counted. */
  get compiled(): number {
    return this.#kernels.size;
  }

  #compile(name: string, info: KernelInfo, key: string, moduleFor: () => GPUShaderModule): Kernel {
    const [layoutKey, layout] = this.#groupLayout(info);
    const groups = [layout];
    if (this.paramsLayout) groups.push(this.paramsLayout);
    const pipeline = this.#watch(key, () =>
      this.#device.createComputePipeline({
        label: key,
        layout: this.#device.createPipelineLayout(
          // `immediateSize` is missing in the published types.
          {
            bindGroupLayouts: groups,
            ...(this.#immediates && { immediateSize: info.paramBytes }),
          } as GPUPipelineLayoutDescriptor,
        ),
        compute: { module: moduleFor(), entryPoint: info.entry },
      }),
    );
    return { name, info, pipeline, layout, layoutKey };
  }

  #cachedModule(shader: string, constants: Record<string, ConstantValue>): GPUShaderModule {
    const key = kernelKey(shader, constants);
    let module = this.#modules.get(key);
    if (!module) {
      const { source, constants: declared } = SHADERS[shader]!;
      module = this.#module(key, specialize(shader, source, declared, constants));
      this.#modules.set(key, module);
    }
    return module;
  }

  #module(label: string, source: string): GPUShaderModule {
    const code = this.#immediates
      ? // On the source's first line, so that errors have its line numbers.
        `requires immediate_address_space; ${source.replace(UNIFORM_PARAMS, IMMEDIATE_PARAMS)}`
      : source;
    this.#logSource?.(`// ${label}\n${code}`);
    return this.#device.createShaderModule({ label, code });
  }

  #groupLayout(info: KernelInfo): [string, GPUBindGroupLayout] {
    const key = info.bindings.map(({ binding, kind }) => `${binding}${kind}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: info.bindings.map(({ binding, kind }) => ({
          binding,
          visibility: GPU_SHADER_STAGE_COMPUTE,
          buffer: { type: kind },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return [key, layout];
  }
}

/** GPUShaderStage.COMPUTE as a number: with a borrowed device the global may be missing. */
const GPU_SHADER_STAGE_COMPUTE = 4;

/** A name with the constants set on it, as in `matmul_tiled.wide TILE_M=64 TILE_N=64`. */
function kernelKey(name: string, constants: Record<string, ConstantValue | undefined>): string {
  const assigned = Object.entries(constants).filter(([, value]) => value !== undefined);
  return assigned.length === 0
    ? name
    : `${name} ${assigned.map(([n, v]) => `${n}=${v}`).join(' ')}`;
}

/**
 * The bytes of the kernel's `struct Params`.
 *
 * @throws Error where a parameter is missing or NaN.
 */
export function packParams(
  info: KernelInfo,
  values: Readonly<Record<string, number>>,
): Uint32Array {
  const words = new Uint32Array(info.paramBytes / 4);
  const floats = new Float32Array(words.buffer);
  const signed = new Int32Array(words.buffer);
  for (const { name, type, offset } of info.params) {
    const value = values[name];
    if (value === undefined || Number.isNaN(value)) {
      throw new Error(`${info.shader}.${info.entry}: parameter ${name} is ${value}.`);
    }
    if (type === 'f32') floats[offset / 4] = value;
    else if (type === 'i32') signed[offset / 4] = value;
    else words[offset / 4] = value;
  }
  return words;
}
