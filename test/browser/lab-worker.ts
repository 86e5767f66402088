/** A page's worker that does all a laboratory does: opens files, trains into the browser's own file system, decodes, reports. */

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

/** What the worker can do, by name; the test calls it through the page. */
export const ACTIONS = {
  /** Opens files as a dataset: its arrays, and what was said of them. */
  async open(
    files: File[],
    name?: string,
  ): Promise<{ arrays: string[]; notes: readonly string[] }> {
    const { recording, notes } = await openDataset(fileFolder(files), name);
    return { arrays: recordingArrays(recording), notes };
  },

  /** The sentence with which files are refused. */
  async refusal(files: File[], name?: string): Promise<string> {
    return openDataset(fileFolder(files), name).then(
      () => 'it was opened',
      (error) => `${error.name}: ${error.message}`,
    );
  },

  /** Trains on files into a folder of the browser's own file system, as many updates as are asked for and no more. */
  async train(
    files: File[],
    folder: string,
    config: object,
    updates: number,
    resume: boolean,
  ): Promise<{ step: number; notes: string[] }> {
    const notes: string[] = [];
    let left = updates;
    const watcher: Watcher = {
      note: (sentence) => notes.push(sentence),
      progress() {},
      shouldStop: () => --left <= 0,
    };
    const { result } = await train(await openDataset(fileFolder(files)), config, {
      engine: () => createEngine({ adapter: 'cpu', log() {} }),
      store: opfsStore(folder),
      watcher,
      resume,
    });
    return { step: result.progress.step, notes };
  },

  /** Decodes with a run and reports on it; what came of it, by file. */
  async decodeAndReport(files: File[], folder: string): Promise<Record<string, string>> {
    const run = await openStored(folder, await openDataset(fileFolder(files)));
    const engine = () => createEngine({ adapter: 'cpu', log() {} });
    await decode(run, {}, { engine });
    const { figures } = await report(run);
    const { store } = run.records;
    const read = async (path: string) => new TextDecoder().decode((await store.read(path))!);
    const drawn = figures.flatMap(({ name, svg, csv }) => [
      [`figures/${name}.svg`, svg],
      [`figures/${name}.csv`, csv],
    ]);
    return {
      'decoded.csv': await read('decoded.csv'),
      'decoded.json': await read('decoded.json'),
      'report.html': await read('report.html'),
      ...Object.fromEntries(drawn),
    };
  },

  /** Hashes of a run's weights and moments, by tensor. */
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
