/**
 * A page's worker with the workflow of a lab: it opens files, trains with the run in OPFS, decodes
 * and reports.
 */

import {
  createEngine,
  type Dataset,
  decode,
  fileFolder,
  openDataset,
  openRun,
  opfsStore,
  report,
  train,
  type Watcher,
} from '../../src/index.js';
import { sha256 } from '../../src/ports/sha256.js';
import { recordingArrays } from './recording-arrays.js';

/** The actions of the worker, by name; the test runs them through the page. */
export const ACTIONS = {
  /** Opens files as a dataset and returns its arrays and notes. */
  async open(
    files: File[],
    name?: string,
  ): Promise<{ arrays: string[]; notes: readonly string[] }> {
    const { recording, notes } = await openDataset(fileFolder(files), name);
    return { arrays: recordingArrays(recording), notes };
  },

  /** The error with which files are rejected. */
  async openError(files: File[], name?: string): Promise<string> {
    return openDataset(fileFolder(files), name).then(
      () => 'it was opened',
      (error) => `${error.name}: ${error.message}`,
    );
  },

  /** Trains on files for a number of updates, with the run in a folder of OPFS. */
  async train(
    files: File[],
    folder: string,
    config: object,
    updates: number,
    resume: boolean,
  ): Promise<{ step: number; notes: string[] }> {
    const notes: string[] = [];
    let updatesLeft = updates;
    const watcher: Watcher = {
      note: (sentence) => notes.push(sentence),
      progress() {},
      shouldStop: () => --updatesLeft <= 0,
    };
    const { result } = await train(await openDataset(fileFolder(files)), config, {
      engine: () => createEngine({ adapter: 'cpu', log() {} }),
      store: opfsStore(folder),
      watcher,
      resume,
    });
    return { step: result.progress.step, notes };
  },

  /** Decodes with a run and reports on it; returns the contents of the resulting files by name. */
  async decodeAndReport(files: File[], folder: string): Promise<Record<string, string>> {
    const run = await openStored(folder, await openDataset(fileFolder(files)));
    const engine = () => createEngine({ adapter: 'cpu', log() {} });
    await decode(run, {}, { engine });
    const { figures } = await report(run);
    const { store } = run.records;
    const read = async (path: string) => new TextDecoder().decode((await store.read(path))!);
    const figureFiles = figures.flatMap(({ name, svg, csv }) => [
      [`figures/${name}.svg`, svg],
      [`figures/${name}.csv`, csv],
    ]);
    return {
      'decoded.csv': await read('decoded.csv'),
      'decoded.json': await read('decoded.json'),
      'report.html': await read('report.html'),
      ...Object.fromEntries(figureFiles),
    };
  },

  /** Hashes of a run's weights and moments, by tensor name. */
  async weights(files: File[], folder: string): Promise<Record<string, string>> {
    const run = await openStored(folder, await openDataset(fileFolder(files)));
    return Object.fromEntries(
      [...run.saved.tensors].map(([name, { data }]) => {
        const hash = sha256();
        hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        return [name, hash.hex()];
      }),
    );
  },
};

function openStored(folder: string, dataset: Dataset) {
  return openRun(opfsStore(folder), dataset, 'last');
}

const scope = globalThis as unknown as {
  onmessage: (event: { data: { name: keyof typeof ACTIONS; args: unknown[] } }) => void;
  postMessage(message: { value: unknown } | { error: string }): void;
};

scope.onmessage = async ({ data: { name, args } }) => {
  try {
    const action = ACTIONS[name] as (...args: unknown[]) => Promise<unknown>;
    scope.postMessage({ value: await action(...args) });
  } catch (error) {
    scope.postMessage({ error: `${(error as Error).name}: ${(error as Error).message}` });
  }
};
