// Embeds the shaders: brings the copies of shaders/helpers/ in shaders/*.wgsl up to date, checks
// the house rules, and writes
//   src/gpu/shaders.gen.ts   the sources; each kernel's bindings and parameter layout, as found by
//                            wgsl_reflect; TypeScript types for its arguments
//   src/version.gen.ts       the version in package.json
//
// `npm run shaders`. With --check it writes nothing, and a stale copy breaks a rule.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WgslParser, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { componentStores, OWNED } from './component-stores.mjs';
import { refreshCopies, withoutCopies } from './copies.mjs';

const SHADER_FOLDER = fileURLToPath(new URL('.', import.meta.url));
const HELPER_FOLDER = `${SHADER_FOLDER}helpers/`;
const SHADERS_OUTPUT = fileURLToPath(new URL('../src/gpu/shaders.gen.ts', import.meta.url));
const VERSION_OUTPUT = fileURLToPath(new URL('../src/version.gen.ts', import.meta.url));
const MANIFEST = new URL('../package.json', import.meta.url);

const MAX_COLUMNS = 100;
/** What WebGPU's default limits allow: storage buffers per stage, immediates, workgroup memory. */
const MAX_STORAGE_BUFFERS = 8;
const MAX_PARAMETER_BYTES = 64;
const MAX_WORKGROUP_BYTES = 16384;
/** Sections of every header, in this order. */
const HEADER_SECTIONS = ['Shapes', 'Grid', 'Memory', 'Numerics'];
/** A section's name and the spaces that align its text. */
const HEADER_LABEL_COLUMNS = 9;
/** TypeScript's types for the scalars that a parameter may be. */
const SCALAR_TYPES = { u32: 'number', i32: 'number', f32: 'number' };
const RESOURCE_UNIFORM = 0;
const FUNCTION = /^fn (\w+)\([\s\S]*?^}$/gm;

const isCheck = process.argv.includes('--check');
const problems = [];

function reportProblem(file, message) {
  problems.push(`shaders/${file}: ${message}`);
}

function wgslFiles(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.wgsl'))
    .sort();
}

function readHelpers() {
  return new Map(
    wgslFiles(HELPER_FOLDER).map((file) => {
      const text = readFileSync(HELPER_FOLDER + file, 'utf8');
      checkColumns(`helpers/${file}`, text);
      return [file.replace('.wgsl', ''), text];
    }),
  );
}

/** A shader's source with its copies up to date; writes it back unless run with --check. */
function readSource(file, helpers, usedHelpers) {
  const source = readFileSync(SHADER_FOLDER + file, 'utf8');
  try {
    const refreshed = refreshCopies(source, helpers);
    for (const name of refreshed.used) usedHelpers.add(name);
    for (const name of refreshed.stale) {
      if (isCheck)
        reportProblem(
          file,
          `its copy of helpers/${name}.wgsl is stale; \`npm run shaders\` updates it`,
        );
      else console.log(`shaders/${file}: updated its copy of helpers/${name}.wgsl`);
    }
    if (!isCheck && refreshed.stale.length > 0)
      writeFileSync(SHADER_FOLDER + file, refreshed.source);
    return refreshed.source;
  } catch (error) {
    reportProblem(file, error.message);
    return source;
  }
}

function checkColumns(file, source) {
  for (const [n, line] of source.split('\n').entries()) {
    if (line.length > MAX_COLUMNS)
      reportProblem(file, `line ${n + 1} has ${line.length} columns, at most ${MAX_COLUMNS}`);
  }
}

/** The header is the comment at the top of a file, with every section once and in order. */
function checkHeader(file, source) {
  const header = source.slice(0, source.search(/^[^/]/m));
  const sections = [...header.matchAll(/^\/\/ ([A-Z][a-z]+ +)\S/gm)]
    .filter(([, label]) => label.length === HEADER_LABEL_COLUMNS)
    .map(([, label]) => label.trim());
  if (sections.join() !== HEADER_SECTIONS.join())
    reportProblem(
      file,
      `its header has the sections ${sections.join(', ') || '(none)'}; ` +
        `it should have ${HEADER_SECTIONS.join(', ')}, each as "// ${'Shapes'.padEnd(HEADER_LABEL_COLUMNS)}text"`,
    );
}

