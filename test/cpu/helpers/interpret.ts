/**
 * An interpreter of the typed program, written to be obviously right: what the compiler is compared with.
 *
 * Every f32 operation is done in float64 and rounded once, which gives the f32 that IEEE 754 asks for. i32 and u32 wrap,
 * and divisions, shifts and conversions follow WGSL where hardware would differ. Invocations of a workgroup run one after
 * the other, each up to the next barrier; an invocation is a generator, and a barrier is a yield.
 */

import type {
  BinaryOperator,
  BuiltinValue,
  Constant,
  EntryPoint,
  Expression,
  Program,
  Reference,
  ShaderFunction,
  Statement,
  Variable,
} from '../../../src/cpu/wgsl/program.js';
import {
  BOOL,
  F32,
  I32,
  type Scalar,
  type Struct,
  scalarType,
  strideOf,
  type Type,
  typeName,
  U32,
} from '../../../src/cpu/wgsl/types.js';

/** A number, a truth value, the parts of a composite, or a place that a pointer leads to. */
type Value = number | boolean | readonly Value[] | Location;

/** Functions whose last bits WGSL leaves open: of f32, giving f32. */
export type OpenFunctions = Readonly<Record<string, (...x: number[]) => number>>;

export interface Interpretation {
  readonly program: Program;
  /** The entry point's name. Default: the first. */
  readonly entry?: string;
  /** What is bound, by "group.binding": read and written in place. */
  readonly buffers: Readonly<Record<string, Uint32Array>>;
  readonly immediates?: Uint32Array;
  readonly workgroups: readonly [number, number, number];
  /** Runs workgroups and invocations from the last to the first: the result is the same where none races another. */
  readonly reversed?: boolean;
  /** Replaces exp, log and the like, which are else JavaScript's. */
  readonly functions?: OpenFunctions;
}

/**
 * Runs a dispatch.
 *
 * @throws Error where an index is outside its array, or where invocations do not come to the same barrier.
 */
export function interpret(given: Interpretation): void {
  const { program, workgroups, reversed = false } = given;
  const entry = program.entries.find((e) => e.name === (given.entry ?? e.name));
  if (!entry) throw new Error(`The program has no entry point ${given.entry}.`);
  const functions = { ...OPEN_FUNCTIONS, ...given.functions };
  const buffers = new Map<Variable, Location>();
  for (const variable of entry.globals) {
    const words = variableWords(variable, given);
    if (words) buffers.set(variable, new BufferLocation(words, 0, variable.type));
  }
  for (const id of ids(workgroups, reversed))
    runWorkgroup(entry, buffers, functions, id, workgroups, reversed);
}

function variableWords({ name, space, binding }: Variable, given: Interpretation) {
  if (space === 'immediate') return given.immediates;
  if (!binding) return undefined;
  const words = given.buffers[`${binding.group}.${binding.binding}`];
  if (!words) throw new Error(`Nothing is bound to ${name}.`);
  return words;
}

/** All ids of a grid, x fastest. */
function ids([x, y, z]: readonly [number, number, number], reversed: boolean): number[][] {
  const all = Array.from({ length: x * y * z }, (_, n) => [
    n % x,
    Math.floor(n / x) % y,
    Math.floor(n / (x * y)),
  ]);
  return reversed ? all.reverse() : all;
}

function runWorkgroup(
  entry: EntryPoint,
  buffers: ReadonlyMap<Variable, Location>,
  functions: OpenFunctions,
  workgroup: readonly number[],
  workgroups: readonly number[],
  reversed: boolean,
): void {
  const places = new Map(buffers);
  for (const variable of entry.globals)
    if (variable.space === 'workgroup') places.set(variable, variableLocation(zero(variable.type)));
  const [x, y] = entry.workgroupSize;
  const invocations = ids(entry.workgroupSize, reversed).map((local) => {
    const inputs: Record<BuiltinValue, Value> = {
      workgroup_id: workgroup,
      num_workgroups: workgroups,
      local_invocation_id: local,
      local_invocation_index: local[0]! + x * (local[1]! + y * local[2]!),
      global_invocation_id: local.map(
        (n, axis) => workgroup[axis]! * entry.workgroupSize[axis]! + n,
      ),
    };
    return new Invocation(places, functions).run(entry, inputs);
  });
  for (;;) {
    const steps = invocations.map((invocation) => invocation.next());
    if (steps.every((step) => step.done)) return;
    const [first] = steps;
    if (!steps.every((step) => !step.done && step.value === first!.value))
      throw new Error(`Invocations of workgroup ${workgroup} do not come to the same barrier.`);
  }
}

