/** Text as HDF5 files store it. */

/** Decodes bytes up to the first zero as UTF-8, or as Latin-1 where they are not valid UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const encoded = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoded);
  } catch {
    return new TextDecoder('latin1').decode(encoded);
  }
}
