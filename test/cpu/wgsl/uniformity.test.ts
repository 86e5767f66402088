import { describe, expect, it } from 'vitest';
import { specialize } from '../../../src/gpu/kernels.js';
import { SHADERS } from '../../../src/gpu/shaders.gen.js';
import { Random } from '../helpers/random.js';
import { randomBarriers } from './random-barriers.js';
import { checkError, deviceError, moduleError, useDevices, versions } from './shaders.js';

const devices = useDevices();

const DECLARATIONS = `
@group(0) @binding(0) var<storage, read_write> results: array<u32>;
@group(0) @binding(1) var<storage> constants: array<u32>;
@group(0) @binding(2) var<uniform> steps: u32;
var<private> private_value: u32;
var<workgroup> shared_value: u32;
var<workgroup> table: array<u32, 4>;
`;
const INPUTS = [
  '@builtin(local_invocation_index) local: u32',
  '@builtin(local_invocation_id) local_id: vec3u',
  '@builtin(global_invocation_id) global: vec3u',
  '@builtin(workgroup_id) group: vec3u',
  '@builtin(num_workgroups) count: vec3u',
].join(', ');

/** A shader with the given statements in its entry point and additional declarations. */
function shader(statements: string, declarations = ''): string {
  return `${DECLARATIONS}${declarations}
@compute @workgroup_size(4) fn main(${INPUTS}) { ${statements} }`;
}

/**
 * Declares tests of programs with marks «varying⇒uniform»: both devices reject the varying version
 * for its uniformity and accept the uniform version.
 */
function testUniformity(
  cases: readonly (readonly [statements: string, declarations?: string])[],
): void {
  it.each(cases.map(([statements, declarations = '']) => [statements, declarations] as const))(
    '%s',
    async (statements, declarations) => {
      const { wrong, right } = versions(shader(statements, declarations));
      expect(checkError(wrong)).toContain('which may differ between them');
      expect(await deviceError(devices().dawn, wrong)).toMatch(
        /uniform control flow|to be uniform/,
      );
      expect(checkError(right)).toBeUndefined();
      expect(await deviceError(devices().dawn, right)).toBeUndefined();
    },
  );
}

describe('a condition', () => {
  testUniformity([
    ['if «local⇒steps» == 0 { workgroupBarrier(); }'],
    ['if «local_id⇒group».x == 0 { storageBarrier(); }'],
    ['if «global⇒count».y == 0 { workgroupBarrier(); }'],
    ['if «private_value⇒steps» == 0 { workgroupBarrier(); }'],
    ['if «shared_value⇒workgroupUniformLoad(&shared_value)» == 0 { workgroupBarrier(); }'],
    ['if «results⇒constants»[0] == 0 { workgroupBarrier(); }'],
    ['if constants[«local⇒group.x»] == 0 { workgroupBarrier(); }'],
    ['if steps == 0 { } else if «local⇒steps» == 1 { } else { workgroupBarrier(); }'],
    ['switch «local⇒steps» { case 1 { workgroupBarrier(); } default { } }'],
    ['if false { if «local⇒steps» == 0 { workgroupBarrier(); } }'],
    ['if false && «local⇒steps» == 0 { workgroupBarrier(); }'],
    ['if select(1u, 2u, «local⇒steps» > 2) == 1 { workgroupBarrier(); }'],
    ['if vec2u(0, «local⇒steps»).y == 1 { workgroupBarrier(); }'],
    ['if arrayLength(&results) > «local⇒3» { workgroupBarrier(); }'],
  ]);
});

