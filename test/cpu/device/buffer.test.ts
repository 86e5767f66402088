import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCpuDevice } from '../../../src/engine.js';
import * as c from './calls.js';
import { destroyed } from './encoding.js';
import { exceptionName, resultTests, type Setup, useDevices, verdictTests } from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

const LARGEST = 256 * 2 ** 20;
const READABLE = c.MAP_READ | c.COPY_DST;
const WRITABLE = c.MAP_WRITE | c.COPY_SRC;

describe('createBuffer', () => {
  const create =
    (descriptor: object): Setup =>
    (d) =>
    () =>
      void d.createBuffer(descriptor as GPUBufferDescriptor);
  const usage = (bits: number) => create({ size: 16, usage: bits });
  const size = (bytes: unknown) => create({ size: bytes, usage: c.STORAGE });

  testVerdict(
    'the usage of the engine’s buffers',
    'none',
    usage(c.STORAGE | c.UNIFORM | c.COPY_SRC | c.COPY_DST),
  );
  testVerdict('usage 0', 'validation', usage(0));
  testVerdict('an unknown usage bit', 'validation', usage(0x1000));
  testVerdict('usage bit 31', 'validation', usage(2 ** 31));
  testVerdict('a usage of 33 bits', 'TypeError', usage(2 ** 32));
  testVerdict('a negative usage', 'TypeError', usage(-1));
  testVerdict('MAP_READ alone', 'none', usage(c.MAP_READ));
  testVerdict('MAP_READ with COPY_DST', 'none', usage(c.MAP_READ | c.COPY_DST));
  testVerdict('MAP_READ with COPY_SRC', 'validation', usage(c.MAP_READ | c.COPY_SRC));
  testVerdict('MAP_READ with STORAGE', 'validation', usage(c.MAP_READ | c.STORAGE));
  testVerdict('MAP_READ with MAP_WRITE', 'validation', usage(c.MAP_READ | c.MAP_WRITE));
  testVerdict('MAP_WRITE alone', 'none', usage(c.MAP_WRITE));
  testVerdict('MAP_WRITE with COPY_SRC', 'none', usage(c.MAP_WRITE | c.COPY_SRC));
  testVerdict('MAP_WRITE with COPY_DST', 'validation', usage(c.MAP_WRITE | c.COPY_DST));
  testVerdict('QUERY_RESOLVE', 'none', usage(c.QUERY_RESOLVE | c.COPY_SRC));

  testVerdict('size 0', 'none', size(0));
  testVerdict('a size that is not a multiple of 4', 'none', size(7));
  testVerdict('a size with a fraction', 'none', size(1.5));
  testVerdict('the largest size', 'none', size(LARGEST));
  testVerdict('one byte more than the largest size', 'validation', size(LARGEST + 1));
  testVerdict('a size of 2 ** 53 - 1', 'validation', size(Number.MAX_SAFE_INTEGER));
  testVerdict('a size of 2 ** 53', 'TypeError', size(2 ** 53));
  testVerdict('a negative size', 'TypeError', size(-1));
  testVerdict('a size of NaN', 'TypeError', size(Number.NaN));
  testVerdict('a descriptor without a size', 'TypeError', create({ usage: c.STORAGE }));

  const mapped = (bytes: number, bits = c.STORAGE) =>
    create({ size: bytes, usage: bits, mappedAtCreation: true });
  testVerdict('a buffer mapped at creation', 'none', mapped(16));
  testVerdict('an empty buffer mapped at creation', 'none', mapped(0));
  testVerdict(
    'a buffer mapped at creation whose size is not a multiple of 4',
    'RangeError',
    mapped(6),
  );
  testVerdict('a buffer mapped at creation whose usage is 0', 'validation', mapped(16, 0));
  testVerdict(
    'a buffer mapped at creation that does not fit into memory',
    'RangeError',
    mapped(2 ** 45),
  );
});

