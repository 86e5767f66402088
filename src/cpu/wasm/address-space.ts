/** What compiled kernels and whoever lays out their memory agree on. */

/**
 * The first address at which a buffer may lie. Kernels put constant offsets below it into their loads and stores, which
 * moves the address that they are added to back by as much: with buffers from here on, that address never becomes
 * negative.
 */
export const HEAP_START = 1 << 20;
