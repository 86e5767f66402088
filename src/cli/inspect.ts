/**
 * The command `inspect`: what a recording contains, what looks wrong, and the dataset.yaml it was
 * read with.
 */

import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { describeConditions, type RecordingOverview, textRaster } from '../analyze/overview.js';
import type { Dataset } from '../dataset/dataset.js';
import type { IntervalTable } from '../dataset/nwb-intervals.js';
import { mean } from '../math/statistics.js';
import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { inspectDataset, previewConfig, writeOverview } from '../stages/inspect.js';
import { formatCount, formatDuration, formatList } from '../text/format.js';
import { alignedPairs, alignedTable } from '../text/table.js';
import { PROGRAM } from './called-as.js';
import { trialsOption } from './init.js';
import { readSettings } from './settings.js';
import { print, printNext, runCommand } from './terminal.js';

interface InspectOptions {
  trials?: string;
  config?: string;
  out?: string;
  json?: boolean;
  force?: boolean;
}

/** Adds the command `inspect`. */
export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what a recording contains, what looks wrong, and how it is read')
    .argument('<path>', 'dataset folder, or a file: NWB, MATLAB, HDF5, NumPy, CSV')
    .option(
      '--config <file>',
      'also show what this configuration makes of the recording: windows, blocks, variables',
    )
    .addOption(trialsOption())
    .option('--out <folder>', 'write a page with figures, and a dataset.yaml if there is none')
    .option('--json', 'print everything as JSON instead, for programs')
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} inspect session.nwb\n  ${PROGRAM} inspect data/hub --config hub.yaml --out look\n  ${PROGRAM} inspect session.nwb --json`,
    )
    .action((path: string, options: InspectOptions) => runCommand(() => inspect(path, options)));
}

async function inspect(path: string, options: InspectOptions): Promise<void> {
  const { trials, config, out, json, force } = options;
  if (out !== undefined) await expectEmpty(diskStore(out), force);
  const dataset = await openDataset(path, undefined, { ...(trials !== undefined && { trials }) });
  const overview = inspectDataset(dataset);
  const windows = config === undefined ? undefined : describeConfig(dataset.recording, config);
  if (json) print(JSON.stringify(toJson(dataset, overview, windows), null, 2));
  else printOverview(dataset, overview, windows);
  if (!json) {
    const choice = trials === undefined ? [] : ['--trials', trials];
    printNext('init', path, ...choice);
  }
  if (out === undefined) return;
  const folder = relative(out, dirname(dataset.path));
  await writeOverview(diskStore(out), dataset, overview, (reference) => join(folder, reference));
  const written = [
    join(out, 'inspect.html'),
    ...(dataset.guessed ? [join(out, 'dataset.yaml')] : []),
  ];
  if (!json) print(`\nWritten: ${written.join(', ')}`);
}

/** All that `inspect` says, for programs. */
function toJson(
  { names, notes, rawDescription, guessed, tables }: Dataset,
  overview: RecordingOverview,
  windows: string | undefined,
): object {
  return {
    ...overview,
    rates: [...overview.rates],
    ...(names && { names }),
    ...(tables && { tables }),
    notes,
    guessed,
    description: rawDescription,
    ...(windows !== undefined && { windowsOfConfig: windows }),
  };
}

function printOverview(
  { recording, names, notes, rawDescription: raw, guessed, tables }: Dataset,
  overview: RecordingOverview,
  windows: string | undefined,
): void {
  print(describeRecording(overview, names));
  if (overview.variables.length > 0) print(`\n${tabulateVariables(overview)}`);
  if (tables) print(`\n${tabulateTables(tables)}`);
  if (overview.windows.length > 0) print(`\n${tabulateWindows(overview)}`);
  if (windows !== undefined) print(`\n${windows}`);
  print(`\n${drawRaster(recording, overview)}`);
  for (const note of [...notes, ...overview.warnings]) print(`\nNote: ${note}`);
  if (guessed)
    print(
      `\nThere is no dataset.yaml for this file. The file was read as this dataset.yaml describes it:\n\n${stringify(raw)}`,
    );
}

/** A number with three significant digits. */
function threeDigits(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function formatRange(values: readonly number[]): string {
  const [low, high] = [threeDigits(Math.min(...values)), threeDigits(Math.max(...values))];
  return low === high ? low : `${low} to ${high}`;
}

function describeRecording(
  overview: RecordingOverview,
  names: readonly string[] | undefined,
): string {
  const { neurons, spikes, seconds, trials, gaps, rates, video, intervals } = overview;
  const conditions = describeConditions(overview);
  const sorted = Float64Array.from(rates).sort();
  const quantile = (share: number) => threeDigits(sorted[Math.floor(share * (sorted.length - 1))]!);
  const rows: [string, string][] = [
    ['recording', overview.name],
    ['neurons', names ? `${neurons}, named ${shortList(names)}` : `${neurons}`],
    ['spikes', `${formatCount(spikes)}, ${threeDigits(mean(rates))} Hz per neuron`],
    [
      'rates',
      `${quantile(0)} to ${quantile(1)} Hz, median ${quantile(0.5)}, quartiles ${quantile(0.25)} and ${quantile(0.75)}`,
    ],
    [
      'duration',
      `${formatCount(Math.round(seconds * 100) / 100)} s${seconds < 90 ? '' : ` (${formatDuration(seconds)})`}`,
    ],
    [
      'trials',
      trials.count === 1
        ? 'one, the whole session'
        : `${trials.count}, each ${formatRange([trials.shortest, trials.longest])} s long`,
    ],
    ...(conditions !== undefined ? [['conditions', conditions] as [string, string]] : []),
    ...(video
      ? [['video', `${describeFrame(video)}, ${threeDigits(1 / video.dt)} Hz`] as [string, string]]
      : []),
    ...(gaps.length > 0
      ? [
          ['gaps', `${gaps.length} between trials, each ${formatRange(gaps)} s long`] as [
            string,
            string,
          ],
        ]
      : []),
    ...intervals.map(({ name, count, seconds: sum }): [string, string] => [
      name,
      `${count} intervals, ${formatDuration(sum)} in total`,
    ]),
  ];
  return alignedPairs(rows);
}

/** What a frame consists of. Frames of one row are features, not pixels. */
function describeFrame({ height, width }: NonNullable<RecordingOverview['video']>): string {
  return height === 1 ? `${width} features` : `${height} x ${width} pixels`;
}

function tabulateVariables({ variables, trials }: RecordingOverview): string {
  return alignedTable([
    ['variable', 'unit', 'range', 'samples', 'step (s)', ...(trials.count > 1 ? ['trials'] : [])],
    ...variables.map(({ name, unit = '', range, labels = [], samples, step, trials: count }) => [
      name,
      unit,
      range ? formatRange([range.low, range.high]) : shortList(labels),
      formatCount(samples),
      Number.isFinite(step) ? Number(step.toPrecision(4)).toString() : '',
      ...(trials.count > 1 ? [`${count}`] : []),
    ]),
  ]);
}

function tabulateTables(tables: readonly IntervalTable[]): string {
  const rows = tables.map(({ name, rows: count, columns }): [string, string] => {
    const listed = columns.map(({ name: column, distinct }) => `${column} (${distinct})`);
    return [name, `${count} rows; columns: ${formatList(listed, 12) || 'none'}`];
  });
  return `Tables whose rows can be trials (--trials <table>), with the number of different values in each column:\n${alignedPairs(rows)}`;
}

function shortList(labels: readonly string[]): string {
  return formatList(labels, 4);
}

function tabulateWindows({ windows }: RecordingOverview): string {
  return `Spikes per window, by its length, and the block size that holds 999 of 1,000 windows (spikes, SOS and EOS):\n${alignedTable(
    [
      ['window (s)', 'median', '99.9%', 'maximum', 'block'],
      ...windows.map(({ seconds, median, percentile999: nearlyAll, maximum: most }) =>
        [seconds, median, nearlyAll, most, nearlyAll + 2].map(String),
      ),
    ],
  )}`;
}

/**
 * The windows that a configuration makes of a recording, and the notes that `train` would print.
 */
function describeConfig(recording: Recording, path: string): string {
  const { data, cut, notes } = readSettings(
    path,
    [],
    (raw) => previewConfig(recording, raw),
    'as the path to inspect',
  );
  const { train, validation, test, leftOut } = data.split;
  return [
    `Windows with ${path}: ${formatCount(train.length)} training, ${formatCount(validation.length)} validation, ${formatCount(test.length)} test, ${formatCount(leftOut)} left out.`,
    ...(cut.current.windows + cut.past.windows === 0
      ? ['No training window exceeds its block size (block_size.id, block_size.prev_id).']
      : []),
    ...notes,
  ].join('\n');
}

function drawRaster(recording: Recording, { seconds, neurons }: RecordingOverview): string {
  const lines = textRaster(recording);
  const frame = `+${'-'.repeat(lines[0]!.length)}+`;
  return [
    `Spikes of all ${neurons} neurons over ${formatDuration(seconds)}:`,
    frame,
    ...lines.map((line) => `|${line}|`),
    frame,
  ].join('\n');
}
