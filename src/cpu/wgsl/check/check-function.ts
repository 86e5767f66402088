/**
 * Step 2b: the statements of a function are checked, in nested scopes.
 *
 *   in    out[i + 1u] = 2.0 * x[i];                   let y = 1; y = 2;
 *   out   assign to an element of the storage out     rejected: "y" is a value, not a variable
 *
 * An `if` whose condition is constant keeps only the branch that is taken, but both are checked.
 *
 * Why: lowering never sees the branches that a specialized kernel does not take.
 */

import { rootVariable } from '../operands.js';
import type * as syntax from '../parse/syntax.js';
import type {
  BinaryOperator,
  Case,
  Expression,
  Reference,
  Statement,
  Variable,
} from '../program.js';
import { behaviors, statementBehaviors } from '../rules/behavior.js';
import type { Position } from '../source.js';
import {
  BOOL,
  excessElements,
  I32,
  isAbstract,
  isSized,
  scalarType,
  type Type,
  typeName,
  U32,
  VOID,
} from '../types.js';
import { BUILTINS } from './builtins.js';
import { type Environment, ExpressionChecker, type ResolvedName } from './check-expression.js';
import { TypeChecker } from './check-type.js';

/** A loop around a statement. */
interface Loop {
  readonly scope: ReadonlyMap<string, ResolvedName>;
  /** Its first `continue`, and the names that its body had declared by then. */
  firstContinue?: { readonly position: Position; readonly names: ReadonlySet<string> };
}

/** Where `break`, `continue` and `return` would go. */
interface ControlContext {
  readonly canBreak: boolean;
  readonly loop: Loop | undefined;
  /** Whether this is inside a continuing block, which `return` cannot leave. */
  readonly isContinuing: boolean;
}

/** Checks the body of a function. */
export class FunctionChecker {
  readonly #result: Type;
  readonly #expressions: ExpressionChecker;
  readonly #types: TypeChecker;
  readonly #scopes: Map<string, ResolvedName>[] = [];
  #control: ControlContext = { canBreak: false, loop: undefined, isContinuing: false };
  /**
   * Loops whose continuing block is being checked. It cannot use declarations that a `continue`
   * skips.
   */
  readonly #continuingLoops: Loop[] = [];

  constructor(environment: Environment, result: Type) {
    this.#result = result;
    const functionEnvironment: Environment = {
      text: environment.text,
      lookup: (name, position) => this.#lookup(name) ?? environment.lookup(name, position),
      type: (name) => this.#types.check(name),
      recordUse: (variable, position) => environment.recordUse(variable, position),
    };
    this.#expressions = new ExpressionChecker(functionEnvironment);
    this.#types = new TypeChecker(functionEnvironment, this.#expressions);
  }

