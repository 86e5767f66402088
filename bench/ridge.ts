/** Ridge regression of the recordings whose reference figures are known, on the windows those were computed on. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DecodedVariable } from '../src/analyze/decoded-variable.js';
import { SCORE_NAMES, scoreVariable } from '../src/analyze/decoding-scores.js';
import {
  type BaselineInputs,
  type BaselineResult,
  linearBaselines,
} from '../src/analyze/linear-baselines.js';
import { parseConfig } from '../src/neuroformer/config.js';
import { readYamlFile } from '../src/node/config-file.js';
import { openDataset } from '../src/node/dataset.js';
import { recordedValues } from '../src/probe/decode.js';
import { thinned } from '../src/recording/splits.js';
import type { WindowRef } from '../src/recording/windows.js';
import { parseTrainSettings } from '../src/train/settings.js';
import { prepare } from '../src/train/training-data.js';

/** Folders of recordings as this repository describes them, with the files to be put there. */
const RECORDINGS = 'bench/recordings';

interface Case {
  readonly folder: string;
  readonly file: string;
  /** Seconds of a bin of counts, and bins of history. */
  readonly bin: number;
  readonly histories: readonly number[];
  /** Latest shares of the training part. */
  readonly recent: readonly number[];
}

const CASES: readonly Case[] = [
  { folder: 'ca1', file: 'behavior_2.mat', bin: 0.1, histories: [10, 30], recent: [1] },
  { folder: 'head-direction', file: 'dataHD.mat', bin: 0.05, histories: [10], recent: [1, 0.5] },
];

/**
 * Fits ridges to every recording found below `root` and prints their scores of the last fifth, of all windows and of
 * those alone whose history lies in one piece of the recording.
 *
 * @throws Error where no recording is there.
 */
export async function benchRidge(root = RECORDINGS): Promise<void> {
  const found = CASES.filter(({ folder, file }) => existsSync(join(root, folder, file)));
  if (found.length === 0) {
    const files = CASES.map(({ folder, file }) => `${folder}/${file}`).join(' or ');
    throw new Error(
      `${root} should hold ${files}: the dataset.yaml there says where to download it.`,
    );
  }
  for (const own of found) await showRidges(root, own);
}

async function showRidges(root: string, { folder, bin, histories, recent }: Case): Promise<void> {
  const { training, ...model } = readYamlFile(join(root, folder, 'config.yaml'));
  const { recording } = await openDataset(join(root, folder));
  const settings = { ...parseTrainSettings(training), share: 1 };
  const data = prepare(recording, parseConfig(model).config, settings);
  const reach = Math.max(...histories) * bin;
  const kinds = { all: () => true, whole: ({ end }: WindowRef) => end > reach - bin / 2 };
  for (const [kind, keep] of Object.entries(kinds)) {
    const known = { ...data.split, train: data.split.train.filter(keep) };
    const test = data.split.test.filter(keep);
    for (const latest of recent) {
      const { train } = thinned(known, { ...settings, recent: latest });
      const fitted = `${latest < 1 ? `latest ${latest} of ` : ''}${kind} windows (${train.length})`;
      const truth = (refs: readonly WindowRef[]) => recordedValues(data.layout, data.windows, refs);
      const inputs = { windows: data.windows, truth, train, test, bin, histories };
      for (const ridge of fitRidges(inputs)) {
        console.log(
          `${folder}, ${ridge.name}, ${ridge.detail}, ${fitted}, scored on ${test.length}`,
        );
        for (const variable of ridge.variables ?? []) console.log(`  ${scoresInWords(variable)}`);
      }
    }
  }
}

/** The ridges alone: what comes after the last of them is never fitted. */
function fitRidges(inputs: BaselineInputs): BaselineResult[] {
  const ridges: BaselineResult[] = [];
  for (const result of linearBaselines(inputs)) {
    if (result.name.startsWith('ridge')) ridges.push(result);
    if (ridges.length === inputs.histories.length) break;
  }
  return ridges;
}

function scoresInWords(variable: DecodedVariable): string {
  const values = scoreVariable(variable);
  const scores = SCORE_NAMES[variable.kind].map(
    ([key, title]) => `${title} ${values[key]!.toFixed(3)}`,
  );
  return `${variable.name}: ${scores.join(', ')}`;
}
