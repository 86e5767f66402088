import { describe } from 'vitest';
import * as c from './calls.js';
import { ADD_ONE, DATA, pass } from './encoding.js';
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

describe('a compute pass', () => {
  const dispatch = (p: GPUComputePassEncoder) => p.dispatchWorkgroups(1);
  const INVALID_ENCODER: DawnDeviation<string> = {
    dawn: 'none',
    because: 'it makes the encoder invalid, as the specification does for open passes only',
  };
  /** A call on a pass that has ended. */
  const ended =
    (call: (p: GPUComputePassEncoder, encoder: GPUCommandEncoder, d: GPUDevice) => void): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      const p = encoder.beginComputePass();
      p.end();
      return () => call(p, encoder, d);
    };
  testVerdict(
    'ending a pass twice',
    'validation',
    ended((p) => p.end()),
  );
  testVerdict(
    'ending a pass twice, the second time after finish,',
    'validation',
    ended((p, encoder) => {
      encoder.finish();
      p.end();
    }),
  );
  testVerdict('a dispatch after the end', 'validation', ended(dispatch), INVALID_ENCODER);
  testVerdict(
    'a dispatch after finish',
    'validation',
    ended((p, encoder) => {
      encoder.finish();
      dispatch(p);
    }),
  );
  testVerdict('finish after a call on a pass that had ended', 'none', (d) => {
    const encoder = d.createCommandEncoder();
    const p = encoder.beginComputePass();
    p.end();
    c.swallow(d, () => p.end());
    return () => void encoder.finish();
  });
  /** A call on a pass whose encoder was finished while it was open. */
  const orphaned =
    (call: (p: GPUComputePassEncoder) => void): Setup =>
    (d) => {
      const encoder = d.createCommandEncoder();
      const p = encoder.beginComputePass();
      c.swallow(d, () => encoder.finish());
      return () => call(p);
    };
  testVerdict(
    'the end of a pass that was open at finish',
    'validation',
    orphaned((p) => p.end()),
  );
  testVerdict('a dispatch in a pass that was open at finish', 'validation', orphaned(dispatch));

  testVerdict(
    'a pass without commands',
    'none',
    pass(() => () => {}),
  );
  testVerdict(
    'a dispatch without a pipeline',
    'validation',
    pass(() => dispatch),
  );
  testVerdict(
    'a dispatch of no workgroups without a pipeline',
    'validation',
    pass(() => (p) => p.dispatchWorkgroups(0)),
  );
  testVerdict(
    'setting an invalid pipeline',
    'validation',
    pass((d) => {
      const invalid = c.swallow(d, () => c.pipeline(d, 'fn ('));
      return (p) => p.setPipeline(invalid);
    }),
  );
  testVerdict(
    'setting an object that is not a pipeline',
    'TypeError',
    pass(() => (p) => p.setPipeline({} as GPUComputePipeline)),
  );
  testVerdict(
    'a dispatch without the pipeline’s group',
    'validation',
    pass((d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      return (p) => {
        p.setPipeline(pipeline);
        dispatch(p);
      };
    }),
  );
  testVerdict(
    'a pipeline without its group, if there is no dispatch,',
    'none',
    pass((d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      return (p) => p.setPipeline(pipeline);
    }),
  );
  testVerdict(
    'a dispatch of no workgroups without the pipeline’s group',
    'validation',
    pass((d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      return (p) => {
        p.setPipeline(pipeline);
        p.dispatchWorkgroups(0);
      };
    }),
  );

  const grid = (...counts: [number, number?, number?]) =>
    pass((d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      const g = c.group(d, pipeline.getBindGroupLayout(0), c.buffer(d, 16, DATA));
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(...counts);
      };
    });
  testVerdict('65535 workgroups', 'none', grid(65535));
  testVerdict('65536 workgroups along x', 'validation', grid(65536));
  testVerdict('65536 workgroups along y', 'validation', grid(1, 65536));
  testVerdict('65536 workgroups along z, and none along x', 'validation', grid(0, 1, 65536));
  testVerdict('no workgroups', 'none', grid(0));
  testVerdict('no workgroups along y', 'none', grid(4, 0));
  testVerdict('one and a half workgroups', 'none', grid(1.5));
  testVerdict('a negative number of workgroups', 'TypeError', grid(-1));
  testVerdict('NaN workgroups', 'TypeError', grid(Number.NaN));
  testVerdict('2 ** 30 workgroups', 'none', grid(32768, 32768));
  testVerdict('more than 2 ** 30 workgroups', 'validation', grid(65535, 65535), {
    dawn: 'none',
    because: 'our device counts workgroups in 32 bits, and reports an error above that',
  });
  testVerdict(
    'an indirect dispatch',
    'TypeError',
    pass((d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      const g = c.group(d, pipeline.getBindGroupLayout(0), c.buffer(d, 16, DATA));
      const counts = c.buffer(d, 12, c.INDIRECT);
      return (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroupsIndirect(counts, 0);
      };
    }),
    { dawn: 'none', because: 'our device does not support it, and its error says so' },
  );

  const GRID = Array.from({ length: 30 }, (_, n) => [
    n % 5,
    Math.floor(n / 5) % 3,
    Math.floor(n / 15),
  ]);
  testResult(
    'runs every workgroup of a grid once, and none of an empty grid',
    GRID.map(([x, y, z]) => 1 + 10 * x! + 100 * y! + 1000 * z!),
    (d) => {
      const code = `
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) all: vec3u) {
  sums[id.x + all.x * (id.y + all.y * id.z)] += 1 + 10 * id.x + 100 * id.y + 1000 * id.z;
}`;
      const sums = c.buffer(d, 4 * 30, DATA);
      const pipeline = c.pipeline(d, code);
      const g = c.group(d, pipeline.getBindGroupLayout(0), sums);
      c.submitPass(d, (p) => {
        p.setPipeline(pipeline);
        p.setBindGroup(0, g);
        p.dispatchWorkgroups(5, 3, 2);
        p.dispatchWorkgroups(5, 0, 2);
      });
      return c.read(d, sums);
    },
  );
});

