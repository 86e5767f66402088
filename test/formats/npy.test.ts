import { describe, expect, it } from 'vitest';
import { encodeNpy, type NpyArray, parseNpy } from '../../src/formats/npy.js';
import { encodeNpz, parseNpz } from '../../src/formats/npz.js';
import { HostRandom } from '../../src/math/random.js';
import { damage } from '../helpers/damage.js';
import { THOROUGH } from '../helpers/thorough.js';

/** A .npy file as NumPy writes it: a header with a type, an order and a shape, then the values. */
function npy(
  descr: string,
  shape: string,
  body: Uint8Array,
  fortran = false,
  version = 1,
): Uint8Array {
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }`;
  const start = version === 1 ? 10 : 12;
  const length = Math.ceil((start + text.length + 1) / 64) * 64 - start;
  const bytes = new Uint8Array(start + length + body.length);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), version, 0]);
  if (version === 1) new DataView(bytes.buffer).setUint16(8, length, true);
  else new DataView(bytes.buffer).setUint32(8, length, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), start);
  bytes.set(body, start + length);
  return bytes;
}

/** Numbers as bytes, written by a setter of DataView. */
function encodeNumbers(
  values: readonly number[],
  size: number,
  set: (view: DataView, offset: number, value: number) => void,
): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (const [n, value] of values.entries()) set(view, n * size, value);
  return bytes;
}

const VALUES = [0, 1, 3, 100];

describe('parseNpy', () => {
  it.each<[string, number, (view: DataView, offset: number, value: number) => void]>([
    ['|b1', 1, (v, i, x) => v.setUint8(i, Number(x !== 0))],
    ['|u1', 1, (v, i, x) => v.setUint8(i, x)],
    ['|i1', 1, (v, i, x) => v.setInt8(i, x)],
    ['<u2', 2, (v, i, x) => v.setUint16(i, x, true)],
    ['>u2', 2, (v, i, x) => v.setUint16(i, x)],
    ['<i2', 2, (v, i, x) => v.setInt16(i, x, true)],
    ['>i4', 4, (v, i, x) => v.setInt32(i, x)],
    ['<u4', 4, (v, i, x) => v.setUint32(i, x, true)],
    ['<i8', 8, (v, i, x) => v.setBigInt64(i, BigInt(x), true)],
    ['>u8', 8, (v, i, x) => v.setBigUint64(i, BigInt(x))],
    ['<f4', 4, (v, i, x) => v.setFloat32(i, x, true)],
    ['>f4', 4, (v, i, x) => v.setFloat32(i, x)],
    ['<f8', 8, (v, i, x) => v.setFloat64(i, x, true)],
    ['>f8', 8, (v, i, x) => v.setFloat64(i, x)],
  ])('reads numbers of type %s', (descr, size, set) => {
    const { data, shape } = parseNpy(npy(`'${descr}'`, '(2, 2)', encodeNumbers(VALUES, size, set)));
    expect(shape).toEqual([2, 2]);
    expect([...data]).toEqual(descr === '|b1' ? [0, 1, 1, 1] : VALUES);
  });

  it('reads numbers of half precision', () => {
    // 1, -2, 0.5, the smallest positive number, infinity, NaN.
    const bits = [0x3c00, 0xc000, 0x3800, 0x0001, 0x7c00, 0x7e00];
    const body = encodeNumbers(bits, 2, (view, i, value) => view.setUint16(i, value, true));
    const { data } = parseNpy(npy(`'<f2'`, '(6,)', body));
    expect([...data]).toEqual([1, -2, 0.5, 2 ** -24, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  it('reads strings', () => {
    const unicode = encodeNumbers(
      [...'abc\0é\0'].map((c) => c.codePointAt(0)!),
      4,
      (v, i, x) => v.setUint32(i, x, true),
    );
    expect(parseNpy(npy(`'<U3'`, '(2,)', unicode)).data).toEqual(['abc', 'é']);
    const bytes = Uint8Array.from([114, 117, 110, 0, 105, 110]);
    expect(parseNpy(npy(`'|S3'`, '(2,)', bytes)).data).toEqual(['run', '\0in']);
  });

  it('returns arrays in Fortran order in C order, also with three axes', () => {
    const body = encodeNumbers([0, 3, 1, 4, 2, 5], 8, (v, i, x) => v.setFloat64(i, x, true));
    expect([...parseNpy(npy(`'<f8'`, '(2, 3)', body, true)).data]).toEqual([0, 1, 2, 3, 4, 5]);
    const cOrder = Array.from({ length: 24 }, (_, n) => n);
    const fortran: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) fortran.push((i * 3 + j) * 4 + k);
    const cube = encodeNumbers(fortran, 8, (v, i, x) => v.setFloat64(i, x, true));
    expect([...parseNpy(npy(`'<f8'`, '(2, 3, 4)', cube, true)).data]).toEqual(cOrder);
  });

  it('reads all versions, single values and empty arrays', () => {
    const seven = encodeNumbers([7], 8, (v, i, x) => v.setFloat64(i, x, true));
    for (const version of [1, 2, 3])
      expect([...parseNpy(npy(`'<f8'`, '()', seven, false, version)).data]).toEqual([7]);
    expect(parseNpy(npy(`'<f8'`, '(0,)', new Uint8Array())).shape).toEqual([0]);
  });

  it('reads what encodeNpy and encodeNpz write', () => {
    const arrays = [
      Float64Array.of(1.5, -2),
      Float32Array.of(0.25),
      Int32Array.of(-7, 8),
      Uint32Array.of(4e9),
      Uint8Array.of(0, 255),
    ];
    for (const data of arrays) expect([...parseNpy(encodeNpy(data)).data]).toEqual([...data]);
    const archive = encodeNpz({
      a: { data: arrays[0]! },
      'b.c': { data: arrays[2]!, shape: [2, 1] },
    });
    const read = parseNpz(archive);
    expect([...read.keys()]).toEqual(['a', 'b.c']);
    expect(read.get('b.c')!.shape).toEqual([2, 1]);
  });

  it('writes the same archive in every time zone', () => {
    const { TZ } = process.env;
    const archives = ['UTC', 'Pacific/Honolulu', 'Asia/Tokyo'].map((zone) => {
      process.env.TZ = zone;
      expect(new Date(0).getHours()).toBe(
        { UTC: 0, 'Pacific/Honolulu': 14, 'Asia/Tokyo': 9 }[zone],
      );
      return encodeNpz({ a: { data: Float64Array.of(1, 2) } });
    });
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
    expect(archives[1]).toEqual(archives[0]);
    expect(archives[2]).toEqual(archives[0]);
  });

  const eightBytes = new Uint8Array(8);
  it.each<[string, Uint8Array, string]>([
    ['another file', Uint8Array.of(1, 2, 3), 'X cannot be read: it is not a .npy file.'],
    [
      'an unknown version',
      npy(`'<f8'`, '(1,)', eightBytes, false, 9),
      'X cannot be read: it has the unknown version 9.',
    ],
    [
      'too few bytes',
      npy(`'<f8'`, '(2,)', eightBytes),
      'X cannot be read: its shape [2] needs 16 bytes, but 8 follow the header.',
    ],
    [
      'too many bytes',
      npy(`'<f4'`, '(1,)', eightBytes),
      'X cannot be read: its shape [1] needs 4 bytes, but 8 follow the header.',
    ],
    [
      'Python objects',
      npy(`'|O'`, '(1,)', eightBytes),
      'X cannot be read: it contains Python objects, which only Python can read: save plain arrays.',
    ],
    [
      'complex numbers',
      npy(`'<c16'`, '(1,)', eightBytes),
      'X cannot be read: it contains complex numbers: save their real and imaginary parts.',
    ],
    ...["'<U0'", "'>U0'", "'|S0'", "'|S'", "'|a0'"].map((descr): [string, Uint8Array, string] => [
      `300 million values of type ${descr}, which have no bytes`,
      npy(descr, '(300000000,)', new Uint8Array()),
      `X cannot be read: its type ${descr.slice(1, -1)} is of text without characters, so it contains no values.`,
    ]),
    [
      'records without bytes',
      npy(`'|V0'`, '(300000000,)', new Uint8Array()),
      'X cannot be read: it contains records of several fields: save an array for each field.',
    ],
    [
      'dates',
      npy(`'<M8[ns]'`, '(1,)', eightBytes),
      'X cannot be read: it contains dates: save seconds as numbers.',
    ],
    [
      'records',
      npy(`[('t', '<f8')]`, '(1,)', eightBytes),
      'X cannot be read: it contains records of several fields: save an array for each field.',
    ],
    [
      'a shape that is too large',
      npy(`'|u1'`, '(999999999999,)', eightBytes),
      'X cannot be read: its header claims 999999999999 elements, which is too many.',
    ],
    [
      'a shape of words',
      npy(`'<f8'`, '(one,)', eightBytes),
      'X cannot be read: its header has the invalid shape (one,).',
    ],
    [
      'no shape',
      npy(`'<f8'`, 'None', eightBytes),
      'X cannot be read: its header lacks the type, the order or the shape.',
    ],
    [
      'an integer that float64 would round',
      npy(
        `'<i8'`,
        '(1,)',
        Uint8Array.from({ length: 8 }, () => 0x7f),
      ),
      'X cannot be read: it contains 9187201950435737471, which is beyond the integers that float64 keeps exactly.',
    ],
  ])('rejects with a sentence: %s', (_, bytes, message) => {
    expect(() => parseNpy(bytes, 'X')).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });
});

describe('damaged files', () => {
  const values = Float64Array.from({ length: 200 }, (_, n) => n / 8);
  const files = {
    npy: encodeNpy(values, [20, 10]),
    npz: encodeNpz({ times: { data: values }, neurons: { data: Int32Array.from(values) } }),
  };

  const copies = THOROUGH ? 1000 : 50;
  it.each(['npy', 'npz'] as const)(
    `are read correctly or rejected with a sentence: ${copies} copies of .%s`,
    (kind) => {
      const random = new HostRandom(11);
      let rejected = 0;
      for (let n = 0; n < copies; n++) {
        const bytes = damage(files[kind], random);
        let arrays: NpyArray[];
        try {
          const archive = kind === 'npz' ? parseNpz(bytes) : new Map<string, NpyArray>();
          arrays = kind === 'npy' ? [parseNpy(bytes)] : [...archive.values()];
          // An archive has checksums, so what it returns has to be correct.
          const times = archive.get('times');
          if (times) expect(times.data, `copy ${n}`).toEqual(values);
        } catch (error) {
          expect((error as Error).name, `copy ${n}: ${error}`).toBe('RecordingError');
          rejected += 1;
          continue;
        }
        for (const { data, shape } of arrays)
          expect(data.length, `copy ${n}`).toBe(shape.reduce((product, m) => product * m, 1));
      }
      expect(rejected).toBeGreaterThan(copies / 5);
    },
  );
});
