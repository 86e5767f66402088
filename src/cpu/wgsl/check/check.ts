/**
 * Step 2: a syntax tree becomes a typed program (program.ts). Module-scope names are resolved when
 * they are first used, so declarations can be in any order. A name that depends on itself is
 * rejected.
 *
 *   in    const N = 2u * M; const M = 8u; @compute @workgroup_size(N) fn main() { ... }
 *   out   entry point main, workgroup size 16, 1, 1, with its typed statements
 *
 * The rules that concern whole functions are checked on the typed program at the end (step 3).
 *
 * Why: later steps can rely on types and names, and none has to reject a program that is not WGSL.
 */

import type * as syntax from '../parse/syntax.js';
import type {
  BuiltinValue,
  EntryPoint,
  Input,
  Program,
  ShaderFunction,
  Variable,
} from '../program.js';
import { checkAliases } from '../rules/aliases.js';
import { checkUniformity } from '../rules/uniformity.js';
import { failAt, type Position } from '../source.js';
import {
  type AccessMode,
  type AddressSpace,
  alignOf,
  excessElements,
  isHostShareable,
  isSized,
  sizeOf,
  structType,
  type Type,
  typeName,
  U32,
  VOID,
  vectorType,
} from '../types.js';
import { commonType } from './builtins.js';
import { type Environment, ExpressionChecker, type ResolvedName } from './check-expression.js';
import { checkAssertion, FunctionChecker } from './check-function.js';
import { MODULE_ADDRESS_SPACES, TypeChecker } from './check-type.js';

/** The built-in inputs of compute shaders, and their types. */
const INPUTS: ReadonlyMap<string, Type> = new Map<BuiltinValue, Type>([
  ['workgroup_id', vectorType(3, U32)],
  ['num_workgroups', vectorType(3, U32)],
  ['local_invocation_id', vectorType(3, U32)],
  ['local_invocation_index', U32],
  ['global_invocation_id', vectorType(3, U32)],
]);

