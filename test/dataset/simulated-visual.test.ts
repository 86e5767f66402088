import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { visualDataset } from '../../src/dataset/simulated-visual.js';
import { parseNpz } from '../../src/formats/npz.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openDataset } from '../../src/node/dataset.js';
import { measureTruncation } from '../../src/recording/truncation.js';
import { simulateVisual } from '../../src/simulate/visual/visual.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { useFolders } from '../helpers/dataset.js';

const writeFolder = useFolders();

const settings = { neurons: 8, films: 6, repeats: 3, seconds: 4, size: 16, seed: 2 };
const simulated = simulateVisual(settings);
const files = visualDataset(simulated);
const text = (name: string) => files[name] as string;

describe('the dataset of a simulated visual recording', () => {
  it('is read back: spikes, films, behavior and conditions', async () => {
    const { recording, units, notes } = await openDataset(writeFolder(files));
    expect(notes).toEqual([]);
    expect(recording.name).toBe('visual recording of 8 neurons, seed 2');
    expect(recording.trials.map(({ condition }) => condition)).toEqual(
      simulated.trials.map(({ condition }) => condition),
    );
    for (const [n, { spikes, video, variables, start, duration }] of recording.trials.entries()) {
      expect([start, duration]).toEqual([4 * n, 4]);
      const expected = simulated.spikes.map((times) =>
        times.filter((time) => time >= start && time < start + 4).map((time) => time - start),
      );
      expect('times' in spikes && spikes.times).toEqual(expected);
      expect(video).toMatchObject({ count: 80, height: 16, width: 16, dt: 0.05, start: 0 });
      expect(video!.data).toEqual(simulated.trials[n]!.film);
      const samples = Array.from(simulated.speed.slice(80 * n, 80 * (n + 1)));
      expect(variables.speed).toEqual({ values: samples, dt: 0.05 });
    }
    expect(units).toEqual({ speed: 'cm/s', phi: 'degrees', theta: 'degrees' });
  });

  it('is read back with its truth', async () => {
    const { truth } = await openDataset(writeFolder(files));
    expect(truth).toEqual(simulated.truth);
    const { fields } = Object.fromEntries(parseNpz(files['truth.npz'] as Uint8Array));
    expect(fields).toMatchObject({ shape: [8, 2, 4, 16, 16], data: simulated.fields.kernels });
  });

  it("says that it is a reconstruction and not the paper's data", () => {
    const { simulated: isSimulated, notes } = parse(text('dataset.yaml'));
    expect(isSimulated).toBe(true);
    expect(notes[0]).toContain('reconstruction');
    expect(notes[0]).toContain("not the paper's data");
  });

  it('has the same bytes for the same settings', () => {
    expect(visualDataset(simulateVisual(settings))).toEqual(files);
  });

  it('names a modulation other than 1, by which recordings of one seed differ', () => {
    const stronger = visualDataset(simulateVisual({ ...settings, modulation: 2 }));
    expect(parse(stronger['dataset.yaml'] as string).name).toBe(
      'visual recording of 8 neurons, seed 2, modulation 2',
    );
  });
});

describe('the configuration of a simulated visual recording', () => {
  it('fits it: trials of their own films are split, and the repeats are in no part', async () => {
    const { training, ...model } = parse(text('config.yaml'));
    const { config, notes } = parseConfig(model);
    expect(notes).toEqual([]);
    const { recording } = await openDataset(writeFolder(files));
    const data = prepareTrainingData(recording, config, parseTrainSettings(training));
    expect(training.split).toEqual({ kind: 'trials', train: '0-3', validation: '4', test: '5' });
    expect(data.layout.frames).toEqual([4, 16, 16]);
    expect(data.split.notes).toEqual(['3 trials are in no part of the split.']);
    expect(data.split.leftOut).toBe(3 * 80);
  });

  it('comes with another one, which decodes behavior from the same split', async () => {
    const { training, ...model } = parse(text('decode.yaml'));
    const { config, notes } = parseConfig(model);
    expect(notes).toEqual([]);
    const { recording } = await openDataset(writeFolder(files));
    const data = prepareTrainingData(recording, config, parseTrainSettings(training));
    expect(training.split).toEqual(parse(text('config.yaml')).training.split);
    const { variables, countsPerWindow } = data.layout;
    expect(variables.map(({ name }) => name)).toEqual(['speed', 'phi', 'theta']);
    expect(countsPerWindow).toBe(20 * 8);
    const { past } = measureTruncation(data.windows, data.split.train);
    expect(past.windows / data.split.train.length).toBeLessThan(0.5);
  });

  it('has the smallest blocks that cut 2% of the current and 5% of the past windows', async () => {
    const { training: _, ...model } = parse(text('config.yaml'));
    const { recording } = await openDataset(writeFolder(files));
    const shares = (change: number) => {
      const { id, prev_id } = model.block_size;
      const block_size = { id: id + change, prev_id: prev_id + change };
      const { config } = parseConfig({ ...model, block_size });
      const { windows } = prepareTrainingData(recording, config, parseTrainSettings());
      const { refs } = windows.list();
      const { current, past } = measureTruncation(windows, refs);
      return [current, past].map((cut) => cut.windows / refs.length) as [number, number];
    };
    const [current, past] = shares(0);
    expect(current).toBeLessThanOrEqual(0.02);
    expect(past).toBeLessThanOrEqual(0.05);
    const [currentInLess, pastInLess] = shares(-1);
    expect(currentInLess).toBeGreaterThan(0.02);
    expect(pastInLess).toBeGreaterThan(0.05);
  });

  it('splits 36 films as 28, 3 and 5, and has patches that grow with the film', () => {
    const small = { neurons: 4, films: 36, repeats: 2, seconds: 1, size: 8 };
    const { training, frame_encoder } = parse(
      visualDataset(simulateVisual(small))['config.yaml'] as string,
    );
    expect(training.split).toMatchObject({ train: '0-27', validation: '28-30', test: '31-35' });
    expect(frame_encoder).toMatchObject({ kernel_size: [4, 4, 4], stride_size: [4, 1, 1] });
    expect(parse(text('config.yaml')).frame_encoder).toMatchObject({
      kernel_size: [4, 8, 8],
      stride_size: [4, 2, 2],
    });
  });
});
