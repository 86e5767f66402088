/** Waiting without sleeping, for what is likely to come within microseconds. */

/** A look at the clock costs as much as many looks at a word of memory. */
const LOOKS_PER_CLOCK = 64;

/** Looks at a condition again and again. @returns whether it became true within the time. */
export function spinUntil(condition: () => boolean, milliseconds: number): boolean {
  const start = performance.now();
  do {
    for (let look = 0; look < LOOKS_PER_CLOCK; look++) if (condition()) return true;
  } while (performance.now() - start < milliseconds);
  return false;
}
