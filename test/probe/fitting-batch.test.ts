import { describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/engine.js';
import { withFittingBatch } from '../../src/probe/fitting-batch.js';
import { forwardWindows } from '../../src/probe/forward-windows.js';
import { useEngine } from '../helpers/engine.js';
import { TINY, TinyNeuroformer } from '../helpers/tiny-neuroformer.js';

describe('batches that the device can bind', () => {
  const engine = useEngine();

  it('have the largest size that fits, of those that divide the first', async () => {
    const tried: number[] = [];
    const fitting = await withFittingBatch(200, async (size) => {
      tried.push(size);
      if (size > 30) throw new UnsupportedError('too large');
      return size;
    });
    expect(tried).toEqual([200, 100, 50, 40, 25]);
    expect(fitting).toBe(25);
  });

  it('fail where not even one window fits, and at once with another error', async () => {
    const failing = (error: Error) => withFittingBatch(4, () => Promise.reject(error));
    await expect(failing(new UnsupportedError('too large'))).rejects.toThrow(UnsupportedError);
    let calls = 0;
    const other = withFittingBatch(4, async () => {
      calls += 1;
      throw new Error('something else');
    });
    await expect(other).rejects.toThrow('something else');
    expect(calls).toBe(1);
  });

  it('give the same results, and leave no memory behind where they do not fit', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const refs = Array.from({ length: 12 }, (_, n) => ({ trialIndex: 0, end: 1 + n / 4 }));
    const before = engine().memory().liveBytes;
    const sizes: number[] = [];
    const logits = async (most: number) => {
      const { ids } = await forwardWindows(
        { engine: engine(), layout: tiny.layout, windows: tiny.windows },
        refs,
        (batch) => {
          sizes.push(batch.size);
          const { idLogits } = tiny.model.forward(batch.inputs);
          if (batch.size > most) engine().allocate(2 ** 40);
          return { ids: idLogits };
        },
      );
      return ids.flat();
    };
    const [whole, parts] = [await logits(12), await logits(5)];
    expect(sizes).toEqual([12, 12, 6, 4]);
    expect(parts).toHaveLength(whole.length);
    for (const [n, value] of parts.entries()) expect(value).toBeCloseTo(whole[n]!, 5);
    expect(engine().memory().liveBytes).toBe(before);
    tiny.dispose();
  });
});
