/** `npm run shaders` on a copy of some shaders and their helpers, in which one file is changed. */

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;

/** A few, as each takes a while to parse; together they have copies with and without a binding. */
const SHADERS = ['adamw', 'attention_rows', 'elementwise', 'gru', 'sample'];

let project = '';
/** What the command prints where all is well. */
let holds = '';

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'embed-'));
  mkdirSync(join(project, 'src/gpu'), { recursive: true });
  mkdirSync(join(project, 'shaders/helpers'), { recursive: true });
  const copy = (path: string) => copyFileSync(join(ROOT, path), join(project, path));
  for (const script of ['embed', 'copies', 'component-stores']) copy(`shaders/${script}.mjs`);
  copy('package.json');
  for (const name of SHADERS) {
    copy(`shaders/${name}.wgsl`);
    for (const [, helper] of read(`shaders/${name}.wgsl`).matchAll(/^\/\/ begin (helpers\/\S+)/gm))
      copy(`shaders/${helper}`);
  }
  const kernels = SHADERS.flatMap((name) => read(`shaders/${name}.wgsl`).match(/^@compute/gm)!);
  holds = `${kernels.length} kernels in ${SHADERS.length} shaders: house rules hold\n`;
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
});
afterEach(() => rmSync(project, { recursive: true }));

function read(path: string): string {
  return readFileSync(join(project, path), 'utf8');
}

/** Replaces text that the file must have. */
function change(path: string, from: string, to: string): void {
  const text = read(path);
  expect(text).toContain(from);
  writeFileSync(
    join(project, path),
    text.replace(from, () => to),
  );
}

/** Runs shaders/embed.mjs and returns its exit status and everything it printed. */
function embed(...options: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(project, 'shaders/embed.mjs'), ...options],
    { encoding: 'utf8' },
  );
  return { status, output: stdout + stderr };
}

