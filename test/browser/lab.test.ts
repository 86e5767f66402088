/**
 * The workflow of a lab in a page: files are opened, trained on with the run in OPFS, decoded,
 * reported.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dataset as Hdf5Dataset, File as Hdf5File, ready } from 'h5wasm/node';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { decode, openRun, report, train } from '../../src/index.js';
import { createEngine, diskStore, openDataset } from '../../src/node.js';
import { sha256 } from '../../src/ports/sha256.js';
import { LAST_CHECKPOINT } from '../../src/train/run-records.js';
import { behaviorWorkspace, DECODING } from '../helpers/behavior.js';
import { launchChromium } from '../helpers/chromium.js';
import { checkpointAt } from '../helpers/run-files.js';
import { THOROUGH } from '../helpers/thorough.js';
import { recordingArrays } from './recording-arrays.js';
import { bundlePages, ISOLATED, type Site, servePages } from './serve.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-lab-'));
const fixture = (path: string) =>
  fileURLToPath(new URL(`../fixtures/recordings/${path}`, import.meta.url));

/** A recording in each format: the files to choose in the page, and which of them to open. */
const RECORDINGS: Readonly<Record<string, () => Promise<{ paths: string[]; name?: string }>>> = {
  NWB: async () => ({ paths: [fixture('nwb-alm/sub-anm369963_ses-20170228.nwb')] }),
  'MATLAB 5': async () => ({ paths: [fixture('ca1-tracks-nelpy/spikes.mat')] }),
  'MATLAB 7.3': async () => ({ paths: [await writeMatlab73()] }),
  npz: async () => {
    const times = Float64Array.from({ length: 400 }, (_, n) => n / 20 + 0.001);
    const neurons = Int32Array.from(times, (_, n) => (n * 7) % 5);
    const path = join(root, 'session.npz');
    writeFileSync(path, encodeNpz({ spike_times: { data: times }, neurons: { data: neurons } }));
    return { paths: [path] };
  },
  CSV: async () => {
    const path = join(root, 'spikes.csv');
    const rows = Array.from({ length: 300 }, (_, n) => `${(n / 10 + 0.01).toFixed(2)},${n % 4}`);
    writeFileSync(path, ['time,neuron', ...rows, ''].join('\n'));
    return { paths: [path] };
  },
  'a folder with a dataset.yaml': async () => {
    const folder = join(root, 'described');
    mkdirSync(folder, { recursive: true });
    const count = 200;
    const counts = Uint8Array.from({ length: 6 * count }, (_, n) => (n % 11 === 0 ? 1 : 0));
    const video = Uint8Array.from({ length: 20 * 6 * 4 }, (_, n) => n % 251);
    writeFileSync(join(folder, 'counts.npy'), encodeNpy(counts, [6, count]));
    writeFileSync(join(folder, 'video.npy'), encodeNpy(video, [20, 6, 4]));
    const rows = Array.from({ length: count }, (_, n) => `${Math.sin(n / 9).toFixed(6)},${n % 3}`);
    writeFileSync(join(folder, 'behavior.csv'), ['speed,gait', ...rows, ''].join('\n'));
    writeFileSync(
      join(folder, 'dataset.yaml'),
      stringify({
        name: 'described',
        spikes: { counts: 'counts.npy', axes: ['neurons', 'bins'], dt: 0.05 },
        frames: { data: 'video.npy', dt: 0.5 },
        variables: {
          speed: { data: 'behavior.csv#speed', dt: 0.05 },
          gait: { data: 'behavior.csv#gait', dt: 0.05 },
        },
      }),
    );
    const names = ['dataset.yaml', 'counts.npy', 'video.npy', 'behavior.csv'];
    return { paths: names.map((name) => join(folder, name)), name: 'dataset.yaml' };
  },
};

/** Writes a MATLAB 7.3 file with the spike times of four neurons in a cell array. */
async function writeMatlab73(): Promise<string> {
  await ready;
  const path = join(root, 'cells.mat');
  const file = new Hdf5File(path, 'w');
  const refs = file.create_group('#refs#');
  const references = Array.from({ length: 4 }, (_, neuron) => {
    const data = Float64Array.from({ length: 60 }, (_, n) => n / 4 + 0.01 * neuron);
    const cell = refs.create_dataset({ name: `c${neuron}`, data, shape: [1, 60] });
    cell.create_attribute('MATLAB_class', 'double');
    return cell.create_reference();
  });
  file.create_dataset({ name: 'spikes', data: references, shape: [4, 1] });
  (file.get('spikes') as Hdf5Dataset).create_attribute('MATLAB_class', 'cell');
  file.close();
  return path;
}

