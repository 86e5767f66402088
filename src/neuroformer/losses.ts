/** The losses: next neuron, its time, what is decoded, and the alignment of modalities. */

import { sumLosses } from '../tensor/elementwise.js';
import { contrastiveLoss, crossEntropy, meanSquaredError, normalize } from '../tensor/losses.js';
import { Tensor } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
import type { ModelOutputs, Neuroformer } from './model.js';

/** What a batch should have predicted. */
export interface ModelTargets {
  /** u32 [B, T] */
  readonly nextIds: Tensor;
  readonly nextTimes: Tensor;
  /** By variable: f32 [B, 1] regressed, u32 [B] classified. */
  readonly variables?: Readonly<Record<string, Tensor>> | undefined;
  /** The tokens that do not count. */
  readonly padId: number;
  readonly padTime: number;
}

/** Weights of classes, [ids] and [times]. */
export interface ClassWeights {
  readonly id?: Tensor | undefined;
  readonly dt?: Tensor | undefined;
}

/** Every loss as it enters the total, by name, and the total. */
export interface ModelLosses {
  readonly total: Tensor;
  readonly parts: Readonly<Record<string, Tensor>>;
}

/**
 * The shares of the original's code: 3/5 and 2/5 of what the contrastive loss leaves of 1. In the paper's notation
 * L = gamma L_vnc + mu L_id + (1 - gamma - mu) L_dt, gamma = 1/4 and mu = 3/5 (1 - gamma).
 */
const GAMMA = 1 / 4;
const ID_SHARE = 3 / 5;

/** All losses of a batch. */
export function modelLosses(
  model: Neuroformer,
  config: ModelConfig,
  outputs: ModelOutputs,
  targets: ModelTargets,
  weights: ClassWeights = {},
): ModelLosses {
  const aligned = config.contrastive.contrastive;
  // The original takes the contrastive loss's share off the others also when there is none.
  const left = aligned || !config.rules.loss_factors ? 1 - GAMMA : 1;
  const parts: Record<string, Tensor> = {};
  for (const [name, prediction] of Object.entries(outputs.predictions)) {
    const truth = targets.variables?.[name];
    if (!truth) continue;
    const classified = prediction.axis(1) > 1;
    parts[name] = classified
      ? crossEntropy(prediction, truth)
      : meanSquaredError(prediction, truth);
  }
  if (aligned) parts.clip = alignment(model, config, outputs);
  const ignore = (pad: number) => (config.ignore_index_pad ? { ignore: pad } : {});
  parts.id = crossEntropy(outputs.idLogits, targets.nextIds, {
    factor: ID_SHARE * left,
    weights: weights.id,
    ...ignore(targets.padId),
  });
  parts.time = crossEntropy(outputs.timeLogits, targets.nextTimes, {
    factor: (1 - ID_SHARE) * left,
    weights: weights.dt,
    ...ignore(targets.padTime),
  });
  return { total: sumLosses(Object.values(parts)), parts };
}

/** The contrastive loss over every pair of aligned features, in one direction or in both. */
function alignment(
  model: Neuroformer,
  { contrastive, rules }: ModelConfig,
  { features }: ModelOutputs,
): Tensor {
  const units = contrastive.vars.map((entry) => {
    const name = typeof entry === 'string' ? entry : Object.entries(entry)[0]!.join('.');
    const feature = features[name];
    if (!feature) throw new Error(`contrastive.vars: the batch has no ${name} to align.`);
    return normalize(model.project(feature));
  });
  const pairs = units.flatMap((u, m) => units.slice(m + 1).map((v) => [u, v] as const));
  const directed = rules.clip_symmetric
    ? pairs.flatMap(
        ([u, v]) =>
          [
            [u, v],
            [v, u],
          ] as const,
      )
    : pairs;
  const [first] = units;
  const rows = Uint32Array.from({ length: first!.axis(0) }, (_, n) => n);
  const diagonal = Tensor.from(first!.engine, rows, [rows.length]);
  const options = { temperature: contrastive.clip_temp, factor: GAMMA / directed.length };
  return sumLosses(directed.map(([u, v]) => contrastiveLoss(u, v, diagonal, options)));
}
