/** Probabilities and quantiles of distributions. */

/** The complementary error function, accurate to 1e-14. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) return 1 - erfSeries(x);
  // Lentz's continued fraction, Abramowitz and Stegun 7.1.14.
  let fraction = 0;
  for (let n = 200; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

/**
 * The error function by Abramowitz and Stegun 7.1.6, whose terms are all positive, so that nothing
 * cancels.
 */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** The probability that a standard normal number is below x. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x / Math.SQRT2);
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
