/** Rounding as NumPy and Python do it, which the original's windows depend on to the last bin. */

/** To the nearest integer, halves to the even one. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest < 0.5) return below;
  if (rest > 0.5) return below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Numbers up to here are exact to a thousandth. */
const MAX_PLAIN = 2 ** 42;

/** To so many decimals, by way of the decimal form. */
export function roundDecimals(value: number, decimals: number): number {
  const scaled = value * 10 ** decimals;
  const nearest = Math.round(scaled);
  // The product is off by some units in its last place: which decimal is the nearest is plain unless two nearly are.
  const isPlain = Math.abs(nearest - scaled) < 0.499 && Math.abs(scaled) < MAX_PLAIN && value !== 0;
  return isPlain ? nearest / 10 ** decimals : Number(value.toFixed(decimals));
}

/** A time brought to a multiple of dt: round(dt * round(value / dt), 6). */
export function roundToStep(value: number, dt: number): number {
  return roundDecimals(dt * roundHalfEven(value / dt), 6);
}

/** How many values `numpy.arange(start, stop, step)` has: the end left out but for rounding. */
export function arangeLength(start: number, stop: number, step: number): number {
  return Math.max(0, Math.ceil((stop - start) / step));
}

/** `numpy.arange(start, stop, step)`. */
export function arange(start: number, stop: number, step: number): Float64Array {
  return Float64Array.from({ length: arangeLength(start, stop, step) }, (_, n) => start + n * step);
}
