/**
 * A model with one attention block, small enough to train in milliseconds, for the tests of the
 * engine.
 */

import type { Engine } from '../../src/engine.js';
import { Block, Embedding, Linear } from '../../src/nn/layers.js';
import { AdamW } from '../../src/nn/optimizer.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { Tokens } from '../../src/tensor/embedding.js';
import { crossEntropy } from '../../src/tensor/losses.js';
import { RandomState } from '../../src/tensor/random.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';

const VOCABULARY = 11;
const WIDTH = 12;
const SHAPE = [2, 5];

/**
 * Embedding, block (layer norm, causal attention, MLP; with dropout), linear head, cross-entropy,
 * AdamW.
 */
export class TinyModel {
  readonly engine: Engine;
  readonly store = new ParameterStore();
  readonly optimizer: AdamW;
  readonly random: RandomState;
  readonly #table = new Embedding(this.store.scope('table'), VOCABULARY, WIDTH);
  readonly #block = new Block(this.store.scope('block'), WIDTH, { heads: 2 });
  readonly #head = new Linear(this.store.scope('head'), WIDTH, VOCABULARY);
  readonly #tokens: Tokens;
  readonly #targets: Tensor;

  /** Allocates the model on an engine, with random weights drawn by the seed. */
  constructor(engine: Engine, seed = 1) {
    this.engine = engine;
    this.store.allocate(engine, seed);
    this.optimizer = new AdamW(this.store);
    this.random = new RandomState(engine, seed);
    const ids = Array.from({ length: SHAPE[0]! * SHAPE[1]! }, (_, n) => (7 * n) % VOCABULARY);
    this.#tokens = new Tokens(engine, SHAPE, VOCABULARY, ids);
    const targets = Uint32Array.from(ids, (id) => (id + 1) % VOCABULARY);
    this.#targets = Tensor.from(engine, targets, [targets.length]);
  }

  /**
   * Writes what changes from step to step: the learning rate, and the step by which dropout is
   * drawn.
   */
  prepare(step: number): void {
    this.optimizer.prepare(0.01);
    this.random.step = step;
  }

  /** Issues the commands of one training step. Returns the loss, a tensor of one element. */
  step(): Tensor {
    this.store.zeroGradients();
    const site = (n: number) => ({ rate: 0.2, site: n, random: this.random });
    const loss = differentiate(this.engine, () => {
      const x = this.#table.call(this.#tokens);
      const y = this.#block.call(x, x, {
        causal: true,
        dropout: site(1),
        branchDropout: [site(2), site(3)],
      });
      return crossEntropy(this.#head.call(y), this.#targets);
    });
    this.optimizer.apply();
    return loss;
  }

  /**
   * Trains eagerly, or by replaying one recorded step. Returns the losses, and the bytes of weights
   * and moments.
   */
  async train(steps: number, recorded: boolean): Promise<{ losses: number[]; bytes: Uint8Array }> {
    const losses: number[] = [];
    const step = recorded ? this.engine.record(() => this.step()) : undefined;
    for (let n = 1; n <= steps; n++) {
      this.prepare(n);
      step?.run();
      const loss = step?.value ?? this.step();
      losses.push((await loss.floats())[0]!);
      if (!step) loss.dispose();
    }
    step?.dispose();
    const { values, m, v } = this.store.memory;
    const parts = await Promise.all([values, m, v].map((flat) => this.engine.read(flat)));
    const bytes = new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));
    return { losses, bytes };
  }

  /** Frees all GPU memory. */
  dispose(): void {
    for (const part of [this.store, this.optimizer, this.random, this.#tokens, this.#targets])
      part.dispose();
  }
}
