import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCpuDevice } from '../../../src/engine.js';
import * as c from './calls.js';
import { computeOn, judgeOn, nameOfException, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

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

  judge('what the engine asks for', 'none', usage(c.STORAGE | c.UNIFORM | c.COPY_SRC | c.COPY_DST));
  judge('usage 0', 'validation', usage(0));
  judge('a usage that there is not', 'validation', usage(0x1000));
  judge('usage bit 31', 'validation', usage(2 ** 31));
  judge('a usage of 33 bits', 'TypeError', usage(2 ** 32));
  judge('a negative usage', 'TypeError', usage(-1));
  judge('MAP_READ alone', 'none', usage(c.MAP_READ));
  judge('MAP_READ with COPY_DST', 'none', usage(c.MAP_READ | c.COPY_DST));
  judge('MAP_READ with COPY_SRC', 'validation', usage(c.MAP_READ | c.COPY_SRC));
  judge('MAP_READ with STORAGE', 'validation', usage(c.MAP_READ | c.STORAGE));
  judge('MAP_READ with MAP_WRITE', 'validation', usage(c.MAP_READ | c.MAP_WRITE));
  judge('MAP_WRITE alone', 'none', usage(c.MAP_WRITE));
  judge('MAP_WRITE with COPY_SRC', 'none', usage(c.MAP_WRITE | c.COPY_SRC));
  judge('MAP_WRITE with COPY_DST', 'validation', usage(c.MAP_WRITE | c.COPY_DST));
  judge('QUERY_RESOLVE', 'none', usage(c.QUERY_RESOLVE | c.COPY_SRC));

  judge('size 0', 'none', size(0));
  judge('a size that is no multiple of 4', 'none', size(7));
  judge('a size with a fraction', 'none', size(1.5));
  judge('the largest size', 'none', size(LARGEST));
  judge('one byte more', 'validation', size(LARGEST + 1));
  judge('the largest whole number', 'validation', size(Number.MAX_SAFE_INTEGER));
  judge('one more than that', 'TypeError', size(2 ** 53));
  judge('a negative size', 'TypeError', size(-1));
  judge('NaN for a size', 'TypeError', size(Number.NaN));
  judge('no size', 'TypeError', create({ usage: c.STORAGE }));

  const mapped = (bytes: number, bits = c.STORAGE) =>
    create({ size: bytes, usage: bits, mappedAtCreation: true });
  judge('a buffer mapped at creation', 'none', mapped(16));
  judge('an empty buffer mapped at creation', 'none', mapped(0));
  judge('a buffer mapped at creation whose size is no multiple of 4', 'RangeError', mapped(6));
  judge('a buffer mapped at creation whose usage is 0', 'validation', mapped(16, 0));
  judge('a buffer mapped at creation that the host has no room for', 'RangeError', mapped(2 ** 45));
});

