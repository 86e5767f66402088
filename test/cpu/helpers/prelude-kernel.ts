/**
 * The functions of the WGSL prelude, compiled alone: to test them, and to let the interpreter use
 * them in place of JavaScript's.
 */

import { compileEntry, readShader } from '../../../src/cpu/wasm/compile.js';
import type { OpenFunctions } from './interpret.js';

/** The functions whose last bits WGSL does not specify, with their number of arguments. */
const PRELUDE_FUNCTIONS = {
  cos: 1,
  exp: 1,
  exp2: 1,
  log: 1,
  log2: 1,
  pow: 2,
  sin: 1,
  tanh: 1,
} as const;

const PAGES = 32;
const CONTEXT = 1 << 20;
const SCRATCH = CONTEXT + 4096;
const INPUTS = SCRATCH + 4096;
/** The maximum number of values of one call. */
export const MAX_VALUES = 1 << 16;

/** A function that is applied to arrays: result[i] = f(x[i]) or f(x[i], y[i]). */
export interface PreludeKernel {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly result: Float32Array;
  /** Computes the first `count` results; `count` is a multiple of 4. */
  run(count: number): void;
}

/** Compiles the kernel of one function, with its own memory. */
export function preludeKernel(name: keyof typeof PRELUDE_FUNCTIONS): PreludeKernel {
  const args = PRELUDE_FUNCTIONS[name] === 1 ? 'x[id.x]' : 'x[id.x], y[id.x]';
  const program = readShader(`
    @group(0) @binding(0) var<storage, read> x: array<vec4f>;
    @group(0) @binding(1) var<storage, read> y: array<vec4f>;
    @group(0) @binding(2) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
      _ = y[0];
      result[id.x] = ${name}(${args});
    }`);
  const options = { isShared: false, isChecked: false, maxPages: PAGES };
  const { bytes } = compileEntry(program, program.entries[0]!, options);
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { device: { memory } });
  const run = instance.exports.run as (...values: number[]) => void;
  const size = 4 * MAX_VALUES;
  const addresses = [0, 1, 2].map((n) => INPUTS + n * size);
  new Uint32Array(memory.buffer, CONTEXT).set(addresses.flatMap((address) => [address, size]));
  const [x, y, result] = addresses.map(
    (address) => new Float32Array(memory.buffer, address, MAX_VALUES),
  );
  return {
    x: x!,
    y: y!,
    result: result!,
    run: (count) => run(CONTEXT, SCRATCH, 0, count / 4, count / 4, 1, 1),
  };
}

/** The functions of the prelude, applied to one number at a time. */
export function preludeFunctions(): OpenFunctions {
  const names = Object.keys(PRELUDE_FUNCTIONS) as (keyof typeof PRELUDE_FUNCTIONS)[];
  return Object.fromEntries(
    names.map((name) => {
      const kernel = preludeKernel(name);
      const compute = (x: number, y = 0) => {
        kernel.x[0] = x;
        kernel.y[0] = y;
        kernel.run(4);
        return kernel.result[0]!;
      };
      return [name, compute];
    }),
  );
}
