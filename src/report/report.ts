/**
 * The report on a run: what ran, how it trained, and what it decoded, generated and showed of the
 * wiring.
 */

import type { EdgeScores } from '../analyze/edges.js';
import { firingRates, type SpikeSegment, spikeTriggeredRate } from '../analyze/spike-trains.js';
import type { DrawSettings } from '../generate/sampler.js';
import { correlation } from '../math/statistics.js';
import type { Connectivity, ConnectivityMap } from '../probe/connectivity.js';
import { type OneWindowAheadScores, recordedSegments } from '../probe/generated.js';
import type { RateResults } from '../probe/rates.js';
import type {
  ConnectivityResults,
  DecodedResults,
  GeneratedResults,
  LabelResults,
  StimulusResults,
} from '../probe/results.js';
import { formatCount } from '../text/format.js';
import { describePart, type OpenedRun } from '../train/open-run.js';
import type { MetricLine } from '../train/run-records.js';
import { decodedSection } from './decoded.js';
import type { Figure } from './draw.js';
import {
  describeCorrelation,
  intervalFigure,
  lossFigure,
  mapFigures,
  psthFigure,
  rasterFigure,
  rateFigure,
  spikeTriggeredFigure,
} from './figures.js';
import { renderPage, type Section, type Table } from './html.js';
import { labelsSection } from './labels.js';
import { ratesSection } from './rates.js';
import { stimulusSection } from './stimulus.js';

/** What a report is made of. Results that are undefined have no section. */
export interface ReportInputs {
  readonly run: OpenedRun;
  /** Losses of training and validation, in the order of updates. */
  readonly metrics: readonly MetricLine[];
  /** Freely generated trials. */
  readonly generated: GeneratedResults | undefined;
  /** Trials generated with clamped neurons. */
  readonly clamped: GeneratedResults | undefined;
  /** Connectivity maps. */
  readonly connectivity: ConnectivityResults | undefined;
  /** Maps of the film, or of inputs. */
  readonly stimulus: StimulusResults | undefined;
  readonly decoded: DecodedResults | undefined;
  /** Scores by share of labeled data. */
  readonly labels: LabelResults | undefined;
  /** Scores of rates, beside baselines. */
  readonly rates: RateResults | undefined;
  /** Seconds that each stage took; empty if that is unknown. */
  readonly durations: readonly (readonly [stage: string, seconds: number])[];
}

/** A rendered report. */
export interface Report {
  /** The page as HTML, with all figures embedded. */
  readonly page: string;
  /** The figures of the page, to be kept as files as well. */
  readonly figures: readonly Figure[];
}

