/**
 * Step 1a: the text of a shader becomes a list of tokens.
 *
 *   in    out[i + 1u] = 2.0 * x[i]; // twice
 *   out   word out, symbol [, word i, symbol +, number 1u, symbol ], symbol =, number 2.0, ..., end
 *
 * Why: later steps need not deal with comments and whitespace. Each token keeps its position, so
 * every later error can name a line and column.
 */

import { failAt, type Position } from '../source.js';

/** A word, number or symbol of a shader, or its end. */
export interface Token {
  /**
   * `template` is a `<` or `>` around a template list (templates.ts); `tokenize` never returns it.
   */
  readonly kind: 'word' | 'number' | 'symbol' | 'template' | 'end';
  readonly text: string;
  readonly position: Position;
}

/** Longest first: the first one that matches is taken. */
const SYMBOLS = [
  ...['<<=', '>>='],
  ...['->', '&&', '||', '==', '!=', '<=', '>=', '<<', '>>', '++', '--'],
  ...['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^='],
  ...['(', ')', '[', ']', '{', '}', ';', ':', ',', '.', '@', '=', '<', '>'],
  ...['+', '-', '*', '/', '%', '&', '|', '^', '!', '~'],
];

const WHITESPACE = /[ \t\n\v\f\r\u0085\u200e\u200f\u2028\u2029]+/uy;
const LINE_COMMENT = /\/\/[^\n\v\f\r\u0085\u2028\u2029]*/uy;
const WORD = /[\p{XID_Start}_]\p{XID_Continue}*/uy;
/** Hexadecimal floats, decimal floats, then integers; the suffix is part of the number. */
const NUMBER =
  /0[xX](?:[0-9a-fA-F]*\.[0-9a-fA-F]+|[0-9a-fA-F]+\.[0-9a-fA-F]*)(?:[pP][+-]?\d+[fh]?)?|0[xX][0-9a-fA-F]+(?:[pP][+-]?\d+[fh]?|[iu]?)|(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fh]?|\d+[eE][+-]?\d+[fh]?|\d+[fhiu]?/uy;

/**
 * Splits a shader into tokens.
 *
 * @throws WgslError at the first character that starts no token.
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0];
  };
  while (position < text.length) {
    const skipped = match(WHITESPACE) ?? match(LINE_COMMENT) ?? blockComment(text, position);
    if (skipped) {
      position += skipped.length;
      continue;
    }
    const token = tokenAt(text, position, match);
    tokens.push(token);
    position += token.text.length;
  }
  tokens.push({ kind: 'end', text: 'the end of the shader', position: text.length });
  return tokens;
}

function tokenAt(
  text: string,
  position: Position,
  match: (p: RegExp) => string | undefined,
): Token {
  const number = match(NUMBER);
  if (number) {
    const next = text[position + number.length] ?? '';
    if (/[\p{XID_Continue}]/u.test(next))
      failAt(text, position, `"${number}${next}" is neither a number nor a name`);
    return { kind: 'number', text: number, position };
  }
  const word = match(WORD);
  if (word && word !== '_' && word.startsWith('__'))
    failAt(text, position, `"${word}": a name cannot start with two underscores`);
  if (word) return { kind: 'word', text: word, position };
  const symbol = SYMBOLS.find((s) => text.startsWith(s, position));
  if (symbol) return { kind: 'symbol', text: symbol, position };
  return failAt(
    text,
    position,
    `the character ${JSON.stringify(text[position])} does not start a WGSL token`,
  );
}

/**
 * Returns the block comment at a position, with the comments nested in it; `undefined` where none
 * starts.
 */
function blockComment(text: string, start: Position): string | undefined {
  if (!text.startsWith('/*', start)) return undefined;
  let depth = 0;
  for (let position = start; position < text.length; position++) {
    if (text.startsWith('/*', position)) {
      depth += 1;
      position += 1;
    } else if (text.startsWith('*/', position)) {
      depth -= 1;
      position += 1;
      if (depth === 0) return text.slice(start, position + 1);
    }
  }
  return failAt(text, start, 'this comment is not closed: "*/" is missing');
}
