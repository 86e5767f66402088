/** One case of the golden reference: what is compared, and within what tolerance. See test/fixtures/golden/README.md. */

import { join } from 'node:path';
import type { Engine } from '../../src/engine.js';
import type { Block } from '../../src/nn/layers.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { GoldenCase, hasFile, readJson, readTensors } from './golden-case.js';
import type { Allowed, Tally } from './tally.js';

interface Losses {
  losses: Record<string, number>;
  total: number;
  grad_norm: number;
  parameters_without_gradient: string[];
}

interface Training {
  groups: { weight_decay: number; params: string[] }[];
  total_before_each_step_and_after_the_last: number[];
  losses_before_each_step_and_after_the_last: Record<string, number>[];
  grad_norm_before_clipping: number[];
}

interface Precision {
  parameters_whose_gradient_is_zero_but_for_rounding: string[];
}

const ACTIVATION: Allowed = (value) => 5e-5 + 1e-4 * Math.abs(value);
const LOSS: Allowed = () => 1e-5;
const STEP_LOSS: Allowed = () => 1e-4;
const NORM: Allowed = (value) => 1e-3 * value;

/** Loads a case's weights; which parameters the file lacks is compared with none. */
export async function openCase(engine: Engine, folder: string, tally: Tally): Promise<GoldenCase> {
  const golden = new GoldenCase(engine, folder);
  tally.same('parameters', 'names in weights', await golden.loadWeights(), []);
  return golden;
}

/** Every array of outputs.safetensors. */
export async function checkForward(golden: GoldenCase, tally: Tally): Promise<void> {
  const found = golden.engine.scope(() => passActivations(golden));
  for (const [name, { data }] of golden.outputs) {
    const value = found[name];
    tally.near(caseKind(name), name, value ? await value.floats() : [], data, ACTIVATION);
  }
  for (const value of Object.values(found)) value.dispose();
}

function caseKind(name: string): string {
  if (name.endsWith('.attention')) return 'attention';
  return name.startsWith('act.') ? 'activations' : 'outputs';
}

/** Everything a pass makes, by the reference's names. */
function passActivations(golden: GoldenCase): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  const { model, inputs } = golden;
  const outputs = model.forward(inputs, (place, value) => {
    found[`act.${place}`] = value();
  });
  found['logits.id'] = outputs.idLogits;
  found['logits.dt'] = outputs.timeLogits;
  found.last_layer = outputs.lastLayer;
  for (const [name, value] of Object.entries(outputs.predictions)) found[`pred.${name}`] = value;
  if (golden.config.contrastive.contrastive) {
    // A behaviour variable's feature goes by the name of its group.
    for (const [name, value] of Object.entries(outputs.features))
      found[`clip.${name.split('.')[0]}`] = model.project(value);
  }
  const { 'encoder.id': encoder, history } = model.stacks;
  const x = found[`act.encoder.id.${encoder!.blocks.length - 1}`] ?? found['act.embed.id'];
  for (const [name, value] of Object.entries(
    history!.blocks[0] ? insideBlock(history!.blocks[0], x!, found['act.embed.id_prev']!) : {},
  ))
    found[`act.history.0.${name}`] = value;
  const known = Object.entries(found).filter(([name]) => golden.outputs.has(name));
  return Object.fromEntries(known);
}

/** The parts of one block, made one after the other from its own layers. */
function insideBlock(
  { ln1, ln2, attn, mlp, lnF }: Block,
  x: Tensor,
  source: Tensor,
): Record<string, Tensor> {
  const normed = ln1.call(x);
  const sum = attn.call(normed, source, { residual: x });
  const second = ln2.call(sum);
  const hidden = mlp.expand.call(second, { gelu: true });
  return {
    ln1: normed,
    'attn.query': attn.query.call(normed),
    'attn.key': attn.key.call(source),
    'attn.value': attn.value.call(source),
    attn: attn.call(normed, source),
    ln2: second,
    'mlp.0': mlp.expand.call(second),
    'mlp.1': hidden,
    mlp: mlp.project.call(hidden),
    ln_f: lnF.call(mlp.call(second, { residual: sum })),
  };
}

