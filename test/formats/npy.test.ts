import { describe, expect, it } from 'vitest';
import { encodeNpy, type NpyArray, parseNpy } from '../../src/formats/npy.js';
import { encodeNpz, parseNpz } from '../../src/formats/npz.js';
import { HostRandom } from '../../src/math/random.js';

/** A .npy file as NumPy writes it: a header of this type, order and shape, then the bytes. */
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

/** Numbers as the bytes of one setter of DataView. */
function packed(
  values: readonly number[],
  size: number,
  set: (view: DataView, at: number, value: number) => void,
): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (const [n, value] of values.entries()) set(view, n * size, value);
  return bytes;
}

const VALUES = [0, 1, 3, 100];

describe('a NumPy array', () => {
  it.each<[string, number, (view: DataView, at: number, value: number) => void]>([
    ['|b1', 1, (v, at, x) => v.setUint8(at, Number(x !== 0))],
    ['|u1', 1, (v, at, x) => v.setUint8(at, x)],
    ['|i1', 1, (v, at, x) => v.setInt8(at, x)],
    ['<u2', 2, (v, at, x) => v.setUint16(at, x, true)],
    ['>u2', 2, (v, at, x) => v.setUint16(at, x)],
    ['<i2', 2, (v, at, x) => v.setInt16(at, x, true)],
    ['>i4', 4, (v, at, x) => v.setInt32(at, x)],
    ['<u4', 4, (v, at, x) => v.setUint32(at, x, true)],
    ['<i8', 8, (v, at, x) => v.setBigInt64(at, BigInt(x), true)],
    ['>u8', 8, (v, at, x) => v.setBigUint64(at, BigInt(x))],
    ['<f4', 4, (v, at, x) => v.setFloat32(at, x, true)],
    ['>f4', 4, (v, at, x) => v.setFloat32(at, x)],
    ['<f8', 8, (v, at, x) => v.setFloat64(at, x, true)],
    ['>f8', 8, (v, at, x) => v.setFloat64(at, x)],
  ])('of type %s is read as its numbers', (descr, size, set) => {
    const { data, shape } = parseNpy(npy(`'${descr}'`, '(2, 2)', packed(VALUES, size, set)));
    expect(shape).toEqual([2, 2]);
    expect([...data]).toEqual(descr === '|b1' ? [0, 1, 1, 1] : VALUES);
  });

  it('of half precision is read as its numbers', () => {
    // 1, -2, 0.5, the smallest above 0, infinity, none.
    const bits = [0x3c00, 0xc000, 0x3800, 0x0001, 0x7c00, 0x7e00];
    const body = packed(bits, 2, (view, at, value) => view.setUint16(at, value, true));
    const { data } = parseNpy(npy(`'<f2'`, '(6,)', body));
    expect([...data]).toEqual([1, -2, 0.5, 2 ** -24, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  it('of texts is read as texts', () => {
    const letters = packed(
      [...'abc\0é\0'].map((c) => c.codePointAt(0)!),
      4,
      (v, at, x) => v.setUint32(at, x, true),
    );
    expect(parseNpy(npy(`'<U3'`, '(2,)', letters)).data).toEqual(['abc', 'é'].map((t) => t));
    const bytes = Uint8Array.from([114, 117, 110, 0, 105, 110]);
    expect(parseNpy(npy(`'|S3'`, '(2,)', bytes)).data).toEqual(['run', '\0in'.slice(0)]);
  });

  it('in Fortran order comes out in C order, also of three axes', () => {
    const body = packed([0, 3, 1, 4, 2, 5], 8, (v, at, x) => v.setFloat64(at, x, true));
    expect([...parseNpy(npy(`'<f8'`, '(2, 3)', body, true)).data]).toEqual([0, 1, 2, 3, 4, 5]);
    const c = Array.from({ length: 24 }, (_, n) => n);
    const fortran: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) fortran.push((i * 3 + j) * 4 + k);
    const three = packed(fortran, 8, (v, at, x) => v.setFloat64(at, x, true));
    expect([...parseNpy(npy(`'<f8'`, '(2, 3, 4)', three, true)).data]).toEqual(c);
  });

  it('of any version, of no axis and of no element is read', () => {
    const one = packed([7], 8, (v, at, x) => v.setFloat64(at, x, true));
    for (const version of [1, 2, 3])
      expect([...parseNpy(npy(`'<f8'`, '()', one, false, version)).data]).toEqual([7]);
    expect(parseNpy(npy(`'<f8'`, '(0,)', new Uint8Array())).shape).toEqual([0]);
  });

  it('is written so that it is read the same', () => {
    const arrays = [
      Float64Array.of(1.5, -2),
      Float32Array.of(0.25),
      Int32Array.of(-7, 8),
      Uint32Array.of(4e9),
      Uint8Array.of(0, 255),
    ];
    for (const data of arrays) expect([...parseNpy(encodeNpy(data)).data]).toEqual([...data]);
    const packedUp = encodeNpz({
      a: { data: arrays[0]! },
      'b.c': { data: arrays[2]!, shape: [2, 1] },
    });
    const found = parseNpz(packedUp);
    expect([...found.keys()]).toEqual(['a', 'b.c']);
    expect(found.get('b.c')!.shape).toEqual([2, 1]);
  });

  const eight = new Uint8Array(8);
  it.each<[string, Uint8Array, string]>([
    ['no .npy file', Uint8Array.of(1, 2, 3), 'X cannot be read: it is no .npy file.'],
    [
      'an unknown version',
      npy(`'<f8'`, '(1,)', eight, false, 9),
      'X cannot be read: it has the unknown version 9.',
    ],
    [
      'too few bytes',
      npy(`'<f8'`, '(2,)', eight),
      'X cannot be read: its shape [2] needs 16 bytes, but 8 follow the header.',
    ],
    [
      'too many bytes',
      npy(`'<f4'`, '(1,)', eight),
      'X cannot be read: its shape [1] needs 4 bytes, but 8 follow the header.',
    ],
    [
      'Python objects',
      npy(`'|O'`, '(1,)', eight),
      'X cannot be read: it holds Python objects, which only Python can read: save plain arrays.',
    ],
    [
      'complex numbers',
      npy(`'<c16'`, '(1,)', eight),
      'X cannot be read: it holds complex numbers: save their parts.',
    ],
    [
      'dates',
      npy(`'<M8[ns]'`, '(1,)', eight),
      'X cannot be read: it holds dates: save seconds as numbers.',
    ],
    [
      'records',
      npy(`[('t', '<f8')]`, '(1,)', eight),
      'X cannot be read: it holds records of several fields: save one array for each.',
    ],
    [
      'a lying shape',
      npy(`'|u1'`, '(999999999999,)', eight),
      'X cannot be read: its header claims 999999999999 elements.',
    ],
    [
      'a shape of words',
      npy(`'<f8'`, '(one,)', eight),
      'X cannot be read: its header gives the shape (one,).',
    ],
    [
      'no shape',
      npy(`'<f8'`, 'None', eight),
      'X cannot be read: its header does not say type, order and shape.',
    ],
    [
      'a number too large',
      npy(
        `'<i8'`,
        '(1,)',
        Uint8Array.from({ length: 8 }, () => 0x7f),
      ),
      'X cannot be read: it holds 9187201950435737471, which is past the integers a number keeps exactly.',
    ],
  ])('is refused with a sentence: %s', (_, bytes, message) => {
    expect(() => parseNpy(bytes, 'X')).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });
});

describe('damaged files', () => {
  /** A copy with something wrong: cut short, bits flipped, bytes set, or a stretch repeated. */
  function damaged(bytes: Uint8Array, random: HostRandom): Uint8Array {
    const kind = random.integer(4);
    if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
    const copy = bytes.slice();
    const times = 1 + random.integer(8);
    for (let n = 0; n < times; n++) {
      const at = random.integer(copy.length);
      if (kind === 1) copy[at]! ^= 1 << random.integer(8);
      else if (kind === 2) copy[at] = random.integer(256);
      else copy.copyWithin(at, random.integer(copy.length), random.integer(copy.length));
    }
    return copy;
  }

  const whole = Float64Array.from({ length: 200 }, (_, n) => n / 8);
  const files = {
    npy: encodeNpy(whole, [20, 10]),
    npz: encodeNpz({ times: { data: whole }, neurons: { data: Int32Array.from(whole) } }),
  };

  it.each(['npy', 'npz'] as const)(
    'are read right or refused with a sentence, never believed: 1000 of %s',
    (kind) => {
      const random = new HostRandom(11);
      let refused = 0;
      for (let n = 0; n < 1000; n++) {
        const bytes = damaged(files[kind], random);
        let found: NpyArray[];
        try {
          const archive = kind === 'npz' ? parseNpz(bytes) : new Map<string, NpyArray>();
          found = kind === 'npy' ? [parseNpy(bytes)] : [...archive.values()];
          // An archive has checksums: what is read of it is right.
          const times = archive.get('times');
          if (times) expect(times.data, `case ${n}`).toEqual(whole);
        } catch (error) {
          expect((error as Error).name, `case ${n}: ${error}`).toBe('RecordingError');
          refused += 1;
          continue;
        }
        for (const { data, shape } of found)
          expect(data.length, `case ${n}`).toBe(shape.reduce((product, m) => product * m, 1));
      }
      expect(refused).toBeGreaterThan(200);
    },
  );
});
