/**
 * Finds the variable that a reference belongs to, through the pointers of a function. Used by
 * aliases.ts and uniformity.ts.
 *
 *   in    let p = &sums[2];  *p += 1;
 *   out   the assignment changes a part of the variable sums
 *
 * Why: where a variable is written through a pointer, the analyses must know which variable it is.
 */

import type { Expression, Reference, Variable } from '../program.js';

/** What a reference belongs to: a variable, or what a pointer parameter points to. */
export interface Root {
  /** The variable or the pointer parameter. */
  readonly variable: Variable;
  /** Whether the reference is to all of it, not to a member or an element. */
  readonly isEntireVariable: boolean;
}

/**
 * Tracks the pointers in a function's `let`s. Each has one root, since pointers are never
 * reassigned.
 */
export class Roots {
  readonly #pointers = new Map<Variable, Root>();

  /** Records where a `let` with this value points, if it is a pointer. */
  declare(variable: Variable, value: Expression | undefined): void {
    if (value && variable.type.kind === 'pointer')
      this.#pointers.set(variable, this.pointee(value));
  }

  /** What a pointer points into. */
  pointee(pointer: Expression): Root {
    if (pointer.kind === 'address') return this.root(pointer.reference);
    if (pointer.kind !== 'value')
      throw new Error(`A pointer cannot come from a node of kind ${pointer.kind}.`);
    return (
      this.#pointers.get(pointer.variable) ?? { variable: pointer.variable, isEntireVariable: true }
    );
  }

  /** What a reference belongs to. */
  root(reference: Reference): Root {
    if (reference.kind === 'variable')
      return { variable: reference.variable, isEntireVariable: true };
    if (reference.kind === 'dereference') return this.pointee(reference.pointer);
    return { ...this.root(reference.base), isEntireVariable: false };
  }
}
