/**
 * The same calls on two devices: ours, and Dawn's on SwiftShader. A case is an ordinary use of WebGPU whose last call is
 * judged; both devices must give the verdict that the case states, so that the list does not rest on our own reading of
 * the specification.
 */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CpuDeviceOptions, cpuGpu } from '../../../src/engine.js';
import { findAdapter } from '../../../src/node.js';

/**
 * How a call ended: 'none' where nothing was wrong; the kinds of the errors that scopes caught; the name of the exception
 * that it threw or rejected with; several are joined by ' and '.
 */
export type Verdict = string;

/** Prepares what a call needs, and returns the call. */
export type Setup = (device: GPUDevice) => (() => unknown) | Promise<() => unknown>;

/** What Dawn gives instead, and why that is no fault of ours. Without `dawn`, Dawn is not asked. */
export interface Exception<T> {
  readonly dawn?: T;
  readonly because: string;
}

const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

const WORDS: Readonly<Record<Verdict, string>> = {
  none: 'is allowed',
  validation: 'is a validation error',
  'validation and OperationError': 'is a validation error and an OperationError',
};

/** Runs a call within a scope of every kind, and waits for what it returns. */
export async function callVerdict(device: GPUDevice, call: () => unknown): Promise<Verdict> {
  for (const filter of FILTERS) device.pushErrorScope(filter);
  const thrown = nameOfException(call);
  const popped = FILTERS.toReversed().map((filter) =>
    device.popErrorScope().then((error) => (error ? filter : undefined)),
  );
  const ends = [...(await Promise.all(popped)), await thrown];
  return ends.filter((end) => end !== undefined).join(' and ') || 'none';
}

/** The name of what a call throws or rejects with; `undefined` where it does neither. */
export async function nameOfException(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
}

/** Both devices. */
export interface Devices {
  readonly cpu: GPUDevice;
  readonly dawn: GPUDevice;
}

const KINDS = ['cpu', 'dawn'] as const;

/** New devices with default limits; ours has two threads. */
export async function newDevices(
  descriptor: GPUDeviceDescriptor = { requiredFeatures: ['timestamp-query'] },
  options: CpuDeviceOptions = {},
): Promise<Devices> {
  const cpu = await cpuGpu({ threads: 2, ...options }).requestAdapter();
  const { adapter } = await findAdapter('swiftshader');
  return {
    cpu: await cpu!.requestDevice(descriptor),
    dawn: await adapter.requestDevice(descriptor),
  };
}

/** Devices that the tests of a file share. */
export function useDevices(descriptor?: GPUDeviceDescriptor): () => Devices {
  let devices: Devices | undefined;
  beforeAll(async () => {
    devices = await newDevices(descriptor);
  });
  afterAll(() => {
    devices?.cpu.destroy();
    devices?.dawn.destroy();
  });
  return () => devices!;
}

/** Makes the test of one case: both devices give the verdict, but for the exception. */
export type Judge = (
  name: string,
  verdict: Verdict,
  setup: Setup,
  exception?: Exception<Verdict>,
) => void;

/** @returns what makes a test of a case on the devices given. */
export function judgeOn(devices: () => Devices): Judge {
  return (name, verdict, setup, exception) => {
    it(`${name} ${WORDS[verdict] ?? `gives ${verdict}`}`, async () => {
      await expectSame(devices(), verdict, exception, async (device) => {
        let call: () => unknown = () => {};
        const prepared = await callVerdict(device, async () => {
          call = await setup(device);
        });
        return prepared === 'none' ? callVerdict(device, call) : `${prepared}, while preparing`;
      });
    });
  };
}

/** Makes the test of what calls compute: on both devices what is expected, but for the exception. */
export type Compute = <T>(
  name: string,
  expected: T,
  run: (device: GPUDevice) => T | Promise<T>,
  exception?: Exception<T>,
) => void;

/** @returns what makes a test of a computation on the devices given. */
export function computeOn(devices: () => Devices): Compute {
  return (name, expected, run, exception) => {
    it(name, () => expectSame(devices(), expected, exception, run));
  };
}

/** Expects the same of both devices, one after the other, but for the exception. */
export async function expectSame<T>(
  devices: Devices,
  expected: T,
  exception: Exception<T> | undefined,
  run: (device: GPUDevice) => T | Promise<T>,
): Promise<void> {
  const results: Partial<Record<keyof Devices, T>> = {};
  const wanted: Partial<Record<keyof Devices, T>> = {};
  for (const kind of KINDS) {
    const isException = kind === 'dawn' && exception !== undefined;
    if (isException && exception.dawn === undefined) continue;
    wanted[kind] = isException ? exception.dawn! : expected;
    results[kind] = await run(devices[kind]);
  }
  expect(results).toEqual(wanted);
}
