/** Patterns of names in which `*` stands for any text. */

/**
 * Whether a name matches a pattern. A regular expression would try all ways to divide the name over
 * the stars; the first place of each literal is enough.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const literal of others) {
    const found = name.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
