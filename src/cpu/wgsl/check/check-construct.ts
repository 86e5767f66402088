/**
 * Step 2d: calls that construct a value of a type: constructors, conversions and bitcasts.
 *
 *   in    vec3(1, x, 2)                     f32(i)            array(1u, 2u)
 *   out   construct vec3<f32> (1, x, 2)     convert to f32    constant array<u32, 2>
 *
 * Why: the parser cannot distinguish them from function calls, and lowering needs to know only
 * these three kinds.
 */

import type { Constant, Expression } from '../program.js';
import type { Position } from '../source.js';
import {
  ABSTRACT_INT,
  arrayType,
  BOOL,
  columnType,
  concreteScalar,
  concreteType,
  excessElements,
  F32,
  isSized,
  type Matrix,
  matrixType,
  type Scalar,
  type Struct,
  scalarType,
  type Type,
  typeName,
  type Vector,
  vectorType,
  withScalar,
} from '../types.js';
import { commonType, describeTypes } from './builtins.js';
import type { ExpressionChecker } from './check-expression.js';
import { bitcastConstant, convertConstant, mapConstant, zeroValue } from './constants.js';

const VECTOR_NAME = /^vec([234])$/;
const MATRIX_NAME = /^mat([234])x([234])$/;

/** Checks constructors, conversions and bitcasts. */
export class ConstructChecker {
  readonly #expressions: ExpressionChecker;

  constructor(expressions: ExpressionChecker) {
    this.#expressions = expressions;
  }