describe('a dynamic offset', () => {
  /** Sets a group with dynamic offsets; it binds bytes 256 to 319 of a buffer of 1024. */
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
  testVerdict('of 0', 'none', set([0]));
  testVerdict('of 512', 'none', set([512]));
  testVerdict('of 768, past the end,', 'validation', set([768]));
  testVerdict('of 32', 'validation', set([32]));
  testVerdict('of -256', 'TypeError', set([-256]));
  testVerdict('that is missing', 'validation', set());
  testVerdict('that is missing in an empty list', 'validation', set([]));
  testVerdict('and another one too many', 'validation', set([0, 0]));
  const words = Uint32Array.of(0, 256);
  testVerdict('from a part of a Uint32Array', 'none', set(words, 1, 1));
  testVerdict('and another one too many from a Uint32Array', 'validation', set(words, 0, 2));
  testVerdict('and another one past the end of a Uint32Array', 'RangeError', set(words, 1, 2));
  testVerdict('from past the end of a Uint32Array', 'RangeError', set(words, 3, 0));
  testVerdict('that is a Uint32Array without a range', 'none', set(Uint32Array.of(256)), {
    dawn: 'TypeError',
    because: 'its Node binding does not accept a Uint32Array as a list',
  });
});

describe('destroying between recording and submit', () => {
  const submitted =
    (
      beforeSubmit: (buffers: GPUBuffer[]) => void,
      record: (p: GPUComputePassEncoder, groups: GPUBindGroup[]) => void,
      beforeRecording: (buffers: GPUBuffer[]) => void = () => {},
    ): Setup =>
    (d) => {
      const pipeline = c.pipeline(d, ADD_ONE);
      const buffers = [c.buffer(d, 16, DATA), c.buffer(d, 16, DATA)];
      const groups = buffers.map((b) => c.group(d, pipeline.getBindGroupLayout(0), b));
      beforeRecording(buffers);
      const commands = c.encodePass(d, (p) => {
        p.setPipeline(pipeline);
        record(p, groups);
      });
      beforeSubmit(buffers);
      return () => d.queue.submit([commands]);
    };
  const run = (p: GPUComputePassEncoder, [g]: GPUBindGroup[]) => {
    p.setBindGroup(0, g);
    p.dispatchWorkgroups(1);
  };
  const destroyFirst = ([b]: GPUBuffer[]) => b!.destroy();
  testVerdict(
    'nothing',
    'none',
    submitted(() => {}, run),
  );
  testVerdict(
    'another buffer',
    'none',
    submitted(([, b]) => b!.destroy(), run),
  );
  testVerdict('the buffer of a dispatch', 'validation', submitted(destroyFirst, run));
  testVerdict(
    'the buffer of a group that was set but not used',
    'validation',
    submitted(destroyFirst, (p, [g]) => p.setBindGroup(0, g)),
  );
  testVerdict(
    'the buffer of a group that was set and replaced',
    'validation',
    submitted(destroyFirst, (p, groups) => {
      p.setBindGroup(0, groups[0]);
      run(p, [groups[1]!]);
    }),
  );
  testVerdict(
    'the buffer of a dispatch, even before recording,',
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

  /** A dispatch after `record`, which sets immediates. */
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
  /** A dispatch after a second call of setImmediates; the first has set all words. */
  const setAgain = (...args: [number, ArrayBufferView<ArrayBuffer>, number?, number?]) =>
    set((p) => {
      p.setImmediates(0, words);
      p.setImmediates(...args);
    });

  testVerdict(
    'setting all words',
    'none',
    set((p) => p.setImmediates(0, words, 0, 2)),
  );
  testVerdict(
    'setting more words than the shader has',
    'none',
    set((p) => p.setImmediates(0, words)),
  );
  testVerdict(
    'setting one word after the other',
    'none',
    set((p) => {
      p.setImmediates(4, words, 0, 1);
      p.setImmediates(0, words, 0, 1);
    }),
  );
  testVerdict(
    'setting no words',
    'validation',
    set(() => {}),
  );
  testVerdict(
    'setting the first word only',
    'validation',
    set((p) => p.setImmediates(0, words, 0, 1)),
  );
  testVerdict(
    'setting all words but the padding',
    'none',
    set((p) => {
      p.setImmediates(0, words, 0, 3);
      p.setImmediates(16, words, 0, 1);
    }, PADDED),
  );
  testVerdict(
    'setting all words but the last',
    'validation',
    set((p) => p.setImmediates(0, words), PADDED),
  );
  testVerdict(
    'setting no words for a shader that uses none',
    'none',
    set(() => {}, TERMS.replace('sums[terms.a] = terms.b', 'sums[0] = 1')),
  );

  testVerdict('setting 64 bytes', 'none', setAgain(0, new Uint32Array(16)));
  testVerdict('setting 68 bytes', 'validation', setAgain(0, new Uint32Array(17)));
  testVerdict('setting 8 bytes from 60 on', 'validation', setAgain(60, words, 0, 2));
  testVerdict('setting nothing from 64 on', 'none', setAgain(64, words, 0, 0));
  testVerdict('setting nothing from 68 on', 'validation', setAgain(68, words, 0, 0));
  testVerdict('an offset of 2', 'validation', setAgain(2, words));
  testVerdict('setting 6 bytes', 'validation', setAgain(0, new Uint8Array(6)));
  testVerdict('a negative offset', 'TypeError', setAgain(-4, words));
  testVerdict('elements past the data', 'OperationError', setAgain(0, words, 3, 2));
  testVerdict(
    'elements past the view, within its buffer',
    'OperationError',
    setAgain(0, words.subarray(0, 2), 1, 2),
  );
  testVerdict('elements that begin past the data', 'OperationError', setAgain(0, words, 5));
  testVerdict(
    'an array of numbers',
    'TypeError',
    setAgain(0, [1] as unknown as Uint32Array<ArrayBuffer>),
  );

  testVerdict('a dispatch with the words of another pass', 'validation', (d) => {
    const pipeline = c.pipeline(d, TERMS);
    const g = c.group(d, pipeline.getBindGroupLayout(0), c.buffer(d, 64, DATA));
    return () => {
      c.encode(d, (encoder) => {
        const settingPass = encoder.beginComputePass();
        settingPass.setImmediates(0, words);
        settingPass.end();
        const dispatchingPass = encoder.beginComputePass();
        dispatchingPass.setPipeline(pipeline);
        dispatchingPass.setBindGroup(0, g);
        dispatchingPass.dispatchWorkgroups(1);
        dispatchingPass.end();
      });
    };
  });

  testResult(
    'keeps every word from dispatch to dispatch and from pipeline to pipeline',
    [10, 20, 20, 31, 9],
    async (d) => {
      const sums = c.words(d, 9, 9, 9, 9, 9);
      const layout = c.groupLayout(d, 'storage');
      const pipelineLayout = c.pipelineLayout(d, [layout], 8);
      const [store, storeMore] = [TERMS, TERMS.replace('terms.b;', 'terms.b + 1;')].map((code) =>
        c.pipeline(d, code, pipelineLayout),
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
