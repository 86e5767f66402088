/**
 * TensorFlow.js on its WebAssembly or WebGPU backend: eager, each step inside one `tidy`.
 *
 * Its Adam has no decay and no clipping, so that the step clips the gradients and decays the
 * weights before it. Embeddings are products with one-hot rows, because the WebAssembly backend
 * lacks the gradient of `gather`.
 */

import { timed } from '../measure.js';
import { decays, LOSS_FACTORS, STEP_OPTIMIZER, STEP_RATE } from '../step-model.js';
import type { PageGpu } from './browser.js';
import { installedVersion, load, packageFolder } from './install.js';
import {
  CLIP_EPS,
  LAYER_NORM_EPS,
  onThreads,
  operandShapes,
  type Peer,
  type Product,
  type StepSetup,
  shortName,
  stepBlocks,
  type Trainer,
  withWeightsInOut,
} from './peer.js';

const CORE = '@tensorflow/tfjs';
const WASM = '@tensorflow/tfjs-backend-wasm';
const WEBGPU = '@tensorflow/tfjs-backend-webgpu';
const MASKED = -1e9;

/** The part of the library that this file uses. */
interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  enableProdMode(): void;
  backend(): { submitQueue(): void; endComputePassEncoder(): void; queue: GPUQueue };
  tensor(values: Float32Array | Int32Array, shape: number[], type: string): TfTensor;
  variable(initial: TfTensor, trainable: boolean, name: string): Variable;
  tidy<T>(work: () => T): T;
  keep<T extends TfTensor>(x: T): T;
  oneHot(ids: TfTensor, depth: number): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  fused: { matMul(operands: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor };
  moments(x: TfTensor, axis: number, keep: boolean): { mean: TfTensor; variance: TfTensor };
  rsqrt(x: TfTensor): TfTensor;
  erf(x: TfTensor): TfTensor;
  softmax(x: TfTensor, axis: number): TfTensor;
  losses: { softmaxCrossEntropy(onehot: TfTensor, logits: TfTensor): TfTensor };
  train: { adam(rate: number, beta1: number, beta2: number, eps: number): Optimizer };
}

interface TfTensor {
  readonly shape: number[];
  add(y: TfTensor | number): TfTensor;
  sub(y: TfTensor): TfTensor;
  mul(y: TfTensor | number): TfTensor;
  square(): TfTensor;
  sum(): TfTensor;
  sqrt(): TfTensor;
  reciprocal(): TfTensor;
  minimum(y: number): TfTensor;
  toFloat(): TfTensor;
  reshape(shape: number[]): TfTensor;
  transpose(axes: number[]): TfTensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Variable extends TfTensor {
  assign(value: TfTensor): void;
}

interface Optimizer {
  computeGradients(
    loss: () => TfTensor,
    variables: Variable[],
  ): { value: TfTensor; grads: Record<string, TfTensor> };
  applyGradients(gradients: Record<string, TfTensor>): void;
  dispose(): void;
}

/** Opens TensorFlow.js on its 'wasm' backend, which has one thread in Node, or on 'webgpu'. */
export async function openTfjs(backend: 'wasm' | 'webgpu', gpu?: PageGpu): Promise<Peer> {
  const tf = await quietly(() => loadBackend(backend));
  return {
    name: `TensorFlow.js ${installedVersion(CORE)} ${backend}`,
    on: backend === 'wasm' ? onThreads(1) : shortName(gpu!.description),
    trainer: async (setup) => {
      await tf.setBackend(backend);
      return new TfTrainer(tf, backend, setup, gpu);
    },
    multiplier: async (product) => {
      await tf.setBackend(backend);
      return multiplier(tf, backend, product, gpu);
    },
    close() {},
  };
}

async function loadBackend(backend: 'wasm' | 'webgpu'): Promise<Tf> {
  const tf = load<Tf>(CORE);
  tf.enableProdMode();
  if (backend === 'wasm') {
    const wasm = load<{ setWasmPaths(folder: string): void }>(WASM);
    wasm.setWasmPaths(packageFolder(WASM, 'dist/'));
  } else {
    // It registers itself only in a window or a worker.
    const scope = { WorkerGlobalScope: class {} };
    Object.assign(globalThis, scope);
    load(WEBGPU);
    Reflect.deleteProperty(globalThis, 'WorkerGlobalScope');
  }
  if (!(await tf.setBackend(backend)))
    throw new Error(`TensorFlow.js did not start its ${backend} backend`);
  await tf.ready();
  return tf;
}

/** Runs `work` without the library's advice to install another of its packages. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log, warn } = console;
  Object.assign(console, { log() {}, warn() {} });
  try {
    return await work();
  } finally {
    Object.assign(console, { log, warn });
  }
}

/** Waits until all operations have run. The WebAssembly backend runs them at once. */
async function settle(tf: Tf, gpu: PageGpu | undefined): Promise<void> {
  if (!gpu) return;
  const backend = tf.backend();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await gpu.wait(backend.queue.onSubmittedWorkDone());
}

class TfTrainer implements Trainer {
  /** Makes the names of variables unique: the library never frees a name. */
  static #count = 0;
  readonly #parameters: ReadonlyMap<string, Variable>;
  readonly #inputs: Readonly<
    Record<'ids' | 'pastIds' | 'video' | 'nextIds' | 'nextTimes', TfTensor>
  >;
  readonly #mask: TfTensor;
  readonly #optimizer: Optimizer;
  #loss: TfTensor | undefined;