const SITES = {
  'that is cross-origin isolated': ISOLATED,
  'that is not cross-origin isolated': {},
} as const;

let browser: Browser;
let files: Map<string, string>;
const servers: Server[] = [];

beforeAll(async () => {
  files = await bundlePages({
    page: 'lab-page.ts',
    'lab-worker': 'lab-worker.ts',
  });
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});

/** Serves the pages until the tests end. */
async function serve(headers: Readonly<Record<string, string>>): Promise<Site> {
  const site = await servePages(files, headers);
  servers.push(site.server);
  return site;
}

/** A page that may be reloaded; its console output is collected. */
class LabPage {
  readonly #page: Page;
  readonly #consoleLines: string[] = [];

  constructor(page: Page) {
    this.#page = page;
    page.on('console', (message) => this.#consoleLines.push(message.text()));
    page.on('pageerror', (error) => this.#consoleLines.push(error.message));
  }

  static async open(address: string): Promise<LabPage> {
    const lab = new LabPage(await browser.newPage());
    await lab.#page.goto(address);
    return lab;
  }

  async choose(paths: readonly string[]): Promise<void> {
    await this.#page.waitForFunction('globalThis.act !== undefined');
    await this.#page.setInputFiles('input', [...paths]);
  }

  act<T>(name: string, ...args: unknown[]): Promise<T> {
    const literals = [name, ...args].map((value) => JSON.stringify(value) ?? 'undefined').join();
    return this.#page.evaluate(`act(${literals})`) as Promise<T>;
  }

  async reload(): Promise<void> {
    await this.#page.reload();
  }

  async close(): Promise<void> {
    await this.#page.close();
    expect(this.#consoleLines).toEqual([]);
  }
}

describe.each(Object.entries(SITES))('in a page %s', (_, headers) => {
  let lab: LabPage;
  beforeAll(async () => {
    lab = await LabPage.open((await serve(headers)).address);
  });
  afterAll(() => lab.close());

  it.each(Object.keys(RECORDINGS))(
    'a File of %s gives the same recording as the file on disk, array by array',
    async (format) => {
      const { paths, name } = await RECORDINGS[format]!();
      const { recording, notes } = await openDataset(paths[0]!);
      await lab.choose(paths);
      const opened = await lab.act('open', name);
      expect(opened).toEqual({ arrays: recordingArrays(recording), notes });
    },
  );

  it('files that cannot be read are rejected with the same errors as in Node', async () => {
    const nwb = readFileSync(fixture('nwb-alm/sub-anm369963_ses-20170228.nwb'));
    const broken = join(root, 'broken.nwb');
    writeFileSync(broken, nwb.subarray(0, 2000));
    for (const path of [broken, fixture('README.md')]) {
      await lab.choose([path]);
      const inNode = await openDataset(path).catch(
        (error: Error) => `${error.name}: ${error.message}`,
      );
      expect(await lab.act('openError', basename(path))).toBe(inNode);
    }
  });
});

/** The peak memory of the browser's renderers, in bytes. */
async function peakBytes(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
    processInfo: { type: string; id: number }[];
  };
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  const peaks = renderers.map(({ id }) => {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))!;
    return 1024 * Number(kilobytes);
  });
  return peaks.reduce((sum, bytes) => sum + bytes, 0);
}

describe.runIf(THOROUGH && process.platform === 'linux')('a recording of a gigabyte', () => {
  const GIGABYTE = 2 ** 30;
  const MAX_BYTES = 200e6;

  /** Writes an NWB file with a raw signal of a gigabyte. */
  async function writeLarge(): Promise<string> {
    await ready;
    const path = join(root, 'large.nwb');
    writeFileSync(path, readFileSync(fixture('nwb-alm/sub-anm369963_ses-20170228.nwb')));
    const file = new Hdf5File(path, 'a');
    const slab = new Int16Array(2 ** 24).map((_, n) => n);
    const rows = GIGABYTE / 2;
    const acquisition = file.get('acquisition');
    const series = (acquisition as unknown as Hdf5File).create_group('raw');
    series.create_attribute('neurodata_type', 'ElectricalSeries');
    const data = series.create_dataset({
      name: 'data',
      data: slab,
      maxshape: [null],
      chunks: [2 ** 20],
    });
    data.resize([rows]);
    for (let row = slab.length; row < rows; row += slab.length)
      data.write_slice([[row, row + slab.length]], slab);
    series.create_dataset({ name: 'starting_time', data: 0, shape: [] });
    file.close();
    return path;
  }

  it('opens in a page with less than 200 MB of memory', async () => {
    const path = await writeLarge();
    const { recording } = await openDataset(path);
    const { address } = await serve(ISOLATED);
    // A browser of its own, as the renderers of others count too.
    const freshBrowser = await launchChromium({ webgpu: false });
    try {
      const page = await freshBrowser.newPage();
      await page.goto(address);
      await page.waitForFunction('globalThis.act !== undefined');
      const before = await peakBytes(page);
      await page.setInputFiles('input', path);
      const opened = (await page.evaluate('act("open")')) as { arrays: string[] };
      expect(opened.arrays).toEqual(recordingArrays(recording));
      const used = (await peakBytes(page)) - before;
      console.log(`a gigabyte of NWB opens in a page with ${(used / 1e6).toFixed(0)} MB`);
      expect(used).toBeLessThan(MAX_BYTES);
    } finally {
      await freshBrowser.close();
    }
  });
});

