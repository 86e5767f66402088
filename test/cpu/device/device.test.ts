import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { threadTimes } from '../../../src/cpu/index.js';
import { startWorker, type WorkerStarter } from '../../../src/cpu/threads/host.js';
import { type Engine, GpuError, requestCpuDevice } from '../../../src/engine.js';
import { createEngine } from '../../../src/node.js';
import * as c from './calls.js';
import {
  callVerdict,
  createDevices,
  type Devices,
  exceptionName,
  expectOnBoth,
  type Setup,
  useDevices,
  verdictTests,
} from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);

const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;
const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;
const MEBIBYTE = 2 ** 20;

/** Declares a test on new devices, for tests that destroy their devices. */
function testOnNewDevices<T>(
  name: string,
  expected: T,
  run: (device: GPUDevice) => Promise<T>,
): void {
  it(name, async () => {
    const created = await createDevices();
    await expectOnBoth(created, expected, undefined, run);
    created.cpu.destroy();
    created.dawn.destroy();
  });
}

describe('using an object of another device', () => {
  let others: Devices;
  beforeAll(async () => {
    others = await createDevices();
  });
  afterAll(() => {
    others.cpu.destroy();
    others.dawn.destroy();
  });
  /** A call on a device with an object that another device of the same kind created. */
  const foreign =
    <T>(create: (other: GPUDevice) => T, use: (object: T, d: GPUDevice) => void): Setup =>
    (d) => {
      const object = create(d === devices().cpu ? others.cpu : others.dawn);
      return () => use(object, d);
    };
  const buffer = (d: GPUDevice) => c.buffer(d, 16, DATA);
  const layout = (d: GPUDevice) => c.groupLayout(d, 'storage');

  testVerdict(
    'a write to its buffer',
    'validation',
    foreign(buffer, (b, d) => {
      d.queue.writeBuffer(b, 0, new Uint32Array(1));
    }),
  );
  testVerdict(
    'a copy from its buffer',
    'validation',
    foreign(buffer, (b, d) => {
      c.encode(d, (encoder) => encoder.copyBufferToBuffer(b, buffer(d)));
    }),
  );
  testVerdict(
    'a copy to its buffer',
    'validation',
    foreign(buffer, (b, d) => {
      c.encode(d, (encoder) => encoder.copyBufferToBuffer(buffer(d), b));
    }),
  );
  testVerdict(
    'a clear of its buffer',
    'validation',
    foreign(buffer, (b, d) => {
      c.encode(d, (encoder) => encoder.clearBuffer(b));
    }),
  );
  testVerdict(
    'a group of its buffer',
    'validation',
    foreign(buffer, (b, d) => {
      c.group(d, layout(d), b);
    }),
  );
  testVerdict(
    'a group of its layout',
    'validation',
    foreign(layout, (otherLayout, d) => {
      c.group(d, otherLayout, buffer(d));
    }),
  );
  testVerdict(
    'a pipeline layout of its group layout',
    'validation',
    foreign(layout, (otherLayout, d) => {
      c.pipelineLayout(d, [otherLayout]);
    }),
  );
  testVerdict(
    'a pipeline of its layout',
    'validation',
    foreign(
      (other) => c.pipelineLayout(other, [layout(other)]),
      (otherLayout, d) => void c.pipeline(d, ADD_ONE, otherLayout),
    ),
  );
  testVerdict(
    'a pipeline of its shader',
    'validation',
    foreign(
      (other) => other.createShaderModule({ code: ADD_ONE }),
      (module, d) => void d.createComputePipeline({ layout: 'auto', compute: { module } }),
    ),
  );
  testVerdict(
    'a pass with its pipeline',
    'validation',
    foreign(
      (other) => c.pipeline(other, ADD_ONE),
      (p, d) => void c.encodePass(d, (pass) => pass.setPipeline(p)),
    ),
  );
  testVerdict(
    'a pass with its group',
    'validation',
    foreign(
      (other) => c.group(other, layout(other), buffer(other)),
      (g, d) => void c.encodePass(d, (pass) => pass.setBindGroup(0, g)),
    ),
  );
  testVerdict(
    'a pass with its queries',
    'validation',
    foreign(
      (other) => other.createQuerySet({ type: 'timestamp', count: 1 }),
      (querySet, d) => {
        const timestampWrites = { querySet, beginningOfPassWriteIndex: 0 };
        c.encode(d, (encoder) => encoder.beginComputePass({ timestampWrites }).end());
      },
    ),
  );
  testVerdict(
    'a submit of its commands',
    'validation',
    foreign(
      (other) => other.createCommandEncoder().finish(),
      (commands, d) => d.queue.submit([commands]),
    ),
  );
});

