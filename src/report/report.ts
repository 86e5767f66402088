/** What a report says: what ran, how it learnt, what it generated, and what it read from the wiring. */

import { correlation } from '../analyze/edges.js';
import { aroundSpikes, firingRates, type SpikeSegment } from '../analyze/spike-trains.js';
import type { DrawSettings } from '../generate/sampler.js';
import type { ConnectivityMap, Explained } from '../probe/connectivity.js';
import { type AheadScores, recordedSegments } from '../probe/generated.js';
import type {
  DecodedResults,
  ExplainedResults,
  GeneratedResults,
  LabelResults,
} from '../probe/results.js';
import { grouped } from '../text/format.js';
import type { OpenedRun } from '../train/open-run.js';
import type { MetricLine } from '../train/run-records.js';
import { decodedSection } from './decoded.js';
import type { Figure } from './draw.js';
import {
  describeCorrelation,
  intervalFigure,
  lossFigure,
  mapFigures,
  rasterFigure,
  rateFigure,
  spikeTriggeredFigure,
  timeCourseFigure,
} from './figures.js';
import { renderPage, type Section, type Table } from './html.js';
import { labelsSection } from './labels.js';

/** Everything a report is made of. */
export interface ReportInputs {
  readonly run: OpenedRun;
  readonly metrics: readonly MetricLine[];
  readonly generated: GeneratedResults | undefined;
  /** The same with neurons clamped. */
  readonly clamped: GeneratedResults | undefined;
  readonly explained: ExplainedResults | undefined;
  readonly decoded: DecodedResults | undefined;
  readonly labels: LabelResults | undefined;
  /** Seconds of each stage, where they are known. */
  readonly durations: readonly (readonly [stage: string, seconds: number])[];
}

/** The report: a page that needs nothing else, and its figures as files of their own. */
export interface Report {
  readonly page: string;
  readonly figures: readonly Figure[];
}

/** The report of a run. */
export async function renderReport(inputs: ReportInputs): Promise<Report> {
  const { run } = inputs;
  const sections = [
    runSection(inputs),
    await trainingSection(inputs.metrics),
    ...(inputs.decoded ? [await decodedSection(inputs.decoded)] : []),
    ...(inputs.labels ? [await labelsSection(inputs.labels)] : []),
    ...(inputs.generated ? [await generatedSection(run, inputs.generated)] : []),
    ...(inputs.clamped ? [await clampedSection(run, inputs.clamped)] : []),
    ...(inputs.explained ? [await wiringSection(run, inputs.explained)] : []),
  ];
  const lead = `${run.dataset.recording.name}; ${run.facts.started.slice(0, 16).replace('T', ' ')}.`;
  return {
    page: renderPage('Neuroformer report', lead, sections),
    figures: sections.flatMap(({ figures = [] }) => figures),
  };
}

function runSection({ run, durations }: ReportInputs): Section {
  const { facts, config, split, dataset } = run;
  const { recording } = dataset;
  const seconds = recording.trials.reduce((sum, { duration }) => sum + duration, 0);
  const rows: [string, string][] = [
    [
      'recording',
      `${recording.name}: ${recording.neurons} neurons, ${recording.trials.length === 1 ? 'one trial' : `${recording.trials.length} trials`}, ${seconds.toFixed(0)} s`,
    ],
    ['data', `${facts.data}, sha256 ${facts.fingerprint.slice(0, 16)}`],
    ['adapter', facts.adapter],
    [
      'windows',
      `${config.window.curr} s, after a past of ${config.window.prev} s, in steps of ${config.resolution.dt} s`,
    ],
    [
      'split',
      `${facts.training.split.kind}: ${grouped(split.train.length)} windows for training, ${grouped(split.validation.length)} validation, ${grouped(split.test.length)} test, ${grouped(split.leftOut)} left out`,
    ],
    [
      'model',
      `width ${config.n_embd}, ${config.n_head} heads, blocks: ${config.layers.state} state, ${config.layers.state_history} history, ${config.layers.stimulus} stimulus; rules of the ${config.compat}`,
    ],
    ['seed', String(facts.training.seed)],
    ...durations.map(([stage, took]): [string, string] => [stage, `${took.toFixed(1)} s`]),
  ];
  return {
    title: 'What ran',
    text: facts.notes,
    tables: [
      {
        title: 'The run',
        caption: 'Everything else is in `run.json` and in the header of `last.safetensors`.',
        head: ['', ''],
        rows,
      },
    ],
  };
}

