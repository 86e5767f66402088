import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import {
  drawFields,
  FIELD_FRAMES,
  fieldEnergy,
  fieldResponses,
} from '../../../src/simulate/visual/fields.js';

const NEURONS = 30;
const SIZE = 16;
const PIXELS = SIZE * SIZE;
const fields = drawFields(NEURONS, SIZE, new HostRandom(4));
const all = Array.from({ length: NEURONS }, (_, n) => n);
const simple = all.filter((n) => !fields.complex[n]);
const complex = all.filter((n) => fields.complex[n]);
/** The kernel of a neuron's phase: [frames back, size, size]. */
const kernel = (neuron: number, phase: number) => {
  const length = FIELD_FRAMES * PIXELS;
  return fields.kernels.subarray((2 * neuron + phase) * length, (2 * neuron + phase + 1) * length);
};
const dot = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, n) => sum + value * b[n]!, 0);
/** What would drive a kernel most: its frames, the oldest first. */
const preferred = (k: Float32Array) =>
  Float32Array.from({ length: k.length }, (_, n) => {
    const frame = FIELD_FRAMES - 1 - Math.floor(n / PIXELS);
    return k[frame * PIXELS + (n % PIXELS)]!;
  });

describe('receptive fields', () => {
  it('are of complex cells for two neurons in five, and of simple cells for the others', () => {
    expect([complex.length, simple.length]).toEqual([12, 18]);
  });

  it('have unit norm, in one phase for simple cells and in two for complex cells', () => {
    for (const n of all) expect(dot(kernel(n, 0), kernel(n, 0))).toBeCloseTo(1, 5);
    for (const n of complex) expect(dot(kernel(n, 1), kernel(n, 1))).toBeCloseTo(1, 5);
    for (const n of simple) expect(kernel(n, 1).every((value) => value === 0)).toBe(true);
  });

  it('drift in half of the neurons; in the others all frames are alike', () => {
    const isStill = (n: number) => {
      const k = kernel(n, 0);
      const [now, before] = [k.subarray(0, PIXELS), k.subarray(PIXELS, 2 * PIXELS)];
      const cosine = dot(now, before) / Math.sqrt(dot(now, now) * dot(before, before));
      return cosine > 1 - 1e-6;
    };
    expect(all.filter(isStill)).toHaveLength(15);
  });

  it('weigh the frame before the current one most', () => {
    for (const n of all.slice(0, 5)) {
      const k = kernel(n, 0);
      const largest = [0, 1, 2, 3].map((l) =>
        Math.max(...k.subarray(l * PIXELS, (l + 1) * PIXELS).map(Math.abs)),
      );
      expect(largest.indexOf(Math.max(...largest))).toBe(1);
    }
  });

  it('have their energy around their centers, which are at least two pixels from the edges', () => {
    const energy = fieldEnergy(fields);
    for (const n of all) {
      const row = energy.subarray(n * PIXELS, (n + 1) * PIXELS);
      const total = row.reduce((sum, value) => sum + value, 0);
      expect(total).toBeCloseTo(fields.complex[n] ? 2 : 1, 5);
      const [cx, cy] = [fields.centers[2 * n]!, fields.centers[2 * n + 1]!];
      const near = row.reduce((sum, value, pixel) => {
        const distance = Math.hypot((pixel % SIZE) - cx, Math.floor(pixel / SIZE) - cy);
        return distance < 4 ? sum + value : sum;
      }, 0);
      expect(near / total).toBeGreaterThan(0.95);
      for (const center of [cx, cy]) {
        expect(center).toBeGreaterThanOrEqual(2);
        expect(center).toBeLessThanOrEqual(13);
      }
    }
  });

  it('respond with 1 to what they prefer, and to nothing else as much', () => {
    for (const n of simple.slice(0, 6)) {
      const responses = fieldResponses(fields, preferred(kernel(n, 0)));
      const last = all.map((other) => responses[other * FIELD_FRAMES + FIELD_FRAMES - 1]!);
      expect(last[n]).toBeCloseTo(1, 5);
      for (const other of simple) if (other !== n) expect(Math.abs(last[other]!)).toBeLessThan(1);
    }
  });

  it('of complex cells respond alike to a film and its negative, unlike those of simple cells', () => {
    const random = new HostRandom(6);
    const film = Float32Array.from({ length: 6 * PIXELS }, () => random.normal());
    const [responses, negative] = [film, film.map((value) => -value)].map((shown) =>
      fieldResponses(fields, shown),
    );
    for (const n of all) {
      const sign = fields.complex[n] ? 1 : -1;
      for (let frame = 0; frame < 6; frame++)
        expect(negative![n * 6 + frame]).toBeCloseTo(sign * responses![n * 6 + frame]!, 5);
    }
  });

  it('see the first frame before the film begins', () => {
    const random = new HostRandom(7);
    const frame = Float32Array.from({ length: PIXELS }, () => random.normal());
    const still = Float32Array.from({ length: 5 * PIXELS }, (_, n) => frame[n % PIXELS]!);
    const responses = fieldResponses(fields, still);
    for (const n of all) expect(responses[n * 5]).toBeCloseTo(responses[n * 5 + 4]!, 6);
  });

  it('of a film of half the size have half the width and lie at the same share of it', () => {
    const small = drawFields(NEURONS, 8, new HostRandom(4));
    for (const n of all) {
      for (const axis of [0, 1])
        expect((small.centers[2 * n + axis]! + 0.5) / 8).toBeCloseTo(
          (fields.centers[2 * n + axis]! + 0.5) / 16,
          5,
        );
    }
    expect(small.complex).toEqual(fields.complex);
  });
});
