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
  Place,
  ShaderFunction,
  Variable,
} from '../program.js';
import { failAt, type Offset } from '../source.js';
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

/** What a name stands for. */
export type Named =
  | { readonly kind: 'constant'; readonly type: Type; readonly value: Constant }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'function'; readonly function: ShaderFunction; readonly isEntry: boolean }
  | { readonly kind: 'type'; readonly type: Type };

/** What the expressions of a function, or of the module, see around them. */
export interface Surroundings {
  readonly text: string;
  lookup(name: string, at: Offset): Named | undefined;
  type(name: syntax.Name): Type;
  /** Notes that a variable outside functions is used. */
  use(variable: Variable, at: Offset): void;
}

const MIXED = new Set(['+', '-', '*', '/', '%']);
const COMPARISONS = new Set(['<', '>', '<=', '>=', '==', '!=']);
const COMPONENTS = ['xyzw', 'rgba'];

/** Checks expressions in the surroundings of a function, or of the module. */
export class ExpressionChecker {
  readonly #around: Surroundings;
  readonly #constructs = new ConstructChecker(this);
  /** Whether the operand of a && or || is being checked that will never be evaluated. */
  #isSkipped = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The typed expression, whose numbers may have no type yet. @throws WgslError where it has none. */
  check(node: syntax.Expression): Expression {
    const { at } = node;
    switch (node.kind) {
      case 'number': {
        const { type, value } = this.#guard(at, () => parseNumber(node.text));
        return { kind: 'constant', type, value, at };
      }
      case 'boolean':
        return { kind: 'constant', type: BOOL, value: node.value, at };
      case 'unary':
        return this.#unary(node);
      case 'binary':
        return this.#binary(node);
      case 'call':
        return this.#call(node);
      default: {
        const place = this.#placeOrValue(node);
        return 'place' in place ? this.read(place.place) : place.value;
      }
    }
  }

  /** The typed expression as a value of `type`. @throws WgslError where it is of another type. */
  checkAs(node: syntax.Expression, type: Type, what: string): Expression {
    return this.convert(this.check(node), type, what);
  }

  /** The typed expression, its numbers without a type made i32 and f32. */
  checkConcrete(node: syntax.Expression): Expression {
    return this.concrete(this.check(node));
  }

  /** The number a constant expression has. @throws WgslError where it is not constant, or not an integer. */
  constantInteger(node: syntax.Expression, what: string): number {
    const value = this.check(node);
    if (
      value.kind !== 'constant' ||
      !isInteger(scalarType(value.type)) ||
      value.type.kind !== 'scalar'
    )
      return this.fail(node.at, `${what} must be a constant integer`);
    return value.value as number;
  }

  /**
   * A place in memory.
   *
   * @param use what is done with it, for the error: "it cannot be assigned to".
   * @throws WgslError where the expression is a value.
   */
  place(node: syntax.Expression, use: string): Place {
    const result = this.#placeOrValue(node);
    if ('place' in result) return result.place;
    if (isSwizzleOfPlace(result.value))
      return this.fail(
        node.at,
        'assigning to several components at once is not supported: this device has no swizzle_assignment',
      );
    const name = node.kind === 'name' ? `"${node.name}"` : 'this expression';
    return this.fail(node.at, `${name} is a value, not a variable: ${use}`);
  }

  read(place: Place): Expression {
    const { type, at } = place;
    if (!isSized(type))
      return this.fail(at, `${typeName(type)} has no size here: only its elements can be read`);
    return { kind: 'read', type, place, at };
  }

  /** @throws WgslError where the value is neither of the type nor a number that can become one of it. */
  convert(value: Expression, type: Type, what: string): Expression {
    if (value.type === type) return value;
    if (value.kind === 'constant' && this.#becomes(value.type, type))
      return {
        ...value,
        type,
        value: this.#guard(
          value.at,
          () => this.#retype(value.value, type),
          () => zeroValue(type),
        ),
      };
    return this.fail(value.at, `${what} is ${typeName(value.type)}, not ${typeName(type)}`);
  }

  concrete(value: Expression): Expression {
    return isAbstract(value.type)
      ? this.convert(value, concreteType(value.type), 'this number')
      : value;
  }

