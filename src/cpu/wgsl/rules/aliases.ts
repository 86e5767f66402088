/**
 * Step 3b: alias analysis (WGSL, section 11.4.1). A function that writes through a pointer must not
 * have another way to reach the same variable.
 *
 *   in    fn add(a: ptr<function, f32>, b: ptr<function, f32>) { *a += *b; }        add(&x, &x);
 *   out   rejected: a and b both point into "x", and add writes through one of them
 *
 * For each function, the analysis collects which of its pointer parameters and which module-scope
 * variables it reads and writes, directly or through the functions it calls. Then it checks each of
 * its calls.
 *
 * Why: it lets a compiler keep values that it has read before.
 */

import { operands, referenceOperands } from '../operands.js';
import type { Expression, Program, ShaderFunction, Statement, Variable } from '../program.js';
import { failAt, type Position } from '../source.js';
import { Roots } from './roots.js';

/** The pointer parameters and module-scope variables that a function reads and writes. */
interface Uses {
  readonly read: Set<Variable>;
  readonly written: Set<Variable>;
}

type Call = Extract<Expression, { kind: 'call' }>;

/**
 * Checks the calls of all functions.
 *
 * @throws WgslError at a call that gives a function two ways to reach what it writes.
 */
export function checkAliases({ functions, text }: Program): void {
  const analysis = new AliasAnalysis(text);
  for (const each of functions.values()) analysis.uses(each);
}

class AliasAnalysis {
  readonly #text: string;
  readonly #uses = new Map<ShaderFunction, Uses>();

  constructor(text: string) {
    this.#text = text;
  }

  uses(shaderFunction: ShaderFunction): Uses {
    let uses = this.#uses.get(shaderFunction);
    if (!uses) {
      uses = { read: new Set(), written: new Set() };
      new FunctionAliases(this, uses).visit(shaderFunction.body);
      this.#uses.set(shaderFunction, uses);
    }
    return uses;
  }

  fail(position: Position, rule: string): never {
    return failAt(this.#text, position, rule);
  }
}

class FunctionAliases {
  readonly #analysis: AliasAnalysis;
  readonly #uses: Uses;
  readonly #roots = new Roots();

  constructor(analysis: AliasAnalysis, uses: Uses) {
    this.#analysis = analysis;
    this.#uses = uses;
  }

  visit(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case 'block':
        this.#expression(statement.folded?.condition);
        this.visit(statement.body);
        this.visit(statement.folded?.untaken ?? []);
        break;
      case 'declare':
        this.#expression(statement.value);
        this.#roots.declare(statement.variable, statement.value);
        break;
      case 'assign': {
        const { variable } = this.#roots.root(statement.reference);
        for (const operand of referenceOperands(statement.reference)) this.#expression(operand);
        this.#expression(statement.value);
        this.#uses.written.add(variable);
        if (statement.operator) this.#uses.read.add(variable);
        break;
      }
      case 'evaluate':
      case 'return':
        this.#expression(statement.value);
        break;
      case 'if':
        this.#expression(statement.condition);
        this.visit(statement.whenTrue);
        this.visit(statement.whenFalse);
        break;
      case 'switch':
        this.#expression(statement.selector);
        for (const { body } of statement.cases) this.visit(body);
        break;
      case 'loop':
        if (statement.initial) this.#statement(statement.initial);
        this.#expression(statement.condition);
        this.visit(statement.body);
        this.visit(statement.continuing);
        this.#expression(statement.breakIf);
    }
  }

  #expression(node: Expression | undefined): void {
    if (!node) return;
    for (const operand of operands(node)) this.#expression(operand);
    if (node.kind === 'read') this.#uses.read.add(this.#roots.root(node.reference).variable);
    if (node.kind === 'builtin' && node.name === 'workgroupUniformLoad')
      this.#uses.read.add(this.#roots.pointee(node.arguments[0]!).variable);
    if (node.kind === 'call') this.#call(node);
  }

  #call(call: Call): void {
    const { parameters, name } = call.function;
    const calleeUses = this.#analysis.uses(call.function);
    const pointers = call.arguments.flatMap((argument, n) => {
      const parameter = parameters[n]!;
      if (parameter.type.kind !== 'pointer') return [];
      return [
        { parameter, position: argument.position, root: this.#roots.pointee(argument).variable },
      ];
    });
    for (const { parameter, root, position } of pointers) {
      const [isRead, isWritten] = [
        calleeUses.read.has(parameter),
        calleeUses.written.has(parameter),
      ];
      const other = pointers.find(
        (each) =>
          each.root === root &&
          each.parameter !== parameter &&
          (calleeUses.read.has(each.parameter) || calleeUses.written.has(each.parameter)),
      );
      if (isWritten && other)
        this.#analysis.fail(
          position,
          `${parameter.name} and ${other.parameter.name} of ${name} both point into "${root.name}", and ${name} writes through ${parameter.name}`,
        );
      const usesRoot = calleeUses.read.has(root) || calleeUses.written.has(root);
      if ((isWritten && usesRoot) || (isRead && calleeUses.written.has(root)))
        this.#analysis.fail(
          position,
          `${parameter.name} of ${name} points into "${root.name}", which ${name} also uses directly, and one of the two is written`,
        );
      if (isRead) this.#uses.read.add(root);
      if (isWritten) this.#uses.written.add(root);
    }
    for (const variable of calleeUses.read)
      if (isModuleScope(variable)) this.#uses.read.add(variable);
    for (const variable of calleeUses.written)
      if (isModuleScope(variable)) this.#uses.written.add(variable);
  }
}

/** Whether a variable is declared outside functions, so that every function can use it. */
function isModuleScope({ space }: Variable): boolean {
  return space !== 'function' && space !== 'let';
}
