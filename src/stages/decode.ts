/** The stage of decoding: a run's model and the baselines on the same windows, scored in the same way. */

import { join } from 'node:path';
import { blocksIn, scoresOf } from '../analyze/decoding-scores.js';
import { baselinesOf } from '../analyze/linear-baselines.js';
import { LiveLine, UsageError } from '../cli/terminal.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { makeFolder } from '../node/files.js';
import type { Engine } from '../node.js';
import {
  type DecodedVariable,
  decodedOf,
  decodeWindows,
  stretchesOf,
  usualStep,
} from '../probe/decode.js';
import type { Trial } from '../recording/recording.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import type { DecodedResults, MethodScores } from '../report/decoded.js';
import { inSeconds } from '../text/format.js';
import { stepsOf } from '../train/trainer.js';
import { loadModel, type OpenedRun, openRun, partOf } from '../train/training-data.js';
import { COLUMNS, columnsOf, writeDecoded, writeDecodedNwb } from './result-files.js';
import { say } from './train.js';
import { trainOnce } from './train-once.js';

export interface DecodeStage {
  readonly part: Part | 'all';
  /** Whether baselines are fitted and trained, too. */
  readonly baselines: boolean;
  /** Seconds of a bin of the linear ones' counts, and how many bins they look back; default: 10, and as a window reads. */
  readonly bin?: number;
  readonly histories?: readonly number[];
  /** Seconds of a block of the bootstrap. */
  readonly block: number;
  readonly seed: number;
}

/** The baselines that are trained on the engine, by the folder they go to. */
const NEURAL = {
  mlp: { name: 'MLP', key: 'mlp_only' },
  gru: { name: 'GRU, causal', key: 'gru_only' },
  gru2: { name: 'GRU, both directions', key: 'gru2_only' },
} as const;

type Neural = keyof typeof NEURAL;
const KINDS = Object.keys(NEURAL) as Neural[];

/** Which baseline a configuration is; undefined of the model itself. */
function kindOf(config: ModelConfig): Neural | undefined {
  return KINDS.find((kind) => config[NEURAL[kind].key]);
}

function nameOf(config: ModelConfig): string {
  const kind = kindOf(config);
  return kind ? NEURAL[kind].name : 'Neuroformer';
}

/** Seconds of spikes that a model reads: the MLP has no past. */
function readBy(config: ModelConfig): string {
  const { curr, prev } = config.window;
  return inSeconds(kindOf(config) === 'mlp' ? curr : curr + prev);
}

/** Decodes a part of a run's recording, and writes what came of it into the run's folder. */
export async function decodeStage(
  engine: Engine,
  run: OpenedRun,
  stage: DecodeStage,
): Promise<DecodedResults> {
  const { windows, layout, split, dataset } = run;
  if (decodedOf(layout).length === 0) {
    throw new UsageError(
      'This model decodes nothing: name variables with predict: true under modalities, and train or finetune it.',
    );
  }
  const refs = inOrder(partOf(split, stage.part), dataset.recording.trials);
  if (refs.length === 0)
    throw new UsageError(`The ${stage.part} part has no windows: decode another with --part.`);
  checkColumns(decodedOf(layout).map(({ name }) => name));
  const variables = await decodeRun(engine, run, refs, 'the model');
  const usual = usualStep(refs) ?? windows.settings.current;
  const blocks = {
    stretches: stretchesOf(refs),
    block: Math.max(1, Math.round(stage.block / usual)),
    seed: stage.seed,
  };
  const scored = (name: string, detail: string, decoded: readonly DecodedVariable[]) => ({
    name,
    detail,
    scores: Object.fromEntries(decoded.map((own) => [own.name, scoresOf(own, blocks)])),
  });
  const methods: MethodScores[] = [
    scored(nameOf(run.config), `${readBy(run.config)} of spikes`, variables),
  ];
  if (stage.baselines) {
    for (const { name, detail, decoded } of await trainedBaselines(engine, run, refs))
      methods.push(scored(name, detail, decoded));
    const fitted = linearInputs(run, refs, stage, usual);
    const line = new LiveLine();
    for (const { name, detail, variables: decoded } of baselinesOf(fitted)) {
      line.show(`baselines: ${name}`);
      if (decoded) {
        methods.push(scored(name, detail, decoded));
        continue;
      }
      line.close();
      say(`${name} is left out: ${detail}.`);
    }
    line.close();
  }
  const { part, block } = stage;
  const results: DecodedResults = {
    part,
    weights: run.weights,
    refs,
    variables,
    units: Object.fromEntries(
      decodedOf(layout).flatMap(({ name, setting }) => {
        const unit = dataset.units[setting.data ?? name];
        return unit === undefined ? [] : [[name, unit] as const];
      }),
    ),
    methods,
    block,
    blocks: Math.round(blocksIn(blocks)),
    trained: split.train.length,
    notes: caveats(run, stage),
  };
  writeDecoded(run.folder.path, results, dataset.recording);
  await writeDecodedNwb(run.folder.path, results, dataset.recording, run.facts.started);
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
  const columns = [...COLUMNS, ...names.flatMap((name) => columnsOf(name))];
  const twice = columns.find((column, n) => columns.indexOf(column) < n);
  if (twice !== undefined)
    throw new UsageError(
      `decoded.csv would have two columns ${twice}: call the variable something else in the configuration, and give its name in the recording as data.`,
    );
}

