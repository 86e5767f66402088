/** Kernels that are not this library's: WGSL of the caller's, run like any other. */

import type { BindingInfo, KernelInfo, ParamInfo } from './kernels.js';

/** What a kernel of one's own binds and takes. */
export interface OwnKernelDefinition<Buffer extends string, Param extends string> {
  /** What errors and profiles call it. */
  readonly name: string;
  /**
   * WGSL. Buffers are bindings 0, 1, 2, ... of group 0, in the order of `buffers`; scalar parameters, where there are any,
   * are the fields of `struct Params`, in the order of `params`, in
   * `@group(1) @binding(0) var<uniform> params: Params;`.
   */
  readonly source: string;
  /** The function to run. Default `main`. */
  readonly entry?: string;
  /** How each buffer is bound: `var<storage, read>` or `var<storage, read_write>`. At most 8. */
  readonly buffers: Readonly<Record<Buffer, 'read' | 'read_write'>>;
  /** Types of the parameters; at most 16. */
  readonly params?: Readonly<Record<Param, 'u32' | 'i32' | 'f32'>>;
}

/** A kernel made by `defineKernel`, for `engine.dispatch`. */
export interface OwnKernel<Buffer extends string = string, Param extends string = string> {
  readonly name: string;
  readonly source: string;
  readonly info: KernelInfo;
  /** For types alone. */
  readonly buffers?: Buffer;
  readonly params?: Param;
}

const MAX_BUFFERS = 8;
const MAX_PARAMS = 16;

/**
 * A kernel of one's own. It is compiled on the device where it is first dispatched.
 *
 * @throws Error where it binds more than 8 buffers or takes more than 16 parameters.
 */
export function defineKernel<Buffer extends string, Param extends string = never>({
  name,
  source,
  entry = 'main',
  buffers,
  params,
}: OwnKernelDefinition<Buffer, Param>): OwnKernel<Buffer, Param> {
  const bindings = Object.entries<'read' | 'read_write'>(buffers).map(
    ([buffer, access], binding): BindingInfo => ({
      name: buffer,
      binding,
      kind: access === 'read' ? 'read-only-storage' : 'storage',
    }),
  );
  const fields = Object.entries<ParamInfo['type']>(params ?? {}).map(
    ([field, type], n): ParamInfo => ({ name: field, type, offset: 4 * n }),
  );
  if (bindings.length > MAX_BUFFERS)
    throw new Error(`${name} binds ${bindings.length} buffers, at most ${MAX_BUFFERS}.`);
  if (fields.length > MAX_PARAMS)
    throw new Error(`${name} takes ${fields.length} parameters, at most ${MAX_PARAMS}.`);
  const info = { shader: name, entry, bindings, params: fields, paramBytes: 4 * fields.length };
  return { name, source, info };
}
