import { describe } from 'vitest';
import * as c from './calls.js';
import { computeOn, type Exception, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;

describe('writeBuffer', () => {
  const write =
    (offset: number, data: unknown, ...range: (number | undefined)[]): Setup =>
    (d) => {
      const b = c.buffer(d, 32, DATA);
      const [start, size] = range;
      return () => d.queue.writeBuffer(b, offset, data as Uint32Array<ArrayBuffer>, start, size);
    };
  /** Words 2 to 6 of 8. */
  const words = new Uint32Array(8).subarray(2, 6);
  const bytes = new Uint8Array(8);
  const NO_VIEWS: Exception<string> = {
    dawn: 'TypeError',
    because: 'its binding for Node takes no such data',
  };

  judge('a view of words', 'none', write(0, words));
  judge('the last words of the buffer', 'none', write(16, words));
  judge('words past the end of the buffer', 'validation', write(20, words));
  judge('an offset of 2', 'validation', write(2, words));
  judge('a negative offset', 'TypeError', write(-4, words));
  judge('nothing at the end', 'none', write(32, new Uint32Array(0)));
  judge('nothing past the end', 'validation', write(36, new Uint32Array(0)));
  judge('nothing at an offset of 2', 'validation', write(2, new Uint32Array(0)));

  judge('elements of the data from 1 on', 'none', write(0, words, 1));
  judge('three elements of the data from 1 on', 'none', write(0, words, 1, 3));
  judge('an element past the view, within its buffer', 'OperationError', write(0, words, 1, 4));
  judge('an element behind the view, within its buffer', 'OperationError', write(0, words, 4, 1));
  judge('nothing at the end of the data', 'none', write(0, words, 4));
  judge('nothing past the end of the data', 'OperationError', write(0, words, 5));
  judge('a negative element', 'TypeError', write(0, words, -1));
  judge('3 bytes', 'OperationError', write(0, bytes, 0, 3));
  judge('4 bytes from 1 on', 'none', write(0, bytes, 1, 4));
  judge('7 bytes from 1 on', 'OperationError', write(0, bytes, 1));
  judge('one element of 2 bytes', 'OperationError', write(0, new Uint16Array(4), 0, 1));
  judge('two elements of 2 bytes', 'none', write(0, new Uint16Array(4), 0, 2));
  judge('two elements of 8 bytes', 'none', write(0, new Float64Array(4), 1, 2));

  judge('an ArrayBuffer', 'none', write(0, bytes.buffer));
  judge('the bytes of an ArrayBuffer from 4 on', 'none', write(0, bytes.buffer, 4, 4));
  judge('bytes past an ArrayBuffer', 'OperationError', write(0, bytes.buffer, 4, 8));
  judge('bytes from past an ArrayBuffer on', 'OperationError', write(0, bytes.buffer, 12));
  judge('an ArrayBuffer that is shared', 'none', write(0, new SharedArrayBuffer(8)), NO_VIEWS);
  judge(
    'a view of an ArrayBuffer that is shared',
    'none',
    write(0, new Uint32Array(new SharedArrayBuffer(8))),
    {
      because: 'its binding for Node ends the process',
    },
  );
  const dataView = new DataView(new ArrayBuffer(16), 4, 8);
  judge('a DataView from 4 bytes on', 'none', write(0, dataView, 4), NO_VIEWS);
  judge(
    'bytes past a DataView, within its buffer',
    'OperationError',
    write(0, dataView, 4, 8),
    NO_VIEWS,
  );
  judge('an array of numbers', 'TypeError', write(0, [1, 2]));
  judge('a number', 'TypeError', write(0, 3));
  judge('no data', 'TypeError', write(0, null));

  const into =
    (make: (d: GPUDevice) => GPUBuffer): Setup =>
    (d) => {
      const b = make(d);
      return () => d.queue.writeBuffer(b, 0, words);
    };
  judge(
    'a buffer without COPY_DST',
    'validation',
    into((d) => c.buffer(d, 32, c.STORAGE)),
  );
  judge('an invalid buffer', 'validation', into(c.invalidBuffer));
  judge(
    'a destroyed buffer',
    'validation',
    into((d) => {
      const b = c.buffer(d, 32, DATA);
      b.destroy();
      return b;
    }),
  );
  judge(
    'a mapped buffer',
    'validation',
    into((d) => d.createBuffer({ size: 32, usage: DATA, mappedAtCreation: true })),
  );
  judge('a buffer that is to be mapped', 'validation', (d) => {
    const b = c.buffer(d, 32, c.MAP_READ | c.COPY_DST);
    return () => {
      b.mapAsync(c.READ);
      d.queue.writeBuffer(b, 0, words);
    };
  });
  judge('what is not a buffer', 'TypeError', (d) => () => {
    d.queue.writeBuffer({} as GPUBuffer, 0, words);
  });
  judge('too little data for an invalid buffer', 'OperationError', (d) => {
    const b = c.invalidBuffer(d);
    return () => d.queue.writeBuffer(b, 0, words, 9);
  });

  compute('writes the elements that are asked for', [0, 13, 14, 0], (d) => {
    const b = c.words(d, 0, 0, 0, 0);
    d.queue.writeBuffer(b, 4, Uint32Array.of(10, 11, 12, 13, 14, 15).subarray(1), 2, 2);
    return c.read(d, b);
  });

  compute('takes the data as it is when it is called', [50_000, 50_000, 1, 2], async (d) => {
    const b = c.words(d, 0, 0, 0, 0);
    const data = Uint32Array.of(1, 2);
    c.runSlowly(d, b);
    d.queue.writeBuffer(b, 8, data);
    data.fill(9);
    return c.read(d, b);
  });

  compute(
    'comes after what was submitted before, and before what comes after',
    [50_007, 50_007, 100_005],
    async (d) => {
      const b = c.words(d, 0, 0);
      const first = c.words(d, 0);
      d.queue.writeBuffer(b, 0, Uint32Array.of(5));
      c.runSlowly(d, b);
      c.runSlowly(d, b);
      c.submit(d, (encoder) => encoder.copyBufferToBuffer(b, 4, first, 0, 4));
      d.queue.writeBuffer(b, 0, Uint32Array.of(7));
      c.runSlowly(d, b);
      return [...(await c.read(d, b)), ...(await c.read(d, first))];
    },
  );
});

describe('submit', () => {
  const empty = (d: GPUDevice) => d.createCommandEncoder().finish();
  /** Submits a clear of a buffer, after `then`. */
  const clear =
    (
      make: (d: GPUDevice) => GPUBuffer,
      then: (b: GPUBuffer, d: GPUDevice) => void = () => {},
    ): Setup =>
    (d) => {
      const b = make(d);
      const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
      return () => {
        then(b, d);
        d.queue.submit([commands]);
      };
    };
  const plain = (d: GPUDevice) => c.buffer(d, 16, c.COPY_DST);
  const mapped = (d: GPUDevice) =>
    d.createBuffer({ size: 16, usage: c.COPY_DST, mappedAtCreation: true });

  judge('nothing', 'none', (d) => () => d.queue.submit([]));
  judge('a command buffer', 'none', clear(plain));
  judge('what is not a command buffer', 'TypeError', (d) => () => {
    d.queue.submit([{} as GPUCommandBuffer]);
  });
  judge('what is not a list', 'TypeError', (d) => () => {
    d.queue.submit({} as GPUCommandBuffer[]);
  });
  judge('a command buffer again', 'validation', (d) => {
    const commands = empty(d);
    d.queue.submit([commands]);
    return () => d.queue.submit([commands]);
  });
  judge('a command buffer twice at once', 'validation', (d) => {
    const commands = empty(d);
    return () => d.queue.submit([commands, commands]);
  });
  judge('an invalid command buffer', 'validation', (d) => {
    const commands = c.swallow(d, () =>
      c.encode(d, (encoder) => encoder.clearBuffer(c.buffer(d, 16, c.STORAGE))),
    );
    return () => d.queue.submit([commands]);
  });
  judge('a command buffer that was refused together with another', 'validation', (d) => {
    const [p, q] = [empty(d), empty(d)];
    d.queue.submit([q]);
    c.swallow(d, () => d.queue.submit([p, q]));
    return () => d.queue.submit([p]);
  });

  judge(
    'commands on a destroyed buffer',
    'validation',
    clear(plain, (b) => b.destroy()),
  );
  judge('commands on a mapped buffer', 'validation', clear(mapped));
  judge(
    'commands on a buffer that was mapped',
    'none',
    clear(mapped, (b) => b.unmap()),
  );
  judge(
    'commands on a buffer that is to be mapped',
    'validation',
    clear(
      (d) => c.buffer(d, 16, c.COPY_DST | c.MAP_READ),
      (b) => {
        b.mapAsync(c.READ).catch(() => {});
      },
    ),
  );
  judge('commands that were refused since a buffer was mapped', 'validation', (d) => {
    const b = mapped(d);
    const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
    c.swallow(d, () => d.queue.submit([commands]));
    b.unmap();
    return () => d.queue.submit([commands]);
  });

  compute('runs nothing where one command buffer is refused', [1], async (d) => {
    const b = c.words(d, 1);
    const commands = c.encode(d, (encoder) => encoder.clearBuffer(b));
    c.swallow(d, () => d.queue.submit([commands, commands]));
    return c.read(d, b);
  });

  compute('runs command buffers in the order they are given', [1, 2, 0], (d) => {
    const [a, b, out] = [c.words(d, 1), c.words(d, 2), c.words(d, 8, 8, 8)];
    const copies = [a, b].map((from, n) =>
      c.encode(d, (encoder) => {
        // Each undoes the other's but for its own word.
        encoder.copyBufferToBuffer(from, 0, out, 4 * n, 4);
        encoder.clearBuffer(out, 4 * (n + 1));
      }),
    );
    d.queue.submit(copies);
    return c.read(d, out);
  });

  compute('of more lists than are kept in flight loses none', [100, 0], async (d) => {
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
  compute(
    'comes after the mappings that were asked for before it',
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

  compute('resolves where nothing was submitted', undefined, (d) => d.queue.onSubmittedWorkDone());
});
