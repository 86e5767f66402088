/** The page of `inspect`: figures of a recording's spikes, rates and variables. */

import { describeConditions, type RecordingOverview } from '../analyze/overview.js';
import { spikeTimesBetween } from '../analyze/spike-trains.js';
import type { Dataset } from '../dataset/dataset.js';
import { type Recording, sampleTime, type Trial, type Variable } from '../recording/recording.js';
import { spikeTimes } from '../recording/spikes.js';
import { formatCount } from '../text/format.js';
import { draw, type Figure } from './draw.js';
import { renderPage } from './html.js';
import { rasterPanel } from './spikes.js';
import { FULL_WIDTH, figureSize, HALF_WIDTH, ROLES, withUnit } from './theme.js';

/** Spikes or samples that a figure can show. */
const MAX_MARKS = 6000;

/** Renders the page about the recording of a dataset, as HTML. */
export async function renderOverview(
  { recording, notes }: Dataset,
  overview: RecordingOverview,
): Promise<string> {
  const seconds = shownSeconds(recording);
  const figures = [
    await spikesFigure(recording, seconds),
    await ratesFigure(overview.rates),
    ...(await Promise.all(
      overview.variables
        .filter(({ range }) => range)
        .map(({ name, unit }) => variableFigure(recording, name, unit, seconds)),
    )),
  ];
  const rows = overview.variables.map(({ name, unit = '', range, labels, samples, step }) => [
    name,
    unit,
    range ? `${range.low.toPrecision(4)} to ${range.high.toPrecision(4)}` : labels!.join(', '),
    formatCount(samples),
    step.toPrecision(4),
  ]);
  const { neurons, spikes, trials } = overview;
  const conditions = describeConditions(overview);
  return renderPage(`${overview.name}`, 'Overview by neuroformer inspect.', [
    {
      title: 'The recording',
      text: [
        `${neurons} neurons, ${formatCount(spikes)} spikes, ${overview.seconds.toFixed(1)} s in ${trials.count === 1 ? 'one trial' : `${trials.count} trials`}.`,
        ...(conditions === undefined ? [] : [`Conditions: ${conditions}.`]),
        ...notes,
        ...overview.warnings,
      ],
      tables:
        rows.length > 0
          ? [
              {
                title: 'Variables',
                caption: 'Step: median time between samples, in seconds.',
                head: ['variable', 'unit', 'range', 'samples', 'step'],
                rows,
              },
            ]
          : [],
      figures: figures.flatMap((figure) => (figure ? [figure] : [])),
    },
  ]);
}

/** The trial to show: the longest one, the first of several. */
function shownTrial(trials: readonly Trial[]): Trial {
  return trials.reduce((longest, trial) => (trial.duration > longest.duration ? trial : longest));
}

/** How much of that trial a figure can show, in seconds. */
function shownSeconds({ trials }: Recording): number {
  const { spikes, duration } = shownTrial(trials);
  const count = spikeTimes(spikes).reduce((sum, { length }) => sum + length, 0);
  const visible = count > MAX_MARKS ? (duration * MAX_MARKS) / count : duration;
  return Math.min(duration, Number(visible.toPrecision(1)) || duration);
}

function spikesFigure({ trials, neurons }: Recording, seconds: number): Promise<Figure> {
  const { id, spikes } = shownTrial(trials);
  const rows = spikeTimes(spikes).flatMap((train, neuron) =>
    spikeTimesBetween(train, 0, seconds).map((time) => ({ neuron, time: Number(time.toFixed(4)) })),
  );
  return draw(
    {
      name: 'spikes',
      title: 'Spikes',
      caption: `The first ${seconds.toPrecision(3)} s of trial ${id}, with one row for each of ${neurons} neurons.`,
    },
    rows,
    rasterPanel({ rows, neurons, seconds, color: ROLES.truth, timeTitle: 'time (s)' }),
  );
}

function timeAxis(seconds: number): object {
  return {
    field: 'time',
    type: 'quantitative',
    title: 'time (s)',
    scale: { domain: [0, seconds], nice: false },
  };
}

function ratesFigure(rates: Float64Array): Promise<Figure> {
  const rows = Array.from(rates, (rate, neuron) => ({ neuron, rate }));
  return draw(
    {
      name: 'rates',
      title: 'Firing rates',
      caption: `Distribution of the firing rates of ${rates.length} neurons.`,
    },
    rows,
    {
      ...figureSize(HALF_WIDTH, 240),
      mark: { type: 'bar', color: ROLES.truth },
      encoding: {
        x: { field: 'rate', type: 'quantitative', bin: { maxbins: 30 }, title: 'firing rate (Hz)' },
        y: {
          aggregate: 'count',
          type: 'quantitative',
          title: 'number of neurons',
          axis: { tickMinStep: 1 },
        },
      },
    },
  );
}

async function variableFigure(
  { trials }: Recording,
  name: string,
  unit: string | undefined,
  seconds: number,
): Promise<Figure | undefined> {
  const trialsWithVariable = trials.filter(({ variables }) => variables[name]);
  if (trialsWithVariable.length === 0) return undefined;
  const { id, duration, variables } = shownTrial(trialsWithVariable);
  // Variables change more slowly than spikes, so more time is shown.
  const shown = Math.min(duration, Math.max(seconds, 60));
  const rows = samplesUpTo(variables[name]!, shown);
  return draw(
    {
      name: name.replace(/\W+/g, '-'),
      title: name,
      caption: `The first ${shown.toPrecision(3)} s of trial ${id}.`,
    },
    rows,
    {
      ...figureSize(FULL_WIDTH, 180),
      mark: { type: 'line', strokeWidth: 1.5, color: ROLES.truth },
      encoding: {
        x: timeAxis(shown),
        y: {
          field: 'value',
          type: 'quantitative',
          title: withUnit(name, unit),
          scale: { zero: false },
        },
      },
    },
  );
}

/**
 * Samples of a variable up to a time. If there are too many to show, they are thinned out evenly.
 */
function samplesUpTo(variable: Variable, seconds: number): { time: number; value: number }[] {
  const { values } = variable;
  const time = (n: number) => sampleTime(variable, n);
  let end = 0;
  while (end < values.length && time(end) <= seconds) end += 1;
  const stride = Math.max(1, Math.ceil(end / MAX_MARKS));
  return Array.from({ length: Math.ceil(end / stride) }, (_, n) => ({
    time: Number(time(n * stride).toFixed(4)),
    value: Number(values[n * stride]),
  }));
}
