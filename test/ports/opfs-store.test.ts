import { afterEach, expect, it, vi } from 'vitest';
import { opfsStore } from '../../src/ports/opfs-store.js';

afterEach(() => vi.unstubAllGlobals());

/**
 * A browser's private file system with one file, whose disk is full. Like a browser it refuses a
 * second writer while the first one is neither closed nor aborted.
 */
function stubFullDisk(): { openWriters: number } {
  const state = { openWriters: 0 };
  const createWritable = async () => {
    if (state.openWriters > 0) throw new DOMException('locked', 'NoModificationAllowedError');
    state.openWriters += 1;
    const release = async () => {
      state.openWriters -= 1;
    };
    const write = async () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    return { write, close: release, abort: release };
  };
  const file = { getFile: async () => ({ size: 3 }), createWritable };
  const folder = { getDirectoryHandle: async () => folder, getFileHandle: async () => file };
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => folder } });
  return state;
}

it.each(['write', 'append'] as const)(
  'a store in the browser releases its file where %s fails, so that it can be written again',
  async (operation) => {
    const state = stubFullDisk();
    const store = opfsStore('runs/first');
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(store[operation]('metrics.jsonl', '{}')).rejects.toThrow(
        "runs/first/metrics.jsonl cannot be written: this site's storage is full.",
      );
    expect(state.openWriters).toBe(0);
  },
);
