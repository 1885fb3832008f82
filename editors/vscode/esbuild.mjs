// node esbuild.mjs            bundles the extension into dist/extension.js
// node esbuild.mjs --tests    bundles test/*.test.ts into out/, for `node --test`
import { build } from 'esbuild';
import { readdirSync } from 'node:fs';

const common = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' };

if (process.argv.includes('--tests')) {
  const entryPoints = readdirSync('test').filter(name => name.endsWith('.test.ts')).map(name => `test/${name}`);
  await build({ ...common, entryPoints, outdir: 'out', outExtension: { '.js': '.cjs' } });
} else {
  await build({ ...common, entryPoints: ['src/extension.ts'], outfile: 'dist/extension.js', external: ['vscode'], minify: true, legalComments: 'none' });
}
