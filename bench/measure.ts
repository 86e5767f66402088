/** Timing for the benchmarks: interleaved repeats, medians with their spread, and tables. */

import type { Engine } from '../src/engine.js';

/** Milliseconds of repeated runs. */
export interface Timing {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function summarizeTimes(milliseconds: readonly number[]): Timing {
  const sorted = [...milliseconds].sort((p, q) => p - q);
  const middle = sorted.length / 2;
  const median = (sorted[Math.floor(middle - 0.5)]! + sorted[Math.ceil(middle - 0.5)]!) / 2;
  return { median, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

export function showTiming({ median, lowest, highest }: Timing): string {
  return `${digits(median)} (${digits(lowest)}-${digits(highest)})`;
}

/** Three significant digits. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 4));
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Something to time: milliseconds of one run. */
export type Contender = () => Promise<number> | number;

/** Runs the contenders in turn, so that all of them meet the same weather; the first round is not counted. */
export async function race(contenders: readonly Contender[], rounds: number): Promise<Timing[]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [n, contender] of contenders.entries()) {
      const milliseconds = await contender();
      if (round > 0) times[n]!.push(milliseconds);
    }
  }
  return times.map(summarizeTimes);
}

/**
 * A contender that runs GPU work `repeats` times in one submit and waits for it.
 *
 * @param enqueue appends the work once.
 */
export function onGpu(engine: Engine, enqueue: () => void, repeats: number): Contender {
  const step = engine.record(() => {
    for (let n = 0; n < repeats; n++) engine.scope(enqueue);
  });
  return async () => {
    const start = performance.now();
    step.run();
    await engine.finish();
    return (performance.now() - start) / repeats;
  };
}

/** A contender that runs on the CPU. */
export function onCpu(work: () => void): Contender {
  return () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
}

/** Rows as an aligned table; the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
        .join('  '),
    )
    .join('\n');
}

/** What a GPU can do at most, in GFLOP/s of f32 and GB/s, from its maker's figures. */
export interface Peak {
  readonly gflops: number;
  readonly gbytes: number;
}

/** By a part of the adapter's description. */
const PEAKS: readonly (readonly [RegExp, Peak])[] = [
  [/H200/, { gflops: 66_900, gbytes: 4800 }],
  [/H100/, { gflops: 66_900, gbytes: 3350 }],
  [/A100/, { gflops: 19_500, gbytes: 2039 }],
  [/RTX 4090/, { gflops: 82_600, gbytes: 1008 }],
  [/RTX 3090/, { gflops: 35_600, gbytes: 936 }],
];

/** The peak of the adapter: known, or given as NEUROFORMER_PEAK=GFLOPS,GBS, or undefined. */
export function adapterPeak(engine: Engine): Peak | undefined {
  const given = process.env.NEUROFORMER_PEAK?.split(',').map(Number);
  if (given?.length === 2 && given.every((n) => n > 0))
    return { gflops: given[0]!, gbytes: given[1]! };
  if (engine.facts.software) return undefined;
  return PEAKS.find(([name]) => name.test(engine.facts.description))?.[1];
}

/** The larger share of the two peaks a kernel reaches: what bounds it. */
export function shareOfPeak(peak: Peak | undefined, gflops: number, gbytes: number): string {
  if (!peak) return '';
  const [compute, memory] = [gflops / peak.gflops, gbytes / peak.gbytes];
  return `${(100 * Math.max(compute, memory)).toFixed(1)}% ${compute > memory ? 'flop' : 'byte'}`;
}
