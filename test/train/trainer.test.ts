import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { tokenizerFor } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openModel } from '../../src/neuroformer/saved.js';
import { tuningWeights } from '../../src/neuroformer/tuning.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/nn/safetensors.js';
import { diskStore } from '../../src/node/disk-store.js';
import { createEngine } from '../../src/node.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { silentWatcher } from '../../src/ports/watcher.js';
import { createRecording } from '../../src/recording/recording.js';
import { Scale } from '../../src/recording/scales.js';
import { readCheckpoint } from '../../src/train/checkpoint.js';
import { finetunedTokenizer } from '../../src/train/finetuned-tokenizer.js';
import { bestWeightsPath, RunRecords } from '../../src/train/run-records.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { type TrainerOptions, trainModel } from '../../src/train/trainer.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { checkpointAt } from '../helpers/run-files.js';
import { caseCount } from '../helpers/thorough.js';
import {
  syntheticRecording,
  TINY,
  WITH_BEHAVIOR,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';
import { DROPOUT } from '../helpers/tiny-run.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

const FRACTIONS = { train: 0.6, validation: 0.2, test: 0.2 };
/** Settings that use everything random, and everything a checkpoint has to restore. */
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
  dropout: DROPOUT,
};

/** The metadata of a checkpoint as earlier versions wrote them. */
function withoutSeal({ 'neuroformer.sha256': _, ...metadata }: Record<string, string>) {
  return metadata;
}

let folders = 0;
interface TestRun extends TrainerOptions {
  readonly path: string;
  /** What the watcher was told. */
  readonly notes: string[];
}

/** A run that has not started yet, in a new folder. */
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
    data: prepareTrainingData(syntheticRecording(), parseConfig(model).config, settings),
    settings,
    records: new RunRecords(diskStore(path)),
    engine: () => createEngine(),
    watcher: { ...silentWatcher, note: (sentence) => notes.push(sentence) },
    path,
    notes,
    ...changes,
  };
}

/** The run with another answer to whether it should stop. */
function stoppedWhen(run: TestRun, shouldStop: () => boolean): TestRun {
  return { ...run, watcher: { ...run.watcher, shouldStop } };
}

const lastPath = ({ path }: TestRun) => join(path, 'last.safetensors');

/** A run's last checkpoint without the seconds of training. */
async function lastCheckpoint(run: TestRun) {
  const { tensors, moments, progress } = await checkpointAt(lastPath(run));
  const { seconds: _, ...rest } = progress;
  return { tensors, moments, progress: rest };
}

