/**
 * Random valid WGSL compute programs from a seed, with buffers to run them on.
 *
 * An invocation writes only its own slots, and reads the slots of others only between barriers. So
 * the result of a program does not depend on timing. Loops end, since nothing else writes their
 * counters. Barriers are in control flow that is uniform for WGSL's uniformity analysis.
 */

import {
  type ArrayType,
  arrayType,
  BOOL,
  F32,
  I32,
  isHostShareable,
  matrixType,
  pointerType,
  type Scalar,
  type Struct,
  sizeOf,
  strideOf,
  structType,
  type Type,
  typeName,
  U32,
  type Vector,
  vectorType,
} from '../../../src/cpu/wgsl/types.js';
import { ExpressionGenerator, type NamedValue, Scope } from './generate-expression.js';
import { Random } from './random.js';
import { fillWords } from './words.js';

/** A program with its grid and its inputs. */
export interface GeneratedProgram {
  /** The WGSL source. */
  readonly code: string;
  readonly workgroups: readonly [number, number, number];
  /** The words of the buffers, by "group.binding". */
  readonly buffers: Readonly<Record<string, Uint32Array>>;
  readonly immediates?: Uint32Array;
}

/** How to generate a program. */
export interface GeneratorOptions {
  /** Use only what gives the same bits on every WebGPU device. Default: false. */
  readonly isPortable?: boolean;
}

/** Generates the program of a seed. */
export function generateProgram(seed: number, options: GeneratorOptions = {}): GeneratedProgram {
  return new ProgramGenerator(seed, options.isPortable ?? false).program();
}

/** The slots of an invocation in `floats`, and in `words`, for the numbers that it records. */
const RECORDS = 24;
/** About how many statements one invocation may run. */
const MAX_STEPS = 500;
/** About how many statements a function may have after its calls are inlined. */
const MAX_INLINED = 120;
/** The maximum number of scalars in one value. */
const MAX_SCALARS = 24;

interface GeneratedFunction {
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly result: Type | undefined;
  /** About how many statements a call runs. */
  readonly steps: number;
  /** About how many statements it has after its calls are inlined. */
  readonly size: number;
  readonly hasBarrier: boolean;
  /** Whether it, or a function it calls, reads or writes private variables. */
  readonly usesPrivates: boolean;
}

/** What is allowed at a position in a function. */
interface Context {
  /** Whether control flow is uniform within a workgroup, so that a barrier is allowed. */
  readonly isUniform: boolean;
  readonly canReturn: boolean;
  readonly canBreak: boolean;
  readonly canContinue: boolean;
  /** How often a statement here may run in one call of the function. */
  readonly repeats: number;
  readonly depth: number;
}

/** The state of the function that is being generated. */
interface FunctionState {
  readonly result: Type | undefined;
  readonly isEntry: boolean;
  readonly allowsPrivates: boolean;
  hasBarrier: boolean;
  usesPrivates: boolean;
  /** How many more statements it may have. */
  statements: number;
  steps: number;
  size: number;
}

class ProgramGenerator {
  readonly #random: Random;
  readonly #isPortable: boolean;
  readonly #scope = new Scope();
  readonly #expressions: ExpressionGenerator;
  /** Generates the arguments of calls, which contain no calls. */
  readonly #arguments: ExpressionGenerator;
  readonly #structs: Struct[] = [];
  readonly #functions: GeneratedFunction[] = [];
  /** The lines of the module's declarations. */
  readonly #moduleLines: string[] = [];
  readonly #buffers: Record<string, Uint32Array> = {};
  readonly #workgroupSize: readonly [number, number, number];
  readonly #workgroups: readonly [number, number, number];
  readonly #withBarriers: boolean;
  /**
   * The phase between barriers: in 'write', an invocation accesses only its own slots of shared
   * memory; in 'read', it only reads, and may read all slots.
   */
  #phase: 'write' | 'read' = 'write';
  /** The names of shared memory in the phase 'write'. */
  readonly #ownSlots: NamedValue[] = [];
  /** The names of shared memory in the phase 'read'. */
  readonly #allSlots: NamedValue[] = [];
  /** The workgroup variables for broadcasts. */
  #flags: string[] = [];
  #function: FunctionState;
  #immediates: Uint32Array | undefined;
  #nameCount = 0;
  #bindingCount = 0;
  #floatRecords = 0;
  #wordRecords = 0;

