/**
 * The records of a run: what it was started with, its metrics and its checkpoints. A run's folder
 * can be moved as a whole.
 */

import { FileError } from '../ports/errors.js';
import { type RunStore, readText } from '../ports/run-store.js';
import { formatList } from '../text/format.js';
import { ConfigError, isRecord } from '../text/schema.js';
import { parseTrainSettings, type TrainSettings } from './settings.js';
import type { ValidationScores } from './validation-scores.js';

/** What a run was started with; the contents of run.json. */
export interface RunFacts {
  /** Version of this package. */
  readonly version: string;
  /** When the run was started, as an ISO 8601 date and time. */
  readonly started: string;
  /** Where the data were opened from. */
  readonly data: string;
  /** Fingerprint of the recording, see `fingerprint`. */
  readonly fingerprint: string;
  /** The adapter it ran on, and why that one was chosen. */
  readonly adapter: string;
  /** Every training setting, defaults included. */
  readonly training: TrainSettings;
  /** Number of windows in each part of the split, and in none of them. */
  readonly windows: Readonly<Record<'train' | 'validation' | 'test' | 'leftOut', number>>;
  /** File of the model it was fine-tuned from; absent if it was trained from scratch. */
  readonly from?: string;
  /** What the user was told about the data. */
  readonly notes: readonly string[];
}

/**
 * One line of metrics.jsonl: mean losses since the previous training line, or of one validation.
 */
export interface MetricLine {
  /** Updates so far. */
  readonly step: number;
  readonly kind: 'train' | 'validation';
  /** Losses by name, weighted as in the total, and the total as `loss`. */
  readonly losses: Readonly<Record<string, number>>;
  /** How well variables are decoded; validation lines only. */
  readonly scores?: ValidationScores;
  /** Token positions of current windows so far, padding included; training lines only. */
  readonly tokens?: number;
  /** Seconds of training so far; training lines only. */
  readonly seconds?: number;
  /** Learning rate of the last update; training lines only. */
  readonly rate?: number;
}

const FACTS_FILE = 'run.json';
const METRICS_FILE = 'metrics.jsonl';
/** File of the checkpoint that a run resumes from. */
export const LAST_CHECKPOINT = 'last.safetensors';

/**
 * File of the weights with the lowest validation loss.
 *
 * @param objective a loss's name as files have it, or 'loss' for the total.
 */
export function bestWeightsPath(objective = 'loss'): string {
  return objective === 'loss' ? 'best.safetensors' : `best-${objective}.safetensors`;
}

/** Files and folders that a run, and the commands run on it, write into its store. */
const RUN_FILES = [
  /^run\.json$/,
  /^metrics\.jsonl$/,
  /^(last|best(-.+)?)\.safetensors$/,
  /^(generated|clamped)(-stopped)?\.(npz|nwb|json)$/,
  /^(connectivity|stimulus)\.(npz|csv|json)$/,
  /^decoded(-(train|validation|all))?\.(csv|nwb|json)$/,
  /^(labels|rates)\.(csv|json)$/,
  /^rung\.json$/,
  /^(latents|probes)(\.(npz|csv|json))?$/,
  /^report\.html$/,
  /^(baselines|ensemble|labels)$/,
] as const;

/** Folder of the figures of a run's report. */
export const FIGURES_FOLDER = 'figures';

/** Names of the figures that a report may have. */
const REPORT_FIGURES =
  /^(losses(-decoding)?|(clamped-)?(raster|rates|intervals|around|psth)|decoded|scatter|(decoded|scatter|scores|confusion|labels|latents)-[\p{L}\p{M}\p{N}_-]+|stimulus-(maps|scores)|rate-scores|probes|weights|coupling|attention|learnt|ablation|pearson50|lagged|lagged40|glm)$/u;

/** Whether a report may have a figure of this name. Only such figures are ever removed. */
export function isReportFigure(name: string): boolean {
  return REPORT_FIGURES.test(name);
}

/** Reads and writes the records of the run in a store. */
export class RunRecords {
  /** @param store of the run. */
  constructor(readonly store: RunStore) {}

  /** Whether there is a checkpoint to resume from. */
  async hasCheckpoint(): Promise<boolean> {
    return (await this.store.list()).includes(LAST_CHECKPOINT);
  }

