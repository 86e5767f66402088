/**
 * The types of WGSL that this device supports, and their memory layout (WGSL, section 14.4.1).
 *
 *   in    struct S { a: f32, b: vec3f, c: array<vec2f, 4> }
 *   out   a at byte 0, b at 16, c at 32; size 64, alignment 16
 *
 * Why: there is one object for each composite type, so types can be compared with `===`.
 */

/** The type of an expression. */
export type Type = Scalar | Vector | Matrix | ArrayType | Struct | Pointer | Void;

/**
 * A scalar type. `abstract-int` and `abstract-float` are the types of numbers without a suffix,
 * which become concrete where they are used.
 */
export interface Scalar {
  readonly kind: 'scalar';
  readonly name: 'f32' | 'i32' | 'u32' | 'bool' | 'abstract-int' | 'abstract-float';
}

/** A vector of 2, 3 or 4 components. */
export interface Vector {
  readonly kind: 'vector';
  readonly size: 2 | 3 | 4;
  readonly element: Scalar;
}

/** A matrix of f32. */
export interface Matrix {
  readonly kind: 'matrix';
  readonly columns: 2 | 3 | 4;
  readonly rows: 2 | 3 | 4;
}

/** `array<element, count>` */
export interface ArrayType {
  readonly kind: 'array';
  /** The type of the elements. */
  readonly element: Type;
  /** `undefined` for a runtime-sized array, whose size is that of its binding. */
  readonly count: number | undefined;
}

/** A struct with the layout of its members. */
export interface Struct {
  readonly kind: 'struct';
  readonly name: string;
  readonly members: readonly Member[];
  /** WGSL's AlignOf, in bytes. */
  readonly align: number;
  /** WGSL's SizeOf, in bytes. */
  readonly size: number;
}

