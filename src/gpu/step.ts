/** A recorded step: a list of commands that is replayed on the same buffers. */

import type { Command, UniformRing } from './commands.js';
import type { BufferView } from './memory.js';
import type { StagingSlot } from './staging.js';

/**
 * Values that `Step.runAndFetch` copied at the end of a run. They can be read at any later time.
 */
export interface FetchedValues {
  /**
   * The values as bytes, one array buffer per view, in the order of the views. A second call gives
   * the same buffers.
   */
  read(): Promise<ArrayBuffer[]>;
}

/** The part of the engine that a step calls. */
export interface StepHost {
  /** Whether commands go into another step now. */
  readonly isRecording: boolean;
  /** Submits the commands that were appended outside the step. */
  flush(): void;
  /** Encodes and submits `commands`, then copies of `reads`; returns where the copies are. */
  submit(
    commands: readonly Command[],
    ring?: UniformRing,
    reads?: readonly BufferView[],
  ): StagingSlot | undefined;
  /** The copies in a slot that `submit` returned. */
  readSlot(slot: StagingSlot): Promise<ArrayBuffer[]>;
}

/**
 * A recorded step, created by `Engine.record`. It owns the buffers that it allocated while it was
 * recorded.
 */
export class Step<T> {
  readonly #host: StepHost;
  readonly #commands: readonly Command[];
  readonly #ring: UniformRing | undefined;
  readonly #release: () => void;
  #disposed = false;

  /** @internal */
  constructor(
    host: StepHost,
    /**
     * What the recorded function returned. Each run overwrites the contents of the tensors in it.
     */
    readonly value: T,
    commands: readonly Command[],
    ring: UniformRing | undefined,
    release: () => void,
  ) {
    this.#host = host;
    this.#commands = commands;
    this.#ring = ring;
    this.#release = release;
  }

  /** How many dispatches one run makes. */
  get dispatchCount(): number {
    return this.#commands.filter((command) => command.kind === 'dispatch').length;
  }

  /** Floating-point operations of one run, as far as its dispatches say: matrix products. */
  get flops(): number {
    return this.#commands.reduce(
      (sum, command) => sum + (command.kind === 'dispatch' ? command.flops : 0),
      0,
    );
  }

  /**
   * Runs the step in one submit, without waiting for it.
   *
   * @throws Error where the step was disposed, or another one is being recorded.
   */
  run(): void {
    this.#begin();
    this.#host.submit(this.#commands, this.#ring);
  }

  /** Like `run`, with copies of `views` at the end of the same submit. */
  runAndFetch(views: readonly BufferView[]): FetchedValues {
    this.#begin();
    const slot = this.#host.submit(this.#commands, this.#ring, views);
    let bytes: Promise<ArrayBuffer[]> | undefined;
    const read = () => {
      bytes ??= slot ? this.#host.readSlot(slot) : Promise.resolve([]);
      return bytes;
    };
    return { read };
  }

  /** Returns the step's buffers to the pool. The tensors in `value` must not be used afterwards. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #begin(): void {
    if (this.#disposed) throw new Error('This step was disposed.');
    if (this.#host.isRecording)
      throw new Error(
        'A step cannot run while another one is recorded: it would not be part of it.',
      );
    this.#host.flush();
  }
}