async function trainingSection(metrics: readonly MetricLine[]): Promise<Section> {
  const last = (kind: string) => metrics.findLast((line) => line.kind === kind);
  const [train, validation] = [last('train'), last('validation')];
  const names = Object.keys(train?.losses ?? {});
  const cell = (value: number | undefined) => (value === undefined ? '' : value.toFixed(4));
  return {
    title: 'Learning',
    text: train
      ? [
          `${train.step} updates, ${grouped(train.tokens ?? 0)} tokens, ${train.seconds?.toFixed(0)} s.`,
        ]
      : ['No update was logged.'],
    tables: [
      {
        title: 'Last losses',
        caption: 'As they enter the total.',
        head: ['loss', 'training', ...(validation ? ['validation'] : [])],
        rows: names.map((name) => [
          name === 'loss' ? 'total' : name,
          cell(train?.losses[name]),
          ...(validation ? [cell(validation.losses[name])] : []),
        ]),
      },
    ],
    figures: metrics.length > 0 ? [await lossFigure(metrics)] : [],
  };
}

/** Rates around the spikes of one neuron: of a hub's targets where the wiring is known, of all others where not. */
function around(
  run: OpenedRun,
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
) {
  const { config, dataset } = run;
  const { truth, recording } = dataset;
  const dt = config.resolution.dt;
  const steps = Math.max(1, Math.round(config.window.prev / 15 / dt));
  const window = {
    before: 10 * steps * dt,
    after: 20 * steps * dt,
    bin: steps * dt,
  };
  const rates = firingRates(recorded);
  const source =
    truth?.hubs[Math.floor(truth.hubs.length / 2)] ?? rates.indexOf(Math.max(...rates));
  const neurons = Array.from({ length: recording.neurons }, (_, n) => n);
  const wired = neurons.filter((n) => truth?.strong[n * recording.neurons + source]);
  const targets = wired.length > 0 ? wired : neurons.filter((n) => n !== source);
  const [there, here] = [recorded, generated].map((segments) =>
    aroundSpikes(segments, source, targets, window),
  ) as [Float64Array, Float64Array];
  const r = correlation(there, here);
  const who =
    wired.length > 0
      ? `the ${targets.length} neurons that hub ${source} drives`
      : 'all other neurons';
  return {
    r,
    figure: spikeTriggeredFigure(
      there,
      here,
      window,
      `Mean rate of ${who}, around the spikes of neuron ${source}, in bins of ${(1000 * window.bin).toFixed(0)} ms; ${describeCorrelation(r)}.`,
    ),
  };
}

