/**
 * Reverse-mode differentiation: operations append nodes to a tape, which the backward pass visits
 * in reverse order.
 */

import type { Engine } from '../gpu/engine.js';
import { addInto, scaleInto } from './primitives.js';
import { type Shape, Tensor } from './tensor.js';

/** An operation on the tape. */
export interface TapeNode {
  /** The operation's name. */
  readonly op: string;
  /** The tensors that it computed. */
  readonly outputs: readonly Tensor[];
  /** Tensors that only `backward` needs. They are released after it. */
  readonly saved?: readonly Tensor[];
  /** Adds the gradients of the inputs, given those of the outputs. */
  backward(gradients: Gradients): void;
}

/** The tape of each engine that is inside `differentiate`. */
const tapes = new WeakMap<Engine, TapeNode[]>();

/**
 * Whether a gradient flows to one of these inputs: `differentiate` is running, and one of them
 * requires a gradient.
 */
export function tracks(engine: Engine, inputs: readonly (Tensor | undefined)[]): boolean {
  return tapes.has(engine) && inputs.some((input) => input?.root.requiresGrad);
}

/**
 * A tensor for an operation's result, with undefined contents. It requires a gradient if one of the
 * inputs does.
 */
export function newOutput(
  engine: Engine,
  shape: Shape,
  inputs: readonly (Tensor | undefined)[],
): Tensor {
  return Tensor.empty(engine, shape, 'f32', { requiresGrad: tracks(engine, inputs) });
}

/**
 * Appends a node to the tape if one of its outputs requires a gradient. Otherwise releases its
 * saved tensors.
 */
export function pushNode(engine: Engine, node: TapeNode): void {
  const tape = tapes.get(engine);
  if (tape && node.outputs.some((output) => output.requiresGrad)) tape.push(node);
  else for (const saved of node.saved ?? []) saved.release();
}

/** The tensors that `differentiate` may start from, of one element each. */
const losses = new WeakSet<Tensor>();

/**
 * Marks the output of an operation as a loss, which `differentiate` may start from. Returns the
 * loss.
 */
export function markLoss(loss: Tensor): Tensor {
  losses.add(loss.root);
  return loss;
}

/**
 * The result of a differentiated function: the loss, alone or in an object with other tensors that
 * are kept.
 */
export type LossResult =
  | Tensor
  | {
      /** The loss, of one element. */
      readonly loss: Tensor;
      readonly [name: string]: Tensor;
    };

/**
 * Runs `fn` and adds d loss / d leaf to the gradient of every leaf that requires one.
 *
 * The backward pass releases each activation after it has used it. The tensors that `fn` returns
 * are kept.
 *
 * @param fn computes the loss with crossEntropy, meanSquaredError, contrastiveLoss or sumLosses, or
 *   marks the output of an operation by markLoss.
 * @throws Error where `fn` is async or itself calls `differentiate`, or where the loss comes from
 *   another operation and is not marked.
 */
export function differentiate<R extends LossResult>(engine: Engine, fn: () => R): R {
  if (tapes.has(engine)) {
    throw new Error('differentiate cannot be nested: the engine has no second derivatives.');
  }
  return engine.scope(() => {
    const tape: TapeNode[] = [];
    tapes.set(engine, tape);
    let forward: { result: R; settle: () => void };
    try {
      forward = engine.defer(fn);
    } finally {
      tapes.delete(engine);
    }
    runBackward(engine, tape, forward.result);
    forward.settle();
    return forward.result;
  });
}

function runBackward(engine: Engine, tape: TapeNode[], result: LossResult): void {
  const loss = result instanceof Tensor ? result : result.loss;
  if (!losses.has(loss.root)) {
    throw new Error(
      'differentiate: the loss should be computed by crossEntropy, meanSquaredError, contrastiveLoss or sumLosses, or be marked by markLoss.',
    );
  }
  const returned: Tensor[] = result instanceof Tensor ? [result] : Object.values(result);
  const returnedRoots = new Set(returned.map((tensor) => tensor.root));
  const gradients = new Gradients(engine, loss, tape);
  for (const node of tape.reverse()) {
    node.backward(gradients);
    for (const tensor of [...(node.saved ?? []), ...node.outputs]) {
      if (!returnedRoots.has(tensor.root)) tensor.release();
    }
    for (const output of node.outputs) gradients.drop(output);
  }
}

