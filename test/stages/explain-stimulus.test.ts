import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Dataset } from '../../src/dataset/dataset.js';
import { drivenDataset } from '../../src/dataset/simulated.js';
import { parseNpz } from '../../src/formats/npz.js';
import { type FileContents, readText } from '../../src/ports/run-store.js';
import type { StimulusResults } from '../../src/probe/results.js';
import { averageOverPlaces } from '../../src/probe/stimulus-grid.js';
import { simulateInputs } from '../../src/simulate/inputs.js';
import { explainStimulus } from '../../src/stages/explain-stimulus.js';
import { readStimulus } from '../../src/stages/result-files.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { useEngine } from '../helpers/engine.js';
import { tinyVisual, trainSimulated } from '../helpers/simulated-run.js';

const engine = useEngine();
/** A trunk that attends to the past and to the film, and no head beside it. */
const TRUNK = {
  layers: { state: 1, state_history: 1, stimulus: 1 },
  neuron_queries: null,
  spike_history: null,
};
const trainOn = (files: FileContents, changes: object = {}, training?: object) =>
  trainSimulated(engine(), files, { ...(files === VISUAL && TRUNK), ...changes }, training);
const explain = (run: OpenedRun, settings: object = {}) =>
  explainStimulus(run, { windows: 32, ...settings }, { engine: engine() });
const names = ({ maps }: StimulusResults, kind: string) =>
  maps.filter((map) => map.kind === kind).map(({ name }) => name);

const VISUAL = tinyVisual();
const DRIVEN = drivenDataset(simulateInputs({ neurons: 8, seconds: 8 }));

describe('explaining a film', () => {
  let run: OpenedRun;
  let results: StimulusResults;
  beforeAll(async () => {
    run = await trainOn(VISUAL, { neuron_queries: 'frames' });
    results = await explain(run);
  });

  it('reads every map that the model allows, its controls, and what spikes alone tell', () => {
    expect(names(results, 'model')).toEqual([
      'queries',
      'queriesgradient',
      'trunk',
      'trunkgradient',
      'trunkgradientany',
      'occlusion',
      'gradient',
    ]);
    expect(names(results, 'control')).toEqual([
      'queriesuntrained',
      'queriesgradientuntrained',
      'trunkuntrained',
      'trunkgradientuntrained',
      'trunkgradientother',
      'trunkgradientanyuntrained',
      'occlusionuntrained',
      'gradientuntrained',
    ]);
    expect(names(results, 'spikes')).toEqual(['average', 'square']);
    expect(results).toMatchObject({ kind: 'film', part: 'test', windows: 32, trained: 80 });
    expect(results.grid).toEqual({
      film: [4, 8, 8],
      places: [1, 5, 5],
      kernel: [4, 4, 4],
      stride: [4, 1, 1],
      padding: [0, 0, 0],
    });
  });

  it('has maps of all places and neurons, by which an untrained model differs', () => {
    const map = (name: string) => results.maps.find((other) => other.name === name)!;
    for (const { name, values } of results.maps) {
      expect(values, name).toHaveLength(6 * 25);
      expect(values.every(Number.isFinite), name).toBe(true);
      expect(
        values.some((value) => value !== 0),
        name,
      ).toBe(true);
    }
    expect(map('occlusion').values).not.toEqual(map('occlusionuntrained').values);
    for (const name of ['gradient', 'average', 'square']) {
      const { values, pixels } = map(name);
      expect(values).toEqual(averageOverPlaces(pixels!, results.grid));
    }
    expect(map('queries').pixels).toBeUndefined();
  });

  it('scores maps by the fields on the screen', () => {
    for (const { name, fields, inputs } of results.maps) {
      expect(Math.abs(fields!.r), name).toBeLessThanOrEqual(1);
      expect(fields!.deviation, name).toBeGreaterThanOrEqual(0);
      expect(inputs).toBeUndefined();
    }
  });

  it('is read back as it was written, with a row of scores for each map', async () => {
    const { store } = run.records;
    expect(await readStimulus(store)).toEqual(results);
    const lines = (await readText(store, 'stimulus.csv'))!.trim().split('\n');
    expect(lines).toHaveLength(1 + results.maps.length);
    expect(lines[0]).toBe('name,kind,r,deviation,pixels_off,other_field');
    expect(lines[1]).toMatch(/^queries,model,-?\d/);
    const arrays = parseNpz((await store.read('stimulus.npz'))!);
    expect(arrays.get('occlusion')!.shape).toEqual([6, 5, 5]);
    expect(arrays.get('square_pixels')!.shape).toEqual([6, 8, 8]);
    await store.write('stimulus.json', '{"maps": []}');
    await expect(readStimulus(store)).rejects.toThrow(
      'memory/stimulus.json or stimulus.npz is damaged: run explain stimulus again.',
    );
  });

  it('is the same for the same seed, and of other windows for another one', async () => {
    const values = ({ maps }: StimulusResults) => maps.map((map) => map.values);
    const again = await explain(run);
    expect(values(again)).toEqual(values(results));
    const other = await explain(run, { seed: 2 });
    expect(values(other)[0]).not.toEqual(values(again)[0]);
    const all = await explain(run, { part: 'all', windows: 96 });
    expect(all).toMatchObject({ part: 'all', windows: 96 });
  });
});

