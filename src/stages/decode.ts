/**
 * The decode stage: decodes variables with a run's model and with baselines, and scores all on the
 * same windows.
 */

import { blockCount } from '../analyze/bootstrap.js';
import { chanceDecoders } from '../analyze/chance.js';
import {
  atRows,
  commonStep,
  type DecodedVariable,
  runLengths,
} from '../analyze/decoded-variable.js';
import { SCORE_COLUMNS, scoreBeside, scoreWithIntervals } from '../analyze/decoding-scores.js';
import {
  type BaselineInputs,
  type BaselineResult,
  spikeBaselines,
} from '../analyze/spike-baselines.js';
import { Turns } from '../ports/turns.js';
import { decodedValues, predictedVariables, recordedValues } from '../probe/decode.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import { stimulusNames } from '../probe/stimulus-rows.js';
import { type Recording, type Trial, variableNames } from '../recording/recording.js';
import { valueAt } from '../recording/sampling.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { Condition } from '../text/condition.js';
import { formatCount, formatList, NO_SCORE } from '../text/format.js';
import { describeAnyPart, describePart, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import {
  type DecodedMethod,
  decodeFromStimulus,
  decodeSpikesOnly,
  decodeWithCountNetworks,
  decodeWithTokenBaselines,
  ensemble,
  modelName,
  predictRun,
  whatIsRead,
} from './decode-methods.js';
import { UsageError } from './errors.js';
import { TIME_COLUMNS, variableColumns, writeDecoded } from './result-files.js';

/** What to decode, and what to compare it with. */
export interface DecodeSettings {
  /** The part of the split to decode. Default: 'test'. */
  readonly part?: Part | 'all';
  /**
   * Whether to fit and train the baselines as well. Where the model reads more than spikes, the
   * same model with spikes alone and decoders of the stimulus alone are among them. Default: false.
   */
  readonly baselines?: boolean;
  /**
   * Whether to train the baselines of the original as well, which have a perceptron or GRUs instead
   * of attention. Each takes about as long as the model. Default: false.
   */
  readonly tokenBaselines?: boolean;
  /**
   * Number of models whose mean is decoded as well: the run's own and others that differ in their
   * seeds alone. Default: 1, no such mean.
   */
  readonly ensemble?: number;
  /**
   * Bin width of the spike counts that baselines read, in seconds. Default: the time
   * step of decoding.
   */
  readonly bin?: number;
  /**
   * Numbers of bins of history that baselines read; there is one ridge for each, and the others
   * read the last. Default: 10, and as many as a window spans.
   */
  readonly histories?: readonly number[];
  /**
   * Moments that are scored by themselves as well: where a variable of the recording fulfills this
   * condition at the end of the window, such as `speed > 2`. Default: none.
   */
  readonly when?: string;
  /** Length of a bootstrap block in seconds. Default: 10. */
  readonly block?: number;
  /** Seed of the bootstrap. Default: 1. */
  readonly seed?: number;
}

const DEFAULTS = {
  part: 'test',
  baselines: false,
  tokenBaselines: false,
  ensemble: 1,
  block: 10,
  seed: 1,
} as const;

type CompleteSettings = DecodeSettings & Required<Pick<DecodeSettings, keyof typeof DEFAULTS>>;

/** Bins in the shorter history of the baselines that read spike counts. */
const SHORT_HISTORY = 10;

/**
 * Decodes a part of a run's recording, and writes the results into the run's store.
 *
 * Baselines that need training are trained into the run's store once, and read from there
 * afterwards.
 *
 * @throws UsageError where the model decodes no variable, the part has no windows, or two columns
 *   would share a name;
 * StoppedError where the watcher stops decoding or the training of a baseline.
 */
export async function decode(
  run: OpenedRun,
  settings: DecodeSettings,
  options: StageOptions,
): Promise<DecodedResults> {
  const context = stageContext(options);
  const complete: CompleteSettings = { ...DEFAULTS, ...settings };
  const { windows, layout, split, dataset } = run;
  const decodable = predictedVariables(layout);
  if (decodable.length === 0) {
    throw new UsageError(
      'This model decodes no variables: set predict: true for one under modalities, then train or fine-tune a model.',
    );
  }
  const refs = inTimeOrder(windowsInPart(split, complete.part), dataset.recording.trials);
  if (refs.length === 0)
    throw new UsageError(
      `There are no windows in ${describeAnyPart(complete.part)}: choose another part of the split.`,
    );
  checkColumns(decodable.map(({ name }) => name));
  const moments =
    complete.when === undefined ? undefined : momentsWhen(complete.when, refs, dataset.recording);
  const own = await predictRun(run, refs, 'the model', context);
  const variables = decodedValues(own);
  const step = commonStep(refs) ?? windows.settings.current;
  const blocksOf = (scored: readonly WindowRef[]) => ({
    segments: runLengths(scored),
    block: Math.max(1, Math.round(complete.block / step)),
    seed: complete.seed,
  });
  const blocks = blocksOf(refs);
  const momentBlocks = moments && blocksOf(moments.rows.map((row) => refs[row]!));
  const conditional = (decoded: readonly DecodedVariable[]) =>
    momentBlocks && {
      conditional: byName(decoded, (variable) =>
        scoreWithIntervals(atRows(variable, moments.rows), momentBlocks),
      ),
    };
  const methods: MethodScores[] = [
    {
      name: modelName(run.config),
      detail: whatIsRead(run),
      scores: byName(variables, (variable) => scoreWithIntervals(variable, blocks)),
      ...conditional(variables),
    },
  ];
  const add = (...decoders: readonly DecodedMethod[]) => {
    for (const { name, detail, decoded } of decoders) {
      // Bayes decodes some kinds of variables only.
      const compared = byName(decoded, (variable) =>
        scoreBeside(variable, variables.find((own) => own.name === variable.name)!, blocks),
      );
      methods.push({
        name,
        detail,
        scores: mapValues(compared, ({ scores }) => scores),
        ...conditional(decoded),
        modelMinusThis: mapValues(compared, ({ otherMinusThis }) => otherMinusThis),
      });
    }
  };
  const readsStimulus = stimulusNames(layout).length > 0;
  if (complete.ensemble > 1) add(await ensemble(run, refs, own, complete.ensemble, context));
  if (complete.baselines && readsStimulus) add(await decodeSpikesOnly(run, refs, context));
  if (complete.tokenBaselines) add(...(await decodeWithTokenBaselines(run, refs, context)));
  if (complete.baselines) {
    const { seed } = run.facts.training;
    const inputs = baselineInputs(run, refs, complete, step);
    add(...(await decodeWithCountNetworks(inputs, seed, context)));
    if (readsStimulus) add(...(await decodeFromStimulus(run, inputs, seed, context)));
    for (const { name, detail, variables: decoded } of await fitBaselines(inputs, context)) {
      if (decoded) add({ name, detail, decoded });
      else context.watcher.note(`${name} is left out: ${detail}.`);
    }
  }
  const trained = recordedValues(layout, windows, split.train);
  for (const { name, detail, variables: decoded } of chanceDecoders(trained, variables))
    add({ name, detail, decoded });
  const results: DecodedResults = {
    part: complete.part,
    weights: run.weights,
    refs,
    variables,
    units: Object.fromEntries(
      decodable.flatMap(({ name, setting }) => {
        const unit = dataset.units[setting.data ?? name];
        return unit === undefined ? [] : [[name, unit] as const];
      }),
    ),
    methods,
    ...(moments && { when: { condition: moments.condition, windows: moments.rows.length } }),
    block: complete.block,
    blocks: Math.round(blockCount(blocks)),
    trained: split.train.length,
    notes: [
      ...caveats(run, complete),
      ...targetNotes(variables, trained, complete.part),
      ...notesOnScores(methods, variables),
    ],
  };
  const { store } = run.records;
  await writeDecoded(store, results, dataset.recording, run.facts.started);
  return results;
}

/** Something about each variable, by its name. */
function byName<T>(
  variables: readonly DecodedVariable[],
  of: (variable: DecodedVariable) => T,
): Record<string, T> {
  return Object.fromEntries(variables.map((variable) => [variable.name, of(variable)]));
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));
}

