/** What a command encoder and its passes write to: the commands, what they use, and the first call that was refused. */

import type { Command } from '../threads/executor.js';
import type { DeviceContext } from './device-context.js';
import { describeCall, ensure, ValidationError } from './errors.js';
import type { CpuQuerySet } from './query-set.js';

/** What a submit must find usable: buffers, bind groups, query sets. */
export interface Usable {
  /** @throws Refusal where it is not. */
  checkUsable(): void;
  /** Called when work was submitted that uses it. */
  markUsed?(): void;
}

/** What a command buffer does, and what must be usable when it is submitted. */
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
  /** The first call that was refused: the command buffer will be invalid. */
  #refusal: string | undefined;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  add(command: Command): void {
    this.#commands.push(command);
  }

  use(used: Usable): void {
    this.#used.add(used);
  }

  /** Writes the time to a query. */
  writeTimestamp(querySet: CpuQuerySet, index: number | undefined): void {
    if (index !== undefined)
      this.add({ kind: 'timestamp', to: querySet.address(this.#context, index) });
  }

  /** @throws Refusal where a pass is open, and only its own calls are allowed. */
  checkNoPass(): void {
    ensure(this.#openPass === undefined, () => 'a compute pass is open');
  }

  beginPass(pass: object): void {
    this.#openPass = pass;
  }

  /** Closes a pass, where it is the one that is open. */
  endPass(pass: object): void {
    if (this.#openPass === pass) this.#openPass = undefined;
  }

  /**
   * Runs what a call checks and records; the first that is refused makes the command buffer invalid. Once the encoder is
   * finished it is too late for that, and the call is an error by itself.
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

  /** All that was recorded. Nothing more is. @throws Refusal where the commands are invalid. */
  finish(): RecordedCommands {
    const wasFinished = this.#isFinished;
    this.#isFinished = true;
    ensure(!wasFinished, () => 'the encoder is finished already');
    ensure(this.#openPass === undefined, () => 'a compute pass was not ended');
    ensure(this.#refusal === undefined, () => this.#refusal!);
    return { commands: this.#commands, used: this.#used };
  }
}

/** The calls for debugging, which encoders and passes have alike: groups must be balanced, and have no other effect. */
export abstract class DebugCommands {
  #openGroups = 0;

  /** Runs a call's checks where they belong. */
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

  /** @throws Refusal where a group is open. */
  protected checkDebugGroups(): void {
    ensure(this.#openGroups === 0, () => 'a debug group was not popped');
  }
}
