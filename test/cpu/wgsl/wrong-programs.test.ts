/**
 * What is WGSL and what is not: our device's verdict on shaders, beside that of Dawn's Tint, which knows nothing of ours.
 * Both must refuse every wrong program and accept every right one, so that the lists do not rest on our own reading.
 */

import { describe, expect, it } from 'vitest';
import { compute, deviceRefusal, readings, useDevices } from './shaders.js';
import { UNSUPPORTED_ON_BOTH, UNSUPPORTED_PROGRAMS } from './unsupported-programs.js';
import { VALID_PROGRAMS } from './valid-programs.js';
import { WRONG_PROGRAMS } from './wrong-programs.js';

const devices = useDevices();

describe.each(Object.entries(WRONG_PROGRAMS))('wrong %s', (_, programs) => {
  it.each(programs)('%s', async (_what, marked, rule) => {
    const { wrong, right } = readings(marked);
    expect(await deviceRefusal(devices().dawn, wrong)).toBeDefined();
    expect(await deviceRefusal(devices().cpu, wrong)).toContain(rule);
    expect(await deviceRefusal(devices().dawn, right)).toBeUndefined();
    expect(await deviceRefusal(devices().cpu, right)).toBeUndefined();
  });
});

describe.each(Object.entries(VALID_PROGRAMS))('right %s', (_, programs) => {
  it.each(programs)('%s', async (_what, code) => {
    const expected = await compute(devices().dawn, code);
    expect(expected.some((value) => value !== 0)).toBe(true);
    expect(await compute(devices().cpu, code)).toEqual(expected);
  });
});

describe('what the device lacks is refused by name', () => {
  it.each(UNSUPPORTED_PROGRAMS)('%s', async (_what, code, rule) => {
    expect(await deviceRefusal(devices().dawn, code)).toBeUndefined();
    expect(await deviceRefusal(devices().cpu, code)).toContain(rule);
  });

  it.each(UNSUPPORTED_ON_BOTH)('%s', async (_what, code, rule) => {
    expect(await deviceRefusal(devices().cpu, code)).toContain(rule);
  });
});
