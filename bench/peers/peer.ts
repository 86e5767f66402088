/** The interface that every compared library implements: a training step, and matrix products. */

import type { StepBatch, StepSizes } from '../step-model.js';

/** The training step and its initial values, the same for all libraries. */
export interface StepSetup {
  readonly sizes: StepSizes;
  readonly batch: StepBatch;
  /**
   * The initial values, with the names of step-model.ts. Weights of linear layers are [out, in].
   */
  readonly parameters: ReadonlyMap<string, Values>;
}

/** An array on the host, row-major. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A training in one library. */
export interface Trainer {
  /** Runs one step with its update and waits for it; returns milliseconds. */
  step(): Promise<number>;
  /** The loss of the last step, before its update. */
  loss(): Promise<number>;
  dispose(): void | Promise<void>;
}

/**
 * The three products of a linear layer: nt for y = x W^T, nn for the gradient of x, tn for that of
 * W.
 */
export const FORMS = ['nt', 'nn', 'tn'] as const;
/** One of the forms. */
export type Form = (typeof FORMS)[number];

/**
 * A product out [M, N]: nt of a [M, K] and b [N, K], nn of a [M, K] and b [K, N], tn of a [K, M]
 * and b [K, N].
 */
export interface Product {
  readonly form: Form;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** A product in one library. */
export interface Multiplier {
  /**
   * Computes the product `repeats` times and waits for the last; returns the milliseconds of one.
   */
  run(repeats: number): Promise<number>;
  /** The last product, [M, N]. */
  result(): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** A library on one device. */
export interface Peer {
  /** The library with its version. */
  readonly name: string;
  /** The device: '1 thread', or the name of a GPU. */
  readonly on: string;
  /** Sets up a training. */
  trainer(setup: StepSetup): Promise<Trainer>;
  /** Sets up a product; missing in libraries that take part only in training. */
  multiplier?(product: Product): Promise<Multiplier>;
  close(): void | Promise<void>;
}

/** The shapes of a product's operands. */
export function operandShapes({ form, M, N, K }: Product): [[number, number], [number, number]] {
  return [form === 'tn' ? [K, M] : [M, K], form === 'nt' ? [N, K] : [K, N]];
}

/** Added to the variance in layer norm, as the engine and PyTorch do. */
export const LAYER_NORM_EPS = 1e-5;
/** Added to the norm in clipping, as the engine and PyTorch do. */
export const CLIP_EPS = 1e-6;

/** The blocks of the step in order, with their kind and the prefix of their parameters. */
export function stepBlocks({ blocks }: StepSizes) {
  return (['history', 'stimulus', 'state'] as const).flatMap((kind) =>
    Array.from({ length: blocks }, (_, n) => ({ kind, prefix: `${kind}.${n}` })),
  );
}

/**
 * The initial values with the weights of linear layers as [in, out], for libraries with that
 * layout.
 */
export function withWeightsInOut({ parameters }: StepSetup): [string, Values][] {
  const isLinear = (name: string) => name.endsWith('.weight') && !/^tok_emb|\.ln/.test(name);
  return [...parameters].map(([name, values]) => [
    name,
    isLinear(name) ? transposed(values) : values,
  ]);
}

function transposed({ shape, data }: Values): Values {
  const [rows, columns] = shape as [number, number];
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!;
  return { shape: [columns, rows], data: result };
}

/** The name of a CPU with this number of threads. */
export function onThreads(threads: number): string {
  return `${threads} thread${threads > 1 ? 's' : ''}`;
}

/** An adapter's description without its details. */
export function shortName(description: string): string {
  return description.split(',')[0]!;
}
