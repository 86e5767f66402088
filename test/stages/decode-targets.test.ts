import { describe, expect, it } from 'vitest';
import type { Recording } from '../../src/recording/recording.js';
import { decodingTables } from '../../src/report/decoded.js';
import { decode } from '../../src/stages/decode.js';
import { train } from '../../src/stages/train.js';
import { behaviorRecording, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';

const engine = useEngine();
const SECONDS = 20;
const TRAINING = { batch: 8, every: 0.1, steps: 2, validate_every: 0 };

/** The recording with one variable more, whose samples every 0.05 s are given. */
function withVariable(valueAt: (sample: number) => number | string): Recording {
  const recording = behaviorRecording(SECONDS);
  const values = Array.from({ length: SECONDS / 0.05 }, (_, n) => valueAt(n));
  const trials = recording.trials.map((trial) => ({
    ...trial,
    variables: { ...trial.variables, x: { values: values as number[] | string[], dt: 0.05 } },
  }));
  return { ...recording, trials };
}

function configFor(objective: string) {
  const { behavior } = DECODING.modalities;
  const x = { dt: 0.1, predict: true, objective };
  return {
    ...DECODING,
    loss: {},
    modalities: { behavior: { ...behavior, variables: { x } } },
    training: TRAINING,
  };
}

async function trainAndDecode(recording: Recording, objective: string) {
  const run = await train(recording, configFor(objective), { engine: engine() });
  const decoded = await decode(run, { baselines: true, block: 1 }, { engine: engine() });
  const [table] = decodingTables(decoded);
  const cells = table!.rows.map(([, , ...scores]) => scores);
  return { notes: [...run.facts.notes, ...decoded.notes], cells };
}

describe('a variable that says nothing', () => {
  it('has no r and no R2 where it never changes, and train and decode say so', async () => {
    const { notes, cells } = await trainAndDecode(
      withVariable(() => 3),
      'regression',
    );
    expect(notes).toContain(
      'x is the same in all 140 training windows: there is nothing to learn, and its scores will say nothing.',
    );
    expect(notes).toContain(
      'x has only one value in the test part, 3: whoever always says it is right, so its scores say nothing.',
    );
    for (const [r, r2] of cells) expect([r, r2]).toEqual(['–', '–']);
  });

  it('has no accuracy where it has one class only', async () => {
    const { notes, cells } = await trainAndDecode(
      withVariable(() => 'left'),
      'classification',
    );
    expect(notes.join(' ')).toContain('x is the same in all 140 training windows');
    expect(notes).toContain(
      'x has only one class in the test part, left: whoever always says it is right, so its scores say nothing.',
    );
    for (const scores of cells) expect(scores).toEqual(['–', '–']);
  });

  it('is said to have classes that training does not know', async () => {
    const recording = withVariable((n) =>
      n < 340 ? ['left', 'right'][n % 7 === 0 ? 1 : 0]! : n % 4 === 0 ? 'up' : 'left',
    );
    const { notes, cells } = await trainAndDecode(recording, 'classification');
    expect(notes).toContain(
      'Training windows have no up, which x has in the test part: no decoder can say it.',
    );
    for (const scores of cells) for (const score of scores) expect(score).not.toBe('');
  });

  it('is refused where float32 does not hold its values', async () => {
    const recording = withVariable((n) => (n === 7 ? -1e300 : n));
    await expect(train(recording, configFor('regression'), { engine: engine() })).rejects.toThrow(
      'x has the value -1e+300, but the model computes in float32, which ends at 3.4e38: give the variable a scale in a dataset.yaml, or remove the value.',
    );
  });
});
