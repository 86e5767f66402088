/**
 * What a model's rates are compared with: each neuron's mean, its PSTH over repeats, its recent
 * spikes and those of the population, and Poisson GLMs of the film and its squares, with and
 * without coupling.
 */

import { fitPoissonGlm, type GlmSettings } from '../analyze/fit-poisson-glm.js';
import type { GlmTrial } from '../analyze/glm-design.js';
import type { RidgeStrengths } from '../analyze/glm-ridge.js';
import { fitHistory, fitPsth, type HistoryModel } from '../analyze/history-models.js';
import type { PoissonGlm } from '../analyze/poisson-glm.js';
import { sumBins, type TrialCounts } from '../analyze/rate-scores.js';
import type { Windows } from '../recording/windows.js';
import type { AlignedWindows } from './model-rates.js';

/** The rates of one baseline in the windows that a model is scored on. */
export interface RateBaseline {
  /** Its name in tables. */
  readonly name: string;
  /** What it was fitted with, such as a penalty. */
  readonly detail: string;
  /** Expected counts one window ahead of the recorded past: [windows, neurons] for each trial. */
  readonly ahead: readonly TrialCounts[];
  /**
   * Expected counts of trials that run freely, in the same layout; for a baseline that reads no
   * spikes they are those of `ahead`. Undefined for one that has not been run freely.
   */
  readonly free: readonly TrialCounts[] | undefined;
  /** The penalties of a GLM; absent for others. */
  readonly penalties?: RidgeStrengths;
}

/** What baselines are fitted on, and the windows whose rates they give. */
export interface RateBaselineInputs {
  readonly windows: Windows;
  /** Trials to fit on, by index. */
  readonly train: readonly number[];
  /** Trials to choose penalties on, by index; the last training trial where there are none. */
  readonly validation: readonly number[];
  /** The scored windows. */
  readonly test: AlignedWindows;
  /** Training trials that show the stimulus of the scored ones, by index. */
  readonly repeats: readonly number[];
  /** Mean counts of training windows, [neurons]. */
  readonly means: Float64Array;
  /** Penalties of GLMs by their names. Default: chosen by validation. */
  readonly penalties?: Readonly<Record<string, RidgeStrengths>>;
  /** Seed of the GLMs' draws. */
  readonly seed: number;
  /** Called before each fit and during it, with what is fitted. */
  readonly onFit: (activity: string) => void;
}

/** With more neurons, a GLM would have too many coupling weights for the spikes of a session. */
const MAX_COUPLED_NEURONS = 150;

/** Fits each baseline in turn, from the simplest on. */
export async function* rateBaselines(inputs: RateBaselineInputs): AsyncGenerator<RateBaseline> {
  const { windows, train, test, repeats, means, onFit } = inputs;
  const { neurons } = windows.recording;
  const { current } = windows.settings;
  const constant = test.trials.map(() =>
    Float64Array.from({ length: test.count * neurons }, (_, n) => means[n % neurons]!),
  );
  yield { name: 'mean rate', detail: 'of training', ahead: constant, free: constant };

  const settings = { neurons, bin: current };
  const counts = (indices: readonly number[]) =>
    indices.map((index) => countsInBins(windows, index, current));
  const scored = counts(test.trials);
  const areRepeated = repeats.length > 1;
  const historyTrials = counts(areRepeated ? repeats : train);
  const predict = (model: HistoryModel) =>
    scored.map((trial) => cutToWindows(model.expectedCounts(trial), test, neurons, current));
  if (areRepeated) {
    onFit('PSTH');
    const ahead = predict(await fitPsth(historyTrials, settings));
    yield { name: 'PSTH', detail: `of ${repeats.length} repeats`, ahead, free: ahead };
  }
  if (historyTrials.length > 1) {
    for (const [name, population, psth] of [
      ['own history', false, false],
      ['own and population history', true, false],
      ['PSTH x own x population', true, true],
    ] as const) {
      if (psth && !areRepeated) continue;
      onFit(name);
      const model = await fitHistory(historyTrials, settings, { population, psth });
      yield { name, detail: '', ahead: predict(model), free: undefined };
    }
  }
  yield* glms(inputs);
}

