import { describe } from 'vitest';
import * as c from './calls.js';
import { computeOn, type Exception, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;

const NO_SAMPLERS: Exception<string> = {
  dawn: 'none',
  because: 'this device has buffers only, and says so',
};

/** So many times the same. */
function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

describe('createBindGroupLayout', () => {
  const create =
    (...entries: object[]): Setup =>
    (d) =>
    () =>
      void d.createBindGroupLayout({ entries: entries as GPUBindGroupLayoutEntry[] });
  const entry = (
    binding: number,
    buffer: object = { type: 'storage' },
    visibility = c.COMPUTE,
  ) => ({
    binding,
    visibility,
    buffer,
  });
  const storage = { type: 'storage' };
  const [uniform, readOnly] = [{ type: 'uniform' }, { type: 'read-only-storage' }];

  judge('a layout without entries', 'none', create());
  judge(
    'every type of buffer',
    'none',
    create(entry(0, storage), entry(1, uniform), entry(2, readOnly)),
  );
  judge('an entry that says nothing but that it is a buffer', 'none', create(entry(0, {})));
  judge('a type that there is not', 'TypeError', create(entry(0, { type: 'read-write' })));
  judge('bindings out of order, with gaps', 'none', create(entry(7), entry(2)));
  judge('a binding that is given twice', 'validation', create(entry(3), entry(1), entry(3)));
  judge('binding 999', 'none', create(entry(999)));
  judge('binding 1000', 'validation', create(entry(1000)));
  judge('a negative binding', 'TypeError', create(entry(-1)));
  judge('a minBindingSize of 3 bytes', 'none', create(entry(0, { ...storage, minBindingSize: 3 })));
  judge(
    'a negative minBindingSize',
    'TypeError',
    create(entry(0, { ...storage, minBindingSize: -4 })),
  );

  judge('a visibility of no stage', 'none', create(entry(0, storage, 0)));
  judge('a visibility that there is not', 'validation', create(entry(0, storage, 8)));
  judge('a buffer that vertex shaders write', 'validation', create(entry(0, storage, c.VERTEX)));
  judge('a buffer that vertex shaders read', 'none', create(entry(0, readOnly, c.VERTEX)));

  judge('an entry without a kind', 'validation', create({ binding: 0, visibility: c.COMPUTE }));
  judge(
    'an entry of two kinds',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, buffer: {}, sampler: {} }),
  );
  judge(
    'a sampler',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, sampler: {} }),
    NO_SAMPLERS,
  );
  judge(
    'a texture',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, texture: {} }),
    NO_SAMPLERS,
  );

  const many = (count: number, buffer: object, visibility = c.COMPUTE) =>
    create(...times(count, (n) => entry(n, buffer, visibility)));
  judge('as many storage buffers as the limit', 'none', many(8, storage));
  judge('one storage buffer more', 'validation', many(9, storage));
  judge('read-only ones among too many storage buffers', 'validation', many(9, readOnly));
  judge('too many storage buffers that nobody sees', 'none', many(9, storage, 0));
  judge(
    'a storage buffer too many that another stage sees',
    'none',
    create(...times(9, (n) => entry(n, storage, n === 0 ? 2 : c.COMPUTE))),
  );
  judge('as many uniform buffers as the limit', 'none', many(12, uniform));
  judge('one uniform buffer more', 'validation', many(13, uniform));
  const dynamic = { hasDynamicOffset: true };
  judge(
    'as many dynamic offsets into storage as the limit',
    'none',
    many(4, { ...storage, ...dynamic }),
  );
  judge('one dynamic offset into storage more', 'validation', many(5, { ...storage, ...dynamic }));
  judge('one more that nobody sees', 'validation', many(5, { ...storage, ...dynamic }, 0));
  judge(
    'as many dynamic offsets into uniforms as the limit',
    'none',
    many(8, { ...uniform, ...dynamic }),
  );
  judge('one dynamic offset into uniforms more', 'validation', many(9, { ...uniform, ...dynamic }));
});

