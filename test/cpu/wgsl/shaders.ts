/** Shaders from a few statements or declarations, and whether each device accepts them. */

import { afterAll, beforeAll } from 'vitest';
import { check } from '../../../src/cpu/wgsl/check/check.js';
import { parse } from '../../../src/cpu/wgsl/parse/parse.js';
import type { Program } from '../../../src/cpu/wgsl/program.js';
import { WgslError } from '../../../src/cpu/wgsl/source.js';
import { requestCpuDevice } from '../../../src/engine.js';
import { selectAdapter } from '../../../src/node.js';

/** A shader whose entry point has the given statements, which may write to `out`. */
export function inMain(statements: string): string {
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1) fn main() { ${statements} }`;
}

/** A shader with the given declarations and an empty entry point. */
export function moduleWith(declarations: string): string {
  return `${declarations}
@compute @workgroup_size(1) fn main() { }`;
}

/** The wrong and the right version of a program with marks «wrong⇒right». */
export function versions(code: string): { wrong: string; right: string } {
  const mark = /«([^⇒»]*)⇒([^»]*)»/g;
  return { wrong: code.replace(mark, '$1'), right: code.replace(mark, '$2') };
}

/**
 * Parses and checks a shader.
 *
 * @throws WgslError where the shader is invalid.
 */
export function checkShader(code: string): Program {
  return check(parse(code), code);
}

/** The front end's error for a shader, with line and column; `undefined` if it is valid. */
export function checkError(code: string): string | undefined {
  try {
    checkShader(code);
    return undefined;
  } catch (error) {
    if (error instanceof WgslError) return error.message;
    throw error;
  }
}

/**
 * A device's error for a shader or the pipeline of its entry point; `undefined` if both are valid.
 */
export async function deviceError(device: GPUDevice, code: string): Promise<string | undefined> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module } });
  return (await device.popErrorScope())?.message;
}

/** A device's error for a shader, without creating a pipeline; `undefined` if it is valid. */
export async function moduleError(device: GPUDevice, code: string): Promise<string | undefined> {
  device.pushErrorScope('validation');
  device.createShaderModule({ code });
  return (await device.popErrorScope())?.message;
}

/** The number of words of the buffers that `compute` binds. */
const WORDS = 64;
const [MAP_READ, COPY_SRC, COPY_DST, UNIFORM, STORAGE] = [0x01, 0x04, 0x08, 0x40, 0x80];

/**
 * Runs one workgroup of a shader and returns `out`, at binding 0 of group 0. If the shader has a
 * binding 1, its buffer holds the floats 1, 2, 3, ...
 *
 * @throws Error where the device rejects the shader.
 */
export async function compute(device: GPUDevice, code: string): Promise<Float32Array> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const buffer = (usage: number) => device.createBuffer({ size: 4 * WORDS, usage });
  const out = buffer(STORAGE | COPY_SRC);
  const input = buffer(UNIFORM | STORAGE | COPY_DST);
  const copy = buffer(MAP_READ | COPY_DST);
  const floats = Float32Array.from({ length: WORDS }, (_, n) => n + 1);
  device.queue.writeBuffer(input, 0, floats);
  const entries = [{ binding: 0, resource: { buffer: out } }];
  if (code.includes('@binding(1)')) entries.push({ binding: 1, resource: { buffer: input } });
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(out, 0, copy, 0, 4 * WORDS);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  await copy.mapAsync(1);
  const result = new Float32Array(copy.getMappedRange().slice(0));
  for (const used of [out, input, copy]) used.destroy();
  return result;
}

/** Our device, and Dawn's on SwiftShader: two independent implementations of WGSL. */
export interface Devices {
  readonly cpu: GPUDevice;
  readonly dawn: GPUDevice;
}

/** Both devices with default limits, created before the tests of a file and destroyed after. */
export function useDevices(): () => Devices {
  let devices: Devices | undefined;
  beforeAll(async () => {
    const { adapter } = await selectAdapter('swiftshader');
    const requiredFeatures: GPUFeatureName[] = ['subgroups'];
    const cpu = await requestCpuDevice({ threads: 1, requiredLimits: {} });
    devices = { cpu, dawn: await adapter.requestDevice({ requiredFeatures }) };
  });
  afterAll(() => {
    devices?.cpu.destroy();
    devices?.dawn.destroy();
  });
  return () => devices!;
}
