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

const CAPACITY = 2048;
// GPUBufferUsage by value: QUERY_RESOLVE | COPY_SRC, and MAP_READ | COPY_DST.
const RESOLVE = 0x200 | 0x04;
const READ = 0x01 | 0x08;

/** Collects two timestamps per dispatch. Use `timestampsFor` while encoding, `resolve` after, `collect` when done. */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #totals = new Map<string, Total>();
  #timed: Dispatch[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * CAPACITY });
    this.#resolved = device.createBuffer({ size: 2 * CAPACITY * 8, usage: RESOLVE });
  }

  readonly timestampsFor: TimestampsFor = (dispatch) => {
    if (this.#timed.length === CAPACITY) return undefined;
    const n = this.#timed.push(dispatch) - 1;
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * n,
      endOfPassWriteIndex: 2 * n + 1,
    };
  };

  /** Encodes the copy of this encoder's timestamps; the returned function, called after the submit, adds them up. */
  resolve(encoder: GPUCommandEncoder): () => Promise<void> {
    const timed = this.#timed;
    this.#timed = [];
    if (timed.length === 0) return async () => {};
    const bytes = timed.length * 16;
    const staging = this.#device.createBuffer({ size: bytes, usage: READ });
    encoder.resolveQuerySet(this.#queries, 0, 2 * timed.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, bytes);
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
    this.#queries.destroy();
    this.#resolved.destroy();
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
