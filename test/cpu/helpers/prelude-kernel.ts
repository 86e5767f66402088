/** The prelude's functions by themselves, to be tested, and to be put into the interpreter in place of JavaScript's. */

import { compileEntry, readShader } from '../../../src/cpu/wasm/compile.js';
import type { OpenFunctions } from './interpret.js';

/** Functions whose last bits WGSL leaves open, and how many arguments each takes. */
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
/** Most values of one call. */
export const MAX_VALUES = 1 << 16;

/** A function on arrays: x and y go in, and come out as f(x) or f(x, y). */
export interface PreludeKernel {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly result: Float32Array;
  /** Computes the first `count` results, a multiple of 4. */
  run(count: number): void;
}

/** The kernel of one function, with memory of its own. */
export function preludeKernel(name: keyof typeof PRELUDE_FUNCTIONS): PreludeKernel {
  const given = PRELUDE_FUNCTIONS[name] === 1 ? 'x[id.x]' : 'x[id.x], y[id.x]';
  const program = readShader(`
    @group(0) @binding(0) var<storage, read> x: array<vec4f>;
    @group(0) @binding(1) var<storage, read> y: array<vec4f>;
    @group(0) @binding(2) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
      _ = y[0];
      result[id.x] = ${name}(${given});
    }`);
  const options = { isShared: false, isChecked: false, maxPages: PAGES };
  const { bytes } = compileEntry(program, program.entries[0]!, options);
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { device: { memory } });
  const run = instance.exports.run as (...values: number[]) => void;
  const size = 4 * MAX_VALUES;
  const at = [0, 1, 2].map((n) => INPUTS + n * size);
  new Uint32Array(memory.buffer, CONTEXT).set(at.flatMap((address) => [address, size]));
  const [x, y, result] = at.map((a) => new Float32Array(memory.buffer, a, MAX_VALUES));
  return {
    x: x!,
    y: y!,
    result: result!,
    run: (count) => run(CONTEXT, SCRATCH, 0, count / 4, count / 4, 1, 1),
  };
}

/** The prelude's functions one number at a time. */
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
