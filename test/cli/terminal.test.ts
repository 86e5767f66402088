import { expect, it } from 'vitest';
import { TerminalWatcher } from '../../src/cli/terminal.js';

/** What is written to standard error. */
function errorOutput(run: () => void): string {
  const { write } = process.stderr;
  let written = '';
  process.stderr.write = ((text: string) => {
    written += text;
    return true;
  }) as typeof write;
  try {
    run();
  } finally {
    process.stderr.write = write;
  }
  return written;
}

it('shows progress with a comma between thousands', () => {
  const state = { activity: 'drawing', done: 1000, total: 10_000, unit: 'draws', secondsLeft: 3 };
  expect(errorOutput(() => new TerminalWatcher().progress(state))).toContain(
    'drawing: 1,000 of 10,000 draws  3.0 s left',
  );
});
