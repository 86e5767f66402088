/**
 * Step 3c: uniformity analysis (WGSL, section 15.2). A barrier must be reached by all invocations
 * of a workgroup or by none. So a barrier is rejected if whether it is reached depends on a value
 * that may differ between invocations.
 *
 *   in    if (local_index < count) { workgroupBarrier(); }
 *   out   rejected: the branch depends on local_invocation_index
 *
 * Each value is represented by the set of its sources: causes of divergence (an invocation's own
 * index, memory that other invocations write) and, inside a function, what its caller passes. A
 * branch on a value adds the value's sources to the control flow inside it. An assignment adds the
 * sources of the control flow to the variable. A path that may leave (return, break, continue) adds
 * its control flow to what follows. Loops are analyzed until no set grows. Each function has a
 * summary, into which a call substitutes the sources of its arguments.
 *
 * Why: the compiler relies on it. wasm/split/barriers.ts runs loops and branches around a barrier
 * once for all invocations.
 */

import { operands, referenceOperands } from '../operands.js';
import type {
  BuiltinValue,
  EntryPoint,
  Expression,
  Program,
  Reference,
  ShaderFunction,
  Statement,
  Variable,
} from '../program.js';
import { failAt, lineAndColumn, type Position } from '../source.js';
import type { Type } from '../types.js';
import { behaviors, statementBehaviors } from './behavior.js';
import { type Root, Roots } from './roots.js';

/** What a value may depend on. */
type Source = Cause | CallerSource;

/** Something that may differ between the invocations of a workgroup. */
interface Cause {
  readonly kind: 'cause';
  readonly description: string;
  readonly position: Position;
}

/**
 * What a function's caller decides: whether the call is reached, an argument, or what an argument
 * points to.
 */
type CallerSource =
  | { readonly kind: 'flow' }
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'pointee'; readonly index: number };

type Sources = ReadonlySet<Source>;
/** What the control flow depends on, with the position of the branch that causes it. */
type Flow = ReadonlyMap<Source, Position>;
/** The sources of what each variable of a function holds. */
type State = ReadonlyMap<Variable, Sources>;

/**
 * The requirement that a barrier be in uniform control flow or, for workgroupUniformLoad, that its
 * pointer be uniform.
 */
interface Requirement {
  readonly name: string;
  readonly position: Position;
  readonly isAddress: boolean;
  readonly flow: Flow;
}

/** What a call needs to know about a function. */
interface Summary {
  readonly result: Sources;
  readonly requirements: readonly Requirement[];
  /** The sources of what the variables behind pointer parameters hold in the end. */
  readonly pointees: ReadonlyMap<number, Sources>;
}

/** The target of `break` and `continue`, and the states of the variables at each of them. */
interface Target {
  readonly isLoop: boolean;
  readonly breaks: State[];
  readonly continues: State[];
}

const NO_SOURCES: Sources = new Set();
const FLOW: CallerSource = { kind: 'flow' };
const UNIFORM_INPUTS: ReadonlySet<BuiltinValue> = new Set(['workgroup_id', 'num_workgroups']);
const BARRIERS = /\b(?:workgroupBarrier|storageBarrier|workgroupUniformLoad)\b/;

/**
 * Checks all barriers of a program.
 *
 * @throws WgslError at a barrier that only some invocations of a workgroup may reach.
 */
export function checkUniformity(program: Program): void {
  if (!BARRIERS.test(program.text)) return;
  const analysis = new UniformityAnalysis(program);
  for (const each of program.functions.values()) analysis.summary(each);
}

class UniformityAnalysis {
  readonly #program: Program;
  readonly #summaries = new Map<ShaderFunction, Summary>();
  readonly #causes = new Map<string, Cause>();

  constructor(program: Program) {
    this.#program = program;
  }

  summary(shaderFunction: ShaderFunction): Summary {
    let summary = this.#summaries.get(shaderFunction);
    if (!summary) {
      const entry = this.#program.entries.find(({ name }) => name === shaderFunction.name);
      summary = new FunctionUniformity(this).analyze(shaderFunction, entry);
      this.#summaries.set(shaderFunction, summary);
    }
    return summary;
  }

  /** Returns the same object for the same cause, so that sets recognize it. */
  cause(description: string, position: Position): Cause {
    const key = `${position} ${description}`;
    const cause = this.#causes.get(key) ?? { kind: 'cause', description, position };
    this.#causes.set(key, cause);
    return cause;
  }

