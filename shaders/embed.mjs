// Reads every shader with wgsl_reflect, checks the house rules, and writes src/gpu/shaders.gen.ts:
// the sources, each kernel's bindings and parameter layout, and TypeScript types for its arguments;
// and src/version.gen.ts, the version of package.json.
// `npm run shaders`; with --check only the rules are checked.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WgslParser, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const OUTPUT = fileURLToPath(new URL('../src/gpu/shaders.gen.ts', import.meta.url));
const VERSION_OUTPUT = fileURLToPath(new URL('../src/version.gen.ts', import.meta.url));
const MANIFEST = new URL('../package.json', import.meta.url);

const MAX_STORAGE_BUFFERS = 8;
const MAX_PARAMETER_BYTES = 64;
const MAX_WORKGROUP_BYTES = 16384;
const HEADER_WORDS = ['Grid', 'Numerics'];
const SCALARS = { u32: 'number', i32: 'number', f32: 'number' };
const RESOURCE_UNIFORM = 0;

const problems = [];
/** Helper functions seen so far: name -> { file, text }. A name means one thing in every file. */
const helpers = new Map();

function complain(file, message) {
  problems.push(`shaders/${file}: ${message}`);
}

/** Top-level `const NAME = value;` declarations, which specialisation may rewrite. */
function constantsOf(source) {
  const constants = {};
  for (const [, name, value] of source.matchAll(/^const (\w+)(?:: \w+)? = ([^;]+);$/gm)) {
    if (/^\d+u$/.test(value)) constants[name] = Number.parseInt(value, 10);
    else if (value === 'true' || value === 'false') constants[name] = value === 'true';
  }
  return constants;
}

function checkHeader(file, source) {
  const header = source.slice(0, source.search(/^[^/]/m));
  for (const word of HEADER_WORDS) {
    if (!new RegExp(`^// +${word}\\b`, 'm').test(header)) {
      complain(file, `the header has no "${word}" line`);
    }
  }
}

/** Two files may each hold a helper (a shader file is whole by itself), but only the same helper. */
function checkHelpers(file, source) {
  for (const [text, name] of source.matchAll(
    /^fn (hash4|keep|keep_vec|normal_cdf4?|gelu_grad4?|tanh_stable4?|dropout_words|hide|row_sum|group_sum|code4?|load_\w+)\([\s\S]*?^}$/gm,
  )) {
    const known = helpers.get(name);
    if (!known) helpers.set(name, { file, text });
    else if (known.text !== text)
      complain(file, `fn ${name} differs from the one in ${known.file}`);
  }
}

/** The bits of the matmul epilogue mean the same in both of its files. */
function checkFlags(shaders) {
  const [direct, tiled] = ['matmul_direct', 'matmul_tiled'].map((name) =>
    shaders.find((s) => s.file === name),
  );
  for (const [name, value] of Object.entries(tiled.constants)) {
    const other = direct.constants[name];
    if (other !== undefined && name !== 'WG' && other !== value) {
      complain(
        'matmul_tiled.wgsl',
        `const ${name} is ${value}, but ${other} in matmul_direct.wgsl`,
      );
    }
  }
}

