import { describe, expect, it } from 'vitest';
import { checkError, deviceError, moduleWith, useDevices } from './shaders.js';

const devices = useDevices();

const DECLARATIONS = `
var<private> a: f32;
var<private> b: f32;
fn copy(to: ptr<private, f32>, by: ptr<private, f32>) { *to = *by; }
fn sum(p: ptr<private, f32>, q: ptr<private, f32>) -> f32 { return *p + *q; }
fn ignore(p: ptr<private, f32>, q: ptr<private, f32>) { }
fn fill(p: ptr<private, f32>) { *p = 1; }
fn read_a(p: ptr<private, f32>) -> f32 { return *p + a; }
fn write_a(p: ptr<private, f32>) -> f32 { set_a(); return *p; }
fn set_a() { a = 2; }
fn fill_by_a(p: ptr<private, f32>) { *p += a; }
fn through(p: ptr<private, f32>, q: ptr<private, f32>) { copy(p, q); }
fn swap(p: ptr<private, f32>, q: ptr<private, f32>, r: ptr<private, f32>) { *r = *q; }
`;

/** A shader with a function of one statement, on a separate line. */
function shader(statement: string): string {
  return moduleWith(`${DECLARATIONS}fn f() { ${statement} }`);
}

describe('a call may pass two pointers to one variable', () => {
  it.each([
    '_ = sum(&a, &a);',
    'ignore(&a, &a);',
    '_ = read_a(&a);',
    'copy(&a, &b);',
    'fill(&a);',
    'swap(&a, &a, &b);',
    '_ = write_a(&b);',
    'let p = &a; let q = &b; copy(p, q);',
  ])('%s', async (statement) => {
    expect(checkError(shader(statement))).toBeUndefined();
    expect(await deviceError(devices().dawn, shader(statement))).toBeUndefined();
  });
});

describe('a call must not alias a variable that is written', () => {
  it.each([
    [
      'copy(&a, &a);',
      'column 15: to and by of copy both point into "a", and copy writes through to',
    ],
    [
      'let p = &a; copy(&a, p);',
      'column 27: to and by of copy both point into "a", and copy writes through to',
    ],
    [
      'through(&b, &b);',
      'column 18: p and q of through both point into "b", and through writes through p',
    ],
    [
      'swap(&b, &a, &a);',
      'column 23: r and q of swap both point into "a", and swap writes through r',
    ],
    [
      '_ = write_a(&a);',
      'column 22: p of write_a points into "a", which write_a also uses directly, and one of the two is written',
    ],
    [
      'fill_by_a(&a);',
      'column 20: p of fill_by_a points into "a", which fill_by_a also uses directly, and one of the two is written',
    ],
    [
      'if false { copy(&a, &a); }',
      'column 26: to and by of copy both point into "a", and copy writes through to',
    ],
  ])('%s', async (statement, message) => {
    expect(checkError(shader(statement))).toBe(`line 14, ${message}`);
    expect(await deviceError(devices().dawn, shader(statement))).toContain('aliased pointer');
  });
});
