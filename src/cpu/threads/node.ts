/**
 * The parts of Node's modules that the device uses. They are looked up at run time, since pages
 * load the same files and have no Node.
 */

/** The parts of `node:worker_threads` that are used. */
export interface NodeThreads {
  /** Starts a thread that runs the module at `url`. */
  readonly Worker: new (
    url: URL,
  ) => NodeWorker;
  /** In a worker, its connection to the main thread; null in the main thread. */
  readonly parentPort: NodePort | null;
}

interface NodeWorker {
  on(event: 'message', listener: (message: never) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): void;
}

interface NodePort {
  on(event: 'message', listener: (message: never) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
}

/** The parts of `node:os` that are used. */
export interface NodeSystem {
  /** How many threads can run at the same time. */
  availableParallelism(): number;
}

/** The parts of `process` by which Node is recognized. */
interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule?: (id: string) => unknown;
}

/**
 * Returns one of Node's built-in modules, or `undefined` outside Node.
 *
 * @throws Error where Node is too old to return its modules at run time.
 */
export function nodeModule<T>(name: 'worker_threads' | 'os'): T | undefined {
  const { process: nodeProcess } = globalThis as { process?: NodeProcess };
  if (nodeProcess?.getBuiltinModule)
    return nodeProcess.getBuiltinModule(`node:${name}`) as T | undefined;
  const version = nodeProcess?.versions?.node;
  if (version === undefined) return undefined;
  throw new Error(
    `The CPU device needs Node's getBuiltinModule, which Node ${version} does not have: use Node 20.16 or later, 22.3 or later, or 24.`,
  );
}
