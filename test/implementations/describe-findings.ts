/** The tests of what another implementation of WebGPU found. */

import { expect, it } from 'vitest';
import { KERNELS } from '../../src/gpu/shaders.gen.js';
import { createEngine } from '../../src/node.js';
import type { Findings } from './check.js';
import { STEP_TUNINGS, trainingLosses } from './losses.js';

/** How long an implementation may take, and Dawn for a training step. */
export const TIMEOUT_MS = 600_000;

/** Expects that all is well, and that losses are those of Dawn on the same driver. */
export function describeFindings(findings: () => Findings): void {
  it('runs every kernel, with results inside the bounds of rounding', () => {
    expect(findings().faults).toEqual([]);
    expect(findings().kernels).toEqual(Object.keys(KERNELS).sort());
  });

  it.each(Object.entries(STEP_TUNINGS))(
    'has the losses of Dawn on the same driver: %s',
    async (name, tuning) => {
      const engine = await createEngine({ adapter: 'swiftshader', tuning });
      const expected = await trainingLosses(engine);
      engine.dispose();
      const tolerance = name === 'direct' ? 1e-7 : 1e-6;
      const losses = findings().losses[name]!;
      expect(losses.length).toBe(expected.length);
      for (const [update, parts] of expected.entries())
        for (const [loss, value] of Object.entries(parts)) {
          const difference = Math.abs(losses[update]![loss]! - value);
          expect(
            difference / Math.max(1, Math.abs(value)),
            `${loss}, update ${update}`,
          ).toBeLessThanOrEqual(tolerance);
        }
      expect(expected[0]!.loss).toBeGreaterThan(expected.at(-1)!.loss!);
    },
    TIMEOUT_MS,
  );
}
