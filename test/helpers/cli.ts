/** Running the command line: the built one in a child process, or its sources in this process. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../src/cli/program.js';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** How a command ended, and what it printed. */
export interface CommandResult {
  /** Exit code; null if a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Longest wait, less than the time limit of a test, so that the error says what did not happen. */
const MAX_WAIT_MS = 100_000;

/** A command that runs in a child process, as users run it. */
export class RunningCommand {
  readonly child: ChildProcess;
  /** Settles when the process has ended. */
  readonly ended: Promise<CommandResult>;
  #out = '';
  #err = '';
  /** Called whenever there is new output. */
  #onOutput = () => {};

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
    this.child.stdout!.on('data', (data) => {
      this.#out += data;
      this.#onOutput();
    });
    this.child.stderr!.on('data', (data) => {
      this.#err += data;
      this.#onOutput();
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, out: this.#out, err: this.#err }),
      );
    });
  }

  /**
   * Waits until the command has printed a text, on standard output or standard error.
   *
   * @throws Error where the command ends before, or takes longer than MAX_WAIT_MS.
   */
  waitForOutput(text: string): Promise<void> {
    return this.#wait(
      `print ${text}`,
      () => `${this.#out}\n${this.#err}`.includes(text),
      (check) => {
        this.#onOutput = check;
        return () => {
          this.#onOutput = () => {};
        };
      },
    );
  }

  /**
   * Waits until the run that the command trains in a folder has logged this many updates.
   *
   * @throws Error where the command ends before, or takes longer than MAX_WAIT_MS.
   */
  waitForUpdates(folder: string, updates: number): Promise<void> {
    mkdirSync(folder, { recursive: true });
    return this.#wait(
      `reach update ${updates}`,
      () => lastLoggedUpdate(folder) >= updates,
      (check) => {
        const watcher = watch(folder, check);
        return () => watcher.close();
      },
    );
  }

  /**
   * Waits for something that the command does.
   *
   * @param onChange calls its argument whenever that may have happened; returns how to end this.
   */
  async #wait(
    what: string,
    hasHappened: () => boolean,
    onChange: (check: () => void) => () => void,
  ): Promise<void> {
    let stopWaiting = () => {};
    const happened = new Promise<void>((resolve, reject) => {
      const check = () => {
        if (hasHappened()) resolve();
      };
      const stopWatching = onChange(check);
      const timer = setTimeout(
        () => reject(new Error(`The command did not ${what} in ${MAX_WAIT_MS / 1000} s.`)),
        MAX_WAIT_MS,
      );
      stopWaiting = () => {
        stopWatching();
        clearTimeout(timer);
      };
      this.ended.then(
        ({ err }) => reject(new Error(`The command ended before it could ${what}: ${err}`)),
        reject,
      );
      check();
    });
    try {
      await happened;
    } finally {
      stopWaiting();
    }
  }
}

/** The update in the last line of a run's metrics; 0 where there is none yet. */
function lastLoggedUpdate(folder: string): number {
  const file = join(folder, 'metrics.jsonl');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return Number(/"step":(\d+)/.exec(lines.at(-1) ?? '')?.[1] ?? 0);
}

/** Runs a command in a child process to its end. */
export function runInChildProcess(...args: string[]): Promise<CommandResult> {
  return new RunningCommand(args).ended;
}

/**
 * Runs a command in this process, where most kernels are compiled already.
 *
 * Only one command may run at a time: everything written to stdout and stderr meanwhile counts as
 * its output.
 */
export async function neuroformer(...args: string[]): Promise<CommandResult> {
  const { env, exitCode } = process;
  const written = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const originalWrites = streams.map((name) => process[name].write);
  for (const name of streams) {
    process[name].write = ((text: string | Uint8Array) => {
      written[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    }) as typeof process.stdout.write;
  }
  process.env = { ...env };
  process.exitCode = undefined;
  try {
    const code = await throwOnExit(createProgram())
      .parseAsync(args, { from: 'user' })
      .then(
        () => Number(process.exitCode ?? 0),
        (error: unknown) => {
          if (error instanceof CommanderError) return error.exitCode;
          throw error;
        },
      );
    return { code, signal: null, out: written.stdout, err: written.stderr };
  } finally {
    for (const [n, name] of streams.entries()) process[name].write = originalWrites[n]!;
    process.env = env;
    process.exitCode = exitCode;
  }
}

/** Makes a command and its subcommands throw instead of ending the process. */
function throwOnExit(command: Command): Command {
  command.commands.forEach(throwOnExit);
  return command.exitOverride();
}
