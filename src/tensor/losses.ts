/** Losses: each makes its gradient in the same pass as its value, so nothing the size of the logits is made twice. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { matmulTransposed } from './linear.js';
import { rowWorkgroups, scaleInto } from './primitives.js';
import { markLoss, newOutput, pushNode, tracks } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

/** No class has this number: rows with it never count. */
export const NO_CLASS = 0xffffffff;

export interface CrossEntropyOptions {
  /** Rows with this target do not count; targets past the last class never do. */
  ignore?: number;
  /** [classes]: the mean is weighted by the weight of each row's target, as in PyTorch. */
  weights?: Tensor | undefined;
  /** The loss is multiplied by this. Default 1. */
  factor?: number;
}

/**
 * factor * weighted mean over rows of -log softmax(logits)[target].
 *
 * @param logits [..., classes]
 * @param targets u32, one per row
 * @returns [1]
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { engine } = logits;
  const { ignore = NO_CLASS, weights, factor = 1 } = options;
  const { rows, classes } = rowShape('crossEntropy', logits, targets);
  if (weights) {
    expectShape('crossEntropy', 'weights', weights, [classes]);
  }
  const { loss, totals, gradient } = lossOutputs(engine, logits);
  const rowLoss = Tensor.empty(engine, [rows]);
  const params = {
    rows,
    V: classes,
    ignored: ignore,
    hasWeights: Number(weights !== undefined),
    wantsGradient: Number(gradient !== undefined),
    factor,
  };
  const perClass = { targets, weights: weights ?? engine.placeholders.read, totals };
  const single = { constants: { WG: engine.tuning.reduceGroup } };
  engine.dispatch('cross_entropy.total_weight', perClass, params, 1, single);
  engine.dispatch(
    'cross_entropy.rows',
    { ...perClass, logits, dlogits: gradient ?? engine.placeholders.write, rowLoss },
    params,
    ...rowGrid(engine, rows),
  );
  engine.dispatch('cross_entropy.total_loss', { rowLoss, totals }, params, 1, single);
  rowLoss.release();
  finishLoss('crossEntropy', loss, logits, gradient);
  return loss;
}

/**
 * -log softmax(logits)[target] of every row by itself, 0 where it does not count. Has no gradient.
 *
 * @param logits [..., classes]
 * @param targets u32, one per row
 * @returns [rows]
 */
export function crossEntropyOfRows(
  logits: Tensor,
  targets: Tensor,
  { ignore = NO_CLASS }: Pick<CrossEntropyOptions, 'ignore'> = {},
): Tensor {
  const { engine } = logits;
  const { rows, classes } = rowShape('crossEntropyOfRows', logits, targets);
  const rowLoss = Tensor.empty(engine, [rows]);
  // Read only for a gradient.
  const totals = Tensor.empty(engine, [2]);
  engine.dispatch(
    'cross_entropy.rows',
    {
      logits,
      targets,
      weights: engine.placeholders.read,
      dlogits: engine.placeholders.write,
      rowLoss,
      totals,
    },
    { rows, V: classes, ignored: ignore, hasWeights: 0, wantsGradient: 0, factor: 1 },
    ...rowGrid(engine, rows),
  );
  totals.release();
  return rowLoss;
}

/** @throws ShapeError where there is not one target a row. */
function rowShape(op: string, logits: Tensor, targets: Tensor): { rows: number; classes: number } {
  const classes = logits.axis(-1);
  const rows = logits.length / classes;
  expectType(op, 'logits', logits, 'f32');
  expectShape(op, 'targets', targets.reshape([targets.length]), [rows], {}, 'u32');
  return { rows, classes };
}

/** Workgroups and constants of a kernel that has LANES invocations for each row. */
function rowGrid(engine: Engine, rows: number) {
  const { rowGroup: WG, rowLanes: LANES } = engine.tuning;
  return [rowWorkgroups(engine, rows), { constants: { WG, LANES } }] as const;
}

export interface SquaredErrorOptions {
  /** Weights of the elements, shape of the prediction; the mean is weighted by them. */
  weights?: Tensor | undefined;
  /** The loss is multiplied by this. Default 1. */
  factor?: number;
}

/**
 * factor * weighted mean of (prediction - truth)^2.
 *
 * @returns [1]
 */
