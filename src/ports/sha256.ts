/** SHA-256: by Node, which is fast, or by a library, which runs everywhere. */

import { sha256 as portable } from '@noble/hashes/sha2.js';

/** A hash that is fed piece by piece. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** The hash of all pieces, in hexadecimal. */
  hex(): string;
}

interface NodeProcess {
  readonly getBuiltinModule?: (id: 'node:crypto') => {
    createHash(name: string): { update(bytes: Uint8Array): void; digest(form: string): string };
  };
}

/** A new SHA-256 (FIPS 180-4). */
export function sha256(): Hash {
  const node = (globalThis as { process?: NodeProcess }).process?.getBuiltinModule?.('node:crypto');
  if (node) {
    const hash = node.createHash('sha256');
    return { update: (bytes) => hash.update(bytes), hex: () => hash.digest('hex') };
  }
  const hash = portable.create();
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}
