/**
 * The operands of expressions in the typed program: one list for all code that walks through
 * programs.
 *
 *   in    out[f(i)] + 1
 *   out   operands of the sum: the read of out[f(i)] and 1; of that read: f(i)
 *
 * Why: whether an expression has side effects, depends on a variable or is uniform is determined by
 * its operands.
 */

import type { Expression, Reference, Variable } from './program.js';

/**
 * The expressions that are evaluated for an expression, in order: its operands, and the indices in
 * its references.
 */
export function operands(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'constant':
    case 'value':
      return [];
    case 'read':
    case 'address':
      return referenceOperands(node.reference);
    case 'unary':
    case 'convert':
    case 'bitcast':
      return [node.operand];
    case 'binary':
      return [node.left, node.right];
    case 'builtin':
    case 'call':
      return node.arguments;
    case 'construct':
      return node.parts;
    case 'member':
    case 'swizzle':
      return [node.base];
    case 'element':
      return [node.base, node.index];
  }
}

/** The pointers and indices in a reference, in order. */
export function referenceOperands(reference: Reference): readonly Expression[] {
  switch (reference.kind) {
    case 'variable':
      return [];
    case 'dereference':
      return [reference.pointer];
    case 'member':
      return referenceOperands(reference.base);
    case 'element':
      return [...referenceOperands(reference.base), reference.index];
  }
}

/** The variable that a reference belongs to; `undefined` where it goes through a pointer. */
export function rootVariable(reference: Reference): Variable | undefined {
  if (reference.kind === 'variable') return reference.variable;
  return reference.kind === 'dereference' ? undefined : rootVariable(reference.base);
}

/**
 * Whether evaluating an expression may change what other expressions read: it calls a function of
 * the shader, or waits for the other invocations of the workgroup.
 */
export function hasSideEffects(node: Expression): boolean {
  if (node.kind === 'call') return true;
  if (node.kind === 'builtin' && node.name.startsWith('workgroup')) return true;
  return operands(node).some(hasSideEffects);
}
