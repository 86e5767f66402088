import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { addExpected, addExpectedEndless, appendTokens } from '../../src/tensor/drawn-tokens.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectClose, expectShapeErrors, printWorstErrors } from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

for (const [variant, options] of [
  ['one invocation per row', {}],
  ['sixteen invocations per row', { tuning: STAGED }],
] as const) {
  describe(`the counts expected of drawn windows, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    it('are the probabilities at the positions before a window ended, added up', async () => {
      const [B, T, neurons] = [5, 4, 33];
      const classes = neurons + 3;
      const end = neurons + 1;
      const random = new HostRandom(2);
      // Window 1 ends at position 1, window 3 with its padding at position 0.
      const ids = Array.from({ length: B * T }, () => random.integer(neurons));
      ids[1 * T + 1] = end;
      ids[3 * T] = end + 1;
      const windows = {
        ids: Tensor.from(engine(), Uint32Array.from(ids), [B, T]),
        times: Tensor.zeros(engine(), [B, T]),
      };
      const expected = Tensor.zeros(engine(), [B, classes]);
      const sums = new Float64Array(B * classes);
      for (let position = 0; position < T; position++) {
        const logits = Float32Array.from({ length: B * classes }, () => 5 * random.normal());
        addExpected(Tensor.from(engine(), logits, [B, classes]), expected, windows, {
          position,
          end,
        });
        for (let b = 0; b < B; b++) {
          const isOver = (b === 1 && position >= 1) || b === 3;
          if (isOver) continue;
          const mass = [...logits.subarray(b * classes, (b + 1) * classes)].map(Math.exp);
          const total = mass.reduce((sum, m) => sum + m);
          for (let v = 0; v < classes; v++) sums[b * classes + v]! += mass[v]! / total;
        }
      }
      expectClose('addExpected', 'product', await expected.floats(), sums);
    });

    it('are weighted by the probability of reaching a position where no draw ends', async () => {
      const [B, T, neurons] = [5, 4, 33];
      const classes = neurons + 3;
      const end = neurons + 1;
      const random = new HostRandom(3);
      const reach = Tensor.from(engine(), new Float32Array(B * T).fill(1), [B, T]);
      const expected = Tensor.zeros(engine(), [B, classes]);
      const sums = new Float64Array(B * classes);
      const reached = new Float64Array(B * T).fill(1);
      for (let position = 0; position < T; position++) {
        const logits = Float32Array.from({ length: B * classes }, () => 3 * random.normal());
        addExpectedEndless(Tensor.from(engine(), logits, [B, classes]), expected, reach, {
          position,
          end,
        });
        for (let b = 0; b < B; b++) {
          const here = reached[b * T + position]!;
          const mass = [...logits.subarray(b * classes, (b + 1) * classes)].map(Math.exp);
          const total = mass.reduce((sum, m) => sum + m);
          for (let v = 0; v < classes; v++) sums[b * classes + v]! += (here * mass[v]!) / total;
          const goesOn = mass.slice(0, end).reduce((sum, m) => sum + m) / total;
          if (position + 1 < T) reached[b * T + position + 1] = here * goesOn;
        }
      }
      expectClose('addExpectedEndless', 'product', await expected.floats(), sums);
      expectClose('addExpectedEndless reach', 'product', await reach.floats(), reached);
    });
  });
}

describe('appendTokens', () => {
  const engine = useEngine();

  it('writes one position and leaves the others as they are', async () => {
    const windows = {
      ids: Tensor.from(engine(), Uint32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      times: Tensor.from(engine(), [1, 2, 3, 4, 5, 6], [2, 3]),
    };
    const words = (...values: number[]) =>
      Tensor.from(engine(), Uint32Array.from(values), [values.length, 1]);
    appendTokens(windows, 1, { ids: words(70, 80), times: words(7, 8) });
    expect([...(await windows.ids.words())]).toEqual([1, 70, 3, 4, 80, 6]);
    expect([...(await windows.times.floats())]).toEqual([1, 7, 3, 4, 8, 6]);
  });

  it('names the argument, the expected and the actual value in an error', () => {
    const windows = {
      ids: Tensor.zeros(engine(), [2, 3], 'u32'),
      times: Tensor.zeros(engine(), [2, 3]),
    };
    const words = (n: number) => Tensor.zeros(engine(), [n], 'u32');
    const logits = Tensor.zeros(engine(), [2, 5]);
    expectShapeErrors([
      [
        () => appendTokens(windows, 3, { ids: words(2), times: words(2) }),
        'appendTokens: position should be within 0 to 2, but is 3.',
      ],
      [
        () => appendTokens(windows, 0, { ids: words(3), times: words(2) }),
        'appendTokens: new ids should be [2], but is [3].',
      ],
      [
        () => addExpected(logits, Tensor.zeros(engine(), [2, 4]), windows, { position: 0, end: 4 }),
        'addExpected: expected should be [2, 5], but is [2, 4].',
      ],
      [
        () =>
          addExpectedEndless(
            logits,
            Tensor.zeros(engine(), [2, 5]),
            Tensor.zeros(engine(), [3, 4]),
            {
              position: 0,
              end: 4,
            },
          ),
        'addExpectedEndless: logits should be [3, V], but is [2, 5].',
      ],
    ]);
  });
});
