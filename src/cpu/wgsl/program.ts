/**
 * The typed program: the result of checking a syntax tree. Every name is resolved, every expression
 * has a type, every constant expression is replaced by its value, and reading a variable is
 * distinct from referring to it.
 *
 * Every node has `position`, its position in the text.
 */

import type { Position } from './source.js';
import type { AccessMode, AddressSpace, Struct, Type } from './types.js';

/** A valid shader. */
export interface Program {
  /** The shader's source. */
  readonly text: string;
  /** All entry points. */
  readonly entries: readonly EntryPoint[];
  /** All functions by name, including the entry points. */
  readonly functions: ReadonlyMap<string, ShaderFunction>;
}

/** An entry point: a compute shader. */
export interface EntryPoint {
  readonly name: string;
  readonly body: readonly Statement[];
  /** Which built-in values each parameter gets. */
  readonly inputs: readonly Input[];
  readonly workgroupSize: readonly [number, number, number];
  /** The module-scope variables that it uses, directly or through the functions it calls. */
  readonly globals: readonly Variable[];
}

/** The built-in values that an entry point can take as inputs. */
export type BuiltinValue =
  | 'workgroup_id'
  | 'num_workgroups'
  | 'local_invocation_id'
  | 'local_invocation_index'
  | 'global_invocation_id';

/** A parameter of an entry point, and its built-in value; for a struct, one for each member. */
export interface Input {
  readonly variable: Variable;
  readonly values: readonly BuiltinValue[];
}

/** A function of the shader, or an entry point. */
export interface ShaderFunction {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly result: Type;
  readonly body: readonly Statement[];
  /** Declared with @must_use: a call cannot be a statement. */
  readonly mustUse?: true;
}

/**
 * What a name can refer to at run time: a `var`, a `let`, a parameter or a module-scope variable.
 */
export interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly space: AddressSpace | 'let';
  readonly access: AccessMode;
  /** For storage and uniform variables. */
  readonly binding: { readonly group: number; readonly binding: number } | undefined;
  /** The initial value of a private variable. */
  readonly initial?: Constant;
  readonly position: Position;
}

/** The value of a constant: a number, a bool, or the parts of a vector, matrix, array or struct. */
export type Constant = number | boolean | readonly Constant[];

/** An expression, with its type. */
export type Expression =
  | {
      readonly kind: 'constant';
      readonly type: Type;
      readonly value: Constant;
      readonly position: Position;
    }
  | {
      /** The value of a `let` or a parameter. */
      readonly kind: 'value';
      readonly type: Type;
      readonly variable: Variable;
      readonly position: Position;
    }
  | {
      /** The current value of what a reference refers to (in WGSL, the load rule). */
      readonly kind: 'read';
      readonly type: Type;
      readonly reference: Reference;
      readonly position: Position;
    }
  | {
      readonly kind: 'unary';
      readonly type: Type;
      readonly operator: '-' | '!' | '~';
      readonly operand: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'binary';
      readonly type: Type;
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly position: Position;
    }
  | {
      /** A call of a built-in function. */
      readonly kind: 'builtin';
      readonly type: Type;
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly position: Position;
    }
  | {
      /**
       * A vector of scalars and vectors, or of one scalar; a matrix of columns; an array; a struct.
       */
      readonly kind: 'construct';
      readonly type: Type;
      readonly parts: readonly Expression[];
      readonly position: Position;
    }
  | {
      /** `f32(x)`, `vec4u(v)`: a conversion, component by component. */
      readonly kind: 'convert';
      readonly type: Type;
      readonly operand: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'bitcast';
      readonly type: Type;
      readonly operand: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'call';
      readonly type: Type;
      readonly function: ShaderFunction;
      readonly arguments: readonly Expression[];
      readonly position: Position;
    }
  | {
      /** A member of a struct value. */
      readonly kind: 'member';
      readonly type: Type;
      readonly base: Expression;
      readonly index: number;
      readonly position: Position;
    }
  | {
      /** Components of a vector value: one component gives a scalar, several give a vector. */
      readonly kind: 'swizzle';
      readonly type: Type;
      readonly base: Expression;
      readonly lanes: readonly number[];
      readonly position: Position;
    }
  | {
      /** An element of an array, vector or matrix value. */
      readonly kind: 'element';
      readonly type: Type;
      readonly base: Expression;
      readonly index: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'address';
      readonly type: Type;
      readonly reference: Reference;
      readonly position: Position;
    };

/** The binary operators. */
export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '<'
  | '>'
  | '<='
  | '>='
  | '=='
  | '!='
  | '&&'
  | '||';

/** A WGSL reference: a variable or a part of one, in memory. */
export type Reference =
  | {
      readonly kind: 'variable';
      readonly type: Type;
      readonly variable: Variable;
      readonly position: Position;
    }
  | {
      readonly kind: 'dereference';
      readonly type: Type;
      readonly pointer: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'member';
      readonly type: Type;
      readonly base: Reference;
      readonly struct: Struct;
      readonly index: number;
      readonly position: Position;
    }
  | {
      readonly kind: 'element';
      readonly type: Type;
      readonly base: Reference;
      readonly index: Expression;
      readonly position: Position;
    };

/** A statement. */
export type Statement =
  | {
      readonly kind: 'block';
      readonly body: readonly Statement[];
      /**
       * For an `if` whose condition is constant: that condition, and the branch that is not taken.
       * The branch is not part of the program, but WGSL's rules on control flow ignore values and
       * need it.
       */
      readonly folded?: { readonly condition: Expression; readonly untaken: readonly Statement[] };
      readonly position: Position;
    }
  | {
      /** `let` or `var`. */
      readonly kind: 'declare';
      readonly variable: Variable;
      readonly value: Expression | undefined;
      readonly position: Position;
    }
  | {
      readonly kind: 'assign';
      readonly reference: Reference;
      /** The operator of a compound assignment such as `+=`; the reference is evaluated once. */
      readonly operator: BinaryOperator | undefined;
      readonly value: Expression;
      readonly position: Position;
    }
  | {
      /** An expression whose value is discarded. */
      readonly kind: 'evaluate';
      readonly value: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
      readonly position: Position;
    }
  | {
      readonly kind: 'switch';
      readonly selector: Expression;
      readonly cases: readonly Case[];
      readonly position: Position;
    }
  | {
      readonly kind: 'loop';
      readonly initial: Statement | undefined;
      readonly condition: Expression | undefined;
      readonly body: readonly Statement[];
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | undefined;
      readonly position: Position;
    }
  | { readonly kind: 'break' | 'continue'; readonly position: Position }
  | {
      readonly kind: 'return';
      readonly value: Expression | undefined;
      readonly position: Position;
    };

/** A clause of a switch. */
export interface Case {
  /** The values that select this clause. */
  readonly selectors: readonly number[];
  /** Whether `default` selects this clause. */
  readonly isDefault: boolean;
  readonly body: readonly Statement[];
}
