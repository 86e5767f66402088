/** A case of the golden reference on the engine: configuration, weights, inputs and targets. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Engine } from '../../src/engine.js';
import { type ModelConfig, parseConfig } from '../../src/neuroformer/config.js';
import {
  classWeightTensors,
  type ModelTargets,
  modelLosses,
} from '../../src/neuroformer/losses.js';
import { type BehaviorInput, type ModelInputs, Neuroformer } from '../../src/neuroformer/model.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { decodeSafetensors, type HostTensor } from '../../src/nn/safetensors.js';
import { Tokens } from '../../src/tensor/embedding.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';

type Tensors = ReadonlyMap<string, HostTensor>;

interface CaseConfig {
  model: Record<string, unknown>;
  vocab: Record<'id' | 'dt', { size: number; PAD: number }> & Record<string, { size: number }>;
}

/**
 * Reads a safetensors file of a case, compressed by Brotli or not; undefined if it does not exist.
 */
export function readTensors(folder: string, name: string): Tensors | undefined {
  const path = join(folder, `${name}.safetensors`);
  if (existsSync(path)) return decodeSafetensors(readFileSync(path)).tensors;
  if (existsSync(`${path}.br`))
    return decodeSafetensors(brotliDecompressSync(readFileSync(`${path}.br`))).tensors;
  return undefined;
}

/** Whether a case has a file with this name. */
export function hasFile(folder: string, name: string): boolean {
  return existsSync(join(folder, name));
}

/** Reads a JSON file of a case. */
export function readJson<T>(folder: string, name: string): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as T;
}

/** A case with its model, on an engine. */
export class GoldenCase {
  readonly config: ModelConfig;
  readonly store = new ParameterStore();
  readonly model: Neuroformer;
  readonly optimizer: AdamW;
  readonly inputs: ModelInputs;
  readonly targets: ModelTargets;
  /** The original's outputs and activations, by its names. */
  readonly outputs: Tensors;

  /** Reads a case. Its weights are loaded by `loadWeights`. */
  constructor(
    readonly engine: Engine,
    readonly folder: string,
  ) {
    const { model, vocab } = readJson<CaseConfig>(folder, 'config');
    const inputs = readTensors(folder, 'inputs')!;
    this.outputs = readTensors(folder, 'outputs')!;
    this.config = parseConfig({ ...model, compat: 'original' }).config;
    this.model = new Neuroformer(this.store, this.config, {
      ids: vocab.id.size,
      times: vocab.dt.size,
      classes: Object.fromEntries(
        Object.entries(vocab).map(([variable, { size }]) => [variable, size]),
      ),
    });
    this.store.allocate(engine, 1);
    this.optimizer = new AdamW(this.store);
    this.inputs = this.#readInputs(inputs, vocab.id.size);
    const sizes = { ids: vocab.id.size, times: vocab.dt.size };
    const classWeights = classWeightTensors(engine, this.config, sizes);
    this.targets = { ...this.#readTargets(inputs, vocab.id.PAD, vocab.dt.PAD), classWeights };
  }

  /** Loads the weights; returns the names of the parameters that the file does not contain. */
  async loadWeights(): Promise<string[]> {
    return this.store.assign(readTensors(this.folder, 'weights')!).missing;
  }

  /** Computes the losses by name, the total as `loss`, and the gradients in the store. */
  differentiate(): { loss: Tensor } & Record<string, Tensor> {
    this.store.zeroGradients();
    return differentiate(this.engine, () => {
      const outputs = this.model.forward(this.inputs);
      const { total, parts } = modelLosses(this.model, outputs, this.targets);
      return { ...parts, loss: total };
    });
  }

  dispose(): void {
    this.optimizer.dispose();
    this.store.dispose();
  }

  #tensor(from: Tensors, name: string, shape?: readonly number[]): Tensor {
    const { data, shape: fileShape } = from.get(name)!;
    const numbers = data instanceof Float32Array ? data : Uint32Array.from(data);
    return Tensor.from(this.engine, numbers, shape ?? fileShape);
  }

  #readInputs(inputs: Tensors, vocabulary: number): ModelInputs {
    const tokens = (name: string) =>
      new Tokens(this.engine, inputs.get(name)!.shape, vocabulary, inputs.get(name)!.data);
    const behavior: Record<string, Record<string, BehaviorInput>> = {};
    for (const [name, { shape }] of inputs) {
      const [, group, variable] = /^modalities\.(.+)\.(.+)\.value$/.exec(name) ?? [];
      if (!group || !variable) continue;
      const samples = shape.slice(0, 2);
      behavior[group] ??= {};
      behavior[group][variable] = {
        values: this.#tensor(inputs, name, samples),
        times: this.#tensor(inputs, `modalities.${group}.${variable}.dt`, samples),
      };
    }
    return {
      ids: tokens('id'),
      times: this.#tensor(inputs, 'dt'),
      pastIds: tokens('id_prev'),
      pastTimes: this.#tensor(inputs, 'dt_prev'),
      frames: inputs.has('frames') ? this.#tensor(inputs, 'frames') : undefined,
      behavior,
      eos: this.#eos(inputs),
    };
  }

  /** u32 [B, T], one at position T - pad of each row, which is that of EOS. */
  #eos(inputs: Tensors): Tensor {
    const [B, T] = inputs.get('id')!.shape as [number, number];
    const flags = new Uint32Array(B * T);
    for (const [row, pad] of inputs.get('pad')!.data.entries()) flags[row * T + T - pad] = 1;
    return Tensor.from(this.engine, flags, [B, T]);
  }

  #readTargets(inputs: Tensors, padId: number, padTime: number): ModelTargets {
    const variables: Record<string, Tensor> = {};
    for (const [name, { dtype, shape }] of inputs) {
      const [, variable] = /^targets\.modalities\..+\.(.+)\.value$/.exec(name) ?? [];
      if (variable)
        variables[variable] = this.#tensor(inputs, name, dtype === 'F32' ? shape : [shape[0]!]);
    }
    return {
      nextIds: this.#tensor(inputs, 'targets.id'),
      nextTimes: this.#tensor(inputs, 'targets.dt'),
      variables,
      padId,
      padTime,
    };
  }
}
