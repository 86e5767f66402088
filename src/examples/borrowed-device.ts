/**
 * One GPUDevice for two: the page draws with it, the engine trains on it, and what is drawn never
 * leaves the GPU.
 *
 * A small network learns a sine. In every frame it takes a few updates, and the page's own render
 * pipeline draws the curve straight from the buffer that the network wrote.
 */

import {
  AdamW,
  createEngine,
  differentiate,
  Linear,
  meanSquaredError,
  ParameterStore,
  Tensor,
} from 'neuroformer-webgpu/engine';

const POINTS = 256;
const UPDATES_PER_FRAME = 5;

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('This page draws with WebGPU, which this browser does not offer.');
const device = await adapter.requestDevice();
/** The device stays the page's: the engine changes nothing on it and never destroys it. */
const engine = await createEngine({ device });

const x = Float32Array.from({ length: POINTS }, (_, n) => (2 * n) / (POINTS - 1) - 1);
const y = x.map((v) => 0.7 * Math.sin(5 * v));
const input = Tensor.from(engine, x, [POINTS, 1]);
const target = Tensor.from(engine, y, [POINTS, 1]);

const store = new ParameterStore();
const hidden = new Linear(store.scope('hidden'), 1, 32);
const readout = new Linear(store.scope('readout'), 32, 1);
store.allocate(engine, 1);
const adam = new AdamW(store, { decay: 0 });
const step = engine.record(() => {
  store.zeroGradients();
  const outputs = differentiate(engine, () => {
    const curve = readout.call(hidden.call(input, { gelu: true }));
    return { loss: meanSquaredError(curve, target), curve };
  });
  adam.apply();
  return outputs;
});

/** The page's own pipeline: a line through (x, y) of two storage buffers. */
const module = device.createShaderModule({
  code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<uniform> color: vec4f;
@vertex fn point(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f {
  return vec4f(0.95 * x[n], y[n], 0, 1);
}
@fragment fn paint() -> @location(0) vec4f { return color; }`,
});
const canvas = document.body.appendChild(document.createElement('canvas'));
canvas.width = 600;
const context = canvas.getContext('webgpu')!;
const format = navigator.gpu.getPreferredCanvasFormat();
context.configure({ device, format });
const pipeline = device.createRenderPipeline({
  layout: 'auto',
  vertex: { module },
  fragment: { module, targets: [{ format }] },
  primitive: { topology: 'line-strip' },
});

/**
 * A curve's bind group. A tensor is a range of a GPUBuffer, which any pipeline of the same device
 * can bind.
 */
function curveGroup(curve: Tensor, rgb: readonly [number, number, number]): GPUBindGroup {
  const color = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(color, 0, new Float32Array([...rgb, 1]));
  const range = ({ buffer, offset, size }: Tensor) => ({ buffer, offset, size });
  return device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [range(input), range(curve), { buffer: color }].map((resource, binding) => ({
      binding,
      resource,
    })),
  });
}
const curves = [curveGroup(target, [0.7, 0.7, 0.7]), curveGroup(step.value.curve, [0.1, 0.4, 0.8])];

function draw(): void {
  // What the engine has pending goes first, so that the curve is complete when it is drawn.
  engine.flush();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [
      {
        view: context.getCurrentTexture().createView(),
        clearValue: [1, 1, 1, 1],
        loadOp: 'clear',
        storeOp: 'store',
      },
    ],
  });
  pass.setPipeline(pipeline);
  for (const curve of curves) {
    pass.setBindGroup(0, curve);
    pass.draw(POINTS);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}

let updates = 0;
async function frame(): Promise<void> {
  for (let n = 0; n < UPDATES_PER_FRAME; n++) {
    adam.prepare(0.01);
    step.run();
  }
  draw();
  updates += UPDATES_PER_FRAME;
  const [loss] = await step.value.loss.floats();
  document.title = `${updates} updates, loss ${loss!.toExponential(2)}`;
  requestAnimationFrame(frame);
}
await frame();
