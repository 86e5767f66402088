/** What compiled kernels and the code that lays out their memory agree on. */

/**
 * The lowest byte address of a buffer. Kernels use constant offsets below this value in their loads
 * and stores, and subtract the same amount from the address that the offset is added to. Since
 * buffers start here or later, that address never becomes negative.
 */
export const HEAP_START = 1 << 20;
