/**
 * Figures of a report as one picture for a README: `npm run bench -- picture OUT.png FIGURE.svg...`
 * puts them side by side, their lower edges level, on white, with two pixels for each of theirs.
 */

import { readFileSync } from 'node:fs';
import { launchChromium } from '../test/helpers/chromium.js';

const GAP_PIXELS = 16;

/** @param args the picture to write, and the figures from left to right */
export async function drawPicture([out, ...figures]: readonly string[]): Promise<void> {
  if (!out?.endsWith('.png') || figures.length === 0)
    throw new Error('Name the picture to write, a .png file, and the figures to put into it.');
  const images = figures.map(
    (path) => `<img src="data:image/svg+xml;base64,${readFileSync(path).toString('base64')}">`,
  );
  const browser = await launchChromium({ webgpu: false });
  try {
    const page = await browser.newPage({ deviceScaleFactor: 2 });
    await page.setViewportSize({ width: 4000, height: 2000 });
    await page.setContent(
      `<div style="display: inline-flex; align-items: end; gap: ${GAP_PIXELS}px; background: white">${images.join('')}</div>`,
      { waitUntil: 'load' },
    );
    await page.locator('div').screenshot({ path: out });
  } finally {
    await browser.close();
  }
  console.log(`${out}: ${figures.join(', ')}`);
}
