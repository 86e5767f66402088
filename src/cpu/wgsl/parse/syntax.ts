/**
 * The syntax tree: what the parser makes of the tokens, before anything is known of names and types.
 *
 * Every node has `at`, its offset in the text.
 */

import type { Offset } from '../source.js';

/** A shader: its declarations by kind, each in the order of the text. */
export interface Module {
  readonly constants: readonly ConstantDeclaration[];
  readonly variables: readonly VariableDeclaration[];
  readonly structs: readonly StructDeclaration[];
  readonly aliases: readonly AliasDeclaration[];
  readonly functions: readonly FunctionDeclaration[];
  readonly assertions: readonly Assertion[];
}

/** `@name(arguments)`, of the names and counts that WGSL knows. */
export interface Attribute {
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly at: Offset;
}

/** A name with its template arguments, where it has some: `x`, `f32`, `vec4<f32>`, `array<vec4f, N>`. */
export interface Name {
  readonly kind: 'name';
  readonly name: string;
  readonly template: readonly Expression[];
  readonly at: Offset;
}

/** `const name: type = value;` at the top of a module. */
export interface ConstantDeclaration {
  readonly name: string;
  readonly type: Name | undefined;
  readonly value: Expression;
  readonly at: Offset;
}

/** `var<space, access> name: type = value;` at the top of a module */
export interface VariableDeclaration {
  readonly name: string;
  readonly space: string | undefined;
  readonly access: string | undefined;
  readonly type: Name | undefined;
  readonly value: Expression | undefined;
  readonly attributes: readonly Attribute[];
  readonly at: Offset;
}

/** `struct name { members }` */
export interface StructDeclaration {
  readonly name: string;
  readonly members: readonly Parameter[];
  readonly at: Offset;
}

/** `alias name = type;` */
export interface AliasDeclaration {
  readonly name: string;
  readonly type: Name;
  readonly at: Offset;
}

/** A function's parameter, or a struct's member. */
export interface Parameter {
  readonly name: string;
  readonly type: Name;
  readonly attributes: readonly Attribute[];
  readonly at: Offset;
}

/** `fn name(parameters) -> result { body }` */
export interface FunctionDeclaration {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly result: Name | undefined;
  readonly attributes: readonly Attribute[];
  readonly body: Block;
  readonly at: Offset;
}

/** `const_assert condition;` */
export interface Assertion {
  readonly kind: 'assert';
  readonly condition: Expression;
  readonly at: Offset;
}

/** What may stand where a value or a type is expected. */
export type Expression =
  | { readonly kind: 'number'; readonly text: string; readonly at: Offset }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: Offset }
  | Name
  | {
      readonly kind: 'unary';
      readonly operator: string;
      readonly operand: Expression;
      readonly at: Offset;
    }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: Offset;
    }
  | {
      readonly kind: 'member';
      readonly of: Expression;
      readonly name: string;
      readonly at: Offset;
    }
  | {
      readonly kind: 'index';
      readonly of: Expression;
      readonly index: Expression;
      readonly at: Offset;
    }
  | {
      /** A function's call, a value constructor's or a conversion: names are not known yet. */
      readonly kind: 'call';
      readonly callee: Name;
      readonly arguments: readonly Expression[];
      readonly at: Offset;
    };

/** `callee(arguments)` */
export type CallExpression = Extract<Expression, { kind: 'call' }>;

/** `{ body }` */
export interface Block {
  readonly kind: 'block';
  readonly body: readonly Statement[];
  readonly at: Offset;
}

/** `const`, `let` or `var` in a function. */
export interface LocalDeclaration {
  readonly kind: 'const' | 'let' | 'var';
  readonly name: string;
  readonly type: Name | undefined;
  readonly value: Expression | undefined;
  readonly at: Offset;
}

/** `target = value`, `target += value` (operator `+`), `target++` (operator `+`, value 1), `_ = value` (no target). */
export interface Assignment {
  readonly kind: 'assign';
  readonly target: Expression | undefined;
  readonly operator: string | undefined;
  /** Whether it was written `++` or `--`, which only integers take. */
  readonly isStep: boolean;
  readonly value: Expression;
  readonly at: Offset;
}

/** `case a, b: { body }` */
export interface SwitchCase {
  /** `undefined` among them stands for `default`. */
  readonly selectors: readonly (Expression | undefined)[];
  readonly body: Block;
  readonly at: Offset;
}

/** What may stand in a block. */
export type Statement =
  | Block
  | LocalDeclaration
  | Assignment
  | Assertion
  | { readonly kind: 'call'; readonly call: CallExpression; readonly at: Offset }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: Block;
      readonly whenFalse: Block | undefined;
      readonly at: Offset;
    }
  | {
      readonly kind: 'switch';
      readonly selector: Expression;
      readonly cases: readonly SwitchCase[];
      readonly at: Offset;
    }
  | {
      /** for, while and loop alike; `continuing` runs after the body, then `breakIf` is asked. */
      readonly kind: 'loop';
      /** Whether `continuing` sees what the body declares, as in a `loop`; the update of a `for` does not. */
      readonly sharesScope: boolean;
      readonly initial: Statement | undefined;
      readonly condition: Expression | undefined;
      readonly body: Block;
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | undefined;
      readonly at: Offset;
    }
  | { readonly kind: 'break'; readonly at: Offset }
  | { readonly kind: 'continue'; readonly at: Offset }
  | { readonly kind: 'return'; readonly value: Expression | undefined; readonly at: Offset };
