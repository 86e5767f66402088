/** The command line: the built one in a process of its own, or its sources in this one. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../src/cli/program.js';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A command that is running. */
export class RunningCommand {
  readonly child: ChildProcess;
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
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, out: this.#out, err: this.#err }),
      );
    });
  }
}

/** Runs a command in a process of its own, as its users do. */
export function runInChildProcess(...args: string[]): Promise<CommandResult> {
  return new RunningCommand(args).ended;
}

/**
 * Runs a command in this process, which has compiled most kernels before. One at a time: what is written to stdout and
 * stderr meanwhile is the command's.
 */
export async function neuroformer(...args: string[]): Promise<CommandResult> {
  const { env, exitCode } = process;
  const written = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const before = streams.map((name) => process[name].write);
  for (const name of streams) {
    process[name].write = ((text: string | Uint8Array) => {
      written[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    }) as typeof process.stdout.write;
  }
  process.env = { ...env };
  process.exitCode = undefined;
  try {
    const ended = await throwing(createProgram())
      .parseAsync(args, { from: 'user' })
      .then(
        () => Number(process.exitCode ?? 0),
        (error: unknown) => {
          if (error instanceof CommanderError) return error.exitCode;
          throw error;
        },
      );
    return { code: ended, signal: null, out: written.stdout, err: written.stderr };
  } finally {
    for (const [n, name] of streams.entries()) process[name].write = before[n]!;
    process.env = env;
    process.exitCode = exitCode;
  }
}

/** The command and those within it, which throw instead of ending the process. */
function throwing(command: Command): Command {
  command.commands.forEach(throwing);
  return command.exitOverride();
}
