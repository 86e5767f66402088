import { describe } from 'vitest';
import * as c from './calls.js';
import { destroyed, finish } from './encoding.js';
import { computeOn, judgeOn, type Setup, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

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
