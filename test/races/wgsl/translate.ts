/**
 * WGSL to JavaScript: translates a kernel into a generator that yields at every barrier, so that a workgroup can be
 * run on the CPU phase by phase and every word it touches be seen. Understands the part of WGSL our shaders use, and
 * refuses the rest.
 */

import { WgslParser } from 'wgsl_reflect/wgsl_reflect.module.js';
import {
  binaryCode,
  builtinCode,
  type Code,
  MATH,
  type Scalar,
  type Type,
  type Value,
} from './math.js';
import {
  attribute,
  callsIn,
  elementType,
  isBare,
  isEntry,
  literal,
  type Node,
  nodeType,
  scalarParts,
  wordCount,
  zero,
} from './tree.js';

/** What buffers and workgroup variables are read from and written to, one 32-bit word at a time. */
export interface Memory {
  read(variable: string, word: number, of: Scalar, line: number): number | boolean;
  write(variable: string, word: number, of: Scalar, line: number, value: number | boolean): void;
}

export interface Builtins {
  workgroup_id: number[];
  num_workgroups: number[];
  local_invocation_index: number;
}

/** One invocation: yields the line of each barrier it waits at. */
export type Invocation = Generator<number, void, void>;

export interface Translated {
  /** Words of each workgroup variable. */
  readonly workgroup: ReadonlyMap<string, number>;
  /** Invocations per workgroup. */
  readonly size: number;
  start(memory: Memory, builtins: Builtins): Invocation;
}

/** A named value: a JavaScript variable, or words of a buffer or workgroup variable from `at` on. */
type Place = { js: string; type: Type } | { variable: string; at: string; type: Type };
type Scope = ReadonlyMap<string, Place>;

const BARRIERS = ['workgroupBarrier', 'storageBarrier', 'workgroupUniformLoad'];
/** Translates one entry point of a shader. */
export function translate(source: string, entry: string): Translated {
  return new Translator(new WgslParser().parse(source) as unknown as Node[]).translate(entry);
}

class Translator {
  readonly #functions = new Map<string, Node>();
  readonly #constants = new Map<string, number>();
  readonly #globals = new Map<string, Place>();
  readonly #workgroup = new Map<string, number>();
  readonly #types: Type[] = [];
  #names = 0;

  constructor(tree: readonly Node[]) {
    for (const node of tree) {
      if (node.astNodeType === 'function') this.#functions.set(node.name, node);
      if (node.astNodeType === 'const') this.#constants.set(node.name, node.value.value.data[0]!);
      if (node.astNodeType !== 'var') continue;
      const type = nodeType(node.type);
      this.#globals.set(node.name, { variable: node.name, at: '0', type });
      if (node.storage === 'workgroup') this.#workgroup.set(node.name, wordCount(type));
    }
  }

  translate(entry: string): Translated {
    const functions = [...this.#functions.values()].map((fn) => this.#function(fn));
    const main = this.#functions.get(entry)!;
    const parameters = main.args.map((arg) => attribute(arg, 'builtin') as keyof Builtins);
    const size = attribute(main, 'workgroup_size');
    const load = new Function('memory', 'T', 'M', `${functions.join('\n')}\nreturn fn_${entry};`);
    return {
      workgroup: this.#workgroup,
      size: this.#constants.get(size) ?? Number.parseInt(size, 10),
      start: (memory, builtins) =>
        load(new TypedMemory(memory), this.#types, MATH)(...parameters.map((p) => builtins[p])),
    };
  }

  /** Whether a function waits at a barrier, itself or in what it calls: those, and entry points, are generators. */
  #waits(name: string): boolean {
    if (BARRIERS.includes(name)) return true;
    const fn = this.#functions.get(name);
    return fn !== undefined && (isEntry(fn) || callsIn(fn.body).some((n) => this.#waits(n)));
  }

  #function(fn: Node): string {
    const scope = new Map<string, Place>(this.#globals);
    const names = fn.args.map((arg) => {
      const js = this.#fresh(arg.name);
      scope.set(arg.name, { js, type: nodeType(arg.type) });
      return js;
    });
    const star = this.#waits(fn.name) ? '*' : '';
    return `function${star} fn_${fn.name}(${names.join(', ')}) {\n${this.#block(fn.body, scope)}\n}`;
  }

  #block(body: readonly Node[], outer: Scope): string {
    const scope = new Map(outer);
    return body.map((node) => this.#statement(node, scope)).join('\n');
  }

  #statement(node: Node, scope: Map<string, Place>): string {
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
        return isBare(node) ? 'return;' : `return ${this.#value(node.value, scope).js};`;
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
        throw new Error(`Line ${node.line}: the translation knows no ${node.astNodeType}.`);
    }
  }

  #declare(node: Node, scope: Map<string, Place>): string {
    const value: Code | undefined = node.value && this.#value(node.value, scope);
    let type = node.type ? nodeType(node.type) : value!.type;
    if (type.kind === 'scalar' && type.of === 'x32') type = { kind: 'scalar', of: 'i32' };
    const js = this.#fresh(node.name);
    scope.set(node.name, { js, type });
    return `let ${js} = ${value ? `M.copy(${value.js})` : zero(type)}`;
  }

