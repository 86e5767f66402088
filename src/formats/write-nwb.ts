/** Writing NWB 2 files: spike times as a Units table, its trials, and series on a clock of their own. */

import type { Dataset, Group } from 'h5wasm';

/** Of the schema whose types are used here: https://nwb-schema.readthedocs.io/en/stable. */
const NWB_VERSION = '2.7.0';

export interface NwbContents {
  /** What the file holds, and how it came to be. */
  readonly description: string;
  /** When the clock began, ISO 8601 with its zone. */
  readonly started: string;
  /** Spike times of each neuron, seconds, rising. */
  readonly units?: readonly Float64Array[];
  /** What each of them is called elsewhere. */
  readonly names?: readonly string[];
  /** Seconds of each trial, and further columns of the same length. */
  readonly trials?: {
    readonly starts: Float64Array;
    readonly stops: Float64Array;
    readonly columns: readonly NwbColumn[];
  };
  /** Under processing/behavior. */
  readonly series?: readonly NwbSeries[];
}

export interface NwbColumn {
  readonly name: string;
  readonly description: string;
  readonly data: Float64Array | Int32Array | readonly string[];
}

export interface NwbSeries {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** Numbers, or what each moment is called. */
  readonly data: Float64Array | readonly string[];
  /** Seconds, rising. */
  readonly timestamps: Float64Array;
}

/** The bytes of an NWB file. */
export async function encodeNwb(contents: NwbContents): Promise<Uint8Array<ArrayBuffer>> {
  const { ready, File } = await import('h5wasm');
  const { FS } = await ready;
  filesWritten += 1;
  const path = `/written-${filesWritten}.nwb`;
  const file = new File(path, 'w');
  try {
    writeFile(file, contents);
  } finally {
    file.close();
  }
  const bytes = Uint8Array.from((FS as unknown as MemoryDisk).readFile(path));
  (FS as unknown as MemoryDisk).unlink(path);
  return bytes;
}

let filesWritten = 0;

/** As much of Emscripten's file system as is used here, which h5wasm's types leave out. */
interface MemoryDisk {
  readFile(path: string): Uint8Array;
  unlink(path: string): void;
}

/** A random identifier (RFC 9562, version 4), also where the page's origin is not secure. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function writeFile(file: Group, contents: NwbContents): void {
  const { description, started, units, names, trials, series = [] } = contents;
  type(file, 'NWBFile');
  file.create_attribute('nwb_version', NWB_VERSION);
  text(file, 'identifier', randomUuid());
  text(file, 'session_description', description);
  text(file, 'session_start_time', started);
  text(file, 'timestamps_reference_time', started);
  file.create_dataset({ name: 'file_create_date', data: [new Date().toISOString()] });
  for (const name of ['acquisition', 'analysis', 'general', 'processing', 'stimulus'])
    file.create_group(name);
  for (const name of ['presentation', 'templates']) group(file, 'stimulus').create_group(name);
  if (units) writeUnits(file, units, names);
  if (trials) writeTrials(file, trials);
  if (series.length === 0) return;
  const behavior = group(file, 'processing').create_group('behavior');
  type(behavior, 'ProcessingModule');
  behavior.create_attribute('description', 'Behaviour, as it was and as it was decoded.');
  for (const one of series) writeSeries(behavior, one);
}

/** What every object of the schema says of itself. */
function type(object: Group | Dataset, name: string, namespace = 'core'): void {
  object.create_attribute('namespace', namespace);
  object.create_attribute('neurodata_type', name);
  object.create_attribute('object_id', randomUuid());
}

function text(at: Group, name: string, data: string): void {
  at.create_dataset({ name, data });
}

function group(at: Group, name: string): Group {
  return at.get(name) as Group;
}

function column(at: Group, { name, description, data }: NwbColumn, kind = 'VectorData'): Dataset {
  const made = at.create_dataset({ name, data: data as Float64Array | string[] });
  type(made, kind, 'hdmf-common');
  made.create_attribute('description', description);
  return made;
}

/** A table: its columns in order, and a number for each row. */
function table(
  at: Group,
  kind: string,
  description: string,
  columns: string[],
  rows: number,
): void {
  type(at, kind);
  at.create_attribute('description', description);
  at.create_attribute('colnames', columns);
  const id = at.create_dataset({
    name: 'id',
    data: Int32Array.from({ length: rows }, (_, n) => n),
  });
  type(id, 'ElementIdentifiers', 'hdmf-common');
}

function writeUnits(
  file: Group,
  units: readonly Float64Array[],
  names: readonly string[] | undefined,
): void {
  const at = file.create_group('units');
  const columns = ['spike_times', ...(names ? ['unit_name'] : [])];
  table(at, 'Units', 'Neurons, by their numbers in the model.', columns, units.length);
  if (names) column(at, { name: 'unit_name', description: 'As in the recording.', data: names });
  const total = units.reduce((sum, { length }) => sum + length, 0);
  const times = new Float64Array(total);
  const ends = new Uint32Array(units.length);
  let end = 0;
  for (const [n, own] of units.entries()) {
    times.set(own, end);
    end += own.length;
    ends[n] = end;
  }
  const made = column(at, { name: 'spike_times', description: 'Seconds.', data: times });
  const index = at.create_dataset({ name: 'spike_times_index', data: ends });
  type(index, 'VectorIndex', 'hdmf-common');
  index.create_attribute('description', 'Where the times of each unit end.');
  index.create_attribute('target', made.create_reference());
}

function writeTrials(file: Group, trials: NonNullable<NwbContents['trials']>): void {
  const at = file.create_group('intervals').create_group('trials');
  const { starts, stops, columns } = trials;
  const all = [
    { name: 'start_time', description: 'Seconds.', data: starts },
    { name: 'stop_time', description: 'Seconds.', data: stops },
    ...columns,
  ];
  const names = all.map(({ name }) => name);
  table(at, 'TimeIntervals', 'Trials.', names, starts.length);
  for (const one of all) column(at, one);
}

function writeSeries(at: Group, { name, description, unit, data, timestamps }: NwbSeries): void {
  const made = at.create_group(name);
  type(made, 'TimeSeries');
  made.create_attribute('description', description);
  made.create_attribute('comments', 'no comments');
  const values = made.create_dataset({ name: 'data', data: data as Float64Array | string[] });
  values.create_attribute('unit', unit);
  values.create_attribute('conversion', 1, null, '<f4');
  values.create_attribute('resolution', -1, null, '<f4');
  const times = made.create_dataset({ name: 'timestamps', data: timestamps });
  times.create_attribute('unit', 'seconds');
  times.create_attribute('interval', 1, null, '<i4');
}
