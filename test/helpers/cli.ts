/** Running the command line: the built one in a child process, or its sources in this process. */

import { type ChildProcess, spawn } from 'node:child_process';
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

/** A command that runs in a child process, as users run it. */
export class RunningCommand {
  readonly child: ChildProcess;
  /** Settles when the process has ended. */
  readonly ended: Promise<CommandResult>;
  #out = '';
  #err = '';

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
    this.child.stdout!.on('data', (data) => {
      this.#out += data;
    });
    this.child.stderr!.on('data', (data) => {
      this.#err += data;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, out: this.#out, err: this.#err }),
      );
    });
  }
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
