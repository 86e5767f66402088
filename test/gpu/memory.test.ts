import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Engine, Tensor, UnsupportedError } from '../../src/engine.js';
import { sizeClass } from '../../src/gpu/memory.js';
import { createEngine } from '../../src/node.js';
import { add } from '../../src/tensor/elementwise.js';
import { addInto } from '../../src/tensor/primitives.js';
import { useEngine } from '../helpers/engine.js';
import { fill } from '../helpers/fill.js';
import { TinyModel } from '../helpers/tiny-model.js';
import { watchBuffers } from '../helpers/watch-buffers.js';

const engine = useEngine();

/** The buffers and bytes that an engine has in use. */
function liveMemory(owner: Engine): { buffers: number; bytes: number } {
  const { liveBuffers: buffers, liveBytes: bytes } = owner.memory();
  return { buffers, bytes };
}

function ones(length = 100): Tensor {
  return Tensor.from(engine(), new Float32Array(length).fill(1), [length]);
}

describe('the pool', () => {
  it('rounds sizes up to classes that waste at most a quarter and are multiples of 4', () => {
    for (let bytes = 1; bytes < 1e9; bytes = Math.ceil(bytes * 1.37)) {
      const rounded = sizeClass(bytes);
      expect(rounded).toBeGreaterThanOrEqual(bytes);
      expect(rounded).toBeLessThanOrEqual(Math.max(256, 1.25 * bytes));
      expect(rounded % 4).toBe(0);
      expect(sizeClass(rounded)).toBe(rounded);
    }
  });

  it('reuses a released buffer instead of creating another', () => {
    const released = Tensor.zeros(engine(), [5000]);
    released.dispose();
    const { created } = engine().memory();
    const next = Tensor.zeros(engine(), [5001]);
    expect(next.buffer).toBe(released.buffer);
    expect(engine().memory().created).toBe(created);
    next.dispose();
  });

  it('takes a buffer back only once, however often it is disposed', () => {
    const before = liveMemory(engine());
    const tensor = ones();
    tensor.dispose();
    tensor.dispose();
    tensor.reshape([10, 10]).dispose();
    expect(liveMemory(engine())).toEqual(before);
    const [p, q] = [ones(), ones()];
    expect(p.buffer).not.toBe(q.buffer);
    p.dispose();
    q.dispose();
  });

  it('rejects a buffer larger than the device can bind, saying the limit and what to do', () => {
    const { maxBufferSize, maxStorageBufferBindingSize } = engine().device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    const allocate = () => engine().allocate(most + 4);
    expect(allocate).toThrow(UnsupportedError);
    expect(allocate).toThrow(
      `A buffer of ${most + 4} bytes exceeds what this device can bind (${most} bytes): use a smaller batch or model.`,
    );
  });
});

describe('free memory', () => {
  const MIB = 2 ** 20;

  it('is given back on request, after the commands that use it', async () => {
    const before = liveMemory(engine());
    const [a, b] = [ones(), ones()];
    const sum = engine().scope(() => add(add(a, b), b));
    for (const tensor of [a, b]) tensor.dispose();
    engine().trim();
    expect(engine().memory().bytes).toBe(engine().memory().liveBytes);
    expect(liveMemory(engine()).buffers).toBe(before.buffers + 1);
    expect(await sum.floats()).toEqual(new Float32Array(100).fill(3));
    sum.dispose();
    engine().trim();
    expect(engine().memory().bytes).toBe(before.bytes);
  });

  it('is given back with the buffers that results were read through', async () => {
    engine().trim();
    const buffers = watchBuffers(engine().device);
    const read = Tensor.zeros(engine(), [MIB]);
    await read.floats();
    expect(buffers.alive.size).toBe(2);
    read.dispose();
    engine().trim();
    expect(buffers.alive.size).toBe(0);
    buffers.stop();
  });

  it('is given back where more than 1 GiB would be held', async () => {
    const own = await createEngine();
    const held = [0, 1].map(() => own.allocate(384 * MIB));
    for (const allocation of held) allocation.release();
    const kept = own.allocate(200 * MIB);
    expect(own.memory().bytes).toBeGreaterThan(900 * MIB);
    const flushed = vi.spyOn(own, 'flush');
    own.allocate(320 * MIB);
    expect(flushed).toHaveBeenCalledTimes(1);
    expect(own.memory().bytes).toBe(own.memory().liveBytes);
    expect(own.memory().bytes).toBeLessThan(600 * MIB);
    expect(kept.released).toBe(false);
    own.allocate(600 * MIB);
    expect(flushed, 'nothing more is free').toHaveBeenCalledTimes(1);
    await own.finish();
    own.dispose();
  });
});

