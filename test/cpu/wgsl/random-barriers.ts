/**
 * Random compute shaders around barriers: values that vary between invocations and values that do not, assigned,
 * branched on, looped on and passed to functions. Whether a barrier is reached uniformly is anyone's guess, and that is
 * the point.
 *
 * Every loop's body may go on to its next turn: where a body never does, Dawn lets its condition vary, and WGSL does not.
 */

import type { Random } from '../helpers/random.js';

/** What a statement sees around it. */
interface Scope {
  /** Variables of u32 that can be read and assigned. */
  readonly variables: readonly string[];
  /** What else can be read: lets, parameters and what pointers point at. */
  readonly values: readonly string[];
  readonly arrays: readonly string[];
  readonly functions: readonly FunctionName[];
  readonly depth: number;
  readonly canBreak: boolean;
  readonly canContinue: boolean;
  /** What `return` needs: nothing, a value, or it cannot stand here. */
  readonly returns: 'nothing' | 'value' | 'never';
  readonly isEntry: boolean;
}

interface FunctionName {
  readonly name: string;
  /** Whether its first parameter is a pointer to a variable of a function. */
  readonly takesPointer: boolean;
}

const MAX_DEPTH = 4;
const UNIFORM = ['0u', '1u', '2u', 'shared_value', 'constants[1]', 'constants[shared_value]'];
const VARYING = ['own', 'group_value', 'results[0]'];
const INPUTS = ['local', 'global.x', 'group.x', 'count.y'];

export function randomBarriers(random: Random): string {
  return new Generator(random).shader();
}

class Generator {
  readonly #random: Random;
  #names = 0;

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
var<private> own: u32;
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
    const name = this.#name('f');
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

  #name(letter: string): string {
    this.#names += 1;
    return `${letter}${this.#names}`;
  }

  // Statements

  #block(outer: Scope, count: number): string {
    let scope: Scope = { ...outer, depth: outer.depth + 1 };
    let text = '';
    for (let n = 0; n < count; n++) {
      const [statement, after] = this.#statement(scope);
      text += `${statement}\n`;
      scope = after;
    }
    return text;
  }

  #inside(scope: Scope): string {
    return `{\n${this.#block(scope, this.#random.between(1, 2))}}`;
  }

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
    if (kind < 12) return [this.#leave(scope), scope];
    if (kind < 15) {
      const otherwise = random.chance(0.5) ? ` else ${this.#inside(scope)}` : '';
      return [`if ${this.#condition(scope)} ${this.#inside(scope)}${otherwise}`, scope];
    }
    if (kind < 16) return [this.#switch(scope), scope];
    return [this.#loop(scope), scope];
  }

  #declaration(scope: Scope): [string, Scope] {
    const value = this.#value(scope);
    const kind = this.#random.below(4);
    if (kind === 0) {
      const name = this.#name('x');
      return [`let ${name} = ${value};`, { ...scope, values: [...scope.values, name] }];
    }
    if (kind === 1) {
      const name = this.#name('p');
      const variable = this.#random.pick(scope.variables);
      return [`let ${name} = &${variable};`, { ...scope, values: [...scope.values, `*${name}`] }];
    }
    if (kind === 2) {
      const name = this.#name('a');
      return [`var ${name}: array<u32, 4>;`, { ...scope, arrays: [...scope.arrays, name] }];
    }
    const name = this.#name('v');
    return [`var ${name} = ${value};`, { ...scope, variables: [...scope.variables, name] }];
  }

  /** A way out under a condition: break, continue or return. */
  #leave(scope: Scope): string {
    const ways = [
      ...(scope.canBreak ? ['break'] : []),
      ...(scope.canContinue ? ['continue'] : []),
      ...(scope.returns === 'nothing' ? ['return'] : []),
      ...(scope.returns === 'value' ? [`return ${this.#value(scope)}`] : []),
    ];
    if (ways.length === 0) return 'storageBarrier();';
    return `if ${this.#condition(scope)} { ${this.#random.pick(ways)}; }`;
  }

  #switch(scope: Scope): string {
    const inside = { ...scope, canBreak: true };
    const cases = [0, 1].map((n) => `case ${n}u ${this.#inside(inside)}`);
    return `switch ${this.#value(scope)} {\n${cases.join('\n')}\ndefault ${this.#inside(inside)}\n}`;
  }

  #loop(scope: Scope): string {
    const inside = { ...scope, canBreak: true, canContinue: true };
    const kind = this.#random.below(4);
    if (kind === 0) return `while ${this.#condition(scope)} ${this.#inside(inside)}`;
    if (kind === 1) {
      const name = this.#name('i');
      const own = { ...inside, variables: [...scope.variables, name] };
      const head = `var ${name} = ${this.#value(scope)}; ${this.#condition(own)}; ${name} += ${this.#leaf(own)}`;
      return `for (${head}) ${this.#inside(own)}`;
    }
    const body = this.#block(inside, this.#random.between(1, 2));
    if (kind === 2) return `loop {\n${body}if ${this.#condition(scope)} { break; }\n}`;
    const after = { ...scope, canBreak: false, canContinue: false, returns: 'never' } as const;
    const continuing = this.#block(after, this.#random.below(2));
    return `loop {\n${body}continuing {\n${continuing}break if ${this.#condition(scope)};\n}\n}`;
  }

  // Expressions

  #value(scope: Scope, depth = 0): string {
    const kind = depth > 2 ? 0 : this.#random.below(10);
    if (kind < 5) return this.#leaf(scope);
    if (kind < 7) return `(${this.#value(scope, depth + 1)} + ${this.#value(scope, depth + 1)})`;
    if (kind < 8 && scope.functions.length > 0) return this.#call(scope);
    if (kind < 9 && this.#random.chance(0.4)) return 'workgroupUniformLoad(&group_value)';
    const sides = [this.#value(scope, depth + 1), this.#value(scope, depth + 1)];
    return `select(${sides.join(', ')}, ${this.#condition(scope, depth + 1)})`;
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
    const compared = () =>
      `${this.#value(scope, depth + 1)} ${this.#random.pick(['<', '==', '!='])} (${this.#value(scope, depth + 1)})`;
    if (kind < 5) return `(${compared()})`;
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