describe('mapAsync', () => {
  const map =
    (usage: number, mode: number, offset?: number, size?: number): Setup =>
    (d) => {
      const b = c.buffer(d, 64, usage);
      return () => b.mapAsync(mode, offset, size);
    };
  const rejected = 'validation and OperationError';
  const range = (offset: number, size?: number) => map(READABLE, c.READ, offset, size);

  testVerdict('READ of a readable buffer', 'none', map(READABLE, c.READ));
  testVerdict('WRITE of a writable buffer', 'none', map(WRITABLE, c.WRITE));
  testVerdict('READ of a writable buffer', rejected, map(WRITABLE, c.READ));
  testVerdict('WRITE of a readable buffer', rejected, map(READABLE, c.WRITE));
  testVerdict('READ of a storage buffer', rejected, map(c.STORAGE, c.READ));
  testVerdict('mode 0', rejected, map(READABLE, 0));
  testVerdict('READ and WRITE at once', rejected, map(READABLE, c.READ | c.WRITE));
  testVerdict('READ with an unknown bit', rejected, map(READABLE, c.READ | 4));
  testVerdict('a negative mode', 'TypeError', map(READABLE, -1));

  testVerdict('mapping from 8 on', 'none', range(8));
  testVerdict('mapping from 4 on', rejected, range(4));
  testVerdict('mapping an empty range at the end', 'none', range(64));
  testVerdict('mapping from past the end', rejected, range(72));
  testVerdict('mapping all bytes', 'none', range(0, 64));
  testVerdict('mapping more bytes than there are', rejected, range(0, 68));
  testVerdict('mapping a range that ends past the end', rejected, range(8, 60));
  testVerdict('mapping 0 bytes', 'none', range(0, 0));
  testVerdict('mapping 6 bytes', rejected, range(0, 6));
  testVerdict('mapping from a negative offset', 'TypeError', range(-8));
  testVerdict('mapping a negative size', 'TypeError', range(0, -4));

  const mapBuffer =
    (create: (d: GPUDevice) => GPUBuffer | Promise<GPUBuffer>, ...range: number[]): Setup =>
    async (d) => {
      const b = await create(d);
      return () => b.mapAsync(b.usage & c.MAP_WRITE ? c.WRITE : c.READ, ...range);
    };
  testVerdict(
    'mapping an empty buffer',
    'none',
    mapBuffer((d) => c.buffer(d, 0, READABLE)),
  );
  testVerdict(
    'mapping a buffer of 6 bytes',
    rejected,
    mapBuffer((d) => c.buffer(d, 6, READABLE)),
  );
  testVerdict(
    'mapping 4 bytes of a buffer of 6',
    'none',
    mapBuffer((d) => c.buffer(d, 6, READABLE), 0, 4),
  );
  testVerdict('mapping an invalid buffer', rejected, mapBuffer(c.invalidBuffer));
  testVerdict(
    'mapping a destroyed buffer',
    rejected,
    mapBuffer((d) => destroyed(c.buffer(d, 64, READABLE))),
  );
  testVerdict('mapping a mapped buffer', rejected, mapBuffer(mappedBuffer));
  testVerdict(
    'mapping a buffer mapped at creation',
    rejected,
    mapBuffer((d) => d.createBuffer({ size: 64, usage: WRITABLE, mappedAtCreation: true })),
  );
  testVerdict(
    'mapping a buffer with a pending mapping',
    rejected,
    (d) => {
      const b = c.buffer(d, 64, READABLE);
      return () => {
        b.mapAsync(c.READ).catch(() => {});
        return b.mapAsync(c.READ);
      };
    },
    { dawn: 'OperationError', because: 'its Node binding does not report it to the device' },
  );

  /** Maps a buffer and calls `next` while the mapping is pending. */
  const mapAnd =
    (next: (b: GPUBuffer) => unknown): Setup =>
    (d) => {
      const b = c.buffer(d, 64, READABLE);
      return () => {
        const mapping = b.mapAsync(c.READ);
        mapping.catch(() => {});
        return next(b) ?? mapping;
      };
    };
  testVerdict(
    'a pending mapping whose buffer is destroyed',
    'AbortError',
    mapAnd((b) => b.destroy()),
  );
  testVerdict(
    'a pending mapping whose buffer is unmapped',
    'AbortError',
    mapAnd((b) => b.unmap()),
  );
  testVerdict(
    'a mapping after one that was canceled',
    'none',
    mapAnd((b) => {
      b.unmap();
      return b.mapAsync(c.READ);
    }),
  );

  testResult('waits for work that uses the buffer', [250_000], async (d) => {
    const sum = c.words(d, 0, 0);
    const staging = c.buffer(d, 4, READABLE);
    c.runSlowly(d, sum, 5);
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(sum, 0, staging, 0, 4));
    await staging.mapAsync(c.READ);
    return [...new Uint32Array(staging.getMappedRange())];
  });

  testResult('does not wait for work that does not use the buffer', ['map', 'done'], async (d) => {
    const staging = c.buffer(d, 4, READABLE);
    const words = c.words(d, 1);
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(words, 0, staging, 0, 4));
    c.runSlowly(d, c.words(d, 0, 0), 100);
    const order: string[] = [];
    await Promise.all([
      d.queue.onSubmittedWorkDone().then(() => order.push('done')),
      staging.mapAsync(c.READ).then(() => order.push('map')),
    ]);
    return order;
  });

  testResult(
    'is reflected in mapState',
    ['unmapped', 'pending', 'mapped', 'unmapped', 'pending', 'unmapped', 'unmapped'],
    async (d) => {
      const b = c.buffer(d, 64, READABLE);
      const states = [b.mapState];
      const mapping = b.mapAsync(c.READ);
      states.push(b.mapState);
      await mapping;
      states.push(b.mapState);
      b.unmap();
      states.push(b.mapState);
      b.mapAsync(c.READ).catch(() => {});
      states.push(b.mapState);
      b.unmap();
      states.push(b.mapState);
      b.destroy();
      return [...states, b.mapState];
    },
  );

  testResult(
    'never maps a buffer that was unmapped meanwhile, at whatever moment',
    ['unmapped'],
    async (d) => {
      const states = new Set<GPUBufferMapState>();
      for (let turns = 0; turns < 12; turns++) {
        const b = c.buffer(d, 64, READABLE);
        const outcome = exceptionName(() => b.mapAsync(c.READ));
        for (let n = 0; n < turns; n++) await undefined;
        b.unmap();
        await outcome;
        await d.queue.onSubmittedWorkDone();
        states.add(b.mapState);
      }
      return [...states];
    },
  );
});

