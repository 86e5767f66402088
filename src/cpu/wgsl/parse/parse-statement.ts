/**
 * Step 1d: statements.
 *
 *   in    for (var i = 0u; i < n; i++) { out[i + 1u] = 2.0 * x[i]; }
 *   out   loop: initial (var i), condition (binary <), body (assign), continuing (assign i + 1)
 *
 * Why: `for`, `while` and `loop` become one kind of node here, so later steps know only one kind of
 * loop.
 */

import type { AttributeParser } from './parse-attribute.js';
import type { ExpressionParser } from './parse-expression.js';
import type * as syntax from './syntax.js';
import type { TokenReader } from './token-reader.js';

const COMPOUND = new Set(['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);

/** The most `else if` in a row: each is nested in the one before it. */
const MAX_ARMS = 512;

/** Parses blocks and the statements in them. */
export class StatementParser {
  readonly #tokens: TokenReader;
  readonly #expressions: ExpressionParser;
  readonly #attributes: AttributeParser;

  constructor(tokens: TokenReader, expressions: ExpressionParser, attributes: AttributeParser) {
    this.#tokens = tokens;
    this.#expressions = expressions;
    this.#attributes = attributes;
  }

  /** Parses a block with its braces. */
  block(): syntax.Block {
    this.#attributes.rejectOthers(this.#attributes.read(), ['diagnostic'], 'a block');
    const { position } = this.#tokens.expect('{', 'to open a block');
    const body: syntax.Statement[] = [];
    while (this.#tokens.peek.text !== '}') {
      if (this.#tokens.peek.kind === 'end') this.#tokens.expect('}', 'to close the block');
      if (this.#tokens.take(';')) continue;
      body.push(this.#statement());
    }
    this.#tokens.advance();
    return { kind: 'block', body, position };
  }

  #statement(): syntax.Statement {
    return this.#tokens.nested(() => this.#unnestedStatement());
  }

  #unnestedStatement(): syntax.Statement {
    const attributes = this.#attributes.read();
    const { text, position } = this.#tokens.peek;
    const takesAttributes = ['{', 'if', 'switch', 'loop', 'for', 'while'].includes(text);
    this.#attributes.rejectOthers(
      attributes,
      takesAttributes ? ['diagnostic'] : [],
      'this statement',
    );
    switch (text) {
      case '{':
        return this.block();
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
        return this.assertion();
      case 'discard':
        return this.#tokens.fail(position, 'discard belongs to fragment shaders');
    }
    const statement = this.#simple();
    this.#tokens.expect(';', 'after a statement');
    return statement;
  }

  /** Parses a statement that ends with a semicolon. */
  #simple(): syntax.Statement {
    const { text, position } = this.#tokens.peek;
    switch (text) {
      case 'return': {
        this.#tokens.advance();
        const value = this.#tokens.peek.text === ';' ? undefined : this.#expressions.expression();
        return { kind: 'return', value, position };
      }
      case 'break':
        this.#tokens.advance();
        if (this.#tokens.nextIs('if'))
          this.#tokens.fail(position, '"break if" may only end the continuing block of a loop');
        return { kind: 'break', position };
      case 'continue':
        this.#tokens.advance();
        return { kind: 'continue', position };
      default:
        return this.#declarationOrUpdate();
    }
  }

  /** Parses what can be the initializer of a `for`. */
  #declarationOrUpdate(): syntax.Statement {
    const { text, position } = this.#tokens.peek;
    if (text !== 'let' && text !== 'const' && text !== 'var') return this.#update();
    this.#tokens.advance();
    if (text === 'var' && this.#tokens.nextIsTemplate('<')) {
      this.#tokens.advance();
      const space = this.#tokens.advance();
      if (space.text !== 'function')
        this.#tokens.fail(
          space.position,
          `a variable in a function is in the address space function, not ${space.text}`,
        );
      this.#tokens.take(',');
      this.#tokens.closeTemplate();
    }
    const { text: name } = this.#tokens.name();
    const type = this.#expressions.typeAnnotation();
    const value = this.#tokens.take('=') ? this.#expressions.expression() : undefined;
    if (!value && text !== 'var')
      this.#tokens.fail(this.#tokens.peek.position, `a ${text} needs a value: "=" is expected`);
    return { kind: text, name, type, value, position };
  }

  /** Parses an assignment, an increment or a call. */
  #update(): syntax.Statement {
    const { text, position } = this.#tokens.peek;
    if (text === '_') {
      this.#tokens.advance();
      this.#tokens.expect('=', 'since "_" can only be assigned to');
      const value = this.#expressions.expression();
      return {
        kind: 'assign',
        target: undefined,
        operator: undefined,
        value,
        isIncrement: false,
        position,
      };
    }
    const target = this.#expressions.unary();
    const operator = this.#tokens.peek;
    if (operator.text === '=') {
      this.#tokens.advance();
      const value = this.#expressions.expression();
      return { kind: 'assign', target, operator: undefined, value, isIncrement: false, position };
    }
    if (COMPOUND.has(operator.text)) {
      this.#tokens.advance();
      const value = this.#expressions.expression();
      const name = operator.text.slice(0, -1);
      return { kind: 'assign', target, operator: name, value, isIncrement: false, position };
    }
    if (operator.text === '++' || operator.text === '--') {
      this.#tokens.advance();
      const value = { kind: 'number', text: '1', position: operator.position } as const;
      return {
        kind: 'assign',
        target,
        operator: operator.text[0]!,
        value,
        isIncrement: true,
        position,
      };
    }
    if (target.kind === 'call') return { kind: 'call', call: target, position };
    return this.#tokens.fail(
      operator.position,
      `an assignment or a call is expected here, not "${operator.text}"`,
    );
  }

  // Branches and loops

  #if(): syntax.Statement {
    const arms: Omit<Extract<syntax.Statement, { kind: 'if' }>, 'kind' | 'whenFalse'>[] = [];
    let last: syntax.Block | undefined;
    do {
      const { position } = this.#tokens.advance();
      if (arms.length === MAX_ARMS)
        this.#tokens.fail(position, `there are more than ${MAX_ARMS} "else if"`);
      arms.push({ position, condition: this.#expressions.expression(), whenTrue: this.block() });
      if (!this.#tokens.take('else')) break;
      if (this.#tokens.peek.text !== 'if') last = this.block();
    } while (!last);
    const whenFalse = arms.slice(1).reduceRight<syntax.Block | undefined>((rest, arm) => {
      const nested: syntax.Statement = { kind: 'if', ...arm, whenFalse: rest };
      return { kind: 'block', body: [nested], position: arm.position };
    }, last);
    return { kind: 'if', ...arms[0]!, whenFalse };
  }

  #switch(): syntax.Statement {
    const { position } = this.#tokens.advance();
    const selector = this.#expressions.expression();
    this.#attributes.rejectOthers(this.#attributes.read(), ['diagnostic'], 'a block');
    this.#tokens.expect('{', 'to open the cases');
    const cases: syntax.SwitchCase[] = [];
    while (!this.#tokens.take('}')) {
      const { text, position: casePosition } = this.#tokens.advance();
      const selectors: (syntax.Expression | undefined)[] = [];
      if (text === 'default') selectors.push(undefined);
      else if (text === 'case') {
        do {
          if (this.#tokens.peek.text === ':' || this.#tokens.peek.text === '{') break;
          if (this.#tokens.take('default')) selectors.push(undefined);
          else selectors.push(this.#expressions.expression());
        } while (this.#tokens.take(','));
      } else this.#tokens.fail(casePosition, `"case" or "default" is expected here, not "${text}"`);
      this.#tokens.take(':');
      cases.push({ selectors, body: this.block(), position: casePosition });
    }
    return { kind: 'switch', selector, cases, position };
  }

  #loop(): syntax.Statement {
    const { position } = this.#tokens.advance();
    this.#attributes.rejectOthers(this.#attributes.read(), ['diagnostic'], 'a block');
    const { position: open } = this.#tokens.expect('{', 'to open the loop');
    const body: syntax.Statement[] = [];
    let continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#tokens.take('}')) {
      if (this.#tokens.peek.kind === 'end') this.#tokens.expect('}', 'to close the loop');
      if (this.#tokens.take(';')) continue;
      if (this.#tokens.take('continuing')) {
        ({ continuing, breakIf } = this.#continuing());
        this.#tokens.expect('}', 'since the continuing block ends its loop');
        break;
      }
      body.push(this.#statement());
    }
    const block = { kind: 'block', body, position: open } as const;
    return {
      kind: 'loop',
      initial: undefined,
      condition: undefined,
      body: block,
      continuing,
      breakIf,
      sharesScope: true,
      position,
    };
  }

  #continuing(): { continuing: syntax.Statement[]; breakIf: syntax.Expression | undefined } {
    this.#attributes.rejectOthers(this.#attributes.read(), ['diagnostic'], 'a block');
    this.#tokens.expect('{', 'to open the continuing block');
    const continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#tokens.take('}')) {
      if (this.#tokens.peek.kind === 'end')
        this.#tokens.expect('}', 'to close the continuing block');
      if (this.#tokens.take(';')) continue;
      if (this.#tokens.nextIs('break') && this.#tokens.lookahead.text === 'if') {
        this.#tokens.advance();
        this.#tokens.advance();
        breakIf = this.#expressions.expression();
        this.#tokens.expect(';', 'after break if');
        this.#tokens.expect('}', 'since "break if" ends the continuing block');
        break;
      }
      continuing.push(this.#statement());
    }
    return { continuing, breakIf };
  }

  #while(): syntax.Statement {
    const { position } = this.#tokens.advance();
    const condition = this.#expressions.expression();
    const body = this.block();
    return {
      kind: 'loop',
      initial: undefined,
      condition,
      body,
      continuing: [],
      breakIf: undefined,
      sharesScope: false,
      position,
    };
  }

  #for(): syntax.Statement {
    const { position } = this.#tokens.advance();
    this.#tokens.expect('(', 'after for');
    const initial = this.#tokens.peek.text === ';' ? undefined : this.#declarationOrUpdate();
    this.#tokens.expect(';', 'after the first part of a for');
    const condition = this.#tokens.peek.text === ';' ? undefined : this.#expressions.expression();
    this.#tokens.expect(';', 'after the condition of a for');
    const continuing = this.#tokens.peek.text === ')' ? [] : [this.#update()];
    this.#tokens.expect(')', 'to close the head of a for');
    const body = this.block();
    return {
      kind: 'loop',
      initial,
      condition,
      body,
      continuing,
      breakIf: undefined,
      sharesScope: false,
      position,
    };
  }

  /** Parses a `const_assert` statement. */
  assertion(): syntax.Assertion {
    const { position } = this.#tokens.advance();
    const condition = this.#expressions.expression();
    this.#tokens.expect(';', 'after const_assert');
    return { kind: 'assert', condition, position };
  }
}
