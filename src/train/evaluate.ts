/** Losses on windows that are not trained on. */

import type { Engine } from '../gpu/engine.js';
import { HostRandom } from '../math/random.js';
import type { BatchLayout, HostBatch } from '../neuroformer/batch.js';
import { ForwardPass } from '../neuroformer/forward-pass.js';
import { modelLosses } from '../neuroformer/losses.js';
import type { Neuroformer } from '../neuroformer/model.js';
import type { StepLosses } from '../neuroformer/step.js';
import { shuffleTies } from '../recording/augment.js';
import type { WindowRef, Windows } from '../recording/windows.js';

/** How many of those available make whole batches, or all that are wanted where they make none. */
export function wholeBatches(wanted: number, available: number, batch: number): number {
  const count = Math.min(wanted, available);
  return count < batch ? count : Math.floor(count / batch) * batch;
}

/** So many items, spread evenly over those given. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, n) => items[Math.floor((n * items.length) / count)]!);
}

/** As many windows as fit into whole batches, spread evenly over those given. */
export function spreadWindows(
  refs: readonly WindowRef[],
  most: number,
  batch: number,
): WindowRef[] {
  return evenly(refs, wholeBatches(most, refs.length, batch));
}

/** Batches of windows one after the other, ties in an order that is random but always the same. */
export function* windowBatches(
  windows: Windows,
  layout: BatchLayout,
  refs: readonly WindowRef[],
  size: number,
  seed = 1,
): Generator<HostBatch> {
  const random = new HostRandom(seed);
  for (let start = 0; start + size <= refs.length; start += size) {
    const part = refs.slice(start, start + size);
    yield layout.collate(part.map((ref) => shuffleTies(windows.at(ref), random)));
  }
}

/** Mean losses on windows that are not trained on. It owns the memory of a batch. */
export class Evaluator {
  readonly #layout: BatchLayout;
  readonly #pass: ForwardPass<string>;

  /** @param only these losses; default: all the model has. */
  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    size: number,
    only?: readonly string[],
  ) {
    this.#layout = layout;
    this.#pass = new ForwardPass(
      engine,
      layout,
      size,
      ({ inputs, targets }) => modelLosses(model, model.forward(inputs), targets, {}, only).parts,
    );
  }

  get size(): number {
    return this.#pass.size;
  }

  /** Mean losses: each batch counts by how many targets its loss is a mean over. */
  async losses(batches: Iterable<HostBatch>): Promise<StepLosses> {
    const sums: Record<string, number> = {};
    const weights: Record<string, number> = {};
    for (const host of batches) {
      for (const [name, [value]] of Object.entries(await this.#pass.run(host))) {
        const weight = this.#lossWeight(name, host);
        sums[name] = (sums[name] ?? 0) + weight * value!;
        weights[name] = (weights[name] ?? 0) + weight;
      }
    }
    const means = this.#pass.names.map((name) => [name, sums[name]! / weights[name]!] as const);
    const loss = means.reduce((sum, [, mean]) => sum + mean, 0);
    return { ...Object.fromEntries(means), loss };
  }

  [Symbol.dispose](): void {
    this.#pass[Symbol.dispose]();
  }

  #lossWeight(name: string, host: HostBatch): number {
    if (name !== 'id' && name !== 'time') return 1;
    const { PAD } = this.#layout.tokenizer.ids;
    return host.nextIds.reduce((count, token) => count + Number(token !== PAD), 0);
  }
}
