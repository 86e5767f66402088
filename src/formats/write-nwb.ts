/** Writes NWB 2 files with a Units table of spike times, a trials table and series of behavior. */

import type { Dataset, Group } from 'h5wasm';
import { numberRepeated } from '../text/file-names.js';

/** The version of the schema: https://nwb-schema.readthedocs.io/en/stable. */
const NWB_VERSION = '2.7.0';

/** What to write into an NWB file. */
export interface NwbContents {
  /** What the file contains and how it was made. */
  readonly description: string;
  /** The date and time of 0 s on the file's clock, in ISO 8601 with a time zone. */
  readonly started: string;
  /** Spike times of each neuron, in seconds, ascending. */
  readonly units?: readonly Float64Array[];
  /** The name of each neuron in the recording. */
  readonly names?: readonly string[];
  /** Start and stop of each trial in seconds, and further columns of the same length. */
  readonly trials?: {
    readonly starts: Float64Array;
    readonly stops: Float64Array;
    readonly columns: readonly NwbColumn[];
  };
  /** Time series, which are written under processing/behavior. */
  readonly series?: readonly NwbSeries[];
}

/** A column of a table. */
export interface NwbColumn {
  /** Its name in the file. */
  readonly name: string;
  /** What it contains, as a sentence. */
  readonly description: string;
  /** One value per row. */
  readonly data: Float64Array | Int32Array | readonly string[];
}

/** A time series. */
export interface NwbSeries {
  /** Its name, in which the file has underscores for slashes and colons. */
  readonly name: string;
  /** What it contains, as a sentence. */
  readonly description: string;
  /** Unit of the values. */
  readonly unit: string;
  /** A number or a label for each timestamp. */
  readonly data: Float64Array | readonly string[];
  /** Seconds on the file's clock, ascending. */
  readonly timestamps: Float64Array;
}

/**
 * Encodes an NWB file and returns its bytes.
 *
 * @throws Error where the library could not write all of it, as when memory runs out.
 */
export async function encodeNwb(contents: NwbContents): Promise<Uint8Array<ArrayBuffer>> {
  const { ready, File } = await import('h5wasm');
  const { FS } = await ready;
  filesWritten += 1;
  const path = `/written-${filesWritten}.nwb`;
  const disk = FS as unknown as MemoryDisk;
  const file = new File(path, 'w');
  try {
    let status = -1;
    try {
      writeFile(file, contents);
    } finally {
      status = file.close();
    }
    const bytes = Uint8Array.from(disk.readFile(path));
    if (status < 0 || endOfFile(bytes) !== bytes.length)
      throw new Error('The NWB file could not be written completely.');
    return bytes;
  } finally {
    disk.unlink(path);
  }
}

/** Where the superblock of an HDF5 file, of version 2 as the library writes it, has its end. */
function endOfFile(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer).getBigUint64(28, true));
}

let filesWritten = 0;

/** The part of Emscripten's file system that is used here; h5wasm's types omit it. */
interface MemoryDisk {
  readFile(path: string): Uint8Array;
  unlink(path: string): void;
}

/**
 * A random UUID (RFC 9562, version 4). Unlike `crypto.randomUUID`, it also works where the origin
 * of the page is not secure.
 */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function writeFile(file: Group, contents: NwbContents): void {
  const { description, started, units, names: unitNames, trials, series = [] } = contents;
  writeType(file, 'NWBFile');
  file.create_attribute('nwb_version', NWB_VERSION);
  writeText(file, 'identifier', randomUuid());
  writeText(file, 'session_description', description);
  writeText(file, 'session_start_time', started);
  writeText(file, 'timestamps_reference_time', started);
  file.create_dataset({ name: 'file_create_date', data: [new Date().toISOString()] });
  for (const name of ['acquisition', 'analysis', 'general', 'processing', 'stimulus'])
    file.create_group(name);
  for (const name of ['presentation', 'templates']) getGroup(file, 'stimulus').create_group(name);
  if (units) writeUnits(file, units, unitNames);
  if (trials) writeTrials(file, trials);
  if (series.length === 0) return;
  const behavior = getGroup(file, 'processing').create_group('behavior');
  writeType(behavior, 'ProcessingModule');
  behavior.create_attribute('description', 'Behavior as recorded and as decoded.');
  const names = seriesNames(series.map(({ name }) => name));
  for (const [n, item] of series.entries()) writeSeries(behavior, names[n]!, item);
}

