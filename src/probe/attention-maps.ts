/**
 * Directed connectivity according to a trained model: to which neurons' past spikes it attends when
 * it predicts a neuron, and how much worse it predicts without them.
 *
 * For a query position n of the current window whose target is neuron i, and the keys k of the past
 * window:
 *
 *   a_nj = sum over k with id_k = j of the attention probability, mean over heads and blocks c_nj =
 *   number of past spikes of j, K_n = number of keys that are not padding, u_nj = c_nj / K_n
 *
 *   attention A(i<-j) = mean over n with target i of a_nj / mean over all n of c_nj attention per
 *   spike of j uniform U(i<-j) = the same with u: the attention of a model that has learned nothing
 *   learned X(i<-j) = A - U
 *
 * Ablation: the mean over n with target i of log p(i) - log p(i | the past spikes of j hidden),
 * over windows in which j fired, times the share of such windows. Both measure what the model
 * depends on, not what causes what.
 *
 * Maps are [neurons x neurons]: row i, column j is from j to i.
 */

import type { Engine } from '../gpu/engine.js';
import { Batch, type BatchLayout, type HostBatch } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { rowCrossEntropy } from '../tensor/losses.js';

/**
 * Attention of a model's predictions to past spikes. Maps are [neurons x neurons], with 0 on the
 * diagonal.
 */
export interface AttentionMaps {
  /** A: attention per past spike of the source. */
  readonly attention: Float64Array;
  /** U: the same if attention were uniform. */
  readonly uniform: Float64Array;
  /** X = A - U. */
  readonly learned: Float64Array;
  /** How many spikes of each neuron were predicted: [neurons]. */
  readonly targets: Float64Array;
}

/** A model, and the batches of windows to compute maps from. */
export interface MapInputs {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  /** Windows per batch, the same for all batches. */
  readonly size: number;
  readonly batches: Iterable<HostBatch>;
}

/**
 * Attention of the blocks that attend to the past, over all batches.
 *
 * @throws Error for a model without such blocks
 */
export async function attentionMaps({
  engine,
  model,
  layout,
  size,
  batches,
}: MapInputs): Promise<AttentionMaps> {
  const { neurons } = layout.tokenizer.ids;
  const blocks = model.stacks.history!.blocks.map((_, n) => `history.${n}`);
  if (blocks.length === 0)
    throw new Error('This model does not attend to the past: layers.state_history is 0.');
  const sums = new AttentionSums(neurons);
  using batch = new Batch(engine, layout, size);
  for (const host of batches) {
    batch.write(host);
    const attention = model.attention(batch.inputs, blocks);
    const probabilities: Float32Array[] = [];
    for (const block of blocks) {
      using weights = attention[block]!;
      probabilities.push(await weights.floats());
    }
    sums.add(host, probabilities, layout);
  }
  return sums.maps();
}

/** Sums over query positions, for `attentionMaps`. */
class AttentionSums {
  readonly #neurons: number;
  readonly #attention: Float64Array;
  readonly #uniform: Float64Array;
  readonly #counts: Float64Array;
  readonly #targets: Float64Array;

  constructor(neurons: number) {
    this.#neurons = neurons;
    this.#attention = new Float64Array(neurons * neurons);
    this.#uniform = new Float64Array(neurons * neurons);
    this.#counts = new Float64Array(neurons);
    this.#targets = new Float64Array(neurons);
  }

  /** Adds a batch. @param probabilities of each block, [B, heads, T, P] */
  add(host: HostBatch, probabilities: readonly Float32Array[], layout: BatchLayout): void {
    const { id: T, prev_id: P } = layout.config.block_size;
    const { n_head: heads } = layout.config;
    const N = this.#neurons;
    const B = host.nextIds.length / T;
    const weight = 1 / (heads * probabilities.length);
    for (let b = 0; b < B; b++) {
      const past = host.pastIds.ids.subarray(b * P, (b + 1) * P);
      const keys = host.pastMask
        .subarray(b * P, (b + 1) * P)
        .reduce((sum, isKey) => sum + isKey, 0);
      for (let n = 0; n < T; n++) {
        const target = host.nextIds[b * T + n]!;
        if (target >= N) continue;
        this.#targets[target]! += 1;
        for (let k = 0; k < P; k++) {
          const source = past[k]!;
          if (source >= N) continue;
          this.#counts[source]! += 1;
          const pair = target * N + source;
          this.#uniform[pair]! += 1 / keys;
          for (const values of probabilities)
            for (let h = 0; h < heads; h++)
              this.#attention[pair]! += weight * values[((b * heads + h) * T + n) * P + k]!;
        }
      }
    }
  }

