import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CpuDeviceOptions, requestCpuDevice } from '../../../src/cpu/index.js';
import { HostRandom } from '../../../src/math/random.js';
import { tries } from '../../helpers/thorough.js';

/** Words of every buffer; not a multiple of a workgroup. */
const WORDS = 1237;
const BUFFERS = 4;
const LISTS = tries(10_000);
const THREADS = [1, 2, 3, 5, 8, 16];
// COPY_SRC | COPY_DST | STORAGE, and MAP_READ | COPY_DST.
const STORAGE = 0x04 | 0x08 | 0x80;
const READ = 0x01 | 0x08;

/** to[i] = other[i] * factor + before[(i + by) % n], seven invocations a workgroup. */
const SHADER = `requires immediate_address_space;
struct Params { factor: u32, by: u32 }
@group(0) @binding(0) var<storage, read> other: array<u32>;
@group(0) @binding(1) var<storage, read> before: array<u32>;
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
    to[i] = other[i] * params.factor + before[(i + params.by) % ${WORDS}u];
  }
}`;

interface Mix {
  readonly kind: 'mix';
  readonly other: number;
  readonly before: number;
  readonly to: number;
  readonly factor: number;
  readonly by: number;
  readonly grid: readonly [number, number, number];
}

/** What a list does, in words that the device and a plain loop both understand. */
type Command =
  | Mix
  | { kind: 'copy'; from: number; to: number; at: number; toAt: number; words: number }
  | { kind: 'clear'; to: number; at: number; words: number }
  | { kind: 'write'; to: number; at: number; value: number };

function randomCommand(random: HostRandom): Command {
  const pick = (n: number) => Math.floor(random.uniform() * n);
  const to = pick(BUFFERS);
  const others = [...Array(BUFFERS).keys()].filter((n) => n !== to);
  const [other, before] = [others[pick(3)]!, others[pick(3)]!];
  const at = pick(WORDS);
  const words = pick(WORDS - at) + 1;
  switch (pick(8)) {
    case 0:
      return { kind: 'copy', from: other, to, at, toAt: pick(WORDS - words), words };
    case 1:
      return { kind: 'clear', to, at, words };
    case 2:
      return { kind: 'write', to, at, value: pick(2 ** 31) };
    default: {
      const groups = Math.ceil(WORDS / 7);
      const grids = [
        [groups, 1, 1],
        [Math.ceil(groups / 3), 3, 1],
        [Math.ceil(groups / 8), 4, 2],
      ] as const;
      const [factor, by, grid] = [pick(1000), pick(WORDS), grids[pick(3)]!];
      return { kind: 'mix', other, before, to, factor, by, grid };
    }
  }
}

function randomList(random: HostRandom): Command[] {
  const length = 1 + Math.floor(random.uniform() * 6);
  return Array.from({ length }, () => randomCommand(random));
}

/** The buffers, and what commands make of them one after the other, by plain loops. */
class Serial {
  readonly buffers = Array.from({ length: BUFFERS }, (_, n) => initial(n));

  run(commands: readonly Command[]): void {
    for (const command of commands) this.#run(command);
  }

  #run(command: Command): void {
    const to = this.buffers[command.to]!;
    switch (command.kind) {
      case 'mix': {
        const other = this.buffers[command.other]!;
        const before = this.buffers[command.before]!;
        const { factor, by } = command;
        to.set(other.map((value, i) => Math.imul(value, factor) + before[(i + by) % WORDS]!));
        return;
      }
      case 'copy': {
        const { from, at, toAt, words } = command;
        to.set(this.buffers[from]!.slice(at, at + words), toAt);
        return;
      }
      case 'clear':
        to.fill(0, command.at, command.at + command.words);
        return;
      case 'write':
        to[command.at] = command.value;
    }
  }
}

