/** Probabilities and quantiles of distributions. */

/**
 * The probability that a standard normal number is below x, to 1e-7 (Abramowitz and Stegun 1964,
 * 7.1.26).
 */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (series * Math.exp(-z * z)) / 2;
  return x < 0 ? tail : 1 - tail;
}

/** The number that a standard normal number is below with a probability between 0 and 1. */
export function normalQuantile(probability: number): number {
  let [low, high] = [-10, 10];
  // Halved until the interval is as short as numbers near it are apart.
  for (let n = 0; n < 60; n++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Points in the sum that approximates an integral. */
const POINTS = 4000;

/**
 * The number that Student's t is below with a probability.
 *
 * With t = sqrt(freedom) tan(a), its density in a is proportional to cos(a)^(freedom - 1).
 *
 * @param probability from 0.5 up to 1
 * @param freedom degrees of freedom, 1 or more, which need not be whole
 */
export function studentQuantile(probability: number, freedom: number): number {
  const width = Math.PI / 2 / POINTS;
  const density = Float64Array.from(
    { length: POINTS },
    (_, n) => Math.cos((n + 0.5) * width) ** (freedom - 1),
  );
  const total = density.reduce((sum, value) => sum + value, 0);
  let left = (2 * probability - 1) * total;
  let n = 0;
  while (n < POINTS - 1 && left > density[n]!) left -= density[n++]!;
  return Math.sqrt(freedom) * Math.tan((n + left / density[n]!) * width);
}
