/** One dispatch of a compute program, and three ways to run it: interpreted, compiled in this thread, on a device. */

import { compileEntry, makeKernel, readShader } from '../../../src/cpu/wasm/compile.js';
import { verify } from '../../../src/cpu/wasm/ir/verify.js';
import type { EntryPoint, Program } from '../../../src/cpu/wgsl/program.js';
import { interpret, type OpenFunctions } from './interpret.js';

/** What is bound, by "group.binding". */
export type Buffers = Readonly<Record<string, Uint32Array>>;

export interface Dispatch {
  readonly code: string;
  /** Default: the first entry point. */
  readonly entry?: string;
  readonly workgroups?: readonly [number, number, number];
  readonly buffers: Buffers;
  readonly immediates?: Uint32Array;
}

/** The program that was read last: it is asked for again and again while its runs are compared. */
let latest: { readonly code: string; readonly program: Program } | undefined;

export function findEntry({ code, entry }: Dispatch): { program: Program; entry: EntryPoint } {
  if (latest?.code !== code) latest = { code, program: readShader(code) };
  const { program } = latest;
  const found = program.entries.find((e) => e.name === (entry ?? e.name));
  if (!found) throw new Error(`The program has no entry point ${entry}.`);
  return { program, entry: found };
}

function copies(buffers: Buffers): Record<string, Uint32Array> {
  return Object.fromEntries(Object.entries(buffers).map(([key, words]) => [key, words.slice()]));
}

/** What the buffers hold after the interpreter has run the dispatch. */
export function runInterpreted(
  dispatch: Dispatch,
  options: { readonly functions?: OpenFunctions; readonly reversed?: boolean } = {},
): Buffers {
  const buffers = copies(dispatch.buffers);
  const { program, entry } = findEntry(dispatch);
  const { workgroups = [1, 1, 1], immediates } = dispatch;
  interpret({
    program,
    entry: entry.name,
    workgroups,
    buffers,
    ...(immediates && { immediates }),
    ...options,
  });
  return buffers;
}

// Compiled, in this thread

const PAGES = 64;
const PAGE = 65536;
/** Nothing that a kernel reads or writes lies below: the compiler counts on it. */
const FIRST = 1 << 20;
/** Words that nobody may write, around each buffer and after the kernel's own memory. */
const GUARD = 16;
const GUARD_WORD = 0x5afe5afe;
/** What a kernel's own memory holds before it runs: nothing to rely on. */
const DIRT = 0xdeadbeef;

const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
const words = new Uint32Array(memory.buffer);

/** An index that a checked kernel found to be outside its array. */
export class IndexReport extends Error {}

/**
 * What the buffers hold after the compiled kernel has run the dispatch, in one call.
 *
 * @throws Error where the kernel has written outside its buffers and its own memory.
 */
export function runCompiled(dispatch: Dispatch, isChecked = false): Buffers {
  const { program, entry } = findEntry(dispatch);
  const kernel = compileEntry(program, entry, { isShared: false, isChecked, maxPages: PAGES });
  if (isChecked) verify(makeKernel(program, entry, isChecked));
  const report = (_access: number, index: number, count: number) => {
    throw new IndexReport(`index ${index} is outside ${count}`);
  };
  const module = new WebAssembly.Module(kernel.bytes);
  const instance = new WebAssembly.Instance(module, { device: { memory, report } });
  const run = instance.exports.run as (...values: number[]) => void;

  const guards: number[] = [];
  let next = FIRST / 4;
  const take = (count: number): number => {
    const at = next;
    const guard = Math.ceil((at + count) / 4) * 4;
    words.fill(GUARD_WORD, at + count, guard + GUARD);
    guards.push(...Array.from({ length: guard + GUARD - at - count }, (_, n) => at + count + n));
    next = guard + GUARD;
    if (next * 4 > PAGES * PAGE) throw new Error('The dispatch does not fit into memory.');
    return at;
  };
  take(0);
  const context = take(2 * kernel.bindings.length + kernel.immediateBytes / 4);
  const places = kernel.bindings.map(({ group, binding }, slot) => {
    const key = `${group}.${binding}`;
    const bound = dispatch.buffers[key];
    if (!bound) throw new Error(`Nothing is bound to ${key}.`);
    const at = take(bound.length);
    words.set(bound, at);
    words.set([4 * at, 4 * bound.length], context + 2 * slot);
    return { key, at, count: bound.length };
  });
  if (dispatch.immediates && kernel.immediateBytes > 0)
    words.set(dispatch.immediates, context + 2 * kernel.bindings.length);
  const scratch = take(kernel.scratch / 4);
  words.fill(DIRT, scratch, scratch + kernel.scratch / 4);

  const [x, y, z] = dispatch.workgroups ?? [1, 1, 1];
  run(4 * context, 4 * scratch, 0, x * y * z, x, y, z);
  const broken = guards.find((at) => words[at] !== GUARD_WORD);
  if (broken !== undefined) throw new Error('The kernel wrote outside its buffers.');
  const result = copies(dispatch.buffers);
  for (const { key, at, count } of places) result[key] = words.slice(at, at + count);
  return result;
}

// On a device

type ImmediatePass = GPUComputePassEncoder & {
  setImmediates(offset: number, data: Uint32Array): void;
};

/**
 * What the buffers hold after a device has run the dispatch.
 *
 * @throws Error with the device's words, where it refuses anything.
 */
export async function runOnDevice(device: GPUDevice, dispatch: Dispatch): Promise<Buffers> {
  const { entry } = findEntry(dispatch);
  const { workgroups = [1, 1, 1], immediates, code } = dispatch;
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module, entryPoint: entry.name },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const bound = entry.globals.filter((v) => v.binding !== undefined);
  const made = bound.map(({ binding, space }) => {
    const { group, binding: index } = binding!;
    const data = dispatch.buffers[`${group}.${index}`]!;
    const usage = space === 'uniform' ? UNIFORM : STORAGE;
    const buffer = device.createBuffer({
      size: data.byteLength,
      usage: usage | COPY_SRC | COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, data as Uint32Array<ArrayBuffer>);
    const copy = device.createBuffer({ size: data.byteLength, usage: MAP_READ | COPY_DST });
    return { key: `${group}.${index}`, group, binding: index, buffer, copy };
  });
  for (let group = 0; group <= Math.max(-1, ...made.map((m) => m.group)); group++) {
    const entries = made
      .filter((m) => m.group === group)
      .map(({ binding, buffer }) => ({ binding, resource: { buffer } }));
    const layout = pipeline.getBindGroupLayout(group);
    pass.setBindGroup(group, device.createBindGroup({ layout, entries }));
  }
  if (immediates && entry.globals.some((v) => v.space === 'immediate'))
    (pass as ImmediatePass).setImmediates(0, immediates);
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  for (const { buffer, copy } of made) encoder.copyBufferToBuffer(buffer, 0, copy, 0, copy.size);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const result = copies(dispatch.buffers);
  await Promise.all(made.map(({ copy }) => copy.mapAsync(READ)));
  for (const { key, copy, buffer } of made) {
    result[key] = new Uint32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    buffer.destroy();
  }
  return result;
}

// The flags of WebGPU by value: its globals may be missing.
const MAP_READ = 0x01;
const COPY_SRC = 0x04;
const COPY_DST = 0x08;
const UNIFORM = 0x40;
const STORAGE = 0x80;
const READ = 1;