  /** Checks `bitcast<type>(value)`. */
  bitcast(type: Type, value: Expression, position: Position): Expression {
    const operand = this.#expressions.concrete(value);
    const isNumber = (t: Type) =>
      (t.kind === 'scalar' || t.kind === 'vector') && scalarType(t) !== BOOL;
    if (
      !isNumber(type) ||
      !isNumber(operand.type) ||
      withScalar(type, F32) !== withScalar(operand.type, F32)
    )
      return this.#expressions.fail(
        position,
        `bitcast cannot turn ${typeName(operand.type)} into ${typeName(type)}`,
      );
    if (operand.type === type) return operand;
    if (operand.kind !== 'constant') return { kind: 'bitcast', type, operand, position };
    const [from, to] = [scalarType(operand.type)!, scalarType(type)!];
    return this.#expressions.constant(type, position, () =>
      mapConstant(operand.value, (v) => bitcastConstant(v as number, from, to)),
    );
  }

  /**
   * Infers the type of `vec4(...)`, `mat2x2(...)` and `array(...)` from the arguments.
   *
   * @param checkArguments checks the arguments; called only where `name` is one of these.
   * @returns the type and the checked arguments; `undefined` where `name` is none of these.
   */
  inferType(
    name: string,
    checkArguments: () => Expression[],
    position: Position,
  ): { type: Type; parts: Expression[] } | undefined {
    const vector = VECTOR_NAME.exec(name);
    const matrix = MATRIX_NAME.exec(name);
    if (!vector && !matrix && name !== 'array') return undefined;
    const parts = checkArguments();
    if (vector && parts.length === 0)
      return { type: vectorType(Number(vector[1]) as 2, ABSTRACT_INT), parts };
    if (parts.length === 0)
      return this.#expressions.fail(position, `${name}() needs a type: ${name}<f32>()`);
    if (matrix) return { type: matrixType(Number(matrix[1]) as 2, Number(matrix[2]) as 2), parts };
    if (vector) {
      const element = commonType(parts.map((p) => scalarType(p.type) ?? p.type));
      if (element?.kind !== 'scalar')
        return this.#expressions.fail(
          position,
          `${name}(...) does not take ${describeTypes(parts.map((p) => p.type))}`,
        );
      const isConstant = parts.every((p) => p.kind === 'constant');
      return {
        type: vectorType(Number(vector[1]) as 2, isConstant ? element : concreteScalar(element)),
        parts,
      };
    }
    const element = commonType(parts.map((p) => p.type));
    if (!element)
      return this.#expressions.fail(position, 'the elements of an array must all have one type');
    const isConstant = parts.every((p) => p.kind === 'constant');
    return { type: arrayType(isConstant ? element : concreteType(element), parts.length), parts };
  }

  /**
   * Checks `type(...)`: a vector, matrix, array or struct of its parts, or a conversion of one
   * scalar.
   */
  construct(type: Type, args: readonly Expression[], position: Position): Expression {
    if (!isSized(type) || excessElements(type))
      return this.#expressions.fail(
        position,
        `no value can be constructed of type ${typeName(type)}`,
      );
    if (args.length === 0) return { kind: 'constant', type, value: zeroValue(type), position };
    switch (type.kind) {
      case 'scalar':
        return this.#convertScalar(type, args, position);
      case 'vector':
        return this.#constructVector(type, args, position);
      case 'matrix':
        return this.#constructMatrix(type, args, position);
      case 'array':
        return this.#constructList(type, args, Array(type.count).fill(type.element), position);
      default: {
        const { members } = type as Struct;
        return this.#constructList(
          type,
          args,
          members.map((m) => m.type),
          position,
        );
      }
    }
  }

  #convertScalar(type: Scalar, args: readonly Expression[], position: Position): Expression {
    const [operand] = args;
    if (args.length !== 1 || operand?.type.kind !== 'scalar')
      return this.#expressions.fail(
        position,
        `${type.name}(...) does not take ${describeTypes(args.map((g) => g.type))}`,
      );
    return this.#convertNumbers(operand, type, position);
  }

  /** Converts the components of a scalar or vector. */
  #convertNumbers(operand: Expression, type: Type, position: Position): Expression {
    if (operand.type === type) return operand;
    const [from, to] = [scalarType(operand.type)!, scalarType(type)!];
    if (operand.kind !== 'constant') return { kind: 'convert', type, operand, position };
    return this.#expressions.constant(type, position, () =>
      mapConstant(operand.value, (v) => convertConstant(v, from, to)),
    );
  }

  #constructVector(type: Vector, args: readonly Expression[], position: Position): Expression {
    const [firstArgument] = args;
    if (
      args.length === 1 &&
      firstArgument!.type.kind === 'vector' &&
      firstArgument!.type.size === type.size
    )
      return this.#convertNumbers(firstArgument!, type, position);
    const parts = args.map((part) => {
      const element = scalarType(part.type);
      if (!element || part.type.kind === 'matrix')
        return this.#expressions.fail(
          part.position,
          `a vector is constructed from numbers or bools, not from ${typeName(part.type)}`,
        );
      return this.#expressions.convert(part, withScalar(part.type, type.element), 'a component');
    });
    const sizes = parts.map((p) => (p.type.kind === 'vector' ? p.type.size : 1));
    const size = sizes.reduce((sum, n) => sum + n, 0);
    const isSplat = parts.length === 1 && size === 1;
    if (size !== type.size && !isSplat)
      return this.#expressions.fail(
        position,
        `${typeName(type)} takes ${type.size} components, not ${size}`,
      );
    if (!parts.every((p) => p.kind === 'constant'))
      return { kind: 'construct', type, parts, position };
    const flat = parts.flatMap((p) => (p as { value: Constant }).value);
    const value = isSplat ? Array(type.size).fill(flat[0]) : flat;
    return { kind: 'constant', type, value, position };
  }

  #constructMatrix(type: Matrix, args: readonly Expression[], position: Position): Expression {
    const { columns, rows } = type;
    if (args.length === 1 && args[0]!.type === type) return args[0]!;
    const column = columnType(type);
    if (args.length === columns)
      return this.#constructList(type, args, Array(columns).fill(column), position);
    if (args.length !== columns * rows)
      return this.#expressions.fail(
        position,
        `${typeName(type)} takes ${columns} columns or ${columns * rows} numbers`,
      );
    const columnParts = Array.from({ length: columns }, (_, c) =>
      this.#constructVector(column, args.slice(c * rows, (c + 1) * rows), position),
    );
    return this.#constructList(type, columnParts, Array(columns).fill(column), position);
  }

  #constructList(
    type: Type,
    args: readonly Expression[],
    types: readonly Type[],
    position: Position,
  ): Expression {
    if (args.length !== types.length)
      return this.#expressions.fail(
        position,
        `${typeName(type)} takes ${types.length} value${types.length === 1 ? '' : 's'}, not ${args.length}`,
      );
    const parts = args.map((part, n) =>
      this.#expressions.convert(part, types[n]!, `part ${n + 1}`),
    );
    if (!parts.every((p) => p.kind === 'constant'))
      return { kind: 'construct', type, parts, position };
    return {
      kind: 'constant',
      type,
      value: parts.map((p) => (p as { value: Constant }).value),
      position,
    };
  }
}
