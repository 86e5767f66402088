/**
 * Neuron queries: every neuron attends to the video, or to another modality, with a query of its
 * own. The paper's queries come from the tokens of the window, which do not know the neuron that is
 * predicted, so what they gather has to serve all neurons at once.
 *
 *   a_ip = softmax over p of (q_i . k_p / sqrt(D)),  o_i = GELU(W_o sum_p a_ip v_p),
 *   drive_i = w_i . o_i + b_i
 *
 * The drive is added to the logit of neuron i at every position of the window. Time and memory are
 * linear in neurons and in tokens. The attention a_i is a map of the modality for each neuron.
 */

import { zeros } from '../nn/init.js';
import { Embedding, Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { attention, attentionProbabilities } from '../tensor/attention.js';
import { repeatRows } from '../tensor/embedding.js';
import { rowDots } from '../tensor/row-dots.js';
import type { Tensor } from '../tensor/tensor.js';
import type { PassContext } from './stack.js';

/** Settings of NeuronQueries. */
export interface NeuronQuerySettings {
  /** The model's width. */
  readonly width: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** Neuron tokens, the special ones included: the end of a window has a query, too. */
  readonly ids: number;
  /** Dropout rate on the attention probabilities. */
  readonly dropout: number;
}

/** The head that attends to a modality with one query per neuron. */
export class NeuronQueries {
  readonly #settings: NeuronQuerySettings;
  readonly #table: Embedding;
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #proj: Linear;
  readonly #readout: { weight: Parameter; bias: Parameter };

  constructor(scope: ParameterScope, settings: NeuronQuerySettings) {
    const { width, ids } = settings;
    this.#settings = settings;
    this.#table = new Embedding(scope.scope('neurons'), ids, width);
    this.#query = new Linear(scope.scope('query'), width, width);
    // A bias of the keys would move all scores of a query alike, which the softmax undoes.
    this.#key = new Linear(scope.scope('key'), width, width, { bias: false });
    this.#value = new Linear(scope.scope('value'), width, width);
    this.#proj = new Linear(scope.scope('proj'), width, width);
    const readout = scope.scope('readout');
    this.#readout = {
      weight: readout.parameter('weight', [ids, width], {
        init: scope.initialWeights.linear(width),
        decay: true,
      }),
      bias: readout.parameter('bias', [ids], { init: zeros }),
    };
  }

  /**
   * The drive of each neuron token.
   *
   * @param tokens of the modality, [B, S, width]
   * @returns [B, ids]
   */
  call(tokens: Tensor, pass: PassContext): Tensor {
    const { heads, dropout } = this.#settings;
    const query = repeatRows(this.#query.call(this.#table.weight.tensor), tokens.axis(0));
    const key = this.#key.call(tokens);
    const value = pass.tap('neuron_queries.value', this.#value.call(tokens));
    pass.observe('neuron_queries.attention', () => attentionProbabilities(query, key, { heads }));
    const gathered = attention(query, key, value, { heads, dropout: pass.nextDropout(dropout) });
    const hidden = this.#proj.call(gathered, { gelu: true });
    return rowDots(hidden, this.#readout.weight.tensor, this.#readout.bias.tensor);
  }
}
