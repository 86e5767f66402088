/**
 * WGSL's types, as far as this device has them, and how they lie in memory (WGSL, section 14.4.1).
 *
 *   in    struct S { a: f32, b: vec3f, c: array<vec2f, 4> }
 *   out   a at byte 0, b at 16, c at 32; 64 bytes, at multiples of 16
 *
 * Why: types made of others exist once each, so that `===` compares them.
 */

/** Any type of a value. */
export type Type = Scalar | Vector | Matrix | ArrayType | Struct | Pointer | Void;

/** `abstract-int` and `abstract-float` are numbers without a suffix, whose type their use decides. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly name: 'f32' | 'i32' | 'u32' | 'bool' | 'abstract-int' | 'abstract-float';
}

/** `vec2` to `vec4`. */
export interface Vector {
  readonly kind: 'vector';
  readonly size: 2 | 3 | 4;
  readonly element: Scalar;
}

/** Columns of f32. */
export interface Matrix {
  readonly kind: 'matrix';
  readonly columns: 2 | 3 | 4;
  readonly rows: 2 | 3 | 4;
}

/** `array<element, count>` */
export interface ArrayType {
  readonly kind: 'array';
  readonly element: Type;
  /** `undefined` where the size is that of the binding: a runtime-sized array. */
  readonly count: number | undefined;
}

/** A struct, with the layout of its members. */
export interface Struct {
  readonly kind: 'struct';
  readonly name: string;
  readonly members: readonly Member[];
  readonly align: number;
  readonly size: number;
}

interface Member {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the struct's start. */
  readonly offset: number;
}

/** Where a variable lies. */
export type Space = 'function' | 'private' | 'workgroup' | 'storage' | 'uniform' | 'immediate';
/** What may be done with memory. */
export type Access = 'read' | 'read_write';

/** `ptr<space, target, access>` */
export interface Pointer {
  readonly kind: 'pointer';
  readonly space: Space;
  readonly target: Type;
  readonly access: Access;
}

/** What a function without a result gives. */
interface Void {
  readonly kind: 'void';
}

const scalar = (name: Scalar['name']): Scalar => ({ kind: 'scalar', name });

export const F32 = scalar('f32');
export const I32 = scalar('i32');
export const U32 = scalar('u32');
export const BOOL = scalar('bool');
export const ABSTRACT_INT = scalar('abstract-int');
export const ABSTRACT_FLOAT = scalar('abstract-float');
/** Of a call that gives no value. */
export const VOID: Void = { kind: 'void' };

/** Types made from others exist once each, so that `===` compares them. */
const interned = new Map<string, Type>();
const identities = new WeakMap<Type, number>();
let nextIdentity = 0;

function identity(type: Type): number {
  let id = identities.get(type);
  if (id === undefined) {
    id = nextIdentity++;
    identities.set(type, id);
  }
  return id;
}

function intern<T extends Type>(key: string, type: T): T {
  const existing = interned.get(key);
  if (existing) return existing as T;
  interned.set(key, type);
  return type;
}

/** The vector of this size. */
export function vectorType(size: Vector['size'], element: Scalar): Vector {
  return intern(`vec${size} ${element.name}`, { kind: 'vector', size, element });
}

/** The matrix of so many columns and rows. */
export function matrixType(columns: Matrix['columns'], rows: Matrix['rows']): Matrix {
  return intern(`mat${columns}x${rows}`, { kind: 'matrix', columns, rows });
}

/** The vector that is one of a matrix's columns. */
export function columnType({ rows }: Matrix): Vector {
  return vectorType(rows, F32);
}

/** The array of so many elements; without a count, a runtime-sized one. */
export function arrayType(element: Type, count: number | undefined): ArrayType {
  return intern(`array ${identity(element)} ${count}`, { kind: 'array', element, count });
}

/** The pointer to memory in a space. */
export function pointerType(space: Space, target: Type, access: Access): Pointer {
  const key = `ptr ${space} ${identity(target)} ${access}`;
  return intern(key, { kind: 'pointer', space, target, access });
}

/** A struct whose members are laid out one after the other, each at its alignment. */
export function structType(
  name: string,
  members: readonly { name: string; type: Type; align?: number; size?: number }[],
): Struct {
  let end = 0;
  let align = 4;
  const laidOut = members.map((member) => {
    const memberAlign = member.align ?? alignOf(member.type);
    const offset = roundUp(end, memberAlign);
    const isRuntimeSized = member.type.kind === 'array' && member.type.count === undefined;
    end = offset + (isRuntimeSized ? 0 : (member.size ?? sizeOf(member.type)));
    align = Math.max(align, memberAlign);
    return { name: member.name, type: member.type, offset };
  });
  return { kind: 'struct', name, members: laidOut, align, size: roundUp(end, align) };
}

/** The next multiple of `align`. */
export function roundUp(bytes: number, align: number): number {
  return Math.ceil(bytes / align) * align;
}

