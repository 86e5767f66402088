/**
 * Time per kernel from timestamp queries, and the rates that follow from each dispatch's flops and
 * bytes.
 */

import { alignedTable } from '../text/table.js';
import type { Dispatch, TimestampsFor } from './commands.js';

/** The totals of one kernel in a profile. */
export interface ProfileRow {
  /** The kernel's name, as in `shader.entryPoint`. */
  readonly kernel: string;
  /** Dispatches of the kernel. */
  readonly calls: number;
  /** GPU time of all dispatches together. */
  readonly milliseconds: number;
  /**
   * Billions of floating-point operations per second; 0 where the kernel's flops are not counted.
   */
  readonly gflops: number;
  /** Billions of bytes per second, counting each bound buffer once per dispatch. */
  readonly gbytes: number;
}

/** The sums over a kernel's dispatches that a ProfileRow is computed from. */
interface Total {
  calls: number;
  nanoseconds: number;
  flops: number;
  bytes: number;
}

/** WebGPU allows 4,096 timestamps in a query set, and each dispatch takes two. */
const BATCH_DISPATCHES = 2048;
const TIMESTAMP_PAIR_BYTES = 16;
// GPUBufferUsage as numbers: QUERY_RESOLVE | COPY_SRC, and MAP_READ | COPY_DST.
const RESOLVE_USAGE = 0x200 | 0x04;
const STAGING_USAGE = 0x01 | 0x08;
/** GPUMapMode.READ. */
const MAP_MODE_READ = 1;

/** The queries of up to BATCH_DISPATCHES dispatches, and the buffer that they are resolved into. */
interface QueryBatch {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
}

/**
 * Times dispatches by two timestamps each. Encode with `timestampsFor`, call `resolve` on the same
 * encoder, and after the submit call the function that `resolve` returned.
 */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #batches: QueryBatch[] = [];
  readonly #totals = new Map<string, Total>();
  #dispatches: Dispatch[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Reserves two timestamps for a dispatch of the current encoder. */
  readonly timestampsFor: TimestampsFor = (dispatch) => {
    const index = this.#dispatches.push(dispatch) - 1;
    const { queries } = this.#batch(Math.floor(index / BATCH_DISPATCHES));
    const begin = 2 * (index % BATCH_DISPATCHES);
    return {
      querySet: queries,
      beginningOfPassWriteIndex: begin,
      endOfPassWriteIndex: begin + 1,
    };
  };

  /**
   * Encodes a copy of the encoder's timestamps. The returned function adds them to the totals; call
   * it after submit.
   */
  resolve(encoder: GPUCommandEncoder): () => Promise<void> {
    const dispatches = this.#dispatches;
    this.#dispatches = [];
    if (dispatches.length === 0) return async () => {};
    const staging = this.#device.createBuffer({
      size: dispatches.length * TIMESTAMP_PAIR_BYTES,
      usage: STAGING_USAGE,
    });
    for (let start = 0; start < dispatches.length; start += BATCH_DISPATCHES) {
      const count = Math.min(BATCH_DISPATCHES, dispatches.length - start);
      const { queries, resolved } = this.#batch(start / BATCH_DISPATCHES);
      encoder.resolveQuerySet(queries, 0, 2 * count, resolved, 0);
      encoder.copyBufferToBuffer(
        resolved,
        0,
        staging,
        start * TIMESTAMP_PAIR_BYTES,
        count * TIMESTAMP_PAIR_BYTES,
      );
    }
    return async () => {
      await staging.mapAsync(MAP_MODE_READ);
      const timestamps = new BigInt64Array(staging.getMappedRange());
      for (const [index, dispatch] of dispatches.entries()) {
        this.#add(dispatch, Number(timestamps[2 * index + 1]! - timestamps[2 * index]!));
      }
      staging.destroy();
    };
  }

  /** One row per kernel, the slowest first. */
  rows(): ProfileRow[] {
    const rows = [...this.#totals].map(([kernel, { calls, nanoseconds, flops, bytes }]) => ({
      kernel,
      calls,
      milliseconds: nanoseconds / 1e6,
      gflops: nanoseconds > 0 ? flops / nanoseconds : 0,
      gbytes: nanoseconds > 0 ? bytes / nanoseconds : 0,
    }));
    return rows.sort((p, q) => q.milliseconds - p.milliseconds);
  }

  /** Destroys the query sets and their buffers. */
  destroy(): void {
    for (const { queries, resolved } of this.#batches) {
      queries.destroy();
      resolved.destroy();
    }
  }

  #batch(index: number): QueryBatch {
    this.#batches[index] ??= {
      queries: this.#device.createQuerySet({ type: 'timestamp', count: 2 * BATCH_DISPATCHES }),
      resolved: this.#device.createBuffer({
        size: BATCH_DISPATCHES * TIMESTAMP_PAIR_BYTES,
        usage: RESOLVE_USAGE,
      }),
    };
    return this.#batches[index];
  }

  #add(dispatch: Dispatch, nanoseconds: number): void {
    const name = dispatch.kernel.name;
    const total = this.#totals.get(name) ?? { calls: 0, nanoseconds: 0, flops: 0, bytes: 0 };
    total.calls += 1;
    total.nanoseconds += Math.max(0, nanoseconds);
    total.flops += dispatch.flops;
    total.bytes += dispatch.bytes;
    this.#totals.set(name, total);
  }
}

/**
 * A profile as text: an aligned table of calls, milliseconds, share of the total time, GFLOP/s and
 * GB/s per kernel.
 */
export function profileTable(rows: readonly ProfileRow[]): string {
  const total = rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const cells = rows.map(({ kernel, calls, milliseconds, gflops, gbytes }) => [
    kernel,
    String(calls),
    milliseconds.toFixed(3),
    `${((100 * milliseconds) / Math.max(total, 1e-9)).toFixed(1)}%`,
    gflops > 0 ? gflops.toFixed(2) : '',
    gbytes.toFixed(2),
  ]);
  return alignedTable([['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'GB/s'], ...cells]);
}
