import { describe, expect, it } from 'vitest';
import { parse } from '../../../src/cpu/wgsl/parse/parse.js';
import type * as syntax from '../../../src/cpu/wgsl/parse/syntax.js';

/** An expression in prefix notation with parentheses. */
function sketch(node: syntax.Expression): string {
  switch (node.kind) {
    case 'number':
      return node.text;
    case 'boolean':
      return String(node.value);
    case 'name':
      return node.template.length > 0
        ? `${node.name}<${node.template.map(sketch).join(' ')}>`
        : node.name;
    case 'unary':
      return `(${node.operator} ${sketch(node.operand)})`;
    case 'binary':
      return `(${node.operator} ${sketch(node.left)} ${sketch(node.right)})`;
    case 'member':
      return `(. ${sketch(node.base)} ${node.name})`;
    case 'index':
      return `([] ${sketch(node.base)} ${sketch(node.index)})`;
    case 'call':
      return `(call ${[node.callee, ...node.arguments].map(sketch).join(' ')})`;
  }
}

/** A statement as nested lists. */
function outline(node: syntax.Statement): unknown {
  switch (node.kind) {
    case 'block':
      return node.body.map(outline);
    case 'const':
    case 'let':
    case 'var':
      return [
        node.kind,
        node.name,
        node.type && sketch(node.type),
        node.value && sketch(node.value),
      ];
    case 'assign':
      return [
        node.target ? sketch(node.target) : '_',
        `${node.operator ?? ''}=`,
        sketch(node.value),
      ];
    case 'call':
      return sketch(node.call);
    case 'if':
      return [
        'if',
        sketch(node.condition),
        outline(node.whenTrue),
        node.whenFalse && outline(node.whenFalse),
      ];
    case 'switch':
      return [
        'switch',
        sketch(node.selector),
        ...node.cases.map(({ selectors, body }) => [
          selectors.map((selector) => (selector ? sketch(selector) : 'default')),
          outline(body),
        ]),
      ];
    case 'loop':
      return {
        initial: node.initial && outline(node.initial),
        condition: node.condition && sketch(node.condition),
        body: outline(node.body),
        continuing: node.continuing.map(outline),
        breakIf: node.breakIf && sketch(node.breakIf),
      };
    case 'assert':
      return ['assert', sketch(node.condition)];
    case 'return':
      return ['return', node.value && sketch(node.value)];
    default:
      return node.kind;
  }
}

function expression(text: string): string {
  return sketch(parse(`const x = ${text};`).constants[0]!.value);
}

function statement(text: string): unknown {
  return outline(parse(`fn f() { ${text} }`).functions[0]!.body.body[0]!);
}

describe('operators have the precedence of WGSL', () => {
  it.each([
    ['a + b * c', '(+ a (* b c))'],
    ['a - b - c', '(- (- a b) c)'],
    ['a / b % c', '(% (/ a b) c)'],
    ['(a + b) * c', '(* (+ a b) c)'],
    ['-a * b', '(* (- a) b)'],
    ['-a.x[1]', '(- ([] (. a x) 1))'],
    ['!a && b == c', '(&& (! a) (== b c))'],
    ['a + 1 < b * 2', '(< (+ a 1) (* b 2))'],
    ['a << 1u == b', '(== (<< a 1u) b)'],
    ['a && b && c', '(&& (&& a b) c)'],
    ['a | b | c', '(| (| a b) c)'],
    ['~a & -b', '(& (~ a) (- b))'],
    ['*p.x', '(* (. p x))'],
    ['(*p).x', '(. (* p) x)'],
    ['&a[i]', '(& ([] a i))'],
    ['&*&a', '(& (* (& a)))'],
    ['a--b', '(- a (- b))'],
    ['--a', '(- (- a))'],
    ['f(a, g(b),)[1].x', '(. ([] (call f a (call g b)) 1) x)'],
    ['true || false', '(|| true false)'],
  ])('%s', (text, expected) => {
    expect(expression(text)).toBe(expected);
  });

  it.each([
    ['vec2<f32>(1)', '(call vec2<f32> 1)'],
    ['array<vec4<f32>, N * 2>()', '(call array<vec4<f32> (* N 2)>)'],
    ['bitcast<u32>(x) >> 3', '(>> (call bitcast<u32> x) 3)'],
    ['array<f32, select(1, 2, (n < 3))>()', '(call array<f32 (call select 1 2 (< n 3))>)'],
    ['a < b', '(< a b)'],
  ])('%s: template lists and comparisons are distinguished', (text, expected) => {
    expect(expression(text)).toBe(expected);
  });
});

