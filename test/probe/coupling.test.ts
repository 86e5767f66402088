import { describe, expect, it } from 'vitest';
import { couplingMap } from '../../src/probe/coupling.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { useEngine } from '../helpers/engine.js';
import { NEURONS, TINY, TinyNeuroformer } from '../helpers/tiny-neuroformer.js';

/** Steps of the past window and of the current one. */
const PAST = 10;
const CURRENT = 5;

/**
 * What one spike of a source adds to the log odds of each neuron against EOS, summed over all lags,
 * by the head itself: [neurons].
 */
async function measuredEffects(tiny: TinyNeuroformer, source: number): Promise<Float64Array> {
  const { engine, model, tokenizer } = tiny;
  const { size, SOS, EOS } = tokenizer.ids;
  const sums = new Float64Array(NEURONS);
  for (let lag = 0; lag < PAST + CURRENT; lag++) {
    // The spike is the only one of the past window; the position is as long after it as the lag.
    const time = Math.max(0, lag - PAST);
    const tokens = {
      ids: Tensor.from(engine, Uint32Array.of(SOS), [1, 1]),
      times: Tensor.from(engine, [time], [1, 1]),
      pastIds: Tensor.from(engine, Uint32Array.of(source), [1, 1]),
      pastTimes: Tensor.from(engine, [PAST + time - lag], [1, 1]),
    };
    const logits = Tensor.from(engine, new Float32Array(size), [1, 1, size]);
    const added = await model.drives.history!.call(logits, tokens).floats();
    for (let n = 0; n < NEURONS; n++) sums[n]! += added[n]! - added[EOS]!;
  }
  return sums;
}

describe('the coupling of a model', () => {
  const engine = useEngine();

  it.each([false, true])(
    'is what a spike adds to the log odds of a neuron against no spike (bounded: %s)',
    async (bounded) => {
      const config = { ...TINY, spike_history: { kind: 'pairs', kernels: 2, bounded } };
      const tiny = new TinyNeuroformer(engine(), config);
      const map = await couplingMap(tiny.model, tiny.tokenizer.ids);
      expect(new Set(map.map(Math.sign))).toEqual(new Set([-1, 0, 1]));
      for (let source = 0; source < NEURONS; source++) {
        const effects = await measuredEffects(tiny, source);
        for (let target = 0; target < NEURONS; target++)
          expect(map[target * NEURONS + source]).toBeCloseTo(
            target === source ? 0 : effects[target]!,
            4,
          );
      }
      tiny.dispose();
    },
  );

  it('exists only with spike_history: pairs', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, spike_history: 'own' });
    await expect(couplingMap(tiny.model, tiny.tokenizer.ids)).rejects.toThrow('has no coupling');
    tiny.dispose();
  });
});
