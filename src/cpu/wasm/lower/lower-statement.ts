/**
 * Step 4b: statements become WebAssembly's nested control flow, calls are inlined, and loops with a
 * small constant trip count are unrolled.
 *
 *   in    for (var c = 0u; c < 4u; c++) { sums[c] += x[c] * w; }    with var sums: array<vec4f, 4>
 *   out   four sets of four locals: every index is constant, so the array is four registers
 *
 * Why: an array with an index that is not constant must be in memory, and is loaded and stored in
 * every iteration.
 */

import { zeroValue } from '../../wgsl/check/constants.js';
import { hasSideEffects } from '../../wgsl/operands.js';
import type { Expression, ShaderFunction, Statement, Variable } from '../../wgsl/program.js';
import { type Type, VOID } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import {
  type Statement as Code,
  directNodes,
  eachNode,
  eachStatement,
  i32,
  innerBodies,
  type Label,
} from '../ir/ir.js';
import { binary } from './arithmetic.js';
import type { Frame } from './frame.js';
import { type CountedLoop, countedLoop } from './loops.js';
import { ExpressionLowering } from './lower-expression.js';
import * as storage from './storage.js';
import { fromConstant, type Storage, scalar, scalarNode, toLocals, type Value } from './values.js';

/**
 * The largest trip count of a loop that is unrolled. A larger array would not fit into registers,
 * which is the purpose of unrolling.
 */
const MAX_TRIP = 64;
/**
 * The most nodes that the iterations of an unrolled loop may become: six times what the largest
 * such loop of the project's kernels needs, 1,024.
 */
const MAX_NODES = 6000;
/**
 * The most nodes of one iteration that contains a loop. Unrolling copies the inner loop, so it is
 * limited to loops with hardly anything else in them: the loop of matmul_tiled, with 800 nodes an
 * iteration, is not unrolled.
 */
const MAX_NODES_AROUND_LOOP = 60;

/**
 * The most calls that are inlined. Functions that call another one twice, and so on, would double
 * the code each time.
 */
const MAX_CALLS = 5000;

/** The end of a block that statements may branch to; `isUsed` once one does. */
interface Exit {
  readonly label: Label;
  isUsed: boolean;
}

/** A call that is being inlined. */
interface Call {
  readonly exit: Exit;
  readonly result: Storage | undefined;
  /** How many ifs and loops enclose the current statement. */
  depth: number;
  /** The returned value, if only one return can be reached. */
  singleReturn: Value | undefined;
}

/** Lowers statements, and inlines calls. */
export class StatementLowering {
  readonly #frame: Frame;
  readonly #expressions: ExpressionLowering;
  #call: Call;
  #break: Exit | undefined;
  #continue: Exit | undefined;
  #calls = 0;
  /** Loops that are too long to be unrolled. */
  readonly #notUnrolled = new Set<Statement>();

