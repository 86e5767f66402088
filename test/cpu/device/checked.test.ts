import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, requestCpuDevice, Tensor } from '../../../src/engine.js';
import { KERNELS, SHADERS } from '../../../src/gpu/shaders.gen.js';
import { Linear } from '../../../src/nn/layers.js';
import { AdamW } from '../../../src/nn/optimizer.js';
import { ParameterStore } from '../../../src/nn/parameters.js';
import { createEngine } from '../../../src/node.js';
import { attention, attentionProbabilities } from '../../../src/tensor/attention.js';
import { activate } from '../../../src/tensor/elementwise.js';
import { embedding, sinusoid, Tokens } from '../../../src/tensor/embedding.js';
import { gru } from '../../../src/tensor/gru.js';
import { layerNorm } from '../../../src/tensor/layernorm.js';
import { linear } from '../../../src/tensor/linear.js';
import { crossEntropy, meanSquaredError, normalize } from '../../../src/tensor/losses.js';
import { RandomState } from '../../../src/tensor/random.js';
import { sample } from '../../../src/tensor/sample.js';
import { concatenate, slice, unfold3d } from '../../../src/tensor/sequence.js';
import { differentiate } from '../../../src/tensor/tape.js';
import { elementCount } from '../../../src/tensor/tensor.js';
import { STAGED } from '../../helpers/engine.js';
import { type Captured, capture, dispatchedSource, examine } from '../../races/races.js';
import * as c from './calls.js';

/** Something of every shader file, forward and backward, small enough to be looked at word by word. */
function everyShader(engine: Engine): void {
  const t = (...shape: number[]) => {
    const values = Float32Array.from({ length: elementCount(shape) }, (_, n) =>
      Math.sin(7 * n + 1),
    );
    return Tensor.from(engine, values, shape, { requiresGrad: true });
  };
  const words = (...values: number[]) =>
    Tensor.from(engine, Uint32Array.from(values), [values.length]);
  const train = (forward: () => Tensor) =>
    differentiate(engine, () => {
      const y = forward();
      const truth = t(...y.shape);
      truth.requiresGrad = false;
      return meanSquaredError(y, truth);
    });
  const random = new RandomState(engine, 7);
  const { weightInput, biasInput } = { weightInput: t(12, 5), biasInput: t(12) };
  const cell = { weightInput, biasInput, weightState: t(12, 4), biasState: t(12) };
  train(() => linear(t(9, 36), t(12, 36), { bias: t(12), gelu: true }));
  // K long enough to be split over workgroups.
  train(() => linear(t(4, 520), t(4, 520)));
  train(() => attention(t(1, 6, 8), t(1, 9, 8), t(1, 9, 8), { heads: 2, causal: false }));
  attentionProbabilities(t(1, 6, 4), t(1, 9, 4), { heads: 1, topK: 3 });
  train(() => activate(layerNorm(t(5, 8), t(8), t(8)), 'gelu'));
  train(() => normalize(t(5, 7)));
  train(() => embedding(t(4, 8), new Tokens(engine, [2, 2], 4, [0, 3, 3, 1]), {}));
  train(() => gru(t(2, 3, 5), t(2, 4), cell));
  train(() => slice(concatenate([t(2, 3, 5), t(2, 4, 5)]), 2, 4));
  train(() => unfold3d(t(1, 2, 3, 4, 4), [2, 2, 2], [1, 1, 2]).patches);
  differentiate(engine, () => crossEntropy(t(7, 9), words(0, 1, 2, 3, 4, 5, 6), {}));
  sinusoid(t(7, 3), 20);
  sample(t(5, 13), { random, site: 2, topK: 6, topP: 0.8, lowest: words(0, 1, 2, 3, 4) });
  const store = new ParameterStore();
  const layer = new Linear(store, 6, 13);
  store.allocate(engine, 1);
  train(() => layer.call(t(4, 6)));
  new AdamW(store, { maxNorm: 0.01 }).step(0.1);
}