describe('training', () => {
  it('writes metrics, the last checkpoint and the best weights of every objective', async () => {
    const run = newRun();
    const { stopped, progress } = await trainModel(run);
    expect([stopped, progress.step]).toEqual(['done', 24]);
    const metrics = await run.records.readMetrics();
    const steps = (kind: string) => metrics.flatMap((l) => (l.kind === kind ? [l.step] : []));
    expect(steps('train')).toEqual([4, 8, 12, 16, 20, 24]);
    expect(steps('validation')).toEqual([8, 16, 24]);
    expect(Object.keys(metrics[0]!.losses).sort()).toEqual(['gait', 'id', 'loss', 'time', 'turn']);
    const validations = metrics.filter(({ kind }) => kind === 'validation');
    for (const objective of ['loss', 'id', 'turn']) {
      const saved = openModel(readFileSync(join(run.path, bestWeightsPath(objective))));
      const lowest = Math.min(...validations.map(({ losses }) => losses[objective]!));
      const { best } = JSON.parse(saved.metadata['neuroformer.progress']!);
      expect(best[objective].loss, objective).toBe(lowest);
      expect(saved.config!.n_embd).toBe(8);
    }
    expect(metrics.at(-1)!.losses.loss).toBeLessThan(validations[0]!.losses.loss!);
  });

  it('ends with the same bits whether it was stopped and resumed or not', async () => {
    const uninterrupted = newRun();
    await trainModel(uninterrupted);
    const resumed = newRun();
    for (const lastUpdate of [5, 11, 18]) {
      let updates = lastUpdate === 5 ? 0 : (await checkpointAt(lastPath(resumed))).progress.step;
      const { stopped, progress } = await trainModel({
        ...stoppedWhen(resumed, () => ++updates >= lastUpdate),
        resume: lastUpdate > 5,
      });
      expect([stopped, progress.step]).toEqual(['interrupted', lastUpdate]);
    }
    await trainModel({ ...resumed, resume: true });
    expect(await lastCheckpoint(resumed)).toEqual(await lastCheckpoint(uninterrupted));
    expect(resumed.notes).toContain('Resuming at update 18 of 24.');
    const steps = (await resumed.records.readMetrics()).map(({ step }) => step);
    expect(steps).toEqual([...steps].sort((p, q) => p - q));
  });

  it('starts tuning curves from training windows once, and resumes with what became of them', async () => {
    const readout = { blocks: 0, bins: 2, hidden: [], tuning: { values: 6 } };
    const model = { ...TINY, modalities: WITH_BEHAVIOR.modalities, readout };
    const [uninterrupted, resumed] = [newRun({}, model), newRun({}, model)];
    await trainModel(uninterrupted);
    let updates = 0;
    await trainModel(stoppedWhen(resumed, () => ++updates >= 7));
    await trainModel({ ...resumed, resume: true });
    expect(await lastCheckpoint(resumed)).toEqual(await lastCheckpoint(uninterrupted));
    const { windows, layout, split } = resumed.data;
    const start = tuningWeights(layout, windows, split.train).turn!.rates;
    const trained = (await lastCheckpoint(resumed)).tensors.get(
      'readout.tuning.behavior.turn.rates',
    )!.data as Float32Array;
    // Rates, not the larger totals of rates.
    const isRate = (n: number) => n % 16 < 14;
    const moved = trained.map((rate, n) => (isRate(n) ? Math.abs(rate - start[n]!) : 0));
    expect(Math.max(...moved)).toBeLessThan(24 * 3e-3);
    expect(Math.max(...moved)).toBeGreaterThan(1e-4);
    expect(Math.max(...start)).toBeGreaterThan(0.5);
  });

  it('ends with the same bits on one thread, on two, and resumed on one after two', async () => {
    const runOn = (threads: number) => ({
      ...newRun(),
      engine: () => createEngine({ adapter: 'cpu', threads }),
    });
    const runs = [runOn(1), runOn(2), runOn(2)] as const;
    const [oneThread, twoThreads, resumed] = runs;
    await trainModel(oneThread);
    await trainModel(twoThreads);
    let updates = 0;
    await trainModel(stoppedWhen(resumed, () => ++updates === 9));
    await trainModel({ ...resumed, engine: oneThread.engine, resume: true });
    const [onOne, onTwo, onBoth] = await Promise.all(runs.map(lastCheckpoint));
    expect(onBoth).toEqual(onTwo);
    expect(onTwo).toEqual(onOne);
  });

  it('resumes from its last checkpoint on a new device when the device is lost', async () => {
    const undisturbed = newRun();
    await trainModel(undisturbed);
    const engines: Engine[] = [];
    const disturbed = newRun({}, MODEL, {
      engine: async () => {
        engines.push(await createEngine());
        return engines.at(-1)!;
      },
    });
    let updates = 0;
    await trainModel(
      stoppedWhen(disturbed, () => {
        updates += 1;
        if (updates === 15) engines[0]!.device.destroy();
        return false;
      }),
    );
    expect(engines).toHaveLength(2);
    expect(disturbed.notes[0]).toMatch(
      /^The device was lost \(.+\)\. Resuming from the last checkpoint on a new one\.$/,
    );
    expect(disturbed.notes[1]).toBe('Resuming at update 12 of 24.');
    expect(await lastCheckpoint(disturbed)).toEqual(await lastCheckpoint(undisturbed));
  });

  it('stops early when the validation loss no longer improves', async () => {
    const run = newRun({ patience: 2, rate: 1e-9, validate_every: 2, steps: 100 });
    // At this rate nothing is learned: all validation losses are equal, and none improves on the
    // first.
    const { stopped, progress } = await trainModel(run);
    expect(stopped).toBe('patience');
    expect(progress.step).toBeLessThan(100);
    expect(progress.stale).toBe(2);
  });

  it('keeps frozen parameters and trains the others', async () => {
    const run = newRun({ freeze: ['tok_emb', 'head_'], steps: 3 }, TINY);
    await trainModel(run);
    const untrained = newRun({ steps: 1, rate: 1e-12 }, TINY);
    await trainModel(untrained);
    const [after, before] = await Promise.all(
      [run, untrained].map(async (trained) => (await checkpointAt(lastPath(trained))).tensors),
    );
    expect(after!.get('tok_emb.weight')).toEqual(before!.get('tok_emb.weight'));
    expect(after!.get('head_id.weight')).toEqual(before!.get('head_id.weight'));
    expect(after!.get('pos_emb')!.data).not.toEqual(before!.get('pos_emb')!.data);
  });

  it('starts from the weights of another model, and notes which parameters are new', async () => {
    const spikes = newRun({ steps: 5 }, TINY);
    await trainModel(spikes);
    const initialModel = openModel(readFileSync(lastPath(spikes)));
    const speed = newRun({ steps: 1, rate: 1e-12, losses: ['turn'] }, WITH_BEHAVIOR, {
      initialModel,
    });
    await trainModel(speed);
    expect(speed.notes[0]).toMatch(/^\d+ parameters were loaded\.$/);
    expect(speed.notes[1]).toMatch(
      /^\d+ parameters are new and keep their initial values: modality_/,
    );
    const { tensors } = await checkpointAt(lastPath(speed));
    const initialWeights = initialModel.tensors.get('tok_emb.weight')!.data;
    const differences = tensors
      .get('tok_emb.weight')!
      .data.map((weight, n) => weight - initialWeights[n]!);
    expect(Math.max(...Array.from(differences, Math.abs))).toBeLessThan(1e-9);
    expect(Object.keys((await speed.records.readMetrics())[0]!.losses)).toEqual(['turn', 'loss']);
  });
});

