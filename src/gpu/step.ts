/** A recorded step: a flat list of commands that run again and again on the same buffers. */

import type { Command, UniformRing } from './commands.js';
import type { BufferView } from './memory.js';
import type { Slot } from './staging.js';

/** Values copied at the end of a run, to be read whenever it suits. */
export interface Fetched {
  /** One array buffer per view asked for. */
  read(): Promise<ArrayBuffer[]>;
}

/** What a step needs of its engine. */
export interface StepHost {
  flush(): void;
  submit(
    commands: readonly Command[],
    ring?: UniformRing,
    reads?: readonly BufferView[],
  ): Slot | undefined;
  readSlot(slot: Slot): Promise<ArrayBuffer[]>;
}

export class Step<T> {
  readonly #host: StepHost;
  readonly #commands: readonly Command[];
  readonly #ring: UniformRing | undefined;
  readonly #release: () => void;
  #disposed = false;

  /** Made by `Engine.record`. `value` is what the recorded function returned. */
  constructor(
    host: StepHost,
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

  /** How many kernels one run dispatches. */
  get dispatches(): number {
    return this.#commands.filter((c) => c.kind === 'dispatch').length;
  }

  /** Encodes and submits the step, in one submit. Does not wait. */
  run(): void {
    this.#begin();
    this.#host.submit(this.#commands, this.#ring);
  }

  /** Like `run`, with copies of `views` at the end of the same submit. */
  runAndFetch(views: readonly BufferView[]): Fetched {
    this.#begin();
    const slot = this.#host.submit(this.#commands, this.#ring, views);
    let bytes: Promise<ArrayBuffer[]> | undefined;
    const read = () => {
      bytes ??= slot ? this.#host.readSlot(slot) : Promise.resolve([]);
      return bytes;
    };
    return { read };
  }

  /** Gives the step's buffers back. The tensors it returned must not be used after. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #begin(): void {
    if (this.#disposed) throw new Error('This step was disposed.');
    this.#host.flush();
  }
}
