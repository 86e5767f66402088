/** The stage of decoding: a run's model and the baselines on the same windows, scored in the same way. */

import { join } from 'node:path';
import { baselinesOf } from '../analyze/baselines.js';
import {
  type DecodedVariable,
  decodedOf,
  decodeWindows,
  stretchesOf,
  usualStep,
} from '../analyze/decode.js';
import { scoresOf } from '../analyze/decoding-scores.js';
import type { Trial } from '../data/recording.js';
import type { Part } from '../data/splits.js';
import type { WindowRef } from '../data/windows.js';
import type { ModelConfig } from '../neuroformer/config.js';
import type { Engine } from '../node.js';
import type { DecodedResults, MethodScores } from '../report/decoded.js';
import { makeFolder } from '../train/files.js';
import { loadModel, type OpenedRun, openRun, partOf } from '../train/prepare.js';
import { stepsOf } from '../train/trainer.js';
import { writeDecoded, writeDecodedNwb } from './results.js';
import { say } from './stages.js';
import { trainOnce } from './sub-runs.js';
import { LiveLine, UsageError } from './terminal.js';

export interface DecodeStage {
  readonly part: Part | 'all';
  /** Whether baselines are fitted and trained, too. */
  readonly baselines: boolean;
  /** Seconds of a bin of the linear ones' counts, and how many bins they look back; default: 10, and all a window reads. */
  readonly bin?: number;
  readonly histories?: readonly number[];
  /** Seconds of a block of the bootstrap. */
  readonly block: number;
  readonly seed: number;
}

/** The baselines that are trained on the engine, by the folder they go to. */
const NEURAL: Readonly<Record<string, { name: string; config: Partial<ModelConfig> }>> = {
  mlp: { name: 'MLP', config: { mlp_only: true } },
  gru: { name: 'GRU, causal', config: { gru_only: true } },
  gru2: { name: 'GRU, both directions', config: { gru2_only: true } },
};

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
  const methods: MethodScores[] = [scored('Neuroformer', '', variables)];
  if (stage.baselines) {
    for (const { name, detail, decoded } of await trainedBaselines(engine, run, refs))
      methods.push(scored(name, detail, decoded));
    const fitted = linearInputs(run, refs, stage, usual);
    const line = new LiveLine();
    for (const result of baselinesOf(fitted)) {
      methods.push(scored(result.name, result.detail, result.variables));
      line.show(`baselines: ${result.name}`);
    }
    line.close();
  }
  const { part, block } = stage;
  const results: DecodedResults = {
    part,
    weights: run.weights,
    refs,
    variables,
    units: dataset.units,
    methods,
    block,
    trained: split.train.length,
  };
  const starts = dataset.recording.trials.map(({ start }) => start);
  writeDecoded(run.folder.path, results, starts);
  const { name: recording } = dataset.recording;
  const { started } = run.facts;
  await writeDecodedNwb(run.folder.path, results, { recording, started, starts });
  return results;
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
  const step = bin ?? usual;
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
  for (const [folder, { name, config: differs }] of Object.entries(NEURAL)) {
    const out = join(run.folder.path, 'baselines', folder);
    const settings = facts.training;
    const steps = stepsOf(settings, split.train.length);
    const differing = ownRules({ ...config, ...differs }, folder);
    await trainOnce({ data: run.dataset, out, config: differing, settings }, steps, () => {
      say(`Training the baseline ${name}.`);
      makeFolder(join(run.folder.path, 'baselines'), true);
    });
    const trained = await openRun(out, { data: run.dataset });
    results.push({
      name,
      detail: `${steps} updates`,
      decoded: await decodeRun(engine, trained, refs, name),
    });
  }
  return results;
}

/** Both directions means that the second GRU of a layer runs backward through the window, which ends when it is decoded. */
function ownRules(config: ModelConfig, folder: string): ModelConfig {
  if (folder !== 'gru2') return config;
  return { ...config, rules: { ...config.rules, causal_gru: false } };
}