describe('all or nothing', () => {
  it('leaves no buffer of parameters behind either', async () => {
    const own = await createEngine({ immediates: false });
    const x = Tensor.zeros(own, [100]);
    await own.finish();
    own.trim();
    const buffers = watchBuffers(own.device);
    const failing = () =>
      own.allOrNothing(() => {
        own.record(() => fill(x, 1));
        throw new Error('inside');
      });
    expect(failing).toThrow('inside');
    own.trim();
    expect(buffers.alive.size).toBe(0);
    buffers.stop();
    own.dispose();
  });

  it('releases what was allocated and recorded where it throws, and nothing otherwise', () => {
    const before = liveMemory(engine());
    const make = () => {
      const kept = engine().allocateLasting(1000);
      const step = engine().record(() => [ones(), Tensor.zeros(engine(), [3]).keep()]);
      const inner = engine().allOrNothing(() => ones());
      return { kept, step, inner };
    };
    const failing = () =>
      engine().allOrNothing(() => {
        make();
        throw new Error('inside');
      });
    expect(failing).toThrow('inside');
    expect(liveMemory(engine())).toEqual(before);
    const { kept, step, inner } = engine().allOrNothing(make);
    expect(liveMemory(engine()).buffers).toBeGreaterThan(before.buffers + 2);
    for (const tensor of step.value) tensor.dispose();
    step.dispose();
    kept.release();
    inner.dispose();
    expect(liveMemory(engine())).toEqual(before);
  });
});

describe('a scope', () => {
  it('releases everything but its result', async () => {
    const before = liveMemory(engine()).buffers;
    const kept = engine().scope(() => {
      ones();
      const sum = ones();
      addInto(engine(), ones(), sum);
      return sum;
    });
    expect(liveMemory(engine()).buffers).toBe(before + 1);
    expect(await kept.floats()).toEqual(new Float32Array(100).fill(2));
    kept.dispose();
    expect(liveMemory(engine()).buffers).toBe(before);
  });

  it('keeps the tensors in an array or a plain object, and the buffer of a reshaped view', () => {
    const before = liveMemory(engine()).buffers;
    const kept = engine().scope(() => {
      ones();
      return { pair: [ones(), ones()], view: ones().reshape([4, 25]), n: 3 };
    });
    expect(liveMemory(engine()).buffers).toBe(before + 3);
    for (const tensor of [...kept.pair, kept.view]) tensor.dispose();
    expect(liveMemory(engine()).buffers).toBe(before);
  });

  it('passes its result to the enclosing scope', () => {
    const before = liveMemory(engine()).buffers;
    engine().scope(() => {
      const inner = engine().scope(() => ones());
      expect(liveMemory(engine()).buffers).toBe(before + 1);
      inner.reshape([100, 1]);
    });
    expect(liveMemory(engine()).buffers).toBe(before);
  });

  it('releases everything when it throws', () => {
    const before = liveMemory(engine()).buffers;
    const failing = () =>
      engine().scope(() => {
        engine().scope(() => [ones(), ones()]);
        ones();
        throw new Error('inside the scope');
      });
    expect(failing).toThrow('inside the scope');
    expect(liveMemory(engine()).buffers).toBe(before);
  });
});

