/** Kernels that users of the library write in WGSL. They run like the built-in ones. */

import { type BindingInfo, type KernelInfo, type ParamInfo, UNIFORM_PARAMS } from './kernels.js';

/** The WGSL of a user's kernel, with its buffers and parameters. */
export interface CustomKernelDefinition<Buffer extends string, Param extends string> {
  /** The kernel's name in errors and profiles. */
  readonly name: string;
  /**
   * WGSL source. The buffers are bindings 0, 1, 2, ... of group 0, in the order of `buffers`. The
   * scalar parameters, if any, are the fields of `struct Params`, in the order of `params`, bound
   * as `@group(1) @binding(0) var<uniform> params: Params;`, in exactly these words.
   *
   * A grid of more than 65,535 workgroups is folded over y: the index of a workgroup is
   * `group.x + group.y * groups.x`, with `workgroup_id` and `num_workgroups`.
   */
  readonly source: string;
  /** The entry point. Default: `main`. */
  readonly entry?: string;
  /**
   * How each buffer is bound: `var<storage, read>` or `var<storage, read_write>`. At most 8
   * buffers.
   */
  readonly buffers: Readonly<Record<Buffer, 'read' | 'read_write'>>;
  /** The type of each parameter. At most 16 parameters. */
  readonly params?: Readonly<Record<Param, 'u32' | 'i32' | 'f32'>>;
}

/** A kernel that `defineKernel` returned, for `engine.dispatch`. */
export interface CustomKernel<Buffer extends string = string, Param extends string = string> {
  /** The kernel's name in errors and profiles. */
  readonly name: string;
  /** WGSL source. */
  readonly source: string;
  /** The layout of its buffers and parameters. */
  readonly info: KernelInfo;
  /** The names of its buffers, as a type; never set. */
  readonly buffers?: Buffer;
  /** The names of its parameters, as a type; never set. */
  readonly params?: Param;
}

const MAX_BUFFERS = 8;
const MAX_PARAMS = 16;

/**
 * A kernel from a user's WGSL. Each engine compiles it when it first dispatches it.
 *
 * @throws Error where the kernel has more than 8 buffers or more than 16 parameters, or parameters
 *   that its source does not declare as `source` says.
 */
export function defineKernel<Buffer extends string, Param extends string = never>({
  name,
  source,
  entry = 'main',
  buffers,
  params,
}: CustomKernelDefinition<Buffer, Param>): CustomKernel<Buffer, Param> {
  const bindings = Object.entries<'read' | 'read_write'>(buffers).map(
    ([buffer, access], binding): BindingInfo => ({
      name: buffer,
      binding,
      kind: access === 'read' ? 'read-only-storage' : 'storage',
    }),
  );
  const fields = Object.entries<ParamInfo['type']>(params ?? {}).map(
    ([field, type], index): ParamInfo => ({ name: field, type, offset: 4 * index }),
  );
  if (bindings.length > MAX_BUFFERS)
    throw new Error(
      `${name} binds ${bindings.length} buffers, but can bind at most ${MAX_BUFFERS}.`,
    );
  if (fields.length > MAX_PARAMS)
    throw new Error(`${name} has ${fields.length} parameters, but can have at most ${MAX_PARAMS}.`);
  if (fields.length > 0 && !source.includes(UNIFORM_PARAMS))
    throw new Error(`${name} has parameters, so its source needs the line: ${UNIFORM_PARAMS}`);
  const info = { shader: name, entry, bindings, params: fields, paramBytes: 4 * fields.length };
  return { name, source, info };
}
