/**
 * Data races: runs kernels on the CPU with the very buffers, constants and grids the engine dispatched, one barrier
 * phase at a time, and looks for words that two invocations touch in one phase, or two workgroups at all, one of them
 * writing. What the kernels make there must be what the GPU made, so a race is not missed for a wrong turn.
 *
 * wgsl_reflect's own `detectRaces` does not serve: it keeps one returned value per call for all invocations, so that
 * after any helper function they compute with each other's numbers, and it cannot write one component of a vector.
 */

import type { Engine } from '../../src/gpu/engine.js';
import { type KernelName, packParams, specialize } from '../../src/gpu/kernels.js';
import type { BufferView } from '../../src/gpu/memory.js';
import type { DispatchOptions } from '../../src/gpu/options.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { fromBits, type Scalar, toBits } from './wgsl/math.js';
import {
  type Builtins,
  type Invocation,
  type Memory,
  type Translated,
  translate,
} from './wgsl/translate.js';

/** One dispatch as the engine made it, with its buffers' contents before and after. */
export interface Captured {
  readonly kernel: KernelName;
  readonly constants: Record<string, number | boolean | undefined>;
  readonly params: Uint32Array;
  readonly grid: readonly [number, number];
  readonly before: Record<string, Uint32Array>;
  readonly after: Record<string, Uint32Array>;
}

/** What running a captured dispatch on the CPU showed. */
export interface Verdict {
  /** Races, barriers that not all invocations reach, and words outside a buffer; each at most once a line pair. */
  readonly problems: string[];
  /** Buffers whose contents differ from what the GPU made. */
  readonly differences: string[];
}

interface Snapshot {
  kernel: KernelName;
  constants: Captured['constants'];
  params: Record<string, number>;
  workgroups: number;
  before: Record<string, BufferView>;
  after: Record<string, BufferView>;
}

// GPUBufferUsage.COPY_SRC | COPY_DST
const COPIES = 0x04 | 0x08;

/** Every dispatch that `fn` makes. */
export async function capture(engine: Engine, fn: () => void): Promise<Captured[]> {
  const taken: Snapshot[] = [];
  const dispatch = engine.dispatch.bind(engine) as Engine['dispatch'];
  const copies = (buffers: Record<string, BufferView>) =>
    Object.fromEntries(
      Object.entries(buffers).map(([name, view]) => {
        // Not of the engine's pool, whose scopes would take it back.
        const buffer = engine.device.createBuffer({ size: view.size, usage: COPIES });
        const copy = { buffer, offset: 0, size: view.size };
        engine.copy(view, copy);
        return [name, copy];
      }),
    );
  const captured = (
    kernel: KernelName,
    buffers: Record<string, BufferView>,
    params: Record<string, number>,
    workgroups: number,
    options: DispatchOptions<never> = {},
  ) => {
    const before = copies(buffers);
    dispatch(kernel, buffers as never, params as never, workgroups, options);
    const after = copies(buffers);
    const constants = { ...(options.constants as Captured['constants'] | undefined) };
    taken.push({
      kernel,
      constants,
      params,
      workgroups,
      before,
      after,
    });
  };
  engine.dispatch = captured as Engine['dispatch'];
  try {
    fn();
  } finally {
    engine.dispatch = dispatch;
  }
  return Promise.all(taken.map((snapshot) => download(engine, snapshot)));
}

async function download(engine: Engine, taken: Snapshot): Promise<Captured> {
  const fetch = async (copies: Record<string, BufferView>) => {
    const read = Object.entries(copies).map(async ([name, copy]) => {
      const words = new Uint32Array(await engine.read(copy));
      copy.buffer.destroy();
      return [name, words] as const;
    });
    return Object.fromEntries(await Promise.all(read));
  };
  const { kernel, constants, workgroups } = taken;
  const x = Math.min(workgroups, 65535);
  return {
    kernel,
    constants,
    params: packParams(KERNELS[kernel], taken.params),
    grid: [x, Math.ceil(workgroups / x)],
    before: await fetch(taken.before),
    after: await fetch(taken.after),
  };
}

/** The source a captured dispatch ran. */
export function dispatchedSource({ kernel, constants }: Captured): string {
  const { shader } = KERNELS[kernel];
  const { source, constants: declared } = SHADERS[shader]!;
  return specialize(shader, source, declared, constants);
}

const translations = new Map<string, Translated>();

function translated(source: string, entry: string): Translated {
  const key = `${entry}\n${source}`;
  const known = translations.get(key) ?? translate(source, entry);
  translations.set(key, known);
  return known;
}

/** Runs a captured dispatch on the CPU, with its own source or a changed one. */
export function examine(captured: Captured, source = dispatchedSource(captured)): Verdict {
  const { entry, bindings } = KERNELS[captured.kernel];
  const kernel = translated(source, entry);
  const buffers = new Map<string, Uint32Array>([['params', captured.params]]);
  for (const { name } of bindings) buffers.set(name, captured.before[name]!.slice());
  const memory = new WatchedMemory(buffers);
  const [x, y] = captured.grid;
  for (let group = 0; group < x * y; group++) {
    memory.enterGroup(group, kernel.workgroup);
    const builtins = { workgroup_id: [group % x, Math.floor(group / x), 0] };
    const invocations = Array.from({ length: kernel.size }, (_, local) =>
      kernel.start(memory, {
        ...builtins,
        num_workgroups: [x, y, 1],
        local_invocation_index: local,
      } satisfies Builtins),
    );
    runGroup(memory, invocations);
  }
  return { problems: [...memory.problems], differences: differences(captured, buffers) };
}

