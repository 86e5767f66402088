import { describe } from 'vitest';
import * as c from './calls.js';
import { DATA, destroyed, finish } from './encoding.js';
import { computeOn, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

describe('copyBufferToBuffer', () => {
  /** From a buffer of 32 bytes to one of 40. */
  const copy = (
    record: (encoder: GPUCommandEncoder, from: GPUBuffer, to: GPUBuffer) => void,
    fromUsage = c.COPY_SRC,
    toUsage = c.COPY_DST,
  ) =>
    finish((encoder, d) => record(encoder, c.buffer(d, 32, fromUsage), c.buffer(d, 40, toUsage)));
  const range = (start: number, end: number, size?: number) =>
    copy((encoder, from, to) => encoder.copyBufferToBuffer(from, start, to, end, size));

  judge('a whole buffer', 'none', range(0, 0, 32));
  judge(
    'a whole buffer, in short',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to)),
  );
  judge(
    '8 bytes, in short',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 8)),
  );
  judge(
    'too many bytes, in short',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 36)),
  );
  judge('the rest from an offset on', 'none', range(4, 8));
  judge('the rest, too long for the destination', 'validation', range(4, 20));
  judge('the rest from past the end', 'validation', range(36, 0));
  judge('nothing at the end of both', 'none', range(32, 40, 0));
  judge('nothing past the end of the source', 'validation', range(36, 0, 0));
  judge('nothing past the end of the destination', 'validation', range(0, 44, 0));
  judge('a source offset of 2', 'validation', range(2, 0, 4));
  judge('a destination offset of 2', 'validation', range(0, 2, 4));
  judge('2 bytes', 'validation', range(0, 0, 2));
  judge('a range past the end of the source', 'validation', range(4, 0, 32));
  judge('a range past the end of the destination', 'validation', range(0, 12, 32));
  judge('a negative source offset', 'TypeError', range(-4, 0, 4));
  judge('a negative destination offset', 'TypeError', range(0, -4, 4));
  judge('NaN bytes', 'TypeError', range(0, 0, Number.NaN));
  judge(
    'a source without COPY_SRC',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.STORAGE),
  );
  judge(
    'a destination without COPY_DST',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.COPY_SRC, c.STORAGE),
  );
  judge(
    'a buffer to itself',
    'validation',
    copy((e, from) => e.copyBufferToBuffer(from, 0, from, 16, 16), DATA),
  );
  judge(
    'an invalid buffer',
    'validation',
    finish((e, d) => {
      const invalid = c.swallow(d, () => c.buffer(d, 16, c.COPY_DST | c.MAP_WRITE));
      e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), invalid);
    }),
  );
  judge(
    'a destroyed buffer, to be refused when it is submitted,',
    'none',
    finish((e, d) => {
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST));
    }),
  );
  judge('a destroyed buffer, submitted,', 'validation', (d) => {
    const commands = c.encode(d, (e) =>
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST)),
    );
    return () => d.queue.submit([commands]);
  });
  judge(
    'what is not a buffer',
    'TypeError',
    finish((e, d) => e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), {} as GPUBuffer)),
  );

  compute('copies the range that is asked for', [9, 2, 3, 9], (d) => {
    const [from, to] = [c.words(d, 1, 2, 3, 4), c.words(d, 9, 9, 9, 9)];
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(from, 4, to, 4, 8));
    return c.read(d, to);
  });

  compute('copies and clears buffers of many pieces', [7, 7, 0, 0, 7, 7], async (d) => {
    const words = 300_000;
    const [from, to] = [0, 1].map(() => c.buffer(d, 4 * words, DATA));
    d.queue.writeBuffer(from!, 0, new Uint32Array(words).fill(7));
    c.submit(d, (encoder) => {
      encoder.copyBufferToBuffer(from!, to!);
      encoder.clearBuffer(to!, 4 * 50_000, 4 * 200_000);
    });
    const values = await c.read(d, to!);
    return [0, 49_999, 50_000, 249_999, 250_000, words - 1].map((n) => values[n]!);
  });
});

