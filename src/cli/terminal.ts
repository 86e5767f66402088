/** What the user sees of a command: sentences, one live line of progress, and errors without a stack. */

import { GpuError, ShapeError, UnsupportedError } from '../node.js';

/** A live line on standard error: rewritten on a terminal, now and then a line elsewhere. */
export class LiveLine {
  readonly #stream = process.stderr;
  #shown = 0;
  #open = false;

  show(text: string): void {
    if (this.#stream.isTTY) {
      const width = (this.#stream.columns ?? 100) - 1;
      this.#stream.write(`\r\u001b[K${text.slice(0, width)}`);
      this.#open = true;
      return;
    }
    const now = performance.now();
    if (this.#shown !== 0 && now - this.#shown < 10_000) return;
    this.#shown = now;
    this.#stream.write(`${text}\n`);
  }

  /** Starts a clock: what is returned shows how far something is, and how long the rest takes at the pace so far. */
  counting(text: (done: number, of: number) => string): (done: number, of: number) => void {
    const began = performance.now();
    return (done, of) => {
      const left = ((performance.now() - began) / 1000 / done) * (of - done);
      this.show(`${text(done, of)}  ${spoken(left)} left`);
    };
  }

  /** Ends the live line, so that what follows stands below it. */
  close(): void {
    if (this.#open) this.#stream.write('\r\u001b[K');
    this.#open = false;
    this.#shown = 0;
  }
}

/** Seconds in words. */
export function spoken(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** Columns of text, the first to the left and the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
        .join('  '),
    )
    .join('\n');
}

/** Errors that are the user's to read: their message says everything. */
const SPOKEN = new Set([
  'ConfigError',
  'RecordingError',
  'FileError',
  'UsageError',
  'TrainingError',
  'SafetensorsError',
]);

/** A wrong use of a command. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Runs a command; what goes wrong is one sentence and an exit code of 1. */
export async function guarded(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${sentenceOf(error)}\n`);
    if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known =
    SPOKEN.has(error.name) ||
    error instanceof UnsupportedError ||
    error instanceof GpuError ||
    error instanceof ShapeError;
  return known ? error.message : `${error.message} (run again with DEBUG=1 to see where.)`;
}

/** True from the first Ctrl-C on; a second one ends the process at once. */
export function interruptFlag(onFirst: () => void): { readonly asked: boolean; done(): void } {
  const state = { asked: false };
  const listener = () => {
    if (state.asked) process.exit(130);
    state.asked = true;
    onFirst();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    get asked() {
      return state.asked;
    },
    done() {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
