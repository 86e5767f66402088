/** The command `devices`: which adapter would be used and why, with its limits and features. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { formatCount } from '../text/format.js';
import { alignedPairs } from '../text/table.js';
import { PROGRAM } from './called-as.js';
import { print, runCommand } from './terminal.js';

/** Limits that decide which models fit and how kernels are specialized. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const;

/** Adds the command `devices`. */
export function addDevices(program: Command): void {
  program
    .command('devices')
    .description('show which adapter would be used, why, and what it supports')
    .addHelpText('after', `\nExample:\n  ${PROGRAM} devices`)
    .action(() => runCommand(listDevices));
}

async function listDevices(): Promise<void> {
  const engine = await createEngine();
  const { facts, device, tuning } = engine;
  const rows: [string, string][] = [
    ['adapter', facts.description],
    ['vendor', facts.vendor],
    ['chosen because', facts.reason],
    ['kernels', tuning.staged ? 'staged through workgroup memory' : 'direct, without barriers'],
    ['parameters', facts.immediates ? 'immediates' : 'uniform ring'],
    ['features', facts.features.join(', ')],
    ...LIMITS.map((name): [string, string] => [name, formatCount(device.limits[name])]),
  ];
  print(alignedPairs(rows));
  print(
    '\nSet NEUROFORMER_ADAPTER to gpu or cpu to force one of them, and NEUROFORMER_THREADS to set the number of CPU threads.',
  );
  engine.dispose();
}
