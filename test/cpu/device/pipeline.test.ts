import { describe, expect, it } from 'vitest';
import { minBindingBytes } from '../../../src/cpu/device/pipeline.js';
import { arrayType, F32, structType, U32, vectorType } from '../../../src/cpu/wgsl/types.js';
import { requestCpuDevice } from '../../../src/engine.js';
import * as c from './calls.js';
import {
  callVerdict,
  computeOn,
  judgeOn,
  nameOfException,
  type Setup,
  useDevices,
} from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

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

type Layout = (d: GPUDevice) => GPUPipelineLayout | 'auto';
const auto: Layout = () => 'auto';
const explicit =
  (...types: (GPUBufferBindingType | GPUBufferBindingLayout)[]): Layout =>
  (d) =>
    c.pipelineLayout(d, [c.groupLayout(d, ...types)]);

function create(code: string, layout = auto, stage: object = {}): Setup {
  return (d) => {
    const module = c.swallow(d, () => d.createShaderModule({ code }));
    const own = layout(d);
    return () => void d.createComputePipeline({ layout: own, compute: { module, ...stage } });
  };
}

describe('createShaderModule', () => {
  const module =
    (code: string): Setup =>
    (d) =>
    () =>
      void d.createShaderModule({ code });
  judge('a shader', 'none', module(ADD_ONE));
  judge('an empty shader', 'none', module(''));
  judge('a shader that breaks off', 'validation', module('fn ('));
  judge('a shader of wrong types', 'validation', module('fn main() { let x: u32 = 1.5; }'));

  compute('says where a shader is wrong', ['error', 2, 16], async (d) => {
    const code = 'fn main() {\n  let x: u32 = y;\n}';
    const made = c.swallow(d, () => d.createShaderModule({ code }));
    const { messages } = await made.getCompilationInfo();
    const { type, lineNum, linePos } = messages[0]!;
    return [type, lineNum, linePos];
  });

  compute('counts characters from the shader’s start', 27, async (d) => {
    const code = 'fn main() {\n  let x: u32 = y;\n}';
    const made = c.swallow(d, () => d.createShaderModule({ code }));
    return (await made.getCompilationInfo()).messages[0]!.offset;
  });

  compute('has nothing to say of a shader that is right', 0, async (d) => {
    const { messages } = await d.createShaderModule({ code: ADD_ONE }).getCompilationInfo();
    return messages.length;
  });
});

