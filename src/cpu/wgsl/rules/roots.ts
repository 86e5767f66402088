/**
 * What a place belongs to, through the pointers of a function: aliases.ts and uniformity.ts ask it.
 *
 *   in    let p = &sums[2];  *p += 1;
 *   out   the assignment changes a part of the variable sums
 *
 * Why: two names of one variable must be recognized where one of them is written through.
 */

import type { Expression, Reference, Variable } from '../program.js';

/** What a place belongs to: a variable, or all that a pointer parameter points at. */
export interface Root {
  readonly variable: Variable;
  /** Whether the place is all of it, not a member or an element. */
  readonly isEntireVariable: boolean;
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
    if (pointer.kind === 'address') return this.root(pointer.reference);
    if (pointer.kind !== 'value') throw new Error(`A pointer cannot be made by ${pointer.kind}.`);
    return (
      this.#pointers.get(pointer.variable) ?? { variable: pointer.variable, isEntireVariable: true }
    );
  }

  root(reference: Reference): Root {
    if (reference.kind === 'variable')
      return { variable: reference.variable, isEntireVariable: true };
    if (reference.kind === 'dereference') return this.pointee(reference.pointer);
    return { ...this.root(reference.base), isEntireVariable: false };
  }
}
