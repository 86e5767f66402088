import { describe } from 'vitest';
import * as c from './calls.js';
import { ADD_ONE, DATA, pass } from './encoding.js';
import { computeOn, judgeOn, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

/** Reads one buffer and writes the other. */
const STEP = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(1) fn main() { b[0] = a[0] + 1; }`;
const STEP_WRITING_BOTH = STEP.replace('storage, read>', 'storage, read_write>');

describe('setBindGroup', () => {
  const empty = (d: GPUDevice) => c.group(d, c.groupLayout(d));
  judge(
    'group 3',
    'none',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(3, g);
    }),
  );
  judge(
    'group 4',
    'validation',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(4, g);
    }),
  );
  judge(
    'group -1',
    'TypeError',
    pass((d) => {
      const g = empty(d);
      return (p) => p.setBindGroup(-1, g);
    }),
  );
  judge(
    'no group',
    'none',
    pass(() => (p) => p.setBindGroup(0, null)),
  );
  judge(
    'an invalid group',
    'validation',
    pass((d) => {
      const invalid = c.swallow(d, () => c.group(d, c.groupLayout(d, 'storage')));
      return (p) => p.setBindGroup(0, invalid);
    }),
  );
  judge(
    'what is not a group',
    'TypeError',
    pass(() => (p) => p.setBindGroup(0, {} as GPUBindGroup)),
  );

  /** A dispatch with groups set by their numbers. */
  const dispatched = (
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
  const made = (d: GPUDevice, size = 64) => c.buffer(d, size, DATA);
  const adds = (d: GPUDevice) => c.pipeline(d, ADD_ONE);
  const addsIn1 = (d: GPUDevice) => c.pipeline(d, ADD_ONE.replace('group(0)', 'group(1)'));

  judge(
    'the group of an automatic layout',
    'none',
    dispatched((d) => {
      const pipeline = adds(d);
      return { pipeline, groups: [c.group(d, pipeline.getBindGroupLayout(0), made(d))] };
    }),
  );
  judge(
    'the group of another pipeline’s automatic layout',
    'validation',
    dispatched((d) => {
      const groups = [c.group(d, adds(d).getBindGroupLayout(0), made(d))];
      return { pipeline: adds(d), groups };
    }),
  );
  judge(
    'the group of an explicit layout for an automatic one',
    'validation',
    dispatched((d) => {
      const groups = [c.group(d, c.groupLayout(d, 'storage'), made(d))];
      return { pipeline: adds(d), groups };
    }),
  );
  judge(
    'the group of an automatic layout for an explicit one',
    'validation',
    dispatched((d) => {
      const groups = [c.group(d, adds(d).getBindGroupLayout(0), made(d))];
      const layout = c.pipelineLayout(d, [c.groupLayout(d, 'storage')]);
      return { pipeline: c.pipeline(d, ADD_ONE, layout), groups };
    }),
  );
  judge(
    'a group that was set and taken away',
    'validation',
    pass((d) => {
      const pipeline = adds(d);
      const g = c.group(d, pipeline.getBindGroupLayout(0), made(d));
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.setBindGroup(0, undefined);
        p.dispatchWorkgroups(1);
      };
    }),
  );
  judge(
    'a group beyond those of the pipeline',
    'none',
    dispatched((d) => {
      const pipeline = adds(d);
      const own = c.group(d, pipeline.getBindGroupLayout(0), made(d));
      return { pipeline, groups: [own, c.group(d, c.groupLayout(d, 'storage'), made(d))] };
    }),
  );
  judge(
    'the same buffer read in a group beyond those of the pipeline',
    'none',
    dispatched((d) => {
      const pipeline = adds(d);
      const b = made(d);
      const own = c.group(d, pipeline.getBindGroupLayout(0), b);
      return { pipeline, groups: [own, c.group(d, c.groupLayout(d, 'read-only-storage'), b)] };
    }),
  );
  judge(
    'no group where the pipeline has an empty one',
    'none',
    dispatched((d) => {
      const pipeline = addsIn1(d);
      return { pipeline, groups: [null, c.group(d, pipeline.getBindGroupLayout(1), made(d))] };
    }),
  );
  judge(
    'a group where the pipeline has an empty one',
    'none',
    dispatched((d) => {
      const pipeline = addsIn1(d);
      const other = c.group(d, c.groupLayout(d, 'storage'), made(d));
      return { pipeline, groups: [other, c.group(d, pipeline.getBindGroupLayout(1), made(d))] };
    }),
  );

  /** A dispatch with the group of a layout that is another object than the pipeline's. */
  const withLayouts = (
    code: string,
    own: GPUBufferBindingType | GPUBufferBindingLayout,
    other: (d: GPUDevice) => GPUBindGroupLayout,
    bytes = 64,
  ) =>
    dispatched((d) => {
      const layout = c.pipelineLayout(d, [c.groupLayout(d, own)]);
      return {
        pipeline: c.pipeline(d, code, layout),
        groups: [c.group(d, other(d), made(d, bytes))],
      };
    });
  const of = (layout: GPUBufferBindingType | GPUBufferBindingLayout) => (d: GPUDevice) =>
    c.groupLayout(d, layout);
  judge('a layout with the same entries', 'none', withLayouts(ADD_ONE, 'storage', of('storage')));
  judge(
    'a layout of another type',
    'validation',
    withLayouts(ADD_ONE, 'storage', of('read-only-storage')),
  );
  judge(
    'a layout of another minBindingSize',
    'validation',
    withLayouts(ADD_ONE, 'storage', of({ type: 'storage', minBindingSize: 4 })),
  );
  judge(
    'a layout of another visibility',
    'validation',
    withLayouts(ADD_ONE, 'storage', (d) =>
      d.createBindGroupLayout({
        entries: [{ binding: 0, visibility: c.COMPUTE | 2, buffer: { type: 'storage' } }],
      }),
    ),
  );
  judge(
    'a layout of another binding',
    'validation',
    dispatched((d) => {
      const layout = d.createBindGroupLayout({
        entries: [{ binding: 1, visibility: c.COMPUTE, buffer: { type: 'storage' } }],
      });
      const entries = [{ binding: 1, resource: { buffer: made(d) } }];
      const own = c.pipelineLayout(d, [c.groupLayout(d, 'storage')]);
      return {
        pipeline: c.pipeline(d, ADD_ONE, own),
        groups: [d.createBindGroup({ layout, entries })],
      };
    }),
  );

  const sized = (type: string, bytes: number) => {
    const code = `
struct Headed { head: vec4u, tail: array<u32> }
@group(0) @binding(0) var<storage, read_write> out: ${type};
@compute @workgroup_size(1) fn main() { _ = &out; }`;
    return withLayouts(code, 'storage', of('storage'), bytes);
  };
  judge('12 bytes for a vec3u', 'none', sized('vec3u', 12));
  judge('8 bytes for a vec3u', 'validation', sized('vec3u', 8));
  judge('16 bytes for an array of vec3u', 'none', sized('array<vec3u>', 16));
  judge('12 bytes for an array of vec3u', 'validation', sized('array<vec3u>', 12));
  judge('32 bytes for a struct of a vec4u and an array', 'none', sized('Headed', 32));
  judge('28 bytes for a struct of a vec4u and an array', 'validation', sized('Headed', 28));
});

describe('a dispatch that uses a buffer twice', () => {
  /** Two ranges of one buffer of 1024 bytes. */
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
      const own = layout ?? pipeline.getBindGroupLayout(0);
      const g = c.group(d, own, { buffer, ...a }, { buffer, ...b });
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(1);
      };
    });
  const [low, high] = [{ size: 512 }, { offset: 512 }];
  judge('to read and to write', 'validation', ranges(STEP, {}, {}));
  judge('to read and to write, apart,', 'validation', ranges(STEP, low, high));
  judge('to write', 'validation', ranges(STEP_WRITING_BOTH, {}, {}));
  judge(
    'to write where the ranges overlap',
    'validation',
    ranges(STEP_WRITING_BOTH, low, { offset: 256 }),
  );
  judge('to write where the ranges touch', 'none', ranges(STEP_WRITING_BOTH, low, high));
  judge(
    'to write where only one is used',
    'validation',
    ranges(ADD_ONE, {}, {}, 'storage', 'storage'),
  );
  judge(
    'to write and as a uniform that is not used',
    'validation',
    ranges(ADD_ONE, {}, {}, 'storage', 'uniform'),
  );
  judge(
    'to read',
    'none',
    ranges(
      STEP.replace('storage, read_write>', 'storage, read>').replace('b[0] =', '_ = b[0] +'),
      {},
      {},
    ),
  );

  judge(
    'in two groups',
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
  judge(
    'with no workgroups',
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
  const moved = (...offsets: number[]) =>
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
  judge('by the same dynamic offset', 'validation', moved(256, 256));
  judge('by dynamic offsets apart', 'none', moved(256, 512));

  compute('in two dispatches sees what the first has written', [2, 1], async (d) => {
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