describe('a variable', () => {
  testUniformity([
    ['var x = «local⇒steps»; if x == 0 { workgroupBarrier(); }'],
    ['let x = «local⇒steps» + 1; let y = x * 2; if y == 0 { workgroupBarrier(); }'],
    ['var x = local; «⇒x = 1;» if x == 0 { workgroupBarrier(); }'],
    ['var x = 0u; x += «local⇒steps»; if x == 0 { workgroupBarrier(); }'],
    ['var x = 0u; if «local⇒steps» == 0 { x = 1; } if x == 0 { workgroupBarrier(); }'],
    [
      'var x = 0u; if local == 0 { x = 1; } «⇒else { x = 2; } x = 3;» if x == 0 { workgroupBarrier(); }',
    ],
    ['var x = vec2u(); x.y = «local⇒steps»; if x.x == 0 { workgroupBarrier(); }'],
    ['var x: array<u32, 4>; x[«local⇒steps»] = 1; if x[0] == 0 { workgroupBarrier(); }'],
    ['var x = local; let p = &x; «⇒*p = 1;» if x == 0 { workgroupBarrier(); }'],
    [
      'var x: array<u32, 4>; let p = &x[«local⇒steps»]; *p = 1; if x[0] == 0 { workgroupBarrier(); }',
    ],
    ['var x = 0u; let p = &x; *p = «local⇒steps»; if x == 0 { workgroupBarrier(); }'],
    ['var x = steps; x = «private_value⇒x»; if x == 0 { workgroupBarrier(); }'],
    [
      'table[local] = 1; let x = «table[0]⇒workgroupUniformLoad(&table[0])»; if x == 0 { workgroupBarrier(); }',
    ],
  ]);
});

describe('a loop', () => {
  testUniformity([
    ['for (var i = «local⇒0u»; i < steps; i++) { workgroupBarrier(); }'],
    ['for (var i = 0u; i < «local⇒steps»; i++) { workgroupBarrier(); }'],
    ['for (var i = 0u; i < steps; i += «local⇒1») { workgroupBarrier(); }'],
    ['while «results⇒constants»[0] > 0 { workgroupBarrier(); }'],
    ['loop { if «local⇒steps» > 2 { break; } workgroupBarrier(); }'],
    ['loop { workgroupBarrier(); if «local⇒steps» > 2 { break; } }'],
    ['loop { workgroupBarrier(); continuing { break if «local⇒steps» > 2; } }'],
    ['loop { continuing { workgroupBarrier(); break if «local⇒steps» > 2; } }'],
    [
      'for (var i = 0u; i < steps; i++) { if «local⇒steps» == i { continue; } workgroupBarrier(); }',
    ],
    [
      'for (var i = 0u; i < steps; i++) { workgroupBarrier(); if «local⇒steps» == i { continue; } _ = i; }',
    ],
    [
      'for (var i = 0u; i < steps; i++) { switch «local⇒steps» { case 1 { continue; } default { } } workgroupBarrier(); }',
    ],
    [
      'var x = 0u; for (var i = 0u; i < «local⇒steps»; i++) { x += 1; } if x == 0 { workgroupBarrier(); }',
    ],
    [
      'var x = 0u; loop { x += 1; if x > «local⇒steps» { break; } } if x == 1 { workgroupBarrier(); }',
    ],
    [
      'var x = 0u; var y = 0u; for (var i = 0u; i < 4; i++) { if x == 1 { workgroupBarrier(); } x = y; y = «local⇒steps»; }',
    ],
    [
      'for (var i = 0u; i < 4; i++) { for (var j = 0u; j < «local⇒i»; j++) { workgroupBarrier(); } }',
    ],
    ['for (var i = 0u; i < 4; i++) { if «local⇒steps» == i { return; } } workgroupBarrier();'],
    ['loop { if «local⇒steps» == 1 { return; } break; } workgroupBarrier();'],
  ]);
});

describe('a barrier after varying control flow has ended is accepted', () => {
  it.each([
    'for (var i = local; i < steps; i++) { } workgroupBarrier();',
    'loop { if local > 2 { break; } } workgroupBarrier();',
    'for (var i = 0u; i < 4; i++) { if local == i { continue; } } workgroupBarrier();',
    'for (var i = 0u; i < 4; i++) { for (var j = 0u; j < local; j++) { } workgroupBarrier(); }',
    'switch local { case 1 { break; } default { } } workgroupBarrier();',
    'if local == 0 { private_value = 1; } else { private_value = 2; } workgroupBarrier();',
    'if local == 0 { return; workgroupBarrier(); }',
    'var x = 0u; if steps == 0 { x = local; return; } if x == 0 { workgroupBarrier(); }',
    'var x = 0u; switch steps { case 0 { x = local; return; } default { } } if x == 0 { workgroupBarrier(); }',
  ])('%s', async (statements) => {
    expect(checkError(shader(statements))).toBeUndefined();
    expect(await deviceError(devices().dawn, shader(statements))).toBeUndefined();
  });
});

