import { describe, expect, it } from 'vitest';
import type { StimulusResults } from '../../src/probe/results.js';
import type { StimulusMap } from '../../src/probe/stimulus.js';
import { stimulusSection, stimulusTable, stimulusVerdict } from '../../src/report/stimulus.js';
import { ROLES } from '../../src/report/theme.js';
import { isReportFigure } from '../../src/train/run-records.js';

/** Three neurons, and a film of 4 x 4 pixels with places of 2 x 2 pixels, one apart. */
const [NEURONS, SIDE] = [3, 3];
const GRID = { film: [2, 4, 4], places: [1, 3, 3], kernel: [2, 2, 2], stride: [2, 1, 1] } as const;
const PLACES = SIDE * SIDE;

function fieldMap(name: string, kind: StimulusMap['kind'], r: number): StimulusMap {
  return {
    name,
    title: TITLES[name] ?? name,
    kind,
    values: Float64Array.from({ length: NEURONS * PLACES }, (_, n) => n % PLACES),
    fields: { r, deviation: 0.1, pixelsOff: 1.25, otherField: 0.04 },
  };
}

const TITLES: Record<string, string> = {
  queries: 'Neuron queries',
  trunk: 'Trunk attention',
  trunkgradient: 'Trunk gradient x attention',
  trunkgradientother: 'The same, of another neuron',
  occlusion: 'Occlusion',
  square: 'Average of the squared film',
  correlation: 'Cross-correlation',
};

const filmResults = (maps: readonly StimulusMap[]): StimulusResults => ({
  kind: 'film',
  grid: GRID,
  part: 'test',
  weights: { file: 'best.safetensors', step: 3 },
  seed: 1,
  windows: 320,
  trained: 2000,
  spikes: [5, 100, 60],
  maps,
  seconds: 1,
});

function inputMap(name: string, kind: StimulusMap['kind'], top1: number): StimulusMap {
  const { fields: _, ...map } = fieldMap(name, kind, 0);
  return { ...map, inputs: { top1, top5: top1 + 0.1 } };
}

const inputResults = (maps: readonly StimulusMap[]): StimulusResults => ({
  ...filmResults(maps),
  kind: 'inputs',
  grid: { film: [1, 1, 9], places: [1, 1, 9], kernel: [1, 1, 1], stride: [1, 1, 1] },
});

const FOUND = [
  fieldMap('queries', 'model', 0.8),
  fieldMap('queriesuntrained', 'control', 0.1),
  fieldMap('trunk', 'model', 0.12),
  fieldMap('trunkuntrained', 'control', 0.02),
  fieldMap('occlusion', 'model', 0.93),
  fieldMap('occlusionuntrained', 'control', 0.05),
  fieldMap('square', 'spikes', 0.96),
];

describe('the table of a film', () => {
  it('has a row for each map, with its untrained control beside', () => {
    expect(stimulusTable(filmResults(FOUND))!.rows).toEqual([
      ['Neuron queries', 'model', '0.80 (0.10)', '1.3', '0.04', '0.10 (0.10)', '1.3'],
      ['Trunk attention', 'model', '0.12 (0.10)', '1.3', '0.04', '0.02 (0.10)', '1.3'],
      ['Occlusion', 'model', '0.93 (0.10)', '1.3', '0.04', '0.05 (0.10)', '1.3'],
      ['Average of the squared film', 'spikes alone', '0.96 (0.10)', '1.3', '0.04', '', ''],
    ]);
  });

  it('is missing where the truth is unknown', () => {
    const { fields: _, ...unknown } = fieldMap('occlusion', 'model', 0);
    expect(stimulusTable(filmResults([unknown]))).toBeUndefined();
    expect(stimulusVerdict(filmResults([unknown]))).toBe('');
  });
});

describe('the table of inputs', () => {
  it('has hit rates, and what chance gives', () => {
    const table = stimulusTable(
      inputResults([
        inputMap('queries', 'model', 0.8),
        inputMap('queriesuntrained', 'control', 0.1),
        inputMap('trunkgradientother', 'control', 0.4),
      ]),
    )!;
    expect(table.rows).toEqual([
      ['Neuron queries', 'model', '0.80', '0.90', '0.10', '0.20'],
      ['The same, of another neuron', 'control', '0.40', '0.50', '', ''],
    ]);
    expect(table.caption).toContain('by chance 0.111 and 0.556');
  });
});

describe('the verdict', () => {
  it('names what finds the fields and what does not, and how the classical average does', () => {
    expect(stimulusVerdict(filmResults(FOUND))).toBe(
      'The fields are found by neuron queries (r 0.80) and occlusion (r 0.93). They are not found by trunk attention (r 0.12). Occlusion and input gradients can be read from any architecture. The average of the squared film, which needs no model, does better (r 0.96).',
    );
  });

  it('says so if nothing is found', () => {
    const verdict = stimulusVerdict(
      filmResults([
        fieldMap('occlusion', 'model', 0.3),
        fieldMap('occlusionuntrained', 'control', 0.2),
        fieldMap('square', 'spikes', 0.1),
      ]),
    );
    expect(verdict).toMatch(
      /^The fields are found by no reading of this model\. They are not found by occlusion \(r 0\.30\)\./,
    );
    expect(verdict).toMatch(/does worse \(r 0\.10\)\.$/);
  });

  it('counts nothing that an untrained model or another neuron gives as well', () => {
    const verdict = stimulusVerdict(
      inputResults([
        inputMap('occlusion', 'model', 0.85),
        inputMap('occlusionuntrained', 'control', 0.01),
        inputMap('trunk', 'model', 0.9),
        inputMap('trunkuntrained', 'control', 0.1),
        inputMap('trunkgradient', 'model', 0.51),
        inputMap('trunkgradientuntrained', 'control', 0.04),
        inputMap('trunkgradientother', 'control', 0.61),
        inputMap('correlation', 'spikes', 0.86),
      ]),
    );
    expect(verdict).toBe(
      'The inputs that drive neurons are found by occlusion (85%). Trunk attention (90%) and trunk gradient x attention (51%) show what the film has when a neuron fires, which is no evidence: another neuron or an untrained model gives as much. Occlusion and input gradients can be read from any architecture. The cross-correlation, which needs no model, does as well (86%).',
    );
  });
});

