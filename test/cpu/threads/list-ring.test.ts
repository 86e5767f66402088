import { afterEach, describe, expect, it, vi } from 'vitest';
import * as w from '../../../src/cpu/threads/layout.js';
import {
  ListPublisher,
  ListSubscriber,
  MAX_IN_FLIGHT,
  nextList,
  type PublishedList,
} from '../../../src/cpu/threads/list-ring.js';

afterEach(() => vi.restoreAllMocks());

function controlWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(w.CONTROL_BYTES));
}

/** A list that its start identifies. */
function list(start: number, threads: number): PublishedList {
  return { start, commands: 1, threads, pages: 64 };
}

/** Calls `run` when a thread would go to sleep. */
function insteadOfSleeping(run: (index: number) => void): void {
  vi.spyOn(Atomics, 'wait').mockImplementation((_words, index) => {
    run(index);
    return 'ok';
  });
}

/** Fails a test in which a thread reads the memory in an endless loop. */
function limitLoads(maxLoads: number): void {
  const load = Atomics.load as (words: Int32Array, index: number) => number;
  let count = 0;
  vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, index: number) => {
    if (++count > maxLoads) throw new Error(`A thread read more than ${maxLoads} words.`);
    return load(words, index);
  }) as typeof Atomics.load);
}

describe('ids of lists', () => {
  it('wrap around and skip 0, which means no list', () => {
    expect([1, 2 ** 31 - 1, -2, -1].map(nextList)).toEqual([2, -(2 ** 31), -1, 1]);
  });

  it('give lists that are in flight different slots, wherever the ids wrap around', () => {
    limitLoads(1_000_000);
    for (let firstId = -40; firstId < 4; firstId++) {
      const words = controlWords();
      const publisher = new ListPublisher(words, 1, firstId);
      const subscriber = new ListSubscriber(words, 0);
      for (let n = 0; n < MAX_IN_FLIGHT; n++) publisher.publish(list(n, 1));
      const starts = Array.from({ length: MAX_IN_FLIGHT }, () => {
        const { start } = subscriber.next();
        subscriber.finish(list(start, 1), 0, 0);
        return start;
      });
      expect(starts, `from ${firstId}`).toEqual([...Array(MAX_IN_FLIGHT).keys()]);
    }
  });
});

describe('a list', () => {
  it('is finished when its last thread has left it', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 3);
    const subscribers = [0, 1, 2].map((thread) => new ListSubscriber(words, thread));
    const id = publisher.publish(list(7, 3));
    const isFinished = subscribers.map((subscriber, thread) => {
      const published = subscriber.next();
      expect(published).toEqual(list(7, 3));
      subscriber.finish(published, 2 + thread, 0.5);
      return publisher.isFinished(id);
    });
    expect(isFinished).toEqual([false, false, true]);
    expect(publisher.times(id)).toEqual({ threads: 3, elapsed: 2000, waited: 1500 });
  });

  it('is skipped by threads that do not take part in it', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 2);
    const [worker, idle] = [new ListSubscriber(words, 0), new ListSubscriber(words, 1)];
    publisher.publish(list(1, 1));
    publisher.publish(list(2, 1));
    for (let n = 0; n < 2; n++) worker.finish(worker.next(), 0, 0);
    insteadOfSleeping(() => publisher.publish(list(3, 2)));
    expect(idle.next().start).toBe(3);
    expect(worker.next().start).toBe(3);
  });

  it('is not confused with a finished one that had the same slot', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 2);
    const [worker, late] = [new ListSubscriber(words, 0), new ListSubscriber(words, 1)];
    limitLoads(100_000);
    publisher.publish(list(0, 2));
    for (const subscriber of [worker, late]) subscriber.finish(subscriber.next(), 0, 0);
    // The late thread does not look while more lists than there are slots run without it.
    for (let n = 1; n <= 2 * w.RING_SLOTS; n++) {
      publisher.publish(list(n, 1));
      worker.finish(worker.next(), 0, 0);
    }
    publisher.publish(list(100, 2));
    expect(late.next().start).toBe(100);
  });
});

describe('a thread that takes part in no lists', () => {
  it('takes part again after so many of them that their ids have wrapped around', () => {
    for (const lists of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 9, 2 ** 32 - 1]) {
      const words = controlWords();
      const before = new ListPublisher(words, 2);
      const idle = new ListSubscriber(words, 1);
      before.publish(list(1, 1));
      limitLoads(10_000);
      insteadOfSleeping((index) => {
        expect(index).toBe(w.ACTIVE_THREADS);
        // As if all of them had been published and finished in the meantime.
        const later = new ListPublisher(words, 1, (1 + lists) | 0 || 1);
        later.publish(list(2, 2));
      });
      expect(idle.next().start, `${lists} lists`).toBe(2);
      vi.restoreAllMocks();
    }
  });

  it('is woken by the first list that uses it', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 2);
    const woken: number[] = [];
    const notify = Atomics.notify.bind(Atomics);
    vi.spyOn(Atomics, 'notify').mockImplementation((array, index, count) => {
      woken.push(index);
      return notify(array, index, count);
    });
    publisher.publish(list(1, 1));
    expect(woken).toEqual([w.PUBLISHED]);
    new ListSubscriber(words, 0).next();
    publisher.publish(list(2, 2));
    expect(woken.slice(1)).toEqual([w.ACTIVE_THREADS, w.PUBLISHED]);
  });
});

describe('a notice', () => {
  /** Publishes lists for one thread; returns both ends of the ring and the ids of the lists. */
  function publishLists(lists: number) {
    const words = controlWords();
    const publisher = new ListPublisher(words, 1);
    const worker = new ListSubscriber(words, 0);
    const ids = Array.from({ length: lists }, (_, n) => publisher.publish(list(n, 1)));
    /** Runs the next list to its end; returns whether the worker sends a notice. */
    const finish = () => worker.finish(worker.next(), 0, 0);
    return { words, publisher, ids, finish };
  }

  it('is sent once, when the list is finished', () => {
    const { publisher, ids, finish } = publishLists(3);
    expect(publisher.requestMessage(ids[1]!)).toBe(true);
    expect([finish(), finish(), finish()]).toEqual([false, true, false]);
  });

  it('is sent with a later list if the worker sees the request only then', () => {
    const { publisher, ids, finish } = publishLists(2);
    finish();
    expect(publisher.requestMessage(ids[1]!)).toBe(true);
    expect(finish()).toBe(true);
  });

  it('is not sent for a list that has finished already', () => {
    const { publisher, ids, finish } = publishLists(2);
    expect(finish()).toBe(false);
    expect(publisher.requestMessage(ids[0]!)).toBe(false);
    expect(finish()).toBe(false);
  });

  it('is sent by one side only if the list finishes during the request', () => {
    const { words, publisher, ids, finish } = publishLists(1);
    const store = Atomics.store as (words: Int32Array, index: number, value: number) => number;
    let isSent: boolean | undefined;
    vi.spyOn(Atomics, 'store').mockImplementation(((
      array: Int32Array,
      index: number,
      value: number,
    ) => {
      const stored = store(array, index, value);
      // The request is stored but not yet checked; the worker finishes the list now.
      if (array === words && index === w.AWAITED) isSent = finish();
      return stored;
    }) as typeof Atomics.store);
    expect(publisher.requestMessage(ids[0]!)).toBe(true);
    expect(isSent).toBe(true);
  });
});
