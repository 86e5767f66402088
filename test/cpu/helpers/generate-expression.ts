/**
 * Random WGSL expressions of a wanted type, made of the names in scope.
 *
 * What has no defined result is avoided: indices outside their array, constant expressions that overflow or divide by
 * zero, the bits of NaN. A constant is therefore never an operand beside constants alone. Portable expressions, whose
 * values any device gives to the bit, keep f32 to whole numbers of up to 1000, on which arithmetic is exact in any order.
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

/** Something that stands for a value or a place. */
export interface Named {
  readonly text: string;
  readonly type: Type;
  readonly isWritable?: boolean;
  /** The space of a variable whose address may be taken. */
  readonly pointable?: 'function' | 'private';
  /** Whether it is a private variable itself, and not a pointer to one. */
  readonly isPrivate?: boolean;
  /** Whether it is a constant expression: among others it could overflow, so that it is used as an index alone. */
  readonly isConstant?: boolean;
  /** Whether all invocations of a workgroup see the same value in it. */
  readonly isUniform?: boolean;
  /** An integer that is at least 0 and below this: an index. */
  readonly below?: number;
  /** Not `text` itself but its elements are of the type: this many from `from` on. */
  readonly elements?: { readonly count: number; readonly from?: string };
}

/** The names in scope, the innermost last. */
export class Scope {
  readonly #names: Named[] = [];

  get names(): readonly Named[] {
    return this.#names;
  }

  declare(named: Named): void {
    this.#names.push(named);
  }

  /** Runs `make` in a scope of its own. */
  inside<T>(make: () => T): T {
    const outside = this.#names.length;
    try {
      return make();
    } finally {
      this.#names.length = outside;
    }
  }
}

/** An expression, and whether it is a constant one. */
interface Piece {
  readonly text: string;
  readonly isConstant: boolean;
}

export type Numeric = Scalar | Vector;

export interface Surroundings {
  readonly random: Random;
  readonly isPortable: boolean;
  names(): readonly Named[];
  /** The call of a function that gives the type; `undefined` where none may be called. */
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
/** The largest f32 of a portable program. */
const MOST = 1000;
/** The depth at which an index can only be a literal. */
const LITERAL = -1;

export class ExpressionGenerator {
  readonly #around: Surroundings;
  readonly #random: Random;
  /** How many more parts the expression may have. */
  #fuel = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#random = around.random;
  }

  /** An expression of the type. */
  any(type: Type, depth = 3): string {
    this.#fuel = this.#random.between(3, 11);
    return this.#expression(type, depth).text;
  }

  /** One that is not constant. */
  runtime(type: Type, depth = 3): string {
    this.#fuel = this.#random.between(3, 11);
    return this.#runtime(type, depth).text;
  }

  /** A part of a name in scope, or a value made of such parts. */
  leaf(type: Type): string {
    return this.#leaf(type, 1);
  }

  /** A scalar that is the same for all invocations of a workgroup. */
  uniform(type: Scalar, depth = 2): string {
    const random = this.#random;
    if (type === BOOL) {
      const own = random.pick([I32, U32]);
      return `(${this.uniform(own)} ${random.pick(COMPARISONS)} ${this.#literal(own)})`;
    }
    if (depth > 0 && random.chance(0.5)) {
      const operator = type === F32 ? '*' : random.pick(['+', '-', '*', '&', '|', '^']);
      const [a, b] = [this.uniform(type, depth - 1), this.uniform(type, depth - 1)];
      return this.#bounded(`(${a} ${operator} ${b})`, type);
    }
    const names = this.#around.names().filter((n) => n.isUniform && contains(n.type, type));
    if (names.length === 0) throw new Error(`Nothing uniform is of ${typeName(type)}.`);
    return this.#path(random.pick(names), type, LITERAL);
  }

  /** An element of a name that is an array, or of whose type the elements are. */
  element(named: Named): string {
    if (named.elements) return this.#root(named, 1).text;
    return `${named.text}[${this.index((named.type as ArrayType).count!)}]`;
  }

  literal(type: Type): string {
    return this.#literal(type);
  }

