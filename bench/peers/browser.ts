/**
 * What libraries for browsers need and Node lacks: WebGPU, and in Node 20 two parts of the
 * language.
 */

import { globals } from 'webgpu';
import { isSoftware } from '../../src/gpu/device.js';
import { type AdapterChoice, selectAdapter } from '../../src/node.js';

/** The adapter that the libraries find through `navigator.gpu`. */
export interface PageGpu {
  readonly choice: AdapterChoice;
  readonly description: string;
  /**
   * Waits for a promise of Dawn, which polls on this thread. If the adapter computes on the same
   * cores, it sleeps between polls, as our engine does.
   */
  wait(done: Promise<unknown>): Promise<void>;
}

const POLL_MILLISECONDS = 0.3;

/** Sets `navigator.gpu`: a GPU, or else SwiftShader. Returns undefined if there is neither. */
export async function installNavigator(): Promise<PageGpu | undefined> {
  const adapter = await findFirstAdapter(['gpu', 'swiftshader']);
  if (!adapter) return undefined;
  const { choice, info } = adapter;
  Object.assign(globalThis, globals);
  const gpu = {
    requestAdapter: async () => (await selectAdapter(choice)).adapter,
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  // TensorFlow.js reads the other two.
  const navigator = { gpu, userAgent: 'Node.js', platform: process.platform };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const sleeps = isSoftware(info);
  return {
    choice,
    description: info.description,
    wait: (done) => (sleeps ? sleepUntil(done) : done.then(() => {})),
  };
}

async function findFirstAdapter(choices: readonly AdapterChoice[]) {
  for (const choice of choices) {
    const adapter = await selectAdapter(choice).catch(() => undefined);
    if (adapter) return { choice, info: adapter.adapter.info };
  }
  return undefined;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

async function sleepUntil(done: Promise<unknown>): Promise<void> {
  let isDone = false;
  const end = done.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) Atomics.wait(sleeper, 0, 0, POLL_MILLISECONDS);
  }
  await end;
}

/** Adds the parts of ES2025 that jax-js uses and Node 20 lacks. */
export function addNewerLanguage(): void {
  const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  for (const [name, value] of Object.entries(ITERATOR_HELPERS))
    if (!(name in iterators))
      Object.defineProperty(iterators, name, { value, configurable: true, writable: true });
  if (!('withResolvers' in Promise))
    Object.defineProperty(Promise, 'withResolvers', { value: withResolvers, configurable: true });
}

type Visit<R> = (item: unknown, index: number) => R;

const ITERATOR_HELPERS = {
  *map(this: Iterable<unknown>, transform: Visit<unknown>) {
    let n = 0;
    for (const item of this) yield transform(item, n++);
  },
  *filter(this: Iterable<unknown>, predicate: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (predicate(item, n++)) yield item;
  },
  *flatMap(this: Iterable<unknown>, transform: Visit<Iterable<unknown>>) {
    let n = 0;
    for (const item of this) yield* transform(item, n++);
  },
  *take(this: Iterable<unknown>, count: number) {
    let n = 0;
    for (const item of this) {
      if (n++ >= count) return;
      yield item;
    }
  },
  *drop(this: Iterable<unknown>, count: number) {
    let n = 0;
    for (const item of this) if (n++ >= count) yield item;
  },
  toArray(this: Iterable<unknown>) {
    return [...this];
  },
  forEach(this: Iterable<unknown>, visit: Visit<void>) {
    [...this].forEach(visit);
  },
  reduce(this: Iterable<unknown>, ...args: Parameters<unknown[]['reduce']>) {
    return [...this].reduce(...args);
  },
  some(this: Iterable<unknown>, predicate: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (predicate(item, n++)) return true;
    return false;
  },
  every(this: Iterable<unknown>, predicate: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (!predicate(item, n++)) return false;
    return true;
  },
  find(this: Iterable<unknown>, predicate: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (predicate(item, n++)) return item;
    return undefined;
  },
};

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}
