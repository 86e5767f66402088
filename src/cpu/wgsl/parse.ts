/**
 * Step 2: tokens become a syntax tree, by recursive descent: one function for each rule of WGSL's grammar.
 *
 *   in    word a, symbol +, number 2u, symbol *, word b
 *   out   binary + (name a, binary * (number 2u, name b))
 *
 * The parser knows no names: whether `f(x)` is a call, a constructor or a conversion is found in the next step. What
 * the grammar forbids (`a < b < c`, `a & b | c`, `a << b << c`) is refused here.
 */

import { failAt, type Offset } from './source.js';
import type * as syntax from './syntax.js';
import { type Token, tokenize } from './tokens.js';

/** Words that mean something to the grammar, so that no declaration may take them. */
const KEYWORDS = new Set([
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

/** After these names a `<` in an expression opens a template list. */
const TEMPLATED = new Set([
  ...['array', 'bitcast', 'ptr', 'atomic', 'vec2', 'vec3', 'vec4'],
  ...[2, 3, 4].flatMap((c) => [2, 3, 4].map((r) => `mat${c}x${r}`)),
]);

/** The language extensions that change nothing for this device: they may be required. */
const EXTENSIONS = new Set([
  'immediate_address_space',
  'pointer_composite_access',
  'unrestricted_pointer_parameters',
]);

const MULTIPLICATIVE = new Set(['*', '/', '%']);
const ADDITIVE = new Set(['+', '-']);
const SHIFTS = new Set(['<<', '>>']);
const RELATIONS = new Set(['<', '>', '<=', '>=', '==', '!=']);
const BITWISE = new Set(['&', '|', '^']);
const LOGICAL = new Set(['&&', '||']);
const COMPOUND = new Set(['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);

/** @throws WgslError where the text is not in WGSL's grammar, or not in the part of it this device has. */
export function parse(text: string): syntax.Module {
  return new Parser(text).module();
}

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  module(): syntax.Module {
    const constants: syntax.ConstantDeclaration[] = [];
    const variables: syntax.VariableDeclaration[] = [];
    const structs: syntax.StructDeclaration[] = [];
    const aliases: syntax.AliasDeclaration[] = [];
    const functions: syntax.FunctionDeclaration[] = [];
    const assertions: syntax.Assertion[] = [];
    this.#directives();
    while (this.#peek.kind !== 'end') {
      if (this.#take(';')) continue;
      const attributes = this.#attributes();
      const { text: word, at } = this.#peek;
      switch (word) {
        case 'const':
          constants.push(this.#constant());
          break;
        case 'var':
          variables.push(this.#variable(attributes));
          break;
        case 'struct':
          structs.push(this.#struct());
          break;
        case 'alias':
          aliases.push(this.#alias());
          break;
        case 'fn':
          functions.push(this.#function(attributes));
          break;
        case 'const_assert':
          assertions.push(this.#assertion());
          break;
        case 'override':
          this.#fail(at, 'override declarations are not supported: declare a const');
          break;
        case 'enable':
        case 'requires':
        case 'diagnostic':
          this.#fail(at, `"${word}" must come before all declarations`);
          break;
        default:
          this.#fail(at, `a declaration is expected here, not "${word}"`);
      }
    }
    return { constants, variables, structs, aliases, functions, assertions };
  }

  // Declarations

  #directives(): void {
    for (;;) {
      const { text: word, at } = this.#peek;
      if (word === 'enable') {
        this.#advance();
        const extension = this.#peek.text;
        this.#fail(at, `"enable ${extension}" is not supported: this device has no ${extension}`);
      } else if (word === 'requires') {
        this.#advance();
        do {
          const { text: extension, at: place } = this.#name();
          if (!EXTENSIONS.has(extension))
            this.#fail(place, `the language extension "${extension}" is not supported`);
        } while (this.#take(','));
        this.#expect(';', 'after a directive');
      } else if (word === 'diagnostic') {
        while (!this.#take(';')) {
          if (this.#peek.kind === 'end') this.#expect(';', 'after a directive');
          this.#advance();
        }
      } else return;
    }
  }

  #attributes(): syntax.Attribute[] {
    const found: syntax.Attribute[] = [];
    while (this.#at('@')) {
      const { at } = this.#advance();
      const { text: name } = this.#advance();
      const given: syntax.Expression[] = [];
      if (this.#take('(')) {
        while (!this.#at(')')) {
          given.push(this.#expression());
          if (!this.#take(',')) break;
        }
        this.#expect(')', `to close @${name}(`);
      }
      found.push({ name, arguments: given, at });
    }
    return found;
  }

  #constant(): syntax.ConstantDeclaration {
    const { at } = this.#advance();
    const { text: name } = this.#name();
    const type = this.#typeAnnotation();
    this.#expect('=', 'since a const has a value');
    const value = this.#expression();
    this.#expect(';', 'after a declaration');
    return { name, type, value, at };
  }

  #variable(attributes: syntax.Attribute[]): syntax.VariableDeclaration {
    const { at } = this.#advance();
    let space: string | undefined;
    let access: string | undefined;
    if (this.#take('<')) {
      space = this.#advance().text;
      if (this.#take(',')) access = this.#advance().text;
      this.#take(',');
      this.#expect('>', 'to close var<');
    }
    const { text: name } = this.#name();
    const type = this.#typeAnnotation();
    const value = this.#take('=') ? this.#expression() : undefined;
    this.#expect(';', 'after a declaration');
    return { name, space, access, type, value, attributes, at };
  }

  #struct(): syntax.StructDeclaration {
    this.#advance();
    const { text: name, at } = this.#name();
    this.#expect('{', 'to open a struct');
    const members = this.#parameters('}');
    this.#take(';');
    return { name, members, at };
  }

  #alias(): syntax.AliasDeclaration {
    this.#advance();
    const { text: name, at } = this.#name();
    this.#expect('=', 'in an alias');
    const type = this.#type();
    this.#expect(';', 'after a declaration');
    return { name, type, at };
  }

  #function(attributes: syntax.Attribute[]): syntax.FunctionDeclaration {
    this.#advance();
    const { text: name, at } = this.#name();
    this.#expect('(', 'to open the parameters');
    const parameters = this.#parameters(')');
    let result: syntax.TypeName | undefined;
    if (this.#take('->')) {
      this.#attributes();
      result = this.#type();
    }
    const body = this.#block();
    return { name, parameters, result, attributes, body, at };
  }

  /** `name: type, ...` up to and with the closing symbol. */
  #parameters(close: string): syntax.Parameter[] {
    const found: syntax.Parameter[] = [];
    while (this.#peek.text !== close) {
      const attributes = this.#attributes();
      const { text: name, at } = this.#name();
      this.#expect(':', `and the type of ${name}`);
      found.push({ name, type: this.#type(), attributes, at });
      if (!this.#take(',')) break;
    }
    this.#expect(close, 'at the end of the list');
    return found;
  }

  #assertion(): syntax.Assertion {
    const { at } = this.#advance();
    const condition = this.#expression();
    this.#expect(';', 'after const_assert');
    return { kind: 'assert', condition, at };
  }

  #typeAnnotation(): syntax.TypeName | undefined {
    return this.#take(':') ? this.#type() : undefined;
  }

  #type(): syntax.TypeName {
    const { text: name, at } = this.#word('a type');
    return { name, arguments: this.#peek.text === '<' ? this.#template() : [], at };
  }

  /** `<a, b>`: types, or expressions without a bare comparison or shift. */
  #template(): (syntax.TypeName | syntax.Expression)[] {
    this.#expect('<', 'to open a template list');
    const found: (syntax.TypeName | syntax.Expression)[] = [];
    do {
      if (this.#peek.text.startsWith('>')) break;
      found.push(this.#templateArgument());
    } while (this.#take(','));
    this.#closeTemplate();
    return found;
  }

  #templateArgument(): syntax.TypeName | syntax.Expression {
    const { kind, text } = this.#peek;
    const after = this.#tokens[this.#next + 1]!.text;
    const aloneOrTemplated = after === ',' || after.startsWith('>') || after === '<';
    if (kind === 'word' && text !== 'true' && text !== 'false' && aloneOrTemplated)
      return this.#type();
    return this.#additive();
  }

  /** Takes one `>`, also off the front of `>>`, `>=` and `>>=`. */
  #closeTemplate(): void {
    const { text, at } = this.#peek;
    if (!text.startsWith('>')) this.#expect('>', 'to close a template list');
    if (text === '>') this.#advance();
    else this.#tokens[this.#next] = { kind: 'symbol', text: text.slice(1), at: at + 1 };
  }

  // Statements

  #block(): syntax.Block {
    this.#attributes();
    const { at } = this.#expect('{', 'to open a block');
    const body: syntax.Statement[] = [];
    while (this.#peek.text !== '}') {
      if (this.#peek.kind === 'end') this.#expect('}', 'to close the block');
      if (this.#take(';')) continue;
      body.push(this.#statement());
    }
    this.#advance();
    return { kind: 'block', body, at };
  }

  #statement(): syntax.Statement {
    const attributes = this.#attributes();
    const { text, at } = this.#peek;
    if (attributes.length > 0 && !['{', 'if', 'switch', 'loop', 'for', 'while'].includes(text))
      this.#fail(at, 'attributes cannot stand before this statement');
    switch (text) {
      case '{':
        return this.#block();
      case 'if':
        return this.#if();
      case 'switch':
        return this.#switch();
      case 'loop':
        return this.#loop();
      case 'while':
        return this.#while();
      case 'for':
        return this.#for();
      case 'const_assert':
        return this.#assertion();
      case 'discard':
        return this.#fail(at, 'discard belongs to fragment shaders');
    }
    const statement = this.#simple();
    this.#expect(';', 'after a statement');
    return statement;
  }

  /** A statement that ends with a semicolon. */
  #simple(): syntax.Statement {
    const { text, at } = this.#peek;
    switch (text) {
      case 'return': {
        this.#advance();
        const value = this.#peek.text === ';' ? undefined : this.#expression();
        return { kind: 'return', value, at };
      }
      case 'break':
        this.#advance();
        if (this.#peek.text === 'if')
          this.#fail(at, '"break if" may only end the continuing block of a loop');
        return { kind: 'break', at };
      case 'continue':
        this.#advance();
        return { kind: 'continue', at };
      default:
        return this.#declarationOrUpdate();
    }
  }

  /** What may stand as the first part of a `for`. */
  #declarationOrUpdate(): syntax.Statement {
    const { text, at } = this.#peek;
    if (text !== 'let' && text !== 'const' && text !== 'var') return this.#update();
    this.#advance();
    if (text === 'var' && this.#peek.text === '<') {
      this.#advance();
      const space = this.#advance();
      if (space.text !== 'function')
        this.#fail(space.at, `a variable in a function is in space function, not ${space.text}`);
      this.#expect('>', 'to close var<');
    }
    const { text: name } = this.#name();
    const type = this.#typeAnnotation();
    const value = this.#take('=') ? this.#expression() : undefined;
    if (!value && text !== 'var')
      this.#fail(this.#peek.at, `a ${text} needs a value: "=" expected`);
    return { kind: text, name, type, value, at };
  }

  /** An assignment, an increment or a call. */
  #update(): syntax.Statement {
    const { text, at } = this.#peek;
    if (text === '_') {
      this.#advance();
      this.#expect('=', 'since "_" can only be assigned to');
      const value = this.#expression();
      return { kind: 'assign', target: undefined, operator: undefined, value, at };
    }
    const target = this.#unary();
    const operator = this.#peek;
    if (operator.text === '=') {
      this.#advance();
      return { kind: 'assign', target, operator: undefined, value: this.#expression(), at };
    }
    if (COMPOUND.has(operator.text)) {
      this.#advance();
      const value = this.#expression();
      return { kind: 'assign', target, operator: operator.text.slice(0, -1), value, at };
    }
    if (operator.text === '++' || operator.text === '--') {
      this.#advance();
      const value = { kind: 'number', text: '1', at: operator.at } as const;
      return { kind: 'assign', target, operator: operator.text[0]!, value, at };
    }
    if (target.kind === 'call') return { kind: 'call', call: target, at };
    return this.#fail(
      operator.at,
      `an assignment or a call is expected here, not "${operator.text}"`,
    );
  }

  #if(): syntax.Statement {
    const { at } = this.#advance();
    const condition = this.#expression();
    const then = this.#block();
    if (!this.#take('else'))
      return { kind: 'if', condition, whenTrue: then, whenFalse: undefined, at };
    if (this.#peek.text !== 'if')
      return { kind: 'if', condition, whenTrue: then, whenFalse: this.#block(), at };
    const nested = this.#if();
    return {
      kind: 'if',
      condition,
      whenTrue: then,
      whenFalse: { kind: 'block', body: [nested], at: nested.at },
      at,
    };
  }

  #switch(): syntax.Statement {
    const { at } = this.#advance();
    const selector = this.#expression();
    this.#attributes();
    this.#expect('{', 'to open the cases');
    const cases: syntax.SwitchCase[] = [];
    while (!this.#take('}')) {
      const { text, at: place } = this.#advance();
      const selectors: (syntax.Expression | undefined)[] = [];
      if (text === 'default') selectors.push(undefined);
      else if (text === 'case') {
        do {
          if (this.#peek.text === ':' || this.#peek.text === '{') break;
          if (this.#take('default')) selectors.push(undefined);
          else selectors.push(this.#expression());
        } while (this.#take(','));
      } else this.#fail(place, `"case" or "default" is expected here, not "${text}"`);
      this.#take(':');
      cases.push({ selectors, body: this.#block(), at: place });
    }
    return { kind: 'switch', selector, cases, at };
  }

  #loop(): syntax.Statement {
    const { at } = this.#advance();
    this.#attributes();
    const { at: open } = this.#expect('{', 'to open the loop');
    const body: syntax.Statement[] = [];
    let continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#take('}')) {
      if (this.#peek.kind === 'end') this.#expect('}', 'to close the loop');
      if (this.#take(';')) continue;
      if (this.#take('continuing')) {
        ({ continuing, breakIf } = this.#continuing());
        this.#expect('}', 'since the continuing block ends its loop');
        break;
      }
      body.push(this.#statement());
    }
    const block = { kind: 'block', body, at: open } as const;
    return {
      kind: 'loop',
      initial: undefined,
      condition: undefined,
      body: block,
      continuing,
      breakIf,
      at,
    };
  }

  #continuing(): { continuing: syntax.Statement[]; breakIf: syntax.Expression | undefined } {
    this.#attributes();
    this.#expect('{', 'to open the continuing block');
    const continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#take('}')) {
      if (this.#take(';')) continue;
      const after = this.#tokens[this.#next + 1]!.text;
      if (this.#peek.text === 'break' && after === 'if') {
        this.#next += 2;
        breakIf = this.#expression();
        this.#expect(';', 'after break if');
        this.#expect('}', 'since "break if" ends the continuing block');
        break;
      }
      continuing.push(this.#statement());
    }
    return { continuing, breakIf };
  }

  #while(): syntax.Statement {
    const { at } = this.#advance();
    const condition = this.#expression();
    const body = this.#block();
    return {
      kind: 'loop',
      initial: undefined,
      condition,
      body,
      continuing: [],
      breakIf: undefined,
      at,
    };
  }

  #for(): syntax.Statement {
    const { at } = this.#advance();
    this.#expect('(', 'after for');
    const initial = this.#peek.text === ';' ? undefined : this.#declarationOrUpdate();
    this.#expect(';', 'after the first part of a for');
    const condition = this.#peek.text === ';' ? undefined : this.#expression();
    this.#expect(';', 'after the condition of a for');
    const continuing = this.#peek.text === ')' ? [] : [this.#update()];
    this.#expect(')', 'to close the head of a for');
    const body = this.#block();
    return { kind: 'loop', initial, condition, body, continuing, breakIf: undefined, at };
  }

  // Expressions, from the loosest binding to the tightest

  #expression(): syntax.Expression {
    const first = this.#unary();
    const { text } = this.#peek;
    if (BITWISE.has(text)) return this.#bitwise(first);
    const left = this.#relation(first);
    const { text: logical, at } = this.#peek;
    if (!LOGICAL.has(logical)) return this.#refuseMixing(left, 'a comparison');
    let result = left;
    while (this.#peek.text === logical) {
      this.#advance();
      const right = this.#relation(this.#unary());
      result = { kind: 'binary', operator: logical, left: result, right, at };
    }
    return this.#refuseMixing(result, `"${logical}"`);
  }

  /** A chain of one of & | ^, whose operands are unary. */
  #bitwise(first: syntax.Expression): syntax.Expression {
    const { text: operator } = this.#peek;
    let result = first;
    while (this.#peek.text === operator) {
      const { at } = this.#advance();
      result = { kind: 'binary', operator, left: result, right: this.#unary(), at };
    }
    return this.#refuseMixing(result, `"${operator}"`);
  }

  #refuseMixing(result: syntax.Expression, what: string): syntax.Expression {
    const { text, at } = this.#peek;
    const operators = [MULTIPLICATIVE, ADDITIVE, SHIFTS, RELATIONS, BITWISE, LOGICAL];
    if (operators.some((set) => set.has(text)))
      this.#fail(at, `"${text}" cannot follow ${what} without parentheses`);
    return result;
  }

  #relation(first: syntax.Expression): syntax.Expression {
    const left = this.#shift(first);
    const { text: operator, at } = this.#peek;
    if (!RELATIONS.has(operator)) return left;
    this.#advance();
    return { kind: 'binary', operator, left, right: this.#shift(this.#unary()), at };
  }

  #shift(first: syntax.Expression): syntax.Expression {
    const { text: operator, at } = this.#peek;
    if (!SHIFTS.has(operator)) return this.#additive(first);
    this.#advance();
    return { kind: 'binary', operator, left: first, right: this.#unary(), at };
  }

  #additive(first?: syntax.Expression): syntax.Expression {
    let result = this.#multiplicative(first ?? this.#unary());
    while (ADDITIVE.has(this.#peek.text)) {
      const { text: operator, at } = this.#advance();
      const right = this.#multiplicative(this.#unary());
      result = { kind: 'binary', operator, left: result, right, at };
    }
    return result;
  }

  #multiplicative(first: syntax.Expression): syntax.Expression {
    let result = first;
    while (MULTIPLICATIVE.has(this.#peek.text)) {
      const { text: operator, at } = this.#advance();
      result = { kind: 'binary', operator, left: result, right: this.#unary(), at };
    }
    return result;
  }

  #unary(): syntax.Expression {
    const { text: operator, at } = this.#peek;
    if (['-', '!', '~', '*', '&'].includes(operator)) {
      this.#advance();
      return { kind: 'unary', operator, operand: this.#unary(), at };
    }
    // Two signs in a row, which the lexer took for a decrement.
    if (operator === '--') this.#fail(at, '"--" is a statement of its own: write -(-x)');
    return this.#postfix(this.#primary());
  }

  #postfix(first: syntax.Expression): syntax.Expression {
    let result = first;
    for (;;) {
      const { at } = this.#peek;
      if (this.#take('.')) {
        result = { kind: 'member', of: result, name: this.#word('a member').text, at };
      } else if (this.#take('[')) {
        const index = this.#expression();
        this.#expect(']', 'to close an index');
        result = { kind: 'index', of: result, index, at };
      } else return result;
    }
  }

  #primary(): syntax.Expression {
    const { kind, text, at } = this.#peek;
    if (kind === 'number') {
      this.#advance();
      return { kind: 'number', text, at };
    }
    if (text === 'true' || text === 'false') {
      this.#advance();
      return { kind: 'boolean', value: text === 'true', at };
    }
    if (this.#take('(')) {
      const inner = this.#expression();
      this.#expect(')', 'to close a parenthesis');
      return inner;
    }
    if (kind !== 'word' || KEYWORDS.has(text) || text === '_')
      return this.#fail(at, `an expression is expected here, not "${text}"`);
    this.#advance();
    const templated = TEMPLATED.has(text) && this.#peek.text === '<';
    const callee = { name: text, arguments: templated ? this.#template() : [], at };
    if (this.#take('(')) return { kind: 'call', callee, arguments: this.#callArguments(), at };
    if (templated) this.#fail(this.#peek.at, `"(" is expected after ${text}<...>`);
    return { kind: 'name', name: text, at };
  }

  #callArguments(): syntax.Expression[] {
    const found: syntax.Expression[] = [];
    while (!this.#at(')')) {
      found.push(this.#expression());
      if (!this.#take(',')) break;
    }
    this.#expect(')', 'to close the arguments');
    return found;
  }

  // Tokens

  get #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #at(text: string): boolean {
    return this.#peek.text === text;
  }

  #advance(): Token {
    const token = this.#peek;
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  #take(text: string): boolean {
    const { kind } = this.#peek;
    if (kind === 'end' || kind === 'number' || this.#peek.text !== text) return false;
    this.#next += 1;
    return true;
  }

  #expect(text: string, why: string): Token {
    const token = this.#peek;
    if (!this.#take(text)) {
      const found = token.kind === 'end' ? token.text : `"${token.text}"`;
      this.#fail(token.at, `"${text}" is expected ${why}, not ${found}`);
    }
    return token;
  }

  /** A word that is used as a name. */
  #word(what: string): Token {
    const token = this.#advance();
    if (token.kind !== 'word' || KEYWORDS.has(token.text))
      this.#fail(token.at, `${what} is expected here, not "${token.text}"`);
    return token;
  }

  /** A word that is declared, or that stands for a declared one. */
  #name(): Token {
    const token = this.#word('a name');
    if (RESERVED.has(token.text) || token.text === '_')
      this.#fail(token.at, `"${token.text}" is a reserved word`);
    return token;
  }

  #fail(at: Offset, rule: string): never {
    return failAt(this.#text, at, rule);
  }
}
