/**
 * Dispatches captured on one engine and replayed on others with the same input bytes.
 *
 * So each kernel is compared by itself, and a difference in one does not propagate to the next.
 */

import type { Engine } from '../../src/gpu/engine.js';
import { type KernelName, packParams } from '../../src/gpu/kernels.js';
import type { BufferView } from '../../src/gpu/memory.js';
import { KERNELS } from '../../src/gpu/shaders.gen.js';

/** A captured dispatch, with the contents of its buffers before it. */
export interface CapturedCase {
  /** Name of the case that issued it. */
  readonly name: string;
  readonly kernel: KernelName;
  /** Constants the kernel was specialized with. */
  readonly constants: Readonly<Record<string, number | boolean | undefined>>;
  /** Parameters as the kernel reads them: f32 values are rounded. */
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: number;
  /** Contents of every buffer, by binding. */
  readonly before: Readonly<Record<string, Uint32Array>>;
}

/** Contents of the writable buffers of a dispatch after it, by binding. */
export type DispatchOutputs = Readonly<Record<string, Uint32Array>>;

// STORAGE | UNIFORM | COPY_SRC | COPY_DST
const USAGE = 0x80 | 0x40 | 0x04 | 0x08;
/** Alignment of buffer bindings in bytes. */
const ALIGNMENT = 256;
/** Size of a snapshot buffer in bytes, unless one view is larger. */
const CHUNK = 2 ** 22;
/**
 * The contents of memory before its first write. As an f32 it is NaN, so that any sum shows that it
 * was read.
 */
export const POISON = 0xffc0dead;
/** The same around outputs, with other bits: a kernel may copy what it read past its input. */
const OUTPUT_POISON = 0xffc0feed;