describe('a device without the feature timestamp-query', () => {
  it('creates no timestamp queries', async () => {
    const created = await createDevices({});
    await expectOnBoth(created, 'TypeError', undefined, (d) =>
      exceptionName(() => d.createQuerySet({ type: 'timestamp', count: 1 })).then(String),
    );
    created.cpu.destroy();
    created.dawn.destroy();
  });
});

describe('a destroyed device', () => {
  testOnNewDevices('is lost with the reason "destroyed"', ['destroyed', true], async (d) => {
    d.destroy();
    const { reason, message } = await d.lost;
    return [reason, message.length > 0];
  });

  testOnNewDevices(
    'rejects a pending mapping and resolves onSubmittedWorkDone',
    ['AbortError', 'done', 'unmapped'],
    async (d) => {
      const b = c.buffer(d, 16, c.MAP_READ | c.COPY_DST);
      const mapping = exceptionName(() => b.mapAsync(c.READ));
      const done = d.queue.onSubmittedWorkDone().then(() => 'done');
      d.destroy();
      return [await mapping, await done, b.mapState];
    },
  );

  testOnNewDevices(
    'unmaps its buffers',
    ['unmapped', 'unmapped', 0, 0, 'OperationError'],
    async (d) => {
      const read = c.buffer(d, 16, c.MAP_READ | c.COPY_DST);
      await read.mapAsync(c.READ);
      const written = d.createBuffer({ size: 16, usage: c.STORAGE, mappedAtCreation: true });
      const ranges = [read.getMappedRange(), written.getMappedRange(0, 8)];
      d.destroy();
      const newRange = await exceptionName(() => void written.getMappedRange(8, 8));
      return [read.mapState, written.mapState, ...ranges.map((r) => r.byteLength), newRange];
    },
  );

  testOnNewDevices(
    'reports no errors any more, neither earlier ones nor later ones',
    [null, null, null, 0],
    async (d) => {
      let uncaptured = 0;
      d.addEventListener('uncapturederror', () => uncaptured++);
      d.pushErrorScope('validation');
      c.buffer(d, 4, 0);
      d.destroy();
      const earlier = await d.popErrorScope();
      d.pushErrorScope('validation');
      c.buffer(d, 4, 0);
      const later = await d.popErrorScope();
      c.buffer(d, 4, 0);
      const withoutScope = await d.popErrorScope();
      await new Promise((resolve) => setImmediate(resolve));
      return [earlier, later, withoutScope, uncaptured];
    },
  );

  testOnNewDevices(
    'maps no buffers any more',
    ['AbortError', 'AbortError', 'AbortError'],
    async (d) => {
      const earlier = c.buffer(d, 16, c.MAP_READ);
      d.destroy();
      const buffers = [earlier, c.buffer(d, 16, c.MAP_READ), c.buffer(d, 16, 0)];
      return Promise.all(
        buffers.map(async (b) => (await exceptionName(() => b.mapAsync(c.READ))) ?? ''),
      );
    },
  );

  testOnNewDevices(
    'accepts every call and does nothing',
    ['none', 16, 'unmapped', true, true],
    async (d) => {
      const [data, shader] = [c.buffer(d, 16, DATA), d.createShaderModule({ code: ADD_ONE })];
      const oldPipeline = c.pipeline(d, ADD_ONE);
      const commands = c.encode(d, (encoder) => encoder.clearBuffer(data));
      d.destroy();
      d.destroy();
      const verdict = await callVerdict(d, () => {
        d.queue.submit([commands]);
        d.queue.submit([commands]);
        d.queue.writeBuffer(data, 0, new Uint32Array(4));
        d.createShaderModule({ code: 'fn (' });
        const p = c.pipeline(d, ADD_ONE);
        const g = c.group(d, p.getBindGroupLayout(0), data);
        c.submitPass(d, (pass) => {
          pass.setPipeline(oldPipeline);
          pass.setBindGroup(0, g);
          pass.dispatchWorkgroups(1);
        });
        d.createQuerySet({ type: 'timestamp', count: 2 }).destroy();
        c.words(d, 1, 2).destroy();
        data.destroy();
        return d.queue.onSubmittedWorkDone();
      });
      const mapped = d.createBuffer({ size: 16, usage: c.STORAGE, mappedAtCreation: true });
      const { byteLength } = mapped.getMappedRange();
      mapped.unmap();
      const compute = { module: shader };
      const good = await d.createComputePipelineAsync({ layout: 'auto', compute });
      const bad = await d.createComputePipelineAsync({
        layout: 'auto',
        compute: { module: d.createShaderModule({ code: 'fn (' }) },
      });
      return [verdict, byteLength, mapped.mapState, good.label === '', bad.label === ''];
    },
  );

  it('does not affect another device', async () => {
    const lost = await requestCpuDevice({ threads: 2 });
    const other = await requestCpuDevice({ threads: 2 });
    lost.destroy();
    await lost.lost;
    expect(await c.read(other, c.words(other, 1, 2))).toEqual([1, 2]);
    other.destroy();
  });
});

