/** A run's folder: what it was started with, its metrics, its checkpoints. It can be moved, and read by itself. */

import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FileError, writeWhole } from '../node/files.js';
import { reasonOf } from '../recording/errors.js';
import { ConfigError, isRecord } from '../text/schema.js';
import { parseTrainSettings, type TrainSettings } from './settings.js';

/** What a run was started with. */
export interface RunFacts {
  readonly version: string;
  readonly started: string;
  /** Where the data came from, and their fingerprint. */
  readonly data: string;
  readonly fingerprint: string;
  readonly adapter: string;
  readonly training: TrainSettings;
  /** Windows of each part, and those in none. */
  readonly windows: Readonly<Record<'train' | 'validation' | 'test' | 'leftOut', number>>;
  /** The weights it began from, if not from initial ones. */
  readonly from?: string;
  readonly notes: readonly string[];
}

/** A line of metrics: losses of training, or of a look at the validation windows. */
export interface MetricLine {
  readonly step: number;
  readonly kind: 'train' | 'validation';
  readonly losses: Readonly<Record<string, number>>;
  /** Of training lines: tokens so far, seconds so far, learning rate. */
  readonly tokens?: number;
  readonly seconds?: number;
  readonly rate?: number;
}

export class RunFolder {
  constructor(readonly path: string) {}

  get last(): string {
    return join(this.path, 'last.safetensors');
  }

  /** The weights best at an objective: 'loss' for the total, or a single loss's name. */
  best(objective = 'loss'): string {
    return join(
      this.path,
      objective === 'loss' ? 'best.safetensors' : `best-${objective}.safetensors`,
    );
  }

  /** The weights to use: the best by its total validation loss, or the last where there is none. */
  get weights(): string {
    return existsSync(this.best()) ? this.best() : this.last;
  }

  get exists(): boolean {
    return existsSync(this.last);
  }

  /**
   * Takes away what an earlier run has left, the runs of its baselines and labels included; other files stay.
   *
   * @throws FileError where that is not allowed.
   */
  clear(): void {
    const own =
      /^(run\.json|metrics\.jsonl|(last|best(-.+)?)\.safetensors|(generated|clamped|connectivity)\.(npz|nwb|json)|decoded(-(train|validation|all))?\.(csv|nwb|json)|labels\.json|report\.html|baselines|labels)$/;
    try {
      for (const name of existsSync(this.path) ? readdirSync(this.path) : [])
        if (own.test(name)) rmSync(join(this.path, name), { recursive: true });
    } catch (error) {
      throw new FileError(`${this.path} cannot be cleared: ${reasonOf(error)}.`);
    }
  }

  writeFacts(facts: RunFacts): void {
    writeWhole(join(this.path, 'run.json'), `${JSON.stringify(facts, null, 2)}\n`);
  }

  /** @throws FileError where there are none or they are damaged. */
  facts(): RunFacts {
    const path = join(this.path, 'run.json');
    try {
      const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (
        !isRecord(facts) ||
        typeof facts.data !== 'string' ||
        typeof facts.fingerprint !== 'string'
      )
        throw new ConfigError('it does not say which data the run was trained on');
      return { ...facts, training: parseTrainSettings(facts.training) } as unknown as RunFacts;
    } catch (error) {
      const invalid = error instanceof SyntaxError ? 'it is no valid JSON' : reasonOf(error);
      const reason = invalid.replace(/\.$/, '');
      throw new FileError(
        `${path} cannot be read: ${reason}. Is ${this.path} the folder of a run?`,
      );
    }
  }

  addMetrics(line: MetricLine): void {
    const path = join(this.path, 'metrics.jsonl');
    try {
      appendFileSync(path, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw new FileError(`${path} cannot be written: ${reasonOf(error)}.`);
    }
  }

  /** Every line of metrics that is whole, in the order they were written. */
  metrics(): MetricLine[] {
    const path = join(this.path, 'metrics.jsonl');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return line ? [JSON.parse(line) as MetricLine] : [];
        } catch {
          // A line that a crash cut short.
          return [];
        }
      });
  }

  /** Forgets metrics of updates after `step`: they are made again. */
  cutMetrics(step: number): void {
    const kept = this.metrics().filter((line) => line.step <= step);
    const text = kept.map((line) => `${JSON.stringify(line)}\n`).join('');
    writeWhole(join(this.path, 'metrics.jsonl'), text);
  }
}
