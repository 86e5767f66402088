/**
 * Directed connectivity as a trained model sees it: which neurons' past spikes it attends to when it predicts a neuron,
 * and how much worse it predicts without them.
 *
 * For a query position n of the current window whose target is neuron i, and the keys k of the past window:
 *
 *   a_nj = sum over k with id_k = j of the attention probability, mean over heads and blocks
 *   c_nj = number of past spikes of j,   K_n = number of keys that are no padding,   u_nj = c_nj / K_n
 *
 *   attention  A(i<-j) = mean over n with target i of a_nj / mean over all n of c_nj    attention per spike of j
 *   uniform    U(i<-j) = the same with u: what attention would be if nothing had been learnt
 *   learnt     X(i<-j) = A - U
 *
 * Ablation: the mean over n with target i of log p(i) - log p(i | the past spikes of j hidden), over windows in which j
 * fired, times the share of such windows. Both say what the model depends on, not what causes what.
 *
 * Maps are [neurons x neurons], row i column j: from j to i.
 */

import type { Engine } from '../gpu/engine.js';
import { Batch, type BatchLayout, type HostBatch } from '../neuroformer/batch.js';
import { ForwardPass } from '../neuroformer/forward-pass.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { crossEntropyOfRows } from '../tensor/losses.js';

export interface AttentionMaps {
  readonly attention: Float64Array;
  readonly uniform: Float64Array;
  readonly learnt: Float64Array;
  /** Spikes predicted, of each neuron. */
  readonly targets: Float64Array;
}

/** What is to be read: a model and batches of windows, all of one size. */
export interface Reading {
  readonly engine: Engine;
  readonly model: Neuroformer;
  readonly layout: BatchLayout;
  readonly size: number;
  readonly batches: Iterable<HostBatch>;
}

