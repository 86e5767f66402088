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
/** An empty module. */
const MODULE = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/**
 * A worker in this thread, whose host has less memory than it reported. Requests wait until a test
 * serves them.
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

  /** Serves the waiting requests in order. */
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
  it('within the memory is available at once', async () => {
    const { executor } = await start();
    expect(executor.allocate(MEBIBYTE)).toEqual({ address: MEBIBYTE, staleBytes: 0 });
  });

  it('past the end of the memory is granted when the worker has grown the memory', async () => {
    const { worker, executor } = await start(1024);
    const { granted } = executor.allocate(4 * MEBIBYTE)!;
    worker.serve();
    expect(await granted).toBe(true);
    expect(executor.allocate(MEBIBYTE)!.granted).toBeUndefined();
  });

  it('that the host refuses can be released, and its addresses are not used again', async () => {
    const { worker, executor, failure } = await start();
    const refused = executor.allocate(16 * MEBIBYTE)!;
    // The refusal is not known yet; commands that use the block are skipped.
    const end = refused.address + 16 * MEBIBYTE;
    executor.write(end - 4, Uint8Array.of(1, 2, 3, 4));
    executor.submit([{ kind: 'clear', to: end - 4, bytes: 4 }]);
    worker.serve();
    expect(await refused.granted).toBe(false);
    executor.release(refused.address);
    const [a, b] = [executor.allocate(3 * MEBIBYTE)!, executor.allocate(4 * MEBIBYTE)!];
    worker.serve();
    expect([a.address, await a.granted]).toEqual([MEBIBYTE, undefined]);
    expect([b.address, await b.granted]).toEqual([4 * MEBIBYTE, true]);
    executor.write(a.address, Uint8Array.of(5, 6, 7, 8));
    const copy = { from: a.address, to: b.address, bytes: 4 };
    executor.submit([{ kind: 'copy', ...copy }]);
    const read = executor.read(b.address, 4);
    worker.serve();
    expect([...new Uint8Array(await read)]).toEqual([5, 6, 7, 8]);
    expect(failure()).toBeUndefined();
  });

  it('is granted or refused separately from others that are requested at the same time', async () => {
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

describe('the scratch memory of kernels', () => {
  it('is kept where there is no room for a larger one', async () => {
    const { executor } = await start();
    executor.addKernel(MODULE, 1000);
    const { usedBytes } = executor;
    expect(() => executor.addKernel(MODULE, 2 ** 32)).toThrow('no room');
    expect(executor.usedBytes).toBe(usedBytes);
    // It is not allocated to another block.
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
  it('that is too long for the words kept for lists is in the heap while it runs', async () => {
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
