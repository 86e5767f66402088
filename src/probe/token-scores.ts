/** How well a model predicts the next neuron, token by token, beside a model that only knows how often each fires. */

import type { Engine } from '../gpu/engine.js';
import type { BatchLayout, HostBatch } from '../neuroformer/batch.js';
import { ForwardPass } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';

export interface TokenScores {
  /** Tokens scored: spikes and window ends. */
  readonly tokens: number;
  readonly spikes: number;
  /** Share of spikes whose neuron was the likeliest of all neurons: of the model, and of always naming the busiest. */
  readonly accuracy: number;
  readonly unigramAccuracy: number;
  /** Mean of -log2 p of the true token: of the model, and of a model of the tokens' frequencies in training. */
  readonly bits: number;
  readonly unigramBits: number;
}

/** How often each token follows in training windows, plus one of each so that none is impossible. */
export function tokenFrequencies(batches: Iterable<HostBatch>, layout: BatchLayout): Float64Array {
  const { ids } = layout.tokenizer;
  const counts = new Float64Array(ids.size);
  for (let token = 0; token < ids.size; token++)
    counts[token] = Number(ids.isNeuron(token) || token === ids.EOS);
  for (const host of batches)
    for (const token of host.nextIds) if (token !== ids.PAD) counts[token]! += 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

/** The natural logarithm of one class's probability. */
function logProbability(logits: Float32Array, target: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (const logit of logits) top = Math.max(top, logit);
  let mass = 0;
  for (const logit of logits) mass += Math.exp(logit - top);
  return logits[target]! - top - Math.log(mass);
}

/** Scores every token of the batches. */
export async function scoreTokens(
  engine: Engine,
  model: Neuroformer,
  layout: BatchLayout,
  size: number,
  batches: Iterable<HostBatch>,
  frequencies: Float64Array,
): Promise<TokenScores> {
  const { ids } = layout.tokenizer;
  let busiest = 0;
  for (let n = 0; n < ids.neurons; n++) if (frequencies[n]! > frequencies[busiest]!) busiest = n;
  using pass = new ForwardPass(engine, layout, size, ({ inputs }) => ({
    logits: model.forward(inputs).idLogits,
  }));
  let [tokens, spikes, right, unigramRight, bits, unigramBits] = [0, 0, 0, 0, 0, 0];
  for (const host of batches) {
    const { logits } = await pass.run(host);
    for (const [row, target] of host.nextIds.entries()) {
      if (target === ids.PAD) continue;
      const own = logits.subarray(row * ids.size, (row + 1) * ids.size);
      tokens += 1;
      bits -= logProbability(own, target) / Math.LN2;
      unigramBits -= Math.log2(frequencies[target]!);
      if (!ids.isNeuron(target)) continue;
      let best = 0;
      for (let c = 1; c < ids.neurons; c++) if (own[c]! > own[best]!) best = c;
      spikes += 1;
      right += Number(best === target);
      unigramRight += Number(busiest === target);
    }
  }
  return {
    tokens,
    spikes,
    accuracy: right / spikes,
    unigramAccuracy: unigramRight / spikes,
    bits: bits / tokens,
    unigramBits: unigramBits / tokens,
  };
}
