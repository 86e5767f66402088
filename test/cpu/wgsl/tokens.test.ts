import { describe, expect, it } from 'vitest';
import { tokenize } from '../../../src/cpu/wgsl/parse/tokens.js';

/** The texts of the tokens, without the end token. */
function texts(text: string): string[] {
  return tokenize(text)
    .slice(0, -1)
    .map((token) => token.text);
}

function kinds(text: string): string[] {
  return tokenize(text).map((token) => token.kind);
}

describe('words and symbols', () => {
  it('are distinguished, and have their offset', () => {
    expect(tokenize('let x = 3u * y; // three')).toEqual([
      { kind: 'word', text: 'let', position: 0 },
      { kind: 'word', text: 'x', position: 4 },
      { kind: 'symbol', text: '=', position: 6 },
      { kind: 'number', text: '3u', position: 8 },
      { kind: 'symbol', text: '*', position: 11 },
      { kind: 'word', text: 'y', position: 13 },
      { kind: 'symbol', text: ';', position: 14 },
      { kind: 'end', text: 'the end of the shader', position: 24 },
    ]);
  });

  it('are split into the longest symbols', () => {
    expect(texts('a<<=b>>=c->d<=e&&f--g')).toEqual([
      'a',
      '<<=',
      'b',
      '>>=',
      'c',
      '->',
      'd',
      '<=',
      'e',
      '&&',
      'f',
      '--',
      'g',
    ]);
  });

  it('allow letters of every alphabet, digits within words, and single underscores', () => {
    expect(texts('größe Δx _a a__b x1_')).toEqual(['größe', 'Δx', '_a', 'a__b', 'x1_']);
    expect(kinds('größe _')).toEqual(['word', 'word', 'end']);
  });
});

describe('numbers', () => {
  it.each([
    '0',
    '7',
    '12u',
    '3i',
    '1f',
    '2h',
    '1.5',
    '1.',
    '.5',
    '1.f',
    '1e5',
    '1E-5f',
    '1.5e+3',
    '0x1F',
    '0XaBu',
    '0x1.8p1',
    '0x.8p-2f',
    '0x1p4',
    '0x1.',
  ])('%s is one number', (text) => {
    expect(tokenize(text)[0]).toEqual({ kind: 'number', text, position: 0 });
    expect(texts(`${text};`)).toEqual([text, ';']);
  });

  it('end before the dot of a member', () => {
    expect(texts('v.x+1.0')).toEqual(['v', '.', 'x', '+', '1.0']);
  });

  it('end before a sign that does not belong to an exponent', () => {
    expect(texts('1-2')).toEqual(['1', '-', '2']);
    expect(texts('0x1e+5')).toEqual(['0x1e', '+', '5']);
  });
});

describe('comments and blanks', () => {
  it('separate tokens and are removed', () => {
    expect(texts('a/**/b /* c /* d */ e */ f // g\nh\u2028i\u0085j')).toEqual([
      'a',
      'b',
      'f',
      'h',
      'i',
      'j',
    ]);
  });

  it('include line comments, which end at every kind of line break', () => {
    expect(texts('// a\u2029b // c\vd')).toEqual(['b', 'd']);
  });
});

describe('errors', () => {
  it.each([
    ['let x =\n  $1;', 'line 2, column 3: the character "$" does not start a WGSL token'],
    ['a\n  /* b', 'line 2, column 3: this comment is not closed: "*/" is missing'],
    ['/* /* */', 'line 1, column 1: this comment is not closed: "*/" is missing'],
    ['let __x = 1', 'line 1, column 5: "__x": a name cannot start with two underscores'],
    ['x = 12ab', 'line 1, column 5: "12a" is neither a number nor a name'],
    ['"text"', 'line 1, column 1: the character "\\"" does not start a WGSL token'],
  ])('%j', (text, message) => {
    expect(() => tokenize(text)).toThrow(expect.objectContaining({ name: 'WgslError', message }));
  });
});
