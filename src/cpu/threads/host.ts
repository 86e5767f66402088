/** What Node and pages do differently: starting workers, counting cores, sharing memory. */

import type { Answer, Request, Start } from './protocol.js';

type NodeThreads = typeof import('node:worker_threads');
type NodeSystem = typeof import('node:os');

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

function builtin<T>(id: string): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  return process?.getBuiltinModule?.(id) as T | undefined;
}

export function startWorker(events: WorkerEvents): WorkerHandle {
  const threads = builtin<NodeThreads>('node:worker_threads');
  return threads ? startNodeWorker(threads, events) : startPageWorker(events);
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

function startPageWorker(events: WorkerEvents): WorkerHandle {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
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
  const system = builtin<NodeSystem>('node:os');
  return system?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}
