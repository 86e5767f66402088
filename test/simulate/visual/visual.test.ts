import { describe, expect, it } from 'vitest';
import { type Progress, silentWatcher } from '../../../src/ports/watcher.js';
import { mapsOnScreen } from '../../../src/simulate/visual/film.js';
import {
  simulateVisual,
  type VisualRecording,
  type VisualSettings,
} from '../../../src/simulate/visual/visual.js';
import { simulationProgress } from '../../../src/stages/simulate.js';
import { THOROUGH } from '../../helpers/thorough.js';
import { streamingCorrelation } from './streaming.js';

const FRAMES_PER_SECOND = 20;

/** Hz of each neuron over the session. */
function firingRates({ spikes, trials }: VisualRecording): number[] {
  return spikes.map((times) => times.length / trials.at(-1)!.stop);
}

describe('a simulated visual recording', () => {
  const settings = { neurons: 12, films: 4, repeats: 3, seconds: 16, size: 16, seed: 1 };
  const recording = simulateVisual(settings);
  const { trials, spikes, speed, gaze, truth } = recording;
  const frames = settings.seconds * FRAMES_PER_SECOND;

  it('has trials with films of their own, then repeats of one more film', () => {
    expect(trials.map(({ start, stop }) => [start, stop])).toEqual(
      Array.from({ length: 7 }, (_, n) => [16 * n, 16 * n + 16]),
    );
    expect(trials.map(({ condition }) => condition)).toEqual([
      'film 0',
      'film 1',
      'film 2',
      'film 3',
      ...Array(3).fill('repeated film'),
    ]);
    for (const { film } of trials) expect(film).toHaveLength(frames * 256);
    expect(trials[5]!.film).toEqual(trials[4]!.film);
    expect(trials[1]!.film).not.toEqual(trials[0]!.film);
  });

  it('has one sample of behavior per frame, which differs between all trials', () => {
    for (const trace of [speed, gaze.phi, gaze.theta]) {
      expect(trace).toHaveLength(7 * frames);
      const parts = trials.map((_, n) => trace.slice(n * frames, (n + 1) * frames).join());
      expect(new Set(parts).size).toBe(7);
    }
  });

  it('has spikes of all neurons in the order of time, within the session', () => {
    expect(spikes).toHaveLength(12);
    for (const times of spikes) {
      expect(times.length).toBeGreaterThan(20);
      expect([...times].sort((p, q) => p - q)).toEqual([...times]);
      expect(times[0]).toBeGreaterThan(0);
      expect(times.at(-1)).toBeLessThan(112);
    }
  });

  it('has scenes that stream as the animal runs, except in the repeats', () => {
    /** How well the scene moves as the animal runs in that trial. */
    const closedLoop = (index: number) =>
      streamingCorrelation(trials[index]!.film, 16, (frame) => {
        const first = index * frames + frame;
        const ran = speed.slice(first, first + 10).reduce((sum, v) => sum + v / 20, 0);
        return Math.round(0.5 * ran);
      });
    for (const index of [0, 1, 2, 3]) expect(closedLoop(index)).toBeGreaterThan(0.65);
    for (const index of [4, 5, 6]) expect(closedLoop(index)).toBeLessThan(0.6);
  });

  it('knows its truth: connections, fields, and a rate of each neuron in each frame', () => {
    expect(truth.wiring.weights.filter((weight) => weight !== 0)).toHaveLength(36);
    expect(truth.wiring.strong).toEqual(
      Uint8Array.from(truth.wiring.weights, (weight) => Number(weight > 0)),
    );
    expect(truth.wiring.hubs).toEqual([]);
    expect(truth.fields).toMatchObject({ height: 16, width: 16 });
    expect(truth.fields.energy).toHaveLength(12 * 256);
    expect(truth.fields.seen).toEqual(mapsOnScreen(truth.fields.energy, 16, gaze));
    expect(truth.rates).toMatchObject({ dt: 0.05, bins: 7 * frames });
    expect(truth.rates.expected).toHaveLength(12 * 7 * frames);
    expect(truth.rates.expected.every((rate) => rate > 0)).toBe(true);
  });

  it('is the same for the same settings, and differs for another seed', () => {
    const short = { neurons: 6, films: 3, repeats: 2, seconds: 2, size: 8 };
    const one = simulateVisual({ ...short, seed: 4 });
    expect(simulateVisual({ ...short, seed: 4 })).toEqual(one);
    expect(simulateVisual({ ...short, seed: 5 }).spikes).not.toEqual(one.spikes);
  });

  it('has other rates if behavior matters more, but the same neurons, films and behavior', () => {
    const short = { neurons: 6, films: 3, repeats: 2, seconds: 4, size: 8 };
    const [none, twice] = [0, 2].map((modulation) => simulateVisual({ ...short, modulation }));
    expect(twice!.fields).toEqual(none!.fields);
    expect(twice!.speed).toEqual(none!.speed);
    expect(twice!.trials).toEqual(none!.trials);
    expect(twice!.truth.rates.expected).not.toEqual(none!.truth.rates.expected);
  });

  it('reports its progress in seconds of the session, half of a trial for its film', () => {
    const states: Progress[] = [];
    const watcher = { ...silentWatcher, progress: (state: Progress) => states.push(state) };
    simulateVisual(
      { neurons: 4, films: 3, repeats: 2, seconds: 2, size: 4 },
      simulationProgress(watcher),
    );
    const shared = { activity: 'simulating', total: 10, unit: 's' };
    expect(states).toEqual(Array.from({ length: 10 }, (_, n) => ({ ...shared, done: n + 1 })));
  });

  it.each<[VisualSettings, string]>([
    [
      { neurons: 3 },
      'The neurons of a visual recording should be a whole number of 4 or more, but is 3.',
    ],
    [
      { films: 2.5 },
      'The films of a visual recording should be a whole number of 3 or more, but is 2.5.',
    ],
    [
      { repeats: 1 },
      'The repeats of a visual recording should be a whole number of 2 or more, but is 1.',
    ],
    [
      { size: 2 },
      'The size of a visual recording should be a whole number of 4 or more, but is 2.',
    ],
    [
      { seconds: 0.5 },
      'The seconds of a trial should be 1 or more and a multiple of 0.05, the length of a frame, but are 0.5.',
    ],
    [
      { seconds: 1.02 },
      'The seconds of a trial should be 1 or more and a multiple of 0.05, the length of a frame, but are 1.02.',
    ],
    [{ modulation: -1 }, 'The modulation of a visual recording should be 0 or more, but is -1.'],
  ])('is refused with %o, with the reason', (wrong, message) => {
    expect(() => simulateVisual(wrong)).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });
});

