import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SuggestionJournal, type Part, type Place, type Report } from '../src/suggestionJournal';

const uri = 'file:///a.py';

/** A document that is typed into at its end, and the journal that watches. */
class Scene {
  readonly journal = new SuggestionJournal();
  constructor(private text: string, private readonly eol = '\n') {}

  private get end(): Place {
    const lines = this.text.split(this.eol);
    return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
  }

  offer(text: string, id = '1', present = 0): this {
    const { line, character } = this.end;
    this.journal.offered({ id, uri, text, start: { line, character: character - present }, present });
    return this;
  }

  insert(inserted: string, accepted?: Part): Report | undefined {
    const start = this.end;
    this.text += inserted;
    const textSince = (from: Place): string => {
      const lines = this.text.split(this.eol).slice(from.line);
      return [lines[0]?.slice(from.character), ...lines.slice(1)].join(this.eol);
    };
    return this.journal.edited({ uri, start, inserted, removed: 0, accepted, textSince });
  }
}

test('an accepted word is reported with the length accepted so far', () => {
  const scene = new Scene('x = ').offer('foo(bar)');
  assert.deepEqual(scene.insert('foo'), { kind: 'acceptPartial', id: '1', length: 3 });
  assert.deepEqual(scene.insert('(bar'), { kind: 'acceptPartial', id: '1', length: 7 });
});

test('typing through a suggestion is no acceptance, and the suggestion lives on', () => {
  const scene = new Scene('x = ').offer('foo(bar)');
  assert.equal(scene.insert('f'), undefined);
  assert.deepEqual(scene.insert('oo'), { kind: 'acceptPartial', id: '1', length: 3 });
});

test('one character accepted by our own key is an acceptance', () => {
  const scene = new Scene('x = foo').offer('(bar)');
  assert.deepEqual(scene.insert('(', 'word'), { kind: 'acceptPartial', id: '1', length: 1, part: 'word' });
});

test('Enter with its indentation is typing', () => {
  const scene = new Scene('def f():').offer('\n    return 1');
  assert.equal(scene.insert('\n    '), undefined);
  assert.notEqual(scene.journal.current, undefined);
});

test('a line of a CRLF file counts as the suggestion counts it', () => {
  const scene = new Scene('a\r\nb = ', '\r\n').offer('[\n    1,\n]');
  assert.deepEqual(scene.insert('[\r\n    1,'), { kind: 'acceptPartial', id: '1', length: 8 });
});

test('a suggestion that begins before the cursor counts what was there', () => {
  const scene = new Scene('    ret').offer('return 1', '1', 3);
  assert.deepEqual(scene.insert('urn'), { kind: 'acceptPartial', id: '1', length: 6 });
});

test('the whole acceptance reports itself by the command of the item', () => {
  const scene = new Scene('x = ').offer('foo');
  assert.equal(scene.insert('foo'), undefined);
  assert.equal(scene.journal.current, undefined);
});

test('typing something else ends the suggestion without a word', () => {
  const scene = new Scene('x = ').offer('foo');
  assert.equal(scene.insert('b'), undefined);
  assert.equal(scene.journal.dismissed(), undefined);
});

test('an edit elsewhere: before the suggestion it ends it, in another file it does not', () => {
  const scene = new Scene('x = ').offer('foo');
  const textSince = (): string => '';
  scene.journal.edited({ uri: 'file:///b.py', start: { line: 0, character: 0 }, inserted: 'y', removed: 0, accepted: undefined, textSince });
  assert.notEqual(scene.journal.current, undefined);
  scene.journal.edited({ uri, start: { line: 0, character: 0 }, inserted: 'y', removed: 0, accepted: undefined, textSince });
  assert.equal(scene.journal.current, undefined);
});

test('what is left while typing through, and more of the same, is no new suggestion to see', () => {
  const scene = new Scene('x = ').offer('foo(bar)', '1');
  assert.notEqual(scene.journal.shown('1'), undefined);
  scene.insert('f');
  scene.offer('oo(bar)', '2');
  assert.equal(scene.journal.shown('2'), undefined);
  scene.offer('oo(bar)\ny = 1', '3');
  assert.equal(scene.journal.shown('3'), undefined);
  scene.offer('ee', '4');
  assert.deepEqual(scene.journal.shown('4'), { kind: 'show', id: '4' });
});

test('showing is reported once for each suggestion, dismissal once', () => {
  const { journal } = new Scene('x = ').offer('foo');
  assert.deepEqual(journal.shown('1'), { kind: 'show', id: '1' });
  assert.equal(journal.shown('1'), undefined);
  assert.equal(journal.shown('unknown'), undefined);
  assert.deepEqual(journal.dismissed(), { kind: 'reject', id: '1' });
  assert.equal(journal.dismissed(), undefined);
});

test('a word of our own key that uses the suggestion up is reported as a word', () => {
  const scene = new Scene('x = ').offer('foo bar');
  assert.deepEqual(scene.insert('foo', 'word'), { kind: 'acceptPartial', id: '1', length: 3, part: 'word' });
  assert.deepEqual(scene.insert(' bar', 'line'), { kind: 'acceptPartial', id: '1', length: 7, part: 'line' });
  assert.equal(scene.journal.current, undefined);
});
