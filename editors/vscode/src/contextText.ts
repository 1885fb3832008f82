/** What `starcoder.context` answers, as a page for people. */

export interface Snippet {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly text: string;
  readonly tokens: number;
  readonly score: number;
  readonly why: string;
}

/** docs/protocol.md; what a server does not say is left out of the page. */
export interface SuggestionContext {
  readonly root?: string | null;
  readonly budget?: number;
  readonly tokens?: number;
  readonly rank_ms?: number;
  readonly index?: { readonly files: number; readonly symbols: number };
  readonly snippets?: readonly Snippet[];
  readonly left_out?: readonly { readonly path: string; readonly why: string }[];
  /** false: the newest answer was made without these snippets, which are still being read */
  readonly in_prompt?: boolean;
  /** mean log-probability of a token of the suggestion */
  readonly confidence?: number | null;
  readonly evaluated?: number | null;
  readonly generated?: number | null;
  readonly message?: string | null;
}

/** Markdown. */
export function contextPage(context: SuggestionContext): string {
  return [
    '# Why this suggestion?',
    ...(context.message ? [context.message] : []),
    ...facts(context),
    ...snippets(context),
    ...leftOut(context),
  ].join('\n\n') + '\n';
}

function facts({ confidence, evaluated, generated, budget, tokens, rank_ms, index, root }: SuggestionContext): string[] {
  const lines: string[] = [];
  if (typeof confidence === 'number') {
    lines.push(`- Confidence: ${confidence.toFixed(2)}, the joint probability of its tokens; \`starcoder.confidence\` says how much is asked for.`);
  }
  if (typeof evaluated === 'number') {
    const made = typeof generated === 'number' ? `, ${count(generated, 'token')} generated` : '';
    lines.push(`- The newest answer: ${count(evaluated, 'token')} of the prompt evaluated${made}; the rest was still in the cache.`);
  }
  if (budget) {
    const took = rank_ms === undefined ? '' : `, chosen in ${rank_ms.toFixed(1)} ms`;
    lines.push(`- Other files: ${number(tokens ?? 0)} of at most ${count(budget, 'token')}${took}.`);
  }
  if (root && index) {
    lines.push(`- Looked at: ${count(index.files, 'file')} with ${count(index.symbols, 'symbol')} in ${code(root)}.`);
  }
  return lines.length ? [lines.join('\n')] : [];
}

function snippets({ snippets = [], in_prompt }: SuggestionContext): string[] {
  if (!snippets.length) {
    return [];
  }
  const title = '## From other files, in the order of the prompt: the best last, next to your code';
  const pending = in_prompt === false ? ['*The newest answer was made without these: they are being read, and stand in front of the next ones.*'] : [];
  return [title, ...pending, ...snippets.flatMap(one => [
    `### ${code(one.path)}, ${one.start_line === one.end_line ? `line ${one.start_line}` : `lines ${one.start_line}–${one.end_line}`}`,
    `${one.why} (${count(one.tokens, 'token')}, score ${one.score.toFixed(2)})`,
    fenced(one.text),
  ])];
}

function leftOut({ left_out = [] }: SuggestionContext): string[] {
  return left_out.length ? ['## Looked at and left out', left_out.map(({ path, why }) => `- ${code(path)}: ${why}`).join('\n')] : [];
}

function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}\n${text.replace(/\n$/, '')}\n${fence}`;
}

function code(text: string): string {
  const fence = '`'.repeat(longestRun(text) + 1);
  return text.includes('`') ? `${fence} ${text} ${fence}` : `\`${text}\``;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(run => run.length));
}

function count(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
