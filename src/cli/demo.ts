/** `demo`: simulate a small hub network, train on it, generate, explain, report. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { countSpikesOfNetwork } from '../analyze/hub-check.js';
import { hubDataset } from '../dataset/simulated.js';
import { parseConfig } from '../neuroformer/config.js';
import { makeFolder } from '../node/files.js';
import { createEngine } from '../node.js';
import { scoreTable, verdict } from '../report/report.js';
import {
  explainStage,
  generateStage,
  ratesInWords,
  reportStage,
  say,
  trainStage,
} from '../stages/train.js';
import { parseTrainSettings } from '../train/settings.js';
import { openRun } from '../train/training-data.js';
import { count, positive, whole } from './options.js';
import { simulateAccepted, writeDataset } from './simulate.js';
import { columns, guarded, spoken } from './terminal.js';

/**
 * Short windows, so that delays of 2 to 5 ms reach from the past into the current one; one block that attends to the
 * past and nothing else, so that its attention is all there is to read.
 */
export const HUB_MODEL = {
  n_embd: 32,
  n_head: 4,
  wave_emb: true,
  layers: { state: 0, state_history: 1, stimulus: 0 },
  block_size: { id: 6, prev_id: 20 },
  window: { curr: 0.005, prev: 0.03 },
  resolution: { dt: 0.001 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
};

export const HUB_TRAINING = {
  batch: 64,
  rate: 3e-3,
  warmup: 0.03,
  split: { fractions: { train: 0.8, validation: 0.1, test: 0.1 } },
  log_every: 20,
  validate_every: 200,
  checkpoint_every: 400,
};

interface DemoOptions {
  out: string;
  neurons: number;
  steps: number;
  trials: number;
  seconds: number;
  seed: number;
  force?: boolean;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'simulate a small network, train, generate, read connectivity and report: a quarter of a minute',
    )
    .option('--out <folder>', 'where everything goes', 'runs/demo')
    .option('--neurons <n>', 'of the network, in three groups', count, 36)
    .option('--steps <n>', 'updates of training', count, 640)
    .option('--trials <n>', 'trials to generate', count, 20)
    .option('--seconds <s>', 'of each generated trial', positive, 8)
    .option('--seed <n>', 'of network, activity and model', whole, 1)
    .option('--force', 'write into a folder that holds something')
    .addHelpText('after', '\nExample:\n  neuroformer demo --out runs/demo2 --seed 2')
    .action((options: DemoOptions) => guarded(() => demo(options)));
}

async function demo({
  out,
  neurons,
  steps,
  trials,
  seconds,
  seed,
  force = false,
}: DemoOptions): Promise<void> {
  const began = performance.now();
  makeFolder(out, force);
  const data = join(out, 'data');
  const stages: [string, number][] = [];
  const stage = async <T>(title: string, run: () => Promise<T> | T): Promise<T> => {
    say(`\n${title}`);
    const start = performance.now();
    const result = await run();
    const took = (performance.now() - start) / 1000;
    stages.push([title, took]);
    say(`${title}: ${spoken(took)}`);
    return result;
  };

  await stage('Simulating', () => {
    const network = simulateAccepted({ neurons, seconds: 600, seed }, say);
    makeFolder(data, force);
    writeDataset(data, hubDataset(network));
    say(countSpikesOfNetwork(network));
  });
  const { stopped } = await stage('Training', () =>
    trainStage({
      data,
      out,
      config: parseConfig(HUB_MODEL).config,
      settings: parseTrainSettings({ ...HUB_TRAINING, steps, seed }),
      force: true,
    }),
  );
  if (stopped === 'interrupted') return;
  const run = await openRun(out, { weights: 'last' });
  const engine = await createEngine();
  const { scores } = await stage('Generating', () =>
    generateStage(engine, run, { trials, seconds, past: 'own', part: 'all', seed }),
  );
  say(ratesInWords(scores));
  const { maps } = await stage('Explaining', () => explainStage(engine, run, { seed }));
  engine.dispose();
  const path = await stage('Reporting', () => reportStage(run, stages));
  const table = scoreTable(maps)!;
  say(`\n${columns([table.head, ...table.rows])}\n\n${verdict(maps)}`);
  say(`\nDone in ${spoken((performance.now() - began) / 1000)}. The report is ${path}`);
}
