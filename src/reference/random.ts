/**
 * The kernels' random numbers, bit for bit, with the masks of dropout and the draws of sampling.
 */

type Words = readonly [number, number, number, number];

/** The random stream of one dropout or draw: the seed and step of a RandomState, and a site. */
export interface Stream {
  /** A non-negative integer below 2^53. */
  seed: number;
  /** The step of the RandomState. */
  step: number;
  /** The id of the dropout or the draw. */
  site: number;
}

/** pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020, on four u32. */
export function hash4(key: Words): Words {
  let [x, y, z, w] = key.map((k) => (Math.imul(k, 1664525) + 1013904223) | 0) as [
    number,
    number,
    number,
    number,
  ];
  const mix = () => {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
  };
  mix();
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  mix();
  return [x >>> 0, y >>> 0, z >>> 0, w >>> 0];
}

/** The two words that kernels read for a seed and a step. */
function streamWords(seed: number, step: number): readonly [number, number] {
  const [x, y] = hash4(hash4([seed % 2 ** 32, Math.floor(seed / 2 ** 32), step, 0]));
  return [x, y];
}

/** Elements with a random word below this are kept. */
function keepThreshold(rate: number): number {
  return Math.min(Math.floor((1 - rate) * 2 ** 32), 2 ** 32 - 1);
}

/** The factor of each element in dropout: 0, or 1 / (1 - rate). */
export function dropoutMask({ seed, step, site }: Stream, rate: number, length: number) {
  return Float64Array.from({ length }, (_, element) => {
    const words = hash4([Math.floor(element / 4), site, ...streamWords(seed, step)]);
    return words[element % 4]! < keepThreshold(rate) ? 1 / (1 - rate) : 0;
  });
}

/**
 * The factor of a probability in attention's dropout, at score row (b * heads + h) * T + i and key
 * j.
 */
export function attentionKeep(
  seed: number,
  step: number,
  site: number,
  row: number,
  key: number,
  rate: number,
): number {
  const [x, y] = streamWords(seed, step);
  const words = hash4([Math.floor(key / 4), row, x, y ^ site]);
  return words[key % 4]! < keepThreshold(rate) ? 1 / (1 - rate) : 0;
}

/** The uniform number of a row's draw, from 0 up to but not including 1. */
export function sampleUniform({ seed, step, site }: Stream, row: number): number {
  return (hash4([row, site, ...streamWords(seed, step)])[0] >>> 8) / 2 ** 24;
}
