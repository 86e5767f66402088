/** Shader modules and compute pipelines: where WGSL is compiled. */

import type { ExecutableKernel } from '../threads/executor.js';
import { type CompiledKernel, compileEntry, readShader } from '../wasm/compile.js';
import { writeText } from '../wasm/text.js';
import type { Entry, Program } from '../wgsl/program.js';
import { WgslError } from '../wgsl/source.js';
import { isSized, sizeOf, type Type } from '../wgsl/types.js';
import { CpuBindGroupLayout, CpuPipelineLayout, type LayoutEntry } from './bindings.js';
import type { CpuDevice } from './device.js';
import { ensure, named, Refusal } from './errors.js';
import { COMPUTE } from './limits.js';

export class CpuShaderModule implements GPUShaderModule {
  declare readonly __brand: 'GPUShaderModule';
  label: string;
  readonly #program: Program | undefined;
  readonly #messages: readonly GPUCompilationMessage[] = [];

  constructor(device: CpuDevice, descriptor: GPUShaderModuleDescriptor) {
    this.label = descriptor.label ?? '';
    try {
      this.#program = readShader(descriptor.code);
    } catch (error) {
      if (!(error instanceof WgslError)) throw error;
      const { line, column, rule } = error;
      this.#messages = [compilationMessage(rule, line, column)];
      device.errors.attempt(named('createShaderModule', this.label), () => {
        throw new Refusal(error.message);
      });
    }
  }

