/** Runs on a small dataset of `simulate visual`, made by the command line. */

import { join } from 'node:path';
import { expect } from 'vitest';
import { neuroformer } from './cli.js';

const SIZE = {
  neurons: '6',
  films: '4',
  repeats: '2',
  seconds: '2',
  size: '8',
};

/** Simulates the dataset in a folder. */
export async function simulateVisual(folder: string): Promise<void> {
  const size = Object.entries(SIZE).flatMap(([name, value]) => [`--${name}`, value]);
  const { code, err } = await neuroformer('simulate', 'visual', folder, ...size);
  expect(code, err).toBe(0);
}

/** Trains for two updates on that dataset, with these settings as well. */
export async function trainVisual(data: string, out: string, ...settings: string[]): Promise<void> {
  const all = ['training.steps=2', 'training.batch=4', 'n_embd=8', 'n_head=2', ...settings];
  const config = ['--config', join(data, 'config.yaml'), ...all.flatMap((s) => ['--set', s])];
  const { code, err } = await neuroformer('train', '--data', data, ...config, '--out', out);
  expect(code, err).toBe(0);
}
