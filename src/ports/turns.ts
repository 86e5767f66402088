/** Turns of the event loop during long computations. */

/** Milliseconds: a computation holds the event loop no longer than about this. */
const SLICE = 25;

/** Waits for a turn of the event loop, in which requests to stop and a page's own work are done. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * Gives the event loop a turn now and then, so that a page stays alive while numbers are computed,
 * and a request to stop arrives.
 */
export class Turns {
  #last = performance.now();

  /** @param afterEach called after each turn; an error that it throws ends the computation */
  constructor(private readonly afterEach: () => void = () => {}) {}

  /** Gives a turn if the last one was long enough ago. To be called between short computations. */
  async give(): Promise<void> {
    if (performance.now() - this.#last < SLICE) return;
    await nextTurn();
    this.#last = performance.now();
    this.afterEach();
  }
}
