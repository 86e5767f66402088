import type { Dataset, File, Group, GuessableDataTypes } from 'h5wasm/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArrayNode, GroupNode, ListNode } from '../../../src/formats/nodes.js';
import { arrayAt, errorMessage, Hdf5Files, nodeAt } from '../../helpers/hdf5.js';

let files: Hdf5Files;

beforeAll(async () => {
  files = await Hdf5Files.create();
});

afterAll(() => files.remove());

/** Writes variables as MATLAB 7.3 does: with reversed axes and the attribute of a class. */
class MatlabWriter {
  readonly #root: File;
  #itemCount = 0;

  constructor(root: File) {
    this.#root = root;
    root.create_group('#refs#');
  }

  /** @param data in MATLAB's order, column by column. */
  numbers(
    parent: Group,
    name: string,
    data: GuessableDataTypes,
    shape: number[],
    className = 'double',
  ) {
    const dataset = parent.create_dataset({ name, data, shape: [...shape].reverse() });
    return this.setClass(dataset, className);
  }

  text(parent: Group, name: string, text: string, shape = [1, text.length]) {
    const codes = Uint16Array.from(text, (character) => character.charCodeAt(0));
    return this.numbers(parent, name, codes, shape, 'char');
  }

  empty(parent: Group, name: string, shape: number[], className: string) {
    const dataset = parent.create_dataset({ name, data: BigUint64Array.from(shape, BigInt) });
    dataset.create_attribute('MATLAB_empty', 1, [], '<B');
    return this.setClass(dataset, className);
  }

  /**
   * A cell array, or a field of an array of structs, which has no class.
   *
   * @param items functions that write each item.
   */
  cell(
    parent: Group,
    name: string,
    items: ((refs: Group, name: string) => Dataset)[],
    shape: number[],
    className?: string,
  ) {
    const refs = this.#root.get('#refs#') as Group;
    const data = items.map((item) => item(refs, `${this.#itemCount++}`).create_reference());
    const dataset = parent.create_dataset({ name, data, shape: [...shape].reverse() });
    return className === undefined ? dataset : this.setClass(dataset, className);
  }

  setClass<T extends Dataset | Group>(object: T, className: string): T {
    object.create_attribute('MATLAB_class', className, [], `A${className.length}`);
    return object;
  }
}

