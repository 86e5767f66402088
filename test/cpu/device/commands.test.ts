import { describe } from 'vitest';
import * as c from './calls.js';
import { computeOn, type Exception, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;
const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;
/** Reads one buffer and writes the other. */
const STEP = `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(1) fn main() { b[0] = a[0] + 1; }`;
const STEP_WRITING_BOTH = STEP.replace('storage, read>', 'storage, read_write>');

function destroyed<T extends { destroy(): void }>(made: T): T {
  made.destroy();
  return made;
}

/** Calls on an encoder, and finishing it. */
function finish(record: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup {
  return (d) => () => {
    const encoder = d.createCommandEncoder();
    record(encoder, d);
    encoder.finish();
  };
}

/** Calls on a pass, with what they need made before; finishing the encoder. */
function pass(prepare: (d: GPUDevice) => (p: GPUComputePassEncoder) => void): Setup {
  return (d) => {
    const record = prepare(d);
    return () => void c.encodePass(d, record);
  };
}

describe('copyBufferToBuffer', () => {
  /** From a buffer of 32 bytes to one of 40. */
  const copy = (
    record: (encoder: GPUCommandEncoder, from: GPUBuffer, to: GPUBuffer) => void,
    fromUsage = c.COPY_SRC,
    toUsage = c.COPY_DST,
  ) =>
    finish((encoder, d) => record(encoder, c.buffer(d, 32, fromUsage), c.buffer(d, 40, toUsage)));
  const range = (start: number, end: number, size?: number) =>
    copy((encoder, from, to) => encoder.copyBufferToBuffer(from, start, to, end, size));

  judge('a whole buffer', 'none', range(0, 0, 32));
  judge(
    'a whole buffer, in short',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to)),
  );
  judge(
    '8 bytes, in short',
    'none',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 8)),
  );
  judge(
    'too many bytes, in short',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to, 36)),
  );
  judge('the rest from an offset on', 'none', range(4, 8));
  judge('the rest, too long for the destination', 'validation', range(4, 20));
  judge('the rest from past the end', 'validation', range(36, 0));
  judge('nothing at the end of both', 'none', range(32, 40, 0));
  judge('nothing past the end of the source', 'validation', range(36, 0, 0));
  judge('nothing past the end of the destination', 'validation', range(0, 44, 0));
  judge('a source offset of 2', 'validation', range(2, 0, 4));
  judge('a destination offset of 2', 'validation', range(0, 2, 4));
  judge('2 bytes', 'validation', range(0, 0, 2));
  judge('a range past the end of the source', 'validation', range(4, 0, 32));
  judge('a range past the end of the destination', 'validation', range(0, 12, 32));
  judge('a negative source offset', 'TypeError', range(-4, 0, 4));
  judge('a negative destination offset', 'TypeError', range(0, -4, 4));
  judge('NaN bytes', 'TypeError', range(0, 0, Number.NaN));
  judge(
    'a source without COPY_SRC',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.STORAGE),
  );
  judge(
    'a destination without COPY_DST',
    'validation',
    copy((e, from, to) => e.copyBufferToBuffer(from, to), c.COPY_SRC, c.STORAGE),
  );
  judge(
    'a buffer to itself',
    'validation',
    copy((e, from) => e.copyBufferToBuffer(from, 0, from, 16, 16), DATA),
  );
  judge(
    'an invalid buffer',
    'validation',
    finish((e, d) => {
      const invalid = c.swallow(d, () => c.buffer(d, 16, c.COPY_DST | c.MAP_WRITE));
      e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), invalid);
    }),
  );
  judge(
    'a destroyed buffer, to be refused when it is submitted,',
    'none',
    finish((e, d) => {
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST));
    }),
  );
  judge('a destroyed buffer, submitted,', 'validation', (d) => {
    const commands = c.encode(d, (e) =>
      e.copyBufferToBuffer(destroyed(c.buffer(d, 16, c.COPY_SRC)), c.buffer(d, 16, c.COPY_DST)),
    );
    return () => d.queue.submit([commands]);
  });
  judge(
    'what is not a buffer',
    'TypeError',
    finish((e, d) => e.copyBufferToBuffer(c.buffer(d, 16, c.COPY_SRC), {} as GPUBuffer)),
  );

  compute('copies the range that is asked for', [9, 2, 3, 9], (d) => {
    const [from, to] = [c.words(d, 1, 2, 3, 4), c.words(d, 9, 9, 9, 9)];
    c.submit(d, (encoder) => encoder.copyBufferToBuffer(from, 4, to, 4, 8));
    return c.read(d, to);
  });

  compute('copies and clears buffers of many pieces', [7, 7, 0, 0, 7, 7], async (d) => {
    const words = 300_000;
    const [from, to] = [0, 1].map(() => c.buffer(d, 4 * words, DATA));
    d.queue.writeBuffer(from!, 0, new Uint32Array(words).fill(7));
    c.submit(d, (encoder) => {
      encoder.copyBufferToBuffer(from!, to!);
      encoder.clearBuffer(to!, 4 * 50_000, 4 * 200_000);
    });
    const values = await c.read(d, to!);
    return [0, 49_999, 50_000, 249_999, 250_000, words - 1].map((n) => values[n]!);
  });
});

