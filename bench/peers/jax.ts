/**
 * jax-js on its WebAssembly or WebGPU backend, with the complete step under `jit`.
 *
 * Its functions consume their arguments; `x.ref` is for one more use of x. Embeddings are products
 * with one-hot rows, because the gradient of its `take` does not compile in 0.1.25.
 */

import { timed } from '../measure.js';
import { decays, LOSS_FACTORS, STEP_OPTIMIZER, STEP_RATE } from '../step-model.js';
import { addNewerLanguage, type PageGpu } from './browser.js';
import { installedVersion, load } from './install.js';
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

const PACKAGE = '@jax-js/jax';

/** The part of the library that this file uses. */
interface Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): void;
  blockUntilReady(arrays: unknown): Promise<unknown>;
  getWebGPUDevice(): GPUDevice;
  jit<F>(work: F): F & { dispose?(): void };
  valueAndGrad<F extends (p: Tree, ...rest: never[]) => JaxArray>(
    loss: F,
  ): (...args: Parameters<F>) => [JaxArray, Tree];
  tree: {
    ref<T>(tree: T): T;
    dispose(tree: unknown): void;
    map(change: (...x: JaxArray[]) => JaxArray, ...trees: Tree[]): Tree;
  };
  numpy: {
    float32: unknown;
    int32: unknown;
    array(data: unknown, options: { dtype: unknown }): JaxArray;
    zerosLike(x: JaxArray): JaxArray;
    matmul(x: JaxArray, y: JaxArray): JaxArray;
    transpose(x: JaxArray): JaxArray;
    mean(x: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    reciprocal(x: JaxArray): JaxArray;
    power(x: number, y: JaxArray): JaxArray;
    subtract(x: number, y: JaxArray): JaxArray;
    minimum(x: JaxArray, y: number): JaxArray;
  };
  nn: {
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    logSoftmax(x: JaxArray, axis: number): JaxArray;
    oneHot(x: JaxArray, classes: number): JaxArray;
    dotProductAttention(
      q: JaxArray,
      k: JaxArray,
      v: JaxArray,
      options: { isCausal: boolean },
    ): JaxArray;
  };
}

interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(y: JaxArray | number): JaxArray;
  sub(y: JaxArray): JaxArray;
  mul(y: JaxArray | number): JaxArray;
  div(y: JaxArray): JaxArray;
  sum(): JaxArray;
  reshape(shape: number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Tree = Record<string, JaxArray>;

/** Opens jax-js on its 'wasm' backend, which has one thread in Node, or on 'webgpu'. */
export async function openJax(backend: 'wasm' | 'webgpu', gpu?: PageGpu): Promise<Peer> {
  addNewerLanguage();
  const jax = load<Jax>(PACKAGE);
  const devices = await jax.init(backend);
  if (!devices.includes(backend)) throw new Error(`jax-js did not start its ${backend} backend`);
  const library = new JaxLibrary(jax, backend, gpu);
  return {
    name: `jax-js ${installedVersion(PACKAGE)} ${backend}`,
    on: backend === 'wasm' ? onThreads(1) : shortName(gpu!.description),
    trainer: async (setup) => library.trainer(setup),
    multiplier: async (product) => library.multiplier(product),
    close() {},
  };
}

class JaxLibrary {
  constructor(
    readonly jax: Jax,
    readonly backend: 'wasm' | 'webgpu',
    readonly gpu: PageGpu | undefined,
  ) {}

  array(data: Float32Array | Uint32Array, shape: readonly number[]): JaxArray {
    const { numpy } = this.jax;
    const isFloat = data instanceof Float32Array;
    const values = isFloat ? data : new Int32Array(data);
    const dtype = isFloat ? numpy.float32 : numpy.int32;
    return numpy.array(values, { dtype }).reshape([...shape]);
  }

  /** Waits until these arrays are computed. */
  async wait(arrays: readonly JaxArray[]): Promise<void> {
    if (!this.gpu) {
      await this.jax.blockUntilReady(arrays);
      return;
    }
    const done = async () => {
      await this.jax.blockUntilReady(arrays);
      await this.jax.getWebGPUDevice().queue.onSubmittedWorkDone();
    };
    await this.gpu.wait(done());
  }

  trainer(setup: StepSetup): Trainer {
    const { jax } = this;
    const { tree } = jax;
    jax.defaultDevice(this.backend);
    const { batch, sizes: s } = setup;
    const rows = s.batch * s.queries;
    const entries = withWeightsInOut(setup).map(
      ([name, { data, shape }]) => [name, this.array(data, shape)] as const,
    );
    let parameters: Tree = Object.fromEntries(entries);
    const zeros = () => tree.map((p) => jax.numpy.zerosLike(p), tree.ref(parameters));
    let [m, v] = [zeros(), zeros()];
    let count = jax.numpy.array(0, { dtype: jax.numpy.float32 });
    const inputs: Tree = {
      ids: this.array(batch.ids, [rows]),
      pastIds: this.array(batch.pastIds, [s.batch * s.past]),
      video: this.array(batch.video, [s.batch * s.video, s.width]),
      nextIds: this.array(batch.nextIds, [rows]),
      nextTimes: this.array(batch.nextTimes, [rows]),
    };
    const update = jax.jit((p: Tree, m: Tree, v: Tree, count: JaxArray, inputs: Tree) => {
      const loss = (p: Tree, inputs: Tree) => this.#loss(setup, p, inputs);
      const [value, gradients] = jax.valueAndGrad(loss)(tree.ref(p), inputs);
      return [value, ...this.#adamw(p, m, v, count, gradients)] as const;
    });
    let loss: JaxArray | undefined;
    return {
      step: () =>
        timed(async () => {
          loss?.dispose();
          [loss, parameters, m, v, count] = update(parameters, m, v, count, tree.ref(inputs));
          await this.wait([loss!, parameters['head_dt.weight']!]);
        }),
      loss: async () => (await loss!.ref.data())[0]!,
      dispose() {
        loss?.dispose();
        for (const state of [parameters, m, v, count, inputs]) tree.dispose(state);
        update.dispose?.();
      },
    };
  }

  #loss({ sizes: s }: StepSetup, p: Tree, inputs: Tree): JaxArray {
    const { numpy: np, nn } = this.jax;
    const linear = (x: JaxArray, name: string) => {
      const bias = p[`${name}.bias`];
      const y = np.matmul(x, p[`${name}.weight`]!);
      return bias ? y.add(bias) : y;
    };
    const layerNorm = (x: JaxArray, name: string) => {
      const centered = x.ref.sub(np.mean(x, -1, { keepdims: true }));
      const variance = np.mean(np.square(centered.ref), -1, { keepdims: true });
      return centered
        .mul(np.reciprocal(np.sqrt(variance.add(LAYER_NORM_EPS))))
        .mul(p[`${name}.weight`]!)
        .add(p[`${name}.bias`]!);
    };
    const embed = (ids: JaxArray, table: JaxArray, positions: string) => {
      const length = p[positions]!.shape[0]!;
      return np
        .matmul(nn.oneHot(ids, s.tokens), table)
        .reshape([s.batch, length, s.width])
        .add(p[positions]!)
        .reshape([s.batch * length, s.width]);
    };
    const heads = (x: JaxArray) => x.reshape([s.batch, -1, s.heads, s.width / s.heads]);
    const crossEntropy = (logits: JaxArray, targets: JaxArray, factor: number) => {
      const [n, classes] = logits.shape as [number, number];
      const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, classes));
      return chosen.sum().mul(-factor / n);
    };

    const table = p['tok_emb.weight']!;
    const past = embed(inputs.pastIds!, table.ref, 'pos_emb_prev');
    let x = embed(inputs.ids!, table, 'pos_emb');
    for (const { kind, prefix } of stepBlocks(s)) {
      const source = { history: past, stimulus: inputs.video!, state: x }[kind];
      const attended = nn.dotProductAttention(
        heads(linear(layerNorm(x.ref, `${prefix}.ln1`), `${prefix}.attn.query`)),
        heads(linear(source.ref, `${prefix}.attn.key`)),
        heads(linear(source.ref, `${prefix}.attn.value`)),
        { isCausal: kind === 'state' },
      );
      x = x.add(linear(attended.reshape([-1, s.width]), `${prefix}.attn.proj`));
      const inner = nn.gelu(linear(layerNorm(x.ref, `${prefix}.ln2`), `${prefix}.mlp.0`), {
        approximate: false,
      });
      x = layerNorm(x.add(linear(inner, `${prefix}.mlp.2`)), `${prefix}.ln_f`);
    }
    past.dispose();
    inputs.video!.dispose();
    const { token, time } = LOSS_FACTORS;
    return crossEntropy(linear(x.ref, 'head_id'), inputs.nextIds!, token).add(
      crossEntropy(linear(x, 'head_dt'), inputs.nextTimes!, time),
    );
  }

  #adamw(p: Tree, m: Tree, v: Tree, count: JaxArray, gradients: Tree) {
    const { numpy: np, tree } = this.jax;
    const { betas, eps, decay, maxNorm } = STEP_OPTIMIZER;
    const squares = Object.values(gradients).map((g) => np.square(g.ref).sum());
    const norm = np.sqrt(squares.reduce((p, q) => p.add(q)));
    const clip = np.minimum(np.reciprocal(norm.add(CLIP_EPS)).mul(maxNorm), 1);
    const clipped = tree.map((g) => g.mul(clip.ref), gradients);
    clip.dispose();
    const next = count.add(1);
    const correct = betas.map((beta) =>
      np.reciprocal(np.subtract(1, np.power(beta, next.ref))),
    ) as [JaxArray, JaxArray];
    const m2 = tree.map((m, g) => m.mul(betas[0]).add(g.mul(1 - betas[0])), m, tree.ref(clipped));
    const v2 = tree.map((v, g) => v.mul(betas[1]).add(np.square(g).mul(1 - betas[1])), v, clipped);
    const updated = Object.keys(p).map((name) => {
      const root = np.sqrt(v2[name]!.ref.mul(correct[1].ref)).add(eps);
      const change = m2[name]!.ref.mul(correct[0].ref).mul(STEP_RATE).div(root);
      const decayed = decays(name) ? p[name]!.mul(1 - STEP_RATE * decay) : p[name]!;
      return [name, decayed.sub(change)] as const;
    });
    for (const array of correct) array.dispose();
    return [Object.fromEntries(updated), m2, v2, next] as const;
  }

  multiplier(product: Product) {
    const { jax } = this;
    const { numpy: np } = jax;
    jax.defaultDevice(this.backend);
    const { form } = product;
    const multiply = jax.jit((a: JaxArray, b: JaxArray) =>
      np.matmul(form === 'tn' ? np.transpose(a) : a, form === 'nt' ? np.transpose(b) : b),
    );
    const shapes = operandShapes(product);
    const [a, b] = [this.array(product.a, shapes[0]), this.array(product.b, shapes[1])];
    // The library never computes a result that is disposed before it is read, so all results are
    // kept.
    let results: JaxArray[] = [];
    const disposeResults = () => {
      for (const array of results) array.dispose();
      results = [];
    };
    return {
      run: async (repeats: number) => {
        disposeResults();
        const milliseconds = await timed(async () => {
          for (let n = 0; n < repeats; n++) results.push(multiply(a.ref, b.ref));
          await this.wait(results);
        });
        return milliseconds / repeats;
      },
      result: () => results.at(-1)!.ref.data(),
      dispose() {
        disposeResults();
        a.dispose();
        b.dispose();
        multiply.dispose?.();
      },
    };
  }
}