/**
 * Checks a module.
 *
 * @param text the shader's source, for messages.
 * @throws WgslError where the module breaks a rule of WGSL, or uses what this device does not
 *   support.
 */
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
  readonly #resolved = new Map<string, ResolvedName>();
  readonly #resolving = new Set<string>();
  /**
   * The module-scope variables that each function uses, directly or through the functions it calls.
   */
  readonly #globals = new Map<ShaderFunction, Set<Variable>>();
  /** The same for the functions being checked now, the innermost last. */
  readonly #usedVariables: Set<Variable>[] = [];
  readonly #environment: Environment;
  readonly #expressions: ExpressionChecker;
  readonly #types: TypeChecker;

  constructor(module: syntax.Module, text: string) {
    this.#module = module;
    this.#text = text;
    this.#environment = {
      text,
      lookup: (name, position) => this.#lookup(name, position),
      type: (name) => this.#types.check(name),
      recordUse: (variable, position) => {
        if (variable.space === 'function') return;
        if (this.#usedVariables.length === 0)
          this.#fail(
            position,
            `"${variable.name}" is a variable: it cannot be used in a constant expression`,
          );
        this.#usedVariables.at(-1)!.add(variable);
      },
    };
    this.#expressions = new ExpressionChecker(this.#environment);
    this.#types = new TypeChecker(this.#environment, this.#expressions);
  }

  program(): Program {
    this.#collectDeclarations();
    for (const name of this.#declarations.keys()) this.#lookup(name, 0);
    for (const assertion of this.#module.assertions) checkAssertion(this.#expressions, assertion);
    const entries = this.#module.functions.filter((f) => isEntry(f)).map((f) => this.#entry(f));
    const functions = new Map(
      [...this.#resolved].flatMap(([name, resolvedName]) =>
        resolvedName.kind === 'function' ? [[name, resolvedName.function] as const] : [],
      ),
    );
    const program = { text: this.#text, entries, functions };
    checkAliases(program);
    checkUniformity(program);
    return program;
  }

  #collectDeclarations(): void {
    const add = (declaration: Declaration) => {
      const { name, position } = declaration.node;
      if (this.#declarations.has(name)) this.#fail(position, `"${name}" is declared twice`);
      this.#declarations.set(name, declaration);
    };
    for (const node of this.#module.constants) add({ kind: 'constant', node });
    for (const node of this.#module.variables) add({ kind: 'variable', node });
    for (const node of this.#module.structs) add({ kind: 'struct', node });
    for (const node of this.#module.aliases) add({ kind: 'alias', node });
    for (const node of this.#module.functions) add({ kind: 'function', node });
  }

  // Names

  #lookup(name: string, position: Position): ResolvedName | undefined {
    const declaration = this.#declarations.get(name);
    if (!declaration) return undefined;
    const cached = this.#resolved.get(name);
    if (cached) {
      // A caller uses what the called function uses.
      if (cached.kind === 'function') this.#addUses(cached.function);
      return cached;
    }
    if (this.#resolving.has(name)) {
      const problem =
        declaration.kind === 'function' ? 'calls itself' : 'is defined in terms of itself';
      this.#fail(position, `"${name}" ${problem}, directly or through others`);
    }
    this.#resolving.add(name);
    const resolved = this.#resolve(declaration);
    this.#resolving.delete(name);
    this.#resolved.set(name, resolved);
    if (resolved.kind === 'function') this.#addUses(resolved.function);
    return resolved;
  }

  #addUses(called: ShaderFunction): void {
    for (const variable of this.#globals.get(called)!) this.#usedVariables.at(-1)?.add(variable);
  }

  #resolve(declaration: Declaration): ResolvedName {
    switch (declaration.kind) {
      case 'constant':
        return this.#constant(declaration.node);
      case 'variable':
        return { kind: 'variable', variable: this.#variable(declaration.node) };
      case 'struct':
        return { kind: 'type', type: this.#struct(declaration.node) };
      case 'alias':
        return { kind: 'type', type: this.#types.check(declaration.node.type) };
      case 'function':
        return {
          kind: 'function',
          function: this.#function(declaration.node),
          isEntry: isEntry(declaration.node),
        };
    }
  }

  #constant({ name, type, value, position }: syntax.ConstantDeclaration): ResolvedName {
    const checked = type
      ? this.#expressions.checkAs(value, this.#types.check(type), `the value of ${name}`)
      : this.#expressions.check(value);
    if (checked.kind !== 'constant')
      return this.#fail(position, `the value of const ${name} is not constant`);
    return { kind: 'constant', type: checked.type, value: checked.value };
  }

  #variable(node: syntax.VariableDeclaration): Variable {
    const { name, type: typeNode, position, attributes } = node;
    const declaredType = typeNode && this.#types.check(typeNode);
    const space =
      node.space ?? this.#fail(position, `var ${name} needs an address space: var<workgroup>`);
    if (!MODULE_ADDRESS_SPACES.includes(space))
      this.#fail(position, `var ${name} cannot be in address space "${space}" outside functions`);
    const access = this.#access(node, space);
    if (node.value && space !== 'private')
      this.#fail(position, `var<${space}> ${name} cannot have a value`);
    const value =
      node.value &&
      (declaredType
        ? this.#expressions.checkAs(node.value, declaredType, `the value of ${name}`)
        : this.#expressions.checkConcrete(node.value));
    if (value && value.kind !== 'constant')
      this.#fail(position, `the value of var ${name} is not constant`);
    const type = declaredType ?? value?.type ?? this.#fail(position, `var ${name} needs a type`);
    const initial = value?.kind === 'constant' ? { initial: value.value } : {};
    this.#checkStoreType(name, space, type, position);
    const inBuffer = space === 'storage' || space === 'uniform';
    const binding = inBuffer ? this.#binding(name, attributes, position) : undefined;
    if (!inBuffer && attributes.some(({ name: a }) => a === 'group' || a === 'binding'))
      this.#fail(position, `var<${space}> ${name} has no group and binding`);
    return { name, type, space: space as AddressSpace, access, binding, ...initial, position };
  }

  #access({ name, access, position }: syntax.VariableDeclaration, space: string): AccessMode {
    if (access && space !== 'storage')
      this.#fail(position, `var<${space}> ${name} cannot have an access mode`);
    if (access && access !== 'read' && access !== 'read_write')
      this.#fail(position, `var ${name} can be read or read_write, not "${access}"`);
    if (space === 'storage') return (access ?? 'read') as AccessMode;
    return space === 'uniform' || space === 'immediate' ? 'read' : 'read_write';
  }

  #checkStoreType(name: string, space: string, type: Type, position: Position): void {
    if (space === 'workgroup' || space === 'private') {
      if (!isSized(type))
        this.#fail(position, `var<${space}> ${name} cannot have type ${typeName(type)}`);
      const excess = excessElements(type);
      if (excess)
        this.#fail(
          position,
          `var<${space}> ${name} has ${excess} elements: more than 65535 need a buffer`,
        );
      return;
    }
    if (!isHostShareable(type))
      this.#fail(
        position,
        `var<${space}> ${name} cannot have type ${typeName(type)}: no buffer holds it`,
      );
    if (space === 'storage') return;
    if (!isSized(type))
      this.#fail(position, `var<${space}> ${name} cannot have type ${typeName(type)}`);
    if (space === 'immediate' && containsArray(type))
      this.#fail(
        position,
        `var<immediate> ${name} cannot have type ${typeName(type)}: it holds an array`,
      );
  }

  #binding(name: string, attributes: readonly syntax.Attribute[], position: Position) {
    const attributeValue = (attributeName: string) => {
      const attribute = attributes.find((a) => a.name === attributeName);
      if (!attribute) return this.#fail(position, `var ${name} needs @group(n) and @binding(n)`);
      const value = this.#expressions.constantInteger(attribute.arguments[0]!, `@${attributeName}`);
      if (value < 0) this.#fail(attribute.position, `@${attributeName} cannot be ${value}`);
      return value;
    };
    return { group: attributeValue('group'), binding: attributeValue('binding') };
  }

  // Structs

  #struct({ name, members, position }: syntax.StructDeclaration): Type {
    if (members.length === 0) this.#fail(position, `struct ${name} has no members`);
    const seen = new Set<string>();
    const laidOut = members.map((member, n) => {
      if (seen.has(member.name))
        this.#fail(member.position, `struct ${name} has two members "${member.name}"`);
      seen.add(member.name);
      const type = this.#types.check(member.type);
      if (!isSized(type) && (type.kind !== 'array' || n < members.length - 1))
        this.#fail(member.position, `member ${member.name} cannot have type ${typeName(type)}`);
      this.#checkMemberInput(member, type);
      return { name: member.name, type, ...this.#memberLayout(member, type) };
    });
    return structType(name, laidOut);
  }

  /** The values of a member's @align and @size. */
  #memberLayout({ name, attributes }: syntax.Parameter, type: Type) {
    const attributeValue = (attributeName: string) => {
      const attribute = attributes.find((a) => a.name === attributeName);
      if (!attribute) return undefined;
      const value = this.#expressions.constantInteger(attribute.arguments[0]!, `@${attributeName}`);
      return { value, position: attribute.position };
    };
    const [align, size] = [attributeValue('align'), attributeValue('size')];
    if (align && !(align.value > 0 && Number.isInteger(Math.log2(align.value))))
      this.#fail(align.position, `@align must be a power of two, not ${align.value}`);
    if (align && align.value % alignOf(type) !== 0)
      this.#fail(align.position, `${name} must be aligned to ${alignOf(type)}, not ${align.value}`);
    if (size && !isSized(type))
      this.#fail(
        size.position,
        `@size cannot be given to ${name}, whose size is that of the binding`,
      );
    if (size && size.value < sizeOf(type))
      this.#fail(
        size.position,
        `${name} takes ${sizeOf(type)} bytes, more than @size(${size.value})`,
      );
    return { ...(align && { align: align.value }), ...(size && { size: size.value }) };
  }

  /**
   * @builtin on a member has an effect only where the struct is a parameter of an entry point, but
   *   it must be valid anywhere.
   */
  #checkMemberInput({ attributes }: syntax.Parameter, type: Type): void {
    const attribute = attributes.find((a) => a.name === 'builtin');
    if (attribute) this.#builtinInput(attribute, type);
  }

  // Functions

  #function(node: syntax.FunctionDeclaration): ShaderFunction {
    const sizeAttribute = node.attributes.find((a) => a.name === 'workgroup_size');
    if (sizeAttribute && !isEntry(node))
      this.#fail(sizeAttribute.position, '@workgroup_size needs @compute beside it');
    const parameters = node.parameters.map((parameter) => this.#parameter(parameter, node));
    const result = node.result ? this.#types.check(node.result) : VOID;
    if (node.result && (!isSized(result) || excessElements(result)))
      this.#fail(node.position, `${node.name} cannot return ${typeName(result)}`);
    if (isEntry(node) && node.result)
      this.#fail(node.position, 'a compute shader cannot return a value');
    const mustUse = node.attributes.find((a) => a.name === 'must_use');
    if (mustUse && result === VOID)
      this.#fail(
        mustUse.position,
        `@must_use is not allowed before ${node.name}, which returns nothing`,
      );
    const used = new Set<Variable>();
    this.#usedVariables.push(used);
    const checker = new FunctionChecker(this.#environment, result);
    const body = checker.check(node.name, parameters, node.body);
    this.#usedVariables.pop();
    const mustUseFlag = mustUse ? { mustUse: true as const } : {};
    const checked: ShaderFunction = { name: node.name, parameters, result, body, ...mustUseFlag };
    this.#globals.set(checked, used);
    return checked;
  }

  #parameter(
    { name, type, attributes, position }: syntax.Parameter,
    enclosing: syntax.FunctionDeclaration,
  ): Variable {
    const declaredType = this.#types.check(type);
    if ((!isSized(declaredType) && declaredType.kind !== 'pointer') || excessElements(declaredType))
      this.#fail(position, `parameter ${name} cannot have type ${typeName(declaredType)}`);
    const [input] = attributes;
    if (input && !isEntry(enclosing))
      this.#fail(
        input.position,
        `@builtin is only for the parameters of an entry point, and ${enclosing.name} is not one`,
      );
    return { name, type: declaredType, space: 'let', access: 'read', binding: undefined, position };
  }

  #entry(node: syntax.FunctionDeclaration): EntryPoint {
    const resolvedName = this.#lookup(node.name, node.position) as Extract<
      ResolvedName,
      { kind: 'function' }
    >;
    const called = resolvedName.function;
    const workgroupSize = this.#workgroupSize(node);
    const inputs = node.parameters.map((p, n) => this.#input(p, called.parameters[n]!));
    const seen = inputs.flatMap((input) => input.values);
    const duplicate = seen.find((value, n) => seen.indexOf(value) < n);
    if (duplicate) this.#fail(node.position, `${node.name} takes @builtin(${duplicate}) twice`);
    const globals = [...this.#globals.get(called)!];
    this.#rejectSharedBindings(node, globals);
    return { name: node.name, body: called.body, inputs, workgroupSize, globals };
  }

  #workgroupSize(node: syntax.FunctionDeclaration): EntryPoint['workgroupSize'] {
    const attribute = node.attributes.find((a) => a.name === 'workgroup_size');
    if (!attribute) return this.#fail(node.position, `${node.name} needs @workgroup_size`);
    const sizes = attribute.arguments.map((size) => this.#expressions.check(size));
    if (!commonType(sizes.map((size) => size.type)))
      this.#fail(attribute.position, 'the sizes of @workgroup_size must be all i32 or all u32');
    const [x = 1, y = 1, z = 1] = attribute.arguments.map((size) =>
      this.#expressions.constantInteger(size, '@workgroup_size'),
    );
    if (x < 1 || y < 1 || z < 1)
      this.#fail(attribute.position, `a workgroup of ${x} x ${y} x ${z} has no invocation`);
    return [x, y, z];
  }

  #input(node: syntax.Parameter, variable: Variable): Input {
    const { type } = variable;
    const fields = type.kind === 'struct' ? this.#structFields(type.name) : [node];
    const values = fields.map((field, n) => {
      const attribute = field.attributes.find((a) => a.name === 'builtin');
      if (!attribute) return this.#fail(field.position, `${field.name} needs @builtin(...)`);
      return this.#builtinInput(attribute, type.kind === 'struct' ? type.members[n]!.type : type);
    });
    return { variable, values };
  }

  #builtinInput({ arguments: [valueName], position }: syntax.Attribute, type: Type): BuiltinValue {
    const name = valueName?.kind === 'name' ? valueName.name : '';
    const expectedType = INPUTS.get(name);
    if (!expectedType)
      return this.#fail(position, `@builtin(${name}) is not an input of this device`);
    if (type !== expectedType)
      this.#fail(position, `@builtin(${name}) is ${typeName(expectedType)}, not ${typeName(type)}`);
    return name as BuiltinValue;
  }

  #structFields(name: string): readonly syntax.Parameter[] {
    const declaration = this.#declarations.get(name);
    return declaration?.kind === 'struct' ? declaration.node.members : [];
  }

  #rejectSharedBindings(node: syntax.FunctionDeclaration, globals: readonly Variable[]): void {
    const seen = new Map<string, Variable>();
    for (const variable of globals) {
      if (!variable.binding) continue;
      const key = `@group(${variable.binding.group}) @binding(${variable.binding.binding})`;
      const other = seen.get(key);
      if (other)
        this.#fail(
          node.position,
          `${node.name} uses both ${other.name} and ${variable.name}, which share ${key}`,
        );
      seen.set(key, variable);
    }
    if (globals.filter((v) => v.space === 'immediate').length > 1)
      this.#fail(node.position, `${node.name} uses more than one var<immediate>`);
  }

  #fail(position: Position, mustUseFlag: string): never {
    return failAt(this.#text, position, mustUseFlag);
  }
}

function isEntry(node: syntax.FunctionDeclaration): boolean {
  return node.attributes.some((a) => a.name === 'compute');
}

function containsArray(type: Type): boolean {
  if (type.kind === 'struct') return type.members.some((m) => containsArray(m.type));
  return type.kind === 'array';
}
