/**
 * `npm run bench -- kernels`: each family of kernels against the float64 reference on the CPU, in
 * one run.
 */

import {
  AdamW,
  activate,
  attention,
  crossEntropy,
  differentiate,
  type Engine,
  HostRandom,
  layerNorm,
  matmulTransposed,
  ParameterStore,
  Tensor,
  zeros,
} from '../src/engine.js';
import { gelu } from '../src/reference/activations.js';
import { adamw, newAdamWState } from '../src/reference/adamw.js';
import { map, ref } from '../src/reference/array.js';
import { attentionBackward, attention as attentionReference } from '../src/reference/attention.js';
import { layerNormBackward, layerNorm as layerNormReference } from '../src/reference/layernorm.js';
import * as reference from '../src/reference/linear.js';
import {
  crossEntropyGradient,
  crossEntropy as crossEntropyReference,
} from '../src/reference/losses.js';
import { gemm } from '../src/tensor/gemm.js';
import { alignedTable } from '../src/text/table.js';
import { withGradient } from './gradient.js';
import {
  adapterPeak,
  formatNumber,
  formatTiming,
  onCpu,
  onGpu,
  race,
  shareOfPeak,
} from './measure.js';

/** One row of the table. */
export interface KernelCase {
  /** Operation and sizes. */
  name: string;
  /** Floating-point operations; 0 where they are not counted. */
  flops: number;
  /** Bytes read and written. */
  bytes: number;
  /** Allocates the inputs and returns the work. */
  gpu(engine: Engine): () => void;
  /** Allocates the inputs and returns the same work on the reference. */
  cpu(): () => void;
}

const random = new HostRandom(1);
const onHost = (shape: number[]) => {
  const values = ref(shape);
  return { shape, data: values.data.map(() => random.normal()) };
};
const onDevice = (engine: Engine, shape: number[], requiresGrad = false) => {
  const n = shape.reduce((p, sizes) => p * sizes, 1);
  return Tensor.from(
    engine,
    Float32Array.from({ length: n }, () => random.normal()),
    shape,
    { requiresGrad },
  );
};

function matmulCase(M: number, K: number, N: number): KernelCase {
  return {
    name: `matmul ${M} x ${K} x ${N}`,
    flops: 2 * M * N * K,
    bytes: 4 * (M * K + N * K + M * N),
    gpu(engine) {
      const a = onDevice(engine, [M, K]);
      const b = onDevice(engine, [N, K]);
      return () => void matmulTransposed(a, b);
    },
    cpu() {
      const [a, b] = [onHost([M, K]), onHost([N, K])];
      return () => void reference.matmulNT(a, b);
    },
  };
}

/** One of the two products of a linear layer's backward pass. */
function gradientCase(layout: 'nn' | 'tn', M: number, K: number, N: number): KernelCase {
  return {
    name: `matmul ${layout} ${M} x ${K} x ${N}`,
    flops: 2 * M * N * K,
    bytes: 4 * (M * K + N * K + M * N),
    gpu(engine) {
      const a = onDevice(engine, [M * K]);
      const b = onDevice(engine, [N * K]);
      const out = Tensor.empty(engine, [M, N]);
      return () => gemm(engine, { layout, M, N, K, a, b, out });
    },
    cpu() {
      const a = onHost(layout === 'nn' ? [M, K] : [K, M]);
      const b = onHost([K, N]);
      const product = layout === 'nn' ? reference.matmulNN : reference.matmulTN;
      return () => void product(a, b);
    },
  };
}

function crossEntropyCase(rows: number, classes: number): KernelCase {
  const targets = Uint32Array.from({ length: rows }, () => random.integer(classes));
  return {
    name: `cross-entropy with gradient ${rows} x ${classes}`,
    flops: 0,
    bytes: 4 * 3 * rows * classes,
    gpu(engine) {
      const logits = onDevice(engine, [rows, classes], true);
      const y = Tensor.from(engine, targets, [rows]);
      return () => {
        // Without a gradient to add to, so that no run needs an extra kernel for the addition.
        logits.gradient?.dispose();
        logits.gradient = undefined;
        differentiate(engine, () => crossEntropy(logits, y));
      };
    },
    cpu() {
      const logits = onHost([rows, classes]);
      return () => {
        crossEntropyReference(logits, { targets });
        crossEntropyGradient(logits, { targets });
      };
    },
  };
}

function layerNormCase(rows: number, width: number): KernelCase {
  return {
    name: `layer norm forward, backward ${rows} x ${width}`,
    flops: 0,
    bytes: 4 * 8 * rows * width,
    gpu(engine) {
      const x = onDevice(engine, [rows, width], true);
      const gamma = onDevice(engine, [width], true);
      const beta = onDevice(engine, [width], true);
      const dy = onDevice(engine, [rows, width]);
      return () => withGradient(engine, dy, () => layerNorm(x, gamma, beta));
    },
    cpu() {
      const [x, dy] = [onHost([rows, width]), onHost([rows, width])];
      const [gamma, beta] = [onHost([width]), onHost([width])];
      return () => {
        layerNormReference(x, gamma, beta);
        layerNormBackward(x, gamma, dy);
      };
    },
  };
}