/** The tensor that a kernel writes a gradient into. */
export interface Target {
  /** The gradient, or the part of it that is known so far. */
  readonly tensor: Tensor;
  /** Whether to add to its contents or to overwrite them. */
  readonly accumulate: boolean;
}

/** The gradients computed so far in a backward pass, by root tensor. */
export class Gradients {
  readonly #engine: Engine;
  readonly #gradients = new Map<Tensor, Tensor>();
  readonly #factors = new Map<Tensor, number>();
  /** The roots of everything on the tape. All other tensors are leaves. */
  readonly #outputs: ReadonlySet<Tensor>;

  /** @internal */
  constructor(engine: Engine, loss: Tensor, tape: readonly TapeNode[]) {
    this.#engine = engine;
    this.#factors.set(loss.root, 1);
    this.#outputs = new Set(tape.flatMap((node) => node.outputs.map((output) => output.root)));
  }

  /** Whether the gradient of an input is needed. */
  wants(tensor: Tensor | undefined): tensor is Tensor {
    return tensor?.requiresGrad ?? false;
  }

  /**
   * d loss / d output, or undefined where the loss does not depend on it. Complete once the
   * output's node is visited.
   */
  get(tensor: Tensor): Tensor | undefined {
    return this.#gradients.get(tensor.root)?.reshape(tensor.shape);
  }

  /**
   * d total / d loss for a loss in the total that is differentiated, or undefined where it is not
   * part of it.
   */
  factor(loss: Tensor): number | undefined {
    return this.#factors.get(loss.root);
  }

  /** Adds to the factor of a loss in the total. */
  addFactor(loss: Tensor, factor: number): void {
    this.#factors.set(loss.root, (this.#factors.get(loss.root) ?? 0) + factor);
  }

  /** Where a kernel that can either overwrite or add writes the gradient of an input. */
  target({ root, shape }: Tensor): Target {
    const existing = this.#existingGradient(root);
    if (existing) return { tensor: existing.reshape(shape), accumulate: true };
    const created = Tensor.empty(this.#engine, root.shape);
    this.#gradients.set(root, created);
    return { tensor: created.reshape(shape), accumulate: false };
  }

  /** Where a kernel that always adds does so: like `target`, but clears a new gradient. */
  accumulator(tensor: Tensor): Tensor {
    const target = this.target(tensor);
    if (!target.accumulate) this.#engine.clear(target.tensor);
    return target.tensor;
  }

  /** Adds a gradient that is already computed, and takes over its memory. */
  accumulate({ root }: Tensor, gradient: Tensor): void {
    const existing = this.#existingGradient(root);
    if (existing) {
      addInto(this.#engine, gradient, existing);
      gradient.release();
    } else {
      this.#gradients.set(root, gradient.root);
    }
  }

  /**
   * Adds the output's gradient to the input's and takes it away from the output, without a copy if
   * possible.
   */
  transfer(output: Tensor, input: Tensor): void {
    const gradient = this.#gradients.get(output.root);
    if (!gradient || !this.wants(input)) return;
    this.#gradients.delete(output.root);
    this.accumulate(input, gradient);
  }

  /** Adds a copy of the output's gradient to the input's. */
  share(output: Tensor, input: Tensor): void {
    const gradient = this.#gradients.get(output.root);
    if (!gradient || !this.wants(input)) return;
    const { tensor, accumulate } = this.target(input);
    scaleInto(this.#engine, gradient, 1, tensor, accumulate);
  }

  /** Releases the gradient of a tensor whose node was visited. */
  drop(tensor: Tensor): void {
    this.#gradients.get(tensor.root)?.release();
    this.#gradients.delete(tensor.root);
  }

  /**
   * The gradient to add to: of a tensor on the tape, that of this pass; of a leaf, its own, created
   * if necessary.
   */
  #existingGradient(root: Tensor): Tensor | undefined {
    if (this.#outputs.has(root)) return this.#gradients.get(root);
    root.hasGradient = true;
    if (!root.gradient || root.gradient.released)
      root.gradient = Tensor.lasting(this.#engine, root.shape);
    return root.gradient;
  }
}
