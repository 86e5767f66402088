/** The stage of decoding: a run's model and the baselines on the same windows, scored in the same way. */

import { commonStep, type DecodedVariable, runLengths } from '../analyze/decoded-variable.js';
import { blocksIn, scoreWithIntervals } from '../analyze/decoding-scores.js';
import { linearBaselines } from '../analyze/linear-baselines.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { decodeWindows, predictedVariables, recordedValues } from '../probe/decode.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import type { Trial } from '../recording/recording.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, openRun, windowsInPart } from '../train/open-run.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext } from './context.js';
import { UsageError } from './errors.js';
import { TIME_COLUMNS, variableColumns, writeDecoded, writeDecodedNwb } from './result-files.js';
import { trainOnce } from './train-once.js';

export interface DecodeSettings {
  /** Which part of the split. Default 'test'. */
  readonly part?: Part | 'all';
  /** Whether baselines are fitted and trained, too. Default: not. */
  readonly baselines?: boolean;
  /** Seconds of a bin of the linear ones' counts, and how many bins they look back; default: 10, and as a window reads. */
  readonly bin?: number;
  readonly histories?: readonly number[];
  /** Seconds of a block of the bootstrap. Default 10. */
  readonly block?: number;
  /** Of the bootstrap. Default 1. */
  readonly seed?: number;
}

const DEFAULTS = { part: 'test', baselines: false, block: 10, seed: 1 } as const;

type DecodeStage = DecodeSettings & Required<Pick<DecodeSettings, keyof typeof DEFAULTS>>;

/** The baselines that are trained on the engine, by the folder they go to. */
const NEURAL_BASELINES = {
  mlp: { name: 'MLP', key: 'mlp_only' },
  gru: { name: 'GRU, causal', key: 'gru_only' },
  gru2: { name: 'GRU, both directions', key: 'gru2_only' },
} as const;

type NeuralKind = keyof typeof NEURAL_BASELINES;
const NEURAL_KINDS = Object.keys(NEURAL_BASELINES) as NeuralKind[];
/** Bins that the shorter history of the linear baselines has. */
const SHORT_HISTORY = 10;

/** Which baseline a configuration is; undefined of the model itself. */
function neuralKind(config: ModelConfig): NeuralKind | undefined {
  return NEURAL_KINDS.find((kind) => config[NEURAL_BASELINES[kind].key]);
}

function methodName(config: ModelConfig): string {
  const kind = neuralKind(config);
  return kind ? NEURAL_BASELINES[kind].name : 'Neuroformer';
}

/** How much a model reads: the MLP has no past. */
function spikesRead(config: ModelConfig): string {
  const { curr, prev } = config.window;
  return `${formatSeconds(neuralKind(config) === 'mlp' ? curr : curr + prev)} of spikes`;
}

/**
 * Decodes a part of a run's recording, and writes what comes of it into the run's store.
 *
 * @throws UsageError where the model decodes nothing, or the part has no windows.
 */
export async function decode(
  run: OpenedRun,
  settings: DecodeSettings,
  options: StageOptions,
): Promise<DecodedResults> {
  const context = stageContext(options);
  const stage: DecodeStage = { ...DEFAULTS, ...settings };
  const { windows, layout, split, dataset } = run;
  const decodable = predictedVariables(layout);
  if (decodable.length === 0) {
    throw new UsageError(
      'This model decodes nothing: name variables with predict: true under modalities, and train or finetune it.',
    );
  }
  const refs = inOrder(windowsInPart(split, stage.part), dataset.recording.trials);
  if (refs.length === 0)
    throw new UsageError(`The ${stage.part} part has no windows: decode another with --part.`);
  checkColumns(decodable.map(({ name }) => name));
  const variables = await decodeRun(run, refs, 'the model', context);
  const step = commonStep(refs) ?? windows.settings.current;
  const blocks = {
    segments: runLengths(refs),
    block: Math.max(1, Math.round(stage.block / step)),
    seed: stage.seed,
  };
  const scored = (name: string, detail: string, decoded: readonly DecodedVariable[]) => ({
    name,
    detail,
    scores: Object.fromEntries(decoded.map((own) => [own.name, scoreWithIntervals(own, blocks)])),
  });
  const methods: MethodScores[] = [
    scored(methodName(run.config), spikesRead(run.config), variables),
  ];
  if (stage.baselines) {
    const trained = await trainedBaselines(run, refs, context);
    for (const { name, detail, decoded } of trained) methods.push(scored(name, detail, decoded));
    const inputs = linearInputs(run, refs, stage, step);
    for (const { name, detail, variables: decoded } of linearBaselines(inputs)) {
      context.watcher.progress({ activity: `baselines: ${name}` });
      if (decoded) methods.push(scored(name, detail, decoded));
      else context.watcher.note(`${name} is left out: ${detail}.`);
    }
  }
  const results: DecodedResults = {
    part: stage.part,
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
    block: stage.block,
    blocks: Math.round(blocksIn(blocks)),
    trained: split.train.length,
    notes: caveats(run, stage),
  };
  const files = run.records.store;
  await writeDecoded(files, results, dataset.recording);
  await writeDecodedNwb(files, results, dataset.recording, run.facts.started);
  return results;
}

