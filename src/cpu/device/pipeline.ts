/** Shader modules and compute pipelines: where WGSL is compiled. */

import type { ExecutableKernel } from '../threads/executor.js';
import { type CompiledKernel, compileEntry, readShader } from '../wasm/compile.js';
import type { EntryPoint, Program, Variable } from '../wgsl/program.js';
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

/** A shader module, parsed and checked. */
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

  /**
   * The typed program.
   *
   * @throws ValidationError where the shader is invalid.
   */
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

/** A compiled kernel, and the layouts of its bind groups. */
export interface PipelineContent {
  readonly kernel: CompiledKernel;
  readonly executable: ExecutableKernel;
  readonly groups: readonly CpuBindGroupLayout[];
  /**
   * Bit n is set if the kernel reads the n-th word of the immediates, which must then have been
   * set.
   */
  readonly immediateWords: number;
}

/** A compute pipeline: a compiled entry point of a shader. */
export class CpuComputePipeline implements GPUComputePipeline {
  declare readonly __brand: 'GPUComputePipeline';
  label: string;
  readonly context: DeviceContext;
  readonly #content: PipelineContent | undefined;
  /** Why the pipeline is invalid. */
  #reason = '';

  /** @throws TypeError where the descriptor has values of the wrong type. */
  constructor(context: DeviceContext, descriptor: GPUComputePipelineDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    const { layout, compute } = descriptor;
    if (layout !== 'auto' && !(layout instanceof CpuPipelineLayout))
      throw new TypeError('The layout is neither "auto" nor a pipeline layout of a CPU device.');
    const { module } = compute;
    if (!(module instanceof CpuShaderModule))
      throw new TypeError('This shader module was not created by a CPU device.');
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

  /**
   * The kernel and its layouts.
   *
   * @throws ValidationError where the pipeline is invalid.
   */
  get content(): PipelineContent {
    if (this.#content) return this.#content;
    throw new ValidationError(
      `${describeObject('compute pipeline', this.label)} is invalid: ${this.#reason}`,
    );
  }

  /** Returns the layout of a bind group. It is empty for a group that the pipeline does not use. */
  getBindGroupLayout(index: number): GPUBindGroupLayout {
    // Unlike WebGPU's other integers, this one wraps around.
    const group = index >>> 0;
    const { context } = this;
    const layout = context.errors.attempt(describeCall('getBindGroupLayout', this.label), () => {
      const { maxBindGroups } = context.limits;
      ensure(
        group < maxBindGroups,
        () => `group ${group} exceeds the limit of ${maxBindGroups - 1}`,
      );
      return this.content.groups[group] ?? new CpuBindGroupLayout(context, '', [], this);
    });
    return layout ?? new CpuBindGroupLayout(context, '', undefined);
  }

  /**
   * Compiles the kernel and checks it against the layout.
   *
   * @throws ValidationError where they do not match.
   */
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

/** @throws InternalError where a valid shader cannot be compiled here. */
function compile(context: DeviceContext, program: Program, entry: EntryPoint): CompiledKernel {
  try {
    return compileEntry(program, entry, context.moduleOptions);
  } catch (error) {
    throw new InternalError((error as Error).message);
  }
}

function findEntry({ entries }: Program, name: string | undefined): EntryPoint {
  if (name === undefined) {
    ensure(entries.length === 1, () => `the module has ${entries.length} entry points: name one`);
    return entries[0]!;
  }
  const entry = entries.find((each) => each.name === name);
  ensure(entry !== undefined, () => `the module has no compute entry point "${name}"`);
  return entry;
}

function checkWorkgroup({ limits }: DeviceContext, { workgroupSize, globals }: EntryPoint): void {
  const maxSizes = [
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupSizeY,
    limits.maxComputeWorkgroupSizeZ,
  ];
  for (const [n, size] of workgroupSize.entries())
    ensure(
      size <= maxSizes[n]!,
      () => `a workgroup size of ${size} along ${'xyz'[n]} exceeds the limit of ${maxSizes[n]}`,
    );
  const invocations = workgroupSize.reduce((product, size) => product * size, 1);
  const maxInvocations = limits.maxComputeInvocationsPerWorkgroup;
  ensure(
    invocations <= maxInvocations,
    () => `a workgroup of ${invocations} invocations exceeds the limit of ${maxInvocations}`,
  );
  const bytes = globals
    .filter((v) => v.space === 'workgroup')
    .reduce((sum, v) => sum + roundUp(sizeOf(v.type), 16), 0);
  const maxBytes = limits.maxComputeWorkgroupStorageSize;
  ensure(
    bytes <= maxBytes,
    () => `${bytes} bytes of workgroup memory exceed the limit of ${maxBytes}`,
  );
}

/** The layout that an entry point's variables imply. */
function automaticLayout(pipeline: CpuComputePipeline, entry: EntryPoint): LayoutContent {
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

function findImmediate({ globals }: EntryPoint): Variable | undefined {
  return globals.find((v) => v.space === 'immediate');
}

function bindingType({ space, access }: Variable): GPUBufferBindingType {
  if (space === 'uniform') return 'uniform';
  return access === 'read' ? 'read-only-storage' : 'storage';
}

/**
 * @throws ValidationError where the layout lacks a binding or immediates that the entry point uses,
 *   or has them in another form.
 */
function checkEntry(entry: EntryPoint, { groups, immediateSize }: LayoutContent): void {
  for (const variable of entry.globals) {
    if (!variable.binding) continue;
    const { group, binding } = variable.binding;
    const name = `@group(${group}) @binding(${binding}) ${variable.name}`;
    const layoutEntry = groups[group]?.entries.find((e) => e.binding === binding);
    ensure(layoutEntry !== undefined, () => `the layout has no ${name}`);
    ensure(
      (layoutEntry.visibility & STAGE.COMPUTE) !== 0,
      () => `${name} is not visible to compute shaders`,
    );
    const type = bindingType(variable);
    ensure(
      layoutEntry.type === type,
      () => `${name} is ${type}, but ${layoutEntry.type} in the layout`,
    );
    const [declared, minBytes] = [layoutEntry.minBindingSize, minBindingBytes(variable.type)];
    ensure(
      declared === 0 || declared >= minBytes,
      () => `${name} needs ${minBytes} bytes, but minBindingSize is ${declared}`,
    );
  }
  const immediate = findImmediate(entry);
  const bytes = immediate ? roundUp(sizeOf(immediate.type), 4) : 0;
  ensure(
    bytes <= immediateSize,
    () => `the shader's immediates take ${bytes} bytes, but the layout has ${immediateSize}`,
  );
}

/**
 * The smallest size of a binding for a variable of this type, in bytes. A runtime-sized array
 * counts as one element.
 */
export function minBindingBytes(type: Type): number {
  if (isSized(type) || type.kind !== 'struct') return sizeOf(type);
  const last = type.members.at(-1)!;
  return roundUp(last.offset + sizeOf(last.type), alignOf(type));
}

/** The words that a type occupies, without padding: bit n is set for the n-th word. */
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
