import { describe, expect, it } from 'vitest';
import { grantLimits, LIMITS } from '../../../src/cpu/device/limits.js';
import { useDevices } from './verdict.js';

const devices = useDevices({});

/** Limits of textures, samplers and drawing, of which there is none. */
const OF_DRAWING = [
  /Texture/,
  /Sampler/,
  /Vertex/,
  /Fragment/,
  /ColorAttachment/,
  /InterStage/,
] as const;

describe('limits', () => {
  it('of a device that asks for none are those of Dawn, but for drawing', () => {
    const { cpu, dawn } = devices();
    const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
    const isOfDrawing = (name: string) => OF_DRAWING.some((pattern) => pattern.test(name));
    const common = names.filter((name) => !isOfDrawing(name));
    const of = (d: GPUDevice) => Object.fromEntries(common.map((name) => [name, d.limits[name]]));
    expect(common.length).toBeGreaterThan(15);
    expect(of(cpu)).toEqual(of(dawn));
    for (const name of names.filter(isOfDrawing))
      if (name !== 'maxBindGroupsPlusVertexBuffers')
        expect([name, cpu.limits[name]]).toEqual([name, 0]);
  });

  it('have every name that Dawn’s have', () => {
    const { dawn } = devices();
    const theirs = Object.getOwnPropertyNames(Object.getPrototypeOf(dawn.limits));
    expect(Object.keys(LIMITS).sort()).toEqual(theirs.filter((n) => n !== 'constructor').sort());
  });

  it('are never below what every device of WebGPU has', () => {
    const standing = grantLimits();
    for (const [name, value] of Object.entries(LIMITS)) {
      const granted = standing[name as keyof typeof LIMITS];
      if (name.startsWith('min')) expect(value).toBeLessThanOrEqual(granted);
      else expect(value).toBeGreaterThanOrEqual(granted);
    }
  });
});

describe('grantLimits', () => {
  it('raises what is asked for, and leaves the others', () => {
    const granted = grantLimits({ maxBufferSize: 2 ** 30, maxBindGroups: undefined });
    expect(granted).toEqual({ ...grantLimits(), maxBufferSize: 2 ** 30 });
  });

  it('never makes a limit worse', () => {
    const worse = { maxBufferSize: 16, maxBindGroups: 1, minStorageBufferOffsetAlignment: 1024 };
    expect(grantLimits(worse)).toEqual(grantLimits());
  });

  it('lowers alignments, to powers of 2', () => {
    const granted = grantLimits({ minStorageBufferOffsetAlignment: 32 });
    expect(granted.minStorageBufferOffsetAlignment).toBe(32);
    expect(() => grantLimits({ minStorageBufferOffsetAlignment: 96 })).toThrow(
      'minStorageBufferOffsetAlignment cannot be 96: it must be a power of 2.',
    );
  });

  it('refuses more than there is, and limits that there are not', () => {
    expect(() => grantLimits({ maxBufferSize: 2 ** 40 })).toThrow(
      `maxBufferSize cannot be ${2 ** 40}: this adapter has ${LIMITS.maxBufferSize}.`,
    );
    expect(() => grantLimits({ minUniformBufferOffsetAlignment: 16 })).toThrow(
      'minUniformBufferOffsetAlignment cannot be 16: this adapter has 32.',
    );
    expect(() => grantLimits({ maxLuck: 7 })).toThrow('There is no limit maxLuck.');
  });
});
