import { readFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isMatlab5, parseMatlab } from '../../src/formats/matlab5.js';
import {
  type ArrayNode,
  type DataNode,
  elementCount,
  type GroupNode,
  type ListNode,
} from '../../src/formats/nodes.js';
import { HostRandom } from '../../src/math/random.js';
import { codes, joined, Writer } from '../helpers/matlab.js';

const RECORDINGS = new URL('../fixtures/recordings/', import.meta.url);
const STEVENSON = readFileSync(new URL('m1-reach-stevenson2011/m1_stevenson_2011.mat', RECORDINGS));
const NELPY = readFileSync(new URL('ca1-tracks-nelpy/spikes.mat', RECORDINGS));

const w = new Writer();
const EMPTY = w.tagged(14, new Uint8Array());

const parseMembers = (bytes: Uint8Array) => parseMatlab(bytes, 'X').members;
const array = (bytes: Uint8Array, name = 'x') => parseMembers(bytes).get(name) as ArrayNode;
const found = (part: DataNode | undefined) => [...(part as ArrayNode).read()];

describe('published recordings in MATLAB files', () => {
  it('are read with the counts of their descriptions: 171 units of motor cortex', () => {
    const { members } = parseMatlab(STEVENSON);
    const of = (name: string) => members.get(name) as ArrayNode;
    expect([...members.keys()]).toEqual(['time', 'spikes', 'handVel', 'handPos']);
    expect(of('spikes').shape).toEqual([171, 15536]);
    const spikes = of('spikes').read() as Uint8Array;
    expect(spikes.reduce((sum, count) => sum + count, 0)).toBe(2_352_815);
    expect(spikes.reduce((most, count) => Math.max(most, count), 0)).toBe(26);
    expect(of('spikes').read(3, 5)).toEqual(spikes.slice(3 * 15536, 5 * 15536));
    const time = found(of('time')) as number[];
    expect([time[0], time.at(-1)]).toEqual([12.591000000000001, 789.341]);
    expect((of('handPos').read(2) as Float64Array).every((z) => z === 0)).toBe(true);
    expect(of('handVel').shape).toEqual([3, 15536]);
  });

  it('are read with the counts of their descriptions: 31 units of 13 tetrodes in nested cells', () => {
    const outer = parseMatlab(NELPY).members.get('spikes') as ListNode;
    const tetrodes = (outer.items[0] as ListNode).items[0] as ListNode;
    expect([outer.shape, tetrodes.shape]).toEqual([
      [1, 1],
      [1, 13],
    ]);
    const units = tetrodes.items
      .flatMap((tetrode) => (tetrode.kind === 'list' ? tetrode.items : []))
      .filter((unit) => unit.kind === 'group')
      .map((unit) => found(unit.members.get('time')) as number[])
      .filter((times) => times.length > 0);
    expect(units.length).toBe(31);
    expect(units.reduce((sum, times) => sum + times.length, 0)).toBe(28_829);
    expect(Math.min(...units.map((times) => times[0]!))).toBeCloseTo(4397, 1);
    expect(Math.max(...units.map((times) => times.at(-1)!))).toBeCloseTo(6365.1, 1);
  });
});

describe.each([true, false])('numbers, little endian: %s', (little) => {
  const order = new Writer(little);

  it.each([1, 2, 3, 4, 5, 6, 7, 9, 12, 13])('stored as type %i are read', (type) => {
    for (const values of [[7], [0, 1, 3, 100, 127]]) {
      const file = order.file(order.real(values, 'x', [1, values.length], type));
      expect(array(file).shape).toEqual([1, values.length]);
      expect(found(array(file))).toEqual(values);
    }
  });

  it('are the same packed as not', () => {
    const variables = [order.real([1, 2, 3], 'x'), order.text('run', 'label')];
    for (const file of [
      order.file(...variables),
      order.file(...variables.map((v) => order.packed(v))),
    ]) {
      expect(found(array(file))).toEqual([1, 2, 3]);
      expect(found(array(file, 'label'))).toEqual(['run']);
    }
  });
});

