/**
 * `npm run bench -- neuron-queries`: attention with one query per neuron, beside the attention of a
 * block of the trunk with as many queries; and its memory by neurons and by tokens.
 */

import { type Engine, MultiHeadAttention, ParameterStore, Tensor } from '../src/engine.js';
import { dryRun } from '../src/gpu/dry-run.js';
import { NeuronQueries } from '../src/neuroformer/neuron-queries.js';
import { PassContext } from '../src/neuroformer/stack.js';
import { alignedTable } from '../src/text/table.js';
import { withGradient } from './gradient.js';
import { formatNumber, formatTiming, onGpu, race } from './measure.js';

const WIDTH = 32;
const HEADS = 2;
const ROUNDS = 5;
/** The sizes that are timed. */
const TIMED = { neurons: 2000, tokens: 446, batch: 8 };
/** The sizes of the largest batch that a laptop's GPU should hold. */
const LARGEST = { ...TIMED, batch: 32 };
/** How often neurons or tokens are doubled in the table of memory. */
const DOUBLINGS = 3;

interface Sizes {
  readonly neurons: number;
  readonly tokens: number;
  readonly batch: number;
}

/** Prints the times and their ratio, then the memory of a training step by size. */
export async function benchNeuronQueries(engine: Engine): Promise<void> {
  const { neurons, tokens, batch } = TIMED;
  console.log(
    `batch ${batch}, ${neurons} neurons, ${tokens} tokens, ${HEADS} heads, width ${WIDTH}`,
  );
  const [queries, trunk] = await race(
    [onGpu(engine, queriesStep(engine, TIMED), 1), onGpu(engine, trunkStep(engine, TIMED), 1)],
    ROUNDS,
  );
  console.log(
    alignedTable([
      ['forward and backward', 'ms (range)', 'of the trunk'],
      ['neuron queries', formatTiming(queries!), formatNumber(queries!.median / trunk!.median)],
      ["a trunk block's attention", formatTiming(trunk!), '1'],
    ]),
  );
  const sizes = [...doubled(TIMED, 'neurons'), ...doubled(TIMED, 'tokens'), { ...LARGEST }];
  const rows = [['batch', 'neurons', 'tokens', 'peak', 'scores would be']];
  for (const size of sizes) {
    const { peakBytes } = await dryRun(engine, (dry) => queriesStep(dry, size)());
    rows.push([
      `${size.batch}`,
      `${size.neurons}`,
      `${size.tokens}`,
      megabytes(peakBytes),
      megabytes(4 * HEADS * size.batch * size.neurons * size.tokens),
    ]);
  }
  console.log(alignedTable(rows));
}

/** Sizes whose neurons or tokens double up to those given. */
function doubled(sizes: Sizes, axis: 'neurons' | 'tokens'): Sizes[] {
  return Array.from({ length: DOUBLINGS }, (_, n) => ({
    ...sizes,
    [axis]: Math.round(sizes[axis] / 2 ** (DOUBLINGS - 1 - n)),
  }));
}

/** A function that appends a training step of the head to the engine's commands. */
function queriesStep(engine: Engine, { neurons, tokens, batch }: Sizes): () => void {
  const store = new ParameterStore();
  const settings = { width: WIDTH, heads: HEADS, ids: neurons, dropout: 0 };
  const head = new NeuronQueries(store.scope('head'), settings);
  store.allocate(engine, 1);
  const source = input(engine, [batch, tokens, WIDTH]);
  const dout = input(engine, [batch, neurons]);
  const pass = new PassContext(() => {}, undefined);
  return () => withGradient(engine, dout, () => head.call(source, pass));
}

/** The same for the attention of a block, with a query for each position of a sequence. */
function trunkStep(engine: Engine, { neurons, tokens, batch }: Sizes): () => void {
  const store = new ParameterStore();
  const layer = new MultiHeadAttention(store.scope('layer'), WIDTH, { heads: HEADS });
  store.allocate(engine, 1);
  const [x, source] = [
    input(engine, [batch, neurons, WIDTH]),
    input(engine, [batch, tokens, WIDTH]),
  ];
  const dout = input(engine, [batch, neurons, WIDTH]);
  return () => withGradient(engine, dout, () => layer.call(x, source));
}

/** A tensor of moderate values that requires a gradient. */
function input(engine: Engine, shape: readonly number[]): Tensor {
  const length = shape.reduce((product, n) => product * n, 1);
  const values = Float32Array.from({ length }, (_, n) => Math.sin(0.37 * n));
  return Tensor.from(engine, values, shape, { requiresGrad: true });
}

function megabytes(bytes: number): string {
  return `${formatNumber(bytes / 1e6)} MB`;
}
