/**
 * Bundles pages and their workers into separate modules, as a bundler for the web does, and serves
 * them.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Headers that make a page cross-origin isolated, so that its threads can share memory. */
export const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/**
 * What a server answers to every other path. The headless browser has no fonts, without which it
 * cannot draw a file input.
 */
const PAGE = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>test</title>
<style>input { display: none }</style>
<body><script type="module" src="page.js"></script>`;

const file = (path: string) =>
  isAbsolute(path) ? path : fileURLToPath(new URL(path, import.meta.url));

/** The library's own workers: of the CPU device's threads, and of HDF5. */
const LIBRARY_WORKERS = {
  worker: '../../src/cpu/threads/worker.ts',
  'hdf5-worker': '../../src/formats/hdf5/hdf5-worker.ts',
};

/**
 * Bundles modules for the web, with the library's workers.
 *
 * @param entries paths of sources, absolute or relative to this folder, by the name of their
 *   bundle; a page loads the bundle named `page`.
 * @returns the text of each bundle by its path on the server.
 */
export async function bundlePages(
  entries: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const result = await build({
    entryPoints: Object.fromEntries(
      Object.entries({ ...LIBRARY_WORKERS, ...entries }).map(([name, path]) => [name, file(path)]),
    ),
    bundle: true,
    write: false,
    outdir: '/',
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
  return new Map(result.outputFiles.map(({ path, text }) => [path, text]));
}

/** A running server. */
export interface Site {
  /** The server, which the caller has to close. */
  readonly server: Server;
  /** Its URL, with a slash at the end. */
  readonly address: string;
}

/**
 * Serves bundles. Every other path is a page that loads `page.js`.
 *
 * @param respond answers a request itself and returns true, or returns false.
 */
export async function servePages(
  files: ReadonlyMap<string, string>,
  headers: Readonly<Record<string, string>> = {},
  respond: (path: string, request: IncomingMessage, response: ServerResponse) => boolean = () =>
    false,
): Promise<Site> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (respond(path, request, response)) return;
    const script = files.get(path);
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ?? PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, address: `http://localhost:${port}/` };
}