  /** `left operator right`, from operands that are checked already. */
  binary(operator: BinaryOperator, left: Expression, right: Expression, at: Offset): Expression {
    if (operator === '&&' || operator === '||') return this.#logical(operator, left, right, at);
    if (left.type.kind === 'matrix' || right.type.kind === 'matrix')
      return this.#matrixProduct(operator, left, right, at);
    if (operator === '<<' || operator === '>>') return this.#shift(operator, left, right, at);
    const element = this.#commonScalar(left, right);
    if (!element || !this.#operatorTakes(operator, element))
      return this.#refuse(operator, left, right, at);
    const p = this.convert(left, withScalar(left.type, element), 'the left side');
    const q = this.convert(right, withScalar(right.type, element), 'the right side');
    const isComparison = COMPARISONS.has(operator);
    // Only sums, products and the like take a number beside a vector.
    const areVectors = p.type.kind === 'vector' && q.type.kind === 'vector';
    if (p.type !== q.type && (areVectors || !MIXED.has(operator)))
      return this.#refuse(operator, left, right, at);
    const shape = p.type.kind === 'vector' ? p.type : q.type;
    const type = isComparison ? withScalar(shape, BOOL) : shape;
    this.#refuseZeroDivisor(operator, q, at);
    return this.#fold({ kind: 'binary', type, operator, left: p, right: q, at }, element);
  }

  fail(at: Offset, rule: string): never {
    return failAt(this.#around.text, at, rule);
  }

  // Names, members and elements

  /** A name, member, element or dereferenced pointer: a place, or a value where what it is part of is one. */
  #placeOrValue(node: syntax.Expression): { place: Place } | { value: Expression } {
    if (node.kind === 'name') return this.#name(node);
    if (node.kind === 'unary' && node.operator === '*') {
      const pointer = this.check(node.operand);
      if (pointer.type.kind !== 'pointer')
        return this.fail(node.at, `"*" takes a pointer, not ${typeName(pointer.type)}`);
      return { place: this.#dereference(pointer) };
    }
    if (node.kind !== 'member' && node.kind !== 'index') return { value: this.check(node) };
    let of = this.#placeOrValue(node.of);
    const pointer = 'value' in of ? of.value : undefined;
    if (pointer?.type.kind === 'pointer') of = { place: this.#dereference(pointer) };
    return node.kind === 'member' ? this.#member(of, node) : this.#element(of, node);
  }

  #dereference(pointer: Expression): Place {
    if (pointer.kind === 'address') return pointer.place;
    const { target } = pointer.type as Extract<Type, { kind: 'pointer' }>;
    return { kind: 'dereference', type: target, pointer, at: pointer.at };
  }

  #name({ name, template, at }: syntax.Name): { place: Place } | { value: Expression } {
    const named = this.#around.lookup(name, at);
    if (!named) return this.#refuseName(name, at);
    if (template.length > 0) this.fail(at, `"${name}" takes no template arguments`);
    if (named.kind === 'type') return this.fail(at, `"${name}" is a type, not a value`);
    if (named.kind === 'function') return this.fail(at, `"${name}" is a function: call it`);
    if (named.kind === 'constant') return { value: { ...named, at } };
    const { variable } = named;
    if (variable.space === 'let')
      return { value: { kind: 'value', type: variable.type, variable, at } };
    this.#around.use(variable, at);
    return { place: { kind: 'variable', type: variable.type, variable, at } };
  }

  #refuseName(name: string, at: Offset): never {
    if (isPredeclaredType(name)) return this.fail(at, `"${name}" is a type, not a value`);
    if (BUILTINS.has(name) || unsupportedBuiltin(name))
      return this.fail(at, `"${name}" is a function: call it`);
    return this.fail(at, `"${name}" is not declared`);
  }

