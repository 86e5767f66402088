/**
 * Coupling according to a trained model: what a spike of one neuron does to another, with its sign,
 * read from the weights of `spike_history: pairs`.
 *
 * A spike of neuron j, `lag` time steps ago and alone, adds to the logit of neuron i
 *
 *   h_ij(lag) = sum over kernels r of kappa_r(lag) W_r[i, j]   (its tanh where the head is bounded)
 *
 * and h_0j(lag) to the logit of EOS, which stands for no further spike in the window. Their
 * difference is the change of log p(i fires next) - log p(no neuron does). Its sum over all lags of
 * the kernels is
 *
 *   coupling C(i<-j) = sum over lags of h_ij(lag) - h_0j(lag)
 *
 * in nats times time steps, above 0 for excitation. Why not log p(i) alone: the probabilities of
 * all tokens add up to 1, so a spike that excites many neurons lowers log p of every other one,
 * which it does not inhibit.
 *
 * What the model's attention does beside is not in it. Coupling is what the model depends on, not
 * what causes what.
 */

import type { Neuroformer } from '../neuroformer/model.js';
import type { NeuronVocabulary } from '../recording/vocabularies.js';

/**
 * The coupling of every pair of neurons: [target x source], with 0 on the diagonal.
 *
 * @throws Error for a model without `spike_history: pairs`
 */
export async function couplingMap(
  model: Neuroformer,
  ids: NeuronVocabulary,
): Promise<Float64Array> {
  const { history } = model.drives;
  if (!history?.pairs) throw new Error('This model has no coupling: spike_history is not pairs.');
  const kernels = await history.kernels.tensor.floats();
  const weights = await history.pairs.weight.tensor.floats();
  const [R, L] = history.kernels.tensor.shape as [number, number];
  const V = history.pairs.weight.tensor.shape[0]!;
  const isBounded = model.config.spike_history?.bounded ?? false;
  /** The sum over lags of what a spike of `source` adds to the logit of a token. */
  const summedEffect = (token: number, source: number): number => {
    let sum = 0;
    for (let lag = 0; lag < L; lag++) {
      let effect = 0;
      for (let r = 0; r < R; r++)
        effect += kernels[r * L + lag]! * weights[(token * R + r) * V + source]!;
      sum += isBounded ? Math.tanh(effect) : effect;
    }
    return sum;
  };
  const { neurons } = ids;
  const coupling = new Float64Array(neurons * neurons);
  for (let source = 0; source < neurons; source++) {
    const noSpike = summedEffect(ids.EOS, source);
    for (let target = 0; target < neurons; target++)
      if (target !== source)
        coupling[target * neurons + source] = summedEffect(target, source) - noSpike;
  }
  return coupling;
}