describe('a kernel that accesses an address outside the memory', () => {
  /** A kernel that writes at an index so large that the address is outside the memory. */
  const FAR = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[values[0]] = 1; }`;

  for (const isShared of [true, false]) {
    it(`loses the device with a message and rejects pending mappings: ${isShared ? 'threads' : 'one worker'}`, async () => {
      const device = await requestCpuDevice({ threads: 2, hooks: { isShared } });
      const uncaptured: string[] = [];
      device.addEventListener('uncapturederror', ({ error }) => uncaptured.push(error.message));
      const values = c.words(device, 2 ** 29, 0);
      const p = device.createComputePipeline({
        label: 'far',
        layout: 'auto',
        compute: { module: device.createShaderModule({ code: FAR }) },
      });
      const g = c.group(device, p.getBindGroupLayout(0), values);
      c.submitPass(device, (pass) => {
        pass.setPipeline(p);
        pass.setBindGroup(0, g);
        pass.dispatchWorkgroups(1);
      });
      const pending = [
        exceptionName(() => c.read(device, values)),
        exceptionName(() => device.queue.onSubmittedWorkDone()),
      ];
      const { reason, message } = await device.lost;
      expect([reason, message]).toEqual([
        'unknown',
        'kernel far failed: memory access out of bounds',
      ]);
      expect(await Promise.all(pending)).toEqual(['AbortError', undefined]);
      // As after destroy, nothing more is reported.
      const verdict = await callVerdict(device, () => void c.buffer(device, 4, 0));
      const laterMapping = await exceptionName(() => c.read(device, c.words(device, 1)));
      expect([verdict, laterMapping, uncaptured]).toEqual(['none', 'AbortError', []]);
    });
  }

  it('makes an engine report the loss of its device, with the same message', async () => {
    const device = await requestCpuDevice({ threads: 2 });
    const engine = await createEngine({ device });
    const values = c.words(device, 2 ** 29, 0);
    const p = c.pipeline(device, FAR);
    const g = c.group(device, p.getBindGroupLayout(0), values);
    c.submitPass(device, (pass) => {
      pass.setPipeline(p);
      pass.setBindGroup(0, g);
      pass.dispatchWorkgroups(1);
    });
    await expect(engine.lost).rejects.toThrow(
      'The GPU device was lost (kernel main failed: memory access out of bounds)',
    );
    await expect(engine.finish()).rejects.toThrow('memory access out of bounds');
    engine.dispose();
  });
});

describe('memory', () => {
  /** The physical memory that this process uses, in bytes. */
  const resident = () => process.memoryUsage().rss;

  /** Creates buffers of a size until one does not fit. */
  async function fill(device: GPUDevice, bytes: number): Promise<GPUBuffer[]> {
    const buffers: GPUBuffer[] = [];
    for (;;) {
      device.pushErrorScope('out-of-memory');
      const b = c.buffer(device, bytes, DATA);
      const error = await device.popErrorScope();
      if (error) {
        expect(error.constructor.name).toBe('GPUOutOfMemoryError');
        expect(error.message).toMatch(
          new RegExp(`^createBuffer: ${bytes} bytes do not fit beside the \\d+ MiB in use$`),
        );
        return buffers;
      }
      buffers.push(b);
    }
  }

  for (const isShared of [true, false]) {
    it(`of 4 GiB can be used to its end, and is not committed until it is written: ${isShared ? 'threads' : 'one worker'}`, async () => {
      const device = await requestCpuDevice({ threads: 1, hooks: { isShared } });
      const before = resident();
      const buffers = await fill(device, 256 * MEBIBYTE);
      // The device uses the first mebibyte itself, so a 16th buffer does not fit.
      expect(buffers).toHaveLength(15);
      const [last] = buffers.slice(-1);
      device.queue.writeBuffer(last!, last!.size - 8, Uint32Array.of(5, 7));
      const part = c.buffer(device, 8, DATA);
      c.submit(device, (encoder) => encoder.copyBufferToBuffer(last!, last!.size - 8, part, 0, 8));
      expect(await c.read(device, part)).toEqual([5, 7]);
      expect(resident() - before).toBeLessThan(100 * MEBIBYTE);
      device.destroy();
    });
  }

  it('of a destroyed buffer is freed when its work is done, even if nothing waits for it', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    /** Creates a buffer of 2 GiB, or returns `undefined` where it does not fit. */
    const create = async () => {
      device.pushErrorScope('out-of-memory');
      const b = c.buffer(device, 2 ** 31, DATA);
      return (await device.popErrorScope()) ? undefined : b;
    };
    const b = (await create())!;
    c.submit(device, (encoder) => encoder.clearBuffer(b, 0, 4));
    b.destroy();
    let attempts = 0;
    while (!(await create()) && ++attempts < 1000)
      await new Promise((resolve) => setTimeout(resolve, 1));
    expect(attempts).toBeLessThan(1000);
    device.destroy();
  });

  describe('that the host of a page refuses', () => {
    /** Starts one worker whose host allows 8 MiB but at first reports 4 GiB. */
    const startOnSmallHost: WorkerStarter = (events) => {
      const worker = startWorker({
        ...events,
        onReply: (answer) =>
          events.onReply(answer.kind === 'ready' ? { ...answer, maxPages: 65536 } : answer),
      });
      const send: typeof worker.send = (message, transfer) =>
        worker.send(
          message.kind === 'private' ? { ...message, pageLimits: [128] } : message,
          transfer,
        );
      return { ...worker, send };
    };
    let device: GPUDevice;
    beforeAll(async () => {
      const hooks = { isShared: false, startWorker: startOnSmallHost };
      device = await requestCpuDevice({ hooks });
    });
    afterAll(() => device.destroy());

    it('is an out-of-memory error, and the buffer is invalid', async () => {
      device.pushErrorScope('out-of-memory');
      const b = device.createBuffer({ size: 64 * MEBIBYTE, usage: DATA, label: 'b' });
      const error = await device.popErrorScope();
      expect(error!.constructor.name).toBe('GPUOutOfMemoryError');
      expect(error!.message).toMatch(/^createBuffer\("b"\): 67108864 bytes do not fit beside the/);
      const verdict = await callVerdict(device, () => {
        device.queue.writeBuffer(b, 0, new Uint32Array(1));
      });
      expect(verdict).toBe('validation');
      b.destroy();
    });

    it('damages nothing, even if the buffer is used before the error is known', async () => {
      const data = c.words(device, 1, 2);
      device.pushErrorScope('out-of-memory');
      const b = c.buffer(device, 64 * MEBIBYTE, DATA);
      const readable = c.buffer(device, 64 * MEBIBYTE, c.MAP_READ | c.COPY_DST);
      device.queue.writeBuffer(b, b.size - 8, Uint32Array.of(3, 4));
      const p = c.pipeline(device, ADD_ONE);
      const g = c.group(device, p.getBindGroupLayout(0), b);
      c.submitPass(device, (pass) => {
        pass.setPipeline(p);
        pass.setBindGroup(0, g);
        pass.dispatchWorkgroups(1);
      });
      c.submit(device, (encoder) => encoder.copyBufferToBuffer(b, 0, data, 0, 8));
      const mapping = exceptionName(() => readable.mapAsync(c.READ));
      expect(await device.popErrorScope()).not.toBeNull();
      expect(await mapping).toBe('OperationError');
      expect(await c.read(device, data)).toEqual([1, 2]);
    });

    it('is still available to smaller buffers', async () => {
      device.pushErrorScope('out-of-memory');
      const b = c.buffer(device, 6 * MEBIBYTE, DATA);
      expect(await device.popErrorScope()).toBeNull();
      device.queue.writeBuffer(b, b.size - 4, Uint32Array.of(9));
      const part = c.buffer(device, 4, DATA);
      c.submit(device, (encoder) => encoder.copyBufferToBuffer(b, b.size - 4, part, 0, 4));
      expect(await c.read(device, part)).toEqual([9]);
    });
  });

  it('that was freed is cleared before it is reused', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    const bytes = 64 * MEBIBYTE;
    const buffers = await fill(device, bytes);
    const offsets = [0, bytes - 4];
    for (const offset of offsets) {
      device.queue.writeBuffer(buffers[7]!, offset, Uint32Array.of(9));
    }
    buffers[7]!.destroy();
    await device.queue.onSubmittedWorkDone();
    const refilled = await fill(device, bytes);
    expect(refilled).toHaveLength(1);
    const [reused] = refilled;
    const out = buffers[0]!;
    c.submit(device, (encoder) => {
      for (const [n, offset] of offsets.entries())
        encoder.copyBufferToBuffer(reused!, offset, out, 4 * n, 4);
    });
    const part = c.buffer(device, 8, c.MAP_READ | c.COPY_DST);
    c.submit(device, (encoder) => encoder.copyBufferToBuffer(out, 0, part, 0, 8));
    await part.mapAsync(c.READ);
    expect([...new Uint32Array(part.getMappedRange())]).toEqual([0, 0]);
    device.destroy();
  });

  it('is not cleared where it was never used, even after a part that was', async () => {
    const device = await requestCpuDevice({ threads: 1 });
    const small = c.words(device, 1, 2, 3, 4);
    await device.queue.onSubmittedWorkDone();
    small.destroy();
    const before = resident();
    const large = c.buffer(device, 2 ** 30, DATA);
    const part = c.buffer(device, 16, DATA);
    c.submit(device, (encoder) => encoder.copyBufferToBuffer(large, 0, part, 0, 16));
    expect(await c.read(device, part)).toEqual([0, 0, 0, 0]);
    expect(resident() - before).toBeLessThan(100 * MEBIBYTE);
    device.destroy();
  });

  it('that runs out gives the engine’s own error message', async () => {
    const before = resident();
    const device = await requestCpuDevice({ threads: 1 });
    const engine: Engine = await createEngine({ device });
    for (let n = 0; n < 4; n++) engine.allocate(2 ** 30, 'lasting');
    const finished = engine.finish();
    await expect(finished).rejects.toThrow(GpuError);
    await expect(finished).rejects.toThrow(
      'The GPU has no memory for another 1024.0 MiB (3072 MiB allocated): use a smaller batch or model.',
    );
    expect(resident() - before).toBeLessThan(100 * MEBIBYTE);
    engine.dispose();
    device.destroy();
  });
});

describe('threadTimes', () => {
  it('counts the threads and resets the times with every call', async () => {
    const device = await requestCpuDevice({ threads: 2 });
    const p = c.pipeline(device, ADD_ONE);
    const g = c.group(device, p.getBindGroupLayout(0), c.words(device, 0));
    c.submitPass(device, (pass) => {
      pass.setPipeline(p);
      pass.setBindGroup(0, g);
      for (let n = 0; n < 100; n++) pass.dispatchWorkgroups(1000);
    });
    await device.queue.onSubmittedWorkDone();
    const { elapsed, waited, threads } = threadTimes(device)!;
    expect(elapsed).toBeGreaterThan(0);
    expect(waited).toBeGreaterThanOrEqual(0);
    expect(threads).toBe(2);
    expect(threadTimes(device)).toEqual({ elapsed: 0, waited: 0, threads: 2 });
    device.destroy();
  });

  it('gives undefined for a device that is not our CPU device', () => {
    expect(threadTimes(devices().dawn)).toBeUndefined();
  });
});

describe('a device', () => {
  it('has the members of a GPUDevice, and no others', () => {
    const { cpu, dawn } = devices();
    const names = [
      ...Object.getOwnPropertyNames(Object.getPrototypeOf(cpu)),
      ...Object.getOwnPropertyNames(cpu),
    ];
    expect(names.length).toBeGreaterThan(25);
    expect(names.filter((name) => !(name in dawn))).toEqual([]);
  });
});

describe('a part of WebGPU that a compute-only device does not support', () => {
  const calls: Record<string, (d: GPUDevice) => unknown> = {
    createTexture: (d) => d.createTexture({ size: [1], format: 'r8unorm', usage: 1 }),
    createSampler: (d) => d.createSampler(),
    importExternalTexture: (d) => d.importExternalTexture({} as GPUExternalTextureDescriptor),
    createRenderPipeline: (d) => d.createRenderPipeline({} as GPURenderPipelineDescriptor),
    createRenderBundleEncoder: (d) =>
      d.createRenderBundleEncoder({} as GPURenderBundleEncoderDescriptor),
    beginRenderPass: (d) => d.createCommandEncoder().beginRenderPass({} as GPURenderPassDescriptor),
  };
  for (const [name, call] of Object.entries(calls))
    it(`rejects ${name} with a TypeError`, () => {
      expect(() => call(devices().cpu)).toThrow(
        new RegExp(`^${name}: a CPU device (has no|supports compute only)`),
      );
    });
});
