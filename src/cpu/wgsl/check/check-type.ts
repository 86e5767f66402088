/**
 * Step 2a: the names of types become types.
 *
 *   in    array<vec4<f32>, 2 * N>          where const N = 8
 *   out   an array of 16 vec4<f32>
 *
 * Why: whatever a program calls a type (`vec4f`, `vec4<f32>`, an alias), later steps see one
 * object.
 */

import type * as syntax from '../parse/syntax.js';
import { failAt, type Position } from '../source.js';
import {
  type AccessMode,
  type AddressSpace,
  arrayType,
  BOOL,
  F32,
  I32,
  isSized,
  matrixType,
  pointerType,
  type Scalar,
  sizeOf,
  type Type,
  typeName,
  U32,
  vectorType,
} from '../types.js';
import type { Environment, ExpressionChecker } from './check-expression.js';

/** The address spaces of module-scope variables. */
export const MODULE_ADDRESS_SPACES: readonly string[] = [
  ...['private', 'workgroup', 'storage', 'uniform', 'immediate'],
];

const SCALARS: ReadonlyMap<string, Scalar> = new Map([
  ['f32', F32],
  ['i32', I32],
  ['u32', U32],
  ['bool', BOOL],
]);
/** The largest size of an array, in bytes. */
const MAX_BYTES = 2 ** 32 - 1;

/** The types of WGSL that this device does not support, with the reason. */
const UNSUPPORTED_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^texture_|^sampler/, 'this device has no textures and no samplers'],
  [/^atomic$/, 'this device has no atomics'],
  [/^(f16|vec[234]h|mat[234]x[234]h)$/, 'this device has no f16'],
];

/** Whether WGSL predeclares a type with this name. */
export function isPredeclaredType(name: string): boolean {
  return /^(?:[fiu]32|f16|bool|array|atomic|ptr|vec[234][fiuh]?|mat[234]x[234][fh]?)$/.test(name);
}

/** Finds the types that names refer to. */
export class TypeChecker {
  readonly #environment: Pick<Environment, 'text' | 'lookup'>;
  readonly #expressions: ExpressionChecker;

  /** @param expressions evaluates the sizes of arrays. */
  constructor(environment: Pick<Environment, 'text' | 'lookup'>, expressions: ExpressionChecker) {
    this.#environment = environment;
    this.#expressions = expressions;
  }

  /**
   * Returns the type with a name.
   *
   * @throws WgslError where no type has this name, or this device does not support it.
   */
  check(node: syntax.Name): Type {
    const { name, position, template } = node;
    const resolvedName = this.#environment.lookup(name, position);
    if (resolvedName && resolvedName.kind !== 'type')
      return this.#fail(position, `"${name}" is not a type`);
    const type = resolvedName?.type ?? SCALARS.get(name) ?? this.#shortName(name);
    if (type) {
      if (template.length > 0) this.#fail(position, `type ${name} takes no template arguments`);
      return type;
    }
    const vector = /^vec([234])$/.exec(name);
    if (vector) return this.#vector(node, Number(vector[1]) as 2);
    const matrix = /^mat([234])x([234])$/.exec(name);
    if (matrix) return this.#matrix(node, Number(matrix[1]) as 2, Number(matrix[2]) as 2);
    if (name === 'array') return this.#array(node);
    if (name === 'ptr') return this.#pointer(node);
    const unsupported = UNSUPPORTED_TYPES.find(([pattern]) => pattern.test(name))?.[1];
    if (unsupported) return this.#fail(position, `"${name}" is not supported: ${unsupported}`);
    return this.#fail(position, `"${name}" is not declared`);
  }

  /** `vec4f`, `mat2x2f` and other predeclared aliases. */
  #shortName(name: string): Type | undefined {
    const vector = /^vec([234])([fiu])$/.exec(name);
    if (vector) return vectorType(Number(vector[1]) as 2, SCALARS.get(`${vector[2]}32`)!);
    const matrix = /^mat([234])x([234])f$/.exec(name);
    return matrix ? matrixType(Number(matrix[1]) as 2, Number(matrix[2]) as 2) : undefined;
  }

  #vector(node: syntax.Name, size: 2 | 3 | 4): Type {
    const [element] = this.#arguments(node, 1);
    const type = this.#typeArgument(element, node);
    if (type.kind !== 'scalar')
      return this.#fail(
        node.position,
        `the components of a vector are numbers or bools, not ${typeName(type)}`,
      );
    return vectorType(size, type);
  }

  #matrix(node: syntax.Name, columns: 2 | 3 | 4, rows: 2 | 3 | 4): Type {
    const [element] = this.#arguments(node, 1);
    const type = this.#typeArgument(element, node);
    if (type !== F32)
      this.#fail(node.position, `the components of a matrix are f32, not ${typeName(type)}`);
    return matrixType(columns, rows);
  }

  #array(node: syntax.Name): Type {
    const { position } = node;
    const [element, count] = this.#arguments(node, 1, 2);
    const elementType = this.#typeArgument(element, node);
    if (!isSized(elementType))
      this.#fail(position, `an array cannot have elements of type ${typeName(elementType)}`);
    if (!count) return arrayType(elementType, undefined);
    const size = this.#expressions.constantInteger(count, 'the size of an array');
    if (size < 1) this.#fail(position, `an array has at least 1 element, not ${size}`);
    const type = arrayType(elementType, size);
    if (sizeOf(type) > MAX_BYTES)
      this.#fail(position, `an array of ${size} elements is past 4 GiB`);
    return type;
  }

  #pointer(node: syntax.Name): Type {
    const { position } = node;
    const [spaceNode, target, accessNode] = this.#arguments(node, 2, 3);
    const space = spaceNode?.kind === 'name' ? spaceNode.name : '';
    if (space !== 'function' && !MODULE_ADDRESS_SPACES.includes(space))
      this.#fail(position, `ptr<space, type> needs an address space, not "${space}"`);
    const type = this.#typeArgument(target, node);
    const access = accessNode?.kind === 'name' ? accessNode.name : undefined;
    if (accessNode && space !== 'storage')
      this.#fail(position, `a pointer to ${space} cannot have an access mode`);
    if (accessNode && access !== 'read' && access !== 'read_write')
      this.#fail(position, 'the access mode of a pointer to storage is read or read_write');
    const isReadOnly = space === 'storage' || space === 'uniform' || space === 'immediate';
    const defaultAccess: AccessMode = isReadOnly ? 'read' : 'read_write';
    return pointerType(
      space as AddressSpace,
      type,
      (access as AccessMode | undefined) ?? defaultAccess,
    );
  }

  #arguments({ name, template, position }: syntax.Name, minCount: number, maxCount = minCount) {
    const count = template.length;
    if (count < minCount || count > maxCount) {
      const expected = minCount === maxCount ? `${minCount}` : `${minCount} or ${maxCount}`;
      const arguments_ = expected === '1' ? 'argument' : 'arguments';
      this.#fail(position, `${name}<...> takes ${expected} template ${arguments_}, not ${count}`);
    }
    return template;
  }

  #typeArgument(node: syntax.Expression | undefined, { name, position }: syntax.Name): Type {
    if (node?.kind !== 'name') return this.#fail(position, `${name}<...> needs a type`);
    return this.check(node);
  }

  #fail(position: Position, rule: string): never {
    return failAt(this.#environment.text, position, rule);
  }
}
