// Finds stores to single components of vectors in workgroup and storage memory. WGSL lets a write
// of a component access the whole vector (section "Component Reference from Vector Memory View"),
// so invocations that write components of one vector race. It is no error where one invocation owns
// the vector, which the line above the store then says.

/** The comment that a store to a component needs. */
export const OWNED = '// One invocation owns the vector.';

const VARIABLE = /\bvar<(?:workgroup|storage, *read_write)>\s+(\w+)\s*:\s*((?:array<)*)vec[234]/g;

/**
 * The stores of a shader to components of vectors that others may share: the line, from 1, and the
 * name of the variable.
 *
 * @param {string} source
 * @returns {{ line: number, name: string }[]}
 */
export function componentStores(source) {
  const lines = source.split('\n');
  const code = lines.map((line) => line.replace(/\/\/.*/, '')).join('\n');
  const stores = [];
  for (const [, name, arrays] of code.matchAll(VARIABLE)) {
    const depth = arrays.length / 'array<'.length;
    for (const { index } of code.matchAll(new RegExp(`(?<![\\w.])${name}(?=\\s*[.[])`, 'g'))) {
      const { indices, swizzle, rest } = readPath(code, index + name.length);
      if (!/^\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)|^\s*(?:\+\+|--)/.test(code.slice(rest))) continue;
      const line = code.slice(0, index).split('\n').length;
      const isOwned = lines[line - 2]?.trim() === OWNED;
      if ((swizzle || indices > depth) && !isOwned) stores.push({ line, name });
    }
  }
  return stores.sort((p, q) => p.line - q.line);
}

/** What follows a variable's name: the number of its indices, and whether a component is named. */
function readPath(code, start) {
  let rest = start;
  let indices = 0;
  for (;;) {
    while (/\s/.test(code[rest] ?? '')) rest += 1;
    if (code[rest] !== '[') break;
    for (let depth = 0; rest < code.length; ) {
      depth += Number(code[rest] === '[') - Number(code[rest] === ']');
      rest += 1;
      if (depth === 0) break;
    }
    indices += 1;
  }
  const [member = ''] = /^\.\s*[xyzwrgba]+\b/.exec(code.slice(rest)) ?? [];
  return { indices, swizzle: member !== '', rest: rest + member.length };
}