describe('mapAsync', () => {
  const map =
    (usage: number, mode: number, offset?: number, size?: number): Setup =>
    (d) => {
      const b = c.buffer(d, 64, usage);
      return () => b.mapAsync(mode, offset, size);
    };
  const refused = 'validation and OperationError';
  const range = (offset: number, size?: number) => map(READABLE, c.READ, offset, size);

  judge('READ of a readable buffer', 'none', map(READABLE, c.READ));
  judge('WRITE of a writable buffer', 'none', map(WRITABLE, c.WRITE));
  judge('READ of a writable buffer', refused, map(WRITABLE, c.READ));
  judge('WRITE of a readable buffer', refused, map(READABLE, c.WRITE));
  judge('READ of a storage buffer', refused, map(c.STORAGE, c.READ));
  judge('mode 0', refused, map(READABLE, 0));
  judge('READ and WRITE at once', refused, map(READABLE, c.READ | c.WRITE));
  judge('READ with a bit that there is not', refused, map(READABLE, c.READ | 4));
  judge('a negative mode', 'TypeError', map(READABLE, -1));

  judge('a range from 8 on', 'none', range(8));
  judge('a range from 4 on', refused, range(4));
  judge('an empty range at the end', 'none', range(64));
  judge('a range that begins past the end', refused, range(72));
  judge('the range of all bytes', 'none', range(0, 64));
  judge('a range of more bytes', refused, range(0, 68));
  judge('a range that ends past the end', refused, range(8, 60));
  judge('a range of 0 bytes', 'none', range(0, 0));
  judge('a range of 6 bytes', refused, range(0, 6));
  judge('a negative offset', 'TypeError', range(-8));
  judge('a negative size', 'TypeError', range(0, -4));

  const mapBuffer =
    (make: (d: GPUDevice) => GPUBuffer | Promise<GPUBuffer>, ...range: number[]): Setup =>
    async (d) => {
      const b = await make(d);
      return () => b.mapAsync(b.usage & c.MAP_WRITE ? c.WRITE : c.READ, ...range);
    };
  judge(
    'an empty buffer',
    'none',
    mapBuffer((d) => c.buffer(d, 0, READABLE)),
  );
  judge(
    'a buffer of 6 bytes',
    refused,
    mapBuffer((d) => c.buffer(d, 6, READABLE)),
  );
  judge(
    '4 bytes of a buffer of 6',
    'none',
    mapBuffer((d) => c.buffer(d, 6, READABLE), 0, 4),
  );
  judge('an invalid buffer', refused, mapBuffer(c.invalidBuffer));
  judge(
    'a destroyed buffer',
    refused,
    mapBuffer((d) => destroyed(c.buffer(d, 64, READABLE))),
  );
  judge('a mapped buffer', refused, mapBuffer(mappedBuffer));
  judge(
    'a buffer mapped at creation',
    refused,
    mapBuffer((d) => d.createBuffer({ size: 64, usage: WRITABLE, mappedAtCreation: true })),
  );
  judge(
    'a buffer that is to be mapped already',
    refused,
    (d) => {
      const b = c.buffer(d, 64, READABLE);
      return () => {
        b.mapAsync(c.READ).catch(() => {});
        return b.mapAsync(c.READ);
      };
    },
    { dawn: 'OperationError', because: 'its binding for Node does not tell the device of it' },
  );

  const mapAnd =
    (then: (b: GPUBuffer) => unknown): Setup =>
    (d) => {
      const b = c.buffer(d, 64, READABLE);
      return () => {
        const mapping = b.mapAsync(c.READ);
        mapping.catch(() => {});
        return then(b) ?? mapping;
      };
    };
  judge(
    'a mapping whose buffer is destroyed meanwhile',
    'AbortError',
    mapAnd((b) => b.destroy()),
  );
  judge(
    'a mapping that is taken back meanwhile',
    'AbortError',
    mapAnd((b) => b.unmap()),
  );
  judge(
    'a mapping after one that was taken back',
    'none',
    mapAnd((b) => {
      b.unmap();
      return b.mapAsync(c.READ);
    }),
  );

  compute('waits for what uses the buffer', [250_000], async (d) => {
    const sum = c.words(d, 0, 0);
    const staging = c.buffer(d, 4, READABLE);
    c.runSlowly(d, sum, 5);
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(sum, 0, staging, 0, 4));
    await staging.mapAsync(c.READ);
    return [...new Uint32Array(staging.getMappedRange())];
  });

  compute('does not wait for work that does not use the buffer', ['map', 'done'], async (d) => {
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

  compute(
    'says where a buffer stands',
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

  compute('never maps what was taken back, at whatever moment', ['unmapped'], async (d) => {
    const states = new Set<GPUBufferMapState>();
    for (let turns = 0; turns < 12; turns++) {
      const b = c.buffer(d, 64, READABLE);
      const end = nameOfException(() => b.mapAsync(c.READ));
      for (let n = 0; n < turns; n++) await undefined;
      b.unmap();
      await end;
      await d.queue.onSubmittedWorkDone();
      states.add(b.mapState);
    }
    return [...states];
  });
});

describe('unmap and destroy', () => {
  const call =
    (make: (d: GPUDevice) => GPUBuffer, then: (b: GPUBuffer) => void): Setup =>
    (d) => {
      const b = make(d);
      return () => then(b);
    };
  const plain = (d: GPUDevice) => c.buffer(d, 64, c.STORAGE);
  judge(
    'unmapping what is not mapped',
    'none',
    call(plain, (b) => b.unmap()),
  );
  judge(
    'unmapping what is destroyed',
    'none',
    call(
      (d) => destroyed(plain(d)),
      (b) => b.unmap(),
    ),
  );
  judge(
    'unmapping what is invalid',
    'none',
    call(c.invalidBuffer, (b) => b.unmap()),
  );
  judge(
    'destroying what is invalid',
    'none',
    call(c.invalidBuffer, (b) => b.destroy()),
  );
  judge(
    'destroying twice',
    'none',
    call(
      (d) => destroyed(plain(d)),
      (b) => b.destroy(),
    ),
  );

  compute('take back the ranges that were handed out', [8, 16, 0, 0, 12, 0], async (d) => {
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
  /** A range of a buffer of 64 bytes of which 8 to 40 are mapped. */
  const range =
    (offset?: number, size?: number): Setup =>
    async (d) => {
      const b = c.buffer(d, 64, READABLE);
      await b.mapAsync(c.READ, 8, 32);
      return () => void b.getMappedRange(offset, size);
    };
  judge('all of a buffer that is mapped in part', 'OperationError', range());
  judge('the rest of a buffer that is mapped in part', 'OperationError', range(8));
  judge('all that is mapped', 'none', range(8, 32));
  judge('more than is mapped', 'OperationError', range(8, 36));
  judge('what lies before what is mapped', 'OperationError', range(0, 8));
  judge('a part of what is mapped', 'none', range(16, 4));
  judge('an offset of 12', 'OperationError', range(12, 4));
  judge('a size of 2', 'OperationError', range(16, 2));
  judge('nothing at the end of what is mapped', 'none', range(40, 0));
  judge('nothing past what is mapped', 'OperationError', range(48, 0));
  judge('an offset past the buffer', 'OperationError', range(72));
  judge('a negative offset', 'TypeError', range(-8));

  /** A second range of a buffer of which one was taken. */
  const second =
    (first: [number, number], then: [number, number]): Setup =>
    (d) => {
      const b = d.createBuffer({ size: 64, usage: c.STORAGE, mappedAtCreation: true });
      b.getMappedRange(...first);
      return () => void b.getMappedRange(...then);
    };
  judge('the same range again', 'OperationError', second([0, 8], [0, 8]));
  judge('the range beside it', 'none', second([0, 8], [8, 8]));
  judge('a range that overlaps its beginning', 'OperationError', second([8, 8], [0, 12]));
  judge('a range that overlaps its end', 'OperationError', second([0, 12], [8, 8]));
  judge('a range within it', 'OperationError', second([0, 32], [8, 8]));
  judge('a range around it', 'OperationError', second([8, 8], [0, 32]));
  judge('nothing within it', 'OperationError', second([0, 32], [8, 0]));
  judge('nothing at its beginning', 'none', second([0, 8], [0, 0]));
  judge('nothing at its end', 'none', second([0, 8], [8, 0]));
  judge('nothing twice', 'none', second([8, 0], [8, 0]));
  judge('a range around nothing', 'OperationError', second([8, 0], [0, 32]));
  judge('a range that begins where nothing was taken', 'none', second([8, 0], [8, 32]));

  const whole =
    (make: (d: GPUDevice) => GPUBuffer): Setup =>
    (d) => {
      const b = make(d);
      return () => void b.getMappedRange();
    };
  judge(
    'a buffer that is not mapped',
    'OperationError',
    whole((d) => c.buffer(d, 64, c.STORAGE)),
  );
  judge(
    'a buffer that was mapped and is destroyed',
    'OperationError',
    whole((d) => destroyed(d.createBuffer({ size: 64, usage: c.STORAGE, mappedAtCreation: true }))),
  );
  judge(
    'an invalid buffer mapped at creation',
    'none',
    whole((d) =>
      c.swallow(d, () => d.createBuffer({ size: 64, usage: 0, mappedAtCreation: true })),
    ),
  );
  judge('a buffer that is not mapped yet', 'OperationError', (d) => {
    const b = c.buffer(d, 64, READABLE);
    return () => {
      b.mapAsync(c.READ);
      b.getMappedRange();
    };
  });

  compute('shows what a buffer holds, by ranges', [[3, 4], [1]], async (d) => {
    const b = c.buffer(d, 16, READABLE);
    d.queue.writeBuffer(b, 0, Uint32Array.of(1, 2, 3, 4));
    await b.mapAsync(c.READ);
    return [b.getMappedRange(8, 8), b.getMappedRange(0, 4)].map((range) => [
      ...new Uint32Array(range),
    ]);
  });

  compute(
    'of a buffer to be read takes no changes',
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
      because: 'the range is the memory of the driver itself, which no one protects',
    },
  );

  compute(
    'of a buffer to be written shows what is there, and takes changes',
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
      // Never handed back: what was not taken does not change.
      new Uint32Array(b.getMappedRange(0, 8));
      new Uint32Array(b.getMappedRange(8, 8)).set([7, 0]);
      b.unmap();
      return [before, during, await c.read(d, b)];
    },
  );

  compute(
    'that was transferred elsewhere is lost, and the others are not',
    [0, 0, 3, 4],
    (d) => {
      const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
      const ranges = [b.getMappedRange(0, 8), b.getMappedRange(8, 8)];
      for (const [n, range] of ranges.entries()) new Uint32Array(range).set([2 * n + 1, 2 * n + 2]);
      structuredClone(ranges[0], { transfer: [ranges[0]!] });
      b.unmap();
      return c.read(d, b);
    },
    { dawn: [1, 2, 3, 4], because: 'its binding for Node copies what cannot be transferred' },
  );

  compute('that was transferred elsewhere cannot be taken again', 'OperationError', async (d) => {
    const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
    const range = b.getMappedRange(0, 8);
    structuredClone(range, { transfer: [range] });
    return nameOfException(() => void b.getMappedRange(0, 8));
  });

  compute('at creation begins with zeros, and what is not taken stays zero', [0, 0, 5, 0], (d) => {
    const b = d.createBuffer({ size: 16, usage: c.COPY_SRC, mappedAtCreation: true });
    const range = new Uint32Array(b.getMappedRange(8, 8));
    const sum = range.reduce((p, q) => p + q);
    range[0] = sum + 5;
    b.unmap();
    return c.read(d, b);
  });
});

describe('a new buffer', () => {
  compute('holds zeros, also where another has been', [0, 0, 0, 0], async (d) => {
    const first = c.words(d, 1, 2, 3, 4);
    await c.read(d, first);
    first.destroy();
    const all: number[] = [];
    for (let n = 0; n < 4; n++) {
      const values = await c.read(d, c.buffer(d, 16, c.STORAGE | c.COPY_SRC));
      all.push(values.reduce((p, q) => p + q));
    }
    return all;
  });

  compute('of 6 bytes is copied and cleared by whole words', [0, 9], async (d) => {
    const odd = c.buffer(d, 10, c.COPY_DST | c.COPY_SRC);
    const to = c.words(d, 8, 8);
    d.queue.writeBuffer(odd, 0, Uint32Array.of(9, 9));
    c.submit(d, (encoder) => {
      encoder.clearBuffer(odd, 0, 4);
      encoder.copyBufferToBuffer(odd, 0, to, 0, 8);
    });
    return c.read(d, to);
  });

  compute('has the size, usage and label it was made with', [12, 0x8c, 'a', 'b', ''], (d) => {
    const b = d.createBuffer({ size: 12.9, usage: 0x8c, label: 'a' });
    const { size, usage, label } = b;
    b.label = 'b';
    return [size, usage, label, b.label, c.buffer(d, 4, 4).label];
  });
});

describe('mappings that are gone', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await requestCpuDevice({ threads: 1 });
  });
  afterAll(() => device.destroy());

  it('are not kept in memory', async () => {
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

/** Bytes of all ArrayBuffers that something still refers to. */
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

function destroyed(b: GPUBuffer): GPUBuffer {
  b.destroy();
  return b;
}

async function mappedBuffer(d: GPUDevice): Promise<GPUBuffer> {
  const b = c.buffer(d, 64, READABLE);
  await b.mapAsync(c.READ);
  return b;
}
