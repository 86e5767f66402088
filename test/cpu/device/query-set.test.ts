import { describe } from 'vitest';
import * as c from './calls.js';
import { destroyed, finish } from './encoding.js';
import { resultTests, type Setup, useDevices, verdictTests } from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

describe('query sets', () => {
  const timestamps = (d: GPUDevice, count = 4) => d.createQuerySet({ type: 'timestamp', count });
  const create =
    (descriptor: object): Setup =>
    (d) =>
    () =>
      void d.createQuerySet(descriptor as GPUQuerySetDescriptor);
  testVerdict('4096 queries', 'none', create({ type: 'timestamp', count: 4096 }));
  testVerdict('4097 queries', 'validation', create({ type: 'timestamp', count: 4097 }));
  testVerdict('no queries', 'none', create({ type: 'timestamp', count: 0 }));
  testVerdict(
    'a negative number of queries',
    'TypeError',
    create({ type: 'timestamp', count: -1 }),
  );
  testVerdict('an unknown type of query', 'TypeError', create({ type: 'time', count: 1 }));
  testVerdict('occlusion queries', 'validation', create({ type: 'occlusion', count: 1 }), {
    dawn: 'none',
    because: 'our device does not render, and its error says so',
  });
  testVerdict('destroying a query set twice', 'none', (d) => {
    const queries = destroyed(timestamps(d));
    return () => queries.destroy();
  });

  const writes = (timestampWrites: (d: GPUDevice) => GPUComputePassTimestampWrites): Setup =>
    finish((encoder, d) => encoder.beginComputePass({ timestampWrites: timestampWrites(d) }).end());
  const indices = (beginningOfPassWriteIndex?: number, endOfPassWriteIndex?: number) =>
    writes((d) => ({
      querySet: timestamps(d),
      ...(beginningOfPassWriteIndex !== undefined && { beginningOfPassWriteIndex }),
      ...(endOfPassWriteIndex !== undefined && { endOfPassWriteIndex }),
    }));
  testVerdict('a timestamp at the beginning and at the end', 'none', indices(0, 1));
  testVerdict('an end timestamp before the beginning timestamp in the set', 'none', indices(3, 2));
  testVerdict('a timestamp at the beginning only', 'none', indices(3));
  testVerdict('a timestamp at the end only', 'none', indices(undefined, 3));
  testVerdict('neither timestamp', 'validation', indices());
  testVerdict('both timestamps to the same query', 'validation', indices(1, 1));
  testVerdict('a beginning timestamp past the set', 'validation', indices(4, 0));
  testVerdict('an end timestamp past the set', 'validation', indices(0, 4));
  testVerdict('a negative query index', 'TypeError', indices(-1));
  testVerdict(
    'timestamps to an invalid set',
    'validation',
    writes((d) => ({
      querySet: c.swallow(d, () => timestamps(d, 4097)),
      endOfPassWriteIndex: 0,
    })),
  );
  testVerdict(
    'timestamps to an object that is not a query set',
    'TypeError',
    writes(() => ({
      querySet: {} as GPUQuerySet,
      endOfPassWriteIndex: 0,
    })),
  );
  testVerdict(
    'recording timestamps to a destroyed set',
    'none',
    writes((d) => ({
      querySet: destroyed(timestamps(d)),
      endOfPassWriteIndex: 0,
    })),
  );
  testVerdict('submitting timestamps to a destroyed set', 'validation', (d) => {
    const querySet = timestamps(d);
    const timestampWrites = { querySet, endOfPassWriteIndex: 0 };
    const commands = c.encode(d, (e) => e.beginComputePass({ timestampWrites }).end());
    querySet.destroy();
    return () => d.queue.submit([commands]);
  });

  const resolve = (
    firstQuery: number,
    count: number,
    offset: number,
    usage = c.QUERY_RESOLVE,
    size = 512,
  ) =>
    finish((e, d) =>
      e.resolveQuerySet(timestamps(d), firstQuery, count, c.buffer(d, size, usage), offset),
    );
  testVerdict('resolving all queries', 'none', resolve(0, 4, 0));
  testVerdict('resolving to an offset of 256', 'none', resolve(0, 4, 256));
  testVerdict('resolving to an offset of 8', 'validation', resolve(0, 4, 8));
  testVerdict('resolving some queries', 'none', resolve(1, 3, 0));
  testVerdict('resolving queries past the set', 'validation', resolve(1, 4, 0));
  testVerdict('resolving no queries', 'none', resolve(3, 0, 0));
  testVerdict('resolving no queries past the set', 'validation', resolve(4, 0, 0));
  testVerdict(
    'resolving to the last bytes of a buffer',
    'none',
    resolve(0, 4, 256, c.QUERY_RESOLVE, 288),
  );
  testVerdict(
    'resolving past the end of a buffer',
    'validation',
    resolve(0, 4, 256, c.QUERY_RESOLVE, 280),
  );
  testVerdict('resolving no queries past the end of a buffer', 'validation', resolve(0, 0, 768));
  testVerdict(
    'resolving to a buffer without QUERY_RESOLVE',
    'validation',
    resolve(0, 4, 0, c.COPY_DST),
  );
  testVerdict('resolving from a negative query index', 'TypeError', resolve(-1, 1, 0));
  const resolved =
    (beforeSubmit: (queries: GPUQuerySet, to: GPUBuffer) => void): Setup =>
    (d) => {
      const [queries, to] = [timestamps(d), c.buffer(d, 32, c.QUERY_RESOLVE)];
      const commands = c.encode(d, (e) => e.resolveQuerySet(queries, 0, 4, to, 0));
      beforeSubmit(queries, to);
      return () => d.queue.submit([commands]);
    };
  testVerdict(
    'submitting a resolve',
    'none',
    resolved(() => {}),
  );
  testVerdict(
    'submitting a resolve of a destroyed set',
    'validation',
    resolved((queries) => queries.destroy()),
  );
  testVerdict(
    'submitting a resolve to a destroyed buffer',
    'validation',
    resolved((_, to) => to.destroy()),
  );

  testResult(
    'timestamps come from a monotonic clock and enclose every pass',
    { spans: [true, true], isInOrder: true, isPositive: true, unwritten: 0n },
    async (d) => {
      const code = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var n = 0u; n < 100000u; n++) { values[0] = values[0] + (n & 1u); }
}`;
      const pipeline = c.pipeline(d, code);
      const g = c.group(d, pipeline.getBindGroupLayout(0), c.words(d, 0));
      const querySet = timestamps(d, 5);
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
      const [begin1, end1, begin2, end2, unwritten] = times as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      return {
        spans: [end1 > begin1, end2 > begin2],
        isInOrder: begin2 >= end1,
        isPositive: begin1 > 0n,
        unwritten,
      };
    },
  );
});
