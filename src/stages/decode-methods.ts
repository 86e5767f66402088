/**
 * The decoders that a run's model is compared with, as far as they are trained on the engine:
 * variants of the model in folders of the run's store, and networks over spike counts and stimuli.
 */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { laggedCounts } from '../analyze/lagged.js';
import { choosePenalty } from '../analyze/penalties.js';
import {
  decodeColumns,
  type RegressionTargets,
  regressionTargets,
} from '../analyze/regression-targets.js';
import { CannotFitError } from '../analyze/solver.js';
import type { SparseRows } from '../analyze/sparse-rows.js';
import { type BaselineInputs, gapInWindows } from '../analyze/spike-baselines.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { spikesOnly } from '../neuroformer/rungs.js';
import { Turns } from '../ports/turns.js';
import {
  decodedValues,
  meanPredictions,
  type Prediction,
  predictWindows,
} from '../probe/decode.js';
import { decodeWithNetwork, type NetworkInputs } from '../probe/fit-network.js';
import { type NetworkBuilder, perceptron, recurrentNetwork } from '../probe/row-networks.js';
import { stimulusNames, stimulusRows } from '../probe/stimulus-rows.js';
import { MIN_COUNT_DEVIATION } from '../recording/scales.js';
import type { WindowRef } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { type StageOptions, stoppable } from './context.js';
import { trainBeside } from './train-beside.js';

/** What one decoder decoded. */
export interface DecodedMethod {
  /** Name of the decoder in tables. */
  readonly name: string;
  /** What it reads, or how it was fitted. */
  readonly detail: string;
  readonly decoded: readonly DecodedVariable[];
}

type Context = Required<StageOptions>;

/**
 * The baselines of the original, which replace attention in the model's own pipeline of tokens, by
 * the name of their folder; `key` is their switch in the configuration.
 */
const TOKEN_BASELINES = {
  mlp: { name: 'MLP on tokens', key: 'mlp_only' },
  gru: { name: 'GRU on tokens, causal', key: 'gru_only' },
  gru2: { name: 'GRU on tokens, both directions', key: 'gru2_only' },
} as const;

type TokenKind = keyof typeof TOKEN_BASELINES;
const TOKEN_KINDS = Object.keys(TOKEN_BASELINES) as TokenKind[];

/** Which baseline a configuration describes; undefined if it describes a Neuroformer. */
function tokenKind(config: ModelConfig): TokenKind | undefined {
  return TOKEN_KINDS.find((kind) => config[TOKEN_BASELINES[kind].key]);
}

/** The name of a configuration's model in tables. */
export function modelName(config: ModelConfig): string {
  const kind = tokenKind(config);
  return kind ? TOKEN_BASELINES[kind].name : 'Neuroformer';
}

/** How much a model reads; the MLP on tokens reads no past. */
export function spikesRead(config: ModelConfig): string {
  const { curr, prev } = config.window;
  return `${formatSeconds(tokenKind(config) === 'mlp' ? curr : curr + prev)} of spikes`;
}

/** What a run's model reads: spikes and, by name, everything besides. */
export function whatIsRead({ config, layout }: Pick<OpenedRun, 'config' | 'layout'>): string {
  return [spikesRead(config), ...stimulusNames(layout)].join(', ');
}

/**
 * Predicts every decoded variable of some windows with a run's model.
 *
 * @param decoder the model's name in progress lines.
 * @throws StoppedError where the watcher stops it.
 */
export function predictRun(
  run: OpenedRun,
  refs: readonly WindowRef[],
  decoder: string,
  { engine: source, watcher }: Context,
): Promise<Prediction[]> {
  const { layout, windows } = run;
  const activity = `decoding with ${decoder}`;
  return stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      for (const note of loaded.notes) watcher.note(note);
      const inputs = { engine, model: loaded.model, layout, windows };
      return await predictWindows(inputs, refs, (done) =>
        stopping.progress({ activity, done, total: refs.length, unit: 'windows' }),
      );
    }),
  );
}

/** Decodes every predicted variable of some windows with a run's model; see `predictRun`. */
export async function decodeRun(
  run: OpenedRun,
  refs: readonly WindowRef[],
  decoder: string,
  context: Context,
): Promise<DecodedVariable[]> {
  return decodedValues(await predictRun(run, refs, decoder, context));
}

/**
 * The mean of several models that differ in their seeds alone: the run's own and others, trained in
 * folders of its store. The split stays the run's.
 *
 * @param own what the run's own model predicts
 * @param count of all models
 */
export async function ensemble(
  run: OpenedRun,
  refs: readonly WindowRef[],
  own: readonly Prediction[],
  count: number,
  context: Context,
): Promise<DecodedMethod> {
  const { training } = run.facts;
  const models = [own];
  for (let n = 1; n < count; n++) {
    const seed = (training.seed + n) % 2 ** 32;
    const name = `${modelName(run.config)}, seed ${seed}`;
    const variation = { settings: { seed }, note: `Training ${name}.` };
    const trained = await trainBeside(run, `ensemble/seed${seed}`, variation, context);
    models.push(await predictRun(trained, refs, name, context));
  }
  return {
    name: `${modelName(run.config)}, mean of ${count}`,
    detail: whatIsRead(run),
    decoded: decodedValues(meanPredictions(models)),
  };
}

