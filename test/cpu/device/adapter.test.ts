import { describe, expect, it } from 'vitest';
import { FEATURES, LIMITS } from '../../../src/cpu/device/limits.js';
import { MAX_THREADS } from '../../../src/cpu/index.js';
import { availableThreads } from '../../../src/cpu/threads/host.js';
import { cpuGpu, requestCpuDevice } from '../../../src/engine.js';
import { selectAdapter } from '../../../src/node.js';
import * as c from './calls.js';
import { exceptionName } from './verdict.js';

type Descriptor = GPUDeviceDescriptor & { requiredLimits?: Record<string, number | undefined> };

/** Creates both adapters, since an adapter gives only one device. */
async function createAdapters(): Promise<{ cpu: GPUAdapter; dawn: GPUAdapter }> {
  const cpu = await cpuGpu({ threads: 1 }).requestAdapter();
  return { cpu: cpu!, dawn: (await selectAdapter('swiftshader')).adapter };
}

describe('requestDevice', () => {
  const testRequest = (name: string, expected: string | undefined, descriptor: object) =>
    it(`${name} ${expected ? `gives ${expected}` : 'is granted'}`, async () => {
      const { cpu, dawn } = await createAdapters();
      const outcomes: (string | undefined)[] = [];
      for (const adapter of [cpu, dawn]) {
        let device: GPUDevice | undefined;
        const outcome = await exceptionName(async () => {
          device = await adapter.requestDevice(descriptor as Descriptor);
        });
        device?.destroy();
        outcomes.push(outcome);
      }
      expect(outcomes).toEqual([expected, expected]);
    });
  const limits = (requiredLimits: object) => ({ requiredLimits });

  testRequest('an empty descriptor', undefined, {});
  testRequest('a feature of the adapter', undefined, { requiredFeatures: ['timestamp-query'] });
  testRequest('an unknown feature', 'TypeError', { requiredFeatures: ['luck'] });
  testRequest(
    'a limit within the adapter’s',
    undefined,
    limits({ maxComputeInvocationsPerWorkgroup: 256 }),
  );
  testRequest(
    'a limit beyond the adapter’s',
    'OperationError',
    limits({ maxComputeInvocationsPerWorkgroup: 2 ** 20 }),
  );
  testRequest('an undefined limit', undefined, limits({ maxBindGroups: undefined }));
  testRequest('an unknown limit', 'OperationError', limits({ maxLuck: 7 }));
  testRequest(
    'an alignment that is not a power of 2',
    'OperationError',
    limits({ minStorageBufferOffsetAlignment: 96 }),
  );
  testRequest(
    'an alignment below the adapter’s',
    'OperationError',
    limits({ minStorageBufferOffsetAlignment: 8 }),
  );
  testRequest('a negative limit', 'TypeError', limits({ maxBindGroups: -1 }));
  testRequest('a limit of NaN', 'TypeError', limits({ maxBindGroups: Number.NaN }));

  it('gives one device, and an OperationError for a second', async () => {
    const outcomes: (string | undefined)[] = [];
    for (const adapter of Object.values(await createAdapters())) {
      const device = await adapter.requestDevice();
      outcomes.push(await exceptionName(() => adapter.requestDevice()));
      device.destroy();
    }
    expect(outcomes).toEqual(['OperationError', 'OperationError']);
  });

  it('gives a device after a rejected request', async () => {
    const { cpu } = await createAdapters();
    const rejection = await exceptionName(() =>
      cpu.requestDevice(limits({ maxLuck: 1 }) as Descriptor),
    );
    const device = await cpu.requestDevice();
    expect([rejection, device.limits.maxBindGroups]).toEqual(['OperationError', 4]);
    device.destroy();
  });

  it('grants the requested features and limits, and defaults otherwise', async () => {
    const { cpu } = await createAdapters();
    const device = await cpu.requestDevice({ requiredLimits: { maxBufferSize: 2 ** 30 } });
    expect([...device.features]).toEqual([]);
    expect(device.limits.maxBufferSize).toBe(2 ** 30);
    expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    device.destroy();
  });

  it('labels the device and its queue', async () => {
    const { cpu } = await createAdapters();
    const device = await cpu.requestDevice({ label: 'd', defaultQueue: { label: 'q' } });
    expect([device.label, device.queue.label]).toEqual(['d', 'q']);
    device.label = 'e';
    expect(device.label).toBe('e');
    device.destroy();
  });
});

describe('an adapter', () => {
  it('describes itself, and its device gives the same description', async () => {
    const adapter = await cpuGpu({ threads: 3 }).requestAdapter();
    expect(adapter!.info).toMatchObject({
      vendor: 'cpu',
      architecture: 'wasm-simd',
      device: '3 threads',
      description: 'CPU (WebAssembly)',
      isFallbackAdapter: true,
    });
    expect([...adapter!.features]).toEqual(FEATURES);
    expect(adapter!.limits).toEqual(LIMITS);
    const device = await adapter!.requestDevice();
    expect(device.adapterInfo).toEqual(adapter!.info);
    device.destroy();
  });

  it('has as many threads as can run at once by default, or as many as requested', async () => {
    const threads = async (count?: number) =>
      (await cpuGpu({ threads: count }).requestAdapter())!.info.device;
    const all = Math.min(MAX_THREADS, availableThreads());
    expect([await threads(), await threads(1), await threads(64)]).toEqual([
      `${all} thread${all === 1 ? '' : 's'}`,
      '1 thread',
      '64 threads',
    ]);
  });

  it('has one thread where memory cannot be shared', async () => {
    const adapter = await cpuGpu({ threads: 4, hooks: { isShared: false } }).requestAdapter();
    expect(adapter!.info.device).toBe('1 thread');
  });

  it.each([0, -1, 65, 1.5, Number.NaN])('rejects %s threads', async (threads) => {
    await expect(cpuGpu({ threads }).requestAdapter()).rejects.toThrow(
      new RangeError(`threads is ${threads}; it can be 1 to 64.`),
    );
  });

  it('names the WGSL language features that it supports', () => {
    const { wgslLanguageFeatures } = cpuGpu();
    expect([...wgslLanguageFeatures].sort()).toEqual([
      'immediate_address_space',
      'pointer_composite_access',
      'uniform_buffer_standard_layout',
      'unrestricted_pointer_parameters',
    ]);
  });
});

describe('requestCpuDevice', () => {
  it('grants all features and limits of the adapter', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    expect([...device.features]).toEqual(FEATURES);
    expect(device.limits).toEqual(LIMITS);
    device.destroy();
  });

  it('gives the WebAssembly text of every kernel to `show`', async () => {
    const texts: (() => string)[] = [];
    const device = await requestCpuDevice({ threads: 1, show: (text) => texts.push(text) });
    c.pipeline(device, '@compute @workgroup_size(1) fn main() {}');
    expect(texts).toHaveLength(1);
    expect(texts[0]!()).toMatch(/^;; main\n\(/);
    device.destroy();
  });
});
