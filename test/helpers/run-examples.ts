/** The programs of src/examples in a page, from sources or from an installed package. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { bundlePages, servePages } from '../browser/serve.js';
import { behaviorWorkspace } from './behavior.js';
import { launchChromium } from './chromium.js';

/** Says on the console which device runs, once for each engine. */
const WHICH_DEVICE = /^Neuroformer runs on /;

/**
 * Serves a page, hands it to `work` in a browser, and expects nothing on its console but which
 * device runs.
 */
async function withPage(
  entries: Readonly<Record<string, string>>,
  options: { readonly webgpu: boolean; readonly canvas?: boolean },
  work: (page: import('playwright-core').Page) => Promise<void>,
): Promise<void> {
  const { server, address } = await servePages(await bundlePages(entries));
  const browser = await launchChromium(options);
  try {
    const page = await browser.newPage();
    const messages: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    await page.goto(address);
    await work(page);
    expect(messages.filter((message) => !WHICH_DEVICE.test(message))).toEqual([]);
  } finally {
    await browser.close();
    server.close();
  }
}

/** Chooses a recording in `train-in-page`, and expects its report. */
export async function trainInPage(entries: Readonly<Record<string, string>>): Promise<void> {
  const workplace = behaviorWorkspace({});
  const names = ['dataset.yaml', 'tuned.npz', 'side.csv'];
  await withPage(entries, { webgpu: false }, async (page) => {
    const paths = names.map((name) => join(workplace, 'data', name));
    await page.setInputFiles('input', paths);
    const isDone = "document.querySelector('output').textContent === 'Done.'";
    await page.waitForFunction(isDone, undefined, { timeout: 170_000 }).catch(async () => {
      const status = await page.locator('output').textContent();
      throw new Error(`The page got no further than: ${status}`);
    });
    expect(await page.locator('iframe').getAttribute('srcdoc')).toContain('Decoded');
  });
  rmSync(workplace, { recursive: true });
}

/**
 * Lets `borrowed-device` train, and expects that its loss falls and that the learned curve is
 * drawn.
 */
export async function drawWhileTraining(entries: Readonly<Record<string, string>>): Promise<void> {
  await withPage(entries, { webgpu: true, canvas: true }, async (page) => {
    const lossAfter = async (updates: number) => {
      const reached = `parseInt(document.title) >= ${updates}`;
      await page.waitForFunction(reached, undefined, { timeout: 120_000 });
      return Number(/loss (\S+)/.exec(await page.title())![1]);
    };
    const initial = await lossAfter(5);
    expect(await lossAfter(600)).toBeLessThan(initial / 10);
    expect(await page.evaluate(BLUE_PIXELS)).toBeGreaterThan(500);
  });
}

/** How many pixels of the page's canvas have the color of the learned curve. */
const BLUE_PIXELS = `(async () => {
  const url = document.querySelector('canvas').toDataURL();
  const image = await createImageBitmap(await (await fetch(url)).blob());
  const copy = new OffscreenCanvas(image.width, image.height).getContext('2d');
  copy.drawImage(image, 0, 0);
  const { data } = copy.getImageData(0, 0, image.width, image.height);
  let count = 0;
  for (let n = 0; n < data.length; n += 4) if (data[n + 2] > data[n] + 80) count += 1;
  return count;
})()`;
