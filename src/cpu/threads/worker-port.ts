/** A worker's side of its messages, in Node and in pages. */

import type { StartMessage, WorkerReply, WorkerRequest } from './messages.js';
import { type NodeThreads, nodeModule } from './node.js';

/** Sends a worker's answers to the main thread. */
export interface WorkerPort {
  send(reply: WorkerReply, transfer?: ArrayBuffer[]): void;
}

/** What is used of a page's worker scope. The type definitions of pages conflict with Node's. */
interface PageWorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: (event: { data: StartMessage | WorkerRequest }) => void;
}

/**
 * Registers the function that handles messages from the main thread. It is called with each message
 * and with the port for answers.
 */
export function receiveMessages(
  handle: (message: StartMessage | WorkerRequest, port: WorkerPort) => void,
): void {
  const parent = nodeModule<NodeThreads>('worker_threads')?.parentPort;
  if (parent) {
    const port: WorkerPort = {
      send: (reply, transfer = []) => parent.postMessage(reply, transfer),
    };
    parent.on('message', (message: StartMessage | WorkerRequest) => handle(message, port));
    return;
  }
  const scope = globalThis as unknown as PageWorkerScope;
  const port: WorkerPort = {
    send: (reply, transfer = []) => scope.postMessage(reply, transfer),
  };
  scope.onmessage = ({ data }) => handle(data, port);
}