/** Renders the report on a run. */
export async function renderReport(inputs: ReportInputs): Promise<Report> {
  const { run } = inputs;
  const sections = [
    runSection(inputs),
    await trainingSection(inputs.metrics),
    ...(inputs.decoded ? [await decodedSection(inputs.decoded)] : []),
    ...(inputs.labels ? [await labelsSection(inputs.labels)] : []),
    ...(inputs.generated ? [await generatedSection(run, inputs.generated)] : []),
    ...(inputs.rates ? [await ratesSection(inputs.rates)] : []),
    ...(inputs.clamped ? [await clampedSection(run, inputs.clamped)] : []),
    ...(inputs.connectivity ? [await wiringSection(run, inputs.connectivity)] : []),
    ...(inputs.stimulus ? [await stimulusSection(inputs.stimulus, run.dataset.truth)] : []),
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
      `current ${config.window.curr} s, past ${config.window.prev} s, time step ${config.resolution.dt} s`,
    ],
    [
      'split',
      `${facts.training.split.kind}: ${formatCount(split.train.length)} training windows, ${formatCount(split.validation.length)} validation, ${formatCount(split.test.length)} test, ${formatCount(split.leftOut)} left out`,
    ],
    [
      'model',
      `width ${config.n_embd}, ${config.n_head} heads, blocks: ${config.layers.state} state, ${config.layers.state_history} history, ${config.layers.stimulus} stimulus; rules of the ${config.compat}`,
    ],
    ['seed', String(facts.training.seed)],
    ...durations.map(([stage, elapsed]): [string, string] => [stage, `${elapsed.toFixed(1)} s`]),
  ];
  return {
    title: 'Run',
    text: facts.notes,
    tables: [
      {
        title: 'Settings',
        caption: 'All other settings are in `run.json` and in the header of `last.safetensors`.',
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
    title: 'Training',
    text: train
      ? [
          `${train.step} updates, ${formatCount(train.tokens ?? 0)} tokens, ${train.seconds?.toFixed(0)} s.`,
        ]
      : ['No updates were logged.'],
    tables: [
      {
        title: 'Final losses',
        caption: 'Weighted as in the total.',
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

/**
 * Spike-triggered rates, recorded and generated, around the spikes of a hub or, where no hubs are
 * known, of the most active neuron. They are rates of the neurons that it is known to drive, else
 * of all others.
 */
function spikeTriggeredRates(
  run: OpenedRun,
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
) {
  const { config, dataset } = run;
  const { truth, recording } = dataset;
  const { hubs = [], strong } = truth?.wiring ?? {};
  const dt = config.resolution.dt;
  const steps = Math.max(1, Math.round(config.window.prev / 15 / dt));
  const window = {
    before: 10 * steps * dt,
    after: 20 * steps * dt,
    bin: steps * dt,
  };
  const rates = firingRates(recorded);
  const hub = hubs[Math.floor(hubs.length / 2)];
  const source = hub ?? rates.indexOf(Math.max(...rates));
  const neurons = Array.from({ length: recording.neurons }, (_, n) => n);
  const wired = neurons.filter((n) => strong?.[n * recording.neurons + source]);
  const targets = wired.length > 0 ? wired : neurons.filter((n) => n !== source);
  const [recordedRates, generatedRates] = [recorded, generated].map((segments) =>
    spikeTriggeredRate(segments, source, targets, window),
  ) as [Float64Array, Float64Array];
  const r = correlation(recordedRates, generatedRates);
  const targetNames =
    wired.length > 0
      ? `the ${wired.length === 1 ? 'neuron' : `${wired.length} neurons`} driven by ${hub === undefined ? 'neuron' : 'hub'} ${source},`
      : 'all other neurons';
  return {
    r,
    figure: spikeTriggeredFigure(
      recordedRates,
      generatedRates,
      window,
      `Mean rate of ${targetNames} around the spikes of neuron ${source}, in bins of ${(1000 * window.bin).toFixed(0)} ms; ${describeCorrelation(r)}.`,
    ),
  };
}

async function generatedSection(run: OpenedRun, generated: GeneratedResults): Promise<Section> {
  const { trials, scores, settings, bin, windows, tokens, ahead } = generated;
  const { recording } = run.dataset;
  const recorded = recordedSegments(recording, trials);
  const shown = Math.min(scores.seconds, Math.max(1, 20 * run.config.window.curr));
  // A PSTH needs trials that start at the beginnings of several recorded trials.
  const isAligned =
    new Set(trials.map(({ start }) => start.trialIndex)).size > 1 &&
    trials.every(({ from }) => from < 1e-6);
  const triggered = spikeTriggeredRates(run, recorded, trials);
  const rows: string[][] = [
    [
      'firing rates, r with the whole recording',
      formatNumber(scores.rateCorrelation),
      formatNumber(scores.rateCorrelationRecorded),
    ],
    ['firing rates, r with the same segments', formatNumber(scores.rateCorrelationSame), ''],
    [
      'mean rate (Hz)',
      formatNumber(scores.meanRate.generated),
      formatNumber(scores.meanRate.recorded),
    ],
    [
      'median interspike interval (s)',
      formatNumber(scores.medianInterval.generated),
      formatNumber(scores.medianInterval.recorded),
    ],
    ...(isAligned ? [['rates over time, r', formatNumber(scores.psthCorrelation), '']] : []),
    ['rates around the spikes of one neuron, r', formatNumber(triggered.r), ''],
  ];
  const aheadTables: Table[] = [];
  if (windows && tokens) {
    aheadTables.push({
      title: 'One window ahead of the recorded past, test windows',
      caption: `${formatCount(windows.windows)} windows, each drawn once; ${formatCount(tokens.tokens)} tokens, ${formatCount(tokens.spikes)} of them spikes. Baselines: windows drawn for another time; always the most active neuron; tokens by their frequency in training.`,
      head: ['', 'model', 'baseline'],
      rows: [
        [
          'overlap of the sets of active neurons (F1)',
          formatNumber(windows.setF1),
          formatNumber(windows.shuffledSetF1),
        ],
        [
          'next neuron correct (share of spikes)',
          formatNumber(tokens.accuracy),
          formatNumber(tokens.unigramAccuracy),
        ],
        ['bits per token', formatNumber(tokens.bits), formatNumber(tokens.unigramBits)],
      ],
    });
  }
  if (ahead) aheadTables.push(oneWindowAheadTable(ahead));
  return {
    title: 'Generated spikes',
    text: [
      `${scores.trials} trials of ${scores.seconds.toFixed(1)} s, ${formatCount(scores.spikes)} spikes, ${settings.past === 'own' ? 'free running: the past of each window holds the spikes generated before it' : 'each window generated from the recorded past'}. ${scores.full} windows ended because their block was full.`,
      describeDrawing(settings),
    ],
    tables: [
      {
        title: 'Generated and recorded spikes',
        caption:
          'The last column is the recording itself; its r is that of the same segments with the whole recording.',
        head: ['', 'generated', 'recorded'],
        rows,
      },
      ...aheadTables,
    ],
    figures: [
      await rasterFigure(recorded[0]!, trials[0]!, shown, settings.past),
      await rateFigure(firingRates(recorded), firingRates(trials), scores.rateCorrelationSame),
      await intervalFigure(recorded, trials, run.config.resolution.dt),
      await triggered.figure,
      ...(isAligned ? [await psthFigure(recorded, trials, bin, scores.psthCorrelation)] : []),
    ],
  };
}

/**
 * Firing rates of windows that are each drawn from the recorded past, in the training and the test
 * part.
 */
function oneWindowAheadTable(ahead: OneWindowAheadScores): Table {
  const { windows, draws, train, test, recorded, meanRate } = ahead;
  const describeDraws = (part: 'train' | 'test') =>
    `${formatCount(windows[part])} windows, each drawn ${draws[part] === 1 ? 'once' : `${draws[part]} times`}`;
  return {
    title: 'Firing rates, one window ahead of the recorded past',
    caption: `Correlation over neurons with the recorded rates of the same windows, which do not overlap. Training part: ${describeDraws('train')}. Test part: ${describeDraws('test')}. Baseline: the recorded rates of the training part.`,
    head: ['', 'model', 'baseline'],
    rows: [
      ['training part, r', formatNumber(train), ''],
      ['test part, r', formatNumber(test), formatNumber(recorded)],
      [
        'mean rate in the test part (Hz), generated and recorded',
        formatNumber(meanRate.generated),
        formatNumber(meanRate.recorded),
      ],
    ],
  };
}

/** How trials were drawn, in a sentence. */
function describeDrawing({ weights, part, seed, id, time }: GeneratedResults['settings']): string {
  const describeHead = (head: string, { temperature = 1, topK, topP }: DrawSettings = {}) =>
    [
      `${head} at temperature ${temperature}`,
      ...(topK === undefined ? [] : [`among the ${topK} most likely`]),
      ...(topP === undefined ? [] : [`among the most likely with a total probability of ${topP}`]),
    ].join(', ');
  return `Drawn with ${weights} from windows of ${describePart(part)}, seed ${seed}: ${describeHead('neurons', id)}; ${describeHead('times', time)}.`;
}

/** The section on trials with clamped neurons, whose figures have names of their own. */
async function clampedSection(run: OpenedRun, clamped: GeneratedResults): Promise<Section> {
  const { text, ...section } = await generatedSection(run, clamped);
  return {
    ...section,
    title: 'Clamped neurons',
    text: [
      `${clamped.clamped} What follows is the model’s prediction, not a recording.`,
      ...(text ?? []),
    ],
    figures: (section.figures ?? []).map((figure) => ({
      ...figure,
      name: `clamped-${figure.name}`,
    })),
  };
}

/** A number with three decimals; empty if it is not finite. */
function formatNumber(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : '';
}

const METHOD_KINDS = {
  model: 'model',
  control: 'control',
  correlation: 'spikes only',
} as const;

/** Maps that are drawn, in this order: coupling stands beside the true weights. */
const DRAWN_MAPS = [
  'coupling',
  'attention',
  'learnt',
  'ablation',
  'pearson50',
  'lagged',
  'lagged40',
  'glm',
];

async function wiringSection(run: OpenedRun, connectivity: Connectivity): Promise<Section> {
  const { maps, neurons } = connectivity;
  const { wiring } = run.dataset.truth ?? {};
  const drawn = DRAWN_MAPS.flatMap((name) => maps.filter((map) => map.name === name));
  const figures: Figure[] = await mapFigures(
    [
      ...(wiring ? [{ name: 'weights', title: 'True weights', values: wiring.weights }] : []),
      ...drawn.map(({ name, title, values }) => ({ name, title, values })),
    ],
    neurons,
  );
  const table = scoreTable(maps);
  return {
    title: 'Connectivity',
    text: [
      describeReadings(connectivity),
      ...(table
        ? [attentionVerdict(maps)]
        : ['The true wiring is unknown, so the maps have no scores.']),
    ],
    tables: table ? [table] : [],
    figures,
  };
}

/** What the maps were read from, in sentences. */
function describeReadings({ maps, windows, ablationWindows }: Connectivity): string {
  const read = [
    ...(windows > 0 ? [`attention from ${formatCount(windows)} windows`] : []),
    ...(ablationWindows > 0 ? [`ablation from ${formatCount(ablationWindows)}`] : []),
    ...(maps.some(({ name }) => name === 'coupling')
      ? ['coupling from the weights of the spike history']
      : []),
  ].join(', ');
  return `Read were ${read}. They show what the model depends on, not what causes what. Spikes of one time bin have no order, so attention and ablation were read again with ties in another order.`;
}

/** The scores of every connectivity map against the true wiring; undefined if that is unknown. */
export function scoreTable(maps: readonly ConnectivityMap[]): Table | undefined {
  const scored = maps.flatMap((map) => (map.scores ? [{ ...map, scores: map.scores }] : []));
  if (scored.length === 0) return undefined;
  const columns = hasInhibition(maps) ? SIGNED_COLUMNS : COLUMNS;
  return {
    title: 'Maps against the true wiring',
    caption: columns === COLUMNS ? CAPTION : SIGNED_CAPTION,
    head: ['map', '', ...columns.map(([title]) => title)],
    rows: scored.map(({ title, kind, scores }) => [
      title,
      METHOD_KINDS[kind],
      ...columns.map(([, key]) => (key in scores ? formatNumber(scores[key]!) : NO_SCORE)),
    ]),
  };
}

/** The score of a map that cannot have it. */
const NO_SCORE = '–';

type ScoreColumn = readonly [title: string, key: keyof EdgeScores];

const CAPTION =
  'AUROC: probability that a strong edge ranks above another pair, over all pairs and over pairs within groups. Direction: share of strong one-way edges whose direction the map gets right. Hubs: share of hubs among equally many sources with the largest column sums. r2 and Spearman: correlation with the weights of all pairs.';
const COLUMNS: readonly ScoreColumn[] = [
  ['AUROC', 'auroc'],
  ['within groups', 'aurocWithin'],
  ['direction', 'direction'],
  ['hubs', 'hubRecall'],
  ['r2', 'r2'],
  ['Spearman', 'spearman'],
];

const SIGNED_CAPTION =
  'AUROC: probability that a strong edge of either sign is larger in magnitude than a pair without a connection. Excitation, inhibition: probability that an edge of that sign ranks above such a pair, or below it. Sign: share of strong edges whose sign the map gets right; attention has none. Direction: share of strong one-way edges that are larger in magnitude than the pair in the other direction. r2 and Spearman: correlation with the weights of all pairs.';
const SIGNED_COLUMNS: readonly ScoreColumn[] = [
  ['AUROC', 'aurocMagnitude'],
  ['excitation', 'aurocExcitatory'],
  ['inhibition', 'aurocInhibitory'],
  ['sign', 'signAccuracy'],
  ['direction', 'directionMagnitude'],
  ['r2', 'r2'],
  ['Spearman', 'spearman'],
];

/** Whether some strong edges inhibit, so that maps are scored by their magnitudes. */
function hasInhibition(maps: readonly ConnectivityMap[]): boolean {
  return maps.some(({ scores }) => Number.isFinite(scores?.aurocInhibitory));
}

/**
 * Whether attention beats Pearson correlation, whether it is better than that of an untrained
 * model, and what coupling finds; empty if maps have no scores.
 */
export function attentionVerdict(maps: readonly ConnectivityMap[]): string {
  const isSigned = hasInhibition(maps);
  const scores = (name: string) => {
    const found = maps.find((map) => map.name === name)?.scores;
    return found && judgedScores(found, isSigned);
  };
  const [attention, coupling] = [scores('attention'), scores('coupling')];
  const pearsons = [scores('pearson10'), scores('pearson50')].flatMap((s) => (s ? [s] : []));
  if (![attention, coupling].some(Boolean) || pearsons.length === 0) return '';
  if ([attention, coupling].some((s) => s && ![s.auroc, s.direction].every(Number.isFinite)))
    return 'The true wiring has no strong one-way edges to score the maps by.';
  return [
    ...(attention ? [compareWithPearson('Attention', attention, pearsons)] : []),
    ...(attention ? compareWithLagged(maps, attention, isSigned) : []),
    ...compareWithUntrained(maps, isSigned),
    ...(coupling && !attention ? [compareWithPearson('Coupling', coupling, pearsons)] : []),
    ...bestSentence(maps, attention ?? coupling!, isSigned),
  ].join(' ');
}

/** The scores that a verdict is about. */
interface JudgedScores {
  readonly auroc: number;
  readonly direction: number;
}

function judgedScores(scores: EdgeScores, isSigned: boolean): JudgedScores {
  return isSigned
    ? { auroc: scores.aurocMagnitude, direction: scores.directionMagnitude }
    : { auroc: scores.auroc, direction: scores.direction };
}

function compareWithPearson(
  name: string,
  map: JudgedScores,
  pearsons: readonly JudgedScores[],
): string {
  const auroc = Math.max(...pearsons.map((s) => s.auroc));
  const direction = Math.max(...pearsons.map((s) => s.direction));
  const beats = map.auroc > auroc && map.direction > direction;
  const numbers = `AUROC of strong edges ${map.auroc.toFixed(3)} against ${auroc.toFixed(3)}, direction ${map.direction.toFixed(3)} against ${direction.toFixed(3)}`;
  return `${name} ${beats ? 'beats' : 'does not beat'} Pearson correlation on both: ${numbers}.`;
}

function compareWithLagged(
  maps: readonly ConnectivityMap[],
  attention: JudgedScores,
  isSigned: boolean,
): string[] {
  const lagged = maps.find(({ name }) => name === (isSigned ? 'lagged40' : 'lagged'));
  const { auroc = Number.NaN } = lagged?.scores ? judgedScores(lagged.scores, isSigned) : {};
  if (!lagged || !Number.isFinite(auroc)) return [];
  const range = lagged.title.replace('Lagged, ', '');
  return [
    `Lagged correlation, the ${range}, ${compareAuroc(auroc, attention.auroc)} (AUROC ${auroc.toFixed(3)}).`,
  ];
}

/** Sentences where attention tells no more than that of an untrained model. */
function compareWithUntrained(maps: readonly ConnectivityMap[], isSigned: boolean): string[] {
  const [attention, untrained] = ['attention', 'untrained'].map(
    (wanted) => maps.find(({ name }) => name === wanted)?.scores,
  );
  if (!attention || !untrained) return [];
  const [of, against] = [judgedScores(attention, isSigned), judgedScores(untrained, isSigned)];
  if (of.auroc > against.auroc + AUROC_TOLERANCE) return [];
  const sentence = `It is no better than the attention of an untrained model (AUROC ${of.auroc.toFixed(3)} and ${against.auroc.toFixed(3)})`;
  if (!isSigned) return [`${sentence}: what it finds here was not learned.`];
  const [excitation, control] = [attention.aurocExcitatory, untrained.aurocExcitatory];
  return [
    `${sentence}, since it has no sign.`,
    ...(excitation > control + AUROC_TOLERANCE
      ? [
          `Of connections that excite it finds more (AUROC ${excitation.toFixed(3)} and ${control.toFixed(3)}).`,
        ]
      : []),
  ];
}

/** A sentence on the map that finds the edges best, where it is not the one that is judged. */
function bestSentence(
  maps: readonly ConnectivityMap[],
  judged: JudgedScores,
  isSigned: boolean,
): string[] {
  const candidates = maps.flatMap(({ title, kind, scores }) =>
    scores && kind !== 'control' ? [{ title, scores, ...judgedScores(scores, isSigned) }] : [],
  );
  const best = candidates.reduce((p, q) => (q.auroc > p.auroc ? q : p));
  if (best.auroc <= judged.auroc + AUROC_TOLERANCE) return [];
  const { signAccuracy } = best.scores;
  const sign = isSigned && signAccuracy !== undefined ? `, sign ${signAccuracy.toFixed(3)}` : '';
  return [
    `Best here: ${best.title} (AUROC ${best.auroc.toFixed(3)}, direction ${best.direction.toFixed(3)}${sign}).`,
  ];
}

/** Difference of two AUROCs that says nothing. */
const AUROC_TOLERANCE = 0.005;

/** How well a map does beside attention, by their AUROCs. */
function compareAuroc(other: number, attention: number): string {
  if (other > attention + AUROC_TOLERANCE) return 'does better';
  return other < attention - AUROC_TOLERANCE ? 'does worse' : 'does as well';
}
