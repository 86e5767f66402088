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
import { damage } from '../helpers/damage.js';
import { characterCodes, joinBytes, MatlabWriter } from '../helpers/matlab.js';
import { THOROUGH } from '../helpers/thorough.js';

const RECORDINGS = new URL('../fixtures/recordings/', import.meta.url);
const STEVENSON = readFileSync(new URL('m1-reach-stevenson2011/m1_stevenson_2011.mat', RECORDINGS));
const NELPY = readFileSync(new URL('ca1-tracks-nelpy/spikes.mat', RECORDINGS));

const w = new MatlabWriter();
/** An empty array as MATLAB writes it inside of cells and structs: an element without data. */
const EMPTY = w.tagged(14, new Uint8Array());

const parseMembers = (bytes: Uint8Array) => parseMatlab(bytes, 'X').members;
const array = (bytes: Uint8Array, name = 'x') => parseMembers(bytes).get(name) as ArrayNode;
const values = (node: DataNode | undefined) => [...(node as ArrayNode).read()];

describe('published recordings in MATLAB files', () => {
  it('contain what their descriptions state: 171 units of motor cortex', () => {
    const { members } = parseMatlab(STEVENSON);
    const variable = (name: string) => members.get(name) as ArrayNode;
    expect([...members.keys()]).toEqual(['time', 'spikes', 'handVel', 'handPos']);
    expect(variable('spikes').shape).toEqual([171, 15536]);
    const spikes = variable('spikes').read() as Uint8Array;
    expect(spikes.reduce((sum, count) => sum + count, 0)).toBe(2_352_815);
    expect(spikes.reduce((max, count) => Math.max(max, count), 0)).toBe(26);
    expect(variable('spikes').read(3, 5)).toEqual(spikes.slice(3 * 15536, 5 * 15536));
    const time = values(variable('time')) as number[];
    expect([time[0], time.at(-1)]).toEqual([12.591000000000001, 789.341]);
    expect((variable('handPos').read(2) as Float64Array).every((z) => z === 0)).toBe(true);
    expect(variable('handVel').shape).toEqual([3, 15536]);
  });

  it('contain what their descriptions state: 31 units of 13 tetrodes in nested cells', () => {
    const outer = parseMatlab(NELPY).members.get('spikes') as ListNode;
    const tetrodes = (outer.items[0] as ListNode).items[0] as ListNode;
    expect([outer.shape, tetrodes.shape]).toEqual([
      [1, 1],
      [1, 13],
    ]);
    const units = tetrodes.items
      .flatMap((tetrode) => (tetrode.kind === 'list' ? tetrode.items : []))
      .filter((unit) => unit.kind === 'group')
      .map((unit) => values(unit.members.get('time')) as number[])
      .filter((times) => times.length > 0);
    expect(units.length).toBe(31);
    expect(units.reduce((sum, times) => sum + times.length, 0)).toBe(28_829);
    expect(Math.min(...units.map((times) => times[0]!))).toBeCloseTo(4397, 1);
    expect(Math.max(...units.map((times) => times.at(-1)!))).toBeCloseTo(6365.1, 1);
  });
});

describe.each([true, false])('numbers of a file, little-endian: %s', (little) => {
  const order = new MatlabWriter(little);

  it.each([1, 2, 3, 4, 5, 6, 7, 9, 12, 13])('are read when stored as type %i', (type) => {
    for (const numbers of [[7], [0, 1, 3, 100, 127]]) {
      const file = order.file(order.real(numbers, 'x', [1, numbers.length], type));
      expect(array(file).shape).toEqual([1, numbers.length]);
      expect(values(array(file))).toEqual(numbers);
    }
  });

  it('are the same compressed and uncompressed', () => {
    const variables = [order.real([1, 2, 3], 'x'), order.text('run', 'label')];
    for (const file of [
      order.file(...variables),
      order.file(...variables.map((v) => order.packed(v))),
    ]) {
      expect(values(array(file))).toEqual([1, 2, 3]);
      expect(values(array(file, 'label'))).toEqual(['run']);
    }
  });
});

