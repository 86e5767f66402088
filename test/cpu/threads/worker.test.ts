import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import * as w from '../../../src/cpu/threads/layout.js';
import { ListPublisher } from '../../../src/cpu/threads/list-ring.js';

const START = w.CONTROL_BYTES / 4;

/** Starts one of two threads, ready to run lists; the other one does not exist. */
async function startThread(thread: number) {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const words = new Int32Array(memory.buffer);
  const publisher = new ListPublisher(words, 2);
  const worker = new Worker(new URL('../../../src/cpu/threads/worker.js', import.meta.url));
  worker.postMessage({ kind: 'shared', memory, thread });
  const [answer] = await once(worker, 'message');
  expect(answer).toEqual({ kind: 'ready' });
  return { worker, words, publisher };
}

/** Waits until a thread sleeps on a word. This wakes the thread, which goes to sleep again. */
async function untilAsleep(words: Int32Array, index: number): Promise<void> {
  while (Atomics.notify(words, index) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('a worker ends when it is terminated', () => {
  it('while it waits for a list', async () => {
    const { worker, words } = await startThread(0);
    await untilAsleep(words, w.PUBLISHED);
    await worker.terminate();
  });

  it('while it waits for a list that uses it', async () => {
    const { worker, words, publisher } = await startThread(1);
    publisher.publish({ start: START, commands: 0, threads: 1, pages: 4 });
    await untilAsleep(words, w.ACTIVE_THREADS);
    await worker.terminate();
  });

  it('while it waits at a barrier for a thread that never arrives', async () => {
    const { worker, words, publisher } = await startThread(0);
    words[START + w.KIND] = w.CLEAR;
    words[START + w.TOTAL] = 2;
    words[START + w.CHUNK] = 1;
    // The other thread has claimed the first unit.
    words[START + w.NEXT] = 1;
    publisher.publish({ start: START, commands: 1, threads: 2, pages: 4 });
    await untilAsleep(words, START + w.DONE);
    expect(words[START + w.DONE]).toBe(1);
    await worker.terminate();
  });
});
