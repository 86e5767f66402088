/**
 * The vocabularies of a model (neurons, times, classes of variables) and the scales of its numeric
 * variables.
 */

import { RecordingError } from './errors.js';
import type { Recording } from './recording.js';
import { type CountScaleJson, Scale, type ScaleJson } from './scales.js';
import {
  type ClassValue,
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from './vocabularies.js';

/** A tokenizer as it is stored with a model's weights. */
export interface TokenizerJson {
  /** How many neurons there are. */
  readonly neurons: number;
  /** Seconds per time token. */
  readonly dt: number;
  /** Seconds of the current window. */
  readonly current: number;
  /** Seconds of the past window. */
  readonly past: number;
  /**
   * The values of each classified variable, sorted; with the step between classes if they are
   * numbers.
   */
  readonly classes: Readonly<
    Record<string, { values: readonly ClassValue[]; resolution?: number }>
  >;
  /** The scales of numeric variables. A variable without one enters the model unscaled. */
  readonly scales?: Readonly<Record<string, ScaleJson>>;
  /** The scale of spike counts, for a model that reads them. */
  readonly counts?: CountScaleJson;
  /**
   * Share of each neuron token among the next tokens of training windows, for a model that starts
   * from them: [ids]
   */
  readonly frequencies?: readonly number[];
}

/** A variable to be classified. */
export interface ClassifiedVariable {
  readonly name: string;
  /** Its name in the recording. Default: the same. */
  readonly data?: string | undefined;
  /** For numbers: the step between classes. */
  readonly resolution?: number | undefined;
}

/** Converts neurons, times and values of variables to what a model reads and predicts. */
export class Tokenizer {
  /** Neuron tokens. */
  readonly ids: NeuronVocabulary;
  /** Time tokens. */
  readonly times: TimeVocabulary;
  /** Vocabularies of the classified variables, by name. */
  readonly classes: Readonly<Record<string, ClassVocabulary>>;
  /** Scales of the numeric variables, by name. */
  readonly scales: Readonly<Record<string, Scale>>;
  readonly #json: TokenizerJson;

  /** @param json as `toJSON` returns it */
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
   * The tokenizer for a recording, without scales.
   *
   * @param windows in seconds: dt, the current window and the past window
   * @throws RecordingError where the recording lacks a classified variable
   */
  static of(
    recording: Recording,
    windows: { dt: number; current: number; past: number },
    classified: readonly ClassifiedVariable[] = [],
  ): Tokenizer {
    const classes = classified.map(({ name, data = name, resolution }) => {
      const samples = recording.trials.flatMap(({ variables }) => {
        const series = variables[data];
        const values: ArrayLike<ClassValue> = series?.values ?? [];
        const before = series && 'times' in series && series.before;
        return [...(before ? [before.value] : []), ...Array.from(values)];
      });
      if (samples.length === 0) {
        const available = Object.keys(recording.trials[0]!.variables);
        throw new RecordingError(
          `The recording has no variable ${data} to classify; it has ${available.join(', ') || 'none'}.`,
        );
      }
      const { values } = new ClassVocabulary(samples, resolution);
      return [name, { values, ...(resolution !== undefined && { resolution }) }] as const;
    });
    return new Tokenizer({
      neurons: recording.neurons,
      ...windows,
      classes: Object.fromEntries(classes),
    });
  }

  /** The scale of spike counts; undefined for a model that reads none. */
  get counts(): CountScaleJson | undefined {
    return this.#json.counts;
  }

  /** Share of each neuron token, [ids]; undefined for a model that does not start from them. */
  get frequencies(): readonly number[] | undefined {
    return this.#json.frequencies;
  }

  /**
   * A tokenizer with the same vocabularies and what is known of training windows added. What exists
   * already is kept.
   */
  withStatistics({
    scales,
    ...statistics
  }: {
    readonly scales: Readonly<Record<string, Scale>>;
    readonly counts?: CountScaleJson;
    readonly frequencies?: readonly number[];
  }): Tokenizer {
    const json = Object.entries(scales).map(([name, scale]) => [name, scale.toJSON()] as const);
    return new Tokenizer({
      ...statistics,
      ...this.#json,
      scales: { ...Object.fromEntries(json), ...this.#json.scales },
    });
  }

  /** The tokenizer as plain data, for `JSON.stringify` and the constructor. */
  toJSON(): TokenizerJson {
    return this.#json;
  }
}