describe('the vocabularies of a fine-tuned model', () => {
  const { config } = parseConfig(WITH_BEHAVIOR);
  const before = tokenizerFor(config, syntheticRecording());
  /** A recording with these labels of gait in turn. */
  const recordingWithGaits = (...values: string[]) => {
    const { spikes, duration } = syntheticRecording().trials[0]!;
    const constant = { dt: 0.05, values: Array.from({ length: 20 * duration }, () => 0.5) };
    const labels = { dt: 0.05, values: constant.values.map((_, n) => values[n % values.length]!) };
    const variables = { speed: constant, turn: constant, gait: labels };
    return createRecording({ spikes, duration, variables });
  };
  const [knownGait] = before.classes.gait!.values as string[];

  it('keep the old classes where they cover the new ones, and else take the new ones', () => {
    expect(
      finetunedTokenizer(before, config, recordingWithGaits(knownGait!)).classes.gait!.values,
    ).toEqual(before.classes.gait!.values);
    const { classes } = finetunedTokenizer(before, config, recordingWithGaits('hop'));
    expect(classes.gait!.values).toEqual(['hop']);
  });

  it('keep the scale of a variable only while its kind stays the same', () => {
    const scaled = before.withStatistics({
      scales: { turn: Scale.of([1, 2, 3]), speed: Scale.of([1, 2, 3]) },
    });
    const circular = structuredClone(WITH_BEHAVIOR) as typeof WITH_BEHAVIOR & {
      modalities: object;
    };
    const setting = Object.values(circular.modalities)
      .flatMap(({ variables }) => Object.entries(variables as Record<string, object>))
      .find(([name]) => name === 'turn')![1];
    Object.assign(setting, { predict: true, objective: 'circular' });
    const after = finetunedTokenizer(scaled, parseConfig(circular).config, syntheticRecording());
    expect(Object.keys(after.scales)).toEqual(['speed']);
    expect(
      Object.keys(finetunedTokenizer(scaled, config, syntheticRecording()).scales).sort(),
    ).toEqual(['speed', 'turn']);
  });

  it('take times and windows from the new configuration', () => {
    const finer = parseConfig({ ...WITH_BEHAVIOR, resolution: { dt: 0.005 } }).config;
    expect(finetunedTokenizer(before, finer, syntheticRecording()).toJSON().dt).toBe(0.005);
  });
});

