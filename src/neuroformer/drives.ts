/**
 * Optional heads beside the paper's: what they add to the logits of the next neuron. Without them
 * the model is that of the paper.
 */

import type { ParameterScope } from '../nn/parameters.js';
import { SPECIAL_TOKENS } from '../recording/vocabularies.js';
import { add } from '../tensor/elementwise.js';
import { addRow } from '../tensor/sequence.js';
import type { SpikeHistoryOptions, SpikeTokens } from '../tensor/spike-history.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
import { NeuronQueries } from './neuron-queries.js';
import { SpikeHistory } from './spike-history.js';
import type { PassContext } from './stack.js';
import { StimulusDrive } from './stimulus-drive.js';

/** What the heads read that is the same at all positions of a window. */
export interface DriveSources {
  /** The tokens of each modality, [B, S, width]: 'frames', and groups of variables by name. */
  readonly tokens: Readonly<Record<string, Tensor | undefined>>;
  /** [B, 1, frames, height, width] */
  readonly frames: Tensor | undefined;
}

/** The optional heads of a model that are switched on. */
export class Drives {
  /** Attention with one query per neuron; undefined where it is off. */
  readonly queries: { readonly source: string; readonly head: NeuronQueries } | undefined;
  /** The effect of earlier spikes; undefined where it is off. */
  readonly history: SpikeHistory | undefined;
  /** The effect of stimulus features; undefined where it is off. */
  readonly stimulus: StimulusDrive | undefined;

  /** @param ids neuron tokens, with SOS, EOS and PAD. */
  constructor(scope: ParameterScope, config: ModelConfig, ids: number) {
    const { n_embd, neuron_queries, spike_history, stimulus_drive, window, resolution } = config;
    if (neuron_queries) {
      const { source, n_head } = neuron_queries;
      const settings = { width: n_embd, heads: n_head, ids, dropout: config.dropout.attn };
      this.queries = { source, head: new NeuronQueries(scope.scope('neuron_queries'), settings) };
    }
    if (spike_history)
      this.history = new SpikeHistory(scope.scope('spike_history'), {
        ...spike_history,
        neurons: ids - SPECIAL_TOKENS,
        ids,
        pastSteps: Math.round(window.prev / resolution.dt),
        currentSteps: Math.round(window.curr / resolution.dt),
      });
    if (stimulus_drive) {
      const features = config.frame_encoder.n_embd_frames;
      this.stimulus = new StimulusDrive(
        scope.scope('stimulus_drive'),
        features,
        stimulus_drive.rank,
        ids,
      );
    }
  }

  /**
   * What a window adds to the logits at each of its positions.
   *
   * @returns [B, ids]; undefined where nothing does.
   * @throws Error where neuron queries have no tokens to attend to.
   */
  ofWindow({ tokens, frames }: DriveSources, pass: PassContext): Tensor | undefined {
    const drives: Tensor[] = [];
    if (this.queries) {
      const { source, head } = this.queries;
      const attended = tokens[source];
      if (!attended) throw new Error(`neuron_queries: the batch has no ${source} to attend to.`);
      drives.push(head.call(attended, pass));
    }
    if (this.stimulus) {
      if (!frames) throw new Error('stimulus_drive: the batch has no frames.');
      drives.push(this.stimulus.call(frames));
    }
    const sum = drives.length > 0 ? drives.reduce((total, drive) => add(total, drive)) : undefined;
    if (sum) pass.observe('drive', () => sum);
    return sum;
  }

  /**
   * The logits of the next neuron, with what the heads add to them.
   *
   * @param logits [B, positions, ids]
   * @param windowDrive from `ofWindow`
   * @param tokens the spikes before the positions
   * @param positions of the current window. Default: all.
   */
  apply(
    logits: Tensor,
    windowDrive: Tensor | undefined,
    tokens: SpikeTokens,
    positions?: SpikeHistoryOptions['positions'],
  ): Tensor {
    const driven = windowDrive ? addRow(logits, windowDrive) : logits;
    return this.history ? this.history.call(driven, tokens, positions) : driven;
  }
}
