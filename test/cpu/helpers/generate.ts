/**
 * Random valid WGSL compute programs, by seed, with buffers to run them on.
 *
 * Every invocation writes only slots of its own, and reads those of others only between barriers, so that a program has
 * one result. Loops end: what counts their turns is set by nothing else. Barriers stand in control flow that is the same
 * for all invocations of a workgroup, and that WGSL's uniformity analysis can see to be.
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
import { ExpressionGenerator, type Named, Scope } from './generate-expression.js';
import { Random } from './random.js';
import { fillWords } from './words.js';

/** A program, and what it runs on. */
export interface GeneratedProgram {
  readonly code: string;
  readonly workgroups: readonly [number, number, number];
  /** By "group.binding". */
  readonly buffers: Readonly<Record<string, Uint32Array>>;
  readonly immediates?: Uint32Array;
}

export interface GeneratorOptions {
  /** Only what every WebGPU device must compute to the same bits. */
  readonly isPortable?: boolean;
}

/** The program of a seed. */
export function generateProgram(seed: number, options: GeneratorOptions = {}): GeneratedProgram {
  return new ProgramGenerator(seed, options.isPortable ?? false).program();
}

/** Slots of an invocation for the numbers that it records. */
const RECORDS = 24;
/** Statements that one invocation runs at most, about; and those that calls may add where they are put in place. */
const MAX_STEPS = 500;
const MAX_INLINED = 120;
/** Scalars in one value at most. */
const MAX_SCALARS = 24;

interface GeneratedFunction {
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly result: Type | undefined;
  /** Statements that a call runs, and of which it consists, about. */
  readonly steps: number;
  readonly size: number;
  readonly hasBarrier: boolean;
  /** Whether it reads or writes private variables, also through others. */
  readonly usesPrivates: boolean;
}

/** What may stand at a place in a function. */
interface Context {
  /** Whether all invocations of a workgroup come here together, so that a barrier may stand here. */
  readonly isUniform: boolean;
  readonly canReturn: boolean;
  readonly canBreak: boolean;
  readonly canContinue: boolean;
  /** How often what stands here may run, in one call of the function. */
  readonly repeats: number;
  readonly depth: number;
}

/** What is known of the function being generated. */
interface Open {
  readonly result: Type | undefined;
  readonly isEntry: boolean;
  readonly allowsPrivates: boolean;
  hasBarrier: boolean;
  usesPrivates: boolean;
  statements: number;
  steps: number;
  size: number;
}

