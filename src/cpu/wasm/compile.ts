/** The whole way of a kernel: text, tokens, tree, typed program, lowered kernel, bytes. */

import { check } from '../wgsl/check.js';
import { parse } from '../wgsl/parse.js';
import type { Entry, Program } from '../wgsl/program.js';
import { emitModule, type ModuleOptions } from './emit.js';
import { type LoweredKernel, lower } from './lower.js';
import { optimize } from './optimize.js';

/** A kernel and its module's bytes. */
export interface CompiledKernel extends LoweredKernel {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Steps 1 to 3. @throws WgslError where the shader is not valid. */
export function readShader(text: string): Program {
  return check(parse(text), text);
}

/** Steps 4 to 7. */
export function compileEntry(
  program: Program,
  entry: Entry,
  options: ModuleOptions,
): CompiledKernel {
  const kernel = optimize(lower(program, entry, options.isChecked));
  return { ...kernel, bytes: emitModule(kernel, options) };
}
