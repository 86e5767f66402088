/**
 * Invalid compute shaders, each invalid for one reason, with the rule in our device's error.
 *
 * Marks «wrong⇒right» show the fault: with their left sides the program must be rejected. With
 * their right sides it must be accepted, which shows that nothing else is wrong with it.
 */

import { inMain, moduleWith } from './shaders.js';

/** The fault, the marked program, and the rule in our device's error. */
export type WrongProgram = readonly [fault: string, code: string, rule: string];

/** The programs, by topic. */
export const WRONG_PROGRAMS: Readonly<Record<string, readonly WrongProgram[]>> = {
  tokens: [
    [
      'a character that cannot begin a token',
      inMain('let x = «$1⇒1»;'),
      'the character "$" does not start a WGSL token',
    ],
    [
      'a number directly followed by a letter',
      inMain('let x = «1l⇒1»;'),
      '"1l" is neither a number nor a name',
    ],
    ['an integer that begins with 0', inMain('let x = «012⇒12»;'), '012 cannot begin with 0'],
    [
      'an i32 literal out of range',
      inMain('let x = «2147483648i⇒2147483647i»;'),
      '2147483648 cannot be represented as i32',
    ],
    [
      'a u32 literal out of range',
      inMain('let x = «4294967296u⇒4294967295u»;'),
      '4294967296 cannot be represented as u32',
    ],
    [
      'an f32 literal out of range',
      inMain('let x = «3.5e38f⇒3.4e38f»;'),
      '3.5e38f cannot be represented as f32',
    ],
    [
      'a hexadecimal float that is not exactly an f32',
      inMain('let x = «0x1.00000001p0f⇒0x1.0001p0f»;'),
      '0x1.00000001p0f cannot be represented exactly as f32',
    ],
    [
      'a comment that is not closed',
      moduleWith('/* one /* two */ «⇒*/»'),
      'this comment is not closed: "*/" is missing',
    ],
    [
      'a name that starts with two underscores',
      inMain('let «__x⇒_x» = 1;'),
      '"__x": a name cannot start with two underscores',
    ],
    ['an underscore as a name', inMain('let «_⇒x» = 1;'), '"_" is a reserved word'],
    ['a reserved word as a name', inMain('let «self⇒this_one» = 1;'), '"self" is a reserved word'],
    [
      'a keyword as the name of a member',
      moduleWith('struct S { «if⇒when»: f32 }'),
      'a name is expected here, not "if"',
    ],
  ],
  grammar: [
    [
      'a statement without its semicolon',
      inMain('let x = 1«⇒;»'),
      '";" is expected after a statement, not "}"',
    ],
    [
      'a block that is not closed',
      inMain('if true { «⇒}»'),
      '"}" is expected to close the block, not the end of the shader',
    ],
    [
      'a branch without braces',
      inMain('if true «out[0] = 1;⇒{ out[0] = 1; }»'),
      '"{" is expected to open a block, not "out"',
    ],
    [
      'an else without its if',
      inMain('«else⇒if true» { }'),
      'an expression is expected here, not "else"',
    ],
    [
      'two comparisons in a row',
      inMain('let x = «1 < 2 < 3⇒1 < 2»;'),
      '"<" cannot follow the operators before it without parentheses',
    ],
    [
      '& beside | without parentheses',
      inMain('let x = «1 & 2 | 4⇒(1 & 2) | 4»;'),
      '"|" cannot follow the operators before it without parentheses',
    ],
    [
      '&& beside || without parentheses',
      inMain('let x = «true && false || true⇒(true && false) || true»;'),
      '"||" cannot follow the operators before it without parentheses',
    ],
    [
      'a shifted sum without parentheses',
      inMain('let x = «1u + 1u << 2u⇒(1u + 1u) << 2u»;'),
      '"<<" cannot follow the operators before it without parentheses',
    ],
    [
      'two shifts in a row',
      inMain('let x = «1u << 2u << 3u⇒(1u << 2u) << 3u»;'),
      '"<<" cannot follow the operators before it without parentheses',
    ],
    [
      'a comparison beside & without parentheses',
      inMain('let x = «1u & 2u == 3u⇒(1u & 2u) == 3u»;'),
      '"==" cannot follow the operators before it without parentheses',
    ],
    [
      'an increment before its variable',
      inMain('var x = 1; «++x⇒x++»;'),
      'an expression is expected here, not "++"',
    ],
    [
      'an increment inside an expression',
      inMain('var x = 1; let y = «x++⇒x + 1»;'),
      '";" is expected after a statement, not "++"',
    ],
    [
      'an assignment inside an assignment',
      inMain('var x = 1; var y = 1; x = «y = 2⇒2»;'),
      '";" is expected after a statement, not "="',
    ],
    [
      'an expression as a statement',
      inMain('«out[0]⇒_ = out[0]»;'),
      'an assignment or a call is expected here, not ";"',
    ],
    [
      'members separated by semicolons',
      moduleWith('struct S { a: f32«;⇒,» b: f32 }'),
      '"}" is expected at the end of the list, not ";"',
    ],
    [
      'a function without a body',
      moduleWith('fn f()«;⇒ { }»'),
      '"{" is expected to open a block, not ";"',
    ],
    [
      'a parameter without a type',
      moduleWith('fn f(a«⇒: f32») { }'),
      '":" is expected and a type after "a", not ")"',
    ],
    [
      'a let outside functions',
      moduleWith('«let⇒const» a = 1;'),
      'a declaration is expected here, not "let"',
    ],
    [
      'a directive after a declaration',
      moduleWith('const a = 1; «requires pointer_composite_access;⇒»'),
      '"requires" must come before all declarations',
    ],
    [
      'a function inside a function',
      inMain('«fn f() { }⇒»'),
      'an expression is expected here, not "fn"',
    ],
    [
      'an assignment operator that does not exist',
      inMain('var x = true; x «&&=⇒&=» false;'),
      'an assignment or a call is expected here, not "&&"',
    ],
    [
      'parentheses nested too deep',
      inMain(`out[0] = «${'('.repeat(200)}1.0${')'.repeat(200)}⇒(1.0)»;`),
      'this is nested more than 128 deep',
    ],
    [
      'blocks nested too deep',
      inMain(`«${'{'.repeat(200)}${'}'.repeat(200)}⇒{ }»`),
      'this is nested more than 128 deep',
    ],
    [
      'a sum of too many terms',
      inMain(`out[0] = out[1]«${' + out[1]'.repeat(600)}⇒ + 1»;`),
      'this expression has more than 512 operators in a row',
    ],
    [
      'comparisons that are parsed as a template list',
      moduleWith(
        'fn f(a: bool, b: bool) { } fn g(a: i32, b: i32, c: i32) { f(«a < b, c > (b)⇒(a < b), (c > b)»); }',
      ),
      '"a" is not a function',
    ],
  ],
  names: [
    ['a name that is not declared', inMain('let x = «y⇒1»;'), '"y" is not declared'],
    ['a name before its declaration', inMain('let x = «y⇒1»; let y = 1;'), '"y" is not declared'],
    ['a name after its block', inMain('{ let x = 1.0; } out[0] = «x⇒1.0»;'), '"x" is not declared'],
    [
      'the variable of a for after the loop',
      inMain('for (var i = 0u; i < 2; i++) { } out[0] = f32(«i⇒2»);'),
      '"i" is not declared',
    ],
    [
      'a name declared twice in one scope',
      inMain('let x = 1; let «x⇒y» = 2;'),
      '"x" is declared twice in one scope',
    ],
    [
      'a parameter declared again in the body',
      moduleWith('fn f(a: f32) { var «a⇒b» = 1; }'),
      '"a" is declared twice in one scope',
    ],
    [
      'two parameters of one name',
      moduleWith('fn f(a: f32, «a⇒b»: f32) { }'),
      '"a" is declared twice in one scope',
    ],
    ['two functions of one name', moduleWith('fn f() { } fn «f⇒g»() { }'), '"f" is declared twice'],
    [
      'a struct and a constant of one name',
      moduleWith('struct S { a: f32 } const «S⇒T» = 1;'),
      '"S" is declared twice',
    ],
    [
      'two members of one name',
      moduleWith('struct S { a: f32, «a⇒b»: f32 }'),
      'struct S has two members "a"',
    ],
    [
      'a constant that depends on itself',
      moduleWith('const a = «b⇒1»; const b = a;'),
      '"a" is defined in terms of itself, directly or through others',
    ],
    [
      'a struct that contains itself',
      moduleWith('struct S { a: array<«S⇒f32», 2> }'),
      '"S" is defined in terms of itself, directly or through others',
    ],
    [
      'an alias of itself',
      moduleWith('alias A = «B⇒f32»; alias B = A;'),
      '"A" is defined in terms of itself, directly or through others',
    ],
    ['a type as a value', inMain('let x = «f32⇒1.0»;'), '"f32" is a type, not a value'],
    [
      'a type with the name of a property of all JavaScript objects',
      moduleWith('var<private> a: «constructor⇒f32»;'),
      '"constructor" is not declared',
    ],
    [
      'an attribute with the name of a property of all JavaScript objects',
      moduleWith('@«toString⇒must_use» fn f() -> f32 { return 1; }'),
      '"@toString" is not an attribute of WGSL',
    ],
    [
      'an input with the name of a property of all JavaScript objects',
      '@compute @workgroup_size(1) fn main(@builtin(«valueOf⇒workgroup_id») a: vec3u) { }',
      '@builtin(valueOf) is not an input of this device',
    ],
    [
      'a function as a value',
      moduleWith('fn f() -> f32 { return 1; } fn g() -> f32 { return «f⇒f()»; }'),
      '"f" is a function: call it',
    ],
    [
      'a variable as a type',
      moduleWith('var<private> a: f32; var<private> b: «a⇒f32»;'),
      '"a" is not a type',
    ],
    [
      'a variable that is called',
      inMain('let x = 1; let y = «x(2)⇒x + 2»;'),
      '"x" is not a function',
    ],
    ['a function that is not declared', inMain('«f()⇒_ = 1»;'), '"f" is not declared'],
    [
      'a type that a local name shadows',
      inMain('«var⇒{ var» f32 = 1.0;«⇒ }» let x: f32 = 1.0;'),
      '"f32" is not a type',
    ],
    [
      'a builtin that a local name shadows',
      inMain('let «min⇒least» = 1; let x = min(1.0, 2.0);'),
      '"min" is not a function',
    ],
    [
      'a member that the struct does not have',
      moduleWith('struct S { a: f32 } fn f(s: S) -> f32 { return s.«b⇒a»; }'),
      'struct S has no member "b"',
    ],
    [
      'a component that the vector does not have',
      inMain('let v = vec3f(); let x = v.«w⇒z»;'),
      'vec3<f32> has no component "w"',
    ],
    [
      'a swizzle that mixes xyzw and rgba',
      inMain('let v = vec4f(); let x = v.«xg⇒xy»;'),
      'vec4<f32> has no component "xg"',
    ],
    [
      'a swizzle of five components',
      inMain('let v = vec4f(); let x = v.xyzw«x⇒»;'),
      'vec4<f32> has no component "xyzwx"',
    ],
  ],
  types: [
    [
      'an integer declared as a float',
      inMain('var x: f32 = «1i⇒1»;'),
      'the value of x is i32, not f32',
    ],
    [
      'a float declared as an integer',
      inMain('var x: i32 = «1.5⇒1»;'),
      'the value of x is abstract-float, not i32',
    ],
    [
      'a negative number for u32',
      inMain('var x: u32 = «-1⇒1»;'),
      '-1 cannot be represented as u32',
    ],
    ['i32 plus u32', inMain('let x = 1i + «1u⇒1i»;'), '"+" does not take i32 and u32'],
    [
      'i32 plus a number with a fraction',
      inMain('let a = 1i; let x = a + «1.5⇒1»;'),
      '"+" does not take i32 and abstract-float',
    ],
    [
      'vectors of two sizes',
      inMain('let x = vec2f() + «vec3f⇒vec2f»();'),
      '"+" does not take vec2<f32> and vec3<f32>',
    ],
    [
      'a vector and a number in a bitwise operator',
      inMain('let x = vec2u() & «1u⇒vec2u(1)»;'),
      '"&" does not take vec2<u32> and u32',
    ],
    [
      'a vector shifted by a number',
      inMain('let x = vec2u() << «1u⇒vec2u(1)»;'),
      '"<<" does not take vec2<u32> and u32',
    ],
    [
      'a vector compared with a number',
      inMain('let x = vec2f() < «1.0⇒vec2f(1.0)»;'),
      '"<" does not take vec2<f32> and abstract-float',
    ],
    [
      'a shift by an i32',
      inMain('let n = «1i⇒1u»; let x = 1i << n;'),
      'the number of bits is i32, not u32',
    ],
    [
      '&& of numbers',
      inMain('let x = «1 && 2⇒true && false»;'),
      '"&&" does not take abstract-int and abstract-int',
    ],
    ['! of a number', inMain('let x = !«1⇒true»;'), '"!" does not take abstract-int'],
    ['~ of a float', inMain('let x = ~«1.0⇒1»;'), '"~" does not take abstract-float'],
    ['the negative of a u32', inMain('let x = -«1u⇒1i»;'), '"-" does not take u32'],
    ['bool plus bool', inMain('let x = true «+⇒|» false;'), '"+" does not take bool and bool'],
    [
      'a comparison of structs',
      moduleWith('struct S { a: f32 } fn f(s: S) -> bool { return «s == s⇒s.a == s.a»; }'),
      '"==" does not take S and S',
    ],
    [
      'a comparison of matrices',
      inMain('let m = mat2x2f(); let x = «m == m⇒all(m[0] == m[0])»;'),
      '"==" does not take mat2x2<f32> and mat2x2<f32>',
    ],
    [
      'a matrix divided by a number',
      inMain('let x = mat2x2f() «/⇒*» 2.0;'),
      '"/" does not take mat2x2<f32> and abstract-float',
    ],
    [
      'a product of matrices whose sizes do not match',
      inMain('let x = mat2x3f() * «mat2x3f⇒mat3x2f»();'),
      '"*" does not take mat2x3<f32> and mat2x3<f32>',
    ],
    [
      'a matrix of integers',
      inMain('var x: mat2x2<«i32⇒f32»>;'),
      'the components of a matrix are f32, not i32',
    ],
    ['a vector of five components', inMain('var x: «vec5⇒vec4»<f32>;'), '"vec5" is not declared'],
    [
      'a vector type without its element',
      inMain('var x: «vec2⇒vec2<f32>»;'),
      'vec2<...> takes 1 template argument, not 0',
    ],
    [
      'a type with too many template arguments',
      inMain('var x: vec2<f32«, f32⇒»>;'),
      'vec2<...> takes 1 template argument, not 2',
    ],
    [
      'a scalar with template arguments',
      inMain('var x: f32«<i32>⇒»;'),
      'type f32 takes no template arguments',
    ],
    [
      'an array of no elements',
      inMain('var x: array<f32, «0⇒1»>;'),
      'an array has at least 1 element, not 0',
    ],
    [
      'an array whose size is a float',
      inMain('var x: array<f32, «2.0⇒2»>;'),
      'the size of an array must be a constant integer',
    ],
    [
      'an array whose size is a let',
      inMain('«let⇒const» n = 2; var x: array<f32, n>;'),
      'the size of an array must be a constant integer',
    ],
    [
      'an array of more than 65535 elements outside buffers',
      moduleWith('var<private> a: array<u32, «65536⇒65535»>;'),
      'var<private> a has 65536 elements: more than 65535 need a buffer',
    ],
    [
      'a runtime-sized array outside buffers',
      inMain('var x: array<f32«⇒, 2»>;'),
      'var x cannot have type array<f32>',
    ],
    [
      'too few components',
      inMain('let x = vec3f(«1, 2⇒1, 2, 3»);'),
      'vec3<f32> takes 3 components, not 2',
    ],
    [
      'too many components',
      inMain('let x = vec2f(1, 2«, 3⇒»);'),
      'vec2<f32> takes 2 components, not 3',
    ],
    [
      'an array constructor with too few elements',
      inMain('let x = array<f32, 3>(1, 2«⇒, 3»);'),
      'array<f32, 3> takes 3 values, not 2',
    ],
    [
      'an array constructor with elements of two types',
      inMain('let x = array(1i, «2.0⇒2»);'),
      'the elements of an array must all have one type',
    ],
    [
      'a struct constructor with too few members',
      moduleWith('struct S { a: f32, b: f32 } fn f() -> S { return S(1«⇒, 2»); }'),
      'S takes 2 values, not 1',
    ],
    [
      'a struct in place of another with the same members',
      moduleWith('struct S { a: f32 } struct T { a: f32 } fn f() -> S { return «T⇒S»(1); }'),
      'the returned value is T, not S',
    ],
    [
      'a condition that is a number',
      inMain('if «1⇒true» { }'),
      'a condition is bool, not abstract-int',
    ],
    [
      'a vector of bools as a condition',
      inMain('if «vec2f() == vec2f()⇒all(vec2f() == vec2f())» { }'),
      'a condition is bool, not vec2<bool>',
    ],
    [
      'an index that is a float',
      inMain('let v = vec2f(); let x = v[«1.0⇒1»];'),
      'an index is i32 or u32, not f32',
    ],
    ['an index into a number', inMain('let a = 1.0; let x = a«[0]⇒»;'), 'f32 has no elements'],
    ['an increment of a float', inMain('var x = «1.0⇒1»; x++;'), '"++" takes i32 or u32, not f32'],
    [
      'a bitcast between sizes',
      inMain('let x = bitcast<vec2u>(«1f⇒vec2f()»);'),
      'bitcast cannot turn f32 into vec2<u32>',
    ],
    [
      'a bitcast of a bool',
      inMain('let x = bitcast<u32>(«true⇒1f»);'),
      'bitcast cannot turn bool into u32',
    ],
  ],
  constants: [
    [
      "an index past a vector's end",
      inMain('let v = vec2f(); let x = v[«2⇒1»];'),
      'index 2 is outside 0 to 1',
    ],
    [
      "an index past an array's end",
      inMain('var a: array<f32, 2>; a[«2⇒1»] = 1;'),
      'index 2 is outside 0 to 1',
    ],
    ['a negative index', inMain('out[«-1⇒1»] = 1;'), 'index -1 is negative'],
    ['a constant divided by zero', inMain('let x = 1 / «0⇒2»;'), 'an integer is divided by 0'],
    [
      'a value divided by a constant zero',
      inMain('let a = 1u; let x = a % «0⇒2»;'),
      'an integer is divided by 0',
    ],
    [
      'the smallest i32 divided by -1',
      inMain('let x = (-2147483647i - 1i) / «-1i⇒1i»;'),
      '-2147483648 / -1 overflows',
    ],
    [
      'a constant that overflows f32',
      inMain('let x = 1e38f * «10f⇒2f»;'),
      '9.999999680285692e+38 cannot be represented as f32',
    ],
    [
      'an abstract constant that overflows',
      inMain('const x = 1e308 * «10.0⇒1.0»;'),
      'an abstract float overflows',
    ],
    [
      'a shift by 32 bits',
      inMain('let a = 1u; let x = a << «32⇒31»;'),
      'a shift by 32 exceeds 31, the most for a 32-bit integer',
    ],
    ['a shift that loses bits', inMain('let x = 3u << «31u⇒30u»;'), '3 << 31 overflows'],
    [
      'a negative number converted to u32',
      inMain('let x = u32(«-1⇒1»);'),
      '-1 cannot be represented as u32',
    ],
    [
      'the square root of a negative constant',
      inMain('let x = sqrt(«-1.0⇒1.0»);'),
      'sqrt(-1) has no value',
    ],
    [
      'the logarithm of a negative constant',
      inMain('let x = log(«-1.0⇒1.0»);'),
      'log(-1) has no value',
    ],
    [
      'an exponential that overflows f32',
      inMain('let x = exp(«100f⇒10f»);'),
      '2.6881171418161356e+43 cannot be represented as f32',
    ],
    [
      'normalize of a zero vector',
      inMain('let x = normalize(vec2f(«⇒1»));'),
      'a vector of length 0 has no direction',
    ],
    [
      'clamp with its bounds in the wrong order',
      inMain('let a = 1.0; let x = clamp(a, «2.0⇒0.0», 1.0);'),
      'the low end of clamp, 2, is above the high end, 1',
    ],
    [
      'a constant bitcast to NaN',
      inMain('let x = bitcast<f32>(«0x7fc00000u⇒0x3f800000u»);'),
      'NaN cannot be represented as f32',
    ],
    ['an assertion that fails', moduleWith('const_assert 1 + 1 == «3⇒2»;'), 'const_assert failed'],
    [
      'an assertion of a runtime value',
      inMain('«let⇒const» a = true; const_assert a;'),
      'const_assert takes a constant bool',
    ],
    [
      'a constant that uses a variable',
      moduleWith('var<private> a = 1; const b = «a⇒1»;'),
      '"a" is a variable: it cannot be used in a constant expression',
    ],
    [
      'a constant that calls a function',
      moduleWith('fn f() -> i32 { return 1; } const a = «f()⇒1»;'),
      'the value of const a is not constant',
    ],
  ],
  variables: [
    [
      'an assignment to a let',
      inMain('«let⇒var» x = 1; x = 2;'),
      '"x" is a value, not a variable: it cannot be assigned to',
    ],
    [
      'an assignment to a constant',
      inMain('«const⇒var» x = 1; x = 2;'),
      '"x" is a value, not a variable: it cannot be assigned to',
    ],
    [
      'an assignment to a parameter',
      moduleWith('fn f(a: f32) { «a⇒_» = 1; }'),
      '"a" is a value, not a variable: it cannot be assigned to',
    ],
    [
      'an assignment to a component of a let',
      inMain('«let⇒var» v = vec2f(); v.x = 1;'),
      'this expression is a value, not a variable: it cannot be assigned to',
    ],
    [
      'an assignment to a read-only storage buffer',
      moduleWith('@group(0) @binding(0) var<storage«⇒, read_write»> s: f32; fn f() { s = 1; }'),
      '"s" is var<storage, read>: it cannot be assigned to',
    ],
    [
      'an assignment to a uniform',
      moduleWith('@group(0) @binding(0) var<uniform> s: f32; fn f() { «s⇒_» = s; }'),
      '"s" is var<uniform>: it cannot be assigned to',
    ],
    [
      'an assignment of a value of another type',
      inMain('var x = 1; x = «1.5⇒2»;'),
      'the value is abstract-float, not i32',
    ],
    [
      'a compound assignment that changes the type',
      inMain('var x = 1.0; x += «vec2f()⇒1»;'),
      '"+=" gives vec2<f32>, not f32',
    ],
    [
      'an assignment of a runtime-sized array',
      inMain('«out⇒out[0]» = «out⇒out[1]»;'),
      'array<f32> has no size here: only its elements can be read',
    ],
    ['a let without a value', inMain('let x«: f32⇒ = 1»;'), 'a let needs a value: "=" is expected'],
    ['a var without a type and a value', inMain('var x«⇒ = 1»;'), 'var x needs a type or a value'],
    [
      'a module-scope variable without an address space',
      moduleWith('var«⇒<private>» a: f32;'),
      'var a needs an address space: var<workgroup>',
    ],
    [
      'a private variable inside a function',
      inMain('var<«private⇒function»> x = 1;'),
      'a variable in a function is in the address space function, not private',
    ],
    [
      'a workgroup variable with a value',
      moduleWith('var<workgroup> a: f32«= 1⇒»;'),
      'var<workgroup> a cannot have a value',
    ],
    [
      'a workgroup variable with an access mode',
      moduleWith('var<workgroup«, read_write⇒»> a: f32;'),
      'var<workgroup> a cannot have an access mode',
    ],
    [
      'a write-only storage buffer',
      moduleWith('@group(0) @binding(0) var<storage, «write⇒read_write»> a: f32;'),
      'var a can be read or read_write, not "write"',
    ],
    [
      'a storage buffer of bools',
      moduleWith('@group(0) @binding(0) var<storage> a: «bool⇒u32»;'),
      'var<storage> a cannot have type bool: no buffer holds it',
    ],
    [
      'a runtime-sized array in a uniform',
      moduleWith('@group(0) @binding(0) var<uniform> a: array<vec4f«⇒, 2»>;'),
      'var<uniform> a cannot have type array<vec4<f32>>',
    ],
    [
      'a struct whose runtime-sized array is not its last member',
      moduleWith(
        'struct S { a: array<f32«⇒, 2»>, b: u32 } @group(0) @binding(0) var<storage> s: S;',
      ),
      'member a cannot have type array<f32>',
    ],
    ['a struct without members', moduleWith('struct S { «⇒a: f32» }'), 'struct S has no members'],
    [
      'a pointer as a member',
      moduleWith('struct S { a: «ptr<private, f32>⇒f32» }'),
      'member a cannot have type ptr<private, f32>',
    ],
  ],
  'layout and bindings': [
    [
      'an alignment that is not a power of two',
      moduleWith('struct S { @align(«12⇒16») a: f32 }'),
      '@align must be a power of two, not 12',
    ],
    [
      "an alignment below the type's own",
      moduleWith('struct S { @align(«8⇒16») a: vec4f }'),
      'a must be aligned to 16, not 8',
    ],
    [
      "a size below the type's own",
      moduleWith('struct S { @size(«8⇒16») a: vec4f }'),
      'a takes 16 bytes, more than @size(8)',
    ],
    [
      'a size for a runtime-sized array',
      moduleWith('struct S { «@size(64)⇒» a: array<f32> }'),
      '@size cannot be given to a, whose size is that of the binding',
    ],
    [
      'an attribute without its argument',
      moduleWith('struct S { @align«⇒(4)» a: f32 }'),
      '"(" is expected after @align, not "a"',
    ],
    [
      'a duplicate attribute',
      moduleWith('struct S { @align(4) «@align(4)⇒» a: f32 }'),
      '@align is given twice',
    ],
    [
      'an attribute that does not exist',
      moduleWith('«@inline⇒» fn f() { }'),
      '"@inline" is not an attribute of WGSL',
    ],
    [
      'an attribute where it does not belong',
      moduleWith('«@align(4)⇒» var<private> a: f32;'),
      '@align is not allowed before var',
    ],
    [
      'an attribute before a constant',
      moduleWith('«@id(1)⇒» const a = 1;'),
      '@id is not allowed before const',
    ],
    [
      'a buffer without a binding',
      moduleWith('@group(0) «⇒@binding(0)» var<storage> a: f32;'),
      'var a needs @group(n) and @binding(n)',
    ],
    [
      'a private variable with a binding',
      moduleWith('«@group(0) @binding(0)⇒» var<private> a: f32;'),
      'var<private> a has no group and binding',
    ],
    [
      'a negative binding',
      moduleWith('@group(0) @binding(«-1⇒1») var<storage> a: f32;'),
      '@binding cannot be -1',
    ],
    [
      'two variables with the same binding in one entry point',
      '@group(0) @binding(0) var<storage> a: f32; @group(0) @binding(«0⇒1») var<storage> b: f32; @compute @workgroup_size(1) fn main() { _ = a + b; }',
      'main uses both a and b, which share @group(0) @binding(0)',
    ],
    [
      'two variables with the same binding, one through a call',
      '@group(0) @binding(0) var<storage> a: f32; @group(0) @binding(«0⇒1») var<storage> b: f32; fn f() -> f32 { return b; } @compute @workgroup_size(1) fn main() { _ = a + f(); }',
      'main uses both a and b, which share @group(0) @binding(0)',
    ],
    [
      "a group past the device's limit",
      '@group(«4⇒3») @binding(0) var<storage> a: f32; @compute @workgroup_size(1) fn main() { _ = a; }',
      '5 groups exceed',
    ],
    [
      'a severity that does not exist',
      'diagnostic(«never⇒off», derivative_uniformity); @compute @workgroup_size(1) fn main() { }',
      'the severity of a diagnostic must be one of error, warning, info, off',
    ],
  ],
  'entry points': [
    [
      'an entry point without @workgroup_size',
      '@compute «⇒@workgroup_size(1)» fn main() { }',
      'main needs @workgroup_size',
    ],
    [
      '@workgroup_size without an entry point',
      moduleWith('«@workgroup_size(1)⇒» fn f() { }'),
      '@workgroup_size needs @compute beside it',
    ],
    [
      'a workgroup of no invocations',
      '@compute @workgroup_size(«0⇒1») fn main() { }',
      'a workgroup of 0 x 1 x 1 has no invocation',
    ],
    [
      'a workgroup of four dimensions',
      '@compute @workgroup_size(1, 1, 1«, 1⇒») fn main() { }',
      '@workgroup_size takes 1 to 3 arguments, not 4',
    ],
    [
      'workgroup sizes of two types',
      '@compute @workgroup_size(1i, «1u⇒1i») fn main() { }',
      'the sizes of @workgroup_size must be all i32 or all u32',
    ],
    [
      'a workgroup size that is a variable',
      '«var<private>⇒const» n = 1; @compute @workgroup_size(n) fn main() { }',
      '"n" is a variable: it cannot be used in a constant expression',
    ],
    [
      "a workgroup past the device's limit",
      '@compute @workgroup_size(«257⇒256») fn main() { }',
      'a workgroup size of 257 along x exceeds the limit of 256',
    ],
    [
      'too many invocations in total',
      '@compute @workgroup_size(16, 16, «2⇒1») fn main() { }',
      'a workgroup of 512 invocations exceeds the limit of 256',
    ],
    [
      'more workgroup memory than the device has',
      'var<workgroup> a: array<u32, «4097⇒4096»>; @compute @workgroup_size(1) fn main() { a[0] = 1; }',
      '16400 bytes of workgroup memory exceed the limit of 16384',
    ],
    [
      'an entry point that returns a value',
      '@compute @workgroup_size(1) fn main() «-> f32⇒» { return «1⇒»; }',
      'a compute shader cannot return a value',
    ],
    [
      'an entry point that is called',
      '«@compute @workgroup_size(1)⇒» fn a() { } @compute @workgroup_size(1) fn main() { a(); }',
      'a is an entry point: no function can call it',
    ],
    [
      'an input without @builtin',
      '@compute @workgroup_size(1) fn main(«⇒@builtin(workgroup_id)» a: vec3u) { }',
      'a needs @builtin(...)',
    ],
    [
      'an input that does not exist',
      '@compute @workgroup_size(1) fn main(@builtin(«workgroup⇒workgroup_id») a: vec3u) { }',
      '@builtin(workgroup) is not an input of this device',
    ],
    [
      'an input of another type',
      '@compute @workgroup_size(1) fn main(@builtin(workgroup_id) a: «vec3i⇒vec3u») { }',
      '@builtin(workgroup_id) is vec3<u32>, not vec3<i32>',
    ],
    [
      'a duplicate input',
      '@compute @workgroup_size(1) fn main(@builtin(workgroup_id) a: vec3u«, @builtin(workgroup_id) b: vec3u⇒») { }',
      'main takes @builtin(workgroup_id) twice',
    ],
    [
      '@builtin on a function that is not an entry point',
      moduleWith('fn f(«@builtin(workgroup_id)⇒» a: vec3u) { }'),
      '@builtin is only for the parameters of an entry point, and f is not one',
    ],
    [
      'a member with an input of another type',
      moduleWith('struct S { @builtin(local_invocation_index) a: «i32⇒u32» }'),
      '@builtin(local_invocation_index) is u32, not i32',
    ],
  ],
  functions: [
    [
      'a function that calls itself',
      moduleWith('fn f() { «f()⇒_ = 1»; }'),
      '"f" calls itself, directly or through others',
    ],
    [
      'functions that call each other',
      moduleWith('fn f() { g(); } fn g() { «f()⇒_ = 1»; }'),
      '"f" calls itself, directly or through others',
    ],
    [
      'a function that ends without its result',
      moduleWith('fn f() -> f32 { «⇒return 1;» }'),
      'f can end without returning f32',
    ],
    [
      'a branch that does not return',
      moduleWith('fn f(a: bool) -> f32 { if a { return 1; } «⇒else { return 2; }» }'),
      'f can end without returning f32',
    ],
    [
      'a return behind a constant condition',
      moduleWith('fn f() -> f32 { «if true⇒» { return 1; } }'),
      'f can end without returning f32',
    ],
    [
      'a return without a value',
      moduleWith('fn f() -> f32 { return«⇒ 1»; }'),
      'a value of f32 must be returned',
    ],
    [
      'a value returned by a function without a result',
      moduleWith('fn f() { return« 1⇒»; }'),
      'a function without a result cannot return a value',
    ],
    [
      'a value of another type returned',
      moduleWith('fn f() -> f32 { return «1i⇒1»; }'),
      'the returned value is i32, not f32',
    ],
    [
      'a function that returns a pointer',
      moduleWith('fn f(a: ptr<function, f32>) -> «ptr<function, f32>⇒f32» { return «⇒*»a; }'),
      'f cannot return ptr<function, f32>',
    ],
    [
      'too few arguments',
      moduleWith('fn f(a: f32, b: f32) { } fn g() { f(1«⇒, 2»); }'),
      'f takes 2 arguments, not 1',
    ],
    [
      'too many arguments',
      moduleWith('fn f(a: f32) { } fn g() { f(1«, 2⇒»); }'),
      'f takes 1 argument, not 2',
    ],
    [
      'an argument of another type',
      moduleWith('fn f(a: f32) { } fn g() { f(«1i⇒1»); }'),
      'argument a of f is i32, not f32',
    ],
    [
      'the value of a function without a result',
      moduleWith('fn f() { } fn g() { «_ =⇒» f(); }'),
      'this call returns nothing to assign',
    ],
    [
      'a builtin whose value is not used',
      inMain('«⇒_ =» max(1, 2);'),
      'the value of max(...) is not used',
    ],
    [
      'a value constructed and not used',
      inMain('«⇒_ =» vec2f(1, 2);'),
      'the value of vec2f(...) is not used',
    ],
    [
      'a function that must be used and is not',
      moduleWith('@must_use fn f() -> f32 { return 1; } fn g() { «⇒_ =» f(); }'),
      'the value of f(...) is not used',
    ],
    [
      '@must_use on a function without a result',
      moduleWith('«@must_use⇒» fn f() { }'),
      '@must_use is not allowed before f, which returns nothing',
    ],
    [
      'a builtin with too many arguments',
      inMain('let x = abs(1«, 2⇒»);'),
      'abs(x) does not take abstract-int and abstract-int',
    ],
    [
      'an integer for a builtin of floats',
      inMain('let x = sqrt(«4i⇒4f»);'),
      'sqrt(x) does not take i32',
    ],
    [
      'a builtin with arguments of two types',
      inMain('let x = min(1i, «1u⇒1i»);'),
      'min(x, y) does not take i32 and u32',
    ],
    ['the sign of a u32', inMain('let x = sign(«1u⇒1i»);'), 'sign(x) does not take u32'],
    [
      'a cross product of two components',
      inMain('let x = cross(«vec2f⇒vec3f»(), «vec2f⇒vec3f»());'),
      'cross(v, w) does not take vec2<f32> and vec2<f32>',
    ],
    [
      'select by a number',
      inMain('let x = select(1, 2, «1⇒true»);'),
      'select(ifFalse, ifTrue, condition) does not take abstract-int and abstract-int and abstract-int',
    ],
    [
      'select between structs',
      moduleWith(
        'struct S { a: f32 } fn f(s: S, b: bool) -> «S⇒f32» { return select(s«⇒.a», s«⇒.a», b); }',
      ),
      'select(ifFalse, ifTrue, condition) does not take S and S and bool',
    ],
    [
      'arrayLength of an array with a fixed size',
      inMain('var a: array<f32, 2>; let x = arrayLength(«&a⇒&out»);'),
      'arrayLength(&array) does not take ptr<function, array<f32, 2>>',
    ],
    [
      'a template list for a function',
      moduleWith('fn f() { } fn g() { f«<f32>⇒»(); }'),
      'function f takes no template arguments',
    ],
  ],
  pointers: [
    [
      'the address of a let',
      inMain('«let⇒var» x = 1; let p = &x;'),
      '"x" is a value, not a variable: it has no address',
    ],
    [
      'the address of a component',
      inMain('var v = vec2f(); let p = &v«.x⇒»;'),
      'a component of a vector has no address',
    ],
    [
      'a pointer in a var',
      inMain('var x = 1; «var⇒let» p = &x;'),
      'var p cannot have type ptr<function, i32>',
    ],
    ['a dereferenced number', inMain('let x = 1; let y = «*⇒»x;'), '"*" takes a pointer, not i32'],
    [
      'a pointer to another address space',
      moduleWith(
        'var<private> a: f32; fn f(p: ptr<«function⇒private», f32>) { } fn g() { f(&a); }',
      ),
      'argument p of f is ptr<private, f32>, not ptr<function, f32>',
    ],
    [
      'a pointer to another type',
      moduleWith('fn f(p: ptr<function, «i32⇒f32»>) { } fn g() { var a = 1.0; f(&a); }'),
      'argument p of f is ptr<function, f32>, not ptr<function, i32>',
    ],
    [
      'a value in place of a pointer',
      moduleWith('fn f(p: ptr<function, f32>) { } fn g() { var a = 1.0; f(«a⇒&a»); }'),
      'argument p of f is f32, not ptr<function, f32>',
    ],
    [
      'a pointer with an access mode outside storage',
      moduleWith('fn f(p: ptr<function, f32«, read⇒»>) { }'),
      'a pointer to function cannot have an access mode',
    ],
    [
      'a write through a read-only pointer',
      moduleWith('fn f(p: ptr<storage, f32«⇒, read_write»>) { *p = 1; }'),
      'this pointer is to read-only memory: it cannot be assigned through',
    ],
    [
      'pointers added',
      inMain('var x = 1; let p = &x; let y = «p + 1⇒*p + 1»;'),
      '"+" does not take ptr<function, i32> and abstract-int',
    ],
    [
      'two pointers to one variable, one written',
      moduleWith(
        'fn f(p: ptr<function, f32>, q: ptr<function, f32>) { *p = *q; } fn g() { var a = 1.0; var b = 1.0; f(&a, &«a⇒b»); }',
      ),
      'p and q of f both point into "a", and f writes through p',
    ],
    [
      'two pointers to elements of one array, one written',
      moduleWith(
        'fn f(p: ptr<function, f32>, q: ptr<function, f32>) { *p = *q; } fn g() { var a: array<f32, 2>; var b = 1.0; f(&a[0], &«a[1]⇒b»); }',
      ),
      'p and q of f both point into "a", and f writes through p',
    ],
    [
      'a pointer to a variable that the function also writes',
      moduleWith(
        'var<private> a: f32; var<private> b: f32; fn f(p: ptr<private, f32>) -> f32 { a = 1; return *p; } fn g() { _ = f(&«a⇒b»); }',
      ),
      'p of f points into "a", which f also uses directly, and one of the two is written',
    ],
    [
      'a pointer to a variable that a called function writes',
      moduleWith(
        'var<private> a: f32; var<private> b: f32; fn h() { a = 1; } fn f(p: ptr<private, f32>) -> f32 { h(); return *p; } fn g() { _ = f(&«a⇒b»); }',
      ),
      'p of f points into "a", which f also uses directly, and one of the two is written',
    ],
    [
      'a runtime-sized array as a value',
      inMain('let x = «out⇒out[0]»;'),
      'array<f32> has no size here: only its elements can be read',
    ],
  ],
  'control flow': [
    ['a break outside loops', inMain('«break;⇒»'), '"break" is in neither a loop nor a switch'],
    ['a continue outside loops', inMain('«continue;⇒»'), '"continue" is outside a loop'],
    [
      'a continue in a switch outside loops',
      inMain('switch 1 { default { «continue⇒break»; } }'),
      '"continue" is outside a loop',
    ],
    [
      'a loop without an exit',
      inMain('loop { «⇒break;» }'),
      'this loop has no way out: it needs a condition, a break or a return',
    ],
    [
      'a for without an exit',
      inMain('for (; «⇒false»;) { }'),
      'this loop has no way out: it needs a condition, a break or a return',
    ],
    [
      'a loop whose break belongs to an inner loop',
      inMain('loop { loop { break; } «⇒break;» }'),
      'this loop has no way out: it needs a condition, a break or a return',
    ],
    [
      'a break in a continuing block',
      inMain('loop { continuing { «break;⇒break if true;» } }'),
      '"break" cannot leave a continuing block',
    ],
    [
      'a return in a continuing block',
      inMain('loop { continuing { «return;⇒» break if true; } }'),
      '"return" cannot leave a continuing block',
    ],
    [
      'a return in a switch in a continuing block',
      inMain('loop { continuing { switch 1 { default { «return⇒break»; } } break if true; } }'),
      '"return" cannot leave a continuing block',
    ],
    [
      'a continue in a continuing block',
      inMain('loop { continuing { «continue;⇒» break if true; } }'),
      '"continue" cannot leave a continuing block',
    ],
    [
      'a continuing block that is not last',
      inMain('loop { continuing { break if true; } «out[0] = 1;⇒» }'),
      '"}" is expected since the continuing block ends its loop, not "out"',
    ],
    [
      'break if in the body of a loop',
      inMain('loop { «break if true⇒if true { break; }»; }'),
      '"break if" may only end the continuing block of a loop',
    ],
    [
      'break if that is not last',
      inMain('loop { continuing { break if true; «out[0] = 1;⇒» } }'),
      '"}" is expected since "break if" ends the continuing block, not "out"',
    ],
    [
      'a continue past a declaration that the continuing block uses',
      inMain(
        'loop { if out[0] > 1 { «continue⇒break»; } let x = 1.0; continuing { out[0] = x; break if true; } }',
      ),
      '"continue" skips "x", which the continuing block uses',
    ],
    [
      'a switch without a default',
      inMain('switch 1 { case 1 { } «⇒default { }» }'),
      'a switch has one default, and this one has 0',
    ],
    [
      'a switch with two defaults',
      inMain('switch 1 { default { } «default { }⇒» }'),
      'a switch has one default, and this one has 2',
    ],
    [
      'a duplicate case',
      inMain('switch 1 { case 1 { } case «1⇒2» { } default { } }'),
      'case 1 is given twice',
    ],
    [
      'a case of another type',
      inMain('switch 1u { case «1i⇒1u» { } default { } }'),
      'the case is i32, not u32',
    ],
    [
      'a case that is not constant',
      inMain('«let⇒const» a = 1; switch 1 { case a { } default { } }'),
      'the value of a case must be constant',
    ],
    [
      'a switch by a float',
      inMain('switch «1.0⇒1» { default { } }'),
      'the selector is abstract-float, not i32',
    ],
    [
      'a fallthrough',
      inMain('switch 1 { case 1 { «fallthrough;⇒» } default { } }'),
      'an assignment or a call is expected here, not ";"',
    ],
    [
      'a declaration as the update of a for',
      inMain('for (var i = 0; i < 2; «let j = i⇒i++») { «⇒_ = i;» «break;⇒» }'),
      'an expression is expected here, not "let"',
    ],
  ],
  uniformity: [
    [
      'a barrier under a condition that depends on the invocation',
      '@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) g: vec3u) { if «i⇒g.x» == 0 { workgroupBarrier(); } }',
      'workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 1 depends on local_invocation_index (line 1), which may differ between them',
    ],
    [
      'a barrier after some invocations have returned',
      '@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) g: vec3u) { if «i⇒g.x» == 0 { return; } workgroupBarrier(); }',
      'workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 1 depends on local_invocation_index (line 1), which may differ between them',
    ],
    [
      'a barrier in a loop with a varying number of iterations',
      '@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) i: vec3u, @builtin(workgroup_id) g: vec3u) { for (var n = 0u; n < «i⇒g».x; n++) { workgroupBarrier(); } }',
      'workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 1 depends on global_invocation_id (line 1), which may differ between them',
    ],
    [
      'a barrier under a condition on a workgroup variable',
      'var<workgroup> a: u32; @compute @workgroup_size(4) fn main() { if «a⇒workgroupUniformLoad(&a)» == 0 { workgroupBarrier(); } }',
      'workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 1 depends on var<workgroup> a (line 1), which may differ between them',
    ],
    [
      'a barrier under a condition on a writable buffer',
      '@group(0) @binding(0) var<storage«, read_write⇒»> s: u32; @compute @workgroup_size(4) fn main() { if s == 0 { storageBarrier(); } }',
      'storageBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 1 depends on var<storage, read_write> s (line 1), which may differ between them',
    ],
    [
      'a uniform load of a varying element',
      'var<workgroup> a: array<u32, 4>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { _ = workgroupUniformLoad(&a[«i⇒0»]); }',
      'all invocations of a workgroup must give workgroupUniformLoad the same address, but this one depends on local_invocation_index (line 1), which may differ between them',
    ],
  ],
};
