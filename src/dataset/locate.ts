/**
 * Finds the description of a dataset: its dataset.yaml, or a guess at a data file that has none.
 */

import { EXTENSIONS } from '../formats/extensions.js';
import { type OpenedFile, openFile } from '../formats/open.js';
import { readAllBytes } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import { type Folder, joinPath } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { ConfigError } from '../text/schema.js';
import { parseYaml } from '../text/yaml.js';
import { listReferences } from './description.js';
import { openSource } from './files.js';
import type { GuessedDescription } from './guess.js';
import { guessFromArrays } from './guess-arrays.js';
import { guessFromNwb, isNwb } from './guess-nwb.js';
import { guessFromPhy, isPhyFolder, PHY_SPIKE_FILES } from './guess-phy.js';
import { guessFromSuite2p, isSuite2pFolder, SUITE2P_TRACES } from './guess-suite2p.js';
import { parseReference } from './reference.js';

/** A description that was read from a dataset.yaml or guessed. */
export interface LocatedDescription extends GuessedDescription {
  /** The file of the folder that it was read or guessed from. */
  readonly file: string;
  /** Whether it was guessed, because there is no dataset.yaml. */
  readonly guessed: boolean;
  /** The data file, where it was opened for guessing. Whoever receives it closes it. */
  readonly opened?: OpenedFile;
}

/** Data files of a folder. A .txt is more often a note than a table. */
const DATA_FILE = new RegExp(`\\.(${EXTENSIONS.filter((name) => name !== 'txt').join('|')})$`, 'i');
const DESCRIPTION_FILE = 'dataset.yaml';
const MAX_FILES_SHOWN = 8;
/** Files at the top of a Zarr store. */
const ZARR_FILES = ['.zgroup', '.zarray', '.zmetadata', 'zarr.json'];

/**
 * Finds or guesses the description of a dataset.
 *
 * @param file a dataset.yaml by any name, or a data file. Default: the folder's dataset.yaml, its
 *   phy files, or its only data file.
 * @param trialsTable of an NWB file without a dataset.yaml: the table of intervals whose rows are
 *   the trials. Default: that called trials.
 * @throws RecordingError where the folder contains none of these or several data files, a data file
 *   is not recognized, or there is no such table.
 * @throws ConfigError where a dataset.yaml cannot be read or is not valid YAML.
 */
export async function locateDescription(
  folder: Folder,
  file?: string,
  trialsTable?: string,
): Promise<LocatedDescription> {
  const located = await locate(folder, file, trialsTable);
  if (trialsTable === undefined || located.tables !== undefined) return located;
  located.opened?.close();
  const path = joinPath(folder, located.file);
  throw new RecordingError(
    located.guessed
      ? `A table of trials can be chosen in NWB files; ${path} is none: describe its trials in a dataset.yaml.`
      : `${path} says how trials are read, so no other table (${trialsTable}) can be chosen: change it there.`,
  );
}

async function locate(
  folder: Folder,
  file: string | undefined,
  trialsTable: string | undefined,
): Promise<LocatedDescription> {
  if (file !== undefined)
    return /\.ya?ml$/i.test(file)
      ? readDescription(folder, file)
      : describeDataFile(folder, file, trialsTable);
  if (folder.has(DESCRIPTION_FILE)) return readDescription(folder, DESCRIPTION_FILE);
  if (isPhyFolder(folder)) return describePhy(folder);
  if (isSuite2pFolder(folder)) return describeSuite2p(folder);
  if (ZARR_FILES.some((name) => folder.has(name)))
    throw new RecordingError(
      `${folder.name} is a Zarr store, which cannot be read: save it as NWB in HDF5, such as with NWBHDF5IO.export.`,
    );
  const dataFiles = folder.list().filter((name) => DATA_FILE.test(name));
  if (dataFiles.length === 1) return describeDataFile(folder, dataFiles[0]!, trialsTable);
  const others = dataFiles.length > MAX_FILES_SHOWN ? ' and others' : '';
  const suggestion =
    dataFiles.length > 1
      ? ` Give the path of one of its files to see what that contains: ${dataFiles.slice(0, MAX_FILES_SHOWN).join(', ')}${others}.`
      : '';
  throw new RecordingError(
    `${folder.name || 'The folder'} contains no dataset.yaml, the file that says which arrays are spikes, frames and variables.${suggestion}`,
  );
}

/**
 * @throws RecordingError where the file is a model configuration; ConfigError where it cannot be
 *   read or parsed.
 */
function readDescription(folder: Folder, file: string): LocatedDescription {
  const path = joinPath(folder, file);
  const rawDescription = readYaml(folder, file, path);
  if (
    !('spikes' in rawDescription) &&
    ['modalities', 'n_embd', 'training'].some((key) => key in rawDescription)
  )
    throw new RecordingError(
      `${path} does not describe a recording. It looks like a model configuration: give the path of a dataset.yaml, a data file or their folder.`,
    );
  return { file, rawDescription, guessed: false, notes: [] };
}

function readYaml(folder: Folder, file: string, path: string): Record<string, unknown> {
  try {
    return parseYaml(new TextDecoder().decode(readAllBytes(folder.open(file))), path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ConfigError(
      `${path} cannot be read: ${error.message}; give the path of a YAML file.`,
    );
  }
}

async function describeSuite2p(folder: Folder): Promise<LocatedDescription> {
  return { file: SUITE2P_TRACES, ...(await guessFromSuite2p(folder)), guessed: true };
}

function describePhy(folder: Folder): LocatedDescription {
  return { file: PHY_SPIKE_FILES[0], ...guessFromPhy(folder), guessed: true };
}

/**
 * Reads the dataset.yaml beside a data file where it refers to the file; otherwise guesses what the
 * file contains.
 */
async function describeDataFile(
  folder: Folder,
  file: string,
  trialsTable: string | undefined,
): Promise<LocatedDescription> {
  if (folder.has(DESCRIPTION_FILE)) {
    const description = readDescription(folder, DESCRIPTION_FILE);
    const files = listReferences(description.rawDescription).map(
      ({ text }) => parseReference(text).file,
    );
    if (files.includes(file)) return description;
  } else if (PHY_SPIKE_FILES.some((name) => name === file) && isPhyFolder(folder)) {
    return describePhy(folder);
  }
  const opened = await openFile(openSource(folder, file, file), file);
  try {
    const { root } = opened;
    const guess =
      root.kind === 'group' && isNwb(root)
        ? guessFromNwb(root, file, trialsTable)
        : guessFromArrays(root, file);
    return { file, ...guess, guessed: true, opened };
  } catch (error) {
    opened.close();
    throw error;
  }
}
