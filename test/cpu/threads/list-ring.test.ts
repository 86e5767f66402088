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

/** A list whose first word says which it is. */
function list(start: number, threads: number): PublishedList {
  return { start, commands: 1, threads, pages: 64 };
}

/** Does something when a thread goes to sleep, in place of sleeping. */
function insteadOfSleeping(run: (index: number) => void): void {
  vi.spyOn(Atomics, 'wait').mockImplementation((_words, index) => {
    run(index);
    return 'ok';
  });
}

/** Fails a test in which a thread looks at the memory without end. */
function limitLooks(looks: number): void {
  const load = Atomics.load as (words: Int32Array, index: number) => number;
  let count = 0;
  vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, index: number) => {
    if (++count > looks) throw new Error(`A thread looked ${looks} times, and went on.`);
    return load(words, index);
  }) as typeof Atomics.load);
}

describe('numbers of lists', () => {
  it('wrap around and leave out 0, which means none', () => {
    expect([1, 2 ** 31 - 1, -2, -1].map(nextList)).toEqual([2, -(2 ** 31), -1, 1]);
  });

  it('of as many lists as may be in flight have different slots, wherever they wrap', () => {
    limitLooks(1_000_000);
    for (let first = -40; first < 4; first++) {
      const words = controlWords();
      const publisher = new ListPublisher(words, 1, first);
      const follower = new ListSubscriber(words, 0);
      for (let n = 0; n < MAX_IN_FLIGHT; n++) publisher.publish(list(n, 1));
      const starts = Array.from({ length: MAX_IN_FLIGHT }, () => {
        const { start } = follower.next();
        follower.finish(list(start, 1), 0, 0);
        return start;
      });
      expect(starts, `from ${first}`).toEqual([...Array(MAX_IN_FLIGHT).keys()]);
    }
  });
});

describe('a list', () => {
  it('is finished when the last of its threads has left it', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 3);
    const followers = [0, 1, 2].map((thread) => new ListSubscriber(words, thread));
    const number = publisher.publish(list(7, 3));
    const ends = followers.map((follower, thread) => {
      const published = follower.next();
      expect(published).toEqual(list(7, 3));
      follower.finish(published, 2 + thread, 0.5);
      return publisher.isFinished(number);
    });
    expect(ends).toEqual([false, false, true]);
    expect(publisher.times(number)).toEqual({ threads: 3, elapsed: 2000, waited: 1500 });
  });

  it('is passed over by threads that have no part in it', () => {
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

  it('that is finished, and whose slot has another, is not taken for it', () => {
    const words = controlWords();
    const publisher = new ListPublisher(words, 2);
    const [worker, late] = [new ListSubscriber(words, 0), new ListSubscriber(words, 1)];
    limitLooks(100_000);
    publisher.publish(list(0, 2));
    for (const follower of [worker, late]) follower.finish(follower.next(), 0, 0);
    // The late thread does not look while more lists than there are slots go by without it.
    for (let n = 1; n <= 2 * w.RING_SLOTS; n++) {
      publisher.publish(list(n, 1));
      worker.finish(worker.next(), 0, 0);
    }
    publisher.publish(list(100, 2));
    expect(late.next().start).toBe(100);
  });
});

describe('a thread without a part in lists', () => {
  it('takes part again after so many of them that their numbers have come around', () => {
    for (const lists of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 9, 2 ** 32 - 1]) {
      const words = controlWords();
      const before = new ListPublisher(words, 2);
      const idle = new ListSubscriber(words, 1);
      before.publish(list(1, 1));
      limitLooks(10_000);
      insteadOfSleeping((index) => {
        expect(index).toBe(w.ACTIVE_THREADS);
        // As if all of them had been published and finished meanwhile.
        const later = new ListPublisher(words, 1, (1 + lists) | 0 || 1);
        later.publish(list(2, 2));
      });
      expect(idle.next().start, `${lists} lists`).toBe(2);
      vi.restoreAllMocks();
    }
  });

  it('is woken by the first list in which it has one', () => {
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
  /** Publishes lists for one thread, and gives both ends of the ring and the lists' numbers. */
  function published(lists: number) {
    const words = controlWords();
    const publisher = new ListPublisher(words, 1);
    const worker = new ListSubscriber(words, 0);
    const numbers = Array.from({ length: lists }, (_, n) => publisher.publish(list(n, 1)));
    const finish = () => worker.finish(worker.next(), 0, 0);
    return { words, publisher, numbers, finish };
  }

  it('comes when the list is finished, and once', () => {
    const { publisher, numbers, finish } = published(3);
    expect(publisher.requestMessage(numbers[1]!)).toBe(true);
    expect([finish(), finish(), finish()]).toEqual([false, true, false]);
  });

  it('comes with a later list where that is finished before the worker looks', () => {
    const { publisher, numbers, finish } = published(2);
    finish();
    expect(publisher.requestMessage(numbers[1]!)).toBe(true);
    expect(finish()).toBe(true);
  });

  it('does not come for a list that is finished already', () => {
    const { publisher, numbers, finish } = published(2);
    expect(finish()).toBe(false);
    expect(publisher.requestMessage(numbers[0]!)).toBe(false);
    expect(finish()).toBe(false);
  });

  it('comes from one side only where the list is finished while it is asked for', () => {
    const { words, publisher, numbers, finish } = published(1);
    const store = Atomics.store as (words: Int32Array, index: number, value: number) => number;
    let told: boolean | undefined;
    vi.spyOn(Atomics, 'store').mockImplementation(((
      array: Int32Array,
      index: number,
      value: number,
    ) => {
      const stored = store(array, index, value);
      // The request is written, and not yet looked after: the worker finishes the list now.
      if (array === words && index === w.AWAITED) told = finish();
      return stored;
    }) as typeof Atomics.store);
    expect(publisher.requestMessage(numbers[0]!)).toBe(true);
    expect(told).toBe(true);
  });
});