describe('numbers', () => {
  it('are returned in C order, all of them or by row', () => {
    const matrix = array(w.file(w.real([0, 3, 1, 4, 2, 5], 'x', [2, 3])));
    expect(values(matrix)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...matrix.read(1)]).toEqual([3, 4, 5]);
    expect([...matrix.read(0, 1), ...matrix.read(1, 1)]).toEqual([0, 1, 2]);
    const columnMajor: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) columnMajor.push((i * 3 + j) * 4 + k);
    const cube = array(w.file(w.real(columnMajor, 'x', [2, 3, 4])));
    expect(values(cube)).toEqual(Array.from({ length: 24 }, (_, n) => n));
    expect([...cube.read(1, 2)]).toEqual(Array.from({ length: 12 }, (_, n) => 12 + n));
  });

  it('of 64 bits are exact or rejected', () => {
    expect(values(array(w.file(w.real([2 ** 53 - 1, -5], 'x', [2, 1], 12))))).toEqual([
      2 ** 53 - 1,
      -5,
    ]);
    const node = array(w.file(w.real([2 ** 60], 'x', [1, 1], 13)));
    expect(() => node.read()).toThrow(
      'Variable x of X cannot be read: it contains 1152921504606846976, which is beyond the integers that float64 keeps exactly.',
    );
  });

  it('are 0 and 1 if they are logical', () => {
    const node = array(w.file(w.matrix(9 + 0x200, [1, 3], 'x', w.element(2, [0, 1, 2]))));
    expect(values(node)).toEqual([0, 1, 1]);
  });

  it('of a sparse array include its zeros, also where MATLAB labels logical bytes as doubles', () => {
    // 3 x 2: 5 in row 2 of column 1; 7 and 8 in rows 1 and 3 of column 2.
    const rowsAndStarts = [w.element(5, [1, 0, 2]), w.element(5, [0, 1, 3])];
    const sparse = array(
      w.file(w.matrix(5, [3, 2], 'x', ...rowsAndStarts, w.element(9, [5, 7, 8]))),
    );
    expect(values(sparse)).toEqual([0, 7, 5, 0, 0, 8]);
    expect([...sparse.read(1, 3)]).toEqual([5, 0, 0, 8]);
    const bytes = joinBytes([w.numbers(6, [3 * 65536 + 9]), Uint8Array.of(1, 1, 1, 0)]);
    const logical = array(w.file(w.matrix(5 + 0x200, [3, 2], 'x', ...rowsAndStarts, bytes)));
    expect(values(logical)).toEqual([0, 1, 1, 0, 0, 1]);
  });

  it('of an empty array are none', () => {
    const node = array(w.file(w.real([], 'x', [0, 3])));
    expect(node.shape).toEqual([0, 3]);
    expect(values(node)).toEqual([]);
  });
});

