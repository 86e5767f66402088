/** The names of the files that can be opened. */

/** Extensions of text tables, which have no first bytes to be recognized by. */
export const TABLE_EXTENSIONS = ['csv', 'tsv', 'txt'] as const;

/**
 * Extensions of all formats. A file that is recognized by its first bytes may have another one, but
 * then references and folders do not find it. Where one begins with another, it comes first.
 */
export const EXTENSIONS = [
  ...['nwb', 'hdf5', 'hdf', 'h5', 'mat', 'npz', 'npy'],
  ...TABLE_EXTENSIONS,
] as const;
