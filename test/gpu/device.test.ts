import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import {
  createEngine as createPageEngine,
  DeviceLostError,
  Tensor,
  UnsupportedError,
} from '../../src/engine.js';
import { checkLimits } from '../../src/gpu/device.js';
import { tuningFor, VENDOR_TUNINGS } from '../../src/gpu/tuning.js';
import { createEngine, selectAdapter } from '../../src/node.js';
import { addInto } from '../../src/tensor/primitives.js';
import { useEngine } from '../helpers/engine.js';
import { fill } from '../helpers/fill.js';
import { THOROUGH } from '../helpers/thorough.js';
import { TinyModel } from '../helpers/tiny-model.js';

const STEPS = 3;
const ownEngine = useEngine();

/** A device requested as an application might, without features or limits, and its `GPU`. */
async function borrow(): Promise<{ gpu: GPU; device: GPUDevice }> {
  const { gpu } = await selectAdapter();
  const adapter = await gpu.requestAdapter();
  return { gpu, device: await adapter!.requestDevice() };
}

/** Copies two numbers from buffer to buffer with the device alone, without an engine. */
async function copyThrough(device: GPUDevice): Promise<number[]> {
  const [from, to] = [0x04 | 0x08, 0x01 | 0x08].map((usage) =>
    device.createBuffer({ size: 8, usage }),
  );
  device.queue.writeBuffer(from!, 0, new Float32Array([1.5, 2.5]));
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from!, 0, to!, 0, 8);
  device.queue.submit([encoder.finish()]);
  await to!.mapAsync(1);
  return [...new Float32Array(to!.getMappedRange())];
}

describe('a borrowed device', () => {
  it('with default limits and no features trains to the same bytes as a device of our own', async () => {
    const { gpu, device } = await borrow();
    expect([...device.features]).not.toContain('timestamp-query');
    expect([...device.features]).not.toContain('subgroups');
    const engine = await createEngine({ gpu, device });
    expect(engine.facts).toMatchObject({ timestamps: false, reason: 'the caller passed it in' });
    const trained = await new TinyModel(engine).train(STEPS, true);
    expect(trained).toEqual(await new TinyModel(ownEngine()).train(STEPS, true));
    engine.dispose();
    device.destroy();
  });

  it('works without its GPU object, with parameters passed through the uniform ring', async () => {
    const { device } = await borrow();
    const engine = await createEngine({ device });
    expect(engine.facts.immediates).toBe(false);
    const trained = await new TinyModel(engine).train(STEPS, false);
    expect(trained).toEqual(await new TinyModel(ownEngine()).train(STEPS, false));
    engine.dispose();
    device.destroy();
  });

  it('stays usable after the engine is disposed, which destroys all its buffers', async () => {
    const { gpu, device } = await borrow();
    const created: GPUBuffer[] = [];
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      created.push(createBuffer(descriptor));
      return created.at(-1)!;
    };
    const engine = await createEngine({ gpu, device });
    await new TinyModel(engine).train(2, true);
    expect(await usableBuffers(device, created)).not.toEqual([]);
    engine.dispose();
    device.createBuffer = createBuffer;
    expect(created.length).toBeGreaterThan(20);
    expect(await usableBuffers(device, created)).toEqual([]);
    expect(await copyThrough(device)).toEqual([1.5, 2.5]);
    const next = await createEngine({ gpu, device });
    expect((await new TinyModel(next).train(1, false)).losses).toHaveLength(1);
    next.dispose();
    device.destroy();
  });

  it('serves two engines at once', async () => {
    const { gpu, device } = await borrow();
    const engines = await Promise.all([1, 2].map(() => createEngine({ gpu, device })));
    const runs = await Promise.all(engines.map((engine) => new TinyModel(engine).train(2, false)));
    expect(runs[0]).toEqual(runs[1]);
    for (const engine of engines) engine.dispose();
    device.destroy();
  });

  it('without timestamp queries rejects a profile, saying what it lacks', async () => {
    const { gpu, device } = await borrow();
    const lines: string[] = [];
    const engine = await createEngine({ gpu, device, debug: 2, log: (line) => lines.push(line) });
    const profile = engine.profile(() => {});
    await expect(profile).rejects.toThrow(UnsupportedError);
    await expect(profile).rejects.toThrow('This device does not offer timestamp-query');
    engine.dispose();
    expect(lines).toHaveLength(1);
    device.destroy();
  });

  it('with a small binding limit says how to raise it', async () => {
    const { gpu, device } = await borrow();
    const engine = await createEngine({ gpu, device });
    const most = device.limits.maxStorageBufferBindingSize;
    expect(() => engine.allocate(most + 4)).toThrow(
      /^A buffer of \d+ bytes .+ \(\d+ bytes\): .+, or raise maxStorageBufferBindingSize and maxBufferSize when requesting the device\.$/,
    );
    engine.dispose();
    device.destroy();
  });

  // Slow: SwiftShader has to compile all kernels of a training step.
  it.runIf(THOROUGH)(
    'of the compatibility level, with its smaller limits, trains to the same loss',
    async () => {
      const { gpu } = await selectAdapter('swiftshader');
      const adapter = await gpu.requestAdapter({ featureLevel: 'compatibility' });
      const device = await adapter!.requestDevice();
      expect(device.limits.maxComputeInvocationsPerWorkgroup).toBeLessThan(256);
      const engine = await createEngine({ gpu, device });
      const { losses } = await new TinyModel(engine).train(1, false);
      const [expected] = (await new TinyModel(ownEngine()).train(1, false)).losses;
      expect(Math.abs(losses[0]! - expected!) / expected!).toBeLessThan(1e-5);
      engine.dispose();
      device.destroy();
    },
  );
});

