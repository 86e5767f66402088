import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, requestCpuDevice, Tensor } from '../../../src/engine.js';
import { KERNELS, SHADERS } from '../../../src/gpu/shaders.gen.js';
import { Linear } from '../../../src/nn/layers.js';
import { AdamW } from '../../../src/nn/optimizer.js';
import { ParameterStore } from '../../../src/nn/parameters.js';
import { createEngine } from '../../../src/node.js';
import { attention, attentionProbabilities } from '../../../src/tensor/attention.js';
import { unfold3d } from '../../../src/tensor/conv3d.js';
import { addExpected, addExpectedEndless, appendTokens } from '../../../src/tensor/drawn-tokens.js';
import { activate } from '../../../src/tensor/elementwise.js';
import { embedding, repeatRows, sinusoid, Tokens } from '../../../src/tensor/embedding.js';
import { gru } from '../../../src/tensor/gru.js';
import { layerNorm } from '../../../src/tensor/layernorm.js';
import { linear } from '../../../src/tensor/linear.js';
import { crossEntropy, meanSquaredError } from '../../../src/tensor/losses.js';
import { mixWeights } from '../../../src/tensor/mixture.js';
import { normalize } from '../../../src/tensor/normalize.js';
import { RandomState } from '../../../src/tensor/random.js';
import { rowDots } from '../../../src/tensor/row-dots.js';
import { sample } from '../../../src/tensor/sample.js';
import { concatenate, slice } from '../../../src/tensor/sequence.js';
import { softmax } from '../../../src/tensor/softmax.js';
import { spikeHistory } from '../../../src/tensor/spike-history.js';
import { differentiate } from '../../../src/tensor/tape.js';
import { elementCount } from '../../../src/tensor/tensor.js';
import { STAGED } from '../../helpers/engine.js';
import {
  type CapturedDispatch,
  captureDispatches,
  checkDispatch,
  dispatchedSource,
} from '../../races/races.js';
import * as c from './calls.js';

/**
 * Runs kernels of every shader, forward and backward, on shapes small enough for the race checker.
 */
function runEveryShader(engine: Engine): void {
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
  // K is long enough to be split over workgroups.
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
  train(() => rowDots(repeatRows(t(7, 5), 3), t(7, 5), t(7)));
  train(() => mixWeights(t(3, 5), t(3, 5)));
  train(() => softmax(t(7, 9)));
  const windows = { ids: words(0, 5, 1, 2, 3, 8).reshape([2, 3]), times: t(2, 3) };
  const past = { pastIds: words(1, 2, 7, 0).reshape([2, 2]), pastTimes: t(2, 2) };
  const history = { neurons: 6, columns: 9, pastSteps: 4 };
  train(() => spikeHistory({ ...windows, ...past }, t(2, 9), history));
  appendTokens(windows, 1, { ids: words(4, 5), times: words(2, 3) });
  addExpected(t(2, 9), t(2, 9), windows, { position: 2, end: 7 });
  addExpectedEndless(t(2, 9), t(2, 9), t(2, 3), { position: 1, end: 7 });
  sinusoid(t(7, 3), 20);
  sample(t(5, 13), { random, site: 2, topK: 6, topP: 0.8, lowest: words(0, 1, 2, 3, 4) });
  const store = new ParameterStore();
  const layer = new Linear(store, 6, 13);
  store.allocate(engine, 1);
  train(() => layer.call(t(4, 6)));
  new AdamW(store, { maxNorm: 0.01 }).step(0.1);
}

/** A seeded random generator of integers from 0 to `below` - 1. */
function seededInteger(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const ATTEMPTS = 40;
const captured: CapturedDispatch[] = [];
/** The device for dispatches without a fault; each faulty one loses a device of its own. */
let checked: GPUDevice | undefined;

beforeAll(async () => {
  for (const tuning of [{}, STAGED]) {
    const engine = await createEngine({ adapter: 'cpu', threads: 2, tuning });
    captured.push(...(await captureDispatches(engine, () => runEveryShader(engine))));
    engine.dispose();
  }
  checked = await requestCpuDevice({ checked: true, threads: 2 });
});
afterAll(() => checked?.destroy());

/**
 * Runs a dispatch and returns the words of its buffers, or the message of the device's loss.
 *
 * @param code what to run instead of the dispatched source.
 */
async function run(
  device: GPUDevice,
  dispatch: CapturedDispatch,
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
  const buffers = bindings.map(({ name, kind }) => {
    const content = dispatch.before[name]!;
    const usage = c.COPY_DST | c.COPY_SRC | (kind === 'uniform' ? c.UNIFORM : c.STORAGE);
    return bufferWith(device, content, content.byteLength, usage);
  });
  const params = bufferWith(device, dispatch.params, 64, c.UNIFORM | c.COPY_DST);
  const entries = bindings.map(({ binding }, n) => ({
    binding,
    resource: { buffer: buffers[n]! },
  }));
  const group = device.createBindGroup({ layout, entries });
  c.submitPass(device, (pass) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.setBindGroup(1, c.group(device, paramsLayout, params));
    pass.dispatchWorkgroups(...dispatch.grid);
  });
  const lost = device.lost.then(({ message }) => message);
  const results = Promise.all(
    bindings.map(async ({ name }, n) => [
      name,
      Uint32Array.from(await c.read(device, buffers[n]!)),
    ]),
  ).then((entries) => Object.fromEntries(entries));
  const outcome = await Promise.race([lost, results.catch(() => lost)]);
  if (typeof outcome !== 'string') for (const buffer of [...buffers, params]) buffer.destroy();
  return outcome;
}

