/**
 * Random compute shaders with barriers, for the uniformity analysis. Uniform and varying values are
 * assigned, passed to functions, and decide branches and loops. The generator does not know whether
 * a barrier is in uniform control flow: Dawn and our checker must agree on it.
 *
 * The body of every loop can reach its next iteration. Where a body never does, Dawn accepts a
 * varying condition and the WGSL specification does not.
 */

import type { Random } from '../helpers/random.js';

/** What a statement can use. */
interface Scope {
  /** The u32 variables, which can be read and assigned. */
  readonly variables: readonly string[];
  /** Other u32 values: lets, parameters and dereferenced pointers. */
  readonly values: readonly string[];
  readonly arrays: readonly string[];
  readonly functions: readonly FunctionName[];
  readonly depth: number;
  readonly canBreak: boolean;
  readonly canContinue: boolean;
  /** The operand of a `return` here; 'never' where it is not allowed. */
  readonly returns: 'nothing' | 'value' | 'never';
  readonly isEntry: boolean;
}

interface FunctionName {
  readonly name: string;
  /** Whether its first parameter is a pointer in the function address space. */
  readonly takesPointer: boolean;
}

const MAX_DEPTH = 4;
const UNIFORM = ['0u', '1u', '2u', 'shared_value', 'constants[1]', 'constants[shared_value]'];
const VARYING = ['private_value', 'group_value', 'results[0]'];
const INPUTS = ['local', 'global.x', 'group.x', 'count.y'];

/** The WGSL of a random shader. */
export function randomBarriers(random: Random): string {
  return new Generator(random).shader();
}