describe('an early exit', () => {
  testUniformity([
    ['if «local⇒steps» == 0 { return; } workgroupBarrier();'],
    ['if steps == 0 { if «local⇒steps» == 0 { return; } } workgroupBarrier();'],
    [
      'switch steps { case 0 { if «local⇒steps» == 0 { return; } } default { } } workgroupBarrier();',
    ],
    ['{ if «local⇒steps» == 0 { return; } } { workgroupBarrier(); }'],
    [
      'switch steps { case 0 { if «local⇒steps» == 0 { break; } workgroupBarrier(); } default { } }',
    ],
  ]);
});

describe('&& and ||', () => {
  const load = 'fn load() -> bool { return workgroupUniformLoad(&shared_value) == 0; }';
  const write = 'fn write(p: ptr<function, u32>) -> bool { *p = 1; return true; }';
  testUniformity([
    ['_ = «local⇒steps» == 0 && load();', load],
    ['_ = (load() || «local⇒steps» == 0) && load();', load],
    ['_ = steps == 0 || («local⇒steps» == 0 && load());', load],
    ['var x = «local⇒2u»; _ = steps == 0 && write(&x); if x == 1 { workgroupBarrier(); }', write],
  ]);
});

describe('a function', () => {
  const wait = 'fn wait(n: u32) { if n == 0 { workgroupBarrier(); } }';
  const early = 'fn early(n: u32) { if n == 0 { return; } private_value = n; }';
  const twice = 'fn twice(n: u32) -> u32 { return n * 2; }';
  const varies = 'fn varies(n: u32) -> u32 { if private_value == n { return 1; } return 2; }';
  const store = 'fn store(p: ptr<function, u32>, n: u32) { *p = n; }';
  const test = 'fn test(p: ptr<function, u32>) { if *p == 0 { workgroupBarrier(); } }';
  const fetch = 'fn fetch(p: ptr<workgroup, u32>) -> u32 { return *p; }';
  const lookup = 'fn lookup(p: ptr<storage, array<u32>>, i: u32) -> u32 { return p[i]; }';
  const element = 'fn element(i: u32) -> u32 { return workgroupUniformLoad(&table[i]); }';
  testUniformity([
    ['if «local⇒steps» == 1 { wait(steps); }', wait],
    ['wait(«local⇒steps»);', wait],
    ['outer(«local⇒steps»);', `${wait} fn outer(n: u32) { wait(n + 1); }`],
    ['outer(«local⇒steps»);', `${wait} fn outer(n: u32) { if n == 3 { wait(1); } }`],
    ['if twice(«local⇒steps») == 2 { workgroupBarrier(); }', twice],
    ['if «varies⇒twice»(steps) == 2 { workgroupBarrier(); }', `${twice} ${varies}`],
    ['var x = 0u; store(&x, «local⇒steps»); if x == 0 { workgroupBarrier(); }', store],
    [
      'var x = 0u; if «local⇒steps» == 0 { store(&x, 1); } if x == 0 { workgroupBarrier(); }',
      store,
    ],
    ['var x = local; «⇒store(&x, 1);» if x == 0 { workgroupBarrier(); }', store],
    [
      'var x = 0u; if «local⇒steps» == 0 { _ = look(&x); } if x == 0 { workgroupBarrier(); }',
      'fn look(p: ptr<function, u32>) -> u32 { return *p; }',
    ],
    [
      'var x: array<u32, 2>; x[0] = «local⇒steps»; store(&x[1], 1); if x[0] == 0 { workgroupBarrier(); }',
      store,
    ],
    ['var x = «local⇒steps»; test(&x);', test],
    [
      'if «fetch⇒lookup»(&«shared_value⇒constants, 0») == 0 { workgroupBarrier(); }',
      `${fetch} ${lookup}`,
    ],
    ['if lookup(&constants, «local⇒steps») == 0 { workgroupBarrier(); }', lookup],
    ['_ = element(«local⇒steps»);', element],
    ['_ = workgroupUniformLoad(&table[«local⇒steps»]);'],
    ['«⇒_ = local;»', 'fn unused() { if «private_value⇒steps» == 0 { workgroupBarrier(); } }'],
  ]);

  it('that some invocations return from early is uniform after the call', () => {
    expect(checkError(shader('early(local); workgroupBarrier();', early))).toBeUndefined();
  });
});

