import { describe } from 'vitest';
import * as c from './calls.js';
import { DATA, destroyed, finish } from './encoding.js';
import { resultTests, type Setup, useDevices, verdictTests } from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

describe('copyBufferToBuffer', () => {
  /** Copies from a buffer of 32 bytes to one of 40. */
  const copy = (
    record: (encoder: GPUCommandEncoder, from: GPUBuffer, to: GPUBuffer) => void,
    fromUsage = c.COPY_SRC,
    toUsage = c.COPY_DST,
  ) =>
    finish((encoder, d) => record(encoder, c.buffer(d, 32, fromUsage), c.buffer(d, 40, toUsage)));
  const range = (fromOffset: number, toOffset: number, size?: number) =>
    copy((encoder, from, to) => encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, size));

  testVerdict('a copy of all bytes', 'none', range(0, 0, 32));
  testVerdict(
    'a copy of all bytes, by the short form',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to)),
  );
  testVerdict(
    'a copy of 8 bytes, by the short form',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 8)),
  );
  testVerdict(
    'a copy of too many bytes, by the short form',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 36)),
  );
  testVerdict('a copy from an offset to the end', 'none', range(4, 8));
  testVerdict('a copy to the end that is too long for the destination', 'validation', range(4, 20));
  testVerdict('a copy from past the end', 'validation', range(36, 0));
  testVerdict('a copy of nothing at the end of both buffers', 'none', range(32, 40, 0));
  testVerdict('a copy of nothing past the end of the source', 'validation', range(36, 0, 0));
  testVerdict('a copy of nothing past the end of the destination', 'validation', range(0, 44, 0));
  testVerdict('a source offset of 2', 'validation', range(2, 0, 4));
  testVerdict('a destination offset of 2', 'validation', range(0, 2, 4));
  testVerdict('a copy of 2 bytes', 'validation', range(0, 0, 2));
  testVerdict('a range past the end of the source', 'validation', range(4, 0, 32));
  testVerdict('a range past the end of the destination', 'validation', range(0, 12, 32));
  testVerdict('a negative source offset', 'TypeError', range(-4, 0, 4));
  testVerdict('a negative destination offset', 'TypeError', range(0, -4, 4));
  testVerdict('a copy of NaN bytes', 'TypeError', range(0, 0, Number.NaN));
  testVerdict(
    'a source without COPY_SRC',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.STORAGE),
  );
  testVerdict(
    'a destination without COPY_DST',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.COPY_SRC, c.STORAGE),
  );
  testVerdict(
    'a copy from a buffer to itself',
    'validation',
    copy((e, from) => e.copyBufferToBuffer(from, 0, from, 16, 16), DATA),
  );
  testVerdict(
    'a copy to an invalid buffer',
    'validation',
    finish((e, d) => {
      const invalid = c.swallow(d, () => c.buffer(d, 16, c.COPY_DST | c.MAP_WRITE));
      e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), invalid);
    }),
  );
  testVerdict(
    'recording a copy from a destroyed buffer',
    'none',
    finish((e, d) => {
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST));
    }),
  );
  testVerdict('submitting a copy from a destroyed buffer', 'validation', (d) => {
    const commands = c.encode(d, (e) =>
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST)),
    );
    return () => d.queue.submit([commands]);
  });
  testVerdict(
    'a copy to an object that is not a buffer',
    'TypeError',
    finish((e, d) => e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), {} as GPUBuffer)),
  );

  testResult('copies the requested range', [9, 2, 3, 9], (d) => {
    const [from, to] = [c.words(d, 1, 2, 3, 4), c.words(d, 9, 9, 9, 9)];
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(from, 4, to, 4, 8));
    return c.read(d, to);
  });

  testResult(
    'copies and clears buffers that are large enough to be split over threads',
    [7, 7, 0, 0, 7, 7],
    async (d) => {
      const words = 300_000;
      const [from, to] = [0, 1].map(() => c.buffer(d, 4 * words, DATA));
      d.queue.writeBuffer(from!, 0, new Uint32Array(words).fill(7));
      c.submit(d, (encoder) => {
        encoder.copyBufferToBuffer(from!, to!);
        encoder.clearBuffer(to!, 4 * 50_000, 4 * 200_000);
      });
      const values = await c.read(d, to!);
      return [0, 49_999, 50_000, 249_999, 250_000, words - 1].map((n) => values[n]!);
    },
  );
});

