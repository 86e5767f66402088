/** What Node and pages do differently: starting workers, counting cores, sharing memory. */

import type { StartMessage, WorkerReply, WorkerRequest } from './messages.js';
import { type NodeSystem, type NodeThreads, nodeModule } from './node.js';

/** A worker, as the main thread holds it. */
export interface WorkerHandle {
  send(message: StartMessage | WorkerRequest, transfer?: ArrayBuffer[]): void;
  /** Keeps the process alive, or lets it end, while the worker lives. Without effect in pages. */
  hold(isHeld: boolean): void;
  /** Ends the worker, wherever it runs or sleeps. */
  stop(): void;
}

/** What a worker tells. */
export interface WorkerEvents {
  onReply(answer: WorkerReply): void;
  /** The worker has ended by itself: it could not be loaded, ran out of memory, or was ended by another. */
  onCrash(message: string): void;
}

/** Starts a worker that runs worker.js. */
export type WorkerStarter = (events: WorkerEvents) => WorkerHandle;

/** How a page starts a worker; for bundlers that do not follow `new Worker(new URL(..., import.meta.url))`. */
export type WorkerFactory = () => Worker;

/**
 * Starts workers and tells each what it is to be.
 *
 * @returns them, once all of them are ready.
 * @throws Error where one breaks before; the others are stopped.
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
    const onReply = (answer: WorkerReply) => {
      events.onReply(answer);
      if (answer.kind !== 'ready' || --starting > 0) return;
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

/** @param factory in a page: makes the worker that runs worker.js. */
export function startWorker(events: WorkerEvents, factory?: WorkerFactory): WorkerHandle {
  const threads = nodeModule<NodeThreads>('worker_threads');
  return threads ? startNodeWorker(threads, events) : startPageWorker(events, factory);
}

function startNodeWorker(threads: NodeThreads, events: WorkerEvents): WorkerHandle {
  const worker = new threads.Worker(new URL('./worker.js', import.meta.url));
  let isStopped = false;
  worker.unref();
  worker.on('message', (answer: WorkerReply) => events.onReply(answer));
  worker.on('error', (error) => events.onCrash(error.message));
  worker.on('exit', (code) => {
    if (!isStopped) events.onCrash(`the worker ended with code ${code}`);
  });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
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
  worker.onerror = ({ message }) => events.onCrash(message || 'the worker could not be loaded');
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: () => {},
    stop: () => worker.terminate(),
  };
}

/** Whether threads can share memory here: always in Node, in pages where they are cross-origin isolated. */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return crossOriginIsolated !== false;
}

/** How many threads can run at once. */
export function availableThreads(): number {
  const system = nodeModule<NodeSystem>('os');
  return system?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}
