/**
 * The tokens of a shader one after the other, as the parser takes them: what comes next, whether it is what the grammar
 * expects there, and the error where it is not.
 */

import { failAt, type Position } from '../source.js';
import { markTemplates } from './templates.js';
import { type Token, tokenize } from './tokens.js';

/** Words that mean something to the grammar, so that no declaration may take them. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  ...['alias', 'break', 'case', 'const', 'const_assert', 'continue', 'continuing', 'default'],
  ...['diagnostic', 'discard', 'else', 'enable', 'false', 'fn', 'for', 'if', 'let', 'loop'],
  ...['override', 'requires', 'return', 'struct', 'switch', 'true', 'var', 'while'],
]);

/** Words that WGSL keeps for later versions of the language (WGSL, section 16.2). */
const RESERVED = new Set(
  `
  NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become
  cast catch class co_await co_return co_yield coherent column_major common compile
  compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete
  demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough
  filter final finally friend from fxgroup get goto groupshared highp impl implements import
  inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut
  mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent
  noperspective null nullptr of operator package packoffset partition pass patch pixelfragment
  precise precision premerge priv protected pub public readonly ref regardless register
  reinterpret_cast require resource restrict self set shared sizeof smooth snorm static
  static_assert static_cast std subroutine super target template this thread_local throw trait try
  type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual
  volatile wgsl where with writeonly yield
`.match(/\w+/g),
);

/** How deep statements and operands may be nested: WGSL asks for 127 blocks (section 2.4). */
const MAX_NESTING = 128;

/** Reads a shader's tokens. */
export class TokenReader {
  readonly #text: string;
  readonly #list: Token[];
  #next = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
    this.#list = markTemplates(tokenize(text));
  }

  /** The token after the next one. */
  get lookahead(): Token {
    return this.#list[this.#next + 1]!;
  }

  /** The next token, which stays the next. */
  get peek(): Token {
    return this.#list[this.#next]!;
  }

  /** The symbol here, or nothing where a word, a number or a template list's `<` stands. */
  get operator(): string {
    return this.peek.kind === 'symbol' ? this.peek.text : '';
  }

  /** Whether the next token has this text. */
  nextIs(text: string): boolean {
    return this.peek.text === text;
  }

  nextIsTemplate(text: '<' | '>'): boolean {
    return this.peek.kind === 'template' && this.peek.text === text;
  }

  /** Takes the next token; the end stays where it is. */
  advance(): Token {
    const token = this.peek;
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  /** Takes the next token if it is this word or symbol; whether it was. */
  take(text: string): boolean {
    const { kind } = this.peek;
    if ((kind !== 'word' && kind !== 'symbol') || this.peek.text !== text) return false;
    this.#next += 1;
    return true;
  }

  /** Takes a token that must be this one. @param why for the error. */
  expect(text: string, why: string): Token {
    const token = this.peek;
    if (!this.take(text)) {
      const actual = token.kind === 'end' ? token.text : `"${token.text}"`;
      this.fail(token.position, `"${text}" is expected ${why}, not ${actual}`);
    }
    return token;
  }

  closeTemplate(): Token {
    if (!this.nextIsTemplate('>')) this.expect('>', 'to close a template list');
    return this.advance();
  }

  /** A word that is used as a name. */
  word(what: string): Token {
    const token = this.advance();
    if (token.kind !== 'word' || KEYWORDS.has(token.text))
      this.fail(token.position, `${what} is expected here, not "${token.text}"`);
    return token;
  }

  /** A word that is declared, or that stands for a declared one. */
  name(): Token {
    const token = this.word('a name');
    if (RESERVED.has(token.text) || token.text === '_')
      this.fail(token.position, `"${token.text}" is a reserved word`);
    return token;
  }

  /** In an expression `--` is two signs: `a--b` is `a - -b`. */
  splitSigns(): void {
    const { text, position } = this.peek;
    if (text !== '--') return;
    const sign = (n: number) => ({ kind: 'symbol', text: '-', position: position + n }) as const;
    this.#list.splice(this.#next, 1, sign(0), sign(1));
  }

  /** Parses what is nested in what is being parsed. */
  nested<T>(parseNested: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING)
      this.fail(this.peek.position, `this is nested more than ${MAX_NESTING} deep`);
    const result = parseNested();
    this.#nesting -= 1;
    return result;
  }

  /** @throws WgslError at an offset. */
  fail(position: Position, rule: string): never {
    return failAt(this.#text, position, rule);
  }
}
