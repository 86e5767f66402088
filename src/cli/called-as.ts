/** How the program was called, for the commands that it prints. */

/**
 * `npx neuroformer` where npx ran it, which leaves its script in the environment, or else
 * `neuroformer`.
 */
export function calledAs(env: Readonly<Record<string, string | undefined>>): string {
  const isNpx =
    env.npm_lifecycle_event === 'npx' && /^['"]?neuroformer\b/.test(env.npm_lifecycle_script ?? '');
  return isNpx ? 'npx neuroformer' : 'neuroformer';
}

/** The program, as it was called. */
export const PROGRAM = calledAs(process.env);

/**
 * A command that can be typed as it is: words that a shell would divide or change are quoted.
 *
 * @param words of the command after the program's name
 */
export function commandLine(...words: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replace(/["$`\\]/g, '\\$&')}"`,
  );
  return [PROGRAM, ...quoted].join(' ');
}
