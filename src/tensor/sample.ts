/** Drawing classes from logits on the GPU. */

import { ShapeError } from '../gpu/errors.js';
import type { RandomState } from './random.js';
import { expectShape, expectType, Tensor } from './tensor.js';

/** Options of `sample`. */
export interface SampleOptions {
  /** Divides the logits; 0 takes the most likely class. Default: 1. */
  temperature?: number;
  /** Keeps the k largest logits, and those equal to the k-th. Default: all. */
  topK?: number;
  /**
   * Keeps a logit if the larger ones have together at most this probability. Default: 1, which
   * keeps all.
   */
  topP?: number;
  /**
   * u32, one per row: the smallest class to return, at most the last one. A smaller draw is raised
   * to it.
   */
  lowest?: Tensor;
  /** The random stream. */
  random: RandomState;
  /** The id of this draw, so that no two draws of a step use the same random numbers. */
  site: number;
}

/** The classes that `sample` drew. */
export interface SampleResult {
  /** u32 [rows], the classes */
  drawn: Tensor;
  /**
   * [rows], the logarithm of each class's probability under the unfiltered softmax at temperature 1
   */
  logProbability: Tensor;
}

/**
 * Draws one class per row. The steps are top-k, top-p, temperature, the draw, and raising it to
 * `lowest`.
 *
 * @param logits [..., classes]
 * @throws ShapeError where an option is out of range.
 */
export function sample(logits: Tensor, options: SampleOptions): SampleResult {
  const { engine } = logits;
  const { temperature = 1, topK = 0, topP = 1, lowest, random, site } = options;
  expectType('sample', 'logits', logits, 'f32');
  const classes = logits.axis(-1);
  const rows = logits.length / classes;
  if (!(temperature >= 0))
    throw new ShapeError('sample', 'temperature', '0 or more', String(temperature));
  if (!Number.isInteger(topK) || topK < 0)
    throw new ShapeError('sample', 'topK', 'a non-negative integer', String(topK));
  if (!(topP > 0)) throw new ShapeError('sample', 'topP', 'above 0', String(topP));
  if (lowest) {
    expectShape('sample', 'lowest', lowest, [rows], {}, 'u32');
  }
  const drawn = Tensor.empty(engine, [rows], 'u32');
  const logProbability = Tensor.empty(engine, [rows]);
  engine.dispatch(
    'sample.main',
    {
      logits,
      lowest: lowest ?? engine.placeholders.read,
      drawn,
      logProbability,
      random: random.state,
    },
    {
      rows,
      V: classes,
      topK: topK >= classes ? 0 : topK,
      topP,
      temperature,
      hasLowest: Number(lowest !== undefined),
      site,
    },
    rows,
    { constants: { WG: engine.tuning.sampleGroup } },
  );
  return { drawn, logProbability };
}
