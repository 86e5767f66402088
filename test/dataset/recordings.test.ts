import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { summarizeRecording } from '../../src/analyze/overview.js';
import { type DataNode, elementCount } from '../../src/formats/nodes.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { openFile } from '../../src/formats/open.js';
import { HostRandom } from '../../src/math/random.js';
import { openDataset } from '../../src/node/dataset.js';
import { diskSource } from '../../src/node/disk-source.js';
import { THOROUGH } from '../helpers/thorough.js';

const ROOT = fileURLToPath(new URL('../fixtures/recordings', import.meta.url));
const RECORDINGS = {
  m1: join(ROOT, 'm1-reach-stevenson2011', 'm1_stevenson_2011.mat'),
  nelpy: join(ROOT, 'ca1-tracks-nelpy', 'spikes.mat'),
  alm: join(ROOT, 'nwb-alm', 'sub-anm369963_ses-20170228.nwb'),
};

describe('published recordings contain what their authors report', () => {
  it('171 units of a reaching monkey, in MATLAB 5', async () => {
    const { recording } = await openDataset(RECORDINGS.m1);
    const { neurons, spikes, seconds, variables } = summarizeRecording(recording);
    expect([neurons, spikes]).toEqual([171, 2_352_815]);
    expect(seconds).toBeCloseTo(15536 * 0.05, 6);
    expect(variables.map(({ name }) => name).sort()).toEqual(
      ['handPos', 'handVel'].flatMap((name) => ['x', 'y', 'z'].map((axis) => `${name}_${axis}`)),
    );
    const hand = variables.find(({ name }) => name === 'handPos_x')!;
    expect(hand.range!.low).toBeCloseTo(-0.112, 3);
    expect(hand.range!.high).toBeCloseTo(0.081, 3);
  });

  it('31 units of a rat on a track, in nested MATLAB cells', async () => {
    const { recording } = await openDataset(RECORDINGS.nelpy);
    const { rates, spikes, seconds } = summarizeRecording(recording);
    expect(rates.filter((rate) => rate > 0)).toHaveLength(31);
    expect(spikes).toBe(28_829);
    expect(seconds).toBeCloseTo(6365.1 - 4397, 0);
  });

  it('one unit of a mouse and 178 trials, in NWB', async () => {
    const { recording, notes } = await openDataset(RECORDINGS.alm);
    const { neurons, spikes, trials } = summarizeRecording(recording);
    expect([neurons, spikes, trials.count]).toEqual([1, 1679, 178]);
    expect(notes).toEqual([
      'Spike times that were not in order are sorted (1 of 1 neurons).',
      'Trials without an end last until the next one starts (178 of 178).',
    ]);
  });
});

describe('damaged recordings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const times = Float64Array.from({ length: 500 }, (_, n) => n / 10);
  const neurons = { data: Int32Array.from(times, (_, n) => n % 5) };
  const text = `neuron,time\n${Array.from(times, (time, n) => `${n % 5},${time}`).join('\n')}\n`;
  /** Reads a file as a Uint8Array: the slice of a Buffer is a view, so that damage would last. */
  const readBytes = (path: string) => new Uint8Array(readFileSync(path));
  const files: Readonly<Record<string, Uint8Array>> = {
    'm1.mat': readBytes(RECORDINGS.m1),
    'nelpy.mat': readBytes(RECORDINGS.nelpy),
    'alm.nwb': readBytes(RECORDINGS.alm),
    'pairs.npz': encodeNpz({ times: { data: times }, neurons }),
    'times.npy': encodeNpy(times),
    'pairs.csv': new TextEncoder().encode(text),
  };
  /** Copies of each file; fewer of the large ones, which take longer to read. */
  function copyCount(name: string): number {
    if (!THOROUGH) return name === 'm1.mat' ? 10 : 50;
    return name === 'm1.mat' ? 60 : name === 'alm.nwb' ? 340 : 400;
  }

  /** A copy that is cut short, or with some bits flipped, bytes changed or 32-bit words changed. */
  function damaged(bytes: Uint8Array, random: HostRandom): Uint8Array {
    const kind = random.integer(4);
    if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
    const copy = bytes.slice();
    // Headers are at the beginning, and most sensitive to damage.
    const damagedLength = random.integer(4) === 0 ? Math.min(4096, copy.length) : copy.length;
    const count = 1 + random.integer(6);
    for (let n = 0; n < count; n++) {
      const offset = random.integer(damagedLength - 8);
      if (kind === 1) copy[offset]! ^= 1 << random.integer(8);
      else if (kind === 2) copy[offset] = random.integer(256);
      else {
        const [word, littleEndian] = [random.integer(2 ** 31), random.integer(2) === 0];
        new DataView(copy.buffer).setUint32(offset, word, littleEndian);
      }
    }
    return copy;
  }

  /** Reads every array below a node. */
  function readAll(node: DataNode): void {
    if (node.kind === 'group') for (const member of node.members.values()) readAll(member);
    else if (node.kind === 'list') for (const item of node.items) readAll(item);
    else allowRecordingError(() => expect(node.read().length).toBe(elementCount(node.shape)));
  }

  /** Runs a read that may throw a RecordingError, but nothing else. */
  function allowRecordingError(read: () => void): void {
    try {
      read();
    } catch (error) {
      if ((error as Error).name !== 'RecordingError') throw error;
    }
  }

  /** Checks that an error is one sentence for the user. */
  function checkError(error: unknown, copy: number): void {
    const { name, message } = error as Error;
    expect(name, `copy ${copy}: ${message}`).toMatch(/^(RecordingError|ConfigError)$/);
    expect(message, `copy ${copy}`).toMatch(/^[^\n]+[.]$/);
  }

  it.each(Object.entries(files))(
    'like %s are read, or rejected in one sentence',
    async (name, bytes) => {
      const random = new HostRandom(name.length);
      const path = join(folder, `damaged${extname(name)}`);
      let rejected = 0;
      const count = copyCount(name);
      for (let n = 0; n < count; n++) {
        writeFileSync(path, damaged(bytes, random));
        try {
          const { root, close } = await openFile(diskSource(path), name);
          try {
            readAll(root);
          } finally {
            close();
          }
        } catch (error) {
          checkError(error, n);
          rejected += 1;
        }
        await openDataset(path).catch((error) => checkError(error, n));
      }
      expect(rejected).toBeGreaterThan(count / 20);
      // Hardly any damaged archive matches its checksums, so 50 copies may have none that is read.
      if (!name.endsWith('mat') && (THOROUGH || name !== 'pairs.npz'))
        expect(rejected, 'some are read').toBeLessThan(count);
    },
    240_000,
  );

  it('leave the fixtures unchanged', () => {
    for (const [name, path] of Object.entries(RECORDINGS)) {
      const original = Object.entries(files).find(([file]) => file.startsWith(name))![1];
      expect(readFileSync(path).equals(original), path).toBe(true);
    }
  });
});
