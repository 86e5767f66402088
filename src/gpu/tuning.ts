/**
 * How kernels are tuned to an adapter: tile and workgroup sizes by vendor, within the device's
 * limits.
 */

/**
 * The tile of a staged matmul: a workgroup computes m x n outputs, k terms of the sum at a time,
 * and each invocation `rows` x 4 of them. `n` is at least 4 * `rows`, so that there are at least m
 * invocations: the bias gradient needs one for each of the m columns that it sums.
 */
export interface MatmulTile {
  /** Output rows per workgroup. */
  readonly m: number;
  /** Output columns per workgroup. */
  readonly n: number;
  /** Terms of the sum staged at a time. */
  readonly k: number;
  /** Output rows per invocation. */
  readonly rows: number;
}

/**
 * The sizes that kernels are specialized with. They affect speed and the order in which sums are
 * added.
 */
export interface Tuning {
  /**
   * Whether matmul and attention stage tiles in workgroup memory. False uses kernels without
   * barriers, for the CPU.
   */
  readonly staged: boolean;
  /** Staged matmul tiles from the smallest to the largest. */
  readonly matmulTiles: readonly MatmulTile[];
  /**
   * The number of workgroups to reach, by a smaller tile or by splitting K or the keys over
   * workgroups.
   */
  readonly minWorkgroups: number;
  /** Invocations per workgroup of row reductions. */
  readonly rowGroup: number;
  /** Invocations that share a row in row reductions. */
  readonly rowLanes: number;
  /** Invocations that share a column in column sums. */
  readonly columnSlices: number;
  /** Elements per invocation of elementwise kernels. */
  readonly items: number;
  /** Invocations per workgroup of attention. */
  readonly attentionGroup: number;
  /** Score rows per invocation of attention. */
  readonly attentionRows: 1 | 2;
  /** Invocations of kernels that reduce everything in one workgroup. */
  readonly reduceGroup: number;
  /** Invocations per row of the sampler. */
  readonly sampleGroup: number;
}

const DEFAULT_TUNING: Tuning = {
  staged: true,
  matmulTiles: [
    { m: 32, n: 32, k: 16, rows: 4 },
    { m: 64, n: 64, k: 16, rows: 8 },
  ],
  minWorkgroups: 128,
  rowGroup: 128,
  rowLanes: 32,
  columnSlices: 16,
  items: 4,
  attentionGroup: 64,
  attentionRows: 1,
  reduceGroup: 256,
  sampleGroup: 64,
};

/** By vendor, as the command `devices` prints it. Vendors not listed have DEFAULT_TUNING. */
export const VENDOR_TUNINGS: Readonly<Record<string, Partial<Tuning>>> = {
  // Our CPU device: no barriers, except in the few reductions of everything.
  cpu: {
    staged: false,
    minWorkgroups: 8,
    rowGroup: 16,
    rowLanes: 1,
    columnSlices: 1,
    items: 16,
    reduceGroup: 16,
    sampleGroup: 1,
  },
  // SwiftShader and similar drivers. Matmul and attention are staged as on a GPU, because these
  // drivers take seconds to compile the kernels without barriers, which are written for the CPU
  // device. Row reductions have no barriers, which are expensive there.
  software: {
    minWorkgroups: 4,
    rowGroup: 16,
    rowLanes: 1,
    columnSlices: 1,
    items: 16,
    attentionGroup: 32,
    reduceGroup: 4,
    sampleGroup: 4,
  },
};

const POWER_OF_TWO_SETTINGS = [
  'rowGroup',
  'rowLanes',
  'columnSlices',
  'reduceGroup',
  'sampleGroup',
] as const;

/**
 * The tuning for a vendor ('software' for software adapters), within the limits of the device.
 *
 * @param settings overrides single settings of the vendor's tuning.
 * @throws Error where a group size that reductions halve is not a power of two, where a row has
 *   more lanes than a workgroup has invocations, or where a tile has fewer invocations than rows.
 */
export function tuningFor(
  vendor: string,
  limits: GPUSupportedLimits,
  settings: Partial<Tuning> = {},
): Tuning {
  const tuning: Tuning = { ...DEFAULT_TUNING, ...VENDOR_TUNINGS[vendor], ...settings };
  const invalid = POWER_OF_TWO_SETTINGS.find((name) => !Number.isInteger(Math.log2(tuning[name])));
  if (invalid)
    throw new Error(`tuning.${invalid} should be a power of two, but is ${tuning[invalid]}.`);
  if (Math.max(tuning.rowLanes, tuning.columnSlices) > tuning.rowGroup) {
    throw new Error(
      `tuning.rowLanes and tuning.columnSlices should be at most rowGroup, which is ${tuning.rowGroup}.`,
    );
  }
  const invalidTile = tuning.matmulTiles.find(({ n, rows }) => n < 4 * rows);
  if (invalidTile) {
    const { n, rows } = invalidTile;
    throw new Error(
      `A tile in tuning.matmulTiles with rows = ${rows} needs n = ${4 * rows} or more, but has n = ${n}.`,
    );
  }
  const maxInvocations = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
  );
  const maxStorageBytes = limits.maxComputeWorkgroupStorageSize;
  const fits = (tile: MatmulTile) =>
    (tile.m / tile.rows) * (tile.n / 4) <= maxInvocations &&
    4 * tile.k * (tile.m + tile.n) <= maxStorageBytes;
  return {
    ...tuning,
    matmulTiles: tuning.matmulTiles.filter(fits),
    rowGroup: Math.min(tuning.rowGroup, maxInvocations),
    attentionGroup: Math.min(tuning.attentionGroup, maxInvocations),
    reduceGroup: Math.min(tuning.reduceGroup, maxInvocations),
    sampleGroup: Math.min(tuning.sampleGroup, maxInvocations),
  };
}
