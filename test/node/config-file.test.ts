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

function written(text: string): string {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

/** How many parameters the model of a file has for so many neurons. */
function parameterCount(name: string, neurons: number, changes: object = {}): number {
  const { config: read } = readConfigFile(fixture(name));
  const config = { ...read, ...changes, compat: 'original' as const };
  const { resolution, window } = config;
  const times = new TimeVocabulary(resolution.dt, window.curr, window.prev);
  const store = new ParameterStore();
  // The original's projection is as wide as the model, whatever the file says.
  const rules = { ...config.rules, clip_width: false };
  new Neuroformer(store, { ...config, rules }, { ids: neurons + 3, times: times.size });
  return store.count;
}

describe('the original’s configuration files', () => {
  it('load as they are, their misspellings named', () => {
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

  it('make models of exactly as many parameters', () => {
    expect(parameterCount('v1al', 386)).toBe(24_080_384);
    expect(parameterCount('visnav-predict', 2023)).toBe(28_203_023);
    // Counted by the original without behaviour inputs, which are commented out in some of its versions of the file.
    expect(parameterCount('visnav-contrastive', 2023, { modalities: {} })).toBe(25_105_152);
  });

  it('say that a whole image is not decoded where they ask for it', () => {
    const text = `modalities:
  behavior:
    n_layers: 8
    window: 0.05
    variables:
      depth: {dt: 0.05, objective: regression, predict: true, n_classes: 29000, 3D: true}
`;
    expect(readConfigFile(written(text)).notes).toEqual([
      'modalities.behavior.variables.depth.3D asks for complete images, but one number per sample is predicted.',
    ]);
  });
});

describe('a configuration file that cannot be used is refused with a sentence', () => {
  it.each([
    ['an unknown key', 'n_embd: 32\nnhead: 4\n', 'nhead is not known; did you mean n_head?'],
    ['no YAML', 'n_embd: [32\nn_head: 4\n', / is not valid YAML: line \d: .+\.$/],
    [
      'one key twice',
      'n_head: 4\nn_head: 8\n',
      'is not valid YAML: line 2: Map keys must be unique.',
    ],
    ['nothing', '', 'should hold keys with values, but is null.'],
    ['a list', '- 1\n- 2\n', 'should hold keys with values, but is [1,2].'],
  ])('%s', (_, text, message) => {
    const path = written(text);
    expect(() => readConfigFile(path)).toThrow(message);
    expect(() => readConfigFile(path)).toThrow(path);
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ name: 'ConfigError' }));
  });

  it('a file that is not there', () => {
    expect(() => readConfigFile('/nowhere/config.yaml')).toThrow(
      '/nowhere/config.yaml cannot be read: there is no such file; give the path of a YAML file.',
    );
  });
});
