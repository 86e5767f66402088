/**
 * Random numbers on the GPU: a hash of (seed, step, site, element), so that masks need not be
 * stored.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { Tensor } from './tensor.js';

/** The random stream of a seed and a step, which every random kernel reads. */
export class RandomState {
  /** u32 [4], bound as a uniform. The stream is its first two words. */
  readonly state: Tensor;
  readonly #seed: number;
  #step = 0;

  /** @param seed a non-negative integer below 2^53. */
  constructor(engine: Engine, seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new ShapeError(
        'RandomState',
        'seed',
        'a non-negative integer below 2^53',
        String(seed),
      );
    }
    this.#seed = seed;
    this.state = Tensor.empty(engine, [4], 'u32').keep();
    this.#upload();
  }

  /**
   * The step. Different steps draw different masks and samples; the same step draws the same ones
   * again.
   */
  get step(): number {
    return this.#step;
  }

  /** Writes the stream of another step. */
  set step(step: number) {
    this.#step = step;
    this.#upload();
  }

  /** Releases the state's memory. */
  dispose(): void {
    this.state.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #upload(): void {
    this.state.write(mix(this.#seed % 2 ** 32, Math.floor(this.#seed / 2 ** 32), this.#step));
  }
}

/**
 * Two rounds of the hash that the kernels use (pcg4d, Jarzynski and Olano 2020) over three words.
 */
function mix(a: number, b: number, c: number): Uint32Array {
  const v = Uint32Array.of(a, b, c, 0);
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 4; n++) v[n] = Math.imul(v[n]!, 1664525) + 1013904223;
    mixWords(v);
    for (let n = 0; n < 4; n++) v[n]! ^= v[n]! >>> 16;
    mixWords(v);
  }
  return v;
}

function mixWords(v: Uint32Array): void {
  for (const [target, p, q] of [
    [0, 1, 3],
    [1, 2, 0],
    [2, 0, 1],
    [3, 1, 2],
  ] as const) {
    v[target]! += Math.imul(v[p]!, v[q]!);
  }
}

/**
 * One dropout of a model. It keeps an element with probability 1 - rate and multiplies it by 1 / (1
 * - rate).
 */
export interface Dropout {
  /** The probability of setting an element to 0: from 0 up to but not including 1. */
  readonly rate: number;
  /** The id of this dropout, so that no two dropouts of a step use the same random numbers. */
  readonly site: number;
  /** The random stream. */
  readonly random: RandomState;
}

/** Dropout as parameters of a kernel. */
export interface DropoutParams {
  /** An element is kept where its 32-bit random word is below this. */
  readonly keepThreshold: number;
  /** The factor of kept elements; 1 switches dropout off. */
  readonly keepScale: number;
  readonly site: number;
}

/**
 * The parameters of a dropout; with undefined or a rate of 0, those that keep everything.
 *
 * @throws ShapeError where the rate is negative, or 1 or more.
 */
export function dropoutParams(op: string, dropout: Dropout | undefined): DropoutParams {
  if (!dropout || dropout.rate === 0) return { keepThreshold: 0xffffffff, keepScale: 1, site: 0 };
  const { rate, site } = dropout;
  if (!(rate > 0 && rate < 1))
    throw new ShapeError(op, 'dropout rate', 'from 0 up to below 1', String(rate));
  return {
    keepThreshold: Math.min(Math.floor((1 - rate) * 2 ** 32), 0xffffffff),
    keepScale: 1 / (1 - rate),
    site,
  };
}