describe('numbers', () => {
  it('come out in C order, whole or by places of the first axis', () => {
    const two = array(w.file(w.real([0, 3, 1, 4, 2, 5], 'x', [2, 3])));
    expect(found(two)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...two.read(1)]).toEqual([3, 4, 5]);
    expect([...two.read(0, 1), ...two.read(1, 1)]).toEqual([0, 1, 2]);
    const columns: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) columns.push((i * 3 + j) * 4 + k);
    const three = array(w.file(w.real(columns, 'x', [2, 3, 4])));
    expect(found(three)).toEqual(Array.from({ length: 24 }, (_, n) => n));
    expect([...three.read(1, 2)]).toEqual(Array.from({ length: 12 }, (_, n) => 12 + n));
  });

  it('of 64 bits are exact or refused', () => {
    expect(found(array(w.file(w.real([2 ** 53 - 1, -5], 'x', [2, 1], 12))))).toEqual([
      2 ** 53 - 1,
      -5,
    ]);
    const part = array(w.file(w.real([2 ** 60], 'x', [1, 1], 13)));
    expect(() => part.read()).toThrow(
      'Variable x of X cannot be read: it holds 1152921504606846976, which is past the integers a number keeps exactly.',
    );
  });

  it('that are logical are 0 and 1', () => {
    const part = array(w.file(w.matrix(9 + 0x200, [1, 3], 'x', w.element(2, [0, 1, 2]))));
    expect(found(part)).toEqual([0, 1, 1]);
  });

  it('of a sparse array come with its zeros, also where MATLAB calls logical bytes doubles', () => {
    // 3 x 2: 5 in row 2 of column 1; 7 and 8 in rows 1 and 3 of column 2.
    const places = [w.element(5, [1, 0, 2]), w.element(5, [0, 1, 3])];
    const sparse = array(w.file(w.matrix(5, [3, 2], 'x', ...places, w.element(9, [5, 7, 8]))));
    expect(found(sparse)).toEqual([0, 7, 5, 0, 0, 8]);
    expect([...sparse.read(1, 3)]).toEqual([5, 0, 0, 8]);
    const bytes = joined([w.numbers(6, [3 * 65536 + 9]), Uint8Array.of(1, 1, 1, 0)]);
    const logical = array(w.file(w.matrix(5 + 0x200, [3, 2], 'x', ...places, bytes)));
    expect(found(logical)).toEqual([0, 1, 1, 0, 0, 1]);
  });

  it('may be none', () => {
    const part = array(w.file(w.real([], 'x', [0, 3])));
    expect(part.shape).toEqual([0, 3]);
    expect(found(part)).toEqual([]);
  });
});

describe('letters', () => {
  it('in a row are one text, with its blanks, in every way of writing them', () => {
    const utf8 = [...new TextEncoder().encode('LM é ')];
    const ways: [number, number[]][] = [
      [2, codes('LM é ')],
      [4, codes('LM é ')],
      [16, utf8],
      [17, codes('LM é ')],
      [18, codes('LM é ')],
    ];
    for (const order of [w, new Writer(false)])
      for (const [type, letters] of ways) {
        const part = array(order.file(order.matrix(4, [1, 5], 'x', order.element(type, letters))));
        expect([part.type, part.shape, part.read()]).toEqual(['text', [], ['LM é ']]);
      }
  });

  it('in several rows are a text each, without the blanks at the end', () => {
    const letters = codes('adb c ');
    const part = array(w.file(w.matrix(4, [2, 3], 'x', w.element(4, letters))));
    expect([part.shape, part.read(), part.read(1, 2)]).toEqual([[2], ['abc', 'd'], ['d']]);
    // Past 16 bits: two letters to MATLAB, one to others.
    const wide = [...new TextEncoder().encode('😀b')];
    for (const shape of [
      [2, 1],
      [1, 2],
      [1, 3],
    ])
      expect(
        array(w.file(w.matrix(4, shape, 'x', w.element(16, wide))))
          .read()
          .join(''),
      ).toBe('😀b');
  });

  it('that are none are the empty text', () => {
    for (const shape of [
      [0, 0],
      [1, 0],
      [1, 1],
    ]) {
      const part = array(w.file(w.matrix(4, shape, 'x', w.tagged(4, new Uint8Array()))));
      expect([part.shape, part.read()]).toEqual([[], ['']]);
    }
  });
});

describe('cells and structs', () => {
  it('are lists in the order of MATLAB and groups, in one another', () => {
    const inner = w.matrix(1, [1, 2], '', w.text('a'), w.real([4]));
    const items = [
      w.real([1]),
      inner,
      EMPTY,
      w.matrix(2, [1, 1], '', w.fields(4, 'st', 'id'), w.real([2]), w.real([3])),
    ];
    const cell = parseMembers(w.file(w.matrix(1, [2, 2], 'x', ...items))).get('x') as ListNode;
    expect(cell.shape).toEqual([2, 2]);
    expect(cell.items.map(({ kind }) => kind)).toEqual(['array', 'list', 'array', 'group']);
    expect((cell.items[1] as ListNode).items.map(found)).toEqual([['a'], [4]]);
    expect((cell.items[2] as ArrayNode).shape).toEqual([0, 0]);
    const { members } = cell.items[3] as GroupNode;
    expect([...members].map(([name, part]) => [name, ...found(part)])).toEqual([
      ['st', 2],
      ['id', 3],
    ]);
  });

  it('of several structs are lists of groups', () => {
    const values = [1, 2, 3, 4].map((value) => w.real([value]));
    const part = w.matrix(2, [2, 1], 'x', w.fields(8, 'time', 'rate'), ...values);
    const list = parseMembers(w.file(part)).get('x') as ListNode;
    expect(list.shape).toEqual([2, 1]);
    expect(list.items.map((item) => found((item as GroupNode).members.get('rate')))).toEqual([
      [2],
      [4],
    ]);
  });

  it('may be empty', () => {
    const file = w.file(w.matrix(1, [0, 3], 'c'), w.matrix(2, [0, 0], 's', w.fields(4, 'a')));
    expect([...parseMembers(file).values()]).toEqual([
      { kind: 'list', shape: [0, 3], items: [] },
      { kind: 'list', shape: [0, 0], items: [] },
    ]);
  });
});

