import { describe } from 'vitest';
import * as c from './calls.js';
import { ADD_ONE, DATA, pass } from './encoding.js';
import { resultTests, useDevices, verdictTests } from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

/** A kernel that reads one buffer and writes the other. */
const STEP = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(1) fn main() { b[0] = a[0] + 1; }`;
const STEP_WRITING_BOTH = STEP.replace('storage, read>', 'storage, read_write>');

describe('setBindGroup', () => {
  const empty = (d: GPUDevice) => c.group(d, c.groupLayout(d));
  testVerdict(
    'group 3',
    'none',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(3, g);
    }),
  );
  testVerdict(
    'group 4',
    'validation',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(4, g);
    }),
  );
  testVerdict(
    'group -1',
    'TypeError',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(-1, g);
    }),
  );
  testVerdict(
    'a null group',
    'none',
    pass(() => (p) => p.setBindGroup(0, null)),
  );
  testVerdict(
    'an invalid group',
    'validation',
    pass((d) => {
      const invalid = c.swallow(d, () => c.group(d, c.groupLayout(d, 'storage')));
      return (p) => p.setBindGroup(0, invalid);
    }),
  );
  testVerdict(
    'an object that is not a group',
    'TypeError',
    pass(() => (p) => p.setBindGroup(0, {} as GPUBindGroup)),
  );

  /** A dispatch with the given groups set at 0, 1, ... */
  const dispatchWithGroups = (
    prepare: (d: GPUDevice) => { pipeline: GPUComputePipeline; groups: (GPUBindGroup | null)[] },
  ) =>
    pass((d) => {
      const { pipeline, groups } = prepare(d);
      return (p) => {
        p.setPipeline(pipeline);
        for (const [n, g] of groups.entries()) p.setBindGroup(n, g);
        p.dispatchWorkgroups(1);
      };
    });
  const newBuffer = (d: GPUDevice, size = 64) => c.buffer(d, size, DATA);
  const addPipeline = (d: GPUDevice) => c.pipeline(d, ADD_ONE);
  /** The same pipeline, with its buffer in group 1. */
  const addPipelineGroup1 = (d: GPUDevice) =>
    c.pipeline(d, ADD_ONE.replace('group(0)', 'group(1)'));

  testVerdict(
    'the group of an automatic layout',
    'none',
    dispatchWithGroups((d) => {
      const pipeline = addPipeline(d);
      return { pipeline, groups: [c.group(d, pipeline.getBindGroupLayout(0), newBuffer(d))] };
    }),
  );
  testVerdict(
    'the group of another pipeline’s automatic layout',
    'validation',
    dispatchWithGroups((d) => {
      const groups = [c.group(d, addPipeline(d).getBindGroupLayout(0), newBuffer(d))];
      return { pipeline: addPipeline(d), groups };
    }),
  );
  testVerdict(
    'the group of an explicit layout for an automatic one',
    'validation',
    dispatchWithGroups((d) => {
      const groups = [c.group(d, c.groupLayout(d, 'storage'), newBuffer(d))];
      return { pipeline: addPipeline(d), groups };
    }),
  );
  testVerdict(
    'the group of an automatic layout for an explicit one',
    'validation',
    dispatchWithGroups((d) => {
      const groups = [c.group(d, addPipeline(d).getBindGroupLayout(0), newBuffer(d))];
      const layout = c.pipelineLayout(d, [c.groupLayout(d, 'storage')]);
      return { pipeline: c.pipeline(d, ADD_ONE, layout), groups };
    }),
  );
  testVerdict(
    'a group that was set and unset',
    'validation',
    pass((d) => {
      const pipeline = addPipeline(d);
      const g = c.group(d, pipeline.getBindGroupLayout(0), newBuffer(d));
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.setBindGroup(0, undefined);
        p.dispatchWorkgroups(1);
      };
    }),
  );
  testVerdict(
    'an additional group that the pipeline does not have',
    'none',
    dispatchWithGroups((d) => {
      const pipeline = addPipeline(d);
      const group0 = c.group(d, pipeline.getBindGroupLayout(0), newBuffer(d));
      return { pipeline, groups: [group0, c.group(d, c.groupLayout(d, 'storage'), newBuffer(d))] };
    }),
  );
  testVerdict(
    'the same buffer in an additional group that the pipeline does not have',
    'none',
    dispatchWithGroups((d) => {
      const pipeline = addPipeline(d);
      const b = newBuffer(d);
      const group0 = c.group(d, pipeline.getBindGroupLayout(0), b);
      return { pipeline, groups: [group0, c.group(d, c.groupLayout(d, 'read-only-storage'), b)] };
    }),
  );
  testVerdict(
    'a null group where the pipeline has an empty one',
    'none',
    dispatchWithGroups((d) => {
      const pipeline = addPipelineGroup1(d);
      return { pipeline, groups: [null, c.group(d, pipeline.getBindGroupLayout(1), newBuffer(d))] };
    }),
  );
  testVerdict(
    'a group of one buffer where the pipeline has an empty one',
    'none',
    dispatchWithGroups((d) => {
      const pipeline = addPipelineGroup1(d);
      const group0 = c.group(d, c.groupLayout(d, 'storage'), newBuffer(d));
      return {
        pipeline,
        groups: [group0, c.group(d, pipeline.getBindGroupLayout(1), newBuffer(d))],
      };
    }),
  );

  /** A dispatch whose group has another layout object than the pipeline. */
  const withLayouts = (
    code: string,
    pipelineBuffer: GPUBufferBindingType | GPUBufferBindingLayout,
    groupLayout: (d: GPUDevice) => GPUBindGroupLayout,
    bytes = 64,
  ) =>
    dispatchWithGroups((d) => {
      const layout = c.pipelineLayout(d, [c.groupLayout(d, pipelineBuffer)]);
      return {
        pipeline: c.pipeline(d, code, layout),
        groups: [c.group(d, groupLayout(d), newBuffer(d, bytes))],
      };
    });
  const layoutOf = (buffer: GPUBufferBindingType | GPUBufferBindingLayout) => (d: GPUDevice) =>
    c.groupLayout(d, buffer);
  testVerdict(
    'a group layout with the same entries',
    'none',
    withLayouts(ADD_ONE, 'storage', layoutOf('storage')),
  );
  testVerdict(
    'a group layout of another buffer type',
    'validation',
    withLayouts(ADD_ONE, 'storage', layoutOf('read-only-storage')),
  );
  testVerdict(
    'a group layout of another minBindingSize',
    'validation',
    withLayouts(ADD_ONE, 'storage', layoutOf({ type: 'storage', minBindingSize: 4 })),
  );
  testVerdict(
    'a group layout of another visibility',
    'validation',
    withLayouts(ADD_ONE, 'storage', (d) =>
      d.createBindGroupLayout({
        entries: [{ binding: 0, visibility: c.COMPUTE | 2, buffer: { type: 'storage' } }],
      }),
    ),
  );
  testVerdict(
    'a group layout of another binding',
    'validation',
    dispatchWithGroups((d) => {
      const layout = d.createBindGroupLayout({
        entries: [{ binding: 1, visibility: c.COMPUTE, buffer: { type: 'storage' } }],
      });
      const entries = [{ binding: 1, resource: { buffer: newBuffer(d) } }];
      const pipelineLayout = c.pipelineLayout(d, [c.groupLayout(d, 'storage')]);
      return {
        pipeline: c.pipeline(d, ADD_ONE, pipelineLayout),
        groups: [d.createBindGroup({ layout, entries })],
      };
    }),
  );

  /** A dispatch with a buffer of `bytes` bytes for a variable of a type. */
  const sized = (type: string, bytes: number) => {
    const code = `
