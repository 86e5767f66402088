/** Our kernels on the CPU device, beside the same work on SwiftShader. */

import type { Engine } from '../../src/node.js';
import { KERNEL_CASES, repeatsOf } from '../kernels.js';
import { digits, onGpu, race, showTiming, table } from '../measure.js';

const ROUNDS = 5;

/** Prints every case's time on each engine, and how many times as long the last of them takes as the first. */
export async function raceOwnKernels(
  engines: readonly { readonly on: string; readonly engine: Engine }[],
): Promise<void> {
  const heads = ['kernel', ...engines.map(({ on }) => `ms on ${on}`), 'GFLOP/s', 'times faster'];
  const rows: string[][] = [];
  for (const kernel of KERNEL_CASES) {
    console.error(`  ${kernel.name} ...`);
    const contenders = [];
    for (const { engine } of engines) {
      const work = kernel.gpu(engine);
      contenders.push(onGpu(engine, work, await repeatsOf(engine, work)));
    }
    const timings = await race(contenders, ROUNDS);
    const [first, last] = [timings[0]!.median, timings.at(-1)!.median];
    rows.push([
      kernel.name,
      ...timings.map(showTiming),
      kernel.flops > 0 ? digits(kernel.flops / first / 1e6) : '',
      digits(last / first),
    ]);
  }
  console.log(table([heads, ...rows]));
}
