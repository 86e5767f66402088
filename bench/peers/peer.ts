/** What a library does to take part: the same training step, and the same products. */

import type { StepBatch, StepSizes } from '../step-model.js';

/** The step that all take, and where all start from. */
export interface StepSetup {
  readonly sizes: StepSizes;
  readonly batch: StepBatch;
  /** The initial values, by the names of step-model.ts; weights of linear layers are [out, in]. */
  readonly parameters: ReadonlyMap<string, Values>;
}

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A library that is set up to train. */
export interface Trainer {
  /** Takes one step, with its update, to its end; returns milliseconds. */
  step(): Promise<number>;
  /** The last step's loss, before its update. */
  loss(): Promise<number>;
  dispose(): void | Promise<void>;
}

/** The three products of a linear layer: y = x W^T forward, and its two gradients. */
export const FORMS = ['nt', 'nn', 'tn'] as const;
export type Form = (typeof FORMS)[number];

/** out [M, N], summed over K: nt of a [M, K] and b [N, K], nn of [M, K] and [K, N], tn of [K, M] and [K, N]. */
export interface Product {
  readonly form: Form;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** A library that is set up to multiply. */
export interface Multiplier {
  /** Multiplies so many times, waits for the last, and returns milliseconds of one. */
  run(repeats: number): Promise<number>;
  /** The last product, [M, N]. */
  result(): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** A library on one device. */
export interface Peer {
  readonly name: string;
  /** What it computes with: "1 thread", or a GPU. */
  readonly on: string;
  trainer(setup: StepSetup): Promise<Trainer>;
  multiplier?(product: Product): Promise<Multiplier>;
  close(): void | Promise<void>;
}

/** The shapes of a product's operands. */
export function operandShapes({ form, M, N, K }: Product): [[number, number], [number, number]] {
  return [form === 'tn' ? [K, M] : [M, K], form === 'nt' ? [N, K] : [K, N]];
}

/** What layer norm adds to the variance, and clipping to the norm: as the engine and PyTorch do. */
export const LAYER_NORM_EPS = 1e-5;
export const CLIP_EPS = 1e-6;

/** The blocks of the step in their order: their names, and what they attend to. */
export function stepBlocks({ blocks }: StepSizes) {
  return (['history', 'stimulus', 'state'] as const).flatMap((kind) =>
    Array.from({ length: blocks }, (_, n) => ({ kind, prefix: `${kind}.${n}` })),
  );
}

/** The initial values with the weights of linear layers as [in, out], for libraries whose own layout that is. */
export function withWeightsInOut({ parameters }: StepSetup): [string, Values][] {
  const isLinear = (name: string) => name.endsWith('.weight') && !/^tok_emb|\.ln/.test(name);
  return [...parameters].map(([name, values]) => [
    name,
    isLinear(name) ? transposed(values) : values,
  ]);
}

function transposed({ shape, data }: Values): Values {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) turned[c * rows + r] = data[r * columns + c]!;
  return { shape: [columns, rows], data: turned };
}

/** What a library runs on, where that is threads. */
export function onThreads(threads: number): string {
  return `${threads} thread${threads > 1 ? 's' : ''}`;
}

/** An adapter's description up to its details. */
export function shortName(description: string): string {
  return description.split(',')[0]!;
}
