/** The claim that the model predicts spikes better than a GLM. */

import { mean } from '../../math/statistics.js';
import { describeSpread } from '../../report/spread.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredTable,
  type PaperContext,
  scoresOf,
} from '../claim.js';
import { FILM_MODEL_TITLES, type FilmModelKind } from '../film-models.js';
import { filmRates, filmRateTable, GLM } from '../film-rates.js';
import { tableFigure } from '../table-figure.js';

/** Single windows that are predicted from the recorded past. */
export const spikes: Claim = {
  name: 'spikes',
  title: 'Prediction of spikes',
  says: 'the model predicts the spikes of a population better than a generalized linear model.',
  measure,
};

async function measure(context: PaperContext): Promise<Findings> {
  const table = filmRateTable(await filmRates(context), 'ahead', {
    title: 'One window of 50 ms ahead of the recorded past: 20 repeats of a film',
    caption:
      'Expected counts of single windows. Bits a spike above each neuron’s mean rate. PSTH r: correlation over time of their mean over repeats with the recorded PSTH, mean over 60 neurons; with the recorded past it can exceed the ceiling.',
  });
  const figure = await tableFigure({ name: 'scores', title: 'One window ahead' }, table, [
    'bits a spike',
    'PSTH r, 200 ms',
  ]);
  return { ...judgeSpikes(table), tables: [table], figures: [figure] };
}

/** What the table of `spikes` says. */
export function judgeSpikes(table: MeasuredTable): Judgment {
  const bits = (title: string) => scoresOf(table, title);
  const coupled = [GLM.filmCoupled, GLM.squaresCoupled];
  const best = coupled.reduce((p, q) => (mean(bits(q)) > mean(bits(p)) ? q : p));
  const beats = (kind: FilmModelKind, glm: string) =>
    bits(FILM_MODEL_TITLES[kind]).filter((value, n) => value >= bits(glm)[n]!).length;
  const seeds = bits(best).length;
  const describe = (title: string) => `${describeSpread(bits(title), 2)} bits a spike`;
  const kinds = ['heads', 'attention'] as const;
  return {
    verdict:
      beats('attention', best) === seeds
        ? 'holds'
        : kinds.some((kind) => beats(kind, GLM.filmCoupled) === seeds)
          ? 'partly'
          : 'does not hold',
    measured: kinds
      .map((kind) => `${FILM_MODEL_TITLES[kind]}: ${describe(FILM_MODEL_TITLES[kind])}`)
      .join('; '),
    baseline: `${best}: ${describe(best)}`,
    remarks: kinds.map(
      (kind) =>
        `With ${FILM_MODEL_TITLES[kind]}, the model is ahead of the coupled GLM of the film in ${beats(kind, GLM.filmCoupled)} of ${seeds} seeds, and of the one that also reads squares of the film in ${beats(kind, GLM.squaresCoupled)}.`,
    ),
  };
}
