/**
 * Step 3: a syntax tree becomes a typed program. Names outside functions are resolved when they are first met, so that
 * declarations may stand in any order; a name that needs itself is refused.
 *
 *   in    const N = 2u * M; const M = 8u; @compute @workgroup_size(N) fn main() { ... }
 *   out   entry main, workgroup size 16, 1, 1, with its typed statements
 */

import { ExpressionChecker, type Named, type Surroundings } from './check-expression.js';
import { checkAssertion, FunctionChecker } from './check-function.js';
import type { BuiltinInput, Entry, Input, Program, ShaderFunction, Variable } from './program.js';
import { failAt, type Offset } from './source.js';
import type * as syntax from './syntax.js';
import {
  type Access,
  alignOf,
  arrayType,
  BOOL,
  F32,
  I32,
  isHostShareable,
  isSized,
  matrixType,
  pointerType,
  type Scalar,
  type Space,
  structType,
  type Type,
  typeName,
  U32,
  VOID,
  vectorType,
} from './types.js';

const SCALARS: Readonly<Record<string, Scalar>> = { f32: F32, i32: I32, u32: U32, bool: BOOL };
const SHORT_SCALARS: Readonly<Record<string, Scalar>> = { f: F32, i: I32, u: U32 };
const SPACES: readonly string[] = ['private', 'workgroup', 'storage', 'uniform', 'immediate'];

/** Inputs of compute shaders, and their types. */
const INPUTS: Readonly<Record<BuiltinInput, Type>> = {
  workgroup_id: vectorType(3, U32),
  num_workgroups: vectorType(3, U32),
  local_invocation_id: vectorType(3, U32),
  local_invocation_index: U32,
  global_invocation_id: vectorType(3, U32),
};

/** Types of WGSL that this device does not have. */
const UNSUPPORTED_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^texture_|^sampler/, 'this device has no textures and no samplers'],
  [/^atomic$/, 'this device has no atomics'],
  [/^(f16|vec[234]h|mat[234]x[234]h)$/, 'this device has no f16'],
];

/** @throws WgslError where the module breaks a rule of WGSL, or uses what this device does not have. */
export function check(module: syntax.Module, text: string): Program {
  return new ModuleChecker(module, text).program();
}

type Declaration =
  | { readonly kind: 'constant'; readonly node: syntax.ConstantDeclaration }
  | { readonly kind: 'variable'; readonly node: syntax.VariableDeclaration }
  | { readonly kind: 'struct'; readonly node: syntax.StructDeclaration }
  | { readonly kind: 'alias'; readonly node: syntax.AliasDeclaration }
  | { readonly kind: 'function'; readonly node: syntax.FunctionDeclaration };

class ModuleChecker {
  readonly #module: syntax.Module;
  readonly #text: string;
  readonly #declarations = new Map<string, Declaration>();
  readonly #resolved = new Map<string, Named>();
  readonly #underWay = new Set<string>();
  /** The variables outside functions that each function uses, also through those it calls. */
  readonly #globals = new Map<ShaderFunction, Set<Variable>>();
  /** Of the functions being checked now, the innermost last. */
  readonly #collecting: Set<Variable>[] = [];
  readonly #expressions: ExpressionChecker;
  readonly #surroundings: Surroundings;