/** Bytes. A bool, which no buffer holds, takes four. */
export function alignOf(type: Type): number {
  switch (type.kind) {
    case 'vector':
      return type.size === 2 ? 8 : 16;
    case 'matrix':
      return alignOf(columnType(type));
    case 'array':
      return alignOf(type.element);
    case 'struct':
      return type.align;
    default:
      return 4;
  }
}

/** Bytes; of a runtime-sized array, those of one element. */
export function sizeOf(type: Type): number {
  switch (type.kind) {
    case 'vector':
      return 4 * type.size;
    case 'matrix':
      return type.columns * alignOf(type);
    case 'array':
      return (type.count ?? 1) * strideOf(type);
    case 'struct':
      return type.size;
    default:
      return 4;
  }
}

/** Bytes from one element of an array, vector or matrix to the next. */
export function strideOf(type: ArrayType | Vector | Matrix): number {
  if (type.kind === 'vector') return 4;
  if (type.kind === 'matrix') return alignOf(type);
  return roundUp(sizeOf(type.element), alignOf(type.element));
}

/** The type of what `value[index]` gives; `undefined` where it has no elements. */
export function elementType(type: Type): Type | undefined {
  if (type.kind === 'vector' || type.kind === 'array') return type.element;
  return type.kind === 'matrix' ? columnType(type) : undefined;
}

/** How many elements; `undefined` for a runtime-sized array. */
export function elementCount(type: ArrayType | Vector | Matrix): number | undefined {
  if (type.kind === 'vector') return type.size;
  return type.kind === 'matrix' ? type.columns : type.count;
}

/** The type of a value's numbers: of a vector its element's; `undefined` for other composites. */
export function scalarType(type: Type): Scalar | undefined {
  if (type.kind === 'scalar') return type;
  if (type.kind === 'vector') return type.element;
  return type.kind === 'matrix' ? F32 : undefined;
}

/** The type with its numbers replaced: `vec3<abstract-int>` by f32 gives `vec3<f32>`. */
export function withScalar(type: Type, element: Scalar): Type {
  return type.kind === 'vector' ? vectorType(type.size, element) : element;
}

/** Whether a type is of numbers without a type. */
export function isAbstract(type: Type): boolean {
  if (type.kind === 'array') return isAbstract(type.element);
  const element = scalarType(type);
  return element === ABSTRACT_INT || element === ABSTRACT_FLOAT;
}

/** What a number without a type becomes by itself: i32 or f32. */
export function concreteScalar(type: Scalar): Scalar {
  if (type === ABSTRACT_INT) return I32;
  return type === ABSTRACT_FLOAT ? F32 : type;
}

/** The type with its numbers without a type made i32 and f32. */
export function concreteType(type: Type): Type {
  if (type.kind === 'array') return arrayType(concreteType(type.element), type.count);
  const element = scalarType(type);
  return element && type.kind !== 'matrix' ? withScalar(type, concreteScalar(element)) : type;
}

/** Whether a scalar is a float, with or without a type. */
export function isFloat(type: Scalar | undefined): boolean {
  return type === F32 || type === ABSTRACT_FLOAT;
}

/** Whether a scalar is an integer, with or without a type. */
export function isInteger(type: Scalar | undefined): boolean {
  return type === I32 || type === U32 || type === ABSTRACT_INT;
}

/** Whether a type holds an array without a size, or a pointer: no variable outside buffers can be of it. */
export function isSized(type: Type): boolean {
  if (type.kind === 'array') return type.count !== undefined && isSized(type.element);
  if (type.kind === 'struct') return type.members.every((m) => isSized(m.type));
  return type.kind !== 'void' && type.kind !== 'pointer';
}

/** Elements of an array outside buffers, at most (WGSL, section 2.4). */
const MAX_ELEMENTS = 65535;

/** How many elements an array has, where they are more than can be outside buffers; else `undefined`. */
export function excessElements(type: Type): number | undefined {
  if (type.kind !== 'array' || type.count === undefined) return undefined;
  return type.count > MAX_ELEMENTS ? type.count : undefined;
}

/** Whether a buffer can hold the type: numbers, and what is made of them. */
export function isHostShareable(type: Type): boolean {
  if (type.kind === 'scalar') return type !== BOOL;
  if (type.kind === 'vector') return type.element !== BOOL;
  if (type.kind === 'array') return isHostShareable(type.element);
  if (type.kind === 'struct') return type.members.every((m) => isHostShareable(m.type));
  return type.kind === 'matrix';
}

/** As a shader would write it. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case 'scalar':
      return type.name;
    case 'vector':
      return `vec${type.size}<${type.element.name}>`;
    case 'matrix':
      return `mat${type.columns}x${type.rows}<f32>`;
    case 'array':
      return `array<${typeName(type.element)}${type.count === undefined ? '' : `, ${type.count}`}>`;
    case 'struct':
      return type.name;
    case 'pointer':
      return `ptr<${type.space}, ${typeName(type.target)}${type.space === 'storage' ? `, ${type.access}` : ''}>`;
    case 'void':
      return 'nothing';
  }
}
