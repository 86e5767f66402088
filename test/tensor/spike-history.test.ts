import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import * as reference from '../../src/reference/spike-history.js';
import { type SpikeTokens, spikeHistory } from '../../src/tensor/spike-history.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  usedTwice,
} from '../helpers/check.js';
import { useEngine } from '../helpers/engine.js';

interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly P: number;
  readonly neurons: number;
  readonly R: number;
  readonly L: number;
  readonly hides: boolean;
}

const CASES: readonly Sizes[] = [
  { B: 1, T: 1, P: 1, neurons: 1, R: 1, L: 1, hides: false },
  { B: 3, T: 5, P: 7, neurons: 4, R: 2, L: 9, hides: true },
  // Lags longer than the kernel.
  { B: 2, T: 6, P: 9, neurons: 5, R: 3, L: 4, hides: false },
  // More rows than a workgroup, and spikes of one neuron only.
  { B: 5, T: 13, P: 28, neurons: 1, R: 3, L: 20, hides: true },
  { B: 2, T: 33, P: 3, neurons: 70, R: 1, L: 33, hides: false },
];

/** Random tokens: spikes in order of time, then SOS, EOS and PAD tokens here and there. */
function randomTokens({ B, T, P, neurons, hides }: Sizes): reference.Tokens {
  const random = new HostRandom(11);
  const rows = (length: number, value: () => number) =>
    Array.from({ length: B }, () => Array.from({ length }, value));
  const clock = (length: number, steps: number) =>
    rows(length, () => random.integer(steps)).map((row) => row.sort((p, q) => p - q));
  const pastSteps = 10;
  return {
    ids: rows(T, () => random.integer(neurons + 3)),
    times: clock(T, 6),
    pastIds: rows(P, () => random.integer(neurons + 3)),
    pastTimes: clock(P, pastSteps),
    neurons,
    pastSteps,
    ...(hides && {
      visible: rows(P + T, () => random.integer(4)).map((row) => row.map((n) => n > 0)),
    }),
  };
}

/** The tokens on the device. */
function upload(engine: Engine, tokens: reference.Tokens): SpikeTokens {
  const { ids, times, pastIds, pastTimes, visible } = tokens;
  const shape = (rows: readonly (readonly unknown[])[]) => [rows.length, rows[0]!.length];
  const words = (rows: readonly (readonly number[])[]) =>
    Tensor.from(engine, Uint32Array.from(rows.flat()), shape(rows));
  const numbers = (rows: readonly (readonly number[])[]) =>
    Tensor.from(engine, rows.flat(), shape(rows));
  const P = pastIds[0]!.length;
  const mask = (select: (row: readonly boolean[]) => readonly boolean[]) =>
    words(visible!.map((row) => select(row).map(Number)));
  return {
    ids: words(ids),
    times: numbers(times),
    pastIds: words(pastIds),
    pastTimes: numbers(pastTimes),
    ...(visible && {
      masks: { current: mask((row) => row.slice(P)), past: mask((row) => row.slice(0, P)) },
    }),
  };
}

function historyCase(sizes: Sizes, columns = sizes.neurons + 3): OpCase<'kernel'> {
  const tokens = randomTokens(sizes);
  const { neurons, pastSteps } = tokens;
  return {
    name: 'spikeHistory',
    kind: 'product',
    inputs: { kernel: [sizes.R, sizes.L] },
    run: ({ kernel }) =>
      spikeHistory(upload(kernel.engine, tokens), kernel, { neurons, columns, pastSteps }),
    forward: ({ kernel }) => reference.spikeHistory(tokens, kernel, columns),
    backward: ({ kernel }, dout) => ({
      kernel: reference.spikeHistoryBackward(tokens, kernel, dout),
    }),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of spikeHistory', () => {
    for (const sizes of CASES.slice(0, 3)) checkReference(historyCase(sizes));
  });
});

