import { describe, expect, it } from 'vitest';
import { createRecording, type Recording, type Variable } from '../../src/recording/recording.js';
import { chooseTargets } from '../../src/setup/targets.js';

/** A session of 40 s with variables sampled every 0.1 s, or trials of 2 s with values of theirs. */
function session(variables: Record<string, Variable>): Recording {
  return createRecording({ spikes: { times: [[0.5, 39]] }, duration: 40, variables });
}

function series(valueAt: (n: number) => number | string): Variable {
  return { values: Array.from({ length: 400 }, (_, n) => valueAt(n)) as number[], dt: 0.1 };
}

function trials(columns: Record<string, (trial: number) => number | string>): Recording {
  const recording = createRecording({
    spikes: { times: [[0.5, 39]] },
    trials: Array.from({ length: 20 }, (_, n) => ({ start: 2 * n, stop: 2 * n + 2 })),
    duration: 40,
  });
  return {
    ...recording,
    trials: recording.trials.map((trial, n) => ({
      ...trial,
      variables: Object.fromEntries(
        Object.entries(columns).map(([name, valueAt]) => [
          name,
          { values: [valueAt(n), valueAt(n)] as number[], times: [0, trial.duration] },
        ]),
      ),
    })),
  };
}

describe('the variables to decode', () => {
  it('are numbers, angles in either unit, and classes, by their values', () => {
    const { targets, notes } = chooseTargets(
      session({
        speed: series((n) => 10 * Math.sin(n / 9)),
        radians: series((n) => ((n * 7) % 400) * ((2 * Math.PI) / 400)),
        degrees: series((n) => ((n * 7) % 400) * 0.9),
        state: series((n) => (n % 100 < 50 ? 'run' : 'rest')),
        step: series((n) => Math.floor(n / 100)),
      }),
    );
    const by = Object.fromEntries(targets.map(({ name, ...target }) => [name, target]));
    expect(by.speed).toEqual({ objective: 'regression', perTrial: false, step: by.speed!.step });
    expect(by.speed!.step).toBeCloseTo(0.1, 9);
    expect(by.radians).toMatchObject({ objective: 'circular', period: 2 * Math.PI });
    expect(by.degrees).toMatchObject({ objective: 'circular', period: 360 });
    expect(by.state!.objective).toBe('classification');
    expect(by.step!.objective).toBe('classification');
    expect(notes).toEqual([]);
  });

  it('leave out what cannot be learned, with a reason', () => {
    const { targets, notes } = chooseTargets(
      trials({
        choice: (n) => (n % 3 === 0 ? 'left' : 'right'),
        contrast: (n) => (n % 4) / 4,
        rig: () => 7,
        clip: (n) => `clip${n}.mp4`,
      }),
    );
    expect(targets).toEqual([
      { name: 'choice', objective: 'classification', perTrial: true },
      { name: 'contrast', objective: 'regression', perTrial: true },
    ]);
    expect(notes).toEqual([
      'rig is always 7: there is nothing to decode.',
      'clip has 20 different values in 20 trials, too few of each to learn from.',
    ]);
  });

  it('are those that are named', () => {
    const recording = trials({ choice: (n) => n % 2, rig: () => 7 });
    expect(chooseTargets(recording, ['choice']).targets.map(({ name }) => name)).toEqual([
      'choice',
    ]);
    expect(() => chooseTargets(recording, ['chioce'])).toThrow(
      'The recording has no variable chioce to decode; it has choice, rig.',
    );
    expect(() => chooseTargets(recording, ['rig'])).toThrow('rig is always 7');
  });

  it('are all over time or all once per trial, as their windows differ', () => {
    const recording = trials({ choice: (n) => n % 2 });
    const mixed: Recording = {
      ...recording,
      trials: recording.trials.map((trial, index) => ({
        ...trial,
        variables: {
          ...trial.variables,
          speed: { values: Array.from({ length: 20 }, (_, n) => Math.sin(n + index)), dt: 0.1 },
        },
      })),
    };
    const { targets, notes } = chooseTargets(mixed);
    expect(targets.map(({ name }) => name)).toEqual(['speed']);
    expect(notes).toEqual(['Not decoded unless named: choice.']);
    expect(() => chooseTargets(mixed, ['speed', 'choice'])).toThrow(
      'choice has one value per trial and speed changes within trials',
    );
  });

  it('are at most eight unless they are named', () => {
    const names = Array.from({ length: 10 }, (_, n) => `x${n}`);
    const recording = session(
      Object.fromEntries(names.map((name, m) => [name, series((n) => Math.sin(n / (m + 3)))])),
    );
    expect(chooseTargets(recording).targets).toHaveLength(8);
    expect(chooseTargets(recording).notes).toEqual(['Not decoded unless named: x8, x9.']);
    expect(chooseTargets(recording, names).targets).toHaveLength(10);
  });
});