describe('createPipelineLayout', () => {
  const create =
    (make: (d: GPUDevice) => (GPUBindGroupLayout | null)[], immediateSize = 0): Setup =>
    (d) => {
      const layouts = make(d);
      return () => void c.pipelineLayout(d, layouts, immediateSize);
    };
  const storage = (d: GPUDevice, count = 1) =>
    c.groupLayout(d, ...times(count, () => 'storage' as const));

  judge(
    'a layout without groups',
    'none',
    create(() => []),
  );
  judge(
    'as many groups as the limit',
    'none',
    create((d) => times(4, () => c.groupLayout(d))),
  );
  judge(
    'one group more',
    'validation',
    create((d) => times(5, () => c.groupLayout(d))),
  );
  judge(
    'no group before another',
    'none',
    create((d) => [null, storage(d)]),
  );
  judge(
    'as many buffers in all groups as the limit',
    'none',
    create((d) => [storage(d, 4), storage(d, 4)]),
  );
  judge(
    'one buffer more in all groups',
    'validation',
    create((d) => [storage(d, 4), storage(d, 5)]),
  );
  judge(
    'an invalid group layout',
    'validation',
    create((d) => [c.swallow(d, () => storage(d, 9))]),
  );
  judge(
    'the layout of a pipeline’s automatic group',
    'validation',
    create((d) => [c.pipeline(d, ADD_ONE).getBindGroupLayout(0)]),
  );
  judge(
    'the layout of a pipeline’s explicit group',
    'none',
    create((d) => [
      c.pipeline(d, ADD_ONE, c.pipelineLayout(d, [storage(d)])).getBindGroupLayout(0),
    ]),
  );
  judge(
    'what is not a layout',
    'TypeError',
    create(() => [{} as GPUBindGroupLayout]),
  );
  judge(
    'as many immediates as the limit',
    'none',
    create(() => [], 64),
  );
  judge(
    'more immediates',
    'validation',
    create(() => [], 68),
  );
  judge(
    'immediates of 6 bytes',
    'validation',
    create(() => [], 6),
  );
  judge(
    'a negative number of immediates',
    'TypeError',
    create(() => [], -4),
  );
});

describe('createBindGroup', () => {
  type Types = readonly (GPUBufferBindingType | GPUBufferBindingLayout)[];
  const create =
    (types: Types, make: (d: GPUDevice) => (GPUBuffer | GPUBufferBinding)[]): Setup =>
    (d) => {
      const layout = c.groupLayout(d, ...types);
      const resources = make(d);
      return () => void c.group(d, layout, ...resources);
    };
  const made = (d: GPUDevice, size = 1024, usage = c.STORAGE) => c.buffer(d, size, usage);
  const storage = (range: Partial<GPUBufferBinding>) =>
    create(['storage'], (d) => [{ buffer: made(d), ...range }]);
  const uniform = (range: Partial<GPUBufferBinding>) =>
    create(['uniform'], (d) => [{ buffer: made(d, 1024, c.UNIFORM), ...range }]);

  judge(
    'a buffer',
    'none',
    create(['storage'], (d) => [made(d)]),
  );
  judge(
    'too few buffers',
    'validation',
    create(['storage'], () => []),
  );
  judge(
    'too many buffers',
    'validation',
    create(['storage'], (d) => [made(d), made(d)]),
  );
  judge(
    'a storage buffer as a uniform',
    'validation',
    create(['uniform'], (d) => [made(d)]),
  );
  judge(
    'a uniform buffer as storage',
    'validation',
    create(['read-only-storage'], (d) => [made(d, 1024, c.UNIFORM)]),
  );

  judge('a storage offset of 256', 'none', storage({ offset: 256 }));
  judge('a storage offset of 32', 'validation', storage({ offset: 32 }));
  judge('a uniform offset of 256', 'none', uniform({ offset: 256 }));
  judge('a uniform offset of 32', 'validation', uniform({ offset: 32 }));
  judge('an offset at the end', 'validation', storage({ offset: 1024 }));
  judge('an offset past the end', 'validation', storage({ offset: 2048 }));
  judge('a negative offset', 'TypeError', storage({ offset: -256 }));
  judge('the whole size', 'none', storage({ size: 1024 }));
  judge('more than the whole size', 'validation', storage({ size: 1028 }));
  judge('a range past the end', 'validation', storage({ offset: 256, size: 772 }));
  judge('a size of 0', 'validation', storage({ size: 0 }));
  judge('a negative size', 'TypeError', storage({ size: -4 }));
  judge('a storage size of 6', 'validation', storage({ size: 6 }));
  judge('a uniform size of 6', 'none', uniform({ size: 6 }));
  judge(
    'a whole storage buffer of 6 bytes',
    'validation',
    create(['storage'], (d) => [made(d, 6)]),
  );
  judge(
    'an empty buffer',
    'validation',
    create(['storage'], (d) => [made(d, 0)]),
  );

  const sized = (bytes: number, type: GPUBufferBindingType, usage: number) =>
    create([type], (d) => [made(d, bytes, usage)]);
  judge('as large a uniform as the limit', 'none', sized(65536, 'uniform', c.UNIFORM));
  judge('a larger uniform', 'validation', sized(65536 + 4, 'uniform', c.UNIFORM));
  judge('as large a storage buffer as the limit', 'none', sized(2 ** 27, 'storage', c.STORAGE));
  judge('a larger storage buffer', 'validation', sized(2 ** 27 + 4, 'storage', c.STORAGE));
  const least = { type: 'storage', minBindingSize: 64 } as const;
  judge(
    'as much as the layout’s minBindingSize',
    'none',
    create([least], (d) => [made(d, 64)]),
  );
  judge(
    'less than the layout’s minBindingSize',
    'validation',
    create([least], (d) => [made(d, 60)]),
  );

  judge(
    'an invalid buffer',
    'validation',
    create(['storage'], (d) => [c.invalidBuffer(d)]),
  );
  judge(
    'a destroyed buffer',
    'none',
    create(['storage'], (d) => {
      const b = made(d);
      b.destroy();
      return [b];
    }),
  );
  judge(
    'a mapped buffer',
    'none',
    create(['storage'], (d) => [
      d.createBuffer({ size: 16, usage: c.STORAGE, mappedAtCreation: true }),
    ]),
  );

  const bound =
    (...bindings: number[]): Setup =>
    (d) => {
      const layout = c.groupLayout(d, 'storage', 'storage');
      const entries = bindings.map((binding) => ({ binding, resource: { buffer: made(d) } }));
      return () => void d.createBindGroup({ layout, entries });
    };
  judge('bindings in another order', 'none', bound(1, 0));
  judge('a binding twice and one not', 'validation', bound(0, 0));
  judge('a binding that the layout has not', 'validation', bound(0, 2));
  judge('a negative binding', 'TypeError', bound(0, -1));

  const given =
    (entry: object, layout?: (d: GPUDevice) => GPUBindGroupLayout): Setup =>
    (d) => {
      const own = layout?.(d) ?? c.groupLayout(d, 'storage');
      const entries = [entry] as GPUBindGroupEntry[];
      return () => void d.createBindGroup({ layout: own, entries });
    };
  judge('what is not a buffer', 'TypeError', given({ binding: 0, resource: { buffer: {} } }));
  judge('what is not a layout', 'TypeError', (d) => () => {
    d.createBindGroup({ layout: {} as GPUBindGroupLayout, entries: [] });
  });
  judge('an invalid layout', 'validation', (d) => {
    const layout = c.swallow(d, () => c.groupLayout(d, ...times(9, () => 'storage' as const)));
    return () => void d.createBindGroup({ layout, entries: [] });
  });
  judge('a buffer that stands for its whole range', 'none', (d) => {
    const layout = c.groupLayout(d, 'storage');
    const entries = [{ binding: 0, resource: made(d) }];
    return () => void d.createBindGroup({ layout, entries });
  });
});