describe('statements', () => {
  it.each([
    ['var x: array<f32, 2> = y;', ['var', 'x', 'array<f32 2>', 'y']],
    ['let x = 1;', ['let', 'x', undefined, '1']],
    ['a[1].x *= 2;', ['(. ([] a 1) x)', '*=', '2']],
    ['*p = 1;', ['(* p)', '=', '1']],
    ['i++;', ['i', '+=', '1']],
    ['i--;', ['i', '-=', '1']],
    ['_ = f();', ['_', '=', '(call f)']],
    ['f(1);', '(call f 1)'],
    ['return;', ['return', undefined]],
    ['const_assert a == 1;', ['assert', '(== a 1)']],
  ])('%s', (text, expected) => {
    expect(statement(text)).toEqual(expected);
  });

  it('represent else if as an if within the else', () => {
    expect(statement('if a { return; } else if b { break; } else { continue; }')).toEqual([
      'if',
      'a',
      [['return', undefined]],
      [['if', 'b', ['break'], ['continue']]],
    ]);
  });

  it('keep the cases of a switch in order, with default as a selector', () => {
    expect(statement('switch (a) { case 1, 2,: { break; } case 3, default { } }')).toEqual([
      'switch',
      'a',
      [['1', '2'], ['break']],
      [['3', 'default'], []],
    ]);
  });

  it('represent for, while and loop as one kind of loop', () => {
    const empty = { initial: undefined, condition: undefined, breakIf: undefined };
    expect(statement('for (var i = 0; i < 3; i++) { f(); }')).toEqual({
      ...empty,
      initial: ['var', 'i', undefined, '0'],
      condition: '(< i 3)',
      body: ['(call f)'],
      continuing: [['i', '+=', '1']],
    });
    expect(statement('while a { f(); }')).toEqual({
      ...empty,
      condition: 'a',
      body: ['(call f)'],
      continuing: [],
    });
    expect(statement('loop { f(); continuing { g(); break if a; } }')).toEqual({
      ...empty,
      body: ['(call f)'],
      continuing: ['(call g)'],
      breakIf: 'a',
    });
    expect(statement('for (;;) { break; }')).toEqual({ ...empty, body: ['break'], continuing: [] });
  });
});

describe('declarations', () => {
  const module = parse(`
    requires pointer_composite_access;
    struct S { @align(16) @size(32) a: f32, b: vec2<f32>, }
    alias A = array<S, 2>;
    const C: u32 = 3;
    const_assert C > 2;
    @group(0) @binding(C) var<storage, read_write> s: A;
    var<private> p = 1.0;
    @compute @workgroup_size(8, C) fn main(@builtin(workgroup_id) g: vec3u) { }
    fn f(a: f32, b: ptr<function, S>) -> f32 { return a; }
  `);

  it('have their names, types and attributes', () => {
    const attributes = (list: readonly syntax.Attribute[]) =>
      list.map(({ name, arguments: args }) => `${name}(${args.map(sketch).join(' ')})`);
    const [s] = module.structs;
    expect(s!.members.map((m) => [m.name, sketch(m.type), attributes(m.attributes)])).toEqual([
      ['a', 'f32', ['align(16)', 'size(32)']],
      ['b', 'vec2<f32>', []],
    ]);
    expect(module.aliases.map((a) => [a.name, sketch(a.type)])).toEqual([['A', 'array<S 2>']]);
    expect(module.constants.map((c) => [c.name, sketch(c.type!), sketch(c.value)])).toEqual([
      ['C', 'u32', '3'],
    ]);
    expect(module.assertions.map((a) => sketch(a.condition))).toEqual(['(> C 2)']);
    const [buffer, privateVariable] = module.variables;
    expect([buffer!.space, buffer!.access, attributes(buffer!.attributes)]).toEqual([
      'storage',
      'read_write',
      ['group(0)', 'binding(C)'],
    ]);
    expect([
      privateVariable!.space,
      privateVariable!.access,
      privateVariable!.type,
      sketch(privateVariable!.value!),
    ]).toEqual(['private', undefined, undefined, '1.0']);
    const [main, f] = module.functions;
    expect(attributes(main!.attributes)).toEqual(['compute()', 'workgroup_size(8 C)']);
    expect(attributes(main!.parameters[0]!.attributes)).toEqual(['builtin(workgroup_id)']);
    expect(f!.parameters.map((p) => sketch(p.type))).toEqual(['f32', 'ptr<function S>']);
    expect([main!.result, sketch(f!.result!)]).toEqual([undefined, 'f32']);
  });
});

