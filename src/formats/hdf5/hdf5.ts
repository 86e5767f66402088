/**
 * HDF5 files (https://support.hdfgroup.org/documentation), among them NWB and MATLAB's version 7.3, as a tree of parts.
 *
 * Names are looked at a group at a time, values read as they are asked for, a tile at a time: a file may be larger than
 * the memory. What cannot be used (records, references, links that lead nowhere) is in the tree and refused when read.
 */

import { type ArrayPart, type GroupPart, type Part, refusedPart } from '../parts.js';
import { type Found, Hdf5File } from './file.js';
import { isMatlab73, matlabMembers } from './matlab73.js';
import { attributesFrom, type DescribedDataset, lazyGroup, readRows, typeOf } from './values.js';

/**
 * Opens an HDF5 file. The library starts with the first, which takes a sixth of a second.
 *
 * @param name what complaints call it.
 * @param seconds how long the library may compute at one question, for a damaged file can make it loop for ever.
 * @throws RecordingError where it is none or damaged, as its parts do where they are looked at.
 */
export function openHdf5(
  path: string,
  name = path,
  seconds?: number,
): { readonly root: GroupPart; close(): void } {
  const file = new Hdf5File(path, name, seconds);
  try {
    return { root: rootOf(file), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

function rootOf(file: Hdf5File): GroupPart {
  const [top] = file.describe(['/']);
  const { described } = top!;
  if (described.kind === 'refused') throw file.refusal('', described.reason);
  const found = file.members(top!);
  const members = isMatlab73(found)
    ? matlabMembers(file, found)
    : membersOf(file, found, [described.address]);
  return { kind: 'group', attributes: attributesFrom(described.attributes), members };
}

/** @param around addresses of the groups around them, into which a link may lead back. */
function membersOf(
  file: Hdf5File,
  found: ReadonlyMap<string, Found>,
  around: readonly string[],
): Map<string, Part> {
  return new Map([...found].map(([name, member]) => [name, partOf(file, member, around)]));
}

function partOf(file: Hdf5File, found: Found, around: readonly string[]): Part {
  const { described, label } = found;
  if (described.kind === 'refused') return refusedPart(file.refusal(label, described.reason));
  if (described.kind === 'dataset') return arrayPart(file, found, described);
  const { address } = described;
  if (around.includes(address))
    return refusedPart(file.refusal(label, 'it is a link back to a group that it is in'));
  return lazyGroup(attributesFrom(described.attributes), () =>
    membersOf(file, file.members(found), [...around, address]),
  );
}

function arrayPart(file: Hdf5File, found: Found, described: DescribedDataset): ArrayPart {
  const { metadata } = described;
  // Without a shape: HDF5's way to store nothing at all.
  const shape = metadata.shape ?? [0];
  const type = typeOf(metadata);
  if (typeof type === 'string')
    return refusedPart(file.refusal(found.label, `it holds ${type}`), shape);
  const sources = new Set(metadata.virtual_sources?.map(({ file_name }) => file_name));
  sources.delete('.');
  if (sources.size > 0) {
    const reason = `it is put together from other files (${[...sources].slice(0, 3).join(', ')})`;
    return refusedPart(file.refusal(found.label, reason), shape);
  }
  const dataset = { file, found, described, type, reversed: false };
  return {
    kind: 'array',
    type: type.kind,
    shape,
    attributes: attributesFrom(described.attributes),
    read: (from = 0, to = shape[0] ?? 1) => readRows(dataset, from, to),
  };
}