function checkComponentStores(file, source) {
  for (const { line, name } of componentStores(source))
    reportProblem(
      file,
      `line ${line} writes a component of a vector of ${name}, which may write the whole vector: ` +
        `write whole vectors, or say in the line above "${OWNED}"`,
    );
}

/** A function that two shaders spell alike belongs in shaders/helpers/. */
function checkDuplicates(shaders) {
  const owners = new Map();
  for (const { file, source } of shaders) {
    for (const [text, name] of withoutCopies(source).matchAll(FUNCTION)) {
      const owner = owners.get(text);
      if (owner)
        reportProblem(
          `${file}.wgsl`,
          `fn ${name} is the same as in ${owner}.wgsl: move it to shaders/helpers/`,
        );
      else owners.set(text, file);
    }
  }
}

/** Top-level `const NAME = value;` declarations whose value the host may replace. */
function specializableConstants(source) {
  const constants = {};
  for (const [, name, value] of source.matchAll(/^const (\w+)(?:: \w+)? = ([^;]+);$/gm)) {
    if (/^\d+u$/.test(value)) constants[name] = Number.parseInt(value, 10);
    else if (value === 'true' || value === 'false') constants[name] = value === 'true';
  }
  return constants;
}

/** The text of an entry point and of every function it calls, directly or through others. */
function reachableText(source, entry) {
  const functions = new Map([...source.matchAll(FUNCTION)].map(([text, name]) => [name, text]));
  const reached = new Set([entry]);
  for (const name of reached) {
    for (const [, callee] of functions.get(name).matchAll(/\b(\w+)\(/g))
      if (functions.has(callee)) reached.add(callee);
  }
  return [...reached].map((name) => functions.get(name)).join('\n');
}

/** The workgroup variables of a shader with their bytes. */
function workgroupVariables(reflection, source) {
  return new WgslParser()
    .parse(source)
    .filter(({ astNodeType, storage }) => astNodeType === 'var' && storage === 'workgroup')
    .map(({ name, type }) => ({ name, bytes: reflection.getTypeInfo(type).size }));
}

function describeBinding(file, entry, resource) {
  if (resource.group !== 0)
    reportProblem(file, `${entry.name}: ${resource.name} is not in group 0`);
  const isUniform = resource.resourceType === RESOURCE_UNIFORM;
  return {
    name: resource.name,
    binding: resource.binding,
    kind: isUniform
      ? 'uniform'
      : resource.access === 'read_write'
        ? 'storage'
        : 'read-only-storage',
  };
}

function describeKernel(file, entry) {
  const resources = entry.resources.filter((r) => r.name !== 'params');
  const params = entry.resources.find((r) => r.name === 'params');
  const bindings = resources
    .map((r) => describeBinding(file, entry, r))
    .sort((p, q) => p.binding - q.binding);
  const storage = bindings.filter((b) => b.kind !== 'uniform').length;
  if (storage > MAX_STORAGE_BUFFERS) {
    reportProblem(
      file,
      `${entry.name} binds ${storage} storage buffers, at most ${MAX_STORAGE_BUFFERS}`,
    );
  }
  const members = (params?.type.members ?? []).map((m) => {
    if (!(m.type.name in SCALAR_TYPES)) reportProblem(file, `parameter ${m.name} is not a scalar`);
    return { name: m.name, type: m.type.name, offset: m.offset };
  });
  const bytes = members.length * 4;
  if (bytes > MAX_PARAMETER_BYTES) {
    reportProblem(
      file,
      `${entry.name} has ${bytes} bytes of parameters, at most ${MAX_PARAMETER_BYTES}`,
    );
  }
  return { entry: entry.name, bindings, params: members, paramBytes: bytes };
}

/** What shaders.gen.ts says of a shader, or nothing where it cannot be parsed. */
function describeShader(file, source) {
  checkColumns(file, source);
  checkHeader(file, source);
  checkComponentStores(file, source);
  let reflection;
  try {
    reflection = new WgslReflect(source);
  } catch (error) {
    reportProblem(file, `wgsl_reflect cannot parse it: ${error.message}`);
    return [];
  }
  const variables = workgroupVariables(reflection, source);
  for (const { name } of reflection.entry.compute) {
    const text = reachableText(source, name);
    const bytes = variables
      .filter((variable) => new RegExp(`\\b${variable.name}\\b`).test(text))
      .reduce((sum, variable) => sum + variable.bytes, 0);
    if (bytes > MAX_WORKGROUP_BYTES) {
      reportProblem(
        file,
        `${name} has ${bytes} bytes of workgroup memory as declared, at most ${MAX_WORKGROUP_BYTES}`,
      );
    }
  }
  const constants = specializableConstants(source);
  if (!('WG' in constants)) reportProblem(file, 'declares no `const WG`, its workgroup size');
  const kernels = reflection.entry.compute.map((entry) => describeKernel(file, entry));
  return [{ file: file.replace('.wgsl', ''), source, constants, kernels }];
}

/** The text of src/gpu/shaders.gen.ts. */
function render(shaders) {
  const lines = [
    '// Written by shaders/embed.mjs from shaders/*.wgsl: do not edit.',
    "import type { KernelInfo, ShaderInfo } from './kernels.js';",
    '',
    '/** Every kernel: the names of its buffers, its scalar parameters, and its constants. */',
    'export interface Kernels {',
  ];
  for (const { file, constants, kernels } of shaders) {
    const names = Object.entries(constants).map(([n, v]) => `${n}?: ${typeof v}`);
    for (const k of kernels) {
      const buffers = k.bindings.map((b) => `'${b.name}'`).join(' | ') || 'never';
      const params = k.params.map((p) => `${p.name}: ${SCALAR_TYPES[p.type]}`).join('; ');
      lines.push(`  '${file}.${k.entry}': {`);
      lines.push(`    buffers: ${buffers};`);
      lines.push(`    params: { ${params} };`);
      lines.push(`    constants: { ${names.join('; ')} };`);
      lines.push('  };');
    }
  }
  lines.push('}', '', '/** Sources and constants by the name of the file, without `.wgsl`. */');
  lines.push('export const SHADERS: Record<string, ShaderInfo> = {');
  for (const { file, source, constants } of shaders) {
    lines.push(`  ${file}: {`);
    lines.push(`    constants: ${JSON.stringify(constants)},`);
    lines.push(`    source: ${JSON.stringify(source)},`);
    lines.push('  },');
  }
  lines.push('};', '', '/** Entry points as `file.entry`: their bindings and parameters. */');
  lines.push('export const KERNELS: Record<keyof Kernels, KernelInfo> = {');
  for (const { file, kernels } of shaders) {
    for (const k of kernels)
      lines.push(`  '${file}.${k.entry}': ${JSON.stringify({ shader: file, ...k })},`);
  }
  lines.push('};', '');
  return lines.join('\n');
}

function renderVersion() {
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  return `// Written by shaders/embed.mjs from package.json: do not edit.\n/** The version of this package. */\nexport const VERSION = '${version}';\n`;
}

const helpers = readHelpers();
const usedHelpers = new Set();
const shaders = wgslFiles(SHADER_FOLDER).flatMap((file) =>
  describeShader(file, readSource(file, helpers, usedHelpers)),
);
checkDuplicates(shaders);
for (const name of helpers.keys()) {
  if (!usedHelpers.has(name)) reportProblem(`helpers/${name}.wgsl`, 'no shader has a copy of it');
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
if (!isCheck) {
  writeFileSync(SHADERS_OUTPUT, render(shaders));
  writeFileSync(VERSION_OUTPUT, renderVersion());
}
const count = shaders.reduce((n, s) => n + s.kernels.length, 0);
console.log(`${count} kernels in ${shaders.length} shaders: house rules hold`);
