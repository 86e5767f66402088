/**
 * Scores how well a model predicts the next neuron, token by token, beside a unigram model of token
 * frequencies.
 */

import type { Engine } from '../gpu/engine.js';
import { logSumExp } from '../math/statistics.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { silentWatcher, type Watcher } from '../ports/watcher.js';
import { tokenFrequencies } from '../recording/token-frequencies.js';
import type { WindowRef } from '../recording/windows.js';
import type { TrainingData } from '../train/training-data.js';
import { watchedBatches, windowBatches } from '../train/window-batches.js';
import { withFittingBatch } from './fitting-batch.js';

/** Predictions of the next neuron, and of a unigram model for comparison. */
export interface TokenScores {
  /** How many tokens were scored: spikes and ends of windows. */
  readonly tokens: number;
  /** How many of them are spikes. */
  readonly spikes: number;
  /** Share of spikes whose neuron the model ranks first among all neurons. */
  readonly accuracy: number;
  /** The same if the neuron that fires most is always predicted. */
  readonly unigramAccuracy: number;
  /** Mean of -log2 p of the true token. */
  readonly bits: number;
  /** The same for the token frequencies of training windows. */
  readonly unigramBits: number;
}

/**
 * Scores every next token of windows, except padding.
 *
 * @param refs the windows, as many as fill their batches
 * @param size windows per batch, if they fit
 */
export function scoreTokens(
  engine: Engine,
  model: Neuroformer,
  data: Pick<TrainingData, 'windows' | 'layout' | 'split'>,
  refs: readonly WindowRef[],
  size: number,
  watcher: Watcher = silentWatcher,
): Promise<TokenScores> {
  return withFittingBatch(size, (fitting) =>
    scoreBatches(engine, model, data, refs, fitting, watcher),
  );
}

async function scoreBatches(
  engine: Engine,
  model: Neuroformer,
  { windows, layout, split }: Pick<TrainingData, 'windows' | 'layout' | 'split'>,
  refs: readonly WindowRef[],
  size: number,
  watcher: Watcher,
): Promise<TokenScores> {
  const { ids } = layout.tokenizer;
  const frequencies = tokenFrequencies(windows, split.train);
  const batches = watchedBatches(
    windowBatches(windows, layout, refs, size),
    size,
    refs.length,
    watcher,
    'scoring tokens',
  );
  let busiest = 0;
  for (let n = 0; n < ids.neurons; n++) if (frequencies[n]! > frequencies[busiest]!) busiest = n;
  using pass = new RecordedForward(engine, layout, size, ({ inputs }) => ({
    logits: model.forward(inputs).idLogits,
  }));
  let [tokens, spikes, correct, unigramCorrect, bits, unigramBits] = [0, 0, 0, 0, 0, 0];
  for (const host of batches) {
    const { logits } = await pass.run(host);
    for (const [row, target] of host.nextIds.entries()) {
      if (target === ids.PAD) continue;
      const rowLogits = logits.subarray(row * ids.size, (row + 1) * ids.size);
      tokens += 1;
      bits += (logSumExp(rowLogits) - rowLogits[target]!) / Math.LN2;
      unigramBits -= Math.log2(frequencies[target]!);
      if (!ids.isNeuron(target)) continue;
      let best = 0;
      for (let c = 1; c < ids.neurons; c++) if (rowLogits[c]! > rowLogits[best]!) best = c;
      spikes += 1;
      correct += Number(best === target);
      unigramCorrect += Number(busiest === target);
    }
  }
  return {
    tokens,
    spikes,
    accuracy: correct / spikes,
    unigramAccuracy: unigramCorrect / spikes,
    bits: bits / tokens,
    unigramBits: unigramBits / tokens,
  };
}