/** The buffers that a command still accepts, which excludes destroyed ones. */
async function usableBuffers(
  device: GPUDevice,
  buffers: readonly GPUBuffer[],
): Promise<GPUBuffer[]> {
  const usable: GPUBuffer[] = [];
  for (const buffer of buffers) {
    device.pushErrorScope('validation');
    if (buffer.usage & 0x08) device.queue.writeBuffer(buffer, 0, new Uint8Array(4));
    if (!(await device.popErrorScope())) usable.push(buffer);
  }
  return usable;
}

describe('limits', () => {
  const GENEROUS = {
    maxStorageBuffersPerShaderStage: 8,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeWorkgroupStorageSize: 32768,
  } as GPUSupportedLimits;

  it('bound all workgroups and tiles of the tuning', () => {
    for (const vendor of [...Object.keys(VENDOR_TUNINGS), 'another']) {
      for (const maxInvocations of [64, 128, 256, 1024]) {
        const limits = { ...GENEROUS, maxComputeInvocationsPerWorkgroup: maxInvocations };
        const tuning = tuningFor(vendor, limits);
        const { rowGroup, attentionGroup, reduceGroup, sampleGroup, matmulTiles } = tuning;
        for (const group of [rowGroup, attentionGroup, reduceGroup, sampleGroup])
          expect(group).toBeLessThanOrEqual(maxInvocations);
        for (const { m, n, rows } of matmulTiles)
          expect((m / rows) * (n / 4)).toBeLessThanOrEqual(maxInvocations);
        expect(matmulTiles.length).toBeGreaterThan(0);
        expect(rowGroup % tuning.rowLanes).toBe(0);
        expect(rowGroup % tuning.columnSlices).toBe(0);
      }
    }
  });

  it('exclude the matmul tiles that do not fit into workgroup memory', () => {
    const limits = { ...GENEROUS, maxComputeWorkgroupStorageSize: 4096 };
    expect(tuningFor('nvidia', limits).matmulTiles.map(({ m }) => m)).toEqual([32]);
    expect(tuningFor('nvidia', GENEROUS).matmulTiles.map(({ m }) => m)).toEqual([32, 64]);
  });

  it('too small for the kernels are rejected, naming the limit and what to request', () => {
    expect(() => checkLimits(GENEROUS)).not.toThrow();
    const check = () => checkLimits({ ...GENEROUS, maxStorageBuffersPerShaderStage: 4 });
    expect(check).toThrow(UnsupportedError);
    expect(check).toThrow(
      'The device allows 4 storage buffers per shader stage and the kernels bind 8: ' +
        'request it with requiredLimits: { maxStorageBuffersPerShaderStage: 8 }.',
    );
  });
});