async function generatedSection(run: OpenedRun, generated: GeneratedResults): Promise<Section> {
  const { trials, scores, settings, bin, windows, tokens, ahead: rates } = generated;
  const { recording } = run.dataset;
  const recorded = recordedSegments(recording, trials);
  const shown = Math.min(scores.seconds, Math.max(1, 20 * run.config.window.curr));
  // Moments within trials have nothing in common that rates could follow; the beginnings of several trials have.
  const aligned =
    new Set(trials.map(({ start }) => start.trialIndex)).size > 1 &&
    trials.every(({ from }) => from < 1e-6);
  const triggered = around(run, recorded, trials);
  const rows: string[][] = [
    [
      'rates of neurons, r with the whole recording',
      figure(scores.rateCorrelation),
      figure(scores.rateCorrelationRecorded),
    ],
    ['rates of neurons, r with the same segments', figure(scores.rateCorrelationSame), ''],
    ['mean rate (Hz)', figure(scores.meanRate.generated), figure(scores.meanRate.recorded)],
    [
      'median interval between spikes (s)',
      figure(scores.medianInterval.generated),
      figure(scores.medianInterval.recorded),
    ],
    ...(aligned ? [['rates over time, r', figure(scores.psthCorrelation), '']] : []),
    ['rates around the spikes of one neuron, r', figure(triggered.r), ''],
  ];
  const ahead: Table[] = [];
  if (windows && tokens) {
    ahead.push({
      title: 'One window ahead of the recorded past, test windows',
      caption: `${grouped(windows.windows)} windows drawn once; ${grouped(tokens.tokens)} tokens, of them ${grouped(tokens.spikes)} spikes. Baselines: windows drawn for another moment; always the busiest neuron; tokens by their frequency in training.`,
      head: ['', 'model', 'baseline'],
      rows: [
        [
          'agreement of the sets of neurons that fire (F1)',
          figure(windows.setF1),
          figure(windows.shuffledSetF1),
        ],
        [
          'next neuron right (share of spikes)',
          figure(tokens.accuracy),
          figure(tokens.unigramAccuracy),
        ],
        ['bits per token', figure(tokens.bits), figure(tokens.unigramBits)],
      ],
    });
  }
  if (rates) ahead.push(ratesTable(rates));
  return {
    title: 'Generated spikes',
    text: [
      `${scores.trials} trials of ${scores.seconds.toFixed(1)} s, ${grouped(scores.spikes)} spikes, ${settings.past === 'own' ? 'free running: each window’s past holds the spikes drawn before' : 'each window from the recorded past'}. ${scores.full} windows ended because their block was full.`,
      describeDrawing(settings),
    ],
    tables: [
      {
        title: 'Generated against recorded',
        caption:
          'The last column is the recording itself: for rates, the same segments against the whole.',
        head: ['', 'generated', 'recorded'],
        rows,
      },
      ...ahead,
    ],
    figures: [
      await rasterFigure(recorded[0]!, trials[0]!, shown, settings.past),
      await rateFigure(firingRates(recorded), firingRates(trials), scores.rateCorrelationSame),
      await intervalFigure(recorded, trials, run.config.resolution.dt),
      await triggered.figure,
      ...(aligned ? [await timeCourseFigure(recorded, trials, bin, scores.psthCorrelation)] : []),
    ],
  };
}

/** Rates one window ahead of the recorded past, in both parts. */
function ratesTable(rates: AheadScores): Table {
  const { windows, draws, train, test, recorded, meanRate } = rates;
  const drawn = (part: 'train' | 'test') =>
    `${grouped(windows[part])}, each drawn ${draws[part] === 1 ? 'once' : `${draws[part]} times`}`;
  return {
    title: 'Rates of neurons, one window ahead of the recorded past',
    caption: `Correlation over neurons with the recorded rates of the same windows, side by side: of the training part ${drawn('train')}; of the test part ${drawn('test')}. Baseline: the recorded rates of the training part.`,
    head: ['', 'model', 'baseline'],
    rows: [
      ['training part, r', figure(train), ''],
      ['test part, r', figure(test), figure(recorded)],
      [
        'mean rate in the test part (Hz), generated and recorded',
        figure(meanRate.generated),
        figure(meanRate.recorded),
      ],
    ],
  };
}

/** How trials were drawn, in a sentence. */
function describeDrawing({ weights, part, seed, id, time }: GeneratedResults['settings']): string {
  const words = (head: string, { temperature = 1, topK, topP }: DrawSettings = {}) =>
    [
      `${head} at temperature ${temperature}`,
      ...(topK === undefined ? [] : [`of the ${topK} likeliest`]),
      ...(topP === undefined ? [] : [`of the likeliest ${topP} of the probability`]),
    ].join(', ');
  return `Drawn by ${weights}, from windows of ${part === 'all' ? 'all parts' : `the ${part} part`}, seed ${seed}: ${words('neurons', id)}; ${words('times', time)}.`;
}

