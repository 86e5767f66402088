/** The vocabularies of one model: neurons, times and the classes of classified variables; and the scales of numbers. */

import { RecordingError } from './errors.js';
import type { Recording } from './recording.js';
import { Scale, type ScaleJson } from './scales.js';
import {
  type ClassValue,
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from './vocabularies.js';

/** As it is stored with a model's weights. */
export interface TokenizerJson {
  readonly neurons: number;
  /** Seconds. */
  readonly dt: number;
  readonly current: number;
  readonly past: number;
  readonly classes: Readonly<
    Record<string, { values: readonly ClassValue[]; resolution?: number }>
  >;
  /** Of variables that are numbers; one that is not here enters as it is. */
  readonly scales?: Readonly<Record<string, ScaleJson>>;
}

/** A classified variable: its name, the recording's name for it, and the step of its classes if it is a number. */
export interface ClassifiedVariable {
  readonly name: string;
  readonly data?: string | undefined;
  readonly resolution?: number | undefined;
}

export class Tokenizer {
  readonly ids: NeuronVocabulary;
  readonly times: TimeVocabulary;
  readonly classes: Readonly<Record<string, ClassVocabulary>>;
  readonly scales: Readonly<Record<string, Scale>>;
  readonly #json: TokenizerJson;

  constructor(json: TokenizerJson) {
    this.#json = json;
    this.ids = new NeuronVocabulary(json.neurons);
    this.times = new TimeVocabulary(json.dt, json.current, json.past);
    this.classes = Object.fromEntries(
      Object.entries(json.classes).map(([name, { values, resolution }]) => [
        name,
        new ClassVocabulary(values, resolution),
      ]),
    );
    this.scales = Object.fromEntries(
      Object.entries(json.scales ?? {}).map(([name, scale]) => [name, new Scale(scale)]),
    );
  }

  /**
   * The tokenizer of a recording.
   *
   * @param windows seconds: dt, and the current and the past window.
   * @throws RecordingError where the recording lacks a classified variable.
   */
  static of(
    recording: Recording,
    windows: { dt: number; current: number; past: number },
    classified: readonly ClassifiedVariable[] = [],
  ): Tokenizer {
    const classes = classified.map(({ name, data = name, resolution }) => {
      const found = recording.trials.flatMap(({ variables }) => {
        const series = variables[data];
        const values: ArrayLike<ClassValue> = series?.values ?? [];
        const before = series && 'times' in series && series.before;
        return [...(before ? [before.value] : []), ...Array.from(values)];
      });
      if (found.length === 0) {
        const known = Object.keys(recording.trials[0]!.variables);
        throw new RecordingError(
          `The recording has no variable ${data} to classify; it has ${known.join(', ') || 'none'}.`,
        );
      }
      const { values } = new ClassVocabulary(found, resolution);
      return [name, { values, ...(resolution !== undefined && { resolution }) }] as const;
    });
    return new Tokenizer({
      neurons: recording.neurons,
      ...windows,
      classes: Object.fromEntries(classes),
    });
  }

  /** The same vocabularies, with these scales for the variables that have none yet. */
  scaled(scales: Readonly<Record<string, Scale>>): Tokenizer {
    const json = Object.entries(scales).map(([name, scale]) => [name, scale.toJSON()] as const);
    return new Tokenizer({
      ...this.#json,
      scales: { ...Object.fromEntries(json), ...this.#json.scales },
    });
  }

  toJSON(): TokenizerJson {
    return this.#json;
  }
}
