import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLiteral } from '../../src/dataset/reference.js';
import type { GroupNode } from '../../src/formats/nodes.js';
import { openFile } from '../../src/formats/open.js';
import { diskSource } from '../../src/node/disk-source.js';
import { diskStore } from '../../src/node/disk-store.js';
import { readText } from '../../src/ports/run-store.js';
import { decode } from '../../src/stages/decode.js';
import { generate } from '../../src/stages/generate.js';
import { report } from '../../src/stages/report.js';
import { readDecoded, readGenerated } from '../../src/stages/result-files.js';
import { train } from '../../src/stages/train.js';
import { type OpenedRun, openRun } from '../../src/train/open-run.js';
import { behaviorRecording, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';
import { expectKnownFigures } from '../helpers/run-files.js';

const engine = useEngine();
const TRAINING = { batch: 8, every: 0.1, steps: 2, validate_every: 1 };
const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Names that break paths, tables, pages or terminals. */
const NAMES = {
  place: '../../速度 "cm", \u001b[31m;',
  heading: `${'ö'.repeat(300)}/`,
};

/** The recording and the configuration, with variables of these names. */
function renamed(names: Readonly<Record<string, string>>) {
  const recording = behaviorRecording(20);
  const config = structuredClone(DECODING);
  const rename = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [names[key] ?? key, value] as const),
    );
  const { behavior } = config.modalities;
  return {
    recording: {
      ...recording,
      trials: recording.trials.map((trial) => ({ ...trial, variables: rename(trial.variables) })),
    },
    config: {
      ...config,
      modalities: { behavior: { ...behavior, variables: rename(behavior.variables) } },
      loss: { variables: rename(config.loss.variables) },
      training: TRAINING,
    },
  };
}

describe('results of variables with any names', () => {
  const folder = join(root, 'named');
  const store = diskStore(folder);
  let run: OpenedRun;
  beforeAll(async () => {
    const { recording, config } = renamed(NAMES);
    run = await train(recording, config, { engine: engine(), store });
    await decode(run, { ensemble: 2 }, { engine: engine() });
    await report(run);
  });

  it('are in files whose names stay in the folder', async () => {
    expect(readdirSync(root)).toEqual(['named']);
    const figures = await store.within('figures').list();
    expectKnownFigures(figures);
    expect(figures.filter((name) => name.startsWith('scores-')).length).toBe(4);
    expect(figures).toContain('scores-速度-cm-31m-.svg');
    for (const name of await store.list()) expect(name).toMatch(/^[\p{L}\p{N}_.-]+$/u);
  });

  it('are read back from decoded.csv', async () => {
    const decoded = await readDecoded(store);
    expect(decoded!.variables.map(({ name }) => name)).toEqual([NAMES.place, NAMES.heading]);
    expect(decoded!.variables[0]!.truth.length).toBe(decoded!.refs.length);
  });

  it('are series of decoded.nwb, with underscores for slashes', async () => {
    const { root: top, close } = await openFile(diskSource(join(folder, 'decoded.nwb')));
    const behavior = findLiteral(top, ['processing', 'behavior']) as GroupNode;
    expect([...behavior.members.keys()]).toContain(NAMES.place.replaceAll('/', '_'));
    close();
  });

  it('are shown on the page without control characters', async () => {
    const page = (await readText(store, 'report.html'))!;
    expect(page).toContain('速度');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there.
    expect(page).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });
});

describe('the results of a run', () => {
  const folder = join(root, 'changed');
  const store = diskStore(folder);
  let run: OpenedRun;
  const { recording, config } = renamed({});
  beforeAll(async () => {
    run = await train(recording, config, { engine: engine(), store });
    await decode(run, {}, { engine: engine() });
    await generate(run, { trials: 2, seconds: 0.5 }, { engine: engine() });
  });

  it('name the weights that they are of', async () => {
    const weights = { file: 'best.safetensors', step: run.weights.step };
    expect((await readDecoded(store))!.weights).toMatchObject(weights);
    const generated = (await readGenerated(store, 'generated', recording.neurons))!;
    expect(generated.settings.weights).toEqual(run.weights);
    expect(run.weights.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('are of the same weights: the report has nothing to say', async () => {
    expect((await report(await openRun(store, run.dataset))).warnings).toEqual([]);
  });

  it('are said to be of earlier weights where training went on', async () => {
    const longer = { ...config, training: { ...TRAINING, steps: 40 } };
    const further = await train(recording, longer, { engine: engine(), store, resume: true });
    expect(further.weights.step).toBeGreaterThan(run.weights.step!);
    await decode(further, {}, { engine: engine() });
    const { warnings, page } = await report(further);
    expect(warnings).toEqual([
      `generated.json is of best.safetensors (update ${run.weights.step}), which are those of update ${further.weights.step} now: run generate again, or it describes another model than the run has.`,
    ]);
    expect(page).toContain(warnings[0]!);
  });

  it.each([
    ['generated.npz', 'generate', () => readGenerated(store, 'generated', recording.neurons)],
    ['decoded.csv', 'decode', () => readDecoded(store)],
  ])('are never put together from two: %s', async (file, command, read) => {
    const own = (await store.read(file))!;
    expect(await read()).toBeDefined();
    const other = file.endsWith('.csv')
      ? new TextEncoder().encode(new TextDecoder().decode(own).replace(/\d\n$/, '0\n'))
      : await otherTrials();
    await store.write(file, other);
    await expect(read()).rejects.toThrow(
      `${folder}/${file} is not the file that ${file.split('.')[0]}.json was written with: it was changed, or is of another result. Run ${command} again.`,
    );
    await store.write(file, own);
    expect(await read()).toBeDefined();
  });

  /** The .npz of trials drawn with another seed. */
  async function otherTrials(): Promise<Uint8Array> {
    const other = diskStore(join(root, 'other'));
    for (const name of ['run.json', 'best.safetensors', 'last.safetensors'])
      await other.write(name, (await store.read(name))!);
    const copy = await openRun(other, run.dataset);
    await generate(copy, { trials: 2, seconds: 0.5, seed: 2 }, { engine: engine() });
    return (await other.read('generated.npz'))!;
  }
});
