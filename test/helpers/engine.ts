/** Engines for tests: one shared by all tests of a file that only need some engine. */

import { afterAll, beforeAll } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { createEngine, findAdapter, type NodeEngineOptions } from '../../src/node.js';

/** A GPU-shaped tuning that fits the software adapter, so that staged kernels are tested without a GPU. */
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

/** The engine of a test file, made before its tests and disposed after them. */
export function useEngine(options: NodeEngineOptions = {}): () => Engine {
  let engine: Engine | undefined;
  beforeAll(async () => {
    engine = await createEngine(options);
  });
  afterAll(() => engine?.dispose());
  return () => engine!;
}

/** A device requested as any other WebGPU program would: no feature, no limit above the default. */
export async function borrowDefaultDevice(): Promise<GPUDevice> {
  const { adapter } = await findAdapter();
  return adapter.requestDevice();
}