describe('a device lost during work', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);

  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    process.off('unhandledRejection', note);
  });

  it('rejects pending and later work with one clear error, and leaves no rejection unhandled', async () => {
    const { gpu, device } = await borrow();
    const engine = await createEngine({ gpu, device });
    const model = new TinyModel(engine);
    const step = engine.record(() => model.step());
    model.prepare(1);
    const pending = [
      step.runAndFetch([step.value]).read(),
      model.store.memory.values.floats(),
      engine.finish(),
      engine.lost,
    ];
    device.destroy();
    const errors = (await Promise.allSettled(pending)).map((settled) =>
      settled.status === 'rejected' ? settled.reason : undefined,
    );
    expect(errors[0]).toBeInstanceOf(DeviceLostError);
    expect(String(errors[0])).toMatch(
      /^DeviceLostError: The GPU device was lost \(.+\): results since the last read are gone\. Create a new engine/,
    );
    for (const error of errors) expect(error).toBe(errors[0]);
    expect(() => step.run()).toThrow(errors[0]);
    expect(() => model.prepare(2)).toThrow(errors[0]);
    await expect(step.value.floats()).rejects.toBe(errors[0]);
    step.dispose();
    engine.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  it('leaves no rejection unhandled when nothing awaits the work', async () => {
    const { gpu, device } = await borrow();
    const engine = await createEngine({ gpu, device });
    const x = Tensor.zeros(engine, [10]);
    fill(x, 1);
    engine.flush();
    device.destroy();
    await device.lost;
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => fill(x, 2)).toThrow(DeviceLostError);
    expect(unhandled).toEqual([]);
    engine.dispose();
  });

  it('affects only its own engine: another one on a new device still computes', async () => {
    const lost = await borrow();
    const lostEngine = await createEngine(lost);
    lost.device.destroy();
    await expect(lostEngine.lost).rejects.toThrow(DeviceLostError);
    const engine = await createEngine();
    const [x, y] = [Tensor.from(engine, [1, 2], [2]), Tensor.from(engine, [3, 4], [2])];
    addInto(engine, x, y);
    expect([...(await y.floats())]).toEqual([4, 6]);
    engine.dispose();
    lostEngine.dispose();
  });
});

