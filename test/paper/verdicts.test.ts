import { describe, expect, it } from 'vitest';
import type { MeasuredTable, RowKind } from '../../src/paper/claim.js';
import { judgeComponents } from '../../src/paper/claims/components.js';
import { judgeFields } from '../../src/paper/claims/fields.js';
import { judgeInputs } from '../../src/paper/claims/inputs.js';
import { judgeLatents } from '../../src/paper/claims/latents.js';
import { judgeProbes } from '../../src/paper/claims/probes.js';
import { judgeSpikes } from '../../src/paper/claims/spikes.js';
import { judgeTrials } from '../../src/paper/claims/trials.js';
import { judgeWiring } from '../../src/paper/claims/wiring.js';

/** A table of rows with a list of scores for each column. */
function table(rows: Readonly<Record<string, readonly (readonly number[])[]>>): MeasuredTable {
  const columns = Object.values(rows)[0]!.map((_, n) => ({ title: `${n}` }));
  return {
    title: 'Made up',
    caption: '',
    columns,
    rows: Object.entries(rows).map(([title, scores]) => ({ title, kind: 'model', scores })),
  };
}

const [HEADS, ATTENTION] = ['neuron queries and spike history', 'the paper’s attention'];

describe('the verdict on receptive fields', () => {
  const verdict = (trunk: number[], queries: number[], untrained = [0.1, 0.1]) =>
    judgeFields(
      table({
        'trunk attention': [trunk, [0, 0]],
        'trunk gradient x attention': [
          [0, 0],
          [0, 0],
        ],
        'occlusion, the same model': [
          [0.7, 0.7],
          [0, 0],
        ],
        'attention of neuron queries': [queries, untrained],
        'average of the squared film': [[0.9, 0.9], []],
      }),
    ).verdict;

  it('needs the attention of the trunk in every seed; neuron queries alone are a part', () => {
    expect(verdict([0.7, 0.7], [0.7, 0.7])).toBe('holds');
    expect(verdict([0.7, 0.6], [0.7, 0.7])).toBe('partly');
    expect(verdict([0.1, 0.1], [0.7, 0.6])).toBe('does not hold');
  });

  it('does not count a map that an untrained model has as well', () => {
    expect(verdict([0.1, 0.1], [0.7, 0.7], [0.1, 0.3])).toBe('does not hold');
  });
});

describe('the verdict on components', () => {
  type Nats = readonly [past: number, stimulus: number, behavior: number, contrast: number];
  /** Tables of ladders on a state of 3.6 nats. */
  const judgment = (ladders: Readonly<Record<'attention' | 'queries' | 'heads', Nats>>) => {
    const titles = ['+ past', '+ stimulus', '+ behavior', '+ contrast'];
    const climbed = ([...nats]: Nats) =>
      table({
        'state alone': [[3.6]],
        ...Object.fromEntries(titles.map((title, n) => [title, [[nats[n]!]]])),
      });
    const { attention, queries, heads } = ladders;
    return judgeComponents({
      attention: climbed(attention),
      queries: climbed(queries),
      heads: climbed(heads),
    });
  };
  const ladders = {
    attention: [3.5, 3.3, 3.2, 3.1],
    queries: [3.5, 3.4, 3.41, 3.42],
    heads: [3.5, 3.3, 3.2, 3.21],
  } as const;

  it('needs every part to help the paper’s attention, and the film to matter', () => {
    const verdict = (changes: Partial<Record<keyof typeof ladders, Nats>>) =>
      judgment({ ...ladders, ...changes }).verdict;
    expect(verdict({})).toBe('holds');
    expect(verdict({ attention: [3.5, 3.3, 3.2, 3.21] })).toBe('partly');
    expect(verdict({ attention: [3.5, 3.45, 3.4, 3.3] })).toBe('partly');
    const late = { queries: [3.5, 3.45, 3.3, 3.4], heads: [3.5, 3.45, 3.3, 3.4] } as const;
    expect(verdict({ ...late, attention: [3.5, 3.45, 3.4, 3.3] })).toBe('partly');
    expect(verdict({ ...late, attention: [3.5, 3.45, 3.4, 3.41] })).toBe('does not hold');
  });

  it('says by how much each part helps, over that of the rung below', () => {
    expect(judgment(ladders).remarks).toEqual([
      'Nats a token that each part gains with the paper’s attention: past 0.100; stimulus 0.200; behavior 0.100; contrast 0.100.',
      'Nats a token that each part gains with neuron queries: past 0.100; stimulus 0.100; behavior -0.010, not in every seed; contrast -0.010, not in every seed.',
      'Nats a token that each part gains with neuron queries and spike history: past 0.100; stimulus 0.200; behavior 0.100; contrast -0.010, not in every seed.',
    ]);
  });
});