/** Rounds a size up to the alignment. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Copies of buffer contents, appended to buffers of a few megabytes. */
class Snapshots {
  readonly #engine: Engine;
  readonly #chunks: { buffer: GPUBuffer; size: number; used: number }[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Copies the contents that the view has at this point of the command list. Returns where the copy
   * is.
   */
  captureCases(view: BufferView): { chunk: number; offset: number; size: number } {
    let last = this.#chunks.at(-1);
    if (!last || last.used + view.size > last.size) {
      const size = Math.max(CHUNK, view.size);
      // Not from the engine's pool, because a scope would reclaim it.
      last = { buffer: this.#engine.device.createBuffer({ size, usage: USAGE }), size, used: 0 };
      this.#chunks.push(last);
    }
    const offset = last.used;
    last.used += aligned(view.size);
    this.#engine.copy(view, { buffer: last.buffer, offset, size: view.size });
    return { chunk: this.#chunks.length - 1, offset, size: view.size };
  }

  /** Reads all chunks back and frees them. */
  async read(): Promise<ArrayBuffer[]> {
    const contents: ArrayBuffer[] = [];
    for (const { buffer, size } of this.#chunks) {
      contents.push(await this.#engine.read({ buffer, offset: 0, size }));
      buffer.destroy();
    }
    return contents;
  }
}

/** Captures every dispatch of some cases. All memory is poison before its first write. */
export async function captureCases(
  engine: Engine,
  cases: readonly { name: string; run(): void }[],
): Promise<CapturedCase[]> {
  const { dispatch, allocate } = engine;
  const snapshots = new Snapshots(engine);
  const poison = { buffer: engine.device.createBuffer({ size: CHUNK, usage: USAGE }), offset: 0 };
  const words = new Uint32Array(CHUNK / 4).fill(POISON);
  engine.device.queue.writeBuffer(poison.buffer, 0, words);
  const captured: (Omit<CapturedCase, 'before'> & {
    before: Record<string, ReturnType<Snapshots['captureCases']>>;
  })[] = [];
  let caseName = '';
  engine.allocate = (bytes, life) => {
    const allocation = allocate.call(engine, bytes, life);
    engine.copy({ ...poison, size: Math.min(allocation.size, CHUNK) }, allocation);
    return allocation;
  };
  const capture = (
    kernel: KernelName,
    buffers: Record<string, BufferView>,
    params: Record<string, number>,
    workgroups: number,
    options: { constants?: object } = {},
  ) => {
    const before = Object.fromEntries(
      KERNELS[kernel].bindings.map((binding) => [
        binding.name,
        snapshots.captureCases(buffers[binding.name]!),
      ]),
    );
    if (workgroups > 0) {
      const constants = (options.constants ?? {}) as CapturedCase['constants'];
      captured.push({
        name: caseName,
        kernel,
        constants,
        params: paramsAsRead(kernel, params),
        workgroups,
        before,
      });
    }
    dispatch.call(
      engine,
      kernel as never,
      buffers as never,
      params as never,
      workgroups,
      options as never,
    );
  };
  engine.dispatch = capture as Engine['dispatch'];
  try {
    for (const { name, run } of cases) {
      caseName = name;
      engine.scope(run);
    }
  } finally {
    engine.dispatch = dispatch;
    engine.allocate = allocate;
  }
  const chunks = await snapshots.read();
  poison.buffer.destroy();
  return captured.map((dispatch) => ({
    ...dispatch,
    before: Object.fromEntries(
      Object.entries(dispatch.before).map(([binding, { chunk, offset, size }]) => [
        binding,
        new Uint32Array(chunks[chunk]!.slice(offset, offset + size)),
      ]),
    ),
  }));
}

/** Parameters as the kernel reads them back from their bytes. */
function paramsAsRead(kernel: KernelName, params: object): Record<string, number> {
  const info = KERNELS[kernel];
  const words = packParams(info, params as Record<string, number>);
  const view = new DataView(words.buffer);
  return Object.fromEntries(
    info.params.map(({ name, type, offset }) => [
      name,
      type === 'f32' ? view.getFloat32(offset, true) : view.getUint32(offset, true),
    ]),
  );
}

/** Maximum bytes of buffers that are replayed together. */
const MAX_ARENA_BYTES = 2 ** 24;

/**
 * Replays captured dispatches. Returns the outputs of each.
 *
 * Read-only bindings are in one buffer and writable ones in another, each at its own offset, with
 * poison on both sides.
 *
 * @throws Error where a dispatch writes outside its bindings.
 */
export async function replay(
  engine: Engine,
  captures: readonly CapturedCase[],
): Promise<DispatchOutputs[]> {
  const outputs: DispatchOutputs[] = [];
  let batch: CapturedCase[] = [];
  let bytes = 0;
  for (const dispatch of captures) {
    const size = Object.values(dispatch.before).reduce(
      (sum, words) => sum + words.byteLength + 2 * ALIGNMENT,
      0,
    );
    if (bytes + size > MAX_ARENA_BYTES && batch.length > 0) {
      outputs.push(...(await replayTogether(engine, batch)));
      batch = [];
      bytes = 0;
    }
    batch.push(dispatch);
    bytes += size;
  }
  if (batch.length > 0) outputs.push(...(await replayTogether(engine, batch)));
  return outputs;
}

async function replayTogether(
  engine: Engine,
  captures: readonly CapturedCase[],
): Promise<DispatchOutputs[]> {
  const [inputs, outputs] = [new Arena(POISON), new Arena(OUTPUT_POISON)];
  const locations = captures.map(({ kernel, before }) =>
    Object.fromEntries(
      KERNELS[kernel].bindings.map(({ name, kind }) => {
        const arena = kind === 'storage' ? outputs : inputs;
        return [name, { arena, offset: arena.reserve(before[name]!) }];
      }),
    ),
  );
  for (const arena of [inputs, outputs]) arena.upload(engine);
  for (const [n, { kernel, before, params, workgroups, constants }] of captures.entries()) {
    const views = Object.fromEntries(
      Object.entries(locations[n]!).map(([name, { arena, offset }]) => {
        const size = before[name]!.byteLength;
        return [name, { buffer: arena.buffer!, offset, size } satisfies BufferView];
      }),
    );
    engine.dispatch(kernel, views as never, params as never, workgroups, {
      constants: constants as never,
    });
  }
  const after = await outputs.download(engine);
  const contents = captures.map(({ kernel, before }, n) =>
    Object.fromEntries(
      KERNELS[kernel].bindings
        .filter(({ kind }) => kind === 'storage')
        .map(({ name }) => {
          const start = locations[n]![name]!.offset / 4;
          const words = after.slice(start, start + before[name]!.length);
          // What is not poison in the end was written outside a binding.
          after.fill(OUTPUT_POISON, start, start + before[name]!.length);
          return [name, words];
        }),
    ),
  );
  const strayWord = after.findIndex((word) => word !== OUTPUT_POISON);
  if (strayWord >= 0) {
    const previous = locations.findLastIndex((bindings) =>
      Object.values(bindings).some(
        ({ arena, offset }) => arena === outputs && offset <= 4 * strayWord,
      ),
    );
    throw new Error(
      `${captures[previous]?.kernel} or the next dispatch wrote outside its buffers.`,
    );
  }
  inputs.buffer!.destroy();
  outputs.buffer!.destroy();
  return contents;
}

/** One buffer with the bindings of many dispatches. */
class Arena {
  buffer: GPUBuffer | undefined;
  readonly #contents: { offset: number; words: Uint32Array }[] = [];
  #bytes = 0;

  /** @param poison what is around the reserved words. */
  constructor(private readonly poison: number) {}

  /** Reserves space for words, with poison before it. Returns its offset in bytes. */
  reserve(words: Uint32Array): number {
    const offset = this.#bytes + ALIGNMENT;
    this.#contents.push({ offset, words });
    this.#bytes = aligned(offset + words.byteLength);
    return offset;
  }

  /** Creates the buffer and fills it: the reserved words, and poison everywhere else. */
  upload(engine: Engine): void {
    const size = this.#bytes + ALIGNMENT;
    const contents = new Uint32Array(size / 4).fill(this.poison);
    for (const { offset, words } of this.#contents) contents.set(words, offset / 4);
    this.buffer = engine.device.createBuffer({ size, usage: USAGE });
    engine.device.queue.writeBuffer(this.buffer, 0, contents);
  }

  /** Reads the buffer back. */
  async download(engine: Engine): Promise<Uint32Array> {
    const size = this.#bytes + ALIGNMENT;
    return new Uint32Array(await engine.read({ buffer: this.buffer!, offset: 0, size }));
  }
}
