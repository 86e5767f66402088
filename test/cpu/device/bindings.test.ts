import { describe } from 'vitest';
import * as c from './calls.js';
import {
  type DawnDeviation,
  resultTests,
  type Setup,
  useDevices,
  verdictTests,
} from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;

const NO_SAMPLERS: DawnDeviation<string> = {
  dawn: 'none',
  because: 'our device has only buffers, and its error says so',
};

/** An array of `item(0)`, `item(1)`, ... */
function times<T>(count: number, item: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => item(n));
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

  testVerdict('a layout without entries', 'none', create());
  testVerdict(
    'every type of buffer',
    'none',
    create(entry(0, storage), entry(1, uniform), entry(2, readOnly)),
  );
  testVerdict('an entry for a buffer with default settings', 'none', create(entry(0, {})));
  testVerdict('an unknown type of buffer', 'TypeError', create(entry(0, { type: 'read-write' })));
  testVerdict('bindings out of order, with gaps', 'none', create(entry(7), entry(2)));
  testVerdict(
    'an entry list with a duplicate binding',
    'validation',
    create(entry(3), entry(1), entry(3)),
  );
  testVerdict('binding 999', 'none', create(entry(999)));
  testVerdict('binding 1000', 'validation', create(entry(1000)));
  testVerdict('a negative binding', 'TypeError', create(entry(-1)));
  testVerdict(
    'a minBindingSize of 3 bytes',
    'none',
    create(entry(0, { ...storage, minBindingSize: 3 })),
  );
  testVerdict(
    'a negative minBindingSize',
    'TypeError',
    create(entry(0, { ...storage, minBindingSize: -4 })),
  );

  testVerdict('an entry visible to no stage', 'none', create(entry(0, storage, 0)));
  testVerdict('an unknown visibility bit', 'validation', create(entry(0, storage, 8)));
  testVerdict(
    'a buffer that vertex shaders can write',
    'validation',
    create(entry(0, storage, c.VERTEX)),
  );
  testVerdict(
    'a buffer that vertex shaders can read',
    'none',
    create(entry(0, readOnly, c.VERTEX)),
  );

  testVerdict(
    'an entry without a kind of resource',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE }),
  );
  testVerdict(
    'an entry with two kinds of resource',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, buffer: {}, sampler: {} }),
  );
  testVerdict(
    'a sampler',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, sampler: {} }),
    NO_SAMPLERS,
  );
  testVerdict(
    'a texture',
    'validation',
    create({ binding: 0, visibility: c.COMPUTE, texture: {} }),
    NO_SAMPLERS,
  );

  const entries = (count: number, buffer: object, visibility = c.COMPUTE) =>
    create(...times(count, (n) => entry(n, buffer, visibility)));
  testVerdict('as many storage buffers as the limit', 'none', entries(8, storage));
  testVerdict('one storage buffer more than the limit', 'validation', entries(9, storage));
  testVerdict(
    'one read-only storage buffer more than the limit',
    'validation',
    entries(9, readOnly),
  );
  testVerdict(
    'one storage buffer more than the limit, visible to no stage,',
    'none',
    entries(9, storage, 0),
  );
  testVerdict(
    'one storage buffer more than the limit, visible to another stage,',
    'none',
    create(...times(9, (n) => entry(n, storage, n === 0 ? 2 : c.COMPUTE))),
  );
  testVerdict('as many uniform buffers as the limit', 'none', entries(12, uniform));
  testVerdict('one uniform buffer more than the limit', 'validation', entries(13, uniform));
  const dynamic = { hasDynamicOffset: true };
  testVerdict(
    'as many dynamic storage buffers as the limit',
    'none',
    entries(4, { ...storage, ...dynamic }),
  );
  testVerdict(
    'one dynamic storage buffer more than the limit',
    'validation',
    entries(5, { ...storage, ...dynamic }),
  );
  testVerdict(
    'one dynamic storage buffer more than the limit, visible to no stage,',
    'validation',
    entries(5, { ...storage, ...dynamic }, 0),
  );
  testVerdict(
    'as many dynamic uniform buffers as the limit',
    'none',
    entries(8, { ...uniform, ...dynamic }),
  );
  testVerdict(
    'one dynamic uniform buffer more than the limit',
    'validation',
    entries(9, { ...uniform, ...dynamic }),
  );
});

