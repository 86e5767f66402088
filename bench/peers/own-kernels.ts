/** Times our kernels on the CPU device and on another adapter, such as SwiftShader. */

import {
  contrastiveLoss,
  differentiate,
  dropout,
  type Engine,
  embedding,
  gru,
  HostRandom,
  meanPool,
  normalize,
  RandomState,
  sample,
  Tensor,
  Tokens,
  unfold3d,
} from '../../src/engine.js';
import { alignedTable } from '../../src/text/table.js';
import { withGradient } from '../gradient.js';
import { chooseRepeats, KERNEL_CASES, type KernelCase } from '../kernels.js';
import { formatNumber, formatTiming, onGpu, race } from '../measure.js';

const ROUNDS = 5;

type Case = Pick<KernelCase, 'name' | 'flops' | 'gpu'>;

/** Kernels of the model that the benchmark of kernels does not compare with the reference. */
const OTHER_CASES: readonly Case[] = [
  {
    name: 'embedding with gradient, 400 of 400 x 128',
    flops: 0,
    gpu(engine) {
      const table = draw(engine, [400, 128], true);
      const ids = Uint32Array.from({ length: 400 }, (_, n) => (n * 7) % 400);
      const tokens = new Tokens(engine, [4, 100], 400, ids);
      const dy = draw(engine, [4, 100, 128]);
      return () => withGradient(engine, dy, () => embedding(table, tokens));
    },
  },
  {
    name: 'dropout with gradient, 400 x 512',
    flops: 0,
    gpu(engine) {
      const x = draw(engine, [400, 512], true);
      const dy = draw(engine, [400, 512]);
      const random = new RandomState(engine, 1);
      const options = { rate: 0.1, random, site: 1 };
      return () => withGradient(engine, dy, () => dropout(x, options));
    },
  },
  {
    name: 'sampling by top-p, 20 x 400',
    flops: 0,
    gpu(engine) {
      const logits = draw(engine, [20, 400]);
      const random = new RandomState(engine, 1);
      const options = { topP: 0.9, random, site: 1 };
      return () => void sample(logits, options);
    },
  },
  {
    name: 'GRU with gradient, 16 x 40 x 32 to 64',
    flops: 0,
    gpu(engine) {
      const x = draw(engine, [16, 40, 32], true);
      const initial = draw(engine, [16, 64], true);
      const weights = {
        weightInput: draw(engine, [192, 32], true),
        biasInput: draw(engine, [192], true),
        weightState: draw(engine, [192, 64], true),
        biasState: draw(engine, [192], true),
      };
      const dy = draw(engine, [16, 40, 64]);
      return () => withGradient(engine, dy, () => gru(x, initial, weights));
    },
  },
  {
    name: 'mean over time with gradient, 16 x 100 x 128',
    flops: 0,
    gpu(engine) {
      const x = draw(engine, [16, 100, 128], true);
      const dy = draw(engine, [16, 128]);
      return () => withGradient(engine, dy, () => meanPool(x));
    },
  },
  {
    name: 'contrastive loss with gradient, 64 x 128',
    flops: 0,
    gpu(engine) {
      const u = draw(engine, [64, 128], true);
      const v = draw(engine, [64, 128], true);
      const options = { temperature: 0.1 };
      const loss = () => contrastiveLoss(normalize(u), normalize(v), options);
      return () => void differentiate(engine, loss);
    },
  },
  {
    name: 'patches of video, 4 x 20 x 32 x 56 in 1 x 8 x 8',
    flops: 0,
    gpu(engine) {
      const video = draw(engine, [4, 1, 20, 32, 56]);
      return () => void unfold3d(video, [1, 8, 8], [1, 8, 8]);
    },
  },
];

const random = new HostRandom(1);

function draw(engine: Engine, shape: number[], requiresGrad = false): Tensor {
  const length = shape.reduce((p, q) => p * q, 1);
  const values = Float32Array.from({ length }, () => random.normal());
  return Tensor.from(engine, values, shape, { requiresGrad });
}

/**
 * Prints the time of every case on each engine, and the ratio of the last engine's time to the
 * first's.
 */
export async function raceOwnKernels(
  engines: readonly { readonly on: string; readonly engine: Engine }[],
): Promise<void> {
  const heads = ['kernel', ...engines.map(({ on }) => `ms on ${on}`), 'GFLOP/s', 'times faster'];
  const rows: string[][] = [];
  for (const kernel of [...KERNEL_CASES, ...OTHER_CASES]) {
    console.error(`  ${kernel.name} ...`);
    const contenders = [];
    for (const { engine } of engines) {
      const work = kernel.gpu(engine);
      contenders.push(onGpu(engine, work, await chooseRepeats(engine, work)));
    }
    const timings = await race(contenders, ROUNDS);
    const [firstMedian, lastMedian] = [timings[0]!.median, timings.at(-1)!.median];
    rows.push([
      kernel.name,
      ...timings.map(formatTiming),
      kernel.flops > 0 ? formatNumber(kernel.flops / firstMedian / 1e6) : '',
      formatNumber(lastMedian / firstMedian),
    ]);
  }
  console.log(alignedTable([heads, ...rows]));
}
