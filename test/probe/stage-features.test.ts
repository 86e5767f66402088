import { expect, it } from 'vitest';
import { joinStages, modelStages, stageFeatures } from '../../src/probe/stage-features.js';
import { useEngine } from '../helpers/engine.js';
import { TINY, TinyNeuroformer, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
/** Two batches, of which the second is not full. */
const REFS = Array.from({ length: 70 }, (_, n) => ({ trialIndex: 0, end: 1 + n / 20 }));
const T = TINY.block_size.id;

const read = ({ model, layout, windows }: TinyNeuroformer, refs = REFS) =>
  stageFeatures({ engine: engine(), model, layout, windows }, refs);

it('are the mean over the tokens that are not padding, then the state of EOS', async () => {
  const tiny = new TinyNeuroformer(engine(), TINY);
  const features = await read(tiny);
  expect(features.map(({ name, width }) => [name, width])).toEqual([
    ['past', 16],
    ['current', 16],
  ]);
  const { values } = features.at(-1)!;
  expect(values).toHaveLength(70 * 16);
  for (const row of [0, 66]) {
    const host = tiny.layout.collate(tiny.at(REFS[row]!.end));
    const batch = tiny.uploadBatch(host);
    const lastLayer = engine().scope(() => tiny.model.forward(batch.inputs).lastLayer);
    const states = await lastLayer.floats();
    const positions = [...host.mask.keys()].filter((n) => host.mask[n] === 1);
    expect(positions.length).toBeLessThan(T);
    const mean = (channel: number) =>
      positions.reduce((sum, n) => sum + states[8 * n + channel]!, 0) / positions.length;
    for (let channel = 0; channel < 8; channel++) {
      expect(values[16 * row + channel]).toBeCloseTo(mean(channel), 4);
      expect(values[16 * row + 8 + channel]).toBeCloseTo(
        states[8 * host.eos.indexOf(1) + channel]!,
        4,
      );
    }
    lastLayer.dispose();
    batch.dispose();
  }
  tiny.dispose();
});

it('do not depend on which other windows are read', async () => {
  const tiny = new TinyNeuroformer(engine(), WITH_VIDEO);
  const all = await read(tiny);
  const some = await read(tiny, REFS.slice(65));
  expect(all.map(({ name }) => name)).toEqual(['past', 'stimulus', 'current']);
  for (const [n, { width, values }] of some.entries())
    expect([...values]).toEqual([...all[n]!.values.subarray(65 * width)]);
  expect(all[0]!.values).not.toEqual(all[1]!.values);
  tiny.dispose();
});

it('are those of the last layer alone where a baseline replaces the stages', () => {
  const tiny = new TinyNeuroformer(engine(), { ...TINY, gru_only: true });
  expect(modelStages(tiny.model)).toEqual(['current']);
  tiny.dispose();
});

it('stand side by side, one row per window, for a decoder of all stages', async () => {
  const tiny = new TinyNeuroformer(engine(), TINY);
  const stages = await read(tiny);
  const { rows, columns, values } = joinStages(stages);
  expect([rows, columns]).toEqual([70, 4 * TINY.n_embd]);
  for (const [n, { values: ofStage }] of stages.entries())
    for (const row of [0, 66])
      expect([...values.subarray(32 * row + 16 * n, 32 * row + 16 * (n + 1))]).toEqual([
        ...ofStage.subarray(16 * row, 16 * (row + 1)),
      ]);
  tiny.dispose();
});
