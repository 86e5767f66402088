/** Names of files, and of things in files, for what may have any name. */

/** Characters that a name keeps at most, so that a file system takes it: four bytes each. */
const MAX_CHARACTERS = 40;

/**
 * A name of a file for each name: letters and digits of any script, hyphens and underscores stay,
 * and anything else becomes a hyphen. Names that would be the same file, also where a file system
 * does not tell letters by case, are numbered: 'speed', 'Speed-2'.
 *
 * @param names all that share a folder, the same in the same order each time.
 */
export function fileNames(names: readonly string[]): string[] {
  const short = names.map((name) => {
    const plain = name.normalize('NFC').replaceAll(/[^\p{L}\p{M}\p{N}_]+/gu, '-');
    return [...plain].slice(0, MAX_CHARACTERS).join('');
  });
  return numberRepeated(short, '-', (name) => name.toLowerCase());
}

/**
 * The names, with a number after each that an earlier one already has: 'a', 'a_2'.
 *
 * @param separator what is between a name and its number.
 * @param keyOf what must differ between two names. Default: the names themselves.
 */
export function numberRepeated(
  names: readonly string[],
  separator: string,
  keyOf: (name: string) => string = (name) => name,
): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(keyOf(unique)); n++) unique = `${name}${separator}${n}`;
    taken.add(keyOf(unique));
    return unique;
  });
}
