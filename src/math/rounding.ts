/**
 * Rounding as NumPy and Python do it. The windows of the original implementation depend on it: with
 * another rounding, spikes fall into other bins.
 */

/** Rounds to the nearest integer, and halves to the even one, as Python's `round`. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction < 0.5) return below;
  if (fraction > 0.5) return below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Below this, float64 is exact to a thousandth. */
const MAX_EXACT = 2 ** 42;

/** Rounds to a number of decimals, with exactly the result of `Number(value.toFixed(decimals))`. */
export function roundDecimals(value: number, decimals: number): number {
  const scaled = value * 10 ** decimals;
  const nearest = Math.round(scaled);
  // The product has a rounding error, which matters only if two decimals are almost equally near;
  // then the slow conversion through text decides.
  const isCertain =
    Math.abs(nearest - scaled) < 0.499 && Math.abs(scaled) < MAX_EXACT && value !== 0;
  return isCertain ? nearest / 10 ** decimals : Number(value.toFixed(decimals));
}

/** A time rounded to a multiple of dt, as Python's `round(dt * round(value / dt), 6)`. */
export function roundToStep(value: number, dt: number): number {
  return roundDecimals(dt * roundHalfEven(value / dt), 6);
}

/**
 * How many values `numpy.arange(start, stop, step)` has. It excludes `stop`, which a rounding error
 * can still include.
 */
export function arangeLength(start: number, stop: number, step: number): number {
  return Math.max(0, Math.ceil((stop - start) / step));
}

/**
 * The values start, start + step, ... below `stop`, as `numpy.arange(start, stop, step)`. NumPy
 * adds multiples of the difference of its first two values, which is not quite the step.
 */
export function arange(start: number, stop: number, step: number): Float64Array {
  const second = start + step;
  const difference = second - start;
  return Float64Array.from({ length: arangeLength(start, stop, step) }, (_, n) =>
    n === 1 ? second : start + n * difference,
  );
}

/** The largest multiple of 0.1 that is not above a value. */
export function floorToTenth(value: number): number {
  return Math.floor(10 * value) / 10;
}
