/** This library on one of its devices. */

import { type Engine, Tensor } from '../../src/engine.js';
import { type AdapterChoice, createEngine } from '../../src/node.js';
import { gemm } from '../../src/tensor/gemm.js';
import { onGpu } from '../measure.js';
import { StepTrainer } from '../step-model.js';
import {
  type Multiplier,
  onThreads,
  operandShapes,
  type Peer,
  type Product,
  shortName,
} from './peer.js';

/** This library as a peer, with its engine. */
export interface Ours extends Peer {
  readonly engine: Engine;
}

/** Opens this library on the CPU device with a number of threads, or on another adapter. */
export async function openOurs(adapter: AdapterChoice, threads?: number): Promise<Ours> {
  const engine = await createEngine({ adapter, ...(threads && { threads }) });
  return {
    engine,
    name: 'this library',
    on: adapter === 'cpu' ? onThreads(threads!) : shortName(engine.facts.description),
    // The setup's initial values are those of the model's default seed, so that they need not be
    // loaded.
    trainer: async ({ sizes, batch }) => new StepTrainer(engine, sizes, batch),
    multiplier: async (product) => multiplier(engine, product),
    close: () => engine.dispose(),
  };
}

function multiplier(engine: Engine, product: Product): Multiplier {
  const { form: layout, M, N, K } = product;
  const shapes = operandShapes(product);
  const a = Tensor.from(engine, product.a, shapes[0]);
  const b = Tensor.from(engine, product.b, shapes[1]);
  const out = Tensor.empty(engine, [M, N]);
  const multiply = () => gemm(engine, { layout, M, N, K, a, b, out });
  const runs = new Map<number, () => Promise<number> | number>();
  return {
    async run(repeats) {
      const run = runs.get(repeats) ?? onGpu(engine, multiply, repeats);
      runs.set(repeats, run);
      return run();
    },
    result: () => out.floats(),
    dispose() {
      for (const tensor of [a, b, out]) tensor.dispose();
    },
  };
}
