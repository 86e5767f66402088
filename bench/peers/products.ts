/** The products of linear layers in every library that multiplies, in turn, beside a loop in registers. */

import { HostRandom } from '../../src/engine.js';
import { digits, race, summarizeTimes, table } from '../measure.js';
import { FORMS, type Form, type Multiplier, onThreads, type Peer, type Product } from './peer.js';
import { RegisterLoop } from './registers.js';

/** [M, K, N]: a square, and the first linear layer of an MLP, with its rows. */
const SIZES = [
  [512, 512, 512],
  [2400, 256, 1024],
] as const;
const ROUNDS = 5;
const ROUND_MILLISECONDS = 60;
const MOST_REPEATS = 50;
const CHECKED = 200;
/** Of the sum of the absolute terms. */
const TOLERANCE = 1e-5;

/** Multiplies with each, and prints GFLOP/s, and the share of what a loop in registers reaches on as many threads. */
export async function raceProducts(peers: readonly Peer[], threads: number): Promise<void> {
  const able = peers.filter((peer) => peer.multiplier);
  const loops = [1, threads].slice(0, threads > 1 ? 2 : 1);
  const columns: string[][] = [];
  for (const [M, K, N] of SIZES) {
    for (const form of FORMS) {
      const product = draw(form, M, K, N);
      columns.push(await raceProduct(product, able, loops));
    }
  }
  const heads = SIZES.flatMap(([M, K, N]) => FORMS.map((form) => `${form} ${M} x ${K} x ${N}`));
  const names = [
    ...able.map(({ name, on }) => `${name}, ${on}`),
    ...loops.map((n) => `loop in registers, ${onThreads(n)}`),
  ];
  console.log(`GFLOP/s, medians of ${ROUNDS} rounds in turn; share of the loop in registers`);
  const rows = names.map((name, n) => [name, ...columns.map((column) => column[n]!)]);
  console.log(table([['', ...heads], ...rows]));
}

async function raceProduct(
  product: Product,
  peers: readonly Peer[],
  loops: readonly number[],
): Promise<string[]> {
  const { form, M, N, K } = product;
  console.error(`  ${form} ${M} x ${K} x ${N} ...`);
  const multipliers: Multiplier[] = [];
  const contenders: (() => Promise<number>)[] = [];
  for (const peer of peers) {
    const multiplier = await peer.multiplier!(product);
    await multiplier.run(1);
    check(product, await multiplier.result(), peer);
    const milliseconds = summarizeTimes([await multiplier.run(1), await multiplier.run(1)]).lowest;
    const repeats = Math.ceil(Math.min(MOST_REPEATS, ROUND_MILLISECONDS / milliseconds));
    multipliers.push(multiplier);
    contenders.push(() => multiplier.run(repeats));
  }
  const registers = await Promise.all(loops.map((threads) => RegisterLoop.open(threads)));
  const flop = 2 * M * N * K;
  // A rate as the milliseconds that the product would take at it.
  contenders.push(...registers.map((loop) => async () => flop / (await loop.run()) / 1e6));
  const rates = (await race(contenders, ROUNDS)).map(({ median }) => flop / median / 1e6);
  for (const multiplier of multipliers) await multiplier.dispose();
  for (const loop of registers) loop.close();
  return rates.map((rate, n) => {
    const peak = loops.findIndex((threads) => peers[n]?.on === onThreads(threads));
    if (peak < 0) return digits(rate);
    return `${digits(rate)} (${Math.round((100 * rate) / rates[peers.length + peak]!)}%)`;
  });
}

function draw(form: Form, M: number, K: number, N: number): Product {
  const random = new HostRandom(1);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal());
  return { form, M, N, K, a: values(M * K), b: values(K * N) };
}

/** @throws Error where an element is not the sum that it should be; some are checked. */
function check({ form, M, N, K, a, b }: Product, out: Float32Array, { name, on }: Peer): void {
  const random = new HostRandom(2);
  for (let n = 0; n < CHECKED; n++) {
    const [row, column] = [random.integer(M), random.integer(N)];
    let [sum, size] = [0, 0];
    for (let k = 0; k < K; k++) {
      const left = form === 'tn' ? a[k * M + row]! : a[row * K + k]!;
      const right = form === 'nt' ? b[column * K + k]! : b[k * N + column]!;
      sum += left * right;
      size += Math.abs(left * right);
    }
    const error = Math.abs(out[row * N + column]! - sum) / size;
    if (!(error <= TOLERANCE))
      throw new Error(`${name} on ${on} multiplies ${form} wrongly: ${error} away.`);
  }
}