describe('what is bound', () => {
  const LENGTHS = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<vec3f>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1) fn main() { out[0] = arrayLength(&a); out[1] = arrayLength(&b); out[2] = a[0]; }`;

  compute('is the range from its offset on, and as long as its size', [3, 2, 64], async (d) => {
    const data = c.words(d, ...times(128, (n) => n));
    const out = c.words(d, 0, 0, 0);
    const p = c.pipeline(d, LENGTHS);
    const layout = p.getBindGroupLayout(0);
    const b = { buffer: c.buffer(d, 512, c.STORAGE), offset: 256, size: 44 };
    const g = c.group(d, layout, { buffer: data, offset: 256, size: 12 }, b, out);
    c.submitPass(d, (pass) => {
      pass.setPipeline(p);
      pass.setBindGroup(0, g);
      pass.dispatchWorkgroups(1);
    });
    return c.read(d, out);
  });

  compute(
    'is moved by dynamic offsets, in the order of the bindings',
    [0, 64, 128, 192],
    async (d) => {
      const code = `
@group(0) @binding(3) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1) fn main() { out[b[0] / 64] = b[0]; out[a[0] / 64] = a[0]; }`;
      const type = 'read-only-storage' as const;
      const layout = d.createBindGroupLayout({
        entries: [3, 1, 2].map((binding) => ({
          binding,
          visibility: c.COMPUTE,
          buffer: binding === 2 ? { type: 'storage' } : { type, hasDynamicOffset: true },
        })),
      });
      const data = c.words(d, ...times(256, (n) => n));
      const out = c.words(d, 9, 9, 9, 9);
      const p = c.pipeline(d, code, c.pipelineLayout(d, [layout]));
      const g = d.createBindGroup({
        layout,
        entries: [
          { binding: 3, resource: { buffer: data, offset: 256, size: 16 } },
          { binding: 2, resource: { buffer: out } },
          { binding: 1, resource: { buffer: data, size: 16 } },
        ],
      });
      c.submitPass(d, (pass) => {
        pass.setPipeline(p);
        // Binding 1 at 0 and binding 3 at 256 + 512; then 512 and 256.
        pass.setBindGroup(0, g, [0, 512]);
        pass.dispatchWorkgroups(1);
        pass.setBindGroup(0, g, Uint32Array.of(7, 512, 0, 7), 1, 2);
        pass.dispatchWorkgroups(1);
      });
      return c.read(d, out);
    },
  );
});
