/** Random numbers on the GPU: a counter-based generator keyed by (seed, step, site, element), so nothing is stored. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { Tensor } from './tensor.js';

/** What every random kernel reads: the 64-bit stream of a seed and a step. */
export class RandomState {
  /** Bound as a uniform: the stream's two words, the others unused. */
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

  get step(): number {
    return this.#step;
  }

  /** Sets the step: each draws its own masks and samples, and the same step draws the same again. */
  set step(step: number) {
    this.#step = step;
    this.#upload();
  }

  dispose(): void {
    this.state.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #upload(): void {
    this.state.write(mix(this.#seed % 2 ** 32, Math.floor(this.#seed / 2 ** 32), this.#step));
  }
}

/** Two rounds of the kernels' own hash (pcg4d, Jarzynski and Olano 2020) over three words. */
function mix(a: number, b: number, c: number): Uint32Array {
  const v = Uint32Array.of(a, b, c, 0);
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 4; n++) v[n] = Math.imul(v[n]!, 1664525) + 1013904223;
    mixSeed(v);
    for (let n = 0; n < 4; n++) v[n]! ^= v[n]! >>> 16;
    mixSeed(v);
  }
  return v;
}

function mixSeed(v: Uint32Array): void {
  for (const [to, p, q] of [
    [0, 1, 3],
    [1, 2, 0],
    [2, 0, 1],
    [3, 1, 2],
  ] as const) {
    v[to]! += Math.imul(v[p]!, v[q]!);
  }
}

/** Dropout at one place of a model: keeps an element with probability 1 - rate and scales it up to match. */
export interface Dropout {
  /** From 0 up to but not including 1. */
  readonly rate: number;
  /** A number for the place, so that no two places share a stream. */
  readonly site: number;
  readonly random: RandomState;
}

/** Dropout as kernels take it; without dropout, a threshold nothing reaches and a scale of 1. */
export interface DropoutParams {
  readonly keepThreshold: number;
  readonly keepScale: number;
  readonly site: number;
}

/** @throws ShapeError where the rate is no probability below 1. */
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
