/**
 * A custom op: softplus, y = log(1 + exp(x)), its kernels and its gradient, and a rate fitted
 * through it.
 */

import {
  AdamW,
  createEngine,
  defineKernel,
  differentiate,
  Linear,
  meanSquaredError,
  newOutput,
  ParameterStore,
  pushNode,
  Tensor,
} from 'neuroformer-webgpu/engine';

const WORKGROUP_SIZE = 64;

/**
 * y = max(x, 0) + log(1 + exp(-|x|)), which never overflows. One invocation per element. A grid has
 * at most 65,535 workgroups in x: more of them go on in y.
 */
const FORWARD = defineKernel({
  name: 'softplus',
  source: /* wgsl */ `
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP_SIZE};
  if (i >= params.n) { return; }
  let v = x[i];
  y[i] = max(v, 0.0) + log(1.0 + exp(-abs(v)));
}`,
  buffers: { x: 'read', y: 'read_write' },
  params: { n: 'u32' },
});

/** dx (+)= dy sigmoid(x), again by exp(-|x|). */
const BACKWARD = defineKernel({
  name: 'softplus gradient',
  source: /* wgsl */ `
struct Params { n: u32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP_SIZE};
  if (i >= params.n) { return; }
  let e = exp(-abs(x[i]));
  let term = dy[i] * select(e, 1.0, x[i] >= 0.0) / (1.0 + e);
  if (params.accumulate == 1u) { dx[i] += term; } else { dx[i] = term; }
}`,
  buffers: { x: 'read', dy: 'read', dx: 'read_write' },
  params: { n: 'u32', accumulate: 'u32' },
});

/** log(1 + exp(x)) of every element: a rate, which is positive, from a number of any sign. */
export function softplus(x: Tensor): Tensor {
  const { engine } = x;
  const workgroups = Math.ceil(x.length / WORKGROUP_SIZE);
  const y = newOutput(engine, x.shape, [x]);
  engine.dispatch(FORWARD, { x, y }, { n: x.length }, workgroups);
  pushNode(engine, {
    op: 'softplus',
    outputs: [y],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy || !gradients.wants(x)) return;
      // Where x is used more than once, its gradient is a sum: `accumulate` says whether there is a
      // term already.
      const { tensor: dx, accumulate } = gradients.target(x);
      const params = { n: x.length, accumulate: Number(accumulate) };
      engine.dispatch(BACKWARD, { x, dy, dx }, params, workgroups);
    },
  });
  return y;
}

/** Fits softplus(w x + b) to rates that came from w = 2, b = -1, and returns w and b. */
export async function fitRates(
  log: (line: string) => void = console.log,
): Promise<[number, number]> {
  const engine = await createEngine();
  const inputs = Float32Array.from({ length: 128 }, (_, n) => n / 32 - 2);
  const rates = inputs.map((v) => Math.log1p(Math.exp(2 * v - 1)));
  const x = Tensor.from(engine, inputs, [128, 1]);
  const target = Tensor.from(engine, rates, [128, 1]);
  const store = new ParameterStore();
  const linear = new Linear(store, 1, 1);
  store.allocate(engine, 1);
  const adam = new AdamW(store, { decay: 0 });
  const step = engine.record(() => {
    store.zeroGradients();
    const loss = differentiate(engine, () => meanSquaredError(softplus(linear.call(x)), target));
    adam.apply();
    return loss;
  });
  for (let n = 1; n <= 600; n++) {
    adam.prepare(0.03);
    step.run();
    if (n % 200 === 0) log(`update ${n}: loss ${(await step.value.floats())[0]!.toExponential(2)}`);
  }
  const [w] = await linear.weight.tensor.floats();
  const [b] = await linear.bias!.tensor.floats();
  engine.dispose();
  return [w!, b!];
}