describe('clearBuffer', () => {
  const clear = (offset?: number, size?: number, usage = c.COPY_DST, bytes = 40) =>
    finish((encoder, d) => encoder.clearBuffer(c.buffer(d, bytes, usage), offset, size));
  judge('a whole buffer', 'none', clear());
  judge('the rest from an offset on', 'none', clear(4));
  judge('a range', 'none', clear(4, 8));
  judge('nothing at the end', 'none', clear(40));
  judge('nothing past the end', 'validation', clear(44));
  judge('a range past the end', 'validation', clear(8, 36));
  judge('an offset of 2', 'validation', clear(2));
  judge('6 bytes', 'validation', clear(0, 6));
  judge('a negative offset', 'TypeError', clear(-4));
  judge('a buffer without COPY_DST', 'validation', clear(0, 4, c.COPY_SRC));
  judge('a whole buffer of 6 bytes', 'validation', clear(0, undefined, c.COPY_DST, 6));
  judge('4 bytes of a buffer of 6', 'none', clear(0, 4, c.COPY_DST, 6));
  judge(
    'a mapped buffer, to be refused when it is submitted,',
    'none',
    finish((e, d) => {
      e.clearBuffer(d.createBuffer({ size: 16, usage: c.COPY_DST, mappedAtCreation: true }));
    }),
  );

  compute('clears the range that is asked for', [1, 0, 0, 4], (d) => {
    const b = c.words(d, 1, 2, 3, 4);
    c.submit(d, (encoder) => encoder.clearBuffer(b, 4, 8));
    return c.read(d, b);
  });
});

