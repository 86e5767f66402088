/** SHA-256: Node's own implementation where there is one, as it is fast, else one in JavaScript. */

import { sha256 as portable } from '@noble/hashes/sha2.js';

/** A hash that is computed over bytes that arrive in pieces. */
export interface Hash {
  /** Adds bytes to what is hashed. */
  update(bytes: Uint8Array): void;
  /** The hash of everything added, in hexadecimal. Call it once, at the end. */
  hex(): string;
}

interface NodeProcess {
  readonly getBuiltinModule?: (id: 'node:crypto') => {
    createHash(name: string): { update(bytes: Uint8Array): void; digest(form: string): string };
  };
}

/** Starts a SHA-256 hash (FIPS 180-4). */
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
