/** Shader modules and compute pipelines: where WGSL is compiled. */

import type { ExecutableKernel } from '../threads/executor.js';
import { type CompiledKernel, compileEntry, readShader } from '../wasm/compile.js';
import { writeText } from '../wasm/ir/text.js';
import type { Entry, Program, Variable } from '../wgsl/program.js';
import { WgslError } from '../wgsl/source.js';
import {
  alignOf,
  elementCount,
  elementType,
  isSized,
  roundUp,
  sizeOf,
  strideOf,
  type Type,
} from '../wgsl/types.js';
import {
  CpuBindGroupLayout,
  CpuPipelineLayout,
  checkEntries,
  checkLayout,
  type LayoutContent,
} from './bindings.js';
import type { CpuDevice } from './device.js';
import { checkOwner, ensure, Incapacity, named, Refusal, titled } from './errors.js';
import { COMPUTE } from './limits.js';

/** A shader, checked. */
export class CpuShaderModule implements GPUShaderModule {
  declare readonly __brand: 'GPUShaderModule';
  label: string;
  readonly device: CpuDevice;
  readonly #program: Program | undefined;
  readonly #messages: readonly GPUCompilationMessage[] = [];

  constructor(device: CpuDevice, descriptor: GPUShaderModuleDescriptor) {
    this.device = device;
    this.label = descriptor.label ?? '';
    try {
      this.#program = readShader(`${descriptor.code}`);
    } catch (error) {
      if (!(error instanceof WgslError)) throw error;
      this.#messages = [compilationMessage(error, descriptor.code)];
      device.errors.refuse(named('createShaderModule', this.label), error.message);
    }
  }

  /** @throws Refusal where the shader was refused. */
  get program(): Program {
    if (!this.#program) throw new Refusal(`${titled('shader module', this.label)} is invalid`);
    return this.#program;
  }

  async getCompilationInfo(): Promise<GPUCompilationInfo> {
    return { messages: this.#messages } as GPUCompilationInfo;
  }
}

function compilationMessage(
  { rule, line, column }: WgslError,
  code: string,
): GPUCompilationMessage {
  const before = code.split('\n').slice(0, line - 1);
  const offset = before.reduce((sum, { length }) => sum + length + 1, column - 1);
  const message = {
    message: rule,
    type: 'error',
    lineNum: line,
    linePos: column,
    offset,
    length: 0,
  };
  return message as GPUCompilationMessage;
}

/** A kernel that can be run, and where its buffers come from. */
export interface PipelineContent {
  readonly kernel: CompiledKernel;
  readonly executable: ExecutableKernel;
  readonly groups: readonly CpuBindGroupLayout[];
  /** Bit n: the n-th word of the immediates is read, and so must have been set. */
  readonly immediateWords: number;
}

/** An entry point of a shader, compiled. */
export class CpuComputePipeline implements GPUComputePipeline {
  declare readonly __brand: 'GPUComputePipeline';
  label: string;
  readonly device: CpuDevice;
  readonly #content: PipelineContent | undefined;
  /** Why it is invalid. */
  #reason = '';

  /** @throws TypeError where the descriptor is not one. */
  constructor(device: CpuDevice, descriptor: GPUComputePipelineDescriptor) {
    this.device = device;
    this.label = descriptor.label ?? '';
    const { layout, compute } = descriptor;
    if (layout !== 'auto' && !(layout instanceof CpuPipelineLayout))
      throw new TypeError('The layout is neither "auto" nor one of a CPU device.');
    const { module } = compute;
    if (!(module instanceof CpuShaderModule))
      throw new TypeError('This shader module was not made by a CPU device.');
    this.#content = device.errors.attempt(named('createComputePipeline', this.label), () => {
      try {
        return this.#build(layout, module, compute);
      } catch (error) {
        this.#reason = (error as Error).message;
        throw error;
      }
    });
  }

  /** @throws Refusal where the pipeline is invalid. */
  get content(): PipelineContent {
    if (this.#content) return this.#content;
    throw new Refusal(`${titled('compute pipeline', this.label)} is invalid: ${this.#reason}`);
  }

  /** The layout of a group; of one that the pipeline does not use, an empty one. */
  getBindGroupLayout(index: number): GPUBindGroupLayout {
    // Of WebGPU's numbers this is the one that wraps around.
    const group = index >>> 0;
    const { device } = this;
    const layout = device.errors.attempt(named('getBindGroupLayout', this.label), () => {
      const most = device.limits.maxBindGroups;
      ensure(group < most, () => `group ${group} is past the limit, ${most - 1}`);
      return this.content.groups[group] ?? new CpuBindGroupLayout(device, '', [], this);
    });
    return layout ?? new CpuBindGroupLayout(device, '', undefined);
  }

  /** Compiles the kernel, and checks it against the layout. @throws Refusal where they do not go together. */
  #build(
    layout: CpuPipelineLayout | 'auto',
    module: CpuShaderModule,
    { entryPoint, constants = {} }: GPUProgrammableStage,
  ): PipelineContent {
    const { device } = this;
    checkOwner(device, module, 'shader module');
    const { program } = module;
    const overrides = Object.keys(constants);
    ensure(overrides.length === 0, () => `there is no override ${overrides[0]}`);
    const entry = findEntry(program, entryPoint);
    checkWorkgroup(device, entry);
    if (layout !== 'auto') checkOwner(device, layout, 'pipeline layout');
    const content = layout === 'auto' ? automaticLayout(this, entry) : layout.content;
    checkEntry(entry, content);
    const kernel = compile(device, program, entry);
    const name = this.label || entry.name;
    device.show?.(() => `;; ${name}\n${writeText(kernel)}`);
    const executable = device.addKernel(kernel, name);
    const immediate = immediateOf(entry);
    const immediateWords = immediate ? wordsRead(immediate.type, 0) : 0;
    return { kernel, executable, groups: content.groups, immediateWords };
  }
}

