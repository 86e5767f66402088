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

describe('published recordings hold what their owners say', () => {
  it('171 units of a reaching monkey in MATLAB 5', async () => {
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

  it('31 units of a rat on a track in cells of cells', async () => {
    const { recording } = await openDataset(RECORDINGS.nelpy);
    const { rates, spikes, seconds } = summarizeRecording(recording);
    expect(rates.filter((rate) => rate > 0)).toHaveLength(31);
    expect(spikes).toBe(28_829);
    expect(seconds).toBeCloseTo(6365.1 - 4397, 0);
  });

  it('one unit of a mouse and 178 trials in NWB', async () => {
    const { recording, notes } = await openDataset(RECORDINGS.alm);
    const { neurons, spikes, trials } = summarizeRecording(recording);
    expect([neurons, spikes, trials.count]).toEqual([1, 1679, 178]);
    expect(notes).toEqual([
      'The times of 1 of 1 neurons were not in order; they were sorted.',
      '178 of 178 trials have no end: they last until the next one begins.',
    ]);
  });
});

describe('damaged recordings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const times = Float64Array.from({ length: 500 }, (_, n) => n / 10);
  const neurons = { data: Int32Array.from(times, (_, n) => n % 5) };
  const text = `neuron,time\n${Array.from(times, (time, n) => `${n % 5},${time}`).join('\n')}\n`;
  /** A copy of a Buffer would be a view: damage would stay for the next. */
  const whole = (path: string) => new Uint8Array(readFileSync(path));
  const kinds: Readonly<Record<string, Uint8Array>> = {
    'm1.mat': whole(RECORDINGS.m1),
    'nelpy.mat': whole(RECORDINGS.nelpy),
    'alm.nwb': whole(RECORDINGS.alm),
    'pairs.npz': encodeNpz({ times: { data: times }, neurons }),
    'times.npy': encodeNpy(times),
    'pairs.csv': new TextEncoder().encode(text),
  };
  /** Copies of each file; fewer of the large ones, which take longer to read. */
  function copyCount(name: string): number {
    if (!THOROUGH) return name === 'm1.mat' ? 10 : 50;
    return name === 'm1.mat' ? 60 : name === 'alm.nwb' ? 340 : 400;
  }

  /** A copy cut short, with bits flipped, bytes set, or counts in its headers that lie. */
  function damaged(bytes: Uint8Array, random: HostRandom): Uint8Array {
    const kind = random.integer(4);
    if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
    const copy = bytes.slice();
    // Headers stand at the beginning, where most of what can go wrong is.
    const within = random.integer(4) === 0 ? Math.min(4096, copy.length) : copy.length;
    const count = 1 + random.integer(6);
    for (let n = 0; n < count; n++) {
      const at = random.integer(within - 8);
      if (kind === 1) copy[at]! ^= 1 << random.integer(8);
      else if (kind === 2) copy[at] = random.integer(256);
      else
        new DataView(copy.buffer).setUint32(at, random.integer(2 ** 31), random.integer(2) === 0);
    }
    return copy;
  }

  /** Reads everything there is. */
  function walk(part: DataNode): void {
    if (part.kind === 'group') for (const member of part.members.values()) walk(member);
    else if (part.kind === 'list') for (const item of part.items) walk(item);
    else spoken(() => expect(part.read().length).toBe(elementCount(part.shape)));
  }

  /** What may be thrown: a sentence, by its kind. */
  function spoken(read: () => void): void {
    try {
      read();
    } catch (error) {
      if ((error as Error).name !== 'RecordingError') throw error;
    }
  }

  function complaint(error: unknown, copy: number): void {
    const { name, message } = error as Error;
    expect(name, `copy ${copy}: ${message}`).toMatch(/^(RecordingError|ConfigError)$/);
    expect(message, `copy ${copy}`).toMatch(/^[^\n]+[.]$/);
  }

  it.each(Object.entries(kinds))(
    'like %s are read, or refused in a sentence, within five seconds',
    async (name, bytes) => {
      const random = new HostRandom(name.length);
      const path = join(folder, `damaged${extname(name)}`);
      let refused = 0;
      let slowest = 0;
      const count = copyCount(name);
      for (let n = 0; n < count; n++) {
        writeFileSync(path, damaged(bytes, random));
        const began = performance.now();
        try {
          const { root, close } = await openFile(diskSource(path), name);
          try {
            walk(root);
          } finally {
            close();
          }
        } catch (error) {
          complaint(error, n);
          refused += 1;
        }
        await openDataset(path).catch((error) => complaint(error, n));
        slowest = Math.max(slowest, performance.now() - began);
      }
      expect(refused).toBeGreaterThan(count / 20);
      // Hardly any damaged archive matches its checksums, so 50 copies may have none that is read.
      if (!name.endsWith('mat') && (THOROUGH || name !== 'pairs.npz'))
        expect(refused, 'some are read').toBeLessThan(count);
      expect(slowest).toBeLessThan(5000);
    },
    240_000,
  );

  it('leave the fixtures unchanged', () => {
    for (const [name, path] of Object.entries(RECORDINGS)) {
      const original = Object.entries(kinds).find(([file]) => file.startsWith(name))![1];
      expect(readFileSync(path).equals(original), path).toBe(true);
    }
  });
});
