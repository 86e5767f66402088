/**
 * From WGSL to WebAssembly, step by step: parse, check, lower, split at barriers, optimize, emit.
 *
 *   in    @compute @workgroup_size(16) fn double(...) { out[i + 1u] = 2.0 * x[i]; }
 *   out   the bytes of a module that exports `run`
 */

import { check } from '../wgsl/check/check.js';
import { parse } from '../wgsl/parse/parse.js';
import type { EntryPoint, Program } from '../wgsl/program.js';
import { emitModule, type ModuleOptions } from './emit.js';
import type { Kernel } from './ir/ir.js';
import { writeText } from './ir/text.js';
import { type KernelInterface, lower } from './lower/lower.js';
import { optimize } from './optimize/optimize.js';
import { splitAtBarriers } from './split/split.js';

/** A kernel's module, and what is needed to run it. */
export interface CompiledKernel extends KernelInterface {
  /** The WebAssembly module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of scratch memory that a thread needs to run the kernel. */
  readonly scratch: number;
  /**
   * Returns the kernel in a form for reading. It is compiled again for each call, so that it costs
   * nothing where it is not used.
   */
  text(): string;
}

/**
 * How many shaders are cached. The cache lets a process with several devices compile each kernel
 * once. When it is full, the oldest shader and its kernels are dropped, even if they were used
 * recently.
 */
const MAX_PROGRAMS = 512;
const programs = new Map<string, Program>();
const kernels = new WeakMap<Program, Map<string, CompiledKernel>>();

/**
 * Runs steps 1 to 3: parses and checks a shader. Cached.
 *
 * @throws WgslError where the shader is not valid.
 */
export function readShader(text: string): Program {
  const cached = programs.get(text);
  if (cached) return cached;
  const program = check(parse(text), text);
  if (programs.size >= MAX_PROGRAMS) programs.delete(programs.keys().next().value!);
  programs.set(text, program);
  return program;
}

/**
 * Runs steps 4 to 6: lowers, splits and optimizes an entry point.
 *
 * @param isChecked whether every index is checked.
 * @throws Error where the kernel needs something that cannot be compiled.
 */
export function makeKernel(
  program: Program,
  entry: EntryPoint,
  isChecked: boolean,
): Kernel & KernelInterface {
  return optimize(splitAtBarriers(lower(program, entry, isChecked)));
}

/**
 * Runs steps 4 to 7: compiles an entry point to a module. Cached.
 *
 * @throws Error where the kernel cannot be compiled.
 */
export function compileEntry(
  program: Program,
  entry: EntryPoint,
  options: ModuleOptions,
): CompiledKernel {
  const cached = kernels.get(program) ?? new Map<string, CompiledKernel>();
  kernels.set(program, cached);
  const key = `${entry.name} ${options.isShared} ${options.isChecked} ${options.maxPages}`;
  let compiled = cached.get(key);
  if (!compiled) {
    const kernel = makeKernel(program, entry, options.isChecked);
    const { scratch, bindings, immediateBytes, accesses } = kernel;
    const bytes = emitModule(kernel, options);
    const text = () => writeText(makeKernel(program, entry, options.isChecked));
    compiled = { bytes, scratch, bindings, immediateBytes, accesses, text };
    cached.set(key, compiled);
  }
  return compiled;
}
