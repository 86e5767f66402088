/**
 * Step 2: tokens become a syntax tree, by recursive descent: one function for each rule of WGSL's grammar.
 *
 *   in    word a, symbol +, number 2u, symbol *, word b
 *   out   binary + (name a, binary * (number 2u, name b))
 *
 * The parser knows no names: whether `f(x)` is a call, a constructor or a conversion is found in the next step. What
 * the grammar forbids (`a < b < c`, `a & b | c`, `a << b << c`) is refused here.
 */

import { failAt, type Offset } from '../source.js';
import type * as syntax from './syntax.js';
import { markTemplates } from './templates.js';
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

/** The language extensions that change nothing for this device: they may be required. */
const EXTENSIONS = new Set([
  'immediate_address_space',
  'pointer_composite_access',
  'uniform_buffer_standard_layout',
  'unrestricted_pointer_parameters',
]);

/** How many arguments each attribute takes, at least and at most. */
const ATTRIBUTES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['align', [1, 1]],
  ['binding', [1, 1]],
  ['builtin', [1, 1]],
  ['compute', [0, 0]],
  ['diagnostic', [2, 2]],
  ['group', [1, 1]],
  ['id', [1, 1]],
  ['must_use', [0, 0]],
  ['size', [1, 1]],
  ['workgroup_size', [1, 3]],
]);

/** Attributes of shaders that this device does not run. */
const DRAWING = new Set([
  ...['vertex', 'fragment', 'location', 'interpolate', 'invariant', 'blend_src'],
  ...['color', 'input_attachment_index'],
]);

const SEVERITIES = ['error', 'warning', 'info', 'off'];

const MULTIPLICATIVE = new Set(['*', '/', '%']);
const ADDITIVE = new Set(['+', '-']);
const SHIFTS = new Set(['<<', '>>']);
const RELATIONS = new Set(['<', '>', '<=', '>=', '==', '!=']);
const BITWISE = new Set(['&', '|', '^']);
const LOGICAL = new Set(['&&', '||']);
const COMPOUND = new Set(['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);

/** The attributes that may stand before a declaration. */
const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ['var', ['group', 'binding']],
  ['override', ['id']],
  ['fn', ['compute', 'workgroup_size', 'must_use', 'diagnostic']],
]);

/** How deep statements and operands may be nested: WGSL asks for 127 blocks (section 2.4). */
const MAX_NESTING = 128;
/** How many operators an expression may have in a row. */
const MAX_OPERATORS = 512;
/** `else if` in a row. */
const MAX_ARMS = 512;

