/**
 * Dispatches taken from one engine and run again on others, on the same bytes: each kernel is
 * compared by itself, and no difference of one reaches the next.
 */

import type { Engine } from '../../src/gpu/engine.js';
import { type KernelName, packParams } from '../../src/gpu/kernels.js';
import type { BufferView } from '../../src/gpu/memory.js';
import { KERNELS } from '../../src/gpu/shaders.gen.js';

/** One dispatch, with what its buffers held before it. */
export interface Taken {
  /** The case that made it. */
  readonly name: string;
  readonly kernel: KernelName;
  readonly constants: Readonly<Record<string, number | boolean | undefined>>;
  /** As the kernel reads them: rounded to f32 where they are f32. */
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: number;
  readonly before: Readonly<Record<string, Uint32Array>>;
}

/** What the storage buffers of a dispatch hold after it, by binding. */
export type Made = Readonly<Record<string, Uint32Array>>;

// STORAGE | UNIFORM | COPY_SRC | COPY_DST
const USAGE = 0x80 | 0x40 | 0x04 | 0x08;
const ALIGNMENT = 256;
const CHUNK = 2 ** 22;
/**
 * What memory holds before its first write; as an f32 it is not a number, so that no sum hides that
 * it was read.
 */
export const POISON = 0xffc0dead;

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Bytes put one after the other into buffers of a few megabytes. */
class Snapshots {
  readonly #engine: Engine;
  readonly #chunks: { buffer: GPUBuffer; size: number; used: number }[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Appends a copy of what the view holds at this point of the command list; what it returns tells
   * where.
   */
  take(view: BufferView): { chunk: number; offset: number; size: number } {
    let last = this.#chunks.at(-1);
    if (!last || last.used + view.size > last.size) {
      const size = Math.max(CHUNK, view.size);
      // Not of the engine's pool, whose scopes would take it back.
      last = { buffer: this.#engine.device.createBuffer({ size, usage: USAGE }), size, used: 0 };
      this.#chunks.push(last);
    }
    const offset = last.used;
    last.used += aligned(view.size);
    this.#engine.copy(view, { buffer: last.buffer, offset, size: view.size });
    return { chunk: this.#chunks.length - 1, offset, size: view.size };
  }

  async read(): Promise<ArrayBuffer[]> {
    const contents: ArrayBuffer[] = [];
    for (const { buffer, size } of this.#chunks) {
      contents.push(await this.#engine.read({ buffer, offset: 0, size }));
      buffer.destroy();
    }
    return contents;
  }
}

/** Every dispatch that `run` makes, all memory being poison before its first write. */
export async function take(
  engine: Engine,
  cases: readonly { name: string; run(): void }[],
): Promise<Taken[]> {
  const { dispatch, allocate } = engine;
  const snapshots = new Snapshots(engine);
  const poison = { buffer: engine.device.createBuffer({ size: CHUNK, usage: USAGE }), offset: 0 };
  const words = new Uint32Array(CHUNK / 4).fill(POISON);
  engine.device.queue.writeBuffer(poison.buffer, 0, words);
  const taken: (Omit<Taken, 'before'> & {
    before: Record<string, ReturnType<Snapshots['take']>>;
  })[] = [];
  let name = '';
  engine.allocate = (bytes, life) => {
    const allocation = allocate.call(engine, bytes, life);
    engine.copy({ ...poison, size: Math.min(allocation.size, CHUNK) }, allocation);
    return allocation;
  };
  const taking = (
    kernel: KernelName,
    buffers: Record<string, BufferView>,
    params: Record<string, number>,
    workgroups: number,
    options: { constants?: object } = {},
  ) => {
    const before = Object.fromEntries(
      KERNELS[kernel].bindings.map((binding) => [
        binding.name,
        snapshots.take(buffers[binding.name]!),
      ]),
    );
    if (workgroups > 0) {
      const constants = (options.constants ?? {}) as Taken['constants'];
      taken.push({ name, kernel, constants, params: asRead(kernel, params), workgroups, before });
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
  engine.dispatch = taking as Engine['dispatch'];
  try {
    for (const { name: given, run } of cases) {
      name = given;
      engine.scope(run);
    }
  } finally {
    engine.dispatch = dispatch;
    engine.allocate = allocate;
  }
  const chunks = await snapshots.read();
  poison.buffer.destroy();
  return taken.map((one) => ({
    ...one,
    before: Object.fromEntries(
      Object.entries(one.before).map(([binding, { chunk, offset, size }]) => [
        binding,
        new Uint32Array(chunks[chunk]!.slice(offset, offset + size)),
      ]),
    ),
  }));
}

function asRead(kernel: KernelName, params: object): Record<string, number> {
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

/** How many bytes of buffers one replay may hold. */
const ARENA = 2 ** 24;

/**
 * Runs every dispatch again.
 *
 * What a dispatch reads lies in one buffer and what it writes in another, every binding at an
 * offset of its own and with poison before and behind it.
 *
 * @throws Error where a dispatch writes outside its bindings.
 */
export async function replay(engine: Engine, taken: readonly Taken[]): Promise<Made[]> {
  const made: Made[] = [];
  let batch: Taken[] = [];
  let bytes = 0;
  for (const one of taken) {
    const own = Object.values(one.before).reduce((sum, words) => sum + words.byteLength + 512, 0);
    if (bytes + own > ARENA && batch.length > 0) {
      made.push(...(await replayTogether(engine, batch)));
      batch = [];
      bytes = 0;
    }
    batch.push(one);
    bytes += own;
  }
  if (batch.length > 0) made.push(...(await replayTogether(engine, batch)));
  return made;
}

async function replayTogether(engine: Engine, taken: readonly Taken[]): Promise<Made[]> {
  const [inputs, outputs] = [new Arena(), new Arena()];
  const places = taken.map(({ kernel, before }) =>
    Object.fromEntries(
      KERNELS[kernel].bindings.map(({ name, kind }) => {
        const arena = kind === 'storage' ? outputs : inputs;
        return [name, { arena, offset: arena.reserve(before[name]!) }];
      }),
    ),
  );
  for (const arena of [inputs, outputs]) arena.upload(engine);
  for (const [n, { kernel, before, params, workgroups, constants }] of taken.entries()) {
    const views = Object.fromEntries(
      Object.entries(places[n]!).map(([name, { arena, offset }]) => {
        const size = before[name]!.byteLength;
        return [name, { buffer: arena.buffer!, offset, size } satisfies BufferView];
      }),
    );
    engine.dispatch(kernel, views as never, params as never, workgroups, {
      constants: constants as never,
    });
  }
  const after = await outputs.download(engine);
  const made = taken.map(({ kernel, before }, n) =>
    Object.fromEntries(
      KERNELS[kernel].bindings
        .filter(({ kind }) => kind === 'storage')
        .map(({ name }) => {
          const start = places[n]![name]!.offset / 4;
          const words = after.slice(start, start + before[name]!.length);
          after.fill(POISON, start, start + before[name]!.length);
          return [name, words];
        }),
    ),
  );
  const stray = after.findIndex((word) => word !== POISON);
  if (stray >= 0) {
    const owner = places.findLastIndex((bindings) =>
      Object.values(bindings).some(({ arena, offset }) => arena === outputs && offset <= 4 * stray),
    );
    throw new Error(`${taken[owner]?.kernel} or the next dispatch wrote outside its buffers.`);
  }
  inputs.buffer!.destroy();
  outputs.buffer!.destroy();
  return made;
}

/** One buffer that holds the bindings of many dispatches. */
class Arena {
  buffer: GPUBuffer | undefined;
  readonly #contents: { offset: number; words: Uint32Array }[] = [];
  #bytes = 0;

  /** The offset where these words will lie. */
  reserve(words: Uint32Array): number {
    const offset = this.#bytes + ALIGNMENT;
    this.#contents.push({ offset, words });
    this.#bytes = aligned(offset + words.byteLength);
    return offset;
  }

  upload(engine: Engine): void {
    const size = this.#bytes + ALIGNMENT;
    const all = new Uint32Array(size / 4).fill(POISON);
    for (const { offset, words } of this.#contents) all.set(words, offset / 4);
    this.buffer = engine.device.createBuffer({ size, usage: USAGE });
    engine.device.queue.writeBuffer(this.buffer, 0, all);
  }

  async download(engine: Engine): Promise<Uint32Array> {
    const size = this.#bytes + ALIGNMENT;
    return new Uint32Array(await engine.read({ buffer: this.buffer!, offset: 0, size }));
  }
}
