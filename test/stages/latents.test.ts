import { beforeAll, describe, expect, it } from 'vitest';
import { parseNpz } from '../../src/formats/npz.js';
import { readText } from '../../src/ports/run-store.js';
import type { LatentResults } from '../../src/probe/results.js';
import { readLatents } from '../../src/stages/latents.js';
import { report } from '../../src/stages/report.js';
import { readLatentFiles } from '../../src/stages/result-files.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { useEngine } from '../helpers/engine.js';
import { tinyVisual, trainSimulated } from '../helpers/simulated-run.js';

const engine = useEngine();
const VISUAL = tinyVisual();
/** Speed is read by the contrastive loss alone. */
const ALIGNED = {
  neuron_queries: null,
  spike_history: null,
  window: { curr: 0.1, prev: 0.1 },
  layers: { encoder: 1, state: 1, state_history: 0, stimulus: 0 },
  modalities: { behavior: { n_layers: 0, window: 0.05, variables: { speed: { dt: 0.05 } } } },
  contrastive: { contrastive: true, vars: ['eos', { behavior: 'speed' }], clip_embd: 3 },
};
const trainOn = (changes: object) =>
  trainSimulated(engine(), VISUAL, changes, { every: 0.05, steps: 3 });

/** The latents of a run, and which models were trained for them. */
async function read(run: OpenedRun) {
  const trained: string[] = [];
  const watcher = {
    note: (sentence: string) => void trained.push(sentence),
    progress() {},
    shouldStop: () => false,
  };
  const results = await readLatents(run, { engine: engine(), watcher });
  return { results, trained: trained.filter((note) => note.startsWith('Training ')) };
}

describe('latents', () => {
  let run: OpenedRun;
  let results: LatentResults;
  beforeAll(async () => {
    run = await trainOn(ALIGNED);
    const first = await read(run);
    expect(first.trained).toEqual([
      'Training a model without contrast.',
      'Training a model aligned with shuffled speed.',
    ]);
    results = first.results;
  });

  it('stand beside those of other models and of spike counts, scored for every variable', () => {
    expect(results.methods.map(({ name, kind, test }) => [name, kind, test.columns])).toEqual([
      ['aligned', 'model', 3],
      ['plain', 'control', 8],
      ['shuffled', 'control', 3],
      ['untrained', 'control', 3],
      ['components', 'baseline', 3],
      ['counts', 'baseline', 6],
    ]);
    expect(results).toMatchObject({ feature: 'eos', aligned: ['speed'], neighbors: 25 });
    for (const { name, scores, train, test } of results.methods) {
      expect(Object.keys(scores), name).toEqual(['speed', 'phi', 'theta']);
      for (const { ridge, neighbors } of Object.values(scores))
        for (const r2 of [ridge, neighbors]) expect(r2, name).toBeLessThanOrEqual(1);
      expect([train.rows, test.rows]).toEqual([run.split.train.length, run.split.test.length]);
    }
  });

  it('have length 1 where they are aligned, and differ from model to model', () => {
    const values = results.methods.map(({ test }) => [...test.values]);
    for (const [n, { test }] of results.methods.entries()) {
      if (!['aligned', 'shuffled', 'untrained'].includes(results.methods[n]!.name)) continue;
      for (let row = 0; row < test.rows; row++)
        expect(Math.hypot(...values[n]!.slice(3 * row, 3 * row + 3))).toBeCloseTo(1, 5);
    }
    expect(new Set(values.map((list) => JSON.stringify(list))).size).toBe(6);
  });

  it('come with what was recorded when their windows end', () => {
    const [speed] = results.test;
    const { trialIndex, end } = run.split.test[3]!;
    const recorded = run.dataset.recording.trials[trialIndex]!.variables.speed!;
    const index = Math.round(end / 0.05) - 1;
    expect(speed!.values[3]).toBe(recorded.values[index]);
    expect(results.test.map(({ name, unit }) => [name, unit])).toEqual([
      ['speed', 'cm/s'],
      ['phi', 'degrees'],
      ['theta', 'degrees'],
    ]);
  });

  it('are read back as they were written, with a row of scores for each variable', async () => {
    const { store } = run.records;
    const again = (await readLatentFiles(store))!;
    expect(again.methods.map(({ scores }) => scores)).toEqual(
      results.methods.map(({ scores }) => scores),
    );
    expect([...again.methods[0]!.test.values]).toEqual([...results.methods[0]!.test.values]);
    expect(again.test).toEqual(results.test);
    expect(again.aligned).toEqual(['speed']);
    const lines = (await readText(store, 'latents.csv'))!.trim().split('\n');
    expect(lines).toHaveLength(1 + 6 * 3);
    expect(lines[0]).toBe('latents,kind,dimensions,variable,ridge_r2,neighbors_r2');
    const arrays = parseNpz((await store.read('latents.npz'))!);
    expect(arrays.get('counts_test')!.shape).toEqual([run.split.test.length, 6]);
    expect(arrays.get('variable0_train')!.shape).toEqual([run.split.train.length]);
  });

  it('are a section of the report, with a panel for each kind of latents', async () => {
    const { page, figures } = await report(run);
    expect(page).toContain('<h2>Latents</h2>');
    expect(page).toContain('aligned with shuffled speed');
    const figure = figures.find(({ name }) => name === 'latents-speed')!;
    expect(figure.svg).toContain('principal components of the counts');
    expect(figure.svg).toContain('>speed (cm/s)<');
    expect(figure.csv.split('\n')[0]).toBe('latents,component_1,component_2,speed');
    expect(figure.csv.trim().split('\n')).toHaveLength(1 + 5 * run.split.test.length);
  });

  it('of models that are trained already are read again, without training', async () => {
    const { results: again, trained } = await read(run);
    expect(trained).toEqual([]);
    expect(again.methods.map(({ scores }) => scores)).toEqual(
      results.methods.map(({ scores }) => scores),
    );
  });
});

it.each<[string, object, string]>([
  [
    'nothing is aligned',
    { contrastive: { contrastive: false }, modalities: null },
    'This model aligns nothing: train one with contrastive: {contrastive: true, vars: [eos, {behavior: speed}]}.',
  ],
  [
    'no feature of the spikes is aligned',
    {
      window: { curr: 0.1, prev: 0.1, frame: 0.2 },
      layers: { encoder: 1, state: 1, state_history: 0, stimulus: 1 },
      contrastive: { contrastive: true, vars: ['frames', { behavior: 'speed' }], clip_embd: 3 },
    },
    'This model aligns no feature of the spikes: add eos, read before the fusion, to contrastive.vars.',
  ],
])('refuses a run in which %s', async (_, changes, message) => {
  const run = await trainOn({ ...ALIGNED, ...changes });
  await expect(readLatents(run, { engine: engine() })).rejects.toThrow(
    expect.objectContaining({ name: 'UsageError', message }),
  );
});
