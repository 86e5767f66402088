import { describe, expect, it } from 'vitest';
import type { WorkerEvents, WorkerHandle } from '../../../src/cpu/threads/host.js';
import type {
  StartMessage,
  WorkerReply,
  WorkerRequest,
} from '../../../src/cpu/threads/messages.js';
import { PrivateExecutor } from '../../../src/cpu/threads/private-executor.js';
import { PrivateWorker } from '../../../src/cpu/threads/private-worker.js';

const MEBIBYTE = 2 ** 20;
/** 8 MiB. */
const HOST_PAGES = 128;
/** A module with nothing in it. */
const MODULE = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/**
 * A worker in this thread, on a host that has less memory than it said. Requests lie there until a test has them served.
 */
class RefusingWorker {
  readonly #hostPages: number;
  readonly #requests: WorkerRequest[] = [];
  #worker: PrivateWorker | undefined;

  constructor(hostPages: number) {
    this.#hostPages = hostPages;
  }

  readonly start = (events: WorkerEvents): WorkerHandle => {
    const port = {
      send: (answer: WorkerReply) =>
        events.onReply(answer.kind === 'ready' ? { kind: 'ready', maxPages: 65536 } : answer),
    };
    return {
      send: (message: StartMessage | WorkerRequest) => {
        if (message.kind === 'private') this.#worker = new PrivateWorker(port, [this.#hostPages]);
        else this.#requests.push(message as WorkerRequest);
      },
      hold: () => {},
      stop: () => {},
    };
  };

  /** Serves what is there, in order. */
  serve(): void {
    for (const request of this.#requests.splice(0)) this.#worker!.serve(request);
  }
}

async function start(hostPages = HOST_PAGES) {
  const worker = new RefusingWorker(hostPages);
  const executor = await PrivateExecutor.start(worker.start);
  let failure: string | undefined;
  executor.failed.then(({ text }) => {
    failure = text;
  });
  return { worker, executor, failure: () => failure };
}

describe('a block', () => {
  it('that the memory reaches is there at once', async () => {
    const { executor } = await start();
    expect(executor.allocate(MEBIBYTE)).toEqual({ address: MEBIBYTE, staleBytes: 0 });
  });

  it('past its end is granted when the worker has made it grow', async () => {
    const { worker, executor } = await start(1024);
    const { granted } = executor.allocate(4 * MEBIBYTE)!;
    worker.serve();
    expect(await granted).toBe(true);
    expect(executor.allocate(MEBIBYTE)!.granted).toBeUndefined();
  });

  it('that the host refuses can be released, and its addresses are not used again', async () => {
    const { worker, executor, failure } = await start();
    const refused = executor.allocate(16 * MEBIBYTE)!;
    // It is not known yet, and what is done with it is passed over.
    const end = refused.address + 16 * MEBIBYTE;
    executor.write(end - 4, Uint8Array.of(1, 2, 3, 4));
    executor.submit([{ kind: 'clear', to: end - 4, bytes: 4 }]);
    worker.serve();
    expect(await refused.granted).toBe(false);
    executor.release(refused.address);
    const [first, second] = [executor.allocate(3 * MEBIBYTE)!, executor.allocate(4 * MEBIBYTE)!];
    worker.serve();
    expect([first.address, await first.granted]).toEqual([MEBIBYTE, undefined]);
    expect([second.address, await second.granted]).toEqual([4 * MEBIBYTE, true]);
    executor.write(first.address, Uint8Array.of(5, 6, 7, 8));
    const copy = { from: first.address, to: second.address, bytes: 4 };
    executor.submit([{ kind: 'copy', ...copy }]);
    const read = executor.read(second.address, 4);
    worker.serve();
    expect([...new Uint8Array(await read)]).toEqual([5, 6, 7, 8]);
    expect(failure()).toBeUndefined();
  });

  it('of several that are asked for at once is granted by itself', async () => {
    const { worker, executor } = await start();
    const blocks = [1, 5, 40, 1].map((mebibytes) => executor.allocate(mebibytes * MEBIBYTE)!);
    worker.serve();
    expect(await Promise.all(blocks.map(({ granted }) => granted))).toEqual([
      undefined,
      true,
      false,
      false,
    ]);
  });
});

describe('the memory of kernels', () => {
  it('is still there where there is no room for a larger one', async () => {
    const { executor } = await start();
    executor.addKernel(MODULE, 1000);
    const { usedBytes } = executor;
    expect(() => executor.addKernel(MODULE, 2 ** 32)).toThrow('no room');
    expect(executor.usedBytes).toBe(usedBytes);
    // Nobody else is given it.
    expect(executor.allocate(1000)!.address).not.toBe(MEBIBYTE);
  });

  it('that the host refuses ends the device', async () => {
    const { worker, executor, failure } = await start();
    executor.addKernel(MODULE, 16 * MEBIBYTE);
    worker.serve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(failure()).toBe('no memory is left for the kernels');
  });
});

describe('a list', () => {
  it('of more words than are kept for lists lies in the heap, as long as it runs', async () => {
    const { worker, executor, failure } = await start();
    const a = executor.allocate(256)!.address;
    executor.write(a, Uint8Array.of(1, 2, 3, 4));
    const { usedBytes } = executor;
    executor.submit(Array.from({ length: 20_000 }, () => ({ kind: 'clear', to: a, bytes: 4 })));
    const read = executor.read(a, 4);
    worker.serve();
    expect([...new Uint8Array(await read)]).toEqual([0, 0, 0, 0]);
    expect([executor.usedBytes, failure()]).toEqual([usedBytes, undefined]);
  });
});
