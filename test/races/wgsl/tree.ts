/** wgsl_reflect's syntax tree, and the types that its type nodes stand for. */

import type { Code, Scalar, Type } from './math.js';

/**
 * A node of wgsl_reflect's tree: the fields of all kinds, of which a node has those of its kind.
 */
export interface Node {
  astNodeType: string;
  line: number;
  name: string;
  value: Node;
  data: ArrayLike<number>;
  typeInfo: { name: string };
  type: Node;
  format: Node;
  count: number;
  members: Node[];
  storage: string;
  attributes: { name: string; value: string | string[] }[] | null;
  args: Node[];
  body: Node[];
  operator: string;
  left: Node;
  right: Node;
  index?: Node;
  postfix: Node | null;
  initializer: Node;
  variable: Node;
  condition: Node;
  init: Node;
  increment: Node;
  elseif: Node[] | null;
  else: Node[] | null;
  cases: Node[];
  selectors: Node[];
  returnType: Node | null;
}

const SCALARS: Readonly<Record<string, Scalar>> = { f: 'f32', u: 'u32', i: 'i32' };

/** The size of a type in 32-bit words, as it stands in a buffer; a runtime-sized array has 0. */
export function wordCount(type: Type): number {
  switch (type.kind) {
    case 'scalar':
      return 1;
    case 'vec':
      return type.length;
    case 'mat':
      return 16;
    case 'array':
      return type.length * wordCount(type.item);
    case 'struct':
      return type.members.reduce((words, m) => Math.max(words, m.offset + wordCount(m.type)), 0);
    case 'void':
      return 0;
  }
}

/** The members or elements of a composite type, with their offsets in words. */
export function parts(type: Type): { offset: number; type: Type }[] {
  if (type.kind === 'struct') return type.members;
  const item = elementType(type);
  const length = type.kind === 'mat' ? 4 : (type as { length: number }).length;
  return Array.from({ length }, (_, i) => ({ offset: i * wordCount(item), type: item }));
}

/** The type of an array's or vector's elements, or of a matrix's columns. */
export function elementType(type: Type): Type {
  if (type.kind === 'array') return type.item;
  if (type.kind === 'vec') return { kind: 'scalar', scalar: type.scalar };
  if (type.kind === 'mat') return { kind: 'vec', length: 4, scalar: 'f32' };
  throw new Error(`A ${type.kind} has no elements.`);
}

/**
 * The type that a type node stands for; of a pointer, the type that it points to.
 *
 * @throws Error where the translation does not support the type.
 */
export function nodeType(node: Node): Type {
  if (node.name === 'ptr') return nodeType(node.type);
  if (node.name === 'array') {
    return { kind: 'array', length: node.count, item: nodeType(node.format) };
  }
  if (node.name.startsWith('mat4x4')) return { kind: 'mat' };
  const vector = /^vec([234])([fui]?)$/.exec(node.name);
  if (vector) {
    const scalar = SCALARS[vector[2]!] ?? (node.format.name as Scalar);
    return { kind: 'vec', length: Number(vector[1]), scalar };
  }
  if (node.astNodeType === 'struct') return structType(node);
  if (['f32', 'u32', 'i32', 'bool', 'x32'].includes(node.name)) {
    return { kind: 'scalar', scalar: node.name as Scalar };
  }
  throw new Error(`The translation does not support the type ${node.name}.`);
}

function structType(node: Node): Type {
  let end = 0;
  const members = node.members.map(({ name, type: memberNode }) => {
    const type = nodeType(memberNode);
    const align =
      type.kind === 'vec' ? (type.length === 2 ? 2 : 4) : type.kind === 'scalar' ? 1 : 4;
    const offset = Math.ceil(end / align) * align;
    end = offset + wordCount(type);
    return { name, type, offset };
  });
  return { kind: 'struct', members };
}

/** The code of a literal node. */
export function literal({ data, typeInfo }: Node): Code {
  const scalar = typeInfo.name as Scalar;
  const js = scalar === 'bool' ? String(data[0] !== 0) : String(data[0]);
  return { js, type: { kind: 'scalar', scalar } };
}

/** The JavaScript of a type's zero value. */
export function zero(type: Type): string {
  if (type.kind === 'scalar') return type.scalar === 'bool' ? 'false' : '0';
  if (type.kind === 'struct') return `[${type.members.map((m) => zero(m.type)).join(', ')}]`;
  return `Array.from({ length: ${parts(type).length} }, () => ${zero(elementType(type))})`;
}

/** The first argument of a node's attribute; empty where the node does not have it. */
export function attribute(node: Node, name: string): string {
  const value = node.attributes?.find((a) => a.name === name)?.value ?? '';
  return Array.isArray(value) ? value[0]! : value;
}

/** Whether a function is a compute entry point. */
export function isEntry(fn: Node): boolean {
  return fn.attributes?.some((a) => a.name === 'compute') ?? false;
}

/**
 * Whether a return node has no value; wgsl_reflect may parse one as the construction of nothing.
 */
export function isBareReturn({ value }: Node): boolean {
  return !value || (value.astNodeType === 'createExpr' && !value.type);
}

/** The names of the functions called within a part of the tree, builtin functions included. */
export function callsIn(tree: unknown, seen = new Set<unknown>()): string[] {
  if (typeof tree !== 'object' || tree === null || ArrayBuffer.isView(tree) || seen.has(tree)) {
    return [];
  }
  seen.add(tree);
  const { astNodeType, name } = tree as Partial<Node>;
  const callee = astNodeType === 'call' || astNodeType === 'callExpr' ? [name!] : [];
  return [...callee, ...Object.values(tree).flatMap((part) => callsIn(part, seen))];
}