describe('a run in the origin private file system', () => {
  const UPDATES = 30;
  /** A multiple of log_every, as a logged loss is the mean over the updates since the last one. */
  const HALFWAY = 15;
  const CONFIG = {
    ...DECODING,
    dropout: { attn: 0.1, resid: 0.1, id: 0.1, time: 0.1 },
    training: {
      steps: UPDATES,
      batch: 16,
      token_dropout: 0.1,
      validate_every: 10,
      checkpoint_every: 8,
      log_every: 5,
      split: { fractions: { train: 0.7, validation: 0.1, test: 0.2 } },
    },
  };

  it('resumes after a reload, and gives the same weights, decoded values and report as in Node', async () => {
    const workspace = behaviorWorkspace({});
    const names = ['dataset.yaml', 'tuned.npz', 'side.csv'];
    const paths = names.map((name) => join(workspace, 'data', name));
    const lab = await LabPage.open((await serve(ISOLATED)).address);
    await lab.choose(paths);
    const interrupted = await lab.act<{ step: number }>(
      'train',
      'runs/page',
      CONFIG,
      HALFWAY,
      false,
    );
    expect(interrupted.step).toBe(HALFWAY);
    await lab.reload();
    await lab.choose(paths);
    const resumed = await lab.act<{ step: number; notes: string[] }>(
      'train',
      'runs/page',
      CONFIG,
      UPDATES,
      true,
    );
    expect(resumed.step).toBe(UPDATES);
    expect(resumed.notes).toContain(`Resuming at update ${HALFWAY} of ${UPDATES}.`);

    const store = diskStore(join(workspace, 'run'));
    const engine = () => createEngine({ adapter: 'cpu' });
    const dataset = await openDataset(join(workspace, 'data'));
    await train(dataset, CONFIG, { engine, store });
    const { tensors } = await checkpointAt(join(workspace, 'run', LAST_CHECKPOINT));
    const hashes = Object.fromEntries(
      [...tensors].map(([name, { data }]) => {
        const hash = sha256();
        hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        return [name, hash.hex()];
      }),
    );
    expect(await lab.act('weights', 'runs/page')).toEqual(hashes);

    const run = await openRun(store, dataset, 'last');
    await decode(run, {}, { engine });
    const { page, figures } = await report(run);
    const inPage = await lab.act<Record<string, string>>('decodeAndReport', 'runs/page');
    const read = (name: string) => readFileSync(join(workspace, 'run', name), 'utf8');
    expect(rounded(inPage['decoded.csv']!)).toBe(rounded(read('decoded.csv')));
    // The hash of decoded.csv is of numbers that are not rounded.
    const facts = (json: string) => ({ ...JSON.parse(rounded(json)), sha256: {} });
    expect(facts(inPage['decoded.json']!)).toEqual(facts(read('decoded.json')));
    for (const { name, svg, csv } of figures) {
      expect(rounded(inPage[`figures/${name}.csv`]!), name).toBe(rounded(csv));
      expect(rounded(inPage[`figures/${name}.svg`]!), name).toBe(rounded(svg));
    }
    expect(rounded(comparable(inPage['report.html']!))).toBe(rounded(comparable(page)));
    await lab.close();
    rmSync(workspace, { recursive: true });
  });
});

/** A report without what differs between runs: its date, path, adapter and time. */
function comparable(page: string): string {
  return page
    .replace(/<p class="lead">.*?<\/p>/, '')
    .replace(/<td class="words">(data|adapter)<\/td><td class="words">.*?<\/td>/g, '')
    .replace(/(updates, [\d,]+ tokens), \d+ s/, '$1');
}

/**
 * A text whose numbers are rounded to 12 digits. ECMAScript does not specify the last bit of an
 * arctangent, and Node's V8 is another version than the browser's.
 */
function rounded(text: string): string {
  return text.replace(/-?\d+\.\d+(e-?\d+)?/g, (number) => String(+Number(number).toPrecision(12)));
}
