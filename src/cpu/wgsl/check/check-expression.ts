/**
 * Step 2c: expressions get types and, where they are constant, values.
 *
 *   in    2.0 * x[i]                           where x is an array<f32> in a buffer
 *   out   binary * of f32 (constant f32 2, read of f32 (element i of variable x))
 *
 * Why: after this step `if (STAGED)` is `if (false)`, and `array<f32, 2 * CAP>` has a size.
 */

import { rootVariable } from '../operands.js';
import type * as syntax from '../parse/syntax.js';
import type {
  BinaryOperator,
  Constant,
  Expression,
  Reference,
  ShaderFunction,
  Variable,
} from '../program.js';
import { failAt, type Position } from '../source.js';
import {
  ABSTRACT_INT,
  type ArrayType,
  BOOL,
  columnType,
  concreteType,
  elementCount,
  elementType,
  F32,
  I32,
  isAbstract,
  isFloat,
  isInteger,
  isSized,
  type Matrix,
  matrixType,
  pointerType,
  type Scalar,
  type Struct,
  scalarType,
  type Type,
  typeName,
  U32,
  type Vector,
  VOID,
  vectorType,
  withScalar,
} from '../types.js';
import {
  BUILTINS,
  type Builtin,
  commonType,
  describeTypes,
  unsupportedBuiltin,
} from './builtins.js';
import { ConstructChecker } from './check-construct.js';
import { isPredeclaredType } from './check-type.js';
import {
  ConstantError,
  convertsImplicitly,
  evaluateBinary,
  evaluateMatrix,
  evaluateUnary,
  mapConstant,
  materialize,
  parseNumber,
  zeroValue,
  zip,
} from './constants.js';

/** What a name refers to. */
export type ResolvedName =
  | { readonly kind: 'constant'; readonly type: Type; readonly value: Constant }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'function'; readonly function: ShaderFunction; readonly isEntry: boolean }
  | { readonly kind: 'type'; readonly type: Type };

/** What the expressions of a function, or of the module, can refer to. */
export interface Environment {
  /** The shader's source. */
  readonly text: string;
  /** Resolves a name that is used at a position; `undefined` where it is not declared. */
  lookup(name: string, position: Position): ResolvedName | undefined;
  /** Returns the type with a name. */
  type(name: syntax.Name): Type;
  /** Records that a variable is used. */
  recordUse(variable: Variable, position: Position): void;
}

const ARITHMETIC = new Set(['+', '-', '*', '/', '%']);
const COMPARISONS = new Set(['<', '>', '<=', '>=', '==', '!=']);
const COMPONENTS = ['xyzw', 'rgba'];

/** Checks the expressions of a function, or of the module. */
export class ExpressionChecker {
  readonly #environment: Environment;
  readonly #constructs = new ConstructChecker(this);
  /** Whether the operand of a && or || is being checked that will never be evaluated. */
  #isUnevaluated = false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /**
   * Checks an expression. The result may have an abstract type.
   *
   * @throws WgslError where it breaks a rule.
   */
  check(node: syntax.Expression): Expression {
    const { position } = node;
    switch (node.kind) {
      case 'number': {
        const { type, value } = this.#evaluate(position, () => parseNumber(node.text));
        return { kind: 'constant', type, value, position };
      }
      case 'boolean':
        return { kind: 'constant', type: BOOL, value: node.value, position };
      case 'unary':
        return this.#unary(node);
      case 'binary':
        return this.#binary(node);
      case 'call':
        return this.#call(node);
      default: {
        const reference = this.#referenceOrValue(node);
        return 'reference' in reference ? this.read(reference.reference) : reference.value;
      }
    }
  }

  /**
   * Checks an expression and converts it to `type`.
   *
   * @param subject how messages refer to it.
   * @throws WgslError where it breaks a rule or cannot be converted.
   */
  checkAs(node: syntax.Expression, type: Type, subject: string): Expression {
    return this.convert(this.check(node), type, subject);
  }