class Generator {
  readonly #random: Random;
  #nameCount = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  shader(): string {
    const functions: FunctionName[] = [];
    const texts: string[] = [];
    for (let n = this.#random.below(3); n > 0; n--) texts.push(this.#function(functions));
    const main = this.#block(
      {
        variables: ['v'],
        values: [],
        arrays: [],
        functions,
        depth: 0,
        canBreak: false,
        canContinue: false,
        returns: 'nothing',
        isEntry: true,
      },
      this.#random.between(3, 7),
    );
    return `@group(0) @binding(0) var<storage, read_write> results: array<u32>;
@group(0) @binding(1) var<storage> constants: array<u32>;
@group(0) @binding(2) var<uniform> shared_value: u32;
var<private> private_value: u32;
var<workgroup> group_value: u32;
${texts.join('')}
@compute @workgroup_size(4)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(global_invocation_id) global: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) count: vec3u,
) {
var v = 0u;
${main}}`;
  }

  #function(functions: FunctionName[]): string {
    const takesPointer = this.#random.chance(0.5);
    const name = this.#newName('f');
    const scope: Scope = {
      variables: ['v'],
      values: takesPointer ? ['*a', 'b'] : ['a', 'b'],
      arrays: [],
      functions: [...functions],
      depth: 1,
      canBreak: false,
      canContinue: false,
      returns: 'value',
      isEntry: false,
    };
    const body = this.#block(scope, this.#random.between(1, 4));
    const write = takesPointer && this.#random.chance(0.5) ? `*a = ${this.#value(scope)};\n` : '';
    functions.push({ name, takesPointer });
    const first = takesPointer ? 'ptr<function, u32>' : 'u32';
    return `fn ${name}(a: ${first}, b: u32) -> u32 {
var v = b;
${body}${write}return ${this.#value(scope)};
}
`;
  }

  #newName(letter: string): string {
    this.#nameCount += 1;
    return `${letter}${this.#nameCount}`;
  }

  // Statements

  /** Statements without braces, in a new scope. */
  #block(outer: Scope, count: number): string {
    let scope: Scope = { ...outer, depth: outer.depth + 1 };
    let text = '';
    for (let n = 0; n < count; n++) {
      const [statement, nextScope] = this.#statement(scope);
      text += `${statement}\n`;
      scope = nextScope;
    }
    return text;
  }

  /** A few statements in braces. */
  #bracedBlock(scope: Scope): string {
    return `{\n${this.#block(scope, this.#random.between(1, 2))}}`;
  }

  /** A statement, and the scope after it. */
  #statement(scope: Scope): [string, Scope] {
    const random = this.#random;
    const kind = random.below(scope.depth > MAX_DEPTH ? 12 : 20);
    if (kind < 3) return this.#declaration(scope);
    if (kind < 6) {
      const operator = random.pick(['=', '=', '+=']);
      return [`${random.pick(scope.variables)} ${operator} ${this.#value(scope)};`, scope];
    }
    if (kind < 7 && scope.arrays.length > 0) {
      const array = random.pick(scope.arrays);
      return [`${array}[${this.#leaf(scope)} % 4] = ${this.#value(scope)};`, scope];
    }
    if (kind < 8) return [random.pick(['workgroupBarrier();', 'storageBarrier();']), scope];
    if (kind < 10 && scope.functions.length > 0) return [`_ = ${this.#call(scope)};`, scope];
    if (kind < 12) return [this.#exitIf(scope), scope];
    if (kind < 15) {
      const otherwise = random.chance(0.5) ? ` else ${this.#bracedBlock(scope)}` : '';
      return [`if ${this.#condition(scope)} ${this.#bracedBlock(scope)}${otherwise}`, scope];
    }
    if (kind < 16) return [this.#switch(scope), scope];
    return [this.#loop(scope), scope];
  }

  #declaration(scope: Scope): [string, Scope] {
    const value = this.#value(scope);
    const kind = this.#random.below(4);
    if (kind === 0) {
      const name = this.#newName('x');
      return [`let ${name} = ${value};`, { ...scope, values: [...scope.values, name] }];
    }
    if (kind === 1) {
      const name = this.#newName('p');
      const variable = this.#random.pick(scope.variables);
      return [`let ${name} = &${variable};`, { ...scope, values: [...scope.values, `*${name}`] }];
    }
    if (kind === 2) {
      const name = this.#newName('a');
      return [`var ${name}: array<u32, 4>;`, { ...scope, arrays: [...scope.arrays, name] }];
    }
    const name = this.#newName('v');
    return [`var ${name} = ${value};`, { ...scope, variables: [...scope.variables, name] }];
  }

  /** A break, continue or return under a condition. */
  #exitIf(scope: Scope): string {
    const exits = [
      ...(scope.canBreak ? ['break'] : []),
      ...(scope.canContinue ? ['continue'] : []),
      ...(scope.returns === 'nothing' ? ['return'] : []),
      ...(scope.returns === 'value' ? [`return ${this.#value(scope)}`] : []),
    ];
    if (exits.length === 0) return 'storageBarrier();';
    return `if ${this.#condition(scope)} { ${this.#random.pick(exits)}; }`;
  }

  #switch(scope: Scope): string {
    const inside = { ...scope, canBreak: true };
    const cases = [0, 1].map((n) => `case ${n}u ${this.#bracedBlock(inside)}`);
    return `switch ${this.#value(scope)} {\n${cases.join('\n')}\ndefault ${this.#bracedBlock(inside)}\n}`;
  }

  #loop(scope: Scope): string {
    const inside = { ...scope, canBreak: true, canContinue: true };
    const kind = this.#random.below(4);
    if (kind === 0) return `while ${this.#condition(scope)} ${this.#bracedBlock(inside)}`;
    if (kind === 1) {
      const name = this.#newName('i');
      const inFor = { ...inside, variables: [...scope.variables, name] };
      const head = `var ${name} = ${this.#value(scope)}; ${this.#condition(inFor)}; ${name} += ${this.#leaf(inFor)}`;
      return `for (${head}) ${this.#bracedBlock(inFor)}`;
    }
    const body = this.#block(inside, this.#random.between(1, 2));
    if (kind === 2) return `loop {\n${body}if ${this.#condition(scope)} { break; }\n}`;
    const inContinuing = {
      ...scope,
      canBreak: false,
      canContinue: false,
      returns: 'never',
    } as const;
    const continuing = this.#block(inContinuing, this.#random.below(2));
    return `loop {\n${body}continuing {\n${continuing}break if ${this.#condition(scope)};\n}\n}`;
  }

  // Expressions

  #value(scope: Scope, depth = 0): string {
    const kind = depth > 2 ? 0 : this.#random.below(10);
    if (kind < 5) return this.#leaf(scope);
    if (kind < 7) return `(${this.#value(scope, depth + 1)} + ${this.#value(scope, depth + 1)})`;
    if (kind < 8 && scope.functions.length > 0) return this.#call(scope);
    if (kind < 9 && this.#random.chance(0.4)) return 'workgroupUniformLoad(&group_value)';
    const operands = [this.#value(scope, depth + 1), this.#value(scope, depth + 1)];
    return `select(${operands.join(', ')}, ${this.#condition(scope, depth + 1)})`;
  }

  #leaf(scope: Scope): string {
    const random = this.#random;
    const kind = random.below(16);
    if (kind < 4) return random.pick(scope.variables);
    if (kind < 6 && scope.values.length > 0) return random.pick(scope.values);
    if (kind < 7 && scope.arrays.length > 0)
      return `${random.pick(scope.arrays)}[${random.pick(scope.variables)} % 4]`;
    if (kind === 7 && random.chance(0.4))
      return random.pick(scope.isEntry ? [...VARYING, ...INPUTS] : VARYING);
    return random.pick(UNIFORM);
  }

  #condition(scope: Scope, depth = 0): string {
    const kind = depth > 1 ? 0 : this.#random.below(8);
    const comparison = () =>
      `${this.#value(scope, depth + 1)} ${this.#random.pick(['<', '==', '!='])} (${this.#value(scope, depth + 1)})`;
    if (kind < 5) return `(${comparison()})`;
    if (kind < 7) {
      const operator = this.#random.pick(['&&', '||']);
      return `(${this.#condition(scope, depth + 1)} ${operator} ${this.#condition(scope, depth + 1)})`;
    }
    return this.#random.pick(['true', 'false']);
  }

  #call(scope: Scope): string {
    const { name, takesPointer } = this.#random.pick(scope.functions);
    const first = takesPointer ? `&${this.#random.pick(scope.variables)}` : this.#leaf(scope);
    return `${name}(${first}, ${this.#leaf(scope)})`;
  }
}
