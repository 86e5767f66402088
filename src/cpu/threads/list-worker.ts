/**
 * A worker that runs lists together with others, over memory that they share with the main thread.
 */

import { CONTROL_BYTES } from './layout.js';
import { ListSubscriber } from './list-ring.js';
import type { SharedStart } from './messages.js';
import { describeFailure, Runner } from './run-list.js';
import { makeBarrierDelay } from './test-hooks.js';
import type { WorkerPort } from './worker-port.js';

/** Takes part in every list that is published for its thread, and sleeps between them. */
export class ListWorker {
  readonly #port: WorkerPort;
  readonly #ring: ListSubscriber;
  readonly #runner: Runner;

  constructor(port: WorkerPort, { memory, thread, delay }: SharedStart) {
    this.#port = port;
    const control = new Int32Array(memory.buffer, 0, CONTROL_BYTES / 4);
    this.#ring = new ListSubscriber(control, thread);
    const onBarrier = delay?.thread === thread ? makeBarrierDelay(delay) : undefined;
    this.#runner = new Runner(memory, thread, onBarrier);
  }

  /**
   * Runs lists until this worker fails. Then it sends a `failed` message and returns; the main
   * thread terminates it with all others.
   */
  serve(): void {
    try {
      for (;;) this.#serveList();
    } catch (error) {
      this.#port.send({ kind: 'failed', failure: describeFailure(error, this.#runner.kernel) });
    }
  }

  #serveList(): void {
    const list = this.#ring.next();
    const start = performance.now();
    const waited = this.#runner.run(list);
    if (this.#ring.finish(list, performance.now() - start, waited))
      this.#port.send({ kind: 'finished' });
  }
}
