/** `devices`: which adapter would be used and why, its limits and features. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { grouped } from '../text/format.js';
import { alignedPairs } from '../text/table.js';
import { print, runCommand } from './terminal.js';

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

export function addDevices(program: Command): void {
  program
    .command('devices')
    .description('say which adapter would be used, why, and what it can do')
    .addHelpText('after', '\nExample:\n  neuroformer devices')
    .action(() => runCommand(listDevices));
}

async function listDevices(): Promise<void> {
  const engine = await createEngine();
  const { facts, device, tuning } = engine;
  const rows: [string, string][] = [
    ['adapter', facts.description],
    ['chosen because', facts.reason],
    ['kernels', tuning.staged ? 'staged through workgroup memory' : 'direct, without barriers'],
    ['parameters', facts.immediates ? 'immediates' : 'uniform ring'],
    ['features', facts.features.join(', ')],
    ...LIMITS.map((name): [string, string] => [name, grouped(device.limits[name])]),
  ];
  print(alignedPairs(rows));
  print(
    '\nNEUROFORMER_ADAPTER=gpu or =cpu forces one kind; NEUROFORMER_THREADS=n sets the threads of the CPU.',
  );
  engine.dispose();
}