  reject({ name, position, isAddress }: Requirement, cause: Cause, branch: Position): never {
    const line = (offset: Position) => lineAndColumn(this.#program.text, offset).line;
    const rule = isAddress
      ? `all invocations of a workgroup must give ${name} the same address, but this one`
      : `${name} must be reached by all invocations of a workgroup or by none, but the branch in line ${line(branch)}`;
    const reason = `depends on ${cause.description} (line ${line(cause.position)}), which may differ between them`;
    return failAt(this.#program.text, position, `${rule} ${reason}`);
  }
}

class FunctionUniformity {
  readonly #analysis: UniformityAnalysis;
  readonly #roots = new Roots();
  /** The sources of the values of `let`s and parameters. */
  readonly #values = new Map<Variable, Sources>();
  readonly #callerSources = new Map<string, CallerSource>();
  readonly #requirements = new Map<string, Requirement>();
  readonly #targets: Target[] = [];
  readonly #returns: State[] = [];
  #result: Sources = NO_SOURCES;
  #state: State = new Map();

  constructor(analysis: UniformityAnalysis) {
    this.#analysis = analysis;
  }

  /** @param entry the entry point that the function is, if it is one: it has no caller. */
  analyze(shaderFunction: ShaderFunction, entry: EntryPoint | undefined): Summary {
    if (entry) this.#declareInputs(entry);
    else this.#declareParameters(shaderFunction);
    this.#run(shaderFunction.body, new Map(entry ? [] : [[FLOW, 0]]));
    if (behaviors(shaderFunction.body).has('next')) this.#returns.push(this.#state);
    const end = join(this.#returns) ?? this.#state;
    const pointees = shaderFunction.parameters.flatMap((parameter, n) =>
      pointsAtLocal(parameter.type) ? [[n, end.get(parameter) ?? NO_SOURCES] as const] : [],
    );
    return {
      result: this.#result,
      requirements: [...this.#requirements.values()],
      pointees: new Map(pointees),
    };
  }

  #declareInputs(entry: EntryPoint): void {
    for (const { variable, values } of entry.inputs) {
      const causes = values
        .filter((value) => !UNIFORM_INPUTS.has(value))
        .map((value) => this.#analysis.cause(value, variable.position));
      this.#values.set(variable, new Set(causes));
    }
  }

  #declareParameters({ parameters }: ShaderFunction): void {
    for (const [index, parameter] of parameters.entries()) {
      this.#values.set(parameter, new Set([this.#callerSource('argument', index)]));
      if (pointsAtLocal(parameter.type))
        this.#setContents(parameter, [this.#callerSource('pointee', index)]);
    }
  }

  #callerSource(kind: 'argument' | 'pointee', index: number): CallerSource {
    const key = `${kind} ${index}`;
    const argumentSources = this.#callerSources.get(key) ?? { kind, index };
    this.#callerSources.set(key, argumentSources);
    return argumentSources;
  }

  #setContents(variable: Variable, sources: Iterable<Source>): void {
    this.#state = new Map(this.#state).set(variable, new Set(sources));
  }

  // Statements

  /**
   * Analyzes statements up to one that never continues.
   *
   * @returns the control flow after them.
   */
  #run(body: readonly Statement[], start: Flow): Flow {
    let flow = start;
    for (const statement of body) {
      flow = this.#statement(statement, flow);
      if (!statementBehaviors(statement).has('next')) break;
    }
    return flow;
  }