struct Headed { head: vec4u, tail: array<u32> }
@group(0) @binding(0) var<storage, read_write> out: ${type};
@compute @workgroup_size(1) fn main() { _ = &out; }`;
    return withLayouts(code, 'storage', layoutOf('storage'), bytes);
  };
  testVerdict('12 bytes for a vec3u', 'none', sized('vec3u', 12));
  testVerdict('8 bytes for a vec3u', 'validation', sized('vec3u', 8));
  testVerdict('16 bytes for an array of vec3u', 'none', sized('array<vec3u>', 16));
  testVerdict('12 bytes for an array of vec3u', 'validation', sized('array<vec3u>', 12));
  testVerdict('32 bytes for a struct of a vec4u and an array', 'none', sized('Headed', 32));
  testVerdict('28 bytes for a struct of a vec4u and an array', 'validation', sized('Headed', 28));
});

describe('a dispatch that uses a buffer twice', () => {
  /** A dispatch that binds two ranges of one buffer of 1024 bytes. */
  const ranges = (
    code: string,
    a: Partial<GPUBufferBinding>,
    b: Partial<GPUBufferBinding>,
    ...types: GPUBufferBindingType[]
  ) =>
    pass((d) => {
      const layout = types.length > 0 ? c.groupLayout(d, ...types) : undefined;
      const pipeline = c.pipeline(d, code, layout ? c.pipelineLayout(d, [layout]) : 'auto');
      const buffer = c.buffer(d, 1024, DATA | c.UNIFORM);
      const groupLayout = layout ?? pipeline.getBindGroupLayout(0);
      const g = c.group(d, groupLayout, { buffer, ...a }, { buffer, ...b });
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(1);
      };
    });
  const [low, high] = [{ size: 512 }, { offset: 512 }];
  testVerdict('to read and to write the same range', 'validation', ranges(STEP, {}, {}));
  testVerdict('to read and to write separate ranges', 'validation', ranges(STEP, low, high));
  testVerdict('to write the same range twice', 'validation', ranges(STEP_WRITING_BOTH, {}, {}));
  testVerdict(
    'to write overlapping ranges',
    'validation',
    ranges(STEP_WRITING_BOTH, low, { offset: 256 }),
  );
  testVerdict('to write adjacent ranges', 'none', ranges(STEP_WRITING_BOTH, low, high));
  testVerdict(
    'to write, where the kernel uses only one binding,',
    'validation',
    ranges(ADD_ONE, {}, {}, 'storage', 'storage'),
  );
  testVerdict(
    'to write and as an unused uniform',
    'validation',
    ranges(ADD_ONE, {}, {}, 'storage', 'uniform'),
  );
  testVerdict(
    'to read the same range twice',
    'none',
    ranges(
      STEP.replace('storage, read_write>', 'storage, read>').replace('b[0] =', '_ = b[0] +'),
      {},
      {},
    ),
  );

  testVerdict(
    'to read and to write in two groups',
    'validation',
    pass((d) => {
      const pipeline = c.pipeline(d, STEP.replace('group(0) @binding(1)', 'group(1) @binding(0)'));
      const b = c.buffer(d, 64, DATA);
      const groups = [0, 1].map((n) => c.group(d, pipeline.getBindGroupLayout(n), b));
      return (p) => {
        p.setPipeline(pipeline);
        for (const [n, g] of groups.entries()) p.setBindGroup(n, g);
        p.dispatchWorkgroups(1);
      };
    }),
  );
  testVerdict(
    'to read and to write, without workgroups,',
    'validation',
    pass((d) => {
      const pipeline = c.pipeline(d, STEP);
      const b = c.buffer(d, 64, DATA);
      const g = c.group(d, pipeline.getBindGroupLayout(0), b, b);
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(0);
      };
    }),
  );
  const withDynamicOffsets = (...offsets: number[]) =>
    pass((d) => {
      const dynamic = { type: 'storage', hasDynamicOffset: true } as const;
      const layout = c.groupLayout(d, dynamic, dynamic);
      const pipeline = c.pipeline(d, STEP_WRITING_BOTH, c.pipelineLayout(d, [layout]));
      const range = { buffer: c.buffer(d, 1024, DATA), size: 256 };
      const g = c.group(d, layout, range, range);
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g, offsets);
        p.dispatchWorkgroups(1);
      };
    });
  testVerdict('to write at the same dynamic offset', 'validation', withDynamicOffsets(256, 256));
  testVerdict('to write at separate dynamic offsets', 'none', withDynamicOffsets(256, 512));

  testResult('in the next dispatch reads what the previous one wrote', [2, 1], async (d) => {
    const [a, b] = [c.words(d, 0), c.words(d, 0)];
    const pipeline = c.pipeline(d, STEP);
    const layout = pipeline.getBindGroupLayout(0);
    const groups = [c.group(d, layout, a, b), c.group(d, layout, b, a)];
    c.submitPass(d, (p) => {
      p.setPipeline(pipeline);
      for (const g of groups) {
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(1);
      }
    });
    return [...(await c.read(d, a)), ...(await c.read(d, b))];
  });
});
