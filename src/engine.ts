/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Tensors, operations and layers on a WebGPU device: the engine alone, in browsers and in Node,
 * with no dependency.
 */

export {
  type CpuDeviceOptions,
  cpuGpu,
  requestCpuDevice,
  type WorkerFactory,
} from './cpu/index.js';
export { type CreateEngineOptions, createEngine } from './create-engine.js';
export {
  type CustomKernel,
  type CustomKernelDefinition,
  defineKernel,
} from './gpu/custom-kernel.js';
export type { DeviceFacts } from './gpu/device.js';
export type { Engine } from './gpu/engine.js';
export { DeviceLostError, GpuError, ShapeError, UnsupportedError } from './gpu/errors.js';
export {
  Allocation,
  type BufferView,
  type Lifetime,
  type MemoryUse,
  type Owner,
} from './gpu/memory.js';
export type { DispatchOptions, EngineCounts, EngineOptions } from './gpu/options.js';
export { type ProfileRow, profileTable } from './gpu/profile.js';
export { type FetchedValues, Step } from './gpu/step.js';
export type { MatmulTile, Tuning } from './gpu/tuning.js';
export { HostRandom } from './math/random.js';
export {
  FAN_IN_WEIGHTS,
  GPT_WEIGHTS,
  type Initializer,
  type InitialWeights,
  normal,
  ones,
  uniform,
  zeros,
} from './nn/init.js';
export {
  type AttentionCallOptions,
  type AttentionLayerOptions,
  Block,
  type BlockCallOptions,
  Embedding,
  Gru,
  type KeysValues,
  LayerNorm,
  Linear,
  type LinearLayerOptions,
  Mlp,
  MultiHeadAttention,
} from './nn/layers.js';
export { AdamW, type AdamWOptions } from './nn/optimizer.js';
export {
  type LoadReport,
  Parameter,
  type ParameterOptions,
  type ParameterScope,
  ParameterStore,
  type TypeAndShape,
} from './nn/parameters.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type HostData,
  type HostTensor,
  type Safetensors,
  SafetensorsError,
} from './nn/safetensors.js';
export { RateSchedule, type RateSettings } from './nn/schedule.js';
export { type AttentionOptions, attention, attentionProbabilities } from './tensor/attention.js';
export { conv3d, type Triple, unfold3d } from './tensor/conv3d.js';
export { type Activation, activate, add, dropout, sumLosses } from './tensor/elementwise.js';
export {
  addPositions,
  type EmbeddingOptions,
  embedding,
  repeatRows,
  sinusoid,
  type TokenLists,
  Tokens,
} from './tensor/embedding.js';
export { type GruOptions, type GruWeights, gru } from './tensor/gru.js';
export { type LayerNormOptions, layerNorm } from './tensor/layernorm.js';
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
  rowCrossEntropy,
  type SquaredErrorOptions,
} from './tensor/losses.js';
export { mixWeights } from './tensor/mixture.js';
export { normalize } from './tensor/normalize.js';
export { type Dropout, RandomState } from './tensor/random.js';
export { rowDots } from './tensor/row-dots.js';
export { type SampleOptions, type SampleResult, sample } from './tensor/sample.js';
export { addRow, concatenate, meanPool, slice } from './tensor/sequence.js';
export { softmax } from './tensor/softmax.js';
export {
  type PositionRange,
  type SpikeHistoryOptions,
  type SpikeMasks,
  type SpikeTokens,
  spikeHistory,
} from './tensor/spike-history.js';
export {
  differentiate,
  type Gradients,
  type LossResult,
  markLoss,
  newOutput,
  pushNode,
  type TapeNode,
  type Target,
  tracks,
} from './tensor/tape.js';
export {
  type DType,
  type Shape,
  Tensor,
  type TensorOptions,
  type TypedArray,
} from './tensor/tensor.js';
