/**
 * Opens HDF5 files (https://support.hdfgroup.org/documentation), which NWB files and MATLAB 7.3
 * files also are, as a tree of nodes.
 *
 * Groups are looked up and values are read on demand, a tile at a time, so a file may be larger
 * than the memory. Objects that cannot be used (records, references, broken links) are in the tree
 * and throw when they are read.
 */

import type { ByteSource } from '../../ports/byte-source.js';
import { type ArrayNode, type DataNode, type GroupNode, unreadableNode } from '../nodes.js';
import { Hdf5File, type NamedObject } from './file.js';

export { prepareHdf5 } from './thread.js';

import { isMatlab73, matlabMembers } from './matlab73.js';
import { attributesFrom, type DatasetInfo, elementType, lazyGroup, readRows } from './values.js';

/**
 * Opens an HDF5 file. The first file starts the library, which takes a third of a second; a page
 * has to start it beforehand, see `prepareHdf5`.
 *
 * @param name what messages call the file.
 * @param seconds how long the library may compute for one request, as a damaged file can put it
 *   into an endless loop.
 * @throws RecordingError where it is not an HDF5 file or is damaged. Damage inside throws only when
 *   the damaged object is looked up or read.
 */
export function openHdf5(
  source: ByteSource,
  name = source.name,
  seconds?: number,
): { readonly root: GroupNode; close(): void } {
  const file = new Hdf5File(source, name, seconds);
  try {
    return { root: rootNode(file), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

function rootNode(file: Hdf5File): GroupNode {
  const [top] = file.lookUp(['/']);
  const { info } = top!;
  if (info.kind === 'unreadable') throw file.readError('', info.reason);
  const objects = file.members(top!);
  const members = isMatlab73(objects)
    ? matlabMembers(file, objects)
    : memberNodes(file, objects, [info.address]);
  return { kind: 'group', attributes: attributesFrom(info.attributes), members };
}

/** @param ancestors addresses of the enclosing groups, to detect links back to one of them. */
function memberNodes(
  file: Hdf5File,
  objects: ReadonlyMap<string, NamedObject>,
  ancestors: readonly string[],
): Map<string, DataNode> {
  return new Map([...objects].map(([name, member]) => [name, objectNode(file, member, ancestors)]));
}

function objectNode(file: Hdf5File, object: NamedObject, ancestors: readonly string[]): DataNode {
  const { info, label } = object;
  if (info.kind === 'unreadable') return unreadableNode(file.readError(label, info.reason));
  if (info.kind === 'dataset') return datasetNode(file, object, info);
  const { address } = info;
  if (ancestors.includes(address))
    return unreadableNode(file.readError(label, 'it is a link back to an enclosing group'));
  return lazyGroup(attributesFrom(info.attributes), () =>
    memberNodes(file, file.members(object), [...ancestors, address]),
  );
}

function datasetNode(file: Hdf5File, object: NamedObject, info: DatasetInfo): ArrayNode {
  const { metadata } = info;
  // A dataset with a null dataspace has no shape and no values.
  const shape = metadata.shape ?? [0];
  const type = elementType(metadata);
  if ('unsupported' in type)
    return unreadableNode(file.readError(object.label, `it contains ${type.unsupported}`), shape);
  const sources = new Set(metadata.virtual_sources?.map(({ file_name }) => file_name));
  sources.delete('.');
  if (sources.size > 0) {
    const reason = `it is a virtual dataset that is stored in other files (${[...sources].slice(0, 3).join(', ')})`;
    return unreadableNode(file.readError(object.label, reason), shape);
  }
  const dataset = { file, object, info, type, reversed: false };
  return {
    kind: 'array',
    type: type.kind,
    shape,
    attributes: attributesFrom(info.attributes),
    read: (from = 0, to = shape[0] ?? 1) => readRows(dataset, from, to),
  };
}