  /** The maps, normalized by targets and spike counts. */
  maps(): AttentionMaps {
    const N = this.#neurons;
    const queries = this.#targets.reduce((sum, n) => sum + n, 0);
    const normalize = (sums: Float64Array) =>
      sums.map((sum, pair) => {
        const [to, from] = [Math.floor(pair / N), pair % N];
        const [targets, spikes] = [this.#targets[to]!, this.#counts[from]!];
        if (to === from || targets === 0 || spikes === 0) return 0;
        return sum / targets / (spikes / queries);
      });
    const [attention, uniform] = [normalize(this.#attention), normalize(this.#uniform)];
    const learned = attention.map((a, pair) => a - uniform[pair]!);
    return { attention, uniform, learned, targets: this.#targets };
  }
}

/**
 * How much the log-probability of each target drops when the past spikes of one source are hidden:
 * [neurons x neurons], with 0 on the diagonal.
 *
 * @throws Error for a model that attends to padding, from which spikes cannot be hidden
 */
export async function ablationMap(mapInputs: MapInputs): Promise<Float64Array> {
  const { engine, model, layout, size, batches } = mapInputs;
  const { neurons } = layout.tokenizer.ids;
  if (!layout.config.rules.mask_padding)
    throw new Error('Ablation hides spikes with the padding mask: set rules.mask_padding.');
  const drops = new Float64Array(neurons * neurons);
  const targets = new Float64Array(neurons);
  using pass = new RecordedForward(
    engine,
    layout,
    size,
    ({ inputs, targets: { nextIds, padId } }) => ({
      losses: rowCrossEntropy(model.forward(inputs).idLogits, nextIds, { ignore: padId }),
    }),
  );
  const computeLosses = async ({ host, hidden }: AblationQuery) => {
    const { losses } = await pass.run(hidden ? { ...host, pastMask: hidden.mask } : host);
    return losses;
  };
  let intactLosses: Float32Array = new Float32Array();
  const addLosses = ({ host, hidden }: AblationQuery, losses: Float32Array) => {
    if (!hidden) {
      intactLosses = losses;
      for (const target of host.nextIds) if (target < neurons) targets[target]! += 1;
      return;
    }
    for (const [n, target] of host.nextIds.entries()) {
      const source = hidden.sources[Math.floor(n / layout.config.block_size.id)]!;
      if (target < neurons && source >= 0)
        drops[target * neurons + source]! += losses[n]! - intactLosses[n]!;
    }
  };
  await pipeline(ablationQueries(batches, layout, neurons), computeLosses, addLosses);
  return drops.map((sum, pair) => {
    const [to, from] = [Math.floor(pair / neurons), pair % neurons];
    return to === from || targets[to] === 0 ? 0 : sum / targets[to]!;
  });
}

/** A batch with its intact past, or with one source hidden in each window. */
interface AblationQuery {
  readonly host: HostBatch;
  readonly hidden?: {
    /** The source hidden in each window; -1 for none. */
    readonly sources: readonly number[];
    /** The key mask of the past without those sources. */
    readonly mask: Uint32Array<ArrayBuffer>;
  };
}

/** Each batch with its intact past, then with each of its sources hidden in turn. */
function* ablationQueries(
  batches: Iterable<HostBatch>,
  layout: BatchLayout,
  neurons: number,
): Generator<AblationQuery> {
  for (const host of batches) {
    yield { host };
    for (const hidden of hiddenSources(host, layout, neurons)) yield { host, hidden };
  }
}

/**
 * Starts each computation before the previous result is used, so that the device and the host work
 * at the same time.
 */
async function pipeline<Q, R>(
  queries: Iterable<Q>,
  compute: (query: Q) => Promise<R>,
  use: (query: Q, result: R) => void,
): Promise<void> {
  let pending: { query: Q; result: Promise<R> } | undefined;
  try {
    for (const query of queries) {
      const started = { query, result: compute(query) };
      // If the previous result rejects, nobody awaits this one yet, and its rejection must not go
      // unhandled.
      started.result.catch(() => {});
      const previous = pending;
      pending = started;
      if (previous) use(previous.query, await previous.result);
    }
    if (pending) use(pending.query, await pending.result);
  } catch (error) {
    // The caller frees what a computation uses, so none may still be running.
    await pending?.result.catch(() => {});
    throw error;
  }
}

/**
 * Masks that each hide one source per window, until every source of every window has been hidden
 * once.
 */
function* hiddenSources(host: HostBatch, layout: BatchLayout, neurons: number) {
  const { prev_id: P } = layout.config.block_size;
  const B = host.pastMask.length / P;
  const sourcesByWindow = Array.from({ length: B }, (_, b) => {
    const past = host.pastIds.ids.subarray(b * P, (b + 1) * P);
    return [...new Set(past)].filter((id) => id < neurons);
  });
  const rounds = Math.max(...sourcesByWindow.map((list) => list.length));
  for (let round = 0; round < rounds; round++) {
    const sources = sourcesByWindow.map((list) => list[round] ?? -1);
    const mask = host.pastMask.map((isKey, n) =>
      host.pastIds.ids[n] === sources[Math.floor(n / P)] ? 0 : isKey,
    );
    yield { sources, mask };
  }
}
