/**
 * Step 1e: expressions, from the operators with the lowest precedence to those with the highest,
 * and the names of types.
 *
 *   in    2.0 * x[i] + 1.0
 *   out   binary + (binary * (number 2.0) (index (name x) (name i))) (number 1.0)
 *
 * Why: the tree states what is computed first, so later steps need no precedence rules.
 */

import type { Position } from '../source.js';
import type * as syntax from './syntax.js';
import { KEYWORDS, type TokenReader } from './token-reader.js';

const MULTIPLICATIVE = new Set(['*', '/', '%']);
const ADDITIVE = new Set(['+', '-']);
const SHIFTS = new Set(['<<', '>>']);
const RELATIONS = new Set(['<', '>', '<=', '>=', '==', '!=']);
const BITWISE = new Set(['&', '|', '^']);
const LOGICAL = new Set(['&&', '||']);

/** The most operators in a row in one expression. Later steps walk the tree recursively. */
const MAX_OPERATORS = 512;

/** Parses expressions, and types, which have the syntax of names. */
export class ExpressionParser {
  readonly #tokens: TokenReader;
  /** For a binary expression: how many operators are on the longest path down the tree. */
  readonly #operators = new WeakMap<syntax.Expression, number>();

  constructor(tokens: TokenReader) {
    this.#tokens = tokens;
  }

  /** Parses an expression. */
  expression(): syntax.Expression {
    const firstOperand = this.unary();
    if (BITWISE.has(this.#tokens.operator)) return this.#bitwise(firstOperand);
    const left = this.#relation(firstOperand);
    const { position } = this.#tokens.peek;
    const logical = this.#tokens.operator;
    if (!LOGICAL.has(logical)) return this.#rejectMixing(left);
    let result = left;
    while (this.#tokens.operator === logical) {
      this.#tokens.advance();
      const right = this.#relation(this.unary());
      result = this.#binary(logical, result, right, position);
    }
    return this.#rejectMixing(result);
  }

  /** Parses a chain of one of & | ^, whose operands are unary expressions. */
  #bitwise(firstOperand: syntax.Expression): syntax.Expression {
    const operator = this.#tokens.operator;
    let result = firstOperand;
    while (this.#tokens.operator === operator) {
      const { position } = this.#tokens.advance();
      result = this.#binary(operator, result, this.unary(), position);
    }
    return this.#rejectMixing(result);
  }

  /**
   * Returns an expression that no other operator may follow.
   *
   * @throws WgslError where one follows.
   */
  #rejectMixing(result: syntax.Expression): syntax.Expression {
    const operators = [MULTIPLICATIVE, ADDITIVE, SHIFTS, RELATIONS, BITWISE, LOGICAL];
    if (operators.some((set) => set.has(this.#tokens.operator)))
      this.#tokens.fail(
        this.#tokens.peek.position,
        `"${this.#tokens.operator}" cannot follow the operators before it without parentheses`,
      );
    return result;
  }

  #relation(firstOperand: syntax.Expression): syntax.Expression {
    const left = this.#shift(firstOperand);
    const { position } = this.#tokens.peek;
    const operator = this.#tokens.operator;
    if (!RELATIONS.has(operator)) return left;
    this.#tokens.advance();
    return this.#binary(operator, left, this.#shift(this.unary()), position);
  }

  #shift(firstOperand: syntax.Expression): syntax.Expression {
    const { position } = this.#tokens.peek;
    const operator = this.#tokens.operator;
    if (!SHIFTS.has(operator)) return this.#additive(firstOperand);
    this.#tokens.advance();
    return this.#binary(operator, firstOperand, this.unary(), position);
  }