/** Runs a workgroup's invocations from barrier to barrier. */
function runGroup(memory: WatchedMemory, invocations: readonly Invocation[]): void {
  for (;;) {
    const stops = new Set<number | 'end'>();
    for (const [local, invocation] of invocations.entries()) {
      memory.invocation = local;
      const { done, value } = invocation.next();
      stops.add(done ? 'end' : (value as number));
    }
    memory.endPhase();
    if (stops.size > 1) {
      memory.problems.add(`barrier not reached by all: they stop at ${[...stops].join(', ')}`);
    }
    if (stops.size > 1 || stops.has('end')) return;
  }
}

/** Who touched a word: one invocation or workgroup, and where in the source. */
interface Touch {
  by: number;
  line: number;
}

/** What is known of a word within a phase, or over the whole dispatch: its first writer and its first readers. */
interface Touched {
  written?: Touch;
  read?: Touch;
  /** A reader other than the first. */
  otherRead?: Touch;
}

/** Buffers and workgroup variables that note who touches which word. */
class WatchedMemory implements Memory {
  readonly problems = new Set<string>();
  invocation = 0;
  #group = 0;
  readonly #buffers: Map<string, Uint32Array>;
  #workgroup = new Map<string, Uint32Array>();
  readonly #phase = new Map<string, Touched>();
  readonly #dispatch = new Map<string, Touched>();

  constructor(buffers: Map<string, Uint32Array>) {
    this.#buffers = buffers;
  }

  enterGroup(group: number, variables: ReadonlyMap<string, number>): void {
    this.#group = group;
    this.#workgroup = new Map([...variables].map(([name, n]) => [name, new Uint32Array(n)]));
  }

  endPhase(): void {
    this.#phase.clear();
  }

  read(variable: string, word: number, of: Scalar, line: number): number | boolean {
    const words = this.#note(variable, word, line, false);
    return fromBits(words?.[word] ?? 0, of);
  }

  write(variable: string, word: number, of: Scalar, line: number, value: number | boolean): void {
    const words = this.#note(variable, word, line, true);
    if (words) words[word] = toBits(value, of);
  }

  #note(variable: string, word: number, line: number, write: boolean): Uint32Array | undefined {
    const shared = this.#buffers.get(variable);
    const words = shared ?? this.#workgroup.get(variable);
    if (!words) throw new Error(`${variable} is no buffer of this dispatch.`);
    if (!(word >= 0 && word < words.length)) {
      this.problems.add(`line ${line}: ${variable} is ${write ? 'written' : 'read'} outside`);
      return undefined;
    }
    const key = `${variable}[${word}]`;
    this.#touch(this.#phase, key, { by: this.invocation, line }, write, 'invocations');
    if (shared) this.#touch(this.#dispatch, key, { by: this.#group, line }, write, 'workgroups');
    return words;
  }

  #touch(known: Map<string, Touched>, key: string, own: Touch, write: boolean, who: string): void {
    const word = known.get(key) ?? {};
    known.set(key, word);
    const rivals = write ? [word.written, word.read, word.otherRead] : [word.written];
    const rival = rivals.find((touch) => touch && touch.by !== own.by);
    if (rival) {
      const lines = [rival.line, own.line].sort((p, q) => p - q).join(' and ');
      this.problems.add(`${key.replace(/\[.*/, '')}: two ${who} race, lines ${lines}`);
    }
    if (write) word.written ??= own;
    else if (!word.read) word.read = own;
    else if (word.read.by !== own.by) word.otherRead ??= own;
  }
}

/** Largest difference allowed between the CPU's and the GPU's f32, relative to the largest of the buffer. */
const TOLERANCE = 1e-5;

function differences({ kernel, after }: Captured, buffers: Map<string, Uint32Array>): string[] {
  const found: string[] = [];
  for (const { name, kind } of KERNELS[kernel].bindings) {
    if (kind !== 'storage') continue;
    const [made, expected] = [buffers.get(name)!, after[name]!];
    const scale = Math.max(1e-3, ...floats(expected).map(Math.abs).filter(Number.isFinite));
    const wrong = floats(made).findIndex((value, n) => {
      if (made[n] === expected[n]) return false;
      return !(Math.abs(value - floats(expected)[n]!) <= TOLERANCE * scale);
    });
    if (wrong >= 0) {
      found.push(
        `${name}[${wrong}] is ${floats(made)[wrong]}, on the GPU ${floats(expected)[wrong]}`,
      );
    }
  }
  return found;
}

function floats(words: Uint32Array): number[] {
  return [...new Float32Array(words.buffer, words.byteOffset, words.length)];
}
