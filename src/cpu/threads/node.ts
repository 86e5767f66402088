/** As much of Node's modules as the workers use, asked for at run time: pages load the same files, and have no Node. */

/** `node:worker_threads` */
export interface NodeThreads {
  readonly Worker: new (url: URL) => NodeWorker;
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

/** `node:os` */
export interface NodeSystem {
  availableParallelism(): number;
}

/** As much of `process` as tells Node from pages. */
interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule?: (id: string) => unknown;
}

/**
 * A module of Node's own, or `undefined` where this is not Node.
 *
 * @throws Error where this is a Node that cannot be asked for its modules.
 */
export function nodeModule<T>(name: 'worker_threads' | 'os'): T | undefined {
  const { process: node } = globalThis as { process?: NodeProcess };
  if (node?.getBuiltinModule) return node.getBuiltinModule(`node:${name}`) as T | undefined;
  const version = node?.versions?.node;
  if (version === undefined) return undefined;
  throw new Error(
    `The CPU device needs Node's getBuiltinModule, which Node ${version} does not have: use Node 20.16 or later, 22.3 or later, or 24.`,
  );
}
