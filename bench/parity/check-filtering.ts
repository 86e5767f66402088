/** Top-k, top-p and temperature against filtering.json, seen through what the sampler draws. */

import { type Engine, RandomState, sample, Tensor } from '../../src/engine.js';
import type { Tally } from './tally.js';

export interface FilteringExamples {
  rows: {
    top_k: number;
    top_p: number;
    temperature: number;
    logits: number[];
    kept: boolean[];
    probabilities: number[];
  }[];
  /** Several rows at once; the original then removes from every row what it removes from any. */
  two_rows_at_once: { top_p: number; logits: number[][]; kept: boolean[][] };
}

const DRAWS = 5_000;
/** So hot that what is kept is all but equally likely: of so many draws each class turns up. */
const HOT = 1e6;

/** Which classes are drawn at all, and how often. */
export async function checkFiltering(
  engine: Engine,
  { rows, two_rows_at_once: two }: FilteringExamples,
  tally: Tally,
): Promise<void> {
  const random = new RandomState(engine, 5);
  const draw = async (
    logits: readonly number[],
    filter: { top_k: number; top_p: number; temperature: number },
  ) => {
    const many = Float32Array.from(
      { length: DRAWS * logits.length },
      (_, n) => logits[n % logits.length]!,
    );
    const tensor = Tensor.from(engine, many, [DRAWS, logits.length]);
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
    for (const made of [tensor, drawn, logProbability]) made.dispose();
    return counts;
  };
  for (const [n, row] of rows.entries()) {
    const what = `row ${n}: top_k ${row.top_k}, top_p ${row.top_p}`;
    const seen = await draw(row.logits, { ...row, temperature: HOT });
    tally.same(
      'kept classes',
      what,
      seen.map((count) => count > 0),
      row.kept,
    );
    const counts = await draw(row.logits, row);
    const shares = counts.map((count) => count / DRAWS);
    // Five standard deviations of a share among so many draws.
    const allowed = (p: number) => 5 * Math.sqrt((p * (1 - p)) / DRAWS) + 1e-9;
    tally.near('probabilities', what, shares, row.probabilities, allowed);
  }
  const common = two.logits[0]!.map((_, n) => two.kept.every((kept) => kept[n]!));
  const kept: boolean[][] = [];
  for (const logits of two.logits) {
    const seen = await draw(logits, { top_k: 0, top_p: two.top_p, temperature: HOT });
    kept.push(seen.map((count) => count > 0));
  }
  // Each row is filtered by itself here; what the original leaves of both is what each of ours keeps.
  tally.same(
    'kept classes',
    'two rows at once, common to both',
    common.map((_, n) => kept.every((row) => row[n]!)),
    common,
  );
  random.dispose();
}