/** The same commands on a device. */
class Subject {
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
      device.queue.writeBuffer(buffer, 0, initial(n));
      return buffer;
    });
  }

  /** One submit; a write ends it and begins the next, since the queue keeps the order of both. */
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
      this.#device.queue.writeBuffer(this.#buffers[command.to]!, 4 * command.at, value);
    }
    this.#device.queue.submit([encoder.finish()]);
  }

  contents(): Promise<Uint32Array[]> {
    return Promise.all(this.#buffers.map((buffer) => read(this.#device, buffer)));
  }

  #encode(encoder: GPUCommandEncoder, command: Exclude<Command, { kind: 'write' }>): void {
    const to = this.#buffers[command.to]!;
    if (command.kind === 'clear') {
      encoder.clearBuffer(to, 4 * command.at, 4 * command.words);
      return;
    }
    if (command.kind === 'copy') {
      const { from, at, toAt, words } = command;
      encoder.copyBufferToBuffer(this.#buffers[from]!, 4 * at, to, 4 * toAt, 4 * words);
      return;
    }
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#group([command.other, command.before, command.to]));
    pass.setImmediates(0, Uint32Array.of(command.factor, command.by));
    pass.dispatchWorkgroups(...command.grid);
    pass.end();
  }

  #group(which: readonly number[]): GPUBindGroup {
    const key = which.join();
    let group = this.#groups.get(key);
    if (!group) {
      const entries = which.map((n, binding) => ({
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

function initial(buffer: number): Uint32Array<ArrayBuffer> {
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

/** Runs random lists on a device of its own, all submitted before anything is read. */
async function agreesWithSerial(options: CpuDeviceOptions, lists: number, seed: number) {
  const device = await requestCpuDevice(options);
  const subject = new Subject(device);
  const serial = new Serial();
  const random = new HostRandom(seed);
  const all = Array.from({ length: lists }, () => randomList(random));
  for (const list of all) subject.submit(list);
  const contents = subject.contents();
  serial.run(all.flat());
  expect(await contents).toEqual(serial.buffers);
  device.destroy();
}

describe('threads', () => {
  const errors: string[] = [];
  let subjects: { threads: number; device: GPUDevice; subject: Subject }[];

  beforeAll(async () => {
    subjects = await Promise.all(
      THREADS.map(async (threads) => {
        const device = await requestCpuDevice({ threads });
        device.onuncapturederror = ({ error }) => errors.push(error.message);
        return { threads, device, subject: new Subject(device) };
      }),
    );
  });
  afterAll(() => {
    for (const { device } of subjects) device.destroy();
  });

  it(`give what one command after the other gives: ${LISTS} random lists`, async () => {
    const random = new HostRandom(17);
    const serial = new Serial();
    for (let n = 1; n <= LISTS; n++) {
      const list = randomList(random);
      serial.run(list);
      for (const { subject } of subjects) subject.submit(list);
      if (n % 500 !== 0) continue;
      for (const { threads, subject } of subjects)
        expect(await subject.contents(), `${threads} threads, ${n} lists`).toEqual(serial.buffers);
    }
    expect(errors).toEqual([]);
  });

  it('give the same where one of them is held up at random barriers', async () => {
    const delay = { thread: 1, every: 40, milliseconds: 1, seed: 5 };
    await agreesWithSerial({ threads: 3, hooks: { delay } }, 300, 23);
  });

  it('give the same where their number changes between lists, one held up', async () => {
    for (let thread = 0; thread < 3; thread++) {
      const delay = { thread, every: 5, milliseconds: 1, seed: 7 };
      await agreesWithSerial({ threads: 3, hooks: { delay, listsPerTurn: 3 } }, 300, 37);
    }
  });

  it('give the same where the numbers of lists wrap around, one held up', async () => {
    const delay = { thread: 1, every: 20, milliseconds: 1, seed: 11 };
    const hooks = { delay, listsPerTurn: 5, firstList: -150 };
    await agreesWithSerial({ threads: 3, hooks }, 300, 41);
  });

  it('give the same with everything queued at once, more than is in flight at a time', async () => {
    await agreesWithSerial({ threads: 2 }, 400, 29);
  });

  it('give the same as one worker with a memory of its own', async () => {
    await agreesWithSerial({ hooks: { isShared: false } }, 200, 31);
  });
});
