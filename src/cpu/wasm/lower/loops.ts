/**
 * Which loops are unrolled: those with a small constant trip count whose variable indexes an array
 * or vector of the function.
 *
 *   in    for (var c = 0u; c < 4u; c++) { sums[c] += w; }     for (var k = 0u; ...) { s += x[k]; }
 *   out   unrolled: sums is a variable of the function        not unrolled: x is a buffer
 *
 * Why: with constant indices the array becomes a few locals; otherwise it would be in memory. Other
 * loops are not unrolled: in a long sequence V8 computes the loads first, and runs out of
 * registers.
 */

import { hasSideEffects, operands, referenceOperands, rootVariable } from '../../wgsl/operands.js';
import type {
  Expression,
  Reference,
  ShaderFunction,
  Statement,
  Variable,
} from '../../wgsl/program.js';

/** The parts of a loop whose trip count can be computed. */
export interface CountedLoop {
  /** The loop's variable. */
  readonly variable: Variable;
  /** The variable's first value. */
  readonly initial: Expression;
  /** The loop continues while this holds. */
  readonly condition: Expression;
  readonly operator: '+' | '-' | '*' | '/' | '<<' | '>>';
  /** The second operand of `operator`, which computes the variable's next value. */
  readonly step: Expression;
}

/**
 * Recognizes `for (var i = a; condition; i += step)` where the body neither sets i nor leaves the
 * loop, and indexes variables of the function by i.
 */
export function countedLoop(node: Extract<Statement, { kind: 'loop' }>): CountedLoop | undefined {
  const { initial, condition, continuing, breakIf, body } = node;
  if (initial?.kind !== 'declare' || initial.variable.space === 'let' || !initial.value)
    return undefined;
  const [step] = continuing;
  if (!condition || breakIf || continuing.length !== 1 || step?.kind !== 'assign') return undefined;
  const { variable } = initial;
  const { operator, reference } = step;
  if (reference.kind !== 'variable' || reference.variable !== variable) return undefined;
  if (!operator || !['+', '-', '*', '/', '<<', '>>'].includes(operator)) return undefined;
  if ([initial.value, step.value, condition].some(hasSideEffects)) return undefined;
  if (variable.type.kind !== 'scalar' || variable.type.name === 'f32') return undefined;
  if (mayChange(body, variable) || leavesLoop(body)) return undefined;
  if (!indexesLocals(body, new Set([variable]))) return undefined;
  const parts = { variable, initial: initial.value, condition, step: step.value };
  return { ...parts, operator: operator as CountedLoop['operator'] };
}

/** Whether the statements have a `break` or `continue` of the loop around them. */
function leavesLoop(body: readonly Statement[], inSwitch = false): boolean {
  return body.some((node) => {
    switch (node.kind) {
      case 'break':
        return !inSwitch;
      case 'continue':
        return true;
      case 'block':
        return leavesLoop(node.body, inSwitch);
      case 'if':
        return leavesLoop(node.whenTrue, inSwitch) || leavesLoop(node.whenFalse, inSwitch);
      case 'switch':
        return node.cases.some((c) => leavesLoop(c.body, true));
      default:
        return false;
    }
  });
}

/** Whether statements may set a variable: they assign to it or take its address. */
function mayChange(body: readonly Statement[], variable: Variable): boolean {
  const inExpression = (node: Expression): boolean =>
    (node.kind === 'address' && rootVariable(node.reference) === variable) ||
    operands(node).some(inExpression);
  const inOptional = (node: Expression | undefined) => node !== undefined && inExpression(node);
  return body.some((node): boolean => {
    switch (node.kind) {
      case 'block':
        return mayChange(node.body, variable);
      case 'declare':
      case 'evaluate':
      case 'return':
        return inOptional(node.value);
      case 'assign':
        return (
          rootVariable(node.reference) === variable ||
          referenceOperands(node.reference).some(inExpression) ||
          inExpression(node.value)
        );
      case 'if':
        return (
          inExpression(node.condition) ||
          mayChange(node.whenTrue, variable) ||
          mayChange(node.whenFalse, variable)
        );
      case 'switch':
        return inExpression(node.selector) || node.cases.some((c) => mayChange(c.body, variable));
      case 'loop':
        return (
          (node.initial !== undefined && mayChange([node.initial], variable)) ||
          inOptional(node.condition) ||
          inOptional(node.breakIf) ||
          mayChange(node.body, variable) ||
          mayChange(node.continuing, variable)
        );
      default:
        return false;
    }
  });
}

