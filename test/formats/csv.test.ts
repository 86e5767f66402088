import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/formats/csv.js';
import type { ArrayNode } from '../../src/formats/nodes.js';
import { toCsv } from '../../src/text/table.js';

/** A table named T. */
function parseText(text: string) {
  return parseCsv(new TextEncoder().encode(text), 'T');
}

/** The columns of a table named T. */
function columns(text: string) {
  const { members } = parseText(text);
  return Object.fromEntries(
    [...members].map(([name, node]) => [name, [...(node as ArrayNode).read()]]),
  );
}

describe('parseCsv', () => {
  it('gives numbers and strings by the names of the columns', () => {
    expect(columns('neuron,time\na,0.5\nb,1e-3\n')).toEqual({
      neuron: ['a', 'b'],
      time: [0.5, 0.001],
    });
  });

  it('numbers the columns of a table without names', () => {
    expect(columns('0,0.5\n1,0.25')).toEqual({ column0: [0, 1], column1: [0.5, 0.25] });
  });

  it('recognizes the unnamed index and numbered columns that pandas writes', () => {
    expect(columns(',0,1\n0,1.5,7\n1,1.6,8\n')).toEqual({
      column0: [0, 1],
      0: [1.5, 1.6],
      1: [7, 8],
    });
  });

  it('keeps integers that float64 would round as strings', () => {
    const ids = ['864691135212345679', '864691135212345680'];
    expect(columns(`id,size\n${ids[0]},1e300\n${ids[1]},9007199254740991\n`)).toEqual({
      id: ids,
      size: [1e300, 9007199254740991],
    });
  });

  it.each([
    ['semicolons', 'a;b\n1;2\n'],
    ['spaces', '  a    b\n  1    2\n'],
    ['tabs', 'a\tb\r\n1\t2\r\n'],
    ['a byte order mark and blanks', '\uFEFFa , b\n1 , 2\n\n'],
    ['a comment at its beginning', '# made by hand\na,b\n1,2'],
    ['quotes', '"a","b"\n"1",2'],
  ])('reads a table with %s', (_, text) => {
    expect(columns(text)).toEqual({ a: [1], b: [2] });
  });

  it('accepts decimal commas only between semicolons', () => {
    expect(columns('time;neuron\n0,5;1\n-1,25e-1;2\n3;3')).toEqual({
      time: [0.5, -0.125, 3],
      neuron: [1, 2, 3],
    });
    expect(columns('time\tneuron\n1,250\t1')).toEqual({ time: ['1,250'], neuron: [1] });
  });

  it('allows spaces in the name of a single column', () => {
    expect(columns('spike time\n0.5\n0.75')).toEqual({ 'spike time': [0.5, 0.75] });
  });

  it('keeps what follows a # within a field', () => {
    expect(columns('a,b\nx#1,2')).toEqual({ a: ['x#1'], b: [2] });
  });

  it('reads a missing number as NaN', () => {
    expect(columns('a,b\n1,\n,nan\n')).toEqual({ a: [1, Number.NaN], b: [Number.NaN, Number.NaN] });
  });

  it('renames a column whose name is repeated', () => {
    expect(columns('a,a\n1,2')).toEqual({ a: [1], column1: [2] });
  });

  it.each([
    [
      'with rows of different length',
      'a,b\n1,2\n3',
      'T cannot be read: it is not a complete table',
    ],
    [
      'with a quote that does not end',
      'a,b\n"1,2\n',
      'T cannot be read: it is not a complete table',
    ],
    ['that is empty', '', 'T cannot be read: it is empty.'],
    [
      'of bytes that are not text',
      'a\0b',
      'T cannot be read: it contains bytes that are not text.',
    ],
  ])('rejects a table %s', (_, text, message) => {
    expect(() => columns(text)).toThrow(message);
  });

  describe('with several rows above its numbers', () => {
    const rows = (line: (n: number) => string) =>
      Array.from({ length: 30 }, (_, n) => line(n)).join('\n');

    it('has units, as attributes', () => {
      const text = `time,speed,state\n(s),cm/s,-\n${rows((n) => `${n / 10},${n},run`)}\n`;
      const { members } = parseText(text);
      expect([...members.keys()]).toEqual(['time', 'speed', 'state']);
      expect(members.get('speed')).toMatchObject({ type: 'number', attributes: { unit: 'cm/s' } });
      expect(members.get('state')).toMatchObject({ type: 'text', attributes: {} });
    });

    it('has names of several parts, without those that all columns share', () => {
      const text = `scorer,DLC,DLC,DLC\nbodyparts,nose,nose,tail\ncoords,x,y,x\n${rows((n) => `${n},${n * 2},${n * 3},${n * 4}`)}\n`;
      const { members } = parseText(text);
      expect([...members.keys()]).toEqual(['bodyparts_coords', 'nose_x', 'nose_y', 'tail_x']);
      expect(members.get('nose_y')).toMatchObject({ type: 'number', shape: [30] });
    });

    it('keeps a first row of texts, where columns are texts', () => {
      const text = `name,kind\na,b\n${rows((n) => `n${n},k${n}`)}\n`;
      expect(parseText(text).members.get('name')).toMatchObject({ type: 'text', shape: [31] });
    });
  });

  it('names the line of the only field of a column that is no number', () => {
    const lines = Array.from({ length: 40 }, (_, n) => `${n},${n === 7 ? '3.5e' : n}`);
    const text = `# tracking\ntime,speed\n${lines.join('\n')}\n`;
    const speed = parseText(text).members.get('speed');
    expect(speed).toMatchObject({ type: 'number' });
    expect(() => (speed as ArrayNode).read()).toThrow(
      'line 10: the column speed has "3.5e", but numbers elsewhere (1 of 40 fields are none): correct it, or leave the field empty.',
    );
  });

  it('reads back what is written, whatever the names and the texts', () => {
    const names = [
      'a,b',
      'x"y"',
      'a\ttab',
      'semi;colon',
      'line\nbreak',
      'carriage\rreturn',
      ' space ',
      '#hash',
      '速度',
      '__proto__',
      'toString',
    ];
    const row = (text: string) => Object.fromEntries(names.map((name) => [name, text + name]));
    for (const order of [names, [...names].reverse()]) {
      const rows = ['', 'v', '#'].map((text) =>
        Object.fromEntries(order.map((name) => [name, row(text)[name]])),
      );
      const { members } = parseText(toCsv(rows));
      expect([...members.keys()]).toEqual(order);
      for (const name of order)
        expect([...(members.get(name) as ArrayNode).read()]).toEqual(rows.map((r) => r[name]));
    }
  });
});
