import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { readConfigFile } from '../../src/node/config-file.js';
import { TimeVocabulary } from '../../src/recording/vocabularies.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/configs/${name}.yaml`, import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(folder, { recursive: true }));

function writeConfig(text: string): string {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

/** The number of parameters of a file's model for a number of neurons. */
function parameterCount(name: string, neurons: number, changes: object = {}): number {
  const { config: fileConfig } = readConfigFile(fixture(name));
  const config = { ...fileConfig, ...changes, compat: 'original' as const };
  const { resolution, window } = config;
  const times = new TimeVocabulary(resolution.dt, window.curr, window.prev);
  const store = new ParameterStore();
  // The original implementation makes the projection as wide as the model, whatever the file says.
  const rules = { ...config.rules, clip_width: false };
  new Neuroformer(store, { ...config, rules }, { ids: neurons + 3, times: times.size });
  return store.elementCount;
}

describe('configuration files of the original implementation', () => {
  it('are read unchanged, with a note on each misspelled key', () => {
    expect(readConfigFile(fixture('v1al')).notes[0]).toBe(
      'ingore_index_pad is read as ignore_index_pad.',
    );
    const { config } = readConfigFile(fixture('visnav-contrastive'));
    expect(config.contrastive.vars).toEqual(['id', 'frames', { behavior: 'speed' }]);
    const predict = readConfigFile(fixture('visnav-predict'));
    expect(predict.config.contrastive.vars).toEqual(['id', 'frames', { behavior: 'speed' }]);
    expect(predict.notes).toContain(
      'contrastive.vars: { speed: name } is read as { behavior: speed }.',
    );
  });

  it('give models with exactly as many parameters as the original ones', () => {
    expect(parameterCount('v1al', 386)).toBe(24_080_384);
    expect(parameterCount('visnav-predict', 2023)).toBe(28_203_023);
    // The original counted this without the inputs of behavior, which some versions of its file
    // comment out.
    expect(parameterCount('visnav-contrastive', 2023, { modalities: {} })).toBe(25_105_152);
  });

  it('get a note where they ask to decode whole images', () => {
    const text = `modalities:
  behavior:
    n_layers: 8
    window: 0.05
    variables:
      depth: {dt: 0.05, objective: regression, predict: true, n_classes: 29000, 3D: true}
`;
    expect(readConfigFile(writeConfig(text)).notes).toEqual([
      'modalities.behavior.variables.depth.3D asks for complete images, but one number per sample is predicted.',
    ]);
  });
});

describe('a configuration file is rejected with a sentence', () => {
  it.each([
    ['with an unknown key', 'n_embd: 32\nnhead: 4\n', 'nhead is not known; did you mean n_head?'],
    ['that is not YAML', 'n_embd: [32\nn_head: 4\n', / is not valid YAML: line \d: .+\.$/],
    [
      'with an unknown tag',
      'n_embd: 32\nwindow: !pair [0.05, 0.15]\n',
      'is not valid YAML: line 2: Unresolved tag: !pair.',
    ],
    [
      'with a repeated key',
      'n_head: 4\nn_head: 8\n',
      'is not valid YAML: line 2: Map keys must be unique.',
    ],
    ['that is empty', '', 'should contain keys with values, but is null.'],
    ['that is a list', '- 1\n- 2\n', 'should contain keys with values, but is [1,2].'],
  ])('%s', (_, text, message) => {
    const path = writeConfig(text);
    expect(() => readConfigFile(path)).toThrow(message);
    expect(() => readConfigFile(path)).toThrow(path);
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ name: 'ConfigError' }));
  });

  it('that does not exist', () => {
    expect(() => readConfigFile('/nowhere/config.yaml')).toThrow(
      '/nowhere/config.yaml cannot be read: there is no such file; give the path of a YAML file.',
    );
  });
});