/** The text of an entry point and of every function it calls, directly or through others. */
function reachableText(source, entry) {
  const functions = new Map(
    [...source.matchAll(/^fn (\w+)\([\s\S]*?^}$/gm)].map(([text, name]) => [name, text]),
  );
  const reached = new Set([entry]);
  for (const name of reached) {
    for (const [, called] of functions.get(name).matchAll(/\b(\w+)\(/g))
      if (functions.has(called)) reached.add(called);
  }
  return [...reached].map((name) => functions.get(name)).join('\n');
}

/** Bytes of the workgroup variables that an entry point uses. */
function workgroupBytes(reflection, source, entry) {
  const text = reachableText(source, entry);
  let total = 0;
  for (const node of new WgslParser().parse(source)) {
    if (node.astNodeType !== 'var' || node.storage !== 'workgroup') continue;
    if (new RegExp(`\\b${node.name}\\b`).test(text))
      total += reflection.getTypeInfo(node.type).size;
  }
  return total;
}

function bindingOf(file, entry, resource) {
  if (resource.group !== 0) complain(file, `${entry.name}: ${resource.name} is not in group 0`);
  const uniform = resource.resourceType === RESOURCE_UNIFORM;
  return {
    name: resource.name,
    binding: resource.binding,
    kind: uniform ? 'uniform' : resource.access === 'read_write' ? 'storage' : 'read-only-storage',
  };
}

function kernelOf(file, entry) {
  const resources = entry.resources.filter((r) => r.name !== 'params');
  const params = entry.resources.find((r) => r.name === 'params');
  const bindings = resources
    .map((r) => bindingOf(file, entry, r))
    .sort((p, q) => p.binding - q.binding);
  const storage = bindings.filter((b) => b.kind !== 'uniform').length;
  if (storage > MAX_STORAGE_BUFFERS) {
    complain(
      file,
      `${entry.name} binds ${storage} storage buffers, at most ${MAX_STORAGE_BUFFERS}`,
    );
  }
  const members = (params?.type.members ?? []).map((m) => {
    if (!(m.type.name in SCALARS)) complain(file, `parameter ${m.name} is no scalar`);
    return { name: m.name, type: m.type.name, offset: m.offset };
  });
  const bytes = members.length * 4;
  if (bytes > MAX_PARAMETER_BYTES) {
    complain(
      file,
      `${entry.name} has ${bytes} bytes of parameters, at most ${MAX_PARAMETER_BYTES}`,
    );
  }
  return { entry: entry.name, bindings, params: members, paramBytes: bytes };
}

function readShader(file) {
  const source = readFileSync(FOLDER + file, 'utf8');
  const reflection = new WgslReflect(source);
  checkHeader(file, source);
  checkHelpers(file, source);
  for (const { name } of reflection.entry.compute) {
    const bytes = workgroupBytes(reflection, source, name);
    if (bytes > MAX_WORKGROUP_BYTES) {
      complain(
        file,
        `${name} has ${bytes} bytes of workgroup memory as declared, at most ${MAX_WORKGROUP_BYTES}`,
      );
    }
  }
  const constants = constantsOf(source);
  if (!('WG' in constants)) complain(file, 'declares no `const WG`, its workgroup size');
  return {
    file: file.replace('.wgsl', ''),
    source,
    constants,
    kernels: reflection.entry.compute.map((entry) => kernelOf(file, entry)),
  };
}

function render(shaders) {
  const lines = [
    '// Written by shaders/embed.mjs from shaders/*.wgsl: do not edit.',
    "import type { KernelInfo, ShaderInfo } from './kernels.js';",
    '',
    '/** Every kernel: the names of its buffers, its scalar parameters, and the constants it can be specialised by. */',
    'export interface Kernels {',
  ];
  for (const { file, constants, kernels } of shaders) {
    const names = Object.entries(constants).map(([n, v]) => `${n}?: ${typeof v}`);
    for (const k of kernels) {
      const buffers = k.bindings.map((b) => `'${b.name}'`).join(' | ') || 'never';
      const params = k.params.map((p) => `${p.name}: ${SCALARS[p.type]}`).join('; ');
      lines.push(`  '${file}.${k.entry}': {`);
      lines.push(`    buffers: ${buffers};`);
      lines.push(`    params: { ${params} };`);
      lines.push(`    constants: { ${names.join('; ')} };`);
      lines.push('  };');
    }
  }
  lines.push('}', '', 'export const SHADERS: Record<string, ShaderInfo> = {');
  for (const { file, source, constants } of shaders) {
    lines.push(`  ${file}: {`);
    lines.push(`    constants: ${JSON.stringify(constants)},`);
    lines.push(`    source: ${JSON.stringify(source)},`);
    lines.push('  },');
  }
  lines.push('};', '', 'export const KERNELS: Record<keyof Kernels, KernelInfo> = {');
  for (const { file, kernels } of shaders) {
    for (const k of kernels)
      lines.push(`  '${file}.${k.entry}': ${JSON.stringify({ shader: file, ...k })},`);
  }
  lines.push('};', '');
  return lines.join('\n');
}

const files = readdirSync(FOLDER)
  .filter((f) => f.endsWith('.wgsl'))
  .sort();
const shaders = files.map(readShader);
checkFlags(shaders);
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
if (!process.argv.includes('--check')) {
  writeFileSync(OUTPUT, render(shaders));
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  writeFileSync(
    VERSION_OUTPUT,
    `// Written by shaders/embed.mjs from package.json: do not edit.\n/** The version of this package. */\nexport const VERSION = '${version}';\n`,
  );
}
const count = shaders.reduce((n, s) => n + s.kernels.length, 0);
console.log(`${count} kernels in ${files.length} shaders: house rules hold`);
