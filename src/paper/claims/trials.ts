/** The claim that trials which are generated freely resemble recorded ones. */

import { mean } from '../../math/statistics.js';
import { describeSpread } from '../../report/spread.js';
import { formatPercent } from '../../text/format.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredTable,
  type PaperContext,
  scoresOf,
} from '../claim.js';
import { FILM_MODEL_TITLES, type FilmModelKind } from '../film-models.js';
import { filmRates, filmRateTable, GLM, RECORDED } from '../film-rates.js';
import { tableFigure } from '../table-figure.js';

/** Whole trials that are generated. */
export const trials: Claim = {
  name: 'trials',
  title: 'Generated trials',
  says: 'given the stimulus, the model generates whole trials whose PSTH follows the recorded one.',
  measure,
};

/** PSTHs agree from this correlation on, in bins of 200 ms. */
const AGREES = 0.58;
/** The share by which generated rates may differ from recorded ones. */
const RATE_TOLERANCE = 0.15;

async function measure(context: PaperContext): Promise<Findings> {
  const table = filmRateTable(await filmRates(context), 'free', {
    title: 'Trials that run freely: 20 repeats of a film that was not in training',
    caption:
      'Expected counts along trials in which every window follows from the spikes drawn before it. PSTH r: correlation over time with the recorded PSTH, mean over 60 neurons. Bits a spike above each neuron’s mean rate.',
  });
  const figure = await tableFigure({ name: 'scores', title: 'Trials that run freely' }, table, [
    'bits a spike',
    'PSTH r, 200 ms',
  ]);
  return { ...judgeTrials(table), tables: [table], figures: [figure] };
}

/** Index of the column of PSTH r in bins of 200 ms, and of the rate. */
const [R, RATE] = [2, 3];

/** What the table of `trials` says. */
export function judgeTrials(table: MeasuredTable): Judgment {
  const r = (title: string) => scoresOf(table, title, R);
  const recorded = scoresOf(table, RECORDED, RATE);
  const rateErrors = (kind: FilmModelKind) =>
    scoresOf(table, FILM_MODEL_TITLES[kind], RATE).map((rate, n) => rate / recorded[n]! - 1);
  const agrees = (kind: FilmModelKind) =>
    r(FILM_MODEL_TITLES[kind]).every((value, n) => value >= AGREES && value > r(GLM.film)[n]!);
  const keepsRates = (kind: FilmModelKind) =>
    rateErrors(kind).every((error) => Math.abs(error) <= RATE_TOLERANCE);
  const glms = [GLM.film, GLM.filmCoupled, GLM.squares, GLM.squaresCoupled];
  const best = glms.reduce((p, q) => (mean(r(q)) > mean(r(p)) ? q : p));
  const describe = (title: string) => `r = ${describeSpread(r(title), 2)}`;
  const holds = (kind: FilmModelKind) => agrees(kind) && keepsRates(kind);
  const ahead = (kind: FilmModelKind) =>
    r(FILM_MODEL_TITLES[kind]).filter((value, n) => value > r(best)[n]!).length;
  const kinds = ['heads', 'attention'] as const;
  return {
    verdict: holds('attention') ? 'holds' : kinds.some(agrees) ? 'partly' : 'does not hold',
    measured: kinds
      .map((kind) => `${FILM_MODEL_TITLES[kind]}: ${describe(FILM_MODEL_TITLES[kind])}`)
      .join('; '),
    baseline: `${best}: ${describe(best)}`,
    remarks: kinds.map((kind) => {
      const errors = rateErrors(kind)
        .map((error) => formatPercent(error))
        .join(', ');
      return `With ${FILM_MODEL_TITLES[kind]}, generated rates differ from recorded ones by ${errors}, and PSTHs are closer than those of the best GLM in ${ahead(kind)} of ${recorded.length} seeds.`;
    }),
  };
}