describe('embedding the shaders', () => {
  it('writes their sources and the version, and with --check nothing', () => {
    expect(embed('--check')).toEqual({ status: 0, output: holds });
    expect(() => read('src/gpu/shaders.gen.ts')).toThrow('ENOENT');
    expect(embed()).toEqual({ status: 0, output: holds });
    expect(read('src/gpu/shaders.gen.ts')).toContain(JSON.stringify(read('shaders/adamw.wgsl')));
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(read('src/version.gen.ts')).toContain(`export const VERSION = '${version}';`);
  });

  it('brings the copies of a changed helper up to date, which --check rejects', () => {
    change('shaders/helpers/tanh_stable.wgsl', 'abs(v) < 0.1', 'abs(v) < 0.2');
    const shaders = ['elementwise', 'gru'];
    const before = shaders.map((name) => read(`shaders/${name}.wgsl`));
    expect(embed('--check')).toEqual({
      status: 1,
      output: shaders
        .map(
          (name) =>
            `shaders/${name}.wgsl: its copy of helpers/tanh_stable.wgsl is stale; ` +
            '`npm run shaders` updates it\n',
        )
        .join(''),
    });
    expect(shaders.map((name) => read(`shaders/${name}.wgsl`))).toEqual(before);
    const { status, output } = embed();
    expect(status).toBe(0);
    expect(output).toContain('shaders/gru.wgsl: updated its copy of helpers/tanh_stable.wgsl\n');
    for (const [n, name] of shaders.entries()) {
      const expected = before[n]!.replace('abs(v) < 0.1', 'abs(v) < 0.2');
      expect(read(`shaders/${name}.wgsl`)).toBe(expected);
      expect(read('src/gpu/shaders.gen.ts')).toContain(JSON.stringify(expected));
    }
    expect(embed('--check')).toEqual({ status: 0, output: holds });
  });

  it('overwrites a change made in a copy instead of the helper', () => {
    const before = read('shaders/gru.wgsl');
    change('shaders/gru.wgsl', 'abs(v) < 0.1', 'abs(v) < 0.2');
    expect(embed('--check').status).toBe(1);
    expect(embed().status).toBe(0);
    expect(read('shaders/gru.wgsl')).toBe(before);
  });

  it('writes the name of the buffer into each copy of a helper that reads or writes one', () => {
    change('shaders/helpers/load_chunk.wgsl', 'let i = start', 'let i = 0u + start');
    expect(embed().status).toBe(0);
    const shader = read('shaders/attention_rows.wgsl');
    for (const name of ['query', 'key']) {
      expect(shader).toContain(
        `fn load_${name}(start: u32, c: u32) -> vec4f {\n  let i = 0u + start + 4u * c;\n`,
      );
      expect(shader).toContain(`return vec4f(${name}[i], ${name}[i + 1u], `);
    }
  });

  it.each([
    [
      'an unknown helper',
      'helpers/tanh_stable.wgsl (generated',
      'helpers/tanh.wgsl (generated',
      /^shaders\/gru\.wgsl: line \d+: there is no shaders\/helpers\/tanh\.wgsl; the helpers are attention_constants, .+$/m,
    ],
    [
      'a copy that is not closed',
      '// end helpers/tanh_stable.wgsl',
      '',
      /^shaders\/gru\.wgsl: line \d+: the copy of helpers\/tanh_stable\.wgsl has no "\/\/ end helpers\/tanh_stable\.wgsl"$/m,
    ],
    [
      'a marker that is not spelled as it should be',
      'tanh_stable.wgsl (generated: edit there)',
      'tanh_stable.wgsl',
      /^shaders\/gru\.wgsl: line \d+: "\/\/ begin helpers\/tanh_stable\.wgsl" does not begin a copy; it should read "\/\/ begin helpers\/NAME\.wgsl \(generated: edit there\)", .+$/m,
    ],
    [
      'the name of a binding for a helper without BUFFER',
      'tanh_stable.wgsl (generated',
      'tanh_stable.wgsl for x (generated',
      /^shaders\/gru\.wgsl: line \d+: helpers\/tanh_stable\.wgsl has no BUFFER that x could stand for$/m,
    ],
    [
      'a helper with BUFFER and no name of a binding',
      'helpers/tanh_stable.wgsl (generated',
      'helpers/load_chunk.wgsl (generated',
      /^shaders\/gru\.wgsl: line \d+: helpers\/load_chunk\.wgsl needs the name of a binding: .+$/m,
    ],
  ])('rejects %s, naming the file and the line', (_, from, to, message) => {
    change('shaders/gru.wgsl', from, to);
    const before = read('shaders/gru.wgsl');
    for (const options of [[], ['--check']]) {
      const { status, output } = embed(...options);
      expect(status).toBe(1);
      expect(output).toMatch(message);
      expect(read('shaders/gru.wgsl')).toBe(before);
    }
    expect(() => read('src/gpu/shaders.gen.ts')).toThrow('ENOENT');
  });

  it('rejects a helper that no shader uses', () => {
    writeFileSync(join(project, 'shaders/helpers/unused.wgsl'), 'fn unused() {\n}\n');
    expect(embed()).toEqual({
      status: 1,
      output: 'shaders/helpers/unused.wgsl: no shader has a copy of it\n',
    });
  });

  it('rejects a function that is in two shaders', () => {
    const text = 'fn half(v: f32) -> f32 {\n  return 0.5 * v;\n}\n';
    for (const name of ['adamw', 'gru'])
      writeFileSync(
        join(project, `shaders/${name}.wgsl`),
        `${read(`shaders/${name}.wgsl`)}\n${text}`,
      );
    expect(embed()).toEqual({
      status: 1,
      output:
        'shaders/gru.wgsl: fn half is the same as in adamw.wgsl: move it to shaders/helpers/\n',
    });
  });

  it('rejects a line of more than 100 columns, in shaders and helpers', () => {
    change('shaders/adamw.wgsl', '\nconst WG', `\n// ${'x'.repeat(98)}\nconst WG`);
    change('shaders/helpers/gelu.wgsl', '\nfn gelu_grad', `\n// ${'x'.repeat(97)}\nfn gelu_grad`);
    const { status, output } = embed('--check');
    expect(status).toBe(1);
    expect(output).toMatch(/^shaders\/adamw\.wgsl: line \d+ has 101 columns, at most 100$/m);
    expect(output).not.toContain('gelu.wgsl: line');
    change('shaders/helpers/gelu.wgsl', 'xxx', 'xxxx');
    expect(embed('--check').output).toMatch(
      /^shaders\/helpers\/gelu\.wgsl: line \d+ has 101 columns, at most 100$/m,
    );
  });

  it('rejects stores to components of vectors that invocations share, however they are spelled', () => {
    const stored = 'bests[local] = best;';
    const source = read('shaders/sample.wgsl');
    expect(source).toContain(stored);
    const refused = (replacement: string) => {
      writeFileSync(
        join(project, 'shaders/sample.wgsl'),
        source.replace(stored, `${stored}\n  ${replacement}`),
      );
      const { output } = embed('--check');
      return [...output.matchAll(/writes a component of a vector of (\w+)/g)].map(
        ([, name]) => name,
      );
    };
    // The tiles of a matrix product were stored like the first of these.
    expect(refused('bests[local / 2u][local % 2u] = 1u;')).toEqual(['bests']);
    expect(refused('bests[local].y = 1u;')).toEqual(['bests']);
    expect(refused('bests [ min(local, u32(vec2u(1u)[0])) ] .x += 1u;')).toEqual(['bests']);
    expect(refused('// One invocation owns the vector.\n  bests[local].y = 1u;')).toEqual([]);
    expect(refused('let y = bests[local].y == 1u;')).toEqual([]);
    expect(refused('var own = vec2f();\n  own.y = 1u;')).toEqual([]);
  });

  it('rejects a header without one of its sections, or with them in another order', () => {
    change('shaders/sample.wgsl', '// Numerics f32.', '// Numbers  f32.');
    expect(embed()).toEqual({
      status: 1,
      output:
        'shaders/sample.wgsl: its header has the sections Shapes, Grid, Memory, Numbers; ' +
        'it should have Shapes, Grid, Memory, Numerics, each as "// Shapes   text"\n',
    });
  });

  it('rejects a shader that cannot be parsed', () => {
    change('shaders/sample.wgsl', 'const WG = 32u;', 'const WG = 32u');
    const { status, output } = embed();
    expect(status).toBe(1);
    expect(output).toMatch(/^shaders\/sample\.wgsl: wgsl_reflect cannot parse it: .+$/m);
  });
});
