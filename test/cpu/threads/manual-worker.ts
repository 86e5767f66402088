/** A worker with shared memory that runs lists only when a test tells it to. */

import type { WorkerEvents, WorkerHandle } from '../../../src/cpu/threads/host.js';
import { CONTROL_BYTES, FINISHED, PUBLISHED } from '../../../src/cpu/threads/layout.js';
import { ListSubscriber } from '../../../src/cpu/threads/list-ring.js';
import type { SharedStart } from '../../../src/cpu/threads/messages.js';
import { Runner } from '../../../src/cpu/threads/run-list.js';

/** The only thread of an executor. */
export class ManualWorker {
  /** The number of messages that it has sent since it was ready. */
  notices = 0;
  /** Whether the executor has it keep the process alive. */
  isHeld = false;
  isStopped = false;
  #events: WorkerEvents | undefined;
  #words = new Int32Array(0);
  #ring: ListSubscriber | undefined;
  #runner: Runner | undefined;

  /** The function with which an executor starts it. */
  readonly start = (events: WorkerEvents): WorkerHandle => {
    this.#events = events;
    return {
      send: (message) => this.#begin(message as SharedStart),
      hold: (isHeld) => {
        this.isHeld = isHeld;
      },
      stop: () => {
        this.isStopped = true;
      },
    };
  };

  /**
   * Runs lists that are in flight.
   *
   * @throws Error where fewer lists are in flight.
   */
  run(lists = 1): void {
    for (let n = 0; n < lists; n++) {
      if (this.#words[PUBLISHED] === this.#words[FINISHED])
        throw new Error('No list is in flight.');
      const list = this.#ring!.next();
      this.#runner!.run(list);
      if (!this.#ring!.finish(list, 1, 0)) continue;
      this.notices++;
      this.#events!.onReply({ kind: 'finished' });
    }
  }

  #begin({ memory, thread }: SharedStart): void {
    this.#words = new Int32Array(memory.buffer, 0, CONTROL_BYTES / 4);
    this.#ring = new ListSubscriber(this.#words, thread);
    this.#runner = new Runner(memory, thread);
    this.#events!.onReply({ kind: 'ready' });
  }
}
