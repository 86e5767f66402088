/**
 * The losses of the next neuron, its time, predicted variables, and the alignment of modalities.
 */

import type { Engine } from '../gpu/engine.js';
import { sumLosses } from '../tensor/elementwise.js';
import { contrastiveLoss, crossEntropy, meanSquaredError, NO_CLASS } from '../tensor/losses.js';
import { normalize } from '../tensor/normalize.js';
import { Tensor } from '../tensor/tensor.js';
import { ConfigError } from '../text/schema.js';
import type { HostBatch } from './batch.js';
import type { ModelConfig } from './config.js';
import type { ModelOutputs, Neuroformer } from './model.js';

/** The targets of a batch. */
export interface ModelTargets {
  /** The neuron token after each token, u32 [B, T]. */
  readonly nextIds: Tensor;
  /** The time token after each token, u32 [B, T]. */
  readonly nextTimes: Tensor;
  /**
   * By variable: f32 [B, 1] of a regression, f32 [B, 2] for cosine and sine of an angle, u32 [B] of
   * classes.
   */
  readonly variables?: Readonly<Record<string, Tensor>> | undefined;
  /**
   * The number of rows that the mean of each cross-entropy is over, [1], by the name of the loss.
   * Default: those of the batch that have a target.
   */
  readonly counted?: Readonly<Record<string, Tensor>> | undefined;
  /** Weights of the classes of the next neuron and its time. Default: 1. */
  readonly classWeights?: ClassWeights | undefined;
  /** The padding token of neurons, which does not count. */
  readonly padId: number;
  /** The padding token of times, which does not count. */
  readonly padTime: number;
}

/**
 * How many rows of a batch have a target, by the name of the cross-entropy; where classes have
 * weights, the sum of those of the targets.
 */
export function countTargets(
  { nextIds, nextTimes, targets }: Pick<HostBatch, 'nextIds' | 'nextTimes' | 'targets'>,
  { padId, padTime }: Pick<ModelTargets, 'padId' | 'padTime'>,
  config: Pick<ModelConfig, 'ignore_index_pad' | 'class_weights'>,
): Record<string, number> {
  const { ignore_index_pad: ignoresPadding, class_weights: weights } = config;
  const count = (values: Uint32Array, ignored: number, classes?: readonly number[] | null) =>
    values.reduce((sum, value) => sum + (value === ignored ? 0 : (classes?.[value] ?? 1)), 0);
  const counts = Object.entries(targets).flatMap(([name, values]) =>
    values instanceof Uint32Array ? [[name, count(values, NO_CLASS)] as const] : [],
  );
  const [id, time] = ignoresPadding ? [padId, padTime] : [NO_CLASS, NO_CLASS];
  return {
    ...Object.fromEntries(counts),
    id: count(nextIds, id, weights?.id),
    time: count(nextTimes, time, weights?.dt),
  };
}

/** Weights of the classes in the two cross-entropies. */
export interface ClassWeights {
  /** Of neuron tokens, [ids]. */
  readonly id?: Tensor | undefined;
  /** Of time tokens, [times]. */
  readonly dt?: Tensor | undefined;
}

/**
 * The weights of classes in a configuration, on the GPU until they are disposed of.
 *
 * @param sizes numbers of tokens.
 * @throws ConfigError where there is not one weight for each token.
 */
export function classWeightTensors(
  engine: Engine,
  { class_weights }: Pick<ModelConfig, 'class_weights'>,
  sizes: { readonly ids: number; readonly times: number },
): ClassWeights {
  const tensorOf = (key: 'id' | 'dt', size: number) => {
    const weights = class_weights?.[key];
    if (!weights) return undefined;
    if (weights.length !== size)
      throw new ConfigError(
        `class_weights.${key} should have ${size} weights, one for each token, but has ${weights.length}.`,
      );
    return Tensor.from(engine, weights, [size]).keep();
  };
  return { id: tensorOf('id', sizes.ids), dt: tensorOf('dt', sizes.times) };
}