  #assign(node: Node, scope: Scope): string {
    const place = this.#place(node.variable, scope);
    const operator = node.operator.slice(0, -1);
    const one: Code = { js: '1', type: { kind: 'scalar', of: 'x32' } };
    let value = node.astNodeType === 'increment' ? one : this.#value(node.value, scope);
    if (operator) value = binaryCode(operator, this.#load(place, node.line), value);
    if ('js' in place) return `${place.js} = M.copy(${value.js})`;
    return `memory.store('${place.variable}', ${place.at}, ${this.#type(place.type)}, ${node.line}, ${value.js})`;
  }

  #if(node: Node, scope: Scope): string {
    const arm = ({ condition, body }: Node) =>
      `if (${this.#value(condition, scope).js}) {\n${this.#block(body, scope)}\n}`;
    const arms = [node, ...(node.elseif ?? [])].map(arm).join(' else ');
    return node.else ? `${arms} else {\n${this.#block(node.else, scope)}\n}` : arms;
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

  /** A value, with whatever indices and members follow it. */
  #value(node: Node, scope: Scope): Code {
    if (node.astNodeType === 'varExpr' || (node.postfix && node.astNodeType !== 'literalExpr')) {
      return this.#load(this.#place(node, scope), node.line);
    }
    return this.#bare(node, scope);
  }

  #bare(node: Node, scope: Scope): Code {
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
        const of = (t: Type) => (t as { of: Scalar }).of;
        return { js: `M.bitcast(${value.js}, '${of(value.type)}', '${of(type)}')`, type };
      }
      default:
        throw new Error(`Line ${node.line}: the translation knows no ${node.astNodeType}.`);
    }
  }

  #unary(node: Node, scope: Scope): Code {
    // A pointer to a local composite is the composite itself: JavaScript passes it by reference.
    if (node.operator === '&' || node.operator === '*') return this.#value(node.right, scope);
    const value = this.#value(node.right, scope);
    if (node.operator === '!') return { js: `!(${value.js})`, type: value.type };
    const of = (value.type as { of: Scalar }).of;
    const constant: Code = {
      js: node.operator === '-' ? '-0' : '4294967295',
      type: { kind: 'scalar', of },
    };
    return binaryCode(node.operator === '-' ? '-' : '^', constant, value);
  }

  #call(node: Node, scope: Scope): Code {
    if (node.name === 'workgroupUniformLoad') {
      const place = this.#place(node.args[0]!.right, scope);
      const { js, type } = this.#load(place, node.line);
      return {
        js: `(yield* (function* () { yield ${node.line}; const v = ${js}; yield ${node.line}; return v; })())`,
        type,
      };
    }
    const args = node.args.map((arg) => this.#value(arg, scope));
    const fn = this.#functions.get(node.name);
    if (!fn) {
      const builtin = builtinCode(node.name, args);
      if (!builtin) throw new Error(`Line ${node.line}: the translation knows no ${node.name}().`);
      return builtin;
    }
    const js = `fn_${node.name}(${args.map((arg) => arg.js).join(', ')})`;
    const type: Type = fn.returnType ? nodeType(fn.returnType) : { kind: 'void' };
    return { js: this.#waits(node.name) ? `(yield* ${js})` : js, type };
  }

  /** A constructor: zero, a conversion, a scalar spread over a vector, or the parts in order. */
  #create(node: Node, scope: Scope): Code {
    const type = nodeType(node.type);
    const args = (node.args ?? []).map((arg) => this.#value(arg, scope));
    if (args.length === 0) return { js: zero(type), type };
    if (type.kind === 'scalar') return builtinCode(type.of, args)!;
    if (type.kind !== 'vec')
      return { js: `[${args.map((a) => `M.copy(${a.js})`).join(', ')}]`, type };
    if (args.length === 1) {
      if (args[0]!.type.kind === 'vec') return builtinCode(type.of, args)!;
      return { js: `Array(${type.n}).fill(${args[0]!.js})`, type };
    }
    return { js: `[${args.map((a) => a.js).join(', ')}].flat()`, type };
  }

  #place(node: Node, scope: Scope): Place {
    let place: Place;
    if (node.astNodeType === 'varExpr') {
      const found = scope.get(node.name);
      if (!found) throw new Error(`Line ${node.line}: ${node.name} is not declared.`);
      place = found;
    } else {
      place = this.#bare({ ...node, astNodeType: node.astNodeType, postfix: null }, scope);
    }
    for (let postfix = node.postfix; postfix; postfix = postfix.postfix) {
      place = this.#part(place, postfix, scope);
    }
    return place;
  }

  /** An element or member of a place. */
  #part(place: Place, postfix: Node, scope: Scope): Place {
    const { type } = place;
    let step: { index: string; words: string; type: Type };
    if (postfix.index) {
      const index = this.#value(postfix.index, scope).js;
      const item = elementType(type);
      step = { index, words: `(${index}) * ${wordCount(item)}`, type: item };
    } else if (type.kind === 'struct') {
      const name = postfix.value as unknown as string;
      const n = type.members.findIndex((m) => m.name === name);
      const member = type.members[n]!;
      step = { index: String(n), words: String(member.at), type: member.type };
    } else {
      const n = 'xyzw'.indexOf(postfix.value as unknown as string);
      if (n < 0) throw new Error(`Line ${postfix.line}: the translation knows no such swizzle.`);
      step = { index: String(n), words: String(n), type: elementType(type) };
    }
    if ('js' in place) return { js: `${place.js}[${step.index}]`, type: step.type };
    return {
      variable: place.variable,
      at: `${place.at} + ${step.words}`,
      type: step.type,
    };
  }

  #load(place: Place, line: number): Code {
    if ('js' in place) return place;
    const { variable, at, type } = place;
    return { js: `memory.load('${variable}', ${at}, ${this.#type(type)}, ${line})`, type };
  }

  #type(type: Type): string {
    return `T[${this.#types.push(type) - 1}]`;
  }

  #fresh(name: string): string {
    this.#names += 1;
    return `${name}_${this.#names}`;
  }
}

/** Reads and writes values of any type, word by word. */
class TypedMemory {
  constructor(readonly memory: Memory) {}

  load(variable: string, at: number, type: Type, line: number): Value {
    if (type.kind === 'scalar') return this.memory.read(variable, at, type.of, line);
    return scalarParts(type).map((part) => this.load(variable, at + part.at, part.type, line));
  }

  store(variable: string, at: number, type: Type, line: number, value: Value): void {
    if (type.kind === 'scalar') {
      this.memory.write(variable, at, type.of, line, value as number | boolean);
      return;
    }
    for (const [n, part] of scalarParts(type).entries()) {
      this.store(variable, at + part.at, part.type, line, (value as Value[])[n]!);
    }
  }
}
