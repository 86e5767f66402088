/** Two small trainings with the public API, whose losses in a browser and in Node have to agree. */

import {
  AdamW,
  Block,
  crossEntropy,
  differentiate,
  type Engine,
  HostRandom,
  Linear,
  meanSquaredError,
  ParameterStore,
  Tensor,
} from '../../src/engine.js';

/** The losses of each training, one per step. */
export interface Losses {
  readonly mlp: number[];
  readonly block: number[];
}

/** Runs both trainings. */
export async function train(engine: Engine): Promise<Losses> {
  return { mlp: await trainMlp(engine, 5), block: await trainBlock(engine, 3) };
}

/** Trains a two-layer perceptron, eagerly, to classify 24 random points. */
async function trainMlp(engine: Engine, steps: number): Promise<number[]> {
  const [rows, features, classes] = [24, 10, 5];
  const random = new HostRandom(11);
  const store = new ParameterStore();
  const layers = {
    hidden: new Linear(store.scope('hidden'), features, 17),
    out: new Linear(store.scope('out'), 17, classes),
  };
  store.allocate(engine, 1);
  const x = normalTensor(engine, random, [rows, features]);
  const labels = Uint32Array.from({ length: rows }, () => random.integer(classes));
  const targets = Tensor.from(engine, labels, [rows]);
  const optimizer = new AdamW(store);
  const losses: number[] = [];
  for (let n = 0; n < steps; n++) {
    store.zeroGradients();
    const loss = differentiate(engine, () =>
      crossEntropy(layers.out.call(layers.hidden.call(x, { gelu: true })), targets),
    );
    optimizer.step(0.02);
    losses.push((await loss.floats())[0]!);
    loss.dispose();
  }
  return losses;
}

/** Trains an attention block, as a recorded step, to map a sequence to another. */
async function trainBlock(engine: Engine, steps: number): Promise<number[]> {
  const [B, T, S, width] = [2, 7, 13, 16];
  const random = new HostRandom(12);
  const store = new ParameterStore();
  const block = new Block(store, width, { heads: 4 });
  store.allocate(engine, 2);
  const x = normalTensor(engine, random, [B, T, width]);
  const source = normalTensor(engine, random, [B, S, width]);
  const target = normalTensor(engine, random, [B, T, width]);
  const optimizer = new AdamW(store);
  const step = engine.record(() => {
    store.zeroGradients();
    const loss = differentiate(engine, () => meanSquaredError(block.call(x, source), target));
    optimizer.apply();
    return loss;
  });
  const losses: number[] = [];
  for (let n = 0; n < steps; n++) {
    optimizer.prepare(0.02);
    step.run();
    losses.push((await step.value.floats())[0]!);
  }
  step.dispose();
  return losses;
}

function normalTensor(engine: Engine, random: HostRandom, shape: readonly number[]): Tensor {
  const length = shape.reduce((product, n) => product * n, 1);
  return Tensor.from(
    engine,
    Float32Array.from({ length }, () => random.normal()),
    shape,
  );
}