describe('createComputePipeline', () => {
  judge('an automatic layout', 'none', create(ADD_ONE));
  judge('the entry point by name', 'none', create(TWO_ENTRIES, auto, { entryPoint: 'second' }));
  judge(
    'an entry point that there is not',
    'validation',
    create(ADD_ONE, auto, { entryPoint: 'x' }),
  );
  judge('an entry point without a name', 'validation', create(ADD_ONE, auto, { entryPoint: '' }));
  judge('two entry points of which none is named', 'validation', create(TWO_ENTRIES));
  judge('a shader without entry points', 'validation', create('fn main() {}'));
  judge('an invalid shader', 'validation', create('fn ('));
  judge(
    'a constant that there is not',
    'validation',
    create(ADD_ONE, auto, { constants: { x: 1 } }),
  );
  judge('what is not a shader', 'TypeError', create(ADD_ONE, auto, { module: {} }));
  judge(
    'no layout',
    'TypeError',
    create(ADD_ONE, () => undefined as unknown as 'auto'),
  );
  judge(
    'a layout by another word',
    'TypeError',
    create(ADD_ONE, () => 'automatic' as 'auto'),
  );

  judge('an explicit layout', 'none', create(ADD_ONE, explicit('storage')));
  judge('a layout with more than is used', 'none', create(ADD_ONE, explicit('storage', 'uniform')));
  judge('a layout without the binding', 'validation', create(ADD_ONE, explicit()));
  judge(
    'a layout without groups',
    'validation',
    create(ADD_ONE, (d) => c.pipelineLayout(d, [])),
  );
  judge(
    'a layout without the group',
    'validation',
    create(ADD_ONE, (d) => c.pipelineLayout(d, [null])),
  );
  judge(
    'a layout that only reads what is written',
    'validation',
    create(ADD_ONE, explicit('read-only-storage')),
  );
  judge('a layout of a uniform for storage', 'validation', create(ADD_ONE, explicit('uniform')));
  judge(
    'a layout that reads what is read',
    'none',
    create(SUM, explicit('read-only-storage', 'storage')),
  );
  judge(
    'a layout that writes what is read',
    'validation',
    create(SUM, explicit('storage', 'storage')),
  );
  judge(
    'a layout with a dynamic offset',
    'none',
    create(ADD_ONE, explicit({ type: 'storage', hasDynamicOffset: true })),
  );
  const least = (minBindingSize: number) =>
    create(SUM, explicit({ type: 'read-only-storage', minBindingSize }, 'storage'));
  judge('a minBindingSize that is enough', 'none', least(16));
  judge('a minBindingSize that is more', 'none', least(64));
  judge('a minBindingSize that is too little', 'validation', least(12));
  judge(
    'a layout for another stage',
    'validation',
    create(ADD_ONE, (d) => {
      const entries = [{ binding: 0, visibility: 2, buffer: { type: 'storage' as const } }];
      return c.pipelineLayout(d, [d.createBindGroupLayout({ entries })]);
    }),
  );
  judge(
    'an invalid layout',
    'validation',
    create(ADD_ONE, (d) =>
      c.swallow(d, () =>
        c.pipelineLayout(d, [c.groupLayout(d, 'storage'), null, null, null, null]),
      ),
    ),
  );

  const workgroup = (...size: number[]) => create(`@compute @workgroup_size(${size}) fn main() {}`);
  judge('256 invocations along x', 'none', workgroup(256));
  judge('257 invocations along x', 'validation', workgroup(257));
  judge('257 invocations along y', 'validation', workgroup(1, 257));
  judge('64 invocations along z', 'none', workgroup(1, 1, 64));
  judge('65 invocations along z', 'validation', workgroup(1, 1, 65));
  judge('256 invocations in all', 'none', workgroup(8, 8, 4));
  judge('272 invocations in all', 'validation', workgroup(16, 17));

  const shared = (words: number, body = 'shared_words[0] = 1; last = 2;') =>
    create(`var<workgroup> shared_words: array<u32, ${words}>; var<workgroup> last: u32;
@compute @workgroup_size(1) fn main() { ${body} }`);
  judge('workgroup memory up to the limit', 'none', shared(4092));
  judge('workgroup memory past the limit', 'validation', shared(4093));
  judge(
    'workgroup memory past the limit of which not all is used',
    'none',
    shared(4096, 'shared_words[0] = 1;'),
  );
  judge('one variable past the limit', 'validation', shared(4097, 'shared_words[0] = 1;'));

  const immediates = (size: number) =>
    create(IMMEDIATES, (d) => c.pipelineLayout(d, [c.groupLayout(d, 'storage')], size));
  judge('immediates with an automatic layout', 'none', create(IMMEDIATES));
  judge('as many immediates as the shader’s', 'none', immediates(8));
  judge('more immediates than the shader’s', 'none', immediates(16));
  judge('fewer immediates than the shader’s', 'validation', immediates(4));
  judge('no immediates for a shader that has some', 'validation', immediates(0));
  const words = (count: number) =>
    create(`requires immediate_address_space;
struct Words { ${Array.from({ length: count }, (_, n) => `w${n}: u32`).join(', ')} }
var<immediate> words: Words;
@group(0) @binding(0) var<storage, read_write> out: u32;
@compute @workgroup_size(1) fn main() { out = words.w0; }`);
  judge('64 bytes of immediates', 'none', words(16));
  judge('68 bytes of immediates', 'validation', words(17));

  /** A shader with so many storage buffers, dealt to groups. */
  const buffers = (count: number, groups: number) => {
    const all = Array.from({ length: count }, (_, n) => n);
    const declared = all.map(
      (n) => `@group(${n % groups}) @binding(${n}) var<storage, read_write> b${n}: u32;`,
    );
    return create(`${declared.join('\n')}
@compute @workgroup_size(1) fn main() { ${all.map((n) => `b${n} = ${n};`).join(' ')} }`);
  };
  judge('an automatic layout of 8 storage buffers', 'none', buffers(8, 2));
  judge('an automatic layout of 9 storage buffers', 'validation', buffers(9, 1));
  judge('an automatic layout of 9 storage buffers in two groups', 'validation', buffers(9, 2));
  const at = (group: number, binding: number) =>
    create(ADD_ONE.replace('@group(0) @binding(0)', `@group(${group}) @binding(${binding})`));
  judge('an automatic layout of group 3', 'none', at(3, 0));
  judge('an automatic layout of group 4', 'validation', at(4, 0));
  judge('an automatic layout of binding 999', 'none', at(0, 999));
  judge('an automatic layout of binding 1000', 'validation', at(0, 1000));
});

