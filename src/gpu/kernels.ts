/** Kernels: shader sources specialised by constants, compiled once, with their layouts and parameter packing. */

import type { OwnKernel } from './own-kernel.js';
import { KERNELS, type Kernels, SHADERS } from './shaders.gen.js';

export type { Kernels };
export type KernelName = keyof Kernels;
export type ConstantValue = number | boolean;

/** What reflection found of one shader file. */
export interface ShaderInfo {
  readonly constants: Readonly<Record<string, ConstantValue>>;
  readonly source: string;
}

export interface BindingInfo {
  readonly name: string;
  readonly binding: number;
  readonly kind: 'uniform' | 'storage' | 'read-only-storage';
}

export interface ParamInfo {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  readonly offset: number;
}

/** What reflection found of one entry point. */
export interface KernelInfo {
  readonly shader: string;
  readonly entry: string;
  readonly bindings: readonly BindingInfo[];
  readonly params: readonly ParamInfo[];
  readonly paramBytes: number;
}

/** A compiled entry point. */
export interface Kernel {
  readonly name: string;
  readonly info: KernelInfo;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Identifies the bind group layout, so that kernels of one layout share bind groups. */
  readonly layoutKey: string;
}

const UNIFORM_PARAMS = '@group(1) @binding(0) var<uniform> params: Params;';
const IMMEDIATE_PARAMS = 'var<immediate> params: Params;';

/**
 * The source with its top-level constants rewritten.
 *
 * @throws Error where a name is not declared in the file or a value is of the wrong type.
 */
export function specialize(
  shader: string,
  source: string,
  declared: Readonly<Record<string, ConstantValue>>,
  wanted: Readonly<Record<string, ConstantValue | undefined>>,
): string {
  let result = source;
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const standing = declared[name];
    if (standing === undefined) {
      const known = Object.keys(declared).join(', ');
      throw new Error(`shaders/${shader}.wgsl declares no constant ${name}; it declares ${known}.`);
    }
    const whole = typeof value === 'number' && Number.isInteger(value) && value >= 0;
    if (typeof value !== typeof standing || (typeof value === 'number' && !whole)) {
      throw new Error(
        `shaders/${shader}.wgsl: constant ${name} is ${standing}, so ${value} cannot replace it.`,
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

/** Compiles kernels on demand and keeps them by name and constants. */
export class KernelCache {
  readonly #device: GPUDevice;
  readonly #immediates: boolean;
  readonly #watch: <T>(what: string, make: () => T) => T;
  readonly #show: ((text: string) => void) | undefined;
  readonly #kernels = new Map<string, Kernel>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #own = new WeakMap<OwnKernel, Kernel>();
  readonly paramsLayout: GPUBindGroupLayout | undefined;

  /**
   * @param watch runs a compile inside an error scope and reports what the device says of it.
   * @param show receives each specialised source, for DEBUG=4.
   */
  constructor(
    device: GPUDevice,
    immediates: boolean,
    watch: <T>(what: string, make: () => T) => T,
    show?: (text: string) => void,
  ) {
    this.#device = device;
    this.#immediates = immediates;
    this.#watch = watch;
    this.#show = show;
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

  /** A kernel that is not among the embedded ones. */
  getOwn(own: OwnKernel): Kernel {
    let kernel = this.#own.get(own);
    if (!kernel) {
      kernel = this.#compile(own.name, own.info, own.name, () =>
        this.#module(own.name, own.source),
      );
      this.#own.set(own, kernel);
    }
    return kernel;
  }

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
          // `immediateSize` is newer than the published types.
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
      ? `requires immediate_address_space;\n${source.replace(UNIFORM_PARAMS, IMMEDIATE_PARAMS)}`
      : source;
    this.#show?.(`// ${label}\n${code}`);
    return this.#device.createShaderModule({ label, code });
  }

  #groupLayout(info: KernelInfo): [string, GPUBindGroupLayout] {
    const key = info.bindings.map((b) => `${b.binding}${b.kind}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: info.bindings.map((b) => ({
          binding: b.binding,
          visibility: GPU_SHADER_STAGE_COMPUTE,
          buffer: { type: b.kind },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return [key, layout];
  }
}

/** GPUShaderStage.COMPUTE by value: the global need not exist where the device was lent to us. */
const GPU_SHADER_STAGE_COMPUTE = 4;

function kernelKey(name: string, constants: Record<string, ConstantValue | undefined>): string {
  const parts = Object.entries(constants).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? name : `${name} ${parts.map(([n, v]) => `${n}=${v}`).join(' ')}`;
}

/** Packs scalar parameters as the kernel's struct lays them out. */
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
