import { describe, expect, it } from 'vitest';
import { find, parseReference, readValues } from '../../src/dataset/reference.js';
import type { ArrayNode, DataNode, GroupNode } from '../../src/formats/nodes.js';

/** An array of 0, 1, 2 and so on, that remembers which places of it were read. */
function counted(shape: readonly number[], reads: [number, number][] = []): ArrayNode {
  const each = shape.slice(1).reduce((product, n) => product * n, 1);
  return {
    kind: 'array',
    type: 'number',
    shape,
    attributes: {},
    read(from = 0, to = shape[0] ?? 1) {
      reads.push([from, to]);
      return Float64Array.from({ length: (to - from) * each }, (_, n) => from * each + n);
    },
  };
}

function group(members: Readonly<Record<string, DataNode>>): GroupNode {
  return { kind: 'group', members: new Map(Object.entries(members)), attributes: {} };
}

function picked(shape: readonly number[], text: string) {
  const { index } = parseReference(`f#x${text}`);
  const { data, shape: found } = readValues(counted(shape), index, 'f#x');
  return { data: [...data], shape: found };
}

describe('a reference', () => {
  it('names a file, a path in it and a piece of what is there', () => {
    expect(parseReference('a.npy')).toEqual({ file: 'a.npy', path: [], index: undefined });
    expect(parseReference('a.npy[:,1]')).toEqual({
      file: 'a.npy',
      path: [],
      index: [{ from: 0, to: undefined }, 1],
    });
    expect(parseReference('b c.nwb#processing/Tracked 2D [cm]/data[:, 1]')).toEqual({
      file: 'b c.nwb',
      path: ['processing', 'Tracked 2D [cm]', 'data'],
      index: [{ from: 0, to: undefined }, 1],
    });
  });

  it.each([
    ['mouse#3.npy', 'mouse#3.npy', []],
    ['mouse#3.nwb#units/id', 'mouse#3.nwb', ['units', 'id']],
    ['#1/a.CSV#x.csv', '#1/a.CSV', ['x.csv']],
    ['a.mat.h5#x#y', 'a.mat.h5', ['x#y']],
    ['spikes#times', 'spikes', ['times']],
  ])('%s is of the file %s', (text, file, path) => {
    expect(parseReference(text)).toEqual({ file, path, index: undefined });
  });

  it.each(['[a:]', '[]', '[1:2:3]'])(
    'whose index is %s is refused or is part of a name',
    (text) => {
      const read = () => parseReference(`f#x${text}`);
      if (text === '[a:]') expect(read().path).toEqual(['x[a:]']);
      else expect(read).toThrow('should be places from 0');
    },
  );

  it('picks rows, columns and stretches as NumPy does', () => {
    expect(picked([3, 2], '[:,1]')).toEqual({ data: [1, 3, 5], shape: [3] });
    expect(picked([3, 2], '[1,:]')).toEqual({ data: [2, 3], shape: [2] });
    expect(picked([3, 2], '[1:,0]')).toEqual({ data: [2, 4], shape: [2] });
    expect(picked([2, 3, 2], '[:,1:3,1]')).toEqual({ data: [3, 5, 9, 11], shape: [2, 2] });
    expect(picked([4], '[1:3]')).toEqual({ data: [1, 2], shape: [2] });
    expect(picked([3, 2], '[2:2,0]')).toEqual({ data: [], shape: [0] });
  });

  it('needs no item for an axis of length 1', () => {
    expect(picked([5, 1], '[1:]')).toEqual({ data: [1, 2, 3, 4], shape: [4] });
    expect(picked([1, 5], '[1:]')).toEqual({ data: [1, 2, 3, 4], shape: [4] });
  });

  it('reads no more of an array than it picks, and wide arrays in pieces', () => {
    const reads: [number, number][] = [];
    const { index } = parseReference('f#x[10:20,0]');
    readValues(counted([1000, 4], reads), index, 'f#x');
    expect(reads).toEqual([[10, 20]]);
    reads.length = 0;
    const wide = parseReference('f#x[:,7]').index;
    const { data } = readValues(counted([40, 2 ** 17], reads), wide, 'f#x');
    expect(reads).toEqual([
      [0, 16],
      [16, 32],
      [32, 40],
    ]);
    expect([...data.slice(0, 2)]).toEqual([7, 2 ** 17 + 7]);
  });

  it.each([
    ['[:,2]', 'f#x has 2 places along axis 1, numbered from 0: there is no 2.'],
    ['[0:9,0]', 'f#x has 3 places along axis 0, numbered from 0: there is no 0:9.'],
    ['[0]', 'f#x has the axes [3, 2], but its index has 1 item: give one for each axis.'],
  ])('%s of three rows and two columns is refused', (text, message) => {
    expect(() => picked([3, 2], text)).toThrow(message);
  });
});

describe('a path', () => {
  const [a, b, c] = [counted([1]), counted([2]), counted([3])];
  const root = group({
    cells: {
      kind: 'list',
      shape: [2, 2],
      items: [group({ x: a }), counted([0]), group({ x: b }), group({ x: c })],
    },
    unit_10: a,
    unit_9: b,
    other: c,
  });

  it('leads through groups and lists, by number or by row and column', () => {
    expect(find(root, ['cells', '2', 'x'])).toEqual([b]);
    // Columns come one after the other: row 1, column 1 is the fourth.
    expect(find(root, ['cells', '1,1', 'x'])).toEqual([c]);
    expect(find(root, ['cells', '7', 'x'])).toEqual([undefined]);
    expect(find(root, ['none'])).toEqual([undefined]);
  });

  it('leads to a name with a slash in it', () => {
    const table = group({ 'speed (cm/s)': a, speed: b });
    expect(find(table, ['speed (cm', 's)'])).toEqual([a]);
  });

  it('past the rows of a list leads nowhere', () => {
    expect(find(root, ['cells', '3,0', 'x'])).toEqual([undefined]);
  });

  it('with a star leads to all, and says what has none', () => {
    expect(find(root, ['cells', '*', 'x'])).toEqual([a, undefined, b, c]);
  });

  it('with a star in a name goes in the order of its numbers', () => {
    expect(find(root, ['unit_*'])).toEqual([b, a]);
  });
});