describe('createComputePipelineAsync', () => {
  const create =
    (stage: object, layout: Layout = auto): Setup =>
    (d) => {
      const module = d.createShaderModule({ code: ADD_ONE });
      const own = layout(d);
      return () => d.createComputePipelineAsync({ layout: own, compute: { module, ...stage } });
    };
  judge('a shader', 'none', create({}));
  judge('an explicit layout', 'none', create({}, explicit('storage')));
  judge('an entry point that there is not', 'GPUPipelineError', create({ entryPoint: 'x' }));
  judge('a layout without the binding', 'GPUPipelineError', create({}, explicit()));

  judge(
    'a layout by another word',
    'TypeError',
    create({}, () => 'automatic' as 'auto'),
  );

  compute('says why it has no pipeline', ['GPUPipelineError', 'validation', true], async (d) => {
    const module = d.createShaderModule({ code: TWO_ENTRIES });
    try {
      await d.createComputePipelineAsync({ layout: 'auto', compute: { module } });
      return ['made'];
    } catch (error) {
      const { name, reason } = error as GPUPipelineError;
      return [name, reason, error instanceof DOMException];
    }
  });

  compute('keeps its errors from the scopes around it', ['GPUPipelineError', null], async (d) => {
    const module = d.createShaderModule({ code: ADD_ONE });
    const compute = { module, entryPoint: 'x' };
    d.pushErrorScope('validation');
    const end = nameOfException(() => d.createComputePipelineAsync({ layout: 'auto', compute }));
    const error = await d.popErrorScope();
    return [await end, error];
  });

  compute('makes the pipeline that the other form makes', [2, 0], async (d) => {
    const values = c.words(d, 0, 0);
    const module = d.createShaderModule({ code: ADD_ONE });
    const made = [
      await d.createComputePipelineAsync({ layout: 'auto', compute: { module } }),
      d.createComputePipeline({ layout: 'auto', compute: { module } }),
    ];
    c.submitPass(d, (pass) => {
      for (const p of made) {
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
    (index: number, make = (d: GPUDevice) => c.pipeline(d, ADD_ONE)): Setup =>
    (d) => {
      const p = make(d);
      return () => void p.getBindGroupLayout(index);
    };
  const withLayout = (d: GPUDevice) => c.pipeline(d, ADD_ONE, explicit('storage')(d));
  judge('a group of the pipeline', 'none', get(0));
  judge('a group that the pipeline has not', 'none', get(1));
  judge('a group that the explicit layout has not', 'none', get(1, withLayout));
  judge('a group past the limit', 'validation', get(4));
  judge('a negative group', 'validation', get(-1));
  judge(
    'a group of an invalid pipeline',
    'validation',
    get(0, (d) => c.swallow(d, () => c.pipeline(d, 'x'))),
  );
  judge('a bind group for a group that the pipeline has not', 'none', (d) => {
    const layout = c.pipeline(d, ADD_ONE).getBindGroupLayout(1);
    return () => void c.group(d, layout);
  });
  judge('a bind group smaller than what the automatic layout asks for', 'validation', (d) => {
    const layout = c.pipeline(d, SUM).getBindGroupLayout(0);
    const [terms, sum] = [c.buffer(d, 12, c.STORAGE), c.buffer(d, 4, c.STORAGE)];
    return () => void c.group(d, layout, terms, sum);
  });
});

describe('minBindingBytes', () => {
  it('counts a runtime-sized array with one element, and rounds a struct up to its alignment', () => {
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

describe('a pipeline of this device', () => {
  it('that is invalid says why, also where it is used', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    const p = c.swallow(device, () => c.pipeline(device, TWO_ENTRIES));
    device.pushErrorScope('validation');
    c.encodePass(device, (pass) => pass.setPipeline(p));
    expect((await device.popErrorScope())?.message).toBe(
      'finish: setPipeline: compute pipeline is invalid: the module has 2 entry points: name one',
    );
    device.destroy();
  });

  it('that cannot be compiled here is an internal error', async () => {
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
    const made = device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    await expect(made).rejects.toMatchObject({ name: 'GPUPipelineError', reason: 'internal' });
    device.destroy();
  });
});
