/**
 * A program of the tests: opens HDF5 files one after another, each with 0.3 s for an answer, and
 * prints the member `a` of each, or the name of the error. Arguments: the paths.
 */

import { openHdf5 } from '../../../src/formats/hdf5/open.js';
import { diskSource } from '../../../src/node/disk-source.js';

for (const path of process.argv.slice(2)) {
  try {
    const { root } = openHdf5(diskSource(path), 'X', 0.3);
    const member = root.kind === 'group' ? root.members.get('a') : undefined;
    console.log(member?.kind === 'array' ? member.read().join() : 'no array');
  } catch (error) {
    console.log((error as Error).name);
  }
}
