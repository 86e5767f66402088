/**
 * Compares one case of the golden reference, within the tolerances of
 * test/fixtures/golden/README.md.
 */

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

/** Opens a case and loads its weights, which should contain all parameters. */
export async function openCase(engine: Engine, folder: string, tally: Tally): Promise<GoldenCase> {
  const golden = new GoldenCase(engine, folder);
  tally.same('parameters', 'names in weights', await golden.loadWeights(), []);
  return golden;
}

/** Compares every array of outputs.safetensors. */
export async function checkForward(golden: GoldenCase, tally: Tally): Promise<void> {
  const actual = golden.engine.scope(() => passActivations(golden));
  for (const [name, { data }] of golden.outputs) {
    const value = actual[name];
    tally.near(caseKind(name), name, value ? await value.floats() : [], data, ACTIVATION);
  }
  for (const value of Object.values(actual)) value.dispose();
}

function caseKind(name: string): string {
  if (name.endsWith('.attention')) return 'attention';
  return name.startsWith('act.') ? 'activations' : 'outputs';
}

/** The activations and outputs of a forward pass, by the reference's names. */
function passActivations(golden: GoldenCase): Record<string, Tensor> {
  const actual: Record<string, Tensor> = {};
  const { model, inputs } = golden;
  const outputs = model.forward(inputs, (activation, value) => {
    actual[`act.${activation}`] = value();
  });
  actual['logits.id'] = outputs.idLogits;
  actual['logits.dt'] = outputs.timeLogits;
  actual.last_layer = outputs.lastLayer;
  for (const [name, value] of Object.entries(outputs.predictions)) actual[`pred.${name}`] = value;
  if (golden.config.contrastive.contrastive) {
    // The reference names the feature of a behavior variable after its group.
    for (const [name, value] of Object.entries(outputs.features))
      actual[`clip.${name.split('.')[0]}`] = model.project(value);
  }
  const { 'encoder.id': encoder, history } = model.stacks;
  const x = actual[`act.encoder.id.${encoder!.blocks.length - 1}`] ?? actual['act.embed.id'];
  for (const [name, value] of Object.entries(
    history!.blocks[0]
      ? blockActivations(history!.blocks[0], x!, actual['act.embed.id_prev']!)
      : {},
  ))
    actual[`act.history.0.${name}`] = value;
  const compared = Object.entries(actual).filter(([name]) => golden.outputs.has(name));
  return Object.fromEntries(compared);
}

/** The activations inside a block, computed layer by layer. */
function blockActivations(
  { ln1, ln2, attn, mlp, lnF }: Block,
  x: Tensor,
  source: Tensor,
): Record<string, Tensor> {
  const ln1Out = ln1.call(x);
  const sum = attn.call(ln1Out, source, { residual: x });
  const ln2Out = ln2.call(sum);
  const hidden = mlp.expand.call(ln2Out, { gelu: true });
  return {
    ln1: ln1Out,
    'attn.query': attn.query.call(ln1Out),
    'attn.key': attn.key.call(source),
    'attn.value': attn.value.call(source),
    attn: attn.call(ln1Out, source),
    ln2: ln2Out,
    'mlp.0': mlp.expand.call(ln2Out),
    'mlp.1': hidden,
    mlp: mlp.project.call(hidden),
    ln_f: lnF.call(mlp.call(ln2Out, { residual: sum })),
  };
}

/** Compares the losses, the gradient of every parameter, and which parameters have none. */
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
  const actual = await golden.store.gradients();
  let squares = 0;
  for (const [name, { data }] of readTensors(golden.folder, 'grads')!) {
    const relative = /modality_embeddings\..*\.mlp\./.test(name) ? 1e-2 : 1e-3;
    const actualGradient = actual.get(name)?.data ?? [];
    const allowed = relative * largest(data) + 1e-6;
    tally.near('gradients', name, actualGradient, data, () => allowed);
    for (const value of actualGradient) squares += value * value;
  }
  tally.near('gradients', 'norm', [Math.sqrt(squares)], [grad_norm], NORM);
  const withoutGradient = [...golden.store].filter((p) => !p.tensor.hasGradient).map((p) => p.name);
  tally.same(
    'gradients',
    'parameters without one',
    withoutGradient.sort(),
    parameters_without_gradient.sort(),
  );
  for (const value of [loss, ...Object.values(parts)]) value.dispose();
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((maximum, value) => Math.max(maximum, Math.abs(value)), 0);
}

/**
 * Compares losses, gradient norms and final parameters of five AdamW steps, which replay one
 * recorded step.
 */
export async function checkSteps(golden: GoldenCase, tally: Tally): Promise<void> {
  const training = readJson<Training>(golden.folder, 'train');
  checkDecay(golden, training, tally);
  const { optimizer } = golden;
  const step = golden.engine.record(() => {
    const losses = golden.differentiate();
    optimizer.apply();
    return losses;
  });
  const { loss: totalTensor, ...partTensors } = step.value;
  const totals = training.total_before_each_step_and_after_the_last;
  for (let n = 0; n + 1 < totals.length; n++) {
    optimizer.prepare(1e-3);
    const fetched = step.runAndFetch([totalTensor, ...Object.values(partTensors)]);
    const [total, ...parts] = (await fetched.read()).map((bytes) => new Float32Array(bytes));
    tally.near('losses over steps', `step ${n}`, total!, [totals[n]!], STEP_LOSS);
    const expected = training.losses_before_each_step_and_after_the_last[n]!;
    for (const [index, name] of Object.keys(partTensors).entries())
      tally.near(
        'losses over steps',
        `${name}, step ${n}`,
        parts[index]!,
        [expected[name]!],
        STEP_LOSS,
      );
    const norm = (await optimizer.normAndClip.floats()).subarray(0, 1);
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

/** Compares which of the updated parameters are decayed. */
function checkDecay({ store }: GoldenCase, { groups }: Training, tally: Tally): void {
  const isUpdated = (name: string) => store.get(name).tensor.hasGradient;
  const expected = groups
    .filter((group) => group.weight_decay > 0)
    .flatMap((group) => group.params);
  const declared = [...store].filter((p) => p.decay).map((p) => p.name);
  tally.same(
    'parameters',
    'which are decayed',
    declared.filter(isUpdated).sort(),
    expected.filter(isUpdated).sort(),
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

/** Runs all comparisons of a case. */
export async function checkCase(engine: Engine, root: string, name: string, tally: Tally) {
  const golden = await openCase(engine, join(root, name), tally);
  await checkForward(golden, tally);
  await checkGradients(golden, tally);
  await checkSteps(golden, tally);
  golden.dispose();
}
