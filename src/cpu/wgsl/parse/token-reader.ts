/**
 * A cursor over a shader's tokens: what comes next, whether it is what the grammar expects, and the
 * error if it is not.
 */

import { failAt, type Position } from '../source.js';
import { markTemplates } from './templates.js';
import { type Token, tokenize } from './tokens.js';

/** WGSL's keywords, which cannot be declared as names. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  ...['alias', 'break', 'case', 'const', 'const_assert', 'continue', 'continuing', 'default'],
  ...['diagnostic', 'discard', 'else', 'enable', 'false', 'fn', 'for', 'if', 'let', 'loop'],
  ...['override', 'requires', 'return', 'struct', 'switch', 'true', 'var', 'while'],
]);

/** The words that WGSL reserves for later versions of the language (WGSL, section 16.2). */
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

/**
 * How deeply statements and operands can be nested. WGSL requires at least 127 blocks (section
 * 2.4).
 */
const MAX_NESTING = 128;

/** Reads the tokens of a shader. */
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

  /** The next token, without taking it. */
  get peek(): Token {
    return this.#list[this.#next]!;
  }

  /** The next token if it is a symbol; empty for a word, a number or the `<` of a template list. */
  get operator(): string {
    return this.peek.kind === 'symbol' ? this.peek.text : '';
  }

  /** Whether the next token has this text. */
  nextIs(text: string): boolean {
    return this.peek.text === text;
  }

  /** Whether the next token is a bracket of a template list. */
  nextIsTemplate(text: '<' | '>'): boolean {
    return this.peek.kind === 'template' && this.peek.text === text;
  }

  /** Takes and returns the next token. The end of the shader is never passed. */
  advance(): Token {
    const token = this.peek;
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  /**
   * Takes the next token if it is this word or symbol.
   *
   * @returns whether it was.
   */
  take(text: string): boolean {
    const { kind } = this.peek;
    if ((kind !== 'word' && kind !== 'symbol') || this.peek.text !== text) return false;
    this.#next += 1;
    return true;
  }

  /**
   * Takes a token that must be next.
   *
   * @param why for the message if it is not.
   * @throws WgslError where another token is next.
   */
  expect(text: string, why: string): Token {
    const token = this.peek;
    if (!this.take(text)) {
      const actual = token.kind === 'end' ? token.text : `"${token.text}"`;
      this.fail(token.position, `"${text}" is expected ${why}, not ${actual}`);
    }
    return token;
  }

  /**
   * Takes the `>` of a template list.
   *
   * @throws WgslError where another token is next.
   */
  closeTemplate(): Token {
    if (!this.nextIsTemplate('>')) this.expect('>', 'to close a template list');
    return this.advance();
  }

  /**
   * Takes a word that is used as a name.
   *
   * @param expected how the message refers to it.
   * @throws WgslError where another kind of token or a keyword is next.
   */
  word(expected: string): Token {
    const token = this.advance();
    if (token.kind !== 'word' || KEYWORDS.has(token.text))
      this.fail(token.position, `${expected} is expected here, not "${token.text}"`);
    return token;
  }

  /**
   * Takes a word that is declared, or that refers to a declared one.
   *
   * @throws WgslError where no word, or a reserved one, is next.
   */
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

  /**
   * Parses something nested.
   *
   * @throws WgslError where the nesting is too deep.
   */
  nested<T>(parseNested: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING)
      this.fail(this.peek.position, `this is nested more than ${MAX_NESTING} deep`);
    const result = parseNested();
    this.#nesting -= 1;
    return result;
  }

  /** @throws WgslError always, at the position. */
  fail(position: Position, rule: string): never {
    return failAt(this.#text, position, rule);
  }
}