describe('a simulated visual recording is accepted', () => {
  /** Each figure is within three deviations over seeds of what the settings were chosen for. */
  const expectAccepted = (recording: VisualRecording) => {
    const rates = firingRates(recording);
    const meanRate = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(meanRate).toBeGreaterThan(1.3);
    expect(meanRate).toBeLessThan(1.65);
    expect(Math.min(...rates)).toBeGreaterThan(0.7);
    expect(Math.max(...rates)).toBeLessThan(2.5);
    const { rateBits, filmBits, conditionalBits, repeats } = recording.truth.ceiling;
    expect(Math.abs(rateBits - 1.08)).toBeLessThan(0.06);
    expect(Math.abs(filmBits - 0.9)).toBeLessThan(0.06);
    expect(conditionalBits).toBeGreaterThan(rateBits + 0.1);
    const [short, long] = repeats;
    expect(Math.abs(short!.halves - 0.51)).toBeLessThan(0.1);
    expect(Math.abs(long!.halves - 0.77)).toBeLessThan(0.1);
    expect(Math.abs(short!.single - 0.1)).toBeLessThan(0.035);
  };

  it('of 30 neurons and a film of 8 x 8 pixels', () => {
    expectAccepted(simulateVisual({ neurons: 30, films: 6, size: 8, seed: 1 }));
  });

  it.runIf(THOROUGH)('of 60 neurons in half an hour, with 4.4 spikes in 50 ms', () => {
    const recording = simulateVisual({ seed: 1 });
    expectAccepted(recording);
    const count = recording.spikes.reduce((sum, { length }) => sum + length, 0);
    expect(Math.abs(count - 159_000)).toBeLessThan(15_000);
    const seconds = recording.trials.at(-1)!.stop;
    expect(Math.abs((0.05 * count) / seconds - 4.4)).toBeLessThan(0.4);
  });

  it('with behavior that matters twice as much: less of the information is from the film', () => {
    const { ceiling } = simulateVisual({
      neurons: 30,
      films: 6,
      size: 8,
      seed: 101,
      modulation: 2,
    }).truth;
    expect(ceiling.filmBits).toBeLessThan(0.85);
    expect(ceiling.rateBits).toBeGreaterThan(1.2);
  });
});