describe('characters', () => {
  it('in a row are one string with its blanks, in every encoding', () => {
    const utf8 = [...new TextEncoder().encode('LM é ')];
    const encodings: [number, number[]][] = [
      [2, characterCodes('LM é ')],
      [4, characterCodes('LM é ')],
      [16, utf8],
      [17, characterCodes('LM é ')],
      [18, characterCodes('LM é ')],
    ];
    for (const order of [w, new MatlabWriter(false)])
      for (const [type, data] of encodings) {
        const node = array(order.file(order.matrix(4, [1, 5], 'x', order.element(type, data))));
        expect([node.type, node.shape, node.read()]).toEqual(['text', [], ['LM é ']]);
      }
  });

  it('in several rows are a string per row, without trailing blanks', () => {
    const columnMajor = characterCodes('adb c ');
    const node = array(w.file(w.matrix(4, [2, 3], 'x', w.element(4, columnMajor))));
    expect([node.shape, node.read(), node.read(1, 2)]).toEqual([[2], ['abc', 'd'], ['d']]);
    // MATLAB counts this character as two, other programs as one.
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

  it('of an empty array are the empty string', () => {
    for (const shape of [
      [0, 0],
      [1, 0],
      [1, 1],
    ]) {
      const node = array(w.file(w.matrix(4, shape, 'x', w.tagged(4, new Uint8Array()))));
      expect([node.shape, node.read()]).toEqual([[], ['']]);
    }
  });
});

describe('cells and structs', () => {
  it('are lists in the order of MATLAB and groups, nested in one another', () => {
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
    expect((cell.items[1] as ListNode).items.map(values)).toEqual([['a'], [4]]);
    expect((cell.items[2] as ArrayNode).shape).toEqual([0, 0]);
    const { members } = cell.items[3] as GroupNode;
    expect([...members].map(([name, node]) => [name, ...values(node)])).toEqual([
      ['st', 2],
      ['id', 3],
    ]);
  });

  it('are lists of groups for an array of structs', () => {
    const fields = [1, 2, 3, 4].map((value) => w.real([value]));
    const structs = w.matrix(2, [2, 1], 'x', w.fields(8, 'time', 'rate'), ...fields);
    const list = parseMembers(w.file(structs)).get('x') as ListNode;
    expect(list.shape).toEqual([2, 1]);
    expect(list.items.map((item) => values((item as GroupNode).members.get('rate')))).toEqual([
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

describe('an array or a file that cannot be read', () => {
  const pair = [w.element(9, [1]), w.element(9, [2])];
  const onlyMatlab = (what: string, instead: string) =>
    `${what}, which only MATLAB can read: save ${instead}`;
  const zeros = [w.element(5, []), w.element(5, [0, 0]), w.element(9, [])];
  it.each<[string, Uint8Array]>([
    [
      'complex numbers: save their real and imaginary parts',
      w.matrix(6 + 0x800, [1, 1], 'x', ...pair),
    ],
    [onlyMatlab('MATLAB strings', 'cellstr(x)'), w.opaque('x', 'string')],
    [onlyMatlab('a table', "table2struct(x, 'ToScalar', true)"), w.opaque('x', 'table')],
    [onlyMatlab('an object of class Session', 'its values in a struct'), w.opaque('x', 'Session')],
    [
      onlyMatlab('an object of class inline', 'its values in a struct'),
      w.matrix(3, [1, 1], 'x', w.element(1, characterCodes('inline'))),
    ],
    ['a function: save the values it returns', w.matrix(16, [1, 1], 'x', EMPTY)],
    [
      'characters along three axes or more: save a cell array of character vectors',
      w.matrix(4, [1, 1, 2], 'x', w.element(4, characterCodes('ab'))),
    ],
    [
      'a sparse array of 1073741824 values with its zeros, which is too many at once: save [row, column, value] = find(x)',
      w.matrix(5, [2 ** 30, 1], 'x', ...zeros),
    ],
  ])('is rejected only when it is read, unlike the rest of the file: %s', (what, variable) => {
    // The last array has no name, as the one in which MATLAB stores the contents of objects.
    const file = w.file(variable, w.real([1], 'y'), w.real([9]));
    expect([...parseMembers(file).keys()]).toEqual(['x', 'y']);
    const node = array(file);
    expect(() => node.read()).toThrow(
      expect.objectContaining({
        name: 'RecordingError',
        message: `Variable x of X cannot be read: it contains ${what}.`,
      }),
    );
    expect(values(array(file, 'y'))).toEqual([1]);
  });

  const file = w.file(w.real([1], 'x'));
  const textFile = (text: string) => Uint8Array.from({ length: 200 }, (_, n) => text.charCodeAt(n));
  const version4 = joinBytes([
    w.numbers(6, [0, 1, 1, 0, 2]),
    Uint8Array.of(120, 0),
    w.numbers(9, [5]),
  ]);
  const expected = `but a MATLAB file of version 5 to 7 was expected, as save(..., '-v7') writes it`;
  let nested = w.real([1]);
  for (let n = 0; n < 101; n++) nested = w.matrix(1, [1, 1], n === 100 ? 'x' : '', nested);
  const damaged = 'The file is damaged: copy it again from its source';
  const cutShort = 'The file is cut short or damaged: copy it again from its source';
  const badZlib = w.file(w.tagged(15, deflateSync(w.real([1], 'x')).fill(7, 12, 20)));
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), `it is empty, ${expected}.`],
    ['version 4', version4, `it is a MATLAB file of version 4, ${expected}.`],
    [
      'version 7.3',
      textFile('MATLAB 7.3 MAT-file'),
      `it is an HDF5 file, as MATLAB 7.3 files are, ${expected}.`,
    ],
    ['another file', textFile('time,neuron'), `it is cut short or not a MATLAB file, ${expected}.`],
    [
      'too few bytes',
      file.slice(0, -4),
      `an element needs 56 bytes, but only 52 are left. ${cutShort}.`,
    ],
    ['bytes that cannot be unpacked', badZlib, `its compressed data cannot be unpacked (`],
    [
      'a shape that is too large',
      w.file(w.real([1], 'x', [2 ** 30, 2 ** 20])),
      `its shape [1073741824, 1048576] needs 1125899906842624 values, but 1 follow. ${damaged}.`,
    ],
    [
      'a cell array whose items are missing',
      w.file(w.matrix(1, [1, 2 ** 30], 'x', EMPTY)),
      `its shape [1, 1073741824] needs 1073741824 elements, but 1 follow. ${damaged}.`,
    ],
    [
      'more structs than fit into memory',
      w.file(w.matrix(2, [2 ** 30, 1], 'x', w.fields(4))),
      `it contains more than 2097152 arrays and names.`,
    ],
    ['cells nested too deep', w.file(nested), 'it is nested more than 100 levels deep.'],
    [
      'a negative axis',
      w.file(w.real([1], 'x', [-1, 1])),
      `it has the invalid shape [-1, 1]. ${damaged}.`,
    ],
    [
      'an unknown element',
      w.file(w.tagged(40, new Uint8Array(8))),
      `it has an element of type 40 where an array should be. ${damaged}.`,
    ],
  ])('is rejected with a sentence: %s', (_, bytes, message) => {
    expect(() => parseMembers(bytes)).toThrow(
      expect.objectContaining({
        name: 'RecordingError',
        message: expect.stringContaining(message),
      }),
    );
    expect(() => parseMembers(bytes)).toThrow(/^(Variable x\S* of )?X cannot be read: .+\.$/);
  });

  it('is a file that ends after its header', () => {
    expect(() => parseMembers(w.file())).toThrow('X contains no variables.');
  });

  it('is distinguished from a file of version 5 to 7 by its header', () => {
    expect(
      [STEVENSON.subarray(0, 128), file, new MatlabWriter(false).file()].map(isMatlab5),
    ).toEqual([true, true, true]);
    const hdf5 = new Uint8Array(520);
    hdf5.set(file.subarray(0, 128));
    hdf5.set(characterCodes('\x89HDF\r\n'), 512);
    const others = [new Uint8Array(), version4, textFile('MATLAB 7.3 MAT-file'), hdf5];
    expect(others.map(isMatlab5)).toEqual([false, false, false, false]);
  });
});

describe('damaged files', () => {
  /** Reads everything in a node; returns how many arrays were rejected. */
  function readAll(node: DataNode): number {
    if (node.kind !== 'array') {
      const inside = node.kind === 'list' ? node.items : [...node.members.values()];
      return inside.reduce((sum, item) => sum + readAll(item), 0);
    }
    try {
      expect(node.read().length).toBe(elementCount(node.shape));
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
    w.matrix(4, [2, 2], 'strings', w.element(16, characterCodes('abcd'))),
    w.real(
      Array.from({ length: 40 }, (_, n) => n / 8),
      'numbers',
      [2, 4, 5],
    ),
    w.real([5, 6], 'integers', [2, 1], 12),
    w.opaque('words', 'string'),
  ];
  /** Files, and how many damaged copies of each are tried; an eighth of them without THOROUGH. */
  const files: [string, Uint8Array, number][] = [
    ['a file of everything', w.file(...everything), 250],
    ['a file of everything, compressed', w.file(...everything.map((v) => w.packed(v))), 100],
    ['a recording in cells', w.file(inflateSync(NELPY.subarray(136))), 40],
    ['a compressed recording', new Uint8Array(STEVENSON), 10],
  ];

  it.each(files)(
    'are read completely or rejected with a sentence, within a second: %s',
    (_, original, count) => {
      const random = new HostRandom(11);
      const copies = THOROUGH ? count : Math.ceil(count / 8);
      let rejected = 0;
      for (let n = 0; n < copies; n++) {
        const bytes = damage(original, random);
        const start = process.cpuUsage().user;
        try {
          rejected += Math.min(1, readAll(parseMatlab(bytes)));
        } catch (error) {
          expect((error as Error).name, `copy ${n}: ${(error as Error).stack}`).toBe(
            'RecordingError',
          );
          rejected += 1;
        }
        expect(process.cpuUsage().user - start, `copy ${n}`).toBeLessThan(1e6);
      }
      expect(rejected).toBeGreaterThan(copies / 4);
    },
  );
});
