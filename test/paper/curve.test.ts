import { describe, expect, it } from 'vitest';
import { type CurvePoint, curveSection, measureCurve, readCurve } from '../../src/paper/curve.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { silentWatcher } from '../../src/ports/watcher.js';

const point = (changes: Partial<CurvePoint>): CurvePoint => ({
  kind: 'heads',
  seed: 1,
  tflop: 0.1,
  nats: 3.4,
  fields: 0.5,
  bits: 0.4,
  psth: 0.6,
  rate: 1.05,
  ...changes,
});

const POINTS = [
  point({}),
  point({ seed: 2, fields: 0.7 }),
  point({ tflop: 1, fields: 0.8 }),
  point({ kind: 'attention', nats: 3.6 }),
];

describe('the curve over training', () => {
  it('has a row for each kind of model and amount of training, with the spread over seeds', async () => {
    const { tables, figures } = await curveSection(POINTS);
    expect(
      tables![0]!.rows.map(([model, tflop, nats, fields]) => [model, tflop, nats, fields]),
    ).toEqual([
      ['the paper’s attention', '0.1', '3.600', '0.50'],
      ['neuron queries and spike history', '0.1', '3.400 (3.400 to 3.400)', '0.60 (0.50 to 0.70)'],
      ['neuron queries and spike history', '1', '3.400', '0.80'],
    ]);
    expect(figures![0]!.csv.trim().split('\n')).toHaveLength(1 + POINTS.length);
    for (const title of ['nats a token', 'PSTH r, running freely'])
      expect(figures![0]!.svg).toContain(title);
  });

  it('does not measure again what is in the store', async () => {
    const store = memoryStore();
    const all = (['heads', 'attention'] as const).flatMap((kind) =>
      [1, 2].map((seed) => point({ kind, seed })),
    );
    await store.write('curve.json', JSON.stringify(all));
    const fail = () => Promise.reject(new Error('nothing should be read or computed'));
    const watcher = {
      ...silentWatcher,
      note(sentence: string) {
        throw new Error(sentence);
      },
    };
    const options = { seeds: [1, 2], full: false, engine: fail, watcher };
    const context = { store, openDataset: fail, ...options };
    await measureCurve(context, [0.1]);
    expect(await readCurve({ store })).toEqual(all);
    await expect(measureCurve(context, [0.3])).rejects.toThrow('Simulating a visual recording');
  });

  it('says in one sentence that its file is damaged', async () => {
    const store = memoryStore('paper folder');
    await store.write('curve.json', '[');
    await expect(readCurve({ store })).rejects.toThrow(
      'paper folder/curve.json is damaged: remove it',
    );
  });
});