describe('explaining a film with a model that has fewer parts', () => {
  it('reads occlusion and gradients of a baseline with neuron queries alone', async () => {
    const run = await trainOn(VISUAL, { neuron_queries: 'frames', gru_only: true });
    expect(names(await explain(run), 'model')).toEqual([
      'queries',
      'queriesgradient',
      'occlusion',
      'gradient',
    ]);
  });

  it('has no scores where the truth is unknown', async () => {
    const { truth: _, ...description } = parse(VISUAL['dataset.yaml'] as string);
    const run = await trainOn({ ...VISUAL, 'dataset.yaml': stringify(description) });
    const { maps } = await explain(run);
    expect(maps.some((map) => 'fields' in map || 'inputs' in map)).toBe(false);
    const csv = await readText(run.records.store, 'stimulus.csv');
    expect(csv!.split('\n')[0]).toBe('name,kind');
  });
});

describe('explaining inputs', () => {
  it('scores maps by the input that drives each neuron, beside the cross-correlation', async () => {
    const run = await trainOn(DRIVEN);
    const results = await explain(run);
    expect(results).toMatchObject({ kind: 'inputs', grid: { places: [1, 1, 8] } });
    expect(names(results, 'spikes')).toEqual(['correlation']);
    for (const { name, values, fields, inputs } of results.maps) {
      expect(values, name).toHaveLength(64);
      expect(fields).toBeUndefined();
      expect(inputs!.top1, name).toBeLessThanOrEqual(inputs!.top5);
    }
    const { inputs } = results.maps.find(({ name }) => name === 'correlation')!;
    expect(inputs!.top1).toBeGreaterThan(0.8);
    const csv = await readText(run.records.store, 'stimulus.csv');
    expect(csv!.split('\n')[0]).toBe('name,kind,top1,top5');
    expect(await readStimulus(run.records.store)).toEqual(results);
  });
});

describe('a run that cannot be explained', () => {
  const withTruth = (run: OpenedRun, truth: Dataset['truth']): OpenedRun => ({
    ...run,
    dataset: { ...run.dataset, truth },
  });
  const noTest = { split: { kind: 'trials', train: '0-2', validation: '3' } };

  it.each<[string, string, () => Promise<OpenedRun>]>([
    [
      'because its model reads no film',
      'This model reads no film: train one with window.frame on a recording with frames.',
      () => trainOn(VISUAL, { window: { curr: 0.05, prev: 0.15 } }),
    ],
    [
      'because nothing in it attends to the film',
      'This model does not read the film: train a Neuroformer with layers.stimulus above 0, or with neuron_queries: frames.',
      () => trainOn(VISUAL, { layers: { state: 1, state_history: 1, stimulus: 0 } }),
    ],
    [
      'because it is a baseline',
      'This model does not read the film: train a Neuroformer with layers.stimulus above 0, or with neuron_queries: frames.',
      () => trainOn(VISUAL, { mlp_only: true }),
    ],
    [
      'because its frames are features',
      'This model reads features of frames, which have no places in a film: train one that reads pixels.',
      () =>
        trainOn(VISUAL, {
          frame_encoder: { conv_layer: false, features: true, n_embd_frames: 64 },
        }),
    ],
    [
      'because the part has no windows',
      'There are no windows in the test part: choose another part of the split.',
      () => trainOn(VISUAL, {}, noTest),
    ],
    [
      'because the truth has other pixels',
      'truth.fields should be of 8 x 8 pixels, as the film is, but are of 4 x 8.',
      async () => {
        const run = await trainOn(VISUAL);
        return withTruth(run, { fields: { ...run.dataset.truth!.fields!, height: 4 } });
      },
    ],
    [
      'because the truth has other inputs',
      'truth.inputs should be pixels of the film, from 0 to 7, but contains 9.',
      async () => withTruth(await trainOn(DRIVEN), { inputs: Int32Array.of(1, 9) }),
    ],
  ])('is refused %s', async (_, message, create) => {
    const run = await create();
    const before = await run.records.store.list();
    await expect(explain(run)).rejects.toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
    expect(await run.records.store.list()).toEqual(before);
  });
});
