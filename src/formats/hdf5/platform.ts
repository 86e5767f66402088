/** Worker threads of Node and of browsers, as one thing; Node is asked at run time, as pages load the same files. */

/** A thread that was sent its first message. */
export interface StartedWorker {
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

/** Node's threads; undefined in a browser. */
function nodeThreads(): NodeThreads | undefined {
  return node?.getBuiltinModule?.('node:worker_threads');
}

/** Whether this thread may wait for another: not where memory cannot be shared, nor on the main thread of a page. */
export function canWait(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a thread starts while this one waits: in Node it does, in a page this one must return first. */
export function canStartWhileWaiting(): boolean {
  return nodeThreads() !== undefined;
}

/**
 * Starts the worker made by `create`, which is given the class of this platform, and sends it a message.
 *
 * @param maxHeapMegabytes of the thread's JavaScript, where the platform can limit it.
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
  // What ends the thread is noticed by its silence.
  worker.on('error', () => {});
  worker.unref();
  worker.postMessage(message);
  return { terminate: () => void worker.terminate() };
}

/** In a worker: calls `use` with the first message it is sent. */
export function onFirstMessage<T>(use: (message: T) => void): void {
  const port = nodeThreads()?.parentPort;
  if (port) {
    port.once('message', use as (message: never) => void);
    return;
  }
  const scope = globalThis as unknown as { onmessage: ((event: { data: T }) => void) | null };
  scope.onmessage = ({ data }) => use(data);
}

/** Seconds of processor time the whole process has used; undefined where that is not known. */
export function processSeconds(): number | undefined {
  const used = node?.cpuUsage?.();
  return used && (used.user + used.system) / 1e6;
}
