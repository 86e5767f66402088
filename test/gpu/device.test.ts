import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import {
  createEngine as createPageEngine,
  DeviceLostError,
  Tensor,
  UnsupportedError,
} from '../../src/engine.js';
import { checkLimits } from '../../src/gpu/device.js';
import { tuningFor } from '../../src/gpu/tuning.js';
import { createEngine, findAdapter } from '../../src/node.js';
import { addInto } from '../../src/tensor/primitives.js';
import { useEngine } from '../helpers/engine.js';
import { fill } from '../helpers/fill.js';
import { THOROUGH } from '../helpers/thorough.js';
import { TinyModel } from '../helpers/tiny-model.js';

const STEPS = 3;
const own = useEngine();

/** A device as an application might hold it, with nothing asked for, and the `GPU` it is from. */
async function borrow(): Promise<{ gpu: GPU; device: GPUDevice }> {
  const { gpu } = await findAdapter();
  const adapter = await gpu.requestAdapter();
  return { gpu, device: await adapter!.requestDevice() };
}

/** Doubles numbers with the device alone, no engine involved. */
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
  it('with default limits and no features trains to the same bytes as one of our own', async () => {
    const { gpu, device } = await borrow();
    expect([...device.features]).not.toContain('timestamp-query');
    expect([...device.features]).not.toContain('subgroups');
    const engine = await createEngine({ gpu, device });
    expect(engine.facts).toMatchObject({ timestamps: false, reason: 'the caller passed it in' });
    const trained = await new TinyModel(engine).train(STEPS, true);
    expect(trained).toEqual(await new TinyModel(own()).train(STEPS, true));
    engine.dispose();
    device.destroy();
  });

  it('needs no GPU object beside it, and then takes parameters through the ring', async () => {
    const { device } = await borrow();
    const engine = await createEngine({ device });
    expect(engine.facts.immediates).toBe(false);
    const trained = await new TinyModel(engine).train(STEPS, false);
    expect(trained).toEqual(await new TinyModel(own()).train(STEPS, false));
    engine.dispose();
    device.destroy();
  });

  it('outlives the engine, which leaves nothing on it', async () => {
    const { gpu, device } = await borrow();
    const made: GPUBuffer[] = [];
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      made.push(createBuffer(descriptor));
      return made.at(-1)!;
    };
    const engine = await createEngine({ gpu, device });
    await new TinyModel(engine).train(2, true);
    expect(await stillUsable(device, made)).not.toEqual([]);
    engine.dispose();
    device.createBuffer = createBuffer;
    expect(made.length).toBeGreaterThan(20);
    expect(await stillUsable(device, made)).toEqual([]);
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

  it('that cannot be timed refuses a profile, saying what it lacks', async () => {
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

  it('that binds less says how to ask for more', async () => {
    const { gpu, device } = await borrow();
    const engine = await createEngine({ gpu, device });
    const most = device.limits.maxStorageBufferBindingSize;
    expect(() => engine.allocate(most + 4)).toThrow(
      /^A buffer of \d+ bytes .+ \(\d+ bytes\): .+, or raise maxStorageBufferBindingSize and maxBufferSize when requesting the device\.$/,
    );
    engine.dispose();
    device.destroy();
  });

  // SwiftShader takes most of this time to compile the kernels of a training.
  it.runIf(THOROUGH)(
    'of the compatibility level, with smaller limits, trains all the same',
    async () => {
      const { gpu } = await findAdapter('swiftshader');
      const adapter = await gpu.requestAdapter({ featureLevel: 'compatibility' });
      const device = await adapter!.requestDevice();
      expect(device.limits.maxComputeInvocationsPerWorkgroup).toBeLessThan(256);
      const engine = await createEngine({ gpu, device });
      const { losses } = await new TinyModel(engine).train(1, false);
      const [expected] = (await new TinyModel(own()).train(1, false)).losses;
      expect(Math.abs(losses[0]! - expected!) / expected!).toBeLessThan(1e-5);
      engine.dispose();
      device.destroy();
    },
  );
});

/** Which of these buffers a command still accepts: destroyed ones are refused. */
async function stillUsable(device: GPUDevice, buffers: readonly GPUBuffer[]): Promise<GPUBuffer[]> {
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

  it('bound every workgroup and tile of the tuning', () => {
    for (const vendor of ['nvidia', 'swiftshader', 'never heard of']) {
      for (const most of [64, 128, 256, 1024]) {
        const limits = { ...GENEROUS, maxComputeInvocationsPerWorkgroup: most };
        const tuning = tuningFor(vendor, limits);
        const { rowGroup, attentionGroup, reduceGroup, sampleGroup, matmulTiles } = tuning;
        for (const group of [rowGroup, attentionGroup, reduceGroup, sampleGroup])
          expect(group).toBeLessThanOrEqual(most);
        for (const { m, n, rows } of matmulTiles)
          expect((m / rows) * (n / 4)).toBeLessThanOrEqual(most);
        expect(matmulTiles.length).toBeGreaterThan(0);
        expect(rowGroup % tuning.rowLanes).toBe(0);
        expect(rowGroup % tuning.columnSlices).toBe(0);
      }
    }
  });

  it('leave out the matmul tiles that workgroup memory does not hold', () => {
    const limits = { ...GENEROUS, maxComputeWorkgroupStorageSize: 4096 };
    expect(tuningFor('nvidia', limits).matmulTiles.map(({ m }) => m)).toEqual([32]);
    expect(tuningFor('nvidia', GENEROUS).matmulTiles.map(({ m }) => m)).toEqual([32, 64]);
  });

  it('that cannot run the kernels at all are refused, saying which one and what to ask for', () => {
    expect(() => checkLimits(GENEROUS)).not.toThrow();
    const check = () => checkLimits({ ...GENEROUS, maxStorageBuffersPerShaderStage: 4 });
    expect(check).toThrow(UnsupportedError);
    expect(check).toThrow(
      'The device allows 4 storage buffers per shader stage and the kernels bind 8: ' +
        'request it with requiredLimits: { maxStorageBuffersPerShaderStage: 8 }.',
    );
  });
});

