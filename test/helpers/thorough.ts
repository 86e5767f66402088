/**
 * Whether to run all cases, as continuous integration does with NEUROFORMER_THOROUGH=1; `npm test`
 * runs only some.
 */
export const THOROUGH = process.env.NEUROFORMER_THOROUGH === '1';

/** How many random cases to run: `count` in a thorough run, else a fifth of it. */
export function caseCount(count: number): number {
  return THOROUGH ? count : Math.ceil(count / 5);
}
