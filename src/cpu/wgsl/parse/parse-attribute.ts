/**
 * Step 1c: directives, and the attributes of declarations, parameters and statements.
 *
 *   in    @group(0) @binding(N + 1) var ...
 *   out   group (number 0), binding (binary + (name N) (number 1))
 *
 * Why: a table lists the attributes and how many arguments they take. The other parsers state which
 * attributes are allowed where.
 */

import { LANGUAGE_FEATURES } from '../language-features.js';
import type { Position } from '../source.js';
import type { ExpressionParser } from './parse-expression.js';
import type * as syntax from './syntax.js';
import type { TokenReader } from './token-reader.js';

/** The smallest and the largest number of arguments of each attribute. */
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

/** The attributes of vertex and fragment shaders, which this device does not run. */
const RENDER_ATTRIBUTES = new Set([
  ...['vertex', 'fragment', 'location', 'interpolate', 'invariant', 'blend_src'],
  ...['color', 'input_attachment_index'],
]);

const SEVERITIES = ['error', 'warning', 'info', 'off'];

/** Parses attributes, and the directives before all declarations. */
export class AttributeParser {
  readonly #tokens: TokenReader;
  readonly #expressions: ExpressionParser;

  constructor(tokens: TokenReader, expressions: ExpressionParser) {
    this.#tokens = tokens;
    this.#expressions = expressions;
  }

  /** Parses the directives. The accepted ones change nothing here. */
  directives(): void {
    const severities = new Map<string, string>();
    for (;;) {
      const { text: word, position } = this.#tokens.peek;
      if (word === 'enable') {
        this.#tokens.advance();
        const extension = this.#tokens.peek.text;
        this.#tokens.fail(
          position,
          `"enable ${extension}" is not supported: this device has no ${extension}`,
        );
      } else if (word === 'requires') this.#requires();
      else if (word === 'diagnostic') {
        this.#tokens.advance();
        this.#tokens.expect('(', 'after diagnostic');
        const { severity, rule } = this.#diagnostic(
          this.#expressions.arguments('to close diagnostic('),
          position,
        );
        this.#tokens.expect(';', 'after a directive');
        if ((severities.get(rule) ?? severity) !== severity)
          this.#tokens.fail(position, `the diagnostic rule "${rule}" has two different severities`);
        severities.set(rule, severity);
      } else return;
    }
  }

  #requires(): void {
    this.#tokens.advance();
    do {
      const { text: extension, position } = this.#tokens.name();
      if (!LANGUAGE_FEATURES.includes(extension))
        this.#tokens.fail(position, `the language extension "${extension}" is not supported`);
    } while (this.#tokens.take(',') && !this.#tokens.nextIs(';'));
    this.#tokens.expect(';', 'after a directive');
  }

  /**
   * Checks the arguments of a diagnostic. It has no effect, since this device emits no warnings.
   */
  #diagnostic(
    [severityNode, ruleNode]: readonly syntax.Expression[],
    position: Position,
  ): { severity: string; rule: string } {
    const severity = severityNode?.kind === 'name' ? severityNode.name : '';
    if (!SEVERITIES.includes(severity))
      this.#tokens.fail(
        position,
        `the severity of a diagnostic must be one of ${SEVERITIES.join(', ')}`,
      );
    if (ruleNode?.kind === 'name') return { severity, rule: ruleNode.name };
    if (ruleNode?.kind === 'member' && ruleNode.base.kind === 'name')
      return { severity, rule: `${ruleNode.base.name}.${ruleNode.name}` };
    return this.#tokens.fail(position, 'a diagnostic needs the name of a rule');
  }

  /** Parses the attributes at the current position. */
  read(): syntax.Attribute[] {
    const attributes: syntax.Attribute[] = [];
    const seen = new Set<string>();
    while (this.#tokens.nextIs('@')) {
      const { position } = this.#tokens.advance();
      const { text: name } = this.#tokens.advance();
      const counts = ATTRIBUTES.get(name);
      if (RENDER_ATTRIBUTES.has(name))
        this.#tokens.fail(
          position,
          `@${name} is not supported: this device runs compute shaders only`,
        );
      if (!counts) return this.#tokens.fail(position, `"@${name}" is not an attribute of WGSL`);
      const [minCount, maxCount] = counts;
      const args = this.#takesArguments(name, maxCount)
        ? this.#expressions.arguments(`to close @${name}(`)
        : [];
      if (args.length < minCount || args.length > maxCount) {
        const expected = minCount === maxCount ? `${minCount}` : `${minCount} to ${maxCount}`;
        this.#tokens.fail(
          position,
          `@${name} takes ${expected} argument${expected === '1' ? '' : 's'}, not ${args.length}`,
        );
      }
      const key = name === 'diagnostic' ? `${name} ${this.#diagnostic(args, position).rule}` : name;
      if (seen.has(key)) this.#tokens.fail(position, `@${key} is given twice`);
      seen.add(key);
      attributes.push({ name, arguments: args, position });
    }
    return attributes;
  }

  /**
   * Takes the "(" of an attribute that has arguments. A "(" after one without arguments is left for
   * the grammar to reject.
   *
   * @returns whether arguments follow.
   */
  #takesArguments(name: string, maxCount: number): boolean {
    if (maxCount === 0) return false;
    this.#tokens.expect('(', `after @${name}`);
    return true;
  }

  /**
   * @param allowed the names of the attributes that are allowed.
   * @param before what follows the attributes, for the message.
   * @throws WgslError at an attribute that is not allowed.
   */
  rejectOthers(
    attributes: readonly syntax.Attribute[],
    allowed: readonly string[],
    before: string,
  ): void {
    const rejected = attributes.find(({ name }) => !allowed.includes(name));
    if (rejected)
      this.#tokens.fail(rejected.position, `@${rejected.name} is not allowed before ${before}`);
  }
}