  constructor(
    readonly tf: Tf,
    readonly backend: string,
    readonly setup: StepSetup,
    readonly gpu: PageGpu | undefined,
  ) {
    const { sizes: s, batch } = setup;
    const prefix = `trainer${TfTrainer.#count++}`;
    const entries = withWeightsInOut(setup).map(([name, { data, shape }]) => {
      const initial = tf.tensor(data, [...shape], 'float32');
      return [name, tf.variable(initial, true, `${prefix}/${name}`)] as const;
    });
    this.#parameters = new Map(entries);
    const oneHot = (ids: Uint32Array, classes: number) =>
      tf.tidy(() =>
        tf.oneHot(tf.tensor(new Int32Array(ids), [ids.length], 'int32'), classes).toFloat(),
      );
    this.#inputs = {
      ids: oneHot(batch.ids, s.tokens),
      pastIds: oneHot(batch.pastIds, s.tokens),
      video: tf.tensor(batch.video, [s.batch * s.video, s.width], 'float32'),
      nextIds: oneHot(batch.nextIds, s.tokens),
      nextTimes: oneHot(batch.nextTimes, s.times),
    };
    const n = s.queries;
    const mask = Float32Array.from({ length: n * n }, (_, i) =>
      i % n > Math.floor(i / n) ? MASKED : 0,
    );
    this.#mask = tf.tensor(mask, [1, 1, n, n], 'float32');
    const { betas, eps } = STEP_OPTIMIZER;
    this.#optimizer = tf.train.adam(STEP_RATE, ...betas, eps);
  }

  step(): Promise<number> {
    return timed(async () => {
      this.#loss?.dispose();
      this.#loss = this.tf.tidy(() => this.#update());
      await settle(this.tf, this.gpu);
    });
  }