  /** An index into `count` elements, never outside of them. */
  index(count: number, depth = 1): string {
    const random = this.#random;
    const literal = `${random.below(count)}${random.pick(['', 'u', 'i'])}`;
    if (depth === LITERAL) return literal;
    const counters = this.#around.names().filter((n) => n.below !== undefined && n.below <= count);
    if (counters.length > 0 && random.chance(0.4)) return random.pick(counters).text;
    if (depth === 0 || random.chance(0.3)) return literal;
    const word = this.#leaf(U32, depth - 1);
    const sum = random.chance(0.3) ? `(${word} + ${random.below(9)}u)` : word;
    const ways = [`${sum} % ${count}u`, `min(${sum}, ${count - 1}u)`];
    if ((count & (count - 1)) === 0) ways.push(`${sum} & ${count - 1}u`);
    ways.push(`clamp(${this.#leaf(I32, depth - 1)}, 0, ${count - 1})`);
    return random.pick(ways);
  }

  /** A place that can be assigned to: a writable name, or a part of one. */
  place(accepts: (type: Type) => boolean): { text: string; type: Type } | undefined {
    const names = this.#around.names().filter((n) => n.isWritable);
    const random = this.#random;
    for (const named of random.shuffled(names).slice(0, 6)) {
      let { text, type } = this.#root(named, 1);
      for (;;) {
        const isDone = accepts(type) && random.chance(type.kind === 'scalar' ? 1 : 0.5);
        if (isDone) return { text, type };
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

  // By type

  #expression(type: Type, depth: number): Piece {
    this.#fuel -= 1;
    if (depth <= 0 || this.#fuel <= 0) return this.#simplest(type);
    if (this.#random.chance(0.08)) {
      const call = this.#around.call(type, depth - 1);
      if (call) return { text: call, isConstant: false };
    }
    switch (type.kind) {
      case 'scalar':
      case 'vector':
        return scalarType(type) === BOOL ? this.#truth(type, depth) : this.#number(type, depth);
      case 'matrix':
        return this.#matrix(type, depth);
      default:
        return this.#random.chance(0.5)
          ? this.#made(this.#leaf(type, 1))
          : this.#construct(type, depth);
    }
  }

  #runtime(type: Type, depth: number): Piece {
    const piece = this.#expression(type, depth);
    return piece.isConstant ? this.#made(this.#leaf(type, 1)) : piece;
  }

  #simplest(type: Type): Piece {
    if (this.#random.chance(0.3)) return { text: this.#literal(type), isConstant: true };
    return this.#made(this.#leaf(type, this.#fuel > 0 ? 1 : 0));
  }

  #made(text: string): Piece {
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
    const isWhole = this.#around.isPortable || random.chance(0.3);
    const value = isWhole ? random.between(-20, 20) : random.pick(F32_LITERALS);
    const text = Number.isInteger(value) && Math.abs(value) < 1e6 ? `${value}.0` : `${value}`;
    return value < 0 ? `(${text}f)` : `${text}f`;
  }

  /** A number that is not 0, in every component. */
  #nonZero(type: Numeric): string {
    const own = scalarType(type) as Scalar;
    const value = this.#random.between(1, 9);
    const text = own === F32 ? `${value}.5f` : `${value}${own === U32 ? 'u' : 'i'}`;
    return type.kind === 'scalar' ? text : `${typeName(type)}(${text})`;
  }

  // Numbers

