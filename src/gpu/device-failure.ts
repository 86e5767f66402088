/** What goes wrong on a device: refused commands, a lost device, an engine disposed while something waits. */

import { DeviceLostError, GpuError } from './errors.js';

const DISPOSED = 'This engine was disposed.';

/** Remembers the first failure, and lets everything that waits fail with it. */
export class DeviceFailure {
  /** Rejects with the first failure; never resolves. */
  readonly lost: Promise<never>;
  readonly #device: GPUDevice;
  readonly #idle: (() => Promise<void>) | undefined;
  /** What waits, told of the first failure or of the engine's end. A race would keep each promise it ever saw. */
  readonly #waiting = new Set<(error: Error) => void>();
  #failure: Error | undefined;
  #disposed = false;
  #reject: (error: Error) => void = () => {};

  /** @param idle called between polls while something waits. */
  constructor(device: GPUDevice, idle: (() => Promise<void>) | undefined) {
    this.#device = device;
    this.#idle = idle;
    this.lost = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Whoever waits sees the rejection; where nobody does, it is no unhandled one.
    this.lost.catch(() => {});
    device.lost.then(({ message, reason }) => {
      if (!this.#disposed) this.fail(new DeviceLostError(message || reason || 'unknown reason'));
    });
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#reject(error);
    this.#end(error);
  }

  /** @throws the first failure, or that the engine was disposed. */
  check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#disposed) throw new Error(DISPOSED);
  }

  /** Ends everything that waits. */
  dispose(): void {
    this.#disposed = true;
    this.#end(new Error(DISPOSED));
  }

  /** Runs device calls in an error scope; what the device says of them becomes the failure, after `context`. */
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

  /** Lets the event loop turn once, so that a loss that has happened is known. */
  turn(): Promise<void> {
    return this.#idle?.() ?? nextTask();
  }

  /** Waits for a promise of the device's, polling where the platform needs it, and fails with the device. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    let end: (error: Error) => void = () => {};
    const settled = new Promise<T>((resolve, reject) => {
      end = reject;
      // A mapping is aborted only with its device, and in browsers before the device is reported lost.
      promise.then(resolve, (error) => error?.name === 'AbortError' || reject(error));
    });
    const note = () => {
      done = true;
    };
    settled.then(note, note);
    this.#waiting.add(end);
    try {
      this.check();
      while (this.#idle && !done) await this.#idle();
      const result = await settled;
      this.check();
      return result;
    } finally {
      this.#waiting.delete(end);
    }
  }

  #end(error: Error): void {
    for (const end of this.#waiting) end(error);
    this.#waiting.clear();
  }
}

/** Resolves in a task of its own; a timer would take a millisecond or more. */
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
