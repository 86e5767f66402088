/** The section on rates: a model's beside those of simple models, against recorded trials. */

import { largestBy } from '../math/statistics.js';
import type { RateMethod, RateResults, RateScores } from '../probe/rates.js';
import { formatDecimals, formatPercent } from '../text/format.js';
import { dotPlot } from './dot-plot.js';
import { draw, type Figure } from './draw.js';
import type { Answer, Section, Table } from './html.js';
import { ROLES } from './theme.js';

/** Renders the section: a table of all methods, and a figure of how well PSTHs agree. */
export async function ratesSection(results: RateResults): Promise<Section> {
  return {
    title: 'Rates',
    text: [
      `Expected counts in ${results.trials}, in ${results.windows} windows of ${results.window} s each, averaged over ${results.draws} draws. One window ahead, every window has its recorded past. Running freely, it has the spikes that were drawn before.`,
      describeRateScores(results),
      ...(results.repeated
        ? [
            'The PSTH (peristimulus time histogram) is the mean rate over repeats, from their starts.',
          ]
        : []),
      ...results.notes,
    ],
    tables: [rateTable(results)],
    figures: [await rateScoresFigure(results)],
    answers: [rateAnswer(results)],
  };
}

/** Bits a spike of the model, beside the best baseline. */
function rateAnswer({ methods, trials }: RateResults): Answer {
  const [model, ...baselines] = methods as [RateMethod, ...RateMethod[]];
  const best = largestBy(baselines, ({ ahead }) => ahead.bits);
  const bits = ({ bits }: RateScores) => formatDecimals(bits, 3);
  return {
    asked: `Predict spikes of ${trials}`,
    answer: [
      `One window ahead, ${bits(model.ahead)} bits a spike beyond the mean rates, which have 0${model.free ? `; running freely, ${bits(model.free)}` : ''}.`,
      best
        ? `The best baseline is ${best.name}: ${bits(best.ahead)}.`
        : 'No baseline stands beside it: `generate --baselines` adds them.',
    ].join(' '),
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

/** Bits below which a method is drawn at the end of the axis. */
const MIN_BITS = -1;

/** Bits a spike of every method, ahead and freely. */
function rateScoresFigure({ methods }: RateResults): Promise<Figure> {
  const [model] = methods;
  const point = (method: RateMethod, running: Running, scores: RateScores | undefined) => {
    const who = method === model ? 'model' : 'baseline';
    return scores
      ? [{ method: method.name, running: `${who}, ${running}`, bits: scores.bits }]
      : [];
  };
  const rows = methods.flatMap((method) => [
    ...point(method, AHEAD, method.ahead),
    ...point(method, FREELY, method.free),
  ]);
  const bits = rows.map((row) => row.bits);
  const lowest = Math.min(...bits);
  const used = new Set(rows.map((row) => row.running));
  return draw(
    {
      name: 'rate-scores',
      title: 'What rates explain of single spikes',
      caption:
        'Bits a spike beyond the mean rates of training; left of 0, worse than these. Hollow: running freely.',
    },
    rows,
    dotPlot({
      rows,
      label: 'method',
      kind: 'running',
      series: [
        { name: `model, ${AHEAD}`, color: ROLES.model },
        { name: `model, ${FREELY}`, color: ROLES.model, hollow: true },
        { name: `baseline, ${AHEAD}`, color: ROLES.baseline },
        { name: `baseline, ${FREELY}`, color: ROLES.baseline, hollow: true },
      ].filter(({ name }) => used.has(name)),
      emphasized: model ? [model.name] : [],
      panels: [
        {
          field: 'bits',
          title: 'bits a spike',
          reference: { value: 0, name: 'mean rates' },
          ...(lowest < MIN_BITS && { domain: [MIN_BITS, Math.max(0.1, ...bits) * 1.05] as const }),
        },
      ],
    }),
  );
}

const [AHEAD, FREELY] = ['one window ahead', 'freely'] as const;
type Running = typeof AHEAD | typeof FREELY;