describe('a command encoder', () => {
  /** A call on an encoder that is finished. */
  const finished =
    (then: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      encoder.finish();
      return () => void then(encoder, d);
    };
  judge(
    'finishing twice',
    'validation',
    finished((encoder) => encoder.finish()),
  );
  judge(
    'a clear after finish',
    'validation',
    finished((e, d) => e.clearBuffer(c.buffer(d, 16, c.COPY_DST))),
  );
  judge(
    'a pass after finish',
    'validation',
    finished((encoder) => encoder.beginComputePass()),
  );
  judge(
    'a marker after finish',
    'validation',
    finished((encoder) => encoder.insertDebugMarker('here')),
  );

  judge(
    'finishing with a pass open',
    'validation',
    finish((encoder) => encoder.beginComputePass()),
  );
  judge('a clear within a pass, until finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
  });
  judge(
    'finish after a clear within a pass',
    'validation',
    finish((encoder, d) => {
      const open = encoder.beginComputePass();
      encoder.clearBuffer(c.buffer(d, 16, c.COPY_DST));
      open.end();
    }),
  );
  judge('a pass within a pass, until finish,', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    encoder.beginComputePass();
    return () => void encoder.beginComputePass();
  });
  judge(
    'finish after a pass within a pass',
    'validation',
    finish((encoder) => {
      const passes = [encoder.beginComputePass(), encoder.beginComputePass()];
      for (const open of passes) open.end();
    }),
  );
  judge(
    'one pass after another',
    'none',
    finish((encoder) => {
      for (let n = 0; n < 3; n++) encoder.beginComputePass().end();
    }),
  );

  judge(
    'a debug group',
    'none',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      encoder.insertDebugMarker('here');
      encoder.popDebugGroup();
    }),
  );
  judge(
    'a debug group that is not popped',
    'validation',
    finish((e) => e.pushDebugGroup('group')),
  );
  judge(
    'a debug group that was not pushed',
    'validation',
    finish((e) => e.popDebugGroup()),
  );
  judge(
    'a debug group in a pass',
    'none',
    finish((encoder) => {
      const open = encoder.beginComputePass();
      open.pushDebugGroup('group');
      open.insertDebugMarker('here');
      open.popDebugGroup();
      open.end();
    }),
  );
  judge(
    'a debug group that a pass does not pop',
    'validation',
    finish((encoder) => {
      const open = encoder.beginComputePass();
      open.pushDebugGroup('group');
      open.end();
    }),
  );
  judge(
    'a debug group of the encoder that a pass pops',
    'validation',
    finish((encoder) => {
      encoder.pushDebugGroup('group');
      const open = encoder.beginComputePass();
      open.popDebugGroup();
      open.end();
    }),
  );
});