class ProgramGenerator {
  readonly #random: Random;
  readonly #isPortable: boolean;
  readonly #scope = new Scope();
  readonly #expressions: ExpressionGenerator;
  /** Makes expressions without calls. */
  readonly #arguments: ExpressionGenerator;
  readonly #structs: Struct[] = [];
  readonly #functions: GeneratedFunction[] = [];
  readonly #module: string[] = [];
  readonly #buffers: Record<string, Uint32Array> = {};
  readonly #workgroupSize: readonly [number, number, number];
  readonly #workgroups: readonly [number, number, number];
  readonly #withBarriers: boolean;
  /** Whether memory of the workgroup is read now, or written: each invocation its own slots. */
  #memory: 'written' | 'read' = 'written';
  /** Names of workgroup memory while it is written, and while it is read. */
  readonly #ownSlots: Named[] = [];
  readonly #allSlots: Named[] = [];
  #flags: string[] = [];
  #function: Open;
  #immediates: Uint32Array | undefined;
  #names = 0;
  #bindings = 0;
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
    this.#function = this.#opened(undefined, false, true);
    this.#expressions = new ExpressionGenerator({
      random,
      isPortable,
      names: () => this.#visible(),
      call: (type, depth) => this.#callExpression(type, depth),
    });
    this.#arguments = new ExpressionGenerator({
      random,
      isPortable,
      names: () => this.#visible(),
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
      code: `${this.#module.join('\n')}\n`,
      workgroups: this.#workgroups,
      buffers: this.#buffers,
      ...(this.#immediates && { immediates: this.#immediates }),
    };
  }

  // Names and types

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}_${this.#names}`;
  }

  #visible(): readonly Named[] {
    const { isEntry, hasBarrier, allowsPrivates } = this.#function;
    const knowsMemory = isEntry || hasBarrier;
    const slots = this.#memory === 'written' ? this.#ownSlots : this.#allSlots;
    const names = this.#scope.names.filter((n) => allowsPrivates || !n.isPrivate);
    return knowsMemory ? [...slots, ...names] : names;
  }

  get #invocations(): number {
    const [x, y, z] = this.#workgroupSize;
    return x * y * z;
  }

  get #allInvocations(): number {
    const [x, y, z] = this.#workgroups;
    return this.#invocations * x * y * z;
  }

  #vector(element?: Scalar): Vector {
    const random = this.#random;
    return vectorType(
      random.pick([2, 3, 4, 4]),
      element ?? random.pick([F32, F32, I32, U32, BOOL]),
    );
  }

  /** A type of a few scalars. */
  #type(depth = 2): Type {
    for (;;) {
      const type = this.#anyType(depth);
      if (scalarCount(type) <= MAX_SCALARS) return type;
    }
  }

  #anyType(depth: number): Type {
    const random = this.#random;
    const at = random.below(20);
    if (at < 8) return random.pick([F32, F32, I32, U32, U32, BOOL]);
    if (at < 14 || depth === 0) return this.#vector();
    if (at < 17) return arrayType(this.#type(depth - 1), random.between(1, 5));
    if (at < 18) return matrixType(random.pick([2, 3, 4]), random.pick([2, 3, 4]));
    return this.#structs.length > 0 ? random.pick(this.#structs) : this.#vector();
  }

  /** A type that a buffer can hold. */
  #sharedType(): Type {
    for (;;) {
      const type = this.#type(1);
      if (isHostShareable(type)) return type;
    }
  }

  #declareStruct(): void {
    const random = this.#random;
    const name = this.#name('S');
    const isShared = random.chance(0.6);
    const members = Array.from({ length: random.between(1, 4) }, (_, n) => ({
      name: `m${n}`,
      type: isShared ? this.#sharedType() : this.#type(1),
    }));
    this.#structs.push(structType(name, members));
    const lines = members.map((m) => `  ${m.name}: ${typeName(m.type)},`);
    this.#module.push(`struct ${name} {`, ...lines, '}');
  }

  // Variables outside functions

  #bind(space: string, name: string, type: string, bytes: number, of: Type): void {
    const group = this.#random.below(2);
    const binding = this.#bindings++;
    this.#module.push(`@group(${group}) @binding(${binding}) var<${space}> ${name}: ${type};`);
    const words = new Uint32Array(bytes / 4);
    fillWords(words, of, this.#random, this.#isPortable);
    this.#buffers[`${group}.${binding}`] = words;
  }

  /** An array in a storage buffer. */
  #bindArray(access: string, name: string, element: Type, count: number): void {
    const type = arrayType(element, undefined);
    const bytes = count * strideOf(type);
    this.#bind(`storage, ${access}`, name, `array<${typeName(element)}>`, bytes, type);
  }

  #declareGlobals(): void {
    const random = this.#random;
    const declare = (named: Named) => this.#scope.declare(named);
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
    this.#module.push('var<private> own: u32;', 'var<private> lane: u32;');
    declare({ text: 'own', type: U32 });
    declare({ text: 'lane', type: U32, below: this.#invocations });
    if (random.chance(0.6)) this.#declareOutput();
    for (let n = random.below(3); n > 0; n--) this.#declarePrivate();
    if (this.#withBarriers) this.#declareWorkgroupMemory();
  }

  #declareInput(): void {
    const random = this.#random;
    const type = this.#sharedType();
    const count = random.between(1, 6);
    if (random.chance(0.6)) {
      this.#bindArray('read', 'input', type, count);
      this.#scope.declare({ text: 'input', type, elements: { count } });
      return;
    }
    const head = this.#sharedType();
    const name = this.#name('S');
    const tail = arrayType(type, undefined);
    this.#module.push(
      `struct ${name} {`,
      `  head: ${typeName(head)},`,
      `  tail: ${typeName(tail)},`,
      '}',
    );
    const struct = structType(name, [
      { name: 'head', type: head },
      { name: 'tail', type: tail },
    ]);
    const used = struct.members[1]!.offset + count * strideOf(tail);
    const bytes = Math.ceil(used / struct.align) * struct.align;
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

  /** A struct that is read only and the same for all invocations. */
  #declareSettings(space: 'uniform' | 'immediate', name: string, types: readonly Type[]): void {
    const struct = this.#name('S');
    const members = this.#random.shuffled(types).map((type, n) => ({ name: `m${n}`, type }));
    const type = structType(struct, members);
    const lines = members.map((m) => `  ${m.name}: ${typeName(m.type)},`);
    this.#module.push(`struct ${struct} {`, ...lines, '}');
    if (space === 'uniform') this.#bind('uniform', name, struct, sizeOf(type), type);
    else {
      this.#module.push(`var<immediate> ${name}: ${struct};`);
      this.#immediates = new Uint32Array(sizeOf(type) / 4);
      fillWords(this.#immediates, type, this.#random, this.#isPortable);
    }
    this.#scope.declare({ text: name, type, isUniform: true });
  }

  /** A buffer in which every invocation has slots of its own, which it reads and writes. */
  #declareOutput(): void {
    const random = this.#random;
    const type = this.#sharedType();
    const count = random.between(1, 3);
    this.#bindArray('read_write', 'output', type, count * this.#allInvocations);
    const from = `own * ${count}u`;
    this.#scope.declare({ text: 'output', type, isWritable: true, elements: { count, from } });
  }

  #declarePrivate(): void {
    const random = this.#random;
    const name = this.#name('private');
    const type = this.#type();
    const value = random.chance(0.5) ? ` = ${this.#expressions.literal(type)}` : '';
    this.#module.push(`var<private> ${name}: ${typeName(type)}${value};`);
    const named = { text: name, type, isWritable: true, isPrivate: true };
    this.#scope.declare({ ...named, pointable: 'private' });
  }

  #declareWorkgroupMemory(): void {
    const random = this.#random;
    const count = this.#invocations;
    for (let n = random.between(1, 2); n > 0; n--) {
      const name = this.#name('shared');
      const type = this.#type(1);
      this.#module.push(`var<workgroup> ${name}: array<${typeName(type)}, ${count}>;`);
      this.#ownSlots.push({ text: `${name}[lane]`, type, isWritable: true });
      this.#allSlots.push({ text: name, type: arrayType(type, count) });
    }
    if (random.chance(0.5)) {
      const type = this.#sharedType();
      this.#bindArray('read_write', 'exchange', type, this.#allInvocations);
      this.#ownSlots.push({ text: 'exchange[own]', type, isWritable: true });
      const elements = { count, from: '(own - lane)' };
      this.#allSlots.push({ text: 'exchange', type, elements });
    }
    this.#flags = Array.from({ length: random.below(3) }, () => this.#name('flag'));
    for (const flag of this.#flags) this.#module.push(`var<workgroup> ${flag}: u32;`);
  }

  // Functions

  #opened(result: Type | undefined, isEntry: boolean, allowsPrivates: boolean): Open {
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
    const name = this.#name('f');
    const result = random.chance(0.8) ? this.#type(1) : undefined;
    const parameters = Array.from({ length: random.below(4) }, () => this.#parameterType());
    const pointsAtPrivates = parameters.some((p) => p.kind === 'pointer' && p.space === 'private');
    this.#function = this.#opened(result, false, !pointsAtPrivates);
    const isUniform = this.#withBarriers && !pointsAtPrivates && random.chance(0.4);
    this.#function.hasBarrier = isUniform;
    const names = parameters.map(() => this.#name('p'));
    const body = this.#scope.inside(() => {
      for (const [n, type] of parameters.entries()) this.#declareParameter(names[n]!, type);
      this.#function.statements = random.between(1, 10);
      const context = { ...PLAIN, isUniform, canReturn: true };
      const lines = this.#statements(context, random.between(1, 5));
      if (result) lines.push(`return ${this.#expressions.any(result)};`);
      return lines;
    });
    const list = parameters.map((type, n) => `${names[n]}: ${typeName(type)}`).join(', ');
    const arrow = result ? ` -> ${typeName(result)}` : '';
    this.#module.push(`fn ${name}(${list})${arrow} {`, ...indented(body), '}');
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
    this.#function = this.#opened(undefined, true, true);
    this.#function.statements = random.chance(0.15)
      ? random.between(12, 24)
      : random.between(3, 11);
    const isStruct = random.chance(0.3);
    const inputs = INPUTS.map(([builtin, name, type]) => ({
      attribute: `@builtin(${builtin})`,
      name,
      type,
      // Tint takes a struct to be as varied as the most varied of its members.
      isUniform: !isStruct && (builtin === 'workgroup_id' || builtin === 'num_workgroups'),
    }));
    const prefix = isStruct ? 'given.' : '';
    const fields = random
      .shuffled(inputs)
      .map((i) => `${i.attribute} ${i.name}: ${typeName(i.type)}`);
    if (isStruct) this.#module.push('struct Given {', ...fields.map((field) => `  ${field},`), '}');
    const body = this.#scope.inside(() => {
      for (const { name, type, isUniform } of inputs)
        this.#scope.declare({ text: `${prefix}${name}`, type, isUniform });
      const group = `${prefix}group`;
      const groups = `${prefix}groups`;
      const lines = [
        `lane = ${prefix}index;`,
        `own = (${group}.x + ${groups}.x * (${group}.y + ${groups}.y * ${group}.z)) * ${x * y * z}u + lane;`,
      ];
      const context = { ...PLAIN, isUniform: this.#withBarriers, canReturn: true };
      lines.push(...this.#statements(context, 40));
      lines.push(...this.#recordAll());
      return lines;
    });
    const size = [x, y, z].slice(0, z > 1 ? 3 : y > 1 ? 2 : random.between(1, 3));
    const parameters = isStruct ? 'given: Given' : fields.join(', ');
    this.#module.push(
      `@compute @workgroup_size(${size.join(', ')})`,
      `fn main(${parameters}) {`,
      ...indented(body),
      '}',
    );
  }

  /** Numbers of all kinds at the end of the entry point. */
  #recordAll(): string[] {
    const types = [F32, F32, F32, I32, I32, U32, U32, BOOL];
    return types.flatMap((type) => this.#record(type));
  }

  /** Writes a number to a slot that nothing else writes. */
  #record(type: Scalar): string[] {
    const value = this.#expressions.runtime(type, 1);
    if (type === F32) {
      if (this.#floatRecords >= RECORDS) return [];
      return [`floats[own * ${RECORDS}u + ${this.#floatRecords++}u] = ${value};`];
    }
    if (this.#wordRecords >= RECORDS) return [];
    return [`words[own * ${RECORDS}u + ${this.#wordRecords++}u] = u32(${value});`];
  }

  // Calls

  /** A call as part of an expression: of a function whose pointers something in scope can be given to. */
  #callExpression(type: Type, depth: number): string | undefined {
    const fitting = this.#functions.filter((f) => f.result === type && !f.hasBarrier);
    return fitting.length > 0 ? this.#call(this.#random.pick(fitting), depth, 1) : undefined;
  }

  #call(called: GeneratedFunction, depth: number, repeats: number): string | undefined {
    const open = this.#function;
    if (open.size + called.size > MAX_INLINED) return undefined;
    if (open.steps + called.steps * repeats > MAX_STEPS) return undefined;
    if (called.usesPrivates && !open.allowsPrivates) return undefined;
    const taken = new Set<string>();
    const given: string[] = [];
    for (const type of called.parameters) {
      const argument = this.#argument(type, depth, taken);
      if (argument === undefined) return undefined;
      given.push(argument);
    }
    open.size += called.size;
    open.steps += called.steps * repeats;
    open.usesPrivates ||= called.usesPrivates;
    return `${called.name}(${given.join(', ')})`;
  }

  #argument(type: Type, depth: number, taken: Set<string>): string | undefined {
    if (type.kind !== 'pointer') return this.#arguments.any(type, Math.min(depth, 2));
    const { space, target } = type;
    const names = this.#visible().filter(
      (n) => n.pointable === space && n.type === target && !taken.has(n.text),
    );
    if (names.length === 0) return undefined;
    const { text } = this.#random.pick(names);
    taken.add(text);
    // A parameter that is a pointer is passed on as it is.
    return text.startsWith('(*') ? text.slice(2, -1) : `&${text}`;
  }

  #callStatement(context: Context): string[] {
    const random = this.#random;
    const fitting = this.#functions.filter((f) => !f.hasBarrier || this.#mayMeetBarrier(context));
    if (fitting.length === 0) return [];
    const called = random.pick(fitting);
    const before: string[] = [];
    for (const type of called.parameters)
      if (type.kind === 'pointer' && type.space === 'function')
        before.push(...this.#declareVariable(type.target));
    const call = this.#call(called, 2, context.repeats);
    if (!call) return before;
    if (!called.result) return [...before, `${call};`];
    if (random.chance(0.3)) return [...before, random.chance(0.5) ? `_ = ${call};` : `${call};`];
    const name = this.#name('v');
    this.#scope.declare({ text: name, type: called.result });
    return [...before, `let ${name} = ${call};`];
  }

  #mayMeetBarrier({ isUniform }: Context): boolean {
    return isUniform && this.#memory === 'written';
  }

  // Statements

  #statements(context: Context, count: number): string[] {
    const lines: string[] = [];
    for (let n = 0; n < count && this.#function.statements > 0; n++)
      lines.push(...this.#statement(context));
    return lines;
  }

  /** Statements in a scope of their own. */
  #block(context: Context): string[] {
    const inner = { ...context, depth: context.depth + 1 };
    return this.#scope.inside(() => {
      const lines = this.#statements(inner, this.#random.between(1, 4));
      if (this.#random.chance(0.15)) lines.push(...this.#leave(inner));
      return lines;
    });
  }

  #statement(context: Context): string[] {
    const open = this.#function;
    open.statements -= 1;
    open.steps += context.repeats;
    open.size += 1;
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
    if (context.depth > 0) choices.push([1, () => this.#leaveIf(context)]);
    if (this.#mayMeetBarrier(context)) choices.push([5, () => this.#phase(context)]);
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.below(total);
    for (const [weight, make] of choices) {
      if (at < weight) return make();
      at -= weight;
    }
    return [];
  }

  #declareValue(): string[] {
    const random = this.#random;
    const type = this.#type();
    const name = this.#name('v');
    const value = this.#expressions.any(type);
    this.#scope.declare({ text: name, type });
    return [`let ${name}${random.chance(0.3) ? `: ${typeName(type)}` : ''} = ${value};`];
  }

  #declareVariable(type: Type = this.#type()): string[] {
    const random = this.#random;
    const name = this.#name('x');
    const form = random.below(3);
    const value = form === 0 ? '' : ` = ${this.#expressions.any(type)}`;
    const annotation = form === 2 ? '' : `: ${typeName(type)}`;
    this.#scope.declare({ text: name, type, isWritable: true, pointable: 'function' });
    return [`var ${name}${annotation}${value};`];
  }

  #declareConstant(): string[] {
    const random = this.#random;
    const name = this.#name('c');
    if (random.chance(0.4))
      return [`const ${name} = ${this.#expressions.literal(this.#vector())};`];
    const value = random.below(5);
    const type = random.pick([I32, U32]);
    this.#scope.declare({ text: name, type, isConstant: true, below: value + 1 });
    return [`const ${name} = ${value}${type === U32 ? 'u' : ''};`];
  }

  #assignment(): string[] {
    const random = this.#random;
    const place = this.#expressions.place(() => true);
    if (!place) return this.#declareVariable();
    const { text, type } = place;
    const own = type.kind === 'scalar' ? type : type.kind === 'vector' ? type.element : undefined;
    const isInteger = own === I32 || own === U32;
    if (type.kind === 'scalar' && isInteger && random.chance(0.15))
      return [`${text}${random.pick(['++', '--'])};`];
    if (own && own !== BOOL && random.chance(0.35) && (isInteger || !this.#isPortable)) {
      if (isInteger && random.chance(0.25)) {
        const by = type.kind === 'scalar' ? U32 : vectorType((type as Vector).size, U32);
        return [`${text} ${random.pick(['<<', '>>'])}= ${this.#expressions.runtime(by, 2)};`];
      }
      const operators = isInteger
        ? ['+', '-', '*', '/', '%', '&', '|', '^']
        : ['+', '-', '*', '/', '%'];
      const operator = random.pick(operators);
      const isMixed = type.kind === 'vector' && random.chance(0.3) && !'&|^'.includes(operator);
      return [`${text} ${operator}= ${this.#expressions.runtime(isMixed ? own : type, 2)};`];
    }
    return [`${text} = ${this.#expressions.any(type)};`];
  }

  /** A pointer that is used as what it points at. */
  #pointer(): string[] {
    const random = this.#random;
    const names = this.#scope.names.filter((n) => n.pointable === 'function');
    if (names.length === 0) return this.#declareVariable();
    const { text, type } = random.pick(names);
    const name = this.#name('q');
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

  // Leaving

  /** A statement that ends the block. */
  #leave(context: Context): string[] {
    const { result, isEntry } = this.#function;
    const ways: (() => string)[] = [];
    if (context.canBreak) ways.push(() => 'break;');
    if (context.canContinue) ways.push(() => 'continue;');
    if (context.canReturn && !(isEntry && this.#random.chance(0.7)))
      ways.push(() => (result ? `return ${this.#expressions.any(result, 2)};` : 'return;'));
    return ways.length > 0 ? [this.#random.pick(ways)()] : [];
  }

  #leaveIf(context: Context): string[] {
    const leave = this.#leave(context);
    if (leave.length === 0) return this.#assignment();
    return [`if ${this.#condition(context)} {`, ...indented(leave), '}'];
  }

  /** A condition: where all invocations must go the same way, one that is the same for all. */
  #condition({ isUniform }: Context): string {
    const text = isUniform ? this.#expressions.uniform(BOOL) : this.#expressions.runtime(BOOL, 2);
    return this.#random.chance(0.5) ? `(${text})` : text;
  }

  /** Where a barrier may stand, either what is below stays uniform, or nothing in it leaves what is around. */
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
    const defaultAt = random.below(count);
    const lines = [`switch ${selector} {`];
    for (let n = 0; n < count; n++) {
      const own = values.splice(0, random.between(1, 2)).map((v) => `${v}${suffix}`);
      if (n === defaultAt && random.chance(0.5)) own.splice(random.below(2), 0, 'default');
      const isDefault = n === defaultAt && !own.includes('default');
      const head = isDefault ? 'default' : `case ${own.join(', ')}`;
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
    const most = random.between(1, 6);
    if (context.repeats * most > 60) return this.#assignment();
    const outer = this.#branch(context);
    // Others may be read when a turn ends early: the next turn, and what follows, then begin with a barrier.
    const leavesReading = this.#mayMeetBarrier(outer) && random.chance(0.4);
    const inner: Context = {
      ...outer,
      canReturn: outer.canReturn,
      canBreak: true,
      canContinue: true,
      repeats: context.repeats * most,
    };
    const form = random.pick(LOOP_FORMS);
    const lines = this.#scope.inside(() => this.#loopLines(form, inner, most, leavesReading));
    return leavesReading ? [...lines, ...this.#barrier()] : lines;
  }

  #loopLines(form: LoopForm, context: Context, most: number, leavesReading: boolean): string[] {
    const random = this.#random;
    const { isUniform } = context;
    const type = random.pick([I32, U32]);
    const suffix = type === U32 ? 'u' : random.pick(['', 'i']);
    const counter = this.#name('i');
    const isKnown = random.chance(0.6);
    const before: string[] = [];
    let bound = `${most}${suffix}`;
    if (!isKnown) {
      const value = isUniform ? this.#expressions.uniform(U32) : this.#expressions.runtime(U32, 1);
      bound = this.#name('n');
      before.push(`let ${bound} = ${typeName(type)}(${value} % ${most + 1}u);`);
    }
    const start = `var ${counter} = 0${type === U32 ? 'u' : 'i'};`;
    const named = { text: counter, type, isUniform };
    const counted = () => this.#scope.declare({ ...named, below: most });
    const body = (first: readonly string[] = [], last: readonly string[] = []): string[] => {
      const barrier = leavesReading ? this.#barrier() : [];
      return [...first, ...barrier, ...this.#turn(context, leavesReading), ...last];
    };
    const exit = [`if (${counter} >= ${bound}) {`, '  break;', '}'];
    const step = random.pick([
      `${counter}++`,
      `${counter} += 1${suffix}`,
      `${counter} = ${counter} + 1${suffix}`,
    ]);
    switch (form) {
      case 'for':
        counted();
        return [
          ...before,
          `for (${start.slice(0, -1)}; ${counter} < ${bound}; ${step}) {`,
          ...indented(body()),
          '}',
        ];
      case 'for down':
        this.#scope.declare({ ...named, type: I32, below: most });
        return [
          ...before,
          `for (var ${counter} = i32(${bound}) - 1; ${counter} >= 0; ${counter}--) {`,
          ...indented(body()),
          '}',
        ];
      case 'for doubled':
        this.#scope.declare({ ...named, type: U32, below: 2 ** most });
        return [
          `for (var ${counter} = 1u; ${counter} < ${2 ** most}u; ${counter} <<= 1u) {`,
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
        this.#scope.declare({ ...named, below: most });
        const turn = body(exit);
        return [
          ...before,
          start,
          'loop {',
          ...indented([
            ...turn,
            'continuing {',
            ...indented([...this.#continuing(leavesReading), `${step};`]),
            '}',
          ]),
          '}',
        ];
      }
      case 'break if': {
        this.#scope.declare({ ...named, below: most });
        const turn = body();
        return [
          ...before,
          start,
          'loop {',
          ...indented([
            ...turn,
            'continuing {',
            ...indented([
              ...this.#continuing(leavesReading),
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
   * What stands in a continuing block before the counter moves; nothing of the body is in scope. Others may still be
   * reading where turns end early.
   */
  #continuing(leavesReading: boolean): string[] {
    if (this.#random.chance(0.6)) return [];
    this.#memory = leavesReading ? 'read' : this.#memory;
    const lines = this.#scope.inside(() => this.#assignment());
    if (leavesReading) this.#memory = 'written';
    return lines;
  }

  #turn(context: Context, leavesReading: boolean): string[] {
    const inner = { ...context, depth: context.depth + 1 };
    return this.#scope.inside(() => {
      const lines = this.#statements(inner, this.#random.between(1, 5));
      if (leavesReading) {
        lines.push(...this.#barrier(), ...this.#reading(inner));
        lines.push(...this.#leaveIf({ ...inner, canReturn: false }), ...this.#barrier());
      } else if (this.#random.chance(0.1)) lines.push(...this.#leave(inner));
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

  /** Statements that read what all invocations have written, and leave nothing but the entry point. */
  #reading(context: Context): string[] {
    const canReturn = context.canReturn && this.#function.isEntry;
    const inner = { ...context, canReturn, canBreak: false, canContinue: false };
    this.#memory = 'read';
    const slot = this.#random.pick(this.#allSlots);
    const type = slot.elements ? slot.type : (slot.type as ArrayType).element;
    const name = this.#name('v');
    const lines = [`let ${name} = ${this.#expressions.element(slot)};`];
    this.#scope.declare({ text: name, type });
    lines.push(...this.#statements(inner, this.#random.between(1, 4)));
    this.#memory = 'written';
    return lines;
  }

  /** Writes, a barrier, reads, a barrier; or a value that one invocation gives to all. */
  #phase(context: Context): string[] {
    if (this.#flags.length > 0 && this.#random.chance(0.4)) return this.#broadcast();
    const writes = this.#statements(context, this.#random.between(0, 2));
    const { text, type } = this.#random.pick(this.#ownSlots);
    writes.push(`${text} = ${this.#expressions.any(type)};`);
    const reads = this.#scope.inside(() => [...this.#barrier(), ...this.#reading(context)]);
    return [...writes, ...reads, ...this.#barrier()];
  }

  #broadcast(): string[] {
    const random = this.#random;
    const flag = random.pick(this.#flags);
    const name = this.#name('u');
    const lines = [
      `if (lane == ${random.below(this.#invocations)}u) {`,
      `  ${flag} = ${this.#expressions.any(U32)};`,
      '}',
      `let ${name} = workgroupUniformLoad(&${flag});`,
    ];
    this.#function.hasBarrier = true;
    this.#scope.declare({ text: name, type: U32, isUniform: true });
    return lines;
  }
}

const PLAIN: Context = {
  isUniform: false,
  canReturn: false,
  canBreak: false,
  canContinue: false,
  repeats: 1,
  depth: 0,
};

/** How many scalars a value of the type has. */
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
