/**
 * Step 3b: the statements of a function are checked, in scopes of their own.
 *
 *   in    let x = a + 1; x = 2;
 *   out   refused: "x" is a value, not a variable: it cannot be assigned to
 *
 * `if` of a constant keeps only the branch that is taken; both are checked all the same.
 */

import { BUILTINS } from './builtins.js';
import { ExpressionChecker, type Named, rootOf, type Surroundings } from './check-expression.js';
import type { BinaryOperator, Case, Expression, Place, Statement, Variable } from './program.js';
import type { Offset } from './source.js';
import type * as syntax from './syntax.js';
import {
  BOOL,
  I32,
  isAbstract,
  isSized,
  scalarOf,
  type Type,
  typeName,
  U32,
  VOID,
} from './types.js';

/** The function's body, typed. */
export class FunctionChecker {
  readonly #outside: Surroundings;
  readonly #result: Type;
  readonly #expressions: ExpressionChecker;
  readonly #scopes: Map<string, Named>[] = [];
  #loops = 0;
  #switches = 0;
  #inContinuing = false;

  constructor(outside: Surroundings, result: Type) {
    this.#outside = outside;
    this.#result = result;
    this.#expressions = new ExpressionChecker({
      ...outside,
      text: outside.text,
      lookup: (name, at) => this.#lookup(name) ?? outside.lookup(name, at),
      type: (name) => outside.type(name),
      use: (variable) => outside.use(variable),
    });
  }

  /** @throws WgslError where a statement breaks a rule, or a path ends without the result. */
  check(name: string, parameters: readonly Variable[], body: syntax.Block): Statement[] {
    this.#scopes.push(new Map());
    for (const parameter of parameters)
      this.#declare(parameter.name, { kind: 'variable', variable: parameter }, parameter.at);
    const statements = body.body.flatMap((statement) => this.#statement(statement));
    this.#scopes.pop();
    if (this.#result !== VOID && !returns(statements))
      this.#fail(body.at, `${name} ends without a return of ${typeName(this.#result)}`);
    return statements;
  }

  // Statements

  #statement(node: syntax.Statement): Statement[] {
    const { at } = node;
    switch (node.kind) {
      case 'block':
        return [{ kind: 'block', body: this.#block(node), at }];
      case 'const':
      case 'let':
      case 'var':
        return this.#declaration(node);
      case 'assign':
        return [this.#assignment(node)];
      case 'call':
        return [this.#callStatement(node.call)];
      case 'assert':
        checkAssertion(this.#expressions, node);
        return [];
      case 'if':
        return this.#if(node);
      case 'switch':
        return [this.#switch(node)];
      case 'loop':
        return [this.#loop(node)];
      case 'break':
        if (this.#loops + this.#switches === 0)
          this.#fail(at, '"break" stands in neither a loop nor a switch');
        if (this.#inContinuing) this.#fail(at, '"break" cannot leave a continuing block');
        return [{ kind: 'break', at }];
      case 'continue':
        if (this.#loops === 0) this.#fail(at, '"continue" stands outside a loop');
        if (this.#inContinuing) this.#fail(at, '"continue" cannot leave a continuing block');
        return [{ kind: 'continue', at }];
      case 'return':
        return [this.#return(node)];
    }
  }

  #block({ body }: syntax.Block): Statement[] {
    this.#scopes.push(new Map());
    const statements = body.flatMap((statement) => this.#statement(statement));
    this.#scopes.pop();
    return statements;
  }

  #declaration({ kind, name, type, value, at }: syntax.LocalDeclaration): Statement[] {
    const wanted = type && this.#outside.type(type);
    const given = value && this.#expressions.check(value);
    const converted =
      given && wanted
        ? this.#expressions.convert(given, wanted, `the value of ${name}`)
        : given && (kind === 'const' ? given : this.#expressions.concrete(given));
    if (kind === 'const') {
      if (converted?.kind !== 'constant')
        return this.#fail(at, `the value of const ${name} is not constant: use let`);
      this.#declare(name, converted, at);
      return [];
    }
    const own = converted?.type ?? wanted;
    if (!own) return this.#fail(at, `var ${name} needs a type or a value`);
    if (own === VOID) return this.#fail(at, `the value of ${name} is a call that gives nothing`);
    if (kind === 'var' && !isSized(own))
      return this.#fail(at, `var ${name} cannot be of ${typeName(own)}`);
    const space = kind === 'let' ? 'let' : 'function';
    const variable: Variable = {
      name,
      type: own,
      space,
      access: 'read_write',
      binding: undefined,
      at,
    };
    this.#declare(name, { kind: 'variable', variable }, at);
    return [{ kind: 'declare', variable, value: converted, at }];
  }

  #assignment({ target, operator, value, at }: syntax.Assignment): Statement {
    if (!target) return { kind: 'evaluate', value: this.#expressions.checkConcrete(value), at };
    const place = this.#expressions.place(target);
    this.#refuseReadOnly(place, at);
    if (!operator) {
      const given = this.#expressions.checkAs(value, place.type, 'the value');
      if (!isSized(place.type)) this.#fail(at, `${typeName(place.type)} cannot be assigned`);
      return { kind: 'assign', place, operator: undefined, value: given, at };
    }
    const old = this.#expressions.read(place);
    const given = this.#expressions.check(value);
    const result = this.#expressions.binary(operator as BinaryOperator, old, given, at);
    if (result.type !== place.type || result.kind !== 'binary')
      return this.#fail(
        at,
        `"${operator}=" gives ${typeName(result.type)}, not ${typeName(place.type)}`,
      );
    return { kind: 'assign', place, operator: result.operator, value: result.right, at };
  }

  #refuseReadOnly(place: Place, at: Offset): void {
    const root = rootOf(place);
    if (root && root.access === 'read')
      this.#fail(at, `"${root.name}" is var<${root.space}, read>: it cannot be assigned to`);
    let within: Place = place;
    while (within.kind === 'member' || within.kind === 'element') within = within.of;
    if (within.kind !== 'dereference' || within.pointer.type.kind !== 'pointer') return;
    if (within.pointer.type.access === 'read')
      this.#fail(at, 'this pointer is to read-only memory: it cannot be assigned through');
  }

  #callStatement(call: syntax.CallExpression): Statement {
    const value = this.#expressions.check(call);
    const isFunction =
      value.kind === 'call' || (value.kind === 'builtin' && BUILTINS.get(value.name)?.statement);
    if (!isFunction) this.#fail(call.at, `the value of ${call.callee.name}(...) is not used`);
    return { kind: 'evaluate', value, at: call.at };
  }

  #if(node: Extract<syntax.Statement, { kind: 'if' }>): Statement[] {
    const condition = this.#condition(node.condition);
    const then = this.#block(node.whenTrue);
    const otherwise = node.whenFalse ? this.#block(node.whenFalse) : [];
    const { at } = node;
    if (condition.kind === 'constant')
      return [{ kind: 'block', body: condition.value ? then : otherwise, at }];
    return [{ kind: 'if', condition, whenTrue: then, whenFalse: otherwise, at }];
  }

  #switch(node: Extract<syntax.Statement, { kind: 'switch' }>): Statement {
    const { at } = node;
    let selector = this.#expressions.check(node.selector);
    const scalars = node.cases.flatMap((c) =>
      c.selectors.map((s) => s && this.#expressions.check(s)),
    );
    const own = scalars.find((s) => s && !isAbstract(s.type))?.type ?? I32;
    if (isAbstract(selector.type))
      selector = this.#expressions.convert(selector, own, 'the selector');
    if (selector.type !== I32 && selector.type !== U32)
      this.#fail(at, `a switch selects by i32 or u32, not by ${typeName(selector.type)}`);
    const seen = new Set<number>();
    let defaults = 0;
    const cases = node.cases.map(({ selectors, body, at: place }): Case => {
      const values: number[] = [];
      for (const each of selectors) {
        if (!each) {
          defaults += 1;
          continue;
        }
        const value = this.#expressions.checkAs(each, selector.type, 'the case');
        if (value.kind !== 'constant')
          return this.#fail(place, 'the value of a case must be constant');
        if (seen.has(value.value as number))
          this.#fail(place, `the case ${value.value} stands twice`);
        seen.add(value.value as number);
        values.push(value.value as number);
      }
      const [loops, continuing] = [this.#loops, this.#inContinuing];
      this.#switches += 1;
      this.#inContinuing = false;
      const statements = this.#block(body);
      this.#switches -= 1;
      [this.#loops, this.#inContinuing] = [loops, continuing];
      return { selectors: values, isDefault: selectors.includes(undefined), body: statements };
    });
    if (defaults !== 1) this.#fail(at, `a switch has one default, and this one has ${defaults}`);
    return { kind: 'switch', selector, cases, at };
  }

  #loop(node: Extract<syntax.Statement, { kind: 'loop' }>): Statement {
    const { at } = node;
    this.#scopes.push(new Map());
    const initial = node.initial && this.#statement(node.initial)[0];
    const condition = node.condition && this.#condition(node.condition);
    const outer = { loops: this.#loops, switches: this.#switches, continuing: this.#inContinuing };
    this.#loops += 1;
    this.#switches = 0;
    this.#inContinuing = false;
    // A loop's body and its continuing block share a scope.
    this.#scopes.push(new Map());
    const body = node.body.body.flatMap((statement) => this.#statement(statement));
    [this.#loops, this.#inContinuing] = [0, true];
    const continuing = node.continuing.flatMap((statement) => this.#statement(statement));
    const breakIf = node.breakIf && this.#condition(node.breakIf);
    this.#scopes.pop();
    this.#scopes.pop();
    this.#loops = outer.loops;
    this.#switches = outer.switches;
    this.#inContinuing = outer.continuing;
    if (!condition && !breakIf && !leaves(body))
      this.#fail(at, 'this loop has no way out: it needs a condition, a break or a return');
    return { kind: 'loop', initial, condition, body, continuing, breakIf, at };
  }

  #return({ value, at }: Extract<syntax.Statement, { kind: 'return' }>): Statement {
    if (this.#inContinuing) this.#fail(at, '"return" cannot leave a continuing block');
    if (!value) {
      if (this.#result !== VOID)
        this.#fail(at, `a value of ${typeName(this.#result)} must be returned`);
      return { kind: 'return', value: undefined, at };
    }
    if (this.#result === VOID) this.#fail(at, 'this function returns nothing, and here a value');
    const given = this.#expressions.checkAs(value, this.#result, 'the returned value');
    return { kind: 'return', value: given, at };
  }

  #condition(node: syntax.Expression): Expression {
    const condition = this.#expressions.check(node);
    if (condition.type !== BOOL)
      return this.#fail(node.at, `a condition is bool, not ${typeName(condition.type)}`);
    return condition;
  }

  // Names

  #lookup(name: string): Named | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name);
  }

  #declare(name: string, named: Named, at: Offset): void {
    const scope = this.#scopes.at(-1)!;
    if (scope.has(name)) this.#fail(at, `"${name}" is declared twice in one scope`);
    scope.set(
      name,
      named.kind === 'constant'
        ? { kind: 'constant', type: named.type, value: named.value }
        : named,
    );
  }

  #fail(at: Offset, rule: string): never {
    return this.#expressions.fail(at, rule);
  }
}

/** @throws WgslError where a const_assert is not constant, or false. */
export function checkAssertion(
  expressions: ExpressionChecker,
  { condition, at }: syntax.Assertion,
): void {
  const value = expressions.check(condition);
  if (value.kind !== 'constant' || scalarOf(value.type) !== BOOL)
    expressions.fail(at, 'const_assert takes a constant bool');
  if (!value.value) expressions.fail(at, 'const_assert failed');
}

/** Whether every path through the statements returns. */
function returns(body: readonly Statement[]): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case 'return':
        return true;
      case 'block':
        return returns(statement.body);
      case 'if':
        return returns(statement.whenTrue) && returns(statement.whenFalse);
      case 'switch':
        return statement.cases.every((c) => returns(c.body) && !breaks(c.body));
      case 'loop':
        return !statement.condition && !statement.breakIf && !breaks(statement.body);
      default:
        return false;
    }
  });
}

/** Whether a `break` in the statements leaves what they are the body of. */
function breaks(body: readonly Statement[]): boolean {
  return body.some((statement) => {
    if (statement.kind === 'break') return true;
    if (statement.kind === 'block') return breaks(statement.body);
    return statement.kind === 'if' && (breaks(statement.whenTrue) || breaks(statement.whenFalse));
  });
}

/** Whether a loop's body can end the loop. */
function leaves(body: readonly Statement[]): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case 'break':
      case 'return':
        return true;
      case 'block':
        return leaves(statement.body);
      case 'if':
        return leaves(statement.whenTrue) || leaves(statement.whenFalse);
      case 'switch':
        return statement.cases.some((c) => hasReturn(c.body));
      case 'loop':
        return hasReturn(statement.body);
      default:
        return false;
    }
  });
}

function hasReturn(body: readonly Statement[]): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case 'return':
        return true;
      case 'block':
      case 'loop':
        return hasReturn(statement.body);
      case 'if':
        return hasReturn(statement.whenTrue) || hasReturn(statement.whenFalse);
      case 'switch':
        return statement.cases.some((c) => hasReturn(c.body));
      default:
        return false;
    }
  });
}
