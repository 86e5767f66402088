/** Angles on their circle, in any unit: `period` is a full turn in it. */

/** An angle's cosine and sine. */
export function cosineAndSine(angle: number, period: number): [number, number] {
  const radians = (2 * Math.PI * angle) / period;
  return [Math.cos(radians), Math.sin(radians)];
}

/** The angle with such a cosine and sine, of any common length: from 0 up to a full turn. */
export function angleFromCosineSine(cosine: number, sine: number, period: number): number {
  return modulo((Math.atan2(sine, cosine) / (2 * Math.PI)) * period, period);
}

/** The same angle from 0 up to a full turn. */
export function modulo(angle: number, period: number): number {
  const rest = angle - period * Math.floor(angle / period);
  // Just below 0 rounds up to a full turn.
  return rest < period ? rest : 0;
}

/** The same angle from half a turn below 0 up to half a turn above it. */
export function wrapped(angle: number, period: number): number {
  return angle - period * Math.floor(angle / period + 0.5);
}

/** The direction of the sum of angles' unit vectors, from 0 up to a full turn; NaN where they cancel. */
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
  // What cancels leaves rounding, which has a direction that says nothing.
  return Math.hypot(x, y) > 1e-9 * total ? angleFromCosineSine(x, y, period) : Number.NaN;
}