  constructor(seed: number, isPortable: boolean) {
    this.#random = new Random(seed);
    this.#isPortable = isPortable;
    const random = this.#random;
    this.#withBarriers = random.chance(0.4);
    this.#workgroupSize = random.pick(
      this.#withBarriers ? BARRIER_SIZES : [...BARRIER_SIZES, ...SINGLE_SIZES],
    );
    this.#workgroups = random.pick(GRIDS);
    this.#function = this.#newFunction(undefined, false, true);
    this.#expressions = new ExpressionGenerator({
      random,
      isPortable,
      names: () => this.#visibleNames(),
      call: (type, depth) => this.#callExpression(type, depth),
    });
    this.#arguments = new ExpressionGenerator({
      random,
      isPortable,
      names: () => this.#visibleNames(),
      call: () => undefined,
    });
  }

  program(): GeneratedProgram {
    const random = this.#random;
    for (let n = random.below(4); n > 0; n--) this.#declareStruct();
    this.#declareGlobals();
    for (let n = random.below(4); n > 0; n--) this.#declareFunction();
    this.#declareEntry();
    return {
      code: `${this.#moduleLines.join('\n')}\n`,
      workgroups: this.#workgroups,
      buffers: this.#buffers,
      ...(this.#immediates && { immediates: this.#immediates }),
    };
  }

  // Names and types

  #newName(prefix: string): string {
    this.#nameCount += 1;
    return `${prefix}_${this.#nameCount}`;
  }

  #visibleNames(): readonly NamedValue[] {
    const { isEntry, hasBarrier, allowsPrivates } = this.#function;
    const usesSharedMemory = isEntry || hasBarrier;
    const slots = this.#phase === 'write' ? this.#ownSlots : this.#allSlots;
    const names = this.#scope.names.filter((n) => allowsPrivates || !n.isPrivate);
    return usesSharedMemory ? [...slots, ...names] : names;
  }

  /** The invocations of a workgroup. */
  get #groupInvocations(): number {
    const [x, y, z] = this.#workgroupSize;
    return x * y * z;
  }

  /** The invocations of the dispatch. */
  get #allInvocations(): number {
    const [x, y, z] = this.#workgroups;
    return this.#groupInvocations * x * y * z;
  }

  #vector(element?: Scalar): Vector {
    const random = this.#random;
    return vectorType(
      random.pick([2, 3, 4, 4]),
      element ?? random.pick([F32, F32, I32, U32, BOOL]),
    );
  }

  /** A random type of at most MAX_SCALARS scalars. */
  #type(depth = 2): Type {
    for (;;) {
      const type = this.#anyType(depth);
      if (scalarCount(type) <= MAX_SCALARS) return type;
    }
  }

  #anyType(depth: number): Type {
    const random = this.#random;
    const choice = random.below(20);
    if (choice < 8) return random.pick([F32, F32, I32, U32, U32, BOOL]);
    if (choice < 14 || depth === 0) return this.#vector();
    if (choice < 17) return arrayType(this.#type(depth - 1), random.between(1, 5));
    if (choice < 18) return matrixType(random.pick([2, 3, 4]), random.pick([2, 3, 4]));
    return this.#structs.length > 0 ? random.pick(this.#structs) : this.#vector();
  }

  /** A random host-shareable type, which a buffer can hold. */
  #shareableType(): Type {
    for (;;) {
      const type = this.#type(1);
      if (isHostShareable(type)) return type;
    }
  }

  #declareStruct(): void {
    const random = this.#random;
    const name = this.#newName('S');
    const isShareable = random.chance(0.6);
    const members = Array.from({ length: random.between(1, 4) }, (_, n) => ({
      name: `m${n}`,
      type: isShareable ? this.#shareableType() : this.#type(1),
    }));
    this.#structs.push(structType(name, members));
    const lines = members.map((m) => `  ${m.name}: ${typeName(m.type)},`);
    this.#moduleLines.push(`struct ${name} {`, ...lines, '}');
  }

  // Module-scope variables

  /** Declares a bound variable and fills its buffer; `typeText` is `type` as WGSL declares it. */
  #bind(space: string, name: string, typeText: string, bytes: number, type: Type): void {
    const group = this.#random.below(2);
    const binding = this.#bindingCount++;
    this.#moduleLines.push(
      `@group(${group}) @binding(${binding}) var<${space}> ${name}: ${typeText};`,
    );
    const words = new Uint32Array(bytes / 4);
    fillWords(words, type, this.#random, this.#isPortable);
    this.#buffers[`${group}.${binding}`] = words;
  }

  /** Declares an array in a storage buffer. */
  #bindArray(access: string, name: string, element: Type, count: number): void {
    const type = arrayType(element, undefined);
    const bytes = count * strideOf(type);
    this.#bind(`storage, ${access}`, name, `array<${typeName(element)}>`, bytes, type);
  }

  #declareGlobals(): void {
    const random = this.#random;
    const declare = (named: NamedValue) => this.#scope.declare(named);
    for (const type of [F32, I32, U32]) {
      const count = random.between(4, 16);
      const name = `input_${type.name}`;
      this.#bindArray('read', name, type, count);
      declare({ text: name, type, elements: { count } });
      declare({ text: `arrayLength(&${name})`, type: U32 });
    }
    if (random.chance(0.6)) this.#declareInput();
    this.#declareUniforms();
    if (!this.#isPortable && random.chance(0.4)) this.#declareImmediates();
    this.#bindArray('read_write', 'floats', F32, RECORDS * this.#allInvocations);
    this.#bindArray('read_write', 'words', U32, RECORDS * this.#allInvocations);
    this.#moduleLines.push('var<private> invocation: u32;', 'var<private> lane: u32;');
    declare({ text: 'invocation', type: U32 });
    declare({ text: 'lane', type: U32, below: this.#groupInvocations });
    if (random.chance(0.6)) this.#declareOutput();
    for (let n = random.below(3); n > 0; n--) this.#declarePrivate();
    if (this.#withBarriers) this.#declareWorkgroupMemory();
  }

  #declareInput(): void {
    const random = this.#random;
    const type = this.#shareableType();
    const count = random.between(1, 6);
    if (random.chance(0.6)) {
      this.#bindArray('read', 'input', type, count);
      this.#scope.declare({ text: 'input', type, elements: { count } });
      return;
    }
    const head = this.#shareableType();
    const name = this.#newName('S');
    const tail = arrayType(type, undefined);
    this.#moduleLines.push(
      `struct ${name} {`,
      `  head: ${typeName(head)},`,
      `  tail: ${typeName(tail)},`,
      '}',
    );
    const struct = structType(name, [
      { name: 'head', type: head },
      { name: 'tail', type: tail },
    ]);
    const end = struct.members[1]!.offset + count * strideOf(tail);
    const bytes = Math.ceil(end / struct.align) * struct.align;
    this.#bind('storage, read', 'input', name, bytes, struct);
    this.#scope.declare({ text: 'input.head', type: head });
    this.#scope.declare({ text: 'input.tail', type, elements: { count } });
    this.#scope.declare({ text: 'arrayLength(&input.tail)', type: U32 });
  }

  #declareUniforms(): void {
    const random = this.#random;
    const choices: Type[] = [F32, I32, U32, vectorType(2, I32), vectorType(3, F32)];
    choices.push(vectorType(4, F32), vectorType(4, U32), matrixType(4, 4));
    choices.push(arrayType(vectorType(4, F32), random.between(1, 4)));
    const members = [F32, I32, U32, ...random.shuffled(choices).slice(0, random.below(5))];
    this.#declareSettings('uniform', 'params', members);
  }

  #declareImmediates(): void {
    const members = [
      U32,
      F32,
      ...this.#random.shuffled([I32, vectorType(4, F32), vectorType(2, U32)]),
    ];
    this.#declareSettings('immediate', 'immediates', members.slice(0, 4));
  }

  /** Declares a read-only struct with the same values for all invocations. */
  #declareSettings(space: 'uniform' | 'immediate', name: string, types: readonly Type[]): void {
    const struct = this.#newName('S');
    const members = this.#random.shuffled(types).map((type, n) => ({ name: `m${n}`, type }));
    const type = structType(struct, members);
    const lines = members.map((m) => `  ${m.name}: ${typeName(m.type)},`);
    this.#moduleLines.push(`struct ${struct} {`, ...lines, '}');
    if (space === 'uniform') this.#bind('uniform', name, struct, sizeOf(type), type);
    else {
      this.#moduleLines.push(`var<immediate> ${name}: ${struct};`);
      this.#immediates = new Uint32Array(sizeOf(type) / 4);
      fillWords(this.#immediates, type, this.#random, this.#isPortable);
    }
    this.#scope.declare({ text: name, type, isUniform: true });
  }

  /** Declares a buffer in which every invocation has its own slots to read and write. */
  #declareOutput(): void {
    const random = this.#random;
    const type = this.#shareableType();
    const count = random.between(1, 3);
    this.#bindArray('read_write', 'output', type, count * this.#allInvocations);
    const from = `invocation * ${count}u`;
    this.#scope.declare({ text: 'output', type, isWritable: true, elements: { count, from } });
  }

  #declarePrivate(): void {
    const random = this.#random;
    const name = this.#newName('private');
    const type = this.#type();
    const value = random.chance(0.5) ? ` = ${this.#expressions.literal(type)}` : '';
    this.#moduleLines.push(`var<private> ${name}: ${typeName(type)}${value};`);
    const named = { text: name, type, isWritable: true, isPrivate: true };
    this.#scope.declare({ ...named, pointable: 'private' });
  }

  #declareWorkgroupMemory(): void {
    const random = this.#random;
    const count = this.#groupInvocations;
    for (let n = random.between(1, 2); n > 0; n--) {
      const name = this.#newName('shared');
      const type = this.#type(1);
      this.#moduleLines.push(`var<workgroup> ${name}: array<${typeName(type)}, ${count}>;`);
      this.#ownSlots.push({ text: `${name}[lane]`, type, isWritable: true });
      this.#allSlots.push({ text: name, type: arrayType(type, count) });
    }
    if (random.chance(0.5)) {
      const type = this.#shareableType();
      this.#bindArray('read_write', 'exchange', type, this.#allInvocations);
      this.#ownSlots.push({ text: 'exchange[invocation]', type, isWritable: true });
      const elements = { count, from: '(invocation - lane)' };
      this.#allSlots.push({ text: 'exchange', type, elements });
    }
    this.#flags = Array.from({ length: random.below(3) }, () => this.#newName('flag'));
    for (const flag of this.#flags) this.#moduleLines.push(`var<workgroup> ${flag}: u32;`);
  }

  // Functions

  #newFunction(result: Type | undefined, isEntry: boolean, allowsPrivates: boolean): FunctionState {
    return {
      result,
      isEntry,
      allowsPrivates,
      hasBarrier: false,
      usesPrivates: false,
      statements: 0,
      steps: 0,
      size: 0,
    };
  }

  #declareFunction(): void {
    const random = this.#random;
    const name = this.#newName('f');
    const result = random.chance(0.8) ? this.#type(1) : undefined;
    const parameters = Array.from({ length: random.below(4) }, () => this.#parameterType());
    const hasPrivatePointer = parameters.some((p) => p.kind === 'pointer' && p.space === 'private');
    this.#function = this.#newFunction(result, false, !hasPrivatePointer);
    const isUniform = this.#withBarriers && !hasPrivatePointer && random.chance(0.4);
    this.#function.hasBarrier = isUniform;
    const names = parameters.map(() => this.#newName('p'));
    const body = this.#scope.inside(() => {
      for (const [n, type] of parameters.entries()) this.#declareParameter(names[n]!, type);
      this.#function.statements = random.between(1, 10);
      const context = { ...FUNCTION_START, isUniform, canReturn: true };
      const lines = this.#statements(context, random.between(1, 5));
      if (result) lines.push(`return ${this.#expressions.any(result)};`);
      return lines;
    });
    const list = parameters.map((type, n) => `${names[n]}: ${typeName(type)}`).join(', ');
    const arrow = result ? ` -> ${typeName(result)}` : '';
    this.#moduleLines.push(`fn ${name}(${list})${arrow} {`, ...indented(body), '}');
    const { steps, size } = this.#function;
    const usesPrivates =
      this.#function.usesPrivates || body.some((line) => line.includes('private_'));
    this.#functions.push({
      name,
      parameters,
      result,
      steps: steps + 1,
      size: size + 1,
      hasBarrier: isUniform,
      usesPrivates,
    });
  }

  #parameterType(): Type {
    const random = this.#random;
    const type = this.#type(1);
    if (random.chance(0.7)) return type;
    const privates = this.#scope.names.filter((n) => n.isPrivate);
    if (privates.length > 0 && random.chance(0.3))
      return pointerType('private', random.pick(privates).type, 'read_write');
    return pointerType('function', type, 'read_write');
  }

  #declareParameter(name: string, type: Type): void {
    if (type.kind !== 'pointer') {
      this.#scope.declare({ text: name, type });
      return;
    }
    const pointable = type.space === 'private' ? 'private' : 'function';
    this.#scope.declare({ text: `(*${name})`, type: type.target, isWritable: true, pointable });
  }

  #declareEntry(): void {
    const random = this.#random;
    const [x, y, z] = this.#workgroupSize;
    this.#function = this.#newFunction(undefined, true, true);
    this.#function.statements = random.chance(0.15)
      ? random.between(12, 24)
      : random.between(3, 11);
    const isStruct = random.chance(0.3);
    const inputs = INPUTS.map(([builtin, name, type]) => ({
      attribute: `@builtin(${builtin})`,
      name,
      type,
      // Tint treats a struct as non-uniform if one of its members is.
      isUniform: !isStruct && (builtin === 'workgroup_id' || builtin === 'num_workgroups'),
    }));
    const prefix = isStruct ? 'inputs.' : '';
    const fields = random
      .shuffled(inputs)
      .map((i) => `${i.attribute} ${i.name}: ${typeName(i.type)}`);
    if (isStruct)
      this.#moduleLines.push('struct Inputs {', ...fields.map((field) => `  ${field},`), '}');
    const body = this.#scope.inside(() => {
      for (const { name, type, isUniform } of inputs)
        this.#scope.declare({ text: `${prefix}${name}`, type, isUniform });
      const group = `${prefix}group`;
      const groups = `${prefix}groups`;
      const lines = [
        `lane = ${prefix}index;`,
        `invocation = (${group}.x + ${groups}.x * (${group}.y + ${groups}.y * ${group}.z)) * ${x * y * z}u + lane;`,
      ];
      const context = { ...FUNCTION_START, isUniform: this.#withBarriers, canReturn: true };
      lines.push(...this.#statements(context, 40));
      lines.push(...this.#recordEachType());
      return lines;
    });
    const size = [x, y, z].slice(0, z > 1 ? 3 : y > 1 ? 2 : random.between(1, 3));
    const parameters = isStruct ? 'inputs: Inputs' : fields.join(', ');
    this.#moduleLines.push(
      `@compute @workgroup_size(${size.join(', ')})`,
      `fn main(${parameters}) {`,
      ...indented(body),
      '}',
    );
  }

  /** Records numbers of all types at the end of the entry point. */
  #recordEachType(): string[] {
    const types = [F32, F32, F32, I32, I32, U32, U32, BOOL];
    return types.flatMap((type) => this.#record(type));
  }

  /** Writes a number to a slot that nothing else writes. */
  #record(type: Scalar): string[] {
    const value = this.#expressions.runtime(type, 1);
    if (type === F32) {
      if (this.#floatRecords >= RECORDS) return [];
      return [`floats[invocation * ${RECORDS}u + ${this.#floatRecords++}u] = ${value};`];
    }
    if (this.#wordRecords >= RECORDS) return [];
    return [`words[invocation * ${RECORDS}u + ${this.#wordRecords++}u] = u32(${value});`];
  }

  // Calls

  /** A call without barriers as part of an expression; `undefined` where there is none. */
  #callExpression(type: Type, depth: number): string | undefined {
    const candidates = this.#functions.filter((f) => f.result === type && !f.hasBarrier);
    return candidates.length > 0 ? this.#call(this.#random.pick(candidates), depth, 1) : undefined;
  }

  /**
   * A call with random arguments; `undefined` where it would exceed a limit or no variable in scope
   * fits a pointer parameter.
   */
  #call(callee: GeneratedFunction, depth: number, repeats: number): string | undefined {
    const caller = this.#function;
    if (caller.size + callee.size > MAX_INLINED) return undefined;
    if (caller.steps + callee.steps * repeats > MAX_STEPS) return undefined;
    if (callee.usesPrivates && !caller.allowsPrivates) return undefined;
    const pointedTo = new Set<string>();
    const args: string[] = [];
    for (const type of callee.parameters) {
      const argument = this.#argument(type, depth, pointedTo);
      if (argument === undefined) return undefined;
      args.push(argument);
    }
    caller.size += callee.size;
    caller.steps += callee.steps * repeats;
    caller.usesPrivates ||= callee.usesPrivates;
    return `${callee.name}(${args.join(', ')})`;
  }

  /** An argument of a call; a pointer must not alias those in `pointedTo`. */
  #argument(type: Type, depth: number, pointedTo: Set<string>): string | undefined {
    if (type.kind !== 'pointer') return this.#arguments.any(type, Math.min(depth, 2));
    const { space, target } = type;
    const names = this.#visibleNames().filter(
      (n) => n.pointable === space && n.type === target && !pointedTo.has(n.text),
    );
    if (names.length === 0) return undefined;
    const { text } = this.#random.pick(names);
    pointedTo.add(text);
    // A pointer parameter is passed on without taking an address.
    return text.startsWith('(*') ? text.slice(2, -1) : `&${text}`;
  }

  #callStatement(context: Context): string[] {
    const random = this.#random;
    const candidates = this.#functions.filter((f) => !f.hasBarrier || this.#allowsBarrier(context));
    if (candidates.length === 0) return [];
    const callee = random.pick(candidates);
    const declarations: string[] = [];
    for (const type of callee.parameters)
      if (type.kind === 'pointer' && type.space === 'function')
        declarations.push(...this.#declareVariable(type.target));
    const call = this.#call(callee, 2, context.repeats);
    if (!call) return declarations;
    if (!callee.result) return [...declarations, `${call};`];
    if (random.chance(0.3))
      return [...declarations, random.chance(0.5) ? `_ = ${call};` : `${call};`];
    const name = this.#newName('v');
    this.#scope.declare({ text: name, type: callee.result });
    return [...declarations, `let ${name} = ${call};`];
  }

  #allowsBarrier({ isUniform }: Context): boolean {
    return isUniform && this.#phase === 'write';
  }

  // Statements

  #statements(context: Context, count: number): string[] {
    const lines: string[] = [];
    for (let n = 0; n < count && this.#function.statements > 0; n++)
      lines.push(...this.#statement(context));
    return lines;
  }

  /** Statements in a new scope. */
  #block(context: Context): string[] {
    const inner = { ...context, depth: context.depth + 1 };
    return this.#scope.inside(() => {
      const lines = this.#statements(inner, this.#random.between(1, 4));
      if (this.#random.chance(0.15)) lines.push(...this.#exit(inner));
      return lines;
    });
  }

  #statement(context: Context): string[] {
    const fn = this.#function;
    fn.statements -= 1;
    fn.steps += context.repeats;
    fn.size += 1;
    const choices: [number, () => string[]][] = [
      [4, () => this.#declareValue()],
      [4, () => this.#declareVariable()],
      [6, () => this.#assignment()],
      [2, () => this.#record(this.#random.pick([F32, I32, U32, BOOL]))],
      [1, () => [`_ = ${this.#expressions.any(this.#type(1))};`]],
      [1, () => this.#declareConstant()],
      [1, () => this.#pointer()],
      [2, () => this.#callStatement(context)],
    ];
    if (context.depth < 4)
      choices.push(
        [3, () => this.#if(context)],
        [2, () => this.#switch(context)],
        [4, () => this.#loop(context)],
        [1, () => ['{', ...indented(this.#block(context)), '}']],
      );
    if (context.depth > 0) choices.push([1, () => this.#exitIf(context)]);
    if (this.#allowsBarrier(context)) choices.push([5, () => this.#barrierPhase(context)]);
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let remaining = this.#random.below(total);
    for (const [weight, generate] of choices) {
      if (remaining < weight) return generate();
      remaining -= weight;
    }
    return [];
  }

  #declareValue(): string[] {
    const random = this.#random;
    const type = this.#type();
    const name = this.#newName('v');
    const value = this.#expressions.any(type);
    this.#scope.declare({ text: name, type });
    return [`let ${name}${random.chance(0.3) ? `: ${typeName(type)}` : ''} = ${value};`];
  }

  #declareVariable(type: Type = this.#type()): string[] {
    const random = this.#random;
    const name = this.#newName('x');
    const form = random.below(3);
    const value = form === 0 ? '' : ` = ${this.#expressions.any(type)}`;
    const annotation = form === 2 ? '' : `: ${typeName(type)}`;
    this.#scope.declare({ text: name, type, isWritable: true, pointable: 'function' });
    return [`var ${name}${annotation}${value};`];
  }

  #declareConstant(): string[] {
    const random = this.#random;
    const name = this.#newName('c');
    if (random.chance(0.4))
      return [`const ${name} = ${this.#expressions.literal(this.#vector())};`];
    const value = random.below(5);
    const type = random.pick([I32, U32]);
    this.#scope.declare({ text: name, type, isConstant: true, below: value + 1 });
    return [`const ${name} = ${value}${type === U32 ? 'u' : ''};`];
  }

  #assignment(): string[] {
    const random = this.#random;
    const target = this.#expressions.assignmentTarget();
    if (!target) return this.#declareVariable();
    const { text, type } = target;
    const scalar =
      type.kind === 'scalar' ? type : type.kind === 'vector' ? type.element : undefined;
    const isInteger = scalar === I32 || scalar === U32;
    if (type.kind === 'scalar' && isInteger && random.chance(0.15))
      return [`${text}${random.pick(['++', '--'])};`];
    if (scalar && scalar !== BOOL && random.chance(0.35) && (isInteger || !this.#isPortable)) {
      if (isInteger && random.chance(0.25)) {
        const amount = type.kind === 'scalar' ? U32 : vectorType((type as Vector).size, U32);
        return [`${text} ${random.pick(['<<', '>>'])}= ${this.#expressions.runtime(amount, 2)};`];
      }
      const operators = isInteger
        ? ['+', '-', '*', '/', '%', '&', '|', '^']
        : ['+', '-', '*', '/', '%'];
      const operator = random.pick(operators);
      const isMixed = type.kind === 'vector' && random.chance(0.3) && !'&|^'.includes(operator);
      return [`${text} ${operator}= ${this.#expressions.runtime(isMixed ? scalar : type, 2)};`];
    }
    return [`${text} = ${this.#expressions.any(type)};`];
  }

  /** Declares a pointer to a local variable or to a part of one. */
  #pointer(): string[] {
    const random = this.#random;
    const names = this.#scope.names.filter((n) => n.pointable === 'function');
    if (names.length === 0) return this.#declareVariable();
    const { text, type } = random.pick(names);
    const name = this.#newName('q');
    if (type.kind === 'array' || type.kind === 'struct') {
      const index = type.kind === 'array' ? this.#expressions.index(type.count!) : '';
      const member = type.kind === 'struct' ? random.pick(type.members) : undefined;
      const part = member ? `.${member.name}` : `[${index}]`;
      const target = member ? member.type : (type as Extract<Type, { kind: 'array' }>).element;
      this.#scope.declare({ text: `(*${name})`, type: target, isWritable: true });
      return [`let ${name} = &${text}${part};`];
    }
    this.#scope.declare({ text: `(*${name})`, type, isWritable: true });
    return [`let ${name} = &${text};`];
  }

  // Exits

  /** A statement that exits the block: break, continue or return. */
  #exit(context: Context): string[] {
    const { result, isEntry } = this.#function;
    const exits: (() => string)[] = [];
    if (context.canBreak) exits.push(() => 'break;');
    if (context.canContinue) exits.push(() => 'continue;');
    if (context.canReturn && !(isEntry && this.#random.chance(0.7)))
      exits.push(() => (result ? `return ${this.#expressions.any(result, 2)};` : 'return;'));
    return exits.length > 0 ? [this.#random.pick(exits)()] : [];
  }

  #exitIf(context: Context): string[] {
    const exit = this.#exit(context);
    if (exit.length === 0) return this.#assignment();
    return [`if ${this.#condition(context)} {`, ...indented(exit), '}'];
  }

  /** A condition; a uniform one where control flow must stay uniform. */
  #condition({ isUniform }: Context): string {
    const text = isUniform ? this.#expressions.uniform(BOOL) : this.#expressions.runtime(BOOL, 2);
    return this.#random.chance(0.5) ? `(${text})` : text;
  }

  /**
   * The context within a branch. In uniform control flow, the branch is either uniform too, or must
   * not exit, so that control flow after it is uniform again.
   */
  #branch(context: Context): Context {
    if (!context.isUniform || this.#random.chance(0.5)) return context;
    return { ...context, isUniform: false, canReturn: false, canBreak: false, canContinue: false };
  }

  // Branches

  #if(context: Context): string[] {
    const random = this.#random;
    const inner = this.#branch(context);
    const lines = [`if ${this.#condition(inner)} {`, ...indented(this.#block(inner))];
    while (random.chance(0.25))
      lines.push(`} else if ${this.#condition(inner)} {`, ...indented(this.#block(inner)));
    if (random.chance(0.5)) lines.push('} else {', ...indented(this.#block(inner)));
    return [...lines, '}'];
  }

  #switch(context: Context): string[] {
    const random = this.#random;
    const outer = this.#branch(context);
    const type = random.pick([I32, U32]);
    const suffix = type === U32 ? 'u' : random.pick(['', 'i']);
    const value = outer.isUniform
      ? this.#expressions.uniform(type)
      : this.#expressions.runtime(type, 2);
    const selector = random.chance(0.8) ? `${value} % 5${suffix}` : value;
    const inner = { ...outer, canBreak: true };
    const values = random.shuffled([0, 1, 2, 3, 4, 5, 77]);
    const count = random.between(1, 4);
    const defaultIndex = random.below(count);
    const lines = [`switch ${selector} {`];
    for (let n = 0; n < count; n++) {
      const selectors = values.splice(0, random.between(1, 2)).map((v) => `${v}${suffix}`);
      if (n === defaultIndex && random.chance(0.5)) selectors.splice(random.below(2), 0, 'default');
      const isDefault = n === defaultIndex && !selectors.includes('default');
      const head = isDefault ? 'default' : `case ${selectors.join(', ')}`;
      lines.push(
        `  ${head}${random.pick([':', ''])} {`,
        ...indented(indented(this.#block(inner))),
        '  }',
      );
    }
    return [...lines, '}'];
  }

  // Loops

  #loop(context: Context): string[] {
    const random = this.#random;
    const maxIterations = random.between(1, 6);
    if (context.repeats * maxIterations > 60) return this.#assignment();
    const outer = this.#branch(context);
    // An iteration may exit while it reads the slots of others. Then the next iteration, and the
    // code after the loop, must begin with a barrier.
    const exitsWhileReading = this.#allowsBarrier(outer) && random.chance(0.4);
    const inner: Context = {
      ...outer,
      canReturn: outer.canReturn,
      canBreak: true,
      canContinue: true,
      repeats: context.repeats * maxIterations,
    };
    const form = random.pick(LOOP_FORMS);
    const lines = this.#scope.inside(() =>
      this.#loopLines(form, inner, maxIterations, exitsWhileReading),
    );
    return exitsWhileReading ? [...lines, ...this.#barrier()] : lines;
  }

  #loopLines(
    form: LoopForm,
    context: Context,
    maxIterations: number,
    exitsWhileReading: boolean,
  ): string[] {
    const random = this.#random;
    const { isUniform } = context;
    const type = random.pick([I32, U32]);
    const suffix = type === U32 ? 'u' : random.pick(['', 'i']);
    const counter = this.#newName('i');
    const isBoundConstant = random.chance(0.6);
    const before: string[] = [];
    let bound = `${maxIterations}${suffix}`;
    if (!isBoundConstant) {
      const value = isUniform ? this.#expressions.uniform(U32) : this.#expressions.runtime(U32, 1);
      bound = this.#newName('n');
      before.push(`let ${bound} = ${typeName(type)}(${value} % ${maxIterations + 1}u);`);
    }
    const start = `var ${counter} = 0${type === U32 ? 'u' : 'i'};`;
    const named = { text: counter, type, isUniform };
    const declareCounter = () => this.#scope.declare({ ...named, below: maxIterations });
    const body = (firstLines: readonly string[] = []): string[] => {
      const barrier = exitsWhileReading ? this.#barrier() : [];
      return [...firstLines, ...barrier, ...this.#iteration(context, exitsWhileReading)];
    };
    const exit = [`if (${counter} >= ${bound}) {`, '  break;', '}'];
    const step = random.pick([
      `${counter}++`,
      `${counter} += 1${suffix}`,
      `${counter} = ${counter} + 1${suffix}`,
    ]);
    switch (form) {
      case 'for':
        declareCounter();
        return [
          ...before,
          `for (${start.slice(0, -1)}; ${counter} < ${bound}; ${step}) {`,
          ...indented(body()),
          '}',
        ];
      case 'for down':
        this.#scope.declare({ ...named, type: I32, below: maxIterations });
        return [
          ...before,
          `for (var ${counter} = i32(${bound}) - 1; ${counter} >= 0; ${counter}--) {`,
          ...indented(body()),
          '}',
        ];
      case 'for doubled':
        this.#scope.declare({ ...named, type: U32, below: 2 ** maxIterations });
        return [
          `for (var ${counter} = 1u; ${counter} < ${2 ** maxIterations}u; ${counter} <<= 1u) {`,
          ...indented(body()),
          '}',
        ];
      case 'for changed': {
        this.#scope.declare(named);
        const condition = this.#condition(context);
        const change = [`if ${condition} {`, `  ${counter} += 1${suffix};`, '}'];
        return [
          ...before,
          `for (${start.slice(0, -1)}; ${counter} < ${bound}; ${step}) {`,
          ...indented(body(change)),
          '}',
        ];
      }
      case 'for empty':
        this.#scope.declare(named);
        return [...before, start, 'for (;;) {', ...indented(body([...exit, `${step};`])), '}'];
      case 'while':
        this.#scope.declare(named);
        return [
          ...before,
          start,
          `while (${counter} < ${bound}) {`,
          ...indented(body([`${step};`])),
          '}',
        ];
      case 'loop': {
        this.#scope.declare({ ...named, below: maxIterations });
        const iteration = body(exit);
        return [
          ...before,
          start,
          'loop {',
          ...indented([
            ...iteration,
            'continuing {',
            ...indented([...this.#continuing(exitsWhileReading), `${step};`]),
            '}',
          ]),
          '}',
        ];
      }
      case 'break if': {
        this.#scope.declare({ ...named, below: maxIterations });
        const iteration = body();
        return [
          ...before,
          start,
          'loop {',
          ...indented([
            ...iteration,
            'continuing {',
            ...indented([
              ...this.#continuing(exitsWhileReading),
              `${step};`,
              `break if ${counter} >= ${bound};`,
            ]),
            '}',
          ]),
          '}',
        ];
      }
    }
  }

  /**
   * Statements for a continuing block, before the counter changes; they use no name of the body.
   * Other invocations may still be reading where an iteration exits while it reads.
   */
  #continuing(exitsWhileReading: boolean): string[] {
    if (this.#random.chance(0.6)) return [];
    this.#phase = exitsWhileReading ? 'read' : this.#phase;
    const lines = this.#scope.inside(() => this.#assignment());
    if (exitsWhileReading) this.#phase = 'write';
    return lines;
  }

  #iteration(context: Context, exitsWhileReading: boolean): string[] {
    const inner = { ...context, depth: context.depth + 1 };
    return this.#scope.inside(() => {
      const lines = this.#statements(inner, this.#random.between(1, 5));
      if (exitsWhileReading) {
        lines.push(...this.#barrier(), ...this.#readStatements(inner));
        lines.push(...this.#exitIf({ ...inner, canReturn: false }), ...this.#barrier());
      } else if (this.#random.chance(0.1)) lines.push(...this.#exit(inner));
      return lines;
    });
  }

  // Barriers

  #barrier(): string[] {
    this.#function.hasBarrier = true;
    const hasExchange = this.#ownSlots.some((n) => n.text.startsWith('exchange'));
    const barriers = hasExchange
      ? ['storageBarrier();', 'workgroupBarrier();']
      : ['workgroupBarrier();'];
    return this.#random.shuffled(barriers);
  }

  /** Statements that read the slots of all invocations; they exit only by a return of the entry. */
  #readStatements(context: Context): string[] {
    const canReturn = context.canReturn && this.#function.isEntry;
    const inner = { ...context, canReturn, canBreak: false, canContinue: false };
    this.#phase = 'read';
    const slot = this.#random.pick(this.#allSlots);
    const type = slot.elements ? slot.type : (slot.type as ArrayType).element;
    const name = this.#newName('v');
    const lines = [`let ${name} = ${this.#expressions.element(slot)};`];
    this.#scope.declare({ text: name, type });
    lines.push(...this.#statements(inner, this.#random.between(1, 4)));
    this.#phase = 'write';
    return lines;
  }

  /** Writes, a barrier, reads and a barrier; or a broadcast. */
  #barrierPhase(context: Context): string[] {
    if (this.#flags.length > 0 && this.#random.chance(0.4)) return this.#broadcast();
    const writes = this.#statements(context, this.#random.between(0, 2));
    const { text, type } = this.#random.pick(this.#ownSlots);
    writes.push(`${text} = ${this.#expressions.any(type)};`);
    const reads = this.#scope.inside(() => [...this.#barrier(), ...this.#readStatements(context)]);
    return [...writes, ...reads, ...this.#barrier()];
  }

  /** Sends a value from one invocation to all of the workgroup. */
  #broadcast(): string[] {
    const random = this.#random;
    const flag = random.pick(this.#flags);
    const name = this.#newName('u');
    const lines = [
      `if (lane == ${random.below(this.#groupInvocations)}u) {`,
      `  ${flag} = ${this.#expressions.any(U32)};`,
      '}',
      `let ${name} = workgroupUniformLoad(&${flag});`,
    ];
    this.#function.hasBarrier = true;
    this.#scope.declare({ text: name, type: U32, isUniform: true });
    return lines;
  }
}

const FUNCTION_START: Context = {
  isUniform: false,
  canReturn: false,
  canBreak: false,
  canContinue: false,
  repeats: 1,
  depth: 0,
};

/** The number of scalars in a value of a type. */
function scalarCount(type: Type): number {
  switch (type.kind) {
    case 'vector':
      return type.size;
    case 'matrix':
      return type.columns * type.rows;
    case 'array':
      return type.count! * scalarCount(type.element);
    case 'struct':
      return type.members.reduce((sum, m) => sum + scalarCount(m.type), 0);
    default:
      return 1;
  }
}

/** Workgroup sizes of more than one invocation. */
const BARRIER_SIZES = [
  [2, 1, 1],
  [5, 1, 1],
  [8, 1, 1],
  [3, 2, 1],
  [2, 2, 2],
  [1, 1, 4],
] as const;
const SINGLE_SIZES = [
  [1, 1, 1],
  [1, 1, 1],
  [1, 3, 1],
] as const;
const GRIDS = [
  [1, 1, 1],
  [2, 1, 1],
  [3, 1, 1],
  [2, 2, 1],
  [1, 2, 2],
] as const;

const LOOP_FORMS = [
  'for',
  'for',
  'for',
  'for down',
  'for doubled',
  'for changed',
  'for empty',
  'while',
  'loop',
  'break if',
] as const;
type LoopForm = (typeof LOOP_FORMS)[number];

const INPUTS = [
  ['workgroup_id', 'group', vectorType(3, U32)],
  ['num_workgroups', 'groups', vectorType(3, U32)],
  ['local_invocation_id', 'local', vectorType(3, U32)],
  ['global_invocation_id', 'global', vectorType(3, U32)],
  ['local_invocation_index', 'index', U32],
] as const;

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
