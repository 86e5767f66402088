import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFile } from '../../src/formats/open.js';
import { diskSource } from '../../src/node/disk-source.js';
import { diskStore } from '../../src/node/disk-store.js';
import { openDataset } from '../../src/node.js';
import { decode } from '../../src/stages/decode.js';
import { generate } from '../../src/stages/generate.js';
import { report } from '../../src/stages/report.js';
import { train } from '../../src/stages/train.js';
import { readCheckpoint } from '../../src/train/checkpoint.js';
import { openRun } from '../../src/train/open-run.js';
import { LAST_CHECKPOINT, RunRecords } from '../../src/train/run-records.js';
import { behaviorWorkspace, DECODING } from '../helpers/behavior.js';
import { withDiskFault } from '../helpers/disk-faults.js';
import { useEngine } from '../helpers/engine.js';
import { THOROUGH } from '../helpers/thorough.js';

const engine = useEngine();
const FAULTS = ['full', 'kill'] as const;
const TRAINING = {
  batch: 8,
  every: 0.1,
  steps: 3,
  validate_every: 2,
  checkpoint_every: 1,
  log_every: 1,
};
const CONFIG = { ...DECODING, training: TRAINING };

let workspace: string;
/** A run's folder before each stage. */
let run: string;
const scratch = (): string => mkdtempSync(join(workspace, 'copy-'));

beforeAll(async () => {
  workspace = behaviorWorkspace({});
  run = join(workspace, 'run');
  await train(await openDataset(join(workspace, 'data')), CONFIG, options(run));
  writeFileSync(join(run, 'notes.txt'), "the user's own");
});
afterAll(() => rmSync(workspace, { recursive: true }));

function options(folder: string) {
  return { engine: engine(), store: diskStore(folder) };
}

/** Contents of all files of a folder, by path; what is left of interrupted changes is not one. */
function contentsOf(folder: string, path = ''): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
    const name = join(path, entry.name);
    if (entry.isDirectory()) for (const [p, text] of contentsOf(folder, name)) files.set(p, text);
    else if (!entry.name.startsWith('.'))
      files.set(name, readFileSync(join(folder, name), 'latin1'));
  }
  return files;
}

async function expectOpens(path: string): Promise<void> {
  const { root, close } = await openFile(diskSource(path));
  expect(root.kind).toBe('group');
  close();
}

/** NEUROFORMER_FAULTS=all fails at every change of a file, in training too. */
const EVERYWHERE = process.env.NEUROFORMER_FAULTS === 'all';

/** Where to fail: at every so many changes, and near the end. */
function moments(changes: number, every: number): number[] {
  const all = Array.from({ length: changes }, (_, n) => n + 1);
  return EVERYWHERE ? all : all.filter((n) => n % every === 0 || n > changes - 3);
}

/** A stage that replaces results in a run's folder, with what it is given to make others of. */
interface Stage {
  readonly start: (folder: string, version: 1 | 2) => Promise<unknown>;
  /** The same, up to a result that it writes on the way. */
  readonly startHalf?: Stage['start'];
  /** Files that are one result. */
  readonly files: readonly string[];
}

const opened = (folder: string) => openRun(diskStore(folder), (location) => openDataset(location));

const STAGES: Readonly<Record<string, Stage>> = {
  generate: {
    start: async (folder, seed) =>
      generate(await opened(folder), { trials: 2, seconds: 0.5, seed }, { engine: engine() }),
    // Trials are written before they are scored.
    startHalf: async (folder, seed) =>
      generate(
        await opened(folder),
        { trials: 2, seconds: 0.5, seed, score: 'none' },
        { engine: engine() },
      ),
    files: ['generated.json', 'generated.npz'],
  },
  decode: {
    start: async (folder, block) => decode(await opened(folder), { block }, { engine: engine() }),
    files: ['decoded.json', 'decoded.csv'],
  },
  report: {
    start: async (folder, version) => {
      const run = await opened(folder);
      return report(run, [['training', version]]);
    },
    files: ['report.html', 'figures/losses.svg', 'figures/losses.csv'],
  },
};