describe('what cannot be used', () => {
  const pair = [w.element(9, [1]), w.element(9, [2])];
  const onlyMatlab = (what: string, instead: string) =>
    `${what}, which only MATLAB can read: save ${instead}`;
  const zeros = [w.element(5, []), w.element(5, [0, 0]), w.element(9, [])];
  it.each<[string, Uint8Array]>([
    ['complex numbers: save their parts', w.matrix(6 + 0x800, [1, 1], 'x', ...pair)],
    [onlyMatlab('MATLAB strings', 'cellstr(x)'), w.opaque('x', 'string')],
    [onlyMatlab('a table', "table2struct(x, 'ToScalar', true)"), w.opaque('x', 'table')],
    [onlyMatlab('an object of class Session', 'its values in a struct'), w.opaque('x', 'Session')],
    [
      onlyMatlab('an object of class inline', 'its values in a struct'),
      w.matrix(3, [1, 1], 'x', w.element(1, codes('inline'))),
    ],
    ['a function: save the values that it gives', w.matrix(16, [1, 1], 'x', EMPTY)],
    [
      'letters in three axes or more: save a cell of texts',
      w.matrix(4, [1, 1, 2], 'x', w.element(4, codes('ab'))),
    ],
    [
      'a sparse array of 1073741824 values with its zeros, too many at once: save [row, column, value] = find(x)',
      w.matrix(5, [2 ** 30, 1], 'x', ...zeros),
    ],
  ])('is refused when it is read, and the rest of the file is not: %s', (what, variable) => {
    // The last has no name: where MATLAB keeps what its objects hold.
    const file = w.file(variable, w.real([1], 'y'), w.real([9]));
    expect([...parseMembers(file).keys()]).toEqual(['x', 'y']);
    const part = array(file);
    expect(() => part.read()).toThrow(
      expect.objectContaining({
        name: 'RecordingError',
        message: `Variable x of X cannot be read: it holds ${what}.`,
      }),
    );
    expect(found(array(file, 'y'))).toEqual([1]);
  });

  const file = w.file(w.real([1], 'x'));
  const said = (text: string) => Uint8Array.from({ length: 200 }, (_, n) => text.charCodeAt(n));
  const four = joined([w.numbers(6, [0, 1, 1, 0, 2]), Uint8Array.of(120, 0), w.numbers(9, [5])]);
  const expected = `a MATLAB file of version 5 to 7 was expected, as save(..., '-v7') writes`;
  let deep = w.real([1]);
  for (let n = 0; n < 101; n++) deep = w.matrix(1, [1, 1], n === 100 ? 'x' : '', deep);
  const damaged = 'it is damaged, copy it again';
  const short = 'it is cut short or damaged, copy it again';
  const bad = w.file(w.tagged(15, deflateSync(w.real([1], 'x')).fill(7, 12, 20)));
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), `it is empty, and ${expected}.`],
    ['version 4', four, `it is a MATLAB file of version 4, and ${expected}.`],
    ['version 7.3', said('MATLAB 7.3 MAT-file'), `it is HDF5, which MATLAB 7.3 files are too, and`],
    ['another file', said('time,neuron'), `it is no MATLAB file or cut short, and ${expected}.`],
    [
      'too few bytes',
      file.slice(0, -4),
      `an element in it needs 56 bytes, but 52 are left: ${short}.`,
    ],
    ['bytes that do not unpack', bad, `cannot be unpacked (`],
    [
      'a lying shape',
      w.file(w.real([1], 'x', [2 ** 30, 2 ** 20])),
      `its shape [1073741824, 1048576] needs 1125899906842624 values, but 1 follow: ${damaged}.`,
    ],
    [
      'a cell of parts that are not there',
      w.file(w.matrix(1, [1, 2 ** 30], 'x', EMPTY)),
      `its shape [1, 1073741824] needs 1073741824 parts, but 1 follow: ${damaged}.`,
    ],
    [
      'more structs than any memory',
      w.file(w.matrix(2, [2 ** 30, 1], 'x', w.fields(4))),
      `it holds more than 2097152 arrays and names.`,
    ],
    ['a cell in a cell, and on', w.file(deep), 'it is nested 100 deep.'],
    ['a negative axis', w.file(w.real([1], 'x', [-1, 1])), `it has the shape [-1, 1]: ${damaged}.`],
    [
      'an unknown element',
      w.file(w.tagged(40, new Uint8Array(8))),
      `an element of type 40 stands where an array should: ${damaged}.`,
    ],
  ])('is refused as a whole with a sentence: %s', (_, bytes, message) => {
    expect(() => parseMembers(bytes)).toThrow(
      expect.objectContaining({
        name: 'RecordingError',
        message: expect.stringContaining(message),
      }),
    );
    expect(() => parseMembers(bytes)).toThrow(/^(Variable x\S* of )?X cannot be read: .+\.$/);
  });

  it('is a file that ends after its header', () => {
    expect(() => parseMembers(w.file())).toThrow('X holds no variable.');
  });

  it('is told from a file of version 5 to 7 by its header', () => {
    expect([STEVENSON.subarray(0, 128), file, new Writer(false).file()].map(isMatlab5)).toEqual([
      true,
      true,
      true,
    ]);
    const hdf5 = new Uint8Array(520);
    hdf5.set(file.subarray(0, 128));
    hdf5.set(codes('\x89HDF\r\n'), 512);
    const others = [new Uint8Array(), four, said('MATLAB 7.3 MAT-file'), hdf5];
    expect(others.map(isMatlab5)).toEqual([false, false, false, false]);
  });
});

