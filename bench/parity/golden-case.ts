/** A case of the golden reference on the engine: its configuration, weights, inputs and targets. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Engine } from '../../src/engine.js';
import { type ModelConfig, parseConfig } from '../../src/neuroformer/config.js';
import { type ClassWeights, type ModelTargets, modelLosses } from '../../src/neuroformer/losses.js';
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

/** Reads one file of a case folder; safetensors may be compressed by Brotli. */
export function readTensors(folder: string, name: string): Tensors | undefined {
  const path = join(folder, `${name}.safetensors`);
  if (existsSync(path)) return decodeSafetensors(readFileSync(path)).tensors;
  if (existsSync(`${path}.br`))
    return decodeSafetensors(brotliDecompressSync(readFileSync(`${path}.br`))).tensors;
  return undefined;
}

/** Whether a case folder has a file of that name. */
export function hasFile(folder: string, name: string): boolean {
  return existsSync(join(folder, name));
}

export function readJson<T>(folder: string, name: string): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as T;
}

/** One case with its model, ready to run. */
export class GoldenCase {
  readonly config: ModelConfig;
  readonly store = new ParameterStore();
  readonly model: Neuroformer;
  readonly optimizer: AdamW;
  readonly inputs: ModelInputs;
  readonly targets: ModelTargets;
  readonly outputs: Tensors;
  readonly #weights: ClassWeights;

  constructor(
    readonly engine: Engine,
    readonly folder: string,
  ) {
    const { model, vocab } = readJson<CaseConfig>(folder, 'config');
    const given = readTensors(folder, 'inputs')!;
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
    this.inputs = this.#readInputs(given, vocab.id.size);
    this.targets = this.#readTargets(given, vocab.id.PAD, vocab.dt.PAD);
    const { id, dt } = this.config.class_weights ?? {};
    const weights = (values: number[] | null | undefined) =>
      values ? Tensor.from(engine, values, [values.length]) : undefined;
    this.#weights = { id: weights(id), dt: weights(dt) };
  }

  /** Loads the case's weights; returns the parameters it has none for. */
  async loadWeights(): Promise<string[]> {
    return (await this.store.assign(readTensors(this.folder, 'weights')!)).missing;
  }

  /** Losses by name, the total as `loss`, with the gradients left in the store. */
  differentiate(): { loss: Tensor } & Record<string, Tensor> {
    this.store.zeroGradients();
    return differentiate(this.engine, () => {
      const outputs = this.model.forward(this.inputs);
      const { total, parts } = modelLosses(this.model, outputs, this.targets, this.#weights);
      return { ...parts, loss: total };
    });
  }

  dispose(): void {
    this.optimizer.dispose();
    this.store.dispose();
  }

  #tensor(from: Tensors, name: string, shape?: readonly number[]): Tensor {
    const { data, shape: own } = from.get(name)!;
    const numbers = data instanceof Float32Array ? data : Uint32Array.from(data);
    return Tensor.from(this.engine, numbers, shape ?? own);
  }

  #readInputs(given: Tensors, vocabulary: number): ModelInputs {
    const tokens = (name: string) =>
      new Tokens(this.engine, given.get(name)!.shape, vocabulary, given.get(name)!.data);
    const behavior: Record<string, Record<string, BehaviorInput>> = {};
    for (const [name, { shape }] of given) {
      const [, group, variable] = /^modalities\.(.+)\.(.+)\.value$/.exec(name) ?? [];
      if (!group || !variable) continue;
      const samples = shape.slice(0, 2);
      behavior[group] ??= {};
      behavior[group][variable] = {
        values: this.#tensor(given, name, samples),
        times: this.#tensor(given, `modalities.${group}.${variable}.dt`, samples),
      };
    }
    return {
      ids: tokens('id'),
      times: this.#tensor(given, 'dt'),
      pastIds: tokens('id_prev'),
      pastTimes: this.#tensor(given, 'dt_prev'),
      frames: given.has('frames') ? this.#tensor(given, 'frames') : undefined,
      behavior,
      eos: this.#eos(given),
    };
  }

  /** One at position T - pad of each row, where its EOS is. */
  #eos(given: Tensors): Tensor {
    const [B, T] = given.get('id')!.shape as [number, number];
    const flags = new Uint32Array(B * T);
    for (const [row, pad] of given.get('pad')!.data.entries()) flags[row * T + T - pad] = 1;
    return Tensor.from(this.engine, flags, [B, T]);
  }

  #readTargets(given: Tensors, padId: number, padTime: number): ModelTargets {
    const variables: Record<string, Tensor> = {};
    for (const [name, { dtype, shape }] of given) {
      const [, variable] = /^targets\.modalities\..+\.(.+)\.value$/.exec(name) ?? [];
      if (variable)
        variables[variable] = this.#tensor(given, name, dtype === 'F32' ? shape : [shape[0]!]);
    }
    return {
      nextIds: this.#tensor(given, 'targets.id'),
      nextTimes: this.#tensor(given, 'targets.dt'),
      variables,
      padId,
      padTime,
    };
  }
}
