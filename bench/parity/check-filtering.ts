/**
 * Compares top-k, top-p and temperature with filtering.json, by the frequencies of the sampler's
 * draws.
 */

import { type Engine, RandomState, sample, Tensor } from '../../src/engine.js';
import type { Tally } from './tally.js';

/** The contents of filtering.json. */
export interface FilteringExamples {
  /**
   * Logits with the options of a draw, the classes that the original keeps, and their
   * probabilities.
   */
  rows: {
    top_k: number;
    top_p: number;
    temperature: number;
    logits: number[];
    kept: boolean[];
    probabilities: number[];
  }[];
  /**
   * Two rows in one call, in which the original removes from both rows what it removes from either.
   */
  two_rows_at_once: { top_p: number; logits: number[][]; kept: boolean[][] };
}

const DRAWS = 5_000;
/**
 * A temperature so high that the kept classes are almost equally likely, so that DRAWS draws
 * include each of them.
 */
const HIGH_TEMPERATURE = 1e6;

/** Compares which classes are drawn, and their frequencies. */
export async function checkFiltering(
  engine: Engine,
  { rows, two_rows_at_once: twoRows }: FilteringExamples,
  tally: Tally,
): Promise<void> {
  const random = new RandomState(engine, 5);
  const draw = async (
    logits: readonly number[],
    filter: { top_k: number; top_p: number; temperature: number },
  ) => {
    const repeated = Float32Array.from(
      { length: DRAWS * logits.length },
      (_, n) => logits[n % logits.length]!,
    );
    const tensor = Tensor.from(engine, repeated, [DRAWS, logits.length]);
    const { drawn, logProbability } = sample(tensor, {
      topK: filter.top_k,
      // The original's 0 turns top-p off; here 1 does.
      topP: filter.top_p || 1,
      temperature: filter.temperature,
      random,
      site: 1,
    });
    const counts = Array<number>(logits.length).fill(0);
    for (const token of await drawn.words()) counts[token]! += 1;
    for (const each of [tensor, drawn, logProbability]) each.dispose();
    return counts;
  };
  for (const [n, row] of rows.entries()) {
    const what = `row ${n}: top_k ${row.top_k}, top_p ${row.top_p}`;
    const hotCounts = await draw(row.logits, { ...row, temperature: HIGH_TEMPERATURE });
    tally.same(
      'kept classes',
      what,
      hotCounts.map((count) => count > 0),
      row.kept,
    );
    const counts = await draw(row.logits, row);
    const shares = counts.map((count) => count / DRAWS);
    // Five standard deviations of the share of a class with probability p.
    const allowed = (p: number) => 5 * Math.sqrt((p * (1 - p)) / DRAWS) + 1e-9;
    tally.near('probabilities', what, shares, row.probabilities, allowed);
  }
  const common = twoRows.logits[0]!.map((_, n) => twoRows.kept.every((kept) => kept[n]!));
  const drawnClasses: boolean[][] = [];
  for (const logits of twoRows.logits) {
    const counts = await draw(logits, {
      top_k: 0,
      top_p: twoRows.top_p,
      temperature: HIGH_TEMPERATURE,
    });
    drawnClasses.push(counts.map((count) => count > 0));
  }
  // Here each row is filtered by itself. The original keeps the classes that both of ours keep.
  tally.same(
    'kept classes',
    'two rows in one call, common to both',
    common.map((_, n) => drawnClasses.every((row) => row[n]!)),
    common,
  );
  random.dispose();
}