describe('errors give the position and what was expected', () => {
  it.each([
    ['fn f() {\n  let x = 1\n}', 'line 3, column 1: ";" is expected after a statement, not "}"'],
    ['fn f() {', 'line 1, column 9: "}" is expected to close the block, not the end of the shader'],
    [
      'fn f() { loop {',
      'line 1, column 16: "}" is expected to close the loop, not the end of the shader',
    ],
    ['const a = ;', 'line 1, column 11: an expression is expected here, not ";"'],
    ['const a = (1;', 'line 1, column 13: ")" is expected to close a parenthesis, not ";"'],
    ['const a = b[1;', 'line 1, column 14: "]" is expected to close an index, not ";"'],
    ['struct S { a f32 }', 'line 1, column 14: ":" is expected and a type after "a", not "f32"'],
    ['let a = 1;', 'line 1, column 1: a declaration is expected here, not "let"'],
    [
      'const a = 1 < 2 < 3;',
      'line 1, column 17: "<" cannot follow the operators before it without parentheses',
    ],
    [
      'const a = b & c == d;',
      'line 1, column 17: "==" cannot follow the operators before it without parentheses',
    ],
    ['fn f() { 1 + 2; }', 'line 1, column 12: an assignment or a call is expected here, not "+"'],
    ['fn f() { if a g(); }', 'line 1, column 15: "{" is expected to open a block, not "g"'],
    [
      'fn f() { switch a { 1: { } } }',
      'line 1, column 21: "case" or "default" is expected here, not "1"',
    ],
    [
      'fn f() { for (var i = 0; i < 2) { } }',
      'line 1, column 31: ";" is expected after the condition of a for, not ")"',
    ],
    ['fn f() { let x; }', 'line 1, column 15: a let needs a value: "=" is expected'],
    [
      'fn f() { loop { break if a; } }',
      'line 1, column 17: "break if" may only end the continuing block of a loop',
    ],
    ['@size fn f() { }', 'line 1, column 7: "(" is expected after @size, not "fn"'],
    [
      '@workgroup_size() fn f() { }',
      'line 1, column 1: @workgroup_size takes 1 to 3 arguments, not 0',
    ],
    ['@align(1, 2) fn f() { }', 'line 1, column 1: @align takes 1 argument, not 2'],
    ['@compute @compute fn f() { }', 'line 1, column 10: @compute is given twice'],
    ['@binding(0) fn f() { }', 'line 1, column 1: @binding is not allowed before fn'],
    ['@fast fn f() { }', 'line 1, column 1: "@fast" is not an attribute of WGSL'],
    [
      'fn f() -> @builtin(position) f32 { }',
      'line 1, column 11: @builtin is not allowed before the result of a compute shader',
    ],
    [
      'fn f() { @compute if true { } }',
      'line 1, column 10: @compute is not allowed before this statement',
    ],
    ['requires f16;', 'line 1, column 10: the language extension "f16" is not supported'],
    ['const a = 1; enable f16;', 'line 1, column 14: "enable" must come before all declarations'],
    [
      'diagnostic(off, a); diagnostic(error, a);',
      'line 1, column 21: the diagnostic rule "a" has two different severities',
    ],
    ['var<private> a: vec2<>;', 'line 1, column 22: a template list cannot be empty'],
    ['fn virtual() { }', 'line 1, column 4: "virtual" is a reserved word'],
  ])('%j', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'WgslError', message }));
  });
});