function bufferWith(
  device: GPUDevice,
  content: Uint32Array,
  size: number,
  usage: number,
): GPUBuffer {
  const buffer = c.buffer(device, size, usage);
  device.queue.writeBuffer(buffer, 0, content as Uint32Array<ArrayBuffer>);
  return buffer;
}

/** The message with which a new checked device is lost in a dispatch. */
async function lossMessage(dispatch: CapturedDispatch, code?: string): Promise<string> {
  const device = await requestCpuDevice({ checked: true, threads: 2 });
  const outcome = await run(device, dispatch, code);
  device.destroy();
  if (typeof outcome !== 'string') throw new Error(`No fault was reported in ${dispatch.kernel}.`);
  return outcome;
}

/** The parts of a message about an index that is out of range. */
function parse(message: string) {
  const match =
    /^kernel (?<kernel>.+), line (?<line>\d+), column (?<column>\d+): index (?<index>\d+) of (?<name>.+) is outside 0 to (?<last>\d+)$/.exec(
      message,
    );
  if (!match) throw new Error(`"${message}" does not say where a bad index is.`);
  const { kernel, line, column, index, name, last } = match.groups as Record<string, string>;
  const numbers = {
    line: Number(line),
    column: Number(column),
    index: Number(index),
    last: Number(last),
  };
  return { kernel: kernel!, name: name!, ...numbers };
}

/** A dispatch with a random buffer cut short; `undefined` where none is long enough. */
function withShortBuffer(dispatch: CapturedDispatch, randomInteger: (below: number) => number) {
  const { bindings } = KERNELS[dispatch.kernel];
  const candidates = bindings.filter(
    ({ name, kind }) => kind !== 'uniform' && dispatch.before[name]!.length > 4,
  );
  if (candidates.length === 0) return undefined;
  const { name } = candidates[randomInteger(candidates.length)]!;
  const content = dispatch.before[name]!;
  const words = 4 * (1 + randomInteger(Math.ceil(content.length / 4) - 1));
  const before = { ...dispatch.before, [name]: content.slice(0, words) };
  return { name, words, dispatch: { ...dispatch, before } };
}

/** A source with a random index into a buffer moved past its end, and the line of the index. */
function withIndexMoved(dispatch: CapturedDispatch, randomInteger: (below: number) => number) {
  const source = dispatchedSource(dispatch);
  const names = KERNELS[dispatch.kernel].bindings.map(({ name }) => name);
  const accesses = [...source.matchAll(new RegExp(`(?<![.\\w&])(${names.join('|')})\\[`, 'g'))];
  const { 1: name, 0: text, index: offset } = accesses[randomInteger(accesses.length)]!;
  const begin = offset + text.length;
  const end = closingBracket(source, begin);
  const moved = dispatch.before[name!]!.length + randomInteger(1000);
  const code = `${source.slice(0, begin)}(${source.slice(begin, end)}) + ${moved}${source.slice(end)}`;
  const line = source.slice(0, offset).split('\n').length;
  return { name: name!, line, moved, code };
}

/** The number of words in an element of a buffer. */
function wordsPerElement(source: string, name: string): number {
  const declared = new RegExp(`> ${name}: array<(\\w+)>;`).exec(source);
  if (!declared) throw new Error(`${name} is not declared as an array.`);
  return declared[1]!.startsWith('vec4') ? 4 : 1;
}

/** The offset of the bracket that closes the one just before `begin`. */
function closingBracket(text: string, begin: number): number {
  let depth = 1;
  for (let offset = begin; ; offset++) {
    if (text[offset] === '[') depth++;
    if (text[offset] === ']' && --depth === 0) return offset;
  }
}