/** Attention of the history blocks, added up over batches. */
export async function attentionMaps({
  engine,
  model,
  layout,
  size,
  batches,
}: Reading): Promise<AttentionMaps> {
  const { neurons } = layout.tokenizer.ids;
  const blocks = model.stacks.history!.blocks.map((_, n) => `history.${n}`);
  if (blocks.length === 0)
    throw new Error('This model attends to no past: layers.state_history is 0.');
  const sums = new AttentionSums(neurons);
  const batch = new Batch(engine, layout, size);
  for (const host of batches) {
    batch.write(host);
    const found = model.attention(batch.inputs, blocks);
    const probabilities: Float32Array[] = [];
    for (const block of blocks) {
      probabilities.push(await found[block]!.floats());
      found[block]!.dispose();
    }
    sums.add(host, probabilities, layout);
  }
  batch.dispose();
  return sums.maps();
}

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

  /** @param probabilities of each block, [B, heads, T, P] */
  add(host: HostBatch, probabilities: readonly Float32Array[], layout: BatchLayout): void {
    const { id: T, prev_id: P } = layout.config.block_size;
    const { n_head: heads } = layout.config;
    const N = this.#neurons;
    const rows = host.nextIds.length / T;
    const per = 1 / (heads * probabilities.length);
    for (let b = 0; b < rows; b++) {
      const past = host.pastIds.ids.subarray(b * P, (b + 1) * P);
      const keys = host.pastMask
        .subarray(b * P, (b + 1) * P)
        .reduce((sum, shown) => sum + shown, 0);
      for (let n = 0; n < T; n++) {
        const target = host.nextIds[b * T + n]!;
        if (target >= N) continue;
        this.#targets[target]! += 1;
        for (let k = 0; k < P; k++) {
          const source = past[k]!;
          if (source >= N) continue;
          this.#counts[source]! += 1;
          const at = target * N + source;
          this.#uniform[at]! += 1 / keys;
          for (const values of probabilities)
            for (let h = 0; h < heads; h++)
              this.#attention[at]! += per * values[((b * heads + h) * T + n) * P + k]!;
        }
      }
    }
  }

  maps(): AttentionMaps {
    const N = this.#neurons;
    const all = this.#targets.reduce((sum, n) => sum + n, 0);
    const scaled = (sums: Float64Array) =>
      sums.map((sum, at) => {
        const [to, from] = [Math.floor(at / N), at % N];
        const [targets, counts] = [this.#targets[to]!, this.#counts[from]!];
        return to === from || targets === 0 || counts === 0 ? 0 : sum / targets / (counts / all);
      });
    const [attention, uniform] = [scaled(this.#attention), scaled(this.#uniform)];
    const learnt = attention.map((a, at) => a - uniform[at]!);
    return { attention, uniform, learnt, targets: this.#targets };
  }
}

/** The drop of each target's log-probability when one source's past spikes are hidden. [neurons x neurons] */
export async function ablationMap(reading: Reading): Promise<Float64Array> {
  const { engine, model, layout, size, batches } = reading;
  const { neurons } = layout.tokenizer.ids;
  if (!layout.config.rules.mask_padding)
    throw new Error('Ablation hides spikes by the padding mask: set rules.mask_padding.');
  const sums = new Float64Array(neurons * neurons);
  const targets = new Float64Array(neurons);
  using pass = new ForwardPass(engine, layout, size, ({ inputs, targets: { nextIds, padId } }) => ({
    losses: crossEntropyOfRows(model.forward(inputs).idLogits, nextIds, { ignore: padId }),
  }));
  const ask = async ({ host, hidden }: Question) => {
    const { losses } = await pass.run(hidden ? { ...host, pastMask: hidden.mask } : host);
    return losses;
  };
  let whole: Float32Array = new Float32Array();
  const use = ({ host, hidden }: Question, answer: Float32Array) => {
    if (!hidden) {
      whole = answer;
      for (const target of host.nextIds) if (target < neurons) targets[target]! += 1;
      return;
    }
    for (const [n, target] of host.nextIds.entries()) {
      const source = hidden.source[Math.floor(n / layout.config.block_size.id)]!;
      if (target < neurons && source >= 0)
        sums[target * neurons + source]! += answer[n]! - whole[n]!;
    }
  };
  await oneAhead(questions(batches, layout, neurons), ask, use);
  return sums.map((sum, at) => {
    const [to, from] = [Math.floor(at / neurons), at % neurons];
    return to === from || targets[to] === 0 ? 0 : sum / targets[to]!;
  });
}

/** What the model is asked about a batch: with the whole past, or with some of it hidden. */
interface Question {
  readonly host: HostBatch;
  readonly hidden?: { readonly source: readonly number[]; readonly mask: Uint32Array<ArrayBuffer> };
}

/** Each batch with its whole past, then with one source of each window hidden, until all were. */
function* questions(
  batches: Iterable<HostBatch>,
  layout: BatchLayout,
  neurons: number,
): Generator<Question> {
  for (const host of batches) {
    yield { host };
    for (const hidden of hidings(host, layout, neurons)) yield { host, hidden };
  }
}

/** Asks one question ahead: while the device computes an answer, the host uses the one before. */
async function oneAhead<Q, A>(
  questions: Iterable<Q>,
  ask: (question: Q) => Promise<A>,
  use: (question: Q, answer: A) => void,
): Promise<void> {
  let pending: { question: Q; answer: Promise<A> } | undefined;
  for (const question of questions) {
    const asked = { question, answer: ask(question) };
    // Nobody waits for it where the one before it fails.
    asked.answer.catch(() => {});
    if (pending) use(pending.question, await pending.answer);
    pending = asked;
  }
  if (pending) use(pending.question, await pending.answer);
}

/** Masks that hide one source of each window at a time, until every source of every window was hidden once. */
function* hidings(host: HostBatch, layout: BatchLayout, neurons: number) {
  const { prev_id: P } = layout.config.block_size;
  const rows = host.pastMask.length / P;
  const sources = Array.from({ length: rows }, (_, b) => {
    const past = host.pastIds.ids.subarray(b * P, (b + 1) * P);
    return [...new Set(past)].filter((id) => id < neurons);
  });
  const rounds = Math.max(...sources.map((list) => list.length));
  for (let round = 0; round < rounds; round++) {
    const source = sources.map((list) => list[round] ?? -1);
    const mask = host.pastMask.map((shown, n) =>
      host.pastIds.ids[n] === source[Math.floor(n / P)] ? 0 : shown,
    );
    yield { source, mask };
  }
}