/** The losses of a batch. */
export interface ModelLosses {
  /** The sum of all losses, [1]. */
  readonly total: Tensor;
  /** Each loss with its weight, by name: 'id', 'time', 'clip' and the predicted variables. */
  readonly parts: Readonly<Record<string, Tensor>>;
}

/** The weights of the losses: gamma, mu and 1 - gamma - mu of the paper. */
export interface LossWeights {
  /** gamma; 0 without a contrastive loss. */
  readonly contrastive: number;
  /** mu, the weight of the next neuron. */
  readonly id: number;
  /** The weight of its time. */
  readonly time: number;
}

/** The share of the next neuron in 1 - gamma, where mu is not set. */
const ID_SHARE = 3 / 5;

/** The weights of the contrastive loss, the next neuron and its time in the total. */
export function lossWeights({ loss, contrastive, rules }: ModelConfig): LossWeights {
  const aligned = contrastive.contrastive;
  // The original reduces the weights of the others by gamma even without a contrastive loss.
  const gamma = aligned || !rules.loss_factors ? loss.gamma : 0;
  const id = loss.mu ?? ID_SHARE * (1 - gamma);
  return { contrastive: aligned ? gamma : 0, id, time: 1 - gamma - id };
}

/**
 * The losses of a batch.
 *
 * @param only the names of the losses to compute. Default: all.
 * @throws ConfigError where the model has none of them.
 */
export function modelLosses(
  model: Neuroformer,
  outputs: ModelOutputs,
  targets: ModelTargets,
  only?: readonly string[],
): ModelLosses {
  const { config } = model;
  const isUsed = (name: string) => !only || only.includes(name);
  const factors = lossWeights(config);
  const parts: Record<string, Tensor> = {};
  for (const [name, prediction] of Object.entries(outputs.predictions)) {
    const truth = targets.variables?.[name];
    if (!truth || !isUsed(name)) continue;
    const factor = config.loss.variables[name] ?? 1;
    const isClass = truth.dtype === 'u32';
    parts[name] = isClass
      ? crossEntropy(prediction, truth, { factor, totalWeight: targets.counted?.[name] })
      : // The sum over the components of an angle of their mean squared errors.
        meanSquaredError(prediction, truth, { factor: factor * truth.axis(1) });
  }
  if (factors.contrastive > 0 && isUsed('clip'))
    parts.clip = alignmentLoss(model, outputs, factors.contrastive);
  const ignore = (pad: number) => (config.ignore_index_pad ? { ignore: pad } : {});
  if (isUsed('id')) {
    parts.id = crossEntropy(outputs.idLogits, targets.nextIds, {
      factor: factors.id,
      weights: targets.classWeights?.id,
      totalWeight: targets.counted?.id,
      ...ignore(targets.padId),
    });
  }
  if (isUsed('time')) {
    parts.time = crossEntropy(outputs.timeLogits, targets.nextTimes, {
      factor: factors.time,
      weights: targets.classWeights?.dt,
      totalWeight: targets.counted?.time,
      ...ignore(targets.padTime),
    });
  }
  if (Object.keys(parts).length === 0) {
    const variables = Object.keys(outputs.predictions).filter((name) => targets.variables?.[name]);
    const others = [...variables, ...(factors.contrastive > 0 ? ['clip'] : []), 'id'].join(', ');
    throw new ConfigError(
      `training.losses lists ${only?.join(', ') || 'none'}, but this model's losses are ${others} and time.`,
    );
  }
  return { total: sumLosses(Object.values(parts)), parts };
}

/**
 * The mean contrastive loss over all pairs of aligned features, in both directions unless
 * rules.clip_symmetric is off.
 */
function alignmentLoss(model: Neuroformer, { features }: ModelOutputs, weight: number): Tensor {
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
  const options = { temperature: contrastive.clip_temp, factor: weight / directed.length };
  return sumLosses(directed.map(([u, v]) => contrastiveLoss(u, v, options)));
}
