import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextPage, type SuggestionContext } from '../src/contextText';

const full: SuggestionContext = {
  root: '/shop',
  budget: 1024,
  tokens: 131,
  rank_ms: 3.24,
  index: { files: 1200, symbols: 1 },
  snippets: [
    { path: 'src/cart.py', start_line: 3, end_line: 3, text: 'TAX = 7\n', tokens: 11, score: 0.5, why: 'imported here' },
    { path: 'README.md', start_line: 1, end_line: 4, text: '```sh\nmake\n```', tokens: 120, score: 7.315, why: 'shares rare words' },
  ],
  left_out: [{ path: 'src/tax.py', why: 'says nothing new' }],
  in_prompt: true,
  confidence: 0.6571,
  evaluated: 1,
  generated: 14,
  message: null,
};

test('everything that was read for a suggestion, the best last', () => {
  assert.equal(contextPage(full), [
    '# Why this suggestion?',
    '',
    '- Confidence: 0.66, the joint probability of its tokens; `starcoder.confidence` says how much is asked for.',
    '- The newest answer: 1 token of the prompt evaluated, 14 tokens generated; the rest was still in the cache.',
    '- Other files: 131 of at most 1,024 tokens, chosen in 3.2 ms.',
    '- Looked at: 1,200 files with 1 symbol in `/shop`.',
    '',
    '## From other files, in the order of the prompt: the best last, next to your code',
    '',
    '### `src/cart.py`, line 3',
    '',
    'imported here (11 tokens, score 0.50)',
    '',
    '```',
    'TAX = 7',
    '```',
    '',
    '### `README.md`, lines 1–4',
    '',
    'shares rare words (120 tokens, score 7.32)',
    '',
    '````',
    '```sh',
    'make',
    '```',
    '````',
    '',
    '## Looked at and left out',
    '',
    '- `src/tax.py`: says nothing new',
    '',
  ].join('\n'));
});

test('snippets that the newest answer did not have yet are told from those it had', () => {
  assert.match(contextPage({ ...full, in_prompt: false }), /made without these/);
  assert.doesNotMatch(contextPage(full), /made without these/);
});

test('where there is nothing, the page says why', () => {
  const message = 'No document is in use: type or ask for a suggestion first.';
  const nothing = { root: null, budget: 0, tokens: 0, rank_ms: 0, index: { files: 0, symbols: 0 }, snippets: [], left_out: [], confidence: null, evaluated: null, message };
  assert.equal(contextPage(nothing), `# Why this suggestion?\n\n${message}\n`);
});

test('a path with a backtick stays one piece of code', () => {
  assert.match(contextPage({ left_out: [{ path: 'a`b.py', why: 'too long' }] }), /- `` a`b\.py ``: too long/);
});