describe('unmap and destroy', () => {
  const call =
    (create: (d: GPUDevice) => GPUBuffer, use: (b: GPUBuffer) => void): Setup =>
    (d) => {
      const b = create(d);
      return () => use(b);
    };
  const plain = (d: GPUDevice) => c.buffer(d, 64, c.STORAGE);
  testVerdict(
    'unmapping a buffer that is not mapped',
    'none',
    call(plain, (b) => b.unmap()),
  );
  testVerdict(
    'unmapping a destroyed buffer',
    'none',
    call(
      (d) => destroyed(plain(d)),
      (b) => b.unmap(),
    ),
  );
  testVerdict(
    'unmapping an invalid buffer',
    'none',
    call(c.invalidBuffer, (b) => b.unmap()),
  );
  testVerdict(
    'destroying an invalid buffer',
    'none',
    call(c.invalidBuffer, (b) => b.destroy()),
  );
  testVerdict(
    'destroying a buffer twice',
    'none',
    call(
      (d) => destroyed(plain(d)),
      (b) => b.destroy(),
    ),
  );

  testResult('detach the mapped ranges', [8, 16, 0, 0, 12, 0], async (d) => {
    const read = await mappedBuffer(d);
    const ranges = [read.getMappedRange(0, 8), read.getMappedRange(8, 16)];
    const before = ranges.map((range) => range.byteLength);
    read.unmap();
    const after = ranges.map((range) => range.byteLength);
    const written = d.createBuffer({ size: 12, usage: c.STORAGE, mappedAtCreation: true });
    const range = written.getMappedRange();
    const { byteLength } = range;
    written.destroy();
    return [...before, ...after, byteLength, range.byteLength];
  });
});

