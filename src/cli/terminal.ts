/**
 * What the user sees of a command: notes, a live progress line, and errors without a stack trace.
 */

import { GpuError, ShapeError, UnsupportedError } from '../engine.js';
import type { Progress, Watcher } from '../ports/watcher.js';
import { formatCount, formatDuration } from '../text/format.js';
import { printable } from '../text/printable.js';
import { commandLine } from './called-as.js';

/** Exit code of a command that the user stopped; shells use it for SIGINT. */
const STOPPED_EXIT_CODE = 130;

/**
 * Signals that ask a command to stop: Ctrl-C, a scheduler or `kill`, a terminal that closes, and
 * Ctrl-Break on Windows.
 */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'] as const;
/**
 * A signal so soon after another is the same one: npm passes on what the shell has sent to the
 * whole group of processes.
 */
const SAME_SIGNAL_MS = 500;

/**
 * Lets a command go on when nobody reads its output any more, because a pipe or the terminal was
 * closed. Where output is lost for another reason, such as a full disk, the command fails in the
 * end.
 */
export function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'EPIPE' && code !== 'EIO') process.exitCode = 1;
    });
}

/** Prints a line on standard output. */
export function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** Minimum time between progress lines when standard error is not a terminal. */
const MIN_LINE_INTERVAL_MS = 10_000;

/**
 * A watcher for the terminal: notes on standard output, progress as a live line on standard error,
 * and Ctrl-C as the request to stop.
 */
export class TerminalWatcher implements Watcher {
  readonly #stream = process.stderr;
  #lastShown = 0;
  #isLineOpen = false;
  #isStopRequested = false;
  /** When it was, in milliseconds. */
  #stopRequested = 0;
  #activity = '';
  /** What Ctrl-C does, in a sentence. */
  #reaction = '';

  /** Prints a sentence on standard output. */
  note(sentence: string): void {
    this.close();
    print(sentence);
  }

  /**
   * Updates the live line. When standard error is not a terminal, writes a line now and then
   * instead.
   */
  progress(state: Progress): void {
    // A new activity is shown at once, terminal or not.
    if (state.activity !== this.#activity) this.#lastShown = 0;
    this.#activity = state.activity;
    const text = printable(describeProgress(state));
    if (this.#stream.isTTY) {
      const width = (this.#stream.columns ?? 100) - 1;
      this.#stream.write(`\r\u001b[K${text.slice(0, width)}`);
      this.#isLineOpen = true;
      return;
    }
    const now = performance.now();
    if (this.#lastShown !== 0 && now - this.#lastShown < MIN_LINE_INTERVAL_MS) return;
    this.#lastShown = now;
    this.#stream.write(`${text}\n`);
  }

  /** Whether Ctrl-C was pressed. */
  shouldStop(): boolean {
    return this.#isStopRequested;
  }

  /**
   * While work can stop cleanly, makes Ctrl-C and other signals request a stop; otherwise they end
   * the process at once.
   */
  setStoppable(isStoppable: boolean, reaction = 'Stopping.'): void {
    this.#isStopRequested = false;
    this.#reaction = reaction;
    for (const signal of STOP_SIGNALS) {
      process.off(signal, this.#onSignal);
      if (isStoppable) process.on(signal, this.#onSignal);
    }
  }

  /** Clears the live line, so that other output can take its place. */
  close(): void {
    if (this.#isLineOpen) this.#stream.write('\r\u001b[K');
    this.#isLineOpen = false;
    this.#lastShown = 0;
  }

  readonly #onSignal = () => {
    const now = performance.now();
    if (this.#isStopRequested) {
      if (now - this.#stopRequested < SAME_SIGNAL_MS) return;
      process.exit(STOPPED_EXIT_CODE);
    }
    this.#isStopRequested = true;
    this.#stopRequested = now;
    this.close();
    this.#stream.write(`${this.#reaction} Press Ctrl-C again to stop at once.\n`);
  };
}

function describeProgress({ activity, done, total, unit, detail, secondsLeft }: Progress): string {
  const isCounted = done !== undefined && total !== undefined;
  return [
    isCounted
      ? `${activity}: ${formatCount(done)} of ${formatCount(total)}${unit ? ` ${unit}` : ''}`
      : activity,
    ...(detail ? [detail] : []),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
  ].join('  ');
}

/** Names of errors whose message tells the user everything. */
const USER_ERRORS = new Set([
  'ConfigError',
  'RecordingError',
  'FileError',
  'SourceError',
  'UsageError',
  'StoppedError',
  'TrainingError',
  'SafetensorsError',
]);

/** Prints the command that is usually typed next. @param words see `commandLine` */
export function printNext(...words: readonly string[]): void {
  print(`Next: ${commandLine(...words)}`);
}

/** Prints where training was stopped and how to resume it, and sets the exit code. */
export function printStopped(update: number, folder: string): void {
  print(`Saved at update ${update}. To resume: ${commandLine('train', '--resume', folder)}`);
  process.exitCode = STOPPED_EXIT_CODE;
}

/**
 * Runs a command. An error is printed as one sentence, with its stack if DEBUG is set, and sets the
 * exit code.
 */
export async function runCommand(run: (watcher: TerminalWatcher) => Promise<void>): Promise<void> {
  const watcher = new TerminalWatcher();
  try {
    await run(watcher);
  } catch (error) {
    watcher.close();
    process.exitCode = (error as Error).name === 'StoppedError' ? STOPPED_EXIT_CODE : 1;
    process.stderr.write(`${printable(messageFor(error))}\n`);
    if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  } finally {
    watcher.close();
  }
}

function messageFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isUserError =
    USER_ERRORS.has(error.name) ||
    error instanceof UnsupportedError ||
    error instanceof GpuError ||
    error instanceof ShapeError;
  return isUserError ? error.message : `${error.message} (Run again with DEBUG=1 for details.)`;
}