describe('a run that cannot be trained or resumed ends with a clear error', () => {
  it('for other data than it was started with', async () => {
    const run = newRun({ steps: 2 }, TINY);
    await trainModel(run);
    const settings = run.settings;
    const data = prepareTrainingData(syntheticRecording(7), parseConfig(TINY).config, settings);
    await expect(trainModel({ ...run, data, resume: true })).rejects.toThrow(
      'These are not the data this run was started with: resume with the same data, or start a new run.',
    );
  });

  it('for a checkpoint that is cut short, which is left untouched', async () => {
    const run = newRun({ steps: 2 }, TINY);
    await trainModel(run);
    const bytes = readFileSync(lastPath(run));
    for (const length of [0, 7, 100, bytes.length - 1]) {
      writeFileSync(lastPath(run), bytes.subarray(0, length));
      await expect(trainModel({ ...run, resume: true })).rejects.toThrow(
        expect.objectContaining({
          name: 'FileError',
          message: expect.stringContaining(`${lastPath(run)} is not a usable checkpoint: `),
        }),
      );
      expect(readFileSync(lastPath(run))).toEqual(bytes.subarray(0, length));
    }
  });

  it('for another number of neurons than the model was trained on', () => {
    const { data, settings } = newRun({}, TINY);
    const other = createRecording({
      spikes: { times: [0.1, 0.2].map((time) => Float64Array.of(time)) },
      duration: 5,
    });
    expect(() => prepareTrainingData(other, data.config, settings, data.tokenizer)).toThrow(
      'The model was trained on 7 neurons, but the recording has 2: use a recording of the same neurons, or train a new model.',
    );
  });

  it('for weights that are NaN', async () => {
    const run = newRun({ steps: 1 }, TINY);
    await trainModel(run);
    const { tensors, metadata } = decodeSafetensors(readFileSync(lastPath(run)));
    (tensors.get('tok_emb.weight')!.data as Float32Array)[3] = Number.NaN;
    writeFileSync(lastPath(run), encodeSafetensors(tensors, withoutSeal(metadata)));
    await expect(checkpointAt(lastPath(run))).rejects.toThrow(
      'is not a usable checkpoint: tok_emb.weight contains non-finite values: the file is damaged.',
    );
  });

  it('for a checkpoint of which any one bit has changed', async () => {
    const run = newRun({ steps: 1 }, TINY);
    await trainModel(run);
    const bytes = readFileSync(lastPath(run));
    const headerBits = 8 * (8 + Number(bytes.readBigUInt64LE(0)));
    const random = new HostRandom(7);
    const name = lastPath(run);
    for (let n = 0; n < caseCount(2000); n++) {
      // Half of them in the header, which is small.
      const bit = random.integer(n % 2 === 0 ? headerBits : 8 * bytes.length);
      const damaged = Uint8Array.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const store = memoryStore();
      await store.write('last.safetensors', damaged);
      const outcome = await readCheckpoint(store, 'last.safetensors').then(
        ({ notes }) => notes.join(),
        (error: Error) => `${error.name}: ${error.message}`,
      );
      // Where the name of the hash itself has changed, the file is one of an earlier version.
      expect(outcome, `bit ${bit} of ${name}`).toMatch(
        /^FileError: .* is not a usable checkpoint: |has no hash of its contents, as in earlier versions/,
      );
    }
  });

  it('for a checkpoint without moments, and reads one without a hash with a note', async () => {
    const run = newRun({ steps: 1 }, TINY);
    await trainModel(run);
    const { tensors, metadata } = decodeSafetensors(readFileSync(lastPath(run)));
    const old = withoutSeal(metadata);
    writeFileSync(lastPath(run), encodeSafetensors(tensors, old));
    await trainModel({ ...run, resume: true });
    expect(run.notes).toContain(
      `${lastPath(run)} has no hash of its contents, as in earlier versions: damage would go unnoticed.`,
    );
    tensors.delete('optimizer.v.tok_emb.weight');
    writeFileSync(lastPath(run), encodeSafetensors(tensors, old));
    await expect(trainModel({ ...run, resume: true })).rejects.toThrow(
      "lacks the optimizer's moments of tok_emb.weight, so the run cannot go on as it was",
    );
  });

  it('for a loss that is not finite, with its last checkpoint intact', async () => {
    const run = newRun({ rate: 1e30, clip: 0, warmup: 0, steps: 50, checkpoint_every: 1000 }, TINY);
    await expect(trainModel(run)).rejects.toThrow(
      /^The loss at update \d+ is NaN: training has diverged\. Lower training\.rate or clip gradients to a smaller norm \(training\.clip\); the last checkpoint is intact\.$/,
    );
    expect((await checkpointAt(lastPath(run))).progress.step).toBe(0);
  });

  it.each([
    [
      'for a parameter to freeze that does not exist',
      { freeze: ['tok_em_'] },
      "training.freeze lists tok_em_, but no parameter's name begins with it.",
    ],
    [
      'for a loss that does not exist',
      { losses: ['pupil'] },
      "training.losses lists pupil, but this model's losses are id and time.",
    ],
  ])('%s', async (_, training, message) => {
    await expect(trainModel(newRun(training, TINY))).rejects.toThrow(message);
  });

  it('leaves nothing on the engine that it was given', async () => {
    const engine = await createEngine();
    const before = engine.memory().liveBytes;
    for (const training of [{ freeze: ['tok_em_'] }, { losses: ['pupil'] }])
      await expect(trainModel({ ...newRun(training, TINY), engine })).rejects.toThrow('training.');
    expect(engine.memory().liveBytes).toBe(before);
    engine.dispose();
  });

  it.each([
    [
      'for an unknown setting',
      { bach: 3 },
      'training.bach is not known; did you mean training.batch?',
    ],
    [
      'for fractions that add up to more than 1',
      { split: { fractions: { train: 0.9, validation: 0.2, test: 0.2 } } },
      'split.fractions should add up to 1',
    ],
    [
      'for a training part of zero',
      { split: { fractions: { train: 0, validation: 0.5, test: 0.5 } } },
      'split.fractions.train should be above 0',
    ],
    ['for a learning rate of 0', { rate: 0 }, 'rate should be a number above 0, but is 0.'],
  ])('%s', (_, settings, message) => {
    expect(() => parseTrainSettings(settings)).toThrow(message);
  });
});
