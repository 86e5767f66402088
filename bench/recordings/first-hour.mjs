/**
 * From recordings to reports with nothing but the commands: init, train, decode --baselines and
 * report for each, and a table of what was decoded. In a clone that is installed:
 *
 *     node bench/recordings/first-hour.mjs DATA OUT [MINUTES] [NAME...]
 *
 * DATA holds a folder for each recording, with its files and the dataset.yaml of the folder beside
 * this script: ca1, head-direction, m1, steinmetz (session2.yaml), texture (recording10.yaml); and
 * mtl.nwb, which is sub-4_ses-4_ecephys+image.nwb of DANDI:000207. MINUTES (10) are those of
 * training. What is in OUT already is not done again.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv, exit } from 'node:process';

const [data, out, minutes = '10', ...names] = argv.slice(2);
if (!out) {
  console.error('Give the folder of the recordings and a folder for the results.');
  exit(1);
}

/** What is decoded of each recording; of the others all variables. */
const RECORDINGS = {
  ca1: ['ca1'],
  'head-direction': ['head-direction'],
  m1: ['m1'],
  steinmetz: ['steinmetz', '--decode', 'contrast_right'],
  mtl: ['mtl.nwb', '--trials', 'recognition_table', '--decode', 'old_new'],
  texture: ['texture'],
};

/** Scores by which decoders are compared, and whether more is better. */
const SCORES = { number: ['r2', 1], angle: ['median', -1], class: ['accuracy', 1] };

/** Runs a command of neuroformer and returns how long it took, in seconds. */
function neuroformer(...args) {
  console.log(`\nneuroformer ${args.join(' ')}`);
  const start = performance.now();
  const { status } = spawnSync('npx', ['neuroformer', ...args], { stdio: 'inherit' });
  if (status !== 0) exit(status ?? 1);
  return (performance.now() - start) / 1000;
}

/** A score with its interval. */
function words(score) {
  if (!score || score.value === null) return '';
  const [value, low, high] = [score.value, score.low, score.high].map(
    (x) => x?.toFixed(3).replace(/^-(?=[0.]+$)/, '') ?? '?',
  );
  return `${value} (${low} to ${high})`;
}

/** A row for each variable that was decoded. */
function rowsOf(name, run) {
  const { methods, variables } = JSON.parse(readFileSync(join(run, 'decoded.json'), 'utf8'));
  const [model] = methods;
  return variables.map(({ name: variable, kind }) => {
    const [key, sign] = SCORES[kind];
    const scoreOf = (method) => method.scores[variable]?.[key];
    const best = (chosen) =>
      chosen
        .filter((method) => Number.isFinite(scoreOf(method)?.value))
        .sort((p, q) => sign * (scoreOf(q).value - scoreOf(p).value))[0];
    const isChance = (method) => method.name.startsWith('chance');
    const ridge = best(methods.filter((method) => method.name.startsWith('ridge')));
    const chance = best(methods.filter(isChance));
    const baseline = best(methods.filter((method) => method !== model && !isChance(method)));
    return [
      name,
      variable,
      key,
      words(scoreOf(model)),
      ridge ? words(scoreOf(ridge)) : '',
      baseline ? `${baseline.name}: ${words(scoreOf(baseline))}` : '',
      chance ? words(scoreOf(chance)) : '',
    ];
  });
}

mkdirSync(out, { recursive: true });
const rows = [];
const times = [];
for (const name of names.length > 0 ? names : Object.keys(RECORDINGS)) {
  const [path, ...options] = RECORDINGS[name];
  const folder = join(out, name);
  const run = join(folder, 'run');
  const seconds = {};
  if (!existsSync(join(run, 'report.html'))) {
    seconds.init = neuroformer(
      'init',
      join(data, path),
      ...options,
      '--minutes',
      minutes,
      '--out',
      folder,
    );
    seconds.train = neuroformer('train', folder);
    seconds.decode = neuroformer('decode', run, '--baselines');
    seconds.report = neuroformer('report', run);
  }
  times.push([
    name,
    ...['init', 'train', 'decode', 'report'].map((key) => seconds[key]?.toFixed(0) ?? ''),
  ]);
  rows.push(...rowsOf(name, run));
}
const table = (head, lines) =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const columns = [
  'recording',
  'variable',
  'score',
  'model',
  'best ridge',
  'best baseline',
  'chance',
];
console.log(`\n${table(columns, rows)}\n`);
console.log(table(['seconds of', 'init', 'train', 'decode --baselines', 'report'], times));
