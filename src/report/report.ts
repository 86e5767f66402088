/**
 * The report on a run: what ran, how it trained, and what it decoded, generated and showed of the
 * wiring.
 */

import { firingRates, type SpikeSegment, spikeTriggeredRate } from '../analyze/spike-trains.js';
import type { DrawSettings } from '../generate/sampler.js';
import { correlation } from '../math/statistics.js';
import { type OneWindowAheadScores, recordedSegments } from '../probe/generated.js';
import type { RateResults } from '../probe/rates.js';
import type {
  ConnectivityResults,
  DecodedResults,
  GeneratedResults,
  LabelResults,
  LatentResults,
  ProbeResults,
  StimulusResults,
} from '../probe/results.js';
import { fileNames } from '../text/file-names.js';
import { formatCount, formatDecimals, formatScore } from '../text/format.js';
import { describePart, type OpenedRun } from '../train/open-run.js';
import type { MetricLine } from '../train/run-records.js';
import { describeWeights } from '../train/weights.js';
import { decodedSection } from './decoded.js';
import type { Figure } from './draw.js';
import { type Answer, renderPage, type Section, type Table } from './html.js';
import { labelsSection } from './labels.js';
import { latentsSection } from './latents.js';
import { lossFigures, shownLosses } from './losses.js';
import { probesSection } from './probes.js';
import { ratesSection } from './rates.js';
import {
  describeCorrelation,
  intervalFigure,
  psthFigure,
  rasterFigure,
  rateFigure,
  spikeTriggeredFigure,
} from './spikes.js';
import { stimulusSection } from './stimulus.js';
import { wiringSection } from './wiring.js';

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
  /** Latents of a model with a contrastive loss. */
  readonly latents: LatentResults | undefined;
  /** A ladder of probes. */
  readonly probes: ProbeResults | undefined;
  /** Sentences on what does not belong together; empty if all does. */
  readonly warnings: readonly string[];
  /** Seconds that each stage took; empty if that is unknown. */
  readonly durations: readonly (readonly [stage: string, seconds: number])[];
}

/** A rendered report. */
export interface Report {
  /** The page as HTML, with all figures embedded. */
  readonly page: string;
  /** The figures of the page, to be kept as files as well. */
  readonly figures: readonly Figure[];
  /** The warnings that stand on the page. */
  readonly warnings: readonly string[];
}

/** Renders the report on a run. */
export async function renderReport(inputs: ReportInputs): Promise<Report> {
  const { run } = inputs;
  const sections = withFileNames([
    runSection(inputs),
    await trainingSection(inputs),
    ...(inputs.decoded ? [await decodedSection(inputs.decoded)] : []),
    ...(inputs.labels ? [await labelsSection(inputs.labels)] : []),
    ...(inputs.probes ? [await probesSection(inputs.probes)] : []),
    ...(inputs.latents ? [await latentsSection(inputs.latents)] : []),
    ...(inputs.generated ? [await generatedSection(run, inputs.generated)] : []),
    ...(inputs.rates ? [await ratesSection(inputs.rates)] : []),
    ...(inputs.clamped ? [await clampedSection(run, inputs.clamped)] : []),
    ...(inputs.connectivity ? [await wiringSection(inputs.connectivity, run.dataset.truth)] : []),
    ...(inputs.stimulus ? [await stimulusSection(inputs.stimulus, run.dataset.truth)] : []),
  ]);
  const lead = `${run.dataset.recording.name}; ${run.facts.started.slice(0, 16).replace('T', ' ')}.`;
  return {
    page: renderPage('Neuroformer report', lead, sections),
    figures: sections.flatMap(({ figures = [] }) => figures),
    warnings: inputs.warnings,
  };
}

/** Gives all figures names that their files can have. */
function withFileNames(sections: readonly Section[]): Section[] {
  const figures = sections.flatMap((section) => section.figures ?? []);
  const names = fileNames(figures.map(({ name }) => name));
  const named = new Map(figures.map((figure, n) => [figure, { ...figure, name: names[n]! }]));
  return sections.map((section) => ({
    ...section,
    figures: (section.figures ?? []).map((figure) => named.get(figure)!),
  }));
}

