/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Neuroformer: from recordings to trained models, generated spikes, decoded behavior, connectivity
 * and reports, in browsers and in Node. Tensors and operations alone are in `./engine`; files on
 * disk and Dawn in `./node`.
 */

export { type CreateEngineOptions, createEngine } from './create-engine.js';
export { type Dataset, type OpenOptions, openDataset } from './dataset/dataset.js';
export type { IntervalColumn, IntervalTable } from './dataset/nwb-intervals.js';
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
export {
  type FileContents,
  memoryStore,
  type RunStore,
  type StoreLock,
} from './ports/run-store.js';
export type { Progress, Watcher } from './ports/watcher.js';
export type {
  ConnectivityResults,
  DecodedResults,
  GeneratedResults,
  LadderResults,
  LadderRun,
  LadderRung,
  LatentMethod,
  LatentResults,
  LatentScores,
  ProbeResults,
  ProbeRow,
  RungScores,
  StimulusResults,
} from './probe/results.js';
export { type DataDictionary, fromDataDictionary } from './recording/data-dictionary.js';
export { RecordingError } from './recording/errors.js';
export {
  createRecording,
  type Recording,
  type Session,
  type Trial,
} from './recording/recording.js';
export { type DelayRange, type HubNetwork, type HubSettings, simulateHub } from './simulate/hub.js';
export {
  simulateVisual,
  type VisualRecording,
  type VisualSettings,
  type VisualTrial,
  type VisualTruth,
} from './simulate/visual/visual.js';
export type { StageOptions } from './stages/context.js';
export { type DecodeSettings, decode } from './stages/decode.js';
export { StoppedError, UsageError } from './stages/errors.js';
export { explainConnectivity } from './stages/explain-connectivity.js';
export { type ExplainStimulusSettings, explainStimulus } from './stages/explain-stimulus.js';
export { type GenerateSettings, generate } from './stages/generate.js';
export { inspectDataset as inspect } from './stages/inspect.js';
export { type LadderRequest, ladderComponents } from './stages/ladder-components.js';
export { ladderProbes, type ProbeSettings } from './stages/ladder-probes.js';
export { readLatents } from './stages/latents.js';
export { type RateSettings, scoreRates } from './stages/rates.js';
export { report } from './stages/report.js';
export { type TrainedRun, type TrainOptions, train } from './stages/train.js';
export { ConfigError } from './text/schema.js';
export { type OpenedRun, openRun } from './train/open-run.js';
export { parseTrainSettings, type TrainSettings } from './train/settings.js';
export { VERSION } from './version.gen.js';

// What these take and return, for programs that name the types.

export type { Score } from './analyze/bootstrap.js';
export type {
  DecodedClasses,
  DecodedNumbers,
  DecodedVariable,
} from './analyze/decoded-variable.js';
export type { Scores } from './analyze/decoding-scores.js';
export type { EdgeScores } from './analyze/edges.js';
export type { FeatureMatrix } from './analyze/feature-matrix.js';
export type { RidgeStrengths } from './analyze/glm-ridge.js';
export type {
  RecordingOverview,
  RepeatCount,
  VariableOverview,
  WindowSpikes,
} from './analyze/overview.js';
export type { RecordedVariable } from './analyze/readout.js';
export type { FieldScores, InputScores } from './analyze/stimulus-scores.js';
export type { DrawSettings } from './generate/sampler.js';
export type { GeneratedTrial } from './generate/trials.js';
export type { ModalityGroup } from './neuroformer/config.js';
export type { Rules } from './neuroformer/rules.js';
export type { ConnectivityMap, ConnectivitySettings } from './probe/connectivity.js';
export type {
  CountPerPart,
  GeneratedAndRecorded,
  GeneratedScores,
  OneWindowAheadScores,
  WindowScores,
} from './probe/generated.js';
export type { ActivityFeature } from './probe/latents.js';
export type {
  PsthScore,
  RateCeiling,
  RateMethod,
  RateResults,
  RateScores,
} from './probe/rates.js';
export type { MethodScores, ScoredMoments } from './probe/results.js';
export type { StimulusKind, StimulusMap, StimulusSettings } from './probe/stimulus.js';
export type { StimulusGrid } from './probe/stimulus-grid.js';
export type { TokenScores } from './probe/token-scores.js';
export type {
  CountMatrix,
  DictionaryInterval,
  DictionaryRecording,
  DictionarySteps,
  FrameArray,
  FrameCallback,
} from './recording/data-dictionary.js';
export type {
  Interval,
  PlainSpikeTimes,
  Series,
  TimedSeries,
  Variable,
  Video,
} from './recording/recording.js';
export type { SpikeCounts, Spikes, SpikeTimes } from './recording/spikes.js';
export type { ClassValue } from './recording/vocabularies.js';
export type { WindowRef } from './recording/windows.js';
export type { Figure } from './report/draw.js';
export type { Report } from './report/report.js';
export type {
  FieldTruth,
  NoiseCeiling,
  RepeatReliability,
  TrueRates,
  Truth,
  Wiring,
} from './simulate/truth.js';
export type { Gaze } from './simulate/visual/behavior.js';
export type { ReceptiveFields } from './simulate/visual/fields.js';
export type { BestLoss, ReadModel, TrainingProgress } from './train/checkpoint.js';
export type { EngineSource } from './train/engine-source.js';
export type { RunFacts } from './train/run-records.js';
export type { TrainResult } from './train/trainer.js';
export type { ValidationScore, ValidationScores } from './train/validation-scores.js';
export type { WeightsId } from './train/weights.js';
