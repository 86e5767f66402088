/** How kernels are shaped for an adapter: tile sizes and lanes, chosen by vendor, bounded by the device's limits. */

/**
 * A staged matmul tile: out tile, depth, and rows per invocation (each also makes 4 columns). n is at least 4 * rows: the
 * gradient of a bias takes an invocation for each of the m columns that it sums.
 */
export interface MatmulTile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly rows: number;
}

export interface Tuning {
  /** Whether products and attention go through workgroup memory, or are made without barriers, for the CPU. */
  readonly staged: boolean;
  /** Staged matmul tiles from the smallest to the largest. */
  readonly matmulTiles: readonly MatmulTile[];
  /** Workgroups wanted at least: a smaller tile, or a split of K or of the keys, is taken to get there. */
  readonly minWorkgroups: number;
  /** Invocations per workgroup of row reductions, and how many of them share a row. */
  readonly rowGroup: number;
  readonly rowLanes: number;
  /** Invocations that share a column where rows are summed. */
  readonly columnSlices: number;
  /** Elements per invocation of elementwise kernels. */
  readonly items: number;
  /** Invocations per workgroup of attention, and score rows per invocation. */
  readonly attentionGroup: number;
  readonly attentionRows: 1 | 2;
  /** Invocations of the kernels that reduce everything in one workgroup, and of the sampler's rows. */
  readonly reduceGroup: number;
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

/** By vendor as the adapter names it; what is not listed is `GPU`. */
const VENDOR_TUNINGS: Readonly<Record<string, Partial<Tuning>>> = {
  // Our own device: no barriers but in reductions of everything, which are few.
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
  // SwiftShader and its like: products and attention staged as on a GPU, since the kernels without barriers, made for the
  // CPU device, take such drivers seconds to compile; rows without barriers, which are expensive there.
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

const POWERS_OF_TWO = [
  'rowGroup',
  'rowLanes',
  'columnSlices',
  'reduceGroup',
  'sampleGroup',
] as const;

/**
 * The tuning for a vendor ('software' for software adapters), within the limits of the device.
 *
 * @throws Error where a setting that reductions halve is no power of two, a row has more lanes than a workgroup, or a tile
 *   fewer invocations than rows.
 */
export function tuningFor(
  vendor: string,
  limits: GPUSupportedLimits,
  settings: Partial<Tuning> = {},
): Tuning {
  const tuning: Tuning = { ...DEFAULT_TUNING, ...VENDOR_TUNINGS[vendor], ...settings };
  const odd = POWERS_OF_TWO.find((name) => !Number.isInteger(Math.log2(tuning[name])));
  if (odd) throw new Error(`tuning.${odd} should be a power of two, but is ${tuning[odd]}.`);
  if (Math.max(tuning.rowLanes, tuning.columnSlices) > tuning.rowGroup) {
    throw new Error(
      `tuning.rowLanes and columnSlices should be at most rowGroup, ${tuning.rowGroup}.`,
    );
  }
  const narrow = tuning.matmulTiles.find(({ n, rows }) => n < 4 * rows);
  if (narrow) {
    const { n, rows } = narrow;
    throw new Error(
      `A tile of tuning.matmulTiles with ${rows} rows needs an n of ${4 * rows}, not ${n}.`,
    );
  }
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const memory = limits.maxComputeWorkgroupStorageSize;
  const fits = (tile: MatmulTile) =>
    (tile.m / tile.rows) * (tile.n / 4) <= most && 4 * tile.k * (tile.m + tile.n) <= memory;
  return {
    ...tuning,
    matmulTiles: tuning.matmulTiles.filter(fits),
    rowGroup: Math.min(tuning.rowGroup, most),
    attentionGroup: Math.min(tuning.attentionGroup, most),
    reduceGroup: Math.min(tuning.reduceGroup, most),
    sampleGroup: Math.min(tuning.sampleGroup, most),
  };
}