/** @throws WgslError where the text is not in WGSL's grammar, or not in the part of it this device has. */
export function parse(text: string): syntax.Module {
  return new Parser(text).module();
}

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;
  #nesting = 0;
  /** Of an expression of operators, how many lie on the longest way down. */
  readonly #operators = new WeakMap<syntax.Expression, number>();

  constructor(text: string) {
    this.#text = text;
    this.#tokens = markTemplates(tokenize(text));
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
      this.#refuseAttributes(attributes, ALLOWED.get(word) ?? [], word);
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

  // Directives and attributes

  #directives(): void {
    const severities = new Map<string, string>();
    for (;;) {
      const { text: word, at } = this.#peek;
      if (word === 'enable') {
        this.#advance();
        const extension = this.#peek.text;
        this.#fail(at, `"enable ${extension}" is not supported: this device has no ${extension}`);
      } else if (word === 'requires') this.#requires();
      else if (word === 'diagnostic') {
        this.#advance();
        this.#expect('(', 'after diagnostic');
        const { severity, rule } = this.#diagnostic(this.#arguments('to close diagnostic('), at);
        this.#expect(';', 'after a directive');
        if ((severities.get(rule) ?? severity) !== severity)
          this.#fail(at, `the diagnostic rule "${rule}" is given two severities`);
        severities.set(rule, severity);
      } else return;
    }
  }

  #requires(): void {
    this.#advance();
    do {
      const { text: extension, at } = this.#name();
      if (!EXTENSIONS.has(extension))
        this.#fail(at, `the language extension "${extension}" is not supported`);
    } while (this.#take(',') && !this.#at(';'));
    this.#expect(';', 'after a directive');
  }

  /** The arguments of a diagnostic: it changes nothing here, since this device warns of nothing. */
  #diagnostic(
    [first, second]: readonly syntax.Expression[],
    at: Offset,
  ): { severity: string; rule: string } {
    const severity = first?.kind === 'name' ? first.name : '';
    if (!SEVERITIES.includes(severity))
      this.#fail(at, `a diagnostic's severity is one of ${SEVERITIES.join(', ')}`);
    if (second?.kind === 'name') return { severity, rule: second.name };
    if (second?.kind === 'member' && second.of.kind === 'name')
      return { severity, rule: `${second.of.name}.${second.name}` };
    return this.#fail(at, 'a diagnostic needs the name of a rule');
  }

  #attributes(): syntax.Attribute[] {
    const attributes: syntax.Attribute[] = [];
    const taken = new Set<string>();
    while (this.#at('@')) {
      const { at } = this.#advance();
      const { text: name } = this.#advance();
      const counts = ATTRIBUTES.get(name);
      if (DRAWING.has(name))
        this.#fail(at, `@${name} is not supported: this device runs compute shaders only`);
      if (!counts) return this.#fail(at, `"@${name}" is not an attribute of WGSL`);
      const [least, most] = counts;
      const given = this.#takesArguments(name, most) ? this.#arguments(`to close @${name}(`) : [];
      if (given.length < least || given.length > most) {
        const wanted = least === most ? `${least}` : `${least} to ${most}`;
        this.#fail(
          at,
          `@${name} takes ${wanted} argument${wanted === '1' ? '' : 's'}, not ${given.length}`,
        );
      }
      const what = name === 'diagnostic' ? `${name} ${this.#diagnostic(given, at).rule}` : name;
      if (taken.has(what)) this.#fail(at, `@${what} is given twice`);
      taken.add(what);
      attributes.push({ name, arguments: given, at });
    }
    return attributes;
  }

  /** Whether "(" follows. One after an attribute without arguments is left for the grammar to refuse. */
  #takesArguments(name: string, most: number): boolean {
    if (most === 0) return false;
    this.#expect('(', `after @${name}`);
    return true;
  }

  #refuseAttributes(
    attributes: readonly syntax.Attribute[],
    allowed: readonly string[],
    before: string,
  ): void {
    const wrong = attributes.find(({ name }) => !allowed.includes(name));
    if (wrong) this.#fail(wrong.at, `@${wrong.name} cannot stand before ${before}`);
  }

  // Declarations

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
    if (this.#atTemplate('<')) {
      this.#advance();
      space = this.#word('a space').text;
      if (this.#take(',') && !this.#atTemplate('>')) access = this.#word('an access').text;
      this.#take(',');
      this.#closeTemplate();
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
    const members = this.#parameters('}', ['align', 'size', 'builtin']);
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
    const parameters = this.#parameters(')', ['builtin']);
    let result: syntax.Name | undefined;
    if (this.#take('->')) {
      this.#refuseAttributes(this.#attributes(), [], 'the result of a compute shader');
      result = this.#type();
    }
    const body = this.#block();
    return { name, parameters, result, attributes, body, at };
  }

  /** `name: type, ...` up to and with the closing symbol. */
  #parameters(close: string, allowed: readonly string[]): syntax.Parameter[] {
    const found: syntax.Parameter[] = [];
    while (this.#peek.text !== close) {
      const attributes = this.#attributes();
      const { text: name, at } = this.#name();
      this.#refuseAttributes(attributes, allowed, name);
      this.#expect(':', `and a type after "${name}"`);
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

  #typeAnnotation(): syntax.Name | undefined {
    return this.#take(':') ? this.#type() : undefined;
  }

  #type(): syntax.Name {
    const { text: name, at } = this.#word('a type');
    return { kind: 'name', name, template: this.#template(), at };
  }

  /** `<a, b>`, where a list of types and values stands here. */
  #template(): syntax.Expression[] {
    if (!this.#atTemplate('<')) return [];
    this.#advance();
    const given: syntax.Expression[] = [];
    do {
      if (this.#atTemplate('>')) break;
      given.push(this.#expression());
    } while (this.#take(','));
    const { at } = this.#closeTemplate();
    if (given.length === 0) this.#fail(at, 'a template list cannot be empty');
    return given;
  }

  #atTemplate(text: '<' | '>'): boolean {
    return this.#peek.kind === 'template' && this.#peek.text === text;
  }

  #closeTemplate(): Token {
    if (!this.#atTemplate('>')) this.#expect('>', 'to close a template list');
    return this.#advance();
  }

  // Statements

  #block(): syntax.Block {
    this.#refuseAttributes(this.#attributes(), ['diagnostic'], 'a block');
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
    return this.#deeper(() => this.#anyStatement());
  }

  #anyStatement(): syntax.Statement {
    const attributes = this.#attributes();
    const { text, at } = this.#peek;
    const takesAttributes = ['{', 'if', 'switch', 'loop', 'for', 'while'].includes(text);
    this.#refuseAttributes(attributes, takesAttributes ? ['diagnostic'] : [], 'this statement');
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
        if (this.#at('if'))
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
    if (text === 'var' && this.#atTemplate('<')) {
      this.#advance();
      const space = this.#advance();
      if (space.text !== 'function')
        this.#fail(space.at, `a variable in a function is in space function, not ${space.text}`);
      this.#take(',');
      this.#closeTemplate();
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
      return {
        kind: 'assign',
        target: undefined,
        operator: undefined,
        value,
        isStep: false,
        at,
      };
    }
    const target = this.#unary();
    const operator = this.#peek;
    if (operator.text === '=') {
      this.#advance();
      const value = this.#expression();
      return { kind: 'assign', target, operator: undefined, value, isStep: false, at };
    }
    if (COMPOUND.has(operator.text)) {
      this.#advance();
      const value = this.#expression();
      const name = operator.text.slice(0, -1);
      return { kind: 'assign', target, operator: name, value, isStep: false, at };
    }
    if (operator.text === '++' || operator.text === '--') {
      this.#advance();
      const value = { kind: 'number', text: '1', at: operator.at } as const;
      return { kind: 'assign', target, operator: operator.text[0]!, value, isStep: true, at };
    }
    if (target.kind === 'call') return { kind: 'call', call: target, at };
    return this.#fail(
      operator.at,
      `an assignment or a call is expected here, not "${operator.text}"`,
    );
  }

  #if(): syntax.Statement {
    const arms: Omit<Extract<syntax.Statement, { kind: 'if' }>, 'kind' | 'whenFalse'>[] = [];
    let last: syntax.Block | undefined;
    do {
      const { at } = this.#advance();
      if (arms.length === MAX_ARMS) this.#fail(at, `there are more than ${MAX_ARMS} "else if"`);
      arms.push({ at, condition: this.#expression(), whenTrue: this.#block() });
      if (!this.#take('else')) break;
      if (this.#peek.text !== 'if') last = this.#block();
    } while (!last);
    const whenFalse = arms.slice(1).reduceRight<syntax.Block | undefined>((rest, arm) => {
      const nested: syntax.Statement = { kind: 'if', ...arm, whenFalse: rest };
      return { kind: 'block', body: [nested], at: arm.at };
    }, last);
    return { kind: 'if', ...arms[0]!, whenFalse };
  }

  #switch(): syntax.Statement {
    const { at } = this.#advance();
    const selector = this.#expression();
    this.#refuseAttributes(this.#attributes(), ['diagnostic'], 'a block');
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
    this.#refuseAttributes(this.#attributes(), ['diagnostic'], 'a block');
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
      sharesScope: true,
      at,
    };
  }

  #continuing(): { continuing: syntax.Statement[]; breakIf: syntax.Expression | undefined } {
    this.#refuseAttributes(this.#attributes(), ['diagnostic'], 'a block');
    this.#expect('{', 'to open the continuing block');
    const continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#take('}')) {
      if (this.#peek.kind === 'end') this.#expect('}', 'to close the continuing block');
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
      sharesScope: false,
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
    return {
      kind: 'loop',
      initial,
      condition,
      body,
      continuing,
      breakIf: undefined,
      sharesScope: false,
      at,
    };
  }

  // Expressions, from the loosest binding to the tightest

  #expression(): syntax.Expression {
    const first = this.#unary();
    if (BITWISE.has(this.#operator)) return this.#bitwise(first);
    const left = this.#relation(first);
    const { at } = this.#peek;
    const logical = this.#operator;
    if (!LOGICAL.has(logical)) return this.#refuseMixing(left);
    let result = left;
    while (this.#operator === logical) {
      this.#advance();
      const right = this.#relation(this.#unary());
      result = this.#binary(logical, result, right, at);
    }
    return this.#refuseMixing(result);
  }

  /** A chain of one of & | ^, whose operands are unary. */
  #bitwise(first: syntax.Expression): syntax.Expression {
    const operator = this.#operator;
    let result = first;
    while (this.#operator === operator) {
      const { at } = this.#advance();
      result = this.#binary(operator, result, this.#unary(), at);
    }
    return this.#refuseMixing(result);
  }

  #refuseMixing(result: syntax.Expression): syntax.Expression {
    const operators = [MULTIPLICATIVE, ADDITIVE, SHIFTS, RELATIONS, BITWISE, LOGICAL];
    if (operators.some((set) => set.has(this.#operator)))
      this.#fail(
        this.#peek.at,
        `"${this.#operator}" cannot follow the operators before it without parentheses`,
      );
    return result;
  }

  #relation(first: syntax.Expression): syntax.Expression {
    const left = this.#shift(first);
    const { at } = this.#peek;
    const operator = this.#operator;
    if (!RELATIONS.has(operator)) return left;
    this.#advance();
    return this.#binary(operator, left, this.#shift(this.#unary()), at);
  }

  #shift(first: syntax.Expression): syntax.Expression {
    const { at } = this.#peek;
    const operator = this.#operator;
    if (!SHIFTS.has(operator)) return this.#additive(first);
    this.#advance();
    return this.#binary(operator, first, this.#unary(), at);
  }

  #additive(first: syntax.Expression): syntax.Expression {
    let result = this.#multiplicative(first);
    for (;;) {
      this.#splitSigns();
      if (!ADDITIVE.has(this.#operator)) return result;
      const { text: operator, at } = this.#advance();
      const right = this.#multiplicative(this.#unary());
      result = this.#binary(operator, result, right, at);
    }
  }

  #multiplicative(first: syntax.Expression): syntax.Expression {
    let result = first;
    while (MULTIPLICATIVE.has(this.#operator)) {
      const { text: operator, at } = this.#advance();
      result = this.#binary(operator, result, this.#unary(), at);
    }
    return result;
  }

  #unary(): syntax.Expression {
    return this.#deeper(() => this.#anyUnary());
  }

  #anyUnary(): syntax.Expression {
    this.#splitSigns();
    const { text: operator, at } = this.#peek;
    if (['-', '!', '~', '*', '&'].includes(operator)) {
      this.#advance();
      return { kind: 'unary', operator, operand: this.#unary(), at };
    }
    return this.#postfix(this.#primary());
  }

  #binary(
    operator: string,
    left: syntax.Expression,
    right: syntax.Expression,
    at: Offset,
  ): syntax.Expression {
    const count = (of: syntax.Expression) => this.#operators.get(of) ?? 0;
    const operators = 1 + Math.max(count(left), count(right));
    if (operators > MAX_OPERATORS)
      this.#fail(at, `this expression has more than ${MAX_OPERATORS} operators in a row`);
    const node = { kind: 'binary', operator, left, right, at } as const;
    this.#operators.set(node, operators);
    return node;
  }

  /** In an expression `--` is two signs: `a--b` is `a - -b`. */
  #splitSigns(): void {
    const { text, at } = this.#peek;
    if (text !== '--') return;
    const sign = (n: number) => ({ kind: 'symbol', text: '-', at: at + n }) as const;
    this.#tokens.splice(this.#next, 1, sign(0), sign(1));
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
    const name: syntax.Name = { kind: 'name', name: text, template: this.#template(), at };
    if (!this.#take('(')) return name;
    return { kind: 'call', callee: name, arguments: this.#arguments('to close the arguments'), at };
  }

  /** Expressions up to and with the closing parenthesis; the opening one is taken already. */
  #arguments(why: string): syntax.Expression[] {
    const found: syntax.Expression[] = [];
    while (!this.#at(')')) {
      found.push(this.#expression());
      if (!this.#take(',')) break;
    }
    this.#expect(')', why);
    return found;
  }

  // Tokens

  get #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  /** The symbol here, or nothing where a word, a number or a template list's `<` stands. */
  get #operator(): string {
    return this.#peek.kind === 'symbol' ? this.#peek.text : '';
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
    if ((kind !== 'word' && kind !== 'symbol') || this.#peek.text !== text) return false;
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

  /** Parses what is nested in what is being parsed. */
  #deeper<T>(parseNested: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > MAX_NESTING)
      this.#fail(this.#peek.at, `this is nested more than ${MAX_NESTING} deep`);
    const result = parseNested();
    this.#nesting -= 1;
    return result;
  }

  #fail(at: Offset, rule: string): never {
    return failAt(this.#text, at, rule);
  }
}
