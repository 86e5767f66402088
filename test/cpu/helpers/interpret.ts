/**
 * An interpreter of the typed program, as the reference for the compiler. It is written to be
 * obviously right.
 *
 * Every f32 operation is computed in float64 and rounded once, which gives the f32 result that IEEE
 * 754 specifies. i32 and u32 wrap; divisions, shifts and conversions follow WGSL where hardware
 * would differ. The invocations of a workgroup run one after another, each up to the next barrier:
 * an invocation is a generator, and a barrier is a yield.
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

/** A number, a bool, the parts of a composite, or the location that a pointer points to. */
type Value = number | boolean | readonly Value[] | Location;

/** The f32 functions whose last bits WGSL does not specify, by name. */
export type OpenFunctions = Readonly<Record<string, (...x: number[]) => number>>;

/** A dispatch to interpret. */
export interface Interpretation {
  readonly program: Program;
  /** The name of the entry point. Default: the first. */
  readonly entry?: string;
  /** The words of the bound buffers, by "group.binding"; the dispatch changes them in place. */
  readonly buffers: Readonly<Record<string, Uint32Array>>;
  readonly immediates?: Uint32Array;
  readonly workgroups: readonly [number, number, number];
  /**
   * Runs workgroups and invocations from the last to the first. Without a race, the result is the
   * same.
   */
  readonly reversed?: boolean;
  /** Functions to use in place of JavaScript's exp, log and so on. */
  readonly functions?: OpenFunctions;
}

/**
 * Runs a dispatch.
 *
 * @throws Error where an index is outside its array, or where the invocations of a workgroup stop
 * at different barriers.
 */
export function interpret(dispatch: Interpretation): void {
  const { program, workgroups, reversed = false } = dispatch;
  const entry = program.entries.find((e) => e.name === (dispatch.entry ?? e.name));
  if (!entry) throw new Error(`The program has no entry point ${dispatch.entry}.`);
  const functions = { ...OPEN_FUNCTIONS, ...dispatch.functions };
  const buffers = new Map<Variable, Location>();
  for (const variable of entry.globals) {
    const words = variableWords(variable, dispatch);
    if (words) buffers.set(variable, new BufferLocation(words, 0, variable.type));
  }
  for (const id of gridIds(workgroups, reversed))
    runWorkgroup(entry, buffers, functions, id, workgroups, reversed);
}

function variableWords({ name, space, binding }: Variable, dispatch: Interpretation) {
  if (space === 'immediate') return dispatch.immediates;
  if (!binding) return undefined;
  const words = dispatch.buffers[`${binding.group}.${binding.binding}`];
  if (!words) throw new Error(`Nothing is bound to ${name}.`);
  return words;
}

/** All ids of a grid; x varies fastest. */
function gridIds([x, y, z]: readonly [number, number, number], reversed: boolean): number[][] {
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
  const locations = new Map(buffers);
  for (const variable of entry.globals)
    if (variable.space === 'workgroup')
      locations.set(variable, variableLocation(zero(variable.type)));
  const [x, y] = entry.workgroupSize;
  const invocations = gridIds(entry.workgroupSize, reversed).map((local) => {
    const inputs: Record<BuiltinValue, Value> = {
      workgroup_id: workgroup,
      num_workgroups: workgroups,
      local_invocation_id: local,
      local_invocation_index: local[0]! + x * (local[1]! + y * local[2]!),
      global_invocation_id: local.map(
        (n, axis) => workgroup[axis]! * entry.workgroupSize[axis]! + n,
      ),
    };
    return new Invocation(locations, functions).run(entry, inputs);
  });
  for (;;) {
    const steps = invocations.map((invocation) => invocation.next());
    if (steps.every((step) => step.done)) return;
    const barrier = steps[0]!.value;
    if (!steps.every((step) => !step.done && step.value === barrier))
      throw new Error(`The invocations of workgroup ${workgroup} stop at different barriers.`);
  }
}

// Memory

/** The memory of a value or of a part of one. */
interface Location {
  read(): Value;
  write(value: Value): void;
  /** The location of element or member n. */
  part(n: number): Location;
  /** The number of elements of a runtime-sized array. */
  count(): number;
}

/** An element of a JavaScript array, for variables that are not in buffers. */
class SlotLocation implements Location {
  constructor(
    readonly slots: Value[],
    readonly index: number,
  ) {}

  read(): Value {
    return copy(this.slots[this.index]!);
  }

  write(value: Value): void {
    overwrite(this.slots, this.index, value);
  }

  part(n: number): Location {
    const parts = this.slots[this.index] as Value[];
    if (!(n >= 0 && n < parts.length))
      throw new Error(`Index ${n} is outside an array of ${parts.length}.`);
    return new SlotLocation(parts, n);
  }

  count(): number {
    throw new Error('Only an array in a buffer is runtime-sized.');
  }
}

