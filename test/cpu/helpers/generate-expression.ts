/**
 * Random WGSL expressions of a given type, built from the names in scope.
 *
 * Expressions without a defined result are avoided: indices outside their array, constant
 * expressions that overflow or divide by zero, and the bits of NaN. At least one operand of an
 * operator is therefore not constant. Portable expressions have the same bits on every device: they
 * limit f32 to integers up to 1000, for which arithmetic is exact in any order.
 */

import {
  type ArrayType,
  arrayType,
  BOOL,
  columnType,
  F32,
  I32,
  type Matrix,
  matrixType,
  type Scalar,
  type Struct,
  scalarType,
  type Type,
  typeName,
  U32,
  type Vector,
  vectorType,
} from '../../../src/cpu/wgsl/types.js';
import type { Random } from './random.js';

/** A name in scope, or a text such as "(*p)" that is used like one. */
export interface NamedValue {
  readonly text: string;
  readonly type: Type;
  readonly isWritable?: boolean;
  /** The address space of a variable whose address may be taken. */
  readonly pointable?: 'function' | 'private';
  /** Whether it is a private variable, rather than a pointer to one. */
  readonly isPrivate?: boolean;
  /** Whether it is a constant, which is used as an index only: in arithmetic it could overflow. */
  readonly isConstant?: boolean;
  /** Whether it has the same value in all invocations of a workgroup. */
  readonly isUniform?: boolean;
  /** For an integer that is at least 0 and below this number, so that it can be an index. */
  readonly below?: number;
  /**
   * For an array whose elements have the type: it may use `count` elements, beginning at the
   * expression `from`.
   */
  readonly elements?: { readonly count: number; readonly from?: string };
}

/** The names in scope, those of the innermost block last. */
export class Scope {
  readonly #names: NamedValue[] = [];

  get names(): readonly NamedValue[] {
    return this.#names;
  }

  declare(named: NamedValue): void {
    this.#names.push(named);
  }

  /** Calls `generate` in a new block, whose names go out of scope at its end. */
  inside<T>(generate: () => T): T {
    const outerCount = this.#names.length;
    try {
      return generate();
    } finally {
      this.#names.length = outerCount;
    }
  }
}

/** A generated expression. */
interface Generated {
  readonly text: string;
  /** Whether it is a constant expression. */
  readonly isConstant: boolean;
}

/** A scalar or vector type. */
export type Numeric = Scalar | Vector;

/** What an expression generator needs to know of the program around an expression. */
export interface ExpressionContext {
  readonly random: Random;
  readonly isPortable: boolean;
  /** The names that an expression may use. */
  names(): readonly NamedValue[];
  /** A call of a function that returns the type; `undefined` where there is none. */
  call(type: Type, depth: number): string | undefined;
}

const F32_LITERALS = [0, 1, -1, 0.5, -0.5, 2, 3.25, -7.75, 0.001, 1e-40, 100, 1e10, -3e38];
const I32_LITERALS = [0, 1, -1, 2, 3, -5, 7, 31, 32, 255, -1000, 65536, 2 ** 31 - 1, -(2 ** 31)];
const U32_LITERALS = [0, 1, 2, 3, 5, 7, 31, 32, 255, 1000, 65536, 2 ** 31, 2 ** 32 - 1];
const FLOAT_FUNCTIONS = [
  ['abs', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'fract', 'sign', 'saturate', 'inverseSqrt'],
  ['exp', 'exp2', 'log', 'log2', 'sin', 'cos', 'tanh'],
].flat();
const PORTABLE_FUNCTIONS = ['abs', 'ceil', 'floor', 'round', 'trunc', 'sign', 'saturate'];
const BIT_FUNCTIONS = ['countOneBits', 'countLeadingZeros', 'countTrailingZeros'];
const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='];
const SIZES = [2, 3, 4] as const;
/** The largest magnitude of an f32 in a portable program. */
const MAX_PORTABLE_FLOAT = 1000;
/** The depth at which an index can only be a literal. */
const LITERAL_DEPTH = -1;

/** Generates random expressions. */
export class ExpressionGenerator {
  readonly #context: ExpressionContext;
  readonly #random: Random;
  /** How many more nodes the expression may have. */
  #budget = 0;

  constructor(context: ExpressionContext) {
    this.#context = context;
    this.#random = context.random;
  }