describe('createPipelineLayout', () => {
  const create =
    (prepare: (d: GPUDevice) => (GPUBindGroupLayout | null)[], immediateSize = 0): Setup =>
    (d) => {
      const layouts = prepare(d);
      return () => void c.pipelineLayout(d, layouts, immediateSize);
    };
  const storage = (d: GPUDevice, count = 1) =>
    c.groupLayout(d, ...times(count, () => 'storage' as const));

  testVerdict(
    'a pipeline layout without groups',
    'none',
    create(() => []),
  );
  testVerdict(
    'as many groups as the limit',
    'none',
    create((d) => times(4, () => c.groupLayout(d))),
  );
  testVerdict(
    'one group more than the limit',
    'validation',
    create((d) => times(5, () => c.groupLayout(d))),
  );
  testVerdict(
    'a null group before another',
    'none',
    create((d) => [null, storage(d)]),
  );
  testVerdict(
    'as many buffers in all groups as the limit',
    'none',
    create((d) => [storage(d, 4), storage(d, 4)]),
  );
  testVerdict(
    'one buffer more in all groups than the limit',
    'validation',
    create((d) => [storage(d, 4), storage(d, 5)]),
  );
  testVerdict(
    'an invalid group layout',
    'validation',
    create((d) => [c.swallow(d, () => storage(d, 9))]),
  );
  testVerdict(
    'a group layout of a pipeline with an automatic layout',
    'validation',
    create((d) => [c.pipeline(d, ADD_ONE).getBindGroupLayout(0)]),
  );
  testVerdict(
    'a group layout of a pipeline with an explicit layout',
    'none',
    create((d) => [
      c.pipeline(d, ADD_ONE, c.pipelineLayout(d, [storage(d)])).getBindGroupLayout(0),
    ]),
  );
  testVerdict(
    'an object that is not a group layout',
    'TypeError',
    create(() => [{} as GPUBindGroupLayout]),
  );
  testVerdict(
    'as many bytes of immediates as the limit',
    'none',
    create(() => [], 64),
  );
  testVerdict(
    'more bytes of immediates than the limit',
    'validation',
    create(() => [], 68),
  );
  testVerdict(
    'immediates of 6 bytes',
    'validation',
    create(() => [], 6),
  );
  testVerdict(
    'a negative size of immediates',
    'TypeError',
    create(() => [], -4),
  );
});

