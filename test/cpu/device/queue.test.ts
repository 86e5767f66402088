import { describe } from 'vitest';
import * as c from './calls.js';
import {
  type DawnDeviation,
  resultTests,
  type Setup,
  useDevices,
  verdictTests,
} from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;

describe('writeBuffer', () => {
  const write =
    (offset: number, data: unknown, ...range: (number | undefined)[]): Setup =>
    (d) => {
      const b = c.buffer(d, 32, DATA);
      const [start, size] = range;
      return () => d.queue.writeBuffer(b, offset, data as Uint32Array<ArrayBuffer>, start, size);
    };
  /** A view of words 2 to 5 of a buffer of 8 words. */
  const words = new Uint32Array(8).subarray(2, 6);
  const bytes = new Uint8Array(8);
  const REJECTED_DATA: DawnDeviation<string> = {
    dawn: 'TypeError',
    because: 'its Node binding rejects such data',
  };

  testVerdict('writing a view of words', 'none', write(0, words));
  testVerdict('writing to the last words of the buffer', 'none', write(16, words));
  testVerdict('writing past the end of the buffer', 'validation', write(20, words));
  testVerdict('an offset of 2', 'validation', write(2, words));
  testVerdict('a negative offset', 'TypeError', write(-4, words));
  testVerdict('writing nothing at the end', 'none', write(32, new Uint32Array(0)));
  testVerdict('writing nothing past the end', 'validation', write(36, new Uint32Array(0)));
  testVerdict('writing nothing to an offset of 2', 'validation', write(2, new Uint32Array(0)));

  testVerdict('writing the elements of the data from 1 on', 'none', write(0, words, 1));
  testVerdict('writing three elements of the data from 1 on', 'none', write(0, words, 1, 3));
  testVerdict(
    'elements past the end of the view, within its buffer',
    'OperationError',
    write(0, words, 1, 4),
  );
  testVerdict(
    'an element after the end of the view, within its buffer',
    'OperationError',
    write(0, words, 4, 1),
  );
  testVerdict('writing nothing from the end of the data', 'none', write(0, words, 4));
  testVerdict(
    'writing nothing from past the end of the data',
    'OperationError',
    write(0, words, 5),
  );
  testVerdict('a negative element index', 'TypeError', write(0, words, -1));
  testVerdict('writing 3 bytes', 'OperationError', write(0, bytes, 0, 3));
  testVerdict('writing 4 bytes from 1 on', 'none', write(0, bytes, 1, 4));
  testVerdict('writing 7 bytes from 1 on', 'OperationError', write(0, bytes, 1));
  testVerdict(
    'writing one element of 2 bytes',
    'OperationError',
    write(0, new Uint16Array(4), 0, 1),
  );
  testVerdict('writing two elements of 2 bytes', 'none', write(0, new Uint16Array(4), 0, 2));
  testVerdict('writing two elements of 8 bytes', 'none', write(0, new Float64Array(4), 1, 2));

  testVerdict('writing an ArrayBuffer', 'none', write(0, bytes.buffer));
  testVerdict(
    'writing the bytes of an ArrayBuffer from 4 on',
    'none',
    write(0, bytes.buffer, 4, 4),
  );
  testVerdict(
    'bytes past the end of an ArrayBuffer',
    'OperationError',
    write(0, bytes.buffer, 4, 8),
  );
  testVerdict(
    'bytes that begin past the end of an ArrayBuffer',
    'OperationError',
    write(0, bytes.buffer, 12),
  );
  testVerdict(
    'writing a SharedArrayBuffer',
    'none',
    write(0, new SharedArrayBuffer(8)),
    REJECTED_DATA,
  );
  testVerdict(
    'writing a view of a SharedArrayBuffer',
    'none',
    write(0, new Uint32Array(new SharedArrayBuffer(8))),
    {
      because: 'its Node binding ends the process',
    },
  );
  const dataView = new DataView(new ArrayBuffer(16), 4, 8);
  testVerdict('writing a DataView from byte 4 on', 'none', write(0, dataView, 4), REJECTED_DATA);
  testVerdict(
    'bytes past the end of a DataView, within its buffer',
    'OperationError',
    write(0, dataView, 4, 8),
    REJECTED_DATA,
  );
  testVerdict('writing an array of numbers', 'TypeError', write(0, [1, 2]));
  testVerdict('writing a number', 'TypeError', write(0, 3));
  testVerdict('writing null', 'TypeError', write(0, null));

  const into =
    (create: (d: GPUDevice) => GPUBuffer): Setup =>
    (d) => {
      const b = create(d);
      return () => d.queue.writeBuffer(b, 0, words);
    };
  testVerdict(
    'writing to a buffer without COPY_DST',
    'validation',
    into((d) => c.buffer(d, 32, c.STORAGE)),
  );
  testVerdict('writing to an invalid buffer', 'validation', into(c.invalidBuffer));
  testVerdict(
    'writing to a destroyed buffer',
    'validation',
    into((d) => {
      const b = c.buffer(d, 32, DATA);
      b.destroy();
      return b;
    }),
  );
  testVerdict(
    'writing to a mapped buffer',
    'validation',
    into((d) => d.createBuffer({ size: 32, usage: DATA, mappedAtCreation: true })),
  );
  testVerdict('writing to a buffer with a pending mapping', 'validation', (d) => {
    const b = c.buffer(d, 32, c.MAP_READ | c.COPY_DST);
    return () => {
      b.mapAsync(c.READ);
      d.queue.writeBuffer(b, 0, words);
    };
  });
  testVerdict('writing to an object that is not a buffer', 'TypeError', (d) => () => {
    d.queue.writeBuffer({} as GPUBuffer, 0, words);
  });
  testVerdict('elements past the data, for an invalid buffer,', 'OperationError', (d) => {
    const b = c.invalidBuffer(d);
    return () => d.queue.writeBuffer(b, 0, words, 9);
  });

  testResult('writes the requested elements', [0, 13, 14, 0], (d) => {
    const b = c.words(d, 0, 0, 0, 0);
    d.queue.writeBuffer(b, 4, Uint32Array.of(10, 11, 12, 13, 14, 15).subarray(1), 2, 2);
    return c.read(d, b);
  });

  testResult('copies the data at the time of the call', [50_000, 50_000, 1, 2], async (d) => {
    const b = c.words(d, 0, 0, 0, 0);
    const data = Uint32Array.of(1, 2);
    c.runSlowly(d, b);
    d.queue.writeBuffer(b, 8, data);
    data.fill(9);
    return c.read(d, b);
  });

  testResult(
    'runs after earlier submits and before later ones',
    [50_007, 50_007, 100_005],
    async (d) => {
      const b = c.words(d, 0, 0);
      const copied = c.words(d, 0);
      d.queue.writeBuffer(b, 0, Uint32Array.of(5));
      c.runSlowly(d, b);
      c.runSlowly(d, b);
      c.submit(d, (encoder) => encoder.copyBufferToBuffer(b, 4, copied, 0, 4));
      d.queue.writeBuffer(b, 0, Uint32Array.of(7));
      c.runSlowly(d, b);
      return [...(await c.read(d, b)), ...(await c.read(d, copied))];
    },
  );
});