describe('a compute pass', () => {
  const dispatch = (p: GPUComputePassEncoder) => p.dispatchWorkgroups(1);
  const LATER: Exception<string> = {
    dawn: 'none',
    because: 'it makes the encoder invalid instead, which the specification keeps for open passes',
  };
  /** A call on a pass that is ended. */
  const ended =
    (then: (p: GPUComputePassEncoder, encoder: GPUCommandEncoder, d: GPUDevice) => void): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      const p = encoder.beginComputePass();
      p.end();
      return () => then(p, encoder, d);
    };
  judge(
    'ending twice',
    'validation',
    ended((p) => p.end()),
  );
  judge(
    'ending twice, once it is finished,',
    'validation',
    ended((p, encoder) => {
      encoder.finish();
      p.end();
    }),
  );
  judge('a dispatch after the end', 'validation', ended(dispatch), LATER);
  judge(
    'a dispatch after finish',
    'validation',
    ended((p, encoder) => {
      encoder.finish();
      dispatch(p);
    }),
  );
  judge('finish after what came too late for a pass', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    const p = encoder.beginComputePass();
    p.end();
    c.swallow(d, () => p.end());
    return () => void encoder.finish();
  });
  /** A call on a pass whose encoder was finished while it was open. */
  const orphaned =
    (then: (p: GPUComputePassEncoder) => void): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      const p = encoder.beginComputePass();
      c.swallow(d, () => encoder.finish());
      return () => then(p);
    };
  judge(
    'the end of a pass that was open at finish',
    'validation',
    orphaned((p) => p.end()),
  );
  judge('a dispatch in a pass that was open at finish', 'validation', orphaned(dispatch));

  judge(
    'a pass without commands',
    'none',
    pass(() => () => {}),
  );
  judge(
    'a dispatch without a pipeline',
    'validation',
    pass(() => dispatch),
  );
  judge(
    'a dispatch of nothing without a pipeline',
    'validation',
    pass(() => (p) => p.dispatchWorkgroups(0)),
  );
  judge(
    'an invalid pipeline',
    'validation',
    pass((d) => {
      const invalid = c.swallow(d, () => c.pipeline(d, 'fn ('));
      return (p) => p.setPipeline(invalid);
    }),
  );
  judge(
    'what is not a pipeline',
    'TypeError',
    pass(() => (p) => p.setPipeline({} as GPUComputePipeline)),
  );
  judge(
    'a pipeline without its group',
    'validation',
    pass((d) => {
      const adds = c.pipeline(d, ADD_ONE);
      return (p) => {
        p.setPipeline(adds);
        dispatch(p);
      };
    }),
  );
  judge(
    'a pipeline without its group and without a dispatch',
    'none',
    pass((d) => {
      const adds = c.pipeline(d, ADD_ONE);
      return (p) => p.setPipeline(adds);
    }),
  );
  judge(
    'a dispatch of nothing without a group',
    'validation',
    pass((d) => {
      const adds = c.pipeline(d, ADD_ONE);
      return (p) => {
        p.setPipeline(adds);
        p.dispatchWorkgroups(0);
      };
    }),
  );

  const grid = (...counts: [number, number?, number?]) =>
    pass((d) => {
      const adds = c.pipeline(d, ADD_ONE);
      const g = c.group(d, adds.getBindGroupLayout(0), c.buffer(d, 16, DATA));
      return (p) => {
        p.setPipeline(adds);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(...counts);
      };
    });
  judge('65535 workgroups', 'none', grid(65535));
  judge('65536 workgroups along x', 'validation', grid(65536));
  judge('65536 workgroups along y', 'validation', grid(1, 65536));
  judge('65536 workgroups along z, and none along x', 'validation', grid(0, 1, 65536));
  judge('no workgroups', 'none', grid(0));
  judge('no workgroups along y', 'none', grid(4, 0));
  judge('a fraction of a workgroup more', 'none', grid(1.5));
  judge('fewer than no workgroups', 'TypeError', grid(-1));
  judge('NaN workgroups', 'TypeError', grid(Number.NaN));
  judge('2 ** 30 workgroups', 'none', grid(32768, 32768));
  judge('more than 2 ** 30 workgroups', 'validation', grid(65535, 65535), {
    dawn: 'none',
    because: 'this device counts workgroups in 32 bits, and says where they are too many',
  });
  judge(
    'an indirect dispatch',
    'TypeError',
    pass((d) => {
      const adds = c.pipeline(d, ADD_ONE);
      const g = c.group(d, adds.getBindGroupLayout(0), c.buffer(d, 16, DATA));
      const counts = c.buffer(d, 12, c.INDIRECT);
      return (p) => {
        p.setPipeline(adds);
        p.setBindGroup(0, g);
        p.dispatchWorkgroupsIndirect(counts, 0);
      };
    }),
    { dawn: 'none', because: 'this device does not have it, and says so' },
  );

  const GRID = Array.from({ length: 30 }, (_, n) => [
    n % 5,
    Math.floor(n / 5) % 3,
    Math.floor(n / 15),
  ]);
  compute(
    'runs every workgroup of its grid once, and none of an empty one',
    GRID.map(([x, y, z]) => 1 + 10 * x! + 100 * y! + 1000 * z!),
    (d) => {
      const code = `
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) all: vec3u) {
  sums[id.x + all.x * (id.y + all.y * id.z)] += 1 + 10 * id.x + 100 * id.y + 1000 * id.z;
}`;
      const sums = c.buffer(d, 4 * 30, DATA);
      const counts = c.pipeline(d, code);
      const g = c.group(d, counts.getBindGroupLayout(0), sums);
      c.submitPass(d, (p) => {
        p.setPipeline(counts);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(5, 3, 2);
        p.dispatchWorkgroups(5, 0, 2);
      });
      return c.read(d, sums);
    },
  );
});

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