interface Member {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

/** WGSL's address spaces. */
export type AddressSpace =
  | 'function'
  | 'private'
  | 'workgroup'
  | 'storage'
  | 'uniform'
  | 'immediate';
/** WGSL's access modes. */
export type AccessMode = 'read' | 'read_write';

/** `ptr<space, target, access>` */
export interface Pointer {
  readonly kind: 'pointer';
  readonly space: AddressSpace;
  /** The type that the pointer points to (WGSL: store type). */
  readonly target: Type;
  readonly access: AccessMode;
}

/** The result type of a function that returns nothing. */
interface Void {
  readonly kind: 'void';
}

const scalar = (name: Scalar['name']): Scalar => ({ kind: 'scalar', name });

/** The type f32. */
export const F32 = scalar('f32');
/** The type i32. */
export const I32 = scalar('i32');
/** The type u32. */
export const U32 = scalar('u32');
/** The type bool. */
export const BOOL = scalar('bool');
/** WGSL's AbstractInt: an integer without a suffix. */
export const ABSTRACT_INT = scalar('abstract-int');
/** WGSL's AbstractFloat: a float without a suffix. */
export const ABSTRACT_FLOAT = scalar('abstract-float');
/** The type of a call that returns nothing. */
export const VOID: Void = { kind: 'void' };

/** Composite types by their key: there is one object for each. */
const interned = new Map<string, Type>();
const typeIds = new WeakMap<Type, number>();
let nextTypeId = 0;

function typeId(type: Type): number {
  let id = typeIds.get(type);
  if (id === undefined) {
    id = nextTypeId++;
    typeIds.set(type, id);
  }
  return id;
}

function intern<T extends Type>(key: string, type: T): T {
  const existing = interned.get(key);
  if (existing) return existing as T;
  interned.set(key, type);
  return type;
}

/** The vector type with this size. */
export function vectorType(size: Vector['size'], element: Scalar): Vector {
  return intern(`vec${size} ${element.name}`, { kind: 'vector', size, element });
}

/** The matrix type with this many columns and rows. */
export function matrixType(columns: Matrix['columns'], rows: Matrix['rows']): Matrix {
  return intern(`mat${columns}x${rows}`, { kind: 'matrix', columns, rows });
}

/** The type of a matrix's columns. */
export function columnType({ rows }: Matrix): Vector {
  return vectorType(rows, F32);
}

/** The array type with this many elements; without a count, it is runtime-sized. */
export function arrayType(element: Type, count: number | undefined): ArrayType {
  return intern(`array ${typeId(element)} ${count}`, { kind: 'array', element, count });
}

/** The pointer type to an address space. */
export function pointerType(space: AddressSpace, target: Type, access: AccessMode): Pointer {
  const key = `ptr ${space} ${typeId(target)} ${access}`;
  return intern(key, { kind: 'pointer', space, target, access });
}

/**
 * Creates a struct type and lays out its members in order, each at a multiple of its alignment.
 *
 * @param members `align` and `size` in bytes are those of WGSL's attributes; default: those of the
 *   type.
 */
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

/** The smallest multiple of `align` that is not less than `bytes`. */
export function roundUp(bytes: number, align: number): number {
  return Math.ceil(bytes / align) * align;
}

/** WGSL's AlignOf, in bytes. A bool, which no buffer can hold, counts like an i32. */
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

/** WGSL's SizeOf, in bytes; for a runtime-sized array, that of one element. */
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

/** WGSL's StrideOf, in bytes: from one element of an array, vector or matrix to the next. */
export function strideOf(type: ArrayType | Vector | Matrix): number {
  if (type.kind === 'vector') return 4;
  if (type.kind === 'matrix') return alignOf(type);
  return roundUp(sizeOf(type.element), alignOf(type.element));
}

/** The type of `value[index]`; `undefined` where the type has no elements. */
export function elementType(type: Type): Type | undefined {
  if (type.kind === 'vector' || type.kind === 'array') return type.element;
  return type.kind === 'matrix' ? columnType(type) : undefined;
}

/** How many elements the type has; `undefined` for a runtime-sized array. */
export function elementCount(type: ArrayType | Vector | Matrix): number | undefined {
  if (type.kind === 'vector') return type.size;
  return type.kind === 'matrix' ? type.columns : type.count;
}

/**
 * The type of a value's components: a scalar itself, the component type of a vector or matrix;
 * `undefined` for other types.
 */
export function scalarType(type: Type): Scalar | undefined {
  if (type.kind === 'scalar') return type;
  if (type.kind === 'vector') return type.element;
  return type.kind === 'matrix' ? F32 : undefined;
}

/** The type with another component type: `vec3<abstract-int>` and f32 give `vec3<f32>`. */
export function withScalar(type: Type, element: Scalar): Type {
  return type.kind === 'vector' ? vectorType(type.size, element) : element;
}

/** Whether a type is abstract, or an array of an abstract type. */
export function isAbstract(type: Type): boolean {
  if (type.kind === 'array') return isAbstract(type.element);
  const element = scalarType(type);
  return element === ABSTRACT_INT || element === ABSTRACT_FLOAT;
}

/** The default concrete type of an abstract scalar: i32 or f32. Other scalars stay as they are. */
export function concreteScalar(type: Scalar): Scalar {
  if (type === ABSTRACT_INT) return I32;
  return type === ABSTRACT_FLOAT ? F32 : type;
}

/** The type with its abstract component type made concrete. */
export function concreteType(type: Type): Type {
  if (type.kind === 'array') return arrayType(concreteType(type.element), type.count);
  const element = scalarType(type);
  return element && type.kind !== 'matrix' ? withScalar(type, concreteScalar(element)) : type;
}

/** Whether a scalar type is a float, abstract or concrete. */
export function isFloat(type: Scalar | undefined): boolean {
  return type === F32 || type === ABSTRACT_FLOAT;
}

/** Whether a scalar type is an integer, abstract or concrete. */
export function isInteger(type: Scalar | undefined): boolean {
  return type === I32 || type === U32 || type === ABSTRACT_INT;
}

/**
 * Whether values of the type have a fixed size. Runtime-sized arrays, structs that end in one, and
 * pointers do not.
 */
export function isSized(type: Type): boolean {
  if (type.kind === 'array') return type.count !== undefined && isSized(type.element);
  if (type.kind === 'struct') return type.members.every((m) => isSized(m.type));
  return type.kind !== 'void' && type.kind !== 'pointer';
}

/** The most elements of an array outside buffers (WGSL, section 2.4). */
const MAX_ELEMENTS = 65535;

/**
 * How many elements an array type has, if they are more than an array outside buffers can have;
 * otherwise `undefined`.
 */
export function excessElements(type: Type): number | undefined {
  if (type.kind !== 'array' || type.count === undefined) return undefined;
  return type.count > MAX_ELEMENTS ? type.count : undefined;
}

/** Whether a buffer can hold the type (WGSL: host-shareable). */
export function isHostShareable(type: Type): boolean {
  if (type.kind === 'scalar') return type !== BOOL;
  if (type.kind === 'vector') return type.element !== BOOL;
  if (type.kind === 'array') return isHostShareable(type.element);
  if (type.kind === 'struct') return type.members.every((m) => isHostShareable(m.type));
  return type.kind === 'matrix';
}

/** The type as a shader would write it. */
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