// Memory

/** Where a value is kept, whole or in part. */
interface Location {
  read(): Value;
  write(value: Value): void;
  part(n: number): Location;
  /** How many elements a runtime-sized array has. */
  count(): number;
}

/** A slot of a JavaScript array: variables outside buffers. */
class SlotLocation implements Location {
  constructor(
    readonly holder: Value[],
    readonly key: number,
  ) {}

  read(): Value {
    return copy(this.holder[this.key]!);
  }

  write(value: Value): void {
    overwrite(this.holder, this.key, value);
  }

  part(n: number): Location {
    const parts = this.holder[this.key] as Value[];
    if (!(n >= 0 && n < parts.length))
      throw new Error(`Index ${n} is outside an array of ${parts.length}.`);
    return new SlotLocation(parts, n);
  }

  count(): number {
    throw new Error('Only an array in a buffer has no fixed size.');
  }
}

/** Bytes of a buffer, read and written as a type. */
class BufferLocation implements Location {
  constructor(
    readonly words: Uint32Array,
    readonly offset: number,
    readonly type: Type,
  ) {}

  read(): Value {
    const { type, words } = this;
    if (type.kind !== 'scalar')
      return Array.from({ length: partCount(type) }, (_, n) => this.part(n).read());
    return fromBits(words[this.offset / 4]!, type);
  }

  write(value: Value): void {
    const { type, words } = this;
    if (type.kind === 'scalar') words[this.offset / 4] = toBits(value as number, type);
    else for (const [n, part] of (value as readonly Value[]).entries()) this.part(n).write(part);
  }

  part(n: number): Location {
    const { type } = this;
    if (type.kind === 'struct') {
      const member = type.members[n]!;
      return new BufferLocation(this.words, this.offset + member.offset, member.type);
    }
    if (type.kind !== 'array' && type.kind !== 'vector' && type.kind !== 'matrix')
      throw new Error(`${typeName(type)} has no parts.`);
    const count =
      type.kind === 'array' && type.count === undefined ? this.count() : partCount(type);
    if (!(n >= 0 && n < count)) throw new Error(`Index ${n} is outside an array of ${count}.`);
    return new BufferLocation(this.words, this.offset + n * strideOf(type), partType(type, n));
  }

  count(): number {
    const bytes = this.words.byteLength - this.offset;
    return Math.floor(bytes / strideOf(this.type as Extract<Type, { kind: 'array' }>));
  }
}

function variableLocation(value: Value): Location {
  return new SlotLocation([copy(value)], 0);
}

/** Puts a value into a slot, part by part, so that pointers to parts still lead there. */
function overwrite(holder: Value[], key: number, value: Value): void {
  const parts = holder[key];
  if (!Array.isArray(parts)) holder[key] = value;
  else for (const [n, part] of (value as readonly Value[]).entries()) overwrite(parts, n, part);
}

function copy(value: Value): Value {
  return Array.isArray(value) ? value.map(copy) : value;
}

function partCount(type: Type): number {
  switch (type.kind) {
    case 'vector':
      return type.size;
    case 'matrix':
      return type.columns;
    case 'array':
      return type.count!;
    default:
      return (type as Struct).members.length;
  }
}

function partType(type: Type, n: number): Type {
  switch (type.kind) {
    case 'vector':
    case 'array':
      return type.element;
    case 'matrix':
      return { kind: 'vector', size: type.rows, element: F32 };
    default:
      return (type as Struct).members[n]!.type;
  }
}

function zero(type: Type): Value {
  if (type.kind === 'scalar') return type === BOOL ? false : 0;
  return Array.from({ length: partCount(type) }, (_, n) => zero(partType(type, n)));
}

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

