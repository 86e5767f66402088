/**
 * Optional heads beside the paper's: what they add to the logits of the next neuron. Without them
 * the model is that of the paper.
 */

import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { NeuronVocabulary, SPECIAL_TOKENS } from '../recording/vocabularies.js';
import { add } from '../tensor/elementwise.js';
import { repeatRows } from '../tensor/embedding.js';
import { addRow } from '../tensor/sequence.js';
import type { SpikeHistoryOptions, SpikeTokens } from '../tensor/spike-history.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
import { NeuronQueries } from './neuron-queries.js';
import { PopulationCoupling } from './population-coupling.js';
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
  /** The effect of the population's activity; undefined where it is off. */
  readonly population: PopulationCoupling | undefined;
  /** A bias of each token, [1, ids]; undefined where it is off. */
  readonly #bias: Parameter | undefined;

  /**
   * @param ids neuron tokens, with SOS, EOS and PAD.
   * @param frequencies share of each among the next tokens of training windows, [ids]; needed for
   *   `frequency_bias` and `population_coupling`.
   */
  constructor(
    scope: ParameterScope,
    config: ModelConfig,
    ids: number,
    frequencies: readonly number[] | undefined,
  ) {
    const { n_embd, neuron_queries, spike_history, stimulus_drive, window, resolution } = config;
    const clock = {
      pastSteps: Math.round(window.prev / resolution.dt),
      currentSteps: Math.round(window.curr / resolution.dt),
    };
    const counted = { neurons: ids - SPECIAL_TOKENS, ids };
    if (neuron_queries) {
      const { source, n_head } = neuron_queries;
      const settings = { width: n_embd, heads: n_head, ids, dropout: config.dropout.attn };
      this.queries = { source, head: new NeuronQueries(scope.scope('neuron_queries'), settings) };
    }
    if (spike_history)
      this.history = new SpikeHistory(scope.scope('spike_history'), {
        ...spike_history,
        ...counted,
        ...clock,
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
    if (!readsFrequencies(config)) return;
    if (!frequencies)
      throw new Error('The model starts from frequencies of tokens, but they are not given.');
    if (config.population_coupling)
      this.population = new PopulationCoupling(scope.scope('population_coupling'), {
        ...config.population_coupling,
        ...counted,
        ...clock,
        spikesPerStep: spikesPerWindow(frequencies) / clock.currentSteps,
      });
    if (config.frequency_bias)
      this.#bias = scope.parameter('frequency_bias', [1, ids], {
        init: (values) => values.set(logFrequencies(frequencies)),
      });
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
    const [B, , ids] = logits.shape as [number, number, number];
    const biases = this.#bias && repeatRows(this.#bias.tensor, B).reshape([B, ids]);
    const row = biases && windowDrive ? add(biases, windowDrive) : (biases ?? windowDrive);
    const driven = row ? addRow(logits, row) : logits;
    const coupled = this.population?.call(driven, tokens, positions) ?? driven;
    return this.history?.call(coupled, tokens, positions) ?? coupled;
  }
}

/** Whether the initial values of a model depend on how often each token occurs. */
export function readsFrequencies({
  population_coupling,
  frequency_bias,
}: Pick<ModelConfig, 'population_coupling' | 'frequency_bias'>): boolean {
  return population_coupling !== null || frequency_bias;
}

/** Logarithms of shares. Tokens that are never next, SOS and PAD, count as the rarest other one. */
function logFrequencies(frequencies: readonly number[]): number[] {
  const rarest = Math.min(...frequencies.filter((share) => share > 0));
  return frequencies.map((share) => Math.log(Math.max(share, rarest)));
}

/** Mean number of spikes in a window: each window has one end. */
function spikesPerWindow(frequencies: readonly number[]): number {
  const { EOS } = new NeuronVocabulary(frequencies.length - SPECIAL_TOKENS);
  return (1 - frequencies[EOS]!) / frequencies[EOS]!;
}