  constructor(frame: Frame) {
    this.#frame = frame;
    this.#expressions = new ExpressionLowering(frame, (callee, args) => this.#inline(callee, args));
    this.#call = {
      exit: exit(frame, 'done'),
      result: undefined,
      depth: 0,
      singleReturn: undefined,
    };
  }

  /** Returns the lowered statements of an entry point. */
  entry(body: readonly Statement[]): Code[] {
    const { builder } = this.#frame;
    const code = builder.collect(() => {
      this.#lowerAll(body);
    });
    const { exit: done } = this.#call;
    return done.isUsed ? [{ kind: 'block', label: done.label, body: code }] : code;
  }

  /**
   * Lowers statements up to one that leaves the list.
   *
   * @returns whether there was one.
   */
  #lowerAll(body: readonly Statement[]): boolean {
    return body.some((statement) => this.#lower(statement));
  }

  #lower(node: Statement): boolean {
    const { builder } = this.#frame;
    switch (node.kind) {
      case 'block':
        return this.#lowerAll(node.body);
      case 'declare':
        this.#declare(node.variable, node.value);
        return false;
      case 'assign':
        this.#assign(node);
        return false;
      case 'evaluate':
        this.#expressions.lower(node.value);
        return false;
      case 'if':
        return this.#if(node);
      case 'switch':
        return this.#switch(node);
      case 'loop':
        return this.#loop(node);
      case 'break':
        branchTo(builder, this.#break!);
        return true;
      case 'continue':
        branchTo(builder, this.#continue!);
        return true;
      case 'return':
        this.#return(node.value);
        return true;
    }
  }

  // Variables

  #declare(variable: Variable, value: Expression | undefined): void {
    const { builder } = this.#frame;
    const initial = value && this.#expressions.lower(value);
    if (variable.space === 'let') {
      this.#frame.setValue(variable, toLocals(builder, initial!, variable.name));
      return;
    }
    const { type } = variable;
    const target = this.#frame.allocate(variable);
    this.#frame.setStorage(variable, target);
    if (initial) storage.write(builder, target, initial);
    else if (target.kind === 'memory') storage.clear(builder, target);
    else storage.write(builder, target, fromConstant(type, zeroValue(type)));
  }

  #assign({ reference, operator, value }: Extract<Statement, { kind: 'assign' }>): void {
    const { builder } = this.#frame;
    const isSingleStore = storage.isSingle(reference.type) && !operator && !hasSideEffects(value);
    const target = isSingleStore
      ? this.#expressions.locate(reference)
      : this.#expressions.locateStable(reference);
    if (!operator) {
      storage.write(builder, target, this.#expressions.lower(value));
      return;
    }
    const old = storage.read(target);
    const before = hasSideEffects(value) ? toLocals(builder, old, 'old') : old;
    const operand = this.#expressions.lower(value);
    storage.write(builder, target, binary(builder, operator, before, operand, reference.type));
  }

  // Branches

  #if(node: Extract<Statement, { kind: 'if' }>): boolean {
    const condition = scalarNode(this.#expressions.lower(node.condition));
    const constant = fold.constantValue(condition);
    if (constant !== undefined)
      return this.#lowerAll(constant !== 0 ? node.whenTrue : node.whenFalse);
    const [thenBody, thenExits] = this.#branch(node.whenTrue);
    const [elseBody, elseExits] = this.#branch(node.whenFalse);
    this.#frame.builder.emit({ kind: 'if', condition, whenTrue: thenBody, whenFalse: elseBody });
    return thenExits && elseExits;
  }

  #branch(body: readonly Statement[]): [Code[], boolean] {
    let exits = false;
    this.#call.depth += 1;
    const code = this.#frame.builder.collect(() => {
      exits = this.#lowerAll(body);
    });
    this.#call.depth -= 1;
    return [code, exits];
  }

  /** Lowers a switch to an if for each clause, in a block that each clause leaves at its end. */
  #switch(node: Extract<Statement, { kind: 'switch' }>): boolean {
    const { builder } = this.#frame;
    const selector = builder.toLocal(
      scalarNode(this.#expressions.lower(node.selector)),
      'selector',
    );
    const outer = this.#break;
    const done = exit(this.#frame, 'switch');
    this.#break = done;
    this.#call.depth += 1;
    const fallback = node.cases.find((c) => c.isDefault)!;
    const selected = fold.constantValue(selector);
    let exits = true;
    const body = builder.collect(() => {
      if (selected !== undefined) {
        const chosen = node.cases.find((c) => c.selectors.some((s) => (s | 0) === selected));
        exits = this.#lowerAll((chosen ?? fallback).body);
        return;
      }
      for (const { selectors, body } of node.cases.filter((c) => !c.isDefault)) {
        const condition = selectors
          .map((value) => fold.integer('eq', selector, i32(value)))
          .reduce((p, q) => fold.integer('or', p, q));
        const whenTrue = builder.collect(() => {
          if (!this.#lowerAll(body)) branchTo(builder, done);
        });
        builder.emit({ kind: 'if', condition, whenTrue, whenFalse: [] });
      }
      exits = this.#lowerAll(fallback.body);
    });
    this.#call.depth -= 1;
    this.#break = outer;
    if (done.isUsed) builder.emit({ kind: 'block', label: done.label, body });
    else builder.append(body);
    return exits && !done.isUsed;
  }

  // Loops

  #loop(node: Extract<Statement, { kind: 'loop' }>): boolean {
    const unrolled = this.#unroll(node);
    if (unrolled) return unrolled.exits;
    const { builder } = this.#frame;
    const outer = { break: this.#break, continue: this.#continue };
    const done = exit(this.#frame, 'break');
    const next = exit(this.#frame, 'continue');
    const loopLabel = builder.label('loop');
    if (node.initial) this.#lower(node.initial);
    [this.#break, this.#continue] = [done, next];
    this.#call.depth += 1;
    const code = builder.collect(() => {
      const iteration = builder.collect(() => this.#iteration(node, next, loopLabel));
      this.#emitIf(node.condition, () => {
        builder.emit({ kind: 'loop', label: loopLabel, body: iteration });
      });
    });
    this.#call.depth -= 1;
    [this.#break, this.#continue] = [outer.break, outer.continue];
    if (done.isUsed) builder.emit({ kind: 'block', label: done.label, body: code });
    else builder.append(code);
    return false;
  }

  /** Emits `then` under a condition, or unconditionally. */
  #emitIf(condition: Expression | undefined, thenBody: () => void): void {
    const { builder } = this.#frame;
    const conditionNode = condition ? scalarNode(this.#expressions.lower(condition)) : i32(1);
    const constant = fold.constantValue(conditionNode);
    if (constant === 0) return;
    if (constant !== undefined) {
      thenBody();
      return;
    }
    builder.emit({
      kind: 'if',
      condition: conditionNode,
      whenTrue: builder.collect(thenBody),
      whenFalse: [],
    });
  }

  /**
   * Lowers one iteration of a loop. Its last statement branches back to the start. The condition is
   * evaluated once before the loop and at the end of each iteration, so an iteration has one
   * branch.
   */
  #iteration(node: Extract<Statement, { kind: 'loop' }>, next: Exit, loopLabel: Label): void {
    const { builder } = this.#frame;
    let exits = false;
    const body = builder.collect(() => {
      exits = this.#lowerAll(node.body);
    });
    if (next.isUsed) builder.emit({ kind: 'block', label: next.label, body });
    else builder.append(body);
    if (exits && !next.isUsed) return;
    this.#lowerAll(node.continuing);
    if (node.breakIf) {
      const condition = fold.isZero(scalarNode(this.#expressions.lower(node.breakIf)));
      builder.emit({ kind: 'branch', label: loopLabel, condition });
      return;
    }
    const condition = node.condition && scalarNode(this.#expressions.lower(node.condition));
    const constant = condition && fold.constantValue(condition);
    if (constant === 0) return;
    builder.emit({ kind: 'branch', label: loopLabel, condition: constant ? undefined : condition });
  }

  /**
   * Lowers a loop iteration by iteration if its variable starts at a constant, has a constant step
   * and is changed by nothing else. Otherwise it emits nothing and returns `undefined`.
   */
  #unroll(node: Extract<Statement, { kind: 'loop' }>): { exits: boolean } | undefined {
    if (this.#notUnrolled.has(node)) return undefined;
    const counted = countedLoop(node);
    const values = counted && this.#trip(counted);
    if (!counted || !values) return undefined;
    const { builder } = this.#frame;
    const iterations: Code[] = [];
    let exits = false;
    const rollBack = this.#savepoint();
    for (const value of values) {
      const iteration = builder.collect(() => {
        this.#frame.setStorage(counted.variable, constantStorage(counted.variable, value));
        exits = this.#lowerAll(node.body);
      });
      const size = countNodes(iteration);
      const isTooLong = size * values.length > MAX_NODES;
      const isFirst = iterations.length === 0;
      if (isFirst && (isTooLong || (hasLoop(iteration) && size > MAX_NODES_AROUND_LOOP))) {
        rollBack();
        // Checked only once: otherwise each enclosing loop would double the work.
        this.#notUnrolled.add(node);
        return undefined;
      }
      for (const statement of iteration) iterations.push(statement);
      if (exits) break;
    }
    builder.append(iterations);
    return { exits };
  }

  /**
   * Returns a function that restores the present state, to discard an iteration that was lowered
   * only to measure it.
   */
  #savepoint(): () => void {
    const rollBack = this.#frame.savepoint();
    const call = this.#call;
    const { singleReturn } = call;
    const { isUsed } = call.exit;
    return () => {
      rollBack();
      call.singleReturn = singleReturn;
      call.exit.isUsed = isUsed;
    };
  }

  /** Returns the values of a loop's variable, if they are constant and few. */
  #trip({ variable, initial, condition, operator, step }: CountedLoop): number[] | undefined {
    const { builder } = this.#frame;
    const values: number[] = [];
    let trip: number[] | undefined;
    // What is emitted here is discarded: the iterations are lowered later.
    builder.collect(() => {
      let current = fold.constantValue(scalarNode(this.#expressions.lower(initial)));
      while (current !== undefined && values.length <= MAX_TRIP) {
        this.#frame.setStorage(variable, constantStorage(variable, current));
        const continues = fold.constantValue(scalarNode(this.#expressions.lower(condition)));
        if (continues === undefined) return;
        if (continues === 0) {
          trip = values;
          return;
        }
        values.push(current);
        const type = variable.type as Extract<Type, { kind: 'scalar' }>;
        const stepValue = this.#expressions.lower(step);
        current = fold.constantValue(
          scalarNode(binary(builder, operator, scalar(type, i32(current)), stepValue, type)),
        );
      }
    });
    return trip;
  }

  // Calls

  #inline(callee: ShaderFunction, args: readonly Value[]): Value {
    const { builder } = this.#frame;
    this.#calls += 1;
    if (this.#calls > MAX_CALLS)
      throw new Error(
        `${this.#frame.entry.name} makes more than ${MAX_CALLS} calls, all of which are inlined; the last one is of ${callee.name}`,
      );
    for (const [n, parameter] of callee.parameters.entries())
      this.#frame.setValue(parameter, toLocals(builder, args[n]!, parameter.name));
    const outer = { call: this.#call, break: this.#break, continue: this.#continue };
    const done = exit(this.#frame, callee.name);
    const result =
      callee.result === VOID ? undefined : this.#frame.allocate(resultVariable(callee));
    const call: Call = { exit: done, result, depth: 0, singleReturn: undefined };
    this.#call = call;
    const body = builder.collect(() => {
      this.#lowerAll(callee.body);
    });
    this.#call = outer.call;
    [this.#break, this.#continue] = [outer.break, outer.continue];
    if (done.isUsed) builder.emit({ kind: 'block', label: done.label, body });
    else builder.append(body);
    return (
      call.singleReturn ??
      (result ? storage.read(result) : { kind: 'parts', type: VOID, parts: [] })
    );
  }

  #return(value: Expression | undefined): void {
    const call = this.#call;
    const { builder } = this.#frame;
    const result = value && this.#expressions.lower(value);
    if (call.depth === 0 && !call.exit.isUsed) {
      if (result) call.singleReturn = result;
      return;
    }
    if (result) storage.write(builder, call.result!, result);
    branchTo(builder, call.exit);
  }
}

function exit(frame: Frame, name: string): Exit {
  return { label: frame.builder.label(name), isUsed: false };
}

function branchTo(builder: Frame['builder'], to: Exit): void {
  to.isUsed = true;
  builder.emit({ kind: 'branch', label: to.label, condition: undefined });
}

/** Holds a function's result if more than one return can be reached. */
function resultVariable({ name, result }: ShaderFunction): Variable {
  return {
    name: `${name}.result`,
    type: result,
    space: 'function',
    access: 'read_write',
    binding: undefined,
    position: 0,
  };
}

function constantStorage(variable: Variable, value: number): Storage {
  const type = variable.type as Extract<Type, { kind: 'scalar' }>;
  return { kind: 'constant', type, value: scalar(type, i32(value)) };
}

/** The number of statements, and of the nodes in them. */
function countNodes(body: readonly Code[]): number {
  let count = 0;
  eachStatement(body, (statement) => {
    count += 1;
    for (const node of directNodes(statement))
      eachNode(node, () => {
        count += 1;
      });
  });
  return count;
}

function hasLoop(body: readonly Code[]): boolean {
  return body.some(
    (statement) => statement.kind === 'loop' || innerBodies(statement).some(hasLoop),
  );
}
