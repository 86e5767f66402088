/**
 * Worker threads of Node and of browsers behind the same functions. Node's modules are looked up at
 * run time, as pages load this file too.
 */

/** A running worker. */
export interface StartedWorker {
  /** Ends the worker at once. */
  terminate(): void;
}

interface NodeThreads {
  readonly Worker: new (
    url: URL,
    options: object,
  ) => {
    on(event: 'error', listener: (error: Error) => void): void;
    postMessage(message: unknown): void;
    unref(): void;
    terminate(): Promise<number>;
  };
  readonly parentPort: { once(event: 'message', listener: (message: never) => void): void } | null;
}

interface NodeProcess {
  readonly getBuiltinModule?: (id: 'node:worker_threads') => NodeThreads;
  readonly cpuUsage?: () => { user: number; system: number };
}

const node = (globalThis as { process?: NodeProcess }).process;

/** Node's module of worker threads; undefined in a browser. */
function nodeThreads(): NodeThreads | undefined {
  return node?.getBuiltinModule?.('node:worker_threads');
}

/**
 * Whether the calling thread may block. It may not where memory cannot be shared, nor on the main
 * thread of a page.
 */
export function canBlock(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a new worker starts while the calling thread blocks. It does in Node; in a page, the
 * calling thread has to return to its event loop first.
 */
export function canStartWorkerWhileBlocked(): boolean {
  return nodeThreads() !== undefined;
}

/**
 * Starts a worker and sends it a message.
 *
 * @param url the worker's module, for Node.
 * @param maxHeapMegabytes limit of the worker's JavaScript heap, where the platform has one.
 * @param createInPage creates the worker in a browser.
 */
export function startWorker(
  url: URL,
  message: unknown,
  maxHeapMegabytes: number,
  createInPage: () => Worker,
): StartedWorker {
  const threads = nodeThreads();
  if (!threads) {
    const worker = createInPage();
    worker.postMessage(message);
    return worker;
  }
  const worker = new threads.Worker(url, {
    stdout: true,
    stderr: true,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
  });
  // A crashed worker stops responding, and its requests time out.
  worker.on('error', () => {});
  worker.unref();
  worker.postMessage(message);
  return { terminate: () => void worker.terminate() };
}

/** In a worker: calls `use` with the first message that the worker receives. */
export function onFirstMessage<T>(use: (message: T) => void): void {
  const port = nodeThreads()?.parentPort;
  if (port) {
    port.once('message', use as (message: never) => void);
    return;
  }
  const scope = globalThis as unknown as { onmessage: ((event: { data: T }) => void) | null };
  scope.onmessage = ({ data }) => use(data);
}

/** Processor time of the whole process, in seconds; undefined where the platform does not tell. */
export function processSeconds(): number | undefined {
  const used = node?.cpuUsage?.();
  return used && (used.user + used.system) / 1e6;
}