describe('a MATLAB 7.3 file', () => {
  function writeAndOpen(write: (to: MatlabWriter, root: File) => void): GroupNode {
    const bytes = files.written((root) => write(new MatlabWriter(root), root));
    // MATLAB's header precedes the HDF5 file.
    const header = Buffer.alloc(512);
    header.write('MATLAB 7.3 MAT-file');
    return files.open(Buffer.concat([header, bytes]));
  }

  it('returns arrays in MATLAB’s shape, in C order, all of them or by row', () => {
    const root = writeAndOpen((to, f) => {
      to.numbers(f, 'x', Float64Array.of(1, 4, 2, 5, 3, 6), [2, 3]);
      to.numbers(f, 'flags', Uint8Array.of(1, 0, 1), [3, 1], 'logical');
      const cube = Int16Array.from({ length: 24 }, (_, n) => n);
      to.numbers(f, 'cube', cube, [2, 3, 4], 'int16');
    });
    expect([...root.members.keys()]).toEqual(['cube', 'flags', 'x']);
    expect(arrayAt(root, 'x').shape).toEqual([2, 3]);
    expect([...arrayAt(root, 'x').read()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...arrayAt(root, 'x').read(1, 2)]).toEqual([4, 5, 6]);
    expect(arrayAt(root, 'flags').read()).toEqual(Uint8Array.of(1, 0, 1));
    const cube = [];
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) cube.push(i + 2 * (j + 3 * k));
    expect(arrayAt(root, 'cube').read()).toEqual(Int16Array.from(cube));
    expect([...arrayAt(root, 'cube').read(1)]).toEqual(cube.slice(12));
  });

  it('returns a row of characters as one string, and a matrix of characters as a string per row', () => {
    const root = writeAndOpen((to, f) => {
      to.text(f, 'name', 'Größe');
      to.text(f, 'rows', 'axby c', [2, 3]);
      to.empty(f, 'none', [0, 0], 'char');
    });
    expect([arrayAt(root, 'name').shape, arrayAt(root, 'name').read()]).toEqual([[], ['Größe']]);
    expect([arrayAt(root, 'rows').shape, arrayAt(root, 'rows').read()]).toEqual([
      [2],
      ['ab', 'xyc'],
    ]);
    expect(arrayAt(root, 'rows').read(1, 2)).toEqual(['xyc']);
    expect([arrayAt(root, 'none').shape, arrayAt(root, 'none').read()]).toEqual([[], ['']]);
  });

  it('returns cells as lists, also nested ones, and empty arrays of any class', () => {
    const root = writeAndOpen((to, f) => {
      const number = (x: number) => (refs: Group, name: string) =>
        to.numbers(refs, name, Float64Array.of(x), [1, 1]);
      const inner = (refs: Group, name: string) =>
        to.cell(refs, name, [number(9), (s, n) => to.text(s, n, 'deep')], [1, 2], 'cell');
      to.cell(f, 'spikes', [number(1), number(2), number(3), inner], [2, 2], 'cell');
      to.empty(f, 'nothing', [0, 3], 'double');
      to.empty(f, 'cells', [0, 0], 'cell');
    });
    const spikes = nodeAt(root, 'spikes') as ListNode;
    expect([spikes.kind, spikes.shape]).toEqual(['list', [2, 2]]);
    expect(spikes.items.slice(0, 3).map((item) => [...(item as ArrayNode).read()])).toEqual([
      [1],
      [2],
      [3],
    ]);
    expect(arrayAt(root, 'spikes/3/1').read()).toEqual(['deep']);
    expect([arrayAt(root, 'nothing').shape, [...arrayAt(root, 'nothing').read()]]).toEqual([
      [0, 3],
      [],
    ]);
    expect(nodeAt(root, 'cells')).toMatchObject({ kind: 'list', shape: [0, 0], items: [] });
  });

  it('returns structs as groups, and arrays of structs as lists of groups', () => {
    const root = writeAndOpen((to, f) => {
      const session = to.setClass(f.create_group('session'), 'struct');
      to.text(session, 'animal', 'm1');
      to.numbers(to.setClass(session.create_group('rig'), 'struct'), 'rate', [30], [1, 1]);
      const unit = to.setClass(f.create_group('unit'), 'struct');
      const ids = [5, 6, 7].map(
        (id) => (refs: Group, name: string) => to.numbers(refs, name, [id], [1, 1]),
      );
      const names = ['a', 'b', 'c'].map(
        (text) => (refs: Group, name: string) => to.text(refs, name, text),
      );
      to.cell(unit, 'id', ids, [1, 3]);
      to.cell(unit, 'label', names, [1, 3]);
    });
    expect(arrayAt(root, 'session/animal').read()).toEqual(['m1']);
    expect([...arrayAt(root, 'session/rig/rate').read()]).toEqual([30]);
    const units = nodeAt(root, 'unit') as ListNode;
    expect([units.kind, units.shape]).toEqual(['list', [1, 3]]);
    expect([...arrayAt(units, '2/id').read()]).toEqual([7]);
    expect(arrayAt(units, '1/label').read()).toEqual(['b']);
  });

  it('returns a sparse array with its zeros', () => {
    const root = writeAndOpen((to, f) => {
      const sparse = to.setClass(f.create_group('s'), 'double');
      sparse.create_attribute('MATLAB_sparse', [4], []);
      sparse.create_dataset({ name: 'data', data: Float64Array.of(1, 2, 5, 9) });
      sparse.create_dataset({ name: 'ir', data: BigUint64Array.of(1n, 3n, 0n, 3n) });
      sparse.create_dataset({ name: 'jc', data: BigUint64Array.of(0n, 2n, 3n, 4n) });
      to.numbers(f, 'x', [1], [1, 1]);
    });
    expect(arrayAt(root, 's').shape).toEqual([4, 3]);
    expect([...arrayAt(root, 's').read()]).toEqual([0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0, 9]);
    expect([...arrayAt(root, 's').read(3)]).toEqual([2, 0, 9]);
  });

  it('rejects what only MATLAB can read, and names its class', () => {
    const root = writeAndOpen((to, f) => {
      const table = to.numbers(f, 'trials', Uint32Array.of(1, 2, 3), [1, 3], 'table');
      table.create_attribute('MATLAB_object_decode', 3, []);
      to.setClass(
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
    expect(errorMessage(() => arrayAt(root, 'trials').read())).toBe(
      'Variable trials of X cannot be read: it contains an object of class table, which only MATLAB can read: save its values as arrays, cells or structs.',
    );
    expect(errorMessage(() => arrayAt(root, 'z').read())).toBe(
      'Variable z of X cannot be read: it contains complex numbers: save their real and imaginary parts.',
    );
  });
});
