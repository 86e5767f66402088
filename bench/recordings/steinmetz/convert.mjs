/**
 * Writes sessionN.rds, as R saved them, as the sessionN.npz that the descriptions in this folder
 * read. After `npm run build`: node bench/recordings/steinmetz/convert.mjs session1.rds ...
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { encodeNpz } from '../../../dist/src/formats/npz.js';

/** Codes of R's serialization (R Internals, 'Serialization Formats'). */
const [SYMBOL, PAIRLIST, TEXT, INTEGERS, NUMBERS, TEXTS, LIST] = [1, 2, 9, 13, 14, 16, 19];
const [REFERENCE, NOTHING] = [255, 254];

/** Reads the value in an .rds file: arrays with `shape`, lists with `names`, texts. */
function readRds(path) {
  const bytes = gunzipSync(readFileSync(path));
  if (bytes.toString('latin1', 0, 2) !== 'X\n')
    throw new Error(`${path} is not a file that saveRDS wrote.`);
  const symbols = [];
  let offset = 2;
  const int32 = () => {
    offset += 4;
    return bytes.readInt32BE(offset - 4);
  };
  const text = (length) => {
    offset += Math.max(0, length);
    return length < 0 ? undefined : bytes.toString('utf8', offset - length, offset);
  };
  const repeat = (count, read) => Array.from({ length: count }, read);
  const float64 = () => {
    offset += 8;
    return bytes.readDoubleBE(offset - 8);
  };
  /** Attributes, a linked list of names and values. */
  const attributes = (flags) => {
    const all = {};
    for (let head = flags; (head & 255) === PAIRLIST; head = int32()) {
      if (head & 512) read();
      const name = head & 1024 ? read() : '';
      all[name] = read();
    }
    return all;
  };
  const read = () => {
    const flags = int32();
    const kind = flags & 255;
    if (kind === NOTHING) return undefined;
    if (kind === REFERENCE) return symbols[(flags >> 8) - 1];
    if (kind === SYMBOL) {
      symbols.push(read());
      return symbols.at(-1);
    }
    if (kind === TEXT) return text(int32());
    const readers = { [INTEGERS]: int32, [NUMBERS]: float64, [TEXTS]: read, [LIST]: read };
    if (!readers[kind]) throw new Error(`${path} has a value of kind ${kind}, which is not read.`);
    const values = repeat(int32(), readers[kind]);
    const { dim, names } = flags & 512 ? attributes(int32()) : {};
    return { values, shape: dim?.values, names: names?.values };
  };
  offset += 12; // versions of the format, of R, and of the oldest R that reads it
  if (bytes.readInt32BE(2) > 2) text(int32());
  return read();
}

/** The arrays of a session: counts are [trials, neurons, bins]; R stores columns one by one. */
function sessionArrays({ values, names }) {
  const member = (name) => values[names.indexOf(name)].values;
  const trials = member('spks');
  const [neurons, bins] = trials[0].shape;
  const counts = new Uint8Array(trials.length * neurons * bins);
  for (const [trial, { values: matrix }] of trials.entries())
    for (let neuron = 0; neuron < neurons; neuron++)
      for (let bin = 0; bin < bins; bin++)
        counts[(trial * neurons + neuron) * bins + bin] = matrix[bin * neurons + neuron];
  const times = member('time').flatMap((trial) => trial.values);
  return {
    spikes: { data: counts, shape: [trials.length, neurons, bins] },
    time: { data: Float64Array.from(times), shape: [trials.length, bins] },
    contrast_left: { data: Float32Array.from(member('contrast_left')) },
    contrast_right: { data: Float32Array.from(member('contrast_right')) },
    feedback_type: { data: Int32Array.from(member('feedback_type')) },
  };
}

for (const path of process.argv.slice(2)) {
  const target = path.replace(/\.rds$/, '.npz');
  writeFileSync(target, encodeNpz(sessionArrays(readRds(path))));
  console.log(`Written: ${target}`);
}