export function meanSquaredError(
  prediction: Tensor,
  truth: Tensor,
  options: SquaredErrorOptions = {},
): Tensor {
  const { engine } = prediction;
  const { weights, factor = 1 } = options;
  for (const [name, part] of Object.entries({ prediction, truth, weights })) {
    if (!part) continue;
    expectShape('meanSquaredError', name, part, prediction.shape);
  }
  if (tracks(engine, [truth])) {
    throw new ShapeError(
      'meanSquaredError',
      'truth',
      'a constant',
      'something gradients are wanted for',
    );
  }
  const { loss, totals, gradient } = lossOutputs(engine, prediction);
  engine.dispatch(
    'squared_error.main',
    {
      prediction,
      truth,
      weights: weights ?? engine.placeholders.read,
      dprediction: gradient ?? engine.placeholders.write,
      totals,
    },
    {
      n: prediction.length,
      hasWeights: Number(weights !== undefined),
      wantsGradient: Number(gradient !== undefined),
      factor,
    },
    1,
    { constants: { WG: engine.tuning.reduceGroup } },
  );
  finishLoss('meanSquaredError', loss, prediction, gradient);
  return loss;
}

/**
 * x divided by its length over the last axis.
 *
 * @param x [..., width]
 */
export function normalize(x: Tensor, eps = 1e-12): Tensor {
  const { engine } = x;
  expectType('normalize', 'x', x, 'f32');
  const width = x.axis(-1);
  const rows = x.length / width;
  const y = newOutput(engine, x.shape, [x]);
  const norms = Tensor.empty(engine, [rows]);
  const params = { rows, C: width, eps, accumulate: 0 };
  const [groups, options] = rowGrid(engine, rows);
  engine.dispatch('normalize.forward', { x, newY: y, norms }, params, groups, options);
  pushNode(engine, {
    op: 'normalize',
    outputs: [y],
    saved: [norms],
    backward(gradients) {
      const dy = gradients.of(y);
      if (!dy || !gradients.wants(x)) return;
      const { tensor, accumulate } = gradients.into(x);
      const backward = { ...params, accumulate: Number(accumulate) };
      engine.dispatch(
        'normalize.backward',
        { dy, y, dx: tensor, norms },
        backward,
        groups,
        options,
      );
    },
  });
  return y;
}

/**
 * The contrastive loss of one direction: row a of u should be most alike to row a of v among all rows of v.
 *
 *   factor * mean_a [ logsumexp_b(u_a . v_b / temperature) - u_a . v_a / temperature ],  u and v of unit length
 *
 * @param u [B, width], as `normalize` leaves it
 * @param v [B, width]
 * @param diagonal u32 [B] holding 0 .. B - 1
 */
export function contrastiveLoss(
  u: Tensor,
  v: Tensor,
  diagonal: Tensor,
  options: { temperature: number; factor?: number },
): Tensor {
  const { temperature, factor = 1 } = options;
  const bound = expectShape('contrastiveLoss', 'u', u, ['B', 'width']);
  expectShape('contrastiveLoss', 'v', v, ['B', 'width'], bound);
  expectShape('contrastiveLoss', 'diagonal', diagonal, [u.axis(0)], {}, 'u32');
  if (!(temperature > 0))
    throw new ShapeError('contrastiveLoss', 'temperature', 'above 0', String(temperature));
  return u.engine.scope(() => {
    const logits = matmulTransposed(u, v, 1 / temperature);
    return crossEntropy(logits, diagonal, { factor });
  });
}

/** A loss of one element, the totals whose first word it is, and where its gradient goes if one is wanted. */
function lossOutputs(
  engine: Engine,
  input: Tensor,
): { loss: Tensor; totals: Tensor; gradient: Tensor | undefined } {
  const totals = Tensor.empty(engine, [2]);
  const tracked = tracks(engine, [input]);
  const loss = new Tensor(
    engine,
    [1],
    'f32',
    { buffer: totals.buffer, offset: totals.offset, size: 4 },
    {
      allocation: totals.allocation!,
      requiresGrad: tracked,
    },
  );
  return { loss, totals, gradient: tracked ? Tensor.empty(engine, input.shape) : undefined };
}

/** On the way back, hands the gradient made on the way forward to the input, times the loss's factor in the total. */
function finishLoss(op: string, loss: Tensor, input: Tensor, gradient: Tensor | undefined): void {
  const { engine } = loss;
  markLoss(loss);
  pushNode(engine, {
    op,
    outputs: [loss],
    backward(gradients) {
      const factor = gradients.factor(loss);
      if (!gradient || factor === undefined || factor === 0) {
        gradient?.release();
      } else if (factor === 1) {
        gradients.accumulate(input, gradient);
      } else {
        const { tensor, accumulate } = gradients.into(input);
        scaleInto(engine, gradient, factor, tensor, accumulate);
        gradient.release();
      }
    },
  });
}
