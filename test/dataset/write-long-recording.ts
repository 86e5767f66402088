/**
 * A program of the memory test: writes an NWB file with 2,000 neurons of 1 to 9 Hz and a running
 * speed, and prints how many spikes it has. Arguments: the path, and the length in seconds.
 */

import { writeFileSync } from 'node:fs';
import { encodeNwb } from '../../src/formats/write-nwb.js';
import { HostRandom } from '../../src/math/random.js';

const [path, length] = process.argv.slice(2) as [string, string];
const seconds = Number(length);
const random = new HostRandom(1);
const units = Array.from({ length: 2000 }, (_, neuron) => {
  const count = Math.round(seconds * (1 + (8 * neuron) / 1999));
  return Float64Array.from({ length: count }, () => seconds * random.uniform()).sort();
});
const samples = 20 * seconds;
const bytes = await encodeNwb({
  description: '2,000 neurons, random.',
  started: '2026-01-01T00:00:00Z',
  units,
  series: [
    {
      name: 'speed',
      description: '',
      unit: 'cm/s',
      data: Float64Array.from({ length: samples }, (_, n) => Math.sin(n / 50)),
      timestamps: Float64Array.from({ length: samples }, (_, n) => n / 20),
    },
  ],
});
writeFileSync(path, bytes);
console.log(JSON.stringify({ spikes: units.reduce((sum, times) => sum + times.length, 0) }));
