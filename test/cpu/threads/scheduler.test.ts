import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CpuDeviceOptions, requestCpuDevice } from '../../../src/cpu/index.js';
import { HostRandom } from '../../../src/math/random.js';
import { caseCount } from '../../helpers/thorough.js';

/** The words of each buffer; not a multiple of the workgroup size. */
const WORDS = 1237;
const BUFFERS = 4;
const LISTS = caseCount(10_000);
const THREADS = [1, 2, 3, 5, 8, 16];
// COPY_SRC | COPY_DST | STORAGE, and MAP_READ | COPY_DST.
const STORAGE = 0x04 | 0x08 | 0x80;
const READ = 0x01 | 0x08;

/** to[i] = a[i] * factor + b[(i + shift) % n], with seven invocations per workgroup. */
const SHADER = `requires immediate_address_space;
struct Params { factor: u32, shift: u32 }
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> to: array<u32>;
var<immediate> params: Params;
@compute @workgroup_size(7)
fn mix_words(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + groups.x * (group.y + groups.y * group.z)) * 7u + local;
  if (i < ${WORDS}u) {
    to[i] = a[i] * params.factor + b[(i + params.shift) % ${WORDS}u];
  }
}`;

/** A run of the shader; buffers are given by their index. */
interface Mix {
  readonly kind: 'mix';
  readonly a: number;
  readonly b: number;
  readonly to: number;
  readonly factor: number;
  readonly shift: number;
  readonly grid: readonly [number, number, number];
}

/** A command of a list, for the device and for a plain loop; offsets and lengths are in words. */
type Command =
  | Mix
  | { kind: 'copy'; from: number; to: number; offset: number; toOffset: number; words: number }
  | { kind: 'clear'; to: number; offset: number; words: number }
  | { kind: 'write'; to: number; offset: number; value: number };

function randomCommand(random: HostRandom): Command {
  const pick = (n: number) => Math.floor(random.uniform() * n);
  const to = pick(BUFFERS);
  const sources = [...Array(BUFFERS).keys()].filter((n) => n !== to);
  const [a, b] = [sources[pick(3)]!, sources[pick(3)]!];
  const offset = pick(WORDS);
  const words = pick(WORDS - offset) + 1;
  switch (pick(8)) {
    case 0:
      return { kind: 'copy', from: a, to, offset, toOffset: pick(WORDS - words), words };
    case 1:
      return { kind: 'clear', to, offset, words };
    case 2:
      return { kind: 'write', to, offset, value: pick(2 ** 31) };
    default: {
      const groups = Math.ceil(WORDS / 7);
      const grids = [
        [groups, 1, 1],
        [Math.ceil(groups / 3), 3, 1],
        [Math.ceil(groups / 8), 4, 2],
      ] as const;
      const [factor, shift, grid] = [pick(1000), pick(WORDS), grids[pick(3)]!];
      return { kind: 'mix', a, b, to, factor, shift, grid };
    }
  }
}

function randomList(random: HostRandom): Command[] {
  const length = 1 + Math.floor(random.uniform() * 6);
  return Array.from({ length }, () => randomCommand(random));
}

/** The reference: runs the commands one after another in plain loops. */
class Serial {
  readonly buffers = Array.from({ length: BUFFERS }, (_, n) => initialWords(n));

  run(commands: readonly Command[]): void {
    for (const command of commands) this.#run(command);
  }

  #run(command: Command): void {
    const to = this.buffers[command.to]!;
    switch (command.kind) {
      case 'mix': {
        const a = this.buffers[command.a]!;
        const b = this.buffers[command.b]!;
        const { factor, shift } = command;
        to.set(a.map((value, i) => Math.imul(value, factor) + b[(i + shift) % WORDS]!));
        return;
      }
      case 'copy': {
        const { from, offset, toOffset, words } = command;
        to.set(this.buffers[from]!.slice(offset, offset + words), toOffset);
        return;
      }
      case 'clear':
        to.fill(0, command.offset, command.offset + command.words);
        return;
      case 'write':
        to[command.offset] = command.value;
    }
  }
}