/**
 * Whether statements index a variable or value of the function by one of `indices`, or by something
 * computed from them. Functions that they call are included.
 */
function indexesLocals(body: readonly Statement[], indices: Set<Variable>): boolean {
  return new IndexSearch(indices).inBody(body);
}

class IndexSearch {
  readonly #indices: Set<Variable>;

  constructor(indices: Set<Variable>) {
    this.#indices = indices;
  }

  inBody(body: readonly Statement[]): boolean {
    return body.some((node) => this.#inStatement(node));
  }

  #inStatement(node: Statement): boolean {
    switch (node.kind) {
      case 'block':
        return this.inBody(node.body);
      case 'declare':
        if (node.value && this.#depends(node.value)) this.#indices.add(node.variable);
        return this.#inAny([node.value]);
      case 'evaluate':
      case 'return':
        return this.#inAny([node.value]);
      case 'assign':
        return this.#inReference(node.reference) || this.#inAny([node.value]);
      case 'if':
        return this.#inAny([node.condition]) || this.inBody([...node.whenTrue, ...node.whenFalse]);
      case 'switch':
        return this.#inAny([node.selector]) || node.cases.some((c) => this.inBody(c.body));
      case 'loop': {
        const initial = node.initial ? [node.initial] : [];
        return this.inBody([...initial, ...node.body, ...node.continuing]);
      }
      default:
        return false;
    }
  }

  #inAny(nodes: readonly (Expression | undefined)[]): boolean {
    return nodes.some((node) => node !== undefined && this.#inExpression(node));
  }

  #inExpression(node: Expression): boolean {
    switch (node.kind) {
      case 'element':
        return this.#depends(node.index) || this.#inAny([node.base, node.index]);
      case 'read':
      case 'address':
        return this.#inReference(node.reference);
      case 'call':
        return this.#inAny(node.arguments) || this.#inCall(node.function, node.arguments);
      default:
        return this.#inAny(operands(node));
    }
  }

  /** Searches a function if it is passed something that depends on the indices. */
  #inCall(callee: ShaderFunction, args: readonly Expression[]): boolean {
    const dependent = callee.parameters.filter((_, n) => this.#depends(args[n]!));
    return dependent.length > 0 && indexesLocals(callee.body, new Set(dependent));
  }

  #inReference(reference: Reference): boolean {
    switch (reference.kind) {
      case 'variable':
        return false;
      case 'dereference':
        return this.#inExpression(reference.pointer);
      case 'member':
        return this.#inReference(reference.base);
      case 'element':
        return (
          (isLocal(reference.base) && this.#depends(reference.index)) ||
          this.#inReference(reference.base) ||
          this.#inExpression(reference.index)
        );
    }
  }

  #depends(node: Expression): boolean {
    if (node.kind === 'value') return this.#indices.has(node.variable);
    if (node.kind === 'read' || node.kind === 'address')
      return this.#referenceDepends(node.reference);
    return operands(node).some((operand) => this.#depends(operand));
  }

  #referenceDepends(reference: Reference): boolean {
    const root = rootVariable(reference);
    if (root && this.#indices.has(root)) return true;
    return referenceOperands(reference).some((operand) => this.#depends(operand));
  }
}

/**
 * Whether a reference is to a part of a function or private variable, or goes through a pointer,
 * which may point to one.
 */
function isLocal(reference: Reference): boolean {
  switch (reference.kind) {
    case 'variable':
      return reference.variable.space === 'function' || reference.variable.space === 'private';
    case 'dereference':
      return true;
    case 'member':
    case 'element':
      return isLocal(reference.base);
  }
}
