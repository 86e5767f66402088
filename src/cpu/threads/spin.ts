/** Waiting without sleeping, for events that are likely to come within microseconds. */

/** Reading the clock costs as much as reading many words of memory. */
const CHECKS_PER_CLOCK_READ = 64;

/**
 * Checks a condition again and again.
 *
 * @param milliseconds how long to try.
 * @returns whether the condition became true within that time.
 */
export function spinUntil(condition: () => boolean, milliseconds: number): boolean {
  const start = performance.now();
  do {
    for (let check = 0; check < CHECKS_PER_CLOCK_READ; check++) if (condition()) return true;
  } while (performance.now() - start < milliseconds);
  return false;
}
