/**
 * The same calls on two devices: ours, and Dawn's on SwiftShader. A case prepares objects and makes
 * one call. Both devices must give the verdict that the case states, so the cases do not rest on
 * our reading of the specification.
 */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CpuDeviceOptions, cpuGpu } from '../../../src/engine.js';
import { selectAdapter } from '../../../src/node.js';

/**
 * The outcome of a call: the kinds of the errors that scopes caught and the name of the exception
 * that it threw or rejected with, joined by ' and '; 'none' where there was no error.
 */
export type Verdict = string;

/** Prepares the objects that a call needs, and returns the call. */
export type Setup = (device: GPUDevice) => (() => unknown) | Promise<() => unknown>;

/** How Dawn's outcome differs, and why ours is right all the same. */
export interface DawnDeviation<T> {
  /** Dawn's outcome; without it, the case does not run on Dawn. */
  readonly dawn?: T;
  readonly because: string;
}

const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/** How test titles state a verdict. */
const VERDICT_TITLES: Readonly<Record<Verdict, string>> = {
  none: 'is allowed',
  validation: 'is a validation error',
  'validation and OperationError': 'is a validation error and an OperationError',
};

/** Runs a call within an error scope of every kind, and waits for its promise if it returns one. */
export async function callVerdict(device: GPUDevice, call: () => unknown): Promise<Verdict> {
  for (const filter of FILTERS) device.pushErrorScope(filter);
  const thrown = exceptionName(call);
  const errorKinds = FILTERS.toReversed().map((filter) =>
    device.popErrorScope().then((error) => (error ? filter : undefined)),
  );
  const outcomes = [...(await Promise.all(errorKinds)), await thrown];
  return outcomes.filter((outcome) => outcome !== undefined).join(' and ') || 'none';
}

/** The name of the exception that a call throws or rejects with; `undefined` if it does neither. */
export async function exceptionName(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
}

/** Our device and Dawn's. */
export interface Devices {
  readonly cpu: GPUDevice;
  readonly dawn: GPUDevice;
}

const KINDS = ['cpu', 'dawn'] as const;

/** Creates both devices, by default with default limits; ours has two threads. */
export async function createDevices(
  descriptor: GPUDeviceDescriptor = { requiredFeatures: ['timestamp-query'] },
  options: CpuDeviceOptions = {},
): Promise<Devices> {
  const cpu = await cpuGpu({ threads: 2, ...options }).requestAdapter();
  const { adapter } = await selectAdapter('swiftshader');
  return {
    cpu: await cpu!.requestDevice(descriptor),
    dawn: await adapter.requestDevice(descriptor),
  };
}

/** The devices that the tests of a file share, created before its tests and destroyed after. */
export function useDevices(descriptor?: GPUDeviceDescriptor): () => Devices {
  let devices: Devices | undefined;
  beforeAll(async () => {
    devices = await createDevices(descriptor);
  });
  afterAll(() => {
    devices?.cpu.destroy();
    devices?.dawn.destroy();
  });
  return () => devices!;
}

/** Declares the test of one case: both devices give the verdict, except where Dawn deviates. */
export type TestVerdict = (
  name: string,
  verdict: Verdict,
  setup: Setup,
  deviation?: DawnDeviation<Verdict>,
) => void;

/** Returns the function that declares the tests of a file's cases. */
export function verdictTests(devices: () => Devices): TestVerdict {
  return (name, verdict, setup, deviation) => {
    it(`${name} ${VERDICT_TITLES[verdict] ?? `gives ${verdict}`}`, async () => {
      await expectOnBoth(devices(), verdict, deviation, async (device) => {
        let call: () => unknown = () => {};
        const prepared = await callVerdict(device, async () => {
          call = await setup(device);
        });
        return prepared === 'none' ? callVerdict(device, call) : `${prepared} in the setup`;
      });
    });
  };
}

/** Declares a test that both devices give the same result, except where Dawn deviates. */
export type TestResult = <T>(
  name: string,
  expected: T,
  run: (device: GPUDevice) => T | Promise<T>,
  deviation?: DawnDeviation<T>,
) => void;

/** Returns the function that declares the tests of a file's results. */
export function resultTests(devices: () => Devices): TestResult {
  return (name, expected, run, deviation) => {
    it(name, () => expectOnBoth(devices(), expected, deviation, run));
  };
}

/** Expects the same result of both devices, one after the other, except where Dawn deviates. */
export async function expectOnBoth<T>(
  devices: Devices,
  expected: T,
  deviation: DawnDeviation<T> | undefined,
  run: (device: GPUDevice) => T | Promise<T>,
): Promise<void> {
  const results: Partial<Record<keyof Devices, T>> = {};
  const expectedResults: Partial<Record<keyof Devices, T>> = {};
  for (const kind of KINDS) {
    const deviates = kind === 'dawn' && deviation !== undefined;
    if (deviates && deviation.dawn === undefined) continue;
    expectedResults[kind] = deviates ? deviation.dawn! : expected;
    results[kind] = await run(devices[kind]);
  }
  expect(results).toEqual(expectedResults);
}
