/**
 * The program of a worker thread, in Node and in pages alike. The first message decides what kind
 * of worker it is: one that runs lists together with others over a shared memory, or one that
 * serves requests over a memory of its own.
 */

import { ListWorker } from './list-worker.js';
import { PrivateWorker } from './private-worker.js';
import { receiveMessages } from './worker-port.js';

let privateWorker: PrivateWorker | undefined;

receiveMessages((message, port) => {
  switch (message.kind) {
    case 'shared':
      port.send({ kind: 'ready' });
      new ListWorker(port, message).serve();
      return;
    case 'private':
      privateWorker = new PrivateWorker(port, message.pageLimits);
      return;
    default:
      privateWorker?.serve(message);
  }
});