/**
 * Names that objects of a file can have: HDF5 has slashes between groups, and NWB has no colons.
 * Those that would be the same are numbered.
 */
function seriesNames(names: readonly string[]): string[] {
  const plain = names.map((name) => name.replaceAll(/[/:\0]/g, '_').replace(/^\.*$/, '_'));
  return numberRepeated(plain, '_');
}

/** Writes the attributes that identify the schema type of an object. */
function writeType(object: Group | Dataset, name: string, namespace = 'core'): void {
  object.create_attribute('namespace', namespace);
  object.create_attribute('neurodata_type', name);
  object.create_attribute('object_id', randomUuid());
}

function writeText(parent: Group, name: string, data: string): void {
  parent.create_dataset({ name, data });
}

function getGroup(parent: Group, name: string): Group {
  return parent.get(name) as Group;
}

function writeColumn(table: Group, { name, description, data }: NwbColumn): Dataset {
  const column = table.create_dataset({ name, data: data as Float64Array | string[] });
  writeType(column, 'VectorData', 'hdmf-common');
  column.create_attribute('description', description);
  return column;
}

/**
 * Writes the attributes of a table and its column of row ids; the other columns are up to the
 * caller.
 */
function writeTable(
  table: Group,
  typeName: string,
  description: string,
  columns: string[],
  rows: number,
): void {
  writeType(table, typeName);
  table.create_attribute('description', description);
  table.create_attribute('colnames', columns);
  const id = table.create_dataset({
    name: 'id',
    data: Int32Array.from({ length: rows }, (_, n) => n),
  });
  writeType(id, 'ElementIdentifiers', 'hdmf-common');
}

function writeUnits(
  file: Group,
  units: readonly Float64Array[],
  names: readonly string[] | undefined,
): void {
  const table = file.create_group('units');
  const columns = ['spike_times', ...(names ? ['unit_name'] : [])];
  writeTable(table, 'Units', 'Neurons in the order of the model.', columns, units.length);
  if (names)
    writeColumn(table, { name: 'unit_name', description: 'Name in the recording.', data: names });
  const total = units.reduce((sum, { length }) => sum + length, 0);
  const times = new Float64Array(total);
  const ends = new Uint32Array(units.length);
  let end = 0;
  for (const [n, unitTimes] of units.entries()) {
    times.set(unitTimes, end);
    end += unitTimes.length;
    ends[n] = end;
  }
  const column = writeColumn(table, {
    name: 'spike_times',
    description: 'Seconds.',
    data: times,
  });
  const index = table.create_dataset({ name: 'spike_times_index', data: ends });
  writeType(index, 'VectorIndex', 'hdmf-common');
  index.create_attribute('description', 'Where the times of each unit end.');
  index.create_attribute('target', column.create_reference());
}

function writeTrials(file: Group, trials: NonNullable<NwbContents['trials']>): void {
  const table = file.create_group('intervals').create_group('trials');
  const { starts, stops, columns } = trials;
  const all = [
    { name: 'start_time', description: 'Seconds.', data: starts },
    { name: 'stop_time', description: 'Seconds.', data: stops },
    ...columns,
  ];
  const names = all.map(({ name }) => name);
  writeTable(table, 'TimeIntervals', 'Trials.', names, starts.length);
  for (const item of all) writeColumn(table, item);
}

function writeSeries(
  parent: Group,
  name: string,
  { name: variable, description, unit, data, timestamps }: NwbSeries,
): void {
  const series = parent.create_group(name);
  writeType(series, 'TimeSeries');
  const origin = name === variable ? '' : ` Its name is ${JSON.stringify(variable)}.`;
  series.create_attribute('description', `${description}${origin}`);
  series.create_attribute('comments', 'no comments');
  const values = series.create_dataset({ name: 'data', data: data as Float64Array | string[] });
  values.create_attribute('unit', unit);
  values.create_attribute('conversion', 1, null, '<f4');
  values.create_attribute('resolution', -1, null, '<f4');
  const times = series.create_dataset({ name: 'timestamps', data: timestamps });
  times.create_attribute('unit', 'seconds');
  times.create_attribute('interval', 1, null, '<i4');
}
