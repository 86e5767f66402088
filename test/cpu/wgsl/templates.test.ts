import { describe, expect, it } from 'vitest';
import { markTemplates } from '../../../src/cpu/wgsl/parse/templates.js';
import { tokenize } from '../../../src/cpu/wgsl/parse/tokens.js';

/** The texts of the tokens, with ⟨ and ⟩ for the brackets of template lists. */
function markedText(text: string): string {
  const tokens = markTemplates(tokenize(text)).slice(0, -1);
  return tokens
    .map((token) => (token.kind === 'template' ? { '<': '⟨', '>': '⟩' }[token.text] : token.text))
    .join(' ');
}

describe('a template list', () => {
  it.each([
    ['vec2<f32>', 'vec2 ⟨ f32 ⟩'],
    ['array<vec2<u32>, 4>()', 'array ⟨ vec2 ⟨ u32 ⟩ , 4 ⟩ ( )'],
    ['array<array<vec2<f32>>>', 'array ⟨ array ⟨ vec2 ⟨ f32 ⟩ ⟩ ⟩'],
    ['var a: array<i32,2>=b;', 'var a : array ⟨ i32 , 2 ⟩ = b ;'],
    ['a = vec2<f32>>=b', 'a = vec2 ⟨ f32 ⟩ >= b'],
    ['var<storage, read_write> x', 'var ⟨ storage , read_write ⟩ x'],
    ['array<f32, (n > 3)>', 'array ⟨ f32 , ( n > 3 ) ⟩'],
    ['array<f32, (n >> 1)>', 'array ⟨ f32 , ( n >> 1 ) ⟩'],
    ['f(a < b, c > (d))', 'f ( a ⟨ b , c ⟩ ( d ) )'],
  ])('%s', (text, expected) => {
    expect(markedText(text)).toBe(expected);
  });
});

describe('a comparison', () => {
  it.each([
    ['a < b', 'a < b'],
    ['a < b && c > d', 'a < b && c > d'],
    ['a < b || c > d', 'a < b || c > d'],
    ['(a < b) == (c > d)', '( a < b ) == ( c > d )'],
    ['x[a < b] > c', 'x [ a < b ] > c'],
    ['a < b; c > d', 'a < b ; c > d'],
    ['if a < b { c > d', 'if a < b { c > d'],
    ['a << b > c', 'a << b > c'],
    ['a <= b > c', 'a <= b > c'],
    ['1 < 2 > 3', '1 < 2 > 3'],
    ['a < (b > c)', 'a < ( b > c )'],
  ])('%s', (text, expected) => {
    expect(markedText(text)).toBe(expected);
  });
});

it('gives a > that is split from a longer symbol its offset', () => {
  const tokens = markTemplates(tokenize('a<b<c>>d'));
  expect(tokens.filter(({ text }) => text === '>').map(({ position }) => position)).toEqual([5, 6]);
});
