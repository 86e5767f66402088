/**
 * The race checker: runs kernels in JavaScript with the buffers, constants and grids of the
 * dispatches that an engine made. It executes each workgroup one barrier phase at a time and
 * records who touches which 32-bit word.
 *
 * A race is a word that two invocations touch in one phase, or two workgroups in one dispatch,
 * where at least one of them writes. The buffers must end up as they did on the device: a
 * mistranslated branch could otherwise hide a race.
 *
 * wgsl_reflect's own `detectRaces` cannot be used. It stores one return value per call for all
 * invocations, so after any helper function they compute with each other's numbers, and it cannot
 * write one component of a vector.
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
  type TranslatedKernel,
  translate,
} from './wgsl/translate.js';

/** One dispatch of an engine, with the contents of its buffers before and after. */
export interface CapturedDispatch {
  readonly kernel: KernelName;
  /** The constants that the shader was specialized with. */
  readonly constants: Record<string, number | boolean | undefined>;
  /** The words of the kernel's `params` struct. */
  readonly params: Uint32Array;
  /** Workgroups in x and y. */
  readonly grid: readonly [number, number];
  /** The words of each bound buffer before the dispatch, by binding name. */
  readonly before: Record<string, Uint32Array>;
  /** The words of each bound buffer after the dispatch, by binding name. */
  readonly after: Record<string, Uint32Array>;
}

/** What the checker reports about one dispatch; both lists are empty where all is well. */
export interface DispatchReport {
  /**
   * Races, barriers that not all invocations reach, and accesses outside a variable. Each is
   * listed once per variable and pair of source lines.
   */
  readonly problems: string[];
  /** For each buffer whose contents differ from the device's, the first word that does. */
  readonly differences: string[];
}

interface Snapshot {
  kernel: KernelName;
  constants: CapturedDispatch['constants'];
  params: Record<string, number>;
  workgroups: number;
  before: Record<string, BufferView>;
  after: Record<string, BufferView>;
}

// GPUBufferUsage.COPY_SRC | COPY_DST
const COPY_USAGE = 0x04 | 0x08;
/** The most workgroups that WebGPU guarantees in one dimension of a grid. */
const MAX_WORKGROUPS_X = 65535;

/** Runs `fn` and captures every dispatch that it makes on the engine, in order. */
export async function captureDispatches(
  engine: Engine,
  fn: () => void,
): Promise<CapturedDispatch[]> {
  const snapshots: Snapshot[] = [];
  const dispatch = engine.dispatch.bind(engine) as Engine['dispatch'];
  const copyBuffers = (buffers: Record<string, BufferView>) =>
    Object.fromEntries(
      Object.entries(buffers).map(([name, view]) => {
        // Not from the engine's pool: a scope would free the copy before it is read.
        const buffer = engine.device.createBuffer({ size: view.size, usage: COPY_USAGE });
        const copy = { buffer, offset: 0, size: view.size };
        engine.copy(view, copy);
        return [name, copy];
      }),
    );
  const capturingDispatch = (
    kernel: KernelName,
    buffers: Record<string, BufferView>,
    params: Record<string, number>,
    workgroups: number,
    options: DispatchOptions<never> = {},
  ) => {
    const before = copyBuffers(buffers);
    dispatch(kernel, buffers as never, params as never, workgroups, options);
    const after = copyBuffers(buffers);
    const constants = { ...(options.constants as CapturedDispatch['constants'] | undefined) };
    snapshots.push({
      kernel,
      constants,
      params,
      workgroups,
      before,
      after,
    });
  };
  engine.dispatch = capturingDispatch as Engine['dispatch'];
  try {
    fn();
  } finally {
    engine.dispatch = dispatch;
  }
  return Promise.all(snapshots.map((snapshot) => download(engine, snapshot)));
}

