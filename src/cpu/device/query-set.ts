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

/** Bytes of a timestamp. */
export const TIMESTAMP_BYTES = 8;
/** WebGPU's maximum query count. */
const MAX_QUERIES = 4096;
const QUERY_TYPES: readonly GPUQueryType[] = ['occlusion', 'timestamp'];

/** A query set: timestamps that passes write. */
export class CpuQuerySet implements GPUQuerySet {
  declare readonly __brand: 'GPUQuerySet';
  label: string;
  readonly type: GPUQueryType;
  readonly count: number;
  readonly context: DeviceContext;
  #address: number | undefined;
  #isDestroyed = false;

  /**
   * @throws TypeError where the descriptor has values of the wrong type, or the device was
   *   requested without timestamps.
   */
  constructor(context: DeviceContext, descriptor: GPUQuerySetDescriptor) {
    this.context = context;
    this.label = descriptor.label ?? '';
    this.type = requireOneOf(descriptor.type, QUERY_TYPES, 'type');
    this.count = unsigned(descriptor.count, 'count', MAX_U32);
    if (this.type === 'timestamp' && !context.features.has('timestamp-query'))
      throw new TypeError('createQuerySet: the feature timestamp-query was not requested.');
    const call = describeCall('createQuerySet', this.label);
    this.#address = context.errors.attempt(call, () => {
      ensure(
        this.type === 'timestamp',
        () => 'occlusion queries are not supported by a device without rendering',
      );
      ensure(
        this.count <= MAX_QUERIES,
        () => `${this.count} queries exceed the limit of ${MAX_QUERIES}`,
      );
      return context.allocate(call, TIMESTAMP_BYTES * this.count, () => this.#invalidate());
    });
  }

  /**
   * The byte address of a query's timestamp.
   *
   * @throws ValidationError where the set is invalid or was created by another device.
   */
  address(context: DeviceContext, index: number): number {
    checkSameDevice(context, this, 'query set');
    if (this.#address !== undefined) return this.#address + TIMESTAMP_BYTES * index;
    throw new ValidationError(`${describeObject('query set', this.label)} is invalid`);
  }

  /** @throws ValidationError where the set is destroyed. */
  checkUsable(): void {
    if (this.#isDestroyed)
      throw new ValidationError(`${describeObject('query set', this.label)} is destroyed`);
  }

  destroy(): undefined {
    this.#release();
    this.#isDestroyed = true;
    return undefined;
  }

  /** Makes the set invalid: the host had no room for it. */
  #invalidate(): void {
    this.#release();
    this.#address = undefined;
  }

  #release(): void {
    if (this.#address !== undefined && !this.#isDestroyed) this.context.release(this.#address);
  }
}

/**
 * Returns the CpuQuerySet that a GPUQuerySet is.
 *
 * @throws TypeError where it was not created by a CPU device.
 */
export function asQuerySet(querySet: GPUQuerySet): CpuQuerySet {
  if (querySet instanceof CpuQuerySet) return querySet;
  throw new TypeError('This query set was not created by a CPU device.');
}
