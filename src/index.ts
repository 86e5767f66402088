/** The public API, safe in browsers: nothing here needs Node. */

export { type CpuDeviceOptions, cpuGpu, requestCpuDevice } from './cpu/index.js';
export { createEngine, type PageEngineOptions } from './create-engine.js';
export {
  type DrawSettings,
  type GeneratedWindow,
  Sampler,
  type SamplerSettings,
} from './generate/sampler.js';
export {
  type GeneratedTrial,
  generateTrials,
  type TrialSettings,
} from './generate/trials.js';
export type { DeviceFacts } from './gpu/device.js';
export { Engine } from './gpu/engine.js';
export { DeviceLostError, GpuError, ShapeError, UnsupportedError } from './gpu/errors.js';
export { Allocation, type BufferView, type MemoryUse } from './gpu/memory.js';
export type { EngineCounts, EngineOptions } from './gpu/options.js';
export { type ProfileRow, profileTable } from './gpu/profile.js';
export { type Fetched, Step } from './gpu/step.js';
export type { Tuning } from './gpu/tuning.js';
export { HostRandom } from './math/random.js';
export {
  Batch,
  BatchLayout,
  type HostBatch,
  modelSizes,
  standardised,
  tokenizerFor,
  windowSettings,
} from './neuroformer/batch.js';
export { type ModelConfig, type ParsedConfig, parseConfig } from './neuroformer/config.js';
export { describeEstimate, estimateMemory, type MemoryEstimate } from './neuroformer/estimate.js';
export {
  lossWeights,
  type ModelLosses,
  type ModelTargets,
  modelLosses,
} from './neuroformer/losses.js';
export {
  type ModelInputs,
  type ModelOutputs,
  type ModelSizes,
  Neuroformer,
} from './neuroformer/model.js';
export { RULES, type RuleName } from './neuroformer/rules.js';
export { loadNotes, openModel, type SavedModel, saveModel } from './neuroformer/saved.js';
export { type StepLosses, TrainingStep } from './neuroformer/step.js';
export { type Initializer, normal, ones, uniform, zeros } from './nn/init.js';
export {
  type AttentionCall,
  Block,
  type BlockCall,
  Embedding,
  Gru,
  LayerNorm,
  Linear,
  Mlp,
  MultiHeadAttention,
} from './nn/layers.js';
export {
  AdamW,
  type AdamWOptions,
} from './nn/optimizer.js';
export {
  type Declare,
  type LoadReport,
  Parameter,
  type ParameterOptions,
  ParameterStore,
} from './nn/parameters.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  type Safetensors,
  SafetensorsError,
} from './nn/safetensors.js';
export { RateSchedule, type RateSettings } from './nn/schedule.js';
export { BatchOrder } from './recording/batch-order.js';
export {
  type DataDictionary,
  type FrameCallback,
  fromDataDictionary,
} from './recording/data-dictionary.js';
export { RecordingError } from './recording/errors.js';
export {
  createRecording,
  type Film,
  type Interval,
  type Recording,
  recordingOf,
  type Session,
  type Trial,
  type Variable,
} from './recording/recording.js';
export {
  type Fractions,
  leaksOf,
  type Split,
  type SplitSettings,
  splitWindows,
} from './recording/splits.js';
export { Tokenizer } from './recording/tokenizer.js';
export { truncationNotes, truncationOf } from './recording/truncation.js';
export { type Window, type WindowRef, Windows } from './recording/windows.js';
export { type HubNetwork, type HubSettings, simulateHub } from './simulate/hub.js';
export { type AttentionOptions, attention, attentionProbabilities } from './tensor/attention.js';
export { type Activation, activate, add, dropout, sumLosses } from './tensor/elementwise.js';
export {
  addPositions,
  type EmbeddingOptions,
  embedding,
  sinusoid,
  Tokens,
} from './tensor/embedding.js';
export { type GruOptions, type GruWeights, gru } from './tensor/gru.js';
export { type LayerNormOptions, layerNorm, type Normalised } from './tensor/layernorm.js';
export {
  type LinearOptions,
  linear,
  type MlpWeights,
  matmulTransposed,
  mlp,
} from './tensor/linear.js';
export {
  type CrossEntropyOptions,
  contrastiveLoss,
  crossEntropy,
  crossEntropyOfRows,
  meanSquaredError,
  NO_CLASS,
  normalize,
  type SquaredErrorOptions,
} from './tensor/losses.js';
export { type Dropout, RandomState } from './tensor/random.js';
export { type Sampled, type SampleOptions, sample } from './tensor/sample.js';
export { concatenate, conv3d, meanPool, slice, type Triple, unfold3d } from './tensor/sequence.js';
export {
  type Differentiated,
  differentiate,
  type Gradients,
  markLoss,
  outputOf,
  remember,
  type TapeNode,
  tracks,
} from './tensor/tape.js';
export { type DType, type Shape, Tensor } from './tensor/tensor.js';
export { ConfigError } from './text/schema.js';