it('treats a struct of inputs as varying if one member varies', async () => {
  const code = `
struct I { @builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) i: u32 }
@compute @workgroup_size(4) fn main(i: I, @builtin(num_workgroups) n: vec3u) {
  if «i.g⇒n».x == 0 { workgroupBarrier(); }
}`;
  const { wrong, right } = versions(code);
  expect(checkError(wrong)).toContain('depends on local_invocation_index (line 3)');
  expect(await deviceError(devices().dawn, wrong)).toContain('uniform control flow');
  expect(checkError(right)).toBeUndefined();
  expect(await deviceError(devices().dawn, right)).toBeUndefined();
});

describe('the error names the barrier, the varying value and the branch', () => {
  it.each([
    [
      `
if steps > 1 {
  let half = local / 2;
  if half > 0 {
    private_value = 1;
    workgroupBarrier();
  }
}`,
      'line 14, column 5: workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 12 depends on local_invocation_index (line 9), which may differ between them',
    ],
    [
      `
var x = 0u;
for (var i = 0u; i < steps; i++) {
  x += results[i];
}
while x > 2 { storageBarrier(); x--; }`,
      'line 14, column 15: storageBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 14 depends on var<storage, read_write> results (line 12), which may differ between them',
    ],
    [
      `
if shared_value == 0 { return; }
private_value = 1;
_ = workgroupUniformLoad(&table[0]);`,
      'line 12, column 5: workgroupUniformLoad must be reached by all invocations of a workgroup or by none, but the branch in line 10 depends on var<workgroup> shared_value (line 10), which may differ between them',
    ],
    [
      `
private_value = 1;
_ = workgroupUniformLoad(&table[private_value]);`,
      'line 11, column 5: all invocations of a workgroup must give workgroupUniformLoad the same address, but this one depends on var<private> private_value (line 11), which may differ between them',
    ],
  ])('%s', (statements, message) => {
    expect(checkError(shader(statements))).toBe(message);
  });

  it('even if the branch is in one function and the barrier in another', () => {
    const declarations = `
fn wait() {
  workgroupBarrier();
}
fn behind(p: ptr<workgroup, u32>) {
  if *p == 0 {
    wait();
  }
}`;
    expect(checkError(shader('behind(&shared_value);', declarations))).toBe(
      'line 10, column 3: workgroupBarrier must be reached by all invocations of a workgroup or by none, but the branch in line 13 depends on the var<workgroup> behind p (line 13), which may differ between them',
    );
  });
});

describe('all shaders of the project pass the analysis', () => {
  it.each(Object.entries(SHADERS))('%s', (name, { source, constants }) => {
    expect(checkError(specialize(name, source, constants, constants))).toBeUndefined();
  });
});

it('accepts and rejects the same random shaders as Dawn', async () => {
  const random = new Random(1);
  const disagreements: string[] = [];
  let [accepted, rejected] = [0, 0];
  for (let n = 0; n < 600; n++) {
    const code = randomBarriers(random);
    const cpu = checkError(code);
    const dawn = await moduleError(devices().dawn, code);
    if ((cpu === undefined) !== (dawn === undefined))
      disagreements.push(`${cpu}\n${dawn}\n${code}`);
    if (cpu === undefined) accepted += 1;
    else if (cpu.includes('which may differ between them')) rejected += 1;
  }
  expect(disagreements).toEqual([]);
  expect(accepted).toBeGreaterThan(100);
  expect(rejected).toBeGreaterThan(100);
});
