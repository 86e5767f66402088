import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/neuroformer/batch.js';
import type { Taps } from '../../src/neuroformer/stack.js';
import { add } from '../../src/tensor/elementwise.js';
import { crossEntropy } from '../../src/tensor/losses.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectClose, printWorstErrors } from '../helpers/check.js';
import { useEngine } from '../helpers/engine.js';
import { TinyNeuroformer, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
printWorstErrors();
/** Video tokens, with the first token of the window, and the width. */
const [TOKENS, WIDTH] = [13, 8];

/** The loss of the next neurons of a batch, with taps. */
function neuronLoss(tiny: TinyNeuroformer, { inputs, targets }: Batch, taps?: Taps): Tensor {
  const { idLogits } = tiny.model.forward(inputs, undefined, taps);
  return crossEntropy(idLogits, targets.nextIds, { ignore: targets.padId });
}

describe('a tap of the values of a block', () => {
  it('that returns what it gets leaves every bit as it is', async () => {
    const tiny = new TinyNeuroformer(engine(), WITH_VIDEO);
    using batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1, 2.35)));
    const shapes: Record<string, readonly number[]> = {};
    const names = ['encoder.id.0', 'history.0', 'stimulus.0', 'state.0'].map((n) => `${n}.value`);
    const taps = Object.fromEntries(
      names.map((name) => [
        name,
        (value: Tensor) => {
          shapes[name] = value.shape;
          return value;
        },
      ]),
    );
    const logits = (given?: Taps) =>
      engine().scope(() => tiny.model.forward(batch.inputs, undefined, given).idLogits);
    expect(await logits(taps).floats()).toEqual(await logits().floats());
    expect(Object.keys(shapes)).toEqual(names);
    expect(shapes['stimulus.0.value']).toEqual([2, TOKENS, WIDTH]);
    tiny.dispose();
  });

  it('that adds zeros has the gradient of the values, and none of frozen parameters', async () => {
    const tiny = new TinyNeuroformer(engine(), WITH_VIDEO);
    tiny.store.freeze(() => true);
    using batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(2.35)));
    const zeros = Tensor.zeros(engine(), [1, TOKENS, WIDTH], 'f32', { requiresGrad: true });
    const tap = (addend: Tensor) => ({
      'stimulus.0.value': (value: Tensor) => add(value, addend),
    });
    differentiate(engine(), () => neuronLoss(tiny, batch, tap(zeros)));
    const step = 3e-2;
    const lossWith = async (index: number, change: number) => {
      const addend = new Float32Array(TOKENS * WIDTH);
      addend[index] = change;
      using tensor = Tensor.from(engine(), addend, [1, TOKENS, WIDTH]);
      using loss = engine().scope(() => neuronLoss(tiny, batch, tap(tensor)));
      return (await loss.floats())[0]!;
    };
    const differences: number[] = [];
    for (let n = 0; n < TOKENS * WIDTH; n++)
      differences.push(((await lossWith(n, step)) - (await lossWith(n, -step))) / (2 * step));
    expectClose('dvalue', 'differences', await zeros.gradient!.floats(), differences);
    expect([...tiny.store].some(({ tensor }) => tensor.hasGradient)).toBe(false);
    zeros.gradient!.dispose();
    zeros.dispose();
    tiny.dispose();
  });
});
