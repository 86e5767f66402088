/** The losses: next neuron, its time, what is decoded, and the alignment of modalities. */

import { sumLosses } from '../tensor/elementwise.js';
import { contrastiveLoss, crossEntropy, meanSquaredError, normalize } from '../tensor/losses.js';
import { Tensor } from '../tensor/tensor.js';
import { ConfigError } from '../text/schema.js';
import type { ModelConfig } from './config.js';
import type { ModelOutputs, Neuroformer } from './model.js';

/** What a batch should have predicted. */
export interface ModelTargets {
  /** u32 [B, T] */
  readonly nextIds: Tensor;
  readonly nextTimes: Tensor;
  /** By variable: f32 [B, 1] regressed, f32 [B, 2] of an angle, u32 [B] classified. */
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

/** The weights of the losses: gamma, mu and 1 - gamma - mu of the paper. */
export interface LossWeights {
  readonly contrastive: number;
  readonly id: number;
  readonly time: number;
}

/** The share of the next neuron in what the contrastive loss leaves, where nothing else is said. */
const ID_SHARE = 3 / 5;

/** What each loss is multiplied by before they are added. */
export function lossWeights({ loss, contrastive, rules }: ModelConfig): LossWeights {
  const aligned = contrastive.contrastive;
  // The original takes the contrastive loss's share off the others also when there is none.
  const gamma = aligned || !rules.loss_factors ? loss.gamma : 0;
  const id = loss.mu ?? ID_SHARE * (1 - gamma);
  return { contrastive: aligned ? gamma : 0, id, time: 1 - gamma - id };
}

/**
 * All losses of a batch, or those named.
 *
 * @throws Error where none is left.
 */
export function modelLosses(
  model: Neuroformer,
  outputs: ModelOutputs,
  targets: ModelTargets,
  weights: ClassWeights = {},
  only?: readonly string[],
): ModelLosses {
  const { config } = model;
  const wanted = (name: string) => !only || only.includes(name);
  const factors = lossWeights(config);
  const parts: Record<string, Tensor> = {};
  for (const [name, prediction] of Object.entries(outputs.predictions)) {
    const truth = targets.variables?.[name];
    if (!truth || !wanted(name)) continue;
    const factor = config.loss.variables[name] ?? 1;
    const classified = truth.dtype === 'u32';
    parts[name] = classified
      ? crossEntropy(prediction, truth, { factor })
      : // Cosine and sine are two numbers to decode, each with its own mean.
        meanSquaredError(prediction, truth, { factor: factor * truth.axis(1) });
  }
  if (factors.contrastive > 0 && wanted('clip'))
    parts.clip = alignment(model, outputs, factors.contrastive);
  const ignore = (pad: number) => (config.ignore_index_pad ? { ignore: pad } : {});
  if (wanted('id')) {
    parts.id = crossEntropy(outputs.idLogits, targets.nextIds, {
      factor: factors.id,
      weights: weights.id,
      ...ignore(targets.padId),
    });
  }
  if (wanted('time')) {
    parts.time = crossEntropy(outputs.timeLogits, targets.nextTimes, {
      factor: factors.time,
      weights: weights.dt,
      ...ignore(targets.padTime),
    });
  }
  if (Object.keys(parts).length === 0)
    throw new ConfigError(
      `There is no loss to train with: of ${only?.join(', ')} this model has none.`,
    );
  return { total: sumLosses(Object.values(parts)), parts };
}

/** The contrastive loss over every pair of aligned features, in one direction or in both. */
function alignment(model: Neuroformer, { features }: ModelOutputs, weight: number): Tensor {
  const { contrastive, rules } = model.config;
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
  const options = { temperature: contrastive.clip_temp, factor: weight / directed.length };
  return sumLosses(directed.map(([u, v]) => contrastiveLoss(u, v, diagonal, options)));
}
