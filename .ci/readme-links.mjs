/**
 * The links of the READMEs as they are published. Most of what they link to is not in the package,
 * so there every link leads to the repository, at the tag of the version: also on pages that show
 * a README by itself, such as npm's.
 *
 *     node .ci/readme-links.mjs absolute   before packing
 *     node .ci/readme-links.mjs relative   after it
 *
 * `npm pack` and `npm publish` run both.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { repository, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const address = repository.url.replace(/^git\+/, '').replace(/\.git$/, '');
/** Where the repository has the bytes of pictures, and pages of everything else. */
const BYTES = `${address}/raw/v${version}`;
const PAGES = `${address}/blob/v${version}`;

/** A picture or a link that leads to a file: neither to an address nor to a heading of the page. */
const RELATIVE_LINK = /(!?)(\[[^\]\n]*\]\()(?![a-z]+:|#)([^)\s]+)\)/g;

/** The READMEs that are packed, from the root of the repository. */
export function packedReadmes() {
  const rooms = readdirSync(join(root, 'src')).map((room) => `src/${room}/README.md`);
  return ['README.md', ...rooms.filter((path) => existsSync(join(root, path)))];
}

/**
 * A README with links to the repository.
 *
 * @param path of the README, from the root of the repository
 */
export function withAbsoluteLinks(markdown, path) {
  return markdown.replace(
    RELATIVE_LINK,
    (_, picture, opening, target) =>
      `${picture}${opening}${picture ? BYTES : PAGES}/${posix.join(dirname(path), target)})`,
  );
}

/** The README that {@link withAbsoluteLinks} was given. */
export function withRelativeLinks(markdown, path) {
  return markdown.replace(/\]\(([^)\s]+)\)/g, (link, target) => {
    const base = [BYTES, PAGES].find((start) => target.startsWith(`${start}/`));
    if (!base) return link;
    return `](${posix.relative(dirname(path), target.slice(base.length + 1))})`;
  });
}

if (basename(argv[1]) === 'readme-links.mjs') {
  const rewrite = { absolute: withAbsoluteLinks, relative: withRelativeLinks }[argv[2]];
  if (!rewrite) throw new Error('Say how links should be: absolute or relative.');
  for (const readme of packedReadmes()) {
    const file = join(root, readme);
    writeFileSync(file, rewrite(readFileSync(file, 'utf8'), readme));
  }
}
