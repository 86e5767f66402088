/** Reverse-mode differentiation: ops append nodes to a tape while it runs, and the tape is walked back once. */

import type { Engine } from '../gpu/engine.js';
import { addInto, scaleInto } from './primitives.js';
import { type Shape, Tensor } from './tensor.js';

/** What an op leaves on the tape. */
export interface TapeNode {
  readonly op: string;
  readonly outputs: readonly Tensor[];
  /** Memory only this node needs; given back once its gradients are made. */
  readonly saved?: readonly Tensor[];
  backward(gradients: Gradients): void;
}

const tapes = new WeakMap<Engine, TapeNode[]>();

/** Whether gradients will be wanted for a result of these inputs. */
export function tracks(engine: Engine, inputs: readonly (Tensor | undefined)[]): boolean {
  return tapes.has(engine) && inputs.some((input) => input?.root.requiresGrad);
}

/** An op's output: undefined contents, tracked where one of its inputs is. */
export function newOutput(
  engine: Engine,
  shape: Shape,
  inputs: readonly (Tensor | undefined)[],
): Tensor {
  return Tensor.empty(engine, shape, 'f32', { requiresGrad: tracks(engine, inputs) });
}

/** Appends a node, if any of its outputs is tracked; otherwise gives its saved memory back at once. */
export function pushNode(engine: Engine, node: TapeNode): void {
  const tape = tapes.get(engine);
  if (tape && node.outputs.some((output) => output.requiresGrad)) tape.push(node);
  else for (const saved of node.saved ?? []) saved.release();
}

/** Losses, of one element each: what `differentiate` may start from. */
const losses = new WeakSet<Tensor>();

/** Marks an op's output as a loss. */
export function markLoss(loss: Tensor): Tensor {
  losses.add(loss.root);
  return loss;
}

/** What a differentiated function returns: its loss, alone or with other tensors to keep. */
export type Differentiated = Tensor | { readonly loss: Tensor; readonly [name: string]: Tensor };

/**
 * Runs `fn` and adds d loss / d leaf to the gradient of every leaf that wants one.
 *
 * Activations belong to the tape and are given back as the walk passes them; what `fn` returns is kept.
 *
 * @param fn makes the loss by a loss op: crossEntropy, meanSquaredError, contrastiveLoss or sumLosses.
 */
export function differentiate<R extends Differentiated>(engine: Engine, fn: () => R): R {
  if (tapes.has(engine)) {
    throw new Error('differentiate does not nest: the engine has no second derivatives.');
  }
  return engine.scope(() => {
    const tape: TapeNode[] = [];
    tapes.set(engine, tape);
    let ran: { result: R; settle: () => void };
    try {
      ran = engine.defer(fn);
    } finally {
      tapes.delete(engine);
    }
    walkBack(engine, tape, ran.result);
    ran.settle();
    return ran.result;
  });
}

function walkBack(engine: Engine, tape: TapeNode[], result: Differentiated): void {
  const loss = result instanceof Tensor ? result : result.loss;
  if (!losses.has(loss.root)) {
    throw new Error(
      'differentiate: the loss should be made by crossEntropy, meanSquaredError, contrastiveLoss or sumLosses.',
    );
  }
  const returned: Tensor[] = result instanceof Tensor ? [result] : Object.values(result);
  const kept = new Set(returned.map((tensor) => tensor.root));
  const gradients = new Gradients(engine, loss, tape);
  for (const node of tape.reverse()) {
    node.backward(gradients);
    for (const tensor of [...(node.saved ?? []), ...node.outputs]) {
      if (!kept.has(tensor.root)) tensor.release();
    }
    for (const output of node.outputs) gradients.drop(output);
  }
}

/** Where a gradient is to be written. */
export interface Target {
  readonly tensor: Tensor;
  /** Whether to add to what is there, or to overwrite it. */
  readonly accumulate: boolean;
}

/** The gradients known so far on the walk back, by root tensor. */
export class Gradients {
  readonly #engine: Engine;
  readonly #gradients = new Map<Tensor, Tensor>();
  readonly #factors = new Map<Tensor, number>();
  readonly #taped: ReadonlySet<Tensor>;

  constructor(engine: Engine, loss: Tensor, tape: readonly TapeNode[]) {
    this.#engine = engine;
    this.#factors.set(loss.root, 1);
    this.#taped = new Set(tape.flatMap((node) => node.outputs.map((output) => output.root)));
  }

  wants(tensor: Tensor | undefined): tensor is Tensor {
    return tensor?.requiresGrad ?? false;
  }

  /** d loss / d tensor, or undefined where nothing depends on it. */
  of(tensor: Tensor): Tensor | undefined {
    return this.#gradients.get(tensor.root)?.reshape(tensor.shape);
  }

  /** The factor a loss enters the total with, or undefined where it does not enter. */
  factor(loss: Tensor): number | undefined {
    return this.#factors.get(loss.root);
  }

  addFactor(loss: Tensor, factor: number): void {
    this.#factors.set(loss.root, (this.#factors.get(loss.root) ?? 0) + factor);
  }

  /** Where a kernel writes its share of d loss / d tensor. */
  into({ root, shape }: Tensor): Target {
    const known = this.#existing(root);
    if (known) return { tensor: known.reshape(shape), accumulate: true };
    const fresh = Tensor.empty(this.#engine, root.shape);
    this.#gradients.set(root, fresh);
    return { tensor: fresh.reshape(shape), accumulate: false };
  }

  /** Where a kernel that always adds writes its share: like `into`, but never undefined contents. */
  accumulator(tensor: Tensor): Tensor {
    const target = this.into(tensor);
    if (!target.accumulate) this.#engine.clear(target.tensor);
    return target.tensor;
  }

  /** Adds a finished gradient; its memory becomes the walk's. */
  accumulate({ root }: Tensor, gradient: Tensor): void {
    const known = this.#existing(root);
    if (known) {
      addInto(this.#engine, gradient, known);
      gradient.release();
    } else {
      this.#gradients.set(root, gradient.root);
    }
  }

  /** Hands an output's gradient on to the input it was added to; nothing may need it after. */
  pass(output: Tensor, input: Tensor): void {
    const gradient = this.#gradients.get(output.root);
    if (!gradient || !this.wants(input)) return;
    this.#gradients.delete(output.root);
    this.accumulate(input, gradient);
  }

  /** Adds an output's gradient to an input it was added to, leaving it in place. */
  share(output: Tensor, input: Tensor): void {
    const gradient = this.#gradients.get(output.root);
    if (!gradient || !this.wants(input)) return;
    const { tensor, accumulate } = this.into(input);
    scaleInto(this.#engine, gradient, 1, tensor, accumulate);
  }

  /** Gives back the gradient of a tensor the walk is done with. */
  drop(tensor: Tensor): void {
    this.#gradients.get(tensor.root)?.release();
    this.#gradients.delete(tensor.root);
  }

  /** The gradient that is there: one of this walk, or that of a leaf, which outlives every walk. */
  #existing(root: Tensor): Tensor | undefined {
    if (this.#taped.has(root)) return this.#gradients.get(root);
    root.reached = true;
    if (!root.gradient || root.gradient.released)
      root.gradient = Tensor.lasting(this.#engine, root.shape);
    return root.gradient;
  }
}
