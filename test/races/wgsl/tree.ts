/** wgsl_reflect's syntax tree, and the types that its type nodes stand for. */

import type { Code, Scalar, Type } from './math.js';

/** A node of wgsl_reflect's tree, with the fields of every kind; those of its own kind are there. */
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

export function wordCount(type: Type): number {
  switch (type.kind) {
    case 'scalar':
      return 1;
    case 'vec':
      return type.n;
    case 'mat':
      return 16;
    case 'array':
      return type.n * wordCount(type.item);
    case 'struct':
      return type.members.reduce((words, m) => Math.max(words, m.at + wordCount(m.type)), 0);
    case 'void':
      return 0;
  }
}

export function scalarParts(type: Type): { at: number; type: Type }[] {
  if (type.kind === 'struct') return type.members;
  const item = elementType(type);
  const n = type.kind === 'mat' ? 4 : (type as { n: number }).n;
  return Array.from({ length: n }, (_, i) => ({ at: i * wordCount(item), type: item }));
}

export function elementType(type: Type): Type {
  if (type.kind === 'array') return type.item;
  if (type.kind === 'vec') return { kind: 'scalar', of: type.of };
  if (type.kind === 'mat') return { kind: 'vec', n: 4, of: 'f32' };
  throw new Error(`A ${type.kind} has no elements.`);
}

export function nodeType(node: Node): Type {
  if (node.name === 'ptr') return nodeType(node.type);
  if (node.name === 'array') return { kind: 'array', n: node.count, item: nodeType(node.format) };
  if (node.name.startsWith('mat4x4')) return { kind: 'mat' };
  const vector = /^vec([234])([fui]?)$/.exec(node.name);
  if (vector) {
    const of = SCALARS[vector[2]!] ?? (node.format.name as Scalar);
    return { kind: 'vec', n: Number(vector[1]), of };
  }
  if (node.astNodeType === 'struct') return structType(node);
  if (['f32', 'u32', 'i32', 'bool', 'x32'].includes(node.name)) {
    return { kind: 'scalar', of: node.name as Scalar };
  }
  throw new Error(`The translation knows no type ${node.name}.`);
}

function structType(node: Node): Type {
  let end = 0;
  const members = node.members.map(({ name, type: memberNode }) => {
    const type = nodeType(memberNode);
    const align = type.kind === 'vec' ? (type.n === 2 ? 2 : 4) : type.kind === 'scalar' ? 1 : 4;
    const at = Math.ceil(end / align) * align;
    end = at + wordCount(type);
    return { name, type, at };
  });
  return { kind: 'struct', members };
}

export function literal({ data, typeInfo }: Node): Code {
  const of = typeInfo.name as Scalar;
  const js = of === 'bool' ? String(data[0] !== 0) : String(data[0]);
  return { js, type: { kind: 'scalar', of } };
}

/** JavaScript of a type's zero value. */
export function zero(type: Type): string {
  if (type.kind === 'scalar') return type.of === 'bool' ? 'false' : '0';
  if (type.kind === 'struct') return `[${type.members.map((m) => zero(m.type)).join(', ')}]`;
  return `Array.from({ length: ${scalarParts(type).length} }, () => ${zero(elementType(type))})`;
}

export function attribute(node: Node, name: string): string {
  const value = node.attributes?.find((a) => a.name === name)?.value ?? '';
  return Array.isArray(value) ? value[0]! : value;
}

export function isEntry(fn: Node): boolean {
  return fn.attributes?.some((a) => a.name === 'compute') ?? false;
}

/** A bare return is parsed as the construction of nothing. */
export function isBare({ value }: Node): boolean {
  return !value || (value.astNodeType === 'createExpr' && !value.type);
}

/** The names of the functions that a piece of the tree calls. */
export function callsIn(tree: unknown, seen = new Set<unknown>()): string[] {
  if (typeof tree !== 'object' || tree === null || ArrayBuffer.isView(tree) || seen.has(tree)) {
    return [];
  }
  seen.add(tree);
  const { astNodeType, name } = tree as Partial<Node>;
  const own = astNodeType === 'call' || astNodeType === 'callExpr' ? [name!] : [];
  return [...own, ...Object.values(tree).flatMap((part) => callsIn(part, seen))];
}
