/** What the analyses of a typed program share: the parts of an expression, and what a pointer points into. */

import type { Expression, Place, Variable } from '../program.js';

/** The expressions that are evaluated for an expression, in order: its operands, and the indices of its places. */
export function operands(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'constant':
    case 'value':
      return [];
    case 'read':
    case 'address':
      return placeOperands(node.place);
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
      return [node.of];
    case 'element':
      return [node.of, node.index];
  }
}

/** The pointers and indices that say which place is meant. */
export function placeOperands(place: Place): readonly Expression[] {
  switch (place.kind) {
    case 'variable':
      return [];
    case 'dereference':
      return [place.pointer];
    case 'member':
      return placeOperands(place.of);
    case 'element':
      return [...placeOperands(place.of), place.index];
  }
}

/** What a place belongs to: a variable, or all that a pointer parameter points at. */
export interface Root {
  readonly variable: Variable;
  /** Whether the place is all of it, not a member or an element. */
  readonly isWhole: boolean;
}

/** Follows the pointers that a function's `let`s hold. Each has one root, since no pointer is ever reassigned. */
export class Roots {
  readonly #pointers = new Map<Variable, Root>();

  /** Notes where a `let` points that is declared with this value. */
  declare(variable: Variable, value: Expression | undefined): void {
    if (value && variable.type.kind === 'pointer')
      this.#pointers.set(variable, this.pointee(value));
  }

  /** What a pointer points into. */
  pointee(pointer: Expression): Root {
    if (pointer.kind === 'address') return this.root(pointer.place);
    if (pointer.kind !== 'value') throw new Error(`A pointer cannot be made by ${pointer.kind}.`);
    return this.#pointers.get(pointer.variable) ?? { variable: pointer.variable, isWhole: true };
  }

  root(place: Place): Root {
    if (place.kind === 'variable') return { variable: place.variable, isWhole: true };
    if (place.kind === 'dereference') return this.pointee(place.pointer);
    return { ...this.root(place.of), isWhole: false };
  }
}
