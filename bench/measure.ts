/** Timing for the benchmarks: interleaved repeats, and medians with their range. */

import type { Engine } from '../src/engine.js';

/** The milliseconds of repeated runs. */
export interface Timing {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** The median and the range of times in milliseconds. */
export function summarizeTimes(milliseconds: readonly number[]): Timing {
  const sorted = [...milliseconds].sort((p, q) => p - q);
  const middle = sorted.length / 2;
  const median = (sorted[Math.floor(middle - 0.5)]! + sorted[Math.ceil(middle - 0.5)]!) / 2;
  return { median, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

/** A timing as text: the median, with the range in parentheses. */
export function formatTiming({ median, lowest, highest }: Timing): string {
  return `${formatNumber(median)} (${formatNumber(lowest)}-${formatNumber(highest)})`;
}

/** A number as text, with three significant digits and at most four decimals. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 4));
}

/** The milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Something to time. Each call runs it and returns the milliseconds of one run. */
export type Contender = () => Promise<number> | number;

/**
 * Times contenders in turn, so that drift of the machine affects all of them. The first round is
 * not counted.
 */
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
 * A contender that runs work on the engine `repeats` times in one submit and waits for it.
 *
 * @param enqueue appends the work once to the engine's commands.
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

/** The peak rates of a GPU, from its manufacturer's figures. */
export interface Peak {
  /** Billions of f32 operations per second. */
  readonly gflops: number;
  /** Billions of bytes per second. */
  readonly gbytes: number;
}

/** Peaks by a part of the adapter's description. */
const PEAKS: readonly (readonly [RegExp, Peak])[] = [
  [/H200/, { gflops: 66_900, gbytes: 4800 }],
  [/H100/, { gflops: 66_900, gbytes: 3350 }],
  [/A100/, { gflops: 19_500, gbytes: 2039 }],
  [/RTX 4090/, { gflops: 82_600, gbytes: 1008 }],
  [/RTX 3090/, { gflops: 35_600, gbytes: 936 }],
];

/**
 * The peak of the adapter: that of NEUROFORMER_PEAK=GFLOPS,GBS, or of the list above; undefined for
 * others.
 */
export function adapterPeak(engine: Engine): Peak | undefined {
  const values = process.env.NEUROFORMER_PEAK?.split(',').map(Number);
  if (values?.length === 2 && values.every((n) => n > 0))
    return { gflops: values[0]!, gbytes: values[1]! };
  if (engine.facts.software) return undefined;
  return PEAKS.find(([name]) => name.test(engine.facts.description))?.[1];
}

/**
 * The larger of a kernel's shares of the two peaks, with the peak that bounds it; empty without a
 * peak.
 */
export function shareOfPeak(peak: Peak | undefined, gflops: number, gbytes: number): string {
  if (!peak) return '';
  const [compute, memory] = [gflops / peak.gflops, gbytes / peak.gbytes];
  return `${(100 * Math.max(compute, memory)).toFixed(1)}% ${compute > memory ? 'flop' : 'byte'}`;
}