  #statement(node: Statement, flow: Flow): Flow {
    switch (node.kind) {
      case 'block':
        return node.folded
          ? this.#branches(node, node.folded.condition, [node.body, node.folded.untaken], flow)
          : this.#run(node.body, flow);
      case 'declare':
        this.#declare(node, flow);
        return flow;
      case 'assign':
        this.#assign(node, flow);
        return flow;
      case 'evaluate':
        this.#evaluate(node.value, flow);
        return flow;
      case 'if':
        return this.#branches(node, node.condition, [node.whenTrue, node.whenFalse], flow);
      case 'switch': {
        const bodies = node.cases.map((c) => c.body);
        return this.#branches(node, node.selector, bodies, flow);
      }
      case 'loop':
        return this.#loop(node, flow);
      case 'break':
        this.#targets.at(-1)!.breaks.push(this.#state);
        return flow;
      case 'continue':
        this.#targets.findLast((target) => target.isLoop)!.continues.push(this.#state);
        return flow;
      case 'return':
        if (node.value)
          this.#result = union(this.#result, this.#evaluate(node.value, flow), flow.keys());
        this.#returns.push(this.#state);
        return flow;
    }
  }

  #declare({ variable, value }: Extract<Statement, { kind: 'declare' }>, flow: Flow): void {
    const sources = value ? this.#evaluate(value, flow) : NO_SOURCES;
    this.#roots.declare(variable, value);
    if (variable.space === 'let') this.#values.set(variable, sources);
    else this.#setContents(variable, union(sources, flow.keys()));
  }

  #assign(node: Extract<Statement, { kind: 'assign' }>, flow: Flow): void {
    const { reference, operator, value } = node;
    const indexSources = this.#evaluateAll(referenceOperands(reference), flow);
    const sources = union(indexSources, this.#evaluate(value, flow), flow.keys());
    this.#write(this.#roots.root(reference), sources, operator !== undefined);
  }

  /** Tracks only variables of functions: what other variables hold may differ in any case. */
  #write({ variable, isEntireVariable }: Root, sources: Sources, isCompound: boolean): void {
    const old = this.#state.get(variable);
    if (!old) return;
    this.#setContents(variable, isEntireVariable && !isCompound ? sources : union(old, sources));
  }

  /**
   * Analyzes the branches of a statement. After them the control flow is as before, unless one may
   * leave.
   */
  #branches(
    node: Statement,
    condition: Expression,
    bodies: readonly (readonly Statement[])[],
    flow: Flow,
  ): Flow {
    const innerFlow = branchOn(flow, this.#evaluate(condition, flow), node.position);
    const before = this.#state;
    const target: Target = { isLoop: false, breaks: [], continues: [] };
    if (node.kind === 'switch') this.#targets.push(target);
    const ends: State[] = [];
    let after: Flow = new Map();
    for (const body of bodies) {
      this.#state = before;
      after = merge(after, this.#run(body, innerFlow));
      if (behaviors(body).has('next')) ends.push(this.#state);
    }
    if (node.kind === 'switch') this.#targets.pop();
    this.#state = join([...ends, ...target.breaks]) ?? this.#state;
    return alwaysContinues(node) ? flow : after;
  }

  /** Analyzes a loop until nothing changes: sets only grow, and there are finitely many sources. */
  #loop(node: Extract<Statement, { kind: 'loop' }>, flow: Flow): Flow {
    if (node.initial) this.#statement(node.initial, flow);
    let start = this.#state;
    let head = flow;
    for (;;) {
      this.#state = start;
      const target: Target = { isLoop: true, breaks: [], continues: [] };
      const end = this.#iteration(node, head, target);
      const nextHead = merge(head, end);
      const nextStart = join([start, this.#state])!;
      const isStable =
        nextHead.size === head.size && countSources(nextStart) === countSources(start);
      if (isStable) {
        this.#state = join(target.breaks) ?? start;
        return alwaysContinues(node) ? flow : nextHead;
      }
      head = nextHead;
      start = nextStart;
    }
  }

  /**
   * Analyzes one iteration of a loop.
   *
   * @returns the control flow at its end.
   */
  #iteration(node: Extract<Statement, { kind: 'loop' }>, head: Flow, target: Target): Flow {
    const { condition, body, continuing, breakIf, position } = node;
    let flow = head;
    if (condition) {
      flow = branchOn(flow, this.#evaluate(condition, flow), position);
      target.breaks.push(this.#state);
    }
    this.#targets.push(target);
    flow = this.#run(body, flow);
    this.#targets.pop();
    const bodyBehaviors = behaviors(body);
    if (!bodyBehaviors.has('next') && !bodyBehaviors.has('continue')) return flow;
    const ends = bodyBehaviors.has('next') ? [this.#state] : [];
    this.#state = join([...ends, ...target.continues]) ?? this.#state;
    flow = this.#run(continuing, flow);
    if (breakIf) {
      flow = branchOn(flow, this.#evaluate(breakIf, flow), breakIf.position);
      target.breaks.push(this.#state);
    }
    return flow;
  }

  // Expressions

  /** The sources of an expression's value, apart from whether it is evaluated. */
  #evaluate(node: Expression, flow: Flow): Sources {
    switch (node.kind) {
      case 'value':
        return this.#values.get(node.variable) ?? NO_SOURCES;
      case 'read': {
        const indexSources = this.#evaluateAll(operands(node), flow);
        return union(indexSources, this.#contents(node.reference));
      }
      case 'binary': {
        if (node.operator !== '&&' && node.operator !== '||') break;
        const left = this.#evaluate(node.left, flow);
        const before = this.#state;
        const right = this.#evaluate(node.right, branchOn(flow, left, node.position));
        // A call on the right may have written through a pointer, or may not have been reached.
        this.#state = join([before, this.#state])!;
        return union(left, right);
      }
      case 'builtin':
        return this.#builtin(node, flow);
      case 'call':
        return this.#call(node, flow);
    }
    return this.#evaluateAll(operands(node), flow);
  }

  #evaluateAll(nodes: readonly Expression[], flow: Flow): Sources {
    return union(...nodes.map((node) => this.#evaluate(node, flow)));
  }

  /** The sources of what a reference holds. */
  #contents(reference: Reference): Iterable<Source> {
    const { variable } = this.#roots.root(reference);
    const { type } = variable;
    const isPointer = variable.space === 'let' && type.kind === 'pointer';
    const { space, access } = isPointer ? type : variable;
    if (space === 'function') return this.#state.get(variable) ?? NO_SOURCES;
    if (access === 'read') return NO_SOURCES;
    const kind = space === 'storage' ? 'var<storage, read_write>' : `var<${space}>`;
    const description = isPointer
      ? `the ${kind} behind ${variable.name}`
      : `${kind} ${variable.name}`;
    return [this.#analysis.cause(description, reference.position)];
  }

  #builtin(node: Extract<Expression, { kind: 'builtin' }>, flow: Flow): Sources {
    const { name, position } = node;
    const argumentSources = this.#evaluateAll(node.arguments, flow);
    if (!BARRIERS.test(name)) return argumentSources;
    this.#requireUniform({ name, position, isAddress: false, flow });
    this.#requireUniform({
      name,
      position,
      isAddress: true,
      flow: branchOn(new Map(), argumentSources, position),
    });
    return NO_SOURCES;
  }

  /** Rejects a barrier that depends on a cause. What depends on the caller is left to the calls. */
  #requireUniform(requirement: Requirement): void {
    const { position, isAddress, flow } = requirement;
    for (const [source, branch] of flow)
      if (source.kind === 'cause') this.#analysis.reject(requirement, source, branch);
    if (flow.size === 0) return;
    const key = `${position} ${isAddress}`;
    const before = this.#requirements.get(key)?.flow ?? new Map();
    this.#requirements.set(key, { ...requirement, flow: merge(before, flow) });
  }

  #call(node: Extract<Expression, { kind: 'call' }>, flow: Flow): Sources {
    const argumentSources = node.arguments.map((argument) => this.#evaluate(argument, flow));
    const { result, requirements, pointees } = this.#analysis.summary(node.function);
    const pointee = (index: number) => this.#roots.pointee(node.arguments[index]!);
    /** What a source inside the function corresponds to at this call. */
    const translate = (source: Source): Iterable<Source> => {
      if (source.kind === 'cause') return [source];
      if (source.kind === 'flow') return flow.keys();
      if (source.kind === 'argument') return argumentSources[source.index]!;
      return this.#state.get(pointee(source.index).variable) ?? NO_SOURCES;
    };
    const translateAll = (sources: Sources) => union(...[...sources].map(translate));
    for (const requirement of requirements) {
      const translated = [...requirement.flow].map(([source, branch]): Flow => {
        if (source.kind === 'flow') return flow;
        return new Map([...translate(source)].map((each) => [each, branch]));
      });
      this.#requireUniform({ ...requirement, flow: translated.reduce(merge, new Map()) });
    }
    const written = [...pointees].map(
      ([n, sources]) => [pointee(n), union(translateAll(sources), flow.keys())] as const,
    );
    for (const [root, sources] of written) this.#write(root, sources, false);
    return translateAll(result);
  }
}

/** Whether a parameter points to a variable of the calling function, whose contents are tracked. */
function pointsAtLocal(type: Type): boolean {
  return type.kind === 'pointer' && type.space === 'function';
}

/** Whether every path through a statement continues with the next statement. */
function alwaysContinues(node: Statement): boolean {
  const bodyBehaviors = statementBehaviors(node);
  return bodyBehaviors.size === 1 && bodyBehaviors.has('next');
}

/** The control flow inside a branch on a value. */
function branchOn(flow: Flow, sources: Sources, position: Position): Flow {
  return merge(flow, new Map([...sources].map((source) => [source, position])));
}

function merge(a: Flow, b: Flow): Flow {
  return new Map([...b, ...a]);
}

function union(...parts: Iterable<Source>[]): Sources {
  return new Set(parts.flatMap((part) => [...part]));
}

/** The state where paths meet; `undefined` where no path leads there. */
function join([firstState, ...others]: readonly State[]): State | undefined {
  if (!firstState) return undefined;
  const result = new Map(firstState);
  for (const state of others)
    for (const [variable, sources] of state)
      result.set(variable, union(result.get(variable) ?? NO_SOURCES, sources));
  return result;
}

/** How many sources all sets have together. */
function countSources(state: State): number {
  return [...state.values()].reduce((sum, sources) => sum + sources.size, 0);
}
