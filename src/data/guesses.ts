/** What guesses at files of any format share. */

/** A description as YAML has it, and what was taken for granted in it, in sentences. */
export interface Guess {
  readonly raw: object;
  readonly notes: readonly string[];
}

/** Seconds past which nothing at the beginning is taken for a clock that began before. */
const LATE = 60;

/** Where a session begins whose clock began long before: seconds of the first and the last thing recorded. */
export function startAt(first: number, end: number, notes: string[]): { start?: number } {
  if (first < LATE && first * 10 < end) return {};
  const start = Math.floor(first);
  notes.push(`Nothing was recorded before ${first} s: the session begins at ${start} s.`);
  return { start };
}

/** The name of a variable for what a file calls it. */
export function keyOf(name: string): string {
  return name.replace(/[^\w]+/g, '_');
}