/** Columns as `filmRateTable` has them: bits, PSTH r in bins of 50 and of 200 ms, rate. */
const rates = (bits: number, r: number, rate = 1) => [[bits], [r], [r], [rate]];

describe('the verdict on generated trials', () => {
  const verdict = (heads: number[][], attention: number[][]) =>
    judgeTrials(
      table({
        [HEADS]: heads,
        [ATTENTION]: attention,
        'GLM, film': rates(0.3, 0.5),
        'GLM, film, coupling': rates(0.3, 0.4),
        'GLM, film and squares': rates(0.3, 0.7),
        'GLM, film and squares, coupling': rates(0.3, 0.6),
        recorded: rates(0, 0, 1),
      }),
    );

  it('needs the PSTH and the rate of the paper’s model', () => {
    expect(verdict(rates(0.3, 0.6), rates(0.3, 0.6)).verdict).toBe('holds');
    expect(verdict(rates(0.3, 0.6), rates(0.3, 0.6, 1.2)).verdict).toBe('partly');
    expect(verdict(rates(0.3, 0.6), rates(0.3, 0.5)).verdict).toBe('partly');
    expect(verdict(rates(0.3, 0.5), rates(0.3, 0.5)).verdict).toBe('does not hold');
  });

  it('names the best of the GLMs', () => {
    const { baseline, remarks } = verdict(rates(0.3, 0.65), rates(0.3, 0.75, 1.1));
    expect(baseline).toBe('GLM, film and squares: r = 0.70');
    expect(remarks[0]).toContain('0 of 1 seeds');
    expect(remarks[1]).toContain('differ from recorded ones by 10%');
    expect(remarks[1]).toContain('1 of 1 seeds');
  });
});

describe('the verdict on predictions of spikes', () => {
  const verdict = (heads: number, attention: number) =>
    judgeSpikes(
      table({
        [HEADS]: rates(heads, 0),
        [ATTENTION]: rates(attention, 0),
        'GLM, film, coupling': rates(0.5, 0),
        'GLM, film and squares, coupling': rates(0.6, 0),
      }),
    ).verdict;

  it('needs the paper’s model to beat the best GLM; beating that of the film is a part', () => {
    expect(verdict(0.7, 0.61)).toBe('holds');
    expect(verdict(0.7, 0.4)).toBe('partly');
    expect(verdict(0.55, 0.4)).toBe('partly');
    expect(verdict(0.45, 0.4)).toBe('does not hold');
  });
});

describe('the verdict on latents', () => {
  /** The columns of speed, by ridge and by neighbors. */
  const speed = (title: string, kind: RowKind, ridge: number, neighbors = ridge) => ({
    title,
    kind,
    scores: [[ridge], [neighbors]],
  });
  const judge = (aligned: number, shuffled: number, counts: number, neighbors = 0) =>
    judgeLatents({
      title: 'Made up',
      caption: '',
      columns: [{ title: 'speed, ridge' }, { title: 'speed, neighbors' }],
      rows: [
        speed('aligned with speed', 'model', aligned),
        speed('shuffled', 'control', shuffled),
        speed('spike counts', 'baseline', counts, neighbors),
      ],
    });

  it('needs more than every model beside it; more than spike counts to hold whole', () => {
    expect(judge(0.8, 0.5, 0.7).verdict).toBe('holds');
    expect(judge(0.8, 0.5, 0.85).verdict).toBe('partly');
    expect(judge(0.8, 0.8, 0.7).verdict).toBe('does not hold');
    expect(judge(0.65, 0.5, 0.4).verdict).toBe('does not hold');
  });

  it('takes the better readout of every kind of latents, and names what is not beaten', () => {
    const { verdict, baseline, remarks } = judge(0.8, 0.5, 0.7, 0.85);
    expect(verdict).toBe('partly');
    expect(baseline).toBe('spike counts: R2 0.85');
    expect(remarks[1]).toContain('do they say more of it than spike counts');
  });
});

