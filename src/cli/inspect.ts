/** `inspect`: what a recording holds, what looks wrong, and the dataset.yaml it was read by. */

import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { type RecordingOverview, rasterInLetters } from '../analyze/overview.js';
import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { inspectStage, previewConfig, writeOverview } from '../stages/inspect.js';
import { formatDuration, grouped } from '../text/format.js';
import { alignedPairs, alignedTable } from '../text/table.js';
import { readSettings } from './options.js';
import { print, runCommand } from './terminal.js';

interface InspectOptions {
  config?: string;
  out?: string;
  force?: boolean;
}

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('say what a recording holds, what looks wrong, and how it would be read')
    .argument('<path>', 'a dataset folder, or a file: NWB, MATLAB, NumPy, HDF5, CSV')
    .option(
      '--config <file>',
      'also say what it would make of the recording: windows, blocks, variables',
    )
    .option('--out <folder>', 'write a page with pictures, and the dataset.yaml')
    .option('--force', 'write into a folder that holds something')
    .addHelpText(
      'after',
      '\nExamples:\n  neuroformer inspect session.nwb\n  neuroformer inspect data/hub --config hub.yaml --out look',
    )
    .action((path: string, options: InspectOptions) => runCommand(() => inspect(path, options)));
}

async function inspect(path: string, { config, out, force }: InspectOptions): Promise<void> {
  if (out !== undefined) await expectEmpty(diskStore(out), force);
  const dataset = await openDataset(path);
  const { recording, names, notes, raw, guessed } = dataset;
  const overview = inspectStage(dataset);
  print(facts(overview, names));
  if (overview.variables.length > 0) print(`\n${variables(overview)}`);
  if (overview.windows.length > 0) print(`\n${windows(overview)}`);
  if (config !== undefined) print(`\n${configured(recording, config)}`);
  print(`\n${raster(recording, overview)}`);
  for (const note of [...notes, ...overview.warnings]) print(`\nNote: ${note}`);
  if (guessed)
    print(`\nNobody described this file; it was read by this dataset.yaml:\n\n${stringify(raw)}`);
  if (out === undefined) return;
  const folder = relative(out, dirname(dataset.path));
  await writeOverview(diskStore(out), dataset, overview, (text) => join(folder, text));
  const written = [join(out, 'inspect.html'), ...(guessed ? [join(out, 'dataset.yaml')] : [])];
  print(`\nPictures and numbers: ${written.join(', ')}`);
}

function range(values: readonly number[], digits = 3): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const text = (value: number) => Number(value.toPrecision(digits)).toString();
  return low === high ? text(low) : `${text(low)} to ${text(high)}`;
}

function facts(overview: RecordingOverview, names: readonly string[] | undefined): string {
  const { neurons, spikes, seconds, trials, gaps, rates, video, intervals } = overview;
  const sorted = Float64Array.from(rates).sort();
  const hertz = (value: number) => Number(value.toPrecision(3)).toString();
  const at = (share: number) => hertz(sorted[Math.floor(share * (sorted.length - 1))]!);
  const rows: [string, string][] = [
    ['recording', overview.name],
    ['neurons', names ? `${neurons}, called ${shortList(names)}` : `${neurons}`],
    ['spikes', `${grouped(spikes)}, ${hertz(spikes / neurons / seconds)} Hz a neuron`],
    ['rates', `${at(0)} to ${at(1)} Hz, median ${at(0.5)}, middle half ${at(0.25)} to ${at(0.75)}`],
    [
      'duration',
      `${grouped(Math.round(seconds * 100) / 100)} s${seconds < 90 ? '' : ` (${formatDuration(seconds)})`}`,
    ],
    [
      'trials',
      trials.count === 1
        ? 'one, the whole session'
        : `${trials.count}, of ${range([trials.shortest, trials.longest])} s`,
    ],
    ...(video
      ? [
          ['video', `${video.height} x ${video.width} pixels, ${hertz(1 / video.dt)} Hz`] as [
            string,
            string,
          ],
        ]
      : []),
    ...(gaps.length > 0
      ? [['gaps', `${gaps.length} between trials, of ${range(gaps)} s`] as [string, string]]
      : []),
    ...intervals.map(({ name, count, seconds: sum }): [string, string] => [
      name,
      `${count} intervals, ${formatDuration(sum)} in all`,
    ]),
  ];
  return alignedPairs(rows);
}

function variables({ variables: all, trials }: RecordingOverview): string {
  return alignedTable([
    ['variable', 'unit', 'range', 'samples', 'step (s)', ...(trials.count > 1 ? ['trials'] : [])],
    ...all.map(({ name, unit = '', range: numbers, labels = [], samples, step, trials: own }) => [
      name,
      unit,
      numbers ? range([numbers.low, numbers.high]) : shortList(labels),
      grouped(samples),
      Number.isFinite(step) ? Number(step.toPrecision(4)).toString() : '',
      ...(trials.count > 1 ? [`${own}`] : []),
    ]),
  ]);
}

function shortList(labels: readonly string[]): string {
  const shown = labels.slice(0, 4).join(', ');
  return labels.length > 4 ? `${shown} and ${labels.length - 4} more` : shown;
}

function windows({ windows: all }: RecordingOverview): string {
  return `Spikes in windows of so many seconds, and the block that holds 999 of 1000 (spikes, SOS and EOS):\n${alignedTable(
    [
      ['window (s)', 'median', '99.9 %', 'most', 'block'],
      ...all.map(({ seconds, median, nearlyAll, most }) =>
        [seconds, median, nearlyAll, most, nearlyAll + 2].map(String),
      ),
    ],
  )}`;
}

/** What a configuration makes of a recording: windows, and all that `train` would say of them. */
function configured(recording: Recording, path: string): string {
  const { data, cut, notes } = previewConfig(recording, readSettings(path));
  const { train, validation, test, leftOut } = data.split;
  return [
    `Windows of ${path}: ${grouped(train.length)} for training, ${grouped(validation.length)} validation, ${grouped(test.length)} test, ${grouped(leftOut)} left out.`,
    ...(cut.current.windows + cut.past.windows === 0
      ? ['Its blocks hold all of their spikes.']
      : []),
    ...notes,
  ].join('\n');
}

function raster(recording: Recording, { seconds, neurons }: RecordingOverview): string {
  const lines = rasterInLetters(recording);
  const frame = `+${'-'.repeat(lines[0]!.length)}+`;
  return [
    `Spikes of all ${neurons} neurons, ${formatDuration(seconds)} from left to right:`,
    frame,
    ...lines.map((line) => `|${line}|`),
    frame,
  ].join('\n');
}