  /** Checks an expression; an abstract type becomes i32 or f32. */
  checkConcrete(node: syntax.Expression): Expression {
    return this.concrete(this.check(node));
  }

  /**
   * Returns the value of an integer constant expression.
   *
   * @param subject how messages refer to it.
   * @throws WgslError where it is not constant, or not an integer.
   */
  constantInteger(node: syntax.Expression, subject: string): number {
    const value = this.check(node);
    if (
      value.kind !== 'constant' ||
      !isInteger(scalarType(value.type)) ||
      value.type.kind !== 'scalar'
    )
      return this.fail(node.position, `${subject} must be a constant integer`);
    return value.value as number;
  }

  /**
   * Checks an expression that must be a reference.
   *
   * @param complaint ends the message if it is a value: "it cannot be assigned to".
   * @throws WgslError where the expression is a value.
   */
  reference(node: syntax.Expression, complaint: string): Reference {
    const result = this.#referenceOrValue(node);
    if ('reference' in result) return result.reference;
    if (isSwizzleOfReference(result.value))
      return this.fail(
        node.position,
        'assigning to several components at once is not supported: this device has no swizzle_assignment',
      );
    const name = node.kind === 'name' ? `"${node.name}"` : 'this expression';
    return this.fail(node.position, `${name} is a value, not a variable: ${complaint}`);
  }

  /**
   * The value that a reference refers to.
   *
   * @throws WgslError where it is a runtime-sized array.
   */
  read(reference: Reference): Expression {
    const { type, position } = reference;
    if (!isSized(type))
      return this.fail(
        position,
        `${typeName(type)} has no size here: only its elements can be read`,
      );
    return { kind: 'read', type, reference, position };
  }

  /**
   * Converts a value to `type`, which is possible for constants of an abstract type.
   *
   * @param subject how messages refer to it.
   * @throws WgslError where the value has another type and cannot be converted.
   */
  convert(value: Expression, type: Type, subject: string): Expression {
    if (value.type === type) return value;
    if (value.kind === 'constant' && this.#isConvertible(value.type, type))
      return {
        ...value,
        type,
        value: this.#evaluate(
          value.position,
          () => this.#convertConstant(value.value, type),
          () => zeroValue(type),
        ),
      };
    return this.fail(
      value.position,
      `${subject} is ${typeName(value.type)}, not ${typeName(type)}`,
    );
  }

  /** Converts a value of an abstract type to i32 or f32. */
  concrete(value: Expression): Expression {
    return isAbstract(value.type)
      ? this.convert(value, concreteType(value.type), 'this number')
      : value;
  }

