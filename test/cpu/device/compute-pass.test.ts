import { describe } from 'vitest';
import * as c from './calls.js';
import { ADD_ONE, DATA, pass } from './encoding.js';
import { computeOn, type Exception, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

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
