import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDescription } from '../src/dataset/description.js';
import { parseConfig } from '../src/neuroformer/config.js';
import { RULES } from '../src/neuroformer/rules.js';
import { parseTrainSettings } from '../src/train/settings.js';
import { neuroformer } from './helpers/cli.js';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, block]) => block!,
  );
}

describe('the README', () => {
  const [described, configured] = blocks('yaml');

  it('shows a dataset.yaml that is one, with every other way to give spikes', () => {
    checkDescription(parse(described!), '');
    const others = [...described!.matchAll(/^ {2}# (\{.*\})(?: {2}.*)?$/gm)].map(([, way]) => way!);
    expect(others.length).toBeGreaterThan(3);
    for (const way of others) checkDescription({ spikes: parse(way) }, '');
  });

  it('shows a configuration that is one', () => {
    const { training, ...model } = parse(configured!);
    expect(parseConfig(model).notes).toEqual([]);
    expect(parseTrainSettings(training).steps).toBe(2000);
  });

  it('names settings that there are', () => {
    const rows = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell]) => cell!);
    const training = rows.filter((cell) => cell.startsWith('`training.'));
    expect(training.length).toBeGreaterThan(5);
    const known = parseTrainSettings({ half_life: 1, every: 1, steps: 1 });
    for (const [, name] of training.join().matchAll(/`(?:training\.)?([\w.]+)`/g)) {
      const [first, second] = name!.split('.') as [string, string?];
      expect(known).toHaveProperty(first);
      if (second) expect(known).toHaveProperty(`${first}.${second}`);
    }
    for (const rule of Object.keys(RULES))
      expect(text).toContain(`| \`${rule}\` | ${RULES[rule as keyof typeof RULES]} |`);
  });

  it('uses commands and options that there are', async () => {
    const lines = blocks('sh')
      .join('')
      .matchAll(/^npx neuroformer (\w+)([^\n]*)/gm);
    const used = new Map<string, Set<string>>();
    for (const [, command, rest] of lines) {
      const options = used.get(command!) ?? new Set();
      for (const [option] of rest!.matchAll(/--[\w-]+/g)) options.add(option);
      used.set(command!, options);
    }
    expect(used.size).toBeGreaterThan(6);
    for (const [command, options] of used) {
      const { code, out } = await neuroformer(command, '--help');
      expect(code, command).toBe(0);
      for (const option of options) expect(out, `${command} ${option}`).toContain(`${option} `);
    }
  });

  it('points to files that are there', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(5);
    for (const path of links)
      expect(existsSync(new URL(`../${path}`, import.meta.url)), path).toBe(true);
  });
});