/** What scores of these windows mean, where it is not what one would think: sentences. */
function caveats(
  { layout, facts, split, weights }: OpenedRun,
  { part, baselines }: DecodeStage,
): string[] {
  const others = layout.variables.filter(({ setting }) => !setting.predict);
  const read = [...(layout.frames ? ['video'] : []), ...others.map(({ name }) => name)];
  return [
    ...(part === 'train' || part === 'all'
      ? [
          'These windows include those that were trained on, so the scores say little about new data.',
        ]
      : []),
    ...split.caveats,
    ...(part === 'validation' && weights.startsWith('best')
      ? ['The weights were chosen by these windows, so the scores are a little too good.']
      : []),
    ...(baselines && read.length > 0
      ? [`The model also reads ${read.join(', ')}; the baselines read spikes alone.`]
      : []),
    ...(baselines && facts.from !== undefined
      ? ['The model began from another that had been trained before; the baselines did not.']
      : []),
  ];
}

/** Every variable has two columns in decoded.csv. @throws UsageError where two columns would have one name. */
function checkColumns(names: readonly string[]): void {
  const columns = [...TIME_COLUMNS, ...names.flatMap((name) => variableColumns(name))];
  const twice = columns.find((column, n) => columns.indexOf(column) < n);
  if (twice !== undefined)
    throw new UsageError(
      `decoded.csv would have two columns ${twice}: call the variable something else in the configuration, and give its name in the recording as data.`,
    );
}

/** Windows in the order of the session's time. */
function inOrder(refs: readonly WindowRef[], trials: readonly Trial[]): WindowRef[] {
  const time = ({ trialIndex, end }: WindowRef) => trials[trialIndex]!.start + end;
  return [...refs].sort((p, q) => time(p) - time(q));
}

/**
 * Every variable of some windows, decoded by a run's model.
 *
 * @param who decodes, as the progress has it.
 */
export function decodeRun(
  run: OpenedRun,
  refs: readonly WindowRef[],
  who: string,
  { engine: source, watcher }: Required<StageOptions>,
): Promise<DecodedVariable[]> {
  const { layout, windows } = run;
  const activity = `decoding by ${who}`;
  return withEngine(source, async (engine) => {
    using loaded = await loadModel(engine, run);
    for (const note of loaded.notes) watcher.note(note);
    const inputs = { engine, model: loaded.model, layout, windows };
    return await decodeWindows(inputs, refs, (done) =>
      watcher.progress({ activity, done, total: refs.length, unit: 'windows' }),
    );
  });
}

function linearInputs(
  { windows, layout, split }: OpenedRun,
  test: readonly WindowRef[],
  { bin, histories }: DecodeStage,
  step: number,
) {
  const { current, past } = windows.settings;
  const seconds = bin ?? Math.min(step, current + past);
  const reach = Math.max(1, Math.round((current + past) / seconds));
  return {
    windows,
    truth: (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs),
    train: split.train,
    test,
    bin: seconds,
    histories: histories ?? [...new Set([Math.min(SHORT_HISTORY, reach), reach])],
  };
}

/** Trains what is not trained yet, each in a store of its own inside the run's, and decodes the same windows. */
async function trainedBaselines(
  run: OpenedRun,
  refs: readonly WindowRef[],
  context: Required<StageOptions>,
) {
  const results: { name: string; detail: string; decoded: DecodedVariable[] }[] = [];
  const { config, facts, split, dataset } = run;
  // A baseline begins from initial weights, which must learn.
  const settings = { ...facts.training, freeze: [] };
  const updates = totalUpdates(settings, split.train.length);
  for (const kind of NEURAL_KINDS) {
    if (kind === neuralKind(config)) continue;
    const { name } = NEURAL_BASELINES[kind];
    const store = run.records.store.within(`baselines/${kind}`);
    const own = configWith(config, kind);
    const stage = { dataset, store, config: own, settings, force: true };
    await trainOnce(stage, updates, context, () =>
      context.watcher.note(`Training the baseline ${name}.`),
    );
    const trained = await openRun(store, dataset);
    const decoded = await decodeRun(trained, refs, name, context);
    results.push({ name, detail: spikesRead(own), decoded });
  }
  return results;
}

function configWith(config: ModelConfig, kind: NeuralKind): ModelConfig {
  const flags = Object.fromEntries(
    NEURAL_KINDS.map((own) => [NEURAL_BASELINES[own].key, own === kind] as const),
  );
  const own = { ...config, ...flags };
  // Both directions: the second GRU of a layer runs backward through the window, which ends when it is decoded.
  return kind === 'gru2' ? { ...own, rules: { ...own.rules, causal_gru: false } } : own;
}
