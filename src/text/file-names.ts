/** Names of files for things whose own names may have any characters. */

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
  const taken = new Set<string>();
  return names.map((name) => {
    const plain = name.normalize('NFC').replaceAll(/[^\p{L}\p{M}\p{N}_]+/gu, '-');
    const short = [...plain].slice(0, MAX_CHARACTERS).join('');
    let file = short;
    for (let n = 2; taken.has(file.toLowerCase()); n++) file = `${short}-${n}`;
    taken.add(file.toLowerCase());
    return file;
  });
}
