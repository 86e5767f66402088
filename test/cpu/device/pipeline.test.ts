import { describe, expect, it } from 'vitest';
import { minBindingBytes } from '../../../src/cpu/device/pipeline.js';
import { arrayType, F32, structType, U32, vectorType } from '../../../src/cpu/wgsl/types.js';
import { requestCpuDevice } from '../../../src/engine.js';
import * as c from './calls.js';
import {
  callVerdict,
  exceptionName,
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
const TWO_ENTRIES = `${ADD_ONE}
@compute @workgroup_size(1) fn second() { values[1] += 2; }`;
const SUM = `
@group(0) @binding(0) var<storage, read> terms: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> sum: u32;
@compute @workgroup_size(1) fn main() { sum = terms[0].x + terms[0].y; }`;
const IMMEDIATES = `requires immediate_address_space;
struct Terms { a: u32, b: u32 }
var<immediate> terms: Terms;
@group(0) @binding(0) var<storage, read_write> sum: u32;
@compute @workgroup_size(1) fn main() { sum = terms.a + terms.b; }`;

/** Creates the layout of a pipeline. */
type CreateLayout = (d: GPUDevice) => GPUPipelineLayout | 'auto';
const auto: CreateLayout = () => 'auto';
const explicit =
  (...types: (GPUBufferBindingType | GPUBufferBindingLayout)[]): CreateLayout =>
  (d) =>
    c.pipelineLayout(d, [c.groupLayout(d, ...types)]);

/** A call of createComputePipeline; `stage` overrides members of its compute stage. */
function create(code: string, createLayout = auto, stage: object = {}): Setup {
  return (d) => {
    const module = c.swallow(d, () => d.createShaderModule({ code }));
    const layout = createLayout(d);
    return () => void d.createComputePipeline({ layout, compute: { module, ...stage } });
  };
}

describe('createShaderModule', () => {
  const module =
    (code: string): Setup =>
    (d) =>
    () =>
      void d.createShaderModule({ code });
  testVerdict('a shader', 'none', module(ADD_ONE));
  testVerdict('an empty shader', 'none', module(''));
  testVerdict('a shader that ends too early', 'validation', module('fn ('));
  testVerdict(
    'a shader with a type error',
    'validation',
    module('fn main() { let x: u32 = 1.5; }'),
  );

  testResult('gives the line and column of an error', ['error', 2, 16], async (d) => {
    const code = 'fn main() {\n  let x: u32 = y;\n}';
    const shader = c.swallow(d, () => d.createShaderModule({ code }));
    const { messages } = await shader.getCompilationInfo();
    const { type, lineNum, linePos } = messages[0]!;
    return [type, lineNum, linePos];
  });

  testResult('gives the offset of an error in characters', 27, async (d) => {
    const code = 'fn main() {\n  let x: u32 = y;\n}';
    const shader = c.swallow(d, () => d.createShaderModule({ code }));
    return (await shader.getCompilationInfo()).messages[0]!.offset;
  });

  testResult('gives no messages for a valid shader', 0, async (d) => {
    const { messages } = await d.createShaderModule({ code: ADD_ONE }).getCompilationInfo();
    return messages.length;
  });
});

describe('createComputePipeline', () => {
  testVerdict('an automatic layout', 'none', create(ADD_ONE));
  testVerdict(
    'an entry point by name',
    'none',
    create(TWO_ENTRIES, auto, { entryPoint: 'second' }),
  );
  testVerdict('an unknown entry point', 'validation', create(ADD_ONE, auto, { entryPoint: 'x' }));
  testVerdict('an empty entry point name', 'validation', create(ADD_ONE, auto, { entryPoint: '' }));
  testVerdict('a shader of two entry points, without a name,', 'validation', create(TWO_ENTRIES));
  testVerdict('a shader without entry points', 'validation', create('fn main() {}'));
  testVerdict('an invalid shader', 'validation', create('fn ('));
  testVerdict('an unknown constant', 'validation', create(ADD_ONE, auto, { constants: { x: 1 } }));
  testVerdict('an object that is not a shader', 'TypeError', create(ADD_ONE, auto, { module: {} }));
  testVerdict(
    'no layout',
    'TypeError',
    create(ADD_ONE, () => undefined as unknown as 'auto'),
  );
  testVerdict(
    'an unknown word for the layout',
    'TypeError',
    create(ADD_ONE, () => 'automatic' as 'auto'),
  );

  testVerdict('an explicit layout', 'none', create(ADD_ONE, explicit('storage')));
  testVerdict(
    'a layout with an unused binding',
    'none',
    create(ADD_ONE, explicit('storage', 'uniform')),
  );
  testVerdict('a layout without the shader’s binding', 'validation', create(ADD_ONE, explicit()));
  testVerdict(
    'a layout without groups',
    'validation',
    create(ADD_ONE, (d) => c.pipelineLayout(d, [])),
  );
  testVerdict(
    'a layout without the shader’s group',
    'validation',
    create(ADD_ONE, (d) => c.pipelineLayout(d, [null])),
  );
  testVerdict(
    'a read-only layout for a buffer that the shader writes',
    'validation',
    create(ADD_ONE, explicit('read-only-storage')),
  );
  testVerdict(
    'a uniform layout for a storage buffer',
    'validation',
    create(ADD_ONE, explicit('uniform')),
  );
  testVerdict(
    'a read-only layout for a buffer that the shader reads',
    'none',
    create(SUM, explicit('read-only-storage', 'storage')),
  );
  testVerdict(
    'a read-write layout for a buffer that the shader only reads',
    'validation',
    create(SUM, explicit('storage', 'storage')),
  );
  testVerdict(
    'a layout with a dynamic offset',
    'none',
    create(ADD_ONE, explicit({ type: 'storage', hasDynamicOffset: true })),
  );
  const withMinBindingSize = (minBindingSize: number) =>
    create(SUM, explicit({ type: 'read-only-storage', minBindingSize }, 'storage'));
  testVerdict('a minBindingSize as large as the shader needs', 'none', withMinBindingSize(16));
  testVerdict('a minBindingSize larger than the shader needs', 'none', withMinBindingSize(64));
  testVerdict(
    'a minBindingSize smaller than the shader needs',
    'validation',
    withMinBindingSize(12),
  );
  testVerdict(
    'a layout for another stage',
    'validation',
    create(ADD_ONE, (d) => {
      const entries = [{ binding: 0, visibility: 2, buffer: { type: 'storage' as const } }];
      return c.pipelineLayout(d, [d.createBindGroupLayout({ entries })]);
    }),
  );
  testVerdict(
    'an invalid layout',
    'validation',
    create(ADD_ONE, (d) =>
      c.swallow(d, () =>
        c.pipelineLayout(d, [c.groupLayout(d, 'storage'), null, null, null, null]),
      ),
    ),
  );

  const workgroup = (...size: number[]) => create(`@compute @workgroup_size(${size}) fn main() {}`);
  testVerdict('256 invocations along x', 'none', workgroup(256));
  testVerdict('257 invocations along x', 'validation', workgroup(257));
  testVerdict('257 invocations along y', 'validation', workgroup(1, 257));
  testVerdict('64 invocations along z', 'none', workgroup(1, 1, 64));
  testVerdict('65 invocations along z', 'validation', workgroup(1, 1, 65));
  testVerdict('256 invocations in all', 'none', workgroup(8, 8, 4));
  testVerdict('272 invocations in all', 'validation', workgroup(16, 17));

  const shared = (words: number, body = 'shared_words[0] = 1; last = 2;') =>
    create(`var<workgroup> shared_words: array<u32, ${words}>; var<workgroup> last: u32;
@compute @workgroup_size(1) fn main() { ${body} }`);
  testVerdict('workgroup memory up to the limit', 'none', shared(4092));
  testVerdict('workgroup memory past the limit', 'validation', shared(4093));
  testVerdict(
    'workgroup memory past the limit, part of it in an unused variable,',
    'none',
    shared(4096, 'shared_words[0] = 1;'),
  );
  testVerdict(
    'a workgroup variable past the limit',
    'validation',
    shared(4097, 'shared_words[0] = 1;'),
  );

  const immediates = (size: number) =>
    create(IMMEDIATES, (d) => c.pipelineLayout(d, [c.groupLayout(d, 'storage')], size));
  testVerdict('immediates with an automatic layout', 'none', create(IMMEDIATES));
  testVerdict('as many bytes of immediates as the shader’s', 'none', immediates(8));
  testVerdict('more bytes of immediates than the shader’s', 'none', immediates(16));
  testVerdict('fewer bytes of immediates than the shader’s', 'validation', immediates(4));
  testVerdict('no immediates for a shader that uses them', 'validation', immediates(0));
  const words = (count: number) =>
    create(`requires immediate_address_space;
struct Words { ${Array.from({ length: count }, (_, n) => `w${n}: u32`).join(', ')} }
var<immediate> words: Words;
@group(0) @binding(0) var<storage, read_write> out: u32;
@compute @workgroup_size(1) fn main() { out = words.w0; }`);
  testVerdict('64 bytes of immediates', 'none', words(16));
  testVerdict('68 bytes of immediates', 'validation', words(17));

  /** A shader with `count` storage buffers, distributed over groups. */
  const buffers = (count: number, groups: number) => {
    const indices = Array.from({ length: count }, (_, n) => n);
    const declarations = indices.map(
      (n) => `@group(${n % groups}) @binding(${n}) var<storage, read_write> b${n}: u32;`,
    );
    return create(`${declarations.join('\n')}
@compute @workgroup_size(1) fn main() { ${indices.map((n) => `b${n} = ${n};`).join(' ')} }`);
  };
  testVerdict('an automatic layout of 8 storage buffers', 'none', buffers(8, 2));
  testVerdict('an automatic layout of 9 storage buffers', 'validation', buffers(9, 1));
  testVerdict(
    'an automatic layout of 9 storage buffers in two groups',
    'validation',
    buffers(9, 2),
  );
  const boundAt = (group: number, binding: number) =>
    create(ADD_ONE.replace('@group(0) @binding(0)', `@group(${group}) @binding(${binding})`));
  testVerdict('an automatic layout of group 3', 'none', boundAt(3, 0));
  testVerdict('an automatic layout of group 4', 'validation', boundAt(4, 0));
  testVerdict('an automatic layout of binding 999', 'none', boundAt(0, 999));
  testVerdict('an automatic layout of binding 1000', 'validation', boundAt(0, 1000));
});

describe('createComputePipelineAsync', () => {
  const create =
    (stage: object, createLayout: CreateLayout = auto): Setup =>
    (d) => {
      const module = d.createShaderModule({ code: ADD_ONE });
      const layout = createLayout(d);
      return () => d.createComputePipelineAsync({ layout, compute: { module, ...stage } });
    };
  testVerdict('a shader', 'none', create({}));
  testVerdict('an explicit layout', 'none', create({}, explicit('storage')));
  testVerdict('an unknown entry point', 'GPUPipelineError', create({ entryPoint: 'x' }));
  testVerdict('a layout without the shader’s binding', 'GPUPipelineError', create({}, explicit()));

  testVerdict(
    'an unknown word for the layout',
    'TypeError',
    create({}, () => 'automatic' as 'auto'),
  );

  testResult(
    'rejects with the reason of the failure',
    ['GPUPipelineError', 'validation', true],
    async (d) => {
      const module = d.createShaderModule({ code: TWO_ENTRIES });
      try {
        await d.createComputePipelineAsync({ layout: 'auto', compute: { module } });
        return ['created'];
      } catch (error) {
        const { name, reason } = error as GPUPipelineError;
        return [name, reason, error instanceof DOMException];
      }
    },
  );

  testResult('reports no errors to the scopes around it', ['GPUPipelineError', null], async (d) => {
    const module = d.createShaderModule({ code: ADD_ONE });
    const compute = { module, entryPoint: 'x' };
    d.pushErrorScope('validation');
    const outcome = exceptionName(() => d.createComputePipelineAsync({ layout: 'auto', compute }));
    const error = await d.popErrorScope();
    return [await outcome, error];
  });

  testResult('creates the same pipeline as createComputePipeline', [2, 0], async (d) => {
    const values = c.words(d, 0, 0);
    const module = d.createShaderModule({ code: ADD_ONE });
    const pipelines = [
      await d.createComputePipelineAsync({ layout: 'auto', compute: { module } }),
      d.createComputePipeline({ layout: 'auto', compute: { module } }),
    ];
    c.submitPass(d, (pass) => {
      for (const p of pipelines) {
        pass.setPipeline(p);
        pass.setBindGroup(0, c.group(d, p.getBindGroupLayout(0), values));
        pass.dispatchWorkgroups(1);
      }
    });
    return c.read(d, values);
  });
});

describe('getBindGroupLayout', () => {
  const get =
    (index: number, createPipeline = (d: GPUDevice) => c.pipeline(d, ADD_ONE)): Setup =>
    (d) => {
      const p = createPipeline(d);
      return () => void p.getBindGroupLayout(index);
    };
  const withLayout = (d: GPUDevice) => c.pipeline(d, ADD_ONE, explicit('storage')(d));
  testVerdict('a group of the pipeline', 'none', get(0));
  testVerdict('a group that the pipeline does not have', 'none', get(1));
  testVerdict('a group that the explicit layout does not have', 'none', get(1, withLayout));
  testVerdict('a group past the limit', 'validation', get(4));
  testVerdict('a negative group', 'validation', get(-1));
  testVerdict(
    'a group of an invalid pipeline',
    'validation',
    get(0, (d) => c.swallow(d, () => c.pipeline(d, 'x'))),
  );
  testVerdict('a bind group for a group that the pipeline does not have', 'none', (d) => {
    const layout = c.pipeline(d, ADD_ONE).getBindGroupLayout(1);
    return () => void c.group(d, layout);
  });
  testVerdict(
    'a bind group with a smaller buffer than the automatic layout needs',
    'validation',
    (d) => {
      const layout = c.pipeline(d, SUM).getBindGroupLayout(0);
      const [terms, sum] = [c.buffer(d, 12, c.STORAGE), c.buffer(d, 4, c.STORAGE)];
      return () => void c.group(d, layout, terms, sum);
    },
  );
});

describe('minBindingBytes', () => {
  it('gives a runtime-sized array one element and rounds a struct up to its alignment', () => {
    const vec3 = vectorType(3, F32);
    const tail = arrayType(U32, undefined);
    const headed = structType('Headed', [
      { name: 'head', type: vectorType(4, U32) },
      { name: 'tail', type: tail },
    ]);
    const sizes = [U32, vec3, arrayType(vec3, undefined), arrayType(vec3, 3), headed].map(
      minBindingBytes,
    );
    expect(sizes).toEqual([4, 12, 16, 48, 32]);
  });
});

describe('a pipeline of our device', () => {
  it('that is invalid gives the reason where it is used', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    const p = c.swallow(device, () => c.pipeline(device, TWO_ENTRIES));
    device.pushErrorScope('validation');
    c.encodePass(device, (pass) => pass.setPipeline(p));
    expect((await device.popErrorScope())?.message).toBe(
      'finish: setPipeline: compute pipeline is invalid: the module has 2 entry points: name one',
    );
    device.destroy();
  });

  it('that cannot be compiled is an internal error', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    const module = device.createShaderModule({
      code: `
@group(0) @binding(0) var<storage, read> source: array<f32, 5000>;
@group(0) @binding(1) var<storage, read_write> copy: array<f32, 5000>;
@compute @workgroup_size(1) fn main() { copy = source; }`,
    });
    const verdict = await callVerdict(device, () => {
      device.createComputePipeline({ layout: 'auto', compute: { module } });
    });
    expect(verdict).toBe('internal');
    const pipeline = device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    await expect(pipeline).rejects.toMatchObject({ name: 'GPUPipelineError', reason: 'internal' });
    device.destroy();
  });
});
