/** What Node and pages do differently: starting workers, counting cores, sharing memory. */

import { type NodeSystem, type NodeThreads, nodeModule } from './node.js';
import type { Answer, Request, Start } from './protocol.js';

/** A worker, as the main thread holds it. */
export interface WorkerHandle {
  send(message: Start | Request, transfer?: ArrayBuffer[]): void;
  /** Keeps the process alive, or lets it end, while the worker lives. Without effect in pages. */
  hold(isHeld: boolean): void;
  stop(): void;
}

/** What a worker tells. */
export interface WorkerEvents {
  answer(answer: Answer): void;
  /** The worker itself broke: it could not be loaded, or ran out of memory. */
  broke(message: string): void;
}

/** How a page starts a worker; for bundlers that do not follow `new Worker(new URL(..., import.meta.url))`. */
export type WorkerFactory = () => Worker;

/** @param factory in a page: makes the worker that runs worker.js. */
export function startWorker(events: WorkerEvents, factory?: WorkerFactory): WorkerHandle {
  const threads = nodeModule<NodeThreads>('worker_threads');
  return threads ? startNodeWorker(threads, events) : startPageWorker(events, factory);
}

function startNodeWorker(threads: NodeThreads, events: WorkerEvents): WorkerHandle {
  const worker = new threads.Worker(new URL('./worker.js', import.meta.url));
  worker.unref();
  worker.on('message', (answer: Answer) => events.answer(answer));
  worker.on('error', (error) => events.broke(error.message));
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    stop: () => void worker.terminate(),
  };
}

function startPageWorker(events: WorkerEvents, factory?: WorkerFactory): WorkerHandle {
  const worker =
    factory?.() ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<Answer>) => events.answer(data);
  worker.onerror = ({ message }) => events.broke(message || 'the worker could not be loaded');
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