describe.each(Object.keys(SHADERS))('on a checked device, shaders/%s.wgsl', (shader) => {
  const dispatches = () => captured.filter(({ kernel }) => KERNELS[kernel].shader === shader);
  const seed = [...shader].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7) >>> 0;

  it('gives the same bits as unchecked, and no fault', async () => {
    expect(dispatches().length).toBeGreaterThan(0);
    for (const dispatch of dispatches()) {
      const after = await run(checked!, dispatch);
      const names = KERNELS[dispatch.kernel].bindings.map(({ name }) => name);
      const expected = Object.fromEntries(names.map((name) => [name, dispatch.after[name]]));
      expect([dispatch.kernel, after]).toEqual([dispatch.kernel, expected]);
    }
  });

  it('reports a buffer that is too small: kernel, line, column, index and range', async () => {
    const randomInteger = seededInteger(seed);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const short = withShortBuffer(
        dispatches()[randomInteger(dispatches().length)]!,
        randomInteger,
      );
      if (!short) continue;
      // The race checker says whether the kernel accesses words past the end of the short buffer.
      const { problems } = checkDispatch(short.dispatch);
      const faults = problems.filter(
        (text) => text.includes(`: ${short.name} is `) && text.endsWith('out of bounds'),
      );
      if (faults.length === 0) continue;
      const { kernel, line, column, index, name, last } = parse(await lossMessage(short.dispatch));
      expect([kernel, name]).toEqual([short.dispatch.kernel, short.name]);
      expect(faults.map((text) => text.replace(/(read|written)/, 'used'))).toContain(
        `line ${line}: ${name} is used out of bounds`,
      );
      const source = dispatchedSource(short.dispatch);
      expect(last).toBe(short.words / wordsPerElement(source, name) - 1);
      expect(index).toBeGreaterThan(last);
      // The column points at the bracket.
      const text = source.split('\n')[line - 1]!;
      expect(text.slice(0, column)).toMatch(new RegExp(`\\b${name}\\[$`));
      return;
    }
    expect.fail(`no short buffer made a kernel of ${shader} read or write past its end`);
  });

  it('reports an index that is wrong, at its line', async () => {
    const randomInteger = seededInteger(seed + 1);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const dispatch = dispatches()[randomInteger(dispatches().length)]!;
      const changed = withIndexMoved(dispatch, randomInteger);
      const { problems } = checkDispatch(dispatch, changed.code);
      if (!problems.some((text) => text.endsWith('out of bounds'))) continue;
      const { kernel, line, index, name, last } = parse(await lossMessage(dispatch, changed.code));
      expect([kernel, name, line]).toEqual([dispatch.kernel, changed.name, changed.line]);
      expect(index).toBeGreaterThanOrEqual(changed.moved);
      expect(last).toBeLessThan(changed.moved);
      return;
    }
    expect.fail(`no moved index made a kernel of ${shader} read or write past the end of a buffer`);
  });
});

describe('a checked kernel', () => {
  /** The message with which a device is lost in a kernel whose values are 9, -7, 0, 0. */
  async function messageOfLoss(code: string, isShared = true): Promise<string> {
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
  const kernel = (body: string, declarations = '') =>
    `${VALUES}\n${declarations}\n@compute @workgroup_size(1) fn main() {\n  ${body}\n}`;

  it.each([
    ['past the end of a runtime-sized array', kernel('values[values[0]] = 1;'), 4, 9, 'values', 3],
    ['below zero', kernel('values[values[1]] = 1;'), 4, 2 ** 32 - 7, 'values', 3],
    [
      'past the end of a workgroup variable',
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
      'past the end of a private variable',
      kernel('list[values[0]] = 1; values[0] = list[1];', 'var<private> list: array<i32, 4>;'),
      4,
      9,
      'list',
      3,
    ],
    [
      'past the end of a local variable',
      kernel('var a = array(1, 2, 3);\n  values[0] = a[values[0]];'),
      5,
      9,
      'a',
      2,
    ],
    [
      'past the end of a vector',
      kernel('var v = vec3f(1.0);\n  v[values[0]] = 2.0;\n  values[0] = i32(v.x);'),
      5,
      9,
      'v',
      2,
    ],
    [
      'past the end of an array behind a pointer',
      kernel(
        'var a = array(1, 2);\n  values[0] = element(&a, values[0]);',
        'fn element(p: ptr<function, array<i32, 2>>, n: i32) -> i32 { return (*p)[n]; }',
      ),
      2,
      9,
      'what a pointer points at',
      1,
    ],
  ] as const)('reports an index %s', async (_, code, line, index, name, last) => {
    const fault = parse(await messageOfLoss(code));
    expect(fault).toMatchObject({ kernel: 'k', line, index, name, last });
  });

  it('reports the same from a worker without shared memory', async () => {
    expect(await messageOfLoss(kernel('values[values[0] + 1] = 1;'), false)).toBe(
      'kernel k, line 4, column 9: index 10 of values is outside 0 to 3',
    );
  });

  it('reports the first of two faults', async () => {
    const { line, index } = parse(
      await messageOfLoss(kernel('values[values[0]] = 1;\n  values[20] = 2;')),
    );
    expect([line, index]).toEqual([4, 9]);
  });

  it('without a fault does not lose its device', async () => {
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
