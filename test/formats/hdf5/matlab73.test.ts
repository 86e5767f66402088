import type { Dataset, File, Group, GuessableDataTypes } from 'h5wasm/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArrayNode, GroupNode, ListNode } from '../../../src/formats/nodes.js';
import { array, at, complaint, Hdf5Files } from '../../helpers/hdf5.js';

let files: Hdf5Files;

beforeAll(async () => {
  files = await Hdf5Files.create();
});

afterAll(() => files.remove());

/** Writes values as MATLAB's version 7.3 does: axes in reverse, a class for each. */
class Matlab {
  readonly #root: File;
  #stored = 0;

  constructor(root: File) {
    this.#root = root;
    root.create_group('#refs#');
  }

  /** @param data in MATLAB's order, columns one after the other. */
  numbers(into: Group, name: string, data: GuessableDataTypes, shape: number[], of = 'double') {
    const found = into.create_dataset({ name, data, shape: [...shape].reverse() });
    return this.classed(found, of);
  }

  text(into: Group, name: string, letters: string, shape = [1, letters.length]) {
    const codes = Uint16Array.from(letters, (letter) => letter.charCodeAt(0));
    return this.numbers(into, name, codes, shape, 'char');
  }

  empty(into: Group, name: string, shape: number[], of: string) {
    const found = into.create_dataset({ name, data: BigUint64Array.from(shape, BigInt) });
    found.create_attribute('MATLAB_empty', 1, [], '<B');
    return this.classed(found, of);
  }

  /** A cell, or a field of an array of structs, of what is written by each of these. */
  cell(
    into: Group,
    name: string,
    items: ((store: Group, name: string) => Dataset)[],
    shape: number[],
    of?: string,
  ) {
    const store = this.#root.get('#refs#') as Group;
    const data = items.map((item) => item(store, `${this.#stored++}`).create_reference());
    const found = into.create_dataset({ name, data, shape: [...shape].reverse() });
    return of === undefined ? found : this.classed(found, of);
  }

  classed<T extends Dataset | Group>(found: T, of: string): T {
    found.create_attribute('MATLAB_class', of, [], `A${of.length}`);
    return found;
  }
}