describe('submit', () => {
  const empty = (d: GPUDevice) => d.createCommandEncoder().finish();
  /** Submits a clear of a buffer, recorded before and submitted after `beforeSubmit`. */
  const clear =
    (
      create: (d: GPUDevice) => GPUBuffer,
      beforeSubmit: (b: GPUBuffer, d: GPUDevice) => void = () => {},
    ): Setup =>
    (d) => {
      const b = create(d);
      const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
      return () => {
        beforeSubmit(b, d);
        d.queue.submit([commands]);
      };
    };
  const plain = (d: GPUDevice) => c.buffer(d, 16, c.COPY_DST);
  const mapped = (d: GPUDevice) =>
    d.createBuffer({ size: 16, usage: c.COPY_DST, mappedAtCreation: true });

  testVerdict('submitting nothing', 'none', (d) => () => d.queue.submit([]));
  testVerdict('submitting a command buffer', 'none', clear(plain));
  testVerdict('submitting an object that is not a command buffer', 'TypeError', (d) => () => {
    d.queue.submit([{} as GPUCommandBuffer]);
  });
  testVerdict('submitting an object that is not a list', 'TypeError', (d) => () => {
    d.queue.submit({} as GPUCommandBuffer[]);
  });
  testVerdict('submitting a command buffer again', 'validation', (d) => {
    const commands = empty(d);
    d.queue.submit([commands]);
    return () => d.queue.submit([commands]);
  });
  testVerdict('submitting a command buffer twice in one call', 'validation', (d) => {
    const commands = empty(d);
    return () => d.queue.submit([commands, commands]);
  });
  testVerdict('submitting an invalid command buffer', 'validation', (d) => {
    const commands = c.swallow(d, () =>
      c.encode(d, (encoder) => encoder.clearBuffer(c.buffer(d, 16, c.STORAGE))),
    );
    return () => d.queue.submit([commands]);
  });
  testVerdict('a command buffer that was rejected together with another', 'validation', (d) => {
    const [p, q] = [empty(d), empty(d)];
    d.queue.submit([q]);
    c.swallow(d, () => d.queue.submit([p, q]));
    return () => d.queue.submit([p]);
  });

  testVerdict(
    'commands on a destroyed buffer',
    'validation',
    clear(plain, (b) => b.destroy()),
  );
  testVerdict('commands on a mapped buffer', 'validation', clear(mapped));
  testVerdict(
    'commands on a buffer that is no longer mapped',
    'none',
    clear(mapped, (b) => b.unmap()),
  );
  testVerdict(
    'commands on a buffer with a pending mapping',
    'validation',
    clear(
      (d) => c.buffer(d, 16, c.COPY_DST | c.MAP_READ),
      (b) => {
        b.mapAsync(c.READ).catch(() => {});
      },
    ),
  );
  testVerdict(
    'commands that were rejected before because a buffer was mapped',
    'validation',
    (d) => {
      const b = mapped(d);
      const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
      c.swallow(d, () => d.queue.submit([commands]));
      b.unmap();
      return () => d.queue.submit([commands]);
    },
  );

  testResult('runs nothing where one command buffer is rejected', [1], async (d) => {
    const b = c.words(d, 1);
    const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
    c.swallow(d, () => d.queue.submit([commands, commands]));
    return c.read(d, b);
  });

  testResult('runs command buffers in the order of the list', [1, 2, 0], (d) => {
    const [a, b, out] = [c.words(d, 1), c.words(d, 2), c.words(d, 8, 8, 8)];
    const copies = [a, b].map((from, n) =>
      c.encode(d, (encoder) => {
        // Each writes its word and clears those after it.
        encoder.copyBufferToBuffer(from, 0, out, 4 * n, 4);
        encoder.clearBuffer(out, 4 * (n + 1));
      }),
    );
    d.queue.submit(copies);
    return c.read(d, out);
  });

  testResult('loses none of more command lists than can be in flight', [100, 0], async (d) => {
    const add = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;
    const b = c.words(d, 0, 0);
    const p = c.pipeline(d, add);
    const g = c.group(d, p.getBindGroupLayout(0), b);
    for (let n = 0; n < 100; n++)
      c.submitPass(d, (pass) => {
        pass.setPipeline(p);
        pass.setBindGroup(0, g);
        pass.dispatchWorkgroups(1);
      });
    return c.read(d, b);
  });
});

describe('onSubmittedWorkDone', () => {
  testResult(
    'resolves after the mappings that were requested before it',
    ['map', 'done', 'map', 'done'],
    async (d) => {
      const order: string[] = [];
      const round = async () => {
        const b = c.buffer(d, 16, c.MAP_READ | c.COPY_DST);
        await Promise.all([
          b.mapAsync(c.READ).then(() => order.push('map')),
          d.queue.onSubmittedWorkDone().then(() => order.push('done')),
        ]);
      };
      await round();
      c.runSlowly(d, c.words(d, 0, 0));
      await round();
      return order;
    },
  );

  testResult('resolves even if nothing was submitted', undefined, (d) =>
    d.queue.onSubmittedWorkDone(),
  );
});