/** Numbers from 0 up to, but not including, a whole number, by a seed. */
function chooser(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const ATTEMPTS = 40;
const captured: Captured[] = [];
/** For what passes: devices that are lost are others. */
let checked: GPUDevice | undefined;

beforeAll(async () => {
  for (const tuning of [{}, STAGED]) {
    const engine = await createEngine({ adapter: 'cpu', threads: 2, tuning });
    captured.push(...(await capture(engine, () => everyShader(engine))));
    engine.dispose();
  }
  checked = await requestCpuDevice({ checked: true, threads: 2 });
});
afterAll(() => checked?.destroy());

/** Runs a dispatch, and gives the words of the buffers that it wrote; or the sentence with which the device was lost. */
async function run(
  device: GPUDevice,
  dispatch: Captured,
  code = dispatchedSource(dispatch),
): Promise<Record<string, Uint32Array> | string> {
  const { bindings, entry } = KERNELS[dispatch.kernel];
  const layout = device.createBindGroupLayout({
    entries: bindings.map(({ binding, kind }) => ({
      binding,
      visibility: c.COMPUTE,
      buffer: { type: kind },
    })),
  });
  const paramsLayout = c.groupLayout(device, 'uniform');
  const pipeline = device.createComputePipeline({
    label: dispatch.kernel,
    layout: c.pipelineLayout(device, [layout, paramsLayout]),
    compute: { module: device.createShaderModule({ code }), entryPoint: entry },
  });
  const made = bindings.map(({ name, kind }) => {
    const content = dispatch.before[name]!;
    const usage = c.COPY_DST | c.COPY_SRC | (kind === 'uniform' ? c.UNIFORM : c.STORAGE);
    return filled(device, content, content.byteLength, usage);
  });
  const params = filled(device, dispatch.params, 64, c.UNIFORM | c.COPY_DST);
  const entries = bindings.map(({ binding }, n) => ({ binding, resource: { buffer: made[n]! } }));
  const group = device.createBindGroup({ layout, entries });
  c.submitPass(device, (pass) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.setBindGroup(1, c.group(device, paramsLayout, params));
    pass.dispatchWorkgroups(...dispatch.grid);
  });
  const lost = device.lost.then(({ message }) => message);
  const results = Promise.all(
    bindings.map(async ({ name }, n) => [name, Uint32Array.from(await c.read(device, made[n]!))]),
  ).then((entries) => Object.fromEntries(entries));
  const end = await Promise.race([lost, results.catch(() => lost)]);
  if (typeof end !== 'string') for (const b of [...made, params]) b.destroy();
  return end;
}

function filled(device: GPUDevice, content: Uint32Array, size: number, usage: number): GPUBuffer {
  const b = c.buffer(device, size, usage);
  device.queue.writeBuffer(b, 0, content as Uint32Array<ArrayBuffer>);
  return b;
}

/** The sentence with which a checked device of its own is lost in a dispatch. */
async function lossIn(dispatch: Captured, code?: string): Promise<string> {
  const device = await requestCpuDevice({ checked: true, threads: 2 });
  const end = await run(device, dispatch, code);
  device.destroy();
  if (typeof end !== 'string') throw new Error(`${dispatch.kernel} was not found to be at fault.`);
  return end;
}

/** A sentence of a bad index, taken apart. */
function parse(sentence: string) {
  const found =
    /^kernel (?<kernel>.+), line (?<line>\d+), column (?<column>\d+): index (?<index>\d+) of (?<name>.+) is outside 0 to (?<last>\d+)$/.exec(
      sentence,
    );
  if (!found) throw new Error(`"${sentence}" does not say where a bad index is.`);
  const { kernel, line, column, index, name, last } = found.groups as Record<string, string>;
  const numbers = {
    line: Number(line),
    column: Number(column),
    index: Number(index),
    last: Number(last),
  };
  return { kernel: kernel!, name: name!, ...numbers };
}