/** A value of a type in a buffer, `offset` bytes from its start. */
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

/** A new variable with a value. */
function variableLocation(value: Value): Location {
  return new SlotLocation([copy(value)], 0);
}

/** Overwrites a slot part by part, so that pointers to its parts stay valid. */
function overwrite(slots: Value[], index: number, value: Value): void {
  const parts = slots[index];
  if (!Array.isArray(parts)) slots[index] = value;
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

/** How execution continues after a statement. */
type Flow = 'next' | 'break' | 'continue' | 'return';
/** An execution that yields the source offset of each barrier it stops at. */
type Execution<T> = Generator<number, T>;

/** One invocation of an entry point. */
class Invocation {
  /** The `var`s. WGSL has no recursion, so one map serves all calls. */
  readonly #locations: Map<Variable, Location>;
  /** The `let`s and parameters. */
  readonly #values = new Map<Variable, Value>();
  readonly #functions: OpenFunctions;
  #returned: Value = 0;

  constructor(globals: ReadonlyMap<Variable, Location>, functions: OpenFunctions) {
    this.#locations = new Map(globals);
    this.#functions = functions;
  }

  *run(entry: EntryPoint, inputs: Readonly<Record<BuiltinValue, Value>>): Execution<void> {
    for (const { variable, values } of entry.inputs) {
      const members = values.map((name) => inputs[name]);
      this.#values.set(variable, variable.type.kind === 'struct' ? members : members[0]!);
    }
    for (const variable of entry.globals) {
      if (variable.space !== 'private') continue;
      this.#locations.set(variable, variableLocation(variable.initial ?? zero(variable.type)));
    }
    yield* this.#executeAll(entry.body);
  }

  *#executeAll(body: readonly Statement[]): Execution<Flow> {
    for (const statement of body) {
      const flow = yield* this.#execute(statement);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  *#execute(node: Statement): Execution<Flow> {
    switch (node.kind) {
      case 'block':
        return yield* this.#executeAll(node.body);
      case 'declare': {
        const { variable } = node;
        const value = node.value ? yield* this.#value(node.value) : zero(variable.type);
        if (variable.space === 'let') this.#values.set(variable, value);
        else this.#locations.set(variable, variableLocation(value));
        return 'next';
      }
      case 'assign': {
        const target = this.#location(yield* this.#resolvePlaceBarriers(node.reference));
        const previous = node.operator && target.read();
        const value = yield* this.#value(node.value);
        const { type } = node.reference;
        target.write(
          node.operator ? binary(node.operator, previous!, value, type, node.value.type) : value,
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
        const selected =
          node.cases.find((c) => c.selectors.includes(selector)) ??
          node.cases.find((c) => c.isDefault)!;
        const flow = yield* this.#executeAll(selected.body);
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

  *#loop(node: Extract<Statement, { kind: 'loop' }>): Execution<Flow> {
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

  *#call(callee: ShaderFunction, args: readonly Value[]): Execution<Value> {
    for (const [n, parameter] of callee.parameters.entries()) this.#values.set(parameter, args[n]!);
    yield* this.#executeAll(callee.body);
    return this.#returned;
  }

  // Barriers within expressions

  /** The value of an expression that may contain barriers. */
  *#value(node: Expression): Execution<Value> {
    return this.#evaluate(hasBarrier(node) ? yield* this.#resolveBarriers(node) : node);
  }

  /**
   * Replaces the operands of an expression by their values where one of them contains a barrier. An
   * operand before the barrier is evaluated before it.
   */
  *#resolveBarriers(node: Expression): Execution<Expression> {
    if (!hasBarrier(node)) return node;
    switch (node.kind) {
      case 'read':
      case 'address':
        return { ...node, reference: yield* this.#resolvePlaceBarriers(node.reference) };
      case 'unary':
      case 'convert':
      case 'bitcast':
        return { ...node, operand: yield* this.#resolveBarriers(node.operand) };
      case 'member':
      case 'swizzle':
        return { ...node, base: yield* this.#resolveBarriers(node.base) };
      case 'element': {
        const [base, index] = yield* this.#evaluateInOrder([node.base, node.index]);
        return { ...node, base: base!, index: index! };
      }
      case 'construct':
        return { ...node, parts: yield* this.#evaluateInOrder(node.parts) };
      case 'binary': {
        if (node.operator === '&&' || node.operator === '||') {
          const left = yield* this.#value(node.left);
          if (left === (node.operator === '||')) return constant(node, left);
          return constant(node, yield* this.#value(node.right));
        }
        const [left, right] = yield* this.#evaluateInOrder([node.left, node.right]);
        return { ...node, left: left!, right: right! };
      }
      case 'call': {
        const args = yield* this.#evaluateInOrder(node.arguments);
        return constant(
          node,
          yield* this.#call(
            node.function,
            args.map((argument) => this.#evaluate(argument)),
          ),
        );
      }
      case 'builtin': {
        const args = yield* this.#evaluateInOrder(node.arguments);
        if (!BARRIERS.has(node.name)) return { ...node, arguments: args };
        yield node.position;
        if (node.name !== 'workgroupUniformLoad') return constant(node, 0);
        const loaded = (this.#evaluate(args[0]!) as Location).read();
        yield node.position;
        return constant(node, loaded);
      }
      default:
        return node;
    }
  }

  /** Evaluates expressions in order, and returns their values as constants. */
  *#evaluateInOrder(nodes: readonly Expression[]): Execution<Expression[]> {
    const constants: Expression[] = [];
    for (const node of nodes) constants.push(constant(node, yield* this.#value(node)));
    return constants;
  }

  *#resolvePlaceBarriers(place: Reference): Execution<Reference> {
    switch (place.kind) {
      case 'variable':
        return place;
      case 'dereference':
        return { ...place, pointer: yield* this.#resolveBarriers(place.pointer) };
      case 'member':
        return { ...place, base: yield* this.#resolvePlaceBarriers(place.base) };
      case 'element': {
        const base = yield* this.#resolvePlaceBarriers(place.base);
        return { ...place, base, index: yield* this.#resolveBarriers(place.index) };
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
        return this.#location(node.reference).read();
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
        const args = node.arguments.map((argument) => this.#evaluate(argument));
        const step = this.#call(node.function, args).next();
        if (!step.done) throw new Error('A call without barriers stopped at a barrier.');
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
        return this.#location(node.reference);
    }
  }

  #location(place: Reference): Location {
    switch (place.kind) {
      case 'variable':
        return this.#locations.get(place.variable)!;
      case 'dereference':
        return this.#evaluate(place.pointer) as Location;
      case 'member':
        return this.#location(place.base).part(place.index);
      case 'element': {
        const of = this.#location(place.base);
        return of.part(this.#evaluate(place.index) as number);
      }
    }
  }

  #builtin(node: Extract<Expression, { kind: 'builtin' }>): Value {
    const args = node.arguments.map((argument) => this.#evaluate(argument));
    const scalar = scalarType(node.arguments[0]!.type)!;
    const openFunction = this.#functions[node.name];
    if (openFunction) return each(args, (x) => openFunction(...(x as number[])));
    const componentwise = COMPONENTWISE[node.name];
    if (componentwise) return each(args, (x) => componentwise(scalar, ...(x as number[])));
    const onValues = VALUE_FUNCTIONS[node.name];
    if (!onValues) throw new Error(`The interpreter does not have the builtin ${node.name}.`);
    return onValues(scalar, ...args);
  }
}

const BARRIERS = new Set(['workgroupBarrier', 'storageBarrier', 'workgroupUniformLoad']);
const barrierCache = new WeakMap<object, boolean>();

/** Whether an expression, or a function it calls, contains a barrier. */
function hasBarrier(node: Expression): boolean {
  let result = barrierCache.get(node);
  if (result === undefined) {
    result = findBarrier(node);
    barrierCache.set(node, result);
  }
  return result;
}

/** Whether a part of the typed program contains a barrier call. */
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

/** Applies `f` component by component; scalars among vectors are repeated. */
function each(args: readonly Value[], f: (x: readonly (number | boolean)[]) => Value): Value {
  const vector = args.find((value) => Array.isArray(value)) as readonly Value[] | undefined;
  if (!vector) return f(args as readonly (number | boolean)[]);
  return vector.map((_, n) =>
    each(
      args.map((value) => (Array.isArray(value) ? value[n]! : value)),
      f,
    ),
  );
}

function unary(operator: '-' | '!' | '~', operand: Value, type: Type): Value {
  const scalar = scalarType(type);
  return each([operand], ([x]) => {
    if (operator === '!') return !x;
    if (operator === '~') return wrapInteger(~(x as number), scalar!);
    return scalar === F32 ? -(x as number) : wrapInteger(-(x as number), scalar!);
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
  const scalar = scalarType(leftType)!;
  return each([left, right], ([a, b]) => {
    if (typeof a === 'boolean' || typeof b === 'boolean')
      return boolBinary(operator, a as boolean, b as boolean);
    const comparison = compare(operator, a!, b!);
    if (comparison !== undefined) return comparison;
    return scalar === F32 ? floatBinary(operator, a!, b!) : integerBinary(operator, a!, b!, scalar);
  });
}

function boolBinary(operator: BinaryOperator, a: boolean, b: boolean): boolean {
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

/** The result of a comparison; `undefined` for other operators. */
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

function floatBinary(operator: BinaryOperator, a: number, b: number): number {
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

/** Wraps an integer to i32 or u32. */
function wrapInteger(value: number, type: Scalar): number {
  return type === I32 ? value | 0 : value >>> 0;
}

function integerBinary(operator: BinaryOperator, a: number, b: number, type: Scalar): number {
  switch (operator) {
    case '+':
      return wrapInteger(a + b, type);
    case '-':
      return wrapInteger(a - b, type);
    case '*':
      return wrapInteger(Math.imul(a, b), type);
    case '/':
      // -2^31 / -1 wraps to -2^31.
      return b === 0 ? a : wrapInteger(Math.trunc(a / b), type);
    case '%':
      return b === 0 ? 0 : wrapInteger(a % b, type);
    case '&':
      return wrapInteger(a & b, type);
    case '|':
      return wrapInteger(a | b, type);
    case '^':
      return wrapInteger(a ^ b, type);
    case '<<':
      return wrapInteger(a << (b % 32), type);
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

/** The dot product of each row with the vector, summed in the order of the columns. */
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
  if (from !== F32) return wrapInteger(number, to);
  // The smallest and the largest f32 that the integer type can represent.
  const [low, high] = to === I32 ? [-(2 ** 31), 2 ** 31 - 2 ** 7] : [0, 2 ** 32 - 2 ** 8];
  // + 0 turns -0 into 0.
  return Number.isNaN(number) ? 0 : Math.min(high, Math.max(low, Math.trunc(number))) + 0;
}

// Builtin functions

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

/** WGSL's min: y if y < x, otherwise x. This also decides between zeros, and with NaN. */
function min(x: number, y: number): number {
  return [x, y][Number(y < x)]!;
}

/** WGSL's max: y if x < y, otherwise x. */
function max(x: number, y: number): number {
  return [x, y][Number(x < y)]!;
}

const clamp = (x: number, low: number, high: number) => min(max(x, low), high);

function roundToEven(x: number): number {
  if (!(Math.abs(x) < 2 ** 23)) return x;
  const shifted = x < 0 ? -(2 ** 52) : 2 ** 52;
  // From 2^52 on, float64 has only integers: the addition rounds, and halves go to even.
  const rounded = x + shifted - shifted;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

const COMPONENTWISE: Readonly<Record<string, (type: Scalar, ...x: number[]) => number>> = {
  abs: (type, x) => (type === F32 ? Math.abs(x!) : wrapInteger(Math.abs(x!), type)),
  ceil: (_, x) => Math.ceil(x!),
  clamp: (_, x, low, high) => clamp(x!, low!, high!),
  countLeadingZeros: (_, x) => Math.clz32(x!),
  countOneBits: (_, x) => (x! >>> 0).toString(2).replaceAll('0', '').length,
  countTrailingZeros: (_, x) => (x === 0 ? 32 : 31 - Math.clz32(x! & -x!)),
  floor: (_, x) => Math.floor(x!),
  fma: (_, x, y, z) => f32(f32(x! * y!) + z!),
  fract: (_, x) => f32(x! - Math.floor(x!)),
  inverseSqrt: (_, x) => f32(1 / f32(Math.sqrt(x!))),
  max: (_, x, y) => max(x!, y!),
  min: (_, x, y) => min(x!, y!),
  mix: (_, x, y, share) => f32(f32(x! * f32(1 - share!)) + f32(y! * share!)),
  round: (_, x) => roundToEven(x!),
  saturate: (_, x) => clamp(x!, 0, 1),
  sign: (_, x) => (x! > 0 ? 1 : x! < 0 ? -1 : 0),
  sqrt: (_, x) => f32(Math.sqrt(x!)),
  step: (_, edge, x) => (edge! <= x! ? 1 : 0),
  trunc: (_, x) => Math.trunc(x!),
};

/** The products of components, summed from the first to the last. */
function dot(type: Scalar, v: Value, w: Value): Value {
  const products = each([v, w], ([a, b]) => binary('*', a!, b!, type, type)) as readonly Value[];
  return products.reduce((sum, product) => binary('+', sum, product, type, type));
}

function length(v: Value): number {
  return Array.isArray(v) ? f32(Math.sqrt(dot(F32, v, v) as number)) : Math.abs(v as number);
}

const subtract = (v: Value, w: Value) => binary('-', v, w, F32, F32);

/** The builtin functions that do not work component by component. */
const VALUE_FUNCTIONS: Readonly<Record<string, (type: Scalar, ...args: Value[]) => Value>> = {
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
  select: (_, whenFalse, whenTrue, condition) => {
    if (!Array.isArray(condition)) return condition ? whenTrue! : whenFalse!;
    return condition.map((c, n) => ((c ? whenTrue : whenFalse) as readonly Value[])[n]!);
  },
  transpose: (_, matrix) =>
    (matrix as Columns)[0]!.map((_, row) => (matrix as Columns).map((column) => column[row]!)),
};
