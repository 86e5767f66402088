import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { drivenDataset } from '../../src/dataset/simulated.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openDataset } from '../../src/node/dataset.js';
import { measureTruncation } from '../../src/recording/truncation.js';
import { simulateInputs } from '../../src/simulate/inputs.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { useFolders } from '../helpers/dataset.js';

const writeFolder = useFolders();

describe('the configuration of driven neurons', () => {
  it('fits them, with a block that cuts 2% of the windows', async () => {
    const driven = simulateInputs({ neurons: 20, seconds: 20, seed: 1 });
    const files = drivenDataset(driven);
    const { training, ...model } = parse(files['config.yaml'] as string);
    const { config, notes } = parseConfig(model);
    expect(notes).toEqual([]);
    const { recording } = await openDataset(writeFolder(files));
    const { windows, layout } = prepareTrainingData(
      recording,
      config,
      parseTrainSettings(training),
    );
    expect(layout.frames).toEqual([1, 1, 20]);
    const { refs } = windows.list();
    const { current } = measureTruncation(windows, refs);
    expect(current.windows / refs.length).toBeLessThanOrEqual(0.02);
    expect(current.windows).toBeGreaterThan(0);
  });
});
