/**
 * Failures of a device: rejected commands, a lost device, and an engine disposed while a promise is
 * pending.
 */

import { DeviceLostError, GpuError } from './errors.js';

const DISPOSED = 'This engine was disposed.';

/** Keeps a device's first failure, and rejects every pending promise of the engine with it. */
export class DeviceFailure {
  /** Rejects with the first failure; never resolves. */
  readonly lost: Promise<never>;
  readonly #device: GPUDevice;
  readonly #idle: (() => Promise<void>) | undefined;
  /**
   * Rejects the promises that `settle` is waiting for. `Promise.race` against `lost` would do the
   * same, but `lost` lives as long as the engine and would keep a reference to every promise it was
   * raced against.
   */
  readonly #waiting = new Set<(error: Error) => void>();
  #error: Error | undefined;
  #disposed = false;
  #reject: (error: Error) => void = () => {};

  /**
   * @param idle called between polls while a promise is pending; undefined where the platform needs
   *   no polling.
   */
  constructor(device: GPUDevice, idle: (() => Promise<void>) | undefined) {
    this.#device = device;
    this.#idle = idle;
    this.lost = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Keeps the rejection from being reported as unhandled where the caller does not listen to
    // `lost`.
    this.lost.catch(() => {});
    device.lost.then(({ message, reason }) => {
      if (!this.#disposed) this.fail(new DeviceLostError(message || reason || 'unknown reason'));
    });
  }

  /** Whether the engine was disposed. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Records `error` as the failure and rejects everything pending. Does nothing after the first
   * failure.
   */
  fail(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    this.#reject(error);
    this.#rejectWaiting(error);
  }

  /** @throws the first failure, or an Error where the engine was disposed. */
  check(): void {
    if (this.#error) throw this.#error;
    if (this.#disposed) throw new Error(DISPOSED);
  }

  /** Rejects everything pending. */
  dispose(): void {
    this.#disposed = true;
    this.#rejectWaiting(new Error(DISPOSED));
  }

  /**
   * Runs device calls in an error scope. A validation error becomes the failure, with `context`
   * before its message.
   */
  watch<T>(context: string, run: () => T): T {
    this.#device.pushErrorScope('validation');
    try {
      return run();
    } finally {
      this.#device.popErrorScope().then(
        (error) => error && this.fail(new GpuError(`${context}: ${error.message}`)),
        () => {},
      );
    }
  }

  /**
   * Waits for one turn of the event loop, in which the browser reports a device that is already
   * lost.
   */
  yieldToEventLoop(): Promise<void> {
    return this.#idle?.() ?? nextTask();
  }

  /**
   * Waits for one of the device's promises, polling where the platform needs it.
   *
   * @throws the device's failure, also where the promise itself would never settle.
   */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    let rejectSettled: (error: Error) => void = () => {};
    const settled = new Promise<T>((resolve, reject) => {
      rejectSettled = reject;
      // A mapping is aborted only when its device is lost. Browsers abort it before they report the
      // loss, whose error says more: wait for that.
      promise.then(resolve, (error) => error?.name === 'AbortError' || reject(error));
    });
    const markDone = () => {
      done = true;
    };
    settled.then(markDone, markDone);
    this.#waiting.add(rejectSettled);
    try {
      this.check();
      while (this.#idle && !done) await this.#idle();
      const result = await settled;
      this.check();
      return result;
    } finally {
      this.#waiting.delete(rejectSettled);
    }
  }

  #rejectWaiting(error: Error): void {
    for (const rejectSettled of this.#waiting) rejectSettled(error);
    this.#waiting.clear();
  }
}

/** Resolves in a new task of the event loop. A timer would take a millisecond or more. */
function nextTask(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void };
  return new Promise((resolve) => {
    if (setImmediate) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