describe('spikeHistory', () => {
  const engine = useEngine();
  printWorstErrors();

  for (const sizes of CASES) {
    const { B, T, P, neurons, R, L } = sizes;
    it(`equals the reference for ${B} x (${P} + ${T}) tokens of ${neurons} neurons, ${R} kernels of ${L} lags`, async () => {
      await checkOp(engine(), historyCase(sizes));
    });
  }

  it('adds up the gradients of a kernel used twice', async () => {
    await checkOp(engine(), usedTwice(historyCase(CASES[1]!)));
  });

  it('computes a range of positions as it computes all of them', async () => {
    const sizes = CASES[2]!;
    const tokens = upload(engine(), randomTokens(sizes));
    const kernel = Tensor.from(
      engine(),
      Array.from({ length: 12 }, (_, n) => n + 1),
      [3, 4],
    );
    const options = { neurons: 5, columns: 8, pastSteps: 10 };
    const all = await spikeHistory(tokens, kernel, options).floats();
    const positions = { start: 2, count: 3 };
    const part = await spikeHistory(tokens, kernel, { ...options, positions }).floats();
    const perPosition = 3 * 8;
    for (let b = 0; b < sizes.B; b++) {
      const start = (b * sizes.T + 2) * perPosition;
      expect([...part.subarray(b * 3 * perPosition, (b + 1) * 3 * perPosition)]).toEqual([
        ...all.subarray(start, start + 3 * perPosition),
      ]);
    }
  });

  it('measures lags across the start of the current window', async () => {
    // Neuron 0 fires 3 steps before the current window, neuron 1 in its step 1; the last token is
    // at step 2.
    const tokens = upload(engine(), {
      ids: [[2, 1, 0]],
      times: [[0, 1, 2]],
      pastIds: [[2, 0]],
      pastTimes: [[0, 7]],
      neurons: 2,
      pastSteps: 10,
    });
    const kernel = Tensor.from(engine(), [100, 10, 1, 1000, 7, 5], [1, 6]);
    const history = await spikeHistory(tokens, kernel, { neurons: 2, columns: 2, pastSteps: 10 });
    // At SOS: a lag of 3. At the spike of neuron 1: lags of 4 and 0. At the last: 5 and 0, and 1.
    expect([...(await history.floats())]).toEqual([1000, 0, 7, 100, 5 + 100, 10]);
  });

  it('adds up the spikes of all neurons in a single column', async () => {
    const sizes = CASES[1]!;
    await checkOp(engine(), historyCase(sizes, 1));
    const tokens = upload(engine(), randomTokens(sizes));
    const kernel = Tensor.from(
      engine(),
      Array.from({ length: 18 }, (_, n) => n + 1),
      [2, 9],
    );
    const read = async (columns: number) => [
      ...(await spikeHistory(tokens, kernel, { neurons: 4, columns, pastSteps: 10 }).floats()),
    ];
    const separate = await read(4);
    const sums = Array.from({ length: separate.length / 4 }, (_, row) =>
      separate.slice(4 * row, 4 * row + 4).reduce((sum, value) => sum + value, 0),
    );
    expect(await read(1)).toEqual(sums);
  });

  it('names the argument, the expected and the actual value in an error', () => {
    const tokens = upload(engine(), randomTokens(CASES[1]!));
    const kernel = Tensor.zeros(engine(), [2, 9]);
    const options = { neurons: 4, columns: 7, pastSteps: 10 };
    expectShapeErrors([
      [
        () => spikeHistory({ ...tokens, times: tokens.pastTimes }, kernel, options),
        'spikeHistory: times should be [B = 3, T = 5], but is [3, 7].',
      ],
      [
        () => spikeHistory(tokens, Tensor.zeros(engine(), [9]), options),
        'spikeHistory: kernel should be [R, L], but is [9].',
      ],
      [
        () => spikeHistory(tokens, kernel, { ...options, columns: 3 }),
        'spikeHistory: columns should be 1, or 4 or more, but is 3.',
      ],
      [
        () => spikeHistory(tokens, kernel, { ...options, positions: { start: 4, count: 2 } }),
        'spikeHistory: positions should be within 0 to 5, but is 4 to 6.',
      ],
    ]);
  });
});
