/** Coupling of neurons according to a Poisson GLM of their spikes alone. */

import type { SparseCounts } from './correlation.js';
import { fitPoissonGlm } from './fit-poisson-glm.js';
import type { GlmTrial, LagGroup } from './glm-design.js';

/** Bins back. In bins of 4 ms they reach 32 ms. */
const LAGS: readonly LagGroup[] = [
  [1, 1],
  [2, 2],
  [3, 4],
  [5, 8],
];
/** Strengths of the penalty that are tried. */
const GRIDS = { coupling: [100, 30, 10], own: [1] };
/** Share of each trial, its end, that the penalty is chosen on. */
const CHOICE_SHARE = 0.2;

/**
 * What a spike of a source adds to the logarithm of a target's rate, summed over the bins after it:
 * [target x source], with 0 on the diagonal. The penalty is chosen on the last fifth of each trial,
 * and the model fitted on the rest.
 *
 * @param trials spike counts in bins
 * @param bin width of the bins, seconds
 * @param beforeEach called before each time that the likelihood is computed; an error it throws
 *   ends the fit
 * @throws Error where the trials are too short to be divided
 */
export async function glmCoupling(
  trials: readonly SparseCounts[],
  bin: number,
  beforeEach: () => void = () => {},
): Promise<Float64Array> {
  const { neurons } = trials[0]!;
  const parts = trials.map(divideTrial);
  const glm = await fitPoissonGlm(
    parts.map(({ train }) => train),
    parts.map(({ choice }) => choice),
    { neurons, bin, lags: LAGS, grids: GRIDS },
    beforeEach,
  );
  const coupling = new Float64Array(neurons * neurons);
  for (const [group, [first, last]] of LAGS.entries())
    for (let source = 0; source < neurons; source++)
      for (let target = 0; target < neurons; target++)
        if (target !== source)
          coupling[target * neurons + source]! +=
            (last - first + 1) *
            glm.weights.history[(group * neurons + source) * neurons + target]!;
  return coupling;
}

/** The trial as a GLM reads it, without its end, and its end. */
function divideTrial(counts: SparseCounts): { train: GlmTrial; choice: GlmTrial } {
  const { neurons, bins, starts, ids, values } = counts;
  const dense = new Float64Array(bins * neurons);
  for (let b = 0; b < bins; b++)
    for (let entry = starts[b]!; entry < starts[b + 1]!; entry++)
      dense[b * neurons + ids[entry]!] = values[entry]!;
  const cut = Math.floor((1 - CHOICE_SHARE) * bins) * neurons;
  return { train: { counts: dense.subarray(0, cut) }, choice: { counts: dense.subarray(cut) } };
}
