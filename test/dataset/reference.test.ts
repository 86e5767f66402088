import { describe, expect, it } from 'vitest';
import { findNodes, parseReference, readValues } from '../../src/dataset/reference.js';
import type { ArrayNode, DataNode, GroupNode } from '../../src/formats/nodes.js';

/** An array of 0, 1, 2 and so on in C order, which records the ranges of rows that are read. */
function countingArray(shape: readonly number[], reads: [number, number][] = []): ArrayNode {
  const rowLength = shape.slice(1).reduce((product, n) => product * n, 1);
  return {
    kind: 'array',
    type: 'number',
    shape,
    attributes: {},
    read(from = 0, to = shape[0] ?? 1) {
      reads.push([from, to]);
      const length = (to - from) * rowLength;
      return Float64Array.from({ length }, (_, n) => from * rowLength + n);
    },
  };
}

function group(members: Readonly<Record<string, DataNode>>): GroupNode {
  return { kind: 'group', members: new Map(Object.entries(members)), attributes: {} };
}

/** What an index such as `[:,1]` selects of a counting array. */
function select(arrayShape: readonly number[], indexText: string) {
  const { index } = parseReference(`f#x${indexText}`);
  const { data, shape } = readValues(countingArray(arrayShape), index, 'f#x');
  return { data: [...data], shape };
}

describe('a reference', () => {
  it('names a file, a path in it and an index of the array there', () => {
    expect(parseReference('a.npy')).toEqual({ file: 'a.npy', path: [], index: undefined });
    expect(parseReference('a.npy[:,1]')).toEqual({
      file: 'a.npy',
      path: [],
      index: [{ from: 0, to: undefined }, 1],
      literalPath: ['[:,1]'],
    });
    expect(parseReference('b c.nwb#processing/Tracked 2D [cm]/data[:, 1]')).toEqual({
      file: 'b c.nwb',
      path: ['processing', 'Tracked 2D [cm]', 'data'],
      index: [{ from: 0, to: undefined }, 1],
      literalPath: ['processing', 'Tracked 2D [cm]', 'data[:, 1]'],
    });
  });

  it.each([
    ['mouse#3.npy', 'mouse#3.npy', []],
    ['mouse#3.nwb#units/id', 'mouse#3.nwb', ['units', 'id']],
    ['#1/a.CSV#x.csv', '#1/a.CSV', ['x.csv']],
    ['a.mat.h5#x#y', 'a.mat.h5', ['x#y']],
    ['spikes#times', 'spikes', ['times']],
  ])('%s names the file %s', (text, file, path) => {
    expect(parseReference(text)).toEqual({ file, path, index: undefined });
  });

  it.each(['[a:]', '[]', '[1:2:3]'])(
    'that ends with %s is rejected, unless that is part of a name',
    (text) => {
      const parse = () => parseReference(`f#x${text}`);
      if (text === '[a:]') expect(parse().path).toEqual(['x[a:]']);
      else expect(parse).toThrow('is not an index; write indices from 0');
    },
  );

  it('selects rows, columns and ranges as NumPy does', () => {
    expect(select([3, 2], '[:,1]')).toEqual({ data: [1, 3, 5], shape: [3] });
    expect(select([3, 2], '[1,:]')).toEqual({ data: [2, 3], shape: [2] });
    expect(select([3, 2], '[1:,0]')).toEqual({ data: [2, 4], shape: [2] });
    expect(select([2, 3, 2], '[:,1:3,1]')).toEqual({ data: [3, 5, 9, 11], shape: [2, 2] });
    expect(select([4], '[1:3]')).toEqual({ data: [1, 2], shape: [2] });
    expect(select([3, 2], '[2:2,0]')).toEqual({ data: [], shape: [0] });
  });

  it('needs no item for an axis of length 1', () => {
    expect(select([5, 1], '[1:]')).toEqual({ data: [1, 2, 3, 4], shape: [4] });
    expect(select([1, 5], '[1:]')).toEqual({ data: [1, 2, 3, 4], shape: [4] });
  });

  it('reads only the rows it selects, and wide arrays in chunks', () => {
    const reads: [number, number][] = [];
    const { index } = parseReference('f#x[10:20,0]');
    readValues(countingArray([1000, 4], reads), index, 'f#x');
    expect(reads).toEqual([[10, 20]]);
    reads.length = 0;
    const { index: column } = parseReference('f#x[:,7]');
    const { data } = readValues(countingArray([40, 2 ** 17], reads), column, 'f#x');
    expect(reads).toEqual([
      [0, 16],
      [16, 32],
      [32, 40],
    ]);
    expect([...data.slice(0, 2)]).toEqual([7, 2 ** 17 + 7]);
  });

  it.each([
    ['[:,2]', 'f#x: index 2 is outside axis 1, which has length 2; indices start at 0.'],
    ['[0:9,0]', 'f#x: range 0:9 is outside axis 0, which has length 3; indices start at 0.'],
    ['[0]', 'f#x has shape [3, 2], but its index has 1 item: give one item per axis.'],
  ])('with index %s of three rows and two columns is rejected', (text, message) => {
    expect(() => select([3, 2], text)).toThrow(message);
  });
});

describe('a path', () => {
  const [a, b, c] = [countingArray([1]), countingArray([2]), countingArray([3])];
  const root = group({
    cells: {
      kind: 'list',
      shape: [2, 2],
      items: [group({ x: a }), countingArray([0]), group({ x: b }), group({ x: c })],
    },
    unit_10: a,
    unit_9: b,
    other: c,
  });

  it('leads through groups and lists, by index or by row and column', () => {
    expect(findNodes(root, ['cells', '2', 'x'])).toEqual([b]);
    // Items are in column-major order: row 1, column 1 is the fourth.
    expect(findNodes(root, ['cells', '1,1', 'x'])).toEqual([c]);
    expect(findNodes(root, ['cells', '7', 'x'])).toEqual([undefined]);
    expect(findNodes(root, ['none'])).toEqual([undefined]);
  });

  it('may contain a name with a slash in it', () => {
    const table = group({ 'speed (cm/s)': a, speed: b });
    expect(findNodes(table, ['speed (cm', 's)'])).toEqual([a]);
  });

  it('with a row that a list lacks leads nowhere', () => {
    expect(findNodes(root, ['cells', '3,0', 'x'])).toEqual([undefined]);
  });

  it('with a star leads to every item, and to undefined for items that lack the rest', () => {
    expect(findNodes(root, ['cells', '*', 'x'])).toEqual([a, undefined, b, c]);
  });

  it('with a star in a name leads to members in the order of their numbers', () => {
    expect(findNodes(root, ['unit_*'])).toEqual([b, a]);
  });
});
