/**
 * The typed program: what the checker makes of a syntax tree. Every name is resolved, every expression has a type,
 * every constant expression is its value, and reading a variable is told apart from naming it.
 */

import type { Position } from './source.js';
import type { Access, Space, Struct, Type } from './types.js';

/** A shader that is valid. */
export interface Program {
  readonly text: string;
  readonly entries: readonly Entry[];
  /** All functions by name, entries among them. */
  readonly functions: ReadonlyMap<string, ShaderFunction>;
}

/** A compute shader. */
export interface Entry {
  readonly name: string;
  readonly body: readonly Statement[];
  /** What each parameter, or each member of a struct parameter, is given. */
  readonly inputs: readonly Input[];
  readonly workgroupSize: readonly [number, number, number];
  /** Variables outside functions that it uses, also through the functions it calls. */
  readonly globals: readonly Variable[];
}

/** What an entry point may be given. */
export type BuiltinInput =
  | 'workgroup_id'
  | 'num_workgroups'
  | 'local_invocation_id'
  | 'local_invocation_index'
  | 'global_invocation_id';

/** A parameter of an entry point, and what it is given. */
export interface Input {
  readonly variable: Variable;
  readonly values: readonly BuiltinInput[];
}

/** A function of the shader, or an entry point. */
export interface ShaderFunction {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly result: Type;
  readonly body: readonly Statement[];
  /** @must_use: a call cannot be a statement. */
  readonly mustUse?: true;
}

/** Anything a name stands for at run time: `var`, `let`, a parameter, a global. */
export interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly space: Space | 'let';
  readonly access: Access;
  /** Of a storage or uniform variable. */
  readonly binding: { readonly group: number; readonly binding: number } | undefined;
  /** What a private variable begins as. */
  readonly initial?: Constant;
  readonly position: Position;
}

/** The value of a constant: a number, a truth value, or the parts of a vector, matrix, array or struct. */
export type Constant = number | boolean | readonly Constant[];

/** What has a value. */
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
      /** What a place in memory holds now. */
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
      /** A function of WGSL's own. */
      readonly kind: 'builtin';
      readonly type: Type;
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly position: Position;
    }
  | {
      /** A vector of scalars and vectors, or of one scalar; a matrix of columns; an array; a struct. */
      readonly kind: 'construct';
      readonly type: Type;
      readonly parts: readonly Expression[];
      readonly position: Position;
    }
  | {
      /** `f32(x)`, `vec4u(v)`: numbers converted one by one. */
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
      /** A member of a struct that is a value. */
      readonly kind: 'member';
      readonly type: Type;
      readonly base: Expression;
      readonly index: number;
      readonly position: Position;
    }
  | {
      /** Components of a vector: one gives a scalar, more a vector. */
      readonly kind: 'swizzle';
      readonly type: Type;
      readonly base: Expression;
      readonly lanes: readonly number[];
      readonly position: Position;
    }
  | {
      /** An element of an array, vector or matrix that is a value. */
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

/** Operators between two operands. */
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

/** A place in memory: what WGSL calls a reference. */
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

/** What is executed. */
export type Statement =
  | {
      readonly kind: 'block';
      readonly body: readonly Statement[];
      /**
       * Of an `if` whose condition is constant, that condition and the branch that is not taken. Neither is part of the
       * program, but WGSL's rules on control flow, which know no values, ask about them.
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
      /** The operator of `+=` and its kind; the place is then evaluated once. */
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

/** A case of a switch. */
export interface Case {
  readonly selectors: readonly number[];
  readonly isDefault: boolean;
  readonly body: readonly Statement[];
}
