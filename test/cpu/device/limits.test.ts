import { describe, expect, it } from 'vitest';
import { grantLimits, LIMITS } from '../../../src/cpu/device/limits.js';
import { useDevices } from './verdict.js';

const devices = useDevices({});

/** The limits for textures, samplers and rendering, which our device does not have. */
const RENDERING_LIMITS = [
  /Texture/,
  /Sampler/,
  /Vertex/,
  /Fragment/,
  /ColorAttachment/,
  /InterStage/,
] as const;

describe('limits', () => {
  it('have Dawn’s defaults, except for rendering', () => {
    const { cpu, dawn } = devices();
    const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
    const isForRendering = (name: string) => RENDERING_LIMITS.some((pattern) => pattern.test(name));
    const common = names.filter((name) => !isForRendering(name));
    const commonLimits = (d: GPUDevice) =>
      Object.fromEntries(common.map((name) => [name, d.limits[name]]));
    expect(common.length).toBeGreaterThan(15);
    expect(commonLimits(cpu)).toEqual(commonLimits(dawn));
    for (const name of names.filter(isForRendering))
      if (name !== 'maxBindGroupsPlusVertexBuffers')
        expect([name, cpu.limits[name]]).toEqual([name, 0]);
  });

  it('have the same names as Dawn’s', () => {
    const { dawn } = devices();
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(dawn.limits));
    expect(Object.keys(LIMITS).sort()).toEqual(names.filter((n) => n !== 'constructor').sort());
  });

  it('are at least as good as WebGPU’s defaults', () => {
    const defaults = grantLimits();
    for (const [name, value] of Object.entries(LIMITS)) {
      const granted = defaults[name as keyof typeof LIMITS];
      if (name.startsWith('min')) expect(value).toBeLessThanOrEqual(granted);
      else expect(value).toBeGreaterThanOrEqual(granted);
    }
  });
});

describe('grantLimits', () => {
  it('raises the requested limits and keeps the defaults of the others', () => {
    const granted = grantLimits({ maxBufferSize: 2 ** 30, maxBindGroups: undefined });
    expect(granted).toEqual({ ...grantLimits(), maxBufferSize: 2 ** 30 });
  });

  it('never grants a limit worse than the default', () => {
    const worse = { maxBufferSize: 16, maxBindGroups: 1, minStorageBufferOffsetAlignment: 1024 };
    expect(grantLimits(worse)).toEqual(grantLimits());
  });

  it('lowers alignments to powers of 2 only', () => {
    const granted = grantLimits({ minStorageBufferOffsetAlignment: 32 });
    expect(granted.minStorageBufferOffsetAlignment).toBe(32);
    expect(() => grantLimits({ minStorageBufferOffsetAlignment: 96 })).toThrow(
      'minStorageBufferOffsetAlignment cannot be 96: it must be a power of 2.',
    );
  });

  it('rejects limits beyond the adapter’s and unknown limits', () => {
    expect(() => grantLimits({ maxBufferSize: 2 ** 40 })).toThrow(
      `maxBufferSize cannot be ${2 ** 40}: this adapter has ${LIMITS.maxBufferSize}.`,
    );
    expect(() => grantLimits({ minUniformBufferOffsetAlignment: 16 })).toThrow(
      'minUniformBufferOffsetAlignment cannot be 16: this adapter has 32.',
    );
    expect(() => grantLimits({ maxLuck: 7 })).toThrow('There is no limit maxLuck.');
  });
});
