import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { loadNotes, openModel, saveModel } from '../../src/neuroformer/saved.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/nn/safetensors.js';
import { useEngine } from '../helpers/engine.js';
import { goldenJson } from '../helpers/golden.js';
import {
  TINY,
  TinyNeuroformer,
  WITH_BEHAVIOR,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();

describe('a configuration', () => {
  it.each<[string, object]>([
    ['of the paper', WITH_BEHAVIOR],
    ['of the original', { ...WITH_VIDEO, compat: 'original' }],
    ['with single rules', { ...TINY, rules: { clip_width: false } }],
    [
      'with loss weights, sparse attention and pooling',
      { ...WITH_SPEED, loss: { mu: 0.5 }, sparse: { topk: 4 }, pool: 'eos' },
    ],
  ])('%s is the same after conversion to JSON and back', (_, raw) => {
    const { config } = parseConfig(raw);
    expect(parseConfig(JSON.parse(JSON.stringify(config))).config).toEqual(config);
  });
});

describe('a saved model', () => {
  it('has its configuration, its vocabularies and the same logits after loading', async () => {
    const original = new TinyNeuroformer(engine(), WITH_BEHAVIOR);
    const { store, config, tokenizer } = original;
    const windows = original.at(1, 2.35);
    const before = await original.outputs(windows);
    const file = await saveModel(store, config, tokenizer, { note: 'a test' });
    const saved = openModel(file);
    expect(saved.config).toEqual(config);
    expect(saved.tokenizer!.toJSON()).toEqual(tokenizer.toJSON());
    expect(saved.metadata).toMatchObject({ note: 'a test', format: 'pt' });
    const loaded = new TinyNeuroformer(engine(), saved.config!);
    for (const { tensor, length } of loaded.store) tensor.write(new Float32Array(length));
    const report = loaded.store.assign(saved.tensors);
    expect(loadNotes(report)).toEqual([]);
    expect(await loaded.outputs(windows)).toEqual(before);
  });

  it('loads what fits into a model with other modalities, and reports new, unknown and mismatched tensors', async () => {
    const spikes = new TinyNeuroformer(engine(), { ...TINY, gru_only: true });
    const file = await saveModel(spikes.store, spikes.config, spikes.tokenizer);
    const wide = { ...WITH_SPEED, block_size: { id: 12, prev_id: 24 } };
    const finer = new TinyNeuroformer(engine(), wide);
    const initial = (await finer.store.values()).get('pos_emb_prev')!.data;
    const report = finer.store.assign(openModel(file).tensors);
    expect(loadNotes(report)).toEqual([
      `${report.loaded.length} parameters were loaded.`,
      '22 parameters are new and keep their initial values: modality_embeddings.behavior.speed.mlp.ln.weight, modality_embeddings.behavior.speed.mlp.ln.bias, modality_embeddings.behavior.speed.mlp.mlp.0.weight, modality_embeddings.behavior.speed.mlp.mlp.2.weight, neural_visual_transformer.modalities_blocks.behavior.0.ln1.weight and 17 more.',
      "12 of the file's tensors are not parameters of this model: gru.grus.0.weight_ih_l0, gru.grus.0.bias_ih_l0, gru.grus.0.weight_hh_l0, gru.grus.0.bias_hh_l0, gru.grus.1.weight_ih_l0 and 7 more.",
      'pos_emb_prev is F32 [1, 20, 8] in the file, but F32 [1, 24, 8] here: it keeps its initial values.',
    ]);
    const [loaded, saved] = [await finer.store.values(), await spikes.store.values()];
    expect(loaded.get('tok_emb.weight')).toEqual(saved.get('tok_emb.weight'));
    expect(loaded.get('pos_emb_prev')!.data).toEqual(initial);
  });

  it('of the original loads by its parameter names, without its constants', async () => {
    const folder = new URL('../fixtures/golden/case-contrastive/', import.meta.url);
    const file = brotliDecompressSync(
      readFileSync(fileURLToPath(new URL('weights.safetensors.br', folder))),
    );
    const { model, vocab } = goldenJson<{
      model: object;
      vocab: Record<'id' | 'dt', { size: number }>;
    }>('case-contrastive/config.json');
    const { config } = parseConfig({ ...model, compat: 'original' });
    const store = new ParameterStore();
    new Neuroformer(store, config, { ids: vocab.id.size, times: vocab.dt.size });
    store.allocate(engine());
    const saved = openModel(file);
    expect([saved.config, saved.tokenizer]).toEqual([undefined, undefined]);
    const report = store.assign(saved.tensors);
    expect(report.unknown).toContain('neural_visual_transformer.mask');
    expect(loadNotes(report)).toEqual([]);
    const { tensors } = decodeSafetensors(await store.save());
    for (const [name, { data }] of tensors)
      expect(data, name).toEqual(saved.tensors.get(name)!.data);
    store.dispose();
  });

  it.each<[string, Record<string, string>, string]>([
    [
      'a configuration that is not JSON',
      { 'neuroformer.config': '{"n_embd": 8' },
      "The file's neuroformer.config is not valid JSON: the file is damaged.",
    ],
    [
      'a configuration with an unknown key',
      { 'neuroformer.config': '{"n_embed": 8}' },
      'n_embed is not known; did you mean n_embd?',
    ],
    [
      'a tokenizer without neurons',
      {
        'neuroformer.tokenizer':
          '{"neurons": 0, "dt": 0.01, "current": 1, "past": 1, "classes": {}}',
      },
      "The file's tokenizer cannot be used: A vocabulary of neurons needs at least one, but has 0.",
    ],
  ])('is rejected for %s', (_, metadata, message) => {
    const tensors = new Map([
      ['a', { dtype: 'F32', shape: [1], data: new Float32Array(1) }],
    ] as const);
    expect(() => openModel(encodeSafetensors(tensors, metadata))).toThrow(message);
  });
});