describe('while a step is recorded', () => {
  it('another recording throws, and the step still records', async () => {
    const x = ones();
    const step = engine().record(() => {
      expect(() => engine().record(() => 1)).toThrow('recordings cannot be nested');
      fill(x, 5);
    });
    step.run();
    expect((await x.floats())[0]).toBe(5);
    step.dispose();
    x.dispose();
  });

  it('nothing can be read', async () => {
    const x = ones();
    let reading: Promise<Float32Array> | undefined;
    const step = engine().record(() => {
      reading = x.floats();
      reading.catch(() => {});
    });
    await expect(reading).rejects.toThrow(
      'Nothing can be read while a step is being recorded, because it has not run yet.',
    );
    step.dispose();
    x.dispose();
  });

  it('the host cannot write memory made inside it, except through Tensor.from', () => {
    const step = engine().record(() => {
      const inside = Tensor.empty(engine(), [2]);
      expect(() => inside.write(new Float32Array(2))).toThrow(
        'upload: this memory was allocated inside the step being recorded: create the tensor before recording, ' +
          'or with Tensor.from.',
      );
    });
    step.dispose();
  });

  it('Tensor.from keeps its values through every replay, whatever else the step allocates', async () => {
    const sum = Tensor.zeros(engine(), [100]);
    const step = engine().record(() => {
      const three = Tensor.from(engine(), new Float32Array(100).fill(3), [100]);
      addInto(engine(), three, sum);
      three.dispose();
      for (let n = 0; n < 5; n++) engine().scope(() => fill(Tensor.empty(engine(), [100]), 77));
    });
    for (let n = 0; n < 4; n++) step.run();
    expect(await sum.floats()).toEqual(new Float32Array(100).fill(12));
    step.dispose();
    sum.dispose();
  });

  it('a buffer disposed inside is not reused before the step is disposed', async () => {
    const x = ones();
    const sum = Tensor.zeros(engine(), [100]);
    const step = engine().record(() => {
      addInto(engine(), x, sum);
      x.dispose();
    });
    const outside = Array.from({ length: 4 }, () => Tensor.zeros(engine(), [100]));
    for (const tensor of outside) fill(tensor, 99);
    step.run();
    step.run();
    expect(await sum.floats()).toEqual(new Float32Array(100).fill(2));
    step.dispose();
    const { created } = engine().memory();
    outside.push(Tensor.zeros(engine(), [100]));
    expect(engine().memory().created, 'the buffer is free again').toBe(created);
    for (const tensor of [sum, ...outside]) tensor.dispose();
  });
});

describe('a recorded step', () => {
  it('releases every buffer when it is disposed, and those of its result when they are', () => {
    const before = liveMemory(engine());
    const step = engine().record(() => {
      ones();
      return { kept: [ones(1000), Tensor.zeros(engine(), [3])] };
    });
    expect(liveMemory(engine()).buffers).toBe(before.buffers + 3);
    step.dispose();
    step.dispose();
    expect(liveMemory(engine())).toEqual(before);
    for (const tensor of step.value.kept) tensor.dispose();
    expect(liveMemory(engine())).toEqual(before);
    expect(() => step.run()).toThrow('This step was disposed.');
  });

  it('leaves no buffer and no open recording behind when recording it throws', () => {
    const before = liveMemory(engine());
    const failing = () =>
      engine().record(() => {
        ones();
        throw new Error('inside the scope');
      });
    expect(failing).toThrow('inside the scope');
    expect(liveMemory(engine())).toEqual(before);
    engine()
      .record(() => 1)
      .dispose();
  });
});

describe('training a hundred steps', () => {
  let trainer: Engine;
  let model: TinyModel;

  beforeAll(async () => {
    trainer = await createEngine();
    model = new TinyModel(trainer);
  });
  afterAll(() => trainer.dispose());

  it('eagerly keeps memory flat', () => {
    const run = (n: number) => {
      model.prepare(n);
      model.step().dispose();
      return trainer.memory();
    };
    run(1);
    const steady = run(2);
    for (let n = 3; n <= 100; n++) expect(run(n)).toEqual(steady);
  });

  it('by replay creates no buffer and no bind group, and submits once per step', async () => {
    const step = trainer.record(() => model.step());
    model.prepare(1);
    step.run();
    const before = { memory: trainer.memory(), counts: trainer.counts() };
    const createBuffer = vi.spyOn(trainer.device, 'createBuffer');
    const createBindGroup = vi.spyOn(trainer.device, 'createBindGroup');
    for (let n = 2; n <= 101; n++) {
      model.prepare(n);
      step.run();
    }
    await trainer.finish();
    expect(createBuffer).not.toHaveBeenCalled();
    expect(createBindGroup).not.toHaveBeenCalled();
    expect(trainer.memory()).toEqual(before.memory);
    expect(trainer.counts()).toEqual({
      ...before.counts,
      submits: before.counts.submits + 100,
      dispatches: before.counts.dispatches + 100 * step.dispatchCount,
    });
    step.dispose();
  });

  it('by replay with delayed reads of the loss needs one staging buffer per pending read', async () => {
    const step = trainer.record(() => model.step());
    const createBuffer = vi.spyOn(trainer.device, 'createBuffer').mockClear();
    for (let n = 1; n <= 10; n++) {
      model.prepare(n);
      const pending = [step.runAndFetch([step.value]), step.runAndFetch([step.value])];
      for (const fetched of pending) expect((await fetched.read())[0]?.byteLength).toBe(4);
    }
    expect(createBuffer).toHaveBeenCalledTimes(2);
    step.dispose();
  });
});