/** Windows in the order of the session's time. */
function inOrder(refs: readonly WindowRef[], trials: readonly Trial[]): WindowRef[] {
  const time = ({ trial, end }: WindowRef) => trials[trial]!.start + end;
  return [...refs].sort((p, q) => time(p) - time(q));
}

/** Every variable of the windows named, by a run's model. */
export async function decodeRun(
  engine: Engine,
  run: OpenedRun,
  refs: readonly WindowRef[],
  what: string,
): Promise<DecodedVariable[]> {
  const { store, model, notes } = await loadModel(engine, run);
  for (const note of notes) say(note);
  const line = new LiveLine();
  const { layout, windows } = run;
  const decoded = await decodeWindows({ engine, model, layout, windows }, refs, (done) =>
    line.show(`decoding by ${what}: ${done} of ${refs.length} windows`),
  ).finally(() => line.close());
  store.dispose();
  return decoded;
}

function linearInputs(
  { windows, layout, split }: OpenedRun,
  test: readonly WindowRef[],
  { bin, histories }: DecodeStage,
  usual: number,
) {
  const { current, past } = windows.settings;
  const step = bin ?? Math.min(usual, current + past);
  const reach = Math.max(1, Math.round((current + past) / step));
  const short = Math.min(10, reach);
  return {
    windows,
    layout,
    train: split.train,
    test,
    bin: step,
    histories: histories ?? [...new Set([short, reach])],
  };
}

/** Trains what is not trained yet, each in a folder of its own inside the run's, and decodes the same windows. */
async function trainedBaselines(engine: Engine, run: OpenedRun, refs: readonly WindowRef[]) {
  const results: { name: string; detail: string; decoded: DecodedVariable[] }[] = [];
  const { config, facts, split } = run;
  // A baseline begins from initial weights, which must learn.
  const settings = { ...facts.training, freeze: [] };
  const steps = stepsOf(settings, split.train.length);
  for (const kind of KINDS) {
    if (kind === kindOf(config)) continue;
    const { name } = NEURAL[kind];
    const out = join(run.folder.path, 'baselines', kind);
    const differing = configOf(config, kind);
    await trainOnce({ data: run.dataset, out, config: differing, settings }, steps, () => {
      say(`Training the baseline ${name}.`);
      makeFolder(join(run.folder.path, 'baselines'), true);
    });
    const trained = await openRun(out, { data: run.dataset });
    results.push({
      name,
      detail: `${readBy(differing)} of spikes`,
      decoded: await decodeRun(engine, trained, refs, name),
    });
  }
  return results;
}

function configOf(config: ModelConfig, kind: Neural): ModelConfig {
  const flags = Object.fromEntries(KINDS.map((own) => [NEURAL[own].key, own === kind] as const));
  const own = { ...config, ...flags };
  // Both directions: the second GRU of a layer runs backward through the window, which ends when it is decoded.
  return kind === 'gru2' ? { ...own, rules: { ...own.rules, causal_gru: false } } : own;
}
