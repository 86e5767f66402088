/**
 * The decode stage: decodes variables with a run's model and with baselines, and scores all on the
 * same windows.
 */

import { commonStep, type DecodedVariable, runLengths } from '../analyze/decoded-variable.js';
import { blockCount, scoreWithIntervals } from '../analyze/decoding-scores.js';
import { spikeBaselines } from '../analyze/spike-baselines.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { decodeWindows, predictedVariables, recordedValues } from '../probe/decode.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import type { Trial } from '../recording/recording.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import {
  describeAnyPart,
  loadModel,
  type OpenedRun,
  openRun,
  windowsInPart,
} from '../train/open-run.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { TIME_COLUMNS, variableColumns, writeDecoded, writeDecodedNwb } from './result-files.js';
import { trainOnce } from './train-once.js';

/** What to decode, and what to compare it with. */
export interface DecodeSettings {
  /** The part of the split to decode. Default: 'test'. */
  readonly part?: Part | 'all';
  /** Whether to fit and train the baselines as well. Default: false. */
  readonly baselines?: boolean;
  /**
   * Bin width of the spike counts that ridge, lasso and Bayes read, in seconds. Default: the time
   * step of decoding.
   */
  readonly bin?: number;
  /**
   * Numbers of bins of history that ridge, lasso and Bayes read. Default: 10, and as many as a
   * window spans.
   */
  readonly histories?: readonly number[];
  /** Length of a bootstrap block in seconds. Default: 10. */
  readonly block?: number;
  /** Seed of the bootstrap. Default: 1. */
  readonly seed?: number;
}

const DEFAULTS = { part: 'test', baselines: false, block: 10, seed: 1 } as const;

type CompleteSettings = DecodeSettings & Required<Pick<DecodeSettings, keyof typeof DEFAULTS>>;

/**
 * Baselines trained on the engine, by the name of their folder; `key` is their switch in the
 * configuration.
 */
const NEURAL_BASELINES = {
  mlp: { name: 'MLP', key: 'mlp_only' },
  gru: { name: 'GRU, causal', key: 'gru_only' },
  gru2: { name: 'GRU, both directions', key: 'gru2_only' },
} as const;

type NeuralKind = keyof typeof NEURAL_BASELINES;
const NEURAL_KINDS = Object.keys(NEURAL_BASELINES) as NeuralKind[];
/** Bins in the shorter history of the baselines that read spike counts. */
const SHORT_HISTORY = 10;

/** Which baseline a configuration describes; undefined if it describes a Neuroformer. */
function neuralKind(config: ModelConfig): NeuralKind | undefined {
  return NEURAL_KINDS.find((kind) => config[NEURAL_BASELINES[kind].key]);
}

function methodName(config: ModelConfig): string {
  const kind = neuralKind(config);
  return kind ? NEURAL_BASELINES[kind].name : 'Neuroformer';
}

/** How much a model reads; the MLP reads no past. */
function spikesRead(config: ModelConfig): string {
  const { curr, prev } = config.window;
  return `${formatSeconds(neuralKind(config) === 'mlp' ? curr : curr + prev)} of spikes`;
}

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
  const variables = await decodeRun(run, refs, 'the model', context);
  const step = commonStep(refs) ?? windows.settings.current;
  const blocks = {
    segments: runLengths(refs),
    block: Math.max(1, Math.round(complete.block / step)),
    seed: complete.seed,
  };
  const score = (name: string, detail: string, decoded: readonly DecodedVariable[]) => ({
    name,
    detail,
    scores: Object.fromEntries(
      decoded.map((variable) => [variable.name, scoreWithIntervals(variable, blocks)]),
    ),
  });
  const methods: MethodScores[] = [
    score(methodName(run.config), spikesRead(run.config), variables),
  ];
  if (complete.baselines) {
    const trained = await trainedBaselines(run, refs, context);
    for (const { name, detail, decoded } of trained) methods.push(score(name, detail, decoded));
    const inputs = baselineInputs(run, refs, complete, step);
    for (const { name, detail, variables: decoded } of spikeBaselines(inputs)) {
      context.watcher.progress({ activity: `baselines: ${name}` });
      if (decoded) methods.push(score(name, detail, decoded));
      else context.watcher.note(`${name} is left out: ${detail}.`);
    }
  }
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
    block: complete.block,
    blocks: Math.round(blockCount(blocks)),
    trained: split.train.length,
    notes: caveats(run, complete),
  };
  const { store } = run.records;
  await writeDecoded(store, results, dataset.recording);
  await writeDecodedNwb(store, results, dataset.recording, run.facts.started);
  return results;
}