describe('getMappedRange', () => {
  /** A range of a buffer of 64 bytes, of which bytes 8 to 39 are mapped. */
  const range =
    (offset?: number, size?: number): Setup =>
    async (d) => {
      const b = c.buffer(d, 64, READABLE);
      await b.mapAsync(c.READ, 8, 32);
      return () => void b.getMappedRange(offset, size);
    };
  testVerdict('the range of all bytes of a partly mapped buffer', 'OperationError', range());
  testVerdict('the range to the end of a partly mapped buffer', 'OperationError', range(8));
  testVerdict('the range of all mapped bytes', 'none', range(8, 32));
  testVerdict('a range longer than the mapped bytes', 'OperationError', range(8, 36));
  testVerdict('a range before the mapped bytes', 'OperationError', range(0, 8));
  testVerdict('a range of some mapped bytes', 'none', range(16, 4));
  testVerdict('a range with an offset of 12', 'OperationError', range(12, 4));
  testVerdict('a range with a size of 2', 'OperationError', range(16, 2));
  testVerdict('an empty range at the end of the mapped bytes', 'none', range(40, 0));
  testVerdict('an empty range past the mapped bytes', 'OperationError', range(48, 0));
  testVerdict('a range that begins past the buffer', 'OperationError', range(72));
  testVerdict('a range with a negative offset', 'TypeError', range(-8));

  /** A range of a buffer of which another range is in use; both are [offset, size]. */
  const secondRange =
    (used: [number, number], requested: [number, number]): Setup =>
    (d) => {
      const b = d.createBuffer({ size: 64, usage: c.STORAGE, mappedAtCreation: true });
      b.getMappedRange(...used);
      return () => void b.getMappedRange(...requested);
    };
  testVerdict('the same range again', 'OperationError', secondRange([0, 8], [0, 8]));
  testVerdict('an adjacent range', 'none', secondRange([0, 8], [8, 8]));
  testVerdict(
    'a range that overlaps the beginning of another',
    'OperationError',
    secondRange([8, 8], [0, 12]),
  );
  testVerdict(
    'a range that overlaps the end of another',
    'OperationError',
    secondRange([0, 12], [8, 8]),
  );
  testVerdict('a range within another', 'OperationError', secondRange([0, 32], [8, 8]));
  testVerdict('a range around another', 'OperationError', secondRange([8, 8], [0, 32]));
  testVerdict('an empty range within another', 'OperationError', secondRange([0, 32], [8, 0]));
  testVerdict('an empty range at the beginning of another', 'none', secondRange([0, 8], [0, 0]));
  testVerdict('an empty range at the end of another', 'none', secondRange([0, 8], [8, 0]));
  testVerdict('the same empty range twice', 'none', secondRange([8, 0], [8, 0]));
  testVerdict('a range around an empty range', 'OperationError', secondRange([8, 0], [0, 32]));
  testVerdict('a range that begins at an empty range', 'none', secondRange([8, 0], [8, 32]));

  const fullRange =
    (create: (d: GPUDevice) => GPUBuffer): Setup =>
    (d) => {
      const b = create(d);
      return () => void b.getMappedRange();
    };
  testVerdict(
    'a range of a buffer that is not mapped',
    'OperationError',
    fullRange((d) => c.buffer(d, 64, c.STORAGE)),
  );
  testVerdict(
    'a range of a mapped buffer that is destroyed',
    'OperationError',
    fullRange((d) =>
      destroyed(d.createBuffer({ size: 64, usage: c.STORAGE, mappedAtCreation: true })),
    ),
  );
  testVerdict(
    'a range of an invalid buffer mapped at creation',
    'none',
    fullRange((d) =>
      c.swallow(d, () => d.createBuffer({ size: 64, usage: 0, mappedAtCreation: true })),
    ),
  );
  testVerdict('a range of a buffer with a pending mapping', 'OperationError', (d) => {
    const b = c.buffer(d, 64, READABLE);
    return () => {
      b.mapAsync(c.READ);
      b.getMappedRange();
    };
  });

  testResult('gives the contents of the buffer, range by range', [[3, 4], [1]], async (d) => {
    const b = c.buffer(d, 16, READABLE);
    d.queue.writeBuffer(b, 0, Uint32Array.of(1, 2, 3, 4));
    await b.mapAsync(c.READ);
    return [b.getMappedRange(8, 8), b.getMappedRange(0, 4)].map((range) => [
      ...new Uint32Array(range),
    ]);
  });

  testResult(
    'does not change a buffer that was mapped to be read',
    [1, 2],
    async (d) => {
      const b = c.buffer(d, 8, READABLE);
      d.queue.writeBuffer(b, 0, Uint32Array.of(1, 2));
      await b.mapAsync(c.READ);
      new Uint32Array(b.getMappedRange()).fill(9);
      b.unmap();
      await b.mapAsync(c.READ);
      return [...new Uint32Array(b.getMappedRange())];
    },
    {
      dawn: [9, 9],
      because: 'the range is the driver’s memory, which is not write-protected',
    },
  );

  testResult(
    'gives the contents of a buffer that was mapped to be written, and changes them',
    [
      [1, 2],
      [1, 7],
      [0, 0, 7, 0],
    ],
    async (d) => {
      const b = d.createBuffer({ size: 16, usage: WRITABLE, mappedAtCreation: true });
      new Uint32Array(b.getMappedRange(8, 8)).set([1, 2]);
      b.unmap();
      await b.mapAsync(c.WRITE, 8, 8);
      const range = new Uint32Array(b.getMappedRange(8, 8));
      const before = [...range];
      range[1] = 7;
      const during = [...range];
      b.unmap();
      await b.mapAsync(c.WRITE);
      // The first range is left as it is: its words do not change.
      new Uint32Array(b.getMappedRange(0, 8));
      new Uint32Array(b.getMappedRange(8, 8)).set([7, 0]);
      b.unmap();
      return [before, during, await c.read(d, b)];
    },
  );

  testResult(
    'loses the changes of a range that was transferred, and keeps those of the others',
    [0, 0, 3, 4],
    (d) => {
      const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
      const ranges = [b.getMappedRange(0, 8), b.getMappedRange(8, 8)];
      for (const [n, range] of ranges.entries()) new Uint32Array(range).set([2 * n + 1, 2 * n + 2]);
      structuredClone(ranges[0], { transfer: [ranges[0]!] });
      b.unmap();
      return c.read(d, b);
    },
    { dawn: [1, 2, 3, 4], because: 'its Node binding copies a range instead of transferring it' },
  );

  testResult('rejects a range that was transferred before', 'OperationError', async (d) => {
    const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
    const range = b.getMappedRange(0, 8);
    structuredClone(range, { transfer: [range] });
    return exceptionName(() => void b.getMappedRange(0, 8));
  });

  testResult(
    'of a buffer mapped at creation gives zeros, and unused bytes stay zero',
    [0, 0, 5, 0],
    (d) => {
      const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
      const range = new Uint32Array(b.getMappedRange(8, 8));
      const sum = range.reduce((p, q) => p + q);
      range[0] = sum + 5;
      b.unmap();
      return c.read(d, b);
    },
  );
});

