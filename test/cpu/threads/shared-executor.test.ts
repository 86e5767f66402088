import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/cpu/threads/executor.js';
import type { WorkerEvents } from '../../../src/cpu/threads/host.js';
import { PAGE_BYTES } from '../../../src/cpu/threads/layout.js';
import { MAX_IN_FLIGHT } from '../../../src/cpu/threads/list-ring.js';
import { SharedExecutor } from '../../../src/cpu/threads/shared-executor.js';
import type { TestHooks } from '../../../src/cpu/threads/test-hooks.js';
import { HEAP_START } from '../../../src/cpu/wasm/address-space.js';
import { ManualWorker } from './manual-worker.js';

/** 2 MiB, of which the heap has half. */
const MAX_PAGES = 32;
const HEAP_BYTES = MAX_PAGES * PAGE_BYTES - HEAP_START;
const UNIT = 256;

/** An executor whose only thread runs lists when a test tells it to. */
async function start(hooks: TestHooks = {}) {
  const worker = new ManualWorker();
  const executor = await SharedExecutor.start(1, worker.start, { maxPages: MAX_PAGES, ...hooks });
  let failure: string | undefined;
  executor.failed.then(({ text }) => {
    failure = text;
  });
  const allocate = (bytes: number) => executor.allocate(bytes)!.address;
  return { worker, executor, allocate, failure: () => failure };
}

const clear = (to: number, bytes = 4): Command => ({ kind: 'clear', to, bytes });
const copy = (from: number, to: number, bytes: number): Command => ({
  kind: 'copy',
  from,
  to,
  bytes,
});
/** The bytes of a read. */
const readBytes = async (read: Promise<ArrayBuffer>) => [...new Uint8Array(await read)];

describe('a released block', () => {
  it('is available again once the lists before have run, even if nothing waited', async () => {
    const { worker, executor, allocate } = await start();
    const block = allocate(HEAP_BYTES - UNIT);
    executor.submit([clear(block)]);
    executor.release(block);
    expect(executor.allocate(HEAP_BYTES - UNIT)).toBeUndefined();
    worker.run();
    expect(executor.allocate(HEAP_BYTES - UNIT)?.address).toBe(block);
  });

  it('is available to a kernel', async () => {
    const { worker, executor, allocate } = await start();
    const block = allocate(HEAP_BYTES - UNIT);
    executor.submit([clear(block)]);
    executor.release(block);
    worker.run();
    expect(executor.addKernel(new Uint8Array(1000), 1000).bytes).toBe(1000);
  });
});

describe('a kernel that does not fit', () => {
  it('uses no memory', async () => {
    const { executor } = await start();
    executor.addKernel(new Uint8Array(100), 64);
    const { usedBytes } = executor;
    expect(() => executor.addKernel(new Uint8Array(100), HEAP_BYTES)).toThrow('no room');
    expect(executor.usedBytes).toBe(usedBytes);
    expect(() => executor.addKernel(new Uint8Array(HEAP_BYTES), 0)).toThrow('no room');
    expect(executor.usedBytes).toBe(usedBytes);
  });
});

