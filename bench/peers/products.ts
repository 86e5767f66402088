/** Times the products of linear layers in every library, in turn with a loop in registers. */

import { HostRandom } from '../../src/engine.js';
import { alignedTable } from '../../src/text/table.js';
import { formatNumber, race, summarizeTimes } from '../measure.js';
import { FORMS, type Form, type Multiplier, onThreads, type Peer, type Product } from './peer.js';
import { RegisterLoop } from './registers.js';

/** [M, K, N]: a square product, and the first linear layer of an MLP. */
const SIZES = [
  [512, 512, 512],
  [2400, 256, 1024],
] as const;
const ROUNDS = 5;
const ROUND_MILLISECONDS = 60;
const MAX_REPEATS = 50;
const CHECKED_ELEMENTS = 200;
/** The maximum error of an element, as a share of the sum of its absolute terms. */
const TOLERANCE = 1e-5;

/**
 * Multiplies with each library. Prints GFLOP/s, and the share of the rate of a loop in registers on
 * as many threads.
 */
export async function raceProducts(peers: readonly Peer[], threads: number): Promise<void> {
  const multiplyingPeers = peers.filter((peer) => peer.multiplier);
  const loops = [1, threads].slice(0, threads > 1 ? 2 : 1);
  const columns: string[][] = [];
  for (const [M, K, N] of SIZES) {
    for (const form of FORMS) {
      const product = draw(form, M, K, N);
      columns.push(await raceProduct(product, multiplyingPeers, loops));
    }
  }
  const heads = SIZES.flatMap(([M, K, N]) => FORMS.map((form) => `${form} ${M} x ${K} x ${N}`));
  const names = [
    ...multiplyingPeers.map(({ name, on }) => `${name}, ${on}`),
    ...loops.map((n) => `loop in registers, ${onThreads(n)}`),
  ];
  console.log(`GFLOP/s, medians of ${ROUNDS} rounds in turn; share of the loop in registers`);
  const rows = names.map((name, n) => [name, ...columns.map((column) => column[n]!)]);
  console.log(alignedTable([['', ...heads], ...rows]));
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
    const repeats = Math.ceil(Math.min(MAX_REPEATS, ROUND_MILLISECONDS / milliseconds));
    multipliers.push(multiplier);
    contenders.push(() => multiplier.run(repeats));
  }
  const registers = await Promise.all(loops.map((threads) => RegisterLoop.open(threads)));
  const flop = 2 * M * N * K;
  // The rate of the loop as the milliseconds that the product would take at that rate.
  contenders.push(...registers.map((loop) => async () => flop / (await loop.run()) / 1e6));
  const rates = (await race(contenders, ROUNDS)).map(({ median }) => flop / median / 1e6);
  for (const multiplier of multipliers) await multiplier.dispose();
  for (const loop of registers) loop.close();
  return rates.map((rate, n) => {
    const peak = loops.findIndex((threads) => peers[n]?.on === onThreads(threads));
    if (peak < 0) return formatNumber(rate);
    return `${formatNumber(rate)} (${Math.round((100 * rate) / rates[peers.length + peak]!)}%)`;
  });
}

function draw(form: Form, M: number, K: number, N: number): Product {
  const random = new HostRandom(1);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal());
  return { form, M, N, K, a: values(M * K), b: values(K * N) };
}

/** @throws Error where one of CHECKED_ELEMENTS random elements is wrong. */
function check({ form, M, N, K, a, b }: Product, out: Float32Array, { name, on }: Peer): void {
  const random = new HostRandom(2);
  for (let n = 0; n < CHECKED_ELEMENTS; n++) {
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
      throw new Error(`${name} on ${on} computes a wrong ${form} product: its error is ${error}.`);
  }
}