/** The same model without anything but spikes, trained as the run was. */
export async function decodeSpikesOnly(
  run: OpenedRun,
  refs: readonly WindowRef[],
  context: Context,
): Promise<DecodedMethod> {
  const name = `${modelName(run.config)}, spikes only`;
  const config = spikesOnly(run.config);
  const variation = { config, note: `Training ${name}.` };
  const trained = await trainBeside(run, 'baselines/spikes', variation, context);
  const decoded = await decodeRun(trained, refs, name, context);
  return { name, detail: spikesRead(config), decoded };
}

/** The baselines of the original, trained as the run was; without that which the run itself is. */
export async function decodeWithTokenBaselines(
  run: OpenedRun,
  refs: readonly WindowRef[],
  context: Context,
): Promise<DecodedMethod[]> {
  const results: DecodedMethod[] = [];
  for (const kind of TOKEN_KINDS) {
    if (kind === tokenKind(run.config)) continue;
    const { name } = TOKEN_BASELINES[kind];
    const config = tokenBaseline(run.config, kind);
    const variation = { config, note: `Training the ${name} baseline.` };
    const trained = await trainBeside(run, `baselines/${kind}`, variation, context);
    const decoded = await decodeRun(trained, refs, name, context);
    results.push({ name, detail: whatIsRead(trained), decoded });
  }
  return results;
}

/** The configuration of a baseline: the model's, with that baseline switched on. */
function tokenBaseline(config: ModelConfig, kind: TokenKind): ModelConfig {
  const flags = Object.fromEntries(
    TOKEN_KINDS.map((other) => [TOKEN_BASELINES[other].key, other === kind] as const),
  );
  const baseline = { ...config, ...flags };
  if (kind !== 'gru2') return baseline;
  // The second GRU of each layer runs backward through the window. The window ends at the time that
  // is decoded.
  return { ...baseline, rules: { ...baseline.rules, causal_gru: false } };
}

/** What decoders of rows are fitted on and decode. */
interface RowInputs {
  readonly train: SparseRows;
  readonly test: SparseRows;
  readonly targets: readonly RegressionTargets[];
  readonly variables: readonly DecodedVariable[];
}

function rowInputs(
  { truth, train, test }: Pick<BaselineInputs, 'truth' | 'train' | 'test'>,
  rows: (refs: readonly WindowRef[]) => SparseRows,
): RowInputs {
  return {
    train: rows(train),
    test: rows(test),
    targets: truth(train).map(regressionTargets),
    variables: truth(test),
  };
}

/** The networks of the field on spike counts of the longest history. */
export async function decodeWithCountNetworks(
  inputs: BaselineInputs,
  seed: number,
  context: Context,
): Promise<DecodedMethod[]> {
  const { windows, bin, histories } = inputs;
  const count = histories.at(-1)!;
  const seconds = formatSeconds(count * bin);
  const rows = rowInputs(inputs, (refs) => laggedCounts(windows, refs, { bin, count }));
  const results: DecodedMethod[] = [];
  for (const [name, build] of [
    [`MLP on counts, ${seconds}`, perceptron],
    [`GRU on counts, causal, ${seconds}`, recurrentNetwork(count, false)],
    [`GRU on counts, both directions, ${seconds}`, recurrentNetwork(count, true)],
  ] as const) {
    const network = { ...rows, seed, minSpread: MIN_COUNT_DEVIATION };
    results.push(...(await decodeRows(name, build, network, context)));
  }
  return results;
}

/** Decoders of what windows hold besides spikes: what the stimulus alone tells of a variable. */
export async function decodeFromStimulus(
  { windows, layout }: OpenedRun,
  inputs: BaselineInputs,
  seed: number,
  context: Context,
): Promise<DecodedMethod[]> {
  const what = stimulusNames(layout).join(', ');
  const rows = rowInputs(inputs, (refs) => stimulusRows(windows, layout, refs));
  const gap = gapInWindows(inputs, inputs.histories.at(-1)!);
  const ridge = await attempt('stimulus alone, ridge', context, (name) =>
    stoppable(context.watcher, async (stopping) => {
      const turns = new Turns(() => stopping.progress({ activity: `baselines, ${name}` }));
      const columns = rows.targets.flatMap((target) => target.columns);
      const { model } = await choosePenalty('ridge', rows.train, columns, { gap }, turns);
      const decoded = decodeColumns(rows.targets, rows.variables, model.predict(rows.test));
      return { name, detail: what, decoded };
    }),
  );
  const mlp = await decodeRows('stimulus alone, MLP', perceptron, { ...rows, seed }, context);
  return [...ridge, ...mlp.map((method) => ({ ...method, detail: what }))];
}

/** A decoder in a list; or, where it cannot be fitted, a note and an empty list. */
async function attempt(
  name: string,
  { watcher }: Context,
  decode: (name: string) => Promise<DecodedMethod>,
): Promise<DecodedMethod[]> {
  try {
    return [await decode(name)];
  } catch (error) {
    if (!(error instanceof CannotFitError)) throw error;
    watcher.note(`${name} is left out: ${error.message}.`);
    return [];
  }
}

function decodeRows(
  title: string,
  build: NetworkBuilder,
  inputs: NetworkInputs,
  context: Context,
): Promise<DecodedMethod[]> {
  const { engine: source, watcher } = context;
  return attempt(title, context, async (name) => {
    const { detail, variables } = await stoppable(watcher, (stopping) =>
      withEngine(source, (engine) =>
        decodeWithNetwork(engine, build, inputs, (done, total) =>
          stopping.progress({ activity: `training: ${name}`, done, total, unit: 'checks' }),
        ),
      ),
    );
    return { name, detail, decoded: variables };
  });
}