  /** An expression of a type. */
  any(type: Type, depth = 3): string {
    this.#budget = this.#random.between(3, 11);
    return this.#expression(type, depth).text;
  }

  /** An expression that is not a constant. */
  runtime(type: Type, depth = 3): string {
    this.#budget = this.#random.between(3, 11);
    return this.#runtime(type, depth).text;
  }

  /** A scalar that is the same for all invocations of a workgroup. */
  uniform(type: Scalar, depth = 2): string {
    const random = this.#random;
    if (type === BOOL) {
      const integer = random.pick([I32, U32]);
      return `(${this.uniform(integer)} ${random.pick(COMPARISONS)} ${this.#literal(integer)})`;
    }
    if (depth > 0 && random.chance(0.5)) {
      const operator = type === F32 ? '*' : random.pick(['+', '-', '*', '&', '|', '^']);
      const [a, b] = [this.uniform(type, depth - 1), this.uniform(type, depth - 1)];
      return this.#clampIfPortable(`(${a} ${operator} ${b})`, type);
    }
    const names = this.#context.names().filter((n) => n.isUniform && contains(n.type, type));
    if (names.length === 0) throw new Error(`No uniform name contains a ${typeName(type)}.`);
    return this.#path(random.pick(names), type, LITERAL_DEPTH);
  }

  /** An element of an array in scope. */
  element(named: NamedValue): string {
    if (named.elements) return this.#root(named, 1).text;
    return `${named.text}[${this.index((named.type as ArrayType).count!)}]`;
  }

  /** A constant expression of literals. */
  literal(type: Type): string {
    return this.#literal(type);
  }

  /** An index into `count` elements that is never out of range. */
  index(count: number, depth = 1): string {
    const random = this.#random;
    const literal = `${random.below(count)}${random.pick(['', 'u', 'i'])}`;
    if (depth === LITERAL_DEPTH) return literal;
    const counters = this.#context.names().filter((n) => n.below !== undefined && n.below <= count);
    if (counters.length > 0 && random.chance(0.4)) return random.pick(counters).text;
    if (depth === 0 || random.chance(0.3)) return literal;
    const word = this.#leaf(U32, depth - 1);
    const sum = random.chance(0.3) ? `(${word} + ${random.below(9)}u)` : word;
    const forms = [`${sum} % ${count}u`, `min(${sum}, ${count - 1}u)`];
    if ((count & (count - 1)) === 0) forms.push(`${sum} & ${count - 1}u`);
    forms.push(`clamp(${this.#leaf(I32, depth - 1)}, 0, ${count - 1})`);
    return random.pick(forms);
  }

  /** The target of an assignment: a writable name or a part of one. */
  assignmentTarget(): { text: string; type: Type } | undefined {
    const names = this.#context.names().filter((n) => n.isWritable);
    const random = this.#random;
    for (const named of random.shuffled(names).slice(0, 6)) {
      let { text, type } = this.#root(named, 1);
      for (;;) {
        const isChosen = random.chance(type.kind === 'scalar' ? 1 : 0.5);
        if (isChosen) return { text, type };
        const part = this.#anyPart(text, type);
        if (!part) break;
        ({ text, type } = part);
      }
    }
    return undefined;
  }

  #anyPart(text: string, type: Type): { text: string; type: Type } | undefined {
    const random = this.#random;
    switch (type.kind) {
      case 'vector':
        return { text: this.#component(text, type, 1), type: type.element };
      case 'matrix':
        return { text: `${text}[${this.index(type.columns)}]`, type: columnType(type) };
      case 'array':
        return { text: `${text}[${this.index(type.count!)}]`, type: type.element };
      case 'struct': {
        const member = random.pick(type.members);
        return { text: `${text}.${member.name}`, type: member.type };
      }
      default:
        return undefined;
    }
  }

  // Expressions of a type

  #expression(type: Type, depth: number): Generated {
    this.#budget -= 1;
    if (depth <= 0 || this.#budget <= 0) return this.#simplest(type);
    if (this.#random.chance(0.08)) {
      const call = this.#context.call(type, depth - 1);
      if (call) return { text: call, isConstant: false };
    }
    switch (type.kind) {
      case 'scalar':
      case 'vector':
        return scalarType(type) === BOOL ? this.#bool(type, depth) : this.#number(type, depth);
      case 'matrix':
        return this.#matrix(type, depth);
      default:
        return this.#random.chance(0.5)
          ? this.#runtimeText(this.#leaf(type, 1))
          : this.#construct(type, depth);
    }
  }

