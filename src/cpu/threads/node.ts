/** As much of Node's modules as the workers use, asked for at run time: pages load the same files, and have no Node. */

/** `node:worker_threads` */
export interface NodeThreads {
  readonly Worker: new (url: URL) => NodeWorker;
  readonly parentPort: NodePort | null;
}

export interface NodeWorker {
  on(event: 'message', listener: (message: never) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): void;
}

export interface NodePort {
  on(event: 'message', listener: (message: never) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  close(): void;
}

/** `node:os` */
export interface NodeSystem {
  availableParallelism(): number;
}

/** A module of Node's own, or `undefined` where this is not Node. */
export function nodeModule<T>(name: 'worker_threads' | 'os'): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  return process?.getBuiltinModule?.(`node:${name}`) as T | undefined;
}
