/**
 * Describes a folder written by Kilosort or phy (https://phy.readthedocs.io): spike times with the
 * cluster of each.
 */

import { readAllBytes } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { formatYamlLine } from '../text/yaml.js';
import type { GuessedDescription } from './guess.js';

/** The files that every such folder has: spike times in samples, and the cluster of each spike. */
export const PHY_SPIKE_FILES = ['spike_times.npy', 'spike_clusters.npy'] as const;

/**
 * Tables that label clusters, in order of preference: labels set by hand come before those of
 * Kilosort.
 */
const LABEL_TABLES = [
  { file: 'cluster_group.tsv', column: 'group' },
  // As early versions of phy called it.
  { file: 'cluster_groups.csv', column: 'group' },
  { file: 'cluster_info.tsv', column: 'group' },
  // Kilosort 4 writes its labels to this file until phy saves groups there.
  { file: 'cluster_group.tsv', column: 'KSLabel' },
  { file: 'cluster_KSLabel.tsv', column: 'KSLabel' },
  { file: 'cluster_info.tsv', column: 'KSLabel' },
] as const;
/** Columns with the cluster that a row is of. */
const ID_COLUMNS = ['cluster_id', 'id'];
/** The label of clusters to use, and of those never to use. */
const [GOOD, NOISE] = ['good', 'noise'];

/** Whether a folder contains the spike files of phy. */
export function isPhyFolder(folder: Folder): boolean {
  return PHY_SPIKE_FILES.every((file) => folder.has(file));
}

/**
 * Describes the spikes of the clusters that are labeled good. Where none is, those are left out
 * that are labeled noise.
 *
 * @throws RecordingError where params.py does not give the sample rate.
 */
export function guessFromPhy(folder: Folder): GuessedDescription {
  const [times, clusters] = PHY_SPIKE_FILES;
  const rate = readSampleRate(folder);
  const { keep, note } = guessKept(folder);
  return {
    rawDescription: {
      name: folder.title,
      spikes: {
        times,
        neurons: clusters,
        relabel: true,
        unit: `1/${rate}`,
        ...(keep && { keep }),
      },
    },
    notes: [note],
  };
}

/** Which clusters to keep by their labels, and a sentence on that. */
function guessKept(folder: Folder): { keep?: object; note: string } {
  const tables = LABEL_TABLES.flatMap(({ file, column }) => {
    const rows = readTable(folder, file);
    const [head = []] = rows;
    const id = head.find((name) => ID_COLUMNS.includes(name));
    const label = head.indexOf(column);
    if (id === undefined || label < 0) return [];
    const labels = rows.slice(1).map((row) => row[label] ?? '');
    return [{ by: `${file}#${column}`, ids: `${file}#${id}`, labels }];
  });
  const labels = tables.flatMap((table) => table.labels);
  const used = tables.filter((table) => table.labels.some((label) => label !== ''));
  const by = used.map((table) => table.by);
  const rule = { by: single(by), ids: single(used.map(({ ids }) => ids)) };
  const others = new Set(labels.filter((label) => !['', GOOD, NOISE].includes(label)));
  const advice =
    others.size === 0
      ? ''
      : `; to use others, list their labels in a dataset.yaml, such as spikes.keep.values: ${formatYamlLine([GOOD, ...others])}`;
  if (labels.includes(GOOD))
    return {
      keep: { ...rule, values: [GOOD] },
      note: `Only clusters labeled good in ${by.join(', or else ')} are used${advice}.`,
    };
  if (labels.includes(NOISE))
    return {
      keep: { ...rule, except: [NOISE] },
      note: `No cluster is labeled good in ${by.join(', or else ')}, so all are used but those labeled noise.`,
    };
  return {
    note: 'All clusters are used, because no cluster_group.tsv, cluster_info.tsv or cluster_KSLabel.tsv labels the good ones.',
  };
}

function single<T>(list: readonly T[]): T | readonly T[] {
  return list.length === 1 ? list[0]! : list;
}

/** The rows of a table of tab-separated values; none where there is no such file. */
function readTable(folder: Folder, file: string): string[][] {
  const lines = readText(folder, file)
    .split(/\r?\n/)
    .filter((line) => line !== '');
  return lines.map((line) => line.split('\t').map((field) => field.trim()));
}

/** The text of a file; empty where there is no such file. */
function readText(folder: Folder, file: string): string {
  try {
    return new TextDecoder().decode(readAllBytes(folder.open(file)));
  } catch (error) {
    if (error instanceof SourceError) return '';
    throw error;
  }
}

/**
 * Samples per second, from params.py, where Python may write them as 30000., 3e4 or 30_000, or as a
 * product or quotient of such numbers.
 */
function readSampleRate(folder: Folder): number {
  const text = readText(folder, 'params.py');
  const [, expression = ''] = /^\s*sample_rate\s*=\s*([^#\n\r]*)/im.exec(text) ?? [];
  const rate = evaluateProduct(expression);
  if (rate > 0 && Number.isFinite(rate)) return rate;
  const reason =
    expression.trim() === ''
      ? 'but no params.py with a sample_rate'
      : `but the sample_rate in params.py, ${expression.trim()}, is not a number`;
  throw new RecordingError(
    `${folder.name} contains the spike files of phy, with times in samples, ${reason}: put a dataset.yaml there with spikes: {times: ${PHY_SPIKE_FILES.join(', neurons: ')}, relabel: true, unit: 1/30000}, where 30000 is the sample rate in Hz.`,
  );
}

/** The value of numbers with * and / between them; NaN for anything else. */
function evaluateProduct(expression: string): number {
  const [first = '', ...rest] = expression.split(/([*/])/).map((part) => part.trim());
  let value = pythonNumber(first);
  for (let n = 0; n < rest.length; n += 2) {
    const factor = pythonNumber(rest[n + 1] ?? '');
    value = rest[n] === '*' ? value * factor : value / factor;
  }
  return value;
}

function pythonNumber(text: string): number {
  return /^[\d_]*\.?[\d_]*(e[+-]?\d+)?$/i.test(text) && /\d/.test(text)
    ? Number(text.replaceAll('_', ''))
    : Number.NaN;
}
