import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  SafetensorsError,
} from '../../src/nn/safetensors.js';

const TENSORS = new Map<string, HostTensor>([
  [
    'block.0.weight',
    { dtype: 'F32', shape: [2, 3], data: new Float32Array([1, -2, 3.5, 0, 1e-30, -1e30]) },
  ],
  ['ids', { dtype: 'I32', shape: [4], data: new Int32Array([1, -1, 7, 2 ** 31 - 1]) }],
  ['words', { dtype: 'U32', shape: [1], data: new Uint32Array([2 ** 32 - 1]) }],
  ['nothing', { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) }],
]);

const encode = () => encodeSafetensors(TENSORS, { made: 'by a test' });

/** A file with this header, followed by zeros as data. */
function encodeFile(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const entry = (changes: object = {}) => ({
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes },
});

describe('safetensors', () => {
  it('have the same bits after encoding and decoding', () => {
    const { tensors, metadata } = decodeSafetensors(encode());
    expect(metadata).toEqual({ made: 'by a test' });
    expect([...tensors.keys()]).toEqual([...TENSORS.keys()]);
    for (const [name, { dtype, shape, data }] of TENSORS) {
      expect(tensors.get(name)).toEqual({ dtype, shape, data });
    }
  });

  it('have data that start at a multiple of eight bytes', () => {
    const length = new DataView(encode().buffer).getBigUint64(0, true);
    expect(Number(length) % 8).toBe(0);
  });

  it('can be read from the middle of a larger buffer', () => {
    const file = encode();
    const larger = new Uint8Array(file.length + 11);
    larger.set(file, 5);
    expect(decodeSafetensors(larger.subarray(5, 5 + file.length)).tensors.get('ids')!.data[1]).toBe(
      -1,
    );
  });

  it('can be read from a Node Buffer, whose slices share memory', () => {
    const pooled = Buffer.from(encode());
    expect(pooled.buffer.byteLength).toBeGreaterThan(pooled.length);
    expect(decodeSafetensors(pooled).tensors.get('block.0.weight')).toEqual(
      TENSORS.get('block.0.weight'),
    );
  });

  it('are rejected when cut short at any byte', () => {
    const file = encode();
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeSafetensors(file.subarray(0, length)), `${length} bytes`).toThrow(
        SafetensorsError,
      );
    }
  });

  it('are rejected when bytes follow the data', () => {
    const file = encode();
    const longer = new Uint8Array(file.length + 4);
    longer.set(file);
    expect(() => decodeSafetensors(longer)).toThrow(
      /describes 44 bytes of data, but the file has 48/,
    );
  });

  it('with flipped bits are either rejected or read, and cause no other error', () => {
    const random = new HostRandom(7);
    let rejected = 0;
    for (let round = 0; round < 2000; round++) {
      const file = encode();
      for (let flips = 0; flips <= round % 3; flips++)
        file[random.integer(file.length)]! ^= 1 << random.integer(8);
      try {
        const { tensors } = decodeSafetensors(file);
        for (const { shape, data } of tensors.values()) {
          expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError);
        rejected += 1;
      }
    }
    expect(rejected).toBeGreaterThan(500);
  });

  it.each([
    [
      'a header longer than the file',
      (() => {
        const f = encodeFile('{}', 0);
        f[0] = 200;
        return f;
      })(),
      /should be 200 bytes long, but only 2 follow/,
    ],
    [
      'a header length that exceeds any memory',
      (() => {
        const f = encodeFile('{}', 0);
        f.fill(255, 0, 8);
        return f;
      })(),
      /cut short or is not a safetensors/,
    ],
    ['a header that is not JSON', encodeFile('{"a":', 0), /not valid JSON/],
    ['a list as the header', encodeFile('[1]', 0), /not a JSON object/],
    [
      'an unknown type',
      encodeFile(entry({ dtype: 'BF16' }), 8),
      /Tensor a: type "BF16" is not supported/,
    ],
    [
      'a negative size',
      encodeFile(entry({ shape: [-2] }), 8),
      /Tensor a: its shape is not a list of non-negative integers/,
    ],
    [
      'a shape that is not a list',
      encodeFile(entry({ shape: '2' }), 8),
      /Tensor a: its shape is not a list/,
    ],
    [
      'data past the end',
      encodeFile(entry({ data_offsets: [0, 16], shape: [4] }), 8),
      /are bytes 0 to 16, but the file has only 8/,
    ],
    [
      'data that end before they start',
      encodeFile(entry({ data_offsets: [8, 0] }), 8),
      /Tensor a: its data are bytes 8 to 0/,
    ],
    [
      'a shape that does not fit the number of bytes',
      encodeFile(entry({ shape: [3] }), 8),
      /its shape \[3\] needs 12 bytes, but it has 8/,
    ],
    [
      'a gap before the data',
      encodeFile(entry({ data_offsets: [4, 12] }), 12),
      /gap or an overlap at byte 4/,
    ],
    [
      'two tensors at the same offset',
      encodeFile({ ...entry(), b: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8),
      /gap or an overlap at byte 0/,
    ],
    [
      'metadata that are not strings',
      encodeFile({ __metadata__: { n: 1 } }, 0),
      /metadata are not an object of strings/,
    ],
    [
      'an entry that is not an object',
      encodeFile({ a: 7 }, 0),
      /Tensor a: its entry is not an object/,
    ],
  ])('with %s are rejected with the reason', (_, file, message) => {
    expect(() => decodeSafetensors(file)).toThrow(message);
    expect(() => decodeSafetensors(file)).toThrow(SafetensorsError);
  });

  it('are not encoded with a shape that does not fit the data', () => {
    const invalid = new Map<string, HostTensor>([
      ['a', { dtype: 'F32', shape: [3], data: new Float32Array(2) }],
    ]);
    expect(() => encodeSafetensors(invalid)).toThrow('Tensor a has shape [3], but 2 elements.');
  });
});