/** Runs the same commands on a device. */
class DeviceRunner {
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #buffers: GPUBuffer[];
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice) {
    this.#device = device;
    const module = device.createShaderModule({ code: SHADER });
    this.#pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    this.#buffers = Array.from({ length: BUFFERS }, (_, n) => {
      const buffer = device.createBuffer({ size: 4 * WORDS, usage: STORAGE });
      device.queue.writeBuffer(buffer, 0, initialWords(n));
      return buffer;
    });
  }

  /**
   * Submits a list. A write splits it into two submits, since the queue orders writes and submits.
   */
  submit(list: readonly Command[]): void {
    let encoder = this.#device.createCommandEncoder();
    for (const command of list) {
      if (command.kind !== 'write') {
        this.#encode(encoder, command);
        continue;
      }
      this.#device.queue.submit([encoder.finish()]);
      encoder = this.#device.createCommandEncoder();
      const value = Uint32Array.of(command.value);
      this.#device.queue.writeBuffer(this.#buffers[command.to]!, 4 * command.offset, value);
    }
    this.#device.queue.submit([encoder.finish()]);
  }

  contents(): Promise<Uint32Array[]> {
    return Promise.all(this.#buffers.map((buffer) => read(this.#device, buffer)));
  }

  #encode(encoder: GPUCommandEncoder, command: Exclude<Command, { kind: 'write' }>): void {
    const to = this.#buffers[command.to]!;
    if (command.kind === 'clear') {
      encoder.clearBuffer(to, 4 * command.offset, 4 * command.words);
      return;
    }
    if (command.kind === 'copy') {
      const { from, offset, toOffset, words } = command;
      encoder.copyBufferToBuffer(this.#buffers[from]!, 4 * offset, to, 4 * toOffset, 4 * words);
      return;
    }
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#group([command.a, command.b, command.to]));
    pass.setImmediates(0, Uint32Array.of(command.factor, command.shift));
    pass.dispatchWorkgroups(...command.grid);
    pass.end();
  }

  #group(indices: readonly number[]): GPUBindGroup {
    const key = indices.join();
    let group = this.#groups.get(key);
    if (!group) {
      const entries = indices.map((n, binding) => ({
        binding,
        resource: { buffer: this.#buffers[n]! },
      }));
      const layout = this.#pipeline.getBindGroupLayout(0);
      group = this.#device.createBindGroup({ layout, entries });
      this.#groups.set(key, group);
    }
    return group;
  }
}

/** The words of a buffer before the first list. */
function initialWords(buffer: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: WORDS }, (_, i) => Math.imul(i + 1, 2654435761 + buffer));
}

async function read(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return words;
}

/** Submits random lists to a new device at once, and expects the result of the reference. */
async function expectSerialResult(options: CpuDeviceOptions, count: number, seed: number) {
  const device = await requestCpuDevice(options);
  const runner = new DeviceRunner(device);
  const serial = new Serial();
  const random = new HostRandom(seed);
  const lists = Array.from({ length: count }, () => randomList(random));
  for (const list of lists) runner.submit(list);
  const contents = runner.contents();
  serial.run(lists.flat());
  expect(await contents).toEqual(serial.buffers);
  device.destroy();
}

describe('threads', () => {
  const errors: string[] = [];
  let devices: { threads: number; device: GPUDevice; runner: DeviceRunner }[];

  beforeAll(async () => {
    devices = await Promise.all(
      THREADS.map(async (threads) => {
        const device = await requestCpuDevice({ threads });
        device.onuncapturederror = ({ error }) => errors.push(error.message);
        return { threads, device, runner: new DeviceRunner(device) };
      }),
    );
  });
  afterAll(() => {
    for (const { device } of devices) device.destroy();
  });

  it(`give the same result as one command after another: ${LISTS} random lists`, async () => {
    const random = new HostRandom(17);
    const serial = new Serial();
    for (let n = 1; n <= LISTS; n++) {
      const list = randomList(random);
      serial.run(list);
      for (const { runner } of devices) runner.submit(list);
      if (n % 500 !== 0) continue;
      for (const { threads, runner } of devices)
        expect(await runner.contents(), `${threads} threads, ${n} lists`).toEqual(serial.buffers);
    }
    expect(errors).toEqual([]);
  });

  it('give the same if one of them is delayed at random barriers', async () => {
    const delay = { thread: 1, every: 40, milliseconds: 1, seed: 5 };
    await expectSerialResult({ threads: 3, hooks: { delay } }, 300, 23);
  });

  it('give the same if their number changes between lists and one is delayed', async () => {
    for (let thread = 0; thread < 3; thread++) {
      const delay = { thread, every: 5, milliseconds: 1, seed: 7 };
      await expectSerialResult({ threads: 3, hooks: { delay, listsPerTurn: 3 } }, 300, 37);
    }
  });

  it('give the same if the ids of lists wrap around and one thread is delayed', async () => {
    const delay = { thread: 1, every: 20, milliseconds: 1, seed: 11 };
    const hooks = { delay, listsPerTurn: 5, firstList: -150 };
    await expectSerialResult({ threads: 3, hooks }, 300, 41);
  });

  it('give the same if more lists are submitted at once than can be in flight', async () => {
    await expectSerialResult({ threads: 2 }, 400, 29);
  });

  it('give the same as one worker without shared memory', async () => {
    await expectSerialResult({ hooks: { isShared: false } }, 200, 31);
  });
});