describe('choosing an adapter', () => {
  const NAMES = [
    'NEUROFORMER_ADAPTER',
    'NEUROFORMER_THREADS',
    'VK_DRIVER_FILES',
    'VK_ICD_FILENAMES',
  ] as const;
  const before = NAMES.map((name) => process.env[name]);

  afterEach(() => {
    for (const [n, name] of NAMES.entries()) {
      if (before[n] === undefined) delete process.env[name];
      else process.env[name] = before[n];
    }
  });

  /** Points the Vulkan loader at a driver that does not exist. */
  function hideDrivers(): void {
    for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])
      process.env[name] = '/nowhere/icd.json';
  }

  it('rejects an unknown value of NEUROFORMER_ADAPTER, listing the known ones', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cuda';
    for (const start of [selectAdapter, createEngine]) {
      const started = start();
      await expect(started).rejects.toThrow(UnsupportedError);
      await expect(started).rejects.toThrow(
        'NEUROFORMER_ADAPTER is "cuda"; it should be auto, gpu, cpu or swiftshader.',
      );
    }
  });

  it('reads the environment only where the call makes no choice', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cpu';
    expect((await selectAdapter()).reason).toBe('the CPU was asked for');
    process.env.NEUROFORMER_ADAPTER = 'cuda';
    expect((await selectAdapter('swiftshader')).reason).toBe('SwiftShader was asked for');
    process.env.NEUROFORMER_ADAPTER = '';
    expect((await selectAdapter()).adapter).toBeDefined();
  });

  it('runs on the CPU where it is requested, with the requested number of threads, and says so', async () => {
    const engine = await createEngine({ adapter: 'cpu', threads: 3 });
    expect(engine.facts).toMatchObject({
      software: true,
      vendor: 'cpu',
      description: 'CPU (WebAssembly), wasm-simd, 3 threads',
      reason: 'the CPU was asked for',
    });
    engine.dispose();
  });

  it('reads the number of threads from the environment, and rejects an invalid one', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cpu';
    process.env.NEUROFORMER_THREADS = '2';
    expect((await selectAdapter()).adapter.info.device).toBe('2 threads');
    expect((await selectAdapter('cpu', 1)).adapter.info.device).toBe('1 thread');
    for (const wrong of ['0', '65', '1.5', 'all']) {
      process.env.NEUROFORMER_THREADS = wrong;
      await expect(selectAdapter()).rejects.toThrow(
        `NEUROFORMER_THREADS is "${wrong}"; it should be a number from 1 to 64.`,
      );
    }
  });

  it('runs on SwiftShader where it is requested, and says so', async () => {
    const engine = await createEngine({ adapter: 'swiftshader' });
    expect(engine.facts).toMatchObject({
      software: true,
      vendor: 'software',
      reason: 'SwiftShader was asked for',
    });
    engine.dispose();
  });

  it.runIf(process.platform === 'linux')(
    'fails where a GPU is requested and there is none, saying what to check',
    async () => {
      hideDrivers();
      const finding = selectAdapter('gpu');
      await expect(finding).rejects.toThrow(UnsupportedError);
      await expect(finding).rejects.toThrow(
        'No GPU was found: check that its Vulkan, Metal or D3D12 driver is installed, or unset ' +
          'NEUROFORMER_ADAPTER to run on the CPU.',
      );
    },
  );

  it.runIf(process.platform === 'linux')(
    'falls back to the CPU where the choice is automatic, and says why',
    async () => {
      hideDrivers();
      const { adapter, reason } = await selectAdapter('auto');
      expect(reason).toBe('no GPU was found');
      expect(adapter.info.vendor).toBe('cpu');
    },
  );

  it.runIf(process.platform === 'linux')(
    'finds SwiftShader despite other drivers, and restores the environment variables it set',
    async () => {
      hideDrivers();
      expect((await selectAdapter('swiftshader')).adapter.info.description).toMatch(/SwiftShader/);
      expect(process.env.VK_DRIVER_FILES).toBe('/nowhere/icd.json');
    },
  );

  it('leaves no device behind where its engine cannot be made', async () => {
    const { gpu } = await selectAdapter();
    let device: GPUDevice | undefined;
    const requestAdapter = async () => {
      const adapter = (await gpu.requestAdapter())!;
      const request = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => {
        device = await request(descriptor);
        return device;
      };
      return adapter;
    };
    const watched = { requestAdapter, wgslLanguageFeatures: gpu.wgslLanguageFeatures } as GPU;
    const opening = createPageEngine({ gpu: watched, tuning: { rowGroup: 100 } });
    await expect(opening).rejects.toThrow('rowGroup');
    expect((await device!.lost).reason).toBe('destroyed');
  });

  it('says where to get WebGPU where there is none', async () => {
    const started = createPageEngine({ adapter: 'gpu' });
    await expect(started).rejects.toThrow(UnsupportedError);
    await expect(started).rejects.toThrow(
      'A GPU was asked for, but WebGPU is not available: use a browser with WebGPU, import createEngine from ' +
        '"neuroformer-webgpu/node" in Node, or pass a GPUDevice as { device }.',
    );
  });

  it.runIf(process.platform === 'linux')(
    'says what to check where WebGPU finds no adapter',
    async () => {
      hideDrivers();
      const started = createPageEngine({ gpu: create([]) });
      await expect(started).rejects.toThrow(UnsupportedError);
      await expect(started).rejects.toThrow(
        'WebGPU found no adapter: check the graphics driver and the browser flags.',
      );
    },
  );
});