/**
 * Poisson GLMs of the film, without and with its squares, to which complex cells respond; and each
 * with the spikes of all neurons.
 */
async function* glms(inputs: RateBaselineInputs): AsyncGenerator<RateBaseline> {
  const { windows, train, validation, test, seed, onFit } = inputs;
  const { recording, settings } = windows;
  const { neurons } = recording;
  const video = recording.trials[test.trials[0]!]!.video;
  if (!video || neurons > MAX_COUPLED_NEURONS || train.length < 2) return;
  const bin = windows.binnedSpikes(test.trials[0]!).dt;
  const perWindow = Math.round(settings.current / bin);
  const chosenOn = validation.length > 0 ? validation : train.slice(-1);
  const fittedOn = validation.length > 0 ? train : train.slice(0, -1);
  const glmTrial = (index: number): GlmTrial => ({
    counts: countsInBins(windows, index, bin),
    film: recording.trials[index]!.video!.data,
  });
  const [fitTrials, choiceTrials] = [fittedOn.map(glmTrial), chosenOn.map(glmTrial)];
  const trials = test.trials.map(glmTrial);
  const cut = (expected: readonly Float64Array[]) =>
    expected.map((trial) => cutToWindows(trial, test, neurons, settings.current));
  const fitAndDraw = async (
    name: string,
    glmSettings: GlmSettings,
  ): Promise<{ readonly glm: PoissonGlm; readonly rates: RateBaseline }> => {
    const known = inputs.penalties?.[name];
    const grids = known && { film: [known.film], coupling: [known.coupling], own: [known.own] };
    const complete = { ...glmSettings, ...(grids && { grids }) };
    const glm = await fitPoissonGlm(fitTrials, choiceTrials, complete, () => onFit(name));
    const ahead = trials.map((trial) => glm.expectedCounts(trial, { window: perWindow, seed }));
    const free = trials.map((trial, n) => {
      const bins = trial.counts.length / neurons;
      const { expected } = glm.simulate(trial.film, bins, { seed: seed + n });
      return sumBins(expected, { neurons, group: perWindow });
    });
    const { film, coupling } = glm.strengths;
    const isCoupled = glmSettings.lags?.length !== 0;
    const detail = `penalty ${film}${isCoupled ? `, ${coupling}` : ''}`;
    const rates = { ahead: cut(ahead), free: cut(free) };
    return { glm, rates: { name, detail, ...rates, penalties: glm.strengths } };
  };
  const shape = { height: video.height, width: video.width, step: video.dt };
  for (const squares of [false, true]) {
    const common = { neurons, bin, film: { ...shape, squares } };
    const name = `GLM, ${squares ? 'film and squares' : 'film'}`;
    const { glm: uncoupled, rates } = await fitAndDraw(name, { ...common, lags: [] });
    yield rates;
    const coupled = await fitAndDraw(`${name}, coupling`, { ...common, uncoupled });
    yield coupled.rates;
  }
}

/** The spike counts of a complete trial in bins from its start: [bins, neurons]. */
function countsInBins(windows: Windows, trialIndex: number, bin: number): Float64Array {
  const { neurons, trials } = windows.recording;
  const spikes = windows.binnedSpikes(trialIndex);
  const perBin = Math.round(bin / spikes.dt);
  const bins = Math.floor(trials[trialIndex]!.duration / bin + 1e-6);
  const counts = new Float64Array(bins * neurons);
  for (const [n, time] of spikes.bins.entries()) {
    const row = Math.floor(time / perBin);
    if (row < bins) counts[row * neurons + spikes.neurons[n]!]! += 1;
  }
  return counts;
}

/** The windows of a trial whose rates were computed from its start on. */
function cutToWindows(
  expected: Float64Array,
  { from, count }: AlignedWindows,
  neurons: number,
  current: number,
): Float64Array {
  const skipped = Math.round(from / current);
  return expected.slice(skipped * neurons, (skipped + count) * neurons);
}