/** Reasons to read the scores with care, in sentences. */
function caveats(
  { layout, facts, split, weights }: OpenedRun,
  { part, baselines }: CompleteSettings,
): string[] {
  const inputs = layout.variables.filter(({ setting }) => !setting.predict);
  const inputNames = [...(layout.frames ? ['video'] : []), ...inputs.map(({ name }) => name)];
  return [
    ...(part === 'train' || part === 'all'
      ? ['These windows include training windows, so the scores say little about new data.']
      : []),
    ...split.caveats,
    ...(part === 'validation' && weights.startsWith('best')
      ? ['The weights were selected on these windows, so the scores are slightly optimistic.']
      : []),
    ...(baselines && inputNames.length > 0
      ? [`The model also reads ${inputNames.join(', ')}; the baselines read only spikes.`]
      : []),
    ...(baselines && facts.from !== undefined
      ? ['The model was fine-tuned from another model; the baselines were trained from scratch.']
      : []),
  ];
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

/** Windows in order of their ends on the session clock. */
function inTimeOrder(refs: readonly WindowRef[], trials: readonly Trial[]): WindowRef[] {
  const time = ({ trialIndex, end }: WindowRef) => trials[trialIndex]!.start + end;
  return [...refs].sort((p, q) => time(p) - time(q));
}

/**
 * Decodes every predicted variable of some windows with a run's model.
 *
 * @param decoder the model's name in progress lines.
 * @throws StoppedError where the watcher stops it.
 */
export function decodeRun(
  run: OpenedRun,
  refs: readonly WindowRef[],
  decoder: string,
  { engine: source, watcher }: Required<StageOptions>,
): Promise<DecodedVariable[]> {
  const { layout, windows } = run;
  const activity = `decoding with ${decoder}`;
  return stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      for (const note of loaded.notes) watcher.note(note);
      const inputs = { engine, model: loaded.model, layout, windows };
      return await decodeWindows(inputs, refs, (done) =>
        stopping.progress({ activity, done, total: refs.length, unit: 'windows' }),
      );
    }),
  );
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
) {
  const { current, past } = windows.settings;
  const binSeconds = bin ?? Math.min(step, current + past);
  const windowBins = Math.max(1, Math.round((current + past) / binSeconds));
  return {
    windows,
    truth: (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs),
    train: split.train,
    test,
    bin: binSeconds,
    histories: histories ?? [...new Set([Math.min(SHORT_HISTORY, windowBins), windowBins])],
  };
}

/**
 * Trains the baselines that are not trained yet, each in a folder of the run's store, and decodes
 * with all of them.
 */
async function trainedBaselines(
  run: OpenedRun,
  refs: readonly WindowRef[],
  context: Required<StageOptions>,
) {
  const results: { name: string; detail: string; decoded: DecodedVariable[] }[] = [];
  const { config, facts, split, dataset } = run;
  // Baselines start from random weights, so none of these may be frozen.
  const settings = { ...facts.training, freeze: [] };
  const updates = totalUpdates(settings, split.train.length);
  for (const kind of NEURAL_KINDS) {
    if (kind === neuralKind(config)) continue;
    const { name } = NEURAL_BASELINES[kind];
    const store = run.records.store.within(`baselines/${kind}`);
    const baseline = baselineConfig(config, kind);
    const request = { dataset, store, config: baseline, settings, force: true };
    await trainOnce(request, updates, context, () =>
      context.watcher.note(`Training the ${name} baseline.`),
    );
    const trained = await openRun(store, dataset);
    const decoded = await decodeRun(trained, refs, name, context);
    results.push({ name, detail: spikesRead(baseline), decoded });
  }
  return results;
}

/** The configuration of a baseline: the model's, with that baseline switched on. */
function baselineConfig(config: ModelConfig, kind: NeuralKind): ModelConfig {
  const flags = Object.fromEntries(
    NEURAL_KINDS.map((other) => [NEURAL_BASELINES[other].key, other === kind] as const),
  );
  const baseline = { ...config, ...flags };
  if (kind !== 'gru2') return baseline;
  // The second GRU of each layer runs backward through the window. The window ends at the time that
  // is decoded.
  return { ...baseline, rules: { ...baseline.rules, causal_gru: false } };
}
