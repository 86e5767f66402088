/**
 * The peak rate of the CPU device's instructions: a loop of multiplications and additions in
 * registers.
 *
 * WebAssembly has no fused multiply-add that rounds the same everywhere, so that each multiply-add
 * takes two instructions of four lanes. Each chain of operations waits for its last result, so that
 * several chains are needed to keep a core's units busy. 13 chains, the factor and the term fit
 * into the 16 registers of x64; one more chain is slower by a third.
 */

import { requestCpuDevice } from '../../src/engine.js';
import { timed } from '../measure.js';

const CHAINS = 13;
const ITERATIONS = 1 << 20;
/**
 * Operations of one workgroup: a multiplication and an addition of four lanes for each chain and
 * iteration.
 */
const FLOP = 8 * CHAINS * ITERATIONS;
const GROUPS_PER_THREAD = 4;

const names = Array.from({ length: CHAINS }, (_, n) => `x${n}`);
const SHADER = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let factor = out[2 * group.x];
  let term = out[2 * group.x + 1];
  ${names.map((x, n) => `var ${x} = term + ${n}f;`).join('\n  ')}
  for (var i = 0u; i < ${ITERATIONS}u; i++) {
    ${names.map((x) => `${x} = ${x} * factor + term;`).join('\n    ')}
  }
  out[2 * group.x] = ${names.join(' + ')};
}`;

/** The loop on a separate CPU device. */
export class RegisterLoop {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #bindGroup: GPUBindGroup;
  readonly #groups: number;

  private constructor(device: GPUDevice, threads: number) {
    this.#device = device;
    this.#groups = GROUPS_PER_THREAD * threads;
    const module = device.createShaderModule({ code: SHADER });
    this.#pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    const buffer = device.createBuffer({ size: 32 * this.#groups, usage: 0x80 });
    const layout = this.#pipeline.getBindGroupLayout(0);
    this.#bindGroup = device.createBindGroup({
      layout,
      entries: [{ binding: 0, resource: { buffer } }],
    });
  }

  /** Opens a CPU device with this number of threads. */
  static async open(threads: number): Promise<RegisterLoop> {
    return new RegisterLoop(await requestCpuDevice({ threads }), threads);
  }

  /** Runs the loop once; returns GFLOP/s. */
  async run(): Promise<number> {
    const { queue } = this.#device;
    const milliseconds = await timed(async () => {
      const encoder = this.#device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(this.#pipeline);
      pass.setBindGroup(0, this.#bindGroup);
      pass.dispatchWorkgroups(this.#groups);
      pass.end();
      queue.submit([encoder.finish()]);
      await queue.onSubmittedWorkDone();
    });
    return (FLOP * this.#groups) / milliseconds / 1e6;
  }

  close(): void {
    this.#device.destroy();
  }
}