  /**
   * Returns the typed statements of a function's body.
   *
   * @throws WgslError where a statement breaks a rule, or the end can be reached without a result.
   */
  check(name: string, parameters: readonly Variable[], body: syntax.Block): Statement[] {
    this.#scopes.push(new Map());
    for (const parameter of parameters)
      this.#declare(parameter.name, { kind: 'variable', variable: parameter }, parameter.position);
    const statements = body.body.flatMap((statement) => this.#statement(statement));
    this.#scopes.pop();
    if (this.#result !== VOID && behaviors(statements).has('next'))
      this.#fail(body.position, `${name} can end without returning ${typeName(this.#result)}`);
    return statements;
  }

  // Statements

  #statement(node: syntax.Statement): Statement[] {
    const { position } = node;
    switch (node.kind) {
      case 'block':
        return [{ kind: 'block', body: this.#block(node), position }];
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
        if (this.#control.canBreak) return [{ kind: 'break', position }];
        if (this.#control.isContinuing)
          this.#fail(position, '"break" cannot leave a continuing block');
        return this.#fail(position, '"break" is in neither a loop nor a switch');
      case 'continue':
        return [this.#continue(position)];
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

  #declaration({ kind, name, type, value, position }: syntax.LocalDeclaration): Statement[] {
    const declaredType = type && this.#types.check(type);
    const initializer = value && this.#expressions.check(value);
    const converted =
      initializer && declaredType
        ? this.#expressions.convert(initializer, declaredType, `the value of ${name}`)
        : initializer && (kind === 'const' ? initializer : this.#expressions.concrete(initializer));
    if (kind === 'const') {
      if (converted?.kind !== 'constant')
        return this.#fail(position, `the value of const ${name} is not constant: use let`);
      this.#declare(name, converted, position);
      return [];
    }
    const variableType = converted?.type ?? declaredType;
    if (!variableType) return this.#fail(position, `var ${name} needs a type or a value`);
    if (variableType === VOID)
      return this.#fail(position, `the value of ${name} is a call that returns nothing`);
    if ((kind === 'var' && !isSized(variableType)) || excessElements(variableType))
      return this.#fail(position, `${kind} ${name} cannot have type ${typeName(variableType)}`);
    const space = kind === 'let' ? 'let' : 'function';
    const variable: Variable = {
      name,
      type: variableType,
      space,
      access: 'read_write',
      binding: undefined,
      position,
    };
    this.#declare(name, { kind: 'variable', variable }, position);
    return [{ kind: 'declare', variable, value: converted, position }];
  }

  #assignment({ target, operator, value, isIncrement, position }: syntax.Assignment): Statement {
    if (!target) {
      const unused = this.#expressions.checkConcrete(value);
      if (unused.type === VOID) this.#fail(value.position, 'this call returns nothing to assign');
      return { kind: 'evaluate', value: unused, position };
    }
    const reference = this.#expressions.reference(target, 'it cannot be assigned to');
    this.#rejectReadOnly(reference, position);
    if (isIncrement && reference.type !== I32 && reference.type !== U32)
      this.#fail(
        position,
        `"${operator}${operator}" takes i32 or u32, not ${typeName(reference.type)}`,
      );
    if (!operator) {
      const checkedValue = this.#expressions.checkAs(value, reference.type, 'the value');
      if (!isSized(reference.type))
        this.#fail(position, `${typeName(reference.type)} cannot be assigned`);
      return { kind: 'assign', reference, operator: undefined, value: checkedValue, position };
    }
    const old = this.#expressions.read(reference);
    const checkedValue = this.#expressions.check(value);
    const result = this.#expressions.binary(
      operator as BinaryOperator,
      old,
      checkedValue,
      position,
    );
    if (result.type !== reference.type || result.kind !== 'binary')
      return this.#fail(
        position,
        `"${operator}=" gives ${typeName(result.type)}, not ${typeName(reference.type)}`,
      );
    return { kind: 'assign', reference, operator: result.operator, value: result.right, position };
  }

  #rejectReadOnly(reference: Reference, position: Position): void {
    const root = rootVariable(reference);
    if (root && root.access === 'read') {
      const space = root.space === 'storage' ? 'storage, read' : root.space;
      this.#fail(position, `"${root.name}" is var<${space}>: it cannot be assigned to`);
    }
    let base: Reference = reference;
    while (base.kind === 'member' || base.kind === 'element') base = base.base;
    if (base.kind !== 'dereference' || base.pointer.type.kind !== 'pointer') return;
    if (base.pointer.type.access === 'read')
      this.#fail(position, 'this pointer is to read-only memory: it cannot be assigned through');
  }

  #callStatement(call: syntax.CallExpression): Statement {
    const value = this.#expressions.check(call);
    const canBeUnused =
      (value.kind === 'call' && !value.function.mustUse) ||
      (value.kind === 'builtin' && BUILTINS.get(value.name)?.isStatement);
    if (!canBeUnused)
      this.#fail(call.position, `the value of ${call.callee.name}(...) is not used`);
    return { kind: 'evaluate', value, position: call.position };
  }

  #if(node: Extract<syntax.Statement, { kind: 'if' }>): Statement[] {
    const condition = this.#condition(node.condition);
    const thenBody = this.#block(node.whenTrue);
    const elseBody = node.whenFalse ? this.#block(node.whenFalse) : [];
    const { position } = node;
    const constant = constantCondition(condition);
    if (constant !== undefined) {
      const [body, untaken] = constant ? [thenBody, elseBody] : [elseBody, thenBody];
      return [{ kind: 'block', body, folded: { condition, untaken }, position }];
    }
    return [{ kind: 'if', condition, whenTrue: thenBody, whenFalse: elseBody, position }];
  }

  #switch(node: Extract<syntax.Statement, { kind: 'switch' }>): Statement {
    const { position } = node;
    let selector = this.#expressions.check(node.selector);
    const scalars = node.cases.flatMap((c) =>
      c.selectors.map((s) => s && this.#expressions.check(s)),
    );
    const selectorType = scalars.find((s) => s && !isAbstract(s.type))?.type ?? I32;
    if (isAbstract(selector.type))
      selector = this.#expressions.convert(selector, selectorType, 'the selector');
    if (selector.type !== I32 && selector.type !== U32)
      this.#fail(
        position,
        `the selector of a switch must be i32 or u32, not ${typeName(selector.type)}`,
      );
    const seen = new Set<number>();
    let defaults = 0;
    const cases = node.cases.map(({ selectors, body, position: casePosition }): Case => {
      const values: number[] = [];
      for (const each of selectors) {
        if (!each) {
          defaults += 1;
          continue;
        }
        const value = this.#expressions.checkAs(each, selector.type, 'the case');
        if (value.kind !== 'constant')
          return this.#fail(casePosition, 'the value of a case must be constant');
        if (seen.has(value.value as number))
          this.#fail(casePosition, `case ${value.value} is given twice`);
        seen.add(value.value as number);
        values.push(value.value as number);
      }
      const statements = this.#withControl({ canBreak: true }, () => this.#block(body));
      return { selectors: values, isDefault: selectors.includes(undefined), body: statements };
    });
    if (defaults !== 1)
      this.#fail(position, `a switch has one default, and this one has ${defaults}`);
    return { kind: 'switch', selector, cases, position };
  }

