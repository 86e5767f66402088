/**
 * A third implementation of WebGPU: that of Firefox. It runs where NEUROFORMER_FIREFOX names the
 * program, on whatever adapter Firefox has there.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe } from 'vitest';
import { bundlePages, ISOLATED, servePages } from '../browser/serve.js';
import type { Findings } from './check.js';
import { describeFindings, TIMEOUT_MS } from './describe-findings.js';
import { withDriver } from './driver.js';

const PROGRAM = process.env.NEUROFORMER_FIREFOX;

/** WebGPU on any adapter, and no pages of its own on the first start. */
const PREFERENCES = {
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  'gfx.webgpu.force-enabled': true,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'browser.aboutwelcome.enabled': false,
};

describe.runIf(PROGRAM)('Firefox', () => {
  let findings: Findings;
  beforeAll(async () => {
    findings = await runInFirefox(PROGRAM!);
    console.log(`${findings.adapter}: ${findings.dispatches} dispatches`);
  }, TIMEOUT_MS);

  describeFindings(() => findings);
});

/** Serves the check, opens it in Firefox, and waits for what the page sends back. */
async function runInFirefox(program: string): Promise<Findings> {
  const profile = mkdtempSync(join(tmpdir(), 'neuroformer-firefox-'));
  const lines = Object.entries(PREFERENCES).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${value});`,
  );
  writeFileSync(join(profile, 'user.js'), `${lines.join('\n')}\n`);
  const bundles = await bundlePages({ page: '../implementations/in-page.ts' });
  let receive: (text: string) => void;
  const received = new Promise<string>((resolve) => {
    receive = resolve;
  });
  const { server, address } = await servePages(bundles, ISOLATED, (path, request, response) => {
    if (path !== '/findings') return false;
    let text = '';
    request.on('data', (data) => {
      text += data;
    });
    request.on('end', () => {
      response.end();
      receive(text);
    });
    return true;
  });
  try {
    return await withDriver(async (env) => {
      const args = ['--headless', '--no-remote', '--profile', profile, address];
      const child = spawn(program, args, { env });
      const ended = new Promise<never>((_, reject) => {
        child.on('error', reject);
        child.on('close', (code) => reject(new Error(`Firefox ended with ${code}.`)));
      });
      try {
        const result = JSON.parse(await Promise.race([received, ended])) as {
          findings?: Findings;
          error?: string;
        };
        if (!result.findings) throw new Error(`in Firefox: ${result.error}`);
        return result.findings;
      } finally {
        child.kill();
        await ended.catch(() => {});
      }
    });
  } finally {
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
