/** Whether the results of a run are all of the weights that it has now. */

import { readModelFile } from '../train/checkpoint.js';
import type { OpenedRun } from '../train/open-run.js';
import { areSameWeights, describeWeights, type WeightsId } from '../train/weights.js';

/** A result in a run's store. */
export interface WeighedResult {
  /** The file of its facts. */
  readonly file: string;
  /** The command that computes it. */
  readonly command: string;
  /** The weights it is of; undefined in results of earlier versions. */
  readonly weights: WeightsId | undefined;
}

/** Names the results that are of other weights than the run has now, in a sentence each. */
export async function staleResults(
  { records, weights: opened }: OpenedRun,
  results: readonly WeighedResult[],
): Promise<string[]> {
  const { store } = records;
  const current = new Map<string, WeightsId | undefined>([[opened.file, opened]]);
  const names = await store.list();
  const sentences: string[] = [];
  for (const { file, command, weights } of results) {
    if (!weights) continue;
    if (!current.has(weights.file))
      current.set(
        weights.file,
        names.includes(weights.file)
          ? (await readModelFile(store, weights.file)).weights
          : undefined,
      );
    const now = current.get(weights.file);
    if (now && areSameWeights(now, weights)) continue;
    const since = now ? `are those of ${describeStep(now)} now` : 'are no longer there';
    sentences.push(
      `${file} is of ${describeWeights(weights)}, which ${since}: run ${command} again, or it describes another model than the run has.`,
    );
  }
  return sentences;
}

function describeStep({ step }: WeightsId): string {
  return step === undefined ? 'another file' : `update ${step}`;
}
