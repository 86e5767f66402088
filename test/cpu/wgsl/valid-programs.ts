/**
 * Valid compute shaders with unusual uses of the WGSL that our device supports; each writes `out`.
 */

import { inMain } from './shaders.js';

/** The construct that is tested, and the program. */
export type ValidProgram = readonly [title: string, code: string];

/** The programs, by topic. */
export const VALID_PROGRAMS: Readonly<Record<string, readonly ValidProgram[]>> = {
  tokens: [
    [
      'hexadecimal and decimal numbers',
      inMain(
        'out[0] = 0x1F + 0XaBp0 + 0x.8p1 + 1.5e+2 + .25 + 3.f; out[1] = f32(0xFFu + 7u); out[2] = f32(0x10i);',
      ),
    ],
    ['names of other alphabets', inMain('let größe = 2.0; let Δ = größe * 2; out[0] = Δ;')],
    ['nested comments', inMain('out[0] = /* one /* two */ three */ 4.0; // five\n')],
    [
      'a name that begins like a keyword',
      inMain('let iffy = 1.0; let trueish = 2.0; let vector = iffy + trueish; out[0] = vector;'),
    ],
    [
      'signs in a row',
      inMain(
        'let a = 3; out[0] = f32(a - -a); out[1] = f32(a--a); out[2] = f32(- - -a); out[3] = f32(select(0, 1, !!true));',
      ),
    ],
  ],
  grammar: [
    [
      'template lists and comparisons',
      inMain(
        'let a = 1; let b = 2; let x = array<vec2<f32>,2>(vec2<f32>(1, 2), vec2<f32>(3, 4)); if a < b && b > (a) { out[0] = x[1].y; } out[1] = f32(a < b); out[2] = f32(b >= a);',
      ),
    ],
    [
      'a size that is an expression',
      inMain(
        'const N = 8; var x: array<f32, (N >> 1) + select(0, 1, (N > 7))>; x[4] = 5; out[0] = x[4];',
      ),
    ],
    [
      'operators that need no parentheses',
      inMain(
        'let a = 5u; out[0] = f32(a * 2 + 1 != 3u && a << 1u > 3u); out[1] = f32((a & 4u) == 4u); out[2] = f32(~a ^ 1u);',
      ),
    ],
    [
      'else if',
      inMain(
        'for (var i = 0; i < 3; i++) { if i == 0 { out[i] = 1; } else if i == 1 { out[i] = 2; } else { out[i] = 3; } }',
      ),
    ],
    ['empty statements and blocks', inMain(';; { } { { out[0] = 1; } ; }')],
    [
      'attributes on statements',
      inMain(
        '@diagnostic(off, derivative_uniformity) if true { out[0] = 1; } @diagnostic(off, derivative_uniformity) { out[1] = 2; }',
      ),
    ],
    [
      'trailing commas',
      'struct S { a: f32, b: f32, } fn f(a: f32, b: f32,) -> f32 { return a + b; } @group(0,) @binding(0,) var<storage, read_write,> out: array<f32,>; @compute @workgroup_size(1, 1,) fn main() { let s = S(1, 2,); out[0] = f(s.a, s.b,); }',
    ],
    [
      'directives',
      'requires pointer_composite_access, unrestricted_pointer_parameters; diagnostic(off, derivative_uniformity); @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = 1; }',
    ],
    [
      'compound assignments',
      inMain(
        'var a = 21; a += 4; a -= 1; a *= 3; a /= 2; a %= 20; a &= 13; a |= 2; a ^= 1; a <<= 3u; a >>= 1u; a++; a--; out[0] = f32(a);',
      ),
    ],
  ],
  names: [
    [
      'an inner scope shadows an outer name',
      inMain(
        'let a = 1.0; { let a = a + 1; out[0] = a; } out[1] = a; for (var a = 5; a < 6; a++) { let a = 7.0; out[2] = a; }',
      ),
    ],
    [
      'a member with the name of a builtin',
      'struct S { min: f32, vec2: f32, f32: f32 } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { let s = S(1, 2, 3); out[0] = s.min + s.vec2 * s.f32; }',
    ],
    [
      'a function that shadows a builtin',
      'fn max(a: f32) -> f32 { return a + 1; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = max(2); }',
    ],
    [
      'a struct that shadows a vector type',
      'struct vec2f { a: f32 } alias i32 = f32; @group(0) @binding(0) var<storage, read_write> out: array<i32>; @compute @workgroup_size(1) fn main() { out[0] = vec2f(2.5).a; }',
    ],
    [
      'declarations in any order',
      '@compute @workgroup_size(N) fn main() { out[0] = f(S(1, A(1, 2, 3))); } fn f(s: S) -> f32 { return s.a + s.b[M - 1]; } struct S { a: f32, b: A } alias A = array<f32, M>; const M = N + 2; const N = 1; @group(0) @binding(0) var<storage, read_write> out: array<f32>;',
    ],
    [
      'a local variable with the name of its function',
      'fn f() -> f32 { let f = 2.0; return f; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = f(); }',
    ],
  ],
  types: [
    [
      'abstract numbers are converted to the required type',
      inMain(
        'let a: f32 = 1; let b: u32 = 2; const c = 3; var d = a + c; d += c; let e: vec2f = vec2(1, 2); let f = array(1, 2.5); out[0] = d; out[1] = f32(b + c); out[2] = e.y + f[0];',
      ),
    ],
    [
      'conversions',
      inMain(
        'let a = -2.75; out[0] = f32(i32(a)); out[1] = f32(u32(7.9)); out[2] = f32(bool(a)); out[3] = f32(u32(true)); out[4] = f32(vec2i(vec2f(1.5, -1.5)).y); out[5] = f32(i32(4294967295u));',
      ),
    ],
    [
      'vectors of vectors',
      inMain(
        'let a = vec4f(vec2f(1, 2), 3, 4); let b = vec3f(a.w, a.xy); let c = vec2f(b.zy); let d = vec3(1.0); out[0] = dot(a, a.wzyx); out[1] = b.x + c.y + d.z;',
      ),
    ],
    [
      'swizzles of swizzles',
      inMain(
        'let a = vec4f(1, 2, 3, 4); out[0] = a.wzyx.xy.y; out[1] = a.rgba.bg.x; out[2] = vec4(5, 6, 7, 8).zyx[2];',
      ),
    ],
    [
      'matrices',
      inMain(
        'let m = mat2x3f(1, 2, 3, 4, 5, 6); let v = m * vec2f(1, 2); let w = vec3f(1, 2, 3) * m; let t = transpose(m); let p = t * m; out[0] = v.z; out[1] = w.y; out[2] = t[2].y; out[3] = p[1].x; out[4] = (2 * m - m)[1][2];',
      ),
    ],
    [
      'assignments to columns and components',
      inMain(
        'var m = mat2x2f(); m[0] = vec2f(1, 2); m[1][0] = 3; m[1].y = 4; m *= m; m += m; var i = 1; out[0] = m[i][0]; out[1] = m[0].y;',
      ),
    ],
    [
      'arrays of structs of arrays',
      'struct A { v: vec3f, n: array<f32, 2> } struct B { a: array<A, 2>, x: f32 } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { var b: B; b.a[1].v.z = 1; b.a[0] = A(vec3f(2), array(3, 4)); b.a[1].n = b.a[0].n; var c = b; c.x = 5; let i = 1u; out[0] = c.a[i].n[i]; out[1] = c.a[0].v.y + c.a[1].v.z; out[2] = b.x + c.x; }',
    ],
    [
      'bools in vectors and arrays',
      inMain(
        'let a = vec3(1, 5, 3) < vec3(2, 2, 4); var b: array<bool, 2>; b[1] = any(a); out[0] = f32(all(a)); out[1] = f32((b[1] & a.x) | b[0]); out[2] = dot(vec3f(a), vec3f(1, 10, 100));',
      ),
    ],
    [
      'an element of a constant array',
      inMain(
        'const table = array(10, 20, 30); for (var i = 0; i < 3; i++) { out[i] = f32(table[i]); }',
      ),
    ],
    [
      'indexed values',
      inMain(
        'let v = vec4f(1, 2, 3, 4); let a = array(5.0, 6.0); for (var i = 0u; i < 2; i++) { out[i] = v[i + 1] + a[i]; }',
      ),
    ],
  ],
  layout: [
    [
      'a uniform with all kinds of members',
      'struct P { n: u32, v: vec3f, s: f32, k: array<vec4f, 2>, m: mat3x3f, @align(32) z: f32, @size(16) y: i32, q: vec2f } @group(0) @binding(1) var<uniform> p: P; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = p.v.z; out[1] = p.s; out[2] = p.k[1].y; out[3] = p.m[2].z; out[4] = p.z; out[5] = f32(p.y); out[6] = p.q.y; out[7] = f32(p.n); }',
    ],
    [
      'an array of numbers in a uniform',
      '@group(0) @binding(1) var<uniform> p: array<f32, 8>; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { for (var i = 0; i < 8; i++) { out[i] = p[i]; } }',
    ],
    [
      'a struct that ends with a runtime-sized array',
      'struct S { n: u32, a: array<vec3f> } @group(0) @binding(1) var<storage> s: S; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = f32(arrayLength(&s.a)); out[1] = s.a[1].y; out[2] = s.a[0].z; }',
    ],
    [
      'arrays of arrays in a buffer',
      '@group(0) @binding(1) var<storage> s: array<array<vec2f, 3>, 2>; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { for (var i = 0u; i < 6; i++) { out[i] = s[i / 3][i % 3].y; } }',
    ],
    [
      'private and workgroup variables',
      'var<private> a = vec2(1.0, 2.0); var<private> b: array<f32, 3>; var<workgroup> c: array<vec2f, 2>; @group(0) @binding(0) var<storage, read_write> out: array<f32>; fn f() { b[2] += a.y; a.x *= 3; } @compute @workgroup_size(1) fn main() { f(); f(); c[1] = a; out[0] = b[2]; out[1] = c[1].x + c[0].y; }',
    ],
  ],
  constants: [
    [
      'constant expressions as sizes and cases',
      inMain(
        'const A = 3; const B = vec2(A, 2 * A); const C = array(B.x, B.y)[1]; var x: array<f32, C>; switch C - 4 { case A - 1: { x[C - 1] = 7; } default { } } out[0] = x[5]; out[1] = f32(C);',
      ),
    ],
    [
      'assertions',
      inMain(
        'const N = 4u; const_assert N == 4; const_assert (N & 3u) == 0 && N < 5; const_assert max(1, 2) == 2; out[0] = f32(N);',
      ),
    ],
    [
      'an operand of && and || that is never evaluated',
      inMain(
        'const N = 0; const_assert N == 0 || 10 / N > 1; const_assert !(N != 0 && 1u << 40u == 0); out[0] = 1;',
      ),
    ],
    [
      'integers that wrap',
      inMain(
        'out[0] = f32(2147483647i + 1i); out[1] = f32(1u - 2u); let a = 4294967295u; out[2] = f32(a + 2u); out[3] = f32(65536i * 65536i);',
      ),
    ],
    [
      'the smallest and the largest numbers',
      inMain(
        'let a: i32 = -2147483648; let b = 4294967295u; let c = 3.4028234663852886e38f; out[0] = f32(a); out[1] = f32(b); out[2] = c;',
      ),
    ],
  ],
  functions: [
    [
      'several returns',
      'fn f(a: i32) -> f32 { if a < 0 { return -1; } switch a { case 0, 1 { return 10; } case 2: { break; } default: { return 30; } } loop { if a > 1 { return 20; } } } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { for (var i = -1; i < 4; i++) { out[i + 1] = f(i); } }',
    ],
    [
      'results that are structs and arrays',
      'struct S { a: f32, b: array<f32, 2> } fn f(x: f32) -> S { return S(x, array(x + 1, x + 2)); } fn g(s: S) -> array<f32, 2> { return s.b; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = f(1).a + f(2).b[1]; out[1] = g(f(3))[0]; }',
    ],
    [
      'a function whose result is not used',
      'var<private> n = 0.0; fn f() -> f32 { n += 1; return n; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { f(); _ = f(); out[0] = f(); }',
    ],
    [
      'arguments are evaluated in order',
      'var<private> n = 1.0; fn f(by: f32) -> f32 { n = n * 2 + by; return n; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { out[0] = f(1) - f(2); out[1] = n; let v = vec3f(f(1), n, f(0)); out[2] = v.y; out[3] = v.z; }',
    ],
    [
      '@must_use and a struct of inputs',
      'struct I { @builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) i: u32 } @must_use fn f(i: I) -> f32 { return f32(i.g.x + i.i); } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(2) fn main(i: I, @builtin(num_workgroups) n: vec3u) { out[i.i] = f(i) + f32(n.x); }',
    ],
    [
      'several builtins',
      inMain(
        'let a = vec3f(1, 4, 9); out[0] = sqrt(a).z; out[1] = clamp(a.y, 5, 6); out[2] = mix(1.0, 3, 0.5); out[3] = step(2, a.x); out[4] = sign(-a.x); out[5] = round(2.5); out[6] = f32(countOneBits(255u)); out[7] = select(1.0, 2, a.x > 0); out[8] = cross(vec3f(1, 0, 0), vec3f(0, 1, 0)).z; out[9] = fract(1.25); out[10] = bitcast<f32>(0x40000000u); out[11] = length(vec2f(3, 4)); out[12] = f32(dot(vec2i(1, 2), vec2i(3, 4)));',
      ),
    ],
  ],
  pointers: [
    [
      'pointers to parts',
      'struct S { v: vec3f, a: array<f32, 2> } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { var s: S; let p = &s; let q = &p.a; let r = &(*q)[1]; *r = 1; p.v.x = 2; (*p).v.y = 3; q[0] += 4; *r += 1; out[0] = s.a[0]; out[1] = s.a[1]; out[2] = s.v.x + s.v.y; }',
    ],
    [
      'pointer parameters',
      'fn add(to: ptr<function, f32>, by: ptr<private, f32>) { *to += *by; } fn twice(to: ptr<function, f32>) { add(to, &n); add(to, &n); } var<private> n = 2.0; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { var a = 1.0; var b: array<f32, 2>; twice(&a); twice(&b[1]); out[0] = a; out[1] = b[1] + b[0]; }',
    ],
    [
      'pointers to buffers',
      'fn put(to: ptr<storage, array<f32>, read_write>, at: u32) { to[at] = f32(arrayLength(to)); } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { put(&out, 1); let p = &out; put(p, 2); let q = &out[3]; *q = 4; }',
    ],
    [
      'two pointers to one variable that is only read',
      'fn sum(a: ptr<function, f32>, b: ptr<function, f32>) -> f32 { return *a + *b; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(1) fn main() { var a = 2.0; out[0] = sum(&a, &a); }',
    ],
    [
      'address-of and dereference cancel each other',
      inMain('var a = 1.0; *&a = 2; (*(&a)) += 1; out[0] = *&*&a;'),
    ],
  ],
  'control flow': [
    [
      'continue and break in nested loops',
      inMain(
        'var n = 0; for (var i = 0; i < 4; i++) { if i == 1 { continue; } for (var j = 0; ; j++) { if j > i { break; } n += 10; } n++; } out[0] = f32(n);',
      ),
    ],
    [
      'a loop with a continuing block',
      inMain(
        'var i = 0; var n = 0; loop { if i == 2 { continue; } n += i; continuing { let next = i + 1; i = next; break if i >= 5; } } out[0] = f32(n); out[1] = f32(i);',
      ),
    ],
    [
      'a declaration that a continue does not skip',
      inMain(
        'var i = 0; loop { let step = 2; if i == 4 { continue; } out[i] = 1; continuing { i += step; break if i > 6; } }',
      ),
    ],
    [
      'a switch in a continuing block',
      inMain(
        'var i = 0; loop { continuing { switch i { case 1 { i += 2; break; } default { i++; } } break if i > 5; } } out[0] = f32(i);',
      ),
    ],
    [
      'break in a switch in a loop',
      inMain(
        'var n = 0; for (var i = 0; i < 5; i++) { switch i { case 1: { continue; } case 3: { break; } default: { n += i; } } n += 100; } out[0] = f32(n);',
      ),
    ],
    [
      'a switch on u32 with several values',
      inMain(
        'for (var i = 0u; i < 4; i++) { switch i { case 0, 2: { out[i] = 1; } case 1, default: { out[i] = 2; } } }',
      ),
    ],
    ['a while that never runs', inMain('while out[0] > 1e30 { out[1] = 1; } out[2] = 2;')],
    [
      'statements after a return in a branch',
      inMain('if out[0] > -1e30 { out[1] = 1; return; } out[1] = 2;'),
    ],
  ],
  uniformity: [
    [
      'a barrier between two uses of workgroup memory',
      'var<workgroup> w: array<f32, 4>; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { w[i] = f32(i); workgroupBarrier(); out[i] = w[3 - i]; }',
    ],
    [
      'a barrier after a varying branch',
      'var<workgroup> w: f32; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { if i == 2 { w = 5; } workgroupBarrier(); out[i] = w; }',
    ],
    [
      'a barrier in a uniform loop with a varying loop inside',
      'var<workgroup> w: array<f32, 4>; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { for (var n = 0u; n < 3; n++) { for (var m = 0u; m < i; m++) { w[i] += 1; } workgroupBarrier(); out[i] += w[(i + n) % 4]; workgroupBarrier(); } }',
    ],
    [
      'a barrier under a condition on a uniform load',
      'var<workgroup> w: u32; @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { if i == 3 { w = 2; } let n = workgroupUniformLoad(&w); for (var k = 0u; k < n; k++) { workgroupBarrier(); out[i] += 1; } }',
    ],
    [
      'a barrier in a function, reached uniformly',
      'var<workgroup> w: array<f32, 4>; fn swap(i: u32, flag: bool) -> f32 { if flag { workgroupBarrier(); } return w[i]; } @group(0) @binding(0) var<storage, read_write> out: array<f32>; @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) g: vec3u) { w[i] = f32(i); out[i] = swap(3 - i, g.x == 0); }',
    ],
  ],
};
