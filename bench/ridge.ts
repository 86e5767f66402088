/**
 * `npm run bench -- ridge`: ridge regression on the recordings and windows of published reference
 * figures.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DecodedVariable } from '../src/analyze/decoded-variable.js';
import { SCORE_COLUMNS, scoreVariable } from '../src/analyze/decoding-scores.js';
import {
  type BaselineInputs,
  type BaselineResult,
  spikeBaselines,
} from '../src/analyze/spike-baselines.js';
import { parseConfig } from '../src/neuroformer/config.js';
import { readYamlFile } from '../src/node/config-file.js';
import { openDataset } from '../src/node/dataset.js';
import { recordedValues } from '../src/probe/decode.js';
import { thinTraining } from '../src/recording/splits.js';
import type { WindowRef } from '../src/recording/windows.js';
import { parseTrainSettings } from '../src/train/settings.js';
import { prepareTrainingData } from '../src/train/training-data.js';

/**
 * The folder with the descriptions of the recordings. The user downloads the data files into it.
 */
const RECORDINGS = 'bench/recordings';

interface Case {
  readonly folder: string;
  /** The data file. */
  readonly file: string;
  /** Seconds per bin of spike counts. */
  readonly bin: number;
  /** Numbers of bins of history, one regression for each. */
  readonly histories: readonly number[];
  /** Shares of the training part to fit, counted from its end. */
  readonly recent: readonly number[];
}

const CASES: readonly Case[] = [
  { folder: 'ca1', file: 'behavior_2.mat', bin: 0.1, histories: [10, 30], recent: [1] },
  { folder: 'head-direction', file: 'dataHD.mat', bin: 0.05, histories: [10], recent: [1, 0.5] },
];

/**
 * Fits ridge regressions to every recording below `root` and prints their scores on the last fifth:
 * once with all windows, and once only with windows whose history is inside the recording.
 *
 * @throws Error where no data file exists.
 */
export async function benchRidge(root = RECORDINGS): Promise<void> {
  const available = CASES.filter(({ folder, file }) => existsSync(join(root, folder, file)));
  if (available.length === 0) {
    const files = CASES.map(({ folder, file }) => `${folder}/${file}`).join(' or ');
    throw new Error(
      `${root} should contain ${files}: the dataset.yaml in the folder says where to download it.`,
    );
  }
  for (const ridgeCase of available) await showRidges(root, ridgeCase);
}

async function showRidges(root: string, { folder, bin, histories, recent }: Case): Promise<void> {
  const { training, ...model } = readYamlFile(join(root, folder, 'config.yaml'));
  const { recording } = await openDataset(join(root, folder));
  const settings = { ...parseTrainSettings(training), share: 1 };
  const data = prepareTrainingData(recording, parseConfig(model).config, settings);
  const historySeconds = Math.max(...histories) * bin;
  const kinds = {
    all: () => true,
    complete: ({ end }: WindowRef) => end > historySeconds - bin / 2,
  };
  for (const [kind, isUsed] of Object.entries(kinds)) {
    const part = { ...data.split, train: data.split.train.filter(isUsed) };
    const test = data.split.test.filter(isUsed);
    for (const latest of recent) {
      const { train } = thinTraining(part, { ...settings, recent: latest });
      const fitted = `${latest < 1 ? `latest ${latest} of ` : ''}${kind} windows (${train.length})`;
      const truth = (refs: readonly WindowRef[]) => recordedValues(data.layout, data.windows, refs);
      const inputs = { windows: data.windows, truth, train, test, bin, histories };
      for (const ridge of await fitRidges(inputs)) {
        console.log(
          `${folder}, ${ridge.name}, ${ridge.detail}, ${fitted}, scored on ${test.length}`,
        );
        for (const variable of ridge.variables ?? []) console.log(`  ${formatScores(variable)}`);
      }
    }
  }
}

/**
 * The ridge regressions among the baselines. Stops after the last of them, so that the
 * others are not fitted.
 */
async function fitRidges(inputs: BaselineInputs): Promise<BaselineResult[]> {
  const ridges: BaselineResult[] = [];
  for (const baseline of spikeBaselines(inputs)) {
    const result = await baseline.decode();
    if (result.name.startsWith('ridge')) ridges.push(result);
    if (ridges.length === inputs.histories.length) break;
  }
  return ridges;
}

function formatScores(variable: DecodedVariable): string {
  const values = scoreVariable(variable);
  const scores = SCORE_COLUMNS[variable.kind].map(
    ({ key, title }) => `${title} ${values[key]!.toFixed(3)}`,
  );
  return `${variable.name}: ${scores.join(', ')}`;
}