describe('clearBuffer', () => {
  const clear = (offset?: number, size?: number, usage = c.COPY_DST, bytes = 40) =>
    finish((encoder, d) => encoder.clearBuffer(c.buffer(d, bytes, usage), offset, size));
  judge('a whole buffer', 'none', clear());
  judge('the rest from an offset on', 'none', clear(4));
  judge('a range', 'none', clear(4, 8));
  judge('nothing at the end', 'none', clear(40));
  judge('nothing past the end', 'validation', clear(44));
  judge('a range past the end', 'validation', clear(8, 36));
  judge('an offset of 2', 'validation', clear(2));
  judge('6 bytes', 'validation', clear(0, 6));
  judge('a negative offset', 'TypeError', clear(-4));
  judge('a buffer without COPY_DST', 'validation', clear(0, 4, c.COPY_SRC));
  judge('a whole buffer of 6 bytes', 'validation', clear(0, undefined, c.COPY_DST, 6));
  judge('4 bytes of a buffer of 6', 'none', clear(0, 4, c.COPY_DST, 6));
  judge(
    'a mapped buffer, to be refused when it is submitted,',
    'none',
    finish((e, d) => {
      e.clearBuffer(d.createBuffer({ size: 16, usage: c.COPY_DST, mappedAtCreation: true }));
    }),
  );

  compute('clears the range that is asked for', [1, 0, 0, 4], (d) => {
    const b = c.words(d, 1, 2, 3, 4);
    c.submit(d, (encoder) => encoder.clearBuffer(b, 4, 8));
    return c.read(d, b);
  });
});

describe('a command encoder', () => {
  /** A call on an encoder that is finished. */
  const finished =
    (then: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      encoder.finish();
      return () => void then(encoder, d);
    };
  judge(
    'finishing twice',
    'validation',
    finished((encoder) => encoder.finish()),
  );
  judge(
    'a clear after finish',
    'validation',
    finished((e, d) => e.clearBuffer(c.buffer(d, 16, c.COPY_DST))),
  );
  judge(
    'a pass after finish',
    'validation',
    finished((encoder) => encoder.beginComputePass()),
  );
  judge(
    'a marker after finish',
    'validation',
    finished((encoder) => encoder.insertDebugMarker('here')),
  );

  judge(
    'finishing with a pass open',
    'validation',
    finish((encoder) => encoder.beginComputePass()),
  );
  judge('a clear within a pass, until finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
  });
  judge(
    'finish after a clear within a pass',
    'validation',
    finish((encoder, d) => {
      const open = encoder.beginComputePass();
      encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
      open.end();
    }),
  );
  judge('a pass within a pass, until finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => void encoder.beginComputePass();
  });
  judge(
    'finish after a pass within a pass',
    'validation',
    finish((encoder) => {
      const passes = [encoder.beginComputePass(), encoder.beginComputePass()];
      for (const open of passes) open.end();
    }),
  );
  judge(
    'one pass after another',
    'none',
    finish((encoder) => {
      for (let n = 0; n < 3; n++) encoder.beginComputePass().end();
    }),
  );

  judge(
    'a debug group',
    'none',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      encoder.insertDebugMarker('here');
      encoder.popDebugGroup();
    }),
  );
  judge(
    'a debug group that is not popped',
    'validation',
    finish((e) => e.pushDebugGroup('group')),
  );
  judge(
    'a debug group that was not pushed',
    'validation',
    finish((e) => e.popDebugGroup()),
  );
  judge(
    'a debug group in a pass',
    'none',
    finish((encoder) => {
      const open = encoder.beginComputePass();
      open.pushDebugGroup('group');
      open.insertDebugMarker('here');
      open.popDebugGroup();
      open.end();
    }),
  );
  judge(
    'a debug group that a pass does not pop',
    'validation',
    finish((encoder) => {
      const open = encoder.beginComputePass();
      open.pushDebugGroup('group');
      open.end();
    }),
  );
  judge(
    'a debug group of the encoder that a pass pops',
    'validation',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      const open = encoder.beginComputePass();
      open.popDebugGroup();
      open.end();
    }),
  );
});

describe('labels', () => {
  compute(
    'are what objects were made with, or changed to',
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