/** Fits the baselines that read spike counts, one after the other. */
function fitBaselines(
  inputs: BaselineInputs,
  { watcher }: Required<StageOptions>,
): Promise<BaselineResult[]> {
  return stoppable(watcher, async (stopping) => {
    const baselines = spikeBaselines(inputs);
    const results: BaselineResult[] = [];
    for (const [done, baseline] of baselines.entries()) {
      const activity = `baselines, ${baseline.name}`;
      const report = () =>
        stopping.progress({ activity, done, total: baselines.length, unit: 'decoders' });
      report();
      results.push(await baseline.decode(new Turns(report)));
    }
    return results;
  });
}

/** Reasons to read the scores with care, in sentences. */
function caveats(
  { layout, facts, split, weights }: OpenedRun,
  { part, baselines, tokenBaselines, ensemble: models }: CompleteSettings,
): string[] {
  const inputNames = stimulusNames(layout);
  return [
    ...(part === 'train' || part === 'all'
      ? ['These windows include training windows, so the scores say little about new data.']
      : []),
    ...split.caveats,
    ...(part === 'validation' && weights.file.startsWith('best')
      ? ['The weights were selected on these windows, so the scores are slightly optimistic.']
      : []),
    ...(baselines && inputNames.length > 0
      ? [
          `The model also reads ${inputNames.join(', ')}. What these alone give is in the rows of the stimulus alone; the model of spikes only compares with the baselines on spikes.`,
        ]
      : []),
    ...((baselines || tokenBaselines || models > 1) && facts.from !== undefined
      ? ['The model was fine-tuned from another model; all others were trained from scratch.']
      : []),
  ];
}

