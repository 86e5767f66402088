/** The public API, safe in browsers: nothing here needs Node. */

export type { DeviceFacts } from './gpu/device.js';
export { createEngine, Engine } from './gpu/engine.js';
export { DeviceLostError, GpuError, ShapeError, UnsupportedError } from './gpu/errors.js';
export { Allocation, type BufferView, type MemoryUse } from './gpu/memory.js';
export type { EngineCounts, EngineOptions } from './gpu/options.js';
export { type ProfileRow, profileTable } from './gpu/profile.js';
export { type Fetched, Step } from './gpu/step.js';
export type { Tuning } from './gpu/tuning.js';
export { type Initializer, normal, ones, uniform, zeros } from './nn/init.js';
export {
  type AttentionCall,
  Block,
  type BlockCall,
  Embedding,
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
export { HostRandom } from './random.js';
export { type AttentionOptions, attention, attentionProbabilities } from './tensor/attention.js';
export { type Activation, activate, add, dropout, sumLosses } from './tensor/elementwise.js';
export {
  addPositions,
  type EmbeddingOptions,
  embedding,
  sinusoid,
  Tokens,
} from './tensor/embedding.js';
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