  /** Checks `left operator right`, from operands that are already checked. */
  binary(
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    position: Position,
  ): Expression {
    if (operator === '&&' || operator === '||')
      return this.#logical(operator, left, right, position);
    if (left.type.kind === 'matrix' || right.type.kind === 'matrix')
      return this.#matrixProduct(operator, left, right, position);
    if (operator === '<<' || operator === '>>') return this.#shift(operator, left, right, position);
    const element = this.#commonScalar(left, right);
    if (!element || !this.#operatorTakes(operator, element))
      return this.#rejectOperands(operator, left, right, position);
    const p = this.convert(left, withScalar(left.type, element), 'the left side');
    const q = this.convert(right, withScalar(right.type, element), 'the right side');
    const isComparison = COMPARISONS.has(operator);
    // Only arithmetic operators accept a scalar beside a vector.
    const areVectors = p.type.kind === 'vector' && q.type.kind === 'vector';
    if (p.type !== q.type && (areVectors || !ARITHMETIC.has(operator)))
      return this.#rejectOperands(operator, left, right, position);
    const shape = p.type.kind === 'vector' ? p.type : q.type;
    const type = isComparison ? withScalar(shape, BOOL) : shape;
    this.#rejectZeroDivisor(operator, q, position);
    return this.#fold({ kind: 'binary', type, operator, left: p, right: q, position }, element);
  }

  /** @throws WgslError always, at the position. */
  fail(position: Position, rule: string): never {
    return failAt(this.#environment.text, position, rule);
  }

  // Names, members and elements

  /**
   * Checks a name, member, element or indirection. It is a reference, or a value if it is part of
   * one.
   */
  #referenceOrValue(node: syntax.Expression): { reference: Reference } | { value: Expression } {
    if (node.kind === 'name') return this.#name(node);
    if (node.kind === 'unary' && node.operator === '*') {
      const pointer = this.check(node.operand);
      if (pointer.type.kind !== 'pointer')
        return this.fail(node.position, `"*" takes a pointer, not ${typeName(pointer.type)}`);
      return { reference: this.#dereference(pointer) };
    }
    if (node.kind !== 'member' && node.kind !== 'index') return { value: this.check(node) };
    let base = this.#referenceOrValue(node.base);
    const pointer = 'value' in base ? base.value : undefined;
    if (pointer?.type.kind === 'pointer') base = { reference: this.#dereference(pointer) };
    return node.kind === 'member' ? this.#member(base, node) : this.#element(base, node);
  }

  #dereference(pointer: Expression): Reference {
    if (pointer.kind === 'address') return pointer.reference;
    const { target } = pointer.type as Extract<Type, { kind: 'pointer' }>;
    return { kind: 'dereference', type: target, pointer, position: pointer.position };
  }

  #name({
    name,
    template,
    position,
  }: syntax.Name): { reference: Reference } | { value: Expression } {
    const resolvedName = this.#environment.lookup(name, position);
    if (!resolvedName) return this.#rejectName(name, position);
    if (template.length > 0) this.fail(position, `"${name}" takes no template arguments`);
    if (resolvedName.kind === 'type')
      return this.fail(position, `"${name}" is a type, not a value`);
    if (resolvedName.kind === 'function')
      return this.fail(position, `"${name}" is a function: call it`);
    if (resolvedName.kind === 'constant') return { value: { ...resolvedName, position } };
    const { variable } = resolvedName;
    if (variable.space === 'let')
      return { value: { kind: 'value', type: variable.type, variable, position } };
    this.#environment.recordUse(variable, position);
    return { reference: { kind: 'variable', type: variable.type, variable, position } };
  }

