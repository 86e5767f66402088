/**
 * Step 1: the text of a shader becomes a syntax tree (syntax.ts), by recursive descent: one
 * function for each rule of WGSL's grammar. This file has the declarations. Attributes, statements
 * and expressions have parsers of their own beside it.
 *
 *   in    out[i + 1u] = 2.0 * x[i];
 *   out   assign: index (name out) (binary + (name i) (number 1u))
 *                 binary * (number 2.0) (index (name x) (name i))
 *
 * The parser does not resolve names: whether `f(x)` is a call, a constructor or a conversion is
 * decided in the next step. What the grammar forbids (`a < b < c`, `a & b | c`, `a << b << c`) is
 * rejected here.
 *
 * Why: the next step can go through the program in the order of its names, not in that of its text.
 */

import { AttributeParser } from './parse-attribute.js';
import { ExpressionParser } from './parse-expression.js';
import { StatementParser } from './parse-statement.js';
import type * as syntax from './syntax.js';
import { TokenReader } from './token-reader.js';

/** The attributes that are allowed before each kind of declaration. */
const ALLOWED_ATTRIBUTES: ReadonlyMap<string, readonly string[]> = new Map([
  ['var', ['group', 'binding']],
  ['override', ['id']],
  ['fn', ['compute', 'workgroup_size', 'must_use', 'diagnostic']],
]);

/**
 * Parses a shader.
 *
 * @throws WgslError where the text does not match WGSL's grammar, or uses what this device does not
 *   support.
 */
export function parse(text: string): syntax.Module {
  return new ModuleParser(text).module();
}

class ModuleParser {
  readonly #tokens: TokenReader;
  readonly #expressions: ExpressionParser;
  readonly #attributes: AttributeParser;
  readonly #statements: StatementParser;

  constructor(text: string) {
    this.#tokens = new TokenReader(text);
    this.#expressions = new ExpressionParser(this.#tokens);
    this.#attributes = new AttributeParser(this.#tokens, this.#expressions);
    this.#statements = new StatementParser(this.#tokens, this.#expressions, this.#attributes);
  }

  module(): syntax.Module {
    const constants: syntax.ConstantDeclaration[] = [];
    const variables: syntax.VariableDeclaration[] = [];
    const structs: syntax.StructDeclaration[] = [];
    const aliases: syntax.AliasDeclaration[] = [];
    const functions: syntax.FunctionDeclaration[] = [];
    const assertions: syntax.Assertion[] = [];
    this.#attributes.directives();
    while (this.#tokens.peek.kind !== 'end') {
      if (this.#tokens.take(';')) continue;
      const attributes = this.#attributes.read();
      const { text: word, position } = this.#tokens.peek;
      this.#attributes.rejectOthers(attributes, ALLOWED_ATTRIBUTES.get(word) ?? [], word);
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
          assertions.push(this.#statements.assertion());
          break;
        case 'override':
          this.#tokens.fail(position, 'override declarations are not supported: declare a const');
          break;
        case 'enable':
        case 'requires':
        case 'diagnostic':
          this.#tokens.fail(position, `"${word}" must come before all declarations`);
          break;
        default:
          this.#tokens.fail(position, `a declaration is expected here, not "${word}"`);
      }
    }
    return { constants, variables, structs, aliases, functions, assertions };
  }

  #constant(): syntax.ConstantDeclaration {
    const { position } = this.#tokens.advance();
    const { text: name } = this.#tokens.name();
    const type = this.#expressions.typeAnnotation();
    this.#tokens.expect('=', 'since a const has a value');
    const value = this.#expressions.expression();
    this.#tokens.expect(';', 'after a declaration');
    return { name, type, value, position };
  }

  #variable(attributes: syntax.Attribute[]): syntax.VariableDeclaration {
    const { position } = this.#tokens.advance();
    let space: string | undefined;
    let access: string | undefined;
    if (this.#tokens.nextIsTemplate('<')) {
      this.#tokens.advance();
      space = this.#tokens.word('an address space').text;
      if (this.#tokens.take(',') && !this.#tokens.nextIsTemplate('>'))
        access = this.#tokens.word('an access mode').text;
      this.#tokens.take(',');
      this.#tokens.closeTemplate();
    }
    const { text: name } = this.#tokens.name();
    const type = this.#expressions.typeAnnotation();
    const value = this.#tokens.take('=') ? this.#expressions.expression() : undefined;
    this.#tokens.expect(';', 'after a declaration');
    return { name, space, access, type, value, attributes, position };
  }

  #struct(): syntax.StructDeclaration {
    this.#tokens.advance();
    const { text: name, position } = this.#tokens.name();
    this.#tokens.expect('{', 'to open a struct');
    const members = this.#parameters('}', ['align', 'size', 'builtin']);
    return { name, members, position };
  }

  #alias(): syntax.AliasDeclaration {
    this.#tokens.advance();
    const { text: name, position } = this.#tokens.name();
    this.#tokens.expect('=', 'in an alias');
    const type = this.#expressions.type();
    this.#tokens.expect(';', 'after a declaration');
    return { name, type, position };
  }

  #function(attributes: syntax.Attribute[]): syntax.FunctionDeclaration {
    this.#tokens.advance();
    const { text: name, position } = this.#tokens.name();
    this.#tokens.expect('(', 'to open the parameters');
    const parameters = this.#parameters(')', ['builtin']);
    let result: syntax.Name | undefined;
    if (this.#tokens.take('->')) {
      this.#attributes.rejectOthers(this.#attributes.read(), [], 'the result of a compute shader');
      result = this.#expressions.type();
    }
    const body = this.#statements.block();
    return { name, parameters, result, attributes, body, position };
  }

  /** Parses `name: type, ...` up to and including the closing symbol. */
  #parameters(close: string, allowed: readonly string[]): syntax.Parameter[] {
    const list: syntax.Parameter[] = [];
    while (this.#tokens.peek.text !== close) {
      const attributes = this.#attributes.read();
      const { text: name, position } = this.#tokens.name();
      this.#attributes.rejectOthers(attributes, allowed, name);
      this.#tokens.expect(':', `and a type after "${name}"`);
      list.push({ name, type: this.#expressions.type(), attributes, position });
      if (!this.#tokens.take(',')) break;
    }
    this.#tokens.expect(close, 'at the end of the list');
    return list;
  }
}
