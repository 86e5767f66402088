/** NWB files for tests: their groups, series and tables. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Group, Dataset as H5Dataset } from 'h5wasm/node';
import { afterAll, beforeAll } from 'vitest';
import { openDataset } from '../../src/node/dataset.js';
import type { TestFiles } from './dataset.js';
import { Hdf5Files } from './hdf5.js';

/** Creates a group of a neurodata type. */
export function typed(parent: Group, name: string, type: string): Group {
  const group = parent.create_group(name);
  group.create_attribute('neurodata_type', type);
  return group;
}

/** Creates a numeric dataset. */
export function numbers(
  parent: Group,
  name: string,
  data: readonly number[],
  shape: number[] = [data.length],
): H5Dataset {
  return parent.create_dataset({ name, data: Float64Array.from(data), shape });
}

/** Creates a series at a rate, whose data may have attributes such as a unit. */
export function series(
  parent: Group,
  name: string,
  type: string,
  data: readonly number[],
  {
    rate = 10,
    start = 0,
    shape,
    attributes = {},
  }: {
    rate?: number;
    start?: number;
    shape?: number[];
    attributes?: Record<string, number | string>;
  } = {},
): Group {
  const group = typed(parent, name, type);
  const values = numbers(group, 'data', data, shape);
  for (const [key, value] of Object.entries(attributes)) values.create_attribute(key, value);
  group
    .create_dataset({ name: 'starting_time', data: start, dtype: '<d' })
    .create_attribute('rate', rate);
  return group;
}

/** Creates a table of units with these spike times. Default: three with 2, 0 and 2 spikes. */
export function units(
  parent: Group,
  trains: readonly (readonly number[])[] = [[0.1, 0.5], [], [0.3, 0.9]],
): Group {
  const table = typed(parent, 'units', 'Units');
  raggedColumn(table, 'spike_times', trains);
  return table;
}

/** Creates a column of lists, and the index that divides it. */
export function raggedColumn(
  table: Group,
  name: string,
  lists: readonly (readonly number[] | readonly string[])[],
): void {
  const values = lists.flat();
  if (values.length > 0 && typeof values[0] === 'string')
    table.create_dataset({ name, data: values as string[] });
  else numbers(table, name, values as number[]);
  let end = 0;
  const data = Uint32Array.from(lists, ({ length }) => (end += length));
  table.create_dataset({ name: `${name}_index`, data, shape: [lists.length] });
}

/** Returns functions that write NWB files, and that open them. */
export function useNwb(writeFolder: (files: TestFiles) => string) {
  let files: Hdf5Files;
  beforeAll(async () => {
    files = await Hdf5Files.create();
  });
  afterAll(() => files.remove());
  /** The bytes of an HDF5 file. */
  const written = (write: (root: Group) => void) => files.written(write);
  /** The bytes of an NWB file. */
  const encode = (write: (root: Group) => void, version = '2.6.0') =>
    written((root) => {
      root.create_attribute('neurodata_type', 'NWBFile');
      root.create_attribute('nwb_version', version);
      write(root);
    });
  /** Writes x.nwb and opens it, by the table of trials that is chosen. */
  const open = (write: (root: Group) => void, version?: string, trials?: string) => {
    const path = join(writeFolder({}), 'x.nwb');
    writeFileSync(path, encode(write, version));
    return openDataset(path, undefined, { ...(trials !== undefined && { trials }) });
  };
  return { written, encode, open };
}