  #rejectName(name: string, position: Position): never {
    if (isPredeclaredType(name)) return this.fail(position, `"${name}" is a type, not a value`);
    if (BUILTINS.has(name) || unsupportedBuiltin(name))
      return this.fail(position, `"${name}" is a function: call it`);
    return this.fail(position, `"${name}" is not declared`);
  }

  #member(
    base: { reference: Reference } | { value: Expression },
    { name, position }: { name: string; position: Position },
  ): { reference: Reference } | { value: Expression } {
    const type = 'reference' in base ? base.reference.type : base.value.type;
    if (type.kind === 'struct') return this.#structMember(base, type, name, position);
    if (type.kind !== 'vector')
      return this.fail(position, `${typeName(type)} has no members, so none is called "${name}"`);
    const letters = COMPONENTS.find((set) => [...name].every((letter) => set.includes(letter)));
    const lanes = [...name].map((letter) => letters?.indexOf(letter) ?? -1);
    if (!letters || name.length > 4 || lanes.some((lane) => lane >= type.size))
      return this.fail(position, `${typeName(type)} has no component "${name}"`);
    const [lane] = lanes;
    if ('reference' in base && lanes.length === 1) {
      const index = { kind: 'constant', type: U32, value: lane!, position } as const;
      return {
        reference: { kind: 'element', type: type.element, base: base.reference, index, position },
      };
    }
    const vector = 'reference' in base ? this.read(base.reference) : base.value;
    return { value: this.#swizzle(vector, type, lanes, position) };
  }

  #swizzle(
    base: Expression,
    { element }: Vector,
    lanes: readonly number[],
    position: Position,
  ): Expression {
    const type = lanes.length === 1 ? element : vectorType(lanes.length as 2 | 3 | 4, element);
    if (base.kind !== 'constant') return { kind: 'swizzle', type, base, lanes, position };
    const parts = lanes.map((lane) => (base.value as readonly Constant[])[lane]!);
    return { kind: 'constant', type, value: lanes.length === 1 ? parts[0]! : parts, position };
  }

  #structMember(
    base: { reference: Reference } | { value: Expression },
    struct: Struct,
    name: string,
    position: Position,
  ): { reference: Reference } | { value: Expression } {
    const index = struct.members.findIndex((m) => m.name === name);
    if (index < 0) return this.fail(position, `struct ${struct.name} has no member "${name}"`);
    const { type } = struct.members[index]!;
    if ('reference' in base)
      return { reference: { kind: 'member', type, base: base.reference, struct, index, position } };
    if (base.value.kind === 'constant') {
      const value = (base.value.value as readonly Constant[])[index]!;
      return { value: { kind: 'constant', type, value, position } };
    }
    return { value: { kind: 'member', type, base: base.value, index, position } };
  }

  #element(
    base: { reference: Reference } | { value: Expression },
    node: { index: syntax.Expression; position: Position },
  ): { reference: Reference } | { value: Expression } {
    const { position } = node;
    const composite = 'reference' in base ? base.reference.type : base.value.type;
    const type = elementType(composite);
    if (!type) return this.fail(position, `${typeName(composite)} has no elements`);
    const index = this.#index(node.index, elementCount(composite as ArrayType | Vector | Matrix));
    if ('reference' in base)
      return { reference: { kind: 'element', type, base: base.reference, index, position } };
    if (base.value.kind === 'constant' && index.kind === 'constant') {
      const value = (base.value.value as readonly Constant[])[index.value as number]!;
      return { value: { kind: 'constant', type, value, position } };
    }
    const value = this.concrete(base.value);
    return {
      value: { kind: 'element', type: elementType(value.type)!, base: value, index, position },
    };
  }

  #index(node: syntax.Expression, count: number | undefined): Expression {
    const index = this.checkConcrete(node);
    if (index.type !== I32 && index.type !== U32)
      return this.fail(node.position, `an index is i32 or u32, not ${typeName(index.type)}`);
    if (index.kind === 'constant') {
      const value = index.value as number;
      if (value < 0 || (count !== undefined && value >= count))
        return this.fail(
          node.position,
          count === undefined
            ? `index ${value} is negative`
            : `index ${value} is outside 0 to ${count - 1}`,
        );
    }
    return index;
  }

  // Operators

  #unary(node: Extract<syntax.Expression, { kind: 'unary' }>): Expression {
    const { operator, position } = node;
    if (operator === '*') return this.read(this.reference(node, 'it cannot be read through'));
    if (operator === '&')
      return this.#address(this.reference(node.operand, 'it has no address'), position);
    const operand = this.check(node.operand);
    const element = operand.type.kind === 'matrix' ? undefined : scalarType(operand.type);
    const fits =
      operator === '!'
        ? element === BOOL
        : operator === '~'
          ? isInteger(element)
          : isFloat(element) || isInteger(element);
    if (!element || !fits || (operator === '-' && element === U32))
      return this.fail(position, `"${operator}" does not take ${typeName(operand.type)}`);
    const { type } = operand;
    if (operand.kind === 'constant') {
      return this.constant(type, position, () =>
        mapConstant(operand.value, (v) => evaluateUnary(operator as '-', element, v)),
      );
    }
    return { kind: 'unary', type, operator: operator as '-' | '!' | '~', operand, position };
  }

  #address(reference: Reference, position: Position): Expression {
    const root = rootVariable(reference);
    const isComponent = reference.kind === 'element' && reference.base.type.kind === 'vector';
    if (isComponent) return this.fail(position, 'a component of a vector has no address');
    if (!root) {
      const pointer = innermostPointer(reference);
      return {
        kind: 'address',
        type: pointerType(pointer.space, reference.type, pointer.access),
        reference,
        position,
      };
    }
    if (root.space === 'let')
      return this.fail(position, `"${root.name}" is a value: it has no address`);
    return {
      kind: 'address',
      type: pointerType(root.space, reference.type, root.access),
      reference,
      position,
    };
  }

  #binary(node: Extract<syntax.Expression, { kind: 'binary' }>): Expression {
    const operator = node.operator as BinaryOperator;
    const left = this.check(node.left);
    const isLogical = operator === '&&' || operator === '||';
    const isDecided = left.kind === 'constant' && left.value === (operator === '||');
    if (!isLogical || !isDecided || left.type !== BOOL)
      return this.binary(operator, left, this.check(node.right), node.position);
    // The right side of a decided && or || has a type, but its value is never needed.
    const wasUnevaluated = this.#isUnevaluated;
    this.#isUnevaluated = true;
    const right = this.check(node.right);
    this.#isUnevaluated = wasUnevaluated;
    if (right.kind !== 'constant' || right.type !== BOOL)
      return this.binary(operator, left, right, node.position);
    return { ...left, position: node.position };
  }

  #logical(
    operator: '&&' | '||',
    left: Expression,
    right: Expression,
    position: Position,
  ): Expression {
    if (left.type !== BOOL || right.type !== BOOL)
      return this.#rejectOperands(operator, left, right, position);
    return this.#fold({ kind: 'binary', type: BOOL, operator, left, right, position }, BOOL);
  }

  #shift(
    operator: '<<' | '>>',
    left: Expression,
    right: Expression,
    position: Position,
  ): Expression {
    const element = scalarType(left.type);
    const haveSameShape = withScalar(left.type, U32) === withScalar(right.type, U32);
    if (!isInteger(element) || !isInteger(scalarType(right.type)) || !haveSameShape)
      return this.#rejectOperands(operator, left, right, position);
    const count = this.convert(right, withScalar(right.type, U32), 'the number of bits');
    const isConstant = count.kind === 'constant' && left.kind === 'constant';
    const shifted = isConstant ? left : this.concrete(left);
    if (count.kind === 'constant' && !this.#isUnevaluated)
      mapConstant(count.value, (n) =>
        Number(n) > 31 && scalarType(shifted.type) !== ABSTRACT_INT
          ? this.fail(position, `a shift by ${n} exceeds 31, the most for a 32-bit integer`)
          : n,
      );
    const { type } = shifted;
    return this.#fold(
      { kind: 'binary', type, operator, left: shifted, right: count, position },
      scalarType(type)!,
    );
  }

  #matrixProduct(
    operator: BinaryOperator,
    leftOperand: Expression,
    rightOperand: Expression,
    position: Position,
  ): Expression {
    const left = leftOperand.type.kind === 'matrix' ? leftOperand : this.#floats(leftOperand);
    const right = rightOperand.type.kind === 'matrix' ? rightOperand : this.#floats(rightOperand);
    const type = matrixResult(operator, left.type, right.type);
    if (!type) return this.#rejectOperands(operator, leftOperand, rightOperand, position);
    if (left.kind !== 'constant' || right.kind !== 'constant')
      return { kind: 'binary', type, operator, left, right, position };
    return this.constant(type, position, () => evaluateMatrix(operator, left.value, right.value));
  }

  /** Beside a matrix, abstract numbers are f32. */
  #floats(value: Expression): Expression {
    return isAbstract(value.type)
      ? this.convert(value, withScalar(value.type, F32), 'this number')
      : value;
  }

  #operatorTakes(operator: BinaryOperator, element: Scalar): boolean {
    if (operator === '==' || operator === '!=') return true;
    if (element === BOOL) return operator === '&' || operator === '|';
    if (operator === '&' || operator === '|' || operator === '^') return isInteger(element);
    return true;
  }

  #commonScalar(left: Expression, right: Expression): Scalar | undefined {
    const [p, q] = [scalarType(left.type), scalarType(right.type)];
    return p && q && (commonType([p, q]) as Scalar | undefined);
  }

  #rejectOperands(
    operator: string,
    left: Expression,
    right: Expression,
    position: Position,
  ): never {
    const types = describeTypes([left.type, right.type]);
    return this.fail(position, `"${operator}" does not take ${types}`);
  }

  #rejectZeroDivisor(operator: string, divisor: Expression, position: Position): void {
    if ((operator !== '/' && operator !== '%') || this.#isUnevaluated) return;
    if (divisor.kind !== 'constant' || !isInteger(scalarType(divisor.type))) return;
    mapConstant(divisor.value, (v) =>
      v === 0 ? this.fail(position, 'an integer is divided by 0') : v,
    );
  }

  /** Replaces a binary operation on two constants by its value. */
  #fold(node: Extract<Expression, { kind: 'binary' }>, element: Scalar): Expression {
    const { left, right, operator, type, position } = node;
    if (left.kind !== 'constant' || right.kind !== 'constant') {
      // Abstract numbers are constant, so beside a run-time value none is left.
      return node;
    }
    return this.constant(type, position, () =>
      zip(left.value, right.value, (p, q) => evaluateBinary(operator, element, p, q)),
    );
  }

  // Calls

  #call(node: syntax.CallExpression): Expression {
    const { callee, position } = node;
    const checkArguments = () => node.arguments.map((argument) => this.check(argument));
    const resolvedName = this.#environment.lookup(callee.name, callee.position);
    if (resolvedName?.kind === 'constant' || resolvedName?.kind === 'variable')
      return this.fail(position, `"${callee.name}" is not a function`);
    if (resolvedName?.kind === 'type')
      return this.#constructs.construct(this.#environment.type(callee), checkArguments(), position);
    if (!resolvedName && callee.name === 'bitcast')
      return this.#bitcast(callee, checkArguments(), position);
    const hasTemplate = callee.template.length > 0;
    const inferred =
      !resolvedName &&
      !hasTemplate &&
      this.#constructs.inferType(callee.name, checkArguments, position);
    if (inferred) return this.#constructs.construct(inferred.type, inferred.parts, position);
    const builtin = resolvedName ? undefined : BUILTINS.get(callee.name);
    if (hasTemplate && (resolvedName || builtin))
      this.fail(position, `function ${callee.name} takes no template arguments`);
    if (resolvedName?.isEntry)
      this.fail(position, `${callee.name} is an entry point: no function can call it`);
    if (resolvedName) return this.#functionCall(resolvedName.function, checkArguments(), position);
    if (builtin) return this.#builtinCall(callee.name, builtin, checkArguments(), position);
    const unsupported = unsupportedBuiltin(callee.name);
    if (unsupported)
      return this.fail(position, `"${callee.name}" is not supported: ${unsupported}`);
    return this.#constructs.construct(this.#environment.type(callee), checkArguments(), position);
  }

  #functionCall(
    callee: ShaderFunction,
    args: readonly Expression[],
    position: Position,
  ): Expression {
    const { name, parameters, result } = callee;
    if (args.length !== parameters.length)
      return this.fail(
        position,
        `${name} takes ${parameters.length} argument${parameters.length === 1 ? '' : 's'}, not ${args.length}`,
      );
    const converted = args.map((value, n) =>
      this.convert(value, parameters[n]!.type, `argument ${parameters[n]!.name} of ${name}`),
    );
    return { kind: 'call', type: result, function: callee, arguments: converted, position };
  }

  #builtinCall(
    name: string,
    builtin: Builtin,
    args: readonly Expression[],
    position: Position,
  ): Expression {
    const types = args.map((value) => value.type);
    const overload = builtin.resolve(types);
    if (!overload)
      return this.fail(position, `${builtin.signature} does not take ${describeTypes(types)}`);
    const constant = builtin.evaluate && args.every((value) => value.kind === 'constant');
    const resolved = constant ? overload : concreteOverload(overload);
    const converted = args.map((value, n) =>
      this.convert(value, resolved.parameters[n]!, `argument ${n + 1} of ${name}`),
    );
    const values = converted.map((v) => (v.kind === 'constant' ? v.value : undefined));
    const error = this.#isUnevaluated ? undefined : builtin.findError?.(values);
    if (error) this.fail(position, error);
    const { result: type } = resolved;
    if (!constant) return { kind: 'builtin', type, name, arguments: converted, position };
    return this.constant(type, position, () => builtin.evaluate!(values as Constant[], type));
  }

  #bitcast(callee: syntax.Name, args: readonly Expression[], position: Position): Expression {
    const [target, ...more] = callee.template;
    if (target?.kind !== 'name' || more.length > 0 || args.length !== 1)
      return this.fail(position, 'bitcast<type>(value) takes one type and one value');
    return this.#constructs.bitcast(this.#environment.type(target), args[0]!, position);
  }

  // Constants

  #isConvertible(from: Type, to: Type): boolean {
    if (from.kind === 'array' && to.kind === 'array')
      return from.count === to.count && this.#isConvertible(from.element, to.element);
    const [p, q] = [scalarType(from), scalarType(to)];
    if (!p || !q || from.kind === 'matrix' || to.kind === 'matrix') return false;
    return convertsImplicitly(p, q) && withScalar(from, q) === to;
  }

  #convertConstant(value: Constant, type: Type): Constant {
    if (type.kind === 'array')
      return (value as readonly Constant[]).map((part) =>
        this.#convertConstant(part, type.element),
      );
    const element = scalarType(type)!;
    return mapConstant(value, (v) => (typeof v === 'boolean' ? v : materialize(v, element)));
  }

  /**
   * Creates a constant whose value `evaluate` computes.
   *
   * @throws WgslError where it has no value.
   */
  constant(type: Type, position: Position, evaluate: () => Constant): Expression {
    const value = this.#evaluate(position, evaluate, () => zeroValue(type));
    return { kind: 'constant', type, value, position };
  }

  /**
   * Runs `run` and reports a ConstantError at a position.
   *
   * @param fallback the value of an expression that is never evaluated and has none.
   */
  #evaluate<T>(position: Position, run: () => T, fallback?: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ConstantError)) throw error;
      if (this.#isUnevaluated && fallback) return fallback();
      return this.fail(position, error.message);
    }
  }
}

