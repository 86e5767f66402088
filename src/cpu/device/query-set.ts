/** Query sets: where passes write the time. */

import type { DeviceContext } from './device-context.js';
import {
  checkSameDevice,
  describeCall,
  describeObject,
  ensure,
  ValidationError,
} from './errors.js';
import { MAX_U32, requireOneOf, unsigned } from './numbers.js';

/** Bytes of a time. */
export const TIMESTAMP_BYTES = 8;
/** WebGPU's maximum query count. */
const MAX_QUERIES = 4096;
const QUERY_TYPES: readonly GPUQueryType[] = ['occlusion', 'timestamp'];

/** Times that passes write. */
export class CpuQuerySet implements GPUQuerySet {
  declare readonly __brand: 'GPUQuerySet';
  label: string;
  readonly type: GPUQueryType;
  readonly count: number;
  readonly context: DeviceContext;
  #address: number | undefined;
  #isDestroyed = false;

  /** @throws TypeError where the descriptor is not one, or the device was not asked for timestamps. */
  constructor(context: DeviceContext, descriptor: GPUQuerySetDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    this.type = requireOneOf(descriptor.type, QUERY_TYPES, 'type');
    this.count = unsigned(descriptor.count, 'count', MAX_U32);
    if (this.type === 'timestamp' && !context.features.has('timestamp-query'))
      throw new TypeError('createQuerySet: the feature timestamp-query was not asked for.');
    const call = describeCall('createQuerySet', this.label);
    this.#address = context.errors.attempt(call, () => {
      ensure(this.type === 'timestamp', () => 'a device that does not draw counts no occlusion');
      ensure(this.count <= MAX_QUERIES, () => `${this.count} queries are past ${MAX_QUERIES}`);
      return context.allocate(call, TIMESTAMP_BYTES * this.count, () => this.#invalidate());
    });
  }

  /** The address of a query's time. @throws Refusal where the set is invalid or another device's. */
  address(context: DeviceContext, index: number): number {
    checkSameDevice(context, this, 'query set');
    if (this.#address !== undefined) return this.#address + TIMESTAMP_BYTES * index;
    throw new ValidationError(`${describeObject('query set', this.label)} is invalid`);
  }

  /** @throws Refusal where it is destroyed. */
  checkUsable(): void {
    if (this.#isDestroyed)
      throw new ValidationError(`${describeObject('query set', this.label)} is destroyed`);
  }

  destroy(): undefined {
    this.#release();
    this.#isDestroyed = true;
    return undefined;
  }

  /** The host had no room for it. */
  #invalidate(): void {
    this.#release();
    this.#address = undefined;
  }

  #release(): void {
    if (this.#address !== undefined && !this.#isDestroyed) this.context.release(this.#address);
  }
}

/** @throws TypeError where the set is not one of a CPU device. */
export function asQuerySet(querySet: GPUQuerySet): CpuQuerySet {
  if (querySet instanceof CpuQuerySet) return querySet;
  throw new TypeError('This query set was not made by a CPU device.');
}
