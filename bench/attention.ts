/** `npm run bench -- attention`: attention from 512 to 65,536 keys at 100 queries, forward and backward. */

import { attention, type Engine, Tensor } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { withGradient } from './gradient.js';
import { digits, onGpu, race, showTiming, table } from './measure.js';

const QUERIES = 100;
const HEADS = 4;
const HEAD = 16;
const KEYS = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const ROUNDS = 5;

/** Runs and prints time, time per key and peak bytes for each number of keys. */
export async function benchAttention(engine: Engine): Promise<void> {
  console.log(`batch 1, ${QUERIES} queries, ${HEADS} heads of ${HEAD}`);
  const rows = [
    [
      'keys',
      'forward ms (range)',
      'us/key',
      'with backward ms (range)',
      'us/key',
      'peak',
      'inputs and gradients',
      'scores would be',
    ],
  ];
  for (const keys of KEYS) {
    // An engine of its own on the same device: its memory counters start at nothing.
    const own = await createEngine({ device: engine.device });
    const { forward, both } = await sweep(own, keys);
    rows.push([
      String(keys),
      showTiming(forward),
      digits((forward.median * 1e3) / keys),
      showTiming(both),
      digits((both.median * 1e3) / keys),
      megabytes(own.memory().peakBytes),
      megabytes(4 * HEADS * HEAD * (4 * keys + 4 * QUERIES)),
      megabytes(4 * HEADS * QUERIES * keys),
    ]);
    own.dispose();
  }
  console.log(table(rows));
}

async function sweep(engine: Engine, keys: number) {
  const width = HEADS * HEAD;
  const make = (length: number) =>
    Tensor.from(engine, wave(length * width), [1, length, width], { requiresGrad: true });
  const [query, key, value, dout] = [make(QUERIES), make(keys), make(keys), make(QUERIES)];
  const repeats = Math.max(1, Math.round((engine.facts.software ? 65536 : 1e6) / keys));
  const run = () => attention(query, key, value, { heads: HEADS });
  const forwardOnly = onGpu(engine, () => void run(), repeats);
  const withBackward = onGpu(engine, () => withGradient(engine, dout, run), repeats);
  const [forward, both] = await race([forwardOnly, withBackward], ROUNDS);
  return { forward: forward!, both: both! };
}

/** Numbers like a projection's, without a generator's cost. */
function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, n) => Math.sin(0.37 * n) * Math.cos(0.011 * n));
}

function megabytes(bytes: number): string {
  return `${digits(bytes / 1e6)} MB`;
}
