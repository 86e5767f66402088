import { expect, it } from 'vitest';
import { stageFeatures } from '../../src/probe/stage-features.js';
import { useEngine } from '../helpers/engine.js';
import { TINY, TinyNeuroformer } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();

it('has the mean and the last token of two stages for every window, whatever its batch', async () => {
  const tiny = new TinyNeuroformer(engine(), TINY);
  const { model, layout, windows } = tiny;
  const inputs = { engine: engine(), model, layout, windows };
  const refs = windows.windowsInTrial(0).slice(0, 70);
  const all = await stageFeatures(inputs, refs);
  expect([all.rows, all.columns]).toEqual([70, 4 * TINY.n_embd]);
  const alone = await stageFeatures(inputs, [refs[66]!]);
  for (const [column, value] of alone.values.entries())
    expect(value).toBeCloseTo(all.values[66 * all.columns + column]!, 5);
  const stages = Array.from({ length: 4 }, (_, n) => alone.values.slice(8 * n, 8 * n + 8).join());
  expect(new Set(stages).size).toBe(4);
  tiny.dispose();
});

it('has the last layer alone where the network does not attend to the past', async () => {
  const tiny = new TinyNeuroformer(engine(), {
    ...TINY,
    layers: { ...TINY.layers, state_history: 0 },
  });
  const { model, layout, windows } = tiny;
  const inputs = { engine: engine(), model, layout, windows };
  const { columns } = await stageFeatures(inputs, windows.windowsInTrial(0).slice(0, 3));
  expect(columns).toBe(2 * TINY.n_embd);
  tiny.dispose();
});