describe.each(Object.entries(STAGES))('%s', (_, { start, startHalf, files }) => {
  let before: string;
  let earlier: Map<string, string>;
  let later: Map<string, string>;
  let halfway: Map<string, string> | undefined;
  let changes: number;
  beforeAll(async () => {
    before = scratch();
    cpSync(run, before, { recursive: true });
    await start(before, 1);
    earlier = contentsOf(before);
    const after = scratch();
    cpSync(before, after, { recursive: true });
    const faulted = await withDiskFault(after, () => start(after, 2));
    expect(faulted.error).toBeUndefined();
    changes = faulted.changes;
    later = contentsOf(after);
    if (startHalf) {
      const half = scratch();
      cpSync(before, half, { recursive: true });
      await startHalf(half, 2);
      halfway = contentsOf(half);
    }
    expect(files.some((file) => earlier.get(file) !== later.get(file))).toBe(true);
  });

  it.each(FAULTS)(
    'leaves one result, whole, where at any change of a file: %s',
    async (fault) => {
      expect(changes).toBeGreaterThan(files.length);
      for (const at of moments(changes, THOROUGH ? 5 : 10)) {
        const folder = scratch();
        cpSync(before, folder, { recursive: true });
        const { error } = await withDiskFault(folder, () => start(folder, 2), at, fault);
        const where = `${fault} at change ${at} of ${changes}`;
        // Whoever opens the folder next finishes what was interrupted.
        await diskStore(folder).list();
        const found = contentsOf(folder);
        const version =
          [later, halfway].find((one) => one?.get(files[0]!) === found.get(files[0]!)) ?? earlier;
        for (const file of files)
          expect(found.get(file), `${file}, ${where}`).toBe(version.get(file));
        if (error === undefined) expect(version, `success reported, ${where}`).toBe(later);
        else if (fault === 'full')
          expect(String(error), where).toMatch(/cannot be written: the disk is full\./);
        // Nothing else was touched.
        for (const [file, text] of earlier)
          if (!files.includes(file) && !file.startsWith('figures') && !file.endsWith('.nwb'))
            expect(found.get(file), `${file}, ${where}`).toBe(text);
        for (const file of [...found.keys()].filter((path) => path.endsWith('.nwb')))
          await expectOpens(join(folder, file));
        rmSync(folder, { recursive: true });
      }
    },
    120_000,
  );
});

describe('train', () => {
  const start = async (folder: string, resume = false) =>
    train(await openDataset(join(workspace, 'data')), CONFIG, { ...options(folder), resume });

  /** Weights and moments of the last checkpoint. */
  async function state(folder: string) {
    const { tensors, moments, progress } = await readCheckpoint(diskStore(folder), LAST_CHECKPOINT);
    const { seconds: _, ...rest } = progress;
    return { tensors, moments, rest };
  }

  it.each(FAULTS)(
    'resumes to the same weights where at any change of a file: %s',
    async (fault) => {
      const whole = scratch();
      const { changes } = await withDiskFault(whole, () => start(whole));
      const expected = await state(whole);
      for (const at of moments(changes, THOROUGH ? 12 : 24)) {
        const folder = join(scratch(), 'run');
        const { error } = await withDiskFault(folder, () => start(folder), at, fault);
        const where = `${fault} at change ${at} of ${changes}`;
        if (error !== undefined && fault === 'full')
          expect(String(error), where).toMatch(/cannot be written: the disk is full\./);
        if (error === undefined) expect(await state(folder), where).toEqual(expected);
        const store = diskStore(folder);
        const isStarted = await new RunRecords(store).hasCheckpoint();
        if (!isStarted) for (const file of await store.list()) await store.remove(file);
        await start(folder, isStarted);
        expect(await state(folder), where).toEqual(expected);
        const steps = (await new RunRecords(store).readMetrics()).map(({ step }) => step);
        expect(steps, where).toEqual([...steps].sort((p, q) => p - q));
      }
    },
    300_000,
  );
});