  /**
   * File of the weights with the lowest total validation loss, or of the last checkpoint if there
   * was no validation.
   */
  async weightsPath(): Promise<string> {
    const names = await this.store.list();
    return names.includes(bestWeightsPath()) ? bestWeightsPath() : LAST_CHECKPOINT;
  }

  /**
   * Removes the files of an earlier run, including its figures and the runs of its baselines and
   * labels. Other files stay.
   *
   * @returns the names of the files and folders that were removed.
   * @throws FileError where files are called like those of a run, but no run.json says that they
   *   are; or where a file cannot be removed.
   */
  async clear(): Promise<string[]> {
    const names = (await this.store.list()).filter((name) =>
      RUN_FILES.some((pattern) => pattern.test(name)),
    );
    if (names.length > 0 && !(await this.#isRun()))
      throw new FileError(
        `${this.store.name} holds ${formatList(names, 3)}, which a run would replace, but no ${FACTS_FILE} of a run, so they may be something else: choose another folder, or move them away.`,
      );
    // What says that the others are a run's goes last.
    names.sort((p, q) => Number(p === FACTS_FILE) - Number(q === FACTS_FILE));
    for (const name of names) await this.store.remove(name);
    await this.#removeFigures();
    return names;
  }

  async #removeFigures(): Promise<void> {
    const stale = await this.staleFigures();
    for (const path of stale) await this.store.remove(path);
    if (stale.length > 0 && (await this.store.within(FIGURES_FOLDER).list()).length === 0)
      await this.store.remove(FIGURES_FOLDER);
  }

  /** Whether there is a run.json that this package has written, of any version. */
  async #isRun(): Promise<boolean> {
    try {
      const facts: unknown = JSON.parse((await readText(this.store, FACTS_FILE)) ?? '');
      return isRecord(facts) && typeof facts.fingerprint === 'string';
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  }

  /**
   * Paths of the figures of earlier reports, each an SVG with its numbers as CSV, by a name that a
   * report uses.
   *
   * @param kept names of figures that stay.
   */
  async staleFigures(kept: readonly string[] = []): Promise<string[]> {
    const names = await this.store.list();
    if (!names.includes(FIGURES_FOLDER)) return [];
    const files = await this.store
      .within(FIGURES_FOLDER)
      .list()
      .catch((error: unknown): string[] => {
        // A file by the name of the folder is not a report's.
        if (error instanceof FileError) return [];
        throw error;
      });
    return files.flatMap((file) => {
      const [, figure = ''] = /^(.+)\.svg$/.exec(file) ?? [];
      const isOurs = isReportFigure(figure) && files.includes(`${figure}.csv`);
      return isOurs && !kept.includes(figure)
        ? [`${FIGURES_FOLDER}/${file}`, `${FIGURES_FOLDER}/${figure}.csv`]
        : [];
    });
  }

  /** Writes run.json. @throws FileError where it cannot be written. */
  async writeFacts(facts: RunFacts): Promise<void> {
    await this.store.write(FACTS_FILE, `${JSON.stringify(facts, null, 2)}\n`);
  }

  /** Reads run.json. @throws FileError where it is missing or damaged. */
  async readFacts(): Promise<RunFacts> {
    const refusal = (reason: string) =>
      new FileError(
        `${this.store.name}/${FACTS_FILE} cannot be read: ${reason}. Is ${this.store.name} a run folder?`,
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

  /** Appends a line of metrics. @throws FileError where it cannot be written. */
  async addMetrics(line: MetricLine): Promise<void> {
    await this.store.append(METRICS_FILE, JSON.stringify(line));
  }

  /**
   * All lines of metrics, in the order they were written. A line that a crash cut short is left
   * out.
   */
  async readMetrics(): Promise<MetricLine[]> {
    const text = (await readText(this.store, METRICS_FILE)) ?? '';
    return text.split('\n').flatMap((line) => {
      try {
        return line ? [JSON.parse(line) as MetricLine] : [];
      } catch {
        return [];
      }
    });
  }

  /** Drops the metrics of updates after `step`, which a resumed run writes again. */
  async dropMetricsAfter(step: number): Promise<void> {
    const lines = (await this.readMetrics()).filter((line) => line.step <= step);
    await this.store.write(METRICS_FILE, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
