/**
 * Step 1b: which `<` and `>` enclose a template list, and which compare or shift (WGSL, section
 * 3.9). The tokens alone decide: a `<` after a word opens a list if a `>` at the same depth of
 * parentheses follows before the expression ends.
 *
 *   in    array<vec2<u32>, 4>()         a < b && c > d
 *   out   all four are template         both are symbols, since && ends the first comparison
 *
 * Why: WGSL defines this as a step before the grammar. With it, the parser never has to backtrack.
 */

import type { Token } from './tokens.js';

/** A template list cannot extend past these symbols. */
const EXPRESSION_ENDS = new Set([';', '{', ':']);
const ASSIGNMENT = /^(?:=|[-+*/%&|^]=|<<=|>>=)$/;

/**
 * Returns the tokens with those around template lists marked. A `>>` that closes two lists becomes
 * two tokens.
 */
export function markTemplates(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  /**
   * The positions in `result` of each `<` that may still be closed, and the depth of parentheses
   * and brackets around it.
   */
  let open: { index: number; depth: number }[] = [];
  let depth = 0;
  const visit = (token: Token): void => {
    const { kind, text, position } = token;
    if (kind !== 'symbol') {
      result.push(token);
    } else if (text === '<' && result.at(-1)?.kind === 'word') {
      open.push({ index: result.length, depth });
      result.push(token);
    } else if (text.startsWith('>') && open.at(-1)?.depth === depth) {
      const { index } = open.pop()!;
      result[index] = { ...result[index]!, kind: 'template' };
      result.push({ kind: 'template', text: '>', position });
      if (text.length > 1) visit({ kind: 'symbol', text: text.slice(1), position: position + 1 });
    } else {
      if (text === '(' || text === '[') depth += 1;
      if (text === ')' || text === ']' || text === '&&' || text === '||')
        open = open.filter((candidate) => candidate.depth < depth);
      if (text === ')' || text === ']') depth = Math.max(0, depth - 1);
      if (EXPRESSION_ENDS.has(text) || ASSIGNMENT.test(text)) {
        open = [];
        depth = 0;
      }
      result.push(token);
    }
  };
  tokens.forEach(visit);
  return result;
}
