/**
 * HDF5 files (https://support.hdfgroup.org/documentation), among them NWB and MATLAB's version 7.3, as a tree of parts.
 *
 * Names are looked at a group at a time, values read as they are asked for, a tile at a time: a file may be larger than
 * the memory. What cannot be used (records, references, links that lead nowhere) is in the tree and refused when read.
 */

import type { ByteSource } from '../../ports/byte-source.js';
import { type ArrayNode, type DataNode, type GroupNode, unreadableNode } from '../nodes.js';
import { Hdf5File, type NamedObject } from './file.js';

export { prepareHdf5 } from './thread.js';

import { isMatlab73, matlabMembers } from './matlab73.js';
import { attributesFrom, type DatasetInfo, elementType, lazyGroup, readRows } from './values.js';

/**
 * Opens an HDF5 file. The library starts with the first, which takes a third of a second; in a page it must have been
 * started before, see `prepareHdf5`.
 *
 * @param name what messages call it.
 * @param seconds how long the library may compute at one question, for a damaged file can make it loop for ever.
 * @throws RecordingError where it is not HDF5 or damaged, as its parts do where they are looked at.
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
  if (info.kind === 'refused') throw file.refusal('', info.reason);
  const objects = file.members(top!);
  const members = isMatlab73(objects)
    ? matlabMembers(file, objects)
    : memberNodes(file, objects, [info.address]);
  return { kind: 'group', attributes: attributesFrom(info.attributes), members };
}

/** @param around addresses of the groups around them, into which a link may lead back. */
function memberNodes(
  file: Hdf5File,
  objects: ReadonlyMap<string, NamedObject>,
  around: readonly string[],
): Map<string, DataNode> {
  return new Map([...objects].map(([name, member]) => [name, asNode(file, member, around)]));
}

function asNode(file: Hdf5File, object: NamedObject, around: readonly string[]): DataNode {
  const { info, label } = object;
  if (info.kind === 'refused') return unreadableNode(file.refusal(label, info.reason));
  if (info.kind === 'dataset') return arrayPart(file, object, info);
  const { address } = info;
  if (around.includes(address))
    return unreadableNode(file.refusal(label, 'it is a link back to a group that it is in'));
  return lazyGroup(attributesFrom(info.attributes), () =>
    memberNodes(file, file.members(object), [...around, address]),
  );
}

function arrayPart(file: Hdf5File, object: NamedObject, info: DatasetInfo): ArrayNode {
  const { metadata } = info;
  // Without a shape: HDF5's way to store nothing at all.
  const shape = metadata.shape ?? [0];
  const type = elementType(metadata);
  if (typeof type === 'string')
    return unreadableNode(file.refusal(object.label, `it holds ${type}`), shape);
  const sources = new Set(metadata.virtual_sources?.map(({ file_name }) => file_name));
  sources.delete('.');
  if (sources.size > 0) {
    const reason = `it is put together from other files (${[...sources].slice(0, 3).join(', ')})`;
    return unreadableNode(file.refusal(object.label, reason), shape);
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
