import { describe, expect, it } from 'vitest';
import { BatchLayout, tokenizerFor } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { describeScores, OutputScores } from '../../src/train/validation-scores.js';
import { behaviorRecording } from '../helpers/behavior.js';

const variable = (objective: string) => ({ dt: 0.1, predict: true, objective });
const { config } = parseConfig({
  modalities: {
    behavior: {
      window: 0.1,
      variables: {
        place: variable('regression'),
        heading: variable('circular'),
        side: variable('classification'),
      },
    },
  },
});
const recording = behaviorRecording(10);
const layout = new BatchLayout(config, tokenizerFor(config, recording), recording);

const radians = (degrees: number) => (degrees * Math.PI) / 180;
/** Cosine and sine of angles in degrees, one after the other. */
const onCircle = (...degrees: number[]) =>
  Float32Array.from(
    degrees.flatMap((angle) => [Math.cos(radians(angle)), Math.sin(radians(angle))]),
  );

describe('validation scores', () => {
  it('are R2 of numbers, median errors of angles and accuracy of classes, over batches', () => {
    const scores = new OutputScores(layout);
    scores.add('place', Float32Array.of(1, 2), Float32Array.of(1, 2));
    scores.add('place', Float32Array.of(3, 5), Float32Array.of(3, 4));
    scores.add('heading', onCircle(350, 90, 200), onCircle(10, 95, 170));
    // Two classes; what follows them are special tokens, which are never said.
    const logits = [
      [2, 1, 9, 0, 0],
      [0, 1, 9, 0, 0],
      [3, 1, 9, 0, 0],
      [0, 2, 9, 0, 0],
    ];
    scores.add('side', Float32Array.from(logits.flat()), Uint32Array.of(0, 1, 1, 1));
    const { place, heading, side } = scores.scores();
    expect(place!.kind).toBe('R2');
    expect(place!.value).toBeCloseTo(1 - 1 / 5, 6);
    expect(heading!.kind).toBe('median error');
    expect(heading!.value).toBeCloseTo(20, 3);
    expect(side).toEqual({ kind: 'accuracy', value: 0.75 });
    expect(describeScores(scores.scores())).toBe(
      'place R2 0.800, heading median error 20.0 deg, side accuracy 0.750',
    );
  });

  it('are absent where they do not exist', () => {
    const scores = new OutputScores(layout);
    scores.add('place', Float32Array.of(1, 2), Float32Array.of(4, 4));
    expect(scores.scores()).toEqual({});
    expect(describeScores({})).toBe('');
  });
});
