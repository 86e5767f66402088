/** Shader modules and compute pipelines: where WGSL is compiled. */

import type { ExecutableKernel } from '../threads/executor.js';
import { type CompiledKernel, compileEntry, readShader } from '../wasm/compile.js';
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
import type { DeviceContext } from './device-context.js';
import {
  checkSameDevice,
  describeCall,
  describeObject,
  ensure,
  InternalError,
  ValidationError,
} from './errors.js';
import { STAGE } from './flags.js';

/** A shader, checked. */
export class CpuShaderModule implements GPUShaderModule {
  declare readonly __brand: 'GPUShaderModule';
  label: string;
  readonly context: DeviceContext;
  readonly #program: Program | undefined;
  readonly #messages: readonly GPUCompilationMessage[] = [];

  constructor(context: DeviceContext, descriptor: GPUShaderModuleDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    try {
      this.#program = readShader(`${descriptor.code}`);
    } catch (error) {
      if (!(error instanceof WgslError)) throw error;
      this.#messages = [compilationMessage(error, descriptor.code)];
      context.errors.reportValidationError(
        describeCall('createShaderModule', this.label),
        error.message,
      );
    }
  }

  /** @throws Refusal where the shader was refused. */
  get program(): Program {
    if (!this.#program)
      throw new ValidationError(`${describeObject('shader module', this.label)} is invalid`);
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
  readonly context: DeviceContext;
  readonly #content: PipelineContent | undefined;
  /** Why it is invalid. */
  #reason = '';

  /** @throws TypeError where the descriptor is not one. */
  constructor(context: DeviceContext, descriptor: GPUComputePipelineDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    const { layout, compute } = descriptor;
    if (layout !== 'auto' && !(layout instanceof CpuPipelineLayout))
      throw new TypeError('The layout is neither "auto" nor one of a CPU device.');
    const { module } = compute;
    if (!(module instanceof CpuShaderModule))
      throw new TypeError('This shader module was not made by a CPU device.');
    this.#content = context.errors.attempt(
      describeCall('createComputePipeline', this.label),
      () => {
        try {
          return this.#build(layout, module, compute);
        } catch (error) {
          this.#reason = (error as Error).message;
          throw error;
        }
      },
    );
  }

  /** @throws Refusal where the pipeline is invalid. */
  get content(): PipelineContent {
    if (this.#content) return this.#content;
    throw new ValidationError(
      `${describeObject('compute pipeline', this.label)} is invalid: ${this.#reason}`,
    );
  }

  /** The layout of a group; of one that the pipeline does not use, an empty one. */
  getBindGroupLayout(index: number): GPUBindGroupLayout {
    // Of WebGPU's numbers this is the one that wraps around.
    const group = index >>> 0;
    const { context } = this;
    const layout = context.errors.attempt(describeCall('getBindGroupLayout', this.label), () => {
      const { maxBindGroups } = context.limits;
      ensure(group < maxBindGroups, () => `group ${group} is past the limit, ${maxBindGroups - 1}`);
      return this.content.groups[group] ?? new CpuBindGroupLayout(context, '', [], this);
    });
    return layout ?? new CpuBindGroupLayout(context, '', undefined);
  }

  /** Compiles the kernel, and checks it against the layout. @throws Refusal where they do not go together. */
  #build(
    layout: CpuPipelineLayout | 'auto',
    module: CpuShaderModule,
    { entryPoint, constants = {} }: GPUProgrammableStage,
  ): PipelineContent {
    const { context } = this;
    checkSameDevice(context, module, 'shader module');
    const { program } = module;
    const overrides = Object.keys(constants);
    ensure(overrides.length === 0, () => `there is no override ${overrides[0]}`);
    const entry = findEntry(program, entryPoint);
    checkWorkgroup(context, entry);
    if (layout !== 'auto') checkSameDevice(context, layout, 'pipeline layout');
    const content = layout === 'auto' ? automaticLayout(this, entry) : layout.content;
    checkEntry(entry, content);
    const kernel = compile(context, program, entry);
    const name = this.label || entry.name;
    context.show?.(() => `;; ${name}\n${kernel.text()}`);
    const executable = context.addKernel(kernel, name);
    const immediate = findImmediate(entry);
    const immediateWords = immediate ? occupiedWords(immediate.type, 0) : 0;
    return { kernel, executable, groups: content.groups, immediateWords };
  }
}

/** @throws Incapacity where a valid shader cannot be compiled here. */
function compile(context: DeviceContext, program: Program, entry: Entry): CompiledKernel {
  try {
    return compileEntry(program, entry, context.moduleOptions);
  } catch (error) {
    throw new InternalError((error as Error).message);
  }
}

function findEntry({ entries }: Program, name: string | undefined): Entry {
  if (name === undefined) {
    ensure(entries.length === 1, () => `the module has ${entries.length} entry points: name one`);
    return entries[0]!;
  }
  const entry = entries.find((each) => each.name === name);
  ensure(entry !== undefined, () => `the module has no compute entry point "${name}"`);
  return entry;
}

function checkWorkgroup({ limits }: DeviceContext, { workgroupSize, globals }: Entry): void {
  const maxSizes = [
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupSizeY,
    limits.maxComputeWorkgroupSizeZ,
  ];
  for (const [n, size] of workgroupSize.entries())
    ensure(
      size <= maxSizes[n]!,
      () => `a workgroup of ${size} along ${'xyz'[n]} is past ${maxSizes[n]}`,
    );
  const invocations = workgroupSize.reduce((product, size) => product * size, 1);
  const maxInvocations = limits.maxComputeInvocationsPerWorkgroup;
  ensure(
    invocations <= maxInvocations,
    () => `a workgroup of ${invocations} invocations is past ${maxInvocations}`,
  );
  const bytes = globals
    .filter((v) => v.space === 'workgroup')
    .reduce((sum, v) => sum + roundUp(sizeOf(v.type), 16), 0);
  const maxBytes = limits.maxComputeWorkgroupStorageSize;
  ensure(bytes <= maxBytes, () => `${bytes} bytes of workgroup memory are past ${maxBytes}`);
}

/** The layout that an entry point's variables ask for. */
function automaticLayout(pipeline: CpuComputePipeline, entry: Entry): LayoutContent {
  const { context } = pipeline;
  const bound = entry.globals.filter((v) => v.binding !== undefined);
  const count = Math.max(0, ...bound.map((v) => v.binding!.group + 1));
  const groups = Array.from({ length: count }, (_, group) => {
    const entries = bound
      .filter((v) => v.binding!.group === group)
      .map((variable) => ({
        binding: variable.binding!.binding,
        visibility: STAGE.COMPUTE,
        type: bindingType(variable),
        hasDynamicOffset: false,
        minBindingSize: minBindingBytes(variable.type),
      }))
      .sort((p, q) => p.binding - q.binding);
    checkEntries(context, entries);
    return new CpuBindGroupLayout(context, '', entries, pipeline);
  });
  const immediate = findImmediate(entry);
  const content = { groups, immediateSize: immediate ? sizeOf(immediate.type) : 0 };
  checkLayout(context, content);
  return content;
}

function findImmediate({ globals }: Entry): Variable | undefined {
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
    ensure((own.visibility & STAGE.COMPUTE) !== 0, () => `${at} is not visible to compute shaders`);
    const type = bindingType(variable);
    ensure(own.type === type, () => `${at} is ${type}, but ${own.type} in the layout`);
    const [stated, least] = [own.minBindingSize, minBindingBytes(variable.type)];
    ensure(
      stated === 0 || stated >= least,
      () => `${at} takes ${least} bytes, and minBindingSize is ${stated}`,
    );
  }
  const immediate = findImmediate(entry);
  const bytes = immediate ? roundUp(sizeOf(immediate.type), 4) : 0;
  ensure(
    bytes <= immediateSize,
    () => `the shader's immediates take ${bytes} bytes, the layout has ${immediateSize}`,
  );
}

/** The fewest bytes that must be bound for a variable: a runtime-sized array counts with one element. */
export function minBindingBytes(type: Type): number {
  if (isSized(type) || type.kind !== 'struct') return sizeOf(type);
  const last = type.members.at(-1)!;
  return roundUp(last.offset + sizeOf(last.type), alignOf(type));
}

/** The words that a type occupies, without the padding between them: bit n for the n-th. */
function occupiedWords(type: Type, offset: number): number {
  switch (type.kind) {
    case 'scalar':
      return 1 << (offset / 4);
    case 'struct':
      return type.members.reduce(
        (words, member) => words | occupiedWords(member.type, offset + member.offset),
        0,
      );
    case 'vector':
    case 'matrix':
    case 'array': {
      const element = elementType(type)!;
      let words = 0;
      for (let n = 0; n < (elementCount(type) ?? 0); n++)
        words |= occupiedWords(element, offset + n * strideOf(type));
      return words;
    }
    default:
      return 0;
  }
}
