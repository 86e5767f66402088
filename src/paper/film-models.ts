/** The models of the simulated film that several demonstrations share. */

import type { OpenedRun } from '../train/open-run.js';
import { type PaperContext, trainingAmount } from './claim.js';
import { type SimulatedData, trainedModel, visualData } from './models.js';

/** Which model of the film: the paper's, or one with the optional heads of its config.yaml. */
export type FilmModelKind = 'attention' | 'heads';

/** How the kinds are called in tables. */
export const FILM_MODEL_TITLES: Readonly<Record<FilmModelKind, string>> = {
  attention: 'the paper’s attention',
  heads: 'neuron queries and spike history',
};

/** Work of the training of a model, in units of 1e12 floating-point operations. */
const TFLOP = 0.8;

/** The work of training in a demonstration. */
export function filmTflop(context: Pick<PaperContext, 'full'>): number {
  return trainingAmount(context, TFLOP);
}

/** The configuration of a kind, from the one beside the data, which has the heads. */
export function filmModel(
  { model }: Pick<SimulatedData, 'model'>,
  kind: FilmModelKind,
): Record<string, unknown> {
  if (kind === 'heads') return { ...model };
  const { neuron_queries, spike_history, ...rest } = model;
  return { ...rest, layers: { encoder: 0, state: 1, state_history: 1, stimulus: 1 } };
}

/**
 * The model of a kind and a seed, trained on the simulated recording of that seed.
 *
 * @param tflop work of the training. Default: that of a demonstration.
 */
export async function filmRun(
  context: PaperContext,
  kind: FilmModelKind,
  seed: number,
  tflop = filmTflop(context),
): Promise<OpenedRun> {
  const { dataset, training, ...data } = await visualData(context, seed);
  return trainedModel(context, {
    path: `models/film-${kind}-${tflop}TFLOP-seed${seed}`,
    dataset,
    model: filmModel(data, kind),
    training: { ...training, seed },
    flops: 1e12 * tflop,
  });
}
