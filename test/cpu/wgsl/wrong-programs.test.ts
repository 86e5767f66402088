/**
 * Which programs are valid WGSL: our device against Dawn's Tint, an independent implementation.
 * Both must reject every invalid program and accept every valid one, so the lists do not rest on
 * our reading of the specification.
 */

import { describe, expect, it } from 'vitest';
import { compute, deviceError, useDevices, versions } from './shaders.js';
import { UNSUPPORTED_ON_BOTH, UNSUPPORTED_PROGRAMS } from './unsupported-programs.js';
import { VALID_PROGRAMS } from './valid-programs.js';
import { WRONG_PROGRAMS } from './wrong-programs.js';

const devices = useDevices();

describe.each(Object.entries(WRONG_PROGRAMS))('both devices reject wrong %s', (_, programs) => {
  it.each(programs)('%s', async (_fault, marked, rule) => {
    const { wrong, right } = versions(marked);
    expect(await deviceError(devices().dawn, wrong)).toBeDefined();
    expect(await deviceError(devices().cpu, wrong)).toContain(rule);
    expect(await deviceError(devices().dawn, right)).toBeUndefined();
    expect(await deviceError(devices().cpu, right)).toBeUndefined();
  });
});

describe.each(Object.entries(VALID_PROGRAMS))('both compute the same: %s', (_, programs) => {
  it.each(programs)('%s', async (_title, code) => {
    const expected = await compute(devices().dawn, code);
    expect(expected.some((value) => value !== 0)).toBe(true);
    expect(await compute(devices().cpu, code)).toEqual(expected);
  });
});

describe('our device rejects an unsupported feature by name', () => {
  it.each(UNSUPPORTED_PROGRAMS)('%s', async (_feature, code, rule) => {
    expect(await deviceError(devices().dawn, code)).toBeUndefined();
    expect(await deviceError(devices().cpu, code)).toContain(rule);
  });

  it.each(UNSUPPORTED_ON_BOTH)('%s', async (_feature, code, rule) => {
    expect(await deviceError(devices().cpu, code)).toContain(rule);
  });
});