function concreteOverload({ parameters, result }: { parameters: readonly Type[]; result: Type }) {
  return {
    parameters: parameters.map(concreteType),
    result: result === VOID ? result : concreteType(result),
  };
}

/**
 * Whether a value consists of components of a variable. A later version of WGSL can assign to it.
 */
function isSwizzleOfReference(value: Expression): boolean {
  if (value.kind === 'element') return isSwizzleOfReference(value.base);
  return (
    value.kind === 'swizzle' && (value.base.kind === 'read' || isSwizzleOfReference(value.base))
  );
}

function innermostPointer(reference: Reference): Extract<Type, { kind: 'pointer' }> {
  if (reference.kind === 'dereference')
    return reference.pointer.type as Extract<Type, { kind: 'pointer' }>;
  return innermostPointer((reference as { base: Reference }).base);
}

/** The result type of an operation with a matrix; `undefined` where there is none. */
function matrixResult(operator: BinaryOperator, left: Type, right: Type): Type | undefined {
  if (operator === '+' || operator === '-') return left === right ? left : undefined;
  if (operator !== '*') return undefined;
  if (left === F32) return right;
  if (right === F32) return left;
  if (left.kind === 'matrix' && right.kind === 'matrix')
    return left.columns === right.rows ? matrixType(right.columns, left.rows) : undefined;
  if (left.kind === 'matrix')
    return right === vectorType(left.columns, F32) ? columnType(left) : undefined;
  return right.kind === 'matrix' && left === vectorType(right.rows, F32)
    ? vectorType(right.columns, F32)
    : undefined;
}
