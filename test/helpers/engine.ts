/** Engines for tests. */

import { afterAll, beforeAll } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { createEngine, type NodeEngineOptions, selectAdapter } from '../../src/node.js';

/**
 * A tuning as on a GPU, within the limits of the software adapter, so that staged kernels are
 * tested without a GPU.
 */
export const STAGED: NonNullable<NodeEngineOptions['tuning']> = {
  staged: true,
  matmulTiles: [
    { m: 32, n: 32, k: 16, rows: 4 },
    { m: 64, n: 64, k: 16, rows: 8 },
  ],
  minWorkgroups: 16,
  rowGroup: 64,
  rowLanes: 16,
  columnSlices: 4,
  items: 4,
  attentionGroup: 32,
  attentionRows: 1,
  reduceGroup: 64,
  sampleGroup: 16,
};

/** An engine shared by the tests of a file: created before them and disposed of after them. */
export function useEngine(options: NodeEngineOptions = {}): () => Engine {
  let engine: Engine | undefined;
  beforeAll(async () => {
    engine = await createEngine(options);
  });
  afterAll(() => engine?.dispose());
  return () => engine!;
}

/** A device as another WebGPU program would request it: no features, default limits. */
export async function borrowDefaultDevice(): Promise<GPUDevice> {
  const { adapter } = await selectAdapter();
  return adapter.requestDevice();
}
