/**
 * One dispatch of a compute program, and three ways to run it: interpreted, compiled and run in
 * this thread, or on a device.
 */

import { compileEntry, makeKernel, readShader } from '../../../src/cpu/wasm/compile.js';
import { verify } from '../../../src/cpu/wasm/ir/verify.js';
import type { EntryPoint, Program } from '../../../src/cpu/wgsl/program.js';
import { interpret, type OpenFunctions } from './interpret.js';

/** The words of the bound buffers, by "group.binding". */
export type Buffers = Readonly<Record<string, Uint32Array>>;

/** One dispatch: a program, its grid and its inputs. */
export interface Dispatch {
  /** The WGSL source. */
  readonly code: string;
  /** The name of the entry point. Default: the first. */
  readonly entry?: string;
  /** Default: one workgroup. */
  readonly workgroups?: readonly [number, number, number];
  /** The buffers before the dispatch; no run changes them. */
  readonly buffers: Buffers;
  readonly immediates?: Uint32Array;
}

/** The program that was parsed last, since several runs of the same program are compared. */
let lastParsed: { readonly code: string; readonly program: Program } | undefined;

/**
 * Parses the program of a dispatch and finds its entry point.
 *
 * @throws Error where the program is invalid or has no such entry point.
 */
export function findEntry({ code, entry: name }: Dispatch): {
  program: Program;
  entry: EntryPoint;
} {
  if (lastParsed?.code !== code) lastParsed = { code, program: readShader(code) };
  const { program } = lastParsed;
  const entry = program.entries.find((e) => e.name === (name ?? e.name));
  if (!entry) throw new Error(`The program has no entry point ${name}.`);
  return { program, entry };
}

function copies(buffers: Buffers): Record<string, Uint32Array> {
  return Object.fromEntries(Object.entries(buffers).map(([key, words]) => [key, words.slice()]));
}

/** Runs a dispatch with the interpreter and returns the buffers after it. */
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
/** The lowest address that a kernel may access: the compiler relies on it. */
const FIRST_ADDRESS = 1 << 20;
/** The number of guard words after each buffer and after the scratch memory. */
const GUARD_WORDS = 16;
const GUARD_WORD = 0x5afe5afe;
/** The contents of the scratch memory before a run: a kernel must not rely on zeros there. */
const SCRATCH_WORD = 0xdeadbeef;

const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
const words = new Uint32Array(memory.buffer);

/** A checked kernel's report of an index outside its array. */
export class IndexReport extends Error {}

/**
 * Compiles the kernel of a dispatch, runs it in one call and returns the buffers after it.
 *
 * @throws IndexReport where the kernel is checked and an index is outside its array.
 * @throws Error where the kernel wrote outside its buffers and its scratch memory.
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

  // All of these are offsets in words.
  const guards: number[] = [];
  let next = FIRST_ADDRESS / 4;
  const reserve = (count: number): number => {
    const start = next;
    const end = start + count;
    const guardEnd = Math.ceil(end / 4) * 4 + GUARD_WORDS;
    words.fill(GUARD_WORD, end, guardEnd);
    guards.push(...Array.from({ length: guardEnd - end }, (_, n) => end + n));
    next = guardEnd;
    if (next * 4 > PAGES * PAGE) throw new Error('The dispatch does not fit into memory.');
    return start;
  };
  reserve(0);
  const context = reserve(2 * kernel.bindings.length + kernel.immediateBytes / 4);
  const reserved = kernel.bindings.map(({ group, binding }, slot) => {
    const key = `${group}.${binding}`;
    const content = dispatch.buffers[key];
    if (!content) throw new Error(`Nothing is bound to ${key}.`);
    const start = reserve(content.length);
    words.set(content, start);
    words.set([4 * start, 4 * content.length], context + 2 * slot);
    return { key, start, count: content.length };
  });
  if (dispatch.immediates && kernel.immediateBytes > 0)
    words.set(dispatch.immediates, context + 2 * kernel.bindings.length);
  const scratch = reserve(kernel.scratch / 4);
  words.fill(SCRATCH_WORD, scratch, scratch + kernel.scratch / 4);

  const [x, y, z] = dispatch.workgroups ?? [1, 1, 1];
  run(4 * context, 4 * scratch, 0, x * y * z, x, y, z);
  const isGuardIntact = guards.every((offset) => words[offset] === GUARD_WORD);
  if (!isGuardIntact) throw new Error('The kernel wrote outside its buffers.');
  const result = copies(dispatch.buffers);
  for (const { key, start, count } of reserved) result[key] = words.slice(start, start + count);
  return result;
}

// On a device

type ImmediatePass = GPUComputePassEncoder & {
  setImmediates(offset: number, data: Uint32Array): void;
};

/**
 * Runs a dispatch on a device and returns the buffers after it.
 *
 * @throws Error with the device's message, where there is a validation error.
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
  const variables = entry.globals.filter((v) => v.binding !== undefined);
  const bindings = variables.map(({ binding, space }) => {
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
  for (let group = 0; group <= Math.max(-1, ...bindings.map((b) => b.group)); group++) {
    const entries = bindings
      .filter((b) => b.group === group)
      .map(({ binding, buffer }) => ({ binding, resource: { buffer } }));
    const layout = pipeline.getBindGroupLayout(group);
    pass.setBindGroup(group, device.createBindGroup({ layout, entries }));
  }
  if (immediates && entry.globals.some((v) => v.space === 'immediate'))
    (pass as ImmediatePass).setImmediates(0, immediates);
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  for (const { buffer, copy } of bindings)
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, copy.size);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const result = copies(dispatch.buffers);
  await Promise.all(bindings.map(({ copy }) => copy.mapAsync(READ)));
  for (const { key, copy, buffer } of bindings) {
    result[key] = new Uint32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    buffer.destroy();
  }
  return result;
}

// WebGPU's flags by value, since Node has no globals for them.
const MAP_READ = 0x01;
const COPY_SRC = 0x04;
const COPY_DST = 0x08;
const UNIFORM = 0x40;
const STORAGE = 0x80;
const READ = 1;
