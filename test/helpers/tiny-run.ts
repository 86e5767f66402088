/** A small hub network on disk, with a configuration that trains on it in seconds. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { hubDataset } from '../../src/dataset/simulated.js';
import { simulateHub } from '../../src/simulate/hub.js';
import { HUB_MODEL, HUB_TRAINING } from '../../src/stages/demo.js';

/** Dropout everywhere, so that a resumed run must restore its random numbers. */
export const DROPOUT = { attn: 0.1, resid: 0.1, id: 0.1, im: 0.1, time: 0.1 };

/** Creates a folder with the dataset data/ and the configuration config.yaml. */
export function tinyWorkspace(training: object = {}, model: object = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  mkdirSync(join(folder, 'data'));
  const network = simulateHub({ neurons: 18, seconds: 30, seed: 2 });
  for (const [name, data] of Object.entries(hubDataset(network)))
    writeFileSync(join(folder, 'data', name), data);
  const config = {
    ...HUB_MODEL,
    n_embd: 16,
    dropout: DROPOUT,
    ...model,
    training: { ...HUB_TRAINING, batch: 16, token_dropout: 0.1, ...training },
  };
  writeFileSync(join(folder, 'config.yaml'), stringify(config));
  return folder;
}
