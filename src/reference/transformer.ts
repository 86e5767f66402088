/** A transformer block and a small model of such blocks in float64, forward and backward by hand. */

import { plus, type Ref, ref } from './array.js';
import { type AttentionSetup, attention, attentionBackward } from './attention.js';
import { layerNorm, layerNormBackward } from './layernorm.js';
import { linear, linearBackward, mlp, mlpBackward } from './linear.js';

/** Parameters or gradients by dotted name. */
export type Named = Map<string, Ref>;

/** Adds a gradient to what is there under its name. */
export function addGradient(gradients: Named, name: string, value: Ref): void {
  const before = gradients.get(name);
  gradients.set(name, before ? plus(before, value) : value);
}

function part(parameters: Named, prefix: string) {
  const get = (name: string): Ref => {
    const found = parameters.get(`${prefix}.${name}`);
    if (!found) throw new Error(`The reference has no parameter ${prefix}.${name}.`);
    return found;
  };
  return {
    pair: (name: string) => [get(`${name}.weight`), get(`${name}.bias`)] as const,
    mlp: () => ({
      weight1: get('mlp.0.weight'),
      bias1: get('mlp.0.bias'),
      weight2: get('mlp.2.weight'),
      bias2: get('mlp.2.bias'),
    }),
  };
}

/** What a block's backward needs of its forward. */
export interface BlockTrace {
  x: Ref;
  source: Ref;
  normal1: Ref;
  projected: { query: Ref; key: Ref; value: Ref };
  attended: Ref;
  x1: Ref;
  normal2: Ref;
  x2: Ref;
  y: Ref;
}

/** x1 = x + proj(attend(LN1(x), source)); x2 = x1 + MLP(LN2(x1)); LN_f(x2). */
export function block(
  parameters: Named,
  prefix: string,
  x: Ref,
  source: Ref,
  setup: AttentionSetup,
): BlockTrace {
  const p = part(parameters, prefix);
  const normal1 = layerNorm(x, ...p.pair('ln1'));
  const projected = {
    query: linear(normal1, ...p.pair('attn.query')),
    key: linear(source, ...p.pair('attn.key')),
    value: linear(source, ...p.pair('attn.value')),
  };
  const attended = attention(projected, setup);
  const x1 = plus(x, linear(attended, ...p.pair('attn.proj')));
  const normal2 = layerNorm(x1, ...p.pair('ln2'));
  const x2 = plus(x1, mlp({ x: normal2, ...p.mlp() }));
  return {
    x,
    source,
    normal1,
    projected,
    attended,
    x1,
    normal2,
    x2,
    y: layerNorm(x2, ...p.pair('ln_f')),
  };
}

/** Gradients of x and source; those of the parameters are added to `gradients`. */
export function blockBackward(
  parameters: Named,
  prefix: string,
  trace: BlockTrace,
  setup: AttentionSetup,
  dy: Ref,
  gradients: Named,
): { x: Ref; source: Ref } {
  const p = part(parameters, prefix);
  const add = (name: string, value: Ref) => addGradient(gradients, `${prefix}.${name}`, value);
  const through = (name: string, x: Ref, d: Ref) => {
    const { x: dx, weight, bias } = linearBackward(x, p.pair(name)[0], d);
    add(`${name}.weight`, weight);
    add(`${name}.bias`, bias);
    return dx;
  };
  const throughNorm = (name: string, x: Ref, d: Ref) => {
    const { x: dx, gamma, beta } = layerNormBackward(x, p.pair(name)[0], d);
    add(`${name}.weight`, gamma);
    add(`${name}.bias`, beta);
    return dx;
  };
  const dx2 = throughNorm('ln_f', trace.x2, dy);
  const dmlp = mlpBackward({ x: trace.normal2, ...p.mlp() }, dx2);
  add('mlp.0.weight', dmlp.weight1);
  add('mlp.0.bias', dmlp.bias1);
  add('mlp.2.weight', dmlp.weight2);
  add('mlp.2.bias', dmlp.bias2);
  const dx1 = plus(dx2, throughNorm('ln2', trace.x1, dmlp.x));
  const dattended = through('attn.proj', trace.attended, dx1);
  const dprojected = attentionBackward(trace.projected, setup, dattended);
  const dnormal1 = through('attn.query', trace.normal1, dprojected.query);
  const dkey = through('attn.key', trace.source, dprojected.key);
  const dvalue = through('attn.value', trace.source, dprojected.value);
  return { x: plus(dx1, throughNorm('ln1', trace.x, dnormal1)), source: plus(dkey, dvalue) };
}

/** Rows of a table. */
export function lookUp(table: Ref, ids: ArrayLike<number>): Ref {
  const width = table.shape[1]!;
  const out = ref([ids.length, width]);
  for (let n = 0; n < ids.length; n++) {
    out.data.set(table.data.subarray(ids[n]! * width, (ids[n]! + 1) * width), n * width);
  }
  return out;
}

/** The gradient of `lookUp` for its table. */
export function lookUpBackward(table: Ref, ids: ArrayLike<number>, dout: Ref): Ref {
  const width = table.shape[1]!;
  const gradient = ref(table.shape);
  for (let n = 0; n < ids.length; n++) {
    for (let c = 0; c < width; c++)
      gradient.data[ids[n]! * width + c]! += dout.data[n * width + c]!;
  }
  return gradient;
}
