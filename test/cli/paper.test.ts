import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CLAIMS } from '../../src/paper/claims.js';
import { neuroformer } from '../helpers/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FINDINGS = {
  verdict: 'partly',
  measured: 'r = 0.5',
  baseline: 'mean: r = 0.1',
  remarks: [],
  tables: [{ title: 'Scores', caption: '', columns: [{ title: 'r' }], rows: [] }],
  figures: [],
  seeds: [1],
  full: false,
  seconds: 1,
  adapter: 'a device',
};

describe('paper', () => {
  it('lists its claims, and refuses others in one sentence', async () => {
    const { out } = await neuroformer('paper', '--help');
    for (const { name } of CLAIMS) expect(out).toContain(name);
    const { code, err } = await neuroformer('paper', 'fames', '--out', join(folder, 'none'));
    expect(code).toBe(1);
    expect(err.trim()).toBe(
      `There is no claim fames: the claims are ${CLAIMS.map(({ name }) => name).join(', ')}.`,
    );
    expect(readdirSync(folder)).not.toContain('none');
  });

  it('writes into a folder that holds something only when it is told to go on', async () => {
    const out = join(folder, 'paper');
    mkdirSync(join(out, 'claims'), { recursive: true });
    for (const { name } of CLAIMS)
      writeFileSync(join(out, 'claims', `${name}.json`), JSON.stringify(FINDINGS));
    const refused = await neuroformer('paper', '--out', out);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('is not empty');
    const resumed = await neuroformer('paper', '--out', out, '--resume');
    expect(resumed.code, resumed.err).toBe(0);
    expect(resumed.out.match(/measured already/g)).toHaveLength(CLAIMS.length);
    const page = readFileSync(join(out, 'paper.html'), 'utf8');
    for (const { title } of CLAIMS) expect(page).toContain(`<h2>${title}: partly</h2>`);
  });

  it('takes budgets or claims, and budgets above 0', async () => {
    const both = await neuroformer('paper', 'fields', '--budgets', '1', '--out', join(folder, 'x'));
    expect(both.err.trim()).toBe(
      '--budgets is about models of the film: leave out the names of claims.',
    );
    const zero = await neuroformer('paper', '--budgets', '1,0', '--out', join(folder, 'x'));
    expect(zero.code).toBe(1);
    expect(zero.err).toContain('a number above 0');
  });
});
