/** A worker's own end of the messages, in Node and in pages. */

import type { StartMessage, WorkerReply, WorkerRequest } from './messages.js';
import { type NodeThreads, nodeModule } from './node.js';

/** How a worker answers. */
export interface WorkerPort {
  send(answer: WorkerReply, transfer?: ArrayBuffer[]): void;
}

/** What is used here of a page's worker: the types of pages do not go with Node's. */
interface PageWorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: (event: { data: StartMessage | WorkerRequest }) => void;
}

/** Begins to hand messages to a function, which is given the way to answer with each. */
export function receiveMessages(
  handle: (message: StartMessage | WorkerRequest, port: WorkerPort) => void,
): void {
  const parent = nodeModule<NodeThreads>('worker_threads')?.parentPort;
  if (parent) {
    const port: WorkerPort = {
      send: (answer, transfer = []) => parent.postMessage(answer, transfer),
    };
    parent.on('message', (message: StartMessage | WorkerRequest) => handle(message, port));
    return;
  }
  const scope = globalThis as unknown as PageWorkerScope;
  const port: WorkerPort = {
    send: (answer, transfer = []) => scope.postMessage(answer, transfer),
  };
  scope.onmessage = ({ data }) => handle(data, port);
}