async function download(engine: Engine, snapshot: Snapshot): Promise<CapturedDispatch> {
  const readCopies = async (copies: Record<string, BufferView>) => {
    const reads = Object.entries(copies).map(async ([name, copy]) => {
      const words = new Uint32Array(await engine.read(copy));
      copy.buffer.destroy();
      return [name, words] as const;
    });
    return Object.fromEntries(await Promise.all(reads));
  };
  const { kernel, constants, workgroups } = snapshot;
  const x = Math.min(workgroups, MAX_WORKGROUPS_X);
  return {
    kernel,
    constants,
    params: packParams(KERNELS[kernel], snapshot.params),
    grid: [x, Math.ceil(workgroups / x)],
    before: await readCopies(snapshot.before),
    after: await readCopies(snapshot.after),
  };
}

/** The WGSL that a captured dispatch ran: its shader, specialized with its constants. */
export function dispatchedSource({ kernel, constants }: CapturedDispatch): string {
  const { shader } = KERNELS[kernel];
  const { source, constants: declared } = SHADERS[shader]!;
  return specialize(shader, source, declared, constants);
}

const translations = new Map<string, TranslatedKernel>();

function cachedTranslation(source: string, entry: string): TranslatedKernel {
  const key = `${entry}\n${source}`;
  const translation = translations.get(key) ?? translate(source, entry);
  translations.set(key, translation);
  return translation;
}

/**
 * Runs a captured dispatch in JavaScript and reports races and differences from the device.
 *
 * @param source what to run instead of the dispatched source, for example with a barrier removed.
 * @throws Error where the source uses WGSL that the translation does not support.
 */
export function checkDispatch(
  captured: CapturedDispatch,
  source = dispatchedSource(captured),
): DispatchReport {
  const { entry, bindings } = KERNELS[captured.kernel];
  const kernel = cachedTranslation(source, entry);
  const buffers = new Map<string, Uint32Array>([['params', captured.params]]);
  for (const { name } of bindings) buffers.set(name, captured.before[name]!.slice());
  const memory = new WatchedMemory(buffers);
  const [x, y] = captured.grid;
  for (let group = 0; group < x * y; group++) {
    memory.enterGroup(group, kernel.workgroupVariables);
    const builtins = { workgroup_id: [group % x, Math.floor(group / x), 0] };
    const invocations = Array.from({ length: kernel.workgroupSize }, (_, local) =>
      kernel.start(memory, {
        ...builtins,
        num_workgroups: [x, y, 1],
        local_invocation_index: local,
      } satisfies Builtins),
    );
    runGroup(memory, invocations);
  }
  return { problems: [...memory.problems], differences: bufferDifferences(captured, buffers) };
}

/**
 * Runs the invocations of a workgroup from barrier to barrier, each phase in the order of their
 * index.
 */
function runGroup(memory: WatchedMemory, invocations: readonly Invocation[]): void {
  for (;;) {
    const stops = new Set<string>();
    for (const [local, invocation] of invocations.entries()) {
      memory.invocation = local;
      const { done, value } = invocation.next();
      stops.add(done ? 'the end' : `line ${value}`);
    }
    memory.endPhase();
    if (stops.size > 1) {
      memory.problems.add(
        `barrier not reached by all invocations: they stop at ${[...stops].join(', ')}`,
      );
    }
    if (stops.size > 1 || stops.has('the end')) return;
  }
}

/** One access to a word. */
interface Access {
  /** The invocation within the workgroup, or the workgroup. */
  by: number;
  /** The line of the WGSL source. */
  line: number;
}

/**
 * The accesses to a word that can still race with a later one, within a phase or over the dispatch.
 * Two readers suffice: whoever writes later differs from at least one of them.
 */
interface WordHistory {
  firstWrite?: Access;
  firstRead?: Access;
  /** The first read by anyone but the first reader. */
  otherRead?: Access;
}

/** The buffers and workgroup variables of a dispatch; records who touches which word. */
class WatchedMemory implements Memory {
  readonly problems = new Set<string>();
  /** The invocation that is running. */
  invocation = 0;
  #group = 0;
  readonly #buffers: Map<string, Uint32Array>;
  #workgroup = new Map<string, Uint32Array>();
  /** By word, the accesses of this workgroup's invocations since its last barrier. */
  readonly #phaseHistory = new Map<string, WordHistory>();
  /** By word of a buffer, the accesses of all workgroups. */
  readonly #dispatchHistory = new Map<string, WordHistory>();