describe('a dynamic offset', () => {
  /** Offsets for a range of 64 bytes at 256 of a buffer of 1024. */
  const set = (...args: [offsets?: Iterable<number>, start?: number, length?: number]) =>
    pass((d) => {
      const layout = c.groupLayout(d, { type: 'storage', hasDynamicOffset: true });
      const pipeline = c.pipeline(d, ADD_ONE, c.pipelineLayout(d, [layout]));
      const g = c.group(d, layout, { buffer: c.buffer(d, 1024, DATA), offset: 256, size: 64 });
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g, ...(args as [Uint32Array, number, number]));
        p.dispatchWorkgroups(1);
      };
    });
  judge('of 0', 'none', set([0]));
  judge('of 512', 'none', set([512]));
  judge('of 768, past the end,', 'validation', set([768]));
  judge('of 32', 'validation', set([32]));
  judge('of -256', 'TypeError', set([-256]));
  judge('that is not given', 'validation', set());
  judge('that an empty list does not give', 'validation', set([]));
  judge('too many', 'validation', set([0, 0]));
  const words = Uint32Array.of(0, 256);
  judge('out of a Uint32Array', 'none', set(words, 1, 1));
  judge('too many out of a Uint32Array', 'validation', set(words, 0, 2));
  judge('past the end of a Uint32Array', 'RangeError', set(words, 1, 2));
  judge('from past the end of a Uint32Array on', 'RangeError', set(words, 3, 0));
  judge('that is all of a Uint32Array', 'none', set(Uint32Array.of(256)), {
    dawn: 'TypeError',
    because: 'its binding for Node takes a Uint32Array for no list',
  });
});

describe('what is destroyed between encoding and submit', () => {
  const submitted =
    (
      then: (buffers: GPUBuffer[]) => void,
      record: (p: GPUComputePassEncoder, groups: GPUBindGroup[]) => void,
      first: (buffers: GPUBuffer[]) => void = () => {},
    ): Setup =>
    (d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      const buffers = [c.buffer(d, 16, DATA), c.buffer(d, 16, DATA)];
      const groups = buffers.map((b) => c.group(d, pipeline.getBindGroupLayout(0), b));
      first(buffers);
      const commands = c.encodePass(d, (p) => {
        p.setPipeline(pipeline);
        record(p, groups);
      });
      then(buffers);
      return () => d.queue.submit([commands]);
    };
  const run = (p: GPUComputePassEncoder, [g]: GPUBindGroup[]) => {
    p.setBindGroup(0, g);
    p.dispatchWorkgroups(1);
  };
  const destroyFirst = ([b]: GPUBuffer[]) => b!.destroy();
  judge(
    'nothing',
    'none',
    submitted(() => {}, run),
  );
  judge(
    'another buffer',
    'none',
    submitted(([, b]) => b!.destroy(), run),
  );
  judge('the buffer of a dispatch', 'validation', submitted(destroyFirst, run));
  judge(
    'the buffer of a group that was set only',
    'validation',
    submitted(destroyFirst, (p, [g]) => p.setBindGroup(0, g)),
  );
  judge(
    'the buffer of a group that was set and replaced',
    'validation',
    submitted(destroyFirst, (p, groups) => {
      p.setBindGroup(0, groups[0]);
      run(p, [groups[1]!]);
    }),
  );
  judge(
    'a buffer even before it is encoded',
    'validation',
    submitted(() => {}, run, destroyFirst),
  );
});