describe('a MATLAB 7.3 file', () => {
  function matlab(write: (to: Matlab, root: File) => void): GroupNode {
    const bytes = files.written((root) => write(new Matlab(root), root));
    // MATLAB's own header stands before all the rest.
    const header = Buffer.alloc(512);
    header.write('MATLAB 7.3 MAT-file');
    return files.open(Buffer.concat([header, bytes]));
  }

  it('gives arrays in the shape MATLAB shows, in C order, by range of its rows', () => {
    const root = matlab((to, f) => {
      to.numbers(f, 'x', Float64Array.of(1, 4, 2, 5, 3, 6), [2, 3]);
      to.numbers(f, 'flags', Uint8Array.of(1, 0, 1), [3, 1], 'logical');
      const cube = Int16Array.from({ length: 24 }, (_, n) => n);
      to.numbers(f, 'cube', cube, [2, 3, 4], 'int16');
    });
    expect([...root.members.keys()]).toEqual(['cube', 'flags', 'x']);
    expect(array(root, 'x').shape).toEqual([2, 3]);
    expect([...array(root, 'x').read()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...array(root, 'x').read(1, 2)]).toEqual([4, 5, 6]);
    expect(array(root, 'flags').read()).toEqual(Uint8Array.of(1, 0, 1));
    const cube = [];
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) cube.push(i + 2 * (j + 3 * k));
    expect(array(root, 'cube').read()).toEqual(Int16Array.from(cube));
    expect([...array(root, 'cube').read(1)]).toEqual(cube.slice(12));
  });

  it('gives a row of letters as one text, and a matrix of letters a text per row', () => {
    const root = matlab((to, f) => {
      to.text(f, 'name', 'Größe');
      to.text(f, 'rows', 'axby c', [2, 3]);
      to.empty(f, 'none', [0, 0], 'char');
    });
    expect([array(root, 'name').shape, array(root, 'name').read()]).toEqual([[], ['Größe']]);
    expect([array(root, 'rows').shape, array(root, 'rows').read()]).toEqual([[2], ['ab', 'xyc']]);
    expect(array(root, 'rows').read(1, 2)).toEqual(['xyc']);
    expect([array(root, 'none').shape, array(root, 'none').read()]).toEqual([[], ['']]);
  });

  it('gives cells as lists, also within cells, and the empty of any kind', () => {
    const root = matlab((to, f) => {
      const number = (x: number) => (store: Group, name: string) =>
        to.numbers(store, name, Float64Array.of(x), [1, 1]);
      const inner = (store: Group, name: string) =>
        to.cell(store, name, [number(9), (s, n) => to.text(s, n, 'deep')], [1, 2], 'cell');
      to.cell(f, 'spikes', [number(1), number(2), number(3), inner], [2, 2], 'cell');
      to.empty(f, 'nothing', [0, 3], 'double');
      to.empty(f, 'cells', [0, 0], 'cell');
    });
    const spikes = at(root, 'spikes') as ListNode;
    expect([spikes.kind, spikes.shape]).toEqual(['list', [2, 2]]);
    expect(spikes.items.slice(0, 3).map((item) => [...(item as ArrayNode).read()])).toEqual([
      [1],
      [2],
      [3],
    ]);
    expect(array(root, 'spikes/3/1').read()).toEqual(['deep']);
    expect([array(root, 'nothing').shape, [...array(root, 'nothing').read()]]).toEqual([
      [0, 3],
      [],
    ]);
    expect(at(root, 'cells')).toMatchObject({ kind: 'list', shape: [0, 0], items: [] });
  });

  it('gives structs as groups, and arrays of structs as lists of them', () => {
    const root = matlab((to, f) => {
      const one = to.classed(f.create_group('session'), 'struct');
      to.text(one, 'animal', 'm1');
      to.numbers(to.classed(one.create_group('rig'), 'struct'), 'rate', [30], [1, 1]);
      const many = to.classed(f.create_group('unit'), 'struct');
      const ids = [5, 6, 7].map(
        (id) => (store: Group, name: string) => to.numbers(store, name, [id], [1, 1]),
      );
      const names = ['a', 'b', 'c'].map(
        (text) => (store: Group, name: string) => to.text(store, name, text),
      );
      to.cell(many, 'id', ids, [1, 3]);
      to.cell(many, 'label', names, [1, 3]);
    });
    expect(array(root, 'session/animal').read()).toEqual(['m1']);
    expect([...array(root, 'session/rig/rate').read()]).toEqual([30]);
    const units = at(root, 'unit') as ListNode;
    expect([units.kind, units.shape]).toEqual(['list', [1, 3]]);
    expect([...array(units, '2/id').read()]).toEqual([7]);
    expect(array(units, '1/label').read()).toEqual(['b']);
  });

  it('gives a sparse array with its zeros', () => {
    const root = matlab((to, f) => {
      const sparse = to.classed(f.create_group('s'), 'double');
      sparse.create_attribute('MATLAB_sparse', [4], []);
      sparse.create_dataset({ name: 'data', data: Float64Array.of(1, 2, 5, 9) });
      sparse.create_dataset({ name: 'ir', data: BigUint64Array.of(1n, 3n, 0n, 3n) });
      sparse.create_dataset({ name: 'jc', data: BigUint64Array.of(0n, 2n, 3n, 4n) });
      to.numbers(f, 'x', [1], [1, 1]);
    });
    expect(array(root, 's').shape).toEqual([4, 3]);
    expect([...array(root, 's').read()]).toEqual([0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0, 9]);
    expect([...array(root, 's').read(3)]).toEqual([2, 0, 9]);
  });

  it('refuses what only MATLAB can read, by its name there', () => {
    const root = matlab((to, f) => {
      const table = to.numbers(f, 'trials', Uint32Array.of(1, 2, 3), [1, 3], 'table');
      table.create_attribute('MATLAB_object_decode', 3, []);
      to.classed(
        f.create_dataset({
          name: 'z',
          data: new Map<string, GuessableDataTypes>([
            ['real', [1.5]],
            ['imag', [2.5]],
          ]),
        }),
        'double',
      );
    });
    expect(complaint(() => array(root, 'trials').read())).toBe(
      'Variable trials of X cannot be read: it holds an object of class table, which only MATLAB can read: save its values as arrays, cells or structs.',
    );
    expect(complaint(() => array(root, 'z').read())).toBe(
      'Variable z of X cannot be read: it holds complex numbers: save their parts.',
    );
  });
});
