// Copies of shared code inside shaders. WGSL has no imports, and every shaders/*.wgsl should be
// valid by itself. Code that several kernels share is therefore written once, in
// shaders/helpers/NAME.wgsl, and copied between two marker lines into every shader that uses it:
//
//   // begin helpers/load_chunk.wgsl for query (generated: edit there)
//   fn load_query(start: u32, c: u32) -> vec4f { ... }
//   // end helpers/load_chunk.wgsl
//
// Nor can a WGSL function take a storage buffer as an argument. A helper that reads or writes a
// buffer calls it BUFFER; `for query` in the marker replaces BUFFER by the name of a binding.

const MARKER = /^\/\/ (begin|end) helpers\b/;
const BEGIN = /^\/\/ begin helpers\/(\w+)\.wgsl(?: for (\w+))? \(generated: edit there\)$/;
const PLACEHOLDER = 'BUFFER';

/**
 * Brings every copy in a shader up to date.
 *
 * @param {string} source the shader
 * @param {ReadonlyMap<string, string>} helpers text of shaders/helpers/NAME.wgsl by NAME
 * @returns {{ source: string, used: string[], stale: string[] }} the shader, the names of the
 *   helpers that it has copies of, and of those whose copies were stale
 * @throws Error that begins with the line number, where a marker is malformed or not closed or
 *   names an unknown helper
 */
export function refreshCopies(source, helpers) {
  const lines = source.split('\n');
  const result = [];
  const used = [];
  const stale = [];
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n];
    result.push(line);
    if (!MARKER.test(line)) continue;
    const fail = (problem) => {
      throw new Error(`line ${n + 1}: ${problem}`);
    };
    const [, name, buffer] =
      BEGIN.exec(line) ??
      fail(
        `"${line}" does not begin a copy; it should read "// begin helpers/NAME.wgsl (generated: ` +
          `edit there)", with " for BINDING" after .wgsl where the helper has a ${PLACEHOLDER}`,
      );
    const text = helperText(name, buffer, helpers, fail);
    const end = lines.findIndex((other, m) => m > n && MARKER.test(other));
    if (end < 0 || lines[end] !== `// end helpers/${name}.wgsl`)
      fail(`the copy of helpers/${name}.wgsl has no "// end helpers/${name}.wgsl"`);
    if (lines.slice(n + 1, end).join('\n') !== text) stale.push(name);
    used.push(name);
    result.push(text, lines[end]);
    n = end;
  }
  return { source: result.join('\n'), used, stale };
}

function helperText(name, buffer, helpers, fail) {
  const text = helpers.get(name)?.trimEnd();
  if (text === undefined)
    fail(
      `there is no shaders/helpers/${name}.wgsl; the helpers are ${[...helpers.keys()].join(', ')}`,
    );
  const hasPlaceholder = text.includes(PLACEHOLDER);
  if (hasPlaceholder && !buffer)
    fail(
      `helpers/${name}.wgsl needs the name of a binding: // begin helpers/${name}.wgsl for BINDING (...)`,
    );
  if (!hasPlaceholder && buffer)
    fail(`helpers/${name}.wgsl has no ${PLACEHOLDER} that ${buffer} could stand for`);
  return hasPlaceholder ? text.replaceAll(PLACEHOLDER, buffer) : text;
}

/** The shader without its copies: what is written in this file alone. */
export function withoutCopies(source) {
  return source.replaceAll(
    /^\/\/ begin helpers\/(\w+)\.wgsl[\s\S]*?^\/\/ end helpers\/\1\.wgsl$/gm,
    '',
  );
}