describe('setImmediates', () => {
  const TERMS = `requires immediate_address_space;
struct Terms { a: u32, b: u32 }
var<immediate> terms: Terms;
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) { sums[terms.a] = terms.b; }`;
  const PADDED = `requires immediate_address_space;
struct Padded { a: vec3u, @align(16) b: u32 }
var<immediate> padded: Padded;
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(1) fn main() { sums[0] = padded.a.x + padded.b; }`;

  const set = (record: (p: GPUComputePassEncoder) => void, code = TERMS) =>
    pass((d) => {
      const pipeline = c.pipeline(d, code);
      const g = c.group(d, pipeline.getBindGroupLayout(0), c.buffer(d, 64, DATA));
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        record(p);
        p.dispatchWorkgroups(1);
      };
    });
  const words = Uint32Array.of(1, 2, 3, 4);
  /** After all that are needed. */
  const then = (...args: [number, ArrayBufferView<ArrayBuffer>, number?, number?]) =>
    set((p) => {
      p.setImmediates(0, words);
      p.setImmediates(...args);
    });

  judge(
    'all words',
    'none',
    set((p) => p.setImmediates(0, words, 0, 2)),
  );
  judge(
    'more words than the shader’s',
    'none',
    set((p) => p.setImmediates(0, words)),
  );
  judge(
    'one word after the other',
    'none',
    set((p) => {
      p.setImmediates(4, words, 0, 1);
      p.setImmediates(0, words, 0, 1);
    }),
  );
  judge(
    'no words',
    'validation',
    set(() => {}),
  );
  judge(
    'the first word only',
    'validation',
    set((p) => p.setImmediates(0, words, 0, 1)),
  );
  judge(
    'all words but the padding',
    'none',
    set((p) => {
      p.setImmediates(0, words, 0, 3);
      p.setImmediates(16, words, 0, 1);
    }, PADDED),
  );
  judge(
    'all words but the last',
    'validation',
    set((p) => p.setImmediates(0, words), PADDED),
  );
  judge(
    'no words for a shader that uses none',
    'none',
    set(() => {}, TERMS.replace('sums[terms.a] = terms.b', 'sums[0] = 1')),
  );

  judge('64 bytes', 'none', then(0, new Uint32Array(16)));
  judge('68 bytes', 'validation', then(0, new Uint32Array(17)));
  judge('8 bytes from 60 on', 'validation', then(60, words, 0, 2));
  judge('nothing from 64 on', 'none', then(64, words, 0, 0));
  judge('nothing from 68 on', 'validation', then(68, words, 0, 0));
  judge('an offset of 2', 'validation', then(2, words));
  judge('6 bytes', 'validation', then(0, new Uint8Array(6)));
  judge('a negative offset', 'TypeError', then(-4, words));
  judge('elements past the data', 'OperationError', then(0, words, 3, 2));
  judge(
    'elements past the view, within its buffer',
    'OperationError',
    then(0, words.subarray(0, 2), 1, 2),
  );
  judge('elements from past the data on', 'OperationError', then(0, words, 5));
  judge('an array of numbers', 'TypeError', then(0, [1] as unknown as Uint32Array<ArrayBuffer>));

  judge('words of another pass', 'validation', (d) => {
    const pipeline = c.pipeline(d, TERMS);
    const g = c.group(d, pipeline.getBindGroupLayout(0), c.buffer(d, 64, DATA));
    return () => {
      c.encode(d, (encoder) => {
        const first = encoder.beginComputePass();
        first.setImmediates(0, words);
        first.end();
        const second = encoder.beginComputePass();
        second.setPipeline(pipeline);
        second.setBindGroup(0, g);
        second.dispatchWorkgroups(1);
        second.end();
      });
    };
  });

  compute(
    'holds from dispatch to dispatch and from pipeline to pipeline, word by word',
    [10, 20, 20, 31, 9],
    async (d) => {
      const sums = c.words(d, 9, 9, 9, 9, 9);
      const layout = c.groupLayout(d, 'storage');
      const own = c.pipelineLayout(d, [layout], 8);
      const [store, storeMore] = [TERMS, TERMS.replace('terms.b;', 'terms.b + 1;')].map((code) =>
        c.pipeline(d, code, own),
      );
      const g = c.group(d, layout, sums);
      c.submitPass(d, (p) => {
        p.setPipeline(store!);
        p.setBindGroup(0, g);
        p.setImmediates(0, Uint32Array.of(0, 10));
        p.dispatchWorkgroups(1);
        p.setImmediates(0, Uint32Array.of(0, 1, 20, 0), 1, 2);
        p.dispatchWorkgroups(1);
        p.setImmediates(0, Uint32Array.of(2));
        p.dispatchWorkgroups(1);
        p.setImmediates(0, Uint32Array.of(3, 30));
        p.setPipeline(storeMore!);
        p.dispatchWorkgroups(1);
      });
      return c.read(d, sums);
    },
  );
});

