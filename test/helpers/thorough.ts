/** Whether everything is tried, as continuous integration does: NEUROFORMER_THOROUGH=1. `npm test` alone tries a part. */
export const THOROUGH = process.env.NEUROFORMER_THOROUGH === '1';

/** So many tries, or a fifth of them. */
export function tries(count: number): number {
  return THOROUGH ? count : Math.ceil(count / 5);
}
