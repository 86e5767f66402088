/** What the user sees of a command: sentences, one live line of progress, and errors without a stack. */

import { GpuError, ShapeError, UnsupportedError } from '../engine.js';
import type { Progress, Watcher } from '../ports/watcher.js';
import { formatDuration } from '../text/format.js';

/** Says something on standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Elsewhere than on a terminal progress is a line every so often. */
const MIN_LINE_INTERVAL_MS = 10_000;

/**
 * A watcher that is a terminal: notes on standard output, progress as a live line on standard error, and Ctrl-C as the
 * wish to stop.
 */
export class TerminalWatcher implements Watcher {
  readonly #stream = process.stderr;
  #shown = 0;
  #isLineOpen = false;
  #isStopAsked = false;
  #activity = '';

  note(sentence: string): void {
    this.close();
    print(sentence);
  }

  progress(state: Progress): void {
    // What is new is shown at once, wherever.
    if (state.activity !== this.#activity) this.#shown = 0;
    this.#activity = state.activity;
    const text = describeProgress(state);
    if (this.#stream.isTTY) {
      const width = (this.#stream.columns ?? 100) - 1;
      this.#stream.write(`\r\u001b[K${text.slice(0, width)}`);
      this.#isLineOpen = true;
      return;
    }
    const now = performance.now();
    if (this.#shown !== 0 && now - this.#shown < MIN_LINE_INTERVAL_MS) return;
    this.#shown = now;
    this.#stream.write(`${text}\n`);
  }

  shouldStop(): boolean {
    return this.#isStopAsked;
  }

  canStop(does: boolean): void {
    this.#isStopAsked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.off(signal, this.#onSignal);
      if (does) process.on(signal, this.#onSignal);
    }
  }

  /** Ends the live line, so that what follows stands below it. */
  close(): void {
    if (this.#isLineOpen) this.#stream.write('\r\u001b[K');
    this.#isLineOpen = false;
    this.#shown = 0;
  }

  readonly #onSignal = () => {
    if (this.#isStopAsked) process.exit(130);
    this.#isStopAsked = true;
    this.close();
    this.#stream.write('Stopping after this update and saving; once more to stop at once.\n');
  };
}

function describeProgress({ activity, done, total, unit, detail, secondsLeft }: Progress): string {
  const counted = done !== undefined && total !== undefined;
  return [
    counted ? `${activity}: ${done} of ${total}${unit ? ` ${unit}` : ''}` : activity,
    ...(detail ? [detail] : []),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
  ].join('  ');
}

/** Errors that are the user's to read: their message says everything. */
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

/** Exit code of a command that was stopped on request, as shells have it for SIGINT. */
const STOPPED_EXIT_CODE = 130;

/** Says where a training stopped on request, and how it goes on. */
export function printStopped(update: number, folder: string): void {
  print(`Saved at update ${update}. To go on: neuroformer train --resume ${folder}`);
  process.exitCode = STOPPED_EXIT_CODE;
}

/** Runs a command; what goes wrong is one sentence and an exit code. */
export async function runCommand(run: (watcher: TerminalWatcher) => Promise<void>): Promise<void> {
  const watcher = new TerminalWatcher();
  try {
    await run(watcher);
  } catch (error) {
    watcher.close();
    process.exitCode = (error as Error).name === 'StoppedError' ? STOPPED_EXIT_CODE : 1;
    process.stderr.write(`${messageFor(error)}\n`);
    if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  } finally {
    watcher.close();
  }
}

function messageFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForUsers =
    USER_ERRORS.has(error.name) ||
    error instanceof UnsupportedError ||
    error instanceof GpuError ||
    error instanceof ShapeError;
  return isForUsers ? error.message : `${error.message} (run again with DEBUG=1 to see where.)`;
}