describe('a new buffer', () => {
  testResult('holds zeros, also where a destroyed buffer was', [0, 0, 0, 0], async (d) => {
    const previous = c.words(d, 1, 2, 3, 4);
    await c.read(d, previous);
    previous.destroy();
    const sums: number[] = [];
    for (let n = 0; n < 4; n++) {
      const values = await c.read(d, c.buffer(d, 16, c.STORAGE | c.COPY_SRC));
      sums.push(values.reduce((p, q) => p + q));
    }
    return sums;
  });

  testResult('of 10 bytes can be copied and cleared in words', [0, 9], async (d) => {
    const odd = c.buffer(d, 10, c.COPY_DST | c.COPY_SRC);
    const to = c.words(d, 8, 8);
    d.queue.writeBuffer(odd, 0, Uint32Array.of(9, 9));
    c.submit(d, (encoder) => {
      encoder.clearBuffer(odd, 0, 4);
      encoder.copyBufferToBuffer(odd, 0, to, 0, 8);
    });
    return c.read(d, to);
  });

  testResult('has the size, usage and label of its descriptor', [12, 0x8c, 'a', 'b', ''], (d) => {
    const b = d.createBuffer({ size: 12.9, usage: 0x8c, label: 'a' });
    const { size, usage, label } = b;
    b.label = 'b';
    return [size, usage, label, b.label, c.buffer(d, 4, 4).label];
  });
});

describe('mappings that ended', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await requestCpuDevice({ threads: 1 });
  });
  afterAll(() => device.destroy());

  it('use no memory', async () => {
    const bytes = 2 ** 20;
    const b = c.buffer(device, bytes, READABLE);
    const before = await arrayBufferBytes();
    for (let n = 0; n < 64; n++) {
      await b.mapAsync(c.READ);
      b.getMappedRange();
      b.unmap();
      await device.queue.onSubmittedWorkDone();
    }
    expect((await arrayBufferBytes()) - before).toBeLessThan(8 * bytes);
  });
});

/** The bytes of all ArrayBuffers that are still referenced, after a garbage collection. */
async function arrayBufferBytes(): Promise<number> {
  const [{ setFlagsFromString }, { runInNewContext }] = [
    await import('node:v8'),
    await import('node:vm'),
  ];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let n = 0; n < 2; n++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}

async function mappedBuffer(d: GPUDevice): Promise<GPUBuffer> {
  const b = c.buffer(d, 64, READABLE);
  await b.mapAsync(c.READ);
  return b;
}