  #member(
    of: { place: Place } | { value: Expression },
    { name, at }: { name: string; at: Offset },
  ): { place: Place } | { value: Expression } {
    const type = 'place' in of ? of.place.type : of.value.type;
    if (type.kind === 'struct') return this.#structMember(of, type, name, at);
    if (type.kind !== 'vector')
      return this.fail(at, `${typeName(type)} has no members, so none is called "${name}"`);
    const letters = COMPONENTS.find((set) => [...name].every((letter) => set.includes(letter)));
    const lanes = [...name].map((letter) => letters?.indexOf(letter) ?? -1);
    if (!letters || name.length > 4 || lanes.some((lane) => lane >= type.size))
      return this.fail(at, `${typeName(type)} has no component "${name}"`);
    const [lane] = lanes;
    if ('place' in of && lanes.length === 1) {
      const index = { kind: 'constant', type: U32, value: lane!, at } as const;
      return { place: { kind: 'element', type: type.element, of: of.place, index, at } };
    }
    const vector = 'place' in of ? this.read(of.place) : of.value;
    return { value: this.#swizzle(vector, type, lanes, at) };
  }

  #swizzle(of: Expression, { element }: Vector, lanes: readonly number[], at: Offset): Expression {
    const type = lanes.length === 1 ? element : vectorType(lanes.length as 2 | 3 | 4, element);
    if (of.kind !== 'constant') return { kind: 'swizzle', type, of, lanes, at };
    const parts = lanes.map((lane) => (of.value as readonly Constant[])[lane]!);
    return { kind: 'constant', type, value: lanes.length === 1 ? parts[0]! : parts, at };
  }

  #structMember(
    of: { place: Place } | { value: Expression },
    struct: Struct,
    name: string,
    at: Offset,
  ): { place: Place } | { value: Expression } {
    const index = struct.members.findIndex((m) => m.name === name);
    if (index < 0) return this.fail(at, `struct ${struct.name} has no member "${name}"`);
    const { type } = struct.members[index]!;
    if ('place' in of) return { place: { kind: 'member', type, of: of.place, struct, index, at } };
    if (of.value.kind === 'constant') {
      const value = (of.value.value as readonly Constant[])[index]!;
      return { value: { kind: 'constant', type, value, at } };
    }
    return { value: { kind: 'member', type, of: of.value, index, at } };
  }

  #element(
    of: { place: Place } | { value: Expression },
    node: { index: syntax.Expression; at: Offset },
  ): { place: Place } | { value: Expression } {
    const { at } = node;
    const composite = 'place' in of ? of.place.type : of.value.type;
    const type = elementType(composite);
    if (!type) return this.fail(at, `${typeName(composite)} has no elements`);
    const index = this.#index(node.index, elementCount(composite as ArrayType | Vector | Matrix));
    if ('place' in of) return { place: { kind: 'element', type, of: of.place, index, at } };
    if (of.value.kind === 'constant' && index.kind === 'constant') {
      const value = (of.value.value as readonly Constant[])[index.value as number]!;
      return { value: { kind: 'constant', type, value, at } };
    }
    const value = this.concrete(of.value);
    return { value: { kind: 'element', type: elementType(value.type)!, of: value, index, at } };
  }

  #index(node: syntax.Expression, count: number | undefined): Expression {
    const index = this.checkConcrete(node);
    if (index.type !== I32 && index.type !== U32)
      return this.fail(node.at, `an index is i32 or u32, not ${typeName(index.type)}`);
    if (index.kind === 'constant') {
      const value = index.value as number;
      if (value < 0 || (count !== undefined && value >= count))
        return this.fail(
          node.at,
          count === undefined
            ? `index ${value} is negative`
            : `index ${value} is outside 0 to ${count - 1}`,
        );
    }
    return index;
  }

  // Operators

  #unary(node: Extract<syntax.Expression, { kind: 'unary' }>): Expression {
    const { operator, at } = node;
    if (operator === '*') return this.read(this.place(node, 'it cannot be read through'));
    if (operator === '&') return this.#address(this.place(node.operand, 'it has no address'), at);
    const operand = this.check(node.operand);
    const element = operand.type.kind === 'matrix' ? undefined : scalarType(operand.type);
    const fits =
      operator === '!'
        ? element === BOOL
        : operator === '~'
          ? isInteger(element)
          : isFloat(element) || isInteger(element);
    if (!element || !fits || (operator === '-' && element === U32))
      return this.fail(at, `"${operator}" does not take ${typeName(operand.type)}`);
    const { type } = operand;
    if (operand.kind === 'constant') {
      return this.constant(type, at, () =>
        mapConstant(operand.value, (v) => evaluateUnary(operator as '-', element, v)),
      );
    }
    return { kind: 'unary', type, operator: operator as '-' | '!' | '~', operand, at };
  }

  #address(place: Place, at: Offset): Expression {
    const root = rootVariable(place);
    const isLane = place.kind === 'element' && place.of.type.kind === 'vector';
    if (isLane) return this.fail(at, 'a component of a vector has no address');
    if (!root) {
      const pointer = innermostPointer(place);
      return {
        kind: 'address',
        type: pointerType(pointer.space, place.type, pointer.access),
        place,
        at,
      };
    }
    if (root.space === 'let') return this.fail(at, `"${root.name}" is a value: it has no address`);
    return { kind: 'address', type: pointerType(root.space, place.type, root.access), place, at };
  }

  #binary(node: Extract<syntax.Expression, { kind: 'binary' }>): Expression {
    const operator = node.operator as BinaryOperator;
    const left = this.check(node.left);
    const isLogical = operator === '&&' || operator === '||';
    const isDecided = left.kind === 'constant' && left.value === (operator === '||');
    if (!isLogical || !isDecided || left.type !== BOOL)
      return this.binary(operator, left, this.check(node.right), node.at);
    // The right side of a decided && or || is typed, but its value is never asked for.
    const wasSkipped = this.#isSkipped;
    this.#isSkipped = true;
    const right = this.check(node.right);
    this.#isSkipped = wasSkipped;
    if (right.kind !== 'constant' || right.type !== BOOL)
      return this.binary(operator, left, right, node.at);
    return { ...left, at: node.at };
  }

  #logical(operator: '&&' | '||', left: Expression, right: Expression, at: Offset): Expression {
    if (left.type !== BOOL || right.type !== BOOL) return this.#refuse(operator, left, right, at);
    return this.#fold({ kind: 'binary', type: BOOL, operator, left, right, at }, BOOL);
  }

  #shift(operator: '<<' | '>>', left: Expression, right: Expression, at: Offset): Expression {
    const element = scalarType(left.type);
    const haveOneShape = withScalar(left.type, U32) === withScalar(right.type, U32);
    if (!isInteger(element) || !isInteger(scalarType(right.type)) || !haveOneShape)
      return this.#refuse(operator, left, right, at);
    const by = this.convert(right, withScalar(right.type, U32), 'the number of bits');
    const isConstant = by.kind === 'constant' && left.kind === 'constant';
    const shifted = isConstant ? left : this.concrete(left);
    if (by.kind === 'constant' && !this.#isSkipped)
      mapConstant(by.value, (n) =>
        Number(n) > 31 && scalarType(shifted.type) !== ABSTRACT_INT
          ? this.fail(at, `a shift by ${n} is past the 31 that 32 bits have`)
          : n,
      );
    const { type } = shifted;
    return this.#fold(
      { kind: 'binary', type, operator, left: shifted, right: by, at },
      scalarType(type)!,
    );
  }

  #matrixProduct(operator: BinaryOperator, l: Expression, r: Expression, at: Offset): Expression {
    const left = l.type.kind === 'matrix' ? l : this.#floats(l);
    const right = r.type.kind === 'matrix' ? r : this.#floats(r);
    const type = matrixResult(operator, left.type, right.type);
    if (!type) return this.#refuse(operator, l, r, at);
    if (left.kind !== 'constant' || right.kind !== 'constant')
      return { kind: 'binary', type, operator, left, right, at };
    return this.constant(type, at, () => evaluateMatrix(operator, left.value, right.value));
  }

  /** Numbers without a type, beside a matrix, are f32. */
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

  #refuse(operator: string, left: Expression, right: Expression, at: Offset): never {
    const types = describeTypes([left.type, right.type]);
    return this.fail(at, `"${operator}" does not take ${types}`);
  }

  #refuseZeroDivisor(operator: string, divisor: Expression, at: Offset): void {
    if ((operator !== '/' && operator !== '%') || this.#isSkipped) return;
    if (divisor.kind !== 'constant' || !isInteger(scalarType(divisor.type))) return;
    mapConstant(divisor.value, (v) => (v === 0 ? this.fail(at, 'an integer is divided by 0') : v));
  }

  /** A binary operation of two constants becomes its value. */
  #fold(node: Extract<Expression, { kind: 'binary' }>, element: Scalar): Expression {
    const { left, right, operator, type, at } = node;
    if (left.kind !== 'constant' || right.kind !== 'constant') {
      // Numbers without a type are constants, so that beside a value at run time none is left.
      return node;
    }
    return this.constant(type, at, () =>
      zip(left.value, right.value, (p, q) => evaluateBinary(operator, element, p, q)),
    );
  }

  // Calls

  #call(node: syntax.CallExpression): Expression {
    const { callee, at } = node;
    const given = () => node.arguments.map((argument) => this.check(argument));
    const named = this.#around.lookup(callee.name, callee.at);
    if (named?.kind === 'constant' || named?.kind === 'variable')
      return this.fail(at, `"${callee.name}" is not a function`);
    if (named?.kind === 'type')
      return this.#constructs.construct(this.#around.type(callee), given(), at);
    if (!named && callee.name === 'bitcast') return this.#bitcast(callee, given(), at);
    const hasTemplate = callee.template.length > 0;
    const inferred = !named && !hasTemplate && this.#constructs.inferType(callee.name, given, at);
    if (inferred) return this.#constructs.construct(inferred.type, inferred.parts, at);
    const builtin = named ? undefined : BUILTINS.get(callee.name);
    if (hasTemplate && (named || builtin))
      this.fail(at, `function ${callee.name} takes no template arguments`);
    if (named?.isEntry) this.fail(at, `${callee.name} is an entry point: no function can call it`);
    if (named) return this.#functionCall(named.function, given(), at);
    if (builtin) return this.#builtinCall(callee.name, builtin, given(), at);
    const unsupported = unsupportedBuiltin(callee.name);
    if (unsupported) return this.fail(at, `"${callee.name}" is not supported: ${unsupported}`);
    return this.#constructs.construct(this.#around.type(callee), given(), at);
  }

  #functionCall(called: ShaderFunction, given: readonly Expression[], at: Offset): Expression {
    const { name, parameters, result } = called;
    if (given.length !== parameters.length)
      return this.fail(
        at,
        `${name} takes ${parameters.length} argument${parameters.length === 1 ? '' : 's'}, not ${given.length}`,
      );
    const converted = given.map((value, n) =>
      this.convert(value, parameters[n]!.type, `argument ${parameters[n]!.name} of ${name}`),
    );
    return { kind: 'call', type: result, function: called, arguments: converted, at };
  }

  #builtinCall(
    name: string,
    builtin: Builtin,
    given: readonly Expression[],
    at: Offset,
  ): Expression {
    const types = given.map((value) => value.type);
    const overload = builtin.resolve(types);
    if (!overload) return this.fail(at, `${builtin.form} does not take ${describeTypes(types)}`);
    const constant = builtin.evaluate && given.every((value) => value.kind === 'constant');
    const settled = constant ? overload : concreteOverload(overload);
    const converted = given.map((value, n) =>
      this.convert(value, settled.parameters[n]!, `argument ${n + 1} of ${name}`),
    );
    const values = converted.map((v) => (v.kind === 'constant' ? v.value : undefined));
    const refused = this.#isSkipped ? undefined : builtin.refuse?.(values);
    if (refused) this.fail(at, refused);
    const { result: type } = settled;
    if (!constant) return { kind: 'builtin', type, name, arguments: converted, at };
    return this.constant(type, at, () => builtin.evaluate!(values as Constant[], type));
  }

  #bitcast(callee: syntax.Name, given: readonly Expression[], at: Offset): Expression {
    const [target, ...more] = callee.template;
    if (target?.kind !== 'name' || more.length > 0 || given.length !== 1)
      return this.fail(at, 'bitcast<type>(value) takes one type and one value');
    return this.#constructs.bitcast(this.#around.type(target), given[0]!, at);
  }

  // Constants

  #becomes(from: Type, to: Type): boolean {
    if (from.kind === 'array' && to.kind === 'array')
      return from.count === to.count && this.#becomes(from.element, to.element);
    const [p, q] = [scalarType(from), scalarType(to)];
    if (!p || !q || from.kind === 'matrix' || to.kind === 'matrix') return false;
    return convertsImplicitly(p, q) && withScalar(from, q) === to;
  }

  #retype(value: Constant, type: Type): Constant {
    if (type.kind === 'array')
      return (value as readonly Constant[]).map((part) => this.#retype(part, type.element));
    const element = scalarType(type)!;
    return mapConstant(value, (v) => (typeof v === 'boolean' ? v : materialize(v, element)));
  }

  /** A constant, whose value `evaluate` gives. @throws WgslError where it has none. */
  constant(type: Type, at: Offset, evaluate: () => Constant): Expression {
    const value = this.#guard(at, evaluate, () => zeroValue(type));
    return { kind: 'constant', type, value, at };
  }

  /** @param otherwise gives what counts as the value where an expression that is never evaluated has none. */
  #guard<T>(at: Offset, run: () => T, otherwise?: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ConstantError)) throw error;
      if (this.#isSkipped && otherwise) return otherwise();
      return this.fail(at, error.message);
    }
  }
}

function concreteOverload({ parameters, result }: { parameters: readonly Type[]; result: Type }) {
  return {
    parameters: parameters.map(concreteType),
    result: result === VOID ? result : concreteType(result),
  };
}

/** Whether a value is several components of a variable, or one of them: a later WGSL lets them be assigned to. */
function isSwizzleOfPlace(value: Expression): boolean {
  if (value.kind === 'element') return isSwizzleOfPlace(value.of);
  return value.kind === 'swizzle' && (value.of.kind === 'read' || isSwizzleOfPlace(value.of));
}

function innermostPointer(place: Place): Extract<Type, { kind: 'pointer' }> {
  if (place.kind === 'dereference') return place.pointer.type as Extract<Type, { kind: 'pointer' }>;
  return innermostPointer((place as { of: Place }).of);
}

/** The type of a product or sum in which a matrix takes part. */
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
