/** What libraries for browsers look for and Node does not have: WebGPU, and two parts of the language in Node 20. */

import { globals } from 'webgpu';
import { isSoftware } from '../../src/gpu/device.js';
import { type AdapterChoice, findAdapter } from '../../src/node.js';

/** The adapter that the libraries find through `navigator.gpu`. */
export interface PageGpu {
  readonly choice: AdapterChoice;
  readonly description: string;
  /**
   * Waits for Dawn, which polls on this thread: where the adapter computes on the same cores, it sleeps between polls, as
   * our engine does.
   */
  wait(done: Promise<unknown>): Promise<void>;
}

const POLL_MILLISECONDS = 0.3;

/** Puts WebGPU where pages have it: a GPU, else SwiftShader; `undefined` where there is neither. */
export async function installNavigator(): Promise<PageGpu | undefined> {
  const found = await firstAdapter(['gpu', 'swiftshader']);
  if (!found) return undefined;
  const { choice, info } = found;
  Object.assign(globalThis, globals);
  const gpu = {
    requestAdapter: async () => (await findAdapter(choice)).adapter,
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  // tfjs looks for the other two.
  const navigator = { gpu, userAgent: 'Node.js', platform: process.platform };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const sleeps = isSoftware(info);
  return {
    choice,
    description: info.description,
    wait: (done) => (sleeps ? sleepUntil(done) : done.then(() => {})),
  };
}

async function firstAdapter(choices: readonly AdapterChoice[]) {
  for (const choice of choices) {
    const found = await findAdapter(choice).catch(() => undefined);
    if (found) return { choice, info: found.adapter.info };
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

/** Adds what Node 20 lacks of ES2025 and jax-js uses; later versions have it. */
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
  *map(this: Iterable<unknown>, change: Visit<unknown>) {
    let n = 0;
    for (const item of this) yield change(item, n++);
  },
  *filter(this: Iterable<unknown>, keeps: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (keeps(item, n++)) yield item;
  },
  *flatMap(this: Iterable<unknown>, change: Visit<Iterable<unknown>>) {
    let n = 0;
    for (const item of this) yield* change(item, n++);
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
  reduce(this: Iterable<unknown>, ...how: Parameters<unknown[]['reduce']>) {
    return [...this].reduce(...how);
  },
  some(this: Iterable<unknown>, holds: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (holds(item, n++)) return true;
    return false;
  },
  every(this: Iterable<unknown>, holds: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (!holds(item, n++)) return false;
    return true;
  },
  find(this: Iterable<unknown>, holds: Visit<boolean>) {
    let n = 0;
    for (const item of this) if (holds(item, n++)) return item;
    return undefined;
  },
};

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
