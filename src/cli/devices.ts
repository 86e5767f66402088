/** `devices`: which adapter would be used and why, its limits and features. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { say } from '../stages/train.js';
import { grouped } from '../text/format.js';
import { guarded } from './terminal.js';

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
    .action(() => guarded(listDevices));
}

async function listDevices(): Promise<void> {
  const engine = await createEngine();
  const { facts, device, tuning } = engine;
  const rows = [
    ['adapter', facts.description],
    ['chosen because', facts.reason],
    ['kernels', tuning.staged ? 'staged through workgroup memory' : 'direct, without barriers'],
    ['parameters', facts.immediates ? 'immediates' : 'uniform ring'],
    ['features', facts.features.join(', ')],
    ...LIMITS.map((name) => [name, grouped(device.limits[name])]),
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  for (const [name, value] of rows) say(`${name!.padEnd(width)}  ${value}`);
  say(
    '\nNEUROFORMER_ADAPTER=gpu or =cpu forces one kind; NEUROFORMER_THREADS=n sets the threads of the CPU.',
  );
  engine.dispose();
}
