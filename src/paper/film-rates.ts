/** Rates of the film models in repeats of a film, beside baselines; two claims share them. */

import type { RateResults, RateScores } from '../probe/rates.js';
import { type RateSettings, scoreRates } from '../stages/rates.js';
import { readRates } from '../stages/result-files.js';
import type { MeasuredRow, MeasuredTable, PaperContext } from './claim.js';
import { FILM_MODEL_TITLES, type FilmModelKind, filmRun } from './film-models.js';

/** How often each window, and each trial, is drawn. */
const DRAWS = 3;

/** Names of the GLMs, as `rateBaselines` calls them. */
export const GLM = {
  film: 'GLM, film',
  filmCoupled: 'GLM, film, coupling',
  squares: 'GLM, film and squares',
  squaresCoupled: 'GLM, film and squares, coupling',
} as const;

/**
 * Penalties of the GLMs, as validation trials of seed 1 chose them. Choosing, which `generate
 * --baselines` does, takes longer than all the rest.
 */
const PENALTIES: NonNullable<RateSettings['penalties']> = {
  [GLM.film]: { film: 1000, coupling: 300, own: 10 },
  [GLM.filmCoupled]: { film: 1000, coupling: 30, own: 1 },
  [GLM.squares]: { film: 3000, coupling: 300, own: 10 },
  [GLM.squaresCoupled]: { film: 3000, coupling: 30, own: 1 },
};

/** Rates of a seed's models: those with heads beside the baselines. */
export type FilmRates = Readonly<Record<FilmModelKind, RateResults>>;

/** The rates of each seed; scored once, then read from the store. */
export async function filmRates(context: PaperContext): Promise<FilmRates[]> {
  const results: FilmRates[] = [];
  for (const seed of context.seeds) {
    const score = async (kind: FilmModelKind): Promise<RateResults> => {
      const run = await filmRun(context, kind, seed);
      const stored = await readRates(run.records.store);
      const settings = { draws: DRAWS, baselines: kind === 'heads', penalties: PENALTIES };
      return stored ?? scoreRates(run, settings, context);
    };
    results.push({ heads: await score('heads'), attention: await score('attention') });
  }
  return results;
}

/** How rates are run. */
export type Running = 'ahead' | 'free';

/** A table of all methods: bits, PSTH r by width of bins, and the rate. */
export function filmRateTable(
  results: readonly FilmRates[],
  running: Running,
  facts: Pick<MeasuredTable, 'title' | 'caption'>,
): MeasuredTable {
  const { ceiling } = results[0]!.heads;
  const cells = (scores: readonly (RateScores | undefined)[]) => {
    const known = scores.flatMap((entry) => entry ?? []);
    return [
      known.map(({ bits }) => bits),
      ...ceiling.map((_, n) => known.map(({ psth }) => psth[n]!.r)),
      known.map(({ rate }) => rate),
    ];
  };
  const method = (kind: FilmModelKind, index: number) =>
    results.map((result) => result[kind].methods[index]!);
  const model = (kind: FilmModelKind): MeasuredRow => ({
    title: FILM_MODEL_TITLES[kind],
    kind: 'model',
    scores: cells(method(kind, 0).map((entry) => entry[running])),
  });
  const baselines = results[0]!.heads.methods.slice(1).flatMap(({ name }, n): MeasuredRow[] => {
    const scores = method('heads', n + 1).map((entry) => entry[running]);
    return scores[0] ? [{ title: name, kind: 'baseline', scores: cells(scores) }] : [];
  });
  const ceilings = (key: 'drawn' | 'expected', title: string): MeasuredRow => ({
    title,
    kind: 'ceiling',
    scores: [[], ...ceiling.map((_, n) => results.map(({ heads }) => heads.ceiling[n]![key])), []],
  });
  return {
    ...facts,
    columns: [
      { title: 'bits a spike' },
      ...ceiling.map(({ seconds }) => ({ title: `PSTH r, ${Math.round(1000 * seconds)} ms` })),
      { title: 'rate, Hz' },
    ],
    rows: [
      model('heads'),
      model('attention'),
      ...baselines,
      ceilings('expected', 'true rates, from halves of the repeats'),
      ceilings('drawn', 'as many trials drawn from them'),
      {
        title: RECORDED,
        kind: 'ceiling',
        scores: [[], ...ceiling.map(() => []), results.map(({ heads }) => heads.rate)],
      },
    ],
  };
}

/** The row of the recorded rate. */
export const RECORDED = 'recorded';
