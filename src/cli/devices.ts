/** `npm run devices`: which adapter would be used and why, its limits and features. */

import { createEngine } from '../node.js';

/** The limits that decide what fits and how kernels are shaped. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const;

async function main(): Promise<void> {
  const engine = await createEngine();
  const { facts, device, tuning } = engine;
  const lines = [
    ['adapter', facts.description],
    ['chosen because', facts.reason],
    ['kernels', tuning.staged ? 'staged through workgroup memory' : 'direct, without barriers'],
    ['parameters', facts.immediates ? 'immediates' : 'uniform ring'],
    ['features', facts.features.join(', ')],
    ...LIMITS.map((name) => [name, device.limits[name].toLocaleString('en')]),
  ] as [string, string][];
  const width = Math.max(...lines.map(([name]) => name.length));
  for (const [name, value] of lines) console.log(`${name.padEnd(width)}  ${value}`);
  console.log('\nNEUROFORMER_ADAPTER=gpu or =software forces one kind.');
  engine.dispose();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