describe('a device lost in mid-work', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);

  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    process.off('unhandledRejection', note);
  });

  it('rejects what is pending and all that comes after with one clear error, and nothing is left unhandled', async () => {
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

  it('leaves nothing unhandled where nobody was waiting', async () => {
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

  it('is gone for its own engine only: a new one on a new device computes as before', async () => {
    const lost = await borrow();
    const first = await createEngine(lost);
    lost.device.destroy();
    await expect(first.lost).rejects.toThrow(DeviceLostError);
    const engine = await createEngine();
    const [x, y] = [Tensor.from(engine, [1, 2], [2]), Tensor.from(engine, [3, 4], [2])];
    addInto(engine, x, y);
    expect([...(await y.floats())]).toEqual([4, 6]);
    engine.dispose();
    first.dispose();
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

  /** Makes the Vulkan loader find no driver at all. */
  function hideDrivers(): void {
    for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])
      process.env[name] = '/nowhere/icd.json';
  }

  it('refuses a value of NEUROFORMER_ADAPTER it does not know, naming those it does', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cuda';
    for (const start of [findAdapter, createEngine]) {
      const started = start();
      await expect(started).rejects.toThrow(UnsupportedError);
      await expect(started).rejects.toThrow(
        'NEUROFORMER_ADAPTER is "cuda"; it can be auto, gpu, cpu, swiftshader.',
      );
    }
  });

  it('takes the environment’s choice only where the call makes none', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cpu';
    expect((await findAdapter()).reason).toBe('the CPU was asked for');
    process.env.NEUROFORMER_ADAPTER = 'cuda';
    expect((await findAdapter('swiftshader')).reason).toBe('SwiftShader was asked for');
    process.env.NEUROFORMER_ADAPTER = '';
    expect((await findAdapter()).adapter).toBeDefined();
  });

  it('with the CPU asked for computes on it, with as many threads as are asked for, and says so', async () => {
    const engine = await createEngine({ adapter: 'cpu', threads: 3 });
    expect(engine.facts).toMatchObject({
      software: true,
      vendor: 'cpu',
      description: 'CPU (WebAssembly), wasm-simd, 3 threads',
      reason: 'the CPU was asked for',
    });
    engine.dispose();
  });

  it('takes the number of threads from the environment, and refuses what is none', async () => {
    process.env.NEUROFORMER_ADAPTER = 'cpu';
    process.env.NEUROFORMER_THREADS = '2';
    expect((await findAdapter()).adapter.info.device).toBe('2 threads');
    expect((await findAdapter('cpu', 1)).adapter.info.device).toBe('1 thread');
    for (const wrong of ['0', '65', '1.5', 'all']) {
      process.env.NEUROFORMER_THREADS = wrong;
      await expect(findAdapter()).rejects.toThrow(
        `NEUROFORMER_THREADS is "${wrong}"; it can be 1 to 64.`,
      );
    }
  });

  it('with SwiftShader asked for computes on it, and says so', async () => {
    const engine = await createEngine({ adapter: 'swiftshader' });
    expect(engine.facts).toMatchObject({
      software: true,
      vendor: 'software',
      reason: 'SwiftShader was asked for',
    });
    engine.dispose();
  });

  it.runIf(process.platform === 'linux')(
    'with a GPU asked for where there is none says what to check, and never falls back',
    async () => {
      hideDrivers();
      const found = findAdapter('gpu');
      await expect(found).rejects.toThrow(UnsupportedError);
      await expect(found).rejects.toThrow(
        'No GPU was found: check that its Vulkan, Metal or D3D12 driver is installed, or unset ' +
          'NEUROFORMER_ADAPTER to run on the CPU.',
      );
    },
  );

  it.runIf(process.platform === 'linux')(
    'by itself falls back to the CPU, and says why',
    async () => {
      hideDrivers();
      const { adapter, reason } = await findAdapter('auto');
      expect(reason).toBe('no GPU was found');
      expect(adapter.info.vendor).toBe('cpu');
    },
  );

  it.runIf(process.platform === 'linux')(
    'finds SwiftShader past other drivers, and restores the environment it changed',
    async () => {
      hideDrivers();
      expect((await findAdapter('swiftshader')).adapter.info.description).toMatch(/SwiftShader/);
      expect(process.env.VK_DRIVER_FILES).toBe('/nowhere/icd.json');
    },
  );

  it('without WebGPU says where to get it', async () => {
    const started = createPageEngine({ adapter: 'gpu' });
    await expect(started).rejects.toThrow(UnsupportedError);
    await expect(started).rejects.toThrow(
      'A GPU was asked for, but there is no WebGPU here: use a browser that has it, import createEngine from ' +
        '"neuroformer-webgpu/node" in Node, or hand over a GPUDevice as { device }.',
    );
  });

  it.runIf(process.platform === 'linux')('without any adapter says what to check', async () => {
    hideDrivers();
    const started = createPageEngine({ gpu: create([]) });
    await expect(started).rejects.toThrow(UnsupportedError);
    await expect(started).rejects.toThrow(
      'WebGPU found no adapter: check the graphics driver and the browser flags.',
    );
  });
});
