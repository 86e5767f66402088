/** Elementwise operations and their gradients. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { runElementwise as run, scaleInto } from './primitives.js';
import { type Dropout, dropoutParams } from './random.js';
import { markLoss, newOutput, pushNode } from './tape.js';
import { elementCount, expectShape, expectType, type Tensor } from './tensor.js';

/**
 * An activation function; 'gelu' is the exact form with erf, PyTorch's default, and 'log1p' takes
 * numbers below 0 for 0.
 */
export type Activation = 'gelu' | 'relu' | 'tanh' | 'sigmoid' | 'softplus' | 'log1p';

const ACTIVATION_CODES: Readonly<Record<Activation, number>> = {
  gelu: 0,
  relu: 1,
  tanh: 2,
  sigmoid: 3,
  softplus: 4,
  log1p: 5,
};

/** The activation function of every element of x. */
export function activate(x: Tensor, kind: Activation): Tensor {
  const { engine } = x;
  expectType('activate', 'x', x, 'f32');
  const y = newOutput(engine, x.shape, [x]);
  run(engine, 'activate', { x, out: y }, { kind: ACTIVATION_CODES[kind] });
  pushNode(engine, {
    op: kind,
    outputs: [y],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy || !gradients.wants(x)) return;
      activateGradient(
        engine,
        kind,
        dy,
        kind === 'tanh' || kind === 'sigmoid' ? y : x,
        gradients.target(x),
      );
    },
  });
  return y;
}

/** target (+)= dy * f'(x), where `saved` is f(x) for tanh and sigmoid, and x for all others. */
export function activateGradient(
  engine: Engine,
  kind: Activation,
  dy: Tensor,
  saved: Tensor,
  target: { tensor: Tensor; accumulate: boolean },
): void {
  const params = { kind: ACTIVATION_CODES[kind], accumulate: Number(target.accumulate) };
  run(engine, 'activate_grad', { x: dy, saved, out: target.tensor }, params);
}

/**
 * x with elements set to 0 at random and the others scaled by 1 / (1 - rate). With no options or a
 * rate of 0 it is x.
 *
 * @throws ShapeError where the rate is not below 1.
 */
export function dropout(x: Tensor, options: Dropout | undefined): Tensor {
  if (!options || options.rate === 0) return x;
  const { engine } = x;
  expectType('dropout', 'x', x, 'f32');
  const y = newOutput(engine, x.shape, [x]);
  applyDropout(engine, x, options, { tensor: y, accumulate: false });
  pushNode(engine, {
    op: 'dropout',
    outputs: [y],
    backward(gradients) {
      const dy = gradients.get(y);
      if (dy && gradients.wants(x)) applyDropout(engine, dy, options, gradients.target(x));
    },
  });
  return y;
}

/** target (+)= dropout mask * from. The forward and the backward pass draw the same mask. */
export function applyDropout(
  engine: Engine,
  from: Tensor,
  options: Dropout,
  target: { tensor: Tensor; accumulate: boolean },
): void {
  const params = { ...dropoutParams('dropout', options), accumulate: Number(target.accumulate) };
  run(engine, 'dropout', { x: from, random: options.random.state, out: target.tensor }, params);
}

/** a + b, which have the same shape. */
export function add(a: Tensor, b: Tensor): Tensor {
  const { engine } = a;
  expectType('add', 'a', a, 'f32');
  expectShape('add', 'b', b, a.shape);
  const y = newOutput(engine, a.shape, [a, b]);
  run(engine, 'combine', { x: a, y: b, out: y }, { alpha: 1, beta: 1 });
  pushNode(engine, {
    op: 'add',
    outputs: [y],
    backward(gradients) {
      gradients.share(y, a);
      gradients.transfer(y, b);
    },
  });
  return y;
}

/**
 * The sum of factor * loss, itself a loss that `differentiate` accepts.
 *
 * @param losses each [1]
 * @param factors one per loss. Default: 1.
 * @returns [1]
 * @throws ShapeError where there are no losses, or the factors are not as many as the losses.
 */
export function sumLosses(losses: readonly Tensor[], factors?: readonly number[]): Tensor {
  const firstLoss = losses[0];
  if (!firstLoss) throw new ShapeError('sumLosses', 'losses', 'at least one', 'an empty list');
  if (factors && factors.length !== losses.length) {
    throw new ShapeError('sumLosses', 'factors', `${losses.length} numbers`, `${factors.length}`);
  }
  const { engine } = firstLoss;
  const total = markLoss(newOutput(engine, [1], losses));
  for (const [n, loss] of losses.entries()) {
    if (elementCount(loss.shape) !== 1) expectShape('sumLosses', `loss ${n}`, loss, [1]);
    scaleInto(engine, loss, factors?.[n] ?? 1, total, n > 0);
  }
  pushNode(engine, {
    op: 'sumLosses',
    outputs: [total],
    backward(gradients) {
      const factor = gradients.factor(total);
      if (factor === undefined) return;
      for (const [n, loss] of losses.entries())
        gradients.addFactor(loss, factor * (factors?.[n] ?? 1));
    },
  });
  return total;
}