function toBits(value: number, type: Scalar): number {
  if (type !== F32) return value >>> 0;
  floats[0] = value;
  return words[0]!;
}

function fromBits(bits: number, type: Scalar): number {
  if (type === I32) return bits | 0;
  if (type === U32) return bits;
  words[0] = bits;
  return floats[0]!;
}

// Control flow

type Flow = 'next' | 'break' | 'continue' | 'return';
/** Yields the offset of each barrier in the text. */
type Run<T> = Generator<number, T>;

/** One invocation of an entry point. */
class Invocation {
  /** Where `var`s live. No function calls itself, so that one map serves all calls. */
  readonly #places: Map<Variable, Location>;
  /** `let`s and parameters. */
  readonly #values = new Map<Variable, Value>();
  readonly #functions: OpenFunctions;
  #returned: Value = 0;

  constructor(places: ReadonlyMap<Variable, Location>, functions: OpenFunctions) {
    this.#places = new Map(places);
    this.#functions = functions;
  }

  *run(entry: EntryPoint, inputs: Readonly<Record<BuiltinValue, Value>>): Run<void> {
    for (const { variable, values } of entry.inputs) {
      const given = values.map((name) => inputs[name]);
      this.#values.set(variable, variable.type.kind === 'struct' ? given : given[0]!);
    }
    for (const variable of entry.globals) {
      if (variable.space !== 'private') continue;
      this.#places.set(variable, variableLocation(variable.initial ?? zero(variable.type)));
    }
    yield* this.#executeAll(entry.body);
  }

