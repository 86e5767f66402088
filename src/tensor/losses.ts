/**
 * Losses. Each computes its gradient together with its value, in one pass over the logits or
 * predictions.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { BufferView } from '../gpu/memory.js';
import { matmulTransposed } from './linear.js';
import { rowGrid, scaleInto } from './primitives.js';
import { markLoss, pushNode, tracks } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

/** The target of a row that has no class. Such rows do not count in a loss. */
export const NO_CLASS = 0xffffffff;

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /**
   * Rows with this target do not count, nor do rows with a target past the last class. Default:
   * NO_CLASS.
   */
  ignore?: number;
  /**
   * The weight of each class, [classes]. The mean is weighted by the weights of the targets, as in
   * PyTorch.
   */
  weights?: Tensor | undefined;
  /**
   * The weight of all rows that the mean is over, [1]. Default: that of the rows given. Where a
   * batch is divided, it makes the losses and gradients of the parts add up to those of the whole.
   */
  totalWeight?: Tensor | undefined;
  /** Multiplies the loss. Default: 1. */
  factor?: number;
}

/**
 * factor * weighted mean over rows of -log softmax(logits)[target].
 *
 * @param logits [..., classes]
 * @param targets u32, one per row
 * @returns [1]
 * @throws ShapeError where there is not one target per row, or not one weight per class.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { engine } = logits;
  const { ignore = NO_CLASS, weights, totalWeight, factor = 1 } = options;
  const { rows, classes } = rowShape('crossEntropy', logits, targets);
  if (weights) {
    expectShape('crossEntropy', 'weights', weights, [classes]);
  }
  if (totalWeight) expectShape('crossEntropy', 'totalWeight', totalWeight, [1]);
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
  const shared = { targets, weights: weights ?? engine.placeholders.read, totals };
  const oneWorkgroup = { constants: { WG: engine.tuning.reduceGroup } };
  if (totalWeight) engine.copy(totalWeight, secondOf(totals));
  else engine.dispatch('cross_entropy.total_weight', shared, params, 1, oneWorkgroup);
  engine.dispatch(
    'cross_entropy.rows',
    { ...shared, logits, dlogits: gradient ?? engine.placeholders.write, rowLoss },
    params,
    ...rowGrid(engine, rows),
  );
  engine.dispatch('cross_entropy.total_loss', { rowLoss, totals }, params, 1, oneWorkgroup);
  rowLoss.release();
  pushLoss('crossEntropy', loss, logits, gradient);
  return loss;
}

/** The second of two numbers. */
function secondOf({ buffer, offset }: Tensor): BufferView {
  return { buffer, offset: offset + 4, size: 4 };
}

/**
 * -log softmax(logits)[target] of each row, and 0 for rows that do not count. It has no gradient.
 *
 * @param logits [..., classes]
 * @param targets u32, one per row
 * @returns [rows]
 */
export function rowCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  { ignore = NO_CLASS }: Pick<CrossEntropyOptions, 'ignore'> = {},
): Tensor {
  const { engine } = logits;
  const { rows, classes } = rowShape('rowCrossEntropy', logits, targets);
  const rowLoss = Tensor.empty(engine, [rows]);
  // The kernel reads them only to compute a gradient.
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

/** @throws ShapeError where there is not one target per row. */
function rowShape(op: string, logits: Tensor, targets: Tensor): { rows: number; classes: number } {
  const classes = logits.axis(-1);
  const rows = logits.length / classes;
  expectType(op, 'logits', logits, 'f32');
  expectShape(op, 'targets', targets.reshape([targets.length]), [rows], {}, 'u32');
  return { rows, classes };
}

/** Options of `meanSquaredError`. */
export interface SquaredErrorOptions {
  /** The weight of each element in the mean; has the shape of the prediction. Default: 1. */
  weights?: Tensor | undefined;
  /** Multiplies the loss. Default: 1. */
  factor?: number;
}

/**
 * factor * weighted mean of (prediction - truth)^2 over all elements.
 *
 * @param truth has the shape of the prediction; it gets no gradient
 * @returns [1]
 * @throws ShapeError where shapes disagree, or the truth requires a gradient.
 */
export function meanSquaredError(
  prediction: Tensor,
  truth: Tensor,
  options: SquaredErrorOptions = {},
): Tensor {
  const { engine } = prediction;
  const { weights, factor = 1 } = options;
  for (const [name, tensor] of Object.entries({ prediction, truth, weights })) {
    if (!tensor) continue;
    expectShape('meanSquaredError', name, tensor, prediction.shape);
  }
  if (tracks(engine, [truth])) {
    throw new ShapeError(
      'meanSquaredError',
      'truth',
      'a constant',
      'a tensor that requires a gradient',
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
  pushLoss('meanSquaredError', loss, prediction, gradient);
  return loss;
}

/**
 * The contrastive loss in one direction, which pulls row a of u toward row a of v and away from
 * the other rows of v:
 *
 *   factor * mean_a [ logsumexp_b(u_a . v_b / temperature) - u_a . v_a / temperature ]
 *
 * @param u [B, width], rows of unit length, as `normalize` returns them
 * @param v [B, width], rows of unit length
 * @returns [1]
 * @throws ShapeError where shapes disagree, or the temperature is not positive.
 */
export function contrastiveLoss(
  u: Tensor,
  v: Tensor,
  options: { temperature: number; factor?: number },
): Tensor {
  const { temperature, factor = 1 } = options;
  const bound = expectShape('contrastiveLoss', 'u', u, ['B', 'width']);
  expectShape('contrastiveLoss', 'v', v, ['B', 'width'], bound);
  if (!(temperature > 0))
    throw new ShapeError('contrastiveLoss', 'temperature', 'above 0', String(temperature));
  return u.engine.scope(() => {
    // The class of row a is a itself, on the diagonal.
    const classes = Uint32Array.from({ length: u.axis(0) }, (_, a) => a);
    const targets = Tensor.from(u.engine, classes, [classes.length]);
    const logits = matmulTransposed(u, v, 1 / temperature);
    return crossEntropy(logits, targets, { factor });
  });
}

/**
 * The tensors that a loss kernel writes: two totals, the first of which is the loss, and the
 * gradient if required.
 */
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

/**
 * Records a loss, whose gradient the forward pass computed. Backward scales it by the loss's factor
 * in the total.
 */
function pushLoss(op: string, loss: Tensor, input: Tensor, gradient: Tensor | undefined): void {
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
        const { tensor, accumulate } = gradients.target(input);
        scaleInto(engine, gradient, factor, tensor, accumulate);
        gradient.release();
      }
    },
  });
}
