/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Neuroformer: from recordings to trained models, generated spikes, decoded behavior, connectivity and reports, in browsers
 * and in Node. Tensors and operations alone are in `./engine`; files on disk and Dawn in `./node`.
 */

export { type CreateEngineOptions, createEngine } from './create-engine.js';
export { type Dataset, openDataset } from './dataset/dataset.js';
export type { Engine } from './gpu/engine.js';
export { DeviceLostError, GpuError, UnsupportedError } from './gpu/errors.js';
export { type ModelConfig, type ParsedConfig, parseConfig } from './neuroformer/config.js';
export { RULES, type RuleName } from './neuroformer/rules.js';
export { openModel, type SavedModel } from './neuroformer/saved.js';
export { type ByteSource, memorySource } from './ports/byte-source.js';
export { FileError, SourceError } from './ports/errors.js';
export { fileSource } from './ports/file-source.js';
export { type Folder, fileFolder, memoryFolder } from './ports/folder.js';
export { opfsStore } from './ports/opfs-store.js';
export { memoryStore, type RunStore } from './ports/run-store.js';
export type { Progress, Watcher } from './ports/watcher.js';
export type { DecodedResults, ExplainedResults, GeneratedResults } from './probe/results.js';
export { type DataDictionary, fromDataDictionary } from './recording/data-dictionary.js';
export { RecordingError } from './recording/errors.js';
export {
  createRecording,
  type Recording,
  type Session,
  type Trial,
} from './recording/recording.js';
export { type HubNetwork, type HubSettings, simulateHub } from './simulate/hub.js';
export type { StageOptions } from './stages/context.js';
export { type DecodeSettings, decode } from './stages/decode.js';
export { explain } from './stages/explain.js';
export { type GenerateSettings, generate } from './stages/generate.js';
export { inspectStage as inspect } from './stages/inspect.js';
export { report } from './stages/report.js';
export { type TrainedRun, type TrainOptions, train } from './stages/train.js';
export { ConfigError } from './text/schema.js';
export { type OpenedRun, openRun } from './train/open-run.js';
export { parseTrainSettings, type TrainSettings } from './train/settings.js';
export { VERSION } from './version.gen.js';
