import { describe, expect, it } from 'vitest';
import { FEATURES, LIMITS } from '../../../src/cpu/device/limits.js';
import { MAX_THREADS } from '../../../src/cpu/index.js';
import { availableThreads } from '../../../src/cpu/threads/host.js';
import { cpuGpu, requestCpuDevice } from '../../../src/engine.js';
import { findAdapter } from '../../../src/node.js';
import * as c from './calls.js';
import { nameOfException } from './verdict.js';

type Descriptor = GPUDeviceDescriptor & { requiredLimits?: Record<string, number | undefined> };

/** New adapters: one gives one device. */
async function newAdapters(): Promise<{ cpu: GPUAdapter; dawn: GPUAdapter }> {
  const cpu = await cpuGpu({ threads: 1 }).requestAdapter();
  return { cpu: cpu!, dawn: (await findAdapter('swiftshader')).adapter };
}

describe('requestDevice', () => {
  const request = (name: string, expected: string | undefined, descriptor: object) =>
    it(`${name} ${expected ? `gives ${expected}` : 'is granted'}`, async () => {
      const { cpu, dawn } = await newAdapters();
      const ends: (string | undefined)[] = [];
      for (const adapter of [cpu, dawn]) {
        let device: GPUDevice | undefined;
        const end = await nameOfException(async () => {
          device = await adapter.requestDevice(descriptor as Descriptor);
        });
        device?.destroy();
        ends.push(end);
      }
      expect(ends).toEqual([expected, expected]);
    });
  const limits = (requiredLimits: object) => ({ requiredLimits });

  request('nothing', undefined, {});
  request('a feature of the adapter', undefined, { requiredFeatures: ['timestamp-query'] });
  request('a feature that there is not', 'TypeError', { requiredFeatures: ['luck'] });
  request(
    'a limit within the adapter’s',
    undefined,
    limits({ maxComputeInvocationsPerWorkgroup: 256 }),
  );
  request(
    'a limit past the adapter’s',
    'OperationError',
    limits({ maxComputeInvocationsPerWorkgroup: 2 ** 20 }),
  );
  request('a limit that is not stated', undefined, limits({ maxBindGroups: undefined }));
  request('a limit that there is not', 'OperationError', limits({ maxLuck: 7 }));
  request(
    'an alignment that is no power of 2',
    'OperationError',
    limits({ minStorageBufferOffsetAlignment: 96 }),
  );
  request(
    'an alignment below the adapter’s',
    'OperationError',
    limits({ minStorageBufferOffsetAlignment: 8 }),
  );
  request('a negative limit', 'TypeError', limits({ maxBindGroups: -1 }));
  request('NaN for a limit', 'TypeError', limits({ maxBindGroups: Number.NaN }));

  it('gives one device, and an OperationError for a second', async () => {
    const ends: (string | undefined)[] = [];
    for (const adapter of Object.values(await newAdapters())) {
      const device = await adapter.requestDevice();
      ends.push(await nameOfException(() => adapter.requestDevice()));
      device.destroy();
    }
    expect(ends).toEqual(['OperationError', 'OperationError']);
  });

  it('gives a device after a request that was refused', async () => {
    const { cpu } = await newAdapters();
    const refused = await nameOfException(() =>
      cpu.requestDevice(limits({ maxLuck: 1 }) as Descriptor),
    );
    const device = await cpu.requestDevice();
    expect([refused, device.limits.maxBindGroups]).toEqual(['OperationError', 4]);
    device.destroy();
  });

  it('gives the features and limits that were asked for, and no others', async () => {
    const { cpu } = await newAdapters();
    const device = await cpu.requestDevice({ requiredLimits: { maxBufferSize: 2 ** 30 } });
    expect([...device.features]).toEqual([]);
    expect(device.limits.maxBufferSize).toBe(2 ** 30);
    expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    device.destroy();
  });

  it('takes labels for the device and its queue', async () => {
    const { cpu } = await newAdapters();
    const device = await cpu.requestDevice({ label: 'd', defaultQueue: { label: 'q' } });
    expect([device.label, device.queue.label]).toEqual(['d', 'q']);
    device.label = 'e';
    expect(device.label).toBe('e');
    device.destroy();
  });
});

describe('an adapter', () => {
  it('says what it is, and so does its device', async () => {
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

  it('has as many threads as can run at once, unless it is asked for others', async () => {
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

  it.each([0, -1, 65, 1.5, Number.NaN])('refuses %s threads', async (threads) => {
    await expect(cpuGpu({ threads }).requestAdapter()).rejects.toThrow(
      new RangeError(`threads is ${threads}; it can be 1 to 64.`),
    );
  });

  it('names the parts of WGSL beyond the first that it has', () => {
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
  it('grants all there is', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    expect([...device.features]).toEqual(FEATURES);
    expect(device.limits).toEqual(LIMITS);
    device.destroy();
  });

  it('shows every kernel in WebAssembly’s text form, once asked', async () => {
    const shown: (() => string)[] = [];
    const device = await requestCpuDevice({ threads: 1, show: (text) => shown.push(text) });
    c.pipeline(device, '@compute @workgroup_size(1) fn main() {}');
    expect(shown).toHaveLength(1);
    expect(shown[0]!()).toMatch(/^;; main\n\(/);
    device.destroy();
  });
});
