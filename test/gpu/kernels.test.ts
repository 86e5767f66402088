import { describe, expect, it } from 'vitest';
import { GpuError, Tensor } from '../../src/engine.js';
import { KernelCache, packParams, specialize } from '../../src/gpu/kernels.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { createEngine } from '../../src/node.js';
import { dropoutParams } from '../../src/tensor/random.js';
import { useEngine } from '../helpers/engine.js';

const SOURCE = [
  'const WG = 64u;',
  'const TILE: u32 = 8u;',
  'const TILE_M = TILE * 4u;',
  'const STAGED = true;',
  'var<workgroup> tile: array<f32, TILE>; // const WG = 64u;',
].join('\n');
const DECLARED = { WG: 64, TILE: 8, STAGED: true };

describe('specializing a source', () => {
  it('rewrites the initializers of the named constants and nothing else', () => {
    const lines = specialize('demo', SOURCE, DECLARED, { WG: 32, TILE: 4, STAGED: false });
    expect(lines.split('\n')).toEqual([
      'const WG = 32u;',
      'const TILE: u32 = 4u;',
      'const TILE_M = TILE * 4u;',
      'const STAGED = false;',
      'var<workgroup> tile: array<f32, TILE>; // const WG = 64u;',
    ]);
  });

  it('leaves the source unchanged without constants and for undefined values', () => {
    expect(specialize('demo', SOURCE, DECLARED, {})).toBe(SOURCE);
    expect(specialize('demo', SOURCE, DECLARED, { WG: undefined })).toBe(SOURCE);
  });

  it('rejects a constant that the file does not declare, listing those it declares', () => {
    expect(() => specialize('demo', SOURCE, DECLARED, { LANES: 4 })).toThrow(
      'shaders/demo.wgsl does not declare a constant LANES; it declares WG, TILE, STAGED.',
    );
    expect(() => specialize('demo', SOURCE, DECLARED, { TILE_M: 4 })).toThrow('TILE_M');
  });

  it.each([
    ['a boolean for a number', { WG: true }],
    ['a number for a boolean', { STAGED: 1 }],
    ['a fraction', { WG: 1.5 }],
    ['a negative number', { WG: -1 }],
    ['NaN', { WG: Number.NaN }],
  ])('rejects %s', (_, constants) => {
    expect(() => specialize('demo', SOURCE, DECLARED, constants)).toThrow(
      /shaders\/demo\.wgsl: constant \w+ is \w+, so .+ cannot replace it\./,
    );
  });

  it('rewrites every constant of every shader', () => {
    for (const [shader, { source, constants }] of Object.entries(SHADERS)) {
      for (const [name, current] of Object.entries(constants)) {
        const value = typeof current === 'number' ? current + 1 : !current;
        const before = source.split('\n');
        const after = specialize(shader, source, constants, { [name]: value }).split('\n');
        const changed = after.filter((line, n) => line !== before[n]);
        expect(changed, `${shader} ${name}`).toEqual([
          `const ${name} = ${value}${typeof value === 'number' ? 'u' : ''};`,
        ]);
      }
    }
  });
});

describe('packing parameters', () => {
  const info = {
    shader: 'demo',
    entry: 'main',
    bindings: [],
    params: [
      { name: 'n', type: 'u32', offset: 0 },
      { name: 'shift', type: 'i32', offset: 4 },
      { name: 'factor', type: 'f32', offset: 8 },
    ],
    paramBytes: 12,
  } as const;

  it('stores each value by its type and offset, in whatever order the values are given', () => {
    const words = packParams(info, { factor: 0.5, shift: -2, n: 0xffffffff });
    expect([...words]).toEqual([0xffffffff, 0xfffffffe, 0x3f000000]);
  });

  it('rejects a missing value and NaN, naming the kernel and the parameter', () => {
    expect(() => packParams(info, { n: 1, shift: 0 })).toThrow(
      'demo.main: parameter factor is undefined.',
    );
    expect(() => packParams(info, { n: 1, shift: Number.NaN, factor: 1 })).toThrow(
      'demo.main: parameter shift is NaN.',
    );
  });

  it('fills the parameter struct of every kernel without gaps', () => {
    for (const [name, kernel] of Object.entries(KERNELS)) {
      const values = Object.fromEntries(kernel.params.map((p, n) => [p.name, n + 1]));
      const words = packParams(kernel, values);
      expect(
        [...words].every((word) => word !== 0),
        name,
      ).toBe(true);
    }
  });
});

describe('compiling', () => {
  const engine = useEngine();

  function newCache(): KernelCache {
    const { device, facts } = engine();
    return new KernelCache(device, facts.immediates, (_, make) => make());
  }

  it('happens once per kernel and set of constants, where undefined ones do not count', () => {
    const cache = newCache();
    const kernel = cache.get('elementwise.activate', { ITEMS: 2 });
    expect(cache.get('elementwise.activate', { ITEMS: 2 })).toBe(kernel);
    expect(
      cache.get('elementwise.activate', { ITEMS: 2, WG: undefined } as unknown as {
        ITEMS: number;
      }),
    ).toBe(kernel);
    expect(cache.get('elementwise.activate', { ITEMS: 3 })).not.toBe(kernel);
    expect(cache.get('elementwise.combine', { ITEMS: 2 })).not.toBe(kernel);
    expect(cache.compiled).toBe(3);
  });

  it('shares one bind group layout between kernels with the same bindings', () => {
    const cache = newCache();
    const dropout = cache.get('elementwise.dropout', {});
    const narrowDropout = cache.get('elementwise.dropout', { ITEMS: 1 });
    expect(narrowDropout.layout).toBe(dropout.layout);
    expect(narrowDropout.layoutKey).toBe(dropout.layoutKey);
    expect(cache.get('layernorm.forward', {}).layoutKey).not.toBe(dropout.layoutKey);
  });

  it('rejects a tuning that does not fit the kernels, naming the setting', async () => {
    await expect(createEngine({ tuning: { reduceGroup: 48 } })).rejects.toThrow(
      'tuning.reduceGroup should be a power of two, but is 48.',
    );
    await expect(createEngine({ tuning: { rowGroup: 8, rowLanes: 16 } })).rejects.toThrow(
      'tuning.rowLanes and tuning.columnSlices should be at most rowGroup, which is 8.',
    );
    const matmulTiles = [{ m: 8, n: 8, k: 4, rows: 4 }];
    await expect(createEngine({ tuning: { matmulTiles } })).rejects.toThrow(
      'A tile in tuning.matmulTiles with rows = 4 needs n = 16 or more, but has n = 8.',
    );
  });

  it('fails the engine with a GpuError that names the kernel where the device rejects it', async () => {
    const broken = await createEngine();
    const x = Tensor.zeros(broken, [2]);
    const params = {
      n: 2,
      kind: 0,
      accumulate: 0,
      alpha: 1,
      beta: 0,
      ...dropoutParams('combine', undefined),
    };
    const buffers = {
      out: x,
      x: broken.placeholders.read,
      y: broken.placeholders.read,
      random: broken.placeholders.read,
    };
    broken.dispatch('elementwise.combine', buffers, params, 1, { constants: { WG: 65536 } });
    const error = await x.floats().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GpuError);
    expect(String(error)).toMatch(
      /^GpuError: Compiling elementwise\.combine WG=65536 failed: .*65536/s,
    );
    expect(() => Tensor.zeros(broken, [2])).toThrow(error as GpuError);
    broken.dispose();
  });
});