/** @throws Incapacity where a valid shader cannot be compiled here. */
function compile(device: CpuDevice, program: Program, entry: Entry): CompiledKernel {
  try {
    return compileEntry(program, entry, device.moduleOptions);
  } catch (error) {
    throw new Incapacity((error as Error).message);
  }
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
    .reduce((sum, v) => sum + roundUp(sizeOf(v.type), 16), 0);
  const mostBytes = limits.maxComputeWorkgroupStorageSize;
  ensure(bytes <= mostBytes, () => `${bytes} bytes of workgroup memory are past ${mostBytes}`);
}

/** The layout that an entry point's variables ask for. */
function automaticLayout(pipeline: CpuComputePipeline, entry: Entry): LayoutContent {
  const { device } = pipeline;
  const bound = entry.globals.filter((v) => v.binding !== undefined);
  const count = Math.max(0, ...bound.map((v) => v.binding!.group + 1));
  const groups = Array.from({ length: count }, (_, group) => {
    const entries = bound
      .filter((v) => v.binding!.group === group)
      .map((variable) => ({
        binding: variable.binding!.binding,
        visibility: COMPUTE,
        type: bindingType(variable),
        hasDynamicOffset: false,
        minBindingSize: leastBytes(variable.type),
      }))
      .sort((p, q) => p.binding - q.binding);
    checkEntries(device, entries);
    return new CpuBindGroupLayout(device, '', entries, pipeline);
  });
  const immediate = immediateOf(entry);
  const content = { groups, immediateSize: immediate ? sizeOf(immediate.type) : 0 };
  checkLayout(device, content);
  return content;
}

function immediateOf({ globals }: Entry): Variable | undefined {
  return globals.find((v) => v.space === 'immediate');
}

function bindingType({ space, access }: Variable): GPUBufferBindingType {
  if (space === 'uniform') return 'uniform';
  return access === 'read' ? 'read-only-storage' : 'storage';
}

/** @throws Refusal where the entry point uses a binding or immediates that the layout has not, or not so. */
function checkEntry(entry: Entry, { groups, immediateSize }: LayoutContent): void {
  for (const variable of entry.globals) {
    if (!variable.binding) continue;
    const { group, binding } = variable.binding;
    const at = `@group(${group}) @binding(${binding}) ${variable.name}`;
    const own = groups[group]?.entries.find((e) => e.binding === binding);
    ensure(own !== undefined, () => `the layout has no ${at}`);
    ensure((own.visibility & COMPUTE) !== 0, () => `${at} is not visible to compute shaders`);
    const type = bindingType(variable);
    ensure(own.type === type, () => `${at} is ${type}, but ${own.type} in the layout`);
    const [given, least] = [own.minBindingSize, leastBytes(variable.type)];
    ensure(
      given === 0 || given >= least,
      () => `${at} takes ${least} bytes, and minBindingSize is ${given}`,
    );
  }
  const immediate = immediateOf(entry);
  const bytes = immediate ? roundUp(sizeOf(immediate.type), 4) : 0;
  ensure(
    bytes <= immediateSize,
    () => `the shader's immediates take ${bytes} bytes, the layout has ${immediateSize}`,
  );
}

/** The fewest bytes that must be bound for a variable: a runtime-sized array counts with one element. */
export function leastBytes(type: Type): number {
  if (isSized(type) || type.kind !== 'struct') return sizeOf(type);
  const last = type.members.at(-1)!;
  return roundUp(last.offset + sizeOf(last.type), alignOf(type));
}

/** The words that a variable's numbers take, without the padding between them: bit n for the n-th. */
function wordsRead(type: Type, offset: number): number {
  switch (type.kind) {
    case 'scalar':
      return 1 << (offset / 4);
    case 'struct':
      return type.members.reduce(
        (words, member) => words | wordsRead(member.type, offset + member.offset),
        0,
      );
    case 'vector':
    case 'matrix':
    case 'array': {
      const element = elementType(type)!;
      let words = 0;
      for (let n = 0; n < (elementCount(type) ?? 0); n++)
        words |= wordsRead(element, offset + n * strideOf(type));
      return words;
    }
    default:
      return 0;
  }
}
