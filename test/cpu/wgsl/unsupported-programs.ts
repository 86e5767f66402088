/**
 * Valid compute shaders that our device rejects because it does not support a feature. The error
 * must name the feature.
 */

import { inMain, moduleWith } from './shaders.js';

/** The feature that is used, the program, and a part of our device's error. */
export type UnsupportedProgram = readonly [feature: string, code: string, rule: string];

/** Programs that Dawn accepts. */
export const UNSUPPORTED_PROGRAMS: readonly UnsupportedProgram[] = [
  [
    'an atomic in workgroup memory',
    'var<workgroup> n: atomic<u32>; @compute @workgroup_size(4) fn main() { atomicAdd(&n, 1); }',
    '"atomic" is not supported: this device has no atomics',
  ],
  [
    'an atomic in a buffer',
    'struct S { n: atomic<i32> } @group(0) @binding(0) var<storage, read_write> s: S; @compute @workgroup_size(1) fn main() { atomicStore(&s.n, 1); }',
    '"atomic" is not supported: this device has no atomics',
  ],
  [
    'a texture',
    '@group(0) @binding(0) var t: texture_2d<f32>; @compute @workgroup_size(1) fn main() { _ = textureLoad(t, vec2i(), 0); }',
    '"texture_2d" is not supported: this device has no textures and no samplers',
  ],
  [
    'a storage texture',
    '@group(0) @binding(0) var t: texture_storage_2d<rgba8unorm, write>; @compute @workgroup_size(1) fn main() { textureStore(t, vec2i(), vec4f()); }',
    '"texture_storage_2d" is not supported: this device has no textures and no samplers',
  ],
  [
    'a sampler',
    '@group(0) @binding(0) var s: sampler; @compute @workgroup_size(1) fn main() { _ = s; }',
    '"sampler" is not supported: this device has no textures and no samplers',
  ],
  [
    'a barrier for textures',
    inMain('textureBarrier();'),
    '"textureBarrier" is not supported: this device has no textures',
  ],
  [
    'subgroups',
    'enable subgroups; @compute @workgroup_size(4) fn main() { _ = subgroupAdd(1u); }',
    '"enable subgroups" is not supported: this device has no subgroups',
  ],
  [
    'an override',
    'override n: u32 = 4; @compute @workgroup_size(n) fn main() { }',
    'override declarations are not supported: declare a const',
  ],
  [
    'an override with an id',
    moduleWith('@id(1) override n: u32 = 4;'),
    'override declarations are not supported: declare a const',
  ],
  [
    'a vertex shader beside the compute shader',
    moduleWith('@vertex fn v() -> @builtin(position) vec4f { return vec4f(); }'),
    '@vertex is not supported: this device runs compute shaders only',
  ],
  [
    'a fragment shader beside the compute shader',
    moduleWith('@fragment fn f() { discard; }'),
    '@fragment is not supported: this device runs compute shaders only',
  ],
  [
    '@location',
    moduleWith('struct S { @location(0) a: f32 }'),
    '@location is not supported: this device runs compute shaders only',
  ],
  [
    'a builtin input of a later version of WGSL',
    '@compute @workgroup_size(1) fn main(@builtin(global_invocation_index) i: u32) { }',
    '@builtin(global_invocation_index) is not an input of this device',
  ],
  [
    'a builtin input of subgroups',
    'enable subgroups; @compute @workgroup_size(1) fn main(@builtin(subgroup_size) n: u32) { }',
    '"enable subgroups" is not supported: this device has no subgroups',
  ],
  [
    'an assignment to several components at once',
    inMain('var v = vec3f(); v.zx = vec2f(1, 2); out[0] = v.x;'),
    'assigning to several components at once is not supported: this device has no swizzle_assignment',
  ],
  [
    'the extension for packed dot products',
    'requires packed_4x8_integer_dot_product; @compute @workgroup_size(1) fn main() { }',
    'the language extension "packed_4x8_integer_dot_product" is not supported',
  ],
  [
    'a packed dot product',
    inMain('out[0] = f32(dot4U8Packed(1u, 2u));'),
    '"dot4U8Packed" is not supported: this device has no packed dot products',
  ],
  [
    'packing into a format',
    inMain('out[0] = f32(pack4x8snorm(vec4f()));'),
    '"pack4x8snorm" is not supported: this device has no packed formats',
  ],
  [
    'unpacking from a format',
    inMain('out[0] = unpack2x16float(1u).x;'),
    '"unpack2x16float" is not supported: this device has no packed formats',
  ],
  ...(
    [
      ['acos(0.5)', 'acos'],
      ['acosh(1.5)', 'acosh'],
      ['asin(0.5)', 'asin'],
      ['asinh(0.5)', 'asinh'],
      ['atan(0.5)', 'atan'],
      ['atan2(0.5, 1)', 'atan2'],
      ['atanh(0.5)', 'atanh'],
      ['cosh(0.5)', 'cosh'],
      ['degrees(0.5)', 'degrees'],
      ['determinant(mat2x2f())', 'determinant'],
      ['faceForward(vec2f(), vec2f(), vec2f()).x', 'faceForward'],
      ['f32(extractBits(1u, 0, 1))', 'extractBits'],
      ['f32(firstLeadingBit(1u))', 'firstLeadingBit'],
      ['f32(firstTrailingBit(1u))', 'firstTrailingBit'],
      ['frexp(0.5).fract', 'frexp'],
      ['f32(insertBits(1u, 1u, 0, 1))', 'insertBits'],
      ['ldexp(0.5, 1)', 'ldexp'],
      ['modf(0.5).whole', 'modf'],
      ['quantizeToF16(0.5)', 'quantizeToF16'],
      ['radians(0.5)', 'radians'],
      ['reflect(vec2f(), vec2f()).x', 'reflect'],
      ['refract(vec2f(), vec2f(), 1).x', 'refract'],
      ['f32(reverseBits(1u))', 'reverseBits'],
      ['sinh(0.5)', 'sinh'],
      ['smoothstep(0, 1, 0.5)', 'smoothstep'],
      ['tan(0.5)', 'tan'],
    ] as const
  ).map(
    ([call, name]): UnsupportedProgram => [
      `the function ${name}`,
      inMain(`out[0] = ${call};`),
      `"${name}" is not supported: this device does not have it`,
    ],
  ),
  [
    'an integer past 2^53',
    inMain('const n = 1 << 62; out[0] = f32(n >> 60);'),
    'exceeds 2^53, the largest abstract integer of this device',
  ],
];

/**
 * Programs that Dawn rejects too if its adapter does not have the feature (SwiftShader: no f16).
 */
export const UNSUPPORTED_ON_BOTH: readonly UnsupportedProgram[] = [
  [
    'f16',
    'enable f16; @compute @workgroup_size(1) fn main() { let x = 1h; }',
    '"enable f16" is not supported: this device has no f16',
  ],
  [
    'a vector of f16 without the feature',
    inMain('var v: vec2h;'),
    '"vec2h" is not supported: this device has no f16',
  ],
  ['a number of f16 without the feature', inMain('let x = 1h;'), '1h is an f16, which this device'],
  [
    'a function of subgroups without the feature',
    inMain('let x = subgroupAdd(1u);'),
    '"subgroupAdd" is not supported: this device has no subgroups',
  ],
  [
    'a derivative',
    inMain('let x = dpdx(1.0);'),
    '"dpdx" is not supported: derivatives belong to fragment shaders',
  ],
  ['a discard', inMain('discard;'), 'discard belongs to fragment shaders'],
  [
    'a builtin input of vertex shaders',
    '@compute @workgroup_size(1) fn main(@builtin(vertex_index) i: u32) { }',
    '@builtin(vertex_index) is not an input of this device',
  ],
];
