// Drives VS Code in headless Chromium. Reads one JSON request a line on stdin, answers one a line on stdout.
// PLAYWRIGHT: a folder with node_modules/playwright-core; CHROMIUM: the browser.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(`${process.env.PLAYWRIGHT}/`)('playwright-core');

const context = await chromium.launchPersistentContext(process.env.PROFILE, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  viewport: { width: 1000, height: 560 },
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});
const page = context.pages()[0];
await page.addInitScript(defineScreen);

// runs in the page, before anything else there
function defineScreen() {
  const text = nodes => [...nodes].map(node => node.textContent.replaceAll('\u00a0', ' '));
  const all = selector => [...document.querySelectorAll(selector)];
  // what goes beyond the chosen entry of the list of completions has a class of its own
  const ghosts = () => all('.ghost-text-decoration, .ghost-text-decoration-preview');
  window.starcoderScreen = {
    // the rest of the cursor's line, then whole lines
    ghost: () => [
      ...(ghosts().length ? [text(ghosts()).join('')] : []),
      ...text(all('.suggest-preview-text .view-line').filter(line => line.querySelector('.ghost-text'))),
    ].join('\n'),
    // from top to bottom; a line's text includes its ghost
    lines: () => text(all('.editor-instance .view-lines > .view-line').sort((a, b) => parseInt(a.style.top) - parseInt(b.style.top))),
    status: () => text(all('[id^="starcoder-lsp.starcoder-lsp"], [id="status.progress"]')).map(line => line.trim()).filter(Boolean).join(' | '),
  };
}

// runs in the page
function sampleFrames() {
  const screen = window.starcoderScreen;
  const watch = { on: true, frames: [], keys: [], count: 0 };
  window.starcoderFrames = watch;
  watch.onKey = event => watch.keys.push({ key: event.key, ms: performance.timeOrigin + event.timeStamp });
  window.addEventListener('keydown', watch.onKey, true);
  const sample = () => {
    const frame = { ghost: screen.ghost(), lines: screen.lines(), status: screen.status() };
    const seen = JSON.stringify(frame);
    watch.count += 1;
    if (watch.seen !== seen) {
      watch.seen = seen;
      watch.frames.push({ ms: performance.timeOrigin + performance.now(), ...frame });
    }
    if (watch.on) {
      requestAnimationFrame(sample);
    }
  };
  sample();
}

const operations = {
  open: ({ url }) => page.goto(url, { waitUntil: 'domcontentloaded' }),
  type: ({ text, delay }) => page.keyboard.type(text, { delay }),
  insert: ({ text }) => page.keyboard.insertText(text),
  press: ({ key }) => page.keyboard.press(key),
  click: ({ selector, text }) => page.locator(selector, text ? { hasText: text } : undefined).first().click({ timeout: 60000 }),
  texts: ({ selector }) => page.$$eval(selector, nodes => nodes.map(node => node.textContent.replaceAll('\u00a0', ' '))),
  attributes: ({ selector, name }) => page.$$eval(selector, (nodes, name) => nodes.map(node => node.getAttribute(name)), name),
  screen: () => page.evaluate(() => {
    const { ghost, lines, status } = window.starcoderScreen;
    return { ghost: ghost(), lines: lines(), status: status() };
  }),
  watch: () => page.evaluate(sampleFrames),
  watched: () => page.evaluate(async () => {
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))); // the last change is drawn
    const watch = window.starcoderFrames;
    watch.on = false;
    window.removeEventListener('keydown', watch.onKey, true);
    return { frames: watch.frames, keys: watch.keys, count: watch.count };
  }),
  screenshot: ({ path, clip }) => page.screenshot({ path, clip }).then(() => true),
};

const answer = message => process.stdout.write(`${JSON.stringify(message)}\n`);
answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...args } = JSON.parse(line);
  try {
    const value = await operations[operation](args);
    answer({ value: ['open'].includes(operation) ? null : value ?? null });
  } catch (error) {
    answer({ error: String(error) });
  }
}
await context.close();