describe('createBindGroup', () => {
  type Types = readonly (GPUBufferBindingType | GPUBufferBindingLayout)[];
  const create =
    (types: Types, prepare: (d: GPUDevice) => (GPUBuffer | GPUBufferBinding)[]): Setup =>
    (d) => {
      const layout = c.groupLayout(d, ...types);
      const resources = prepare(d);
      return () => void c.group(d, layout, ...resources);
    };
  const newBuffer = (d: GPUDevice, size = 1024, usage = c.STORAGE) => c.buffer(d, size, usage);
  const storage = (range: Partial<GPUBufferBinding>) =>
    create(['storage'], (d) => [{ buffer: newBuffer(d), ...range }]);
  const uniform = (range: Partial<GPUBufferBinding>) =>
    create(['uniform'], (d) => [{ buffer: newBuffer(d, 1024, c.UNIFORM), ...range }]);

  testVerdict(
    'a group of one buffer',
    'none',
    create(['storage'], (d) => [newBuffer(d)]),
  );
  testVerdict(
    'too few buffers',
    'validation',
    create(['storage'], () => []),
  );
  testVerdict(
    'too many buffers',
    'validation',
    create(['storage'], (d) => [newBuffer(d), newBuffer(d)]),
  );
  testVerdict(
    'binding a storage buffer as a uniform',
    'validation',
    create(['uniform'], (d) => [newBuffer(d)]),
  );
  testVerdict(
    'binding a uniform buffer as storage',
    'validation',
    create(['read-only-storage'], (d) => [newBuffer(d, 1024, c.UNIFORM)]),
  );

  testVerdict('a storage offset of 256', 'none', storage({ offset: 256 }));
  testVerdict('a storage offset of 32', 'validation', storage({ offset: 32 }));
  testVerdict('a uniform offset of 256', 'none', uniform({ offset: 256 }));
  testVerdict('a uniform offset of 32', 'validation', uniform({ offset: 32 }));
  testVerdict('an offset at the end', 'validation', storage({ offset: 1024 }));
  testVerdict('an offset past the end', 'validation', storage({ offset: 2048 }));
  testVerdict('a negative offset', 'TypeError', storage({ offset: -256 }));
  testVerdict('a size of all bytes', 'none', storage({ size: 1024 }));
  testVerdict('a size of more bytes than there are', 'validation', storage({ size: 1028 }));
  testVerdict('a range past the end', 'validation', storage({ offset: 256, size: 772 }));
  testVerdict('a size of 0', 'validation', storage({ size: 0 }));
  testVerdict('a negative size', 'TypeError', storage({ size: -4 }));
  testVerdict('a storage size of 6', 'validation', storage({ size: 6 }));
  testVerdict('a uniform size of 6', 'none', uniform({ size: 6 }));
  testVerdict(
    'binding all of a storage buffer of 6 bytes',
    'validation',
    create(['storage'], (d) => [newBuffer(d, 6)]),
  );
  testVerdict(
    'binding an empty buffer',
    'validation',
    create(['storage'], (d) => [newBuffer(d, 0)]),
  );

  const sized = (bytes: number, type: GPUBufferBindingType, usage: number) =>
    create([type], (d) => [newBuffer(d, bytes, usage)]);
  testVerdict('a uniform buffer as large as the limit', 'none', sized(65536, 'uniform', c.UNIFORM));
  testVerdict(
    'a uniform buffer larger than the limit',
    'validation',
    sized(65536 + 4, 'uniform', c.UNIFORM),
  );
  testVerdict(
    'a storage buffer as large as the limit',
    'none',
    sized(2 ** 27, 'storage', c.STORAGE),
  );
  testVerdict(
    'a storage buffer larger than the limit',
    'validation',
    sized(2 ** 27 + 4, 'storage', c.STORAGE),
  );
  const atLeast64Bytes = { type: 'storage', minBindingSize: 64 } as const;
  testVerdict(
    'a buffer as large as the layout’s minBindingSize',
    'none',
    create([atLeast64Bytes], (d) => [newBuffer(d, 64)]),
  );
  testVerdict(
    'a buffer smaller than the layout’s minBindingSize',
    'validation',
    create([atLeast64Bytes], (d) => [newBuffer(d, 60)]),
  );

  testVerdict(
    'binding an invalid buffer',
    'validation',
    create(['storage'], (d) => [c.invalidBuffer(d)]),
  );
  testVerdict(
    'binding a destroyed buffer',
    'none',
    create(['storage'], (d) => {
      const b = newBuffer(d);
      b.destroy();
      return [b];
    }),
  );
  testVerdict(
    'binding a mapped buffer',
    'none',
    create(['storage'], (d) => [
      d.createBuffer({ size: 16, usage: c.STORAGE, mappedAtCreation: true }),
    ]),
  );

  const withBindings =
    (...bindings: number[]): Setup =>
    (d) => {
      const layout = c.groupLayout(d, 'storage', 'storage');
      const entries = bindings.map((binding) => ({ binding, resource: { buffer: newBuffer(d) } }));
      return () => void d.createBindGroup({ layout, entries });
    };
  testVerdict('bindings in another order than the layout’s', 'none', withBindings(1, 0));
  testVerdict('a duplicate binding in place of another', 'validation', withBindings(0, 0));
  testVerdict('a binding that the layout does not have', 'validation', withBindings(0, 2));
  testVerdict('a negative binding', 'TypeError', withBindings(0, -1));

  testVerdict('an object that is not a buffer', 'TypeError', (d) => {
    const layout = c.groupLayout(d, 'storage');
    const entries = [{ binding: 0, resource: { buffer: {} as GPUBuffer } }];
    return () => void d.createBindGroup({ layout, entries });
  });
  testVerdict('an object that is not a layout', 'TypeError', (d) => () => {
    d.createBindGroup({ layout: {} as GPUBindGroupLayout, entries: [] });
  });
  testVerdict('an invalid layout', 'validation', (d) => {
    const layout = c.swallow(d, () => c.groupLayout(d, ...times(9, () => 'storage' as const)));
    return () => void d.createBindGroup({ layout, entries: [] });
  });
  testVerdict('a buffer in place of a range of all its bytes', 'none', (d) => {
    const layout = c.groupLayout(d, 'storage');
    const entries = [{ binding: 0, resource: newBuffer(d) }];
    return () => void d.createBindGroup({ layout, entries });
  });
});

describe('a binding', () => {
  const LENGTHS = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<vec3f>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1) fn main() { out[0] = arrayLength(&a); out[1] = arrayLength(&b); out[2] = a[0]; }`;

  testResult('begins at its offset and has its size', [3, 2, 64], async (d) => {
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

  testResult(
    'moves by its dynamic offset; the offsets are in the order of the bindings',
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
        // Binding 1 is at 0 and binding 3 at 256 + 512, then at 512 and 256.
        pass.setBindGroup(0, g, [0, 512]);
        pass.dispatchWorkgroups(1);
        pass.setBindGroup(0, g, Uint32Array.of(7, 512, 0, 7), 1, 2);
        pass.dispatchWorkgroups(1);
      });
      return c.read(d, out);
    },
  );
});
