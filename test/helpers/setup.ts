/** Global setup of the tests. */

import { execFileSync } from 'node:child_process';

/**
 * Runs once before all tests: embeds the shaders, builds the command line, and prints the adapter
 * of the tests.
 */
export async function setup(): Promise<void> {
  execFileSync(process.execPath, ['shaders/embed.mjs'], { stdio: 'inherit' });
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' });
  const { createEngine } = await import('../../src/node.js');
  const engine = await createEngine();
  console.log(`Tests run on ${engine.facts.description} (${engine.facts.reason}).`);
  engine.dispose();
}
