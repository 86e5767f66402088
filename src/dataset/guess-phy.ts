/**
 * Describes a folder written by Kilosort or phy (https://phy.readthedocs.io): spike times with the
 * cluster of each.
 */

import { readAllBytes } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import type { GuessedDescription } from './guess.js';

/** The files that every such folder has: spike times in samples, and the cluster of each spike. */
export const PHY_SPIKE_FILES = ['spike_times.npy', 'spike_clusters.npy'] as const;

/**
 * Columns that label clusters as good, in order of preference: labels set by hand come before those
 * of Kilosort.
 */
const QUALITY_COLUMNS = [
  { file: 'cluster_group.tsv', column: 'group' },
  // Kilosort 4 writes its labels to this file until phy saves groups there.
  { file: 'cluster_group.tsv', column: 'KSLabel' },
  { file: 'cluster_KSLabel.tsv', column: 'KSLabel' },
] as const;

/** Whether a folder contains the spike files of phy. */
export function isPhyFolder(folder: Folder): boolean {
  return PHY_SPIKE_FILES.every((file) => folder.has(file));
}

/**
 * Describes the spikes of the clusters that are labeled good, or of all clusters where none is
 * labeled.
 *
 * @throws RecordingError where params.py does not give the sample rate.
 */
export function guessFromPhy(folder: Folder): GuessedDescription {
  const [times, clusters] = PHY_SPIKE_FILES;
  const rate = readSampleRate(folder);
  const quality = QUALITY_COLUMNS.find(({ file, column }) =>
    columnNames(folder, file).includes(column),
  );
  const keep = quality && {
    by: `${quality.file}#${quality.column}`,
    ids: `${quality.file}#cluster_id`,
    values: ['good'],
  };
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
    notes: keep
      ? [
          `Only clusters labeled good in ${keep.by} are used; to use others, list their labels under spikes.keep.values in a dataset.yaml.`,
        ]
      : [
          'All clusters are used, because no cluster_group.tsv or cluster_KSLabel.tsv labels the good ones.',
        ],
  };
}

/**
 * The column names of a table of tab-separated values; one empty name where there is no such file.
 */
function columnNames(folder: Folder, file: string): string[] {
  const [header = ''] = readText(folder, file).split(/\r?\n/, 1);
  return header.split('\t').map((name) => name.trim());
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

/** Samples per second, from params.py, where Python may write them as 30000., 3e4 or 30_000. */
function readSampleRate(folder: Folder): number {
  const text = readText(folder, 'params.py');
  const [, digits = ''] = /^\s*sample_rate\s*=\s*([\d_.]+(?:e\+?\d+)?)/im.exec(text) ?? [];
  const rate = Number(digits.replaceAll('_', ''));
  if (rate > 0) return rate;
  throw new RecordingError(
    `${folder.name} contains the spike files of phy, with times in samples, but no params.py with a sample_rate: put a dataset.yaml there with spikes: {times: ${PHY_SPIKE_FILES.join(', neurons: ')}, relabel: true, unit: 1/30000}, where 30000 is the sample rate in Hz.`,
  );
}
