/** What Kilosort and phy leave in a folder (https://phy.readthedocs.io): spikes with their clusters, as a dataset.yaml would say it. */

import { readWhole } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import type { Guess } from './guess.js';

export const PHY_SPIKES = ['spike_times.npy', 'spike_clusters.npy'] as const;
/** What tells good clusters from others: by hand, or else by Kilosort. */
const QUALITY_FILES = [
  { file: 'cluster_group.tsv', column: 'group' },
  // As Kilosort 4 writes it, until phy has saved groups.
  { file: 'cluster_group.tsv', column: 'KSLabel' },
  { file: 'cluster_KSLabel.tsv', column: 'KSLabel' },
] as const;

/** Whether a folder holds spikes as phy does. */
export function isPhy(folder: Folder): boolean {
  return PHY_SPIKES.every((file) => folder.has(file));
}

/**
 * The clusters of a folder that are called good; all of them where nobody has called them anything.
 *
 * @throws RecordingError where nothing says how many samples a second has.
 */
export function describePhy(folder: Folder): Guess {
  const [times, clusters] = PHY_SPIKES;
  const rate = sampleRate(folder);
  const quality = QUALITY_FILES.find(({ file, column }) =>
    columnNames(folder, file).includes(column),
  );
  const keep = quality && {
    by: `${quality.file}#${quality.column}`,
    ids: `${quality.file}#cluster_id`,
    values: ['good'],
  };
  return {
    raw: {
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
      ? [`Clusters that ${keep.by} calls good are used; name others under spikes.keep.values.`]
      : [
          'No cluster_group.tsv or cluster_KSLabel.tsv says which clusters are good, so all are used.',
        ],
  };
}

/** The names of a table's columns; none where there is no such file. */
function columnNames(folder: Folder, file: string): string[] {
  const [first = ''] = textIn(folder, file).split(/\r?\n/, 1);
  return first.split('\t').map((name) => name.trim());
}

/** A file's text; empty where it is not there. */
function textIn(folder: Folder, file: string): string {
  try {
    return new TextDecoder().decode(readWhole(folder.open(file)));
  } catch (error) {
    if (error instanceof SourceError) return '';
    throw error;
  }
}

function sampleRate(folder: Folder): number {
  const text = textIn(folder, 'params.py');
  const [, written = ''] = /^\s*sample_rate\s*=\s*([\d_.]+(?:e\+?\d+)?)/im.exec(text) ?? [];
  const rate = Number(written.replaceAll('_', ''));
  if (rate > 0) return rate;
  throw new RecordingError(
    `${folder.name} has spikes as phy keeps them, in samples, but no params.py that says the sample_rate: put a dataset.yaml there with spikes: {times: ${PHY_SPIKES.join(', neurons: ')}, relabel: true, unit: 1/30000}, where 30000 is samples a second.`,
  );
}
