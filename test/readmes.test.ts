/**
 * The READMEs of the project and of its rooms: their examples run, their options exist, their links
 * lead somewhere.
 */

import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDescription } from '../src/dataset/description.js';
import { parseConfig } from '../src/neuroformer/config.js';
import { RULES } from '../src/neuroformer/rules.js';
import { parseTrainSettings } from '../src/train/settings.js';
import { behaviorWorkspace } from './helpers/behavior.js';
import { neuroformer } from './helpers/cli.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Paths from the root of every Markdown file that a reader comes to, but for results. */
function documents(folder = ''): string[] {
  const skipped = ['node_modules', 'dist', 'results', 'fixtures', 'runs', '.git'];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) ? [] : documents(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');

function blocks(path: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm');
  return [...read(path).matchAll(fence)].map(([, block]) => block!);
}

describe('the READMEs', () => {
  it.each(documents())('%s links to files and headings that are there', (path) => {
    for (const [, link] of read(path).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [file, heading] = link!.split('#') as [string, string?];
      const target = file === '' ? path : join(dirname(path), file);
      expect(existsSync(join(root, target)), link).toBe(true);
      if (heading === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
        title!
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(headings, link).toContain(heading);
    }
  });

  it.each(documents())('%s has no paragraph over six lines', (path) => {
    const text = read(path).replace(/^```[\s\S]*?^```/gm, '');
    for (const paragraph of text.split(/\n\s*\n/)) {
      const lines = paragraph.split('\n').filter((line) => line.trim() !== '');
      if (!/^\s*([|#!<-]|\d+\.)/.test(lines[0] ?? '|'))
        expect(lines.length, lines[0]).toBeLessThan(7);
    }
  });

  it('the first of them has at most 1,200 words, and leads to all others in one click', () => {
    const text = read('README.md');
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(1200);
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!);
    for (const path of documents()) if (path !== 'README.md') expect(links).toContain(path);
  });
});

describe('CONTRIBUTING', () => {
  const sources = ['src', 'test', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
      .map((path) => join(folder, path)),
  );
  const spans = [...read('CONTRIBUTING.md').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!);
  // A name in capitals stands for any; what has a space is a command.
  const fixed = [...new Set(spans)].filter((span) => !/ |\b(NAME|KIND|DATE|SOURCE)\b/.test(span));

  it('names files that are there', () => {
    const paths = fixed.filter((span) => /^[\w./*-]+(\/|\.(ts|mjs|md|cff|json|yaml))$/.test(span));
    expect(paths.length).toBeGreaterThan(40);
    for (const path of paths.filter((span) => !span.includes('*'))) {
      const isThere = path.includes('/')
        ? existsSync(join(root, path))
        : existsSync(join(root, path)) || sources.some((file) => basename(file) === path);
      expect(isThere, path).toBe(true);
    }
  });

  it('names functions and constants that are there', () => {
    const text = sources
      .filter((file) => file !== 'test/readmes.test.ts')
      .map(read)
      .join('');
    const names = fixed.filter((span) => /^(\w+\.)?[A-Za-z]\w*[A-Z_]\w*(\(\))?$/.test(span));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names)
      if (!name.startsWith('NEUROFORMER_')) expect(text, name).toContain(name.replace('()', ''));
  });
});

describe('examples in READMEs', () => {
  it('of a dataset.yaml are checked as one, with every other way to give spikes', () => {
    const [described] = blocks('src/dataset/README.md', 'yaml');
    checkDescription(parse(described!), '');
    const others = [...described!.matchAll(/^ {2}# (\{.*\})(?: {2}.*)?$/gm)].map(([, way]) => way!);
    expect(others.length).toBeGreaterThan(3);
    for (const way of others) checkDescription({ spikes: parse(way) }, '');
  });

  it('of a configuration are checked as one', () => {
    const [configured] = blocks('src/neuroformer/README.md', 'yaml');
    const { training, ...model } = parse(configured!);
    expect(parseConfig(model).notes).toEqual([]);
    expect(parseTrainSettings(training).steps).toBe(2000);
  });

  it('name settings and rules that there are', () => {
    const text = read('src/neuroformer/README.md');
    const rows = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell]) => cell!);
    const training = rows.filter((cell) => cell.startsWith('`training.'));
    expect(training.length).toBeGreaterThan(5);
    const known = parseTrainSettings({ half_life: 1, every: 1, steps: 1 });
    for (const [, name] of training.join().matchAll(/`(?:training\.)?([\w.]+)`/g)) {
      const [key, inner] = name!.split('.') as [string, string?];
      expect(known).toHaveProperty(key);
      if (inner) expect(known).toHaveProperty(`${key}.${inner}`);
    }
    const rules = Object.entries(RULES).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`);
    const rowsOfRules = text.split('\n').filter((line) => rules.includes(line));
    expect(rowsOfRules, 'the table of rules in src/neuroformer/README.md').toEqual(rules);
  });

  it('use commands and options that there are', async () => {
    const lines = documents()
      .flatMap((path) => blocks(path, 'sh'))
      .join('')
      // Commands that have commands of their own are named with them.
      .matchAll(/^npx neuroformer ((?:(?:ladder|simulate|explain) )?\w+)([^\n]*)/gm);
    const used = new Map<string, Set<string>>();
    for (const [, command, rest] of lines) {
      const options = used.get(command!) ?? new Set();
      for (const [option] of rest!.split('#')[0]!.matchAll(/--[\w-]+/g)) options.add(option);
      used.set(command!, options);
    }
    expect(used.size).toBeGreaterThan(9);
    for (const [command, options] of used) {
      const { code, out } = await neuroformer(...command.split(' '), '--help');
      expect(code, command).toBe(0);
      for (const option of options) expect(out, `${command} ${option}`).toContain(`${option} `);
    }
  });
});

/** Programs in READMEs, by where they stand, each as a file of its own within the package. */
function programs(): [name: string, program: string][] {
  return documents().flatMap((path) =>
    blocks(path, 'js').map((program, n): [string, string] => [
      `${path}, program ${n + 1}`,
      program,
    ]),
  );
}

describe('programs in READMEs', () => {
  const scripts = join(root, 'dist/readmes');
  const place = mkdtempSync(join(tmpdir(), 'neuroformer-readmes-'));

  async function run(name: string, program: string): Promise<string> {
    mkdirSync(scripts, { recursive: true });
    const script = join(scripts, `${relative('.', name).replaceAll(/\W+/g, '-')}.mjs`);
    writeFileSync(script, program);
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: place });
    return stdout;
  }

  it('are those whose output is looked at here', () => {
    expect(programs().map(([name]) => name)).toEqual([
      'README.md, program 1',
      'src/cpu/README.md, program 1',
      'src/stages/README.md, program 1',
      'src/tensor/README.md, program 1',
    ]);
  });

  it('of the library: trains in under 20 lines, and its loss falls', async () => {
    const [, program] = programs()[0]!;
    const lines = program.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeLessThan(20);
    const out = await run('library', program);
    const [, r] = /r: \{\s+value: ([\d.]+)/.exec(out)!;
    expect(Number(r)).toBeGreaterThan(0.5);
    const metrics = readFileSync(join(place, 'runs/library/metrics.jsonl'), 'utf8');
    const totals = metrics
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === 'train')
      .map(({ losses }) => losses.speed as number);
    expect(totals.at(-1)).toBeLessThan(totals[0]! / 2);
  });

  it('of the stages: opens the run again and decodes', async () => {
    const [, program] = programs()[2]!;
    const workplace = behaviorWorkspace({ steps: 5, batch: 4 });
    cpSync(join(workplace, 'data'), join(place, 'my/folder'), { recursive: true });
    const config = ['--config', join(workplace, 'config.yaml')];
    const data = ['--data', join(place, 'my/folder')];
    const { code, err } = await neuroformer(
      'train',
      ...data,
      ...config,
      '--out',
      join(place, 'runs/first'),
    );
    expect(code, err).toBe(0);
    await run('stages', program);
    const { methods } = JSON.parse(readFileSync(join(place, 'runs/first/decoded.json'), 'utf8'));
    expect(Object.keys(methods[0].scores)).toEqual(['place', 'heading', 'side']);
    rmSync(workplace, { recursive: true });
  });

  it('of the engine: fits a line', async () => {
    const out = await run('engine', programs()[3]![1]);
    const [weight, bias] = [...out.matchAll(/Float32Array\(1\) \[ (-?[\d.]+) \]/g)].map(([, v]) =>
      Number(v),
    );
    expect(weight).toBeCloseTo(2, 2);
    expect(bias).toBeCloseTo(-1, 2);
  });

  it('of the CPU device: opens one', async () => {
    const [, program] = programs()[1]!;
    const out = await run(
      'cpu',
      `${program}\nconsole.log(device.limits.maxBufferSize > 0); device.destroy();`,
    );
    expect(out).toBe('true\n');
    rmSync(place, { recursive: true });
  });
});
