/** Lets minimizations that run side by side have their objectives computed together. */

import type { Evaluation, Objective } from './lbfgs.js';

/** A minimization that waits for its objective. */
interface Request {
  readonly point: Float64Array;
  readonly resolve: (evaluation: Evaluation) => void;
  readonly reject: (error: unknown) => void;
}

/** Computes objectives as soon as every minimization that goes on has asked for its own. */
export class SharedEvaluations {
  readonly #evaluate: (
    indices: readonly number[],
    points: readonly Float64Array[],
  ) => readonly Evaluation[];
  /** By index of the minimization. */
  readonly #requests = new Map<number, Request>();
  #running: number;

  /**
   * @param count how many minimizations there are; each has to call `use` once
   * @param evaluate computes the objectives with these indices, in ascending order, at a point
   *   each; an error that it throws is thrown to all minimizations that wait
   */
  constructor(
    count: number,
    evaluate: (
      indices: readonly number[],
      points: readonly Float64Array[],
    ) => readonly Evaluation[],
  ) {
    this.#running = count;
    this.#evaluate = evaluate;
  }

  /** Runs a minimization with its objective. */
  async use<T>(index: number, run: (objective: Objective) => Promise<T>): Promise<T> {
    try {
      return await run(
        (point) =>
          new Promise((resolve, reject) => {
            this.#requests.set(index, { point, resolve, reject });
            this.#serve();
          }),
      );
    } finally {
      this.#running -= 1;
      this.#serve();
    }
  }

  /** Computes what is asked for, unless a minimization may still ask. */
  #serve(): void {
    if (this.#requests.size === 0 || this.#requests.size < this.#running) return;
    const requests = [...this.#requests].sort(([p], [q]) => p - q);
    this.#requests.clear();
    try {
      const evaluations = this.#evaluate(
        requests.map(([index]) => index),
        requests.map(([, { point }]) => point),
      );
      for (const [n, [, { resolve }]] of requests.entries()) resolve(evaluations[n]!);
    } catch (error) {
      for (const [, { reject }] of requests) reject(error);
    }
  }
}
