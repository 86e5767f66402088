import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../helpers/chromium.js';
import { useEngine } from '../helpers/engine.js';
import { THOROUGH } from '../helpers/thorough.js';
import type { PageReport } from './cpu-page.js';
import { bundlePages, ISOLATED, servePages } from './serve.js';
import { type TrainedDemo, trainDemo } from './train-demo.js';

const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));
/** Chromium's limit of a long task. */
const LONG_TASK_MILLISECONDS = 50;
/** A busy computer may delay a page by as much, but not three times in a row. */
const RETRIED = { retry: 2 };

/** Serves the pages; `reported` resolves to the report that a page sends by itself. */
async function serve(
  files: ReadonlyMap<string, string>,
  headers: Readonly<Record<string, string>>,
) {
  let resolveReport: (report: PageReport) => void = () => {};
  const reported = new Promise<PageReport>((resolve) => {
    resolveReport = resolve;
  });
  const site = await servePages(files, headers, (path, request, response) => {
    if (path !== '/report') return false;
    text(request).then((body) => {
      response.end();
      resolveReport(JSON.parse(body));
    });
    return true;
  });
  return { ...site, reported };
}

describe('a page without WebGPU', () => {
  const engine = useEngine({ adapter: 'cpu' });
  const servers: Server[] = [];
  let files: Map<string, string>;
  let browser: Browser;
  let inNode: TrainedDemo;

  beforeAll(async () => {
    files = await bundlePages({
      page: 'cpu-page.ts',
      'cpu-worker': 'cpu-worker.ts',
    });
    browser = await launchChromium({ webgpu: false });
    inNode = await trainDemo(engine(), 50);
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  async function pageReport(
    headers: Record<string, string>,
    served: ReadonlyMap<string, string> = files,
  ): Promise<PageReport> {
    const { server, address } = await serve(served, headers);
    servers.push(server);
    const page = await browser.newPage();
    const consoleLines: string[] = [];
    page.on('console', (message) => consoleLines.push(message.text()));
    page.on('pageerror', (error) => consoleLines.push(error.message));
    await page.goto(address);
    await page.waitForFunction('globalThis.report !== undefined');
    const report = await page.evaluate<PageReport>('report()');
    if (served === files) expect(consoleLines).toEqual([]);
    await page.close();
    return report;
  }

  for (const [name, headers, threads] of [
    ['that is cross-origin isolated trains on all threads', ISOLATED, undefined],
    ['that is not cross-origin isolated trains on one thread', {}, '1 thread'],
  ] as const) {
    it(
      `${name}, gives the same bits as Node, and never blocks its main thread`,
      RETRIED,
      async () => {
        const report = await pageReport(headers);
        expect(report.error).toBeUndefined();
        expect(report.isIsolated).toBe(headers === ISOLATED);
        const { facts, losses, hash, logged } = report.trained!;
        expect(facts.vendor).toBe('cpu');
        if (threads) expect(facts.description).toContain(threads);
        expect(logged).toEqual([
          expect.stringMatching(
            /^Neuroformer runs on CPU .+: (WebGPU is not available|WebGPU found no adapter)\.$/,
          ),
        ]);
        expect({ losses, hash }).toEqual(inNode);
        expect(losses.at(-1)).toBeLessThan(losses[0]!);
        expect(report.longestTask).toBeLessThan(LONG_TASK_MILLISECONDS);
      },
    );
  }

  it('whose bundle lacks the worker is told where it should be', async () => {
    const withoutWorker = new Map([...files].filter(([path]) => path !== '/worker.js'));
    const { error } = await pageReport(ISOLATED, withoutWorker);
    expect(error).toMatch(
      /^Error: A worker of the CPU device did not start: worker\.js could not be loaded from beside http:.+\/cpu-worker\.js\. Have the bundler put/,
    );
  });

  it.runIf(FIREFOX && THOROUGH)('gives the same bits as Node in Firefox', RETRIED, async () => {
    const { server, reported, address } = await serve(files, ISOLATED);
    servers.push(server);
    const profile = mkdtempSync(join(tmpdir(), 'neuroformer-firefox-'));
    const args = ['--headless', '--no-remote', '--profile', profile, `${address}?report`];
    const firefox = spawn(FIREFOX!, args, { stdio: 'ignore' });
    const report = await reported;
    firefox.kill();
    await new Promise((resolve) => firefox.once('exit', resolve));
    rmSync(profile, { recursive: true, force: true });
    expect(report.error).toBeUndefined();
    const { losses, hash } = report.trained!;
    expect({ losses, hash }).toEqual(inNode);
    expect(report.longestTask).toBeLessThan(LONG_TASK_MILLISECONDS);
  });
});