/** Losses, the gradient of every parameter, and which parameters get none. */
export async function checkGradients(golden: GoldenCase, tally: Tally): Promise<void> {
  const { losses, total, grad_norm, parameters_without_gradient } = readJson<Losses>(
    golden.folder,
    'losses',
  );
  const { loss, ...parts } = golden.differentiate();
  tally.near('losses', 'total', await loss.floats(), [total], LOSS);
  tally.same('losses', 'names in order', Object.keys(parts), Object.keys(losses));
  for (const [name, value] of Object.entries(losses))
    tally.near('losses', name, parts[name] ? await parts[name].floats() : [], [value], LOSS);
  const found = await golden.store.gradients();
  let squares = 0;
  for (const [name, { data }] of readTensors(golden.folder, 'grads')!) {
    const relative = /modality_embeddings\..*\.mlp\./.test(name) ? 1e-2 : 1e-3;
    const own = found.get(name)?.data ?? [];
    const allowed = relative * largest(data) + 1e-6;
    tally.near('gradients', name, own, data, () => allowed);
    for (const value of own) squares += value * value;
  }
  tally.near('gradients', 'their norm', [Math.sqrt(squares)], [grad_norm], NORM);
  const untouched = [...golden.store].filter((p) => !p.tensor.reached).map((p) => p.name);
  tally.same(
    'gradients',
    'parameters that get none',
    untouched.sort(),
    parameters_without_gradient.sort(),
  );
  for (const value of [loss, ...Object.values(parts)]) value.dispose();
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Five AdamW steps by replaying one recorded step: losses, gradient norms, and the parameters after them. */
export async function checkSteps(golden: GoldenCase, tally: Tally): Promise<void> {
  const training = readJson<Training>(golden.folder, 'train');
  checkDecay(golden, training, tally);
  const { optimizer } = golden;
  const step = golden.engine.record(() => {
    const losses = golden.differentiate();
    optimizer.apply();
    return losses;
  });
  const { loss: total, ...singles } = step.value;
  const totals = training.total_before_each_step_and_after_the_last;
  for (let n = 0; n + 1 < totals.length; n++) {
    optimizer.prepare(1e-3);
    const fetched = step.runAndFetch([total, ...Object.values(singles)]);
    const [first, ...rest] = (await fetched.read()).map((bytes) => new Float32Array(bytes));
    tally.near('losses over steps', `step ${n}`, first!, [totals[n]!], STEP_LOSS);
    const expected = training.losses_before_each_step_and_after_the_last[n]!;
    for (const [which, name] of Object.keys(singles).entries())
      tally.near(
        'losses over steps',
        `${name}, step ${n}`,
        rest[which]!,
        [expected[name]!],
        STEP_LOSS,
      );
    const norm = (await optimizer.totals.floats()).subarray(0, 1);
    tally.near(
      'norms over steps',
      `step ${n}`,
      norm,
      [training.grad_norm_before_clipping[n]!],
      NORM,
    );
  }
  step.dispose();
  const { loss, ...parts } = golden.differentiate();
  tally.near(
    'losses over steps',
    'after the last',
    await loss.floats(),
    [totals.at(-1)!],
    STEP_LOSS,
  );
  for (const value of [loss, ...Object.values(parts)]) value.dispose();
  await checkParameters(golden, tally);
}

/** Which parameters are decayed, among those that ever move. */
function checkDecay({ store }: GoldenCase, { groups }: Training, tally: Tally): void {
  const moving = (name: string) => store.get(name).tensor.reached;
  const expected = groups
    .filter((group) => group.weight_decay > 0)
    .flatMap((group) => group.params);
  const declared = [...store].filter((p) => p.decay).map((p) => p.name);
  tally.same(
    'parameters',
    'which are decayed',
    declared.filter(moving).sort(),
    expected.filter(moving).sort(),
  );
}

async function checkParameters(golden: GoldenCase, tally: Tally): Promise<void> {
  const expected = readTensors(golden.folder, 'after-steps');
  if (!expected) return;
  const noisy = hasFile(golden.folder, 'precision.json')
    ? readJson<Precision>(golden.folder, 'precision')
        .parameters_whose_gradient_is_zero_but_for_rounding
    : [];
  for (const [name, { data }] of await golden.store.values()) {
    const allowed = noisy.includes(name) ? 5.5e-3 : 3e-4;
    tally.near('parameters after steps', name, data, expected.get(name)?.data ?? [], () => allowed);
  }
}

/** Everything of one case. */
export async function checkCase(engine: Engine, root: string, name: string, tally: Tally) {
  const golden = await openCase(engine, join(root, name), tally);
  await checkForward(golden, tally);
  await checkGradients(golden, tally);
  await checkSteps(golden, tally);
  golden.dispose();
}