describe('clearBuffer', () => {
  const clear = (offset?: number, size?: number, usage = c.COPY_DST, bytes = 40) =>
    finish((encoder, d) => encoder.clearBuffer(c.buffer(d, bytes, usage), offset, size));
  testVerdict('clearing all bytes', 'none', clear());
  testVerdict('clearing from an offset to the end', 'none', clear(4));
  testVerdict('clearing a range', 'none', clear(4, 8));
  testVerdict('clearing nothing at the end', 'none', clear(40));
  testVerdict('clearing nothing past the end', 'validation', clear(44));
  testVerdict('clearing a range past the end', 'validation', clear(8, 36));
  testVerdict('clearing from an offset of 2', 'validation', clear(2));
  testVerdict('clearing 6 bytes', 'validation', clear(0, 6));
  testVerdict('clearing from a negative offset', 'TypeError', clear(-4));
  testVerdict('clearing a buffer without COPY_DST', 'validation', clear(0, 4, c.COPY_SRC));
  testVerdict(
    'clearing all of a buffer of 6 bytes',
    'validation',
    clear(0, undefined, c.COPY_DST, 6),
  );
  testVerdict('clearing 4 bytes of a buffer of 6', 'none', clear(0, 4, c.COPY_DST, 6));
  testVerdict(
    'recording a clear of a mapped buffer',
    'none',
    finish((e, d) => {
      e.clearBuffer(d.createBuffer({ size: 16, usage: c.COPY_DST, mappedAtCreation: true }));
    }),
  );

  testResult('clears the requested range', [1, 0, 0, 4], (d) => {
    const b = c.words(d, 1, 2, 3, 4);
    c.submit(d, (encoder) => encoder.clearBuffer(b, 4, 8));
    return c.read(d, b);
  });
});

describe('a command encoder', () => {
  /** A call on a finished encoder. */
  const finished =
    (call: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      encoder.finish();
      return () => void call(encoder, d);
    };
  testVerdict(
    'finishing twice',
    'validation',
    finished((encoder) => encoder.finish()),
  );
  testVerdict(
    'a clear after finish',
    'validation',
    finished((e, d) => e.clearBuffer(c.buffer(d, 16, c.COPY_DST))),
  );
  testVerdict(
    'a pass after finish',
    'validation',
    finished((encoder) => encoder.beginComputePass()),
  );
  testVerdict(
    'a marker after finish',
    'validation',
    finished((encoder) => encoder.insertDebugMarker('here')),
  );

  testVerdict(
    'finishing with an open pass',
    'validation',
    finish((encoder) => encoder.beginComputePass()),
  );
  testVerdict('a clear within a pass, before finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
  });
  testVerdict(
    'finish after a clear within a pass',
    'validation',
    finish((encoder, d) => {
      const pass = encoder.beginComputePass();
      encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
      pass.end();
    }),
  );
  testVerdict('a pass within a pass, before finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => void encoder.beginComputePass();
  });
  testVerdict(
    'finish after a pass within a pass',
    'validation',
    finish((encoder) => {
      const passes = [encoder.beginComputePass(), encoder.beginComputePass()];
      for (const pass of passes) pass.end();
    }),
  );
  testVerdict(
    'one pass after another',
    'none',
    finish((encoder) => {
      for (let n = 0; n < 3; n++) encoder.beginComputePass().end();
    }),
  );

  testVerdict(
    'a debug group',
    'none',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      encoder.insertDebugMarker('here');
      encoder.popDebugGroup();
    }),
  );
  testVerdict(
    'a debug group that is not popped',
    'validation',
    finish((e) => e.pushDebugGroup('group')),
  );
  testVerdict(
    'a debug group that was not pushed',
    'validation',
    finish((e) => e.popDebugGroup()),
  );
  testVerdict(
    'a debug group in a pass',
    'none',
    finish((encoder) => {
      const pass = encoder.beginComputePass();
      pass.pushDebugGroup('group');
      pass.insertDebugMarker('here');
      pass.popDebugGroup();
      pass.end();
    }),
  );
  testVerdict(
    'a debug group that its pass does not pop',
    'validation',
    finish((encoder) => {
      const pass = encoder.beginComputePass();
      pass.pushDebugGroup('group');
      pass.end();
    }),
  );
  testVerdict(
    'a pass that pops a debug group of the encoder',
    'validation',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      const pass = encoder.beginComputePass();
      pass.popDebugGroup();
      pass.end();
    }),
  );
});

describe('labels', () => {
  testResult(
    'are those that objects were created with, until they are changed',
    ['e', 'p', 'b', 'q', 'changed', ''],
    (d) => {
      const encoder = d.createCommandEncoder({ label: 'e' });
      const p = encoder.beginComputePass({ label: 'p' });
      p.end();
      const commands = encoder.finish({ label: 'b' });
      const queries = d.createQuerySet({ type: 'timestamp', count: 1, label: 'q' });
      const labels = [encoder.label, p.label, commands.label, queries.label];
      commands.label = 'changed';
      return [...labels, commands.label, d.createCommandEncoder().label];
    },
  );
});