describe('a write while lists run', () => {
  it('is staged in the memory, where there is room, and does not delay later work', async () => {
    const { worker, executor, allocate } = await start();
    const [a, b] = [allocate(UNIT), allocate(UNIT)];
    executor.write(a, Uint8Array.of(1, 2, 3, 4));
    executor.submit([copy(a, b, 4)]);
    executor.write(a, Uint8Array.of(5, 6, 7, 8));
    executor.submit([copy(a, b + 4, 4)]);
    const read = executor.read(b, 8);
    worker.run(2);
    expect(await readBytes(read)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is part of the next list, in order with other writes', async () => {
    const { worker, executor, allocate } = await start();
    const [a, b] = [allocate(UNIT), allocate(UNIT)];
    const { usedBytes } = executor;
    executor.submit([clear(b)]);
    for (const byte of [1, 2]) executor.write(a, new Uint8Array(4).fill(byte));
    executor.write(a + 2, Uint8Array.of(3));
    executor.submit([copy(a, b, 4)]);
    worker.run(2);
    expect(() => worker.run()).toThrow('No list is in flight.');
    expect(await readBytes(executor.read(b, 4))).toEqual([2, 2, 3, 2]);
    expect(executor.usedBytes).toBe(usedBytes);
  });

  it('takes place without a next list where its bytes are read', async () => {
    const { worker, executor, allocate } = await start();
    const a = allocate(UNIT);
    executor.submit([clear(a)]);
    executor.write(a, Uint8Array.of(5));
    const read = executor.read(a, 1);
    worker.run(2);
    expect(await readBytes(read)).toEqual([5]);
  });

  it('is part of a separate list where there are many writes', async () => {
    const { worker, executor, allocate } = await start();
    const a = allocate(1000);
    executor.submit([clear(a)]);
    for (let n = 0; n < 600; n++) executor.write(a + n, Uint8Array.of(n));
    const read = executor.read(a, 600);
    worker.run(4);
    expect(await readBytes(read)).toEqual(Array.from({ length: 600 }, (_, n) => n & 255));
  });

  it('is done by the main thread once no list runs', async () => {
    const { worker, executor, allocate } = await start();
    const a = allocate(UNIT);
    const { usedBytes } = executor;
    executor.submit([clear(a)]);
    executor.write(a, Uint8Array.of(5, 6));
    worker.run();
    executor.write(a + 1, Uint8Array.of(7));
    expect(await readBytes(executor.read(a, 2))).toEqual([5, 7]);
    expect(() => worker.run()).toThrow('No list is in flight.');
    expect(executor.usedBytes).toBe(usedBytes);
  });

  it('is staged outside the memory, where there is no room in it', async () => {
    const { worker, executor, allocate, failure } = await start();
    const bytes = 600 * 1024;
    const [a, b] = [allocate(bytes), allocate(UNIT)];
    executor.write(a, new Uint8Array(bytes).fill(1));
    executor.submit([copy(a, b, 4)]);
    const data = new Uint8Array(bytes).fill(2);
    executor.write(a, data);
    // The data was copied before this change, and later commands read the copy.
    data.fill(3);
    executor.submit([copy(a + bytes - 4, b + 4, 4)]);
    executor.write(a, Uint8Array.of(4));
    const reads = [executor.read(b, 8), executor.read(a, 2)];
    worker.run();
    expect(worker.notices).toBe(1);
    worker.run(2);
    expect(await readBytes(reads[0]!)).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(await readBytes(reads[1]!)).toEqual([4, 2]);
    expect(failure()).toBeUndefined();
    expect(executor.usedBytes).toBe(bytes + UNIT);
  });
});

describe('a read', () => {
  it('waits for the lists up to the given one only', async () => {
    const { worker, executor, allocate } = await start();
    const a = allocate(UNIT);
    const lists: number[] = [];
    for (const byte of [1, 2, 3]) {
      executor.submit([clear(a)]);
      executor.write(a + byte, Uint8Array.of(byte));
      lists.push(executor.submitted);
    }
    const order: string[] = [];
    const read = (name: string, after?: number) =>
      executor.read(a, 4, after).then(() => order.push(name));
    const reads = [read('all'), read('second', lists[1]), read('first', lists[0])];
    worker.run(2);
    await reads[2];
    expect(order).toEqual(['first']);
    worker.run();
    await reads[1];
    expect(order).toEqual(['first', 'second']);
    worker.run();
    await reads[0];
    await read('late', lists[0]);
    expect(order).toEqual(['first', 'second', 'all', 'late']);
  });
});

describe('lists in a full memory', () => {
  it('run one after another', async () => {
    const { worker, executor, allocate, failure } = await start();
    const [a, b] = [allocate(UNIT), allocate(HEAP_BYTES - UNIT)];
    executor.write(a, Uint8Array.of(1, 2, 3, 4));
    executor.submit([copy(a, b, 4)]);
    executor.submit([clear(a)]);
    executor.submit([copy(a, b + 4, 4)]);
    const read = executor.read(b, 8);
    worker.run(3);
    expect(await readBytes(read)).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    expect(failure()).toBeUndefined();
    expect(executor.usedBytes).toBe(HEAP_BYTES);
  });

  it('that do not fit at all end the device', async () => {
    const { worker, executor, allocate, failure } = await start();
    const all = allocate(HEAP_BYTES);
    executor.submit(Array.from({ length: 16_000 }, () => clear(all)));
    await undefined;
    expect(failure()).toBe('no memory is left for commands');
    expect(worker.isStopped).toBe(true);
  });
});

describe('more lists than can be in flight', () => {
  it('follow when earlier ones are finished, also where their ids wrap around', async () => {
    const { worker, executor, allocate } = await start({ firstList: -5 });
    const a = allocate(UNIT);
    const count = 2 * MAX_IN_FLIGHT;
    for (let n = 0; n < count; n++) executor.submit([copy(a + n, a + n + 1, 1)]);
    executor.write(a, Uint8Array.of(7));
    const read = executor.read(a, 3);
    worker.run(count + 1);
    expect(await readBytes(read)).toEqual([7, 0, 0]);
  });

  it('are each reported as finished, wherever their ids wrap around', {
    timeout: 5000,
  }, async () => {
    const { worker, executor, allocate } = await start({ firstList: -3 });
    const a = allocate(UNIT);
    for (let n = 0; n < 8; n++) {
      executor.submit([clear(a)]);
      const read = executor.read(a, 1);
      worker.run();
      await read;
      expect(worker.notices).toBe(n + 1);
    }
  });
});

describe('the process', () => {
  it('is kept alive by a pending read, but not by a release', async () => {
    const { worker, executor, allocate } = await start();
    const a = allocate(UNIT);
    executor.submit([clear(a)]);
    executor.release(a);
    expect(worker.isHeld).toBe(false);
    const read = executor.read(a, 1);
    executor.submit([clear(a)]);
    expect(worker.isHeld).toBe(true);
    worker.run();
    await read;
    expect(worker.isHeld).toBe(false);
  });
});

describe('a closed executor', () => {
  it('no longer references the memory', async () => {
    const collect = garbageCollector();
    let memory: WeakRef<object> | undefined;
    const starter = ({ onReply }: WorkerEvents) => ({
      send: (message: object) => {
        memory = new WeakRef((message as { memory: WebAssembly.Memory }).memory.buffer);
        onReply({ kind: 'ready' });
      },
      hold: () => {},
      stop: () => {},
    });
    const executor = await SharedExecutor.start(1, starter, { maxPages: MAX_PAGES });
    await collect();
    expect(memory!.deref()).toBeDefined();
    executor.close();
    await collect();
    expect(memory!.deref()).toBeUndefined();
    expect(executor.threads).toBe(1);
  });

  it('accepts every call and does nothing', async () => {
    const { worker, executor, allocate, failure } = await start();
    const a = allocate(UNIT);
    executor.submit([clear(a)]);
    executor.close();
    executor.submit([clear(a)]);
    executor.write(a, Uint8Array.of(1));
    executor.release(a);
    let isRead = false;
    executor.read(a, 1).then(() => {
      isRead = true;
    });
    worker.run();
    await new Promise((resolve) => setImmediate(resolve));
    expect([isRead, failure(), worker.isStopped]).toEqual([false, undefined, true]);
  });
});

/** A function that collects all garbage. */
function garbageCollector(): () => Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return async () => {
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
  };
}