/** A dispatch with one storage buffer cut short by chance; `undefined` where none can be. */
function cutShort(dispatch: Captured, choose: (below: number) => number) {
  const { bindings } = KERNELS[dispatch.kernel];
  const long = bindings.filter(
    ({ name, kind }) => kind !== 'uniform' && dispatch.before[name]!.length > 4,
  );
  if (long.length === 0) return undefined;
  const { name } = long[choose(long.length)]!;
  const whole = dispatch.before[name]!;
  const words = 4 * (1 + choose(Math.ceil(whole.length / 4) - 1));
  const before = { ...dispatch.before, [name]: whole.slice(0, words) };
  return { name, words, dispatch: { ...dispatch, before } };
}

/** A source with one index into a buffer moved far away by chance, and where it stands. */
function withIndexMoved(dispatch: Captured, choose: (below: number) => number) {
  const source = dispatchedSource(dispatch);
  const names = KERNELS[dispatch.kernel].bindings.map(({ name }) => name);
  const accesses = [...source.matchAll(new RegExp(`(?<![.\\w&])(${names.join('|')})\\[`, 'g'))];
  const { 1: name, 0: text, index: at } = accesses[choose(accesses.length)]!;
  const begin = at + text.length;
  const end = closingBracket(source, begin);
  const moved = dispatch.before[name!]!.length + choose(1000);
  const code = `${source.slice(0, begin)}(${source.slice(begin, end)}) + ${moved}${source.slice(end)}`;
  const line = source.slice(0, at).split('\n').length;
  return { name: name!, line, at, moved, code };
}

/** How many words an element of a buffer has. */
function wordsPerElement(source: string, name: string): number {
  const declared = new RegExp(`> ${name}: array<(\\w+)>;`).exec(source);
  if (!declared) throw new Error(`${name} is not declared as an array.`);
  return declared[1]!.startsWith('vec4') ? 4 : 1;
}

/** Where the bracket closes that is open at a place. */
function closingBracket(text: string, begin: number): number {
  let depth = 1;
  for (let at = begin; ; at++) {
    if (text[at] === '[') depth++;
    if (text[at] === ']' && --depth === 0) return at;
  }
}

describe.each(Object.keys(SHADERS))('a kernel of shaders/%s.wgsl, checked,', (shader) => {
  const dispatches = () => captured.filter(({ kernel }) => KERNELS[kernel].shader === shader);
  const seed = [...shader].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7) >>> 0;

  it('makes the same bits as unchecked, and is not found at fault', async () => {
    expect(dispatches().length).toBeGreaterThan(0);
    for (const dispatch of dispatches()) {
      const made = await run(checked!, dispatch);
      const names = KERNELS[dispatch.kernel].bindings.map(({ name }) => name);
      const expected = Object.fromEntries(names.map((name) => [name, dispatch.after[name]]));
      expect([dispatch.kernel, made]).toEqual([dispatch.kernel, expected]);
    }
  });

  it('is found at fault where a buffer is too small: by kernel, line, column, index and range', async () => {
    const choose = chooser(seed);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const cut = cutShort(dispatches()[choose(dispatches().length)]!, choose);
      if (!cut) continue;
      // Whether it leaves the buffer, an interpreter of the kernel says.
      const { problems } = examine(cut.dispatch);
      const faults = problems.filter(
        (text) => text.includes(`: ${cut.name} is `) && text.endsWith('outside'),
      );
      if (faults.length === 0) continue;
      const { kernel, line, column, index, name, last } = parse(await lossIn(cut.dispatch));
      expect([kernel, name]).toEqual([cut.dispatch.kernel, cut.name]);
      expect(faults.map((text) => text.replace(/(read|written)/, 'used'))).toContain(
        `line ${line}: ${name} is used outside`,
      );
      const source = dispatchedSource(cut.dispatch);
      expect(last).toBe(cut.words / wordsPerElement(source, name) - 1);
      expect(index).toBeGreaterThan(last);
      // The column is that of the bracket.
      const text = source.split('\n')[line - 1]!;
      expect(text.slice(0, column)).toMatch(new RegExp(`\\b${name}\\[$`));
      return;
    }
    expect.fail(`no buffer of ${shader} could be made too small`);
  });

  it('is found at fault where an index is wrong: at that very place', async () => {
    const choose = chooser(seed + 1);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const dispatch = dispatches()[choose(dispatches().length)]!;
      const changed = withIndexMoved(dispatch, choose);
      if (!examine(dispatch, changed.code).problems.some((text) => text.endsWith('outside')))
        continue;
      const { kernel, line, index, name, last } = parse(await lossIn(dispatch, changed.code));
      expect([kernel, name, line]).toEqual([dispatch.kernel, changed.name, changed.line]);
      expect(index).toBeGreaterThanOrEqual(changed.moved);
      expect(last).toBeLessThan(changed.moved);
      return;
    }
    expect.fail(`no index of ${shader} could be moved`);
  });
});

