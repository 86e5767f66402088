/**
 * WGSL to JavaScript: translates a kernel into a generator that yields at every barrier, so that a
 * workgroup runs phase by phase. Every access to a buffer or workgroup variable goes through a
 * `Memory`, with its source line. Supports the WGSL that our shaders use and throws on the rest.
 */

import { WgslParser } from 'wgsl_reflect/wgsl_reflect.module.js';
import {
  binaryCode,
  builtinCode,
  type Code,
  MATH,
  type Scalar,
  scalarType,
  type Type,
  type Value,
} from './math.js';
import {
  attribute,
  callsIn,
  elementType,
  isBareReturn,
  isEntry,
  literal,
  type Node,
  nodeType,
  parts,
  wordCount,
  zero,
} from './tree.js';

/**
 * The buffers and workgroup variables of a kernel, accessed one 32-bit word at a time. `line` is
 * the line of the WGSL source that makes the access.
 */
export interface Memory {
  read(variable: string, word: number, type: Scalar, line: number): number | boolean;
  write(variable: string, word: number, type: Scalar, line: number, value: number | boolean): void;
  /** Records an access that may write the word back, and leaves it as it is. */
  rewrite(variable: string, word: number, line: number): void;
}

/** The builtin values that an entry point may take. */
export interface Builtins {
  workgroup_id: number[];
  num_workgroups: number[];
  local_invocation_index: number;
}

/** A running invocation: a generator that yields the source line of each barrier it waits at. */
export type Invocation = Generator<number, void, void>;

/** A kernel that can be run in JavaScript. */
export interface TranslatedKernel {
  /** The size of each workgroup variable in 32-bit words, by name. */
  readonly workgroupVariables: ReadonlyMap<string, number>;
  /** Invocations per workgroup. */
  readonly workgroupSize: number;
  /** Starts one invocation, which runs to its first barrier when it is advanced. */
  start(memory: Memory, builtins: Builtins): Invocation;
}

/**
 * Where a value is stored: in a JavaScript variable, or in a buffer or workgroup variable from a
 * word offset on. Both `js` and `offset` are JavaScript expressions. `vector` is the one that the
 * value is a component of.
 */
type Location =
  | { js: string; type: Type }
  | { variable: string; offset: string; type: Type; vector?: { offset: string; length: number } };
type Scope = ReadonlyMap<string, Location>;

const BARRIERS = ['workgroupBarrier', 'storageBarrier', 'workgroupUniformLoad'];

/**
 * Translates one entry point of a shader.
 *
 * @throws Error where the shader uses WGSL that the translation does not support.
 */
export function translate(source: string, entry: string): TranslatedKernel {
  return new Translator(new WgslParser().parse(source) as unknown as Node[]).translate(entry);
}

class Translator {
  readonly #functions = new Map<string, Node>();
  readonly #constants = new Map<string, number>();
  readonly #globals = new Map<string, Location>();
  readonly #workgroupVariables = new Map<string, number>();
  /** The types that generated code names as T[0], T[1], ... */
  readonly #types: Type[] = [];
  #nameCount = 0;

  constructor(tree: readonly Node[]) {
    for (const node of tree) {
      if (node.astNodeType === 'function') this.#functions.set(node.name, node);
      if (node.astNodeType === 'const') this.#constants.set(node.name, node.value.value.data[0]!);
      if (node.astNodeType !== 'var') continue;
      const type = nodeType(node.type);
      this.#globals.set(node.name, { variable: node.name, offset: '0', type });
      if (node.storage === 'workgroup') this.#workgroupVariables.set(node.name, wordCount(type));
    }
  }

