/**
 * From WGSL to WebAssembly, step by step: parse, check, lower, split at barriers, optimize, emit.
 *
 *   in    @compute @workgroup_size(16) fn double(...) { out[i + 1u] = 2.0 * x[i]; }
 *   out   the bytes of a module that exports `run`
 */

import { check } from '../wgsl/check/check.js';
import { parse } from '../wgsl/parse/parse.js';
import type { Entry, Program } from '../wgsl/program.js';
import { emitModule, type ModuleOptions } from './emit.js';
import type { Kernel } from './ir/ir.js';
import { writeText } from './ir/text.js';
import { type KernelInterface, lower } from './lower/lower.js';
import { optimize } from './optimize/optimize.js';
import { splitAtBarriers } from './split/split.js';

/** A kernel's module, and what whoever runs it must know. */
export interface CompiledKernel extends KernelInterface {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of memory that a thread needs for itself while it runs the kernel. */
  readonly scratch: number;
  /** The kernel for people; compiled again each time, so that nobody else pays for it. */
  text(): string;
}

/**
 * How many shaders are cached, so that a process with several devices compiles each kernel once. Past it the oldest is
 * dropped, whether it was used lately or not, and its kernels with it.
 */
const MAX_PROGRAMS = 512;
const programs = new Map<string, Program>();
const kernels = new WeakMap<Program, Map<string, CompiledKernel>>();

/** Steps 1 to 3, cached. @throws WgslError where the shader is not valid. */
export function readShader(text: string): Program {
  const cached = programs.get(text);
  if (cached) return cached;
  const program = check(parse(text), text);
  if (programs.size >= MAX_PROGRAMS) programs.delete(programs.keys().next().value!);
  programs.set(text, program);
  return program;
}

/** Steps 4 to 6. @throws Error where the kernel needs what cannot be compiled. */
export function makeKernel(
  program: Program,
  entry: Entry,
  isChecked: boolean,
): Kernel & KernelInterface {
  return optimize(splitAtBarriers(lower(program, entry, isChecked)));
}

/** Steps 4 to 7, cached. @throws Error where the kernel cannot be compiled. */
export function compileEntry(
  program: Program,
  entry: Entry,
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