describe('the section of a film', () => {
  const pixels = new Float64Array(NEURONS * 16);
  pixels[16 + 5] = 2;
  pixels[16 + 6] = 1;
  pixels[16 + 7] = -1;
  const results = filmResults([
    ...FOUND.slice(0, 2),
    { ...fieldMap('square', 'spikes', 0.96), pixels },
  ]);
  const energy = new Float32Array(NEURONS * 16);
  energy[16 + 5] = 1;
  energy[16 + 6] = 0.6;
  const fields = {
    height: 4,
    width: 4,
    energy,
    centers: new Float32Array(6),
    complex: new Uint8Array(3),
  };

  it('has maps of the neurons with the most spikes first, in all pixels where they are that fine', async () => {
    const { figures } = await stimulusSection(results, { fields });
    const [maps, scores] = figures!;
    const rows = maps!.csv.trim().split('\n');
    expect(rows[0]).toBe('map,neuron,of,row,column,share');
    expect(rows).toHaveLength(1 + NEURONS * (PLACES + 16));
    expect(rows[1]).toBe('queries,1,place,0,0,0');
    expect(rows[PLACES]).toBe('queries,1,place,2,2,1');
    const shares = rows.filter((row) => row.startsWith('square,1,pixel,1,'));
    expect(shares.map((row) => row.split(',').at(-1))).toEqual(['0', '1', '0.5', '0']);
    expect(maps!.svg.match(/<image/g)).toHaveLength(2 * NEURONS);
    expect(scores!.csv.trim().split('\n')).toEqual([
      'map,source,r,low,high',
      expect.stringMatching(/^Neuron queries,model,0\.8,/),
      expect.stringMatching(/^Neuron queries,untrained model,0\.1,/),
      expect.stringMatching(/^Average of the squared film,spikes alone,0\.96,/),
    ]);
    for (const { name } of figures!) expect(isReportFigure(name), name).toBe(true);
  });

  it('has maps of simple and of complex cells where it is known which they are', async () => {
    const neurons = async (complex: Uint8Array) => {
      const [maps] = (await stimulusSection(results, { fields: { ...fields, complex } })).figures!;
      const rows = maps!.csv.split('\n').filter((row) => row.startsWith('queries,'));
      return [...new Set(rows.map((row) => row.split(',')[1]))].join() + maps!.caption;
    };
    expect(await neurons(Uint8Array.of(0, 1, 0))).toMatch(
      /^[02],[02],12 simple and then 1 complex cells, of each kind those with the most spikes\./,
    );
    expect(await neurons(new Uint8Array(3))).toMatch(/^1,.*The 3 neurons with the most spikes\./);
  });

  it('outlines the fields, but only where they are known', async () => {
    const OUTLINE = new RegExp(`stroke="${ROLES.truth}"`, 'g');
    const lines = async (truth: Parameters<typeof stimulusSection>[1]) =>
      (await stimulusSection(results, truth)).figures![0]!.svg.match(OUTLINE)?.length ?? 0;
    // Two pixels side by side have six edges, in the maps of two readings.
    expect(await lines({ fields })).toBe(12);
    expect(await lines(undefined)).toBe(0);
    const seen = { ...fields, seen: energy.map((value) => (value === 1 ? 1 : 0)) };
    expect(await lines({ fields: seen })).toBe(8);
  });

  it('answers with the best reading, beside an untrained model and spikes alone', async () => {
    const { answers } = await stimulusSection(filmResults(FOUND), undefined);
    expect(answers).toEqual([
      {
        asked: 'Where in the film each neuron looks',
        answer:
          'Occlusion of the model: r 0.93; chance is 0, an untrained model has r 0.05. The best of spikes alone is the average of the squared film: r 0.96.',
      },
    ]);
  });

  it('says what was read, and that the truth is unknown where it is', async () => {
    const { text } = await stimulusSection(results, { fields });
    expect(text[0]).toContain('320 windows of the test part');
    const unscored = results.maps.map(({ fields: _, ...map }) => map);
    const section = await stimulusSection({ ...results, maps: unscored }, undefined);
    expect(section.text[1]).toBe(
      'The truth is not known of places such as these, so the maps have no scores.',
    );
    expect(section.figures!.map(({ name }) => name)).toEqual(['stimulus-maps']);
    expect(section.tables).toEqual([]);
    expect(section.answers).toEqual([]);
  });
});

describe('the section of inputs', () => {
  it('has bars of hit rates and no maps', async () => {
    const section = await stimulusSection(
      inputResults([inputMap('queries', 'model', 0.8)]),
      undefined,
    );
    expect(section.figures!.map(({ name }) => name)).toEqual(['stimulus-scores']);
    expect(section.figures![0]!.csv).toBe('map,source,top1,top5\nNeuron queries,model,0.8,0.9\n');
  });
});
