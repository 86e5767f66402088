/**
 * Describes a folder written by suite2p (https://suite2p.readthedocs.io): deconvolved traces of
 * regions, which of them are cells, and the rate of frames.
 */

import { openFile } from '../formats/open.js';
import { readAllBytes } from '../ports/byte-source.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { openSource } from './files.js';
import { type GuessedDescription, OWN_RULE } from './guess.js';

/** Deconvolved traces: [regions, frames]. */
export const SUITE2P_TRACES = 'spks.npy';
/** Whether each region is a cell, and how probable that is: [regions, 2]. */
const CELLS = 'iscell.npy';
/** Settings, as a pickled dictionary. */
const SETTINGS = 'ops.npy';

/** Whether a folder contains the traces of suite2p, and which of them are cells. */
export function isSuite2pFolder(folder: Folder): boolean {
  return folder.has(SUITE2P_TRACES) && folder.has(CELLS);
}

/**
 * Describes the deconvolved traces of the regions that are cells.
 *
 * @throws RecordingError where ops.npy does not give the rate of frames, or the files are not of
 *   same regions.
 */
export async function guessFromSuite2p(folder: Folder): Promise<GuessedDescription> {
  const [traces, cells] = [await shapeOf(folder, SUITE2P_TRACES), await shapeOf(folder, CELLS)];
  if (traces[0] !== cells[0] || traces.length !== 2)
    throw new RecordingError(
      `${folder.name}: ${SUITE2P_TRACES} has shape [${traces.join(', ')}], but ${CELLS} has ${cells[0]} regions: they are not of the same run of suite2p.`,
    );
  const keep = { by: `${CELLS}[:,0]` };
  const spikes = {
    traces: SUITE2P_TRACES,
    axes: ['neurons', 'bins'],
    event: { above: 0, each: true },
  };
  const rate = readFrameRate(folder);
  if (rate === undefined)
    throw new RecordingError(
      `${folder.name} is a folder of suite2p, but its ${SETTINGS} does not give the rate of frames (fs): put a dataset.yaml there with spikes: {traces: ${SUITE2P_TRACES}, axes: [neurons, bins], dt: 1/30, event: {above: 0, each: true}, keep: {by: '${keep.by}'}}, where 30 is that rate in Hz.`,
    );
  return {
    rawDescription: { name: folder.title, spikes: { ...spikes, dt: 1 / rate, keep } },
    notes: [
      `Every sample of the deconvolved traces above 0 is an event, and events are used as spikes. ${OWN_RULE}`,
      `Frames were taken at ${rate} Hz, as fs in ${SETTINGS} says. Regions that ${CELLS} does not take for cells are left out.`,
    ],
  };
}

async function shapeOf(folder: Folder, file: string): Promise<readonly number[]> {
  const opened = await openFile(openSource(folder, file, file), file);
  const { root } = opened;
  opened.close();
  return root.kind === 'array' ? root.shape : [];
}

/** Python's codes of a short text `fs`: up to protocol 3, and from 4 on. */
const RATE_KEYS = [
  [0x58, 2, 0, 0, 0, 0x66, 0x73],
  [0x8c, 2, 0x66, 0x73],
];
/** Codes by which a text is given a number to refer to it by, and their lengths in bytes. */
const MEMO_LENGTHS = new Map([
  [0x71, 2],
  [0x72, 5],
  [0x94, 1],
]);

/**
 * Frames per second: the number after the key `fs` in a pickled dictionary, without interpreting
 * anything else of it. The codes are those of Python's pickletools.
 */
function readFrameRate(folder: Folder): number | undefined {
  if (!folder.has(SETTINGS)) return undefined;
  const bytes = readAllBytes(openSource(folder, SETTINGS, SETTINGS));
  for (const key of RATE_KEYS) {
    const at = bytes.findIndex((_, n) => key.every((code, k) => bytes[n + k] === code));
    if (at < 0) continue;
    const offset = at + key.length;
    const rate = readPickledNumber(bytes, offset + (MEMO_LENGTHS.get(bytes[offset]!) ?? 0));
    if (rate !== undefined && rate > 0) return rate;
  }
  return undefined;
}

/** A float or an int of up to four bytes; undefined for anything else. */
function readPickledNumber(bytes: Uint8Array, offset: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const code = String.fromCharCode(bytes[offset] ?? 0);
  const size = { G: 8, K: 1, M: 2, J: 4 }[code];
  if (size === undefined || offset + 1 + size > bytes.length) return undefined;
  if (code === 'G') return view.getFloat64(offset + 1);
  if (code === 'K') return view.getUint8(offset + 1);
  return code === 'M' ? view.getUint16(offset + 1, true) : view.getInt32(offset + 1, true);
}
