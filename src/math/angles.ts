/** Circular arithmetic. Angles have any unit; `period` is a full turn in that unit (360, 2π). */

/** The cosine and sine of an angle. */
export function cosineAndSine(angle: number, period: number): [number, number] {
  const radians = (2 * Math.PI * angle) / period;
  return [Math.cos(radians), Math.sin(radians)];
}

/**
 * The angle of the vector (cosine, sine), whatever its length, in [0, period): the inverse of
 * `cosineAndSine`.
 */
export function angleFromCosineSine(cosine: number, sine: number, period: number): number {
  return wrapToTurn((Math.atan2(sine, cosine) / (2 * Math.PI)) * period, period);
}

/** The same angle in [0, period). */
export function wrapToTurn(angle: number, period: number): number {
  const remainder = angle - period * Math.floor(angle / period);
  // An angle just below 0 can round up to the full period.
  return remainder < period ? remainder : 0;
}

/** The same angle in [-period / 2, period / 2). */
export function wrapToHalfTurn(angle: number, period: number): number {
  return angle - period * Math.floor(angle / period + 0.5);
}

/**
 * The circular mean: the direction of the sum of the angles' unit vectors, in [0, period). NaN
 * where the vectors cancel or there are none.
 *
 * @param weights of each angle, not negative; default: all equal.
 */
export function meanDirection(
  angles: ArrayLike<number>,
  period: number,
  weights?: ArrayLike<number>,
): number {
  let [x, y, total] = [0, 0, 0];
  for (let n = 0; n < angles.length; n++) {
    const weight = weights?.[n] ?? 1;
    const [cosine, sine] = cosineAndSine(angles[n]!, period);
    x += weight * cosine;
    y += weight * sine;
    total += weight;
  }
  // Vectors that cancel leave a rounding error, whose direction means nothing.
  return Math.hypot(x, y) > 1e-9 * total ? angleFromCosineSine(x, y, period) : Number.NaN;
}
