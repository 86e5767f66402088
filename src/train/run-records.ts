/** A run's records: what it was started with, its metrics, its checkpoints. They can be moved, and read by themselves. */

import { FileError } from '../ports/errors.js';
import { type RunStore, readText } from '../ports/run-store.js';
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

const FACTS_FILE = 'run.json';
const METRICS_FILE = 'metrics.jsonl';
/** The checkpoint that a run goes on from. */
export const LAST_CHECKPOINT = 'last.safetensors';

/** The weights best at an objective: 'loss' for the total, or a single loss's name. */
export function bestWeightsPath(objective = 'loss'): string {
  return objective === 'loss' ? 'best.safetensors' : `best-${objective}.safetensors`;
}

/** What a run, and what was made of it, leaves in its store. */
const OWN_FILES =
  /^(run\.json|metrics\.jsonl|(last|best(-.+)?)\.safetensors|(generated|clamped|connectivity)\.(npz|nwb|json)|decoded(-(train|validation|all))?\.(csv|nwb|json)|labels\.json|report\.html|baselines|labels)$/;

export class RunRecords {
  constructor(readonly store: RunStore) {}

  /** Whether there is a checkpoint to go on from. */
  async hasCheckpoint(): Promise<boolean> {
    return (await this.store.list()).includes(LAST_CHECKPOINT);
  }

  /** The weights to use: the best by the total validation loss, or the last where there is none. */
  async weightsPath(): Promise<string> {
    const names = await this.store.list();
    return names.includes(bestWeightsPath()) ? bestWeightsPath() : LAST_CHECKPOINT;
  }

  /**
   * Removes what an earlier run has left, the runs of its baselines and labels included; other files stay.
   *
   * @throws FileError where that is not allowed.
   */
  async clear(): Promise<void> {
    for (const name of await this.store.list())
      if (OWN_FILES.test(name)) await this.store.remove(name);
  }

  async writeFacts(facts: RunFacts): Promise<void> {
    await this.store.write(FACTS_FILE, `${JSON.stringify(facts, null, 2)}\n`);
  }

  /** @throws FileError where there are none or they are damaged. */
  async readFacts(): Promise<RunFacts> {
    const refusal = (reason: string) =>
      new FileError(
        `${this.store.name}/${FACTS_FILE} cannot be read: ${reason}. Is ${this.store.name} the folder of a run?`,
      );
    const text = await readText(this.store, FACTS_FILE);
    if (text === undefined) throw refusal('there is no such file or folder');
    try {
      const facts: unknown = JSON.parse(text);
      if (
        !isRecord(facts) ||
        typeof facts.data !== 'string' ||
        typeof facts.fingerprint !== 'string'
      )
        throw new ConfigError('it does not say which data the run was trained on');
      return { ...facts, training: parseTrainSettings(facts.training) } as unknown as RunFacts;
    } catch (error) {
      const isJson = !(error instanceof SyntaxError);
      const reason = isJson ? (error as Error).message : 'it is not valid JSON';
      throw refusal(reason.replace(/\.$/, ''));
    }
  }

  async addMetrics(line: MetricLine): Promise<void> {
    await this.store.append(METRICS_FILE, JSON.stringify(line));
  }

  /** Every line of metrics that is whole, in the order they were written. */
  async readMetrics(): Promise<MetricLine[]> {
    const text = (await readText(this.store, METRICS_FILE)) ?? '';
    return text.split('\n').flatMap((line) => {
      try {
        return line ? [JSON.parse(line) as MetricLine] : [];
      } catch {
        // A line that a crash cut short.
        return [];
      }
    });
  }

  /** Drops metrics of updates after `step`: they are made again. */
  async dropMetricsAfter(step: number): Promise<void> {
    const kept = (await this.readMetrics()).filter((line) => line.step <= step);
    await this.store.write(METRICS_FILE, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