  #loop(node: Extract<syntax.Statement, { kind: 'loop' }>): Statement {
    const { position } = node;
    this.#scopes.push(new Map());
    const initial = node.initial && this.#statement(node.initial)[0];
    const condition = node.condition && this.#condition(node.condition);
    const scope = new Map<string, ResolvedName>();
    this.#scopes.push(scope);
    const loop: Loop = { scope };
    const body = this.#withControl({ canBreak: true, loop }, () =>
      node.body.body.flatMap((statement) => this.#statement(statement)),
    );
    if (!node.sharesScope) this.#scopes.pop();
    this.#scopes.push(new Map());
    this.#continuingLoops.push(loop);
    const environment = { canBreak: false, loop: undefined, isContinuing: true };
    const continuing = this.#withControl(environment, () =>
      node.continuing.flatMap((statement) => this.#statement(statement)),
    );
    const breakIf = node.breakIf && this.#condition(node.breakIf);
    this.#continuingLoops.pop();
    this.#scopes.pop();
    if (node.sharesScope) this.#scopes.pop();
    this.#scopes.pop();
    const typed = {
      kind: 'loop',
      initial,
      condition,
      body,
      continuing,
      breakIf,
      position,
    } as const;
    if (statementBehaviors(typed).size === 0)
      this.#fail(position, 'this loop has no way out: it needs a condition, a break or a return');
    return typed;
  }

  #withControl<T>(change: Partial<ControlContext>, check: () => T): T {
    const outer = this.#control;
    this.#control = { ...outer, ...change };
    const result = check();
    this.#control = outer;
    return result;
  }

  #continue(position: Position): Statement {
    const { loop, isContinuing } = this.#control;
    if (!loop && isContinuing) this.#fail(position, '"continue" cannot leave a continuing block');
    if (!loop) return this.#fail(position, '"continue" is outside a loop');
    loop.firstContinue ??= { position, names: new Set(loop.scope.keys()) };
    return { kind: 'continue', position };
  }

  #return({ value, position }: Extract<syntax.Statement, { kind: 'return' }>): Statement {
    if (this.#control.isContinuing)
      this.#fail(position, '"return" cannot leave a continuing block');
    if (!value) {
      if (this.#result !== VOID)
        this.#fail(position, `a value of ${typeName(this.#result)} must be returned`);
      return { kind: 'return', value: undefined, position };
    }
    if (this.#result === VOID)
      this.#fail(position, 'a function without a result cannot return a value');
    const checkedValue = this.#expressions.checkAs(value, this.#result, 'the returned value');
    return { kind: 'return', value: checkedValue, position };
  }

  #condition(node: syntax.Expression): Expression {
    const condition = this.#expressions.check(node);
    if (condition.type !== BOOL)
      return this.#fail(node.position, `a condition is bool, not ${typeName(condition.type)}`);
    return condition;
  }

  // Names

  #lookup(name: string): ResolvedName | undefined {
    const scope = this.#scopes.findLast((each) => each.has(name));
    const firstContinue = this.#continuingLoops.find((loop) => loop.scope === scope)?.firstContinue;
    if (firstContinue && !firstContinue.names.has(name))
      this.#fail(
        firstContinue.position,
        `"continue" skips "${name}", which the continuing block uses`,
      );
    return scope?.get(name);
  }

  #declare(name: string, resolvedName: ResolvedName, position: Position): void {
    const scope = this.#scopes.at(-1)!;
    if (scope.has(name)) this.#fail(position, `"${name}" is declared twice in one scope`);
    scope.set(
      name,
      resolvedName.kind === 'constant'
        ? { kind: 'constant', type: resolvedName.type, value: resolvedName.value }
        : resolvedName,
    );
  }

  #fail(position: Position, rule: string): never {
    return this.#expressions.fail(position, rule);
  }
}

/** The value of a condition that is known before the program runs; `false && x` is false. */
function constantCondition(condition: Expression): boolean | undefined {
  if (condition.kind === 'constant') return Boolean(condition.value);
  if (condition.kind !== 'binary') return undefined;
  const left = constantCondition(condition.left);
  if (condition.operator === '&&' && left === false) return false;
  return condition.operator === '||' && left === true ? true : undefined;
}

/**
 * Checks a `const_assert`.
 *
 * @throws WgslError where its condition is not constant, or false.
 */
export function checkAssertion(
  expressions: ExpressionChecker,
  { condition, position }: syntax.Assertion,
): void {
  const value = expressions.check(condition);
  if (value.kind !== 'constant' || scalarType(value.type) !== BOOL)
    expressions.fail(position, 'const_assert takes a constant bool');
  if (!value.value) expressions.fail(position, 'const_assert failed');
}
