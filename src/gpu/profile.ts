/** Time per kernel from timestamp queries, with the rates that follow from known flops and bytes. */

import type { Dispatch, TimestampsFor } from './commands.js';

/** One kernel's share of a profile. */
export interface ProfileRow {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Billions of floating-point operations a second; 0 where a kernel counts none. */
  readonly gflops: number;
  /** Billions of bytes a second, counting each bound buffer once per dispatch. */
  readonly gbytes: number;
}

interface Total {
  calls: number;
  nanoseconds: number;
  flops: number;
  bytes: number;
}

/** The most a query set holds is 4,096 timestamps. */
const CAPACITY = 2048;
/** Two timestamps. */
const BYTES = 16;
// GPUBufferUsage by value: QUERY_RESOLVE | COPY_SRC, and MAP_READ | COPY_DST.
const RESOLVE = 0x200 | 0x04;
const READ = 0x01 | 0x08;

/** Timestamps of up to CAPACITY dispatches, and where they are resolved to. */
interface QueryBatch {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
}

/** Collects two timestamps per dispatch. Use `timestampsFor` while encoding, `resolve` after, `collect` when done. */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #batches: QueryBatch[] = [];
  readonly #totals = new Map<string, Total>();
  #timed: Dispatch[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  readonly timestampsFor: TimestampsFor = (dispatch) => {
    const n = this.#timed.push(dispatch) - 1;
    const { queries } = this.#batch(Math.floor(n / CAPACITY));
    const begin = 2 * (n % CAPACITY);
    return {
      querySet: queries,
      beginningOfPassWriteIndex: begin,
      endOfPassWriteIndex: begin + 1,
    };
  };

  /** Encodes the copy of this encoder's timestamps; the returned function, called after the submit, adds them up. */
  resolve(encoder: GPUCommandEncoder): () => Promise<void> {
    const timed = this.#timed;
    this.#timed = [];
    if (timed.length === 0) return async () => {};
    const staging = this.#device.createBuffer({ size: timed.length * BYTES, usage: READ });
    for (let first = 0; first < timed.length; first += CAPACITY) {
      const count = Math.min(CAPACITY, timed.length - first);
      const { queries, resolved } = this.#batch(first / CAPACITY);
      encoder.resolveQuerySet(queries, 0, 2 * count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, first * BYTES, count * BYTES);
    }
    return async () => {
      await staging.mapAsync(1);
      const stamps = new BigInt64Array(staging.getMappedRange());
      for (const [n, dispatch] of timed.entries()) {
        this.#add(dispatch, Number(stamps[2 * n + 1]! - stamps[2 * n]!));
      }
      staging.destroy();
    };
  }

  /** Rows sorted by time, the slowest first. */
  rows(): ProfileRow[] {
    const rows = [...this.#totals].map(([kernel, t]) => ({
      kernel,
      calls: t.calls,
      milliseconds: t.nanoseconds / 1e6,
      gflops: t.nanoseconds > 0 ? t.flops / t.nanoseconds : 0,
      gbytes: t.nanoseconds > 0 ? t.bytes / t.nanoseconds : 0,
    }));
    return rows.sort((p, q) => q.milliseconds - p.milliseconds);
  }

  destroy(): void {
    for (const { queries, resolved } of this.#batches) {
      queries.destroy();
      resolved.destroy();
    }
  }

  #batch(n: number): QueryBatch {
    this.#batches[n] ??= {
      queries: this.#device.createQuerySet({ type: 'timestamp', count: 2 * CAPACITY }),
      resolved: this.#device.createBuffer({ size: CAPACITY * BYTES, usage: RESOLVE }),
    };
    return this.#batches[n];
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

/** A profile as an aligned table. */
export function profileTable(rows: readonly ProfileRow[]): string {
  const sum = rows.reduce((s, r) => s + r.milliseconds, 0);
  const cells = rows.map((r) => [
    r.kernel,
    String(r.calls),
    r.milliseconds.toFixed(3),
    `${((100 * r.milliseconds) / Math.max(sum, 1e-9)).toFixed(1)}%`,
    r.gflops > 0 ? r.gflops.toFixed(2) : '',
    r.gbytes.toFixed(2),
  ]);
  const table = [['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'GB/s'], ...cells];
  const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]!.length)));
  return table
    .map((row) =>
      row.map((s, c) => (c === 0 ? s.padEnd(widths[c]!) : s.padStart(widths[c]!))).join('  '),
    )
    .join('\n');
}
