/** The claim that behavior is decoded from spikes better than by other decoders. */

import { CHANCE } from '../../analyze/chance.js';
import { mean } from '../../math/statistics.js';
import type { MethodScores } from '../../probe/results.js';
import { describeSpread } from '../../report/spread.js';
import { decode } from '../../stages/decode.js';
import { readDecoded } from '../../stages/result-files.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredTable,
  type PaperContext,
  type RowKind,
  scoresOf,
  trainingAmount,
} from '../claim.js';
import { trainedModel, visualData } from '../models.js';
import { tableFigure } from '../table-figure.js';

/** Behavior that is decoded from 1 s of spikes, and from spikes and film. */
export const decoding: Claim = {
  name: 'decoding',
  title: 'Decoded behavior',
  says: 'the model decodes speed and gaze better than lasso, GLM, MLP and GRU, several variables at once.',
  measure,
};

/** Work of the training of a model, in floating-point operations. */
const FLOPS = 2.6e11;
/** Bins of 50 ms in the second that every decoder of spikes reads. */
const BINS = 20;
/** A decoder is as good as another from this difference in r on. */
const MARGIN = 0.02;

const VARIABLES = ['speed', 'phi', 'theta'];
const [MODEL, SPIKES_ONLY] = ['Neuroformer', 'Neuroformer, spikes only'];
const STIMULUS = 'stimulus alone';

async function measure(context: PaperContext): Promise<Findings> {
  const bySeed: (readonly MethodScores[])[] = [];
  for (const seed of context.seeds) bySeed.push(await decodeSeed(context, seed));
  const table: MeasuredTable = {
    title: 'Decoded every 50 ms from 1 s of spikes: trials with films of their own',
    caption:
      'Correlation of decoded and true values on test trials, one model for all variables. Only the first row and those of the stimulus see the film.',
    columns: VARIABLES.map((name) => ({ title: `${name}, r` })),
    rows: bySeed[0]!
      .filter(({ name }) => !name.startsWith(CHANCE))
      .map(({ name }) => ({
        title: name,
        kind: rowKind(name),
        scores: VARIABLES.map((variable) =>
          bySeed.flatMap(
            (methods) =>
              methods.find((method) => method.name === name)?.scores[variable]?.r?.value ?? [],
          ),
        ),
      })),
  };
  const figure = await tableFigure(
    { name: 'scores', title: 'What each decoder says of behavior' },
    table,
    table.columns.map(({ title }) => title),
  );
  return { ...judgeDecoding(table), tables: [table], figures: [figure] };
}

/** The scores of all decoders of a seed; computed once, then read from the store. */
async function decodeSeed(context: PaperContext, seed: number): Promise<readonly MethodScores[]> {
  const { dataset, model, training } = await visualData(context, seed, 1, 'decode.yaml');
  const run = await trainedModel(context, {
    path: `models/decoding-seed${seed}`,
    dataset,
    model,
    training: { ...training, seed, validate_every: 0 },
    flops: trainingAmount(context, FLOPS),
  });
  const stored = await readDecoded(run.records.store);
  const settings = { baselines: true, histories: [BINS] };
  const { methods } = stored ?? (await decode(run, settings, context));
  return methods;
}

function rowKind(name: string): RowKind {
  if (name.startsWith('Neuroformer')) return 'model';
  return name.startsWith(STIMULUS) ? 'control' : 'baseline';
}

/** What the table says. */
export function judgeDecoding(table: MeasuredTable): Judgment {
  const baselines = table.rows.filter(({ kind }) => kind === 'baseline').map(({ title }) => title);
  const linear = baselines.filter((title) => /^(ridge|lasso|GLM)/.test(title));
  /** The row with the highest mean r of a variable. */
  const best = (titles: readonly string[], column: number) =>
    titles.reduce((p, q) =>
      mean(scoresOf(table, q, column)) > mean(scoresOf(table, p, column)) ? q : p,
    );
  /** Whether the model of spikes is ahead of a row in every seed, by at least a margin. */
  const isAhead = (title: string, column: number, margin: number) =>
    scoresOf(table, SPIKES_ONLY!, column).every(
      (r, n) => r - scoresOf(table, title, column)[n]! >= margin,
    );
  const columns = VARIABLES.map((_, n) => n);
  const beatsAll = columns.every((n) => isAhead(best(baselines, n), n, 0));
  const beatsLinear = isAhead(best(linear, 0), 0, 0);
  const equalsBest = columns.every((n) => isAhead(best(baselines, n), n, -MARGIN));
  const r = (title: string, column: number) => describeSpread(scoresOf(table, title, column), 2);
  const film = best(
    table.rows.filter(({ kind }) => kind === 'control').map(({ title }) => title),
    0,
  );
  return {
    verdict: beatsAll ? 'holds' : beatsLinear ? 'partly' : 'does not hold',
    measured: `speed from spikes: r = ${r(SPIKES_ONLY!, 0)}; from spikes and film: r = ${r(MODEL!, 0)}`,
    baseline: `${best(baselines, 0)}: r = ${r(best(baselines, 0), 0)}; ${film}: r = ${r(film, 0)}`,
    remarks: [
      ...columns.map((n) => {
        const title = best(baselines, n);
        return `${VARIABLES[n]} from spikes: ${r(SPIKES_ONLY!, n)}; the best linear decoder (${best(linear, n)}) has ${r(best(linear, n), n)}, the best of all (${title}) ${r(title, n)}.`;
      }),
      equalsBest
        ? `From spikes, the model is within ${MARGIN} of the best decoder of each variable in every seed.`
        : `From spikes, the model is not within ${MARGIN} of the best decoder of each variable in every seed.`,
      `The film alone gives speed with r = ${r(film, 0)}, because the scene streams past as the animal runs. What the model gains from the film is that, not a better reading of spikes.`,
    ],
  };
}