  async loss(): Promise<number> {
    return (await this.#loss!.data())[0]!;
  }

  dispose(): void {
    this.#loss?.dispose();
    this.#optimizer.dispose();
    this.#mask.dispose();
    for (const tensor of [...this.#parameters.values(), ...Object.values(this.#inputs)])
      tensor.dispose();
  }

  #update(): TfTensor {
    const variables = [...this.#parameters.values()];
    const { value, grads } = this.#optimizer.computeGradients(() => this.#forward(), variables);
    const squares = Object.values(grads).map((g) => g.square().sum());
    const { maxNorm, decay } = STEP_OPTIMIZER;
    const norm = squares.reduce((p, q) => p.add(q)).sqrt();
    const clip = norm.add(CLIP_EPS).reciprocal().mul(maxNorm).minimum(1);
    const clipped = Object.entries(grads).map(([name, g]) => [name, g.mul(clip)] as const);
    for (const [name, variable] of this.#parameters)
      if (decays(name)) variable.assign(variable.mul(1 - STEP_RATE * decay));
    this.#optimizer.applyGradients(Object.fromEntries(clipped));
    return value;
  }

  #forward(): TfTensor {
    const { tf } = this;
    const { sizes: s } = this.setup;
    const p = (name: string) => this.#parameters.get(name)!;
    const linear = (x: TfTensor, name: string) =>
      tf.fused.matMul({ a: x, b: p(`${name}.weight`), bias: p(`${name}.bias`) });
    const layerNorm = (x: TfTensor, name: string) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x
        .sub(mean)
        .mul(tf.rsqrt(variance.add(LAYER_NORM_EPS)))
        .mul(p(`${name}.weight`))
        .add(p(`${name}.bias`));
    };
    const gelu = (x: TfTensor) => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));
    const embed = (oneHot: TfTensor, positions: Variable) => {
      const length = positions.shape[0]!;
      return tf
        .matMul(oneHot, p('tok_emb.weight'))
        .reshape([s.batch, length, s.width])
        .add(positions)
        .reshape([s.batch * length, s.width]);
    };
    const heads = (x: TfTensor) =>
      x.reshape([s.batch, -1, s.heads, s.width / s.heads]).transpose([0, 2, 1, 3]);
    const attend = (q: TfTensor, k: TfTensor, v: TfTensor, isCausal: boolean) => {
      const scores = tf
        .matMul(heads(q), heads(k), false, true)
        .mul(1 / Math.sqrt(s.width / s.heads));
      const shares = tf.softmax(isCausal ? scores.add(this.#mask) : scores, -1);
      return tf.matMul(shares, heads(v)).transpose([0, 2, 1, 3]).reshape([-1, s.width]);
    };
    const { ids, pastIds, video, nextIds, nextTimes } = this.#inputs;
    const past = embed(pastIds, p('pos_emb_prev'));
    let x = embed(ids, p('pos_emb'));
    for (const { kind, prefix } of stepBlocks(s)) {
      const source = { history: past, stimulus: video, state: x }[kind];
      const attended = attend(
        linear(layerNorm(x, `${prefix}.ln1`), `${prefix}.attn.query`),
        linear(source, `${prefix}.attn.key`),
        linear(source, `${prefix}.attn.value`),
        kind === 'state',
      );
      x = x.add(linear(attended, `${prefix}.attn.proj`));
      const inner = gelu(linear(layerNorm(x, `${prefix}.ln2`), `${prefix}.mlp.0`));
      x = layerNorm(x.add(linear(inner, `${prefix}.mlp.2`)), `${prefix}.ln_f`);
    }
    const crossEntropy = (head: string, targets: TfTensor, factor: number) =>
      tf.losses.softmaxCrossEntropy(targets, tf.matMul(x, p(`${head}.weight`))).mul(factor);
    return crossEntropy('head_id', nextIds, LOSS_FACTORS.token).add(
      crossEntropy('head_dt', nextTimes, LOSS_FACTORS.time),
    );
  }
}

function multiplier(tf: Tf, backend: string, product: Product, gpu: PageGpu | undefined) {
  const { form } = product;
  const shapes = operandShapes(product);
  const a = tf.tensor(product.a, shapes[0], 'float32');
  const b = tf.tensor(product.b, shapes[1], 'float32');
  let out: TfTensor | undefined;
  return {
    run: async (repeats: number) => {
      await tf.setBackend(backend);
      const milliseconds = await timed(async () => {
        for (let n = 0; n < repeats; n++) {
          out?.dispose();
          out = tf.matMul(a, b, form === 'tn', form === 'nt');
        }
        await settle(tf, gpu);
      });
      return milliseconds / repeats;
    },
    result: () => out!.data(),
    dispose() {
      for (const tensor of [a, b, out]) tensor?.dispose();
    },
  };
}
