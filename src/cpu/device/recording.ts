/**
 * What a command encoder and its passes record: the commands, the objects they use, and the first
 * error.
 */

import type { Command } from '../threads/executor.js';
import type { DeviceContext } from './device-context.js';
import { describeCall, ensure, ValidationError } from './errors.js';
import type { CpuQuerySet } from './query-set.js';

/**
 * An object that must be usable when commands that use it are submitted: a buffer, a bind group or
 * a query set.
 */
export interface Usable {
  /** @throws ValidationError where the object cannot be used. */
  checkUsable(): void;
  /** Called when work that uses the object was submitted. */
  markUsed?(): void;
}

/** The content of a command buffer: its commands, and what must be usable when it is submitted. */
export interface RecordedCommands {
  readonly commands: readonly Command[];
  readonly used: ReadonlySet<Usable>;
}

/** The commands of one encoder. */
export class Recording {
  readonly #context: DeviceContext;
  readonly #commands: Command[] = [];
  readonly #used = new Set<Usable>();
  #openPass: object | undefined;
  #isFinished = false;
  /** The first error. It makes the command buffer invalid. */
  #refusal: string | undefined;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Records a command. */
  add(command: Command): void {
    this.#commands.push(command);
  }

  /** Records that the commands use an object. */
  use(used: Usable): void {
    this.#used.add(used);
  }

  /** Records that the time is written to a query, if there is one. */
  writeTimestamp(querySet: CpuQuerySet, index: number | undefined): void {
    if (index !== undefined)
      this.add({ kind: 'timestamp', to: querySet.address(this.#context, index) });
  }

  /** @throws ValidationError where a pass is open: only the pass's own calls are allowed then. */
  checkNoPass(): void {
    ensure(this.#openPass === undefined, () => 'a compute pass is open');
  }

  /** Marks a pass as the open one. */
  beginPass(pass: object): void {
    this.#openPass = pass;
  }

  /** Closes the pass, if it is the open one. */
  endPass(pass: object): void {
    if (this.#openPass === pass) this.#openPass = undefined;
  }

  /**
   * Runs the checks and the recording of a call. The first error makes the command buffer invalid.
   * After `finish` it is too late for that, and the call is an error by itself.
   */
  run(call: string, label: string, record: () => void): undefined {
    if (this.#isFinished) {
      this.#context.errors.reportValidationError(
        describeCall(call, label),
        'the encoder is finished',
      );
      return undefined;
    }
    try {
      record();
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      this.#refusal ??= `${call}: ${error.message}`;
    }
    return undefined;
  }

  /**
   * Ends the recording and returns it.
   *
   * @throws ValidationError where the commands are invalid.
   */
  finish(): RecordedCommands {
    const wasFinished = this.#isFinished;
    this.#isFinished = true;
    ensure(!wasFinished, () => 'the encoder is already finished');
    ensure(this.#openPass === undefined, () => 'a compute pass was not ended');
    ensure(this.#refusal === undefined, () => this.#refusal!);
    return { commands: this.#commands, used: this.#used };
  }
}

/**
 * The calls for debugging, which encoders and passes share. Debug groups must be balanced; they
 * have no other effect.
 */
export abstract class DebugCommands {
  #openGroups = 0;

  /** Runs the checks and the recording of a call. */
  protected abstract run(call: string, record: () => void): undefined;

  pushDebugGroup(_: string): undefined {
    return this.run('pushDebugGroup', () => {
      this.#openGroups++;
    });
  }

  popDebugGroup(): undefined {
    return this.run('popDebugGroup', () => {
      ensure(this.#openGroups > 0, () => 'no debug group is open');
      this.#openGroups--;
    });
  }

  insertDebugMarker(_: string): undefined {
    return this.run('insertDebugMarker', () => {});
  }

  /** @throws ValidationError where a debug group is open. */
  protected checkDebugGroups(): void {
    ensure(this.#openGroups === 0, () => 'a debug group was not popped');
  }
}
