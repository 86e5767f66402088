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

/** Workers whose events a test triggers. */
class FakeWorkers {
  readonly events: WorkerEvents[] = [];
  readonly log: string[] = [];

  readonly start = (events: WorkerEvents) => {
    const n = this.events.push(events) - 1;
    return {
      send: () => {},
      hold: (isHeld: boolean) => void this.log.push(`${isHeld ? 'hold' : 'release'} ${n}`),
      stop: () => void this.log.push(`stop ${n}`),
    };
  };

  ready(n: number): void {
    this.events[n]!.onReply({ kind: 'ready' });
  }
}

const THREE = Array.from({ length: 3 }, () => ({ kind: 'private', pageLimits: [1] }) as const);

describe('workers', () => {
  it('have started once all are ready, and keep the process alive until then', async () => {
    const workers = new FakeWorkers();
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, workers.start);
    for (const n of [2, 0, 1]) workers.ready(n);
    expect(await started).toHaveLength(3);
    expect(workers.log).toEqual([
      ...['hold 0', 'hold 1', 'hold 2'],
      ...['release 0', 'release 1', 'release 2'],
    ]);
  });

  it('do not start if one breaks after it was ready, while another is not ready', async () => {
    const workers = new FakeWorkers();
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, workers.start);
    workers.ready(0);
    workers.events[0]!.onCrash('no memory');
    await expect(started).rejects.toThrow('A worker of the CPU device did not start: no memory');
    expect(workers.log.slice(3)).toEqual(['stop 0', 'stop 1', 'stop 2']);
  });

  it('do not start if one cannot be created, and the others are stopped', async () => {
    const workers = new FakeWorkers();
    const start = (events: WorkerEvents) => {
      if (workers.events.length === 2) throw new Error('no more');
      return workers.start(events);
    };
    const started = startWorkers(THREE, { onReply: () => {}, onCrash: () => {} }, start);
    await expect(started).rejects.toThrow('no more');
    expect(workers.log.slice(2)).toEqual(['stop 0', 'stop 1']);
  });

  it('report their answers, and if they break later', async () => {
    const workers = new FakeWorkers();
    const reports: string[] = [];
    const events = {
      onReply: ({ kind }: WorkerReply) => void reports.push(kind),
      onCrash: (text: string) => void reports.push(text),
    };
    const started = startWorkers(THREE.slice(1), events, workers.start);
    for (const n of [0, 1]) workers.ready(n);
    await started;
    workers.events[1]!.onReply({ kind: 'finished' });
    workers.events[0]!.onCrash('gone');
    expect(reports).toEqual(['ready', 'ready', 'finished', 'gone']);
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

  /** Starts a worker on a fake of Node's, whose events a test triggers. */
  function start() {
    vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => ({
      Worker: NodeWorker,
    })) as unknown as typeof process.getBuiltinModule);
    const reports: string[] = [];
    const worker = startWorker({ onReply: () => {}, onCrash: (text) => reports.push(text) });
    return { worker, reports, node: NodeWorker.last };
  }

  it('is broken if it exits without an error', () => {
    const { reports, node } = start();
    node.emit('exit', 3);
    expect(reports).toEqual(['the worker ended with code 3']);
  });

  it('is not broken if it is stopped', () => {
    const { worker, reports } = start();
    worker.stop();
    expect(reports).toEqual([]);
  });
});

describe('a version of Node without getBuiltinModule', () => {
  it('gives an error that names the versions that have it', async () => {
    vi.stubGlobal('process', { versions: { node: '21.7.0' } });
    const message =
      "The CPU device needs Node's getBuiltinModule, which Node 21.7.0 does not have: " +
      'use Node 20.16 or later, 22.3 or later, or 24.';
    expect(() => availableThreads()).toThrow(message);
    const adapter = await cpuGpu({ threads: 2 }).requestAdapter();
    await expect(adapter!.requestDevice()).rejects.toThrow(message);
  });

  it('is distinguished from a browser', () => {
    vi.stubGlobal('process', undefined);
    vi.stubGlobal('navigator', { hardwareConcurrency: 6 });
    expect(availableThreads()).toBe(6);
  });
});