  constructor(buffers: Map<string, Uint32Array>) {
    this.#buffers = buffers;
  }

  /** Begins a workgroup: its variables are zero. */
  enterGroup(group: number, variables: ReadonlyMap<string, number>): void {
    this.#group = group;
    this.#workgroup = new Map([...variables].map(([name, n]) => [name, new Uint32Array(n)]));
  }

  endPhase(): void {
    this.#phaseHistory.clear();
  }

  read(variable: string, word: number, type: Scalar, line: number): number | boolean {
    const words = this.#access(variable, word, line, false);
    return fromBits(words?.[word] ?? 0, type);
  }

  write(variable: string, word: number, type: Scalar, line: number, value: number | boolean): void {
    const words = this.#access(variable, word, line, true);
    if (words) words[word] = toBits(value, type);
  }

  rewrite(variable: string, word: number, line: number): void {
    this.#access(variable, word, line, true);
  }

  /**
   * Records an access and returns the words of the variable; `undefined` where `word` is outside
   * them.
   */
  #access(variable: string, word: number, line: number, isWrite: boolean): Uint32Array | undefined {
    const buffer = this.#buffers.get(variable);
    const words = buffer ?? this.#workgroup.get(variable);
    if (!words) {
      throw new Error(
        `Line ${line}: ${variable} is neither a bound buffer nor a workgroup variable.`,
      );
    }
    if (!(word >= 0 && word < words.length)) {
      const action = isWrite ? 'written' : 'read';
      this.problems.add(`line ${line}: ${variable} is ${action} out of bounds`);
      return undefined;
    }
    const key = `${variable}[${word}]`;
    const invocation = { by: this.invocation, line };
    this.#recordAccess(this.#phaseHistory, key, invocation, isWrite, 'invocations');
    if (buffer) {
      const group = { by: this.#group, line };
      this.#recordAccess(this.#dispatchHistory, key, group, isWrite, 'workgroups');
    }
    return words;
  }

  #recordAccess(
    histories: Map<string, WordHistory>,
    key: string,
    access: Access,
    isWrite: boolean,
    parties: 'invocations' | 'workgroups',
  ): void {
    const history = histories.get(key) ?? {};
    histories.set(key, history);
    const { firstWrite, firstRead, otherRead } = history;
    const rivals = isWrite ? [firstWrite, firstRead, otherRead] : [firstWrite];
    const rival = rivals.find((earlier) => earlier && earlier.by !== access.by);
    if (rival) {
      const lines = [rival.line, access.line].sort((a, b) => a - b).join(' and ');
      this.problems.add(`${key.replace(/\[.*/, '')}: two ${parties} race, lines ${lines}`);
    }
    if (isWrite) history.firstWrite ??= access;
    else if (!firstRead) history.firstRead = access;
    else if (firstRead.by !== access.by) history.otherRead ??= access;
  }
}

/**
 * The largest difference allowed between the checker's and the device's f32, relative to the
 * buffer's largest.
 */
const TOLERANCE = 1e-5;

function bufferDifferences(
  { kernel, after }: CapturedDispatch,
  buffers: Map<string, Uint32Array>,
): string[] {
  const differences: string[] = [];
  for (const { name, kind } of KERNELS[kernel].bindings) {
    if (kind !== 'storage') continue;
    const [actual, expected] = [buffers.get(name)!, after[name]!];
    const [actualFloats, expectedFloats] = [asFloats(actual), asFloats(expected)];
    const scale = Math.max(1e-3, ...expectedFloats.map(Math.abs).filter(Number.isFinite));
    const index = actualFloats.findIndex((value, n) => {
      if (actual[n] === expected[n]) return false;
      return !(Math.abs(value - expectedFloats[n]!) <= TOLERANCE * scale);
    });
    if (index >= 0) {
      differences.push(
        `${name}[${index}] is ${actualFloats[index]} in the checker, ${expectedFloats[index]} on the device`,
      );
    }
  }
  return differences;
}

function asFloats(words: Uint32Array): number[] {
  return [...new Float32Array(words.buffer, words.byteOffset, words.length)];
}