  #runtime(type: Type, depth: number): Generated {
    const expression = this.#expression(type, depth);
    return expression.isConstant ? this.#runtimeText(this.#leaf(type, 1)) : expression;
  }

  #simplest(type: Type): Generated {
    if (this.#random.chance(0.3)) return { text: this.#literal(type), isConstant: true };
    return this.#runtimeText(this.#leaf(type, this.#budget > 0 ? 1 : 0));
  }

  /** An expression that is not constant. */
  #runtimeText(text: string): Generated {
    return { text, isConstant: false };
  }

  #literal(type: Type): string {
    const random = this.#random;
    switch (type.kind) {
      case 'scalar':
        return this.#scalarLiteral(type);
      case 'vector': {
        if (random.chance(0.3)) return `${typeName(type)}(${this.#literal(type.element)})`;
        const lanes = Array.from({ length: type.size }, () => this.#literal(type.element));
        return `${typeName(type)}(${lanes.join(', ')})`;
      }
      case 'matrix': {
        const columns = Array.from({ length: type.columns }, () => this.#literal(columnType(type)));
        return `${typeName(type)}(${columns.join(', ')})`;
      }
      case 'array': {
        if (random.chance(0.2)) return `${typeName(type)}()`;
        const elements = Array.from({ length: type.count! }, () => this.#literal(type.element));
        return `${typeName(type)}(${elements.join(', ')})`;
      }
      default: {
        if (random.chance(0.2)) return `${typeName(type)}()`;
        const { members } = type as Struct;
        return `${typeName(type)}(${members.map((m) => this.#literal(m.type)).join(', ')})`;
      }
    }
  }

  #scalarLiteral(type: Scalar): string {
    const random = this.#random;
    if (type === BOOL) return random.pick(['true', 'false']);
    if (type === U32) {
      const value = random.chance(0.5) ? random.below(10) : random.pick(U32_LITERALS);
      return `${random.chance(0.1) ? `0x${value.toString(16)}` : value}u`;
    }
    if (type === I32) {
      const value = random.chance(0.5) ? random.between(-9, 9) : random.pick(I32_LITERALS);
      return value < 0 ? `i32(${value})` : `${value}i`;
    }
    const isWhole = this.#context.isPortable || random.chance(0.3);
    const value = isWhole ? random.between(-20, 20) : random.pick(F32_LITERALS);
    const text = Number.isInteger(value) && Math.abs(value) < 1e6 ? `${value}.0` : `${value}`;
    return value < 0 ? `(${text}f)` : `${text}f`;
  }

  /** A literal without a component that is 0. */
  #nonZero(type: Numeric): string {
    const scalar = scalarType(type) as Scalar;
    const value = this.#random.between(1, 9);
    const text = scalar === F32 ? `${value}.5f` : `${value}${scalar === U32 ? 'u' : 'i'}`;
    return type.kind === 'scalar' ? text : `${typeName(type)}(${text})`;
  }

  // Numbers

  #number(type: Numeric, depth: number): Generated {
    const scalar = scalarType(type) as Scalar;
    const choices: [number, () => Generated | undefined][] = [
      [6, () => this.#binary(type, scalar, depth)],
      [1, () => this.#unary(type, scalar, depth)],
      [3, () => this.#function(type, scalar, depth)],
      [1, () => this.#select(type, depth)],
      [1, () => this.#convert(type, scalar, depth)],
      [1, () => this.#bitcast(type, scalar, depth)],
      [2, () => this.#simplest(type)],
      [2, () => this.#vectorElements(type, scalar, depth)],
      [1, () => this.#arrayElement(type, depth)],
    ];
    if (type.kind === 'vector') choices.push([3, () => this.#construct(type, depth)]);
    else choices.push([1, () => this.#reduction(type, depth)]);
    if (scalar === F32 && type.kind === 'vector')
      choices.push([2, () => this.#matrixByVector(type, depth)]);
    return this.#weighted(choices) ?? this.#simplest(type);
  }

  /** Calls one of the functions; its chance is proportional to its weight. */
  #weighted(choices: readonly [number, () => Generated | undefined][]): Generated | undefined {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let remaining = this.#random.below(total);
    for (const [weight, generate] of choices) {
      if (remaining < weight) return generate();
      remaining -= weight;
    }
    return undefined;
  }

  #binary(type: Numeric, scalar: Scalar, depth: number): Generated {
    const random = this.#random;
    const isFloat = scalar === F32;
    if (!isFloat && random.chance(0.25)) return this.#shift(type, depth);
    const arithmetic = ['+', '-', '*'];
    if (!isFloat || !this.#context.isPortable) arithmetic.push('/', '%');
    const operator = random.pick(
      isFloat ? arithmetic : random.chance(0.6) ? arithmetic : ['&', '|', '^'],
    );
    const canMix = type.kind === 'vector' && arithmetic.includes(operator);
    const scalarSide = canMix && random.chance(0.3) ? random.pick(['left', 'right']) : undefined;
    const leftType = scalarSide === 'left' ? scalar : type;
    const left = this.#expression(leftType, depth - 1);
    const rightType = scalarSide === 'right' ? scalar : type;
    let right = this.#expression(rightType, depth - 1);
    if (!isFloat && (operator === '/' || operator === '%') && right.isConstant)
      right = { text: this.#nonZero(rightType), isConstant: true };
    const leftText = left.isConstant && right.isConstant ? this.#leaf(leftType, 1) : left.text;
    const text = `(${leftText} ${operator} ${right.text})`;
    return this.#runtimeText(this.#clampIfPortable(text, type));
  }

  #shift(type: Numeric, depth: number): Generated {
    const random = this.#random;
    const left = this.#runtime(type, depth - 1).text;
    const amountType = withElement(type, U32);
    const operator = random.pick(['<<', '>>']);
    if (random.chance(0.5)) {
      const bits = `${random.below(32)}u`;
      return this.#runtimeText(
        `(${left} ${operator} ${type.kind === 'scalar' ? bits : `${typeName(amountType)}(${bits})`})`,
      );
    }
    return this.#runtimeText(`(${left} ${operator} ${this.#runtime(amountType, depth - 1).text})`);
  }

  #unary(type: Numeric, scalar: Scalar, depth: number): Generated {
    if (scalar === F32 || (scalar === I32 && this.#random.chance(0.5)))
      return this.#runtimeText(`(-${this.#runtime(type, depth - 1).text})`);
    return this.#runtimeText(`(~${this.#runtime(type, depth - 1).text})`);
  }

  #function(type: Numeric, scalar: Scalar, depth: number): Generated {
    const random = this.#random;
    const { isPortable } = this.#context;
    const x = this.#runtime(type, depth - 1).text;
    const more = () => this.#expression(type, depth - 1).text;
    const choice = random.below(10);
    if (choice < 3) return this.#runtimeText(`${random.pick(['min', 'max'])}(${x}, ${more()})`);
    if (choice < 4) {
      const [low, high] = this.#context.isPortable
        ? [this.#splat(type, -9), this.#splat(type, 9)]
        : [this.#leaf(type, 1), this.#leaf(type, 1)];
      if (scalar === U32 || !isPortable)
        return this.#runtimeText(`clamp(${x}, min(${low}, ${high}), max(${low}, ${high}))`);
      return this.#runtimeText(`clamp(${x}, ${low}, ${high})`);
    }
    if (scalar !== F32) {
      const names = [...BIT_FUNCTIONS, 'abs', ...(scalar === I32 ? ['sign'] : [])];
      return this.#runtimeText(`${random.pick(names)}(${x})`);
    }
    if (isPortable) {
      if (choice < 5) return this.#runtimeText(`step(${x}, ${more()})`);
      return this.#runtimeText(`${random.pick(PORTABLE_FUNCTIONS)}(${x})`);
    }
    if (choice < 6) {
      const name = random.pick(['step', 'pow', 'fma', 'mix']);
      if (name === 'step' || name === 'pow') return this.#runtimeText(`${name}(${x}, ${more()})`);
      const isScalarShare = name === 'mix' && random.chance(0.5);
      const third = isScalarShare ? this.#expression(F32, depth - 1).text : more();
      return this.#runtimeText(`${name}(${x}, ${more()}, ${third})`);
    }
    if (type.kind === 'vector' && choice < 7) {
      if (type.size === 3 && random.chance(0.5)) return this.#runtimeText(`cross(${x}, ${more()})`);
      return this.#runtimeText(`normalize(${x})`);
    }
    return this.#runtimeText(`${random.pick(FLOAT_FUNCTIONS)}(${x})`);
  }

  /** A literal whose components are all `value`. */
  #splat(type: Numeric, value: number): string {
    const scalar = scalarType(type) as Scalar;
    const number =
      scalar === F32 ? `${value}.0f` : scalar === I32 ? `i32(${value})` : `${value & 15}u`;
    return type.kind === 'scalar' ? number : `${typeName(type)}(${number})`;
  }

  #select(type: Numeric, depth: number): Generated {
    const isPerComponent = type.kind === 'vector' && this.#random.chance(0.5);
    const conditionType = isPerComponent ? withElement(type, BOOL) : BOOL;
    const condition = this.#runtime(conditionType, depth - 1).text;
    const whenFalse = this.#expression(type, depth - 1).text;
    const whenTrue = this.#expression(type, depth - 1).text;
    return this.#runtimeText(`select(${whenFalse}, ${whenTrue}, ${condition})`);
  }

  #convert(type: Numeric, scalar: Scalar, depth: number): Generated {
    const from = this.#random.pick([F32, I32, U32, BOOL].filter((s) => s !== scalar));
    const operand = this.#runtime(withElement(type, from), depth - 1).text;
    return this.#runtimeText(this.#clampIfPortable(`${typeName(type)}(${operand})`, type));
  }

  #bitcast(type: Numeric, scalar: Scalar, depth: number): Generated | undefined {
    const from = this.#random.pick([F32, I32, U32].filter((s) => s !== scalar));
    const source = withElement(type, from);
    if (from !== F32 && scalar !== F32)
      return this.#runtimeText(
        `bitcast<${typeName(type)}>(${this.#runtime(source, depth - 1).text})`,
      );
    if (this.#context.isPortable) return undefined;
    if (scalar === F32)
      return this.#runtimeText(
        `bitcast<${typeName(type)}>(${this.#runtime(source, depth - 1).text})`,
      );
    // NaN is replaced, since WGSL does not define its bits.
    const x = this.#leaf(source, 1);
    return this.#runtimeText(
      `bitcast<${typeName(type)}>(select(${x}, ${this.#nonZero(source)}, ${x} != ${x}))`,
    );
  }

  /** A swizzle of a vector, or one component by index. */
  #vectorElements(type: Numeric, scalar: Scalar, depth: number): Generated {
    const random = this.#random;
    const source = vectorType(random.pick(SIZES), scalar);
    const vector = this.#expression(source, depth - 1);
    if (type.kind === 'scalar')
      return { ...vector, text: this.#component(`(${vector.text})`, source, 1) };
    const letters = random.pick(['xyzw', 'rgba']);
    const lanes = Array.from({ length: type.size }, () => letters[random.below(source.size)]);
    return { text: `(${vector.text}).${lanes.join('')}`, isConstant: vector.isConstant };
  }

  #component(text: string, { size }: Vector, depth: number): string {
    const random = this.#random;
    if (random.chance(0.5)) return `${text}.${random.pick(['xyzw', 'rgba'])[random.below(size)]}`;
    return `${text}[${this.index(size, depth)}]`;
  }

  #arrayElement(type: Type, depth: number): Generated {
    const source = arrayType(type, this.#random.between(1, 4));
    const array = this.#construct(source, depth - 1);
    return { ...array, text: `${array.text}[${this.index(source.count!)}]` };
  }

  #reduction(type: Scalar, depth: number): Generated | undefined {
    const random = this.#random;
    const vector = vectorType(random.pick(SIZES), type);
    const a = this.#runtime(vector, depth - 1).text;
    const b = this.#expression(vector, depth - 1).text;
    if (type !== F32 || this.#context.isPortable || random.chance(0.4))
      return this.#runtimeText(this.#clampIfPortable(`dot(${a}, ${b})`, type));
    if (random.chance(0.5)) return this.#runtimeText(`length(${a})`);
    return this.#runtimeText(`distance(${a}, ${b})`);
  }

  #matrixByVector(type: Vector, depth: number): Generated {
    const random = this.#random;
    const innerSize = random.pick(SIZES);
    const vector = this.#runtime(vectorType(innerSize, F32), depth - 1).text;
    const product = random.chance(0.5)
      ? `(${this.#expression(matrixType(innerSize, type.size), depth - 1).text} * ${vector})`
      : `(${vector} * ${this.#expression(matrixType(type.size, innerSize), depth - 1).text})`;
    return this.#runtimeText(this.#clampIfPortable(product, type));
  }

  /** In a portable program, clamps an f32 expression to MAX_PORTABLE_FLOAT. */
  #clampIfPortable(text: string, type: Type): string {
    if (!this.#context.isPortable || scalarType(type) !== F32) return text;
    const bound = (sign: string) =>
      type.kind === 'vector'
        ? `${typeName(type)}(${sign}${MAX_PORTABLE_FLOAT}.0)`
        : `${sign}${MAX_PORTABLE_FLOAT}.0`;
    return `clamp(${text}, ${bound('-')}, ${bound('')})`;
  }

  // Bools

  #bool(type: Numeric, depth: number): Generated {
    const random = this.#random;
    const choices: [number, () => Generated | undefined][] = [
      [
        5,
        () => {
          const operands = withElement(type, random.pick([F32, I32, U32]));
          const a = this.#runtime(operands, depth - 1);
          const b = this.#expression(operands, depth - 1);
          return this.#runtimeText(`(${a.text} ${random.pick(COMPARISONS)} ${b.text})`);
        },
      ],
      [1, () => this.#runtimeText(`(!${this.#runtime(type, depth - 1).text})`)],
      [
        2,
        () => {
          const [a, b] = [this.#runtime(type, depth - 1), this.#expression(type, depth - 1)];
          return this.#runtimeText(`(${a.text} ${random.pick(['&', '|', '==', '!='])} ${b.text})`);
        },
      ],
      [1, () => this.#select(type, depth)],
      [
        1,
        () => {
          const from = withElement(type, random.pick([F32, I32, U32]));
          return this.#runtimeText(`${typeName(type)}(${this.#runtime(from, depth - 1).text})`);
        },
      ],
      [1, () => this.#vectorElements(type, BOOL, depth)],
      [1, () => this.#simplest(type)],
    ];
    if (type.kind === 'vector') choices.push([2, () => this.#construct(type, depth)]);
    else
      choices.push(
        [
          3,
          () => {
            const [a, b] = [this.#runtime(BOOL, depth - 1), this.#runtime(BOOL, depth - 1)];
            return this.#runtimeText(`(${a.text} ${random.pick(['&&', '||'])} ${b.text})`);
          },
        ],
        [
          1,
          () => {
            const vector = this.#runtime(vectorType(random.pick(SIZES), BOOL), depth - 1);
            return this.#runtimeText(`${random.pick(['all', 'any'])}(${vector.text})`);
          },
        ],
      );
    return this.#weighted(choices) ?? this.#simplest(type);
  }

  // Composites

  #construct(type: Type, depth: number): Generated {
    const random = this.#random;
    const parts = (types: readonly Type[]): Generated => {
      const expressions = types.map((t) => this.#expression(t, depth - 1));
      const text = `${typeName(type)}(${expressions.map((e) => e.text).join(', ')})`;
      return { text, isConstant: expressions.every((e) => e.isConstant) };
    };
    switch (type.kind) {
      case 'vector':
        return parts(random.chance(0.15) ? [type.element] : this.#partition(type));
      case 'matrix': {
        const { columns, rows } = type;
        return parts(
          random.chance(0.7)
            ? Array(columns).fill(columnType(type))
            : Array(columns * rows).fill(F32),
        );
      }
      case 'array':
        return parts(Array((type as ArrayType).count).fill(type.element));
      case 'struct':
        return parts(type.members.map((m) => m.type));
      default:
        return this.#expression(type, depth - 1);
    }
  }

  /** Random scalars and smaller vectors that together have the size of a vector. */
  #partition({ size, element }: Vector): Type[] {
    const parts: Type[] = [];
    for (let remaining: number = size; remaining > 0; ) {
      const maxLength = Math.min(remaining, size - 1);
      const length = this.#random.chance(0.6) ? 1 : this.#random.between(1, maxLength);
      parts.push(length === 1 ? element : vectorType(length as 2, element));
      remaining -= length;
    }
    return parts;
  }

  #matrix(type: Matrix, depth: number): Generated {
    const random = this.#random;
    const { columns, rows } = type;
    const inner = (t: Type) => this.#expression(t, depth - 1).text;
    const runtime = (t: Type) => this.#runtime(t, depth - 1).text;
    const choices: [number, () => Generated][] = [
      [3, () => this.#runtimeText(this.#leaf(type, 1))],
      [3, () => this.#construct(type, depth)],
    ];
    if (columns === rows)
      choices.push([2, () => this.#runtimeText(`transpose(${this.#leaf(type, 1)})`)]);
    if (!this.#context.isPortable)
      choices.push(
        [
          2,
          () => {
            const innerSize = random.pick(SIZES);
            const [left, right] = [matrixType(innerSize, rows), matrixType(columns, innerSize)];
            return this.#runtimeText(`(${inner(left)} * ${runtime(right)})`);
          },
        ],
        [1, () => this.#runtimeText(`(${inner(type)} * ${this.#leaf(F32, 1)})`)],
        [1, () => this.#runtimeText(`(${this.#leaf(F32, 1)} * ${inner(type)})`)],
        [
          2,
          () => this.#runtimeText(`(${runtime(type)} ${random.pick(['+', '-'])} ${inner(type)})`),
        ],
      );
    return this.#weighted(choices)!;
  }

  // Names in scope

  /** A part of a name in scope, or a constructor of such parts. */
  #leaf(type: Type, depth: number): string {
    const names = this.#context.names().filter((n) => !n.isConstant && contains(n.type, type));
    // The last names are preferred, since they may hold recently computed values.
    if (names.length > 0) {
      const named = this.#random.chance(0.5)
        ? this.#random.pick(names)
        : this.#random.pick(names.slice(-4));
      return this.#path(named, type, depth);
    }
    switch (type.kind) {
      case 'scalar':
        if (type !== BOOL) throw new Error(`No name in scope contains a ${typeName(type)}.`);
        return `(${this.#leaf(U32, depth)} > ${this.#random.below(9)}u)`;
      case 'vector':
        return this.#constructorCall(type, Array(type.size).fill(type.element), depth);
      case 'matrix':
        return this.#constructorCall(type, Array(type.columns).fill(columnType(type)), depth);
      case 'array':
        return this.#constructorCall(type, Array(type.count).fill(type.element), depth);
      default:
        return this.#constructorCall(
          type,
          (type as Struct).members.map((m) => m.type),
          depth,
        );
    }
  }

  #constructorCall(type: Type, parts: readonly Type[], depth: number): string {
    return `${typeName(type)}(${parts.map((part) => this.#leaf(part, depth)).join(', ')})`;
  }

  /** A name, or a random element of its elements. */
  #root({ text, type, elements }: NamedValue, depth: number): { text: string; type: Type } {
    if (!elements) return { text, type };
    const index = this.index(elements.count, depth);
    return {
      text: `${text}[${elements.from ? `${elements.from} + ` : ''}${asWord(index, elements.from)}]`,
      type,
    };
  }

  /** The member names and indices that lead from a name to a part of the wanted type. */
  #path(named: NamedValue, wanted: Type, depth: number): string {
    let { text, type } = this.#root(named, depth);
    while (type !== wanted) {
      switch (type.kind) {
        case 'vector':
          return this.#component(text, type, depth);
        case 'matrix':
          text = `${text}[${this.index(type.columns, depth)}]`;
          type = columnType(type);
          break;
        case 'array':
          text = `${text}[${this.index(type.count!, depth)}]`;
          type = type.element;
          break;
        case 'struct': {
          const member = this.#random.pick(type.members.filter((m) => contains(m.type, wanted)));
          text = `${text}.${member.name}`;
          type = member.type;
          break;
        }
        default:
          throw new Error(`${text} does not contain a ${typeName(wanted)}.`);
      }
    }
    return text;
  }
}

/** An index; as a u32 where it is added to `from`. */
function asWord(index: string, from: string | undefined): string {
  return from ? `u32(${index})` : index;
}

/** A type of the same shape with another scalar type. */
function withElement(type: Numeric, element: Scalar): Numeric {
  return type.kind === 'scalar' ? element : vectorType(type.size, element);
}

/** Whether a type is the wanted type or has a part of it. */
export function contains(type: Type, wanted: Type): boolean {
  if (type === wanted) return true;
  switch (type.kind) {
    case 'vector':
      return type.element === wanted;
    case 'matrix':
      return contains(columnType(type), wanted);
    case 'array':
      return contains(type.element, wanted);
    case 'struct':
      return type.members.some((m) => contains(m.type, wanted));
    default:
      return false;
  }
}