  *#executeAll(body: readonly Statement[]): Run<Flow> {
    for (const statement of body) {
      const flow = yield* this.#execute(statement);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  *#execute(node: Statement): Run<Flow> {
    switch (node.kind) {
      case 'block':
        return yield* this.#executeAll(node.body);
      case 'declare': {
        const { variable } = node;
        const value = node.value ? yield* this.#value(node.value) : zero(variable.type);
        if (variable.space === 'let') this.#values.set(variable, value);
        else this.#places.set(variable, variableLocation(value));
        return 'next';
      }
      case 'assign': {
        const target = this.#place(yield* this.#settlePlace(node.reference));
        const old = node.operator && target.read();
        const given = yield* this.#value(node.value);
        const { type } = node.reference;
        target.write(
          node.operator ? binary(node.operator, old!, given, type, node.value.type) : given,
        );
        return 'next';
      }
      case 'evaluate':
        yield* this.#value(node.value);
        return 'next';
      case 'if': {
        const condition = yield* this.#value(node.condition);
        return yield* this.#executeAll(condition ? node.whenTrue : node.whenFalse);
      }
      case 'switch': {
        const selector = (yield* this.#value(node.selector)) as number;
        const chosen =
          node.cases.find((c) => c.selectors.includes(selector)) ??
          node.cases.find((c) => c.isDefault)!;
        const flow = yield* this.#executeAll(chosen.body);
        return flow === 'break' ? 'next' : flow;
      }
      case 'loop':
        return yield* this.#loop(node);
      case 'break':
      case 'continue':
        return node.kind;
      case 'return':
        if (node.value) this.#returned = yield* this.#value(node.value);
        return 'return';
    }
  }

  *#loop(node: Extract<Statement, { kind: 'loop' }>): Run<Flow> {
    if (node.initial) yield* this.#execute(node.initial);
    for (;;) {
      if (node.condition && !(yield* this.#value(node.condition))) return 'next';
      const flow = yield* this.#executeAll(node.body);
      if (flow === 'break') return 'next';
      if (flow === 'return') return flow;
      yield* this.#executeAll(node.continuing);
      if (node.breakIf && (yield* this.#value(node.breakIf))) return 'next';
    }
  }

  *#call(called: ShaderFunction, given: readonly Value[]): Run<Value> {
    for (const [n, parameter] of called.parameters.entries())
      this.#values.set(parameter, given[n]!);
    yield* this.#executeAll(called.body);
    return this.#returned;
  }

  // Barriers within expressions

  /** The value of an expression, also of one that holds a barrier. */
  *#value(node: Expression): Run<Value> {
    return this.#evaluate(holdsBarrier(node) ? yield* this.#settle(node) : node);
  }

  /** The expression with what holds a barrier replaced by its value; what comes before it is computed before it. */
  *#settle(node: Expression): Run<Expression> {
    if (!holdsBarrier(node)) return node;
    switch (node.kind) {
      case 'read':
      case 'address':
        return { ...node, reference: yield* this.#settlePlace(node.reference) };
      case 'unary':
      case 'convert':
      case 'bitcast':
        return { ...node, operand: yield* this.#settle(node.operand) };
      case 'member':
      case 'swizzle':
        return { ...node, base: yield* this.#settle(node.base) };
      case 'element': {
        const [of, index] = yield* this.#settleAll([node.base, node.index]);
        return { ...node, base: of!, index: index! };
      }
      case 'construct':
        return { ...node, parts: yield* this.#settleAll(node.parts) };
      case 'binary': {
        if (node.operator === '&&' || node.operator === '||') {
          const left = yield* this.#value(node.left);
          if (left === (node.operator === '||')) return constant(node, left);
          return constant(node, yield* this.#value(node.right));
        }
        const [left, right] = yield* this.#settleAll([node.left, node.right]);
        return { ...node, left: left!, right: right! };
      }
      case 'call': {
        const given = yield* this.#settleAll(node.arguments);
        return constant(
          node,
          yield* this.#call(
            node.function,
            given.map((g) => this.#evaluate(g)),
          ),
        );
      }
      case 'builtin': {
        const given = yield* this.#settleAll(node.arguments);
        if (!BARRIERS.has(node.name)) return { ...node, arguments: given };
        yield node.position;
        if (node.name !== 'workgroupUniformLoad') return constant(node, 0);
        const loaded = (this.#evaluate(given[0]!) as Location).read();
        yield node.position;
        return constant(node, loaded);
      }
      default:
        return node;
    }
  }

  *#settleAll(nodes: readonly Expression[]): Run<Expression[]> {
    const settled: Expression[] = [];
    for (const node of nodes) settled.push(constant(node, yield* this.#value(node)));
    return settled;
  }

  *#settlePlace(place: Reference): Run<Reference> {
    switch (place.kind) {
      case 'variable':
        return place;
      case 'dereference':
        return { ...place, pointer: yield* this.#settle(place.pointer) };
      case 'member':
        return { ...place, base: yield* this.#settlePlace(place.base) };
      case 'element': {
        const of = yield* this.#settlePlace(place.base);
        return { ...place, base: of, index: yield* this.#settle(place.index) };
      }
    }
  }

  // Expressions

  #evaluate(node: Expression): Value {
    switch (node.kind) {
      case 'constant':
        return node.value;
      case 'value':
        return this.#values.get(node.variable)!;
      case 'read':
        return this.#place(node.reference).read();
      case 'unary':
        return unary(node.operator, this.#evaluate(node.operand), node.type);
      case 'binary': {
        const left = this.#evaluate(node.left);
        if (node.operator === '&&') return left && this.#evaluate(node.right);
        if (node.operator === '||') return left || this.#evaluate(node.right);
        const right = this.#evaluate(node.right);
        return binary(node.operator, left, right, node.left.type, node.right.type);
      }
      case 'builtin':
        return this.#builtin(node);
      case 'construct':
        return construct(
          node.type,
          node.parts.map((part) => this.#evaluate(part)),
        );
      case 'convert': {
        const [from, to] = [scalarType(node.operand.type)!, scalarType(node.type)!];
        return each([this.#evaluate(node.operand)], ([x]) => convert(x!, from, to));
      }
      case 'bitcast': {
        const [from, to] = [scalarType(node.operand.type)!, scalarType(node.type)!];
        const recast = (x: number) => fromBits(toBits(x, from), to);
        return each([this.#evaluate(node.operand)], ([x]) => recast(x as number));
      }
      case 'call': {
        const given = node.arguments.map((argument) => this.#evaluate(argument));
        const step = this.#call(node.function, given).next();
        if (!step.done) throw new Error('A barrier was met where none is known of.');
        return step.value;
      }
      case 'member':
        return (this.#evaluate(node.base) as readonly Value[])[node.index]!;
      case 'swizzle': {
        const of = this.#evaluate(node.base) as readonly Value[];
        const lanes = node.lanes.map((lane) => of[lane]!);
        return lanes.length === 1 ? lanes[0]! : lanes;
      }
      case 'element': {
        const of = this.#evaluate(node.base) as readonly Value[];
        const index = this.#evaluate(node.index) as number;
        if (!(index >= 0 && index < of.length))
          throw new Error(`Index ${index} is outside ${typeName(node.base.type)}.`);
        return of[index]!;
      }
      case 'address':
        return this.#place(node.reference);
    }
  }

  #place(place: Reference): Location {
    switch (place.kind) {
      case 'variable':
        return this.#places.get(place.variable)!;
      case 'dereference':
        return this.#evaluate(place.pointer) as Location;
      case 'member':
        return this.#place(place.base).part(place.index);
      case 'element': {
        const of = this.#place(place.base);
        return of.part(this.#evaluate(place.index) as number);
      }
    }
  }

  #builtin(node: Extract<Expression, { kind: 'builtin' }>): Value {
    const given = node.arguments.map((argument) => this.#evaluate(argument));
    const own = scalarType(node.arguments[0]!.type)!;
    const open = this.#functions[node.name];
    if (open) return each(given, (x) => open(...(x as number[])));
    const componentwise = COMPONENTWISE[node.name];
    if (componentwise) return each(given, (x) => componentwise(own, ...(x as number[])));
    const whole = WHOLE[node.name];
    if (!whole) throw new Error(`The builtin ${node.name} is not interpreted.`);
    return whole(own, ...given);
  }
}

const BARRIERS = new Set(['workgroupBarrier', 'storageBarrier', 'workgroupUniformLoad']);
const barrierHolders = new WeakMap<object, boolean>();

/** Whether a barrier is met while an expression is evaluated. */
function holdsBarrier(node: Expression): boolean {
  let holds = barrierHolders.get(node);
  if (holds === undefined) {
    holds = findBarrier(node);
    barrierHolders.set(node, holds);
  }
  return holds;
}

/** Whether a barrier call is anywhere in a part of the typed program. */
function findBarrier(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  if (Array.isArray(part)) return part.some(findBarrier);
  const { kind, name } = part as { kind?: string; name?: string };
  if (kind === 'builtin' && BARRIERS.has(name!)) return true;
  if (kind === 'constant' || kind === 'value') return false;
  if ('parameters' in part) return findBarrier((part as ShaderFunction).body);
  return Object.entries(part).some(
    ([key, inner]) =>
      key !== 'type' && key !== 'variable' && key !== 'struct' && findBarrier(inner),
  );
}

function constant({ type, position }: Expression, value: Value): Expression {
  return { kind: 'constant', type, value: value as Constant, position };
}

// Arithmetic

/** Applies `f` to every component; a scalar beside vectors is used for each. */
function each(given: readonly Value[], f: (x: readonly (number | boolean)[]) => Value): Value {
  const vector = given.find((value) => Array.isArray(value)) as readonly Value[] | undefined;
  if (!vector) return f(given as readonly (number | boolean)[]);
  return vector.map((_, n) =>
    each(
      given.map((value) => (Array.isArray(value) ? value[n]! : value)),
      f,
    ),
  );
}

function unary(operator: '-' | '!' | '~', operand: Value, type: Type): Value {
  const own = scalarType(type);
  return each([operand], ([x]) => {
    if (operator === '!') return !x;
    if (operator === '~') return integer(~(x as number), own!);
    return own === F32 ? -(x as number) : integer(-(x as number), own!);
  });
}

function binary(
  operator: BinaryOperator,
  left: Value,
  right: Value,
  leftType: Type,
  rightType: Type,
): Value {
  if (operator === '*' && (leftType.kind === 'matrix' || rightType.kind === 'matrix'))
    return matrixProduct(left, right, leftType, rightType);
  const own = scalarType(leftType)!;
  return each([left, right], ([a, b]) => {
    if (typeof a === 'boolean' || typeof b === 'boolean')
      return logic(operator, a as boolean, b as boolean);
    const compared = compare(operator, a!, b!);
    if (compared !== undefined) return compared;
    return own === F32 ? float(operator, a!, b!) : whole(operator, a!, b!, own);
  });
}

function logic(operator: BinaryOperator, a: boolean, b: boolean): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '&':
      return a && b;
    case '|':
      return a || b;
    default:
      throw new Error(`${operator} is not an operator of bools.`);
  }
}

function compare(operator: BinaryOperator, a: number, b: number): boolean | undefined {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    default:
      return undefined;
  }
}

const f32 = Math.fround;

function float(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case '+':
      return f32(a + b);
    case '-':
      return f32(a - b);
    case '*':
      return f32(a * b);
    case '/':
      return f32(a / b);
    case '%':
      return f32(a - f32(b * Math.trunc(f32(a / b))));
    default:
      throw new Error(`${operator} is not an operator of f32.`);
  }
}

/** The low 32 bits of a number, as a number of the type. */
function integer(value: number, type: Scalar): number {
  return type === I32 ? value | 0 : value >>> 0;
}

function whole(operator: BinaryOperator, a: number, b: number, type: Scalar): number {
  switch (operator) {
    case '+':
      return integer(a + b, type);
    case '-':
      return integer(a - b, type);
    case '*':
      return integer(Math.imul(a, b), type);
    case '/':
      // The quotient of the least i32 and -1 wraps to the least i32.
      return b === 0 ? a : integer(Math.trunc(a / b), type);
    case '%':
      return b === 0 ? 0 : integer(a % b, type);
    case '&':
      return integer(a & b, type);
    case '|':
      return integer(a | b, type);
    case '^':
      return integer(a ^ b, type);
    case '<<':
      return integer(a << (b % 32), type);
    case '>>':
      return type === I32 ? a >> (b % 32) : a >>> (b % 32);
    default:
      throw new Error(`${operator} is not an operator of integers.`);
  }
}

type Numbers = readonly number[];
type Columns = readonly Numbers[];

function matrixProduct(left: Value, right: Value, leftType: Type, rightType: Type): Value {
  if (leftType.kind === 'scalar' || rightType.kind === 'scalar')
    return each([left, right], ([a, b]) => f32((a as number) * (b as number)));
  if (leftType.kind !== 'matrix') return (right as Columns).map((c) => dot(F32, left, c));
  if (rightType.kind !== 'matrix') return matrixTimesVector(left as Columns, right as Numbers);
  return (right as Columns).map((column) => matrixTimesVector(left as Columns, column));
}

/** Row by row, the products are added up in the order of the columns. */
function matrixTimesVector(columns: Columns, v: Numbers): number[] {
  return columns[0]!.map(
    (_, row) =>
      dot(
        F32,
        columns.map((column) => column[row]!),
        v,
      ) as number,
  );
}

function construct(type: Type, parts: readonly Value[]): Value {
  if (type.kind !== 'vector') return parts;
  const lanes = parts.flat() as Value[];
  return lanes.length === 1 ? Array(type.size).fill(lanes[0]) : lanes;
}

function convert(x: number | boolean, from: Scalar, to: Scalar): number | boolean {
  if (to === BOOL) return typeof x === 'boolean' ? x : x !== 0;
  const number = Number(x);
  if (to === F32) return f32(number);
  if (from !== F32) return integer(number, to);
  // The ends of a range are the last f32 in it.
  const [least, most] = to === I32 ? [-(2 ** 31), 2 ** 31 - 2 ** 7] : [0, 2 ** 32 - 2 ** 8];
  return Number.isNaN(number) ? 0 : Math.min(most, Math.max(least, Math.trunc(number))) + 0;
}

// WGSL's own functions

const OPEN_FUNCTIONS: OpenFunctions = {
  cos: (x) => f32(Math.cos(x)),
  exp: (x) => f32(Math.exp(x)),
  exp2: (x) => f32(2 ** x),
  log: (x) => f32(Math.log(x)),
  log2: (x) => f32(Math.log2(x)),
  pow: (x, y) => f32(x ** y),
  sin: (x) => f32(Math.sin(x)),
  tanh: (x) => f32(Math.tanh(x)),
};

/** What WGSL calls min: the first unless the second is less, also of zeros and NaN. */
function lesser(x: number, y: number): number {
  return [x, y][Number(y < x)]!;
}

function greater(x: number, y: number): number {
  return [x, y][Number(x < y)]!;
}

const clamp = (x: number, low: number, high: number) => lesser(greater(x, low), high);

function roundToEven(x: number): number {
  if (!(Math.abs(x) < 2 ** 23)) return x;
  const shifted = x < 0 ? -(2 ** 52) : 2 ** 52;
  // Beyond 2^52 there are whole numbers alone; the sum is rounded to an even one where it lies between two.
  const rounded = x + shifted - shifted;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

const COMPONENTWISE: Readonly<Record<string, (type: Scalar, ...x: number[]) => number>> = {
  abs: (type, x) => (type === F32 ? Math.abs(x!) : integer(Math.abs(x!), type)),
  ceil: (_, x) => Math.ceil(x!),
  clamp: (_, x, low, high) => clamp(x!, low!, high!),
  countLeadingZeros: (_, x) => Math.clz32(x!),
  countOneBits: (_, x) => (x! >>> 0).toString(2).replaceAll('0', '').length,
  countTrailingZeros: (_, x) => (x === 0 ? 32 : 31 - Math.clz32(x! & -x!)),
  floor: (_, x) => Math.floor(x!),
  fma: (_, x, y, z) => f32(f32(x! * y!) + z!),
  fract: (_, x) => f32(x! - Math.floor(x!)),
  inverseSqrt: (_, x) => f32(1 / f32(Math.sqrt(x!))),
  max: (_, x, y) => greater(x!, y!),
  min: (_, x, y) => lesser(x!, y!),
  mix: (_, x, y, share) => f32(f32(x! * f32(1 - share!)) + f32(y! * share!)),
  round: (_, x) => roundToEven(x!),
  saturate: (_, x) => clamp(x!, 0, 1),
  sign: (_, x) => (x! > 0 ? 1 : x! < 0 ? -1 : 0),
  sqrt: (_, x) => f32(Math.sqrt(x!)),
  step: (_, edge, x) => (edge! <= x! ? 1 : 0),
  trunc: (_, x) => Math.trunc(x!),
};

/** The products of components, added up from the first to the last. */
function dot(type: Scalar, v: Value, w: Value): Value {
  const products = each([v, w], ([a, b]) => binary('*', a!, b!, type, type)) as readonly Value[];
  return products.reduce((sum, product) => binary('+', sum, product, type, type));
}

function length(v: Value): number {
  return Array.isArray(v) ? f32(Math.sqrt(dot(F32, v, v) as number)) : Math.abs(v as number);
}

const subtract = (v: Value, w: Value) => binary('-', v, w, F32, F32);

/** Functions of whole values: of vectors, matrices, bools and pointers. */
const WHOLE: Readonly<Record<string, (type: Scalar, ...given: Value[]) => Value>> = {
  all: (_, v) => [v!].flat().every(Boolean),
  any: (_, v) => [v!].flat().some(Boolean),
  arrayLength: (_, pointer) => (pointer as Location).count(),
  cross: (_, v, w) => {
    const [a, b] = [v as Numbers, w as Numbers];
    const component = (m: number, n: number) => f32(f32(a[m]! * b[n]!) - f32(a[n]! * b[m]!));
    return [component(1, 2), component(2, 0), component(0, 1)];
  },
  distance: (_, v, w) => length(subtract(v!, w!)),
  dot: (type, v, w) => dot(type, v!, w!),
  length: (_, v) => length(v!),
  normalize: (_, v) => binary('/', v!, length(v!), F32, F32),
  select: (_, no, yes, condition) => {
    if (!Array.isArray(condition)) return condition ? yes! : no!;
    return condition.map((c, n) => ((c ? yes : no) as readonly Value[])[n]!);
  },
  transpose: (_, matrix) =>
    (matrix as Columns)[0]!.map((_row, n) => (matrix as Columns).map((column) => column[n]!)),
};
