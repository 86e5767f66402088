/**
 * Damaged copies of files of 16 kinds, opened as `inspect` opens them: each is read, or refused in
 * a sentence. NEUROFORMER_MUTATIONS sets their number, NEUROFORMER_SEED the seed of the damage.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { HostRandom } from '../../src/math/random.js';
import { openDataset } from '../../src/node.js';
import { memoryFolder } from '../../src/ports/folder.js';
import { inspectDataset } from '../../src/stages/inspect.js';
import { ConfigError } from '../../src/text/schema.js';
import { damage } from '../helpers/damage.js';
import { startProcessorClock } from '../helpers/processor-time.js';
import { THOROUGH } from '../helpers/thorough.js';

const COUNT = Number(process.env.NEUROFORMER_MUTATIONS ?? (THOROUGH ? 1600 : 240));
const SEED = Number(process.env.NEUROFORMER_SEED ?? 7);
/** Errors whose message is for the user. */
const SPOKEN = ['RecordingError', 'FileError', 'SourceError'];
/** Of the processor's time: no single file may take longer. */
const MAX_SECONDS = 15;

type Files = Record<string, Uint8Array>;

const FIELD = fileURLToPath(new URL('../fixtures/field/', import.meta.url));
const field = (path: string): Files => ({
  [path.split('/').at(-1)!]: new Uint8Array(readFileSync(join(FIELD, path))),
});
const fieldFolder = (path: string): Files =>
  Object.fromEntries(
    readdirSync(join(FIELD, path)).map((name) => [
      name,
      new Uint8Array(readFileSync(join(FIELD, path, name))),
    ]),
  );
const text = (content: string) => new TextEncoder().encode(content);

const times = Float64Array.from({ length: 200 }, (_, n) => n / 10);
const pairs = encodeNpz({
  spike_times: { data: times },
  neurons: { data: Int32Array.from(times, (_, n) => n % 3) },
  speed: { data: Float64Array.from({ length: 400 }, (_, n) => Math.sin(n)) },
});
const counts = Uint8Array.from({ length: 400 }, (_, n) => Number(n % 7 === 0));

/** The files of each kind, and which of them is opened; a folder where none is named. */
const KINDS: Readonly<Record<string, { files: Files; open?: string }>> = {
  'npz of pairs': { files: { 'a.npz': pairs }, open: 'a.npz' },
  'npz of padded rows': {
    files: field('3-nan-is-no-spike/padded-rows.npz'),
    open: 'padded-rows.npz',
  },
  'npz of ragged times': {
    files: field('1-tables-as-spikes/ragged-with-ids.npz'),
    open: 'ragged-with-ids.npz',
  },
  'npy of counts': { files: { 'counts.npy': encodeNpy(counts, [4, 100]) }, open: 'counts.npy' },
  'csv of spikes': {
    files: {
      'a.csv': text(`time,neuron\n${[...times].map((t, n) => `${t},${n % 3}`).join('\n')}\n`),
    },
    open: 'a.csv',
  },
  'wide csv': { files: field('3-nan-is-no-spike/wide.csv'), open: 'wide.csv' },
  'csv of units': { files: field('1-tables-as-spikes/units.csv'), open: 'units.csv' },
  'mat of cells': {
    files: field('1-tables-as-spikes/cell-with-ids.mat'),
    open: 'cell-with-ids.mat',
  },
  'mat of structs': { files: field('2-trials-of-neurons/R-struct.mat'), open: 'R-struct.mat' },
  'mat of FieldTrip': {
    files: field('2-trials-of-neurons/fieldtrip-spike.mat'),
    open: 'fieldtrip-spike.mat',
  },
  'mat of columns': {
    files: field('3-nan-is-no-spike/padded-columns.mat'),
    open: 'padded-columns.mat',
  },
  'NWB of units': { files: field('3-nan-is-no-spike/units-nan.nwb'), open: 'units-nan.nwb' },
  'NWB of trials': {
    files: field('4-unrecorded-is-not-silence/trialized.nwb'),
    open: 'trialized.nwb',
  },
  'NWB of series': {
    files: field('5-one-bad-part/series-all-nan.nwb'),
    open: 'series-all-nan.nwb',
  },
  'folder of phy': { files: fieldFolder('7-phy-labels/partly-labelled') },
  'folder with a dataset.yaml': {
    files: {
      'a.npz': pairs,
      'dataset.yaml': text(
        'spikes: {times: a.npz#spike_times, neurons: a.npz#neurons}\nduration: 20\nvariables:\n  speed: {data: a.npz#speed, dt: 0.05}\n',
      ),
    },
  },
};

describe(`${COUNT} damaged files, seed ${SEED}`, () => {
  it.each(Object.entries(KINDS))(
    '%s: are read, or refused in a sentence',
    async (kind, { files, open }) => {
      const random = new HostRandom(SEED + kind.length * 1000);
      const names = Object.keys(files);
      const outcomes = { read: 0, refused: 0 };
      for (let n = 0; n < Math.ceil(COUNT / Object.keys(KINDS).length); n++) {
        const changed = names[random.integer(names.length)]!;
        const copy = { ...files, [changed]: damage(files[changed]!, random) };
        const seconds = startProcessorClock();
        try {
          const dataset = await openDataset(memoryFolder('made', copy), open);
          inspectDataset(dataset);
          outcomes.read += 1;
        } catch (error) {
          const { name, message } = error as Error;
          const isSpoken = SPOKEN.includes(name) || error instanceof ConfigError;
          expect(
            isSpoken,
            `copy ${n} of ${changed}: ${name}: ${message}\n${(error as Error).stack}`,
          ).toBe(true);
          expect(message, `copy ${n} of ${changed}`).toMatch(/^\S.{20,}/s);
          outcomes.refused += 1;
        }
        expect(seconds(), `copy ${n} of ${changed}`).toBeLessThan(MAX_SECONDS);
      }
      expect(outcomes.refused + outcomes.read).toBeGreaterThan(0);
    },
    900_000,
  );
});
