/** Drawing classes from logits on the GPU. */

import { ShapeError } from '../gpu/errors.js';
import type { RandomState } from './random.js';
import { expectShape, expectType, Tensor } from './tensor.js';

export interface SampleOptions {
  /** 0 takes the most likely class. Default 1. */
  temperature?: number;
  /** Keeps the k largest logits, and ties of the k-th. Default: all. */
  topK?: number;
  /** Keeps a logit if those above it hold at most this much of the probability. Default 1: all. */
  topP?: number;
  /** u32, one per row: what falls below it is drawn as it; past the end, as the last class. */
  lowest?: Tensor;
  random: RandomState;
  /** A number for the place that draws, so that no two places share a stream. */
  site: number;
}

/** What was drawn, and the logarithm of its probability under the whole softmax at temperature 1. */
export interface Sampled {
  /** u32 [rows] */
  drawn: Tensor;
  /** [rows] */
  logProbability: Tensor;
}

/**
 * One class per row: top-k, then top-p, then temperature, then a draw, then lowest.
 *
 * @param logits [..., classes]
 */
export function sample(logits: Tensor, options: SampleOptions): Sampled {
  const { engine } = logits;
  const { temperature = 1, topK = 0, topP = 1, lowest, random, site } = options;
  expectType('sample', 'logits', logits, 'f32');
  const classes = logits.axis(-1);
  const rows = logits.length / classes;
  if (!(temperature >= 0))
    throw new ShapeError('sample', 'temperature', '0 or more', String(temperature));
  if (!Number.isInteger(topK) || topK < 0)
    throw new ShapeError('sample', 'topK', 'a whole number', String(topK));
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
