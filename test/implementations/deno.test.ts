/**
 * A second implementation of WebGPU: Deno's wgpu and naga on SwiftShader. It runs where
 * NEUROFORMER_DENO is set, as in continuous integration, because it installs Deno from npm.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe } from 'vitest';
import { bundlePages } from '../browser/serve.js';
import type { Findings } from './check.js';
import { describeFindings, TIMEOUT_MS } from './describe-findings.js';
import { withDriver } from './driver.js';

const DENO = 'deno@2.9.6';

describe.runIf(process.env.NEUROFORMER_DENO)('Deno', () => {
  let findings: Findings;
  beforeAll(async () => {
    findings = await runInDeno();
    console.log(`${findings.adapter}: ${findings.dispatches} dispatches`);
  }, TIMEOUT_MS);

  describeFindings(() => findings);
});

/** Bundles the check, runs it in Deno, and reads its findings. */
async function runInDeno(): Promise<Findings> {
  const folder = mkdtempSync(join(tmpdir(), 'neuroformer-deno-'));
  try {
    for (const [path, text] of await bundlePages({ check: '../implementations/in-deno.ts' }))
      writeFileSync(join(folder, path.slice(1)), text);
    return await withDriver((env) => run(join(folder, 'check.js'), env));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a script in Deno, and parses what it prints. */
async function run(script: string, env: NodeJS.ProcessEnv): Promise<Findings> {
  const child = spawn('npx', ['--yes', DENO, 'run', '--unstable-webgpu', script], {
    env: { ...env, DENO_NO_UPDATE_CHECK: '1' },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`Deno ended with ${code}: ${err}`);
  return JSON.parse(out) as Findings;
}
