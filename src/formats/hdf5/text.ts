/** Letters as HDF5 files hold them. */

/** Letters up to the first zero: UTF-8, or Latin-1 where they are not valid as that. */
export function textFrom(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const letters = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(letters);
  } catch {
    return new TextDecoder('latin1').decode(letters);
  }
}
