/** The training step of step-model.ts in float64, on the functions of src/reference. */

import { adamw, newAdamWState } from '../src/reference/adamw.js';
import { map, type Ref, ref } from '../src/reference/array.js';
import { linear, matmulNN, matmulTN } from '../src/reference/linear.js';
import { crossEntropy, crossEntropyGradient } from '../src/reference/losses.js';
import {
  addGradient,
  type BlockTrace,
  block,
  blockBackward,
  lookUp,
  lookUpBackward,
  type NamedRefs,
} from '../src/reference/transformer.js';
import {
  decays,
  LOSS_FACTORS,
  STEP_OPTIMIZER,
  type StepBatch,
  type StepSizes,
} from './step-model.js';

/** The reference model: parameters with the engine's names, and the state of AdamW. */
export class StepReference {
  readonly #parameters: NamedRefs;
  readonly #state = newAdamWState();

  constructor(
    readonly sizes: StepSizes,
    readonly batch: StepBatch,
    parameters: ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>,
  ) {
    this.#parameters = new Map(
      [...parameters].map(([name, { shape, data }]) => [name, ref(shape, data)]),
    );
  }

  /** The loss of the batch, and the gradients by name. */
  gradients(): { loss: number; gradients: NamedRefs } {
    const { sizes: s, batch } = this;
    const P = this.#parameters;
    const gradients: NamedRefs = new Map();
    const setups = [
      { prefix: 'history', setup: { heads: s.heads } },
      { prefix: 'stimulus', setup: { heads: s.heads } },
      { prefix: 'state', setup: { heads: s.heads, causal: true } },
    ];
    const past = embed(P, batch.pastIds, 'pos_emb_prev', [s.batch, s.past, s.width]);
    const video = ref([s.batch, s.video, s.width], batch.video);
    let x = embed(P, batch.ids, 'pos_emb', [s.batch, s.queries, s.width]);
    const traces: {
      name: string;
      prefix: string;
      trace: BlockTrace;
      setup: (typeof setups)[number]['setup'];
    }[] = [];
    for (const { prefix, setup } of setups) {
      for (let n = 0; n < s.blocks; n++) {
        const name = `${prefix}.${n}`;
        const source = prefix === 'history' ? past : prefix === 'stimulus' ? video : x;
        const trace = block(P, name, x, source, setup);
        traces.push({ name, prefix, trace, setup });
        x = trace.y;
      }
    }
    const heads = [
      { weight: 'head_id.weight', setup: { targets: batch.nextIds, factor: LOSS_FACTORS.token } },
      { weight: 'head_dt.weight', setup: { targets: batch.nextTimes, factor: LOSS_FACTORS.time } },
    ];
    let loss = 0;
    let dx = ref(x.shape);
    for (const { weight, setup } of heads) {
      const logits = linear(x, P.get(weight)!);
      loss += crossEntropy(logits, setup);
      const dlogits = crossEntropyGradient(logits, setup);
      addGradient(gradients, weight, matmulTN(dlogits, x));
      const dhead = matmulNN(dlogits, P.get(weight)!);
      dx = map(dx, (value, n) => value + dhead.data[n]!);
    }
    let dpast = ref(past.shape);
    for (const { name, prefix, trace, setup } of traces.reverse()) {
      const d = blockBackward(P, name, trace, setup, dx, gradients);
      dx = prefix === 'state' ? map(d.x, (value, n) => value + d.source.data[n]!) : d.x;
      if (prefix === 'history') dpast = map(dpast, (value, n) => value + d.source.data[n]!);
    }
    embedBackward(P, batch.ids, 'pos_emb', dx, gradients);
    embedBackward(P, batch.pastIds, 'pos_emb_prev', dpast, gradients);
    return { loss, gradients };
  }

  /** Makes one AdamW step; returns the loss before it. */
  train(rate: number): number {
    const { loss, gradients } = this.gradients();
    adamw(this.#parameters, gradients, decays, this.#state, rate, STEP_OPTIMIZER);
    return loss;
  }
}

function embed(
  P: NamedRefs,
  ids: Uint32Array,
  positions: string,
  shape: readonly [number, number, number],
): Ref {
  const table = P.get(positions)!.data;
  const rows = lookUp(P.get('tok_emb.weight')!, ids);
  const perBatch = shape[1] * shape[2];
  return ref(
    shape,
    rows.data.map((value, n) => value + table[n % perBatch]!),
  );
}

function embedBackward(
  P: NamedRefs,
  ids: Uint32Array,
  positions: string,
  dx: Ref,
  gradients: NamedRefs,
): void {
  addGradient(gradients, 'tok_emb.weight', lookUpBackward(P.get('tok_emb.weight')!, ids, dx));
  const table = ref(P.get(positions)!.shape);
  for (let n = 0; n < dx.data.length; n++) table.data[n % table.data.length]! += dx.data[n]!;
  addGradient(gradients, positions, table);
}
