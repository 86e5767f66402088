import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/node.js';
import { trainDemo } from '../browser/train-demo.js';

/**
 * Weights, gradients and moments after 50 updates of the demo's model: on any processor, in any version of Node and in
 * browsers, with any number of threads. A change of a kernel that the model uses may change it; then it is written here
 * anew, and the figures of the README with it.
 */
const HASH = '699a50b1f464f763ccc6234811782b93661bab57b27a41f83d517e690aaa4f3e';

describe('the bits of a training', () => {
  for (const threads of [1, 2, 3, 8, 16]) {
    it(`are the same with ${threads} thread${threads === 1 ? '' : 's'}`, async () => {
      const engine = await createEngine({ adapter: 'cpu', threads });
      const { hash } = await trainDemo(engine, 50);
      engine.dispose();
      expect(hash).toBe(HASH);
    });
  }

  it('are the same with parameters through a uniform ring', async () => {
    const engine = await createEngine({ adapter: 'cpu', threads: 2, immediates: false });
    const { hash } = await trainDemo(engine, 50);
    engine.dispose();
    expect(hash).toBe(HASH);
  });
});
