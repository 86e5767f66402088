import { describe, expect, it } from 'vitest';
import { bytesIn, requireOneOf, unsigned } from '../../../src/cpu/device/numbers.js';

describe('unsigned', () => {
  it('converts values as WebIDL does: to a number, without its fraction', () => {
    const values: unknown[] = [0, -0, 3, 3.9, -0.9, '7', '', null, true, 2 ** 53 - 1];
    const converted = [0, 0, 3, 3, 0, 7, 0, 0, 1, 2 ** 53 - 1];
    expect(values.map((value) => unsigned(value, 'n'))).toEqual(converted);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined, 'seven', {}])(
    'rejects %s',
    (value) => {
      expect(() => unsigned(value, 'n')).toThrow(TypeError);
    },
  );

  it('rejects values above the maximum and names the range', () => {
    expect(unsigned(255.5, 'n', 255)).toBe(255);
    expect(() => unsigned(256, 'size', 255)).toThrow(
      new TypeError('size is 256; it must be a number from 0 to 255.'),
    );
  });
});

describe('requireOneOf', () => {
  it('accepts one of the words, and otherwise names them all', () => {
    expect(requireOneOf('p', ['p', 'q'], 'type')).toBe('p');
    expect(() => requireOneOf('r', ['p', 'q'], 'type')).toThrow(
      new TypeError('type is "r"; it must be p, q.'),
    );
  });
});

describe('bytesIn', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, n) => n);
  const words = new Uint16Array(bytes.buffer, 4, 4);

  it('counts in elements of typed arrays, and in bytes of anything else', () => {
    expect([...bytesIn(words, 1, 2, 'f')]).toEqual([6, 7, 8, 9]);
    expect([...bytesIn(words, 3, undefined, 'f')]).toEqual([10, 11]);
    expect([...bytesIn(new DataView(bytes.buffer, 4, 8), 1, 2, 'f')]).toEqual([5, 6]);
    expect([...bytesIn(bytes.buffer, 14, undefined, 'f')]).toEqual([14, 15]);
    expect(bytesIn(words, 4, undefined, 'f')).toHaveLength(0);
  });

  it('does not copy the data', () => {
    const shared = new SharedArrayBuffer(8);
    expect(bytesIn(shared, 4, 4, 'f').buffer).toBe(shared);
    expect(bytesIn(words, 0, undefined, 'f').buffer).toBe(bytes.buffer);
  });

  it('never reaches past the view, even where its buffer is larger', () => {
    for (const [offset, size] of [
      [4, 1],
      [3, 2],
      [5, undefined],
      [0, 5],
    ] as const)
      expect(() => bytesIn(words, offset, size, 'f')).toThrow(
        /^f: bytes .+ outside the data's 8 bytes\.$/,
      );
  });
});
