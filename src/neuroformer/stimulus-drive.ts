/**
 * Stimulus drive: what a stimulus that is known by features, such as its epoch and the time within
 * it, does to every neuron. Few channels, shared by all neurons, keep the number of weights small:
 * a peri-stimulus time histogram of low rank.
 *
 *   drive = U V x,  V [rank, features], U [ids, rank], x the mean of the window's frames
 *
 * The drive is added to the logits of the next neuron at every position of the window.
 */

import { Linear } from '../nn/layers.js';
import type { ParameterScope } from '../nn/parameters.js';
import { meanPool } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';

/** The head that reads the features of a stimulus. */
export class StimulusDrive {
  readonly #channels: Linear;
  readonly #neurons: Linear;

  /**
   * @param features of a frame
   * @param rank the number of channels
   * @param ids neuron tokens, the special ones included
   */
  constructor(scope: ParameterScope, features: number, rank: number, ids: number) {
    this.#channels = new Linear(scope.scope('channels'), features, rank, { bias: false });
    this.#neurons = new Linear(scope.scope('neurons'), rank, ids);
  }

  /**
   * The drive of each neuron token.
   *
   * @param frames [B, 1, frames, height, width]
   * @returns [B, ids]
   */
  call(frames: Tensor): Tensor {
    const [B, , count, height, width] = frames.shape as [number, number, number, number, number];
    const features = frames.reshape([B, count, height * width]);
    return this.#neurons.call(meanPool(this.#channels.call(features)));
  }
}