  #number(type: Numeric, depth: number): Piece {
    const own = scalarType(type) as Scalar;
    const choices: [number, () => Piece | undefined][] = [
      [6, () => this.#binary(type, own, depth)],
      [1, () => this.#unary(type, own, depth)],
      [3, () => this.#function(type, own, depth)],
      [1, () => this.#select(type, depth)],
      [1, () => this.#convert(type, own, depth)],
      [1, () => this.#bitcast(type, own, depth)],
      [2, () => this.#simplest(type)],
      [2, () => this.#ofVector(type, own, depth)],
      [1, () => this.#ofArray(type, depth)],
    ];
    if (type.kind === 'vector') choices.push([3, () => this.#construct(type, depth)]);
    else choices.push([1, () => this.#reduction(type, depth)]);
    if (own === F32 && type.kind === 'vector')
      choices.push([2, () => this.#matrixByVector(type, depth)]);
    return this.#weighted(choices) ?? this.#simplest(type);
  }

  #weighted(choices: readonly [number, () => Piece | undefined][]): Piece | undefined {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.below(total);
    for (const [weight, make] of choices) {
      if (at < weight) return make();
      at -= weight;
    }
    return undefined;
  }

  #binary(type: Numeric, own: Scalar, depth: number): Piece {
    const random = this.#random;
    const isFloat = own === F32;
    if (!isFloat && random.chance(0.25)) return this.#shift(type, depth);
    const arithmetic = ['+', '-', '*'];
    if (!isFloat || !this.#around.isPortable) arithmetic.push('/', '%');
    const operator = random.pick(
      isFloat ? arithmetic : random.chance(0.6) ? arithmetic : ['&', '|', '^'],
    );
    const canMix = type.kind === 'vector' && arithmetic.includes(operator);
    const mixed = canMix && random.chance(0.3) ? random.pick(['left', 'right']) : undefined;
    const left = this.#expression(mixed === 'left' ? own : type, depth - 1);
    const rightType = mixed === 'right' ? own : type;
    let right = this.#expression(rightType, depth - 1);
    if (!isFloat && (operator === '/' || operator === '%') && right.isConstant)
      right = { text: this.#nonZero(rightType), isConstant: true };
    const first =
      left.isConstant && right.isConstant
        ? this.#leaf(mixed === 'left' ? own : type, 1)
        : left.text;
    return this.#made(this.#bounded(`(${first} ${operator} ${right.text})`, type));
  }

  #shift(type: Numeric, depth: number): Piece {
    const random = this.#random;
    const left = this.#runtime(type, depth - 1).text;
    const by = withElement(type, U32);
    const operator = random.pick(['<<', '>>']);
    if (random.chance(0.5)) {
      const bits = `${random.below(32)}u`;
      return this.#made(
        `(${left} ${operator} ${type.kind === 'scalar' ? bits : `${typeName(by)}(${bits})`})`,
      );
    }
    return this.#made(`(${left} ${operator} ${this.#runtime(by, depth - 1).text})`);
  }

  #unary(type: Numeric, own: Scalar, depth: number): Piece {
    if (own === F32 || (own === I32 && this.#random.chance(0.5)))
      return this.#made(`(-${this.#runtime(type, depth - 1).text})`);
    return this.#made(`(~${this.#runtime(type, depth - 1).text})`);
  }

  #function(type: Numeric, own: Scalar, depth: number): Piece {
    const random = this.#random;
    const { isPortable } = this.#around;
    const first = this.#runtime(type, depth - 1).text;
    const more = () => this.#expression(type, depth - 1).text;
    const shape = random.below(10);
    if (shape < 3) return this.#made(`${random.pick(['min', 'max'])}(${first}, ${more()})`);
    if (shape < 4) {
      const [low, high] = this.#around.isPortable
        ? [this.#splat(type, -9), this.#splat(type, 9)]
        : [this.#leaf(type, 1), this.#leaf(type, 1)];
      if (own === U32 || !isPortable)
        return this.#made(`clamp(${first}, min(${low}, ${high}), max(${low}, ${high}))`);
      return this.#made(`clamp(${first}, ${low}, ${high})`);
    }
    if (own !== F32) {
      const names = [...BIT_FUNCTIONS, 'abs', ...(own === I32 ? ['sign'] : [])];
      return this.#made(`${random.pick(names)}(${first})`);
    }
    if (isPortable) {
      if (shape < 5) return this.#made(`step(${first}, ${more()})`);
      return this.#made(`${random.pick(PORTABLE_FUNCTIONS)}(${first})`);
    }
    if (shape < 6) {
      const name = random.pick(['step', 'pow', 'fma', 'mix']);
      if (name === 'step' || name === 'pow') return this.#made(`${name}(${first}, ${more()})`);
      const isScalarShare = name === 'mix' && random.chance(0.5);
      const third = isScalarShare ? this.#expression(F32, depth - 1).text : more();
      return this.#made(`${name}(${first}, ${more()}, ${third})`);
    }
    if (type.kind === 'vector' && shape < 7) {
      if (type.size === 3 && random.chance(0.5)) return this.#made(`cross(${first}, ${more()})`);
      return this.#made(`normalize(${first})`);
    }
    return this.#made(`${random.pick(FLOAT_FUNCTIONS)}(${first})`);
  }

  #splat(type: Numeric, value: number): string {
    const own = scalarType(type) as Scalar;
    const number = own === F32 ? `${value}.0f` : own === I32 ? `i32(${value})` : `${value & 15}u`;
    return type.kind === 'scalar' ? number : `${typeName(type)}(${number})`;
  }

  #select(type: Numeric, depth: number): Piece {
    const lanes = type.kind === 'vector' && this.#random.chance(0.5);
    const condition = this.#runtime(lanes ? withElement(type, BOOL) : BOOL, depth - 1).text;
    const [no, yes] = [this.#expression(type, depth - 1), this.#expression(type, depth - 1)];
    return this.#made(`select(${no.text}, ${yes.text}, ${condition})`);
  }

  #convert(type: Numeric, own: Scalar, depth: number): Piece {
    const from = this.#random.pick([F32, I32, U32, BOOL].filter((s) => s !== own));
    const operand = this.#runtime(withElement(type, from), depth - 1).text;
    return this.#made(this.#bounded(`${typeName(type)}(${operand})`, type));
  }

  #bitcast(type: Numeric, own: Scalar, depth: number): Piece | undefined {
    const from = this.#random.pick([F32, I32, U32].filter((s) => s !== own));
    const source = withElement(type, from);
    if (from !== F32 && own !== F32)
      return this.#made(`bitcast<${typeName(type)}>(${this.#runtime(source, depth - 1).text})`);
    if (this.#around.isPortable) return undefined;
    if (own === F32)
      return this.#made(`bitcast<${typeName(type)}>(${this.#runtime(source, depth - 1).text})`);
    // The bits of NaN are not defined.
    const x = this.#leaf(source, 1);
    return this.#made(
      `bitcast<${typeName(type)}>(select(${x}, ${this.#nonZero(source)}, ${x} != ${x}))`,
    );
  }

  /** Components of a vector: a swizzle, or one of them by an index. */
  #ofVector(type: Numeric, own: Scalar, depth: number): Piece {
    const random = this.#random;
    const source = vectorType(random.pick(SIZES), own);
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

  #ofArray(type: Type, depth: number): Piece {
    const source = arrayType(type, this.#random.between(1, 4));
    const array = this.#construct(source, depth - 1);
    return { ...array, text: `${array.text}[${this.index(source.count!)}]` };
  }

  #reduction(type: Scalar, depth: number): Piece | undefined {
    const random = this.#random;
    const vector = vectorType(random.pick(SIZES), type);
    const first = this.#runtime(vector, depth - 1).text;
    const second = this.#expression(vector, depth - 1).text;
    if (type !== F32 || this.#around.isPortable || random.chance(0.4))
      return this.#made(this.#bounded(`dot(${first}, ${second})`, type));
    if (random.chance(0.5)) return this.#made(`length(${first})`);
    return this.#made(`distance(${first}, ${second})`);
  }

  #matrixByVector(type: Vector, depth: number): Piece {
    const random = this.#random;
    const other = random.pick(SIZES);
    const vector = this.#runtime(vectorType(other, F32), depth - 1).text;
    const product = random.chance(0.5)
      ? `(${this.#expression(matrixType(other, type.size), depth - 1).text} * ${vector})`
      : `(${vector} * ${this.#expression(matrixType(type.size, other), depth - 1).text})`;
    return this.#made(this.#bounded(product, type));
  }

  /** Kept small in a portable program. */
  #bounded(text: string, type: Type): string {
    if (!this.#around.isPortable || scalarType(type) !== F32) return text;
    const edge = (sign: string) =>
      type.kind === 'vector' ? `${typeName(type)}(${sign}${MOST}.0)` : `${sign}${MOST}.0`;
    return `clamp(${text}, ${edge('-')}, ${edge('')})`;
  }

  // Truth

  #truth(type: Numeric, depth: number): Piece {
    const random = this.#random;
    const choices: [number, () => Piece | undefined][] = [
      [
        5,
        () => {
          const own = withElement(type, random.pick([F32, I32, U32]));
          const [a, b] = [this.#runtime(own, depth - 1), this.#expression(own, depth - 1)];
          return this.#made(`(${a.text} ${random.pick(COMPARISONS)} ${b.text})`);
        },
      ],
      [1, () => this.#made(`(!${this.#runtime(type, depth - 1).text})`)],
      [
        2,
        () => {
          const [a, b] = [this.#runtime(type, depth - 1), this.#expression(type, depth - 1)];
          return this.#made(`(${a.text} ${random.pick(['&', '|', '==', '!='])} ${b.text})`);
        },
      ],
      [1, () => this.#select(type, depth)],
      [
        1,
        () => {
          const from = withElement(type, random.pick([F32, I32, U32]));
          return this.#made(`${typeName(type)}(${this.#runtime(from, depth - 1).text})`);
        },
      ],
      [1, () => this.#ofVector(type, BOOL, depth)],
      [1, () => this.#simplest(type)],
    ];
    if (type.kind === 'vector') choices.push([2, () => this.#construct(type, depth)]);
    else
      choices.push(
        [
          3,
          () => {
            const [a, b] = [this.#runtime(BOOL, depth - 1), this.#runtime(BOOL, depth - 1)];
            return this.#made(`(${a.text} ${random.pick(['&&', '||'])} ${b.text})`);
          },
        ],
        [
          1,
          () => {
            const vector = this.#runtime(vectorType(random.pick(SIZES), BOOL), depth - 1);
            return this.#made(`${random.pick(['all', 'any'])}(${vector.text})`);
          },
        ],
      );
    return this.#weighted(choices) ?? this.#simplest(type);
  }

  // Composites

  #construct(type: Type, depth: number): Piece {
    const random = this.#random;
    const parts = (types: readonly Type[]): Piece => {
      const made = types.map((t) => this.#expression(t, depth - 1));
      const text = `${typeName(type)}(${made.map((p) => p.text).join(', ')})`;
      return { text, isConstant: made.every((p) => p.isConstant) };
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

  /** A vector's size as scalars and smaller vectors. */
  #partition({ size, element }: Vector): Type[] {
    const parts: Type[] = [];
    for (let rest: number = size; rest > 0; ) {
      const most = Math.min(rest, size - 1);
      const take = this.#random.chance(0.6) ? 1 : this.#random.between(1, most);
      parts.push(take === 1 ? element : vectorType(take as 2, element));
      rest -= take;
    }
    return parts;
  }

  #matrix(type: Matrix, depth: number): Piece {
    const random = this.#random;
    const { columns, rows } = type;
    const inner = (t: Type) => this.#expression(t, depth - 1).text;
    const runtime = (t: Type) => this.#runtime(t, depth - 1).text;
    const choices: [number, () => Piece][] = [
      [3, () => this.#made(this.#leaf(type, 1))],
      [3, () => this.#construct(type, depth)],
    ];
    if (columns === rows) choices.push([2, () => this.#made(`transpose(${this.#leaf(type, 1)})`)]);
    if (!this.#around.isPortable)
      choices.push(
        [
          2,
          () => {
            const shared = random.pick(SIZES);
            const [left, right] = [matrixType(shared, rows), matrixType(columns, shared)];
            return this.#made(`(${inner(left)} * ${runtime(right)})`);
          },
        ],
        [1, () => this.#made(`(${inner(type)} * ${this.#leaf(F32, 1)})`)],
        [1, () => this.#made(`(${this.#leaf(F32, 1)} * ${inner(type)})`)],
        [2, () => this.#made(`(${runtime(type)} ${random.pick(['+', '-'])} ${inner(type)})`)],
      );
    return this.#weighted(choices)!;
  }

  // Names

  #leaf(type: Type, depth: number): string {
    const names = this.#around.names().filter((n) => !n.isConstant && contains(n.type, type));
    // The nearest names are the likeliest to hold what was just computed.
    if (names.length > 0) {
      const named = this.#random.chance(0.5)
        ? this.#random.pick(names)
        : this.#random.pick(names.slice(-4));
      return this.#path(named, type, depth);
    }
    switch (type.kind) {
      case 'scalar':
        if (type !== BOOL) throw new Error(`No name in scope holds ${typeName(type)}.`);
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

  #root({ text, type, elements }: Named, depth: number): { text: string; type: Type } {
    if (!elements) return { text, type };
    const index = this.index(elements.count, depth);
    return {
      text: `${text}[${elements.from ? `${elements.from} + ` : ''}${asWord(index, elements.from)}]`,
      type,
    };
  }

  /** The way from a name to a part of the wanted type. */
  #path(named: Named, wanted: Type, depth: number): string {
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
          throw new Error(`${text} does not hold ${typeName(wanted)}.`);
      }
    }
    return text;
  }
}

/** An index that is added to a u32. */
function asWord(index: string, from: string | undefined): string {
  return from ? `u32(${index})` : index;
}

/** The type with its numbers or bools replaced. */
function withElement(type: Numeric, element: Scalar): Numeric {
  return type.kind === 'scalar' ? element : vectorType(type.size, element);
}

/** Whether a value of the type has a part of the wanted type, or is of it. */
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
