import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { tokenizerFor } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openModel } from '../../src/neuroformer/saved.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/nn/safetensors.js';
import { diskStore } from '../../src/node/disk-store.js';
import { createEngine } from '../../src/node.js';
import { silentWatcher } from '../../src/ports/watcher.js';
import { createRecording } from '../../src/recording/recording.js';
import { Scale } from '../../src/recording/scales.js';
import { bestWeights, RunRecords } from '../../src/train/run-records.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { tokenizerAfter } from '../../src/train/tokenizer-after.js';
import { type TrainerOptions, trainModel } from '../../src/train/trainer.js';
import { prepare } from '../../src/train/training-data.js';
import { checkpointAt } from '../helpers/run-files.js';
import { madeUpRecording, TINY, WITH_BEHAVIOR, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';
import { DROPPING } from '../helpers/tiny-run.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

const FRACTIONS = { train: 0.6, validation: 0.2, test: 0.2 };
/** Everything that draws at random, and everything that must be remembered. */
const TRAINING = {
  batch: 4,
  steps: 24,
  token_dropout: 0.2,
  checkpoint_every: 6,
  validate_every: 8,
  log_every: 4,
  split: { fractions: FRACTIONS },
};
const MODEL = {
  ...WITH_VIDEO,
  modalities: WITH_BEHAVIOR.modalities,
  dropout: DROPPING,
};

let folders = 0;
interface TestRun extends TrainerOptions {
  readonly path: string;
  /** What was noted. */
  readonly notes: string[];
}

/** A run that is yet to start, in a folder of its own. */
function newRun(
  training: object = {},
  model: object = MODEL,
  changes: Partial<TrainerOptions> = {},
): TestRun {
  folders += 1;
  const path = mkdtempSync(join(root, `run${folders}`));
  const notes: string[] = [];
  const settings = parseTrainSettings({ ...TRAINING, ...training });
  return {
    data: prepare(madeUpRecording(), parseConfig(model).config, settings),
    settings,
    records: new RunRecords(diskStore(path)),
    engine: () => createEngine(),
    watcher: { ...silentWatcher, note: (sentence) => notes.push(sentence) },
    path,
    notes,
    ...changes,
  };
}

/** The same run with a watcher that is asked whether to stop. */
function stopping(run: TestRun, shouldStop: () => boolean): TestRun {
  return { ...run, watcher: { ...run.watcher, shouldStop } };
}

const last = ({ path }: TestRun) => join(path, 'last.safetensors');

/** Everything of a run's last checkpoint but the time it took. */
async function contents(run: TestRun) {
  const { tensors, moments, progress } = await checkpointAt(last(run));
  const { seconds: _, ...rest } = progress;
  return { tensors, moments, progress: rest };
}

describe('training', () => {
  it('writes a run that can be read by itself: metrics, the last and the best of each objective', async () => {
    const run = newRun();
    const { stopped, progress } = await trainModel(run);
    expect([stopped, progress.step]).toEqual(['done', 24]);
    const metrics = await run.records.metrics();
    const steps = (kind: string) => metrics.flatMap((l) => (l.kind === kind ? [l.step] : []));
    expect(steps('train')).toEqual([4, 8, 12, 16, 20, 24]);
    expect(steps('validation')).toEqual([8, 16, 24]);
    expect(Object.keys(metrics[0]!.losses).sort()).toEqual(['gait', 'id', 'loss', 'time', 'turn']);
    const looks = metrics.filter(({ kind }) => kind === 'validation');
    for (const objective of ['loss', 'id', 'turn']) {
      const best = openModel(readFileSync(join(run.path, bestWeights(objective))));
      const lowest = Math.min(...looks.map(({ losses }) => losses[objective]!));
      const { best: known } = JSON.parse(best.metadata['neuroformer.progress']!);
      expect(known[objective].loss, objective).toBe(lowest);
      expect(best.config!.n_embd).toBe(8);
    }
    expect(metrics.at(-1)!.losses.loss).toBeLessThan(looks[0]!.losses.loss!);
  });

  it('goes on after a stop as if there had been none, to the last bit', async () => {
    const whole = newRun();
    await trainModel(whole);
    const parts = newRun();
    for (const until of [5, 11, 18]) {
      let updates = 0;
      const before = until === 5 ? 0 : (await checkpointAt(last(parts))).progress.step;
      const { stopped, progress } = await trainModel({
        ...stopping(parts, () => before + ++updates >= until),
        resume: until > 5,
      });
      expect([stopped, progress.step]).toEqual(['interrupted', until]);
    }
    await trainModel({ ...parts, resume: true });
    expect(await contents(parts)).toEqual(await contents(whole));
    expect(parts.notes).toContain('Going on from update 18 of 24.');
    const steps = (await parts.records.metrics()).map(({ step }) => step);
    expect(steps).toEqual([...steps].sort((p, q) => p - q));
  });

  it('begun on two threads of the CPU goes on with one to the weights of a run on either', async () => {
    const on = (threads: number) => ({
      ...newRun(),
      engine: () => createEngine({ adapter: 'cpu', threads }),
    });
    const runs = [on(1), on(2), on(2)];
    for (const whole of runs.slice(0, 2)) await trainModel(whole);
    const parts = runs[2]!;
    let updates = 0;
    await trainModel(stopping(parts, () => ++updates === 9));
    await trainModel({ ...parts, engine: runs[0]!.engine, resume: true });
    const [one, two, both] = await Promise.all(runs.map(contents));
    expect(both).toEqual(two);
    expect(two).toEqual(one);
  });

  it('goes on from its last checkpoint on a new device when the device is lost', async () => {
    const whole = newRun();
    await trainModel(whole);
    const engines: Engine[] = [];
    const lost = newRun({}, MODEL, {
      engine: async () => {
        engines.push(await createEngine());
        return engines.at(-1)!;
      },
    });
    let updates = 0;
    await trainModel(
      stopping(lost, () => {
        updates += 1;
        if (updates === 15) engines[0]!.device.destroy();
        return false;
      }),
    );
    expect(engines).toHaveLength(2);
    expect(lost.notes[0]).toMatch(
      /^The device was lost \(.+\); going on from the last checkpoint on a new one\.$/,
    );
    expect(lost.notes[1]).toBe('Going on from update 12 of 24.');
    expect(await contents(lost)).toEqual(await contents(whole));
  });

  it('stops early when the validation loss has not improved', async () => {
    const run = newRun({ patience: 2, rate: 1e-9, validate_every: 2, steps: 100 });
    // At such a rate nothing is learnt, so that looks are equal and none is better than the first.
    const { stopped, progress } = await trainModel(run);
    expect(stopped).toBe('patience');
    expect(progress.step).toBeLessThan(100);
    expect(progress.stale).toBe(2);
  });

  it('leaves frozen parameters as they are, and moves the others', async () => {
    const run = newRun({ freeze: ['tok_emb', 'head_'], steps: 3 }, TINY);
    await trainModel(run);
    const other = newRun({ steps: 1, rate: 1e-12 }, TINY);
    await trainModel(other);
    const [after, before] = await Promise.all(
      [run, other].map(async (own) => (await checkpointAt(last(own))).tensors),
    );
    expect(after!.get('tok_emb.weight')).toEqual(before!.get('tok_emb.weight'));
    expect(after!.get('head_id.weight')).toEqual(before!.get('head_id.weight'));
    expect(after!.get('pos_emb')!.data).not.toEqual(before!.get('pos_emb')!.data);
  });

  it('begins from another model, and says what is new', async () => {
    const spikes = newRun({ steps: 5 }, TINY);
    await trainModel(spikes);
    const from = openModel(readFileSync(last(spikes)));
    const speed = newRun({ steps: 1, rate: 1e-12, losses: ['turn'] }, WITH_BEHAVIOR, { from });
    await trainModel(speed);
    expect(speed.notes[0]).toMatch(/^\d+ parameters were loaded\.$/);
    expect(speed.notes[1]).toMatch(
      /^\d+ parameters are new and keep their initial values: modality_/,
    );
    const { tensors } = await checkpointAt(last(speed));
    const apart = tensors
      .get('tok_emb.weight')!
      .data.map((v, n) => v - from.tensors.get('tok_emb.weight')!.data[n]!);
    expect(Math.max(...Array.from(apart, Math.abs))).toBeLessThan(1e-9);
    expect(Object.keys((await speed.records.metrics())[0]!.losses)).toEqual(['turn', 'loss']);
  });
});

describe('the vocabularies of a model that begins from another', () => {
  const { config } = parseConfig(WITH_BEHAVIOR);
  const before = tokenizerFor(config, madeUpRecording());
  const gaits = (...values: string[]) => {
    const { spikes, duration } = madeUpRecording().trials[0]!;
    const step = { dt: 0.05, values: Array.from({ length: 20 * duration }, () => 0.5) };
    const labels = { dt: 0.05, values: step.values.map((_, n) => values[n % values.length]!) };
    const variables = { speed: step, turn: step, gait: labels };
    return createRecording({ spikes, duration, variables });
  };
  const [first] = before.classes.gait!.values as string[];

  it('keep the classes it knew where they cover the new ones, and are new where not', () => {
    expect(tokenizerAfter(before, config, gaits(first!)).classes.gait!.values).toEqual(
      before.classes.gait!.values,
    );
    expect(tokenizerAfter(before, config, gaits('hop')).classes.gait!.values).toEqual(['hop']);
  });

  it('keep the scale of a variable of the same kind, and none of another', () => {
    const scaled = before.scaled({ turn: Scale.of([1, 2, 3]), speed: Scale.of([1, 2, 3]) });
    const circular = structuredClone(WITH_BEHAVIOR) as typeof WITH_BEHAVIOR & {
      modalities: object;
    };
    const setting = Object.values(circular.modalities)
      .flatMap(({ variables }) => Object.entries(variables as Record<string, object>))
      .find(([name]) => name === 'turn')![1];
    Object.assign(setting, { predict: true, objective: 'circular' });
    const after = tokenizerAfter(scaled, parseConfig(circular).config, madeUpRecording());
    expect(Object.keys(after.scales)).toEqual(['speed']);
    expect(Object.keys(tokenizerAfter(scaled, config, madeUpRecording()).scales).sort()).toEqual([
      'speed',
      'turn',
    ]);
  });

  it('take times and windows of the new configuration', () => {
    const finer = parseConfig({ ...WITH_BEHAVIOR, resolution: { dt: 0.005 } }).config;
    expect(tokenizerAfter(before, finer, madeUpRecording()).toJSON().dt).toBe(0.005);
  });
});

describe('a run that cannot go on is refused with a sentence', () => {
  it('of other data', async () => {
    const run = newRun({ steps: 2 }, TINY);
    await trainModel(run);
    const settings = run.settings;
    const data = prepare(madeUpRecording(7), parseConfig(TINY).config, settings);
    await expect(trainModel({ ...run, data, resume: true })).rejects.toThrow(
      'The data are not those this run was started with: resume with the same, or start a run of its own.',
    );
  });

  it('of a checkpoint cut short, which stays as it is', async () => {
    const run = newRun({ steps: 2 }, TINY);
    await trainModel(run);
    const bytes = readFileSync(last(run));
    for (const length of [0, 7, 100, bytes.length - 1]) {
      writeFileSync(last(run), bytes.subarray(0, length));
      await expect(trainModel({ ...run, resume: true })).rejects.toThrow(
        expect.objectContaining({
          name: 'FileError',
          message: expect.stringContaining(`${last(run)} is not a usable checkpoint: `),
        }),
      );
      expect(readFileSync(last(run))).toEqual(bytes.subarray(0, length));
    }
  });

  it('of other neurons than the model knows', () => {
    const { data, settings } = newRun({}, TINY);
    const other = createRecording({
      spikes: { times: [0.1, 0.2].map((time) => Float64Array.of(time)) },
      duration: 5,
    });
    expect(() => prepare(other, data.config, settings, data.tokenizer)).toThrow(
      'The model knows 7 neurons, but the recording has 2: give it a recording of the same neurons, or train a model of its own.',
    );
  });

  it('from weights that are no numbers', async () => {
    const run = newRun({ steps: 1 }, TINY);
    await trainModel(run);
    const { tensors, metadata } = decodeSafetensors(readFileSync(last(run)));
    (tensors.get('tok_emb.weight')!.data as Float32Array)[3] = Number.NaN;
    writeFileSync(last(run), encodeSafetensors(tensors, metadata));
    await expect(checkpointAt(last(run))).rejects.toThrow(
      'is not a usable checkpoint: tok_emb.weight contains non-finite values: the file is damaged.',
    );
  });

  it('whose loss is no number, its last checkpoint whole', async () => {
    const run = newRun({ rate: 1e30, clip: 0, warmup: 0, steps: 50, checkpoint_every: 1000 }, TINY);
    await expect(trainModel(run)).rejects.toThrow(
      /^The loss of update \d+ is NaN: the weights have run away\./,
    );
    expect((await checkpointAt(last(run))).progress.step).toBe(0);
  });

  it.each([
    [
      'a parameter to freeze that is not there',
      { freeze: ['tok_em_'] },
      'freeze names tok_em_, but no parameter’s name begins so.',
    ],
    [
      'a loss that is not there',
      { losses: ['pupil'] },
      'This model has none of the losses to train with: pupil.',
    ],
  ])('%s', async (_, training, message) => {
    await expect(trainModel(newRun(training, TINY))).rejects.toThrow(message.replace('’', "'"));
  });

  it.each([
    ['an unknown setting', { bach: 3 }, 'training.bach is not known; did you mean training.batch?'],
    [
      'fractions past 1',
      { split: { fractions: { train: 0.9, validation: 0.2, test: 0.2 } } },
      'split.fractions should add up to 1',
    ],
    [
      'nothing to train on',
      { split: { fractions: { train: 0, validation: 0.5, test: 0.5 } } },
      'split.fractions.train should be above 0',
    ],
    ['a rate of 0', { rate: 0 }, 'rate should be a number above 0, but is 0.'],
  ])('%s', (_, settings, message) => {
    expect(() => parseTrainSettings(settings)).toThrow(message);
  });
});
