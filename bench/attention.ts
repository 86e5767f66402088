/**
 * `npm run bench -- attention`: attention from 512 to 65,536 keys at 100 queries, forward and
 * backward.
 */

import { attention, type Engine, Tensor } from '../src/engine.js';
import { createEngine } from '../src/node.js';
import { alignedTable } from '../src/text/table.js';
import { withGradient } from './gradient.js';
import { formatNumber, formatTiming, onGpu, race } from './measure.js';

const QUERIES = 100;
const HEADS = 4;
const HEAD_WIDTH = 16;
const KEYS = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const ROUNDS = 5;

/** Prints the time, the time per key and the peak memory for each number of keys. */
export async function benchAttention(engine: Engine): Promise<void> {
  console.log(`batch 1, ${QUERIES} queries, ${HEADS} heads of ${HEAD_WIDTH}`);
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
    // A separate engine on the same device, whose memory counters start at zero.
    const sweepEngine = await createEngine({ device: engine.device });
    const { forward, both } = await sweep(sweepEngine, keys);
    rows.push([
      String(keys),
      formatTiming(forward),
      formatNumber((forward.median * 1e3) / keys),
      formatTiming(both),
      formatNumber((both.median * 1e3) / keys),
      megabytes(sweepEngine.memory().peakBytes),
      megabytes(4 * HEADS * HEAD_WIDTH * (4 * keys + 4 * QUERIES)),
      megabytes(4 * HEADS * QUERIES * keys),
    ]);
    sweepEngine.dispose();
  }
  console.log(alignedTable(rows));
}

async function sweep(engine: Engine, keys: number) {
  const width = HEADS * HEAD_WIDTH;
  const createInput = (length: number) =>
    Tensor.from(engine, wave(length * width), [1, length, width], { requiresGrad: true });
  const [query, key, value, dout] = [
    createInput(QUERIES),
    createInput(keys),
    createInput(keys),
    createInput(QUERIES),
  ];
  const repeats = Math.max(1, Math.round((engine.facts.software ? 65536 : 1e6) / keys));
  const run = () => attention(query, key, value, { heads: HEADS });
  const forwardOnly = onGpu(engine, () => void run(), repeats);
  const withBackward = onGpu(engine, () => withGradient(engine, dout, run), repeats);
  const [forward, both] = await race([forwardOnly, withBackward], ROUNDS);
  return { forward: forward!, both: both! };
}

/** Values of about the size of a projection's, computed faster than random ones. */
function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, n) => Math.sin(0.37 * n) * Math.cos(0.011 * n));
}

function megabytes(bytes: number): string {
  return `${formatNumber(bytes / 1e6)} MB`;
}