  constructor(module: syntax.Module, text: string) {
    this.#module = module;
    this.#text = text;
    this.#surroundings = {
      text,
      lookup: (name, at) => this.#lookup(name, at),
      type: (name) => this.#type(name),
      use: (variable) => {
        if (variable.space === 'function') return;
        if (this.#collecting.length === 0)
          this.#fail(
            variable.at,
            `"${variable.name}" is a variable: constants cannot be made of it`,
          );
        this.#collecting.at(-1)!.add(variable);
      },
    };
    this.#expressions = new ExpressionChecker(this.#surroundings);
  }

  program(): Program {
    this.#collect();
    for (const name of this.#declarations.keys()) this.#lookup(name, 0);
    for (const assertion of this.#module.assertions) checkAssertion(this.#expressions, assertion);
    const entries = this.#module.functions.filter((f) => isEntry(f)).map((f) => this.#entry(f));
    const functions = new Map(
      [...this.#resolved].flatMap(([name, named]) =>
        named.kind === 'function' ? [[name, named.function] as const] : [],
      ),
    );
    return { text: this.#text, entries, functions };
  }

  #collect(): void {
    const add = (declaration: Declaration) => {
      const { name, at } = declaration.node;
      if (this.#declarations.has(name)) this.#fail(at, `"${name}" is declared twice`);
      this.#declarations.set(name, declaration);
    };
    for (const node of this.#module.constants) add({ kind: 'constant', node });
    for (const node of this.#module.variables) add({ kind: 'variable', node });
    for (const node of this.#module.structs) add({ kind: 'struct', node });
    for (const node of this.#module.aliases) add({ kind: 'alias', node });
    for (const node of this.#module.functions) add({ kind: 'function', node });
  }

  // Names

  #lookup(name: string, at: Offset): Named | undefined {
    const declaration = this.#declarations.get(name);
    if (!declaration) return undefined;
    const standing = this.#resolved.get(name);
    if (standing) {
      // Whoever calls a function uses what it uses.
      if (standing.kind === 'function') this.#useOf(standing.function);
      return standing;
    }
    if (this.#underWay.has(name)) {
      const what = declaration.kind === 'function' ? 'calls itself' : 'is made of itself';
      this.#fail(at, `"${name}" ${what}, directly or through others`);
    }
    this.#underWay.add(name);
    const resolved = this.#resolve(declaration);
    this.#underWay.delete(name);
    this.#resolved.set(name, resolved);
    if (resolved.kind === 'function') this.#useOf(resolved.function);
    return resolved;
  }

  #useOf(called: ShaderFunction): void {
    for (const variable of this.#globals.get(called)!) this.#collecting.at(-1)?.add(variable);
  }

  #resolve(declaration: Declaration): Named {
    switch (declaration.kind) {
      case 'constant':
        return this.#constant(declaration.node);
      case 'variable':
        return { kind: 'variable', variable: this.#variable(declaration.node) };
      case 'struct':
        return { kind: 'type', type: this.#struct(declaration.node) };
      case 'alias':
        return { kind: 'type', type: this.#type(declaration.node.type) };
      case 'function':
        return { kind: 'function', function: this.#function(declaration.node) };
    }
  }

  #constant({ name, type, value, at }: syntax.ConstantDeclaration): Named {
    const given = type
      ? this.#expressions.checkAs(value, this.#type(type), `the value of ${name}`)
      : this.#expressions.check(value);
    if (given.kind !== 'constant')
      return this.#fail(at, `the value of const ${name} is not constant`);
    return { kind: 'constant', type: given.type, value: given.value };
  }

  #variable(node: syntax.VariableDeclaration): Variable {
    const { name, type: typeNode, at, attributes } = node;
    const space = node.space ?? this.#fail(at, `var ${name} needs a space: var<workgroup>`);
    if (!SPACES.includes(space) || space === 'function')
      this.#fail(at, `var ${name} cannot be in space "${space}" outside functions`);
    const access = this.#access(node, space);
    if (node.value && space !== 'private')
      this.#fail(at, `var<${space}> ${name} cannot have a value`);
    const type = typeNode ? this.#type(typeNode) : this.#fail(at, `var ${name} needs a type`);
    const value = node.value && this.#expressions.checkAs(node.value, type, `the value of ${name}`);
    if (value && value.kind !== 'constant')
      this.#fail(at, `the value of var ${name} is not constant`);
    const initial = value?.kind === 'constant' ? { initial: value.value } : {};
    this.#checkStored(name, space, type, at);
    const inBuffer = space === 'storage' || space === 'uniform';
    const binding = inBuffer ? this.#binding(name, attributes, at) : undefined;
    if (!inBuffer && attributes.some(({ name: a }) => a === 'group' || a === 'binding'))
      this.#fail(at, `var<${space}> ${name} has no group and binding`);
    return { name, type, space: space as Space, access, binding, ...initial, at };
  }

  #access({ name, access, at }: syntax.VariableDeclaration, space: string): Access {
    if (access && space !== 'storage')
      this.#fail(at, `var<${space}> ${name} cannot be given an access`);
    if (access && access !== 'read' && access !== 'read_write')
      this.#fail(at, `var ${name} can be read or read_write, not "${access}"`);
    if (space === 'storage') return (access ?? 'read') as Access;
    return space === 'uniform' || space === 'immediate' ? 'read' : 'read_write';
  }

  #checkStored(name: string, space: string, type: Type, at: Offset): void {
    if (space === 'workgroup' || space === 'private') {
      if (!isSized(type)) this.#fail(at, `var<${space}> ${name} cannot be of ${typeName(type)}`);
      return;
    }
    if (!isHostShareable(type))
      this.#fail(at, `var<${space}> ${name} cannot be of ${typeName(type)}: no buffer holds it`);
    if (space === 'storage') return;
    if (!isSized(type)) this.#fail(at, `var<${space}> ${name} cannot be of ${typeName(type)}`);
    if (type.kind === 'array' && alignOf(type.element) % 16 !== 0)
      this.#fail(at, `the elements of a uniform array must be aligned to 16 bytes`);
  }

  #binding(name: string, attributes: readonly syntax.Attribute[], at: Offset) {
    const number = (wanted: string) => {
      const attribute = attributes.find((a) => a.name === wanted);
      if (attribute?.arguments.length !== 1)
        return this.#fail(at, `var ${name} needs @group(n) and @binding(n)`);
      return this.#expressions.constantInteger(attribute.arguments[0]!, `@${wanted}`);
    };
    return { group: number('group'), binding: number('binding') };
  }

  // Types

  #struct({ name, members, at }: syntax.StructDeclaration): Type {
    if (members.length === 0) this.#fail(at, `struct ${name} has no members`);
    const seen = new Set<string>();
    const laid = members.map((member, n) => {
      if (seen.has(member.name)) this.#fail(member.at, `"${member.name}" is a member twice`);
      seen.add(member.name);
      const type = this.#type(member.type);
      if (!isSized(type) && (type.kind !== 'array' || n < members.length - 1))
        this.#fail(member.at, `member ${member.name} cannot be of ${typeName(type)}`);
      const given = (wanted: string) => {
        const attribute = member.attributes.find((a) => a.name === wanted);
        const [value] = attribute?.arguments ?? [];
        return value && { [wanted]: this.#expressions.constantInteger(value, `@${wanted}`) };
      };
      return { name: member.name, type, ...given('align'), ...given('size') };
    });
    return structType(name, laid);
  }

  #type(node: syntax.TypeName): Type {
    const { name, at } = node;
    const [first, second] = node.arguments;
    const scalar = SCALARS[name];
    if (scalar) return scalar;
    const vector = /^vec([234])([fiu])?$/.exec(name);
    if (vector) return this.#vector(node, Number(vector[1]) as 2 | 3 | 4, vector[2]);
    const matrix = /^mat([234])x([234])(f)?$/.exec(name);
    if (matrix) {
      const element = matrix[3] ? F32 : this.#typeArgument(first, at, name);
      if (element !== F32) this.#fail(at, `a matrix is of f32, not of ${typeName(element)}`);
      return matrixType(Number(matrix[1]) as 2, Number(matrix[2]) as 2);
    }
    if (name === 'array') return this.#array(first, second, at);
    if (name === 'ptr') return this.#pointer(node);
    const unsupported = UNSUPPORTED_TYPES.find(([pattern]) => pattern.test(name))?.[1];
    if (unsupported) return this.#fail(at, `"${name}" is not supported: ${unsupported}`);
    const named = this.#lookup(name, at);
    if (named?.kind !== 'type') return this.#fail(at, `"${name}" is not a type`);
    return named.type;
  }

  #vector(node: syntax.TypeName, size: 2 | 3 | 4, letter: string | undefined): Type {
    const element = letter
      ? SHORT_SCALARS[letter]!
      : this.#typeArgument(node.arguments[0], node.at, node.name);
    if (element.kind !== 'scalar')
      return this.#fail(node.at, `a vector is of numbers or bools, not of ${typeName(element)}`);
    return vectorType(size, element);
  }

  #array(
    element: syntax.TypeName | syntax.Expression | undefined,
    count: syntax.TypeName | syntax.Expression | undefined,
    at: Offset,
  ): Type {
    const own = this.#typeArgument(element, at, 'array');
    if (!isSized(own)) this.#fail(at, `an array cannot be of ${typeName(own)}`);
    if (!count) return arrayType(own, undefined);
    const size = this.#expressions.constantInteger(asExpression(count), 'the size of an array');
    if (size < 1) this.#fail(at, `an array has at least 1 element, not ${size}`);
    return arrayType(own, size);
  }

  #pointer({ arguments: [space, target], at }: syntax.TypeName): Type {
    const name = space && 'name' in space ? space.name : '';
    if (name !== 'function' && !SPACES.includes(name))
      this.#fail(at, `ptr<space, type> needs a space, not "${name}"`);
    const type = this.#typeArgument(target, at, 'ptr');
    const isReadOnly = name === 'storage' || name === 'uniform' || name === 'immediate';
    return pointerType(name as Space, type, isReadOnly ? 'read' : 'read_write');
  }

  #typeArgument(
    node: syntax.TypeName | syntax.Expression | undefined,
    at: Offset,
    of: string,
  ): Type {
    if (!node || ('kind' in node && node.kind !== 'name'))
      return this.#fail(at, `${of}<...> needs a type`);
    return this.#type(
      'kind' in node ? ({ name: node.name, arguments: [], at: node.at } as syntax.TypeName) : node,
    );
  }

  // Functions

  #function(node: syntax.FunctionDeclaration): ShaderFunction {
    const parameters = node.parameters.map(({ name, type, at }): Variable => {
      const own = this.#type(type);
      if (!isSized(own) && own.kind !== 'pointer')
        this.#fail(at, `parameter ${name} cannot be of ${typeName(own)}`);
      return { name, type: own, space: 'let', access: 'read', binding: undefined, at };
    });
    const result = node.result ? this.#type(node.result) : VOID;
    if (node.result && !isSized(result))
      this.#fail(node.at, `${node.name} cannot return ${typeName(result)}`);
    if (isEntry(node) && node.result) this.#fail(node.at, 'a compute shader returns nothing');
    const used = new Set<Variable>();
    this.#collecting.push(used);
    const checker = new FunctionChecker(this.#surroundings, result);
    const body = checker.check(node.name, parameters, node.body);
    this.#collecting.pop();
    const made: ShaderFunction = { name: node.name, parameters, result, body };
    this.#globals.set(made, used);
    return made;
  }

  #entry(node: syntax.FunctionDeclaration): Entry {
    const named = this.#lookup(node.name, node.at) as Extract<Named, { kind: 'function' }>;
    const called = named.function;
    const workgroup = node.attributes.find((a) => a.name === 'workgroup_size');
    if (!workgroup) return this.#fail(node.at, `${node.name} needs @workgroup_size`);
    const sizes = workgroup.arguments.map((size) =>
      this.#expressions.constantInteger(size, '@workgroup_size'),
    );
    const [x, y = 1, z = 1] = sizes;
    if (x === undefined || sizes.length > 3 || sizes.some((size) => size < 1))
      return this.#fail(workgroup.at, '@workgroup_size takes 1 to 3 sizes of at least 1');
    const inputs = node.parameters.map((p, n) => this.#input(p, called.parameters[n]!));
    const globals = [...this.#globals.get(called)!];
    this.#refuseSharedBindings(node, globals);
    return { name: node.name, body: called.body, inputs, workgroupSize: [x, y, z], globals };
  }

  #input(node: syntax.Parameter, variable: Variable): Input {
    const { type } = variable;
    const fields =
      type.kind === 'struct'
        ? this.#structFields(type.name)
        : [{ attributes: node.attributes, at: node.at, type }];
    const values = fields.map((field, n) => {
      const attribute = field.attributes.find((a) => a.name === 'builtin');
      const [given] = attribute?.arguments ?? [];
      const name = given?.kind === 'name' ? given.name : undefined;
      if (!name) return this.#fail(field.at, `parameter ${node.name} needs @builtin(...)`);
      const wanted = INPUTS[name as BuiltinInput] as Type | undefined;
      if (!wanted) return this.#fail(field.at, `@builtin(${name}) is not an input of this device`);
      const own = type.kind === 'struct' ? type.members[n]!.type : type;
      if (own !== wanted)
        return this.#fail(
          field.at,
          `@builtin(${name}) is ${typeName(wanted)}, not ${typeName(own)}`,
        );
      return name as BuiltinInput;
    });
    return { variable, values };
  }

  #structFields(name: string): readonly syntax.Parameter[] {
    const declaration = this.#declarations.get(name);
    return declaration?.kind === 'struct' ? declaration.node.members : [];
  }

  #refuseSharedBindings(node: syntax.FunctionDeclaration, globals: readonly Variable[]): void {
    const taken = new Map<string, Variable>();
    for (const variable of globals) {
      if (!variable.binding) continue;
      const key = `@group(${variable.binding.group}) @binding(${variable.binding.binding})`;
      const other = taken.get(key);
      if (other)
        this.#fail(
          node.at,
          `${node.name} uses both ${other.name} and ${variable.name}, which share ${key}`,
        );
      taken.set(key, variable);
    }
    if (globals.filter((v) => v.space === 'immediate').length > 1)
      this.#fail(node.at, `${node.name} uses more than one var<immediate>`);
  }

  #fail(at: Offset, rule: string): never {
    return failAt(this.#text, at, rule);
  }
}

function isEntry(node: syntax.FunctionDeclaration): boolean {
  return node.attributes.some((a) => a.name === 'compute');
}

function asExpression(node: syntax.TypeName | syntax.Expression): syntax.Expression {
  return 'kind' in node ? node : { kind: 'name', name: node.name, at: node.at };
}
