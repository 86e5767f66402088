/** WebGPU's flags by value. Outside pages its globals do not exist. */

/** The flags of GPUBufferUsage. */
export const USAGE = {
  MAP_READ: 0x01,
  MAP_WRITE: 0x02,
  COPY_SRC: 0x04,
  COPY_DST: 0x08,
  INDEX: 0x10,
  VERTEX: 0x20,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  INDIRECT: 0x100,
  QUERY_RESOLVE: 0x200,
} as const;

/** The flags of GPUMapMode. */
export const MAP_MODE = { READ: 1, WRITE: 2 } as const;

/** The flags of GPUShaderStage. */
export const STAGE = { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 } as const;
