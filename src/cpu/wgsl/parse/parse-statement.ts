/**
 * Step 1d: statements.
 *
 *   in    for (var i = 0u; i < n; i++) { out[i + 1u] = 2.0 * x[i]; }
 *   out   loop: initial (var i), condition (binary <), body (assign), continuing (assign i + 1)
 *
 * Why: `for`, `while` and `loop` become one kind of node here, so that all later steps have one kind of loop.
 */

import type { AttributeParser } from './parse-attribute.js';
import type { ExpressionParser } from './parse-expression.js';
import type * as syntax from './syntax.js';
import type { TokenReader } from './token-reader.js';

const COMPOUND = new Set(['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);

/** `else if` in a row: each is nested in the one before it. */
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

  block(): syntax.Block {
    this.#attributes.refuse(this.#attributes.read(), ['diagnostic'], 'a block');
    const { at } = this.#tokens.expect('{', 'to open a block');
    const body: syntax.Statement[] = [];
    while (this.#tokens.peek.text !== '}') {
      if (this.#tokens.peek.kind === 'end') this.#tokens.expect('}', 'to close the block');
      if (this.#tokens.take(';')) continue;
      body.push(this.#statement());
    }
    this.#tokens.advance();
    return { kind: 'block', body, at };
  }

  #statement(): syntax.Statement {
    return this.#tokens.deeper(() => this.#anyStatement());
  }

  #anyStatement(): syntax.Statement {
    const attributes = this.#attributes.read();
    const { text, at } = this.#tokens.peek;
    const takesAttributes = ['{', 'if', 'switch', 'loop', 'for', 'while'].includes(text);
    this.#attributes.refuse(attributes, takesAttributes ? ['diagnostic'] : [], 'this statement');
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
        return this.#tokens.fail(at, 'discard belongs to fragment shaders');
    }
    const statement = this.#simple();
    this.#tokens.expect(';', 'after a statement');
    return statement;
  }

  /** A statement that ends with a semicolon. */
  #simple(): syntax.Statement {
    const { text, at } = this.#tokens.peek;
    switch (text) {
      case 'return': {
        this.#tokens.advance();
        const value = this.#tokens.peek.text === ';' ? undefined : this.#expressions.expression();
        return { kind: 'return', value, at };
      }
      case 'break':
        this.#tokens.advance();
        if (this.#tokens.at('if'))
          this.#tokens.fail(at, '"break if" may only end the continuing block of a loop');
        return { kind: 'break', at };
      case 'continue':
        this.#tokens.advance();
        return { kind: 'continue', at };
      default:
        return this.#declarationOrUpdate();
    }
  }

  /** What may stand as the first part of a `for`. */
  #declarationOrUpdate(): syntax.Statement {
    const { text, at } = this.#tokens.peek;
    if (text !== 'let' && text !== 'const' && text !== 'var') return this.#update();
    this.#tokens.advance();
    if (text === 'var' && this.#tokens.atTemplate('<')) {
      this.#tokens.advance();
      const space = this.#tokens.advance();
      if (space.text !== 'function')
        this.#tokens.fail(
          space.at,
          `a variable in a function is in space function, not ${space.text}`,
        );
      this.#tokens.take(',');
      this.#tokens.closeTemplate();
    }
    const { text: name } = this.#tokens.name();
    const type = this.#expressions.typeAnnotation();
    const value = this.#tokens.take('=') ? this.#expressions.expression() : undefined;
    if (!value && text !== 'var')
      this.#tokens.fail(this.#tokens.peek.at, `a ${text} needs a value: "=" expected`);
    return { kind: text, name, type, value, at };
  }

  /** An assignment, an increment or a call. */
  #update(): syntax.Statement {
    const { text, at } = this.#tokens.peek;
    if (text === '_') {
      this.#tokens.advance();
      this.#tokens.expect('=', 'since "_" can only be assigned to');
      const value = this.#expressions.expression();
      return {
        kind: 'assign',
        target: undefined,
        operator: undefined,
        value,
        isStep: false,
        at,
      };
    }
    const target = this.#expressions.unary();
    const operator = this.#tokens.peek;
    if (operator.text === '=') {
      this.#tokens.advance();
      const value = this.#expressions.expression();
      return { kind: 'assign', target, operator: undefined, value, isStep: false, at };
    }
    if (COMPOUND.has(operator.text)) {
      this.#tokens.advance();
      const value = this.#expressions.expression();
      const name = operator.text.slice(0, -1);
      return { kind: 'assign', target, operator: name, value, isStep: false, at };
    }
    if (operator.text === '++' || operator.text === '--') {
      this.#tokens.advance();
      const value = { kind: 'number', text: '1', at: operator.at } as const;
      return { kind: 'assign', target, operator: operator.text[0]!, value, isStep: true, at };
    }
    if (target.kind === 'call') return { kind: 'call', call: target, at };
    return this.#tokens.fail(
      operator.at,
      `an assignment or a call is expected here, not "${operator.text}"`,
    );
  }

  // Branches and loops

  #if(): syntax.Statement {
    const arms: Omit<Extract<syntax.Statement, { kind: 'if' }>, 'kind' | 'whenFalse'>[] = [];
    let last: syntax.Block | undefined;
    do {
      const { at } = this.#tokens.advance();
      if (arms.length === MAX_ARMS)
        this.#tokens.fail(at, `there are more than ${MAX_ARMS} "else if"`);
      arms.push({ at, condition: this.#expressions.expression(), whenTrue: this.block() });
      if (!this.#tokens.take('else')) break;
      if (this.#tokens.peek.text !== 'if') last = this.block();
    } while (!last);
    const whenFalse = arms.slice(1).reduceRight<syntax.Block | undefined>((rest, arm) => {
      const nested: syntax.Statement = { kind: 'if', ...arm, whenFalse: rest };
      return { kind: 'block', body: [nested], at: arm.at };
    }, last);
    return { kind: 'if', ...arms[0]!, whenFalse };
  }

  #switch(): syntax.Statement {
    const { at } = this.#tokens.advance();
    const selector = this.#expressions.expression();
    this.#attributes.refuse(this.#attributes.read(), ['diagnostic'], 'a block');
    this.#tokens.expect('{', 'to open the cases');
    const cases: syntax.SwitchCase[] = [];
    while (!this.#tokens.take('}')) {
      const { text, at: caseAt } = this.#tokens.advance();
      const selectors: (syntax.Expression | undefined)[] = [];
      if (text === 'default') selectors.push(undefined);
      else if (text === 'case') {
        do {
          if (this.#tokens.peek.text === ':' || this.#tokens.peek.text === '{') break;
          if (this.#tokens.take('default')) selectors.push(undefined);
          else selectors.push(this.#expressions.expression());
        } while (this.#tokens.take(','));
      } else this.#tokens.fail(caseAt, `"case" or "default" is expected here, not "${text}"`);
      this.#tokens.take(':');
      cases.push({ selectors, body: this.block(), at: caseAt });
    }
    return { kind: 'switch', selector, cases, at };
  }

  #loop(): syntax.Statement {
    const { at } = this.#tokens.advance();
    this.#attributes.refuse(this.#attributes.read(), ['diagnostic'], 'a block');
    const { at: open } = this.#tokens.expect('{', 'to open the loop');
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
    this.#attributes.refuse(this.#attributes.read(), ['diagnostic'], 'a block');
    this.#tokens.expect('{', 'to open the continuing block');
    const continuing: syntax.Statement[] = [];
    let breakIf: syntax.Expression | undefined;
    while (!this.#tokens.take('}')) {
      if (this.#tokens.peek.kind === 'end')
        this.#tokens.expect('}', 'to close the continuing block');
      if (this.#tokens.take(';')) continue;
      if (this.#tokens.at('break') && this.#tokens.following.text === 'if') {
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
    const { at } = this.#tokens.advance();
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
      at,
    };
  }

  #for(): syntax.Statement {
    const { at } = this.#tokens.advance();
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
      at,
    };
  }

  assertion(): syntax.Assertion {
    const { at } = this.#tokens.advance();
    const condition = this.#expressions.expression();
    this.#tokens.expect(';', 'after const_assert');
    return { kind: 'assert', condition, at };
  }
}
