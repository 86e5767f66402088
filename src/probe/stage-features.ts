/**
 * What a model has computed of a window after each of its stages, as features for a linear readout:
 * after the current state attended to the past, then to the stimulus, and after the decoder.
 *
 * The features of a stage are the mean over the window's tokens and the state of its EOS token, one
 * after the other: 2 width numbers. Padding is left out of the mean where rules.mask_padding says
 * so. A stage contains what the stages before it found, through the residual connections.
 */

import { denseRows, type SparseRows } from '../analyze/sparse-rows.js';
import type { Batch } from '../neuroformer/batch.js';
import type { ModelInputs, Neuroformer } from '../neuroformer/model.js';
import type { WindowRef } from '../recording/windows.js';
import { meanPool } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type ForwardInputs, forwardWindows } from './forward-windows.js';

/** A model, and the windows that it reads. */
export interface StageInputs extends ForwardInputs {
  /** Trained or not. Its dropout is off. */
  readonly model: Neuroformer;
}

/** A stage of a model, from the bottom up. */
export type StageName = 'past' | 'stimulus' | 'current';

/** The features of windows after one stage. */
export interface StageFeatures {
  readonly name: StageName;
  /** Its name in tables. */
  readonly title: string;
  /** Numbers per window: twice the model's width. */
  readonly width: number;
  /** [windows, width], in the order of the windows: the mean over tokens, then EOS. */
  readonly values: Float32Array;
}

const TITLES: Readonly<Record<StageName, string>> = {
  past: 'past state',
  stimulus: '+ stimulus',
  current: '+ current state',
};

/** The stages that a model has: a baseline has its last layer alone. */
export function modelStages({
  baseline,
  pastAttention,
  stimulusAttention,
}: Neuroformer): StageName[] {
  const stages: StageName[] = [];
  if (!baseline && pastAttention.blocks.length > 0) stages.push('past');
  if (!baseline && stimulusAttention.blocks.length > 0) stages.push('stimulus');
  return [...stages, 'current'];
}

/**
 * The features of windows after each stage of a model.
 *
 * @param refs windows, at least one
 * @param progress called after each batch with how many windows were read
 * @returns one entry for each of `modelStages`, in their order
 */
export async function stageFeatures(
  inputs: StageInputs,
  refs: readonly WindowRef[],
  progress?: (done: number) => void,
): Promise<StageFeatures[]> {
  const { model } = inputs;
  const names = modelStages(model);
  const width = 2 * model.config.n_embd;
  const compute = (batch: Batch) => {
    const states = stageStates(model, batch.inputs);
    const mask = model.config.rules.mask_padding ? batch.inputs.mask : undefined;
    return Object.fromEntries(
      names.flatMap((name) => [
        [`${name}.mean`, meanPool(states[name]!, mask)],
        [`${name}.eos`, meanPool(states[name]!, batch.inputs.eos)],
      ]),
    );
  };
  const read = await forwardWindows(inputs, refs, compute, progress);
  return names.map((name) => {
    const rows = refs.map((_, n) => [...read[`${name}.mean`]![n]!, ...read[`${name}.eos`]![n]!]);
    return { name, title: TITLES[name], width, values: Float32Array.from(rows.flat()) };
  });
}

/** The features of all stages side by side, one row per window. */
export function joinStages(stages: readonly StageFeatures[]): SparseRows {
  const [{ values, width }] = stages as [StageFeatures];
  return denseRows(
    Array.from({ length: values.length / width }, (_, row) =>
      stages.flatMap((stage) => [
        ...stage.values.subarray(row * stage.width, (row + 1) * stage.width),
      ]),
    ),
  );
}

/** The states of the current window's tokens after each stage, [B, T, width]. */
function stageStates(model: Neuroformer, inputs: ModelInputs): Record<string, Tensor> {
  const { pastAttention, stimulusAttention } = model;
  const ends = new Map<string, StageName>([
    [`history.${pastAttention.blocks.length - 1}`, 'past'],
    [`stimulus.${stimulusAttention.blocks.length - 1}`, 'stimulus'],
  ]);
  const states: Record<string, Tensor> = {};
  const { lastLayer } = model.forward(inputs, (name, value) => {
    const stage = ends.get(name);
    if (stage) states[stage] = value();
  });
  return { ...states, current: lastLayer };
}
