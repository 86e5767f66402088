/** Layer normalisation over the last axis. */

import { rowWorkgroups } from './primitives.js';
import { outputOf, remember } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

export interface LayerNormOptions {
  /** Default 1e-5. */
  eps?: number;
  /** Added to x before normalising; shape of x. */
  residual?: Tensor | undefined;
}

/** y, and the sum it was made from where there is a residual. */
export interface Normalised {
  y: Tensor;
  /** x + residual; x itself without one. */
  sum: Tensor;
}

/**
 * (s - mean) / sqrt(var + eps) * gamma + beta over the last axis, s = x + residual; biased variance.
 *
 * @param x [..., width]
 * @param gamma [width]
 * @param beta [width]
 */
export function layerNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: LayerNormOptions = {},
): Normalised {
  const { engine } = x;
  const { residual, eps = 1e-5 } = options;
  const width = x.axis(-1);
  const rows = x.length / width;
  expectType('layerNorm', 'x', x, 'f32');
  expectShape('layerNorm', 'gamma', gamma, [width]);
  expectShape('layerNorm', 'beta', beta, [width]);
  if (residual) expectShape('layerNorm', 'residual', residual, x.shape);
  const { rowGroup: WG, rowLanes: LANES, columnSlices: SLICES } = engine.tuning;
  const inputs = [x, gamma, beta, residual];
  const sum = residual ? outputOf(engine, x.shape, [x, residual]) : x;
  const y = outputOf(engine, x.shape, inputs);
  const stats = Tensor.empty(engine, [rows, 2]);
  const params = { rows, width, eps, hasResidual: Number(residual !== undefined), accumulate: 0 };
  engine.dispatch(
    'layernorm.forward',
    {
      x,
      residual: residual ?? engine.absent.read,
      gamma,
      beta,
      summed: residual ? sum : engine.absent.write,
      y,
      newStats: stats,
    },
    params,
    rowWorkgroups(engine, rows),
    { constants: { WG, LANES } },
  );
  remember(engine, {
    op: 'layerNorm',
    outputs: residual ? [y, sum] : [y],
    saved: [stats],
    backward(gradients) {
      const dy = gradients.of(y);
      if (dy && (gradients.wants(gamma) || gradients.wants(beta))) {
        // The kernel makes both: what a frozen one would get goes nowhere.
        const unwanted = Tensor.empty(engine, [width]);
        const target = (p: Tensor) => (gradients.wants(p) ? gradients.accumulator(p) : unwanted);
        engine.dispatch(
          'layernorm.scale',
          { x: sum, dy, stats, dgamma: target(gamma), dbeta: target(beta) },
          params,
          Math.ceil(width / (WG / SLICES)),
          { constants: { WG, SLICES } },
        );
        unwanted.release();
      }
      if (dy && gradients.wants(sum)) {
        const { tensor, accumulate } = gradients.into(sum);
        engine.dispatch(
          'layernorm.backward',
          { x: sum, gamma, dy, stats, dx: tensor },
          { ...params, accumulate: Number(accumulate) },
          rowWorkgroups(engine, rows),
          { constants: { WG, LANES } },
        );
      }
      if (!residual) return;
      gradients.share(sum, x);
      gradients.pass(sum, residual);
    },
  });
  return { y, sum };
}
