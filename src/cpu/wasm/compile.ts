/** The whole way of a kernel: text, tokens, tree, typed program, lowered kernel, bytes. */

import { check } from '../wgsl/check/check.js';
import { parse } from '../wgsl/parse/parse.js';
import type { Entry, Program } from '../wgsl/program.js';
import { emitModule, type ModuleOptions } from './emit.js';
import { type LoweredKernel, lower } from './lower/lower.js';
import { optimize } from './optimize/optimize.js';

/** A kernel and its module's bytes. */
export interface CompiledKernel extends LoweredKernel {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Shaders that are remembered: a process that makes several devices compiles each kernel once. */
const MAX_PROGRAMS = 512;
const programs = new Map<string, Program>();
const kernels = new WeakMap<Program, Map<string, CompiledKernel>>();

/** Steps 1 to 3. @throws WgslError where the shader is not valid. */
export function readShader(text: string): Program {
  const standing = programs.get(text);
  if (standing) return standing;
  const program = check(parse(text), text);
  if (programs.size >= MAX_PROGRAMS) programs.delete(programs.keys().next().value!);
  programs.set(text, program);
  return program;
}

/** Steps 4 to 7. */
export function compileEntry(
  program: Program,
  entry: Entry,
  options: ModuleOptions,
): CompiledKernel {
  const known = kernels.get(program) ?? new Map<string, CompiledKernel>();
  kernels.set(program, known);
  const key = `${entry.name} ${options.isShared} ${options.isChecked} ${options.maxPages}`;
  let compiled = known.get(key);
  if (!compiled) {
    const kernel = optimize(lower(program, entry, options.isChecked));
    compiled = { ...kernel, bytes: emitModule(kernel, options) };
    known.set(key, compiled);
  }
  return compiled;
}
