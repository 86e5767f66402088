/** What differs between Node and pages: starting workers, counting cores, sharing memory. */

import type { StartMessage, WorkerReply, WorkerRequest } from './messages.js';
import { type NodeSystem, type NodeThreads, nodeModule } from './node.js';

/** The main thread's handle of a worker. */
export interface WorkerHandle {
  /** Sends a message, and hands over the buffers in `transfer` without copying them. */
  send(message: StartMessage | WorkerRequest, transfer?: ArrayBuffer[]): void;
  /**
   * Keeps the process alive while the worker lives (true), or lets it end (false). Has no effect in
   * pages.
   */
  hold(isNeeded: boolean): void;
  /** Terminates the worker, whether it runs or sleeps. */
  stop(): void;
}

/** What happens to a worker. */
export interface WorkerEvents {
  /** The worker has sent a message. */
  onReply(reply: WorkerReply): void;
  /**
   * The worker has ended by itself: it could not be loaded, ran out of memory, or was terminated
   * from outside.
   */
  onCrash(message: string): void;
}

/** Starts a worker that runs worker.js. */
export type WorkerStarter = (events: WorkerEvents) => WorkerHandle;

/**
 * Creates the worker in a page whose bundler does not follow `new Worker(new URL(...,
 * import.meta.url))`.
 */
export type WorkerFactory = () => Worker;

/**
 * Starts one worker for each message, and sends it that message.
 *
 * @returns the workers, once all of them are ready.
 * @throws Error where one of them crashes before that; the others are terminated.
 */
export function startWorkers(
  messages: readonly StartMessage[],
  events: WorkerEvents,
  start: WorkerStarter,
): Promise<WorkerHandle[]> {
  const workers: WorkerHandle[] = [];
  return new Promise((resolve, reject) => {
    let starting = messages.length;
    const fail = (error: Error) => {
      for (const worker of workers) worker.stop();
      reject(error);
    };
    const onReply = (reply: WorkerReply) => {
      events.onReply(reply);
      if (reply.kind !== 'ready' || --starting > 0) return;
      for (const worker of workers) worker.hold(false);
      resolve(workers);
    };
    const onCrash = (text: string) => {
      if (starting === 0) events.onCrash(text);
      else fail(new Error(`A worker of the CPU device did not start: ${text}`));
    };
    try {
      for (const message of messages) {
        const worker = start({ onReply, onCrash });
        workers.push(worker);
        worker.hold(true);
        worker.send(message);
      }
    } catch (error) {
      fail(error as Error);
    }
  });
}

/**
 * Starts a worker that runs worker.js, in Node or in a page.
 *
 * @param factory creates the worker; used in pages only.
 */
export function startWorker(events: WorkerEvents, factory?: WorkerFactory): WorkerHandle {
  const threads = nodeModule<NodeThreads>('worker_threads');
  return threads ? startNodeWorker(threads, events) : startPageWorker(events, factory);
}

function startNodeWorker(threads: NodeThreads, events: WorkerEvents): WorkerHandle {
  const worker = new threads.Worker(new URL('./worker.js', import.meta.url));
  let isStopped = false;
  worker.unref();
  worker.on('message', (reply: WorkerReply) => events.onReply(reply));
  worker.on('error', (error) => events.onCrash(error.message));
  worker.on('exit', (code) => {
    if (!isStopped) events.onCrash(`the worker ended with code ${code}`);
  });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: (isNeeded) => (isNeeded ? worker.ref() : worker.unref()),
    stop: () => {
      isStopped = true;
      worker.terminate();
    },
  };
}

function startPageWorker(events: WorkerEvents, factory?: WorkerFactory): WorkerHandle {
  const worker =
    factory?.() ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => events.onReply(data);
  // A page is not told why a script could not be loaded: the message is empty.
  const notLoaded = factory
    ? 'the one that the option worker creates could not be loaded.'
    : `worker.js could not be loaded from beside ${import.meta.url}. Have the bundler put the ` +
      "package's src/cpu/threads/worker.js there, or create the worker by the option worker of requestCpuDevice.";
  worker.onerror = ({ message }) => events.onCrash(message || notLoaded);
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: () => {},
    stop: () => worker.terminate(),
  };
}

/**
 * Whether threads can share memory here. In Node they always can; in a page only if it is
 * cross-origin isolated.
 */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return crossOriginIsolated !== false;
}

/** How many threads can run at the same time. */
export function availableThreads(): number {
  const system = nodeModule<NodeSystem>('os');
  return system?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}
