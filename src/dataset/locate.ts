/** Where a dataset's description stands; and what a file without one is taken to be. */

import { type OpenedFile, openFile } from '../formats/open.js';
import { readWhole } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import { type Folder, pathIn } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { ConfigError } from '../text/schema.js';
import { parseYaml } from '../text/yaml.js';
import { referencesIn } from './description.js';
import { sourceIn } from './files.js';
import { describeArrays } from './guess-arrays.js';
import { describeNwb, isNwb } from './guess-nwb.js';
import { describePhy, isPhy, PHY_SPIKES } from './guess-phy.js';
import { parseReference } from './reference.js';

/** A description as YAML gives it, and the file of the folder that it stands in or was guessed from. */
export interface LocatedDescription {
  readonly file: string;
  readonly raw: object;
  /** Whether nobody wrote it, and what was taken for granted in it. */
  readonly guessed: boolean;
  readonly notes: readonly string[];
  /** The file, open, where it had to be opened to be guessed at. */
  readonly opened?: OpenedFile;
}

const DATA_FILE = /\.(nwb|h5|hdf5|mat|npz|npy|csv|tsv)$/i;
const DESCRIPTION_FILE = 'dataset.yaml';

/**
 * The description of a dataset: its dataset.yaml, or a guess at what a file holds.
 *
 * @param file a dataset.yaml by whatever name, or a file of data; default: what the folder holds.
 * @throws RecordingError where there is nothing that could be a recording, or several things that could.
 */
export async function locate(folder: Folder, file?: string): Promise<LocatedDescription> {
  if (file !== undefined)
    return /\.ya?ml$/i.test(file) ? existingDescription(folder, file) : fromDataFile(folder, file);
  if (folder.has(DESCRIPTION_FILE)) return existingDescription(folder, DESCRIPTION_FILE);
  if (isPhy(folder)) return fromPhy(folder);
  const data = folder.list().filter((name) => DATA_FILE.test(name));
  if (data.length === 1) return fromDataFile(folder, data[0]!);
  throw new RecordingError(
    `${folder.name} holds no dataset.yaml, which says which of its arrays are spikes, frames and variables${data.length > 1 ? `; give one of its files to see what is in it: ${data.slice(0, 8).join(', ')}${data.length > 8 ? ' and others' : ''}` : ''}.`,
  );
}

/** @throws RecordingError where it is the configuration of a model instead; ConfigError where it is not YAML. */
function existingDescription(folder: Folder, file: string): LocatedDescription {
  const path = pathIn(folder, file);
  const raw = readYaml(folder, file, path);
  if (!('spikes' in raw) && ['modalities', 'n_embd', 'training'].some((key) => key in raw))
    throw new RecordingError(
      `${path} describes no recording: it looks like the configuration of a model, which is given with --config beside a recording's path.`,
    );
  return { file, raw, guessed: false, notes: [] };
}

function readYaml(folder: Folder, file: string, path: string): Record<string, unknown> {
  try {
    return parseYaml(new TextDecoder().decode(readWhole(folder.open(file))), path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError(
      `${path} cannot be read: ${error.message}; give the path of a YAML file.`,
    );
  }
}

function fromPhy(folder: Folder): LocatedDescription {
  return { file: PHY_SPIKES[0], ...describePhy(folder), guessed: true };
}

/** The dataset.yaml beside a file where it names that file; a guess otherwise. */
async function fromDataFile(folder: Folder, file: string): Promise<LocatedDescription> {
  if (folder.has(DESCRIPTION_FILE)) {
    const written = existingDescription(folder, DESCRIPTION_FILE);
    const named = referencesIn(written.raw).map(({ text }) => parseReference(text).file);
    if (named.includes(file)) return written;
  } else if (PHY_SPIKES.some((name) => name === file) && isPhy(folder)) {
    return fromPhy(folder);
  }
  const opened = await openFile(sourceIn(folder, file, file), file);
  try {
    const { root } = opened;
    const nwb = root.kind === 'group' && isNwb(root);
    const guess = nwb ? describeNwb(root, file) : describeArrays(root, file);
    return { file, ...guess, guessed: true, opened };
  } catch (error) {
    opened.close();
    throw error;
  }
}
