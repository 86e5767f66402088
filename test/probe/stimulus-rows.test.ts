import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { stimulusNames, stimulusRows } from '../../src/probe/stimulus-rows.js';
import { createRecording } from '../../src/recording/recording.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { WITH_BEHAVIOR, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const FRAMES = 40;

/** A film of random columns that moves left by a pixel a frame, or stands still. */
function prepare(moves: boolean, height: number, width: number, modalities = {}) {
  const column = (x: number) => (Math.sin(12.9898 * x) * 43758.5453) % 1;
  const data = Float32Array.from({ length: FRAMES * height * width }, (_, n) => {
    const frame = Math.floor(n / (height * width));
    return (
      column((n % width) + (moves ? frame : 0)) + 0.1 * Math.floor((n % (height * width)) / width)
    );
  });
  const recording = createRecording({
    spikes: { times: [Float64Array.of(0.5)] },
    frames: { data, count: FRAMES, height, width, dt: 0.05 },
    variables: {
      speed: { values: Float64Array.from({ length: FRAMES }, (_, n) => n), dt: 0.05 },
      turn: { values: new Float64Array(FRAMES), dt: 0.05 },
      gait: { values: Array.from({ length: FRAMES }, (_, n) => `${n % 2}`), dt: 0.05 },
    },
    duration: FRAMES * 0.05,
  });
  const window = { ...WITH_VIDEO.window, frame: 0.2 };
  const frame_encoder =
    height > 1
      ? WITH_VIDEO.frame_encoder
      : { features: true, conv_layer: false, n_embd_frames: width };
  const { config } = parseConfig({ ...WITH_VIDEO, window, frame_encoder, ...modalities });
  const { windows, layout } = prepareTrainingData(recording, config, parseTrainSettings());
  const refs = [{ trialIndex: 0, end: 1 }];
  return { names: stimulusNames(layout), ...stimulusRows(windows, layout, refs) };
}

/** The index of the largest value of the first lag, as [rows down, columns right]. */
function bestShift(values: Float64Array): [number, number] {
  const first = [...values.slice(0, 49)];
  const best = first.indexOf(Math.max(...first));
  return [Math.floor(best / 7) - 3, (best % 7) - 3];
}

describe('the rows of a stimulus', () => {
  it('agree best at the shift that the film moved by from frame to frame', () => {
    const moving = prepare(true, 8, 12);
    // Four frames have three lags, and shifts of up to three pixels either way.
    expect(moving.columns).toBe(3 * 7 * 7);
    expect(bestShift(moving.values)).toEqual([0, -1]);
    expect(bestShift(prepare(false, 8, 12).values)).toEqual([0, 0]);
  });

  it('see the same movement in a film that is averaged down', () => {
    const column = prepare(false, 40, 48);
    expect(column.columns).toBe(3 * 7 * 7);
    expect(bestShift(column.values)).toEqual([0, 0]);
  });

  it('have the features of a film that is no picture, the latest and their means', () => {
    const { columns, values } = prepare(true, 1, 5);
    expect(columns).toBe(10);
    for (let feature = 0; feature < 4; feature++)
      // The latest frame is the one before, moved by one feature.
      expect(values[feature]).not.toBe(values[feature + 1]);
  });

  it('end with the samples of input variables, and are named', () => {
    const { names, columns, values } = prepare(true, 8, 12, {
      modalities: WITH_BEHAVIOR.modalities,
    });
    expect(names).toEqual(['video', 'speed']);
    expect(columns).toBe(3 * 7 * 7 + 1);
    expect(Number.isFinite(values.at(-1))).toBe(true);
  });
});