describe('a checked kernel', () => {
  /** The sentence with which a device is lost in a kernel that is given 9 in its first word. */
  async function sentence(code: string, isShared = true): Promise<string> {
    const device = await requestCpuDevice({
      checked: true,
      threads: 2,
      hooks: { isShared },
    });
    const values = c.words(device, 9, -7 >>> 0, 0, 0);
    const pipeline = device.createComputePipeline({
      label: 'k',
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }) },
    });
    c.submitPass(device, (pass) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, c.group(device, pipeline.getBindGroupLayout(0), values));
      pass.dispatchWorkgroups(1);
    });
    const { message } = await device.lost;
    return message;
  }

  const VALUES = '@group(0) @binding(0) var<storage, read_write> values: array<i32>;';
  const kernel = (body: string, declared = '') =>
    `${VALUES}\n${declared}\n@compute @workgroup_size(1) fn main() {\n  ${body}\n}`;

  it.each([
    ['a runtime-sized array', kernel('values[values[0]] = 1;'), 4, 9, 'values', 3],
    ['a negative index', kernel('values[values[1]] = 1;'), 4, 2 ** 32 - 7, 'values', 3],
    [
      'a workgroup variable',
      kernel(
        'tile[values[0]] = 1.0; values[0] = i32(tile[0]);',
        'var<workgroup> tile: array<f32, 8>;',
      ),
      4,
      9,
      'tile',
      7,
    ],
    [
      'a private variable',
      kernel('own[values[0]] = 1; values[0] = own[1];', 'var<private> own: array<i32, 4>;'),
      4,
      9,
      'own',
      3,
    ],
    [
      'a variable of a function',
      kernel('var a = array(1, 2, 3);\n  values[0] = a[values[0]];'),
      5,
      9,
      'a',
      2,
    ],
    [
      'a vector',
      kernel('var v = vec3f(1.0);\n  v[values[0]] = 2.0;\n  values[0] = i32(v.x);'),
      5,
      9,
      'v',
      2,
    ],
    [
      'what a pointer points to',
      kernel(
        'var a = array(1, 2);\n  values[0] = at(&a, values[0]);',
        'fn at(p: ptr<function, array<i32, 2>>, n: i32) -> i32 { return (*p)[n]; }',
      ),
      2,
      9,
      'what a pointer points at',
      1,
    ],
  ] as const)('says where an index is outside %s', async (_, code, line, index, name, last) => {
    const found = parse(await sentence(code));
    expect(found).toMatchObject({ kernel: 'k', line, index, name, last });
  });

  it('of one worker with a memory of its own says the same', async () => {
    expect(await sentence(kernel('values[values[0] + 1] = 1;'), false)).toBe(
      'kernel k, line 4, column 9: index 10 of values is outside 0 to 3',
    );
  });

  it('says of the first of two places, and of no other', async () => {
    const { line, index } = parse(
      await sentence(kernel('values[values[0]] = 1;\n  values[20] = 2;')),
    );
    expect([line, index]).toEqual([4, 9]);
  });

  it('that is never at fault does not lose its device', async () => {
    const device = await requestCpuDevice({ checked: true, threads: 2 });
    const values = c.words(device, 3, 0, 0, 0);
    const pipeline = c.pipeline(device, kernel('values[values[0]] = 5;'));
    c.submitPass(device, (pass) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, c.group(device, pipeline.getBindGroupLayout(0), values));
      pass.dispatchWorkgroups(1);
    });
    expect(await c.read(device, values)).toEqual([3, 0, 0, 5]);
    device.destroy();
  });
});