  translate(entry: string): TranslatedKernel {
    const functions = [...this.#functions.values()].map((fn) => this.#function(fn));
    const main = this.#functions.get(entry)!;
    const parameters = main.args.map((arg) => attribute(arg, 'builtin') as keyof Builtins);
    const size = attribute(main, 'workgroup_size');
    const load = new Function('memory', 'T', 'M', `${functions.join('\n')}\nreturn fn_${entry};`);
    return {
      workgroupVariables: this.#workgroupVariables,
      workgroupSize: this.#constants.get(size) ?? Number.parseInt(size, 10),
      start: (memory, builtins) =>
        load(new TypedMemory(memory), this.#types, MATH)(...parameters.map((p) => builtins[p])),
    };
  }

  /**
   * Whether a function becomes a generator: an entry point, or a function that waits at a barrier,
   * itself or in a function it calls.
   */
  #isGenerator(name: string): boolean {
    if (BARRIERS.includes(name)) return true;
    const fn = this.#functions.get(name);
    if (!fn) return false;
    return isEntry(fn) || callsIn(fn.body).some((callee) => this.#isGenerator(callee));
  }

  #function(fn: Node): string {
    const scope = new Map<string, Location>(this.#globals);
    const names = fn.args.map((arg) => {
      const js = this.#uniqueName(arg.name);
      scope.set(arg.name, { js, type: nodeType(arg.type) });
      return js;
    });
    const star = this.#isGenerator(fn.name) ? '*' : '';
    return `function${star} fn_${fn.name}(${names.join(', ')}) {\n${this.#block(fn.body, scope)}\n}`;
  }

  #block(body: readonly Node[], outer: Scope): string {
    const scope = new Map(outer);
    return body.map((node) => this.#statement(node, scope)).join('\n');
  }

  #statement(node: Node, scope: Map<string, Location>): string {
    switch (node.astNodeType) {
      case 'let':
      case 'const':
      case 'var':
        return `${this.#declare(node, scope)};`;
      case 'assign':
      case 'increment':
        return `${this.#assign(node, scope)};`;
      case 'call':
        if (node.name === 'workgroupBarrier' || node.name === 'storageBarrier')
          return `yield ${node.line};`;
        return `${this.#call(node, scope).js};`;
      case 'return':
        return isBareReturn(node) ? 'return;' : `return ${this.#value(node.value, scope).js};`;
      case 'break':
      case 'continue':
        return `${node.astNodeType};`;
      case 'if':
        return this.#if(node, scope);
      case 'for':
        return this.#for(node, scope);
      case 'switch':
        return this.#switch(node, scope);
      default:
        throw new Error(`Line ${node.line}: the translation does not support ${node.astNodeType}.`);
    }
  }

  #declare(node: Node, scope: Map<string, Location>): string {
    const value: Code | undefined = node.value && this.#value(node.value, scope);
    let type = node.type ? nodeType(node.type) : value!.type;
    if (type.kind === 'scalar' && type.scalar === 'x32') type = { kind: 'scalar', scalar: 'i32' };
    const js = this.#uniqueName(node.name);
    scope.set(node.name, { js, type });
    return `let ${js} = ${value ? `M.copy(${value.js})` : zero(type)}`;
  }

  #assign(node: Node, scope: Scope): string {
    const target = this.#location(node.variable, scope);
    // '=' leaves no operator; '+=' and '++' leave '+'.
    const operator = node.operator.slice(0, -1);
    const one: Code = { js: '1', type: { kind: 'scalar', scalar: 'x32' } };
    let value = node.astNodeType === 'increment' ? one : this.#value(node.value, scope);
    if (operator) value = binaryCode(operator, this.#load(target, node.line), value);
    if ('js' in target) return `${target.js} = M.copy(${value.js})`;
    const { variable, offset, type, vector } = target;
    const store = `memory.store('${variable}', ${offset}, ${this.#type(type)}, ${node.line}, ${value.js})`;
    if (!vector) return store;
    return `${store}; memory.rewrite('${variable}', ${vector.offset}, ${vector.length}, ${offset}, ${node.line})`;
  }