function geluCase(n: number): KernelCase {
  return {
    name: `GELU ${n}`,
    flops: 0,
    bytes: 8 * n,
    gpu(engine) {
      const x = onDevice(engine, [n]);
      return () => void activate(x, 'gelu');
    },
    cpu() {
      const x = onHost([n]);
      return () => void map(x, gelu);
    },
  };
}

function adamwCase(n: number): KernelCase {
  return {
    name: `AdamW with norm and clip ${n}`,
    flops: 0,
    bytes: 4 * 8 * n,
    gpu(engine) {
      const store = new ParameterStore();
      const p = store.parameter('p', [n], { init: zeros, decay: true });
      store.allocate(engine, 1);
      p.tensor.hasGradient = true;
      store.memory.gradients.write(
        Float32Array.from({ length: store.length }, () => random.normal()),
      );
      const optimizer = new AdamW(store);
      optimizer.prepare(1e-3);
      return () => optimizer.apply();
    },
    cpu() {
      const [values, gradients] = [new Map([['p', onHost([n])]]), new Map([['p', onHost([n])]])];
      const state = newAdamWState();
      const settings = { betas: [0.9, 0.95], eps: 1e-8, decay: 0.1, maxNorm: 1 } as const;
      return () => void adamw(values, gradients, () => true, state, 1e-3, settings);
    },
  };
}

interface AttentionSizes {
  B: number;
  T: number;
  S: number;
  H: number;
  D: number;
}

function attentionCase(sizes: AttentionSizes): KernelCase {
  const { B, T, S, H, D } = sizes;
  const width = H * D;
  return {
    name: `attention forward, backward ${B} x ${T} x ${S}, ${H} heads of ${D}`,
    flops: 18 * B * T * S * width,
    bytes: 4 * width * B * (5 * T + 6 * S),
    gpu(engine) {
      const q = onDevice(engine, [B, T, width], true);
      const k = onDevice(engine, [B, S, width], true);
      const v = onDevice(engine, [B, S, width], true);
      const dy = onDevice(engine, [B, T, width]);
      return () => withGradient(engine, dy, () => attention(q, k, v, { heads: H }));
    },
    cpu() {
      const [query, dout] = [onHost([B, T, width]), onHost([B, T, width])];
      const [key, value] = [onHost([B, S, width]), onHost([B, S, width])];
      return () => {
        attentionReference({ query, key, value }, { heads: H });
        attentionBackward({ query, key, value }, { heads: H }, dout);
      };
    },
  };
}

/** The kernels of one training step at its sizes, and the two matmuls of the acceptance figures. */
export const KERNEL_CASES: readonly KernelCase[] = [
  matmulCase(512, 512, 512),
  matmulCase(2400, 256, 1024),
  gradientCase('nn', 2400, 1024, 256),
  gradientCase('tn', 1024, 2400, 256),
  attentionCase({ B: 4, T: 100, S: 446, H: 8, D: 16 }),
  attentionCase({ B: 4, T: 26, S: 88, H: 4, D: 8 }),
  crossEntropyCase(2400, 512),
  crossEntropyCase(400, 8),
  layerNormCase(400, 128),
  geluCase(400 * 512),
  adamwCase(1_250_000),
];

const ROUNDS = 5;
/**
 * Short work is repeated within one submit until it takes about this long, so that the submit's
 * cost is negligible.
 */
const SUBMIT_MILLISECONDS = 20;
const MAX_REPEATS = 200;

/** How often to repeat work within one submit, from the time of its second run. */
export async function chooseRepeats(engine: Engine, work: () => void): Promise<number> {
  const single = onGpu(engine, work, 1);
  await single();
  const milliseconds = await single();
  return Math.min(MAX_REPEATS, Math.max(1, Math.round(SUBMIT_MILLISECONDS / milliseconds)));
}

/** Runs the cases and prints the table. */
export async function benchKernels(engine: Engine): Promise<void> {
  const peak = adapterPeak(engine);
  const rows = [
    [
      'kernel',
      'ms (range)',
      'GFLOP/s',
      'GB/s',
      'reference ms',
      'times faster',
      ...(peak ? ['of peak'] : []),
    ],
  ];
  for (const kernel of KERNEL_CASES) {
    const work = kernel.gpu(engine);
    const repeats = await chooseRepeats(engine, work);
    const [gpu, cpu] = await race([onGpu(engine, work, repeats), onCpu(kernel.cpu())], ROUNDS);
    const gflops = kernel.flops / gpu!.median / 1e6;
    const gbytes = kernel.bytes / gpu!.median / 1e6;
    rows.push([
      kernel.name,
      formatTiming(gpu!),
      kernel.flops > 0 ? formatNumber(gflops) : '',
      formatNumber(gbytes),
      formatTiming(cpu!),
      formatNumber(cpu!.median / gpu!.median),
      ...(peak ? [shareOfPeak(peak, gflops, gbytes)] : []),
    ]);
    console.error(
      `${kernel.name}: ${formatNumber(gpu!.median)} ms, reference ${formatNumber(cpu!.median)} ms`,
    );
  }
  console.log(alignedTable(rows));
}