describe('the verdict on probes', () => {
  /** Trained and untrained scores of speed. */
  const verdict = (rows: Readonly<Record<string, readonly [number, number]>>) =>
    judgeProbes({
      title: 'Made up',
      caption: '',
      columns: [{ title: 'speed' }, { title: 'untrained' }],
      rows: [...Object.entries(rows), ['spike counts', [0.9, 0]] as const].map(
        ([title, [trained, untrained]]) => ({
          title,
          kind: 'model',
          scores: [[trained], [untrained]],
        }),
      ),
    }).verdict;
  const ladder = {
    'past state, without film': [0.7, 0.3],
    '+ current state, without film': [0.8, 0.4],
    'past state, with film': [0.6, 0.3],
    '+ stimulus, with film': [0.7, 0.5],
    '+ current state, with film': [0.8, 0.5],
  } as const;

  it('needs stages that rise, and training that adds to each of them', () => {
    expect(verdict(ladder)).toBe('holds');
    expect(verdict({ ...ladder, '+ current state, with film': [0.65, 0.5] })).toBe('partly');
    expect(verdict({ ...ladder, '+ stimulus, with film': [0.7, 0.65] })).toBe('partly');
    expect(
      verdict({
        ...ladder,
        '+ stimulus, with film': [0.7, 0.65],
        'past state, without film': [0.7, 0.65],
      }),
    ).toBe('does not hold');
  });
});

describe('the verdict on inputs', () => {
  /** Scores: largest, untrained, other neuron, among five. */
  const maps = (share: number, untrained = 0, other: number[] = []) => [
    [share],
    [untrained],
    other,
    [share],
  ];
  const verdict = (changes: Readonly<Record<string, number[][]>>) =>
    judgeInputs(
      table({
        'trunk attention': maps(0.1),
        'trunk gradient x attention, when the neuron fires': maps(0.1, 0, [0.1]),
        'trunk gradient x attention, at any time': maps(0.1),
        'attention of neuron queries': maps(0.1),
        'gradient x attention of neuron queries': maps(0.1),
        'cross-correlation': [[1], [], [], [1]],
        ...changes,
      }),
    ).verdict;

  it('needs a trunk that finds the inputs whatever fires; less is a part', () => {
    expect(verdict({ 'trunk gradient x attention, at any time': maps(0.7) })).toBe('holds');
    expect(verdict({ 'attention of neuron queries': maps(0.7) })).toBe('partly');
    const firing = 'trunk gradient x attention, when the neuron fires';
    expect(verdict({ [firing]: maps(0.7, 0, [0.3]) })).toBe('partly');
    expect(verdict({})).toBe('does not hold');
  });

  it('does not count what an untrained model or another neuron gives as well', () => {
    const firing = 'trunk gradient x attention, when the neuron fires';
    expect(verdict({ [firing]: maps(0.7, 0, [0.6]) })).toBe('does not hold');
    expect(verdict({ 'attention of neuron queries': maps(0.7, 0.6) })).toBe('does not hold');
  });
});

describe('the verdict on wiring', () => {
  /** Scores in the columns AUROC, excitation, inhibition, sign and direction. */
  const edges = (auroc: number[], sign: number[] = []) => [auroc, auroc, [], sign, auroc];
  const network = (attention: number[], untrained: number[], coupling = 0.9) =>
    table({
      attention: edges(attention),
      'attention, untrained model': edges(untrained),
      coupling: edges([coupling], [1]),
      'lagged, extreme of 1 to 10 ms': edges([0.8]),
      'lagged, extreme of 1 to 40 ms': edges([0.85]),
    });
  const judge = (...networks: MeasuredTable[]) => judgeWiring(networks);
  const found = network([0.99, 0.97], [0.6, 0.6]);

  it('needs attention to find hubs in every seed, and other wiring as well', () => {
    expect(judge(found, found).verdict).toBe('holds');
    expect(judge(found, found, network([0.6], [0.6])).verdict).toBe('partly');
    expect(judge(network([0.99, 0.9], [0.6, 0.6]), found).verdict).toBe('does not hold');
  });

  it('does not count what an untrained model finds as well', () => {
    expect(judge(network([0.99, 0.99], [0.6, 0.98]), found).verdict).toBe('does not hold');
  });

  it('says how coupling compares with lagged correlation', () => {
    const { remarks } = judge(found, network([0.6], [0.61]), network([0.99], [0.6], 0.84));
    expect(remarks[0]).toBe(
      'Attention does not find the connections in 1 of 2 networks of other wiring: made up (AUROC 0.600, untrained 0.610; of connections that excite 0.600).',
    );
    expect(remarks[1]).toBe(
      'Made up: coupling has AUROC 0.900 and sign 1.000, no worse than lagged correlation (0.850).',
    );
    expect(remarks[2]).toContain('not as good as lagged correlation (0.850)');
  });
});