  #if(node: Node, scope: Scope): string {
    const branch = ({ condition, body }: Node) =>
      `if (${this.#value(condition, scope).js}) {\n${this.#block(body, scope)}\n}`;
    const branches = [node, ...(node.elseif ?? [])].map(branch).join(' else ');
    return node.else ? `${branches} else {\n${this.#block(node.else, scope)}\n}` : branches;
  }

  #for(node: Node, outer: Scope): string {
    const scope = new Map(outer);
    const init = this.#statement(node.init, scope);
    const condition = this.#value(node.condition, scope).js;
    const increment = this.#assign(node.increment, scope);
    return `for (${init} ${condition}; ${increment}) {\n${this.#block(node.body, scope)}\n}`;
  }

  #switch(node: Node, scope: Scope): string {
    const cases = node.cases.map(({ astNodeType, selectors, body }) => {
      const labels =
        astNodeType === 'default'
          ? 'default:'
          : selectors.map((s) => `case ${this.#value(s, scope).js}:`).join(' ');
      return `${labels} {\n${this.#block(body, scope)}\nbreak;\n}`;
    });
    return `switch (${this.#value(node.condition, scope).js}) {\n${cases.join('\n')}\n}`;
  }

  /** The code of an expression, together with the indices and member names after it. */
  #value(node: Node, scope: Scope): Code {
    if (node.astNodeType === 'varExpr' || (node.postfix && node.astNodeType !== 'literalExpr')) {
      return this.#load(this.#location(node, scope), node.line);
    }
    return this.#valueWithoutPostfix(node, scope);
  }

  #valueWithoutPostfix(node: Node, scope: Scope): Code {
    switch (node.astNodeType) {
      case 'literalExpr':
        return literal(node.value);
      case 'constExpr':
        return this.#value(node.initializer, scope);
      case 'binaryOp':
        return binaryCode(
          node.operator,
          this.#value(node.left, scope),
          this.#value(node.right, scope),
        );
      case 'unaryOp':
        return this.#unary(node, scope);
      case 'callExpr':
        return this.#call(node, scope);
      case 'createExpr':
      case 'typecastExpr':
        return this.#create(node, scope);
      case 'bitcastExpr': {
        const value = this.#value(node.value, scope);
        const type = nodeType(node.type);
        const [from, to] = [scalarType(value.type), scalarType(type)];
        return { js: `M.bitcast(${value.js}, '${from}', '${to}')`, type };
      }
      default:
        throw new Error(`Line ${node.line}: the translation does not support ${node.astNodeType}.`);
    }
  }

  #unary(node: Node, scope: Scope): Code {
    // A pointer to a local composite is the composite itself, as JavaScript passes references.
    if (node.operator === '&' || node.operator === '*') return this.#value(node.right, scope);
    const value = this.#value(node.right, scope);
    if (node.operator === '!') return { js: `!(${value.js})`, type: value.type };
    // -x is -0 - x, and ~x is x with every bit flipped.
    const constant: Code = {
      js: node.operator === '-' ? '-0' : '4294967295',
      type: { kind: 'scalar', scalar: scalarType(value.type) },
    };
    return binaryCode(node.operator === '-' ? '-' : '^', constant, value);
  }

  #call(node: Node, scope: Scope): Code {
    if (node.name === 'workgroupUniformLoad') {
      const { js, type } = this.#load(this.#location(node.args[0]!.right, scope), node.line);
      // A barrier before the load and one after it.
      return {
        js: `(yield* (function* () { yield ${node.line}; const v = ${js}; yield ${node.line}; return v; })())`,
        type,
      };
    }
    const args = node.args.map((arg) => this.#value(arg, scope));
    const fn = this.#functions.get(node.name);
    if (!fn) {
      const builtin = builtinCode(node.name, args);
      if (!builtin) {
        throw new Error(`Line ${node.line}: the translation does not support ${node.name}().`);
      }
      return builtin;
    }
    const js = `fn_${node.name}(${args.map((arg) => arg.js).join(', ')})`;
    const type: Type = fn.returnType ? nodeType(fn.returnType) : { kind: 'void' };
    return { js: this.#isGenerator(node.name) ? `(yield* ${js})` : js, type };
  }

  /** A constructor: the zero value, a conversion, a scalar repeated, or the parts in order. */
  #create(node: Node, scope: Scope): Code {
    const type = nodeType(node.type);
    const args = (node.args ?? []).map((arg) => this.#value(arg, scope));
    if (args.length === 0) return { js: zero(type), type };
    if (type.kind === 'scalar') return builtinCode(type.scalar, args)!;
    if (type.kind !== 'vec')
      return { js: `[${args.map((a) => `M.copy(${a.js})`).join(', ')}]`, type };
    if (args.length === 1) {
      if (args[0]!.type.kind === 'vec') return builtinCode(type.scalar, args)!;
      return { js: `Array(${type.length}).fill(${args[0]!.js})`, type };
    }
    return { js: `[${args.map((a) => a.js).join(', ')}].flat()`, type };
  }

  /** Where the value of an expression is stored, its indices and member names resolved. */
  #location(node: Node, scope: Scope): Location {
    let location: Location;
    if (node.astNodeType === 'varExpr') {
      const declared = scope.get(node.name);
      if (!declared) throw new Error(`Line ${node.line}: ${node.name} is not declared.`);
      location = declared;
    } else {
      location = this.#valueWithoutPostfix(
        { ...node, astNodeType: node.astNodeType, postfix: null },
        scope,
      );
    }
    for (let postfix = node.postfix; postfix; postfix = postfix.postfix) {
      location = this.#part(location, postfix, scope);
    }
    return location;
  }

  /** The location of an element or member. */
  #part(location: Location, postfix: Node, scope: Scope): Location {
    const { type } = location;
    let part: { index: string; words: string; type: Type };
    if (postfix.index) {
      const index = this.#value(postfix.index, scope).js;
      const item = elementType(type);
      part = { index, words: `(${index}) * ${wordCount(item)}`, type: item };
    } else if (type.kind === 'struct') {
      const name = postfix.value as unknown as string;
      const n = type.members.findIndex((m) => m.name === name);
      const member = type.members[n]!;
      part = { index: String(n), words: String(member.offset), type: member.type };
    } else {
      const swizzle = postfix.value as unknown as string;
      const n = 'xyzw'.indexOf(swizzle);
      if (n < 0 || swizzle.length > 1) {
        throw new Error(
          `Line ${postfix.line}: the translation does not support the swizzle .${swizzle}.`,
        );
      }
      part = { index: String(n), words: String(n), type: elementType(type) };
    }
    if ('js' in location) return { js: `${location.js}[${part.index}]`, type: part.type };
    const { variable, offset } = location;
    return {
      variable,
      offset: `${offset} + ${part.words}`,
      type: part.type,
      ...(type.kind === 'vec' && { vector: { offset, length: type.length } }),
    };
  }

  #load(location: Location, line: number): Code {
    if ('js' in location) return location;
    const { variable, offset, type } = location;
    return { js: `memory.load('${variable}', ${offset}, ${this.#type(type)}, ${line})`, type };
  }

  /** The name of a type in generated code. */
  #type(type: Type): string {
    return `T[${this.#types.push(type) - 1}]`;
  }

  #uniqueName(name: string): string {
    this.#nameCount += 1;
    return `${name}_${this.#nameCount}`;
  }
}

/** Loads and stores values of any type, word by word. */
class TypedMemory {
  constructor(readonly memory: Memory) {}

  load(variable: string, offset: number, type: Type, line: number): Value {
    if (type.kind === 'scalar') return this.memory.read(variable, offset, type.scalar, line);
    return parts(type).map((part) => this.load(variable, offset + part.offset, part.type, line));
  }

  store(variable: string, offset: number, type: Type, line: number, value: Value): void {
    if (type.kind === 'scalar') {
      this.memory.write(variable, offset, type.scalar, line, value as number | boolean);
      return;
    }
    for (const [n, part] of parts(type).entries()) {
      this.store(variable, offset + part.offset, part.type, line, (value as Value[])[n]!);
    }
  }

  /**
   * Records what a write to one component does to the others. WGSL lets it access the whole vector,
   * and some compilers do: they load the vector, replace the component and store the vector.
   */
  rewrite(variable: string, start: number, length: number, written: number, line: number): void {
    for (let word = start; word < start + length; word++)
      if (word !== written) this.memory.rewrite(variable, word, line);
  }
}