describe('query sets', () => {
  const set = (d: GPUDevice, count = 4) => d.createQuerySet({ type: 'timestamp', count });
  const create =
    (descriptor: object): Setup =>
    (d) =>
    () =>
      void d.createQuerySet(descriptor as GPUQuerySetDescriptor);
  judge('4096 queries', 'none', create({ type: 'timestamp', count: 4096 }));
  judge('4097 queries', 'validation', create({ type: 'timestamp', count: 4097 }));
  judge('no queries', 'none', create({ type: 'timestamp', count: 0 }));
  judge('fewer than no queries', 'TypeError', create({ type: 'timestamp', count: -1 }));
  judge('queries of a type that there is not', 'TypeError', create({ type: 'time', count: 1 }));
  judge('occlusion queries', 'validation', create({ type: 'occlusion', count: 1 }), {
    dawn: 'none',
    because: 'this device does not draw, and says so',
  });
  judge('destroying twice', 'none', (d) => {
    const queries = destroyed(set(d));
    return () => queries.destroy();
  });

  const writes = (make: (d: GPUDevice) => GPUComputePassTimestampWrites): Setup =>
    finish((encoder, d) => encoder.beginComputePass({ timestampWrites: make(d) }).end());
  const indices = (beginningOfPassWriteIndex?: number, endOfPassWriteIndex?: number) =>
    writes((d) => ({
      querySet: set(d),
      ...(beginningOfPassWriteIndex !== undefined && { beginningOfPassWriteIndex }),
      ...(endOfPassWriteIndex !== undefined && { endOfPassWriteIndex }),
    }));
  judge('a time at the beginning and at the end', 'none', indices(0, 1));
  judge('a time at the end and at the beginning', 'none', indices(3, 2));
  judge('a time at the beginning only', 'none', indices(3));
  judge('a time at the end only', 'none', indices(undefined, 3));
  judge('no time', 'validation', indices());
  judge('both times to the same query', 'validation', indices(1, 1));
  judge('a beginning past the set', 'validation', indices(4, 0));
  judge('an end past the set', 'validation', indices(0, 4));
  judge('a negative query', 'TypeError', indices(-1));
  judge(
    'times to an invalid set',
    'validation',
    writes((d) => ({
      querySet: c.swallow(d, () => set(d, 4097)),
      endOfPassWriteIndex: 0,
    })),
  );
  judge(
    'times to what is not a set',
    'TypeError',
    writes(() => ({
      querySet: {} as GPUQuerySet,
      endOfPassWriteIndex: 0,
    })),
  );
  judge(
    'times to a destroyed set, to be refused when it is submitted,',
    'none',
    writes((d) => ({
      querySet: destroyed(set(d)),
      endOfPassWriteIndex: 0,
    })),
  );
  judge('times to a set that is destroyed before submit', 'validation', (d) => {
    const querySet = set(d);
    const timestampWrites = { querySet, endOfPassWriteIndex: 0 };
    const commands = c.encode(d, (e) => e.beginComputePass({ timestampWrites }).end());
    querySet.destroy();
    return () => d.queue.submit([commands]);
  });

  const resolve = (
    first: number,
    count: number,
    offset: number,
    usage = c.QUERY_RESOLVE,
    size = 512,
  ) => finish((e, d) => e.resolveQuerySet(set(d), first, count, c.buffer(d, size, usage), offset));
  judge('resolving all', 'none', resolve(0, 4, 0));
  judge('resolving at an offset of 256', 'none', resolve(0, 4, 256));
  judge('resolving at an offset of 8', 'validation', resolve(0, 4, 8));
  judge('resolving some', 'none', resolve(1, 3, 0));
  judge('resolving past the set', 'validation', resolve(1, 4, 0));
  judge('resolving none', 'none', resolve(3, 0, 0));
  judge('resolving none past the set', 'validation', resolve(4, 0, 0));
  judge(
    'resolving to the last bytes of a buffer',
    'none',
    resolve(0, 4, 256, c.QUERY_RESOLVE, 288),
  );
  judge('resolving past a buffer', 'validation', resolve(0, 4, 256, c.QUERY_RESOLVE, 280));
  judge('resolving none past a buffer', 'validation', resolve(0, 0, 768));
  judge('resolving to a buffer without QUERY_RESOLVE', 'validation', resolve(0, 4, 0, c.COPY_DST));
  judge('resolving from a negative query on', 'TypeError', resolve(-1, 1, 0));
  const resolved =
    (then: (queries: GPUQuerySet, to: GPUBuffer) => void): Setup =>
    (d) => {
      const [queries, to] = [set(d), c.buffer(d, 32, c.QUERY_RESOLVE)];
      const commands = c.encode(d, (e) => e.resolveQuerySet(queries, 0, 4, to, 0));
      then(queries, to);
      return () => d.queue.submit([commands]);
    };
  judge(
    'submitting a resolve',
    'none',
    resolved(() => {}),
  );
  judge(
    'submitting a resolve of a destroyed set',
    'validation',
    resolved((queries) => queries.destroy()),
  );
  judge(
    'submitting a resolve to a destroyed buffer',
    'validation',
    resolved((_, to) => to.destroy()),
  );

  compute(
    'time passes by a clock that never goes back and sees every pass',
    { spans: [true, true], isInOrder: true, sincePast: true, untouched: 0n },
    async (d) => {
      const code = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var n = 0u; n < 100000u; n++) { values[0] = values[0] + (n & 1u); }
}`;
      const pipeline = c.pipeline(d, code);
      const g = c.group(d, pipeline.getBindGroupLayout(0), c.words(d, 0));
      const querySet = set(d, 5);
      const to = c.buffer(d, 40, c.QUERY_RESOLVE | c.COPY_SRC);
      c.submit(d, (encoder) => {
        for (const n of [0, 2]) {
          const timestampWrites = {
            querySet,
            beginningOfPassWriteIndex: n,
            endOfPassWriteIndex: n + 1,
          };
          const p = encoder.beginComputePass({ timestampWrites });
          p.setPipeline(pipeline);
          p.setBindGroup(0, g);
          p.dispatchWorkgroups(1);
          p.end();
        }
        encoder.resolveQuerySet(querySet, 0, 5, to, 0);
      });
      const words = Uint32Array.from(await c.read(d, to));
      const times = [...new BigUint64Array(words.buffer)];
      const [begin1, end1, begin2, end2, untouched] = times as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      return {
        spans: [end1 > begin1, end2 > begin2],
        isInOrder: begin2 >= end1,
        sincePast: begin1 > 0n,
        untouched,
      };
    },
  );
});

describe('labels', () => {
  compute(
    'are what objects were made with, or changed to',
    ['e', 'p', 'b', 'q', 'changed', ''],
    (d) => {
      const encoder = d.createCommandEncoder({ label: 'e' });
      const p = encoder.beginComputePass({ label: 'p' });
      p.end();
      const commands = encoder.finish({ label: 'b' });
      const queries = d.createQuerySet({ type: 'timestamp', count: 1, label: 'q' });
      const labels = [encoder.label, p.label, commands.label, queries.label];
      commands.label = 'changed';
      return [...labels, commands.label, d.createCommandEncoder().label];
    },
  );
});
