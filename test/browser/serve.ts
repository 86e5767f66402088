/** Pages and their workers, bundled as a bundler that knows modules would lay them side by side, and a server of them. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What makes a page cross-origin isolated, so that its threads share memory. */
export const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles of some entries, by path.
 *
 * @param entries sources by the name their bundle has, relative to this folder; `page` is what a page loads.
 */
export async function bundlePages(
  entries: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const built = await build({
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [name, file(path)]),
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
    response.end(
      script ??
        '<!doctype html><link rel="icon" href="data:,"><title>test</title><script type="module" src="page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, address: `http://localhost:${port}/` };
}