describe('damaged files', () => {
  /** A copy with something wrong: cut short, bits flipped, bytes set, a stretch repeated, or a length that lies. */
  function damaged(bytes: Uint8Array, random: HostRandom): Uint8Array {
    const kind = random.integer(5);
    if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    const times = 1 + random.integer(8);
    for (let n = 0; n < times; n++) {
      // Half of it at the beginning, where most is said of what follows.
      const at = random.integer(random.integer(2) ? Math.min(1000, copy.length) : copy.length);
      if (kind === 1) copy[at]! ^= 1 << random.integer(8);
      else if (kind === 2) copy[at] = random.integer(256);
      else if (kind === 3)
        copy.copyWithin(at, random.integer(copy.length), random.integer(copy.length));
      else
        view.setUint32(
          Math.min(at & ~3, copy.length - 4),
          random.word() >>> random.integer(32),
          true,
        );
    }
    return copy;
  }

  /** Reads everything; returns how many arrays were refused. */
  function readAll(part: DataNode): number {
    if (part.kind !== 'array') {
      const parts = part.kind === 'list' ? part.items : [...part.members.values()];
      return parts.reduce((sum, item) => sum + readAll(item), 0);
    }
    try {
      expect(part.read().length).toBe(elementCount(part.shape));
      return 0;
    } catch (error) {
      if ((error as Error).name !== 'RecordingError') throw error;
      return 1;
    }
  }

  const sparse = [w.element(5, [1, 0, 2]), w.element(5, [0, 1, 3]), w.element(9, [5, 7, 8])];
  const everything = [
    w.matrix(1, [1, 2], 'cell', w.text('abc'), w.matrix(1, [1, 1], '', w.real([1, 2, 3]))),
    w.matrix(2, [1, 2], 'structs', w.fields(4, 'st'), w.real([1, 2]), EMPTY),
    w.matrix(5, [3, 2], 'sparse', ...sparse),
    w.matrix(4, [2, 2], 'texts', w.element(16, codes('abcd'))),
    w.real(
      Array.from({ length: 40 }, (_, n) => n / 8),
      'numbers',
      [2, 4, 5],
    ),
    w.real([5, 6], 'integers', [2, 1], 12),
    w.opaque('words', 'string'),
  ];
  const files: [string, Uint8Array, number][] = [
    ['a file of everything', w.file(...everything), 250],
    ['a file of everything, packed', w.file(...everything.map((v) => w.packed(v))), 100],
    ['a recording in cells', w.file(inflateSync(NELPY.subarray(136))), 40],
    ['a packed recording', new Uint8Array(STEVENSON), 10],
  ];

  it.each(files)(
    'are read in full or refused with a sentence, within a second: %s',
    (_, whole, count) => {
      const random = new HostRandom(11);
      let refused = 0;
      for (let n = 0; n < count; n++) {
        const bytes = damaged(whole, random);
        const before = process.cpuUsage().user;
        try {
          refused += Math.min(1, readAll(parseMatlab(bytes)));
        } catch (error) {
          expect((error as Error).name, `case ${n}: ${(error as Error).stack}`).toBe(
            'RecordingError',
          );
          refused += 1;
        }
        expect(process.cpuUsage().user - before, `case ${n}`).toBeLessThan(1e6);
      }
      expect(refused).toBeGreaterThan(count / 4);
    },
  );
});