  #additive(firstOperand: syntax.Expression): syntax.Expression {
    let result = this.#multiplicative(firstOperand);
    for (;;) {
      this.#tokens.splitSigns();
      if (!ADDITIVE.has(this.#tokens.operator)) return result;
      const { text: operator, position } = this.#tokens.advance();
      const right = this.#multiplicative(this.unary());
      result = this.#binary(operator, result, right, position);
    }
  }

  #multiplicative(firstOperand: syntax.Expression): syntax.Expression {
    let result = firstOperand;
    while (MULTIPLICATIVE.has(this.#tokens.operator)) {
      const { text: operator, position } = this.#tokens.advance();
      result = this.#binary(operator, result, this.unary(), position);
    }
    return result;
  }

  /** Parses an expression without binary operators: what can be on the left of an assignment. */
  unary(): syntax.Expression {
    return this.#tokens.nested(() => this.#unnestedUnary());
  }

  #unnestedUnary(): syntax.Expression {
    this.#tokens.splitSigns();
    const { text: operator, position } = this.#tokens.peek;
    if (['-', '!', '~', '*', '&'].includes(operator)) {
      this.#tokens.advance();
      return { kind: 'unary', operator, operand: this.unary(), position };
    }
    return this.#postfix(this.#primary());
  }

  #binary(
    operator: string,
    left: syntax.Expression,
    right: syntax.Expression,
    position: Position,
  ): syntax.Expression {
    const count = (node: syntax.Expression) => this.#operators.get(node) ?? 0;
    const operators = 1 + Math.max(count(left), count(right));
    if (operators > MAX_OPERATORS)
      this.#tokens.fail(
        position,
        `this expression has more than ${MAX_OPERATORS} operators in a row`,
      );
    const node = { kind: 'binary', operator, left, right, position } as const;
    this.#operators.set(node, operators);
    return node;
  }

  #postfix(firstOperand: syntax.Expression): syntax.Expression {
    let result = firstOperand;
    for (;;) {
      const { position } = this.#tokens.peek;
      if (this.#tokens.take('.')) {
        result = {
          kind: 'member',
          base: result,
          name: this.#tokens.word('a member').text,
          position,
        };
      } else if (this.#tokens.take('[')) {
        const index = this.expression();
        this.#tokens.expect(']', 'to close an index');
        result = { kind: 'index', base: result, index, position };
      } else return result;
    }
  }

  #primary(): syntax.Expression {
    const { kind, text, position } = this.#tokens.peek;
    if (kind === 'number') {
      this.#tokens.advance();
      return { kind: 'number', text, position };
    }
    if (text === 'true' || text === 'false') {
      this.#tokens.advance();
      return { kind: 'boolean', value: text === 'true', position };
    }
    if (this.#tokens.take('(')) {
      const inner = this.expression();
      this.#tokens.expect(')', 'to close a parenthesis');
      return inner;
    }
    if (kind !== 'word' || KEYWORDS.has(text) || text === '_')
      return this.#tokens.fail(position, `an expression is expected here, not "${text}"`);
    this.#tokens.advance();
    const name: syntax.Name = { kind: 'name', name: text, template: this.template(), position };
    if (!this.#tokens.take('(')) return name;
    return {
      kind: 'call',
      callee: name,
      arguments: this.arguments('to close the arguments'),
      position,
    };
  }

  /**
   * Parses expressions up to and including the closing parenthesis. The opening one was taken
   * before.
   *
   * @param why for the message if it is missing.
   */
  arguments(why: string): syntax.Expression[] {
    const list: syntax.Expression[] = [];
    while (!this.#tokens.nextIs(')')) {
      list.push(this.expression());
      if (!this.#tokens.take(',')) break;
    }
    this.#tokens.expect(')', why);
    return list;
  }

  /** Parses `: type` if it is next. */
  typeAnnotation(): syntax.Name | undefined {
    return this.#tokens.take(':') ? this.type() : undefined;
  }

  /** Parses a type. */
  type(): syntax.Name {
    const { text: name, position } = this.#tokens.word('a type');
    return { kind: 'name', name, template: this.template(), position };
  }

  /**
   * Parses a template list `<a, b>` of types and values if it is next; otherwise returns an empty
   * list.
   */
  template(): syntax.Expression[] {
    if (!this.#tokens.nextIsTemplate('<')) return [];
    this.#tokens.advance();
    const args: syntax.Expression[] = [];
    do {
      if (this.#tokens.nextIsTemplate('>')) break;
      args.push(this.expression());
    } while (this.#tokens.take(','));
    const { position } = this.#tokens.closeTemplate();
    if (args.length === 0) this.#tokens.fail(position, 'a template list cannot be empty');
    return args;
  }
}