/** What a dash in the tables means, in a sentence; none where every score exists. */
function notesOnScores(
  methods: readonly MethodScores[],
  variables: readonly DecodedVariable[],
): string[] {
  const isMissing = methods.some(({ scores }) =>
    variables.some(({ name, kind }) =>
      SCORE_COLUMNS[kind].some(({ key }) => !Number.isFinite(scores[name]?.[key]?.value)),
    ),
  );
  return isMissing
    ? [
        `${NO_SCORE} stands for a score that does not exist, such as r of a decoder that always says the same.`,
      ]
    : [];
}

/** Reasons why the scores of a variable say little, in sentences. */
function targetNotes(
  variables: readonly DecodedVariable[],
  trained: readonly DecodedVariable[],
  part: Part | 'all',
): string[] {
  return variables.flatMap(({ name, kind, truth }) => {
    const distinct = (values: Iterable<unknown>) => new Set(values);
    const tested = distinct(truth);
    if (tested.size === 1) {
      const what = kind === 'class' ? 'one class' : 'one value';
      return [
        `${name} has only ${what} in ${describePart(part)}, ${[...tested][0]}: whoever always says it is right, so its scores say nothing.`,
      ];
    }
    if (kind !== 'class') return [];
    const learned = distinct(trained.find((variable) => variable.name === name)?.truth ?? []);
    const unknown = [...tested].filter((value) => !learned.has(value)).map(String);
    return unknown.length > 0
      ? [
          `Training windows have no ${formatList(unknown, 3)}, which ${name} has in ${describePart(part)}: no decoder can say it.`,
        ]
      : [];
  });
}

/**
 * Checks the columns of decoded.csv, two for each variable.
 *
 * @throws UsageError where two would share a name.
 */
function checkColumns(names: readonly string[]): void {
  const columns = [...TIME_COLUMNS, ...names.flatMap((name) => variableColumns(name))];
  const duplicate = columns.find((column, n) => columns.indexOf(column) < n);
  if (duplicate !== undefined)
    throw new UsageError(
      `decoded.csv would have two columns named ${duplicate}: rename the variable in the configuration, and give its name in the recording as data.`,
    );
}

/**
 * The rows at whose ends a condition holds.
 *
 * @throws ConfigError where it is no condition; UsageError where the recording has no such
 *   variable, or it holds at fewer than two.
 */
function momentsWhen(text: string, refs: readonly WindowRef[], recording: Recording) {
  const condition = new Condition(text);
  const names = variableNames(recording);
  if (!names.includes(condition.name))
    throw new UsageError(
      `when is ${condition.text}, but the recording has no variable ${condition.name}; it has ${formatList(names, 20) || 'none'}.`,
    );
  const isNumeric = recording.trials.some(
    ({ variables }) => typeof variables[condition.name]?.values[0] === 'number',
  );
  if (isNumeric && condition.isOfText)
    throw new UsageError(
      `when is ${condition.text}, but ${condition.name} is a number: compare it with one, such as ${condition.name} > 0.`,
    );
  const holdsAt = ({ trialIndex, end }: WindowRef) => {
    const variable = recording.trials[trialIndex]!.variables[condition.name];
    const value = variable && valueAt(variable, end);
    return value !== undefined && condition.holds(value);
  };
  const rows = [...refs.keys()].filter((row) => holdsAt(refs[row]!));
  if (rows.length < 2)
    throw new UsageError(
      `${condition.text} holds at the end of ${rows.length} of ${formatCount(refs.length)} windows, too few to be scored: choose another condition.`,
    );
  return { condition: condition.text, rows };
}

/** Windows in order of their ends on the session clock. */
function inTimeOrder(refs: readonly WindowRef[], trials: readonly Trial[]): WindowRef[] {
  const time = ({ trialIndex, end }: WindowRef) => trials[trialIndex]!.start + end;
  return [...refs].sort((p, q) => time(p) - time(q));
}

/**
 * What the baselines that read spike counts are fitted and tested on; the time step of decoding is
 * in seconds.
 */
function baselineInputs(
  { windows, layout, split }: OpenedRun,
  test: readonly WindowRef[],
  { bin, histories }: CompleteSettings,
  step: number,
): BaselineInputs {
  const { current, past } = windows.settings;
  const binSeconds = bin ?? Math.min(step, current + past);
  const windowBins = Math.max(1, Math.round((current + past) / binSeconds));
  const longest = Math.max(...windows.recording.trials.map(({ duration }) => duration));
  const mostBins = Math.max(windowBins, Math.floor(longest / binSeconds));
  const tooLong = histories?.find((count) => count > mostBins);
  if (tooLong !== undefined)
    throw new UsageError(
      `A history of ${tooLong} bins of ${binSeconds} s is longer than any trial: choose at most ${mostBins}.`,
    );
  return {
    windows,
    truth: (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs),
    train: split.train,
    test,
    bin: binSeconds,
    histories: histories ?? [...new Set([Math.min(SHORT_HISTORY, windowBins), windowBins])],
  };
}