  /** @throws Refusal where the shader was refused. */
  get program(): Program {
    if (!this.#program) throw new Refusal(`shader module "${this.label}" is invalid`);
    return this.#program;
  }

  async getCompilationInfo(): Promise<GPUCompilationInfo> {
    return { messages: this.#messages } as GPUCompilationInfo;
  }
}

function compilationMessage(
  message: string,
  lineNum: number,
  linePos: number,
): GPUCompilationMessage {
  return {
    message,
    type: 'error',
    lineNum,
    linePos,
    offset: 0,
    length: 0,
  } as GPUCompilationMessage;
}

/** A kernel that can be run, and where its buffers come from. */
export interface PipelineContent {
  readonly kernel: CompiledKernel;
  readonly executable: ExecutableKernel;
  readonly groups: readonly CpuBindGroupLayout[];
  readonly immediateSize: number;
}

export class CpuComputePipeline implements GPUComputePipeline {
  declare readonly __brand: 'GPUComputePipeline';
  label: string;
  readonly #content: PipelineContent | undefined;

  constructor(device: CpuDevice, descriptor: GPUComputePipelineDescriptor) {
    this.label = descriptor.label ?? '';
    this.#content = device.errors.attempt(named('createComputePipeline', this.label), () =>
      build(device, descriptor),
    );
  }

  /** @throws Refusal where the pipeline is invalid. */
  get content(): PipelineContent {
    if (!this.#content) throw new Refusal(`compute pipeline "${this.label}" is invalid`);
    return this.#content;
  }

  getBindGroupLayout(index: number): GPUBindGroupLayout {
    const layout = this.#content?.groups[index];
    if (!layout) throw new RangeError(`getBindGroupLayout: the pipeline has no group ${index}.`);
    return layout;
  }
}

/** Compiles a pipeline's kernel, and checks it against its layout. @throws Refusal where they do not go together. */
function build(device: CpuDevice, descriptor: GPUComputePipelineDescriptor): PipelineContent {
  const { compute, label = '' } = descriptor;
  ensure(compute.module instanceof CpuShaderModule, () => 'the module is not one of a CPU device');
  const overrides = Object.keys(compute.constants ?? {});
  ensure(overrides.length === 0, () => `there is no override ${overrides[0]}`);
  const { program } = compute.module;
  const entry = findEntry(program, compute.entryPoint);
  checkWorkgroup(device, entry);
  const { groups, immediateSize } = layoutFor(device, descriptor, entry);
  const kernel = compileEntry(program, entry, device.moduleOptions);
  checkBindings(kernel, groups);
  ensure(
    kernel.immediateBytes <= immediateSize,
    () =>
      `the shader's immediates take ${kernel.immediateBytes} bytes, the layout has ${immediateSize}`,
  );
  device.show?.(() => `;; ${label || entry.name}\n${writeText(kernel)}`);
  const executable = device.addKernel(kernel, label || entry.name);
  return { kernel, executable, groups, immediateSize };
}

function findEntry({ entries }: Program, name: string | undefined): Entry {
  if (name === undefined) {
    ensure(entries.length === 1, () => `the module has ${entries.length} entry points: name one`);
    return entries[0]!;
  }
  const found = entries.find((entry) => entry.name === name);
  ensure(found !== undefined, () => `the module has no compute entry point "${name}"`);
  return found;
}

function checkWorkgroup({ limits }: CpuDevice, { workgroupSize, globals }: Entry): void {
  const most = [
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupSizeY,
    limits.maxComputeWorkgroupSizeZ,
  ];
  for (const [n, size] of workgroupSize.entries())
    ensure(size <= most[n]!, () => `a workgroup of ${size} along ${'xyz'[n]} is past ${most[n]}`);
  const all = workgroupSize.reduce((product, size) => product * size, 1);
  const mostAll = limits.maxComputeInvocationsPerWorkgroup;
  ensure(all <= mostAll, () => `a workgroup of ${all} invocations is past ${mostAll}`);
  const bytes = globals
    .filter((v) => v.space === 'workgroup')
    .reduce((sum, v) => sum + 16 * Math.ceil(sizeOf(v.type) / 16), 0);
  const mostBytes = limits.maxComputeWorkgroupStorageSize;
  ensure(bytes <= mostBytes, () => `${bytes} bytes of workgroup memory are past ${mostBytes}`);
}

function layoutFor(device: CpuDevice, { layout }: GPUComputePipelineDescriptor, entry: Entry) {
  if (layout === 'auto') return automaticLayout(device, entry);
  ensure(layout instanceof CpuPipelineLayout, () => 'the layout is not one of a CPU device');
  return layout.content;
}

/** The layout that an entry point's variables ask for. */
function automaticLayout(device: CpuDevice, { globals }: Entry) {
  const bound = globals.filter((v) => v.binding !== undefined);
  const count = Math.max(0, ...bound.map((v) => v.binding!.group + 1));
  const groups = Array.from({ length: count }, (_, group) => {
    const entries = bound
      .filter((v) => v.binding!.group === group)
      .map(({ binding, space, access }) => ({
        binding: binding!.binding,
        visibility: COMPUTE,
        buffer: { type: bindingType(space, access) },
      }));
    return new CpuBindGroupLayout(device, { entries });
  });
  const immediate = globals.find((v) => v.space === 'immediate');
  return { groups, immediateSize: immediate ? sizeOf(immediate.type) : 0 };
}

function bindingType(space: string, access: string): GPUBufferBindingType {
  if (space === 'uniform') return 'uniform';
  return access === 'read' ? 'read-only-storage' : 'storage';
}

/** @throws Refusal where the kernel uses a binding that the layout has not, or not so. */
function checkBindings(kernel: CompiledKernel, groups: readonly CpuBindGroupLayout[]): void {
  for (const { group, binding, variable } of kernel.bindings) {
    const at = `@group(${group}) @binding(${binding}) ${variable.name}`;
    const entry = groups[group]?.entries.find((e) => e.binding === binding);
    ensure(entry !== undefined, () => `the layout has no ${at}`);
    const wanted = bindingType(variable.space, variable.access);
    const fits =
      entry.type === wanted || (wanted === 'read-only-storage' && entry.type === 'storage');
    ensure(fits, () => `${at} is ${wanted}, but ${entry.type} in the layout`);
  }
}

/** The fewest bytes that must be bound for a variable: a runtime-sized array counts with one element. */
export function leastBytes(type: Type): number {
  if (isSized(type) || type.kind !== 'struct') return sizeOf(type);
  const last = type.members.at(-1)!;
  return last.offset + sizeOf(last.type);
}

export type { LayoutEntry };
