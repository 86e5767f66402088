/** Pages and their workers, bundled as a bundler that knows modules would lay them side by side, and a server of them. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What makes a page cross-origin isolated, so that its threads share memory. */
export const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** What a server answers to every other path. The headless browser has no fonts, without which it cannot draw a file input. */
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
 * Bundles of some entries and of the library's workers, by path.
 *
 * @param entries sources by the name their bundle has, absolute or relative to this folder; `page` is what a page loads.
 */
export async function bundlePages(
  entries: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const built = await build({
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
  return new Map(built.outputFiles.map(({ path, text }) => [path, text]));
}

export interface Site {
  readonly server: Server;
  /** With a slash at its end. */
  readonly address: string;
}

/** A server of bundles, whose other paths are a page that loads `page.js`, unless `answer` does. */
export async function servePages(
  files: ReadonlyMap<string, string>,
  headers: Readonly<Record<string, string>> = {},
  answer: (path: string, request: IncomingMessage, response: ServerResponse) => boolean = () =>
    false,
): Promise<Site> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (answer(path, request, response)) return;
    const script = files.get(path);
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ?? PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, address: `http://localhost:${port}/` };
}
