import { beforeAll, describe, expect, it } from 'vitest';
import { readText } from '../../src/ports/run-store.js';
import type { ProbeResults } from '../../src/probe/results.js';
import { ladderProbes } from '../../src/stages/ladder-probes.js';
import { report } from '../../src/stages/report.js';
import { readProbes } from '../../src/stages/result-files.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { useEngine } from '../helpers/engine.js';
import { tinyVisual, trainSimulated } from '../helpers/simulated-run.js';

const engine = useEngine();
const VISUAL = tinyVisual();
/** Every stage there is. */
const STAGES = { layers: { encoder: 0, state: 1, state_history: 1, stimulus: 1 } };
const trainOn = (changes?: object, training?: object) =>
  trainSimulated(engine(), VISUAL, { ...STAGES, ...changes }, { seed: 4, ...training });

describe('a ladder of probes', () => {
  let run: OpenedRun;
  let results: ProbeResults;
  const trained: string[] = [];
  const probe = (seeds: number) =>
    ladderProbes(
      run,
      { seeds },
      {
        engine: engine(),
        watcher: {
          note: (sentence) => {
            if (sentence.startsWith('Training ')) trained.push(sentence);
          },
          progress() {},
          shouldStop: () => false,
        },
      },
    );
  beforeAll(async () => {
    run = await trainOn();
    results = await probe(2);
  });

  it('has every stage of every model, with the untrained column, and the spike counts', () => {
    expect(results.stages.map(({ title }) => title)).toEqual([
      'past state',
      '+ stimulus',
      '+ current state',
      'spike counts',
    ]);
    expect(results.rows.map(({ seed, stage }) => `${stage} ${seed}`)).toEqual([
      'past 4',
      'stimulus 4',
      'current 4',
      'past 5',
      'stimulus 5',
      'current 5',
      'counts 4',
    ]);
    expect(results.variables).toEqual(['speed', 'phi', 'theta']);
    for (const { stage, trained: r2, untrained } of results.rows) {
      expect(Object.keys(r2)).toEqual(['speed', 'phi', 'theta']);
      for (const value of Object.values(r2)) expect(value).toBeLessThanOrEqual(1);
      expect(untrained === undefined).toBe(stage === 'counts');
      expect(untrained).not.toEqual(r2);
    }
    expect(results).toMatchObject({
      trained: run.split.train.length,
      tested: run.split.test.length,
    });
  });

  it('trains a model for each seed after the first, once', async () => {
    expect(trained).toEqual(['Training a model with seed 5.']);
    expect((await probe(2)).rows).toEqual(results.rows);
    expect(trained).toHaveLength(1);
  });

  it('is read back as it was written, with a row for each variable', async () => {
    const { store } = run.records;
    expect(await readProbes(store)).toEqual(results);
    const lines = (await readText(store, 'probes.csv'))!.trim().split('\n');
    expect(lines).toHaveLength(1 + 7 * 3);
    expect(lines[0]).toBe('seed,stage,variable,r2,untrained_r2');
    await store.write('probes.json', '{"rows": []}');
    await expect(readProbes(store)).rejects.toThrow(
      'memory/probes.json is damaged: run ladder probes again; models that are already trained are kept.',
    );
    await store.write('probes.json', JSON.stringify(results));
  });

  it('is a section of the report, with a panel for each variable', async () => {
    const { page, figures } = await report(run);
    expect(page).toContain('<h2>Behavior in the stages of the model</h2>');
    const figure = figures.find(({ name }) => name === 'probes')!;
    expect(figure.svg).toContain('+ current state');
    const [head, ...rows] = figure.csv.trim().split('\n');
    expect(head).toBe(`stage,model,seed,${results.variables.join(',')}`);
    expect(rows).toHaveLength(2 * 6 + 1);
    for (const variable of results.variables) expect(figure.svg).toContain(`R2 of ${variable}`);
  });
});

const behavior = (speed: object, n_layers = 0) => ({
  modalities: { behavior: { n_layers, window: 0.05, variables: { speed } } },
});

it.each<[string, object]>([
  ['reads', behavior({ dt: 0.05 }, 1)],
  ['predicts', behavior({ dt: 0.05, predict: true, objective: 'regression' })],
])('refuses a model that %s a variable', async (use, changes) => {
  const run = await trainOn(changes);
  await expect(ladderProbes(run, {}, { engine: engine() })).rejects.toThrow(
    `This model ${use} speed, so a probe may find what training put in: train one without it, or with training.losses: [id, time].`,
  );
});

it('takes a model that could predict a variable, but was trained on spikes alone', async () => {
  const speed = { dt: 0.05, predict: true, objective: 'regression' };
  const run = await trainOn(behavior(speed), { losses: ['id', 'time'] });
  expect((await ladderProbes(run, {}, { engine: engine() })).rows).toHaveLength(4);
});
