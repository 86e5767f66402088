/**
 * The syntax tree: the result of parsing, before names and types are resolved.
 *
 * Every node has `position`, its position in the text.
 */

import type { Position } from '../source.js';

/** A shader: its declarations by kind, each in the order of the text. */
export interface Module {
  readonly constants: readonly ConstantDeclaration[];
  readonly variables: readonly VariableDeclaration[];
  readonly structs: readonly StructDeclaration[];
  readonly aliases: readonly AliasDeclaration[];
  readonly functions: readonly FunctionDeclaration[];
  readonly assertions: readonly Assertion[];
}

/** `@name(arguments)`, with a name and a number of arguments that WGSL allows. */
export interface Attribute {
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly position: Position;
}

/**
 * A name with its template arguments, if it has any: `x`, `f32`, `vec4<f32>`, `array<vec4f, N>`.
 */
export interface Name {
  readonly kind: 'name';
  readonly name: string;
  readonly template: readonly Expression[];
  readonly position: Position;
}

/** `const name: type = value;` at module scope. */
export interface ConstantDeclaration {
  readonly name: string;
  readonly type: Name | undefined;
  readonly value: Expression;
  readonly position: Position;
}

/** `var<space, access> name: type = value;` at module scope. */
export interface VariableDeclaration {
  readonly name: string;
  readonly space: string | undefined;
  readonly access: string | undefined;
  readonly type: Name | undefined;
  readonly value: Expression | undefined;
  readonly attributes: readonly Attribute[];
  readonly position: Position;
}

/** `struct name { members }` */
export interface StructDeclaration {
  readonly name: string;
  readonly members: readonly Parameter[];
  readonly position: Position;
}

/** `alias name = type;` */
export interface AliasDeclaration {
  readonly name: string;
  readonly type: Name;
  readonly position: Position;
}

/** A parameter of a function, or a member of a struct. */
export interface Parameter {
  readonly name: string;
  readonly type: Name;
  readonly attributes: readonly Attribute[];
  readonly position: Position;
}

/** `fn name(parameters) -> result { body }` */
export interface FunctionDeclaration {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly result: Name | undefined;
  readonly attributes: readonly Attribute[];
  readonly body: Block;
  readonly position: Position;
}

/** `const_assert condition;` */
export interface Assertion {
  readonly kind: 'assert';
  readonly condition: Expression;
  readonly position: Position;
}

/** An expression, or a type. */
export type Expression =
  | { readonly kind: 'number'; readonly text: string; readonly position: Position }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly position: Position }
  | Name
  | {
      readonly kind: 'unary';
      readonly operator: string;
      readonly operand: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly position: Position;
    }
  | {
      readonly kind: 'member';
      readonly base: Expression;
      readonly name: string;
      readonly position: Position;
    }
  | {
      readonly kind: 'index';
      readonly base: Expression;
      readonly index: Expression;
      readonly position: Position;
    }
  | {
      /**
       * A call of a function, a value constructor or a conversion; which of them it is depends on
       * the name.
       */
      readonly kind: 'call';
      readonly callee: Name;
      readonly arguments: readonly Expression[];
      readonly position: Position;
    };

/** `callee(arguments)` */
export type CallExpression = Extract<Expression, { kind: 'call' }>;

/** `{ body }` */
export interface Block {
  readonly kind: 'block';
  readonly body: readonly Statement[];
  readonly position: Position;
}

/** `const`, `let` or `var` in a function. */
export interface LocalDeclaration {
  readonly kind: 'const' | 'let' | 'var';
  readonly name: string;
  readonly type: Name | undefined;
  readonly value: Expression | undefined;
  readonly position: Position;
}

/**
 * `target = value`, `target += value` (operator `+`), `target++` (operator `+`, value 1), `_ =
 * value` (no target).
 */
export interface Assignment {
  readonly kind: 'assign';
  readonly target: Expression | undefined;
  readonly operator: string | undefined;
  /** Whether it was written as `++` or `--`, which take integers only. */
  readonly isIncrement: boolean;
  readonly value: Expression;
  readonly position: Position;
}

/** `case a, b: { body }` */
export interface SwitchCase {
  /** `undefined` stands for `default`. */
  readonly selectors: readonly (Expression | undefined)[];
  readonly body: Block;
  readonly position: Position;
}

/** A statement. */
export type Statement =
  | Block
  | LocalDeclaration
  | Assignment
  | Assertion
  | { readonly kind: 'call'; readonly call: CallExpression; readonly position: Position }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: Block;
      readonly whenFalse: Block | undefined;
      readonly position: Position;
    }
  | {
      readonly kind: 'switch';
      readonly selector: Expression;
      readonly cases: readonly SwitchCase[];
      readonly position: Position;
    }
  | {
      /**
       * A `for`, `while` or `loop`. `continuing` runs after the body, then `breakIf` is evaluated.
       */
      readonly kind: 'loop';
      /**
       * Whether `continuing` sees the declarations of the body. It does in a `loop`; the update of
       * a `for` does not.
       */
      readonly sharesScope: boolean;
      readonly initial: Statement | undefined;
      readonly condition: Expression | undefined;
      readonly body: Block;
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | undefined;
      readonly position: Position;
    }
  | { readonly kind: 'break'; readonly position: Position }
  | { readonly kind: 'continue'; readonly position: Position }
  | {
      readonly kind: 'return';
      readonly value: Expression | undefined;
      readonly position: Position;
    };
