/** Global setup of the tests. */

import { execFileSync } from 'node:child_process';

/**
 * Runs once before all tests: embeds the shaders, builds the command line, and prints the adapter
 * of the tests.
 */
export async function setup(): Promise<void> {
  execFileSync(process.execPath, ['shaders/embed.mjs'], { stdio: 'inherit' });
  try {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' });
  } catch {
    throw new Error(
      'The sources do not compile, so no test can run: the errors are printed above.',
    );
  }
  const { createEngine } = await import('../../src/node.js');
  const engine = await createEngine();
  console.log(`Tests run on ${engine.facts.description} (${engine.facts.reason}).`);
  engine.dispose();
}
