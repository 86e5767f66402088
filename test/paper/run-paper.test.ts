import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/node.js';
import type { Claim, Findings } from '../../src/paper/claim.js';
import { CLAIMS } from '../../src/paper/claims.js';
import { paperPage } from '../../src/paper/page.js';
import { readFindings } from '../../src/paper/results.js';
import { PAPER_PAGE, runPaper } from '../../src/paper/run-paper.js';
import { memoryStore, readText } from '../../src/ports/run-store.js';
import { silentWatcher } from '../../src/ports/watcher.js';
import { StoppedError } from '../../src/stages/errors.js';

const FINDINGS: Findings = {
  verdict: 'partly',
  measured: 'r = 0.50',
  baseline: 'mean: r = 0.10',
  remarks: ['It holds for some.'],
  tables: [
    {
      title: 'Scores',
      caption: 'Made up.',
      columns: [{ title: 'r' }, { title: 'untrained', digits: 1 }],
      rows: [
        {
          title: 'model',
          kind: 'model',
          scores: [
            [0.4, 0.6],
            [0.1, Number.NaN],
          ],
        },
        { title: 'mean', kind: 'baseline', scores: [[0.1, 0.1], []] },
      ],
    },
  ],
  figures: [{ name: 'maps', title: 'Maps', caption: 'A.', svg: '<svg width="3"/>', csv: 'a\n1\n' }],
};

/** A claim that counts how often it is measured. */
function countingClaim(name: string, act: () => void = () => {}) {
  const calls: string[] = [];
  const claim: Claim = {
    name,
    title: `Title of ${name}`,
    says: 'something is so.',
    async measure({ seeds }) {
      act();
      calls.push(seeds.join());
      return FINDINGS;
    },
  };
  return { claim, calls };
}

function contextIn(store = memoryStore()) {
  return {
    store,
    openDataset: () => Promise.reject(new Error('not needed')),
    seeds: [1, 2],
    full: false,
    engine: createEngine,
    watcher: silentWatcher,
  };
}

describe('the paper’s demonstrations', () => {
  it('write their findings, tables and figures, and a page with a row for every claim', async () => {
    const store = memoryStore();
    const [first, second] = [countingClaim('first'), countingClaim('second')];
    await runPaper([first.claim], [first.claim, second.claim], contextIn(store));
    const stored = (await readFindings(store, first.claim))!;
    expect(stored).toMatchObject({ ...FINDINGS, seeds: [1, 2], full: false });
    expect(stored.seconds).toBeGreaterThanOrEqual(0);
    const csv = (await readText(store, 'claims/first.csv'))!.trim().split('\n');
    expect(csv[0]).toBe('table,method,kind,measure,seed,score');
    // Two seeds of two rows, and two of the control that only the model has.
    expect(csv).toHaveLength(1 + 6);
    expect(await readText(store, 'figures/first-maps.svg')).toBe(FINDINGS.figures[0]!.svg);
    expect(await readText(store, 'figures/first-maps.csv')).toBe(FINDINGS.figures[0]!.csv);
    const page = (await readText(store, PAPER_PAGE))!;
    expect(page).toContain('0.50 (0.40 to 0.60)');
    expect(page).toContain('not measured: neuroformer paper second');
    expect(page).toContain('Title of first: partly');
    expect(page).toContain('download="first-maps.csv"');
  });

  it('say once what several tables are of', () => {
    const table = FINDINGS.tables[0]!;
    const tables = ['A', 'A', 'B', 'A'].map((caption) => ({ ...table, caption }));
    const stored = { ...FINDINGS, tables, seeds: [1], full: false, seconds: 1, adapter: 'none' };
    const page = paperPage([{ claim: countingClaim('first').claim, findings: stored }]);
    const section = page.slice(page.indexOf('Title of first: partly'));
    const captions = [...section.matchAll(/<p class="note">(.*?)<\/p>/g)].map(([, text]) => text);
    expect(captions).toEqual(['A', 'B', 'A']);
  });

  it('are not repeated where they were measured, and go on after a stop', async () => {
    const store = memoryStore();
    let isStopped = true;
    const first = countingClaim('first');
    const second = countingClaim('second', () => {
      if (isStopped) throw new StoppedError();
    });
    const claims = [first.claim, second.claim];
    await expect(runPaper(claims, claims, contextIn(store))).rejects.toThrow(StoppedError);
    expect(await readFindings(store, second.claim)).toBeUndefined();
    isStopped = false;
    await runPaper(claims, claims, contextIn(store));
    expect(first.calls).toEqual(['1,2']);
    expect(second.calls).toEqual(['1,2']);
  });

  it('say in one sentence that stored findings are damaged', async () => {
    const store = memoryStore('paper folder');
    await store.write('claims/first.json', '{"tables": [');
    const { claim } = countingClaim('first');
    await expect(runPaper([claim], [claim], contextIn(store))).rejects.toThrow(
      'paper folder/claims/first.json is damaged: remove it, and run paper first again with --resume; models are kept.',
    );
  });

  it('have names of their own, in lowercase letters', () => {
    const names = CLAIMS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+$/);
  });
});