/** Trials drawn with neurons clamped, under names of their own. */
async function clampedSection(run: OpenedRun, clamped: GeneratedResults): Promise<Section> {
  const { text, ...section } = await generatedSection(run, clamped);
  return {
    ...section,
    title: 'Clamped neurons',
    text: [
      `${clamped.clamped} What follows is the model’s prediction, not a recording.`,
      ...(text ?? []),
    ],
    figures: (section.figures ?? []).map((drawn) => ({ ...drawn, name: `clamped-${drawn.name}` })),
  };
}

/** Three decimals; nothing where there is no such number. */
function figure(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : '';
}

const METHOD_KINDS = {
  model: 'model',
  control: 'control',
  correlation: 'from spikes alone',
} as const;

async function wiringSection(run: OpenedRun, explained: Explained): Promise<Section> {
  const { maps, neurons } = explained;
  const { truth } = run.dataset;
  const shown = ['attention', 'learnt', 'ablation', 'pearson50', 'lagged'];
  const named = maps.filter(({ name }) => shown.includes(name));
  const figures: Figure[] = await mapFigures(
    [
      ...(truth ? [{ name: 'weights', title: 'True weights', values: truth.weights }] : []),
      ...named.map(({ name, title, values }) => ({ name, title, values })),
    ],
    neurons,
  );
  const table = scoreTable(maps);
  return {
    title: 'Connectivity',
    text: [
      `Read from ${explained.windows} windows, ablation from ${explained.ablationWindows}. Attention and ablation say what the model depends on, not what causes what. Spikes of one time bin have no order; the maps were read again with another order of ties.`,
      ...(table
        ? [attentionVerdict(maps)]
        : ['The true wiring is not known here, so the maps have no scores.']),
    ],
    tables: table ? [table] : [],
    figures,
  };
}

/** The scores of every map; undefined where nothing is known to score against. */
export function scoreTable(maps: readonly ConnectivityMap[]): Table | undefined {
  const scored = maps.flatMap((map) => (map.scores ? [{ ...map, scores: map.scores }] : []));
  if (scored.length === 0) return undefined;
  return {
    title: 'Maps against the true wiring',
    caption:
      'AUROC: chance that a strong edge ranks above another pair, over all pairs and over pairs of one group. Direction: share of strong one-way edges whose direction the map gets right. Hubs: share of hubs among as many sources of the largest column sums. r2 and Spearman: with the weights of all pairs.',
    head: ['map', '', 'AUROC', 'in groups', 'direction', 'hubs', 'r2', 'Spearman'],
    rows: scored.map(({ title, kind, scores }) => [
      title,
      METHOD_KINDS[kind],
      figure(scores.auroc),
      figure(scores.aurocWithin),
      figure(scores.direction),
      figure(scores.hubRecall),
      figure(scores.r2),
      figure(scores.spearman),
    ]),
  };
}

/** Whether attention beats Pearson, in a sentence that says no where it does not. */
export function attentionVerdict(maps: readonly ConnectivityMap[]): string {
  const scores = (name: string) => maps.find((map) => map.name === name)?.scores;
  const attention = scores('attention');
  const pearsons = [scores('pearson10'), scores('pearson50')].flatMap((s) => (s ? [s] : []));
  const lagged = scores('lagged');
  if (!attention || pearsons.length === 0) return '';
  if (![attention.auroc, attention.direction].every(Number.isFinite))
    return 'The true wiring has no strong edges of one direction that maps could be scored by.';
  const auroc = Math.max(...pearsons.map((s) => s.auroc));
  const direction = Math.max(...pearsons.map((s) => s.direction));
  const beats = attention.auroc > auroc && attention.direction > direction;
  const figures = `AUROC of strong edges ${attention.auroc.toFixed(3)} against ${auroc.toFixed(3)}, direction ${attention.direction.toFixed(3)} against ${direction.toFixed(3)}`;
  const other =
    lagged && lagged.auroc >= attention.auroc - 0.005
      ? ` A lagged correlation that is told the range of delays does as well (AUROC ${lagged.auroc.toFixed(3)}).`
      : '';
  return beats
    ? `Attention beats Pearson correlation on both: ${figures}.${other}`
    : `Attention does not beat Pearson correlation on both here: ${figures}.${other}`;
}
