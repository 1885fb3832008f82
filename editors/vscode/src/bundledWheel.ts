/** The server's wheel that came with the extension. */

import { readdir } from 'node:fs/promises';
import * as path from 'node:path';

/** Its path. An extension that runs from its sources may have none: then the package index's name. */
export async function bundledWheel(extension: string): Promise<string> {
  const folder = path.join(extension, 'server');
  try {
    const wheel = (await readdir(folder)).find(name => name.endsWith('.whl'));
    return wheel ? path.join(folder, wheel) : 'starcoder-lsp';
  } catch {
    return 'starcoder-lsp';
  }
}
