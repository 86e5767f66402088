import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/node.js';
import { trainDemo } from '../browser/train-demo.js';
import { THOROUGH } from '../helpers/thorough.js';

/**
 * The hash of weights, gradients and moments after 50 updates of the demo's model. It is the same
 * on any processor, in any version of Node, in browsers, and with any number of threads. A change
 * to a kernel of the model may change it: then update it here, and the figures in the README too.
 */
const HASH = '4475bab279f18d01f0231d4ea21b05a542a826a3a0e0e8b5d16385b6f8cb7341';

describe('the bits of a training run', () => {
  for (const threads of THOROUGH ? [1, 2, 3, 8, 16] : [1, 3]) {
    it(`are the same with ${threads} thread${threads === 1 ? '' : 's'}`, async () => {
      const engine = await createEngine({ adapter: 'cpu', threads });
      const { hash } = await trainDemo(engine, 50);
      engine.dispose();
      expect(hash).toBe(HASH);
    });
  }

  it('are the same with kernel parameters in a ring of uniforms', async () => {
    const engine = await createEngine({ adapter: 'cpu', threads: 2, immediates: false });
    const { hash } = await trainDemo(engine, 50);
    engine.dispose();
    expect(hash).toBe(HASH);
  });
});