function runSection({ run, warnings, durations }: ReportInputs): Section {
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
    ['weights', describeWeights(run.weights)],
    ['seed', String(facts.training.seed)],
    ...durations.map(([stage, elapsed]): [string, string] => [stage, `${elapsed.toFixed(1)} s`]),
  ];
  return {
    title: 'Run',
    text: [...warnings, ...facts.notes],
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

async function trainingSection({ run, metrics }: ReportInputs): Promise<Section> {
  const last = (kind: string) => metrics.findLast((line) => line.kind === kind);
  const [train, validation] = [last('train'), last('validation')];
  const losses = [
    ...shownLosses(metrics, run.config),
    { name: 'loss', title: 'total, weighted', unit: '', weight: 1 },
  ];
  const cells = (line: MetricLine, { name, weight }: { name: string; weight: number }) => {
    const value = line.losses[name];
    return value === undefined ? '' : (value / weight).toFixed(4);
  };
  return {
    title: 'Training',
    text: train
      ? [
          `${train.step} updates, ${formatCount(train.tokens ?? 0)} tokens, ${train.seconds?.toFixed(0)} s.`,
        ]
      : ['No updates were logged.'],
    tables: train
      ? [
          {
            title: 'Final losses',
            caption: 'The total has the weight of each loss.',
            head: ['loss', 'unit', 'weight', 'training', ...(validation ? ['validation'] : [])],
            rows: losses.map((loss) => [
              loss.title,
              loss.unit,
              loss.name === 'loss' ? '' : `${Number(loss.weight.toPrecision(3))}`,
              cells(train, loss),
              ...(validation ? [cells(validation, loss)] : []),
            ]),
          },
        ]
      : [],
    figures: metrics.length > 0 ? await lossFigures(metrics, run.config, run.weights.step) : [],
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
  const { recording, truth } = run.dataset;
  const wiring = truth?.wiring;
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
      formatScore(scores.rateCorrelation),
      formatScore(scores.rateCorrelationRecorded),
    ],
    ['firing rates, r with the same segments', formatScore(scores.rateCorrelationSame), ''],
    [
      'mean rate (Hz)',
      formatScore(scores.meanRate.generated),
      formatScore(scores.meanRate.recorded),
    ],
    [
      'median interspike interval (s)',
      formatScore(scores.medianInterval.generated),
      formatScore(scores.medianInterval.recorded),
    ],
    ...(isAligned ? [['PSTH, r', formatScore(scores.psthCorrelation), '']] : []),
    ['rates around the spikes of one neuron, r', formatScore(triggered.r), ''],
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
          formatScore(windows.setF1),
          formatScore(windows.shuffledSetF1),
        ],
        [
          'next neuron correct (share of spikes)',
          formatScore(tokens.accuracy),
          formatScore(tokens.unigramAccuracy),
        ],
        ['bits per token', formatScore(tokens.bits), formatScore(tokens.unigramBits)],
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
      await rasterFigure(recorded[0]!, trials[0]!, shown, settings.past, wiring),
      await rateFigure(
        firingRates(recorded),
        firingRates(trials),
        scores.rateCorrelationSame,
        wiring?.hubs,
      ),
      await intervalFigure(recorded, trials, run.config.resolution.dt),
      await triggered.figure,
      ...(isAligned ? [await psthFigure(recorded, trials, bin, scores.psthCorrelation)] : []),
    ],
    answers: [generatedAnswer(generated, isAligned)],
  };
}

/** How generated spikes agree with the recording, and what the recording has itself. */
function generatedAnswer(
  { scores, tokens, clamped }: GeneratedResults,
  isAligned: boolean,
): Answer {
  const { rateCorrelation, rateCorrelationRecorded, psthCorrelation, meanRate } = scores;
  const rates = `mean rate ${formatDecimals(meanRate.generated, 2)} Hz, recorded ${formatDecimals(meanRate.recorded, 2)} Hz`;
  if (clamped) return { asked: 'Clamp neurons', answer: `${clamped} In the model, ${rates}.` };
  return {
    asked: `Generate ${scores.trials} trials of ${scores.seconds.toFixed(1)} s`,
    answer: [
      `Rates of neurons correlate with those of the recording by r = ${formatScore(rateCorrelation)}; those recorded at the same times, by ${formatScore(rateCorrelationRecorded)}; ${rates}${isAligned ? `; PSTHs correlate by ${formatScore(psthCorrelation)}` : ''}.`,
      ...(tokens
        ? [
            `One window ahead of the recorded past, a token has ${formatScore(tokens.bits)} bits; by its frequency in training alone, ${formatScore(tokens.unigramBits)}.`,
          ]
        : []),
    ].join(' '),
  };
}

/** Firing rates of windows, each from its recorded past, in the training and the test part. */
function oneWindowAheadTable(ahead: OneWindowAheadScores): Table {
  const { windows, train, test, recorded, meanRate } = ahead;
  return {
    title: 'Firing rates, one window ahead of the recorded past',
    caption: `Expected counts of ${formatCount(windows.train)} windows of the training part and ${formatCount(windows.test)} of the test part, which do not overlap: correlation over neurons with the recorded rates of the same windows. Baseline: the recorded rates of the training part.`,
    head: ['', 'model', 'baseline'],
    rows: [
      ['training part, r', formatScore(train), ''],
      ['test part, r', formatScore(test), formatScore(recorded)],
      [
        'mean rate in the test part (Hz), generated and recorded',
        formatScore(meanRate.generated),
        formatScore(meanRate.recorded),
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
  return `Drawn with ${describeWeights(weights)} from windows of ${describePart(part)}, seed ${seed}: ${describeHead('neurons', id)}; ${describeHead('times', time)}.`;
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
