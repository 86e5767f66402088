import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  availableThreads,
  startWorker,
  startWorkers,
  type WorkerEvents,
} from '../../../src/cpu/threads/host.js';
import type { WorkerReply } from '../../../src/cpu/threads/messages.js';
import { cpuGpu } from '../../../src/engine.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Workers whose events a test makes up. */
class FakeWorkers {
  readonly events: WorkerEvents[] = [];
  readonly log: string[] = [];

  readonly start = (events: WorkerEvents) => {
    const n = this.events.push(events) - 1;
    return {
      send: () => {},
      hold: (isHeld: boolean) => void this.log.push(`${isHeld ? 'hold' : 'let go of'} ${n}`),
      stop: () => void this.log.push(`stop ${n}`),
    };
  };

  ready(n: number): void {
    this.events[n]!.onReply({ kind: 'ready' });
  }
}

const THREE = Array.from({ length: 3 }, () => ({ kind: 'private', pageLimits: [1] }) as const);

describe('workers', () => {
  it('are there once all are ready, and are held until then', async () => {
    const workers = new FakeWorkers();
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, workers.start);
    for (const n of [2, 0, 1]) workers.ready(n);
    expect(await started).toHaveLength(3);
    expect(workers.log).toEqual([
      ...['hold 0', 'hold 1', 'hold 2'],
      ...['let go of 0', 'let go of 1', 'let go of 2'],
    ]);
  });

  it('do not start where one breaks that was ready, while another is not', async () => {
    const workers = new FakeWorkers();
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, workers.start);
    workers.ready(0);
    workers.events[0]!.onCrash('no memory');
    await expect(started).rejects.toThrow('A worker of the CPU device did not start: no memory');
    expect(workers.log.slice(3)).toEqual(['stop 0', 'stop 1', 'stop 2']);
  });

  it('do not start where one cannot be made, and those before it are stopped', async () => {
    const workers = new FakeWorkers();
    const start = (events: WorkerEvents) => {
      if (workers.events.length === 2) throw new Error('no more');
      return workers.start(events);
    };
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, start);
    await expect(started).rejects.toThrow('no more');
    expect(workers.log.slice(2)).toEqual(['stop 0', 'stop 1']);
  });

  it('tell what they answer, and whether they break later', async () => {
    const workers = new FakeWorkers();
    const told: string[] = [];
    const events = {
      onReply: ({ kind }: WorkerReply) => void told.push(kind),
      onCrash: (text: string) => void told.push(text),
    };
    const started = startWorkers(THREE.slice(1), events, workers.start);
    for (const n of [0, 1]) workers.ready(n);
    await started;
    workers.events[1]!.onReply({ kind: 'finished' });
    workers.events[0]!.onCrash('gone');
    expect(told).toEqual(['ready', 'ready', 'finished', 'gone']);
  });
});

describe('a worker in Node', () => {
  class NodeWorker extends EventEmitter {
    static last: NodeWorker;
    constructor() {
      super();
      NodeWorker.last = this;
    }
    unref(): void {}
    terminate(): void {
      this.emit('exit', 1);
    }
  }

  /** What a worker tells, on which a test makes Node's events. */
  function start() {
    vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => ({
      Worker: NodeWorker,
    })) as unknown as typeof process.getBuiltinModule);
    const told: string[] = [];
    const worker = startWorker({ onReply: () => {}, onCrash: (text) => told.push(text) });
    return { worker, told, node: NodeWorker.last };
  }

  it('that ends without an error has broken', () => {
    const { told, node } = start();
    node.emit('exit', 3);
    expect(told).toEqual(['the worker ended with code 3']);
  });

  it('that is stopped has not', () => {
    const { worker, told } = start();
    worker.stop();
    expect(told).toEqual([]);
  });
});

describe('a Node whose modules cannot be asked for', () => {
  it('gives a sentence that says which can', async () => {
    vi.stubGlobal('process', { versions: { node: '21.7.0' } });
    const sentence =
      "The CPU device needs Node's getBuiltinModule, which Node 21.7.0 does not have: " +
      'use Node 20.16 or later, 22.3 or later, or 24.';
    expect(() => availableThreads()).toThrow(sentence);
    const adapter = await cpuGpu({ threads: 2 }).requestAdapter();
    await expect(adapter!.requestDevice()).rejects.toThrow(sentence);
  });

  it('is not taken for a page', () => {
    vi.stubGlobal('process', undefined);
    vi.stubGlobal('navigator', { hardwareConcurrency: 6 });
    expect(availableThreads()).toBe(6);
  });
});
