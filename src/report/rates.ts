/** The section on rates: a model's beside those of simple models, against recorded trials. */

import type { RateMethod, RateResults, RateScores } from '../probe/rates.js';
import { formatDecimals, formatPercent } from '../text/format.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section, Table } from './html.js';

/** Renders the section: a table of all methods, and a figure of how well PSTHs agree. */
export async function ratesSection(results: RateResults): Promise<Section> {
  return {
    title: 'Rates',
    text: [
      `Expected counts in ${results.trials}, in ${results.windows} windows of ${results.window} s each, averaged over ${results.draws} draws. One window ahead, every window has its recorded past. Running freely, it has the spikes that were drawn before.`,
      describeRateScores(results),
      ...results.notes,
    ],
    tables: [rateTable(results)],
    figures: [await rateScoresFigure(results)],
  };
}

/** What the columns are, in a sentence or two. */
export function describeRateScores({ repeated, share }: RateResults): string {
  const bits = `Bits a spike are above each neuron's mean rate in training, with ${formatPercent(share)} of it mixed in.`;
  return repeated
    ? `${bits} PSTH r is the correlation over time with the recorded PSTH, mean over neurons.`
    : `${bits} These trials are no repeats of one stimulus, so there is no PSTH to compare with.`;
}

/** A row for each method, and one for the recorded trials. */
export function rateTable(results: RateResults): Table {
  const { methods, ceiling, rate, trials, repeated } = results;
  const widths = ceiling.map(({ seconds }) => `PSTH r, ${Math.round(1000 * seconds)} ms`);
  const cells = (scores: RateScores | undefined) => [
    scores ? formatDecimals(scores.bits, 3) : '',
    ...ceiling.map((_, n) => (scores ? formatDecimals(scores.psth[n]!.r, 2) : '')),
  ];
  const blank = ['', ...ceiling.map(() => '')];
  const ceilings = (key: 'drawn' | 'expected') => [
    '',
    ...ceiling.map((entry) => formatDecimals(entry[key], 2)),
  ];
  return {
    title: `Rates in ${trials}`,
    caption: repeated
      ? 'The ceilings come from halves of the repeats (Spearman-Brown): of true rates, and of as many trials drawn from them.'
      : 'Rate: mean of a neuron, in Hz.',
    head: [
      'method',
      'ahead: bits',
      ...widths.map((width) => `ahead: ${width}`),
      'freely: bits',
      ...widths.map((width) => `freely: ${width}`),
      'freely: Hz',
    ],
    rows: [
      ...methods.map(({ name, ahead, free }) => [
        name,
        ...cells(ahead),
        ...cells(free),
        free ? formatDecimals(free.rate, 2) : '',
      ]),
      ...(repeated
        ? [
            ['ceiling, rates', ...ceilings('expected'), ...ceilings('expected'), ''],
            ['ceiling, drawn trials', ...ceilings('drawn'), ...ceilings('drawn'), ''],
          ]
        : []),
      ['recorded', ...blank, ...blank, formatDecimals(rate, 2)],
    ],
  };
}

/** Bits a spike of every method, ahead and freely. */
function rateScoresFigure({ methods }: RateResults): Promise<Figure> {
  const point = ({ name }: RateMethod, running: string, scores: RateScores | undefined) =>
    scores ? [{ method: name, running, bits: scores.bits }] : [];
  const rows = methods.flatMap((method) => [
    ...point(method, 'one window ahead', method.ahead),
    ...point(method, 'freely', method.free),
  ]);
  return draw(
    {
      name: 'rate-scores',
      title: 'What rates explain of single spikes',
      caption: 'Bits a spike above the mean rates of training; below 0, worse than these.',
    },
    rows,
    {
      width: 420,
      height: { step: 22 },
      mark: { type: 'point', filled: true, size: 60 },
      encoding: {
        y: { field: 'method', type: 'nominal', sort: null, title: null },
        x: { field: 'bits', type: 'quantitative', title: 'bits a spike' },
        color: {
          field: 'running',
          type: 'nominal',
          title: null,
          scale: {
            domain: ['one window ahead', 'freely'],
            range: [COLORS.generated, COLORS.recorded],
          },
        },
      },
    },
  );
}
