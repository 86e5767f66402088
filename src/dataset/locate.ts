/** Where a dataset's description stands; and what a file without one is taken to be. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RecordingError } from '../recording/errors.js';
import { readYaml } from '../text/yaml.js';
import { referencesIn } from './description.js';
import { openFile } from './files.js';
import { describeArrays } from './guess-arrays.js';
import { describeNwb, isNwb } from './guess-nwb.js';
import { describePhy, isPhy, PHY_SPIKES } from './guess-phy.js';
import { parseReference } from './reference.js';

/** A description as YAML gives it, and the file its references are beside. */
export interface Described {
  readonly file: string;
  readonly raw: object;
  /** Whether nobody wrote it, and what was taken for granted in it. */
  readonly guessed: boolean;
  readonly notes: readonly string[];
}

const DATA = /\.(nwb|h5|hdf5|mat|npz|npy|csv|tsv)$/i;

/**
 * The description of a dataset: its dataset.yaml, or a guess at what a file holds.
 *
 * @param path a folder, a dataset.yaml by whatever name, or a file of data.
 * @throws RecordingError where there is nothing that could be a recording, or several things that could.
 */
export async function describedAt(path: string): Promise<Described> {
  if (!existsSync(path))
    throw new RecordingError(`${path} cannot be read: there is no such file or folder.`);
  if (!statSync(path).isDirectory())
    return /\.ya?ml$/i.test(path) ? written(path) : ofDataFile(path);
  const file = join(path, 'dataset.yaml');
  if (existsSync(file)) return written(file);
  if (isPhy(path)) return ofPhy(path);
  const found = readdirSync(path).filter((name) => DATA.test(name));
  if (found.length === 1) return ofDataFile(join(path, found[0]!));
  throw new RecordingError(
    `${path} holds no dataset.yaml, which says which of its arrays are spikes, frames and variables${found.length > 1 ? `; give one of its files to see what is in it: ${found.slice(0, 8).join(', ')}${found.length > 8 ? ' and others' : ''}` : ''}.`,
  );
}

/** @throws RecordingError where it is the configuration of a model instead. */
function written(file: string): Described {
  const raw = readYaml(file);
  if (!('spikes' in raw) && ['modalities', 'n_embd', 'training'].some((key) => key in raw))
    throw new RecordingError(
      `${file} describes no recording: it looks like the configuration of a model, which is given with --config beside a recording's path.`,
    );
  return { file, raw, guessed: false, notes: [] };
}

function ofPhy(folder: string): Described {
  return { file: join(folder, PHY_SPIKES[0]), ...describePhy(folder), guessed: true };
}

/** The dataset.yaml beside a file where it names that file; a guess otherwise. */
async function ofDataFile(path: string): Promise<Described> {
  const beside = join(dirname(path), 'dataset.yaml');
  if (existsSync(beside)) {
    const described = written(beside);
    const named = referencesIn(described.raw).map(({ text }) => parseReference(text).file);
    if (named.includes(basename(path))) return described;
  } else if (PHY_SPIKES.some((name) => name === basename(path)) && isPhy(dirname(path))) {
    return ofPhy(dirname(path));
  }
  const name = basename(path);
  const { root, close } = await openFile(path, name);
  try {
    const nwb = root.kind === 'group' && isNwb(root);
    const guess = nwb ? describeNwb(root, name) : describeArrays(root, name);
    return { file: path, ...guess, guessed: true };
  } finally {
    close();
  }
}
