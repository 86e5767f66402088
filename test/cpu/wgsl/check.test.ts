import { describe, expect, it } from 'vitest';
import type { EntryPoint, Statement } from '../../../src/cpu/wgsl/program.js';
import { typeName } from '../../../src/cpu/wgsl/types.js';
import { checkError, checkShader } from './shaders.js';

function onlyEntry(code: string): EntryPoint {
  const { entries } = checkShader(code);
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

/** The typed statements of a function's body. */
function body(statements: string, declarations = ''): readonly Statement[] {
  const { functions } = checkShader(`${declarations} fn f() { ${statements} }`);
  return functions.get('f')!.body;
}

describe('an entry point', () => {
  it('has a workgroup size from constant expressions', () => {
    const { workgroupSize } = onlyEntry(
      'const N = 2u * M; const M = 8u; @compute @workgroup_size(N, M / 4) fn main() { }',
    );
    expect(workgroupSize).toEqual([16, 2, 1]);
  });

  it('has inputs as parameters or in a struct', () => {
    const { inputs } = onlyEntry(`
      struct I { @builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) i: u32 }
      @compute @workgroup_size(1) fn main(i: I, @builtin(num_workgroups) n: vec3u) { }`);
    expect(inputs.map(({ variable, values }) => [variable.name, values])).toEqual([
      ['i', ['workgroup_id', 'local_invocation_index']],
      ['n', ['num_workgroups']],
    ]);
  });

  it('lists the variables that it uses, directly or in functions', () => {
    const { entries } = checkShader(`
      @group(0) @binding(0) var<storage, read_write> a: f32;
      @group(1) @binding(2) var<storage> b: f32;
      @group(0) @binding(3) var<uniform> c: f32;
      var<private> d = 1.0;
      fn f() -> f32 { return g() + d; }
      fn g() -> f32 { return b; }
      @compute @workgroup_size(1) fn one() { a = f(); }
      @compute @workgroup_size(1) fn two() { _ = c; }`);
    const variables = entries.map(({ globals }) =>
      globals.map(({ name, space, access, binding }) => [name, space, access, binding]),
    );
    expect(variables).toEqual([
      [
        ['a', 'storage', 'read_write', { group: 0, binding: 0 }],
        ['b', 'storage', 'read', { group: 1, binding: 2 }],
        ['d', 'private', 'read_write', undefined],
      ],
      [['c', 'uniform', 'read', { group: 0, binding: 3 }]],
    ]);
  });

  it('has the initial values of private variables', () => {
    const { globals } = onlyEntry(`
      const N = 3;
      var<private> a = vec2(1, N);
      var<private> b: f32 = N;
      @compute @workgroup_size(1) fn main() { _ = b; _ = a; }`);
    expect(globals.map(({ initial, type }) => [typeName(type), initial])).toEqual([
      ['f32', 3],
      ['vec2<i32>', [1, 3]],
    ]);
  });
});

describe('the typed program', () => {
  it('contains the values of constant expressions, and reads of variables', () => {
    const [x, y] = body('var v = vec2u(1, 2); let y = N * 2 + v.y;', 'const N = 4u;');
    expect(x).toMatchObject({ kind: 'declare', value: { kind: 'constant', value: [1, 2] } });
    expect(y).toMatchObject({
      kind: 'declare',
      value: {
        kind: 'binary',
        operator: '+',
        left: { kind: 'constant', value: 8 },
        right: {
          kind: 'read',
          reference: { kind: 'element', index: { kind: 'constant', value: 1 } },
        },
      },
    });
  });

  it('converts abstract numbers to the required type', () => {
    const [declaration] = body('var x: vec2f = vec2(1, 2.5);');
    const value = declaration?.kind === 'declare' ? declaration.value : undefined;
    expect(value).toMatchObject({ kind: 'constant', value: [1, 2.5] });
    expect(typeName(value!.type)).toBe('vec2<f32>');
  });

  it('dereferences a pointer in a let, and resolves *& directly', () => {
    const [, , assignment] = body('var x = 1; let p = &x; *p = 2; *&x = 3;');
    expect(assignment).toMatchObject({
      kind: 'assign',
      reference: { kind: 'dereference', pointer: { kind: 'value', variable: { name: 'p' } } },
    });
    expect(body('var x = 1; *&x = 3;')[1]).toMatchObject({
      kind: 'assign',
      reference: { kind: 'variable', variable: { name: 'x' } },
    });
  });

  it('is the same for i++ and i += 1', () => {
    const [, step] = body('var i = 0u; i++;');
    const [, sum] = body('var i = 0u; i += 1;');
    const shape = { kind: 'assign', operator: '+', value: { kind: 'constant', value: 1 } };
    expect(step).toMatchObject(shape);
    expect(sum).toMatchObject(shape);
  });

  it('contains the branch that a constant condition takes, and the other as untaken', () => {
    const [decided] = body('if N > 2 { return; } else { _ = 1; }', 'const N = 3;');
    expect(decided).toMatchObject({
      kind: 'block',
      body: [{ kind: 'return' }],
      folded: { untaken: [{ kind: 'evaluate' }] },
    });
    const [, half] = body('var a = true; if false && a { return; } else { _ = 1; }');
    expect(half).toMatchObject({ kind: 'block', body: [{ kind: 'evaluate' }] });
    const [, open] = body('var a = true; if a && false { return; }');
    expect(open).toMatchObject({ kind: 'if' });
  });

  it('contains no constants and assertions', () => {
    expect(body('const N = 2; const_assert N == 2; _ = N;')).toHaveLength(1);
  });

  it('converts cases to the type of the selector', () => {
    const [switchStatement] = body('switch 2u { case 1, 3: { } default: { } }');
    expect(switchStatement).toMatchObject({
      cases: [
        { selectors: [1, 3], isDefault: false },
        { selectors: [], isDefault: true },
      ],
    });
  });
});

describe('errors give the line, the column and the rule', () => {
  it.each([
    [
      `const a = b + 1;
const b = 2u * c;
const c = a;`,
      'line 3, column 11: "a" is defined in terms of itself, directly or through others',
    ],
    [
      `fn f(x: f32) -> f32 {
  let y = x * 2u;
  return y;
}`,
      'line 2, column 13: "*" does not take f32 and u32',
    ],
    [
      `struct Params {
  n: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
fn f() -> f32 {
  return params.scales;
}`,
      'line 7, column 16: struct Params has no member "scales"',
    ],
    [
      `@group(0) @binding(0) var<storage> values: array<f32>;
fn f(i: u32) {
  values[i] = 1;
}`,
      'line 3, column 3: "values" is var<storage, read>: it cannot be assigned to',
    ],
    [
      `fn f(n: u32) -> f32 {
  if n > 1 {
    return 1;
  }
}`,
      'line 1, column 21: f can end without returning f32',
    ],
    [
      `fn f() {
  for (var i = 0; i < 3; i++) {
    let i = 2.0;
    let i = 3.0;
  }
}`,
      'line 4, column 5: "i" is declared twice in one scope',
    ],
    [
      `fn g(a: vec3f, b: u32) { }
fn f() {
  g(vec3f(),
    1.5);
}`,
      'line 4, column 5: argument b of g is abstract-float, not u32',
    ],
    [
      `struct A { b: B }
struct B { c: array<A, 2> }`,
      'line 2, column 21: "A" is defined in terms of itself, directly or through others',
    ],
    [
      `fn f() {
  g();
}
fn g() {
  f();
}`,
      'line 5, column 3: "f" calls itself, directly or through others',
    ],
    [
      `@group(0) @binding(0) var<storage> a: f32;
@group(0) @binding(0) var<uniform> b: f32;
@compute @workgroup_size(1)
fn main() {
  _ = a + b;
}`,
      'line 4, column 4: main uses both a and b, which share @group(0) @binding(0)',
    ],
    [
      `fn f(n: i32) {
  loop {
    if n > 1 { continue; }
    let x = 1;
    continuing { break if x > 0; }
  }
}`,
      'line 3, column 16: "continue" skips "x", which the continuing block uses',
    ],
    [
      `fn f() {
  var a: array<f32, 4>;
  a[4] = 1;
}`,
      'line 3, column 5: index 4 is outside 0 to 3',
    ],
    [
      `@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec2u) { }`,
      'line 2, column 9: @builtin(global_invocation_id) is vec3<u32>, not vec2<u32>',
    ],
    [
      'fn f() { let x = tan(1.0); }',
      'line 1, column 18: "tan" is not supported: this device does not have it',
    ],
    ['fn f() { let x = maxx(1, 2); }', 'line 1, column 18: "maxx" is not declared'],
    ['fn f() { let x = vec3f; }', 'line 1, column 18: "vec3f" is a type, not a value'],
    ['fn f() { let x = max; }', 'line 1, column 18: "max" is a function: call it'],
    ['fn f() { var x = 1; x(); }', 'line 1, column 21: "x" is not a function'],
    ['var<private> a: array<f32>;', 'line 1, column 1: var<private> a cannot have type array<f32>'],
    [
      'fn f() -> i32 { return vec2i(1, 2); }',
      'line 1, column 24: the returned value is vec2<i32>, not i32',
    ],
    ['struct S { @align(6) a: f32 }', 'line 1, column 12: @align must be a power of two, not 6'],
    [
      'fn f() { var x: vec2<f32, f32>; }',
      'line 1, column 17: vec2<...> takes 1 template argument, not 2',
    ],
    ['@workgroup_size(1) fn f() { }', 'line 1, column 1: @workgroup_size needs @compute beside it'],
  ])('%j', (code, message) => {
    expect(checkError(code)).toBe(message);
  });
});

describe('errors in code that never runs are reported', () => {
  it.each([
    ['fn f() { if false { let x = y; } }', '"y" is not declared'],
    ['fn f() { return; let x = y; }', '"y" is not declared'],
    ['fn f(a: f32) { let x = false && a; }', '"&&" does not take bool and f32'],
    [
      'fn never() { let x: i32 = 1.5; } @compute @workgroup_size(1) fn main() { }',
      'abstract-float',
    ],
    ['const unused = 1 / 0;', 'an integer is divided by 0'],
  ])('%s', (code, rule) => {
    expect(checkError(code)).toContain(rule);
  });

  it('except for values in an operand of && or || that is never evaluated', () => {
    expect(
      checkError('const N = 0; const A = N == 0 || 1 / N > 2; const_assert A;'),
    ).toBeUndefined();
    expect(
      checkError('const N = 0; const A = N != 0 && 1 / N > 2; const_assert !A;'),
    ).toBeUndefined();
    expect(checkError('const N = 0; const A = N == 0 && 1 / N > 2;')).toContain('is divided by 0');
  });
});
