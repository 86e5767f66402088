/** A transformer block in float64, with a backward pass written by hand. */

import { plus, type Ref, ref } from './array.js';
import { type AttentionSetup, attention, attentionBackward } from './attention.js';
import { layerNorm, layerNormBackward } from './layernorm.js';
import { linear, linearBackward, mlp, mlpBackward } from './linear.js';

/** Parameters or gradients by name, such as 'block.attn.query.weight'. */
export type NamedRefs = Map<string, Ref>;

/** Adds to the gradient with this name, or sets it. */
export function addGradient(gradients: NamedRefs, name: string, value: Ref): void {
  const existing = gradients.get(name);
  gradients.set(name, existing ? plus(existing, value) : value);
}

function blockParameters(parameters: NamedRefs, prefix: string) {
  const get = (name: string): Ref => {
    const parameter = parameters.get(`${prefix}.${name}`);
    if (!parameter) throw new Error(`The reference has no parameter ${prefix}.${name}.`);
    return parameter;
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

/** The values of a block's forward pass, which the backward pass reads. */
export interface BlockTrace {
  /** The block's input. */
  x: Ref;
  /** The source of keys and values. */
  source: Ref;
  /** LN1(x) */
  normal1: Ref;
  /** The inputs of the attention. */
  projected: { query: Ref; key: Ref; value: Ref };
  /** The output of the attention, before its projection. */
  attended: Ref;
  /** x after the attention. */
  x1: Ref;
  /** LN2(x1) */
  normal2: Ref;
  /** x1 after the MLP. */
  x2: Ref;
  /** The block's output. */
  y: Ref;
}

/**
 * The forward pass of a block: x1 = x + proj(attend(LN1(x), source)); x2 = x1 + MLP(LN2(x1)); y =
 * LN_f(x2).
 */
export function block(
  parameters: NamedRefs,
  prefix: string,
  x: Ref,
  source: Ref,
  setup: AttentionSetup,
): BlockTrace {
  const p = blockParameters(parameters, prefix);
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

/** The gradients of x and source, given that of y. Adds those of the parameters to `gradients`. */
export function blockBackward(
  parameters: NamedRefs,
  prefix: string,
  trace: BlockTrace,
  setup: AttentionSetup,
  dy: Ref,
  gradients: NamedRefs,
): { x: Ref; source: Ref } {
  const p = blockParameters(parameters, prefix);
  const add = (name: string, value: Ref) => addGradient(gradients, `${prefix}.${name}`, value);
  const linearGradient = (name: string, x: Ref, d: Ref) => {
    const { x: dx, weight, bias } = linearBackward(x, p.pair(name)[0], d);
    add(`${name}.weight`, weight);
    add(`${name}.bias`, bias);
    return dx;
  };
  const normGradient = (name: string, x: Ref, d: Ref) => {
    const { x: dx, gamma, beta } = layerNormBackward(x, p.pair(name)[0], d);
    add(`${name}.weight`, gamma);
    add(`${name}.bias`, beta);
    return dx;
  };
  const dx2 = normGradient('ln_f', trace.x2, dy);
  const dmlp = mlpBackward({ x: trace.normal2, ...p.mlp() }, dx2);
  add('mlp.0.weight', dmlp.weight1);
  add('mlp.0.bias', dmlp.bias1);
  add('mlp.2.weight', dmlp.weight2);
  add('mlp.2.bias', dmlp.bias2);
  const dx1 = plus(dx2, normGradient('ln2', trace.x1, dmlp.x));
  const dattended = linearGradient('attn.proj', trace.attended, dx1);
  const dprojected = attentionBackward(trace.projected, setup, dattended);
  const dnormal1 = linearGradient('attn.query', trace.normal1, dprojected.query);
  const dkey = linearGradient('attn.key', trace.source, dprojected.key);
  const dvalue = linearGradient('attn.value', trace.source, dprojected.value);
  return { x: plus(dx1, normGradient('ln1', trace.x, dnormal1)), source: plus(dkey, dvalue) };
}

/** The rows of a table for these ids. */
export function lookUp(table: Ref, ids: ArrayLike<number>): Ref {
  const width = table.shape[1]!;
  const out = ref([ids.length, width]);
  for (let n = 0; n < ids.length; n++) {
    out.data.set(table.data.subarray(ids[n]! * width, (ids[n]! + 1) * width), n * width);
  }
  return out;
}

/** The gradient of the table in `lookUp`, given that of the rows. */
export function lookUpBackward(table: Ref, ids: ArrayLike<number>, dout: Ref): Ref {
  const width = table.shape[1]!;
  const gradient = ref(table.shape);
  for (let n = 0; n < ids.length; n++) {
    for (let c = 0; c < width; c++)
      gradient.data[ids[n]! * width + c]! += dout.data[n * width + c]!;
  }
  return gradient;
}
