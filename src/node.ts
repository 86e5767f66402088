/// <reference lib="esnext.disposable" preserve="true" />

/**
 * The public API in Node: everything of the browser-safe entry, with files on disk and devices
 * through Dawn.
 */

export * from './index.js';
export { readConfigFile } from './node/config-file.js';
export { openDataset } from './node/dataset.js';
export { diskFolder, diskSource } from './node/disk-source.js';
export { diskStore } from './node/disk-store.js';
export {
  type AdapterChoice,
  createEngine,
  type NodeEngineOptions,
  type SelectedAdapter,
  selectAdapter,
} from './node/engine.js';
